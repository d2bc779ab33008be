"""A measure by class, as the tables of `sign` print it, beside ours."""

from collections.abc import Iterator, Sequence

import pandas as pd

from lt_lib.errors import LabError
from lt_lib.lab.read.estimates import estimate
from lt_lib.lab.read.evidence import best_evidence, evidence_index, group, made_now
from lt_lib.lab.read.published import published_value
from lt_lib.lab.read.report import Table, with_this_run
from lt_lib.lab.record.records import Record
from lt_lib.lab.record.spec import Experiment, Row, load
from lt_lib.works.sign.printed import CLASSES

_SOURCES = {"published": "printed", "committed evidence": "ours", "this run": "ours"}
_OF_CLASS = {"accuracy": "recall"}  # measures that have another name by class


def by_class(
    records: list[Record], metric: str, called: str, digits: int = 3, classes: Sequence[str] = CLASSES
) -> Table:
    """A measure overall and by class, of each row printed and ours; this run folded beneath.

    Args:
        records: what `run` returned.
        metric: of all images, e.g. "doubt_count".
        called: what the caption calls it.
        digits: decimals of what is not printed.
        classes: those that may have a column.

    Returns:
        A table, a line a class. Its frame has a line a row and source, a column "Mean" and one for each class
        of which there is a number, None where the line has none: a mean over no image.
    """
    plain, shown, runs, filed = [], [], [], set()
    for label, key, source, numbers, found in _sourced(records, metric):
        line = {"key": key, "label": label, "source": source, "n": len(found)} | numbers
        plain.append(line)
        (runs if source == "this run" and key in filed else shown).append((line, found))
        filed |= {key} if source == "committed evidence" else set()
    frame = pd.DataFrame(plain).dropna(axis=1, how="all")
    names = [name for name in ("Mean", *classes) if name in frame]

    def cells(line: dict) -> dict[str, str]:
        return {name: _said(line.get(name), line["n"], digits) for name in names}

    lines = [({"": x["label"], "source": _SOURCES[x["source"]]} | cells(x), found) for x, found in shown]
    own = [({"": x["label"], "source": ""} | cells(x), found) for x, found in runs]
    caption = (
        f"{called}; mean over seeds, a dash for no image. Class k of a stand-in stands under the paper's"
    )
    return with_this_run(frame, lines, own, caption, ("source", "source")).transposed()


def _said(number: float | None, seeds: int, digits: int) -> str:
    if number is None or pd.isna(number):
        return "–"
    return f"{number:.{digits}f}" if seeds else f"{number:g}"


def _sourced(records: list[Record], metric: str) -> Iterator[tuple[str, str, str, dict, list[Record]]]:
    """Label, key, source, numbers by column and the records behind them, of each row and source."""
    index, by = evidence_index(), _OF_CLASS.get(metric, metric)
    names = {"Mean": metric} | {name: f"{by}.{k}" for k, name in enumerate(CLASSES)}
    for (experiment, key, variant), own in group(records).items():
        loaded = load(experiment)
        row = loaded.select(key)[0]
        filed, now = best_evidence(loaded, row, variant, index), made_now(own)
        yield row.label, key, "published", _printed(loaded, row, names), []
        for source, found in (("committed evidence", filed), ("this run", now)):
            if found and not (source == "this run" and {r.id for r in found} == {r.id for r in filed}):
                yield row.label, key, source, {n: mean(found, m) for n, m in names.items()}, found


def _printed(experiment: Experiment, row: Row, names: dict[str, str]) -> dict[str, float | None]:
    return {name: published_value(experiment, row, metric) for name, metric in names.items()}


def mean(records: list[Record], metric: str) -> float | None:
    """The mean over those records that have a measure; None if none does."""
    found = []
    for record in records:
        try:
            found.append(record.metric(metric))
        except LabError:  # a mean over no image is no measure
            continue
    return estimate(found).mean if found else None
