"""The bay: its two halves, mixtures by hand, and means of labels."""

import numpy as np
import pytest
import torch

from lt_lib.works.sign import bay


@pytest.mark.parametrize("bend", [0, 0.7, 1.5])
def test_half_of_the_square_is_water(bend):
    points = bay.scatter(100_000, seed=3)
    assert points.abs().max() <= 1
    assert (bay.depth(points, bend) > 0).double().mean().item() == pytest.approx(0.5, abs=0.006)
    x = np.linspace(-1, 1, 5)
    on_the_coast = torch.tensor(np.stack([x, bay.coast(x, bend)], 1))
    assert bay.depth(on_the_coast, bend).abs().max() < 1e-15


def test_a_mixture_is_its_point_and_the_next_in_shares():
    m = bay.mixture(1.0, 0.8, n=5, seed=7)
    assert m.partners.tolist() == [4, 0, 1, 2, 3]
    assert torch.allclose(m.mixed, 0.8 * m.points + 0.2 * m.points[m.partners])
    assert torch.equal(m.kinds == 1, bay.depth(m.points, 1.0) > 0)
    wet = m.kinds.double()
    water = 0.8 * wet + 0.2 * wet[m.partners]
    assert torch.allclose(m.labels, torch.stack([1 - water, water], 1))


def test_a_mean_label_is_that_of_its_cell_x_first():
    mixed = torch.tensor([[-0.5, 0.5], [-0.4, 0.6], [0.5, 0.5], [-0.5, -0.5], [0.5, -0.5]])
    water = torch.tensor([1.0, 0.5, 0.2, 0.0, 0.4])
    mean = bay.mean_label(mixed, torch.stack([1 - water, water], 1), cells=2)
    assert mean == pytest.approx(np.array([[0.0, 0.75], [0.4, 0.2]]))


def test_the_truth_is_never_wrong_and_its_opposite_always():
    middles = np.linspace(-0.95, 0.95, 20)
    truth = np.repeat((middles > 0).astype(float)[None], 20, axis=0)
    wrong, sure = bay.mean_wrong(truth, bend=0)
    assert wrong == 0 and 0.9 < sure <= 1.01
    assert bay.mean_wrong(1 - truth, bend=0)[0] == 1
    flat, doubt = bay.mean_wrong(np.full((20, 20), 0.4), bend=0)
    assert flat == pytest.approx(0.5, abs=0.01) and doubt == pytest.approx(0.6)
