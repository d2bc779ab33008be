"""What `lt status` says, by the names of the records."""

import copy

import pytest
from helpers import EXPERIMENT, write_experiment

from lt_lib.lab import LabError, Store, run
from lt_lib.lab.read import status
from lt_lib.lab.record.spec import load


@pytest.fixture
def shapes(tmp_path, lab_env, monkeypatch):
    """An experiment of one row, the only one there is, and an empty folder of committed records."""
    content = copy.deepcopy(EXPERIMENT)
    content["rows"] = content["rows"][:1]
    path = write_experiment(tmp_path, content)
    monkeypatch.setattr(status, "experiments", lambda: ["shapes"])
    monkeypatch.setattr(status, "load", lambda _, check=True: load(path, check))
    monkeypatch.setattr(status, "evidence_dir", lambda: tmp_path / "committed")
    return load(path)


def counts(store, profile="smoke", data="embedded"):
    (line,) = status.status(Store(store), profile, data)
    return line.counts


def test_done_missing_and_stale(shapes, lab_env, monkeypatch):
    assert counts(lab_env) == {"done": 0, "missing": 3, "stale": 0}
    run(shapes, profile="smoke", seeds=2)
    assert counts(lab_env) == {"done": 2, "missing": 1, "stale": 0}
    (file,) = lab_env.glob("*/*/plain--*--s1--*.json")
    file.rename(file.with_name(f"{file.name[:-17]}{'0' * 12}.json"))
    assert counts(lab_env) == {"done": 1, "missing": 1, "stale": 1}, "made by other settings or code"
    monkeypatch.setattr("lt_lib.lab.record.plan.code_digest", lambda *roots: "ast:" + "0" * 64)
    assert counts(lab_env) == {"done": 0, "missing": 1, "stale": 2}


def test_committed_records_count_and_are_listed(shapes, lab_env, tmp_path):
    run(shapes, profile="smoke", seeds=3, store=tmp_path / "committed")
    (line,) = status.status(Store(lab_env), "smoke", "embedded")
    assert line.counts == {"done": 3, "missing": 0, "stale": 0}
    assert line.committed == {"smoke-embedded": 3}
    (line,) = status.status(Store(tmp_path / "committed"), "smoke", "embedded")
    assert line.counts["done"] == 3, "once, where both are the same folder"


def test_a_profile_or_data_that_is_lacking_is_no_error(shapes, lab_env):
    assert counts(lab_env, "paper") is None and counts(lab_env, data="real") is None


def test_data_without_a_pinned_digest_is_looked_up_in_the_record(shapes, lab_env, monkeypatch):
    run(shapes, profile="smoke", seeds=1)
    for module in ("read.status", "record.freshness"):
        monkeypatch.setattr(f"lt_lib.lab.{module}.datasets.describe", lambda _: Unpinned)
    assert counts(lab_env)["done"] == 1
    monkeypatch.setattr("lt_lib.lab.record.plan.code_digest", lambda *roots: "ast:" + "0" * 64)
    monkeypatch.setattr("lt_lib.lab.record.freshness.code_of", lambda spec: "ast:" + "0" * 64)
    assert counts(lab_env) == {"done": 0, "missing": 2, "stale": 1}


class Unpinned:
    digests = ()


def test_own_data_that_is_gone_is_no_error(shapes, lab_env, monkeypatch, tmp_path):
    monkeypatch.setenv("LT_DATA", str(tmp_path / "empty"))
    assert counts(lab_env) == {"done": 0, "missing": 3, "stale": 0}


def test_a_typo_in_what_is_asked_for_is_named(tmp_path, lab_env, monkeypatch):
    content = copy.deepcopy(EXPERIMENT)
    content["rows"][0]["set"] = {"optimiser": {"lr": 1.0}}
    path = write_experiment(tmp_path, content)
    monkeypatch.setattr(status, "experiments", lambda: ["shapes"])
    monkeypatch.setattr(status, "load", lambda _, check=True: load(path, check))
    with pytest.raises(LabError, match="did you mean 'optimizer'"):
        status.status(Store(lab_env), "smoke", "embedded")


def test_a_file_that_is_named_otherwise_is_no_record(tmp_path):
    folder = tmp_path / "smoke-embedded" / "shapes"
    folder.mkdir(parents=True)
    for name in ("a--b--ours--s12--0123456789ab.json", "a--ours--s1--0123.json", "notes.json"):
        (folder / name).touch()
    (name,) = Store(tmp_path).names()
    assert name[1:] == ("smoke", "embedded", "shapes", "a--b", "ours", 12, "0123456789ab")
