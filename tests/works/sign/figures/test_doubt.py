"""Figures on doubt: the curves are those of the records and formulas they are given."""

import matplotlib

matplotlib.use("Agg")

import numpy as np
import pytest
from helpers import record

from lt_lib import lab
from lt_lib.lab.read.estimates import estimate
from lt_lib.works.sign.doubt import least_of
from lt_lib.works.sign.measures import COVERAGES


@pytest.fixture(autouse=True)
def no_evidence(monkeypatch, tmp_path):
    monkeypatch.setattr("lt_lib.lab.read.evidence.evidence_dir", lambda: tmp_path)


def measured(key, seed, slope):
    risks = {f"risk_at{by}.{c}": sign * slope * c for by, sign in (("", 1), ("_sigma", 2)) for c in COVERAGES}
    return record(key, seed, 0.8, "sign-table2", "laptop", "embedded", metrics=risks)


def line_of(ax, label):
    return next(line for line in ax.lines if line.get_label() == label)


@pytest.mark.parametrize(("by", "times"), [("", 1), ("_sigma", 2)])
def test_a_risk_curve_is_the_mean_of_its_records_and_its_band_their_interval(by, times):
    slopes = (0.001, 0.002, 0.003)
    runs = {"mixup": [measured("mixup-doubt", seed, slope) for seed, slope in enumerate(slopes)]}
    fig = lab.figure("risk-coverage", runs, by=by)
    (ax,) = fig.axes
    x, y = line_of(ax, "mixup").get_data()
    assert x.tolist() == list(COVERAGES) and y == pytest.approx(0.002 * times * x)
    band = ax.collections[0].get_paths()[0].vertices
    whole = estimate(100 * times * slope for slope in slopes)
    assert band[:, 1].max() == pytest.approx(whole.mean + whole.half)
    assert band[:, 1].min() == 0  # no share is below zero
    assert "n = 3" in fig.get_supxlabel()


def test_the_orange_line_follows_the_least_loss():
    margins, sigmas = np.linspace(0, 4, 9), np.linspace(0, 2, 3)
    best = 1 + sigmas
    loss = (margins - best[:, None]) ** 2
    ax = lab.figure("noise-ridge", margins, sigmas, loss, best).axes[0]
    assert ax.lines[0].get_xdata().tolist() == best.tolist()
    assert ax.lines[0].get_ydata().tolist() == sigmas.tolist()


def test_the_smallest_of_n_has_its_range_named_and_its_printed_marks():
    (ax,) = lab.figure("least-of-n", {"SIGN": (26, 0.33)}, 0.44, (0.05, 0.95)).axes
    x, y = line_of(ax, "median").get_data()
    assert y == pytest.approx(least_of(x, 0.5, 0.44))
    assert ax.collections[0].get_label() == "90% of draws"
    diamond = next(line for line in ax.lines if line.get_marker() == "D")
    assert diamond.get_xydata().tolist() == [[26, 0.33]] and ax.texts[0].get_text() == "SIGN"
