"""The lab: experiments resolved into specs, specs run into records, records read into tables, figures and
verdicts."""

from lt_lib.errors import LabError, needs

with needs("lab", __name__):
    from lt_lib.lab.publish.chapter import check_parameters
from lt_lib.lab.read.published import published
from lt_lib.lab.read.report import (
    badge,
    compare,
    difference,
    estimate,
    evidence,
    group,
    provenance,
    scoreboard,
    selections,
    sheet,
    status_page,
    verdict,
)
from lt_lib.lab.record.plan import plan
from lt_lib.lab.record.records import Record, Store
from lt_lib.lab.record.spec import experiments, load
from lt_lib.lab.train.run import artifact, run

__all__ = [
    "LabError",
    "Record",
    "Store",
    "artifact",
    "badge",
    "check_parameters",
    "compare",
    "difference",
    "estimate",
    "evidence",
    "experiments",
    "figure",
    "group",
    "load",
    "plan",
    "provenance",
    "published",
    "run",
    "scoreboard",
    "selections",
    "sheet",
    "status_page",
    "verdict",
]


def __getattr__(name: str):
    """`figure` is imported when first asked for: matplotlib and seaborn take seconds that `lt run` need not
    wait."""
    if name == "figure":
        from lt_lib.lab.figures.shared import figure

        return figure
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
