"""Classical augmentation: each operation against an exact one, chance from the generator only."""

import math

import pytest
import torch

from lt_lib.augment import Classical, warp


def rng(seed=0):
    return torch.Generator().manual_seed(seed)


def images(n=64, h=12, w=16):
    return torch.rand(n, 3, h, w, generator=rng(1))


def close(a, b):
    return torch.allclose(a, b, atol=1e-5)


def test_flips_alone_give_the_four_mirror_images():
    x = images()
    found = Classical(shift=0, rotation=0)(x, rng())
    kinds = {
        name: torch.stack([torch.tensor(close(a, b)) for a, b in zip(found, flipped, strict=True)])
        for name, flipped in (("-", x), ("h", x.flip(3)), ("v", x.flip(2)), ("hv", x.flip(2, 3)))
    }
    assert sum(kinds.values()).eq(1).all(), "each image is one of the four"
    assert all(5 <= hits.sum() <= 30 for hits in kinds.values()), "each about a quarter of 64"
    for name, flips in (("h", {"flip_v": False}), ("v", {"flip_h": False})):
        only = Classical(shift=0, rotation=0, **flips)(x, rng())
        flipped = {"h": x.flip(3), "v": x.flip(2)}[name]
        assert all(close(a, b) or close(a, c) for a, b, c in zip(only, x, flipped, strict=True))
    assert close(Classical(False, False, 0, 0)(x, rng()), x)


def test_shifts_reach_their_share_of_either_side_and_no_further():
    """A lone pixel tells where it went: the centre of mass of what is left of it."""
    x = torch.zeros(400, 1, 20, 40)
    x[:, :, 10, 20] = 1
    found = Classical(False, False, shift=0.1, rotation=0)(x, rng())
    mass = found.sum((1, 2, 3))
    right = (found.sum((1, 2)) * torch.arange(40)).sum(1) / mass - 20
    down = (found.sum((1, 3)) * torch.arange(20)).sum(1) / mass - 10
    for moved, most in ((right, 4), (down, 2)):
        assert moved.abs().max() <= most + 1e-3 and moved.min() < -0.9 * most and moved.max() > 0.9 * most
        assert float(moved.std()) == pytest.approx(most / math.sqrt(3), rel=0.1)


def test_rotation_turns_pixels_and_not_the_units_of_the_sides():
    """In a wide image a pixel 8 to the right of the centre stays 8 away from it, at most 30 degrees off."""
    x = torch.zeros(200, 1, 21, 41)
    x[:, :, 10, 28] = 1
    found = Classical(False, False, shift=0, rotation=30)(x, rng())
    mass = found.sum((1, 2, 3))
    right = (found.sum((1, 2)) * torch.arange(41)).sum(1) / mass - 20
    down = (found.sum((1, 3)) * torch.arange(21)).sum(1) / mass - 10
    assert torch.allclose(torch.hypot(right, down), torch.tensor(8.0), atol=0.15)
    angles = torch.rad2deg(torch.atan2(down, right))
    assert angles.abs().max() < 31 and angles.min() < -25 and angles.max() > 25


def test_padding_says_what_lies_beyond_the_border():
    x = torch.ones(50, 1, 16, 16)
    assert Classical()(x, rng()).min() == 0
    for padding in ("border", "reflection"):
        assert close(Classical(padding=padding)(x, rng()), x)


def test_a_seed_repeats_and_each_image_and_call_has_its_own():
    method, generator = Classical(), rng()
    x = images(1).expand(8, -1, -1, -1)
    first, second = method(x, generator), method(x, generator)
    assert torch.equal(first, method(x, rng())) and not torch.equal(first, second)
    assert len({float(image.sum()) for image in first}) == 8


def test_what_is_switched_off_leaves_the_other_draws_as_they_were():
    x = images()
    assert close(Classical(rotation=0)(x, rng()), Classical(rotation=1e-9)(x, rng()))
    assert close(Classical(flip_v=False, shift=0)(x, rng()), Classical(flip_v=False, shift=1e-9)(x, rng()))


def test_dtype_and_empty_batches_are_kept():
    for dtype in (torch.float16, torch.bfloat16, torch.float64):
        assert Classical()(images(2).to(dtype), rng()).dtype == dtype
    assert Classical()(images()[:0], rng()).shape == (0, 3, 12, 16)


def test_standardised_images_are_welcome():
    x = (images() - 0.5) / 0.2
    assert torch.equal(Classical()(x, rng()), Classical()(x, rng()))


def test_warping_by_whole_pixels_is_a_roll():
    x = images(2)
    right = torch.tensor([[1.0, 0, -3], [0, 1, 0]]).expand(2, 2, 3)
    found = warp(x, right)
    assert close(found[..., 3:], x[..., :-3]) and close(found[..., :3], torch.zeros(2, 3, 12, 3))


@pytest.mark.parametrize(
    ("options", "words"),
    [({"shift": -0.1}, "shift"), ({"rotation": math.inf}, "rotation"), ({"padding": "wrap"}, "padding")],
)
def test_options_that_cannot_be_are_refused(options, words):
    with pytest.raises(ValueError, match=words):
        Classical(**options)
    with pytest.raises(ValueError, match=r"\(N, C, H, W\)"):
        Classical()(torch.ones(3, 4, 4), rng())
