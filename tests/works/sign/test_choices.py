"""Gaps between rows: paired by seed, on validation and on test images, in words that follow the numbers."""

import pytest
from helpers import NOISE, record

from lt_lib.lab.record.spec import load
from lt_lib.works.sign import choices
from lt_lib.works.sign.choices import CONTROLS, WAYS, by_validation, gap, gaps, on_test

SMALL = (0.001, -0.001, 0.0)  # by seed: leaves an interval of about a quarter of a point


def row(key, test=0.8, held=0.8, seeds=(0, 1, 2), experiment="sign-choices"):
    """Records of a row; the curve of validation accuracy ends at `held`."""
    found = [record(key, s, test + NOISE[s] + SMALL[s] * (key != "sign"), experiment) for s in seeds]
    curves = [[0.1, held + NOISE[s] + SMALL[s] * (key != "sign")] for s in seeds]
    return [
        r.model_copy(update={"history": {"learners": [{"val_accuracy": curve}]}})
        for r, curve in zip(found, curves, strict=True)
    ]


def test_at_laptop_no_row_of_them_is_trained():
    asked = load("sign-choices").select([choices.BASE, *WAYS.values()])
    asked += load("sign-table1").select(list(CONTROLS.values()))
    assert all(row.seeds["laptop"] == 0 for row in asked)


def test_a_gap_is_paired_by_seed_and_from_the_end_of_the_curve():
    found = gap(row("sign-far", 0.83, 0.79, seeds=(0, 1)), row("sign", seeds=(2, 1, 0)))
    assert found.test.mean == pytest.approx(0.03) and found.held.mean == pytest.approx(-0.01)
    assert found.test.n == found.held.n == 2 and found.test.half < 0.02
    assert sorted((r.key, r.seed) for r in found.records) == [
        (key, seed) for key in ("sign", "sign-far") for seed in (0, 1)
    ]


def test_rows_without_a_record_or_a_common_seed_have_no_gap():
    base = row("sign", seeds=(0,))
    assert gap([], base) is None and gap(base, []) is None
    assert gap(row("sign-far", seeds=(1,)), base) is None
    found = gaps([*base, *row("noise", experiment="sign-table1")], {"noise": "noise", "fixed": "sign-fixed"})
    assert found["noise"].test.n == 1 and found["fixed"] is None


def test_test_accuracy_is_told_row_by_row_with_what_is_missing():
    records = [*row("sign"), *row("sign-far", 0.83), *row("sign-near", 0.8)]
    said = on_test(gaps(records, {"far": "sign-far", "near": "sign-near", "fixed": "sign-fixed"}))
    assert said.startswith("test accuracy, paper") and "n = 3" in said
    assert "far is 0.0300 ± 0.0025 above SIGN (n = 3 pairs)" in said
    assert "near cannot be told from SIGN" in said and said.endswith("no record yet: fixed")
    assert on_test({"far": None}) == "No record to compare yet."


def test_validation_chooses_and_test_accuracy_has_no_vote():
    better = [*row("sign"), *row("sign-far", 0.9, 0.79), *row("sign-near", 0.7, 0.82)]
    ways = {"far": "sign-far", "near": "sign-near", "fixed": "sign-fixed"}
    said = " ".join(by_validation(gaps(better, ways)).split())
    assert said.startswith(
        "Of 3 ways near comes first on validation images; near is 0.0200 ± 0.0025 above SIGN"
    )
    worse = [*row("sign"), *row("sign-far", 0.9, 0.79), *row("sign-near", 0.9, 0.78)]
    said = " ".join(by_validation(gaps(worse, ways)).split())
    assert said.startswith(
        "Of 3 ways SIGN comes first on validation images; far is 0.0100 ± 0.0025 below SIGN"
    )
    assert by_validation({"far": None}) == "No record to choose by yet."
