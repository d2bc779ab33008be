"""Figures that several works share."""

import matplotlib

matplotlib.use("Agg")

import numpy as np
import pandas as pd
import pytest

from lt_lib import lab


def test_every_judged_share_is_drawn_once():
    lines = pd.DataFrame(
        {
            "work": ["ee443", "ee443", "sign", "sign", "sign"],
            "printed": ["0.7", "0.8", "0.6", "212", "0.5"],
            "ours": [0.71, 0.75, 0.61, 200.0, 0.5],
            "half": [0.02, 0.01, None, 9.0, 0.1],
            "verdict": ["agrees (stand-in)", "differs", "one run: no interval", "agrees", "not comparable"],
        }
    )
    (ax,) = lab.figure("printed-against-ours", lines).axes
    marks = {line.get_label(): line for line in ax.lines if not line.get_label().startswith("_")}
    drawn = {name: (line.get_xdata().tolist(), line.get_ydata().tolist()) for name, line in marks.items()}
    assert drawn == {
        "ee443, by a stand-in network": ([0.7], [0.71]),
        "ee443": ([0.8], [0.75]),
        "sign": ([0.6], [0.61]),
    }
    assert marks["ee443"].get_markerfacecolor() != "white"


def test_calibrated_scores_lie_on_the_diagonal_of_axes_named_as_asked():
    rng = np.random.default_rng(0)
    p = rng.random(20_000)
    y = rng.random(20_000) < p
    (ax,) = lab.figure("reliability", {"fair": (y, p)}, announced="said", happened="was").axes
    (fair,) = (line for line in ax.lines if line.get_label() == "fair")
    x, share = fair.get_data()
    assert len(x) == 10 and share == pytest.approx(x, abs=0.04)
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("said", "was")
