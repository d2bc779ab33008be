"""The ledger: every printed number, what is on record for it, and what that says.

A row of an experiment asks for most of them. The others are settings, counts, quotations, or follow from
numbers that are asked for: `book/published/unrun.csv` says which."""

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase

import pandas as pd

from lt_lib.errors import LabError
from lt_lib.lab.read.badges import badge
from lt_lib.lab.read.estimates import estimate
from lt_lib.lab.read.evidence import best_evidence, evidence_index
from lt_lib.lab.read.published import facts_of, printed_metrics, published, published_line
from lt_lib.lab.read.rounding import plus_minus
from lt_lib.lab.read.verdicts import at_published_size, interval, verdict
from lt_lib.lab.record.paths import project_root
from lt_lib.lab.record.records import Record
from lt_lib.lab.record.spec import Experiment, Row, experiments, load

NOT_ASKED = "no result"  # the verdict of a number that no training answers


@dataclass(frozen=True)
class Asked:
    """A row of an experiment, and the metric of its records, that stand for a printed number."""

    experiment: Experiment
    row: Row
    metric: str

    @property
    def command(self) -> str:
        """What makes its records at the published size."""
        return f"lt run {self.experiment.experiment}/{self.row.key} --profile paper --data real"


def ledger(work: str | None = None) -> pd.DataFrame:
    """A line for each printed number, in the order of `published.csv`.

    Args:
        work: only of this work and its supplements; None for all.

    Returns:
        Columns: `work`, `table`, `row`, `model`, `method`, `metric`, `class`, `printed` (as text); of the
        strongest committed records `ours`, `half` (of the 95 % interval over seeds and test images), `n` and
        `behind`, the badge; `difference`, ours less printed; `verdict`, that of
        :func:`~lt_lib.lab.read.verdicts.verdict` or "no result"; `why` there is none; `command` that makes
        the records at the published size; `chapter` and `figure` that show the number; `records`, their ids.

    Raises:
        LabError: no such work, or a number that nothing asks for and no reason is given for.
    """
    facts, asked, index = published(), who_asks(), evidence_index()
    known = sorted(set(facts["work"]))
    if work is not None:
        facts = facts[(facts["work"] == work) | facts["work"].str.startswith(f"{work}-")]
        if not len(facts):
            raise LabError(f"nothing is printed of {work!r}; there are: {', '.join(known)}")
    reasons, places, found = facts_of("unrun"), where_shown(), {}
    lines = []
    for at, fact in facts.iterrows():
        line = {ours: fact[theirs] for ours, theirs in _COPIED.items()}
        if at not in asked:
            line |= {"verdict": NOT_ASKED, "why": _reason(fact, reasons)}
        else:
            one = asked[at]
            key = (one.experiment.experiment, one.row.key)
            if key not in found:
                found[key] = best_evidence(one.experiment, one.row, one.row.variants[0], index)
            line |= _beside(fact["value"], found[key], one)
            line["chapter"], line["figure"] = places.get(one.experiment.experiment, ("", ""))
        lines.append(line)
    return pd.DataFrame(lines, columns=COLUMNS).fillna({name: "" for name in _TEXT})


_COPIED = {
    "work": "work",
    "table": "table",
    "row": "row_id",
    "model": "model",
    "method": "method",
    "metric": "metric",
    "class": "class",
    "printed": "text",
}
_TEXT = ("behind", "verdict", "why", "command", "chapter", "figure")
COLUMNS = [*_COPIED, "ours", "half", "n", "difference", *_TEXT, "records"]


def who_asks() -> dict[int, Asked]:
    """Place of a number among the printed ones -> the first row of an experiment that stands for it."""
    found: dict[int, Asked] = {}
    for name in experiments():
        experiment = load(name, check=False)
        for row in experiment.rows:
            for metric in printed_metrics(experiment, row):
                for at in published_line(experiment, row, metric).index:
                    found.setdefault(at, Asked(experiment, row, metric))
    return found


def _beside(value: float, records: list[Record], asked: Asked) -> dict:
    """What is on record for a printed number."""
    if math.isnan(value):
        return {"verdict": NOT_ASKED, "why": "no number is printed"}
    line = {"verdict": verdict(value, records, asked.metric), "command": asked.command}
    if not records:
        return line | {"why": "no record yet"}
    est, half = estimate(r.metric(asked.metric) for r in records), interval(records, asked.metric)
    line |= {
        "ours": est.mean,
        "half": half,
        "n": est.n,
        "behind": badge(records),
        "difference": est.mean - value,
    }
    if math.isnan(est.mean):
        line["why"] = "undefined in a run, as the precision of a class that is never named"
    elif not at_published_size(records):
        line["why"] = "smaller settings, or a stand-in for the data"
    return line | {"records": [r.id for r in records]}


def _reason(fact: pd.Series, reasons: pd.DataFrame) -> str:
    """Why no training answers a printed number: the first reason that fits.

    Raises:
        LabError: none does.
    """
    for reason in reasons.itertuples():
        names = ("work", "table", "row_id", "metric")
        if all(fnmatchcase(fact[name], getattr(reason, name)) for name in names):
            return reason.why
    raise LabError(
        f"nothing asks for {fact['metric']} of {fact['work']}, {fact['table']}, {fact['row_id']}, and "
        "book/published/unrun.csv gives no reason; add a row to an experiment, or a reason"
    )


def where_shown() -> dict[str, tuple[str, str]]:
    """Experiment -> the first chapter that runs all of it, else the first that runs a part, as
    "ee443/05-stacking-and-results", and the first figure there after the run ("" without one)."""
    whole: dict[str, tuple[str, str]] = {}
    parts: dict[str, tuple[str, str]] = {}
    for path in sorted(project_root().glob("notebooks/*/*.py")):
        chapter, text = f"{path.parent.name}/{path.stem}", path.read_text(encoding="utf-8")
        for run in _RUN.finditer(text):
            figure = _FIGURE.search(text, run.end())
            shown = chapter, figure[1] if figure else ""
            (whole if run[2] == "**" else parts).setdefault(run[1], shown)
    return parts | whole


_RUN = re.compile(r'\brun\(\s*"([\w-]+)",\s*(\*\*|.)')
_FIGURE = re.compile(r'"figure": \{"name": "(fig-[\w-]+)"')


def counts(lines: pd.DataFrame) -> dict[str, int]:
    """How many numbers of a ledger have which verdict; "numbers" are all that a training can answer."""
    results = lines[lines["verdict"] != NOT_ASKED]
    return {"numbers": len(results), **results["verdict"].value_counts().to_dict()}


def as_lines(lines: pd.DataFrame) -> Iterator[str]:
    """A ledger for a terminal, a line a number."""
    for line in lines.itertuples():
        where = " ".join(x for x in (line.table, line.row, line.method, line.metric, line[7]) if x)
        ours = "" if math.isnan(line.ours) else f" ours {plus_minus(line.ours, line.half)}"
        why = f" ({line.why})" if line.why else ""
        behind = f" [{line.behind}]" if line.behind else ""
        yield f"{line.work:9s} {where}: printed {line.printed},{ours} {line.verdict}{why}{behind}"
