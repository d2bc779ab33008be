"""What simpler operations explain of a change."""

import pytest
import torch
import torch.nn.functional as F

from lt_lib.works.sign.changes import explained, one_filter


def images(seed=0):
    return torch.rand(6, 3, 9, 9, generator=torch.Generator().manual_seed(seed))


def test_a_change_explains_itself_a_right_angle_nothing_and_the_opposite_less():
    added = torch.zeros(1, 3, 2, 2)
    added[0, 0, 0, 0] = 2
    assert explained(added, added) == 1 and explained(added, 0 * added) == 0
    assert explained(added, added / 2) == pytest.approx(0.75)
    assert explained(added, -added) < 0


def test_what_a_filter_did_is_explained_by_one():
    x = images()
    weight = torch.randn(3, 3, 5, 5, generator=torch.Generator().manual_seed(1))
    added = F.conv2d(F.pad(x, [2] * 4, mode="replicate"), weight) + 0.3
    assert torch.allclose(one_filter(x, added), added, atol=1e-3)
    assert explained(added, one_filter(x, added, side=3)) < 0.9


def test_grey_images_leave_the_filter_open_but_not_what_it_does():
    x = images()[:, :1].expand(-1, 3, -1, -1)
    added = 0.5 * x - 0.2
    assert torch.allclose(one_filter(x, added), added, atol=1e-3)


def test_chance_is_explained_by_hardly_more_than_the_weights_fit():
    x, added = images(0), images(1) - 0.5
    share = explained(added, one_filter(x, added))
    assert 0 < share < 0.5
