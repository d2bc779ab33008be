"""Figures of the chapter on judging a classifier."""

import matplotlib

matplotlib.use("Agg")

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, roc_auc_score

from lt_lib import lab
from lt_lib.lab.read.estimates import estimate
from lt_lib.metrics import binary_report
from lt_lib.works.lectures.figures.judging import step_curves


@pytest.fixture(scope="module")
def scored():
    rng = np.random.default_rng(0)
    y = np.arange(200) < 60
    return y, (rng.normal(size=200) + 1.5 * y).round(1)  # ties


def by_label(ax):
    return {line.get_label(): line for line in ax.lines}


def test_the_curves_step_where_the_scores_do(scored):
    y, p = scored
    grid = np.linspace(0, 1, 8401)  # holds every k / 60 and k / 140
    tpr, precision = step_curves(y, p, grid)
    for threshold in np.unique(p):
        n = binary_report(
            tp=int((y & (p >= threshold)).sum()),
            fn=int((y & (p < threshold)).sum()),
            fp=int((~y & (p >= threshold)).sum()),
            tn=int((~y & (p < threshold)).sum()),
        )
        assert tpr[np.searchsorted(grid, n["fpr"] - 1e-9)] >= n["tpr"]
        assert precision[np.searchsorted(grid, n["tpr"] - 1e-9)] >= n["precision"] - 1e-12
    ties = sum(((p[y] == v).sum() * (p[~y] == v).sum()) for v in np.unique(p)) / (60 * 140)
    assert tpr.mean() == pytest.approx(
        roc_auc_score(y, p) - ties / 2, abs=1e-3
    )  # a step, where the area has a slope
    assert precision[1:].mean() == pytest.approx(average_precision_score(y, p), abs=1e-3)


def test_bands_hold_the_curve_and_the_figure_is_narrow(scored):
    drawn = lab.figure("roc-pr", {"model": scored}, resamples=60, zoom=1)
    assert drawn.get_size_inches()[0] <= 5.6
    for ax in drawn.axes:
        curve = by_label(ax)["model"].get_ydata()
        band = ax.collections[0].get_paths()[0].vertices
        assert band[:, 1].min() <= np.nanmin(curve) and band[:, 1].max() >= 0.99
        assert ax.get_xlim()[1] - ax.get_xlim()[0] == pytest.approx(1, abs=0.02)


def test_a_cost_curve_is_the_mean_over_seeds():
    at = np.linspace(0.005, 0.995, 50)
    values = np.array([at, 3 * at])
    ax = lab.figure("cost-curves", at, {"model": values}, 1 / 11).axes[0]
    assert by_label(ax)["model"].get_ydata() == pytest.approx(2 * at)
    assert sorted(line.get_xdata()[0] for line in ax.lines[1:]) == pytest.approx([1 / 11, 0.5])


def test_scores_at_a_prevalence_are_those_of_the_counts():
    ax = lab.figure("prevalence-curves", 0.9, 0.05, {"here": 0.2}).axes[0]
    report = binary_report(tp=180, fn=20, fp=40, tn=760)  # 1000 people, a fifth ill
    for label, name in {
        "precision (PPV)": "precision",
        "F1": "f1",
        "MCC": "mcc",
        "accuracy": "accuracy",
    }.items():
        percent, values = by_label(ax)[label].get_data()
        assert np.interp(20, percent, values) == pytest.approx(report[name], abs=1e-3)


def test_two_tests_have_a_mark_each_with_its_interval():
    found = {"accuracy": {"plain": {"one": estimate([0.5, 0.7]), "other": estimate([0.8])}}}
    drawn = lab.figure("two-tests", found)
    marks = [container.lines[0].get_xdata()[0] for container in drawn.axes[0].containers]
    assert marks == pytest.approx([0.6, 0.8])
    assert [t.get_text() for t in drawn.legends[0].get_texts()] == ["one", "other"]
