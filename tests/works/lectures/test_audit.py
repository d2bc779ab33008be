"""The audit of the lectures: verdicts follow the facts, and would change with them."""

import numpy as np
import pytest

from lt_lib.lab.read.audit import audit
from lt_lib.lab.read.published import published
from lt_lib.works.lectures import audit as audit_lectures


@pytest.fixture(scope="module")
def rows():
    return audit("lectures").set_index("id")


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ("C01", "0.9983"),
        ("C04", "relative error 0.51"),
        ("C05", "8 times"),
        ("C07", "1.14 as printed, 1.00"),
        ("C10", "10 times"),
        ("C16", "82.86 to 72.19 (10.67), 96.18 to 90.08 (6.10)"),
        ("C16", "65 models"),
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
    assert audit("lectures", facts).set_index("id").loc["C16", "verdict"] == "NOTE"
    facts.loc[facts["metric"] == "n_models_imagenet", ["text", "value"]] = ["65", 65.0]
    assert audit("lectures", facts).set_index("id").loc["C16", "verdict"] == "PASS"
    facts.loc[facts["metric"] == "n_models_cifar10", ["text", "value"]] = ["30", 30.0]
    assert audit("lectures", facts).set_index("id").loc["C17", "verdict"] == "PASS"


@pytest.mark.parametrize("check", ["C04", "C05"])
def test_a_right_formula_passes(monkeypatch, check):
    right = audit_lectures.batchnorm_backward
    corrected = lambda dy, cache, variant="corrected": right(dy, cache)
    monkeypatch.setattr(audit_lectures, "batchnorm_backward", corrected)
    assert audit_lectures.checks(published())[check]()[2] == "PASS"


def test_an_insensitive_norm_passes(monkeypatch):
    monkeypatch.setattr(audit_lectures, "batchnorm_forward", lambda x, gamma, beta: (np.ones_like(x), None))
    assert audit_lectures.checks(published())["C08"]()[2] == "PASS"
