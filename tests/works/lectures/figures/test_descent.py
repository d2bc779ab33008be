"""Figures of the chapter on descent."""

import matplotlib

matplotlib.use("Agg")

import numpy as np
import pytest
import torch
from helpers import texts

from lt_lib import lab
from lt_lib.lab.read.estimates import estimate


def test_the_guaranteed_parabola_peaks_at_c_and_ends_at_2c():
    shares = np.linspace(0, 4, 81)
    (ax,) = lab.figure(
        "descent-bound", torch.from_numpy(shares), {"a place": torch.from_numpy(2 * shares)}
    ).axes
    curves = {line.get_label(): line.get_ydata() for line in ax.lines}
    assert shares[curves["guaranteed"].argmax()] == pytest.approx(1) and curves[
        "guaranteed"
    ].max() == pytest.approx(0.5)
    assert (
        curves["guaranteed"][shares > 2.01].max()
        < 0
        < curves["guaranteed"][(shares > 0.01) & (shares < 1.99)].min()
    )
    assert curves["a place"] == pytest.approx(2 * shares)


def test_variance_has_a_line_and_marks_for_each_way_to_draw():
    measured, expected = {"with": [4.1, 0.9], "without": [4.0, 0.5]}, {"with": [4, 1], "without": [4, 0.4]}
    (ax,) = lab.figure("batch-variance", [1, 4], measured, expected).axes
    assert sorted(tuple(line.get_ydata()) for line in ax.lines) == sorted(
        map(tuple, [*measured.values(), *expected.values()])
    )


def test_the_floor_is_drawn_as_a_mean_within_its_range():
    gaps = torch.tensor([[1.0, 3.0], [0.5, 0.7]])
    (ax,) = lab.figure("noise-floor", torch.tensor([0.0, 1.0]), {"one": gaps}).axes
    assert ax.lines[0].get_ydata() == pytest.approx([2.0, 0.6])
    assert ax.get_yscale() == "log" and len(ax.collections) == 1


def test_walks_end_where_they_end():
    walk = np.array([[1.0, 1.0], [0.5, 0.2], [0.1, 0.0]])
    surfaces = {"bowl": (lambda t: t.square().sum(-1), (-1, 1.2), (-1, 1.2), [(0, 0)])}
    (ax,) = lab.figure("trajectories", surfaces, {"bowl": {"GD": walk, "Adam": walk / 2}}).axes
    ends = [tuple(line.get_xydata()[-1]) for line in ax.lines]
    assert (0.1, 0.0) in ends and (0.05, 0.0) in ends


def test_curves_gaps_and_rates_show_what_they_are_given():
    loss, error = np.array([[2.0, 4.0, 1e9], [0.1, 0.3, 1e9]]), np.array([[0.5, 0.7, 0.6], [0.1, 0.2, 0.3]])
    fig = lab.figure("optimizer-curves", [0, 1], {"set": {"SGD": (loss, error)}}, "foot")
    assert [ax.lines[0].get_ydata().tolist() for ax in fig.axes] == [
        [4.0, 0.3],
        pytest.approx([0.6, 0.2]),
    ]  # a median, then a mean
    assert "foot" in texts(fig)

    fig = lab.figure("optimizer-gaps", {"set": {"Adam": estimate([0.01, 0.03])}}, "foot")
    assert fig.axes[0].containers[0].lines[0].get_xdata() == pytest.approx([0.02])
    fig.canvas.draw()
    assert "+5.0" in [t.get_text() for t in fig.axes[0].get_xticklabels()]

    (ax,) = lab.figure("untuned", {"Adam": (np.array([0.5, 0.2, 0.3]), np.array([1.0, 0.001, np.nan]))}).axes
    filled = [line.get_xdata().tolist() for line in ax.lines if line.get_linestyle() == "None"]
    assert filled == [[1]]  # a run that broke down has learned nothing
