"""Corruptions of test images: pixels switched off, and Gaussian noise.

Both draw anew for each image and each call, so that repeats of a test have a spread. Draws are made on the
generator's device and moved to that of the images: with a generator on the CPU they do not depend on it.
"""

import math

import torch
from torch import Generator, Tensor

from lt_lib.inputs import check_images


def pixels_off(x: Tensor, count: int, generator: Generator) -> Tensor:
    """Set random pixels of each image to 0, in all channels.

    Args:
        x: (N, C, H, W) images in [0, 1], before normalisation.
        count: distinct pixels an image, 0 to H W; the paper switches off 50 of 32 x 32. A pixel that was
            black counts.
        generator: where chance comes from.

    Returns:
        Like x; x itself is left alone.

    Raises:
        ValueError: x is no batch of images in [0, 1], or count is outside its range.

    Source: `sign`, section 3.3 and figure 6.
    """
    check_images(x)
    n, _, h, w = x.shape
    if count != int(count) or not 0 <= count <= h * w:
        raise ValueError(
            f"count must be a whole number from 0 to {h * w}, the pixels of an image, got {count}"
        )
    order = torch.rand(n, h * w, generator=generator, device=generator.device)
    off = torch.zeros(n, h * w, dtype=torch.bool, device=x.device)
    off.scatter_(1, order.topk(int(count)).indices.to(x.device), True)
    return x.masked_fill(off.view(n, 1, h, w), 0)


def gaussian_noise(x: Tensor, sigma: float, generator: Generator) -> Tensor:
    r"""Add normal noise to every value, and clip.

    .. math:: \operatorname{clip}\Big(x + \frac{\sigma}{255}\, \epsilon, 0, 1\Big), \quad \epsilon \sim
        \mathcal N(0, I)

    Args:
        x: (N, C, H, W) images in [0, 1], before normalisation.
        sigma: standard deviation on the scale of 8-bit images, 0 to 255; the paper takes 10. Not negative.
        generator: where chance comes from.

    Returns:
        Like x; x itself is left alone.

    Raises:
        ValueError: x is no batch of images in [0, 1], or sigma is negative or not finite.

    Source: `sign`, section 3.3; that the noise is on the 8-bit scale and clipped is our reading.
    """
    check_images(x)
    if not 0 <= sigma < math.inf:
        raise ValueError(f"sigma must be finite and not negative, got {sigma}")
    noise = torch.randn(x.shape, generator=generator, device=generator.device)
    return (x + noise.to(x) * (sigma / 255)).clamp(0, 1)
