"""DeepAugment's policies: operators against exact ones with their draws held, chance as published."""

import colorsys

import numpy as np
import pytest
import torch
from scipy import ndimage

from lt_lib.deepaugment import OPERATORS, POLICIES, DeepAugment, Policy, _cut, _Draw


def rng(seed=0):
    return torch.Generator().manual_seed(seed)


def images(n=4, side=32, bands=3):
    return torch.rand(n, bands, side, side, generator=rng(1))


class Held(_Draw):
    """All uniform draws are one number."""

    def __init__(self, value):
        self.value = value

    def uniform(self, *shape):
        return torch.full(shape, self.value)


def apply(name, x, magnitude, value=None, seed=0):
    draw = _Draw(rng(seed), torch.device("cpu")) if value is None else Held(value)
    return OPERATORS[name](x, torch.full((len(x),), magnitude), draw)


def close(a, b, atol=1e-5):
    return torch.allclose(a, b, atol=atol)


# --- operators


@pytest.mark.parametrize("name", OPERATORS)
def test_every_operator_changes_images_of_any_size_and_bands(name):
    for x in (images(), torch.rand(3, 3, 20, 27, generator=rng(2))):
        found = apply(name, x, 0.6)
        assert found.shape == x.shape and found.isfinite().all() and not close(found, x)
    if name != "add-to-hue-and-saturation":
        assert apply(name, images(2, 16, 5), 0.6).shape == (2, 5, 16, 16)


def test_gamma_and_invert_are_what_they_say():
    x = images()
    assert close(apply("gamma-contrast", x, 0.8), x**1.4)
    assert torch.equal(apply("invert", x, 0.024), 1 - x)


@pytest.mark.parametrize(("name", "axis"), [("horizontal-flip", 3), ("vertical-flip", 2)])
def test_the_magnitude_of_a_flip_is_its_probability(name, axis):
    x = images(1, 4).expand(1000, -1, -1, -1)
    found = apply(name, x, 0.3)
    flipped = torch.tensor([torch.equal(image, x[0].flip(axis - 1)) for image in found])
    assert torch.equal(found[~flipped], x[~flipped]) and 250 < int(flipped.sum()) < 350


@pytest.mark.parametrize(("name", "axis"), [("translate-x", 3), ("translate-y", 2)])
def test_translations_are_whole_pixels_and_leave_black(name, axis):
    x = images()
    for value, pixels in ((0.0, -8), (0.25, -4), (0.5, 0), (0.9, 6)):  # .25 of 32 pixels at the most
        found, want = apply(name, x, 0.25, value), torch.zeros_like(x)
        kept = 32 - abs(pixels)
        want.narrow(axis, max(-pixels, 0), kept).copy_(x.narrow(axis, max(pixels, 0), kept))
        assert close(found, want)


def test_rotation_by_right_angles_is_exact():
    x = images()
    assert close(apply("rotate", x, 0.5, 0.0), x.rot90(-1, (2, 3)))
    assert close(apply("rotate", x, 1.0, 0.0), x.flip(2, 3), 1e-4) and close(apply("rotate", x, 1.0, 0.5), x)


def test_shear_moves_rows_and_brings_them_closer():
    """scikit-image's matrix: x' = x - sin(a) y, y' = cos(a) y about the centre; a ramp follows exactly."""
    at = torch.arange(32.0) - 15.5
    ramp = (0.5 + 0.01 * at).expand(1, 1, 32, 32) + 0.004 * at[:, None]
    angle = torch.tensor(-0.5 * 90 * torch.pi / 180)
    want = 0.5 + 0.01 * (at + angle.tan() * at[:, None]) + 0.004 * at[:, None] / angle.cos()
    found = apply("shear", ramp, 0.5, 0.0)[0, 0]
    assert close(found[12:20, 10:22], want[12:20, 10:22])


def test_a_crop_without_cuts_is_the_image_and_one_pixel_is_always_left():
    x = images()
    assert close(apply("crop", x, 0.9, 0.0), x)
    for seed in range(20):
        before, left = _cut(torch.full((200,), 0.952), 32, _Draw(rng(seed), torch.device("cpu")))
        assert left.min() == 1 and before.min() >= 0 and (before + left).max() <= 32
        assert before.max() <= 31 and left.max() > 20
    one = apply("crop", x, 1.0, 0.999)  # all that may be cut, is
    assert close(one, one[:, :, :1, :1].expand_as(one))


def test_a_crop_enlarges_what_it_leaves():
    x = images(1, 8)
    want = torch.nn.functional.interpolate(x[:, :, 2:6, 2:6], (8, 8), mode="bilinear", align_corners=False)
    assert close(apply("crop", x, 0.25, 0.999), want)


def test_emboss_is_a_mixture_of_the_image_and_its_kernel():
    x, strength, share = images(2), 20 * 0.06 * 0.5, 0.5
    effect = np.array([[-1 - strength, -strength, 0], [-strength, 1, strength], [0, strength, 1 + strength]])
    want = [[ndimage.correlate(band, effect, mode="mirror") for band in image.numpy()] for image in x]
    want = (1 - share) * x + share * torch.tensor(np.array(want), dtype=torch.float32)
    assert close(apply("emboss", x, 0.06, 0.5), want)


def test_blur_is_gaussian_away_from_the_border():
    x = images(1, 64)
    sigma = 25 / 32 * 0.1 * 0.5 * 64
    want = ndimage.gaussian_filter(x[0, 0].numpy(), sigma, truncate=8)
    found = apply("gaussian-blur", x, 0.1, 0.5)[0, 0]
    assert close(found[24:40, 24:40], torch.tensor(want)[24:40, 24:40], 1e-3)
    white = torch.ones(2, 1, 32, 32)
    assert close(apply("gaussian-blur", white, 0.9), white), "the border stays as bright"


def test_hue_and_saturation_are_those_of_hsv():
    x = torch.cat([images(1, 8), torch.full((1, 3, 8, 8), 0.4)])
    for value in (0.0, 0.3, 0.9):
        most = int(45 * 0.8)
        shift = (int(value * (2 * most + 1)) - most) / 255
        found = apply("add-to-hue-and-saturation", x, 0.8, value)
        for i, row, column in ((0, 0, 0), (0, 3, 5), (0, 7, 7), (1, 0, 0)):
            h, s, v = colorsys.rgb_to_hsv(*x[i, :, row, column].tolist())
            want = colorsys.hsv_to_rgb((h + shift) % 1, min(max(s + shift, 0), 1), v)
            assert found[i, :, row, column].tolist() == pytest.approx(want, abs=1e-5)
    assert torch.equal(apply("add-to-hue-and-saturation", images(1, 8, 4), 0.8), images(1, 8, 4))


def test_brighten_adds_whole_levels_in_half_of_the_images_in_each_channel_apart():
    x = torch.full((600, 3, 2, 2), 0.5)
    levels = (apply("brighten", x, 0.5) - x) * 255
    assert close(levels, levels.round(), 1e-3) and levels.abs().max() == pytest.approx(20, abs=1e-3)
    alike = (levels.amax((1, 2, 3)) - levels.amin((1, 2, 3))) < 1e-3
    assert 250 < int(alike.sum()) < 350


def test_noise_and_dropout_have_the_sizes_asked():
    x = torch.full((400, 3, 16, 16), 0.5)
    spread = (apply("additive-gaussian-noise", x, 0.1) - x).flatten(1).std(1)
    assert spread.max() < 0.11 and float(spread.mean()) == pytest.approx(0.05, rel=0.1)
    black = (apply("dropout", x, 0.2) == 0).float().flatten(1).mean(1)
    assert black.max() < 0.27 and float(black.mean()) == pytest.approx(0.105, rel=0.1)


def test_coarse_operators_work_in_blocks():
    x = torch.ones(100, 3, 32, 32)
    black = apply("coarse-dropout", x, 0.1) == 0  # so small a magnitude leaves at most 9 blocks along a side
    changes = (black[:, :, :, 1:] != black[:, :, :, :-1]).any(2).sum(2)
    assert changes.max() <= 8 and 0.03 < float(black.float().mean()) < 0.15
    salted = apply("coarse-salt-pepper", torch.full((100, 3, 32, 32), 0.123), 0.017)
    noisy = (salted != 0.123).all(1)
    assert torch.equal(noisy, noisy[:, ::8, ::8].repeat_interleave(8, 1).repeat_interleave(8, 2))
    assert 0.15 < float(noisy.float().mean()) < 0.25
    values = salted[:, 0][noisy]
    assert float(((values < 0.1) | (values > 0.9)).float().mean()) == pytest.approx(0.41, abs=0.03)


def test_fog_is_bright_dense_and_smooth_and_clouds_leave_some_of_the_picture():
    x = torch.zeros(200, 3, 32, 32)
    fog, clouds = apply("fog", x, 0.5), apply("clouds", x, 0.5)
    assert 0.3 < float(fog.mean()) < 0.75 and fog.flatten(1).mean(1).min() > 0.15
    assert float((fog[..., 1:] - fog[..., :-1]).abs().mean()) < 0.02
    assert (clouds == 0).any() and clouds.flatten(1).std(1).mean() > fog.flatten(1).std(1).mean()
    assert torch.equal(fog[:, 0], fog[:, 2]), "grey"


# --- policies


def test_the_list_is_the_public_one():
    assert len(POLICIES) == 30 and len(OPERATORS) == 19
    assert POLICIES[:2] == (
        ("horizontal-flip", 0.946, "gamma-contrast", 0.849, 0.968),
        ("crop", 0.897, "invert", 0.024, 0.619),
    )
    assert {name for p in POLICIES for name in (p.first, p.second)} == set(OPERATORS)


def test_a_batch_stays_in_range_and_a_seed_repeats_it():
    method, x, generator = DeepAugment(), images(200), rng()
    before = x.clone()
    first, second = method(x, generator), method(x, generator)
    assert first.min() >= 0 and first.max() <= 1 and torch.equal(x, before)
    assert torch.equal(first, method(x, rng())) and not torch.equal(first, second)
    for dtype in (torch.bfloat16, torch.float64):
        given = images(40).to(dtype) / 3
        found = method(given, rng())
        assert found.dtype == dtype
        assert 2 < sum(torch.equal(a, b) for a, b in zip(found, given, strict=True)) < 20, (
            "spared ones are exact"
        )
    assert method(x[:0], rng()).shape == (0, 3, 32, 32)


def test_the_chance_is_that_of_an_image_to_be_augmented():
    x = images(1000, 8)
    same = (DeepAugment()(x, rng()) == x).flatten(1).all(1)
    assert 160 < int(same.sum()) < 260
    assert torch.equal(DeepAugment(chance=0)(x, rng()), x)


def test_both_operators_follow_each_other():
    x = images(20, 8)
    policy = Policy("invert", 0.0, "gamma-contrast", 0.8, 1.0)
    assert close(DeepAugment((policy,), 1, "search")(x, rng()), (1 - x) ** 1.4)


def test_the_search_applies_a_policy_to_its_portion_and_the_generator_to_all():
    x = images(1000, 8) * 0.5 + 0.25
    policy = (Policy("invert", 0.0, "horizontal-flip", 0.0, 0.3),)
    searched = DeepAugment(policy, 1, "search")(x, rng())
    inverted = torch.isclose(searched, 1 - x).flatten(1).all(1)
    assert 250 < int(inverted.sum()) < 350 and torch.equal(searched[~inverted], x[~inverted])
    generated = DeepAugment(policy, 1)(x, rng())
    assert (generated != x).flatten(1).any(1).all()


def test_the_generator_moves_by_up_to_4_and_cuts_a_square_of_6_out():
    x = torch.full((500, 3, 32, 32), 0.5)
    policy = (Policy("invert", 0.0, "horizontal-flip", 0.0, 1.0),)
    found = DeepAugment(policy, 1)(x, rng())[:, 0]
    black = found == 0
    top, bottom = (black[:, rows].float().mean((1, 2)) > 0.8 for rows in (slice(0, 1), slice(31, 32)))
    assert top.float().mean() == pytest.approx(0.5, abs=0.1), "by 4, 3, 2 or 1 of 8 draws"
    assert bottom.float().mean() == pytest.approx(3 / 8, abs=0.1), "the last position is never drawn"
    still = ~(black[:, 0].all(1) | black[:, 31].all(1) | black[:, :, 0].all(1) | black[:, :, 31].all(1))
    assert still.any() and set(black[still].flatten(1).sum(1).tolist()) <= {
        a * b for a in range(3, 7) for b in range(3, 7)
    }
    assert 36 in black[still].flatten(1).sum(1).tolist()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"policies": ()}, "empty"),
        ({"policies": (Policy("solarize", 0.1, "invert", 0.1, 1.0),)}, "unknown operator"),
        ({"policies": (Policy("invert", 1.1, "invert", 0.1, 1.0),)}, "magnitudes"),
        ({"chance": 1.5}, "chance"),
        ({"variant": "paper"}, "variant"),
    ],
)
def test_requests_that_cannot_be_are_refused(options, words):
    with pytest.raises(ValueError, match=words):
        DeepAugment(**options)
    with pytest.raises(ValueError, match="divide 8-bit images"):
        DeepAugment()(images() * 255, rng())


def test_images_of_another_order_in_memory_are_augmented_alike():
    x = images(64)
    other = x.contiguous(memory_format=torch.channels_last)
    for seed in range(5):
        assert torch.equal(DeepAugment()(x, rng(seed)), DeepAugment()(other, rng(seed)))
    for name in OPERATORS:
        assert torch.equal(apply(name, x, 0.5), apply(name, other, 0.5)), name
