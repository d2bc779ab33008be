"""Figures on lesions: curves, thresholds and pictures are those that were given."""

import matplotlib

matplotlib.use("Agg")

import numpy as np
import pytest

from lt_lib import lab


def test_a_roc_curve_counts_who_is_found_and_who_is_called():
    labels, scores = np.array([1, 0, 1, 0]), np.array([0.9, 0.8, 0.7, 0.1])
    (ax,) = lab.figure("roc-curves", {"one": [(labels, scores)], "two": [(labels, -scores)] * 3}).axes
    coin, one, *two = ax.lines
    assert coin.get_xydata().tolist() == [[0, 0], [1, 1]]
    assert one.get_xydata().tolist() == [[0, 0], [0, 0.5], [0.5, 0.5], [0.5, 1], [1, 1]]
    assert len(two) == 3 and [text.get_text() for text in ax.figure.legends[0].texts] == ["one", "two"]


def test_needed_and_printed_gains_share_a_colour():
    r = np.array([0, 0.5, 1])
    (ax,) = lab.figure("gain-by-correlation", r, {"test": 1 - r}, {"test": 0.2}).axes
    needed, printed = ax.lines
    assert needed.get_ydata().tolist() == [1, 0.5, 0] and set(printed.get_ydata()) == {0.2}
    assert needed.get_color() == printed.get_color()


def test_lesions_stand_above_what_became_of_them():
    before = np.random.default_rng(0).random((2, 3, 4, 4))
    after, inside = before.copy(), np.zeros((2, 4, 4), bool)
    after[:, 0, 1, 2], inside[:, 1:3, 1:3] = before[:, 0, 1, 2] / 2, True
    axes = np.array(lab.figure("sign-fig4", before, after, ["mole", "melanoma"], inside).axes).reshape(3, 2)
    assert [ax.get_title() for ax in axes[0]] == ["mole", "melanoma"]
    assert [ax.get_ylabel() for ax in axes[:, 0]] == ["before", "after", "change"]
    for row, images in zip(axes, (before, after)):
        assert np.allclose(row[1].images[0].get_array(), images[1].transpose(1, 2, 0))
    moved = axes[2, 0].images[0].get_array()
    assert np.count_nonzero(moved) == 1 and moved[1, 2] == pytest.approx(before[0, 0, 1, 2] / 2)
