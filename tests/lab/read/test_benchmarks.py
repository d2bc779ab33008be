"""The tables of the benchmarks say what was measured last, and whether a goal was met."""

import json

import pytest

from lt_lib.errors import LabError
from lt_lib.lab.read import benchmarks

MACHINE = {"processor": "some CPU", "cores": 4, "torch": "2.0"}


@pytest.fixture
def measured(tmp_path, monkeypatch):
    def write(**found):
        (tmp_path / "benchmarks").mkdir(exist_ok=True)
        found = {name: MACHINE | {"figures": [], "curves": []} | one for name, one in found.items()}
        (tmp_path / "benchmarks/results.json").write_text(json.dumps(found))

    monkeypatch.setattr(benchmarks, "project_root", lambda: tmp_path)
    return write


def figure(ratio, goal=None, at_most=False):
    return {
        "what": f"a<b {ratio}",
        "peer": "it",
        "ratio": ratio,
        "kind": "as fast",
        "goal": goal,
        "at_most": at_most,
    }


def test_a_goal_is_met_or_missed(measured):
    measured(
        loop={"figures": [figure(2.5, 3.0), figure(3.0, 3.0), figure(1.2, 1.1, True), figure(1.0, 1.1, True)]}
    )
    table = benchmarks.speed()
    assert [row["goal"] for row in table.rows] == [
        "at least 3: missed",
        "at least 3: met",
        "at most 1.1: missed",
        "at most 1.1: met",
    ]
    assert benchmarks.missed() == ["a<b 2.5", "a<b 1.2"]
    measured(loop={"figures": [figure(250.0, 300), figure(250.0, 300), figure(250.0, 200), figure(12345.6)]})
    assert benchmarks.missed() == ["a<b 250.0 (against 2 of 3)"]
    assert [row["times"] for row in benchmarks.speed().rows][2:] == ["250 as fast", "12,346 as fast"]
    assert "a&lt;b 2.5" in table._repr_html_() and "some CPU, 4 cores, torch 2.0" in table.caption


def test_growth_names_sizes_costs_and_the_power(measured):
    curve = {"what": "sweep", "by": "pixels", "unit": "bytes", "sizes": [100, 4000], "values": [2**20, 2**21]}
    seconds = curve | {"unit": "s", "values": [0.5, 20.0], "exponent": 1.0}
    short = seconds | {"what": "`lt` & co", "values": [3.8e-5, 0.0]}
    measured(sweep={"curves": [curve | {"exponent": 0.188}, seconds, short]})
    first, second, third = benchmarks.growth().rows
    assert (first["sizes"], first["cost"], first["power"]) == ("100 to 4,000", "1 MiB to 2 MiB", "0.19")
    assert second["cost"] == "500 ms to 20 s"
    assert (third[""], third["cost"]) == ("<code>lt</code> &amp; co", "38 µs to 0 s")
    measured(sweep={})
    assert "Nothing measured yet" in benchmarks.growth()._repr_html_()


def test_training_rates_are_those_of_the_last_benchmark(measured):
    rate = {"network": "a<b", "precision": "bf16", "runs": 2, "official": 60.2, "ours": 390.6, "ratio": 6.49}
    measured(training={"batch": 128, "rates": [rate]})
    table = benchmarks.training_rates()
    (row,) = table.frame.to_dict("records")
    assert row["ours, images/s"] == "391 (bf16)" and row["ratio"] == "6.5" and row["runs at once"] == 2
    assert "some CPU, 4 cores" in table.caption and "a&lt;b" in table._repr_html_()


def test_the_campaign_counts_what_was_tried(tmp_path, monkeypatch):
    monkeypatch.setattr(benchmarks, "project_root", lambda: tmp_path)
    with pytest.raises(
        LabError, match=r"counts\.json cannot be read.*`python -m tests\.faults inputs --long`"
    ):
        benchmarks.campaign()
    (tmp_path / "tests/faults").mkdir(parents=True)
    counts = {"read correctly": 900, "clear error": 1100, "fault found": 2}
    found = {"python": "3.11", "torch": "2.0", "inputs": {"a<b": counts}}
    found["kills"] = {"kills": 11, "grids ended bit-identical": 6, "files left over": 0}
    (tmp_path / "tests/faults/counts.json").write_text(json.dumps(found))
    table = benchmarks.campaign()
    (row,) = table.rows
    assert row == {
        "": "a&lt;b",
        "tried": "2,002",
        "read correctly": "900",
        "clear error": "1,100",
        "fault found": "2",
    }
    assert table.caption == (
        "2,002 damaged inputs; beside them 11 kills of a small grid, which ended 6 times, each time bit by "
        "bit as one that nobody touched. Python 3.11, torch 2.0"
    )


def test_without_results_the_command_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr(benchmarks, "project_root", lambda: tmp_path)
    with pytest.raises(LabError, match=r"results\.json cannot be read.*`python benchmarks/all\.py` makes it"):
        benchmarks.speed()
