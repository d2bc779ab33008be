"""Corruptions: as many pixels as asked, noise of the size asked, drawn anew for each image."""

import pytest
import torch

from lt_lib.corruptions import gaussian_noise, pixels_off


def rng(seed=0):
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("count", [0, 1, 50, 143, 144])
def test_as_many_pixels_as_asked_go_black_in_all_channels(count):
    x = torch.rand(5, 3, 9, 16, generator=rng()) * 0.5 + 0.5
    found = pixels_off(x, count, rng())
    off = found == 0
    assert off.all(1).flatten(1).sum(1).tolist() == [count] * 5
    assert off.any(1).equal(off.all(1)), "a pixel is off in all channels or in none"
    assert torch.equal(found[~off], x[~off]) and (x > 0).all()


def test_each_image_and_call_draws_its_own_pixels_and_a_seed_repeats_them():
    x, generator = torch.ones(2, 1, 32, 32), rng()
    first, second = pixels_off(x, 50, generator), pixels_off(x, 50, generator)
    assert not torch.equal(first[0], first[1]) and not torch.equal(first, second)
    assert torch.equal(first, pixels_off(x, 50, rng()))


def test_every_pixel_is_as_likely():
    share = 1 - pixels_off(torch.ones(20_000, 1, 4, 5), 5, rng()).mean(0)
    assert torch.allclose(share, torch.tensor(0.25), atol=5 * (0.1875 / 20_000) ** 0.5)


def test_noise_has_the_size_asked_on_the_scale_of_8_bits():
    x = torch.full((4, 3, 64, 64), 0.5)
    noise = gaussian_noise(x, 10, rng()) - x
    assert float(noise.std()) * 255 == pytest.approx(10, rel=0.02)
    assert abs(float(noise.mean())) * 255 < 0.2
    assert torch.equal(gaussian_noise(x, 0, rng()), x)


def test_noise_is_clipped_and_of_its_own_for_each_image_and_call():
    generator = rng()
    white = gaussian_noise(torch.ones(2, 1, 32, 32), 10, generator)
    assert white.max() == 1 and 0.4 < float((white == 1).float().mean()) < 0.6
    assert not torch.equal(white[0], white[1])
    assert not torch.equal(white, gaussian_noise(torch.ones(2, 1, 32, 32), 10, generator))
    assert torch.equal(white, gaussian_noise(torch.ones(2, 1, 32, 32), 10, rng()))


def test_dtype_and_empty_batches_are_kept():
    x = torch.ones(2, 3, 8, 8, dtype=torch.bfloat16)
    assert pixels_off(x, 3, rng()).dtype == gaussian_noise(x, 10, rng()).dtype == torch.bfloat16
    assert pixels_off(x[:0], 3, rng()).shape == gaussian_noise(x[:0], 10, rng()).shape == (0, 3, 8, 8)


@pytest.mark.parametrize(
    ("run", "words"),
    [
        (lambda: pixels_off(torch.ones(1, 1, 4, 4), 17, rng()), "0 to 16"),
        (lambda: pixels_off(torch.ones(1, 1, 4, 4), -1, rng()), "0 to 16"),
        (lambda: pixels_off(torch.ones(1, 1, 4, 4), 2.5, rng()), "whole number"),
        (lambda: pixels_off(torch.full((1, 1, 4, 4), 255.0), 1, rng()), "divide 8-bit images by 255"),
        (lambda: gaussian_noise(torch.full((1, 1, 4, 4), float("nan")), 1, rng()), "lie in"),
        (lambda: gaussian_noise(torch.ones(3, 4, 4), 1, rng()), r"\(N, C, H, W\)"),
        (lambda: gaussian_noise(torch.ones(1, 1, 4, 4, dtype=torch.uint8), 1, rng()), "floating point"),
        (lambda: gaussian_noise(torch.ones(1, 1, 4, 4), -1, rng()), "negative"),
    ],
)
def test_requests_that_cannot_be_are_refused(run, words):
    with pytest.raises(ValueError, match=words):
        run()
