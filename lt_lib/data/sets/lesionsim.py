"""LesionSim: simulated dermoscopic images that stand in for ISIC 2017 where nothing can be downloaded.

An image is 64x64 pixels of skin with one pigmented lesion, benign (0) or melanoma (1). Four numbers between
0 and 1 describe a lesion, after the ABCD rule by which dermatologists were taught to look [1]_:

- *asymmetry*: a smooth random field pushes the outline in and out, and the pigment to one side;
- *border*: finer fields make the edge ragged;
- *colour*: patches of black, blue-grey, red and white appear among the browns, the more of them the larger
  it is;
- *diameter*.

In a melanoma each of the four is larger on average, by ``SHIFT`` of its standard deviation within a class:
the classes overlap, and no rule tells all images apart. What else an image shows tells nothing: the tone of
the skin, the shade of brown, how sharp the edge is, the light, hairs, the dark corners of the dermoscope,
noise. The shares of melanoma are those of ISIC 2017: 18.7 % of train, 20 % of val, 19.5 % of test.

It is a caricature: it was not fitted to real lesions, and what is learnt of it says nothing about skin.

All platforms make the same bytes: randomness is the raw output of PCG64; smooth fields are sums of whole
numbers, held as float32, below 2**24; the rest is IEEE arithmetic and square roots, one number at a time,
which round alike everywhere.

.. [1] F. Nachbar et al. (1994), The ABCD Rule of Dermatoscopy, J. Am. Acad. Dermatol. 30(4).
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lt_lib.data.arrays import Arrays
from lt_lib.data.draw import Draw
from lt_lib.data.registry import DataEntry, Pin
from lt_lib.errors import DataError, on_one_line

NAME = "lesionsim"
SIDE = 64  # of an image, pixels
CLASSES = ("benign", "melanoma")
# split -> images, and melanomas among them
SIZES = {"train": (1000, 187), "val": (150, 30), "test": (600, 117)}
ATTRIBUTES = ("asymmetry", "border", "colour", "diameter")

# --- the lesion
SEED = 20_17
SHIFT = 1.2  # of the standard deviation: how much larger each attribute is in a melanoma, on average
MEAN, SPREAD = 0.36, 0.18  # of an attribute in the benign class
RADIUS = (0.26, 0.5)  # of half the width of the image, at diameter 0 and what 1 adds
LIGHT_BROWN, DARK_BROWN = (182, 124, 86), (84, 48, 36)
PATCHES = ((44, 30, 28), (92, 92, 104), (160, 78, 66), (206, 178, 160))  # black, blue-grey, red, white
# --- what tells nothing
SKIN = ((240, 208, 196), (222, 172, 142), (150, 106, 82))  # of tones 0, 1/2 and 1
HAIRY, HAIRS = 80, 4  # of 256 images; at most so many hairs
CORNERED = 64  # of 256 images
NOISE = (3, 12)  # grey levels: amplitude
# --- a change above changes DIGEST: `python -m lt_lib.data.sets.lesionsim` prints the new one
DIGEST = "sha256:3b18b042ec890ff3b04ca2ab25e15de559c84f3deed90c4d5c64884e04e74a1c"

_CHUNK = 50  # images made at a time, so that the work arrays stay in cache
_PLACE = (2 * np.arange(SIDE) + 1 - SIDE) / SIDE  # of a pixel's centre, in half widths of the image


@dataclass(frozen=True)
class Lesions:
    """Simulated lesions and what they were made from.

    Attributes:
        images: (N, 64, 64, 3) uint8.
        labels: (N,) int64, 1 for melanoma.
        inside: (N, 64, 64) bool, where the lesion covers more than half of the skin.
        asymmetry, border, colour, diameter: (N,) float64 in 0..1.
    """

    images: np.ndarray
    labels: np.ndarray
    inside: np.ndarray
    asymmetry: np.ndarray
    border: np.ndarray
    colour: np.ndarray
    diameter: np.ndarray


def simulate(split: str, count: int | None = None) -> Lesions:
    """The lesions of a split, or the first `count` of them, with the truth behind them.

    Raises:
        DataError: no such split.
    """
    if split not in SIZES:
        raise DataError(f"lesionsim has no split {split!r}; it has {', '.join(SIZES)}.")
    size, positives = SIZES[split]
    # spread evenly, so that every prefix has about the same share
    labels = np.diff(np.arange(size + 1) * positives // size)[:count]
    parts = [
        _simulate(Draw([SEED, list(SIZES).index(split), start]), labels[start : start + _CHUNK])
        for start in range(0, len(labels), _CHUNK)
    ]
    return Lesions(
        *(np.concatenate([getattr(part, f) for part in parts]) for f in Lesions.__dataclass_fields__)
    )


def make(name: str, folder: Path | None = None) -> Arrays:
    """Make the set, in a few seconds on one core.

    Args:
        name, folder: not used; there is one set, and it fits into memory.

    Returns:
        Arrays: train, val and test, images (N, 64, 64, 3) uint8 and labels (N,) int64.
    """
    made = {split: simulate(split) for split in SIZES}
    return Arrays(classes=CLASSES, splits={split: (part.images, part.labels) for split, part in made.items()})


def _simulate(draw: Draw, labels: np.ndarray) -> Lesions:
    """Every number is drawn for a whole chunk, so that a shorter one begins like it."""
    truth = {
        name: np.clip(MEAN + SPREAD * (_normal(draw) + SHIFT * _padded(labels)), 0, 1) for name in ATTRIBUTES
    }
    cover = _outline(draw, **{name: truth[name] for name in ("asymmetry", "border", "diameter")})
    skin, dark = _skin(draw)
    image = skin + cover[..., None] * (dark * _pigment(draw, truth["asymmetry"], truth["colour"]) - skin)
    image = _noise(draw, _hairs(draw, image) * _light(draw)[..., None])
    n = len(labels)
    return Lesions(image[:n], labels, cover[:n] > 0.5, *(truth[name][:n] for name in ATTRIBUTES))


def _padded(labels: np.ndarray) -> np.ndarray:
    return np.concatenate([labels, np.zeros(_CHUNK - len(labels), np.int64)])


def _uniform(draw: Draw, low: float, high: float, *shape: int) -> np.ndarray:
    """float64 (chunk, *shape)."""
    return low + (high - low) * (draw.between(0, 65535, _CHUNK, *shape) / 65536)


def _normal(draw: Draw) -> np.ndarray:
    """About normal, mean 0 and standard deviation 1: (chunk,)."""
    a, b, c, d = draw.between(0, 65535, 4, _CHUNK) / 65536
    return (a + b + c + d - 2) * 1.75


def _spline(cell: int) -> np.ndarray:
    """Quadratic B-splines that sum to 128: (SIDE, knots) float32."""
    first, rest = np.arange(SIDE) // cell, np.arange(SIDE) % cell
    left, right = 64 * (cell - rest) ** 2 // cell**2, 64 * rest**2 // cell**2
    table = np.zeros((SIDE, (SIDE - 1) // cell + 3), np.float32)
    for step, weight in enumerate((left, 128 - left - right, right)):
        table[np.arange(SIDE), first + step] = weight
    return table


_SPLINES = {cell: _spline(cell) for cell in (16, 8, 4, 2)}


def _field(draw: Draw, cell: int) -> np.ndarray:
    """Smooth noise with cells of so many pixels, mean 0 and standard deviation about 1: (chunk, SIDE, SIDE).

    Whole numbers up to 128**3 < 2**24, so float32 is exact in any order.
    """
    table = _SPLINES[cell]
    knots = draw.bytes(_CHUNK, table.shape[1], table.shape[1]).view(np.int8).astype(np.float32)
    return (table @ knots @ table.T).astype(np.float64) * (3 / 2**21)


def _turned(draw: Draw) -> tuple[np.ndarray, np.ndarray]:
    """The coordinates of each pixel about a random point near the centre, in a random direction."""
    half = _uniform(draw, -1, 1)  # the tangent of half the angle
    cos, sin = ((1 - half * half) / (1 + half * half), 2 * half / (1 + half * half))
    cos, sin = cos[:, None, None], sin[:, None, None]
    shift = _uniform(draw, -0.15, 0.15, 2)
    x, y = _PLACE - shift[:, :1, None], _PLACE[:, None] - shift[:, 1:, None]
    return cos * x + sin * y, cos * y - sin * x


def _outline(draw: Draw, asymmetry: np.ndarray, border: np.ndarray, diameter: np.ndarray) -> np.ndarray:
    """How far the lesion covers each pixel: (chunk, SIDE, SIDE) in 0..1. An ellipse, bent and frayed."""
    u, v = _turned(draw)
    asymmetry, border = asymmetry[:, None, None], border[:, None, None]
    radius = (RADIUS[0] + RADIUS[1] * diameter)[:, None, None]
    long = _uniform(draw, 1, 1.25)[:, None, None]
    u, v = u / (radius * long), v / (radius / long)
    bent = 0.42 * asymmetry * _field(draw, 16)
    frayed = border * border * (0.36 * _field(draw, 8) + 0.24 * _field(draw, 4))
    depth = 1 - np.sqrt(u * u + v * v) + bent + frayed
    soft = _uniform(draw, 0.1, 0.35)[:, None, None]
    share = np.clip(depth / soft + 0.5, 0, 1)
    return share * share * (3 - 2 * share)


def _mix(share: np.ndarray, first, second) -> np.ndarray:
    """Colours between two: share (...) in 0..1 -> (..., 3)."""
    return np.asarray(first, float) + share[..., None] * (np.asarray(second, float) - first)


def _skin(draw: Draw) -> tuple[np.ndarray, np.ndarray]:
    """(chunk, SIDE, SIDE, 3): a tone, mostly light, with blotches and fine texture. And by what a lesion is
    darker on it than on the lightest, (chunk, 1, 1, 1)."""
    tone = _uniform(draw, 0, 1)
    tone = tone * tone
    pale, brown = np.clip(2 * tone, 0, 1), np.clip(2 * tone - 1, 0, 1)
    colour = _mix(pale, SKIN[0], SKIN[1])
    colour = colour + brown[:, None] * (np.asarray(SKIN[2], float) - colour)
    blotch = _uniform(draw, 0, 7)[:, None, None] * _field(draw, 16) + 2.5 * _field(draw, 2)
    dark = 0.4 + 0.6 * colour[:, 1] / SKIN[0][1]
    return colour[:, None, None] + blotch[..., None], dark[:, None, None, None]


def _pigment(draw: Draw, asymmetry: np.ndarray, colour: np.ndarray) -> np.ndarray:
    """(chunk, SIDE, SIDE, 3): brown, darker on one side if asymmetric, with a network and patches."""
    shade = _uniform(draw, 0.1, 0.75)[:, None, None]
    uneven = 0.3 * asymmetry[:, None, None] * _field(draw, 16)
    network = _uniform(draw, 0.02, 0.12)[:, None, None] * (_field(draw, 2) + _field(draw, 4))
    image = _mix(np.clip(shade + uneven + network, 0, 1), LIGHT_BROWN, DARK_BROWN)
    for patch in PATCHES:
        level = 1.9 - 2.2 * colour + _uniform(draw, -0.3, 0.5)  # a large colour number lowers the threshold
        share = np.clip(0.7 * (_field(draw, 16) + 0.4 * _field(draw, 8) - level[:, None, None]), 0, 0.7)
        image = image + share[..., None] * (np.asarray(patch, float) - image)
    return image


def _hairs(draw: Draw, image: np.ndarray) -> np.ndarray:
    """Adds dark, slightly bent hairs to some of the images."""
    hairy = draw.between(0, 255, _CHUNK) < HAIRY
    for _ in range(HAIRS):
        u, v = _turned(draw)
        offset, bend = (_uniform(draw, -each, each)[:, None, None] for each in (0.8, 0.4))
        width = _uniform(draw, 0.1, 0.6)[:, None, None]
        there = hairy & (draw.between(0, 255, _CHUNK) < 150)
        u, v, offset, bend, width = (each[there] for each in (u, v, offset, bend, width))
        share = 0.75 * np.clip(width + 0.5 - abs(v - offset - bend * u * u) * (SIDE / 2), 0, 1)
        image[there] += share[..., None] * (np.array([48.0, 36, 32]) - image[there])
    return image


def _light(draw: Draw) -> np.ndarray:
    """(chunk, SIDE, SIDE): what light there is, brighter on one side; none in the corners of some."""
    slope = _uniform(draw, -0.12, 0.12, 2)
    light = (
        _uniform(draw, 0.86, 1.08)[:, None, None]
        + slope[:, :1, None] * _PLACE
        + slope[:, 1:, None] * _PLACE[:, None]
    )
    edge = _uniform(draw, 0.95, 1.2)[:, None, None]
    far = np.sqrt(_PLACE * _PLACE + (_PLACE * _PLACE)[:, None])
    seen = np.clip((edge - far) * 12, 0.06, 1)
    return np.where((draw.between(0, 255, _CHUNK) < CORNERED)[:, None, None], light * seen, light)


def _noise(draw: Draw, image: np.ndarray) -> np.ndarray:
    """(chunk, SIDE, SIDE, 3) uint8: the camera's white balance and noise."""
    balance = _uniform(draw, 0.95, 1.05, 3)[:, None, None]
    amplitude = draw.between(*NOISE, _CHUNK)[:, None, None, None]
    noise = (draw.bytes(*image.shape) / 128 - 1) * amplitude
    return np.clip(np.rint(image * balance + noise), 0, 255).astype(np.uint8)


ENTRIES = (
    DataEntry(
        name=NAME,
        kind="embedded",
        shape=(SIDE, SIDE, 3),
        classes=CLASSES,
        splits={split: size for split, (size, _) in SIZES.items()},
        licence="as the code",
        source="made by lt_lib.data.sets.lesionsim",
        note="simulated skin lesions, benign or melanoma; stands in for isic2017",
        pins=(Pin(DIGEST),),
        class_counts={split: (size - positives, positives) for split, (size, positives) in SIZES.items()},
        cite="F. Nachbar et al. (1994), The ABCD Rule of Dermatoscopy, Journal of the American Academy of "
        "Dermatology 30(4)",
        make=make,
    ),
)

if __name__ == "__main__":
    with on_one_line():
        print(f'DIGEST = "{make(NAME).digest()}"')
