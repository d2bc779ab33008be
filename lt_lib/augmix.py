"""AugMix: an image mixed with chains of random operators of itself, for any number of bands, a batch at a time.

Idea: every operator treats each band alone, so C bands are packed four to a 32-bit pixel, as in an RGBA image, and
more than four bands are more such images with the same operators. The chains of the whole batch advance one operator
at a time; the images that drew the same operator share one call. The draws are separate from their application
(:meth:`AugMix.draw`, :meth:`AugMix.apply`), so that they can be replayed.

A chain lives on the 8-bit grid, from the rounded input on, and follows Pillow to the bit: its coordinates put a pixel's
centre at one half, bilinear samples repeat the border, are truncated to whole levels and are 0 where the centre falls
outside the image. (A shear places a row once, not pixel by pixel: where rounding alone decides, as at the slope 0.3
exactly, a sample may lie one level beside.) The mixture itself is not rounded.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, fields
from functools import lru_cache

import torch
from torch import Generator, Tensor

OPERATORS = ("autocontrast", "equalize", "posterize", "rotate", "solarize",
             "shear_x", "shear_y", "translate_x", "translate_y")
INTERPOLATING = ("rotate", "shear_x", "shear_y")
MAX_LEVEL = 10
MIN_LEVEL = 0.1
BLOCK = 2**20  # pixels of images taken through their chains at a time: bounds memory
CACHED = 2**15  # pixels interpolated or mixed at a time: their floating-point samples should stay in the cache


@dataclass(frozen=True)
class Draws:
    """What chance decides for N images of W chains of at most D operators; on the CPU.

    Attributes:
        operators: (N, W, D), positions in OPERATORS.
        levels: (N, W, D) float64, strength from 0.1 to 10.
        signs: (N, W, D), 1 or -1; direction of the geometric operators.
        depths: (N, W), how many of the D operators a chain uses.
        weights: (N, W), chain weights, each row sums to one.
        m: (N,), share of the chains in the mixture.
    """

    operators: Tensor
    levels: Tensor
    signs: Tensor
    depths: Tensor
    weights: Tensor
    m: Tensor


def mix(x: Tensor, chains: Tensor, weights: Tensor, m: Tensor) -> Tensor:
    r"""Mixture of images and their chains.

    .. math:: x_{am} = (1 - m)\, x + m \sum_{i=1}^{W} w_i\, \mathrm{chain}_i(x)

    Mixing commutes with normalising the bands, since the weights sum to one.

    Args:
        x: (N, ...).
        chains: (N, W, ...).
        weights: (N, W), rows sum to one.
        m: (N,), in [0, 1].

    Returns:
        Like x.

    Raises:
        ValueError: shapes disagree.

    Source: Hendrycks et al. (2020), AugMix, algorithm 1.
    """
    n, width = weights.shape
    if chains.shape != (n, width, *x.shape[1:]) or m.shape != (n,) or len(x) != n:
        raise ValueError(f"x (N, ...), chains (N, W, ...), weights (N, W) and m (N,) must agree, got {tuple(x.shape)}, "
                         f"{tuple(chains.shape)}, {tuple(weights.shape)} and {tuple(m.shape)}")
    m, weights = (t.to(x).reshape(*t.shape, *[1] * (x.ndim - 1)) for t in (m, weights))
    mixed = (1 - m) * x
    for i in range(width):
        mixed += chains[:, i].to(x.dtype, copy=True).mul_(m * weights[:, i])
    return mixed


class AugMix:
    """Random mixtures of an image and chains of nine label-preserving operators.

    Args:
        severity: upper end of the operators' levels, U(0.1, severity), in [0.1, 10].
        width: W, chains an image.
        depth: operators a chain, or -1 to draw 1, 2 or 3 for each chain.
        alpha: of the weights' Dirichlet and the share's Beta distribution, both symmetric.

    Raises:
        ValueError: an argument outside its range.

    Source: Hendrycks et al. (2020), AugMix, and its released code: ranges, and truncation of degrees, bits, thresholds
    and pixel shifts to integers. Colour, contrast, brightness and sharpness are left out, as there. Translations reach
    a third of the side they run along, where the released code knows square images only.
    """

    def __init__(self, severity: float = 3, width: int = 3, depth: int = -1, alpha: float = 1.0) -> None:
        if not MIN_LEVEL <= severity <= MAX_LEVEL:
            raise ValueError(f"severity must lie in [{MIN_LEVEL}, {MAX_LEVEL}], got {severity}")
        if width < 1 or width != int(width):
            raise ValueError(f"width must be a positive number of chains, got {width}")
        if depth != -1 and (depth < 1 or depth != int(depth)):
            raise ValueError(f"depth must be a positive number of operators, or -1 to draw 1 to 3, got {depth}")
        if not 0 < alpha < math.inf:
            raise ValueError(f"alpha must be positive and finite, got {alpha}")
        self.severity, self.width, self.depth, self.alpha = severity, int(width), int(depth), alpha

    def __call__(self, x: Tensor, generator: Generator) -> Tensor:
        """Draw and apply.

        Args:
            x: (N, C, H, W), floating point in [0, 1], before normalisation; any number of bands.
            generator: on the CPU, whatever the device of x, so that the draws do not depend on it.

        Returns:
            Like x: shape, dtype and device.

        Raises:
            ValueError: as :meth:`draw` and :meth:`apply`.
        """
        return self.apply(x, self.draw(len(x), generator))

    def draw(self, n: int, generator: Generator) -> Draws:
        """What chance decides for n images.

        Raises:
            ValueError: the generator is not on the CPU.
        """
        if generator.device.type != "cpu":
            raise ValueError(f"generator must be on the CPU, got {generator.device}; use torch.Generator()")
        shape = (n, self.width, 3 if self.depth == -1 else self.depth)
        depths = torch.randint(1, 4, shape[:2], generator=generator) if self.depth == -1 else torch.full(shape[:2], self.depth)
        operators = torch.randint(len(OPERATORS), shape, generator=generator)
        levels = MIN_LEVEL + (self.severity - MIN_LEVEL) * torch.rand(shape, generator=generator, dtype=torch.float64)
        signs = 2 * torch.randint(2, shape, generator=generator) - 1
        weights = torch._sample_dirichlet(torch.full(shape[:2], float(self.alpha)), generator)
        m = torch._sample_dirichlet(torch.full((n, 2), float(self.alpha)), generator)[:, 0]
        return Draws(operators, levels, signs, depths, weights, m)

    @torch.no_grad()
    def apply(self, x: Tensor, draws: Draws) -> Tensor:
        """The mixtures that the draws stand for; an image's mixture does not depend on the other images.

        Blocks of 2**20 pixels follow each other, so that beside x and the result memory does not grow with N:
        about 75 MB for every four bands. No gradient flows: most operators have none.

        Args:
            x: (N, C, H, W), floating point in [0, 1].
            draws: for N images.

        Returns:
            Like x: shape, dtype and device.

        Raises:
            ValueError: x is not (N, C, H, W) floating point in [0, 1], or the draws are for another number of images.
        """
        if x.ndim != 4 or not x.is_floating_point() or 0 in x.shape:
            raise ValueError(f"x must be floating point (N, C, H, W) and not empty, got {x.dtype} {tuple(x.shape)}")
        low, high = x.amin(), x.amax()
        if not (low >= 0 and high <= 1):
            raise ValueError(f"x must lie in [0, 1], got {low} to {high}; divide 8-bit images by 255, normalise afterwards")
        if len(draws.m) != len(x):
            raise ValueError(f"the draws are for {len(draws.m)} images, x holds {len(x)}")
        size = max(1, BLOCK // (x.shape[2] * x.shape[3]))
        parts = zip(*(t.split(size) for t in (x, *(getattr(draws, f.name) for f in fields(draws)))), strict=True)
        out = torch.empty_like(x, memory_format=torch.contiguous_format)
        for done, (part, *drawn) in zip(out.split(size), parts, strict=True):
            _mixture(part, Draws(*drawn), done)
        return out


def _mixture(x: Tensor, draws: Draws, out: Tensor) -> None:
    """:meth:`AugMix.apply` for a block of images, into out."""
    n, bands, h, w = x.shape
    groups, width = math.ceil(bands / 4), draws.weights.shape[1]
    pixels = x.new_zeros(n, groups, h, w, 4, dtype=torch.promote_types(x.dtype, torch.float32))
    for group, part in enumerate(x.split(4, 1)):
        pixels[:, group, :, :, :part.shape[1]] = part.permute(0, 2, 3, 1)
    chains = _to_bytes((pixels * 255).round_())[:, None].repeat(1, width, 1, 1, 1, 1)
    packed = chains.view(torch.int32).view(-1, h * w)
    for step in range(draws.operators.shape[2]):
        operators, levels, signs, active = (t.flatten().repeat_interleave(groups) for t in (
            draws.operators[:, :, step], draws.levels[:, :, step], draws.signs[:, :, step], draws.depths > step))
        rows = active.nonzero()[:, 0]
        rows = rows[operators[rows].argsort(stable=True)]
        counts = operators[rows].bincount(minlength=len(OPERATORS)).tolist()
        levels, signs, rows = levels[rows], signs[rows], rows.to(x.device)
        images = packed.index_select(0, rows).view(torch.uint8).view(-1, h, w, 4)
        for name, *members in zip(OPERATORS, *(t.split(counts) for t in (rows, images, levels, signs)), strict=True):
            size = max(1, CACHED // (h * w) if name in INTERPOLATING else len(members[0]))
            for where, *some in zip(*(t.split(size) for t in members), strict=True):
                if len(where):
                    packed.index_copy_(0, where, _operate(name, *some).view(torch.int32).view(-1, h * w))
    size = max(1, CACHED // (h * w))
    parts = (t.split(size) for t in (out, pixels, chains, draws.weights / 255, draws.m))
    for some, *args in zip(*parts, strict=True):
        mixed = mix(*args).clamp_(0, 1)
        for group, part in enumerate(some.split(4, 1)):
            part.copy_(mixed[:, group, :, :, :part.shape[1]].permute(0, 3, 1, 2))


def _to_bytes(values: Tensor) -> Tensor:
    """Truncated; by way of 16 bits, which PyTorch converts several times faster than straight to 8."""
    return values.short().to(torch.uint8)


def _operate(name: str, images: Tensor, level: Tensor, sign: Tensor) -> Tensor:
    """One operator on (B, H, W, 4) uint8 images; level (B,) float64 on the 0 to 10 scale, sign (B,), both on the CPU."""
    _, h, w, _ = images.shape

    def reach(most: float) -> Tensor:
        return (level * most / MAX_LEVEL).trunc()

    if name == "autocontrast":
        return _autocontrast(images)
    if name == "equalize":
        return _equalize(images)
    if name == "posterize":
        return images & (256 - 2 ** (4 + reach(4))).to(images)[:, None, None, None]
    if name == "solarize":
        return images ^ (images >= (256 - reach(256)).to(images)[:, None, None, None]).view(torch.uint8).neg_()
    if name == "rotate":
        return _rotate(images, sign * reach(30))
    if name == "translate_x":
        return _slide(images, (sign * reach(w / 3))[:, None, None])
    if name == "translate_y":
        return _slide(images, (sign * reach(h / 3))[:, None, None], down=True)
    slope = (sign * (level * 0.3 / MAX_LEVEL))[:, None, None]
    if name == "shear_x":
        return _slide(images, slope * (torch.arange(h, dtype=torch.float64)[:, None] + 0.5), blend=True)
    return _slide(images, slope * (torch.arange(w, dtype=torch.float64) + 0.5), blend=True, down=True)


def _slide(images: Tensor, shift: Tensor, blend: bool = False, down: bool = False) -> Tensor:
    """Rows of (B, H, W, 4) images, read shift (B, H or 1, 1) pixels on; with down, columns and (B, 1, W or 1).

    Both neighbours are read and blended only where the shifts are not whole.
    """
    n, h, w, _ = images.shape
    shift = shift.to(images.device)
    row = torch.arange(h, dtype=torch.int32, device=images.device)[:, None]
    column = torch.arange(w, dtype=torch.int32, device=images.device)
    start = h * w * torch.arange(n, dtype=torch.int32, device=images.device)[:, None, None]
    at, size, stride = (row, h, w) if down else (column, w, 1)
    start = start + (column if down else row * w)
    packed = images.view(torch.int32).flatten()

    def sample(offset: Tensor) -> Tensor:
        index = (at + offset.int()).clamp_(0, size - 1) * stride + start
        return packed.index_select(0, index.flatten()).view(n, h, w)

    low = shift.floor()
    out = sample(low)
    if blend:
        share = shift - low
        a, b = (t.view(torch.uint8).double() for t in (out, sample(low + 1)))
        a = torch.lerp(a, b, share.repeat_interleave(4, 2)) if down else b.sub_(a).mul_(share).add_(a)
        out = _to_bytes(a).view(torch.int32)
    centre = at + (shift + 0.5).floor().int()
    return out.mul_((centre >= 0) & (centre < size)).view(torch.uint8).view(images.shape)


@lru_cache(maxsize=40)
def _rotation(degrees: float, h: int, w: int, device: torch.device) -> tuple[Tensor, Tensor, Tensor]:
    """Where a rotated image reads: (4, HW) corners, upper before lower and left before right; (2, 4HW) shares of the
    right and of the lower ones, once a band; (HW,) whether a pixel's centre came from inside.
    """
    cos, sin = (round(f(-math.radians(degrees % 360)), 15) for f in (math.cos, math.sin))
    y = torch.arange(h, dtype=torch.float64)[:, None] + 0.5
    x = torch.arange(w, dtype=torch.float64) + 0.5
    x, y = (cos * x + sin * y + (cos * (-w / 2) + sin * (-h / 2) + w / 2),
            -sin * x + cos * y + (-sin * (-w / 2) + cos * (-h / 2) + h / 2))
    inside = (x >= 0) & (x < w) & (y >= 0) & (y < h)
    left, top = (x - 0.5).floor(), (y - 0.5).floor()
    corners = torch.stack([(top + i).clamp(0, h - 1) * w + (left + j).clamp(0, w - 1) for i in (0, 1) for j in (0, 1)])
    shares = torch.stack([x - 0.5 - left, y - 0.5 - top]).flatten(1).repeat_interleave(4, 1)
    return corners.flatten(1).int().to(device), shares.to(device), inside.flatten().int().to(device)


def _rotate(images: Tensor, degrees: Tensor) -> Tensor:
    """(B, H, W, 4) images rotated counter-clockwise about their centres by (B,) whole degrees."""
    n, h, w, _ = images.shape
    corners, shares, inside = zip(*(_rotation(d, h, w, images.device) for d in degrees.tolist()), strict=True)
    start = h * w * torch.arange(n, dtype=torch.int32, device=images.device)[:, None, None]
    index = torch.stack(corners).add_(start)
    values = images.view(torch.int32).flatten().index_select(0, index.flatten()).view(n, 4, -1).view(torch.uint8).double()
    across, down = torch.stack(shares).unbind(1)
    values = torch.lerp(values[:, 0::2], values[:, 1::2], across[:, None])
    out = _to_bytes(torch.lerp(values[:, 0], values[:, 1], down))
    return out.view(torch.int32).mul_(torch.stack(inside)).view(torch.uint8).view(images.shape)


def _extremes(images: Tensor, function: Callable) -> Tensor:
    """Least or greatest value of each band of (B, H, W, 4) images, (B, 4) float64."""
    return function(function(images.flatten(2), 1).view(len(images), -1, 4), 1).double()


def _autocontrast(images: Tensor) -> Tensor:
    """Stretch each band to the full range; a constant band stays."""
    low, high = (_extremes(images, f) for f in (torch.amin, torch.amax))
    scale = torch.where(high > low, torch.full_like(high, 255) / (high - low), 1)
    offset = torch.where(high > low, -low * scale, 0)
    scale, offset = (t[:, None].expand(-1, images.shape[2], -1).flatten(1)[:, None] for t in (scale, offset))
    return _to_bytes(images.flatten(2).double().mul_(scale).add_(offset)).view(images.shape)


def _equalize(images: Tensor) -> Tensor:
    """Map each band to an even histogram, by Pillow's integer rule; a band of few distinct pixels stays."""
    n, h, w, _ = images.shape
    start = 256 * torch.arange(4 * n, dtype=torch.int32, device=images.device).view(n, 1, 4)
    index = (images.flatten(2).int() + start.expand(n, w, 4).reshape(n, 1, 4 * w)).flatten()
    counts = torch.bincount(index, minlength=n * 1024).view(n, 4, 256)
    top = _extremes(images, torch.amax).long()[..., None]
    step = (h * w - counts.gather(2, top)) // 255
    below = (counts.cumsum(2) - counts + step // 2).double()
    values = torch.arange(256, dtype=torch.float64, device=images.device)
    table = torch.where(step > 0, (below / step).floor_().clamp_(max=255), values).to(torch.uint8)
    return table.flatten().index_select(0, index).view(images.shape)
