"""The outside anchor in words: LDAM-DRW as its authors train it, ours against their print."""

import math

from lt_lib.lab.read.badges import badge
from lt_lib.lab.read.estimates import estimate
from lt_lib.lab.read.evidence import group
from lt_lib.lab.read.published import published_value
from lt_lib.lab.read.verdicts import at_published_size, sampling_variance
from lt_lib.lab.record.records import Record
from lt_lib.lab.record.spec import load

MISS = 1.5  # points: a mean that is further from print is a fault of ours until explained
_Z = 1.96  # 95 % of a normal distribution
_EXPERIMENT = "ldam-official"


def against_print(records: list[Record]) -> str:
    """Accuracy of each row, what is printed, and how far two such runs may lie apart by their test images
    alone; a line a row that has records, then the rows that have none.

    Args:
        records: of experiment ldam-official; those that are not of profile paper on real data are named,
            not compared.
    """
    experiment, own, lines, missing = load(_EXPERIMENT), group(records), [], []
    for row in experiment.rows:
        found = own.get((_EXPERIMENT, row.key, row.variants[0]), [])
        if not found:
            missing.append(row)
            continue
        est, value = estimate(r.metric() for r in found), published_value(experiment, row, "accuracy")
        if at_published_size(found):
            gap, chance = 100 * (est.mean - value), 100 * _Z * math.sqrt(2 * sampling_variance(found[0]))
            lines.append(
                f"{row.label}: ours {est.mean:.4f} ({badge(found)}), printed {value:.4f}: {gap:+.1f} points; "
                f"chance in the test images is worth ± {chance:.1f}. "
                + ("A miss." if abs(gap) > MISS else f"No miss: within {MISS:g} points.")
            )
        else:
            lines.append(f"{row.label}: ours {est} ({badge(found)}), not comparable with {value:.4f}")
    lines += (
        f"{row.label}: not run yet; `lt run {_EXPERIMENT}/{row.key} --profile paper --data real`"
        for row in missing
    )
    return "\n".join(lines)
