"""Drought Watch: satellite tiles of northern Kenya, labelled with how many cows the ground at their centre
can feed.

The tiles come as TFRecord parts, one record after the other, each framed by its length and two checksums:

    length (8 bytes) | masked CRC-32C of these 8 bytes (4) | tf.train.Example (length) | masked CRC-32C of it
    (4)

An Example holds the bands B1, ..., B11, each as bytes of which the first 65 * 65 are the pixels, row by row,
and a label 0, 1, 2 or 3 (three or more). What is not so is left out and reported, with its file and the byte
where its record begins. An empty tile (B2 to B11 all zero) is a sound record: it is kept, since the official
counts include it, and listed, so that nobody need train on it (:func:`without_empty`).

Source: A. Hobbs and S. Svetlichnaya (2020), Satellite-based Prediction of Forage Conditions for Livestock in
Northern Kenya, https://arxiv.org/abs/2004.04081, and the loader at https://github.com/wandb/droughtwatch.
"""

import contextlib
import dataclasses
import functools
import gzip
import hashlib
import io
import json
import lzma
import os
import shutil
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import BinaryIO, NamedTuple

import numpy as np

from lt_lib.data.arrays import Arrays
from lt_lib.data.registry import DataEntry, Download
from lt_lib.errors import DataError

HOBBS = (
    "A. Hobbs, S. Svetlichnaya (2020), Satellite-based Prediction of Forage Conditions for Livestock in "
    "Northern Kenya, https://arxiv.org/abs/2004.04081"
)
# 2.15 GB; neither its exact size nor a checksum is published.
ARCHIVE = Download(url="https://storage.googleapis.com/wandb_datasets/dw_train_86K_val_10K.zip")
OFFICIAL_FOLDER = "droughtwatch_data"  # what the official archive unpacks to
BANDS = tuple(f"B{k}" for k in range(1, 12))
CLASSES = ("0", "1", "2", "3+")
SIDE = 65  # of a tile, pixels
PIXELS = SIDE * SIDE
RECORD_LIMIT = 1 << 20  # bytes; a record with all bands has 46,727
HELD_OUT = 5  # of a folder without train and test, each class's every fifth tile is for testing
PLACES = 5  # of each defect that a report names

# What a report counts. Records left out because the file is damaged, ...
DAMAGE = {
    "truncated": "cut short",
    "bad_crc": "with a wrong checksum",
}
# ... because they are not what they should be, though their checksums hold, ...
MALFORMED = {
    "unreadable": "that are no tf.train.Example",
    "missing_band": "without one of the bands",
    "wrong_length": f"with fewer than {PIXELS:,} bytes in a band",
    "bad_label": f"without a label from 0 to {len(CLASSES) - 1}",
}
# ... and those that are kept.
NOTED = {
    "long_band": f"with more than {PIXELS:,} bytes in a band, of which the first {PIXELS:,} were taken",
    "empty": "with B2 to B11 all zero",
}

_SUFFIXES = (".tfrecord", ".tfrecords")
_OPENERS = {".gz": gzip.open, ".xz": lzma.open}
_FOLDERS = {"train": "train", "val": "test", "test": "test"}  # folder -> split
_SPLITS = ("train", "test")
_FORMAT = 2  # of the journal; a new number makes unfinished imports of older versions start over
_BROKEN = (
    OSError,
    EOFError,
    zlib.error,
    lzma.LZMAError,
    zipfile.BadZipFile,
    NotImplementedError,
    RuntimeError,
)


@dataclass
class Report:
    """What was found in parts: a count for each key of DAMAGE, MALFORMED and NOTED, and the first few places.

    A record with several defects counts once, under the first of them.

    Attributes:
        kept: records that were read, the noted ones included.
        counts: defect -> number of records.
        places: defect -> the first PLACES of them, as "FILE at byte OFFSET: what".
    """

    kept: int = 0
    counts: dict[str, int] = field(default_factory=lambda: dict.fromkeys([*DAMAGE, *MALFORMED, *NOTED], 0))
    places: dict[str, list[str]] = field(default_factory=dict)

    def note(self, defect: str, place: str) -> None:
        """Count one record."""
        self.counts[defect] += 1
        self.places[defect] = [*self.places.get(defect, []), place][:PLACES]

    def add(self, other: "Report") -> None:
        """Take in the report of further parts."""
        self.kept += other.kept
        for defect, count in other.counts.items():
            self.counts[defect] += count
        for defect, places in other.places.items():
            self.places[defect] = [*self.places.get(defect, []), *places][:PLACES]

    @property
    def malformed(self) -> int:
        """Records left out though their checksums hold."""
        return sum(self.counts[defect] for defect in MALFORMED)

    def __str__(self) -> str:
        text = f"{self.kept:,} tiles kept"
        for defect, words in NOTED.items():
            if self.counts[defect]:
                text += f", {self.counts[defect]:,} of them {words} ({self._places(defect)})"
        for defect, words in (DAMAGE | MALFORMED).items():
            if self.counts[defect]:
                text += f". Left out, {words}: {self.counts[defect]:,} ({self._places(defect)})"
        return text + "."

    def _places(self, defect: str) -> str:
        more = ["..."] if self.counts[defect] > len(self.places[defect]) else []
        return "; ".join(self.places[defect] + more)


def read_parts(
    files: str | os.PathLike | Iterable[str | os.PathLike],
    bands: Sequence[str] = BANDS,
    report: Report | None = None,
) -> Iterator[tuple[np.ndarray, int]]:
    """Read TFRecord parts, a tile at a time; both checksums of every record are verified.

    Args:
        files: one part or several, plain or packed as .xz or .gz (offsets are those of the unpacked file).
        bands: which bands to read, in this order; a record needs no others.
        report: is told what was found, defects as well.

    Returns:
        Iterator over (image, label): (65, 65, len(bands)) uint8, and an integer 0 to 3.

    Raises:
        DataError: an unknown band; while reading: a file that cannot be opened or unpacked.
    """
    unknown = [band for band in bands if band not in BANDS]
    if unknown or not bands:
        raise DataError(
            f"there is no band {', '.join(map(repr, unknown)) or 'to read'}; there are {', '.join(BANDS)}."
        )
    paths = [files] if isinstance(files, str | os.PathLike) else files
    return _images(map(Path, paths), tuple(bands), Report() if report is None else report)


def holds_parts(source: Path) -> bool:
    """Whether a folder or .zip archive holds TFRecord parts."""
    if source.is_file() and not zipfile.is_zipfile(source):
        return False
    with _parts(source) as parts:
        return bool(parts)


def collect(source: Path, folder: Path, progress: bool, entry: DataEntry | None = None) -> Arrays:
    """Read all parts of a source into .npy files that grow part by part: the tiles are never held in memory.

    An interrupted call leaves `folder` as it is; the next one goes on after the last part that was finished,
    or from the first part that is new or has changed since.

    Args:
        source: a folder or .zip archive, with parts in train and val (or test), or with parts alone: then
            every fifth tile of each class, in the order of reading, is for testing.
        folder: where x_train.npy, y_train.npy, x_test.npy and y_test.npy are made.
        progress: show a bar.
        entry: if given, the source must hold the official folders and counts.

    Returns:
        Arrays: images (N, 65, 65, 11) uint8, mapped from `folder`, and labels (N,) int64, in the order of
        file names and of records; extra holds "bands", "report" (a :class:`Report`) and "empty" (split ->
        indices).

    Raises:
        DataError: no parts, a split without tiles, a file that cannot be read, or not the official counts.
        OSError: the disk refuses.
    """
    with _parts(source) as parts:
        origins = {part.origin for part in parts}
        if entry is not None and not {"train", "val"} <= origins:
            raise DataError(
                f"{source} is not {entry.name}: it holds {len(parts)} parts, but not in folders train and "
                f"val. {_expected(entry)}"
            )
        if entry is not None:
            parts = [part for part in parts if part.origin in ("train", "val")]
        elif {"val", "test"} <= origins:
            raise DataError(
                f"{source} has both val and test: take one of them away, the other will be the test split."
            )
        elif origins not in ({""}, {"train", "val"}, {"train", "test"}):
            there = " and ".join(sorted(origins)) or "nothing"
            raise DataError(
                f"{source} holds parts for {there} only; it needs train and test, or parts without folders."
            )
        folder.mkdir(exist_ok=True)
        state = _fill(folder, parts, progress)
    report = Report()
    for each in state.reports.values():
        report.add(each)
    if entry is not None:
        _check_counts(entry, state, source, folder)
    elif not all(state.rows.values()):
        shutil.rmtree(folder)
        found = " and ".join(f"{rows} {split}" for split, rows in state.rows.items())
        raise DataError(f"{source} has too few tiles for two splits: {found}. Found: {report}")
    held_out = f"test: every {HELD_OUT}th tile of each class" if origins == {""} else ""
    unusable = f"{report.malformed:,} unusable records left out" if report.malformed else ""
    return Arrays(
        classes=CLASSES,
        splits={
            split: (np.load(folder / f"x_{split}.npy", mmap_mode="r"), np.load(folder / f"y_{split}.npy"))
            for split in _SPLITS
        },
        variant="; ".join(filter(None, [held_out, unusable])),
        extra={"bands": list(BANDS), "report": dataclasses.asdict(report), "empty": state.empty},
    )


def without_empty(images, split: str) -> np.ndarray:
    """Indices (M,) int64, ascending, of the tiles that are not empty.

    Args:
        images: a stored :class:`~lt_lib.data.ImageSet`.
        split: of it.
    """
    keep = np.ones(len(images.labels(split)), dtype=bool)
    keep[images.extra.get("empty", {}).get(split, [])] = False
    return np.flatnonzero(keep)


# ---- records


class _Tile(NamedTuple):
    image: np.ndarray  # (65, 65, C) uint8
    label: int
    empty: bool
    end: int  # byte of the file after its record


class _Defect(Exception):
    """Why a record cannot be used: a key of MALFORMED, and the details."""


def _images(
    paths: Iterable[Path], bands: tuple[str, ...], report: Report
) -> Iterator[tuple[np.ndarray, int]]:
    for path in paths:
        with _opened(functools.partial(_open, path), str(path)) as stream:
            for tile in _tiles(stream, str(path), bands, report):
                yield tile.image, tile.label


def _tiles(stream: BinaryIO, where: str, bands: tuple[str, ...], report: Report) -> Iterator[_Tile]:
    """The usable tiles of a part; whatever else there is goes to the report."""
    for start, record in _records(stream, where, report):
        try:
            values, label, empty = _decode(record, bands)
        except _Defect as defect:
            kind, details = defect.args
            report.note(kind, _place(where, start, details))
            continue
        report.kept += 1
        longest = max(map(len, values))
        if longest > PIXELS:
            report.note("long_band", _place(where, start, f"{longest:,} bytes"))
        if empty:
            report.note("empty", _place(where, start, f"label {label}"))
        planes = np.frombuffer(b"".join(value[:PIXELS] for value in values), np.uint8)
        image = np.ascontiguousarray(planes.reshape(len(bands), SIDE, SIDE).transpose(1, 2, 0))
        yield _Tile(image, label, empty, start + len(record) + 16)


def _records(stream: BinaryIO, where: str, report: Report) -> Iterator[tuple[int, bytes]]:
    """Offset and content of the records whose checksums hold. After a wrong length nothing more can be
    found."""
    from tfrecord.writer import TFRecordWriter

    masked_crc = TFRecordWriter.masked_crc
    start = 0
    while head := _read(stream, 12, where, start):
        if len(head) < 12:
            report.note("truncated", _place(where, start, f"{len(head)} of the first 12 bytes"))
            return
        (length,) = struct.unpack("<Q", head[:8])
        if masked_crc(head[:8]) != head[8:]:
            report.note("bad_crc", _place(where, start, "of the length; the rest of the file was not read"))
            return
        if length > RECORD_LIMIT:
            report.note(
                "unreadable", _place(where, start, f"{length:,} bytes; the rest of the file was not read")
            )
            return
        body = _read(stream, length + 4, where, start)
        if len(body) < length + 4:
            report.note("truncated", _place(where, start, f"{12 + len(body):,} of {length + 16:,} bytes"))
            return
        record = body[:length]
        if masked_crc(record) == body[length:]:
            yield start, record
        else:
            report.note("bad_crc", _place(where, start, f"of its {length:,} bytes"))
        start += length + 16


def _decode(record: bytes, bands: tuple[str, ...]) -> tuple[list[bytes], int, bool]:
    """Bytes of each band, label, and whether the tile is empty; raises _Defect."""
    from google.protobuf.message import DecodeError
    from tfrecord.example_pb2 import Example

    try:
        feature = Example.FromString(record).features.feature
    except DecodeError:
        raise _Defect("unreadable", f"{len(record):,} bytes") from None

    def band(name: str) -> bytes:
        values = feature[name].bytes_list.value if name in feature else ()
        return values[0] if len(values) == 1 else b""

    values = [band(name) for name in bands]
    missing = [name for name, value in zip(bands, values, strict=True) if not value]
    if missing:
        raise _Defect("missing_band", ", ".join(missing))
    short = [f"{name} has {len(v):,}" for name, v in zip(bands, values, strict=True) if len(v) < PIXELS]
    if short:
        raise _Defect("wrong_length", ", ".join(short))
    labels = list(feature["label"].int64_list.value) if "label" in feature else []
    if len(labels) != 1 or not 0 <= labels[0] < len(CLASSES):
        raise _Defect("bad_label", f"label {', '.join(map(str, labels)) or 'missing'}")
    signal = [value[:PIXELS] for value in map(band, BANDS[1:]) if value]
    return values, labels[0], bool(signal) and all(value.count(0) == len(value) for value in signal)


def _read(stream: BinaryIO, size: int, where: str, start: int) -> bytes:
    try:
        return stream.read(size)
    except _BROKEN as error:
        raise DataError(
            f"{where} cannot be read at byte {start:,}: {error}. Get a fresh copy of it."
        ) from None


def _place(where: str, start: int, details: str) -> str:
    return f"{where} at byte {start:,}: {details}"


# ---- parts, in a folder or in an archive


@dataclass(frozen=True)
class _Part:
    """A file of records.

    Attributes:
        name: path inside the source, with slashes.
        size: bytes as stored; inside an archive, unpacked.
        mark: JSON value that changes when the file does.
        open: opens it for reading.
    """

    name: str
    size: int
    mark: list[int]
    open: Callable[[], BinaryIO]

    @property
    def origin(self) -> str:
        """The folder of a split that it lies in; empty if there is none."""
        parent = PurePosixPath(self.name).parent.name
        return parent if parent in _FOLDERS else ""


@contextlib.contextmanager
def _parts(source: Path) -> Iterator[list[_Part]]:
    """The parts of a folder or .zip archive, by name; those in folders of splits, if there are any."""
    with contextlib.ExitStack() as stack:
        if source.is_file():
            try:
                archive = stack.enter_context(zipfile.ZipFile(source))
            except _BROKEN as error:
                raise DataError(
                    f"{source} cannot be read: it is cut short or no .zip archive ({error})."
                ) from None
            found = [
                _Part(
                    info.filename,
                    info.file_size,
                    [info.file_size, info.CRC],
                    functools.partial(archive.open, info),
                )
                for info in archive.infolist()
                if is_part(info.filename) and _unpacked(info.filename) == info.filename
            ]
        else:
            folders = ["", *_FOLDERS, *(f"{OFFICIAL_FOLDER}/{name}" for name in _FOLDERS)]
            paths = [path for folder in folders for path in (source / folder).glob("*") if is_part(path.name)]
            found = [_file(path, source) for path in paths if path.is_file()]
        names = {part.name for part in found}
        found = [
            part for part in found if _unpacked(part.name) not in names - {part.name}
        ]  # not both x and x.xz
        sorted_in = [part for part in found if part.origin]
        yield sorted(sorted_in or found, key=lambda part: part.name)


def _file(path: Path, source: Path) -> _Part:
    stat = path.stat()
    name = path.relative_to(source).as_posix()
    return _Part(name, stat.st_size, [stat.st_size, stat.st_mtime_ns], functools.partial(_open, path))


def is_part(name: str) -> bool:
    """Named as Apache Beam and the official loader do (part-...; gstmp is half a download), or *.tfrecord."""
    name = name.rsplit("/", 1)[-1]
    named = name.startswith("part-") or _unpacked(name).endswith(_SUFFIXES)
    return named and not name.startswith(".") and not name.endswith("gstmp")


def _unpacked(name: str) -> str:
    stem, dot, suffix = name.rpartition(".")
    return stem if dot + suffix in _OPENERS else name


def _open(path: Path) -> BinaryIO:
    return _OPENERS.get(path.suffix, open)(path, "rb")


@contextlib.contextmanager
def _opened(opener: Callable[[], BinaryIO], where: str) -> Iterator[BinaryIO]:
    try:
        stream = opener()
    except _BROKEN as error:
        raise DataError(f"{where} cannot be read: {error}.") from None
    with stream:
        yield stream


# ---- import, part by part


@dataclass
class _State:
    """What has been read so far: the sum of the journal.

    Attributes:
        parts: how many are finished.
        rows: split -> tiles.
        labels: of each class, tiles.
        empty: split -> rows of the empty tiles.
        reports: folder that the parts came from -> report.
    """

    parts: int = 0
    rows: dict[str, int] = field(default_factory=lambda: dict.fromkeys(_SPLITS, 0))
    labels: list[int] = field(default_factory=lambda: [0] * len(CLASSES))
    empty: dict[str, list[int]] = field(default_factory=lambda: {split: [] for split in _SPLITS})
    reports: dict[str, Report] = field(default_factory=dict)

    def take(self, line: dict) -> None:
        """Add the journal's line of one more part."""
        self.parts += 1
        self.labels = [a + b for a, b in zip(self.labels, line["labels"], strict=True)]
        for split in _SPLITS:
            self.empty[split] += line["empty"][split]
            self.rows[split] += line["rows"][split]
        self.reports.setdefault(line["origin"], Report()).add(Report(**line["report"]))


def _fill(folder: Path, parts: list[_Part], progress: bool) -> _State:
    """Read the parts that the journal in `folder` lacks. A line of it is written once its tiles are on
    disk."""
    from tqdm import tqdm

    state = _resume(folder, parts)
    with contextlib.ExitStack() as stack:
        bar = stack.enter_context(
            tqdm(
                total=sum(part.size for part in parts),
                initial=sum(part.size for part in parts[: state.parts]),
                desc="reading parts",
                unit="B",
                unit_scale=True,
                disable=not progress,
            )
        )
        columns = {}
        for split, rows in state.rows.items():
            columns["x", split] = stack.enter_context(
                _column(folder / f"x_{split}.npy", "|u1", (SIDE, SIDE, len(BANDS)), rows)
            )
            columns["y", split] = stack.enter_context(_column(folder / f"y_{split}.npy", "<i8", (), rows))
        journal = stack.enter_context(open(folder / "journal.jsonl", "ab"))
        for part in parts[state.parts :]:
            line = {"key": _key(part), "origin": part.origin, **_read_part(part, state, columns, bar)}
            for file in columns.values():
                _flush(file)
            text = json.dumps(line).encode()
            journal.write(text + b" " + _checksum(text) + b"\n")
            _flush(journal)
            state.take(line)
        for (letter, split), file in columns.items():
            shape = (state.rows[split], *((SIDE, SIDE, len(BANDS)) if letter == "x" else ()))
            file.seek(0)
            file.write(_header("|u1" if letter == "x" else "<i8", shape))
            _flush(file)
    return state


def _read_part(part: _Part, state: _State, columns: dict[tuple[str, str], BinaryIO], bar) -> dict:
    """Append the tiles of a part; returns what the journal notes of it."""
    report, labels = Report(), [0] * len(CLASSES)
    rows, empty = dict.fromkeys(_SPLITS, 0), {split: [] for split in _SPLITS}
    shown = 0
    with _opened(part.open, part.name) as stream:
        for tile in _tiles(stream, part.name, BANDS, report):
            labels[tile.label] += 1
            nth = state.labels[tile.label] + labels[tile.label]
            split = _FOLDERS.get(part.origin) or ("train" if nth % HELD_OUT else "test")
            if tile.empty:
                empty[split].append(state.rows[split] + rows[split])
            columns["x", split].write(tile.image)
            columns["y", split].write(struct.pack("<q", tile.label))
            rows[split] += 1
            step = min(tile.end, part.size) - shown
            bar.update(step)
            shown += step
    bar.update(part.size - shown)
    return {"rows": rows, "labels": labels, "empty": empty, "report": dataclasses.asdict(report)}


def _resume(folder: Path, parts: list[_Part]) -> _State:
    """The state after the leading parts that the journal has and that are unchanged; the journal is cut
    there."""
    journal, state, kept = folder / "journal.jsonl", _State(), []
    for raw, part in zip(journal.read_bytes().splitlines() if journal.exists() else (), parts, strict=False):
        text, _, checksum = raw.rpartition(b" ")
        if checksum != _checksum(text):  # the process ended while it wrote the line, or the disk changed it
            break
        line = json.loads(text)
        if line["key"] != _key(part):
            break
        state.take(line)
        kept.append(raw + b"\n")
    for split, rows in state.rows.items():
        for name, row in ((f"x_{split}.npy", PIXELS * len(BANDS)), (f"y_{split}.npy", 8)):
            if rows and (not (folder / name).exists() or (folder / name).stat().st_size < rows * row):
                state, kept = _State(), []
    fresh = folder / "journal.new"
    fresh.write_bytes(b"".join(kept))
    fresh.replace(journal)
    return state


def _checksum(text: bytes) -> bytes:
    return hashlib.sha256(text).hexdigest()[:16].encode()


def _key(part: _Part) -> list:
    return [_FORMAT, part.name, *part.mark]


@contextlib.contextmanager
def _column(path: Path, descr: str, shape: tuple[int, ...], rows: int) -> Iterator[BinaryIO]:
    """A .npy file, cut to its first rows and open for appending; its header is written at the end."""
    start = len(_header(descr, (0, *shape)))
    with open(path, "r+b" if path.exists() else "w+b") as file:
        file.truncate(start + rows * int(np.prod(shape, dtype=int)) * np.dtype(descr).itemsize)
        file.seek(0, os.SEEK_END)
        yield file


def _header(descr: str, shape: tuple[int, ...]) -> bytes:
    """Of a .npy file. NumPy pads it so that it keeps its length whatever the number of rows."""
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, {"descr": descr, "fortran_order": False, "shape": shape})
    return header.getvalue()


def _flush(file: BinaryIO) -> None:
    file.flush()
    os.fsync(file.fileno())


# ---- is it the official set?


def _check_counts(entry: DataEntry, state: _State, source: Path, folder: Path) -> None:
    """Refuse other numbers of records, or of test labels, than the official ones; what was read is removed.

    Records with good checksums that cannot be used count here: they are the authors', not damage.
    """
    whole = {_FOLDERS[origin]: report.kept + report.malformed for origin, report in state.reports.items()}
    reasons = []
    for split, count in entry.splits.items():
        if whole[split] != count:
            reasons.append(f"{whole[split]:,} {split} tiles (expected {count:,})")
    for split, counts in entry.class_counts.items():
        found = np.bincount(np.load(folder / f"y_{split}.npy"), minlength=len(counts)).tolist()
        if not reasons and found != list(counts):
            reasons.append(f"{split} tiles of each class {found} (expected {list(counts)})")
    if reasons:
        shutil.rmtree(folder)
        found = " ".join(f"{origin}: {report}" for origin, report in state.reports.items())
        raise DataError(
            f"{source} is not {entry.name}: {' and '.join(reasons)}. Found in {found} {_expected(entry)} "
            f"Under another name, `lt data add my-tiles --from {source}` takes it as a set of your own."
        )


def _expected(entry: DataEntry) -> str:
    return (
        f"Expected the official {entry.archive.filename} or its unpacked folder, with "
        f"{entry.splits['train']:,} tiles in train and {entry.splits['test']:,} in val; `lt data download "
        f"{entry.name}` fetches it."
    )


ENTRIES = (
    DataEntry(
        name="droughtwatch",
        kind="real",
        shape=(SIDE, SIDE, len(BANDS)),
        classes=CLASSES,
        splits={"train": 86_317, "test": 10_778},
        licence="none stated by its authors; for research, cite Hobbs and Svetlichnaya (2020)",
        source=ARCHIVE.url,
        note="Landsat-8 tiles of northern Kenya, B1 to B11; test is the official val; known by its counts, "
        "as no checksum is published",
        archive=ARCHIVE,
        cite=HOBBS,
        # as recomputed from Table 2 of Rawal and Pradhan (2020)
        class_counts={"test": (6443, 1710, 1673, 952)},
        collect=collect,
    ),
)
