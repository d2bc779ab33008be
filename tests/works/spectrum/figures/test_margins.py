"""Figures of the chapter on margins and averages: what is drawn is what was given."""

import numpy as np
import pytest
import torch

from lt_lib.lab import figure


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
