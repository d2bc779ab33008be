"""The audit of the lectures: verdicts follow the facts, and would change with them."""

import numpy as np
import pytest

from lt_lib.lab.read.audit import audit
from lt_lib.lab.read.published import published
from lt_lib.works.lectures import audit as audit_lectures

TEXT = {"C09", "C11", "C13", "C14", "C15"}


@pytest.fixture(scope="module")
def rows():
    return audit("lectures").set_index("id")


def test_what_can_be_recomputed_is(rows):
    assert list(rows.index) == [f"C{i:02d}" for i in range(1, 19)]
    assert set(rows.index[rows["basis"] == "text"]) == TEXT


def test_verdicts_are_those_of_the_audit(rows):
    import pandas as pd

    from lt_lib.lab.record.paths import published_dir

    written = pd.read_csv(published_dir() / "audit.csv", dtype=str, keep_default_na=False).set_index("id")[
        "verdict"
    ]
    assert (rows["verdict"] == written[rows.index]).all()


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ("C01", "0.9983"),
        ("C04", "relative error 0.51"),
        ("C05", "8 times"),
        ("C07", "1.14 as printed, 1.00"),
        ("C10", "10 times"),
        ("C16", "82.86 to 72.19 (10.67), 96.18 to 90.08 (6.10)"),
        ("C17", "30 public"),
    ],
)
def test_numbers_that_are_shown(rows, row, words):
    assert words in rows.loc[row, "recomputed"]


def test_another_print_changes_the_verdict():
    facts = published()
    at = facts["metric"] == "imagenet_best_top1_drop"
    facts.loc[at, ["text", "value"]] = ["12", 12.0]
    assert audit("lectures", facts).set_index("id").loc["C16", "verdict"] == "ERROR"
    facts = published()
    facts.loc[facts["metric"] == "n_models_cifar10", ["text", "value"]] = ["30", 30.0]
    assert audit("lectures", facts).set_index("id").loc["C17", "verdict"] == "PASS"


@pytest.mark.parametrize(
    ("check", "wrong"), [("_norm_backward", "batchnorm_backward"), ("_norm_sums", "batchnorm_backward")]
)
def test_a_right_formula_passes(monkeypatch, check, wrong):
    right = audit_lectures.batchnorm_backward
    monkeypatch.setattr(audit_lectures, wrong, lambda dy, cache, variant="corrected": right(dy, cache))
    assert getattr(audit_lectures, check)(published())[2] == "PASS"


def test_an_insensitive_norm_passes(monkeypatch):
    monkeypatch.setattr(audit_lectures, "batchnorm_forward", lambda x, gamma, beta: (np.ones_like(x), None))
    assert audit_lectures._norm_scale(published())[2] == "PASS"
