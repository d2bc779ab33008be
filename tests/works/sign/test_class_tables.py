"""A measure by class: published cells beside means of records, and a dash where no image was."""

import pytest
from helpers import record

from lt_lib.works.sign.class_tables import by_class, mean


@pytest.fixture(autouse=True)
def no_evidence(monkeypatch, tmp_path):
    monkeypatch.setattr("lt_lib.lab.read.evidence.evidence_dir", lambda: tmp_path)


def doubting(seed, **measures):
    return record("sign-doubt", seed, 0.9, "sign-table2", "laptop", "embedded", metrics=measures)


def test_classes_stand_under_the_printed_ones_and_a_mean_skips_records_without_images():
    found = [doubting(0, **{"doubt_p": 0.4, "doubt_p.3": 0.4}), doubting(1, doubt_p=0.5)]
    table = by_class(found, "doubt_p", "p")
    print_, ours = table.frame.to_dict("records")
    assert (print_["source"], print_["Mean"], print_["cat"], print_["ship"]) == (
        "published",
        0.4428,
        0.4199,
        0.4984,
    )
    assert (ours["source"], ours["n"], ours["Mean"], ours["cat"]) == ("this run", 2, pytest.approx(0.45), 0.4)
    shown = {line[""]: line for line in table.rows}
    assert [shown[name]["SIGN, ours"] for name in ("Mean", "cat", "ship")] == ["0.450", "0.400", "–"]
    assert shown["Mean"]["SIGN, printed"] == "0.4428" and "laptop" in table.caption and table.folded is None


def test_accuracy_is_by_recall_and_counts_have_as_many_decimals_as_asked():
    recalls = {"recall": [0.1 * k for k in range(10)]}
    one = record("mixup-doubt", 0, 0.8, "sign-table2", "laptop", "embedded", per_class=recalls)
    ours = by_class([one], "accuracy", "accuracy").frame.iloc[1]
    assert (ours["Mean"], ours["cat"]) == (0.8, pytest.approx(0.3))
    counts = by_class([doubting(0, doubt_count=3.0), doubting(1, doubt_count=4.0)], "doubt_count", "n", 1)
    assert list(counts.rows[0].values()) == ["Mean", "26", "3.5"]


def test_only_classes_with_a_number_have_a_column():
    strange = {f"strange_accuracy.{k}": 0.5 for k in (1, 2, 3, 5, 6)} | {"strange_accuracy": 0.5}
    one = record("sign-doubt", 0, 0.9, "sign-table3", "laptop", "embedded", metrics=strange)
    table = by_class([one], "strange_accuracy", "strange")
    names = ["Mean", "automobile", "bird", "cat", "dog", "frog"]
    assert [line[""] for line in table.rows] == names
    assert table.rows[2]["SIGN, printed"] == "0.3973"
    few = by_class([one], "strange_accuracy", "strange", 3, ["dog"])
    assert [line[""] for line in few.rows] == ["Mean", "dog"]


def test_committed_records_are_not_shown_twice(monkeypatch):
    own = [doubting(0, doubt_count=3.0)]
    monkeypatch.setattr("lt_lib.works.sign.class_tables.best_evidence", lambda *_: own)
    assert by_class(own, "doubt_count", "n").frame["source"].tolist() == ["published", "committed evidence"]


def test_this_run_is_folded_beneath_committed_records(monkeypatch):
    filed = [doubting(s, doubt_count=5.0) for s in (1, 2)]
    monkeypatch.setattr("lt_lib.works.sign.class_tables.best_evidence", lambda *_: filed)
    table = by_class([doubting(0, doubt_count=3.0)], "doubt_count", "n", 1)
    assert list(table.rows[0].values()) == ["Mean", "26", "5.0"]
    assert table.folded.rows[0] == {"": "Mean", "SIGN": "3.0"} and "n = 1" in table.folded.caption


def test_a_mean_over_no_record_is_none():
    assert mean([doubting(0)], "doubt_p") is None
