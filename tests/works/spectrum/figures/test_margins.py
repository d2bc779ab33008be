"""Figures of the chapter on margins and averages: what is drawn is what was given."""

import numpy as np
import pytest
import torch
from helpers import record

from lt_lib.lab import figure
from lt_lib.works.spectrum.audit import table1_row


def lines(fig):
    return {line.get_label(): line.get_xydata() for line in fig.axes[0].lines}


def test_a_border_is_a_ray_at_its_angle():
    points, labels = torch.tensor([[-1.0, 1.0], [1.0, 1.0], [1.0, 0.5]]), torch.tensor([0, 1, 1])
    drawn = lines(
        figure("borders", points, labels, {"steep": 80.0, "flat": 20.0}, unseen=torch.tensor([[0.5, 0.5]]))
    )
    for label, angle in (("steep", 80), ("flat", 20)):
        start, end = drawn[label]
        assert (start == 0).all() and np.degrees(np.arctan2(end[1], end[0])) == pytest.approx(angle)
    assert (len(drawn["frequent class"]), len(drawn["rare class"]), len(drawn["rare class, unseen"])) == (
        1,
        2,
        1,
    )


def test_the_star_is_the_mean_of_the_snapshots():
    path = torch.tensor([[2.0, 1.0], [1.0, -1.0], [-1.0, 3.0], [0.0, -5.0]])
    drawn = lines(figure("descent", path, path[1:], (1.0, 5.0)))
    assert drawn["their average"].ravel() == pytest.approx([0.0, -1.0])
    assert drawn["minimum"].ravel() == pytest.approx([0, 0])
    assert len(drawn["snapshots"]) == 3 and len(drawn["walk"]) == 4


def test_marks_of_the_networks_bear_the_numbers_of_their_rows():
    """Whatever rows the file has beside the printed ones, such as the floor."""
    made = [
        record(key, 0, 0.5, "spectrum-table1", variant="as-printed", metrics={"balanced_accuracy": b})
        for key, b in (("floor", 0.7), ("r50-ce", 0.41), ("b4-gan-swa-clr-ldam", 0.49))
    ]
    published, ours = figure("spectrum-fig2b", made).axes
    for text in published.texts:
        assert text.xy == pytest.approx(printed(text.get_text()))
    assert [text.get_text() for text in published.texts] == list("123456789")
    assert {text.get_text(): text.xy for text in ours.texts} == {"1": (0.5, 0.41), "9": (0.5, 0.49)}


def printed(number):
    row = table1_row(f"T1.{number}")
    return float(row.accuracy), float(row.balanced)
