"""Means over seeds with their intervals, and differences paired by seed."""

import math
from dataclasses import dataclass

import numpy as np

from lt_lib.errors import LabError
from lt_lib.lab.read.rounding import plus_minus
from lt_lib.lab.record.records import Record

OVER_SEEDS = "mean ± 95 % interval over seeds, which share test and most training images: too narrow"


@dataclass(frozen=True)
class Estimate:
    """Mean over seeds and the half-width of its 95 % interval (Student's t; None for a single seed).

    In words to as many digits as the interval allows; of two seeds, whose interval says next to nothing, both
    `values`.
    """

    mean: float
    half: float | None
    sd: float | None
    n: int
    values: tuple[float, ...] = ()

    def __str__(self) -> str:
        return self.said()

    def said(self, sign: bool = False) -> str:
        """The estimate in words; `sign` puts a plus before what is above zero."""
        if len(self.values) == 2:
            return " and ".join(plus_minus(value, None, sign) for value in self.values)
        return plus_minus(self.mean, self.half, sign)


def estimate(values) -> Estimate:
    """Estimate from one value a seed."""
    from scipy import stats

    values = np.asarray(list(values), dtype=float)
    if not len(values):
        raise LabError("nothing to average: no record")
    if len(values) == 1:
        return Estimate(float(values[0]), None, None, 1, tuple(values.tolist()))
    sd = float(values.std(ddof=1))
    return Estimate(
        float(values.mean()),
        float(stats.t.ppf(0.975, len(values) - 1) * sd / math.sqrt(len(values))),
        sd,
        len(values),
        tuple(values.tolist()),
    )


def difference(
    first: list[Record], second: list[Record], metric: str = "accuracy", selection: str = "last"
) -> Estimate:
    """Paired difference first minus second over the seeds that both have of one profile and data: same
    subset, same test images."""
    left, right = ({_pair(r): r.metric(metric, selection) for r in records} for records in (first, second))
    return estimate(left[pair] - right[pair] for pair in sorted(left.keys() & right.keys()))


def paired(first: list[Record], second: list[Record]) -> list[Record]:
    """The records that a paired difference rests on: those of both sides at the seeds that both have."""
    shared = set(map(_pair, first)) & set(map(_pair, second))
    return [r for r in (*first, *second) if _pair(r) in shared]


def in_words(first: str, second: str, gap: Estimate) -> str:
    """A paired difference, first minus second, in words: which lies higher, by how much, over how many pairs.

    E.g. "INS is 0.029 ± 0.011 above ENS (n = 5 pairs)", or "INS cannot be told from ENS, +0.003 ± 0.011 (n =
    5 pairs)", where the interval holds zero; of two pairs both differences are said.
    """
    side = "above" if gap.mean > 0 else "below"
    if gap.half is None:
        return f"{first} is {plus_minus(abs(gap.mean), None)} {side} {second} (one pair, no interval)"
    pairs = f"(n = {gap.n} pairs)"
    if not abs(gap.mean) > gap.half:
        return f"{first} cannot be told from {second}, {gap.said(sign=True)} {pairs}"
    if len(gap.values) == 2:
        return f"{first} is {side} {second}, by {gap.said(sign=True)} {pairs}"
    return f"{first} is {plus_minus(abs(gap.mean), gap.half)} {side} {second} {pairs}"


def _pair(record: Record) -> tuple[str, str, int]:
    """What two records have in common that may be subtracted."""
    return record.profile, record.data, record.seed
