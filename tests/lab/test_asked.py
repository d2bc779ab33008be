"""Rows that a profile leaves out: the committed evidence stands for them, and is never called this run."""

import copy

import pytest
from helpers import EXPERIMENT, texts, write_experiment

from lt_lib import lab
from lt_lib.lab.read.evidence import made_now
from lt_lib.lab.record.records import Filed
from lt_lib.lab.train import run as training


@pytest.fixture
def shapes(lab_env, tmp_path, monkeypatch):
    """Two rows, both on file at profile laptop; smoke runs the first."""
    content = copy.deepcopy(EXPERIMENT)
    content["rows"] = content["rows"][:2]
    content["profiles"]["laptop"] = content["profiles"]["smoke"] | {"set": {"optimizer": {"epochs": 7}}}
    committed = tmp_path / "committed"
    training.run(write_experiment(tmp_path, content), profile="laptop", seeds=2, store=committed)
    content["rows"][1]["seeds"] = {"smoke-embedded": 0}
    path = write_experiment(tmp_path, content)
    for module in ("read.report", "lab.figures.evidence"):
        name = f"lt_lib.lab.{module.removeprefix('lab.')}.load"
        monkeypatch.setattr(name, lambda _, check=True: lab.load(path, check))
    monkeypatch.setattr("lt_lib.lab.read.evidence.evidence_dir", lambda: committed)
    return path


def test_evidence_stands_for_a_row_that_is_left_out(shapes):
    assert {item.key for item in lab.plan(shapes, profile="smoke")} == {"plain"}
    records = lab.run(shapes, profile="smoke")
    assert [(r.key, r.profile, r.seed) for r in records] == [
        *(("plain", "smoke", seed) for seed in range(3)),
        *(("balanced", "laptop", seed) for seed in range(2)),
    ]
    assert [type(r) is Filed for r in records] == [False] * 3 + [True] * 2
    assert [r.key for r in made_now(records)] == ["plain"] * 3
    assert [r.key for r in lab.run(shapes, "balanced", profile="smoke")] == ["balanced"] * 2
    own = lab.run(shapes, "balanced", profile="smoke", seeds=1)
    assert [(r.profile, type(r) is Filed) for r in own] == [("smoke", False)], "asked for by number"


def test_tables_say_that_it_was_not_run(shapes):
    records = lab.run(shapes, profile="smoke")
    frame = lab.compare(records).frame.set_index("key")
    assert frame.loc["plain", "run_n"] == 3 and frame.loc["balanced", "run_n"] == 0
    assert frame.loc["balanced", "evidence_n"] == 2
    table = lab.compare(records)
    assert len(table.rows) == 2 and [line[""] for line in table.folded.rows] == [table.rows[0][""]]
    sources = lab.sheet(records, {"accuracy": "acc"}).frame.groupby("key")["source"].agg(list)
    assert sources["plain"] == ["committed evidence", "this run"]
    assert sources["balanced"] == ["committed evidence"]


def test_differences_with_it_are_the_evidence_alone(shapes):
    records = lab.run(shapes, profile="smoke")
    pair = tuple([r for r in records if r.key == key] for key in ("plain", "balanced"))
    fig = lab.figure("differences", {"plain - balanced": pair})
    said = " ".join(texts(fig))
    assert "laptop + embedded" in said and "smoke" not in said
    best = lab.strongest_pairs({"a": pair})["a"]
    assert {r.profile for side in best for r in side} == {"laptop"}
    assert lab.difference(*best).n == 2
