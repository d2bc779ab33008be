"""Drought Watch: every defect of a part is seen and placed; the import streams, goes on, and knows the
official set."""

import dataclasses
import gzip
import http.server
import importlib
import json
import lzma
import os
import shutil
import signal
import struct
import threading
import tracemalloc
import zipfile
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tfrecord.reader import tfrecord_loader
from tfrecord.writer import TFRecordWriter
from typer.testing import CliRunner

from lt_lib import cli, data
from lt_lib.data import DataError, registry
from lt_lib.data.sets import droughtwatch
from lt_lib.data.sets.droughtwatch import BANDS, PIXELS, Report, read_parts

RECORD = 46_700  # bytes; a record as `example` makes them has a few more


def tile(seed: int) -> np.ndarray:
    """(65, 65, 11) uint8, random."""
    return np.random.default_rng(seed).integers(0, 256, (65, 65, 11), dtype=np.uint8)


def example(image: np.ndarray, label, /, **changes) -> dict:
    """What TFRecordWriter takes; changes replace a feature, or remove it if None."""
    features = {band: (image[..., k].tobytes(), "byte") for k, band in enumerate(BANDS)}
    features |= {"label": (label, "int"), "filename": (b"x", "byte")} | changes
    return {key: value for key, value in features.items() if value is not None}


def write(path: Path, examples) -> list[int]:
    """Write a part; returns where each record begins, and the size of the file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    writer, places = TFRecordWriter(str(path)), [0]
    for each in examples:
        writer.write(each)
        places.append(writer.file.tell())
    writer.close()
    return places


def frame(record: bytes) -> bytes:
    length = struct.pack("<Q", len(record))
    return length + TFRecordWriter.masked_crc(length) + record + TFRecordWriter.masked_crc(record)


def read(*files, **options):
    report = Report()
    found = list(read_parts(files, report=report, **options))
    return found, report


def defects(report: Report) -> dict[str, int]:
    return {kind: count for kind, count in report.counts.items() if count}


@pytest.fixture(scope="module")
def three(tmp_path_factory):
    """A part of three tiles with labels 0, 3, 1, and the offsets of its records."""
    path = tmp_path_factory.mktemp("three") / "part-r-00000"
    return path, write(path, [example(tile(k), label) for k, label in enumerate((0, 3, 1))])


# ---- the reader


def test_tiles_come_back_as_written(three):
    found, report = read(three[0])
    assert [label for _, label in found] == [0, 3, 1] and report.kept == 3 and not defects(report)
    for k, (image, _) in enumerate(found):
        assert image.dtype == np.uint8 and image.flags.c_contiguous and np.array_equal(image, tile(k))


def test_any_bands_in_any_order(three):
    found, _ = read(three[0], bands=("B6", "B5", "B2"))
    assert found[1][0].shape == (65, 65, 3) and np.array_equal(found[1][0], tile(1)[..., [5, 4, 1]])


@pytest.mark.parametrize("bands", [(), ("B0",), ("B2", "B12"), "B2"])
def test_bands_that_do_not_exist(three, bands):
    with pytest.raises(DataError, match="there is no band .*there are B1, B2"):
        read_parts(three[0], bands)


@pytest.mark.parametrize(("suffix", "pack"), [(".xz", lzma.compress), (".gz", gzip.compress)])
def test_packed_parts(three, tmp_path, suffix, pack):
    path = tmp_path / ("a.tfrecord" + suffix)
    path.write_bytes(pack(three[0].read_bytes()))
    assert len(list(read_parts(path))) == 3  # a single path will do
    path.write_bytes(path.read_bytes()[:-1000])
    with pytest.raises(DataError, match=f"a.tfrecord{suffix} cannot be read at byte .*fresh copy"):
        list(read_parts(str(path)))


def test_file_that_is_not_there(tmp_path):
    with pytest.raises(DataError, match="nowhere cannot be read"):
        list(read_parts(tmp_path / "nowhere"))


IMAGE = tile(1)
EMPTY = np.zeros_like(IMAGE)
MALFORMED = {
    "no B5": ("missing_band", example(IMAGE, 1, B5=None), "B5"),
    "B5 twice": ("missing_band", example(IMAGE, 1, B5=([b"x" * PIXELS] * 2, "byte")), "B5"),
    "B5 as numbers": ("missing_band", example(IMAGE, 1, B5=([1] * PIXELS, "int")), "B5"),
    "B5 short": ("wrong_length", example(IMAGE, 1, B5=(b"x" * (PIXELS - 1), "byte")), "B5 has 4,224"),
    "label 4": ("bad_label", example(IMAGE, 4), "label 4"),
    "label -1": ("bad_label", example(IMAGE, -1), "label -1"),
    "no label": ("bad_label", example(IMAGE, 0, label=None), "label missing"),
    "two labels": ("bad_label", example(IMAGE, [1, 2]), "label 1, 2"),
    "label 1.0": ("bad_label", example(IMAGE, 0, label=(1.0, "float")), "label missing"),
}


@pytest.mark.parametrize("case", MALFORMED)
def test_malformed_record_is_left_out_and_placed(tmp_path, case):
    kind, features, details = MALFORMED[case]
    places = write(tmp_path / "p", [example(tile(0), 0), features, example(tile(2), 2)])
    found, report = read(tmp_path / "p")
    assert [label for _, label in found] == [0, 2] and defects(report) == {kind: 1}
    assert report.places[kind] == [f"{tmp_path / 'p'} at byte {places[1]:,}: {details}"]
    assert report.kept == 2 and report.malformed == 1


def test_what_is_not_asked_for_may_be_missing(tmp_path):
    write(tmp_path / "p", [example(IMAGE, 1, B1=None, B9=(b"x", "byte"))])
    found, report = read(tmp_path / "p", bands=("B2", "B3"))
    assert np.array_equal(found[0][0], IMAGE[..., 1:3]) and not defects(report)


def test_record_that_is_no_example(three, tmp_path):
    content = three[0].read_bytes()
    (tmp_path / "p").write_bytes(frame(b"\xff" * 100) + content)
    found, report = read(tmp_path / "p")
    assert (
        len(found) == 3
        and defects(report) == {"unreadable": 1}
        and "at byte 0:" in report.places["unreadable"][0]
    )


def test_absurd_length_with_a_right_checksum(three, tmp_path):
    length = struct.pack("<Q", 1 << 60)
    content = three[0].read_bytes()
    (tmp_path / "p").write_bytes(content + length + TFRecordWriter.masked_crc(length) + b"x" * 100)
    found, report = read(tmp_path / "p")
    assert len(found) == 3 and defects(report) == {"unreadable": 1}
    assert report.places["unreadable"][0].startswith(
        f"{tmp_path / 'p'} at byte {len(content):,}: 1,152,921,504"
    )


def test_empty_tile_is_kept_and_noted(tmp_path):
    only_b1 = EMPTY.copy()
    only_b1[..., 0] = 7
    speck = EMPTY.copy()
    speck[64, 64, 10] = 1
    places = write(tmp_path / "p", [example(EMPTY, 0), example(only_b1, 1), example(speck, 2)])
    for bands in (BANDS, ("B1",), ("B4", "B3")):
        found, report = read(tmp_path / "p", bands=bands)
        assert len(found) == 3 and defects(report) == {"empty": 2}
        assert [
            f"at byte {place:,}:" in text for place, text in zip(places, report.places["empty"], strict=False)
        ] == [True] * 2


def test_long_band_is_cut_and_noted(tmp_path):
    write(tmp_path / "p", [example(IMAGE, 1, B2=(IMAGE[..., 1].tobytes() + b"xyz", "byte"))])
    found, report = read(tmp_path / "p")
    assert np.array_equal(found[0][0], IMAGE) and defects(report) == {"long_band": 1}
    assert "4,228 bytes" in report.places["long_band"][0]


quick = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@quick
@given(share=st.floats(0, 1))
def test_cut_anywhere(three, tmp_path, share):
    path, places = three
    size = round(share * places[-1])
    (tmp_path / "cut").write_bytes(path.read_bytes()[:size])
    found, report = read(tmp_path / "cut")
    whole = sum(place <= size for place in places[1:])
    assert [label for _, label in found] == [0, 3, 1][:whole]
    if size in places:
        assert not defects(report)
    else:
        assert defects(report) == {"truncated": 1}
        have = size - places[whole]
        wanted = (
            f"{have:,} of "
            + ("the first 12" if have < 12 else f"{places[whole + 1] - places[whole]:,}")
            + " bytes"
        )
        assert report.places["truncated"] == [f"{tmp_path / 'cut'} at byte {places[whole]:,}: {wanted}"]


@quick
@given(
    record=st.integers(0, 2),
    where=st.one_of(
        st.integers(0, 15), st.integers(-4, -1), st.integers(16, RECORD)
    ),  # negative: from its end
    bit=st.integers(0, 7),
)
def test_no_flipped_bit_goes_unseen(three, tmp_path, record, where, bit):
    path, places = three
    content = bytearray(path.read_bytes())
    content[places[record + (where < 0)] + where] ^= 1 << bit
    (tmp_path / "bit").write_bytes(content)
    found, report = read(tmp_path / "bit")
    assert defects(report) == {"bad_crc": 1} and f"at byte {places[record]:,}:" in report.places["bad_crc"][0]
    left = [k for k in range(3) if k != record] if where < 0 or where >= 12 else list(range(record))
    assert [label for _, label in found] == [(0, 3, 1)[k] for k in left]
    assert all(np.array_equal(image, tile(k)) for (image, _), k in zip(found, left, strict=True))


def test_report_counts_all_and_names_the_first(tmp_path):
    write(tmp_path / "p", [example(IMAGE, 9)] * 8 + [example(EMPTY, 0)])
    _, report = read(tmp_path / "p", tmp_path / "p")
    assert defects(report) == {"bad_label": 16, "empty": 2} and len(report.places["bad_label"]) == 5
    text = str(report)
    assert text.startswith("2 tiles kept, 2 of them with B2 to B11 all zero (")
    assert ". Left out, without a label from 0 to 3: 16 (" in text and text.endswith("; ...).")
    assert Report(**json.loads(json.dumps(dataclasses.asdict(report)))) == report


# ---- the import

LABELS = {"train": [0, 0, 0, 1, 2, 3], "val": [3, 0, 1, 2]}


def source_of(root: Path) -> dict[str, tuple[np.ndarray, list[int]]]:
    """An official-looking folder: two parts of train, one of val, and files that are none; returns the
    splits."""
    images = {
        split: [tile(100 * k + i) for i in range(len(labels))]
        for k, (split, labels) in enumerate(LABELS.items())
    }
    images["train"][1] = EMPTY
    each = {
        split: [example(*pair) for pair in zip(images[split], LABELS[split], strict=True)] for split in LABELS
    }
    write(root / "train/part-r-00000", each["train"][:4])
    write(root / "train/part-r-00001", each["train"][4:])
    write(root / "val/part-r-00000", each["val"])
    (root / "val/part-r-00001_.gstmp").write_bytes(b"half a download")
    (root / "train/._part.tfrecord").write_bytes(b"left by a Mac")
    return {
        "train": (np.stack(images["train"]), LABELS["train"]),
        "test": (np.stack(images["val"]), LABELS["val"]),
    }


def pack(root: Path, path: Path, prefix: str = "droughtwatch_data/") -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in sorted(root.rglob("*")):
            if file.is_file():
                archive.write(file, prefix + file.relative_to(root).as_posix())
    return path


@pytest.fixture
def official(monkeypatch, tmp_path):
    """A small set that takes the place of the official one: folder, store and splits."""
    splits = source_of(tmp_path / "official")
    entry = dataclasses.replace(
        registry.data_sets()["droughtwatch"],
        splits={"train": 6, "test": 4},
        class_counts={"test": (1, 1, 1, 1)},
    )
    monkeypatch.setitem(registry.data_sets(), "droughtwatch", entry)
    return SimpleNamespace(folder=tmp_path / "official", store=tmp_path / "store", splits=splits)


def same(images, splits) -> bool:
    return set(images.splits) == set(splits) and all(
        np.array_equal(images.images(split), x) and images.labels(split).tolist() == list(y)
        for split, (x, y) in splits.items()
    )


def add(source, store, name="droughtwatch"):
    return data.add(name, source, store, progress=False)


def left_in(store: Path) -> list[str]:
    return sorted(path.name for path in store.iterdir() if not path.name.endswith(".lock"))


def test_registered_entry():
    entry = data.describe("droughtwatch")
    assert entry.kind == "real" and entry.shape == (65, 65, 11) and entry.classes == droughtwatch.CLASSES
    assert sum(entry.class_counts["test"]) == entry.splits["test"] and entry.archive.sha256 is None
    assert entry.archive.filename == "dw_train_86K_val_10K.zip"


def test_official_folder(official):
    images = add(official.folder, official.store)
    assert same(images, official.splits) and images == data.load("droughtwatch", official.store)
    assert images.kind == "real" and images.variant == "" and images.extra["bands"] == list(BANDS)
    assert images.extra["empty"] == {"train": [1], "test": []}
    assert images.extra["report"]["kept"] == 10 and images.extra["report"]["counts"]["empty"] == 1
    assert images.extra["report"]["places"]["empty"][0].startswith("train/part-r-00000 at byte ")
    assert json.loads((images.folder / "meta.json").read_text())["checked"] == "official counts"
    assert data.verify("droughtwatch", official.store).state == "ready"
    row = next(row for row in data.listing(official.store) if row.name == "droughtwatch")
    assert row.state == "ready" and row.bytes > 10 * PIXELS * 11
    assert left_in(official.store) == ["droughtwatch"]


def test_without_empty(official):
    images = add(official.folder, official.store)
    assert droughtwatch.without_empty(images, "train").tolist() == [0, 2, 3, 4, 5]
    assert droughtwatch.without_empty(images, "test").tolist() == [0, 1, 2, 3]


def test_changed_tile_in_the_store_is_noticed(official):
    path = add(official.folder, official.store).folder / "x_train.npy"
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    with pytest.raises(DataError, match="x_train.npy is not what was stored.*lt data download droughtwatch"):
        data.verify("droughtwatch", official.store)


@pytest.mark.parametrize("prefix", ["droughtwatch_data/", ""])
def test_zip_gives_the_same_as_the_folder(official, tmp_path, prefix):
    images = add(pack(official.folder, tmp_path / "dw.zip", prefix), official.store)
    assert same(images, official.splits) and images.digest == add(official.folder, tmp_path / "other").digest
    official.folder.rename(tmp_path / "droughtwatch_data")
    assert add(tmp_path, tmp_path / "third").digest == images.digest  # the folder around the unpacked one


def test_damaged_zip(official, tmp_path):
    content = bytearray(pack(official.folder, tmp_path / "dw.zip").read_bytes())
    (tmp_path / "cut.zip").write_bytes(content[:-100])
    with pytest.raises(DataError, match="cut short or no .zip archive"):
        add(tmp_path / "cut.zip", official.store)
    content[100_000] ^= 255
    (tmp_path / "bad.zip").write_bytes(content)
    with pytest.raises(DataError, match=r"part-r-0000. cannot be read at byte .*fresh copy"):
        add(tmp_path / "bad.zip", official.store)
    assert not (official.store / "droughtwatch").exists()


def test_incomplete_set_is_refused(official, tmp_path):
    path = official.folder / "train/part-r-00001"
    path.write_bytes(path.read_bytes()[:-1])
    expected = (
        r"5 train tiles \(expected 6\).*train: 5 tiles kept, .*\. "
        r"Left out, cut short: 1 \(train/part-r-00001 at byte 46,7"
    )
    with pytest.raises(
        DataError, match=expected + r".*val: 4 tiles.*lt data download droughtwatch.*lt data add my-tiles"
    ):
        add(official.folder, official.store)
    assert left_in(official.store) == []
    shutil.rmtree(official.folder / "val")
    with pytest.raises(
        DataError,
        match="2 parts, but not in folders train and val. Expected .* 6 tiles in train and 4 in val",
    ):
        add(official.folder, official.store)


def test_other_labels_are_refused(official):
    write(official.folder / "val/part-r-00000", [example(tile(100 + k), 0) for k in range(4)])
    with pytest.raises(
        DataError, match=r"test tiles of each class \[4, 0, 0, 0\] \(expected \[1, 1, 1, 1\]\)"
    ):
        add(official.folder, official.store)


def test_malformed_records_of_the_authors_are_no_damage(official):
    image = official.splits["train"][0]
    write(official.folder / "train/part-r-00001", [example(image[4], 2), example(image[5], 7)])
    images = add(official.folder, official.store)
    assert images.variant == "1 unusable records left out" and images.splits["train"][0] == 5
    assert images.extra["report"]["counts"]["bad_label"] == 1
    assert data.verify("droughtwatch", official.store).state == "ready"


def test_own_parts_hold_out_each_class_s_every_fifth_tile(tmp_path):
    labels = [0, 1] * 10 + [2] * 4 + [0] * 3
    images = [tile(k) for k in range(len(labels))]
    images[8] = EMPTY  # the fifth of class 0
    each = [example(*pair) for pair in zip(images, labels, strict=True)]
    write(tmp_path / "own/a.tfrecord", each[:7])
    write(tmp_path / "own/b.tfrecords", each[7:])
    (tmp_path / "own/readme.txt").write_text("not a part")
    (tmp_path / "own/a.tfrecord.gz").write_bytes(b"the same again")
    seen, test = [0] * 4, []
    for k, label in enumerate(labels):
        seen[label] += 1
        test += [k] if seen[label] % 5 == 0 else []
    train = [k for k in range(len(labels)) if k not in test]
    stored = add(tmp_path / "own", tmp_path / "store", "tiles")
    for split, rows in {"train": train, "test": test}.items():
        assert np.array_equal(stored.images(split), np.stack([images[k] for k in rows]))
        assert stored.labels(split).tolist() == [labels[k] for k in rows]
    assert stored.kind == "user" and stored.classes == ("0", "1", "2", "3+")
    assert stored.variant == "test: every 5th tile of each class"
    assert (
        stored.extra["empty"] == {"train": [], "test": [test.index(8)]}
        and stored.extra["test_images_also_in_train"] == 0
    )
    assert data.verify("tiles", tmp_path / "store").state == "ready" and left_in(tmp_path / "store") == [
        "tiles"
    ]


@pytest.mark.parametrize("held_out", ["val", "test"])
def test_own_parts_in_splits(official, tmp_path, held_out):
    (official.folder / "val").rename(official.folder / held_out)
    images = add(official.folder, tmp_path / "store", "tiles")
    assert same(images, official.splits) and images.kind == "user" and images.variant == ""
    (official.folder / "train/part-r-00002.xz").write_bytes(b"packed twice is left alone")
    archive = pack(official.folder, tmp_path / "own.zip", "")
    assert add(archive, tmp_path / "other", "tiles").digest == images.digest


def test_own_parts_that_cannot_be_used(official, tmp_path):
    shutil.copytree(official.folder / "val", official.folder / "test")
    with pytest.raises(DataError, match="both val and test"):
        add(official.folder, official.store, "tiles")
    shutil.rmtree(official.folder / "val")
    shutil.rmtree(official.folder / "test")
    with pytest.raises(DataError, match="parts for train only; it needs train and test"):
        add(official.folder, official.store, "tiles")
    with pytest.raises(DataError, match="too few tiles for two splits: 6 train and 0 test"):
        write(tmp_path / "few/a.tfrecord", [example(tile(k), k % 4) for k in range(6)])
        add(tmp_path / "few", official.store, "tiles")
    assert left_in(official.store) == []


# ---- going on


@pytest.fixture
def parts_read(monkeypatch):
    """Names of the parts that were read; reading `stop_at` of them raises `error` half-way through the
    last."""
    state = SimpleNamespace(names=[], stop_at=None, stop=None)
    tiles = droughtwatch._tiles

    def spy(stream, where, bands, report):
        state.names.append(where)
        for k, each in enumerate(tiles(stream, where, bands, report)):
            if len(state.names) == state.stop_at and k == 1:
                state.stop()
            yield each

    monkeypatch.setattr(droughtwatch, "_tiles", spy)
    return state


ALL_PARTS = ["train/part-r-00000", "train/part-r-00001", "val/part-r-00000"]


def interrupt():
    raise KeyboardInterrupt


def interrupted(official, parts_read, stop_at):
    parts_read.stop_at, parts_read.stop = stop_at, interrupt
    with pytest.raises(KeyboardInterrupt):
        add(official.folder, official.store)
    assert left_in(official.store) == [".droughtwatch.import"] and parts_read.names == ALL_PARTS[:stop_at]
    parts_read.stop_at, parts_read.names = None, []


@pytest.mark.parametrize("stop_at", [1, 2, 3])
def test_interrupted_import_goes_on(official, parts_read, stop_at):
    interrupted(official, parts_read, stop_at)
    images = add(official.folder, official.store)
    assert parts_read.names == ALL_PARTS[stop_at - 1 :] and same(images, official.splits)
    assert images.extra["empty"]["train"] == [1] and images.extra["report"]["kept"] == 10
    assert left_in(official.store) == ["droughtwatch"]


def test_interrupted_hold_out_goes_on(tmp_path, parts_read):
    for k in range(4):
        write(tmp_path / f"own/{k}.tfrecord", [example(tile(10 * k + i), (k + i) % 2) for i in range(6)])
    whole = add(tmp_path / "own", tmp_path / "whole", "tiles")
    parts_read.names, parts_read.stop_at, parts_read.stop = [], 3, interrupt
    with pytest.raises(KeyboardInterrupt):
        add(tmp_path / "own", tmp_path / "store", "tiles")
    parts_read.stop_at = None
    assert add(tmp_path / "own", tmp_path / "store", "tiles").digest == whole.digest


def test_killed_import_goes_on(official, parts_read):
    child = os.fork()
    if not child:
        parts_read.stop_at, parts_read.stop = 3, lambda: os.kill(os.getpid(), signal.SIGKILL)
        add(official.folder, official.store)
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL
    assert same(add(official.folder, official.store), official.splits) and parts_read.names == ALL_PARTS[2:]


def test_kill_between_the_last_part_and_the_store_loses_nothing(official, parts_read, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(importlib.import_module("lt_lib.data.add"), "put", lambda *_, **__: interrupt())
        with pytest.raises(KeyboardInterrupt):
            add(official.folder, official.store)
    parts_read.names = []
    assert same(add(official.folder, official.store), official.splits) and parts_read.names == []


def test_part_that_changed_is_read_again(official, parts_read):
    interrupted(official, parts_read, 3)
    images, labels = official.splits["train"]
    write(official.folder / "train/part-r-00001", [example(images[5], 3), example(images[4], 2)])
    images[4:] = images[[5, 4]]
    labels = [*labels[:4], 3, 2]
    assert same(add(official.folder, official.store), official.splits | {"train": (images, labels)})
    assert parts_read.names == ALL_PARTS[1:]


def test_part_that_came_between_is_read(official, parts_read):
    interrupted(official, parts_read, 3)
    for name in ("train/part-r-00000", "train/part-r-00001"):
        path = official.folder / name
        path.rename(path.with_name(path.name + "a"))
    assert same(add(official.folder, official.store), official.splits)
    assert parts_read.names == ["train/part-r-00000a", "train/part-r-00001a", "val/part-r-00000"]


def test_torn_journal_and_lost_tiles(official, parts_read):
    for damage, again in (
        (lambda folder: cut(folder / "journal.jsonl", 5), ALL_PARTS[1:]),
        (lambda folder: flip(folder / "journal.jsonl", b'"train": 4', b'"train": 3'), ALL_PARTS),
        (lambda folder: cut(folder / "x_train.npy", 50_000 + 2 * RECORD), ALL_PARTS),
        (lambda folder: (folder / "y_train.npy").unlink(), ALL_PARTS),
    ):
        interrupted(official, parts_read, 3)
        damage(official.store / ".droughtwatch.import")
        assert same(add(official.folder, official.store), official.splits) and parts_read.names == again
        shutil.rmtree(official.store)
        parts_read.names = []


def test_import_interrupted_twice(official, parts_read):
    interrupted(official, parts_read, 3)
    cut(official.store / ".droughtwatch.import/journal.jsonl", 5)
    parts_read.stop_at = 2
    with pytest.raises(KeyboardInterrupt):
        add(official.folder, official.store)
    assert parts_read.names == ALL_PARTS[1:]
    parts_read.stop_at, parts_read.names = None, []
    assert same(add(official.folder, official.store), official.splits) and parts_read.names == ALL_PARTS[2:]


def flip(path: Path, old: bytes, new: bytes) -> None:
    content = path.read_bytes()
    assert old in content
    path.write_bytes(content.replace(old, new, 1))


def cut(path: Path, size: int) -> None:
    os.truncate(path, path.stat().st_size - size)


def test_tiles_are_never_held(tmp_path):
    for k in range(4):
        write(tmp_path / f"own/{k}.tfrecord", [example(IMAGE, i % 4) for i in range(100)])
    tracemalloc.start()
    try:
        add(tmp_path / "own", tmp_path / "store", "tiles")
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 3_000_000 < 400 * IMAGE.nbytes / 5


def test_add_says_what_was_left_out(official, monkeypatch):
    monkeypatch.setenv("LT_DATA", str(official.store))
    path = official.folder / "val/part-r-00000"
    path.write_bytes(path.read_bytes() + b"tail")
    result = CliRunner().invoke(cli.app, ["data", "add", "droughtwatch", "--from", str(official.folder)])
    assert result.exit_code == 0 and "added droughtwatch: sha256:" in result.output
    assert "Left out, cut short: 1 (val/part-r-00000 at byte" in result.output
    assert "10 tiles kept, 1 of them with B2 to B11 all zero (train/part-r-00000 at byte" in result.output


# ---- the download, for which no checksum is known


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        state, wanted = self.server.state, self.headers.get("Range")
        state.asked.append(wanted)
        start = int(wanted[6:-1]) if wanted else 0
        size = len(state.content)
        if start >= size:
            self.send_response(416)
            self.send_header("Content-Range", f"bytes */{size}")
            self.send_header("Content-Length", "0")
            return self.end_headers()
        self.send_response(206 if start else 200)
        if start:
            self.send_header("Content-Range", f"bytes {start}-{size - 1}/{size}")
        self.send_header("Content-Length", str(size - start))
        self.end_headers()
        self.wfile.write(state.content[start : start + state.breaks.pop(0) if state.breaks else size])
        self.close_connection = True

    def log_message(self, *_):
        pass


@pytest.fixture
def server(official, monkeypatch, tmp_path):
    content = pack(official.folder, tmp_path / "dw.zip").read_bytes()
    httpd = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    httpd.state = SimpleNamespace(
        content=content, asked=[], breaks=[], store=official.store, splits=official.splits
    )
    entry = registry.data_sets()["droughtwatch"]
    archive = dataclasses.replace(entry.archive, url=f"http://127.0.0.1:{httpd.server_port}/dw.zip")
    monkeypatch.setitem(registry.data_sets(), "droughtwatch", dataclasses.replace(entry, archive=archive))
    monkeypatch.setattr(importlib.import_module("lt_lib.data.download"), "SECONDS", 5)
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    threading.Thread(target=httpd.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    yield httpd.state
    httpd.shutdown()
    httpd.server_close()


def get(server):
    return data.download("droughtwatch", server.store, progress=False)


def test_download_goes_on_and_is_known_by_its_counts(server):
    server.breaks = [30_000, 40_000, 1000]
    with pytest.raises(
        DataError, match="broke off after 71,000 of .*71,000 bytes are kept; run it again to go on"
    ):
        get(server)
    assert same(get(server), server.splits)
    assert server.asked == [None, "bytes=30000-", "bytes=70000-", "bytes=71000-"]
    get(server)
    assert len(server.asked) == 4  # from the archive that was kept


def test_download_that_was_complete_but_not_renamed(server):
    folder = server.store / ".downloads"
    folder.mkdir(parents=True)
    (folder / "dw.zip.part").write_bytes(server.content)
    assert same(get(server), server.splits) and server.asked == [f"bytes={len(server.content)}-"]


def test_download_of_something_else(server):
    server.content = b"<html>Log in to this network</html>"
    with pytest.raises(
        DataError, match="not the official archive: 35 bytes that are no .zip archive. It was deleted"
    ):
        get(server)
    assert left_in(server.store / ".downloads") == []


def test_download_with_other_counts_says_what_to_delete(server, official, tmp_path):
    (official.folder / "train/part-r-00001").unlink()
    server.content = pack(official.folder, tmp_path / "less.zip").read_bytes()
    with pytest.raises(
        DataError, match=r"4 train tiles \(expected 6\).*delete it and repeat `lt data download droughtwatch`"
    ):
        get(server)


# ---- the real parts


@pytest.fixture(scope="module")
def real(tmp_path_factory):
    """The parts of LT_DROUGHT_PARTS, or of the shared data folder beside the project, unpacked."""
    beside = Path(__file__).parents[4] / "shared/data/drought"
    folder = Path(os.environ.get("LT_DROUGHT_PARTS", beside))
    packed = sorted(folder.glob("*.tfrecord.xz"))
    if len(packed) != 3:
        pytest.skip(f"{folder} holds no real parts")
    unpacked = tmp_path_factory.mktemp("drought")
    for path in packed:
        (unpacked / path.stem).write_bytes(lzma.decompress(path.read_bytes()))
    return unpacked


def test_real_parts(real):
    found = {path.name: read(path) for path in sorted(real.iterdir())}
    sizes = {name.split("_")[0]: len(tiles) for name, (tiles, _) in found.items()}
    assert sizes == {"part-r-00012": 81, "testfile": 68, "notebooks": 5}
    labels = [label for tiles, _ in found.values() for _, label in tiles]
    assert np.bincount(labels).tolist() == [85, 25, 32, 12]
    report = Report()
    for _, each in found.values():
        report.add(each)
    assert report.kept == 154 and defects(report) == {"truncated": 2, "empty": 3}
    assert [text.split("/")[-1] for text in report.places["truncated"]] == [
        "notebooks_testfile_claramartiny.tfrecord at byte 233,715: 28,429 of 46,743 bytes",
        "testfile_claramartiny.tfrecord at byte 3,178,524: 8,164 of 46,743 bytes",
    ]


def test_real_part_as_another_reader_sees_it(real):
    path = real / "part-r-00012_ossokine.tfrecord"
    theirs = list(tfrecord_loader(str(path), None, dict.fromkeys(BANDS, "byte") | {"label": "int"}))
    ours, _ = read(path)
    assert len(ours) == len(theirs) == 81
    for (image, label), other in zip(ours, theirs, strict=True):
        planes = [np.frombuffer(other[band], np.uint8).reshape(65, 65) for band in BANDS]
        assert np.array_equal(image, np.stack(planes, -1)) and label == other["label"][0]


def test_real_parts_as_a_set_of_ones_own(real, tmp_path):
    images = add(real, tmp_path / "store", "real-tiles")
    counts = {split: np.bincount(images.labels(split)).tolist() for split in images.splits}
    assert counts == {"train": [68, 20, 26, 10], "test": [17, 5, 6, 2]}
    for split in images.splits:
        kept = set(droughtwatch.without_empty(images, split))
        empty = [k for k, image in enumerate(images.images(split)) if not image[..., 1:].any()]
        assert sorted(set(range(len(images.labels(split)))) - kept) == empty == images.extra["empty"][split]
    assert data.verify("real-tiles", tmp_path / "store").state == "ready"
    with pytest.raises(
        DataError, match=r"3 parts, but not in .* train and val. Expected .* 86,317 tiles in train and 10,778"
    ):
        add(real, tmp_path / "store")
