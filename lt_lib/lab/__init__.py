"""The lab: experiments resolved into specs, specs run into records, records read into tables, figures and
verdicts."""

from lt_lib.errors import LabError
from lt_lib.lab.figures import draw as figure
from lt_lib.lab.figures.evidence import strongest
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
    "strongest",
    "verdict",
]
