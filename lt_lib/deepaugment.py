"""DeepAugment: augmentation policies found by a search, from its public list for CIFAR-10, a batch at a time.

A policy is two operators with magnitudes. The list is the one published after 3000 iterations on 2019-02-08;
its file says 20 and holds 30. The operators of its code are those of the library imgaug, one image after the
other; here an operator treats all images that drew it, in torch, on the device of the images. Magnitudes mean
what they mean there. What differs:

- An image draws its policy for itself; there, groups of four share one, and the first four of a batch none.
- Lengths that its code has in pixels of 32 x 32 images are shares of the side here.
- `crop` and the affine operators interpolate bilinearly throughout.
- `gaussian-blur` renormalises the kernel at the border, where imgaug reflects the image.
- `fog` and `clouds` cut the spectrum of their noise at its largest frequency; imgaug draws a smaller image
  and enlarges it.
- Nothing is rounded to 8 bits on the way.

The magnitudes of `invert`, `fog` and `clouds` are ignored, there as here.
"""

import math
from collections.abc import Callable
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Generator, Tensor

from lt_lib.augment import warp
from lt_lib.inputs import check_images


class Policy(NamedTuple):
    """Two operators, one after the other, with magnitudes in [0, 1]; `portion` is the share of images that
    the search applied it to."""

    first: str
    first_magnitude: float
    second: str
    second_magnitude: float
    portion: float


POLICIES = tuple(
    Policy(*row)
    for row in (
        ("horizontal-flip", 0.946, "gamma-contrast", 0.849, 0.968),
        ("crop", 0.897, "invert", 0.024, 0.619),
        ("horizontal-flip", 0.825, "horizontal-flip", 0.022, 0.661),
        ("translate-x", 0.334, "fog", 0.462, 0.462),
        ("crop", 0.881, "emboss", 0.06, 0.498),
        ("horizontal-flip", 0.334, "crop", 0.299, 0.44),
        ("add-to-hue-and-saturation", 0.478, "shear", 0.195, 0.9),
        ("vertical-flip", 0.654, "shear", 0.207, 0.916),
        ("add-to-hue-and-saturation", 0.157, "coarse-dropout", 0.201, 0.986),
        ("crop", 0.858, "translate-x", 0.262, 1.0),
        ("add-to-hue-and-saturation", 0.047, "vertical-flip", 0.212, 0.785),
        ("rotate", 0.719, "fog", 0.029, 0.512),
        ("brighten", 0.342, "gaussian-blur", 0.966, 0.664),
        ("horizontal-flip", 0.813, "translate-y", 0.025, 0.663),
        ("horizontal-flip", 0.894, "brighten", 0.973, 0.655),
        ("horizontal-flip", 0.487, "shear", 0.34, 0.983),
        ("add-to-hue-and-saturation", 0.358, "fog", 0.196, 0.969),
        ("crop", 0.952, "shear", 0.487, 0.952),
        ("add-to-hue-and-saturation", 0.032, "clouds", 0.931, 0.767),
        ("clouds", 0.688, "fog", 0.001, 0.536),
        ("shear", 0.009, "additive-gaussian-noise", 0.069, 0.905),
        ("gaussian-blur", 0.517, "translate-y", 0.026, 0.427),
        ("translate-x", 0.319, "translate-y", 0.286, 0.428),
        ("crop", 0.896, "brighten", 0.572, 0.511),
        ("rotate", 0.335, "dropout", 0.121, 0.497),
        ("crop", 0.576, "coarse-salt-pepper", 0.017, 0.906),
        ("fog", 0.35, "gaussian-blur", 0.106, 0.615),
        ("gaussian-blur", 0.894, "clouds", 0.025, 0.564),
        ("brighten", 0.07, "add-to-hue-and-saturation", 0.165, 0.425),
        ("horizontal-flip", 0.508, "gaussian-blur", 0.986, 0.966),
    )
)


class DeepAugment:
    """Random policies for a batch of images.

    Args:
        policies: what an image draws from, each as likely.
        chance: probability that an image is augmented at all; .8 in the run that trains the final network.
        variant: "generator", as the final network is trained: the portions are ignored, and an augmented
            image is moved by up to 4 pixels, the border filled with black, and loses a black square of 6.
            "search", as policies are tried out: a policy spares all but its portion of the images, and
            nothing follows.

    Raises:
        ValueError: no policies, an unknown operator, a magnitude, portion or chance outside [0, 1], or an
            unknown variant.

    Source: Özmen (2019), DeepAugment, released code; `sign`, section 3, takes its policies as they are.
    """

    def __init__(
        self, policies: tuple[Policy, ...] = POLICIES, chance: float = 0.8, variant: str = "generator"
    ) -> None:
        if not policies:
            raise ValueError("policies must not be empty")
        for policy in policies:
            unknown = {policy.first, policy.second} - set(OPERATORS)
            if unknown:
                raise ValueError(f"unknown operator {sorted(unknown)}; known are {', '.join(OPERATORS)}")
            if not all(
                0 <= v <= 1 for v in (policy.first_magnitude, policy.second_magnitude, policy.portion)
            ):
                raise ValueError(f"magnitudes and portion must lie in [0, 1], got {policy}")
        if not 0 <= chance <= 1:
            raise ValueError(f"chance must lie in [0, 1], got {chance}")
        if variant not in ("generator", "search"):
            raise ValueError(f"variant must be 'generator' or 'search', got {variant!r}")
        self.policies, self.chance, self.variant = tuple(policies), chance, variant

    @torch.no_grad()
    def __call__(self, x: Tensor, generator: Generator) -> Tensor:
        """Draw and apply.

        Args:
            x: (N, C, H, W), floating point in [0, 1], before normalisation. Hue needs C = 3: images of other
                bands go without `add-to-hue-and-saturation`.
            generator: where chance comes from; with one on the CPU the draws do not depend on x's device.

        Returns:
            Like x: shape, dtype and device; in [0, 1].

        Raises:
            ValueError: x is no batch of images in [0, 1].
        """
        check_images(x)
        draw = _Draw(generator, x.device)
        out = x.to(torch.float32, copy=True)
        which = (draw.uniform(len(x)) * len(self.policies)).long().tolist()
        drawn = [self.policies[i] for i in which]
        touched = draw.uniform(len(x)) < self.chance
        if self.variant == "search":
            portions = torch.tensor([policy.portion for policy in drawn], device=x.device)
            touched &= draw.uniform(len(x)) < portions
        on = touched.tolist()
        for stage in (0, 2):  # places of the two operators in a policy
            for name, operate in OPERATORS.items():
                rows = [i for i, policy in enumerate(drawn) if on[i] and policy[stage] == name]
                if rows:
                    strength = torch.tensor([drawn[i][stage + 1] for i in rows]).to(out)
                    out[rows] = operate(out[rows], strength, draw).clamp(0, 1)
        if self.variant == "generator" and touched.any():
            out[touched] = _cutout(_jitter(out[touched], draw), draw)
        return torch.where(_tall(touched), out.to(x.dtype), x)


class _Draw:
    """Random numbers of a generator, on a device of choice."""

    def __init__(self, generator: Generator, device: torch.device) -> None:
        self.generator, self.device = generator, device

    def uniform(self, *shape: int) -> Tensor:
        """In [0, 1)."""
        return torch.rand(shape, generator=self.generator, device=self.generator.device).to(self.device)

    def between(self, low: float, high: float, *shape: int) -> Tensor:
        return low + (high - low) * self.uniform(*shape)

    def sign(self, n: int) -> Tensor:
        """In [-1, 1)."""
        return self.between(-1, 1, n)

    def normal(self, *shape: int) -> Tensor:
        return torch.randn(shape, generator=self.generator, device=self.generator.device).to(self.device)


def _tall(values: Tensor) -> Tensor:
    """(N,) values, to multiply (N, C, H, W)."""
    return values.view(-1, 1, 1, 1)


def _take(x: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
    """Pixels of each image by their (N, H) rows and (N, W) columns."""
    each = torch.arange(len(x), device=x.device)[:, None, None]
    return x[each, :, rows[:, :, None], columns[:, None, :]].permute(0, 3, 1, 2)


def _some_alike(values: Tensor, draw: _Draw, apart: float = 0.5) -> Tensor:
    """(N, C, ...) values, for all but a share of the images those of the first channel throughout."""
    alone = draw.uniform(len(values)) < apart
    return torch.where(alone.view(-1, *[1] * (values.dim() - 1)), values, values[:, :1])


# --- where pixels are


def _horizontal_flip(x: Tensor, magnitude: Tensor, draw: _Draw) -> Tensor:
    """With the magnitude as probability."""
    return torch.where(_tall(draw.uniform(len(x)) < magnitude), x.flip(3), x)


def _vertical_flip(x: Tensor, magnitude: Tensor, draw: _Draw) -> Tensor:
    return torch.where(_tall(draw.uniform(len(x)) < magnitude), x.flip(2), x)


def _affine(x: Tensor, *entries: Tensor | float) -> Tensor:
    """:func:`lt_lib.augment.warp` by matrices of six entries, each (N,) or one number, row by row."""
    zero = torch.zeros(len(x), device=x.device)
    return warp(x, torch.stack([zero + entry for entry in entries], 1).view(-1, 2, 3))


def _translate_x(x: Tensor, magnitude: Tensor, draw: _Draw) -> Tensor:
    """By up to the magnitude's share of the side, in whole pixels."""
    return _affine(x, 1, 0, (draw.sign(len(x)) * magnitude * x.shape[3]).round(), 0, 1, 0)


def _translate_y(x: Tensor, magnitude: Tensor, draw: _Draw) -> Tensor:
    return _affine(x, 1, 0, 0, 0, 1, (draw.sign(len(x)) * magnitude * x.shape[2]).round())


def _rotate(x: Tensor, magnitude: Tensor, draw: _Draw) -> Tensor:
    """By up to 180 degrees times the magnitude."""
    angle = draw.sign(len(x)) * magnitude * math.pi
    return _affine(x, angle.cos(), -angle.sin(), 0, angle.sin(), angle.cos(), 0)


def _shear(x: Tensor, magnitude: Tensor, draw: _Draw) -> Tensor:
    """By up to 90 degrees times the magnitude; rows move and, as in scikit-image, come closer together."""
    angle = draw.sign(len(x)) * magnitude * math.pi / 2
    return _affine(x, 1, angle.tan(), 0, 0, 1 / angle.cos(), 0)


def _crop(x: Tensor, magnitude: Tensor, draw: _Draw) -> Tensor:
    """Up to the magnitude's share of the side off each of the four sides, at least one pixel left, enlarged
    to the old size."""
    vertical, horizontal = (_enlarge(*_cut(magnitude, side, draw), side) for side in x.shape[2:])
    return vertical[:, None] @ x @ horizontal[:, None].mT


def _enlarge(start: Tensor, left: Tensor, side: int) -> Tensor:
    """(N, side, side) weights that stretch the `left` pixels from `start` over the side, bilinearly."""
    at = torch.arange(side, device=start.device)
    source = start[:, None] + ((at + 0.5) * left[:, None] / side - 0.5).clamp(min=0)
    source = torch.minimum(source, (start + left - 1)[:, None])
    return (1 - (source[..., None] - at).abs()).clamp(min=0)


def _cut(magnitude: Tensor, side: int, draw: _Draw) -> tuple[Tensor, Tensor]:
    """Where a crop starts along a side, and how much it leaves."""
    most = (magnitude * side).floor()
    before, after = ((draw.uniform(len(most)) * (most + 1)).floor() for _ in range(2))
    excess = (before + after - (side - 1)).clamp(min=0)
    back = torch.minimum((excess / 2).ceil(), before)
    back = torch.maximum(back, excess - after)  # what `after` cannot give back, `before` does
    before, after = before - back, after - (excess - back)
    return before, side - before - after


def _jitter(x: Tensor, draw: _Draw, pad: int = 4) -> Tensor:
    """A random crop of the image with a black border; as in the released code it never reaches the end of
    the border on the right and below."""
    n, _, h, w = x.shape
    rows, columns = (
        (draw.uniform(n) * 2 * pad).long()[:, None] + torch.arange(side, device=x.device) for side in (h, w)
    )
    return _take(F.pad(x, (pad,) * 4), rows, columns)


def _cutout(x: Tensor, draw: _Draw, size: int = 6) -> Tensor:
    """A black square around a random pixel, cut off at the border."""
    n, _, h, w = x.shape
    rows, columns = (
        torch.arange(side, device=x.device) - (draw.uniform(n) * side).long()[:, None] + size // 2
        for side in (h, w)
    )
    inside_y, inside_x = ((0 <= at) & (at < size // 2 * 2) for at in (rows, columns))
    return x.masked_fill((inside_y[:, :, None] & inside_x[:, None, :])[:, None], 0)


# --- what colour they have


def _gamma_contrast(x: Tensor, magnitude: Tensor, draw: _Draw) -> Tensor:
    return x ** _tall(1.75 * magnitude)


def _invert(x: Tensor, magnitude: Tensor, draw: _Draw) -> Tensor:
    return 1 - x


def _whole(most: Tensor, draw: _Draw, *shape: int) -> Tensor:
    """Whole numbers from -most to most, as shares of 255; most is (N,), truncated."""
    most = most.floor().view(-1, *[1] * (len(shape) - 1))
    return ((draw.uniform(*shape) * (2 * most + 1)).floor() - most) / 255


def _brighten(x: Tensor, magnitude: Tensor, draw: _Draw) -> Tensor:
    """By up to 40 levels times the magnitude, for half of the images in each channel apart."""
    return x + _some_alike(_whole(40 * magnitude, draw, *x.shape[:2]), draw)[..., None, None]


def _add_to_hue_and_saturation(x: Tensor, magnitude: Tensor, draw: _Draw) -> Tensor:
    """One number of up to 45 levels times the magnitude added to both, on a circle of 255 and in [0, 255]."""
    if x.shape[1] != 3:
        return x
    shift = _whole(45 * magnitude, draw, len(x))[:, None, None]
    value, low = x.amax(1), x.amin(1)
    chroma = value - low
    red, green, blue = x.unbind(1)
    safe = torch.where(chroma > 0, chroma, 1)
    hue = torch.where(
        value == red,
        (green - blue) / safe,
        torch.where(value == green, 2 + (blue - red) / safe, 4 + (red - green) / safe),
    )
    saturation = (chroma / torch.where(value > 0, value, 1) + shift).clamp(0, 1)
    hue = hue + 6 * shift
    bands = []
    for start in (5, 3, 1):  # the sextant in which red, green, blue leaves its largest value
        k = (start + hue) % 6
        bands.append(value * (1 - saturation * torch.minimum(k, 4 - k).clamp(0, 1)))
    return torch.stack(bands, 1)


def _fog(x: Tensor, magnitude: Tensor, draw: _Draw) -> Tensor:
    return _clouded(x, draw, _FOG)


def _clouds(x: Tensor, magnitude: Tensor, draw: _Draw) -> Tensor:
    """One layer or both."""
    kind = _tall(draw.uniform(len(x)))
    x = torch.where((kind < 0.25) | (kind >= 0.5), _clouded(x, draw, _LOW_CLOUDS), x)
    return torch.where(kind >= 0.25, _clouded(x, draw, _HIGH_CLOUDS), x)


class _Layer(NamedTuple):
    """Ranges of a layer of clouds: brightness in levels and the exponent of its noise's spectrum, the spread
    of its coarse part, and of the opacity the least, the factor, the size and exponent of its noise, the
    power it is raised to, the factor after that."""

    level: tuple[float, float]
    level_exponent: tuple[float, float]
    coarse: float
    least: tuple[float, float]
    factor: tuple[float, float]
    size: tuple[float, float]
    exponent: tuple[float, float]
    power: tuple[float, float]
    density: tuple[float, float]


_FOG = _Layer(
    (220, 255), (-2.0, -1.5), 2, (0.7, 0.9), (0.3, 0.3), (2, 8), (-4.0, -2.0), (0.9, 0.9), (0.4, 0.9)
)
_LOW_CLOUDS = _Layer(
    (196, 255), (-2.5, -2.0), 10, (0, 0), (0.25, 0.75), (2, 8), (-2.5, -2.0), (0.8, 1.0), (0.5, 1.0)
)
_HIGH_CLOUDS = _Layer(
    (196, 255), (-2.0, -1.0), 10, (0, 0), (0.5, 1.0), (64, 128), (-2.0, -1.0), (1.0, 1.4), (0.8, 1.5)
)


def _clouded(x: Tensor, draw: _Draw, layer: _Layer) -> Tensor:
    """The image behind a layer of clouds: their brightness, weighed by their opacity."""
    n, _, h, w = x.shape

    def one(ends: tuple[float, float]) -> Tensor:
        return draw.between(*ends, n)[:, None, None]

    level = one(layer.level)
    coarse = F.interpolate(
        layer.coarse * draw.normal(n, 1, 8, 8), (h, w), mode="bicubic", align_corners=False
    )
    fine = 2 * _noise(n, h, w, one(layer.level_exponent), level.new_tensor(max(h, w)), draw) - 1
    bright = ((level + coarse[:, 0] + level * fine / 5) / 255).clamp(0, 1)
    opacity = _noise(n, h, w, one(layer.exponent), one(layer.size), draw)
    opacity = (one(layer.least) + one(layer.factor) * opacity) ** one(layer.power) * one(layer.density)
    return torch.lerp(x, bright[:, None], opacity.clamp(0, 1)[:, None])


def _noise(n: int, h: int, w: int, exponent: Tensor, size: Tensor, draw: _Draw) -> Tensor:
    """(N, H, W) noise from 0 to 1 whose spectrum is a power of the frequency, up to size / 2 waves a side."""
    y = torch.fft.fftfreq(h, 1 / h, device=draw.device)
    x = torch.fft.rfftfreq(w, 1 / w, device=draw.device)
    waves = torch.hypot(y[:, None], x)
    real, imaginary = 2 * draw.uniform(2, n, *waves.shape) - 1
    scale = waves.clamp(min=1) ** exponent * (waves <= (size / 2).clamp(min=1))
    noise = torch.fft.irfft2(torch.complex(real * scale, imaginary * scale), s=(h, w))
    low, high = noise.amin((1, 2), keepdim=True), noise.amax((1, 2), keepdim=True)
    return (noise - low) / (high - low).clamp(min=1e-12)


# --- what their neighbours make of them


def _emboss(x: Tensor, magnitude: Tensor, draw: _Draw) -> Tensor:
    """Light from one corner, of a strength of up to 20 times the magnitude, mixed with the image."""
    n, bands, h, w = x.shape
    strength = 20 * magnitude * draw.uniform(n)
    slope = torch.tensor([[-1, -1, 0], [-1, 0, 1], [0, 1, 1]]).to(x)
    flat = torch.tensor([[-1, 0, 0], [0, 1, 0], [0, 0, 1]]).to(x)
    same = torch.tensor([[0, 0, 0], [0, 1, 0], [0, 0, 0]]).to(x)
    share = draw.uniform(n)[:, None, None]
    kernels = torch.lerp(same.expand(n, 3, 3), flat + strength[:, None, None] * slope, share)
    padded = F.pad(x, (1,) * 4, mode="reflect").reshape(1, n * bands, h + 2, w + 2)
    kernels = kernels[:, None, None].expand(n, bands, 1, 3, 3).reshape(n * bands, 1, 3, 3)
    return F.conv2d(padded, kernels, groups=n * bands).reshape(x.shape)


def _gaussian_blur(x: Tensor, magnitude: Tensor, draw: _Draw) -> Tensor:
    """Of a standard deviation of up to 25 pixels of 32 times the magnitude."""
    n, _, h, w = x.shape
    sigma = (25 / 32 * magnitude * draw.uniform(n)).clamp(min=1e-3)[:, None, None]
    blur_y, blur_x = (_blur(sigma * side, side) for side in (h, w))
    return blur_y[:, None] @ x @ blur_x[:, None].mT


def _blur(sigma: Tensor, side: int) -> Tensor:
    """(N, side, side) rows of weights that sum to one."""
    at = torch.arange(side, device=sigma.device)
    return (-((at[:, None] - at) ** 2) / (2 * sigma**2)).softmax(-1)


# --- noise


def _additive_gaussian_noise(x: Tensor, magnitude: Tensor, draw: _Draw) -> Tensor:
    """Of a standard deviation of up to the magnitude, for half of the images in each channel apart."""
    scale = magnitude * draw.uniform(len(x))
    return x + _tall(scale) * _some_alike(draw.normal(*x.shape), draw)


def _dropout(x: Tensor, magnitude: Tensor, draw: _Draw) -> Tensor:
    """A share of .01 to the magnitude of the pixels black, for half of the images in each channel apart."""
    share = draw.between(0, 1, len(x)) * (magnitude.clamp(min=0.011) - 0.01) + 0.01
    return x * (_some_alike(draw.uniform(*x.shape), draw) >= _tall(share))


def _coarse(field: Tensor, share: Tensor) -> Tensor:
    """A field in blocks: as of an image with a share of the pixels of a side, at least 4, enlarged."""
    rows, columns = (
        torch.arange(side, device=field.device)
        * (side * share).long().clamp(min(4, side), side)[:, None]
        // side
        for side in field.shape[2:]
    )
    return _take(field, rows, columns)


def _coarse_dropout(x: Tensor, magnitude: Tensor, draw: _Draw) -> Tensor:
    """Blocks black, 3 to 15 % of them, in a fifth of the images in each channel apart. The blocks are as fine
    as a share of the side between .3 and the decimal logarithm of 3 times the magnitude, as released; for
    small magnitudes that is negative, and there are four blocks along a side."""
    end = (3 * magnitude).clamp(min=1e-6).log10()
    fine = 0.3 + (end - 0.3) * draw.uniform(len(x))
    share = draw.between(0.03, 0.15, len(x))
    field = _coarse(_some_alike(draw.uniform(*x.shape), draw, 0.2), fine)
    return x * (field >= _tall(share))


def _coarse_salt_pepper(x: Tensor, magnitude: Tensor, draw: _Draw) -> Tensor:
    """A fifth of the blocks noise, mostly near black or white (a Beta(1/2, 1/2) variable a pixel)."""
    noisy = _coarse(draw.uniform(len(x), 1, *x.shape[2:]), magnitude) < 0.2
    noise = torch.sin(math.pi / 2 * draw.uniform(len(x), 1, *x.shape[2:])) ** 2
    return torch.where(noisy, noise, x)


OPERATORS: dict[str, Callable[[Tensor, Tensor, _Draw], Tensor]] = {
    "horizontal-flip": _horizontal_flip,
    "vertical-flip": _vertical_flip,
    "crop": _crop,
    "translate-x": _translate_x,
    "translate-y": _translate_y,
    "rotate": _rotate,
    "shear": _shear,
    "gamma-contrast": _gamma_contrast,
    "invert": _invert,
    "brighten": _brighten,
    "add-to-hue-and-saturation": _add_to_hue_and_saturation,
    "fog": _fog,
    "clouds": _clouds,
    "emboss": _emboss,
    "gaussian-blur": _gaussian_blur,
    "additive-gaussian-noise": _additive_gaussian_noise,
    "dropout": _dropout,
    "coarse-dropout": _coarse_dropout,
    "coarse-salt-pepper": _coarse_salt_pepper,
}
