"""Verdicts: whether records agree with a published number. Only `paper` + `real` is judged."""

import math

from lt_lib.lab.read.estimates import estimate
from lt_lib.lab.record.records import Record


def verdict(
    value: float | None, records: list[Record], metric: str = "accuracy", selection: str = "last"
) -> str:
    """ "agrees", "differs", or why it cannot be said.

    A published value agrees when it lies in the 95 % prediction interval of one more run: t s sqrt(1 + 1/n),
    for it is one run itself."""
    if value is None:
        return "nothing published"
    if not records:
        return "not run"
    if {(r.profile, r.data) for r in records} != {("paper", "real")}:
        return "not comparable"
    est = estimate(r.metric(metric, selection) for r in records)
    if est.half is None:
        return "one run: no interval"
    return "agrees" if abs(value - est.mean) <= est.half * math.sqrt(est.n + 1) else "differs"
