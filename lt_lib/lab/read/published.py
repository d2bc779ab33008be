"""The facts of the works: printed numbers, claims and checks, from the CSV files in `book/published`.

A kind of facts may lie in several files: `published.csv` and `published-toy.csv` are read as one table.
"""

import functools
import math

import numpy as np
import pandas as pd

from lt_lib.errors import LabError
from lt_lib.lab.record.paths import published_dir
from lt_lib.lab.record.spec import Experiment, Row
from lt_lib.lab.record.works import load_work

PRINTED_AS = {  # our metrics in published.csv
    "balanced_accuracy": "balanced_acc",
    "icv_used": "icv",
    "icv_printed": "icv",
}
_COLUMNS = {"row": "row_id", "class_": "class"}  # arguments not named as their column
FACTS = {  # kind -> its columns, and those of them that name a row
    "published": (
        ["work", "table", "row_id", "model", "method", "metric", "class", "value", "note"],
        ["work", "table", "row_id", "model", "method", "metric", "class"],
    ),
    "unrun": (["work", "table", "row_id", "metric", "why"], ["work", "table", "row_id", "metric"]),
    "claims": (["id", "work", "claim", "test", "published_evidence", "note"], ["id"]),
    "audit": (["id", "work", "location", "check", "published", "recomputed", "verdict", "note"], ["id"]),
}


def facts_of(kind: str) -> pd.DataFrame:
    """All facts of a kind, as text: what stands in `<kind>.csv` and in every other `<kind>*.csv`.

    Args:
        kind: a key of FACTS.

    Raises:
        LabError: there is no such file; one cannot be read or lacks a column; or two rows have the same id
            (for a printed number: the same work, table, row, model, method, metric and class).
    """
    return _facts(kind, _stamps(kind)).copy()


def _stamps(kind: str) -> tuple:
    """The files of a kind, and of what age they are."""
    files = sorted(published_dir().glob(f"{kind}*.csv"), key=lambda path: (path.stem != kind, path.name))
    if not files:
        raise LabError(f"{published_dir()} holds no {kind}*.csv")
    try:
        return tuple((path, path.stat().st_mtime_ns, path.stat().st_size) for path in files)
    except OSError as error:
        raise LabError(f"{published_dir()} cannot be read: {error}") from None


@functools.lru_cache(maxsize=8)
def _facts(kind: str, stamps: tuple) -> pd.DataFrame:
    """The facts in files of a certain age."""
    (columns, name), tables = FACTS[kind], []
    for path, *_ in stamps:
        try:
            table = pd.read_csv(path, dtype=str, keep_default_na=False)
        except (OSError, ValueError) as error:
            raise LabError(f"{path} cannot be read: {error}") from None
        if missing := [column for column in columns if column not in table]:
            raise LabError(f"{path} lacks the columns {', '.join(missing)}; it needs {', '.join(columns)}")
        tables.append(table[columns].assign(file=path.name))
    found = pd.concat(tables, ignore_index=True)
    twice = found[found.duplicated(name, keep=False)]
    if len(twice):
        same = twice[(twice[name] == twice[name].iloc[0]).all(axis=1)]
        said = " ".join(text for text in same[name].iloc[0] if text)
        raise LabError(f"{said!r} stands twice, in {' and in '.join(same['file'])}; give one another id")
    return found.drop(columns="file")


@functools.lru_cache(maxsize=2)
def _numbers(stamps: tuple) -> pd.DataFrame:
    """The printed numbers in files of a certain age, as :func:`published` gives them."""
    facts = _facts("published", stamps).copy()
    facts.insert(facts.columns.get_loc("value") + 1, "text", facts["value"])
    facts["value"] = pd.to_numeric(facts["text"], errors="coerce")
    return facts


def published(
    work: str | None = None,
    table: str | None = None,
    row: str | None = None,
    method: str | None = None,
    metric: str | None = None,
    class_: str | float | None = None,
    facts: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """Select printed numbers; a filter left out selects all.

    Args:
        work: short name: spectrum, sign, lectures or ee443; "ee443-slides" is the author's slide deck.
        table: as printed, for example "Results" or "Fig 1".
        row: row_id, for example "R.2".
        method: for example "Stacking / WL".
        metric: for example "test_accuracy".
        class_: class, or for ee443 the ratio: "Full", 0.1, 0.02, 0.005.
        facts: numbers to select from, as this function returns them; None reads the files.

    Returns:
        Columns work, table, row_id, model, method, metric, class, value, text, note; one row per number, none
        if nothing matches. `text` is what is printed, with its decimals; `value` is that number or nan.
    """
    if facts is None:
        facts = _numbers(_stamps("published"))
    wanted = {"work": work, "table": table, "row": row, "method": method, "metric": metric, "class_": class_}
    asked = [
        facts[_COLUMNS.get(name, name)].to_numpy() == str(text)
        for name, text in wanted.items()
        if text is not None
    ]
    return facts[np.logical_and.reduce(asked)] if asked else facts.copy()


def printed(**filters) -> str:
    """The one printed number that matches the filters, as text with its decimals.

    Args:
        filters: arguments of :func:`published`.

    Raises:
        LabError: none or several numbers match.
    """
    matches = published(**filters)
    if len(matches) != 1:
        asked = ", ".join(f"{name}={wanted!r}" for name, wanted in filters.items() if name != "facts")
        raise LabError(f"{len(matches)} published numbers match [{asked}]; change the filters until one does")
    return matches["text"].item()


def value(**filters) -> float:
    """The one printed number that matches the filters, as :func:`printed`; a LabError if it is no number."""
    text = printed(**filters)
    try:
        return float(text)
    except ValueError:
        raise LabError(f"what is printed there is not a number: {text!r}") from None


def published_value(
    experiment: Experiment, row: Row, metric: str = "accuracy", as_meant: bool = True
) -> float | None:
    """The printed number a row stands for, or None where only a figure without numbers is printed.

    Args:
        metric: as in `Record.metric`, e.g. "balanced_accuracy" or "recall.2".
        as_meant: cells that are swapped in print are read in their right columns.
    """
    found = published_line(experiment, row, metric, as_meant)
    number = float(found["value"].iloc[0]) if len(found) else math.nan
    return None if math.isnan(number) else number


def published_line(
    experiment: Experiment, row: Row, metric: str = "accuracy", as_meant: bool = True
) -> pd.DataFrame:
    """The one line of :func:`published` that holds :func:`published_value`, or none.

    Raises:
        LabError: several lines match.
    """
    if (cells := _cells(experiment, row)) is not None:
        return published(work=experiment.work, **cells[metric]) if metric in cells else published()[:0]
    ref = row.published
    kind, _, label = metric.partition(".")
    name = (ref and ref.metric) or experiment.metric if metric == "accuracy" else PRINTED_AS.get(kind, kind)
    if as_meant:
        swapped = getattr(load_work(experiment.work), "SWAPPED", {})
        name = swapped.get((experiment.table, row.row), {}).get(name, name)
    found = published(
        work=experiment.work,
        table=experiment.table,
        row=row.row,
        metric=name,
        method=ref and ref.method,
        class_=label or (ref and ref.class_),
    )
    if len(found) > 1:
        raise LabError(
            f"{experiment.experiment}, row {row.key}: {len(found)} published numbers match; name method or "
            "class under `published`"
        )
    return found


def _cells(experiment: Experiment, row: Row) -> dict[str, dict[str, str]] | None:
    """Our metric -> filters of its printed number, from a work that says so itself; None from others."""
    own = getattr(load_work(experiment.work), "printed_cells", None)
    return own and own(experiment.table, row.row)


def printed_metrics(experiment: Experiment, row: Row) -> list[str]:
    """Which of our metrics are printed for a row; ["accuracy"] where its experiment stands for one number a
    row."""
    if (cells := _cells(experiment, row)) is not None:
        return [m for m, filters in cells.items() if len(published(work=experiment.work, **filters))]
    ours = {
        experiment.metric: "accuracy",
        "balanced_acc": "balanced_accuracy",
        "icv": "icv_used",
        "macro_f1": "macro_f1",
        "recall": "recall",
        "precision": "precision",
    }
    if row.published:
        return ["accuracy"]
    found = published(work=experiment.work, table=experiment.table, row=row.row)
    cells = [(ours[m], c) for m, c in zip(found["metric"], found["class"]) if m in ours]
    return [name if label in ("", "all") else f"{name}.{label}" for name, label in cells] or ["accuracy"]
