"""The store of records: what lies in it beside records, and folders that cannot be read."""

import math
import os

import pytest
from helpers import record

from lt_lib.lab import LabError, Store
from lt_lib.lab.record import records

RECORD = record("baseline-full", 0, 0.5).model_copy(update={"id": f"sha256:{'0' * 64}"})


@pytest.fixture
def store(tmp_path):
    store = Store(tmp_path / "store")
    store.write(RECORD)
    return store


def test_a_dangling_link_counts_as_missing_and_is_named(store):
    (path,) = store.root.glob("*/*/*.json")
    path.rename(store.root / "elsewhere")
    path.symlink_to(store.root / "nowhere")
    assert store.all() == [] and str(path) in store.damaged[0]
    store.write(RECORD)
    assert len(store.all()) == 1 and store.damaged == []


@pytest.mark.parametrize("name", ["._{}", ".#{}", ".{}.swp.json"])
def test_dotfiles_are_no_records(store, name):
    (path,) = store.root.glob("*/*/*.json")
    path.with_name(name.format(path.name)).write_bytes(b"\x00\x05\x16\x07")
    (store.root / "._paper-real").mkdir()
    assert len(store.all()) == len(store.names()) == 1 and store.damaged == []


@pytest.mark.parametrize("value", ['"x"', "{}", '{"a": "x"}', "[[]]"])
def test_a_metric_that_is_no_number_is_damage(store, value):
    (path,) = store.root.glob("*/*/*.json")
    path.write_text(path.read_text().replace('"accuracy":0.5', f'"accuracy":{value}', 1))
    assert [r.metric() for r in store.all()] == ([{}] if value == "{}" else [])


def test_a_store_that_does_not_exist_is_empty(tmp_path):
    assert Store(tmp_path / "no").all() == []


@pytest.mark.parametrize("below", ["", "paper-real", "paper-real/ee443-results"])
def test_an_unreadable_folder_is_no_empty_one(store, monkeypatch, below):
    for name in ("scandir", "listdir"):
        monkeypatch.setattr(os, name, refusing(getattr(os, name), store.root / below))
    for read in (store.all, store.names):
        with pytest.raises(LabError, match="cannot read the records in .*Permission denied.*--store"):
            read()


def refusing(read, folder):
    def refuse(path):
        if str(path) == str(folder):
            raise PermissionError(13, "Permission denied", str(path))
        return read(path)

    return refuse


@pytest.mark.parametrize("name", ["file", "file/below", "x" * 300])
def test_a_store_that_cannot_be_is_one_clear_error(tmp_path, name):
    (tmp_path / "file").touch()
    with pytest.raises(LabError, match="--store"):
        Store(tmp_path / name).names()


# --- what is planned, found by its name


def planned(**changes):
    """Ids -> what they are planned as: the record of the store, or it with changes."""
    of = RECORD.model_copy(update=changes)
    return {of.id: of}


def test_what_is_planned_is_found_and_nothing_else_is_read(store, monkeypatch):
    others = [RECORD.model_copy(update={"id": f"sha256:{i:064x}", "seed": i}) for i in range(1, 4)]
    paths = [store.write(other) for other in others]
    read, seen = Store.read, []
    monkeypatch.setattr(Store, "read", lambda self, path: seen.append(path) or read(self, path))
    assert store.find({r.id: r for r in others[:2]}) == {r.id: r for r in others[:2]}
    assert seen == paths[:2]
    assert store.find(planned(id=f"sha256:{'f' * 64}")) == {} and seen == paths[:2]


def test_a_record_counts_for_another_row_of_the_same_spec(store):
    assert store.find(planned(key="another", experiment="ee443-fig2")) == {RECORD.id: RECORD}


def test_folders_that_have_not_changed_are_listed_once(store, monkeypatch):
    (folder,) = store.root.glob("*/*")
    listed, read = [], records._records
    monkeypatch.setattr(records, "_records", lambda folder: listed.append(folder) or read(folder))
    absent = planned(id=f"sha256:{'f' * 64}")
    os.utime(folder, (1e9, 1e9))
    assert store.find(absent) == store.find(absent) == {} and listed == [str(folder)]
    other = RECORD.model_copy(update={"id": f"sha256:{'f' * 64}", "key": "another"})
    store.write(other)
    assert store.find(absent) == {other.id: other}
    store.path(other).unlink()  # within the same tick, perhaps
    assert store.find(absent) == {}


def test_a_damaged_record_counts_as_absent_and_is_named(store):
    (path,) = store.root.glob("*/*/*.json")
    path.write_text("{")
    assert store.find(planned()) == {} and len(store.damaged) == 1 and str(path) in store.damaged[0]
    store.write(RECORD)
    assert store.find(planned()) and store.damaged == []


def test_a_mean_over_no_image_is_nan_and_what_was_never_measured_an_error():
    made = record("weighted-0.1", 0, 0.7)
    measures = made.metrics["last"] | {
        "doubt_count": 3.0,
        "doubt_p": 0.4,
        "doubt_count.2": 0.0,
        "far_count": 0.0,
    }
    made = made.model_copy(update={"metrics": made.metrics | {"last": measures}})
    assert made.metric("doubt_p") == 0.4 and math.isnan(made.metric("far_p"))
    assert math.isnan(made.metric("doubt_p.2")) and math.isnan(made.metric("doubt_uncertainty.2"))
    for name in ("doubt_uncertainty", "doubt_p.1", "near_p"):
        with pytest.raises(LabError, match=f"has no {name} of last"):
            made.metric(name)
