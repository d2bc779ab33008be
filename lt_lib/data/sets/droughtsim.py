"""DroughtSim: simulated Landsat-8 tiles that stand in for DroughtWatch where nothing can be downloaded.

A tile is 65x65 pixels of 30 m in 11 bands, stored as uint8 like the real ones: B1 to B8 top-of-atmosphere
reflectance times 255 (B8 panchromatic), B9 the cirrus band, B10 and B11 brightness temperature. Its class
says how many cows the ground at the centre can feed: 0, 1, 2, 3 or more.

A tile is made as a scene is:

1. *Ground.* Smooth random fields give each pixel its cover: light and dark soil, green and dry grass, woody
   plants, water. How wet a place is moves all of them together, as a climate does.
2. *Light.* Reflectance is the cover-weighted mean of the spectra below (linear mixing), times the light that
   the slope of the ground receives.
3. *Air.* Cloud hides the ground, more often where it is wet, and casts a shadow; it alone shows in B9; haze
   adds blue.
4. *Sensor.* The thermal bands see coarser pixels; noise; 8 bits.
5. *Label.* Forage is grass that grows dense enough to graze and is not overgrown by woody plants. Its mean
   around the centre pixel, nearer pixels counting more and none beyond ``RADIUS``, counts in full where
   cattle find water within ``REACH``, a waterhole of a few pixels or a river, and elsewhere to a small part:
   what lies around the grass decides, which no mean of a band shows. The result is judged by a person with
   an error of ``JUDGEMENT`` and now and then a slip, and cut into four classes in the proportions of the real
   set. One label a tile; nobody labels the rest of it.

The spectra are typical curves as textbooks of remote sensing draw them, read off by eye at the band centres,
not measurements of one place: soil rises steadily with wavelength; green leaves absorb blue and red, reflect
near infrared, and their water darkens short-wave infrared; dry grass has lost pigment and water, so it is
bright there; woody canopies shade themselves; water is dark beyond the visible; cloud is white, less so where
ice absorbs. What remains (how much of what, where) was set by comparison with the 151 real tiles
whose statistics are in book/published/droughtwatch-tiles.csv
(``python -m lt_lib.data.sets.droughtsim --statistics FOLDER``).

Tile i of a split depends on the split and on i alone, so every set is a prefix of the next larger one and can
be made in parts. All platforms make the same bytes: randomness is the raw output of PCG64, arithmetic is on
integers. Some of those are held as float32, for matrix products; every partial sum there stays below 2**24,
hence exact in any order.
"""

import argparse
import csv
import sys
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lt_lib.data.arrays import Arrays, content_digest
from lt_lib.data.folder import save_array
from lt_lib.data.image_folder import read_array
from lt_lib.data.registry import DataEntry, Pin
from lt_lib.data.sets.droughtwatch import BANDS, CLASSES, HOBBS, SIDE
from lt_lib.errors import DataError, on_one_line

SHARES = (0.598, 0.159, 0.155, 0.088)  # of the classes, in the real training set
SIZES = {  # name -> images per split
    "droughtsim_500": {"train": 500, "test": 500},
    "droughtsim_2k": {"train": 2_000, "test": 1_000},
    "droughtsim_6k": {"train": 6_000, "test": 3_000},
    "droughtsim_86k": {"train": 86_317, "test": 10_778},
}
# Content digests, as `python -m lt_lib.data.sets.droughtsim` prints them.
DIGESTS = {
    "droughtsim_500": "sha256:600cad4ba5651e51865c18efe8072bb6ebf11e4954590e3e9d003818b3f19ae2",
    "droughtsim_2k": "sha256:50555f1291bc7fd65adc2f1622835a02df9f66ed755ed4f7d0878e7470894578",
    "droughtsim_6k": "sha256:0b5ee22bac4e1631de91e396c56d2a8a915bc955ac92a4dc9bead09e37fb4473",
    "droughtsim_86k": "sha256:4a30538c70e554b3eeb5142b34c88733bd8063d8e5f3c692cfb5ec28ded8dc71",
}
COVERS = ("light soil", "dark soil", "green grass", "dry grass", "woody", "water")

# --- the scene
SEED = 65_11
# Reflectance of each cover in B1..B8, per mille.
SPECTRA = (
    (66, 84, 142, 238, 350, 470, 405, 180),  # light soil
    (30, 38, 58, 88, 160, 205, 170, 70),  # dark soil
    (28, 36, 78, 52, 400, 235, 115, 66),  # green grass
    (48, 60, 100, 150, 290, 365, 255, 120),  # dry grass
    (18, 24, 44, 32, 270, 150, 70, 38),  # woody plants
    (50, 52, 52, 36, 18, 10, 8, 44),  # water
)
# Brightness of each cover in B10, per mille of the range, at the temperature of a mean day.
WARMTH = (838, 832, 796, 824, 792, 770)
CLOUD = (700, 700, 670, 680, 720, 300, 240, 675, 110)  # reflectance of cloud, B1..B9, per mille
CLOUD_WARMTH = 560
PATH = (92, 70, 40, 24, 10, 3, 1, 34, 1)  # what clear air adds, B1..B9, per mille; haze multiplies it
B11_BELOW_B10 = 12  # per mille
# Fields: weights of noise with cells of 32, 16, 8, 4, 2 pixels; at most 7 together (see _fields).
CELLS = (32, 16, 8, 4, 2)
FIELDS = {
    "grass": (2, 2, 1, 1, 1),
    "green": (2, 2, 2, 1, 0),
    "woody": (0, 2, 2, 2, 1),
    "soil": (2, 1, 1, 1, 1),
    "slope": (0, 2, 1, 1, 1),
    "water": (2, 2, 1, 0, 0),
    "cloud": (2, 2, 1, 1, 0),
}
WATERHOLES = 128  # so many of 256 tiles have one
AWAY = 12  # pixels in each direction that it may lie from the centre
# --- the label
RADIUS = 14  # pixels: ground further from the centre does not count
REACH, DRINK = 16, 4  # water to drink lies within so many pixels of the centre, and is so many pixels
DRY = 102  # of 1024 of the forage that can be used without water
JUDGEMENT = (6, 12)  # sd of the annotator's error: 6/1024 of forage, and a twelfth of what there is
SLIP = 8  # of 256 labels are given at random
CUTS = (26, 65, 218)  # forage as judged at which the class changes
# --- a change above changes DIGESTS: `python -m lt_lib.data.sets.droughtsim` prints the new ones

_WHOLE = 1024  # cover of a whole pixel
_ONE = 255 * 16  # reflectance 1: sixteenths of a grey level
_PLACE = np.arange(SIDE, dtype=np.int32) - SIDE // 2  # of a pixel, from the centre
_PARAMETERS = 32  # 16-bit numbers a tile
_CHUNK = 32  # tiles made at a time, so that the work arrays stay in cache
_SPLITS = ("train", "test")


@dataclass(frozen=True)
class Tiles:
    """Simulated tiles and what they were made from.

    Attributes:
        images: (N, 65, 65, 11) uint8.
        labels: (N,) int64, the class as the annotator gave it.
        cover: (N, 6, 65, 65) int32, the part of each pixel under each of ``COVERS``, in 1/1024; sums to 1024.
        cloud: (N, 65, 65) int32, how much cloud hides, in 1/1024.
        light: (N, 65, 65) int32, the light on the ground, in 1/256 of that on a flat, clear one.
        forage: (N, 65, 65) int32, the forage of each pixel, in 1/1024.
        score: (N,) int64, forage around the centre that can be used, in 1/1024.
        judged: (N,) int64, the same as the annotator saw it.
    """

    images: np.ndarray
    labels: np.ndarray
    cover: np.ndarray
    cloud: np.ndarray
    light: np.ndarray
    forage: np.ndarray
    score: np.ndarray
    judged: np.ndarray


class _Draw:
    """The randomness of N tiles, dealt out in order: raw PCG64, one stream a tile."""

    def __init__(self, split: str, indices: Iterable[int]):
        key = _SPLITS.index(split)
        words = [np.random.PCG64([SEED, key, i]).random_raw(_WORDS) for i in indices]
        self._bytes = np.stack(words).astype("<u8", copy=False).view(np.uint8)
        self._next = 0
        pairs = self.bytes(_PARAMETERS, 2).astype(np.int64)
        self._numbers = iter((pairs[..., 0] + (pairs[..., 1] << 8)).T)

    def bytes(self, *shape: int) -> np.ndarray:
        """Uniform uint8 (N, *shape)."""
        start, self._next = self._next, self._next + int(np.prod(shape))
        return self._bytes[:, start : self._next].reshape(-1, *shape)

    def number(self) -> np.ndarray:
        """Uniform int64 (N,) in 0..65535."""
        return next(self._numbers)

    def between(self, low: int, high: int) -> np.ndarray:
        """Uniform int32 (N, 1, 1) in low..high, both included."""
        return (low + (self.number() * (high - low + 1) >> 16)).astype(np.int32)[:, None, None]


def _splines() -> list[np.ndarray]:
    """For each of CELLS, quadratic B-splines that sum to 128: (phases, SIDE, knots) float32."""
    tables = []
    for cell in CELLS:
        at = np.arange(SIDE) + np.arange(cell)[:, None]  # phase, pixel
        first, rest = at // cell, at % cell
        table = np.zeros((cell, SIDE, (SIDE + cell - 2) // cell + 3), np.float32)
        left, right = 64 * (cell - rest) ** 2 // cell**2, 64 * rest**2 // cell**2
        for step, weight in enumerate((left, 128 - left - right, right)):
            np.put_along_axis(table, (first + step)[..., None], weight[..., None].astype(np.float32), 2)
        tables.append(table)
    return tables


_TABLES = _splines()
_USED = [[row[k] for row in FIELDS.values()] for k in range(len(CELLS))]
_LATTICES = [table.shape[2] ** 2 * sum(w > 0 for w in used) for table, used in zip(_TABLES, _USED)]
_WORDS = (2 * _PARAMETERS + sum(_LATTICES) + len(BANDS) * SIDE * SIDE + 7) // 8


def _fields(draw: _Draw) -> dict[str, np.ndarray]:
    """Smooth noise: name -> (N, 65, 65) int32 around 0, within +-4096.

    Values at the knots of a lattice in -128..127, times the weights, between them B-splines: at most
    7 * 128**3 < 2**24, so float32 is exact.
    """
    phase_y, phase_x = draw.number(), draw.number()  # where the lattice lies, so that no pixel is special
    total = np.zeros((len(phase_y), SIDE, len(FIELDS), SIDE), np.float32)
    for cell, table, used in zip(CELLS, _TABLES, _USED):
        chosen = [i for i, weight in enumerate(used) if weight]
        weights = np.array([used[i] for i in chosen], np.float32)
        knots = table.shape[2]
        lattice = draw.bytes(knots, len(chosen), knots).view(np.int8).astype(np.float32) * weights[:, None]
        rows = table[phase_y * cell >> 16] @ lattice.reshape(-1, knots, len(chosen) * knots)
        columns = rows.reshape(-1, SIDE * len(chosen), knots) @ table[phase_x * cell >> 16].transpose(0, 2, 1)
        total[:, :, chosen] += columns.reshape(-1, SIDE, len(chosen), SIDE)
    return {name: total[:, :, i].astype(np.int32) >> 12 for i, name in enumerate(FIELDS)}


def _simulate(split: str, indices: Sequence[int]) -> Tiles:
    draw = _Draw(split, indices)
    field = _fields(draw)
    wet = (draw.number() * draw.number() >> 22).astype(np.int32)[:, None, None]  # 0..1023, mostly low
    cover = _ground(draw, field, wet)
    light = _light(draw, field)
    cloud, away = _cloud(draw, field, wet)
    light = _shade(light, cloud, away)
    images = _sense(draw, cover, light, cloud, wet)
    forage = _forage(cover)
    score = _score(forage, cover[:, 5])
    judged, labels = _judge(draw, score)
    return Tiles(images, labels, cover, cloud, light, forage, score, judged)


def _ground(draw: _Draw, field: dict[str, np.ndarray], wet: np.ndarray) -> np.ndarray:
    """Cover of each pixel (N, 6, 65, 65) int32, in 1/1024."""

    def share(name, base, strength):
        return np.clip(base + (strength * field[name] >> 10), 0, _WHOLE)

    grass = share("grass", draw.between(0, 300) + (wet * 11 >> 4), draw.between(300, 700))
    green = share("green", draw.between(-100, 350) + (wet * 10 >> 4), 350)
    woody = share("woody", draw.between(-400, 200) + (wet * 4 >> 4), 500)
    light = share("soil", draw.between(150, 1100) - (wet * 4 >> 4), 500)
    river, pond, level = draw.between(0, 255) < 16, draw.between(0, 255) < 16, draw.between(-150, 150)
    # a river follows a contour line of its field, ponds fill the peaks of it
    water = np.where(river, 60 - np.abs(field["water"] - level), np.where(pond, field["water"] - 700, -1))
    dug, radius = draw.between(0, 255) < WATERHOLES, draw.between(16, 24)  # a disc of 2 to 3 pixels
    apart = (_PLACE[:, None] - draw.between(-AWAY, AWAY)) ** 2 + (_PLACE - draw.between(-AWAY, AWAY)) ** 2
    water = np.maximum(water, np.where(dug, radius * radius - 64 * apart, -1))
    water = np.clip(water * 16, 0, _WHOLE)
    land = _WHOLE - water
    woody = land * woody >> 10
    grass = (land - woody) * grass >> 10
    green = grass * green >> 10
    soil = land - woody - grass
    light = soil * light >> 10
    return np.stack([light, soil - light, green, grass - green, woody, water], axis=1)


def _light(draw: _Draw, field: dict[str, np.ndarray]) -> np.ndarray:
    """Light on the ground (N, 65, 65), in 1/256: sun height, and slopes that face it or not."""
    sun, relief = draw.between(225, 275), draw.between(0, 255)
    relief = 4 + (relief * relief >> 11)
    return np.clip(sun + (relief * field["slope"] >> 9), 96, 384)


def _cloud(draw: _Draw, field: dict[str, np.ndarray], wet: np.ndarray) -> tuple[np.ndarray, tuple]:
    """Cloud (N, 65, 65), in 1/1024: few tiles overcast, some under scattered cloud, most under a thin veil;
    and how far east and south of its shadow a cloud is, in pixels (N,)."""
    overcast, level, steep = draw.between(0, 255) < 6, draw.between(700, 4500) - wet, draw.between(1, 6)
    away = draw.between(4, 14)[:, 0, 0], draw.between(-6, 6)[:, 0, 0]
    veil = draw.between(0, 255)
    for _ in range(2):
        veil = veil * veil >> 8
    veil = (veil * veil >> 8) * (_WHOLE + field["cloud"] // 2) >> 11
    scattered = np.clip((field["cloud"] - level) * steep >> 1, 0, 1000)
    cloud = np.where(overcast, np.clip(700 + (field["cloud"] >> 1), 0, 1000), scattered)
    return np.maximum(cloud, veil), away


def _shade(light: np.ndarray, cloud: np.ndarray, away: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
    """Light (N, 65, 65) left on the ground where clouds that far to the east and south are in the way."""
    light, place = light.copy(), np.arange(SIDE)
    for i in np.flatnonzero(cloud.max((1, 2)) > 200):
        x, y = (np.clip(place + far[i], 0, SIDE - 1) for far in away)
        light[i] = light[i] * (_WHOLE - (cloud[i][np.ix_(y, x)] * 5 >> 3)) >> 10
    return light


def _sense(
    draw: _Draw, cover: np.ndarray, light: np.ndarray, cloud: np.ndarray, wet: np.ndarray
) -> np.ndarray:
    """What the sensor stores: (N, 65, 65, 11) uint8."""
    n = len(cover)
    haze, heat = draw.between(0, 255), draw.between(0, 255)
    haze = 210 + (haze * haze >> 10)
    heat = -((heat * heat * heat >> 16) * 3 >> 2) - (wet >> 3)
    seen = (_REFLECTANCE @ cover.reshape(n, len(COVERS), -1).astype(np.float32)).astype(np.int32) >> 10
    seen = seen.reshape(n, -1, SIDE, SIDE)
    signal = np.zeros((n, len(BANDS), SIDE, SIDE), np.int32)
    signal[:, :8] = seen[:, :8] * light[:, None] >> 8  # nothing of the ground in B9: vapour absorbs it
    signal[:, :9] += (_CLOUD[:, None, None] - signal[:, :9]) * cloud[:, None] >> 10
    signal[:, :9] += _PATH[:, None, None] * haze[:, None] >> 8
    warmth = seen[:, 8] + heat + ((light - 256) >> 1)
    signal[:, 9] = _blur(warmth + ((_grey(CLOUD_WARMTH) - warmth) * cloud >> 10))
    signal[:, 10] = signal[:, 9] - _grey(B11_BELOW_B10)
    noise = draw.bytes(len(BANDS), SIDE, SIDE)
    signal += (noise >> 4).astype(np.int32)
    signal += (noise & 15).astype(np.int32)  # two of them make a triangle, 0.4 grey levels sd
    signal -= 15 - 8  # the mean of the noise; half a grey level, to round
    return np.ascontiguousarray(np.clip(signal >> 4, 0, 255).astype(np.uint8).transpose(0, 2, 3, 1))


def _grey(per_mille) -> np.ndarray:
    """Per mille to sixteenths of a grey level."""
    return (np.asarray(per_mille, np.int64) * _ONE // 1000).astype(np.int32)


_REFLECTANCE = np.concatenate([_grey(SPECTRA).T, _grey(WARMTH)[None]]).astype(np.float32)  # (9, covers)
_CLOUD, _PATH = _grey(CLOUD), _grey(PATH)


def _blur(plane: np.ndarray) -> np.ndarray:
    """Means over 3x3 pixels, the border repeated: the thermal bands have pixels of 100 m."""
    padded = np.pad(plane, ((0, 0), (1, 1), (1, 1)), mode="edge")
    rows = padded[:, :-2] + padded[:, 1:-1] + padded[:, 2:]
    return (rows[:, :, :-2] + rows[:, :, 1:-1] + rows[:, :, 2:]) // 9


def _forage(cover: np.ndarray) -> np.ndarray:
    """Forage of each pixel (N, 65, 65), in 1/1024: thin grass and thickets feed nobody."""
    green, dry, woody = cover[:, 2], cover[:, 3], cover[:, 4]
    dense = np.clip((green + dry - 200) * 2, 0, _WHOLE)
    open_ = np.clip(_WHOLE - 3 * (woody - 100), 0, _WHOLE)
    return ((green + (dry * 5 >> 3)) * dense >> 10) * open_ >> 10


_APART = (_PLACE**2 + _PLACE[:, None] ** 2).astype(np.int64)  # squared distance from the centre pixel
_WINDOW = np.maximum(RADIUS**2 - _APART, 0)


def _score(forage: np.ndarray, water: np.ndarray) -> np.ndarray:
    """Forage around the centre that can be used (N,) int64, in 1/1024: little of it without water near."""
    mean = (forage * _WINDOW).sum((1, 2)) // _WINDOW.sum()
    near = np.minimum((water * (_APART <= REACH**2)).sum((1, 2)) // DRINK, _WHOLE)
    return mean * (DRY + ((_WHOLE - DRY) * near >> 10)) >> 10


def _judge(draw: _Draw, score: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Forage as judged, and the class given: both (N,) int64."""
    error = sum(draw.number() for _ in range(4)) - 2 * 65535  # sd 65536 / sqrt(3) = 37838
    judged = score + error * (JUDGEMENT[0] + score // JUDGEMENT[1]) // 37838
    slips = draw.number() >> 8 < SLIP
    given = np.where(
        slips, np.searchsorted(_SHARE_CUTS, draw.number(), "right"), np.searchsorted(CUTS, judged, "right")
    )
    return judged, given.astype(np.int64)


_SHARE_CUTS = (39191, 49611, 59769)  # SHARES in turn, of 65536


def simulate(split: str, indices: Sequence[int]) -> Tiles:
    """Tiles of a split with the truth behind them, for drawing and for checks.

    Args:
        split: "train" or "test".
        indices: which tiles; tile i is image i of that split in every set that is large enough.

    Raises:
        DataError: no such split, or a negative index.
    """
    indices = [int(i) for i in indices]
    if split not in _SPLITS:
        raise DataError(f"droughtsim has no split {split!r}; it has {', '.join(_SPLITS)}.")
    if not indices or min(indices) < 0:
        raise DataError(f"indices must be at least one number from 0 on, got {indices[:8]}.")
    parts = [_simulate(split, indices[k : k + _CHUNK]) for k in range(0, len(indices), _CHUNK)]
    return Tiles(*(np.concatenate([getattr(part, f) for part in parts]) for f in Tiles.__dataclass_fields__))


def stream(split: str, count: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """The first `count` tiles of a split in parts: images (n, 65, 65, 11) uint8, labels (n,) int64."""
    for start in range(0, count, _CHUNK):
        part = _simulate(split, range(start, min(start + _CHUNK, count)))
        yield part.images, part.labels


def write(name: str, folder: Path) -> Arrays:
    """Write the arrays of a set as x_train.npy, y_train.npy, x_test.npy, y_test.npy, a few tiles in memory at
    a time.

    Args:
        name: one of ``SIZES``.
        folder: an existing folder.

    Returns:
        Arrays: mapped from those files.

    Raises:
        OSError: the disk refuses.
    """
    splits = {}
    for split, count in SIZES[name].items():
        labels = []
        with open(folder / f"x_{split}.npy", "wb") as file:
            header = {"descr": "|u1", "fortran_order": False, "shape": (count, SIDE, SIDE, len(BANDS))}
            np.lib.format.write_array_header_1_0(file, header)
            for images, part in stream(split, count):
                file.write(images.data)
                labels.append(part)
        save_array(folder / f"y_{split}.npy", np.concatenate(labels))
        splits[split] = tuple(np.load(folder / f"{letter}_{split}.npy", mmap_mode="r") for letter in "xy")
    return Arrays(classes=CLASSES, splits=splits, extra={"bands": list(BANDS)})


def digests() -> dict[str, str]:
    """Name -> content digest of every set, all made here and now: minutes, and 4 GB of disk for as long."""
    largest = "droughtsim_86k"
    with tempfile.TemporaryDirectory() as folder:
        whole = write(largest, Path(folder)).splits
        return {
            name: content_digest(
                {s: (whole[s][0][:count], whole[s][1][:count]) for s, count in sizes.items()}
            )
            for name, sizes in SIZES.items()
        }


def statistics(images: np.ndarray) -> dict[tuple[str, str], float]:
    """What real and simulated tiles are compared by. Tiles with nothing in B2 to B11 are left out.

    Args:
        images: (N, 65, 65, 11) uint8; read in parts.

    Returns:
        (statistic, band or "band:band") -> value, with 255 as 1: mean, sd; sd within tiles (root mean square
        over tiles) and of the tiles' means; quantiles of the pixels; autocorrelation within tiles over one
        and two pixels, the mean of both directions; correlation of bands over all pixels.
    """
    images = images[images[..., 1:].any((1, 2, 3))]
    histograms = _histograms(images)
    mean, std = _mean_std(histograms)
    products, means, lagged = 0, [], {0: 0, 1: 0, 2: 0}
    for part in _parts(images):
        part = part.astype(np.float64) / 255 - mean
        means.append(part.mean((1, 2)))
        flat = part.reshape(-1, len(BANDS))
        products += flat.T @ flat
        part -= means[-1][:, None, None]
        for lag in lagged:
            across = (part[:, :, lag:] * part[:, :, : SIDE - lag]).sum((0, 1, 2))
            down = (part[:, lag:] * part[:, : SIDE - lag]).sum((0, 1, 2))
            lagged[lag] += (across + down) / (2 * SIDE * (SIDE - lag) * len(images))
    below, pixels = histograms.cumsum(1), images[..., 0].size
    rows = {
        "mean": mean,
        "sd": std,
        "sd within tiles": np.sqrt(lagged[0]),
        "sd of tile means": np.concatenate(means).std(0),
    }
    for percent in (5, 25, 50, 75, 95):
        rows[f"quantile {percent}"] = (below * 100 < percent * pixels).sum(1) / 255
    for lag in (1, 2):
        rows[f"autocorrelation {lag}"] = lagged[lag] / lagged[0]
    found = {(name, band): float(value) for name, row in rows.items() for band, value in zip(BANDS, row)}
    for i, j in zip(*np.triu_indices(len(BANDS), 1)):
        found["correlation", f"{BANDS[i]}:{BANDS[j]}"] = float(
            products[i, j] / np.sqrt(products[i, i] * products[j, j])
        )
    return found


def _parts(images: np.ndarray) -> Iterator[np.ndarray]:
    return (images[start : start + _CHUNK] for start in range(0, len(images), _CHUNK))


def _histograms(images: np.ndarray) -> np.ndarray:
    """How often each band of images (N, H, W, C) uint8 has each value: (C, 256) int64."""
    bands = images.shape[3]
    counts = np.zeros(bands * 256, np.int64)
    for part in _parts(images):
        counts += np.bincount((part + 256 * np.arange(bands)).ravel(), minlength=bands * 256)
    return counts.reshape(bands, 256)


def _mean_std(histograms: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and standard deviation (C,) with 255 as 1, from histograms (C, 256)."""
    values, shares = np.arange(256) / 255, histograms / histograms.sum(1, keepdims=True)
    mean = shares @ values
    return mean, np.sqrt((shares * (values - mean[:, None]) ** 2).sum(1))


@on_one_line()
def main() -> None:
    """Print the lines of DIGESTS, or the statistics of a folder of tiles."""
    parser = argparse.ArgumentParser(
        prog="python -m lt_lib.data.sets.droughtsim", description="Print the lines of DIGESTS."
    )
    parser.add_argument(
        "--statistics", type=Path, metavar="FOLDER", help="print statistics of FOLDER/x.npy as CSV instead"
    )
    folder = parser.parse_args().statistics
    if folder is None:
        for name, digest in digests().items():
            print(f'"{name}": "{digest}",')
        return
    images = read_array(folder / "x.npy")
    if images.dtype != np.uint8 or images.shape[1:] != (SIDE, SIDE, len(BANDS)):
        raise DataError(
            f"{folder / 'x.npy'} holds {images.shape} {images.dtype}, expected (N, 65, 65, 11) uint8."
        )
    filled = int(images[..., 1:].any((1, 2, 3)).sum())
    source = f"{filled} real DroughtWatch tiles (of {len(images)}; the others are empty in B2 to B11)"
    out = csv.writer(sys.stdout, lineterminator="\n")
    out.writerow(("statistic", "band", "value", "computed_from"))
    for (name, band), value in statistics(images).items():
        out.writerow((name, band, f"{value:.4f}", source))


ENTRIES = tuple(
    DataEntry(
        name=name,
        kind="embedded",
        shape=(SIDE, SIDE, len(BANDS)),
        classes=CLASSES,
        splits=splits,
        licence="as the code: nothing in it was taken from real tiles but a few statistics",
        source="made by lt_lib.data.sets.droughtsim",
        note=f"simulated Landsat-8 tiles, {splits['train']:,} and {splits['test']:,}; stands in for "
        "droughtwatch",
        pins=(Pin(DIGESTS[name]),),
        cite=HOBBS,
        make=write,
    )
    for name, splits in SIZES.items()
)

if __name__ == "__main__":
    main()
