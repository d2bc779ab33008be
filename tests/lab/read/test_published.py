"""Printed numbers and the files they lie in."""

import pytest

from lt_lib.errors import LabError
from lt_lib.lab.read.published import FACTS, facts_of, printed, published, value


def test_published_reads_every_number():
    outside = published(table="Cao et al., Table 2")
    assert len(outside) == 4 and outside["note"].str.contains("outside the four works").all()
    table = published().drop(outside.index)
    assert len(table) == 569 and set(table["work"]) == {
        "spectrum",
        "sign",
        "lectures",
        "ee443",
        "ee443-slides",
    }
    assert table["value"].notna().sum() == 549  # the other 20 are words, ranges and settings


def test_published_filters_and_keeps_the_text():
    rows = published("ee443", table="Results", method="Bagging / WL", metric="test_accuracy")
    assert rows["value"].tolist() == [0.735, 0.676, 0.5454]
    assert rows["text"].tolist() == ["0.7350", "0.6760", "0.5454"]
    assert rows["class"].tolist() == ["0.1", "0.02", "0.005"]
    assert published("ee443", table="no such table").empty


def test_one_number():
    where = {"work": "ee443", "row": "R.3", "method": "Stacking / WL"}
    assert value(**where) == 0.7253 and printed(**where) == "0.7253"
    assert value(work="ee443", table="Results", method="Baseline", class_=0.005) == 0.5446


@pytest.mark.parametrize(
    ("filters", "message"),
    [
        ({"work": "ee443", "row": "R.9"}, r"0 published numbers match \[work='ee443', row='R.9'\]"),
        ({"work": "ee443", "row": "R.2"}, "6 published numbers match"),
        ({"metric": "example_good_hyperparameters"}, "not a number: 'bs=128, lr=2e-3'"),
    ],
)
def test_not_one_number(filters, message):
    with pytest.raises(LabError, match=message):
        value(**filters)


# --- several files


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder with copies of the files of facts."""
    for kind in FACTS:
        facts_of(kind).to_csv(tmp_path / f"{kind}.csv", index=False)
    monkeypatch.setattr("lt_lib.lab.read.published.published_dir", lambda: tmp_path)
    return tmp_path


NUMBER = "toy,Table 1,T.1,,ours,test_accuracy,,0.50,\n"


def test_a_work_brings_files_of_its_own(folder):
    shared = len(published())
    head = ",".join(FACTS["published"][0])
    (folder / "published-toy.csv").write_text(f"{head}\n{NUMBER}")
    assert len(published()) == shared + 1
    assert printed(work="toy") == "0.50" and value(work="toy") == 0.5


@pytest.mark.parametrize(
    ("kind", "line", "id_"),
    [
        ("published", NUMBER, "toy Table 1 T.1 ours test_accuracy"),
        ("claims", "EE1,toy,a claim,,,\n", "EE1"),
        ("audit", "A01,toy,,,,,,\n", "A01"),
    ],
)
def test_the_same_id_twice_names_both_files(folder, kind, line, id_):
    head = ",".join(FACTS[kind][0])
    first = f"{kind}.csv"
    if kind == "published":
        first = "published-first.csv"
        (folder / first).write_text(f"{head}\n{line}")
    (folder / f"{kind}-toy.csv").write_text(f"{head}\n{line}")
    with pytest.raises(LabError, match=f"'{id_}' stands twice, in {first} and in {kind}-toy.csv"):
        facts_of(kind)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("id,work\nT1,toy\n", "claims-toy.csv lacks the columns claim, test"),
        ("", "claims-toy.csv cannot be read"),
    ],
)
def test_a_file_that_cannot_be_used_is_named(folder, content, message):
    (folder / "claims-toy.csv").write_text(content)
    with pytest.raises(LabError, match=message):
        facts_of("claims")


def test_no_file_at_all_is_an_error(folder):
    (folder / "claims.csv").unlink()
    with pytest.raises(LabError, match=r"holds no claims\*.csv"):
        facts_of("claims")
