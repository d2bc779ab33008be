"""A table of files and labels, with a split and groups if the reader has them."""

import csv
import io
import os
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path

from lt_lib.data.image_folder import SPLITS, shown
from lt_lib.errors import DataError, nearest
from lt_lib.lab.bench.own import NAMED, Own, class_name, printed, unfit

FILE, LABEL, SPLIT = "file", "label", "split"
_DELIMITERS = ",;\t"


def read_table(path: Path, group: str | None = None) -> Own:
    """Images of a .csv with the columns `file` and `label`, and perhaps `split` (train or test); paths are
    relative to its folder. Rows that cannot be used are left out and said, with their lines.

    Args:
        group: the column that says which patient, site or day an image is of.

    Raises:
        DataError: it cannot be read, lacks a column, or has no row that can be used.
    """
    rows, columns = _rows(path)
    wanted = [FILE, LABEL, *([group.strip().lower()] if group else [])]
    for name in wanted:
        if columns[name] != 1:
            found = f"has {columns[name]} columns {name!r}" if columns[name] else f"has no column {name!r}"
            raise DataError(
                f"{shown(path)} {found}, but {', '.join(filter(None, columns))}{nearest(name, columns)}"
            )
    files, names, test, groups, odd = [], [], [], [], defaultdict(list)
    for line, row in rows:
        file, why = _file(path.parent, row, SPLIT in columns)
        if why:
            odd[why].append(f"line {line:,}" + (f" ({printed(row[FILE])})" if row[FILE] else ""))
            continue
        files.append(file)
        names.append(class_name(row[LABEL]))
        test.append(row.get(SPLIT, "").lower() == SPLITS[1])
        groups.append(row[wanted[-1]])
    notes = [_note(why, lines) for why, lines in odd.items()]
    if not files:
        raise DataError(" ".join([f"{shown(path)} has no row that can be used.", *notes]))
    if SPLIT in columns and len(set(test)) < 2:
        raise DataError(" ".join([f"{shown(path)}: `split` must hold train and test.", *notes]))
    root = Path(os.path.commonpath([path.parent, *files]))
    return Own.of(root, files, names, test if SPLIT in columns else None, groups if group else None, notes)


def _note(why: str, lines: list[str]) -> str:
    more = ", ..." if len(lines) > NAMED else ""
    rows = "row" if len(lines) == 1 else "rows"
    return f"{len(lines):,} {rows} left out, {why}: {', '.join(lines[:NAMED])}{more}."


def _rows(path: Path) -> tuple[Iterator[tuple[int, dict[str, str]]], Counter]:
    """Line and cells of each row, and how often there is a column of each name."""
    text = _text(path)
    head = text.partition("\n")[0]
    delimiter = max(_DELIMITERS, key=head.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)

    def read() -> Iterator[tuple[int, list[str]]]:
        try:
            for cells in reader:
                yield reader.line_num, [cell.strip() for cell in cells]
        except csv.Error as error:
            raise DataError(f"{shown(path)}, line {reader.line_num:,}: {error}") from None

    lines = read()
    if (first := next(lines, None)) is None:
        raise DataError(f"{shown(path)} is empty")
    columns = [name.lower() for name in first[1]]
    rows = ((line, _cells(columns, cells)) for line, cells in lines if any(cells))
    return rows, Counter(columns)


def _cells(columns: list[str], cells: list[str]) -> dict[str, str]:
    row = dict(zip(columns, cells + [""] * len(columns), strict=False))
    return row | {"": "more"} if len(cells) > len(columns) else row


def _text(path: Path) -> str:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise DataError(f"{shown(path)} cannot be read: {error.strerror}") from None
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise DataError(
            f"{shown(path)}, line {line:,}: byte {error.start:,} is not UTF-8; save the table as UTF-8"
        ) from None


def _file(folder: Path, row: dict[str, str], is_split: bool) -> tuple[Path, str | None]:
    """The file of a row, and why it cannot be used, or None."""
    named = row[FILE]
    file = Path(os.path.normpath(folder / named))
    if "\\" in named and not file.exists():  # as written under Windows
        file = Path(os.path.normpath(folder / named.replace("\\", "/")))
    if row.get("") == "more":
        return file, "with more cells than columns"
    if not named:
        return file, "without a file"
    if not row[LABEL]:
        return file, "without a label"
    if is_split and row[SPLIT].lower() not in SPLITS:
        return file, "of a split other than train and test"
    return file, unfit(file)
