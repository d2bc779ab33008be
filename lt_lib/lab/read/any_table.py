"""The audit of any table of accuracies: what its printed cells say of each other.

A table is a CSV file as it is printed: the first column names the rows, every other one holds shares as
text, with all their decimals; if one of them ends in `%` or is larger than 1, all are per cent. A cell may be
set in bold (`0.931*`) and have a spread (`0.597 ± 0.0002`, or with `+-`). A row called `n` gives the number
of test images behind each column, a column called `mean` (or `average`, `overall`, `accuracy`) what the
others amount to. No training and no data are needed."""

import csv
import math
import re
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from lt_lib.errors import LabError
from lt_lib.lab.read.rounding import half_unit

COUNTS = "n"
MEANS = ("mean", "average", "overall", "accuracy")
MOST_RUNS = 100  # repeats that a spread may take before it is called implausible
LONGEST = 9  # digits of a number of images
_NUMBER = r"\d*\.?\d+(?:[eE][-+]?\d+)?"
_CELL = re.compile(
    rf"(?P<number>\d*\.?\d+)\s*%?(?P<bold>\*?)(?:\s*(?:±|\+/?-)\s*(?P<spread>{_NUMBER})\s*%?)?(?P<end>\*?)"
)


@dataclass(frozen=True)
class Cell:
    """A printed share.

    Attributes:
        text: its digits, for how it was rounded.
        scale: 100 for per cent, else 1.
        bold: whether it is marked as the best.
        spread: what stands behind a ±, as a share; None for nothing.
    """

    text: str
    scale: float = 1.0
    bold: bool = False
    spread: float | None = None

    @property
    def share(self) -> float:
        return float(self.text) / self.scale

    @property
    def reach(self) -> float:
        """What rounding leaves open, either way."""
        return half_unit(self.text) / self.scale


@dataclass(frozen=True)
class PrintedTable:
    """Rows of cells by column; `counts`, images by column, may be empty."""

    rows: dict[str, dict[str, Cell]]
    counts: dict[str, int]

    @property
    def columns(self) -> list[str]:
        return list(dict.fromkeys(name for cells in self.rows.values() for name in cells))

    @property
    def mean(self) -> str | None:
        """The column of means, if there is one."""
        return next((name for name in self.columns if name.strip().lower() in MEANS), None)


def possible(cell: Cell, n: int) -> int | None:
    """A number of right answers among n that is printed as this cell; None if there is none."""
    k = round(cell.share * n)
    return k if abs(k / n - cell.share) <= cell.reach and 0 <= k <= n else None


def z_of(first: float, second: float, n: int) -> float:
    """z of a difference of two shares of n images each, as if the images were drawn apart."""
    pooled = (first + second) / 2
    spread = math.sqrt(2 * pooled * (1 - pooled) / n)
    return (first - second) / spread if spread else math.inf


def runs_needed(spread: float, n: int) -> float:
    """How many runs it takes at least until so small a spread can be their standard deviation: with all but
    one alike, and that one off by a single image of n, it is 1 / (n sqrt(runs)). 0 for no spread."""
    return (1 / (n * spread)) ** 2 if spread else 0.0


def read_table(path: str | Path) -> PrintedTable:
    """Read a table.

    Raises:
        LabError: no such file, not text, no rows, a row of another length, a name that stands twice, or a
            cell that is no number.
    """
    path = Path(path)
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            lines = [
                [cell.strip() for cell in line] for line in csv.reader(file) if any(map(str.strip, line))
            ]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise LabError(f"{path} cannot be read as a CSV file: {_said(error)}") from None
    if len(lines) < 2 or len(lines[0]) < 2:
        raise LabError(
            f"{path} needs a line of column names and a line a row, the first cell of each its name"
        )
    head, *body = lines
    for names, what in ((head[1:], "column"), ([line[0] for line in body], "row")):
        if twice := next((name for name in names if names.count(name) > 1), None):
            raise LabError(f"{path}: two {what}s are called {twice!r}")
    shares = [text for line in body if line[0].lower() != COUNTS for text in line[1:]]
    scale = 100.0 if any(_is_percent(text) for text in shares) else 1.0
    rows, counts = {}, {}
    for number, line in enumerate(body, 2):
        if len(line) != len(head):
            raise LabError(f"{path}, line {number}: {len(line)} cells under {len(head)} columns")
        cells = {
            name: text for name, text in zip(head[1:], line[1:], strict=True) if text not in ("", "-", "–")
        }
        if line[0].lower() == COUNTS:
            counts = {name: _count(text, f"{path}, line {number}") for name, text in cells.items()}
        else:
            rows[line[0]] = {
                name: _cell(text, scale, f"{path}, line {number}") for name, text in cells.items()
            }
    if not rows:
        raise LabError(f"{path} has no row but n")
    return PrintedTable(rows, counts)


def _said(error: Exception) -> str:
    return " ".join(str(getattr(error, "strerror", None) or error).split())


def _is_percent(text: str) -> bool:
    found = _CELL.fullmatch(text)
    return bool(found) and ("%" in text or float(found["number"]) > 1)


def _count(text: str, where: str) -> int:
    if not text.isdecimal() or len(text) > LONGEST or int(text) < 1:
        raise LabError(f"{where}: a number of images is asked for in row n, got {text[:20]!r}")
    return int(text)


def _cell(text: str, scale: float, where: str) -> Cell:
    found = _CELL.fullmatch(text)
    if not found:
        raise LabError(f"{where}: {text!r} is no share such as 0.931, 93.1%, 0.931* or 0.60 ± 0.02")
    if float(found["number"]) > scale:
        raise LabError(f"{where}: {text!r} is more than all images")
    spread = float(found["spread"]) / scale if found["spread"] else None
    return Cell(found["number"], scale, bool(found["bold"] or found["end"]), spread)


def audit_any(table: PrintedTable) -> pd.DataFrame:
    """All checks that a table allows.

    Returns:
        Columns check, where, finding, verdict ("PASS", "ERROR", "IMPLAUSIBLE" or "NOTE").
    """
    found = [*_counts_possible(table), *_means(table), *_bold(table), *_spreads(table), *_gains(table)]
    return pd.DataFrame(found, columns=["check", "where", "finding", "verdict"])


def _counts_possible(table: PrintedTable):
    """Can each share be a whole number of images?"""
    cells = [(row, name, cell) for row, own in table.rows.items() for name, cell in own.items()]
    asked = [(row, name, cell) for row, name, cell in cells if name in table.counts]
    for row, name, cell in asked:
        if possible(cell, table.counts[name]) is None:
            n = table.counts[name]
            near = round(cell.share * n)
            said = f"{cell.text} is no k of {n}: {near} would print as {_as(near / n, cell)}"
            yield "k of n", f"{row}, {name}", said, "ERROR"
    if asked:
        good = sum(possible(cell, table.counts[name]) is not None for _, name, cell in asked)
        yield (
            "k of n",
            "all",
            f"{good} of {len(asked)} shares are whole numbers of images",
            "PASS" if good == len(asked) else "NOTE",
        )


def _as(share: float, cell: Cell) -> str:
    decimals = len(cell.text.partition(".")[2])
    return f"{share * cell.scale:.{decimals}f}"


def _means(table: PrintedTable):
    """Is a mean that of its parts, each counting alike or by its images?"""
    if table.mean is None:
        return
    for row, cells in table.rows.items():
        parts = {name: cell for name, cell in cells.items() if name != table.mean}
        if table.mean not in cells or len(parts) < 2:
            continue
        mean = cells[table.mean]
        ways = {"all alike": dict.fromkeys(parts, 1)}
        if set(parts) <= set(table.counts):
            ways["by images"] = {name: table.counts[name] for name in parts}
        sums = {way: _weighted(parts, weights) for way, weights in ways.items()}
        slack = max(cell.reach for cell in parts.values())
        fits = [way for way, value in sums.items() if abs(value - mean.share) <= mean.reach + slack]
        said = ", ".join(f"{_as(value, mean)} {way}" for way, value in sums.items())
        yield "mean of parts", row, f"printed {mean.text}, recomputed {said}", "PASS" if fits else "ERROR"


def _weighted(parts: dict[str, Cell], weights: dict[str, int]) -> float:
    return sum(weights[name] * cell.share for name, cell in parts.items()) / sum(weights.values())


def _bold(table: PrintedTable):
    """Is what is set in bold the largest of its column?"""
    for name in table.columns:
        cells = {row: own[name] for row, own in table.rows.items() if name in own}
        best = max(cell.share for cell in cells.values())
        for row, cell in cells.items():
            if cell.bold and cell.share < best:
                rival = next(row for row, cell in cells.items() if cell.share == best)
                yield (
                    "bold is best",
                    f"{row}, {name}",
                    f"{cell.text} is bold, {rival} has {cells[rival].text}",
                    "ERROR",
                )
    marks = sum(cell.bold for own in table.rows.values() for cell in own.values())
    if marks:
        yield "bold is best", "all", f"{marks} marks looked at", "NOTE"


def _spreads(table: PrintedTable):
    """Can what stands behind a ± be a standard deviation of shares?"""
    for row, own in table.rows.items():
        for name, cell in own.items():
            if cell.spread is None or name not in table.counts:
                continue
            runs = runs_needed(cell.spread, table.counts[name])
            said = f"± {cell.spread:g} takes {math.ceil(runs)} runs or more with one image between them"
            yield "spread", f"{row}, {name}", said, "IMPLAUSIBLE" if runs > MOST_RUNS else "PASS"


def _gains(table: PrintedTable):
    """Is the best of a column ahead of the next by more than its test images allow?"""
    for name in table.columns if table.mean is None else [table.mean]:
        cells = sorted(
            ((own[name].share, row) for row, own in table.rows.items() if name in own), reverse=True
        )
        n = table.counts.get(name)
        if len(cells) < 2 or not n:
            continue
        (first, best), (second, rival) = cells[:2]
        z = z_of(first, second, n)
        said = f"{best} over {rival}: {first - second:+.4f}, z {z:.2f} as if the images were drawn apart"
        yield "gain", name, said, "NOTE" if z < 1.96 else "PASS"
