"""The lab: experiments resolved into specs, specs run into records, records read into tables, figures and verdicts."""

from lt_lib.lab.chapter import check_parameters
from lt_lib.lab.errors import LabError
from lt_lib.lab.published import published
from lt_lib.lab.records import Record, Store
from lt_lib.lab.report import (
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
from lt_lib.lab.run import artifact, plan, run
from lt_lib.lab.spec import experiments, load

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
    """`figure` is imported when first asked for: matplotlib and seaborn take seconds that `lt run` need not wait."""
    if name == "figure":
        from lt_lib.lab.figures import figure

        return figure
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
