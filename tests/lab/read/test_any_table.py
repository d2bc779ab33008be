"""The audit of any table: what is wrong is found, what is right passes, what cannot be read is named."""

import numpy as np
import pytest
from helpers import run_main

from lt_lib.errors import LabError
from lt_lib.lab.read.any_table import Cell, audit_any, possible, read_table, runs_needed

GOOD = """method,cat,dog,mean
n,500,500,1000
plain,0.700,0.802,0.751
better,0.710*,0.850*,0.780* ± 0.005
"""


def table(tmp_path, text):
    path = tmp_path / "my.csv"
    path.write_text(text, encoding="utf-8")
    return read_table(path)


def verdicts(tmp_path, text):
    found = audit_any(table(tmp_path, text))
    return {(row.check, row.where): row.verdict for row in found.itertuples()}


def test_a_sound_table_passes(tmp_path):
    found = verdicts(tmp_path, GOOD)
    assert "ERROR" not in found.values() and "IMPLAUSIBLE" not in found.values()
    assert found["k of n", "all"] == found["mean of parts", "plain"] == "PASS"
    assert found["spread", "better, mean"] == "PASS"
    assert found["gain", "mean"] == "NOTE", "three points on a thousand images"


@pytest.mark.parametrize(
    ("old", "new", "check"),
    [
        ("0.700,", "0.701,", ("k of n", "plain, cat")),
        ("0.751", "0.761", ("mean of parts", "plain")),
        ("0.850*", "0.800*", ("bold is best", "better, dog")),
        ("0.780* ± 0.005", "0.780* +- 2e-5", ("spread", "better, mean")),
    ],
)
def test_each_fault_is_found(tmp_path, old, new, check):
    assert verdicts(tmp_path, GOOD.replace(old, new))[check] in ("ERROR", "IMPLAUSIBLE")


def test_per_cent_are_per_cent_for_the_whole_table(tmp_path):
    text = "m,a,b,mean\nn,500,500,1000\nx,70.0,0.4,35.2\n"
    assert verdicts(tmp_path, text)["mean of parts", "x"] == "PASS"
    assert table(tmp_path, text).rows["x"]["b"].share == pytest.approx(0.004)


def test_a_mean_may_count_images(tmp_path):
    text = "m,a,b,mean\nn,900,100,1000\nx,0.80,0.40,0.76\ny,0.80,0.40,0.60\nz,0.80,0.40,0.70\n"
    found = verdicts(tmp_path, text)
    assert [found["mean of parts", row] for row in "xyz"] == ["PASS", "PASS", "ERROR"]


def test_every_count_of_images_is_possible_and_few_others_are():
    rng = np.random.default_rng(0)
    for n in (7, 643, 10_000):
        for k in rng.integers(0, n + 1, 50):
            assert possible(Cell(f"{k / n:.4f}"), n) in (k, k - 1, k + 1)
    assert possible(Cell("0.7933"), 5000) is None and possible(Cell("0.7934"), 5000) == 3967


def test_a_spread_needs_runs():
    assert runs_needed(4e-6, 10_000) == pytest.approx(625)
    assert runs_needed(0.01, 10_000) < 1 and runs_needed(0.0, 10) == 0


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "needs a line of column names"),
        ("m,a\n", "needs a line of column names"),
        ("m,a,b\nx,0.5\n", "line 2: 2 cells under 3 columns"),
        ("m,a,a\nx,0.5,0.5\n", "two columns are called 'a'"),
        ("m,a\nx,0.5\nx,0.6\n", "two rows are called 'x'"),
        ("m,a\nx,good\n", "line 2: 'good' is no share"),
        ("m,a\nx,120\n", "line 2: '120' is more than all images"),
        ("m,a\nn,0\nx,0.5\n", "line 2: a number of images is asked for in row n, got '0'"),
        ("m,a\nn,5\n", "has no row but n"),
        (f"m,a\np,90\nn,{'9' * 5000}\n", "a number of images is asked for in row n, got '9{20}'"),
    ],
)
def test_what_cannot_be_read_is_named(tmp_path, text, said):
    with pytest.raises(LabError, match=said):
        table(tmp_path, text)


def test_a_file_that_is_none(tmp_path):
    with pytest.raises(LabError, match="nowhere.csv cannot be read as a CSV file: No such file"):
        read_table(tmp_path / "nowhere.csv")
    (tmp_path / "x.csv").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(LabError, match="cannot be read as a CSV file"):
        read_table(tmp_path / "x.csv")


def test_on_the_command_line(tmp_path, monkeypatch, capsys):
    (tmp_path / "my.csv").write_text(GOOD.replace("0.751", "0.761"), encoding="utf-8")
    code, said, _ = run_main(monkeypatch, capsys, "audit", "--table", str(tmp_path / "my.csv"))
    assert code == 0 and "ERROR        mean of parts, plain: printed 0.761, recomputed 0.751" in said
