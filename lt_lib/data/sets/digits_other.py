"""Strangers for a network of digits10: five of its digits in another rendering, drawn with a pen.

What Tiny ImageNet's images of five classes are to a network of CIFAR-10
(:mod:`lt_lib.data.sets.tinyimagenet`), these are to one of :mod:`lt_lib.data.sets.digits`: the same classes
1, 2, 3, 5 and 6, the same labels of ten, the same unequal numbers of images, and pictures made in another
way. Nobody's handwriting is in them: a digit is a line with corners, as an engraver's template has it, its
corners jittered, drawn with a round pen on striped paper.

All platforms make the same bytes: randomness is the raw output of PCG64; the rest is IEEE arithmetic and
square roots, one number at a time, which round alike everywhere.
"""

from pathlib import Path

import numpy as np

from lt_lib.data.arrays import Arrays
from lt_lib.data.draw import Draw
from lt_lib.data.registry import DataEntry, Pin
from lt_lib.data.sets.tinyimagenet import PRINTED
from lt_lib.errors import on_one_line

NAME = "digits10_other"
SIDE = 32  # of an image, pixels
CLASSES = tuple("0123456789")
# digit -> images: the counts that the SIGN paper prints for the classes of these labels
COUNTS = dict(zip((1, 2, 3, 5, 6), PRINTED.values(), strict=True))
# digit -> the corners of its line, on a grid 10 wide and 16 high, y downwards
CORNERS = {
    1: [(2, 4), (6, 0), (6, 16)],
    2: [(0, 4), (2, 1), (5, 0), (8, 1), (10, 4), (9, 8), (0, 16), (10, 16)],
    3: [(0, 1), (6, 0), (10, 3), (9, 6), (4, 8), (9, 9), (10, 13), (6, 16), (0, 15)],
    5: [(9, 0), (1, 0), (1, 7), (6, 6), (10, 9), (10, 13), (6, 16), (0, 15)],
    6: [(9, 0), (4, 3), (1, 8), (0, 12), (3, 16), (7, 16), (10, 13), (9, 9), (5, 8), (0, 12)],
}

# --- difficulty; ranges include both ends
SEED = 20_211
HEIGHT = (14, 22)  # of a digit, pixels
NARROW = (45, 75)  # percent: its width, of the height
SLANT = (-30, 30)  # percent: how far its top leans, of the height
JITTER = 90  # hundredths of the grid: each corner moves up to this far, both ways
DRIFT = 30  # tenths of a pixel: so does the whole digit
PEN = (8, 22)  # tenths of a pixel: half the width of the line
CONTRAST = (45, 150)  # grey levels between line and paper, in each channel
STRIPES = (0, 45)  # grey levels: how far every other stripe differs from the paper
STRIPE = (2, 6)  # pixels: width of a stripe
NOISE = (4, 40)  # grey levels: amplitude of uniform noise
# --- a change above changes DIGEST: `python -m lt_lib.data.sets.digits_other` prints the new one
DIGEST = "sha256:3dc1e511a773997cc7d89055c78947b250dac439a24738ca5d3a1de116df525f"


def make(name: str, folder: Path | None = None) -> Arrays:
    """Make the set: a second on one core.

    Args:
        name, folder: not used; there is one set, and it fits into memory.

    Returns:
        Arrays: test, images (643, 32, 32, 3) uint8, digit by digit, and labels (643,) int64 in 0..9.
    """
    labels = np.repeat(list(COUNTS), list(COUNTS.values())).astype(np.int64)
    parts = [_paint(draw := Draw([SEED, digit]), _line(draw, digit, n)) for digit, n in COUNTS.items()]
    return Arrays(classes=CLASSES, splits={"test": (np.concatenate(parts), labels)})


def _line(draw: Draw, digit: int, n: int) -> np.ndarray:
    """How far the pen covers each pixel: (n, 32, 32) float64 in 0..1."""
    corners = (
        np.array(CORNERS[digit], np.float64) + draw.between(-JITTER, JITTER, n, len(CORNERS[digit]), 2) / 100
    )
    height, narrow, slant = (draw.between(*each, n)[:, None] for each in (HEIGHT, NARROW, SLANT))
    along, down = corners[..., 0] / 10 - 0.5, corners[..., 1] / 16 - 0.5
    drift = draw.between(-DRIFT, DRIFT, 2, n)[..., None] / 10 + SIDE / 2
    x = drift[0] + height * (along * (narrow / 100) - down * (slant / 100))
    y = drift[1] + height * down
    distance = np.full((n, SIDE, SIDE), np.inf)
    for k in range(len(CORNERS[digit]) - 1):
        ends = (each[:, k + step, None, None] for step in (0, 1) for each in (x, y))
        np.minimum(distance, _distance(*ends), out=distance)
    return np.clip(draw.between(*PEN, n)[:, None, None] / 10 + 0.5 - distance, 0, 1)


def _distance(x0, y0, x1, y1) -> np.ndarray:
    """Of each pixel's centre from the straight pieces between two points, each (n, 1, 1): (n, 32, 32)."""
    place = np.arange(SIDE) + 0.5
    across, along = place - x0, place[:, None] - y0
    dx, dy = x1 - x0, y1 - y0
    length = np.maximum(dx * dx + dy * dy, 1e-9)
    share = np.clip((across * dx + along * dy) / length, 0, 1)
    across, along = across - share * dx, along - share * dy
    return np.sqrt(across * across + along * along)


def _paint(draw: Draw, line: np.ndarray) -> np.ndarray:
    """Striped paper, ink and noise: (n, 32, 32, 3) uint8."""
    n = len(line)
    paper = draw.between(30, 225, n, 3)
    ink = np.where(paper < 128, 1, -1) * draw.between(*CONTRAST, n, 3)
    width, start, level = draw.between(*STRIPE, n), draw.between(0, 31, n), draw.between(*STRIPES, n)
    slope = draw.between(-1, 1, n)[:, None, None]  # up, level, or down
    place = np.arange(SIDE)
    at = place[:, None] + slope * place + start[:, None, None] + SIDE
    shade = (at // width[:, None, None] % 2) * level[:, None, None]
    noise = (draw.bytes(n, SIDE, SIDE, 3) / 128 - 1) * draw.between(*NOISE, n)[:, None, None, None]
    image = paper[:, None, None] + shade[..., None] + line[..., None] * ink[:, None, None] + noise
    return np.clip(np.rint(image), 0, 255).astype(np.uint8)


ENTRIES = (
    DataEntry(
        name=NAME,
        kind="embedded",
        shape=(SIDE, SIDE, 3),
        classes=CLASSES,
        splits={"test": sum(COUNTS.values())},
        licence="as the code",
        source="made by lt_lib.data.sets.digits_other",
        note="five digits drawn with a pen, to test a network of digits10; stands in for tinyimagenet_ood",
        pins=(Pin(DIGEST),),
        class_counts={"test": tuple(COUNTS.get(digit, 0) for digit in range(10))},
        cite="S. Asgari Taghanaki, K. Abhishek, G. Hamarneh (2019), Signed Input Regularization, "
        "https://arxiv.org/abs/1911.07086 (the counts)",
        make=make,
    ),
)

if __name__ == "__main__":
    with on_one_line():
        print(f'DIGEST = "{make(NAME).digest()}"')
