"""Figures that several works share."""

import matplotlib

matplotlib.use("Agg")

import numpy as np
import pytest

from lt_lib import lab


def test_calibrated_scores_lie_on_the_diagonal_of_axes_named_as_asked():
    rng = np.random.default_rng(0)
    p = rng.random(20_000)
    y = rng.random(20_000) < p
    (ax,) = lab.figure("reliability", {"fair": (y, p)}, announced="said", happened="was").axes
    (fair,) = (line for line in ax.lines if line.get_label() == "fair")
    x, share = fair.get_data()
    assert len(x) == 10 and share == pytest.approx(x, abs=0.04)
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("said", "was")
