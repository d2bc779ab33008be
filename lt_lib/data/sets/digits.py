"""Data sets that ship with the code: numbers on colour, composed from scikit-learn's handwritten digits, and
those digits themselves.

They stand in for CIFAR where nothing can be downloaded: 32x32 colour images of 50 (or 10) classes, train
and test written with different samples of handwriting. Each image is made of grey 8x8 digits [1]_ placed,
stretched, sheared and coloured at random, with strokes, a third digit cut by the border, and noise in the
way. The constants below say how hard that is.

Every platform makes the same bytes, so their digests are pinned: the one source of randomness is the raw
output of PCG64, which NumPy keeps stable across versions (NEP 19: bit generators are,
``Generator.integers`` is not), and all arithmetic is on integers.

.. [1] E. Alpaydin and C. Kaynak (1998), Optical Recognition of Handwritten Digits, UCI Machine Learning
   Repository, https://doi.org/10.24432/C50P49: its 1797 test digits, by 13 writers, as scikit-learn's
   ``load_digits`` has them.
"""

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lt_lib.data.arrays import Arrays
from lt_lib.data.draw import Draw
from lt_lib.data.registry import DataEntry, Pin
from lt_lib.errors import DataError, on_one_line

# --- difficulty. Ranges include both ends; "1/16 px" means in sixteenths of a pixel.
# 1/16 px: side of the 8x8 source square on the image; ink fills about 5/8 of its width
SIZE = (14 * 16, 18 * 16)
STRETCH = 16  # width and height change by up to +-STRETCH/128, in opposite directions
SHEAR = 24  # each of two shears lies within +-SHEAR/128; equal and opposite ones are a rotation
JITTER = 16  # 1/16 px: each digit moves up to this far, both ways
DRIFT = (16, 96)  # 1/16 px: so does the whole number; the first for two digits, the second for a single one
SPREAD = (88, 104)  # 1/16 px: half the distance between the centres of two digits
# grey levels between ink and background in the channel where they differ most; below 256
CONTRAST = (70, 190)
GRADIENT = 40  # grey levels: the background changes by up to this much from one border to the other
NOISE = (2, 16)  # grey levels: amplitude, drawn for each image, of uniform noise on every pixel and channel
STROKES = 2  # how many straight strokes may cross an image
STROKE_CHANCE = 32  # of 256, for each stroke
PARTIAL_CHANCE = 64  # of 256: a third digit, cut by the border
# --- a change above changes DIGESTS: `python -m lt_lib.data.sets.digits` prints the new ones

SIDE = 32  # of an image, pixels
SEED = 20200
TRAIN_PERCENT = 60  # of the source digits of each class
# of the table of source digits, (1797, 65) uint8: 64 pixels and the label
SOURCE_SHA256 = "68aea062d35a127749050fa0e52dca09d6569ac08092c925610e0954e172dde2"

_UP = 8  # cells of the bank per source pixel
_CELLS = 10 * _UP  # 8 source pixels and a border of one
_CHUNK = 500  # images made at a time, so that the work arrays stay in cache


@dataclass(frozen=True)
class Recipe:
    """The numbers first, ..., first + classes - 1, in so many digits; train and test are images per class."""

    first: int
    classes: int
    digits: int
    train: int
    test: int
    seed: int
    test_pool: str = "test"  # the source digits that test images are written with

    @property
    def names(self) -> tuple[str, ...]:
        """Of the classes."""
        return tuple(f"{self.first + k:0{self.digits}d}" for k in range(self.classes))


ALPAYDIN = (
    "E. Alpaydin, C. Kaynak (1998), Optical Recognition of Handwritten Digits, "
    "https://doi.org/10.24432/C50P49"
)
RECIPES = {
    "digits50": Recipe(first=0, classes=50, digits=2, train=500, test=100, seed=SEED),
    "digits10": Recipe(first=0, classes=10, digits=1, train=500, test=100, seed=SEED + 1),
    "digits50_source": Recipe(50, classes=50, digits=2, train=400, test=40, seed=SEED + 2, test_pool="train"),
}
DIGITS8 = "digits8"
# Content digests, as `python -m lt_lib.data.sets.digits` prints them.
DIGESTS = {
    "digits8": "sha256:2bbbee8c924c957897709e520a9a640d6a99c2596bd27d37b80894d8829e1a91",
    "digits50": "sha256:5ca590638480a96dbd97bea314dcce444b3412030ad2c8cb23d2378589d8026a",
    "digits10": "sha256:7554de808b6fc3ebafc2ee7b3bba8091ab39aab93e0c0a73cd9d19b251f7a216",
    "digits50_source": "sha256:0c32a50619512888c10fdcbd16e6ef5d38cc578c6208ddcdef9a362ef9a36f3c",
}


def make(name: str, folder: Path | None = None) -> Arrays:
    """Make an embedded data set: about two seconds on one core, the same bytes everywhere.

    Image i of a split has label i mod classes, so every prefix is balanced.

    Args:
        name: one of ``RECIPES``, or ``"digits8"``: the 1797 source digits as they are, grey, split as
            :func:`source_pools` has it.
        folder: not used; what is made fits into memory.

    Returns:
        Arrays: for train and test, images (N, 32, 32, 3) uint8 and labels (N,) int64; of digits8
        (N, 8, 8, 1), ink from 0 to 255.

    Raises:
        DataError: the installed scikit-learn has other digits than those known here.
    """
    images, digits = source_digits()
    pools = source_pools(digits)
    if name == DIGITS8:
        grey = (images.astype(np.uint16) * 255 // 16).astype(np.uint8)[..., None]
        order = {split: np.sort(np.concatenate(pool)) for split, pool in pools.items()}
        return Arrays(
            classes=tuple("0123456789"),
            splits={split: (grey[rows], digits[rows]) for split, rows in order.items()},
        )
    recipe = RECIPES[name]
    bank = _bank(images)
    splits = {}
    for number, (split, per_class, pool) in enumerate(
        [("train", recipe.train, "train"), ("test", recipe.test, recipe.test_pool)]
    ):
        labels = np.arange(per_class * recipe.classes, dtype=np.int64) % recipe.classes
        splits[split] = _compose(Draw([recipe.seed, number]), bank, pools[pool], recipe, labels), labels
    return Arrays(classes=recipe.names, splits=splits)


def source_digits() -> tuple[np.ndarray, np.ndarray]:
    """The 1797 source digits: images (1797, 8, 8) uint8 in 0..16, labels (1797,) int64.

    Raises:
        DataError: the installed scikit-learn has other digits.
    """
    from sklearn.datasets import load_digits

    table = load_digits()
    images, labels = table.images.astype(np.uint8), table.target.astype(np.int64)
    flat = np.concatenate([images.reshape(len(images), -1), labels.astype(np.uint8)[:, None]], 1)
    found = hashlib.sha256(np.ascontiguousarray(flat).data).hexdigest()
    if found != SOURCE_SHA256:
        raise DataError(
            f"the digits of the installed scikit-learn have SHA-256 {found}, expected {SOURCE_SHA256}, so "
            "the embedded data sets cannot be made as published. Install the scikit-learn of "
            "requirements.lock, then repeat."
        )
    return images, labels


def source_pools(labels: np.ndarray) -> dict[str, list[np.ndarray]]:
    """Which source digits each split is written with.

    Of each class the first 60 % in file order are for training, the rest for testing. Neighbours in the
    file were written by the same hand, so this cut keeps most writers on one side; a random cut would put
    every hand on both sides, and the test would measure memory of a hand.

    Args:
        labels: (1797,) the digit of each source image.

    Returns:
        For train and for test, one index array for each of the ten digits.
    """
    pools = {"train": [], "test": []}
    for digit in range(10):
        mine = np.flatnonzero(labels == digit)
        cut = len(mine) * TRAIN_PERCENT // 100
        pools["train"].append(mine[:cut])
        pools["test"].append(mine[cut:])
    return pools


def _bank(images: np.ndarray) -> np.ndarray:
    """Source digits (M, 8, 8) in 0..16, enlarged eightfold, with an empty border: (M, 6400) uint8."""
    padded = np.zeros((len(images), 12, 12), np.int32)
    padded[:, 2:10, 2:10] = images
    position = (
        np.arange(_CELLS) * 2 + 1 + _UP
    )  # centre of each cell, from the centre of padded pixel 0; 1/16 pixel
    low, weight = position // (2 * _UP), position % (2 * _UP)
    rows = padded[:, low] * (2 * _UP - weight)[:, None] + padded[:, low + 1] * weight[:, None]
    cells = rows[:, :, low] * (2 * _UP - weight) + rows[:, :, low + 1] * weight
    return (cells * 255 // (16 * 4 * _UP * _UP)).astype(np.uint8).reshape(len(images), -1)


def _glyphs(draw: Draw, bank, source, centre_x, centre_y, columns: slice) -> np.ndarray:
    """Ink of one digit an image, (n, 32, columns) uint8; source indices (n,), centres (n,) in 1/16 px."""
    n = len(source)
    size, stretch = draw.between(*SIZE, n), draw.between(-STRETCH, STRETCH, n)
    shear_x, shear_y = draw.between(-SHEAR, SHEAR, n), draw.between(-SHEAR, SHEAR, n)
    step = (8 * _UP << 12) // size  # 2**-12 cells per 1/16 px
    xx, yy = step * (128 + stretch) >> 7, step * (128 - stretch) >> 7
    xy, yx = step * shear_x >> 7, step * shear_y >> 7
    grid = np.arange(SIDE, dtype=np.int32) * 16 + 8
    x, y = grid[columns] - centre_x[:, None], grid - centre_y[:, None]
    middle = np.int32(_CELLS // 2 << 12)
    u = _outer(y * xy[:, None] + middle, x * xx[:, None]) >> 12
    v = _outer(y * yy[:, None] + middle, x * yx[:, None]) >> 12
    np.clip(u, 0, _CELLS - 1, out=u)
    np.clip(v, 0, _CELLS - 1, out=v)
    v *= _CELLS
    v += u
    v += (source.astype(np.int32) * bank.shape[1])[:, None, None]
    return bank.reshape(-1)[v]


def _outer(rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """rows (n, H) + columns (n, W) -> (n, H, W)."""
    return rows[:, :, None] + columns[:, None, :]


def _pick(draw: Draw, pools: list[np.ndarray], digits: np.ndarray) -> np.ndarray:
    """A source index for each digit (n,), uniform over the pool of its class."""
    sizes = np.array([len(pool) for pool in pools])
    table = np.zeros((10, sizes.max()), np.int64)
    for digit, pool in enumerate(pools):
        table[digit, : len(pool)] = pool
    return table[digits, draw.between(0, 65535, len(digits)) * sizes[digits] >> 16]


def _strokes(draw: Draw, n: int) -> np.ndarray:
    """Where strokes lie, straight and a pixel or two wide, through a random point: (n, 32, 32) bool."""
    grid = np.arange(SIDE, dtype=np.int32) * 16 + 8
    covered = np.zeros((n, SIDE, SIDE), bool)
    for _ in range(STROKES):
        wanted = draw.between(0, 255, n) < STROKE_CHANCE
        a, b = draw.between(-64, 64, n), draw.between(-64, 64, n)
        x, y = draw.between(0, 16 * SIDE - 1, n), draw.between(0, 16 * SIDE - 1, n)
        reach = draw.between(8, 14, n) * np.maximum(
            np.maximum(abs(a), abs(b)), 1
        )  # about half the width, 1/16 px
        line = _outer((grid - y[:, None]) * b[:, None], (grid - x[:, None]) * a[:, None])
        covered |= (np.abs(line) <= reach[:, None, None]) & wanted[:, None, None]
    return covered


def _offset(draw: Draw, back: np.ndarray) -> np.ndarray:
    """A colour difference (n, 3) to the backgrounds (n, 3), away from the nearer end of each channel."""
    n = len(back)
    share = draw.between(0, 255, n, 3)
    share[np.arange(n), draw.between(0, 2, n)] = 255
    return np.where(back < 128, 1, -1) * (draw.between(*CONTRAST, n)[:, None] * share // 255)


def _compose(draw: Draw, bank, pools, recipe: Recipe, labels: np.ndarray) -> np.ndarray:
    """Images (N, 32, 32, 3) uint8 of the numbers first + labels."""
    out = np.empty((len(labels), SIDE, SIDE, 3), np.uint8)
    for start in range(0, len(labels), _CHUNK):
        part = slice(start, start + _CHUNK)
        number = recipe.first + labels[part]
        out[part] = _paint(draw, *_ink(draw, bank, pools, number, recipe.digits))
    return out


def _ink(draw: Draw, bank, pools, number: np.ndarray, digits: int) -> tuple[np.ndarray, np.ndarray]:
    """Ink of the numbers (n,), and of a third digit at the border: both (n, 32, 32) uint8."""
    n = len(number)
    drift = DRIFT[digits == 1]
    middle_x, middle_y = (8 * SIDE + draw.between(-drift, drift, n) for _ in range(2))
    if digits == 2:
        spread = draw.between(*SPREAD, n)
        places = [(number // 10, -spread, slice(0, 22)), (number % 10, spread, slice(10, SIDE))]
    else:
        places = [(number, 0, slice(0, SIDE))]
    ink = np.zeros((n, SIDE, SIDE), np.uint8)
    for digit, shift, columns in places:
        x, y = (draw.between(-JITTER, JITTER, n) for _ in range(2))
        drawn = _glyphs(draw, bank, _pick(draw, pools, digit), middle_x + shift + x, middle_y + y, columns)
        np.maximum(ink[:, :, columns], drawn, out=ink[:, :, columns])
    along, side = draw.between(0, 16 * SIDE - 1, n), draw.between(0, 3, n)
    edge = np.where(side % 2 == 0, -24, 16 * SIDE + 24)
    x, y = np.where(side < 2, edge, along), np.where(side < 2, along, edge)
    partial = _glyphs(draw, bank, _pick(draw, pools, draw.between(0, 9, n)), x, y, slice(0, SIDE))
    partial *= (draw.between(0, 255, n) < PARTIAL_CHANCE)[:, None, None]
    return ink, partial


def _paint(draw: Draw, ink: np.ndarray, partial: np.ndarray) -> np.ndarray:
    """Colour, strokes, gradient and noise: (n, 32, 32, 3) uint8."""
    n = len(ink)
    back = draw.between(24, 231, n, 3)
    layers = [(ink, _offset(draw, back)), (partial, _offset(draw, back))]
    layers.append((_strokes(draw, n).astype(np.uint8) * np.uint8(255), _offset(draw, back)))
    tilt = draw.between(-GRADIENT, GRADIENT, 2, n, 1)
    place = np.arange(SIDE, dtype=np.int32) * 2 + 1 - SIDE
    slope = (_outer(place * tilt[0], place * tilt[1]) >> 6).astype(np.int16)
    amplitude = draw.between(*NOISE, n).astype(np.int16)[:, None, None]
    noise = draw.bytes(3, n, SIDE, SIDE)
    image = np.empty((n, SIDE, SIDE, 3), np.uint8)
    for c in range(3):
        plane = slope + back[:, c].astype(np.int16)[:, None, None]
        for cover, colour in layers:
            plane += _tint(cover, colour[:, c])
        plane += (noise[c].astype(np.int16) - 128) * amplitude >> 7
        image[..., c] = np.clip(plane, 0, 255)
    return image


def _tint(cover: np.ndarray, colour: np.ndarray) -> np.ndarray:
    """Colour differences (n,) as far as cover (n, H, W) uint8 goes: int16, as 127 * 255 < 2**15."""
    return (cover >> 1).astype(np.int16) * colour.astype(np.int16)[:, None, None] >> 7


def _entry(name: str, note: str) -> DataEntry:
    recipe = RECIPES[name]
    return DataEntry(
        name=name,
        kind="embedded",
        shape=(SIDE, SIDE, 3),
        classes=recipe.names,
        splits={"train": recipe.classes * recipe.train, "test": recipe.classes * recipe.test},
        licence="CC BY 4.0 (the source digits)",
        source="made by lt_lib.data.sets.digits from scikit-learn's load_digits",
        note=note,
        pins=(Pin(DIGESTS[name]),),
        cite=ALPAYDIN,
        make=make,
    )


ENTRIES = (
    _entry("digits50", "two-digit numbers 00 to 49; stands in for cifar100_even50"),
    _entry("digits10", "single digits; stands in for cifar10"),
    _entry("digits50_source", "numbers 50 to 99, to pre-train for digits50"),
    DataEntry(
        name=DIGITS8,
        kind="embedded",
        shape=(8, 8, 1),
        classes=tuple("0123456789"),
        splits={"train": 1074, "test": 723},
        licence="CC BY 4.0",
        source="scikit-learn's load_digits",
        note="scikit-learn's handwritten digits as they are, most writers on one side of the split",
        pins=(Pin(DIGESTS[DIGITS8]),),
        cite=ALPAYDIN,
        make=make,
    ),
)

if __name__ == "__main__":
    with on_one_line():
        for each in DIGESTS:
            print(f'"{each}": "{make(each).digest()}",')
