"""Figures on mixup: what is ringed is wrong, what is drawn is what was counted."""

import matplotlib

matplotlib.use("Agg")

import numpy as np
import pytest

from lt_lib import lab


def test_a_ring_is_around_each_point_on_the_wrong_side_and_around_no_other():
    points = np.array([[-0.8, -0.5], [0.8, -0.5], [0.0, 0.9]])
    mixed = np.array([[0.0, -0.5], [0.9, -0.2], [0.0, 0.6]])  # in the bay, on land, in the bay
    fig = lab.figure(
        "sign-fig1", points, np.array([0, 0, 1]), np.array([1, 2, 0]), mixed, lambda x: x**2 - 0.7
    )
    (ax,) = fig.axes
    lines = {line.get_label(): line for line in ax.lines}
    assert lines["wrong side"].get_xydata().tolist() == [[0.0, -0.5]]
    assert lines["land"].get_xydata().tolist() == points[:2].tolist()
    assert lines["labelled water"].get_xydata().tolist() == mixed[2:].tolist()
    dashed = [line.get_xydata().tolist() for line in ax.lines if line.get_linestyle() == "--"]
    assert dashed == [[points[i].tolist(), points[j].tolist()] for i, j in ((0, 1), (1, 2), (2, 0))]


def test_rates_are_drawn_as_counted_and_panels_share_their_scale():
    shares = np.array([0.5, 0.75, 1])
    panels = {"like": {"bend 0": 0 * shares, "bend 1": 1 - shares}, "unlike": {"bend 0": (1 - shares) / 2}}
    like, unlike = lab.figure("wrong-label-rates", shares, panels).axes
    assert like.lines[1].get_ydata().tolist() == [0.5, 0.25, 0]
    assert like.get_ylim() == unlike.get_ylim() and unlike.get_title() == "unlike"


def test_a_map_is_the_right_way_up_and_its_half_is_dashed():
    mean = np.repeat(np.linspace(0, 1, 11)[None], 11, axis=0)  # land below, water above: grows with y
    fig = lab.figure("mean-labels", {0: mean}, lambda x, bend: bend * x)
    ax = fig.axes[0]
    shown = ax.images[0].get_array()
    assert ax.images[0].origin == "lower" and shown[0].max() == 0 and shown[-1].min() == 1
    half = ax.collections[0].get_paths()[0].vertices
    assert np.abs(half[:, 1]).max() == pytest.approx(0, abs=1e-9)
    assert ax.lines[0].get_ydata().tolist() == [0] * 100


def test_pictures_stand_in_rows_under_their_shares():
    rows = {"like": np.arange(8.0).reshape(2, 2, 2), "unlike": np.ones((2, 2, 2))}
    axes = np.array(lab.figure("mixed-pictures", rows, [1, 0.5]).axes).reshape(2, 2)
    assert [ax.get_ylabel() for ax in axes[:, 0]] == ["like", "unlike"]
    assert [ax.get_title() for ax in axes[0]] == [r"$\lambda$ = 1", r"$\lambda$ = 0.5"]
    assert axes[0, 1].images[0].get_array().tolist() == rows["like"][1].tolist()
    assert axes[0, 0].images[0].get_clim() == axes[0, 1].images[0].get_clim() == (0, 7)
