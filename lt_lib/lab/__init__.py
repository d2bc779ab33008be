"""The lab: experiments resolved into specs, specs run into records, records read into tables, figures and
verdicts.

A name is loaded when it is first asked for: reading records needs no torch, and `lt status` answers at
once."""

from importlib import import_module

from lt_lib.errors import needs

with needs("lab", __name__):  # what it declares is looked up here, before the first name is asked for
    pass

_NAMES = {
    "lt_lib.errors": ("LabError",),
    "lt_lib.lab.figures": ("figure",),
    "lt_lib.lab.figures.evidence": ("strongest", "strongest_pairs"),
    "lt_lib.lab.figures.words": ("difference_in_words", "differences_in_words"),
    "lt_lib.lab.backlog": ("fill", "jobs", "queue"),
    "lt_lib.lab.publish.chapter": ("check_parameters",),
    "lt_lib.lab.read.answers": ("summary",),
    "lt_lib.lab.read.benchmarks": ("campaign", "growth", "missed", "speed", "training_rates"),
    "lt_lib.lab.read.badges": ("badge",),
    "lt_lib.lab.read.estimates": ("difference", "estimate", "in_words", "paired"),
    "lt_lib.lab.read.evidence": ("evidence", "group"),
    "lt_lib.lab.read.published": ("published",),
    "lt_lib.lab.read.report": (
        "compare",
        "hardware",
        "provenance",
        "scoreboard",
        "selections",
        "sheet",
        "status_page",
    ),
    "lt_lib.lab.read.verdicts": ("verdict",),
    "lt_lib.lab.record.plan": ("plan",),
    "lt_lib.lab.record.records": ("Record", "Store"),
    "lt_lib.lab.record.spec": ("experiments", "load"),
    "lt_lib.lab.asked": ("run",),
    "lt_lib.lab.train.run": ("artifact",),
}
_THERE = {"figure": "draw"}  # names that differ: there `figure` is the decorator that registers one
_HOME = {name: module for module, names in _NAMES.items() for name in names}
__all__ = list(_HOME)


def __getattr__(name: str):
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    globals()[name] = getattr(import_module(_HOME[name]), _THERE.get(name, name))
    return globals()[name]


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
