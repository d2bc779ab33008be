"""Figures of the chapter on AugMix."""

import matplotlib

matplotlib.use("Agg")

import pytest
from helpers import texts

from lt_lib import lab
from lt_lib.lab.read.estimates import Estimate


def test_costs_stand_at_their_operator_in_the_order_given():
    found = {
        "rotate": {"plain": Estimate(0.01, 0.02, 0.01, 5), "painted": Estimate(0.0, 0.01, 0.01, 5)},
        "equalize": {"plain": Estimate(-0.2, 0.05, 0.01, 5), "painted": Estimate(-0.1, None, None, 1)},
    }
    fig = lab.figure("operator-costs", found, "made up")
    (ax,) = fig.axes
    names = {y: label.get_text() for y, label in zip(ax.get_yticks(), ax.get_yticklabels(), strict=True)}
    assert names == {1: "rotate", 0: "equalize"}
    for way, container in zip(("plain", "painted"), ax.containers, strict=True):
        line, _, (bars,) = container.lines
        assert container.get_label() == way
        for x, y, segment in zip(*line.get_data(), bars.get_segments(), strict=True):
            est = found[names[round(y)]][way]
            assert (x, abs(y - round(y)) < 0.5) == (est.mean, True)
            assert segment[:, 0] == pytest.approx([est.mean - (est.half or 0), est.mean + (est.half or 0)])
    assert "made up" in texts(fig)
