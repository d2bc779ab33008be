"""Figures of the chapters on baselines, balancing and weighting."""

import matplotlib

matplotlib.use("Agg")

import numpy as np
import pytest
from helpers import marks, records, texts

from lt_lib import lab


def weighted(seeds):
    """Records of weighted loss and of the baseline, with a training history and recalls."""
    more = {
        "history": {"learners": [{"train_loss": [3.0, 2.0], "val_accuracy": [0.2, 0.9]}]},
        "per_class": {"recall": [0.5] * 50},
        "sizes": {"train": [4000], "test": 5000},
    }
    found = records(seeds=seeds) if seeds else []
    return [r.model_copy(update=more) for r in found]


def rows(given, key):
    return [r for r in given if r.key == key]


@pytest.fixture
def no_evidence(monkeypatch, tmp_path):
    monkeypatch.setattr("lt_lib.lab.read.evidence.evidence_dir", lambda: tmp_path)


@pytest.fixture(params=[3, 1, 0], ids=["three seeds", "one seed", "no record"])
def some(request, no_evidence):
    return weighted(request.param)


def test_long_tails_name_the_sums():
    shown = "\n".join(texts(lab.figure("long-tails")))
    for size in (25000, 9901, 6430, 4878):
        assert f"{size} images" in shown


def test_a_sweep_that_the_profile_leaves_out_shows_print_and_evidence_alone(lab_env):
    shown = texts(lab.figure("ee443-fig1", lab.run("ee443-fig1", profile="laptop")))
    assert "published" in shown and "committed evidence" in shown and "this run" not in shown


def test_balancing_keeps_no_more_images_than_there_are():
    fig = lab.figure("ee443-fig3")
    for before, after in zip(fig.axes[::2], fig.axes[1::2], strict=True):
        images, copies = (np.array([bar.get_height() for bar in after.patches[i : i + 50]]) for i in (0, 50))
        there = sum(np.array([bar.get_height() for bar in before.patches[i : i + 50]]) for i in (0, 50))
        target = after.lines[0].get_ydata()[0]
        assert (images <= there).all()
        assert abs((images + copies).mean() - target) < 5


def test_shares_are_shares():
    (ax,) = lab.figure("weight-shares").axes
    for line in ax.lines:
        assert line.get_ydata().sum() == pytest.approx(100, abs=0.01)
    flat = next(line for line in ax.lines if line.get_label() == "INS").get_ydata()
    assert flat == pytest.approx(np.full(50, 2.0), abs=1e-4)


def test_differences_leave_out_what_has_no_records(some):
    pairs = {key: (rows(some, f"weighted-{key}"), rows(some, f"baseline-{key}")) for key in ("0.1", "0.02")}
    (ax,) = lab.figure("differences", pairs | {"none": ([], [])}).axes
    assert len(marks(ax, "o")) == (2 if some else 0)
    assert "none" not in texts(ax.figure)


def test_recall_and_validation(some):
    (ax,) = lab.figure("recall-by-class", {"INS": rows(some, "ins-0.005"), "missing": []}).axes
    assert len(ax.lines) == bool(some)
    (ax,) = lab.figure("validation-gap", rows(some, "weighted-0.1")).axes
    assert marks(ax, "^") == ([0.9] if some else [])


def test_curves(some):
    (ax,) = lab.figure("ee443-fig4", some).axes
    assert [line.get_label() for line in ax.lines] == (["INS", "ISNS", "ENS 0.999"] if some else [])
    assert all(line.get_xdata().tolist() == [32, 64] for line in ax.lines)  # 4000 images in batches of 128
