"""Landsat scenes as rasterio reads them, and a classifier swept over one into a map that opens in a GIS.

Idea: a scene is never held in memory. It is read in windows, in physical units, with what was not measured
set to nan; a classifier turns each window into a class and a confidence, and these go to disk before the next
window is read. The answer of a pixel depends on the pixels around it alone, never on where the windows fall,
as long as the halo is at least as wide as the classifier looks.

A map is two files of one band each, because a colour table belongs to a file of one band: `NAME_class.tif`
(uint8, palette, names of the classes) and `NAME_confidence.tif` (uint8, per cent). Both have coordinate
system and transform of the scene.

Embedded stand-in: :func:`make_scene`. The real example: :func:`find_scene`.
"""

import contextlib
import math
import os
import shutil
import tempfile
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self
from xml.sax.saxutils import escape

import numpy as np
import rasterio
from rasterio.enums import MaskFlags, Resampling
from rasterio.errors import NotGeoreferencedWarning, RasterioError
from rasterio.transform import from_origin
from rasterio.windows import Window
from scipy import ndimage
from scipy.spatial import cKDTree
from scipy.special import ndtri

from lt_lib.data.store import Root, store_root
from lt_lib.errors import DataError

SENSORS = {
    "landsat-7": ("blue", "green", "red", "nir", "swir1", "swir2", "thermal", "fmask"),
    "landsat-8": (
        "coastal",
        "blue",
        "green",
        "red",
        "nir",
        "swir1",
        "swir2",
        "pan",
        "cirrus",
        "thermal1",
        "thermal2",
    ),
}
REFLECTIVE = ("blue", "green", "red", "nir", "swir1", "swir2")
COMPOSITES = {  # red, green and blue of the picture
    "agriculture": ("swir1", "nir", "blue"),  # 6-5-2 of Landsat-8, 5-4-1 of Landsat-7
    "true-colour": ("red", "green", "blue"),
    "false-colour": ("nir", "red", "green"),
}
CLASSES = ("forest", "water", "herbaceous", "barren", "urban")
COLOURS = (
    "#009E73",
    "#0072B2",
    "#F0E442",
    "#D55E00",
    "#CC79A7",
    "#56B4E9",
    "#E69F00",
    "#000000",
)  # Okabe and Ito: colour-blind safe
MISSING = 255
_DTYPES = ("int16", "uint16", "int32", "float32", "float64")
_WHOLE = ("int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64")
_NOT_REFLECTANCE = {"thermal": 0.01, "thermal1": 0.01, "thermal2": 0.01, "fmask": 1.0}  # name -> factor
_REFLECTANCE = (-0.2, 1.6)  # between these, both excluded; saturated pixels stand at 1.6
_SLACK = 1e-6  # of that range: what rounding may move its ends
_OFF_GRID = 0.01  # pixels
_CLEAR = (0, 1)  # Fmask: land, water; then 2 cloud shadow, 3 snow, 4 cloud
_BATCH = {"pixel": 1 << 16, "patch": 512}
_MIB = 1 << 20
_REAL = ("LE70220491999322EDC01_stack.gtif", "LE70220492002106EDC00_stack.gtif", "training_data.gtif")


class Scene:
    """A stack of bands on one grid, open for reading; use it in a ``with`` statement.

    Args:
        path: a raster that GDAL reads, one band a band of the sensor.
        sensor: "landsat-7" or "landsat-8": the names of the bands, in file order.
        bands: names in file order, for a stack of another make; overrules `sensor`. Composites need the usual
            names.
        scale, offset: reflectance is scale * stored + offset. By default what the file declares, else 0.0001
            and 0 (reflectance x 10000); Collection 2 has 0.0000275 and -0.2. Bands named thermal are degrees
            Celsius x 100 and fmask is a code, whatever these are.
        valid: smallest and largest stored reflectance that is a measurement. By default whatever scale and
            offset bring between -0.2 and 1.6, both excluded: clipped and saturated pixels stand there (stored
            -2000 and 16000; in Collection 2 the fill, 0).
        nodata: stored value of what is missing; by default what the file declares, its mask included.

    Raises:
        DataError: no such file, not a raster or cut short, another number of bands, a type that cannot hold
            reflectance, floats without a nodata value, no coordinate system, a rotated or sheared grid, a
            scale of 0 or bands that declare several; later, a window that cannot be read.
    """

    def __init__(
        self,
        path: str | os.PathLike,
        sensor: str = "landsat-7",
        *,
        bands: Sequence[str] | None = None,
        scale: float | None = None,
        offset: float | None = None,
        valid: tuple[float, float] | None = None,
        nodata: float | None = None,
    ):
        if bands is None and sensor not in SENSORS:
            raise DataError(
                f"no sensor {sensor!r}; there are {', '.join(SENSORS)}, or name the bands of the file with "
                "bands="
            )
        self.path, self.bands = Path(path), tuple(bands or SENSORS[sensor])
        self._file = _open(self.path)
        try:
            self.nodata = self._file.nodata if nodata is None else nodata
            self._check()
            self.scale, self.offset = self._units(scale, offset)
            low, high = sorted((edge - self.offset) / self.scale for edge in _REFLECTANCE)
            slack = _SLACK * (high - low)
            self.valid = valid or (low + slack, high - slack)
            several = len(set(map(str, self._file.nodatavals))) > 1
            masked = any(MaskFlags.per_dataset in flags for flags in self._file.mask_flag_enums)
            self._has_mask = masked or (several and nodata is None)
        except BaseException:
            self._file.close()
            raise
        self._limits: dict[tuple, np.ndarray] = {}

    def _check(self) -> None:
        file = self._file
        if file.count != len(self.bands):
            raise DataError(
                f"{self.path} has {file.count} bands, expected {len(self.bands)}: {', '.join(self.bands)}. "
                "Name another sensor, or the bands in file order with bands=."
            )
        for band, dtype in zip(self.bands, file.dtypes):
            if dtype not in _DTYPES:
                raise DataError(
                    f"{self.path}, band {band}: type {dtype} holds no reflectance; expected "
                    f"{', '.join(_DTYPES)}. Convert it, e.g. with gdal_translate -ot Int16."
                )
            if dtype.startswith("float") and self.nodata is None:
                raise DataError(
                    f"{self.path}, band {band}: {dtype} without a nodata value, so what is missing cannot be "
                    "told. Declare it (gdal_edit.py -a_nodata nan) or pass nodata=."
                )
        _check_grid(file, self.path)

    def _units(self, scale: float | None, offset: float | None) -> tuple[float, float]:
        """Scale and offset: those given, else those that the bands of reflectance declare, else the usual."""
        if scale is None and offset is None:
            lines = zip(self.bands, self._file.scales, self._file.offsets)
            declared = {(a, b) for name, a, b in lines if name not in _NOT_REFLECTANCE}
            if len(declared) > 1:
                raise DataError(
                    f"{self.path} declares several scales and offsets of reflectance: "
                    f"{', '.join(f'{a:g} and {b:g}' for a, b in sorted(declared))}. Pass scale= and offset=, "
                    "or bring the bands to one."
                )
            if declared and declared != {(1.0, 0.0)}:  # what GDAL says where nothing is declared
                scale, offset = declared.pop()
        scale, offset = (default if v is None else v for v, default in ((scale, 1e-4), (offset, 0.0)))
        if not (math.isfinite(scale) and math.isfinite(offset)) or scale == 0:
            raise DataError(
                f"{self.path}: reflectance cannot be {scale} * stored + {offset}; give a scale other than 0"
            )
        return scale, offset

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    @property
    def width(self) -> int:
        return self._file.width

    @property
    def height(self) -> int:
        return self._file.height

    @property
    def crs(self):
        """Coordinate system (rasterio CRS)."""
        return self._file.crs

    @property
    def transform(self):
        """Affine map from (column, row) to coordinates: of the upper left corner of that pixel."""
        return self._file.transform

    def band(self, name: str) -> int:
        """Number of a band in the file, counted from 1 as GDAL does.

        Raises:
            DataError: the scene has no band of that name.
        """
        if name not in self.bands:
            raise DataError(f"{self.path} has no band {name!r}; it has {', '.join(self.bands)}")
        return self.bands.index(name) + 1

    def read(
        self,
        bands: Sequence[str] = REFLECTIVE,
        window: Window | None = None,
        shape: tuple[int, int] | None = None,
    ) -> tuple[np.ndarray, np.ndarray]:
        """Bands of a window in physical units.

        Args:
            bands: C names.
            window: by default the whole scene. It may reach beyond the scene, where everything is missing.
            shape: (h, w) to thin a window inside the scene to, nearest neighbours; by default its own.

        Returns:
            values (C, h, w) float32: reflectance, degrees Celsius or code; and valid (h, w) bool. A pixel is
            valid if all of the bands were measured; elsewhere all its values are nan.

        Raises:
            DataError: no such band, or the window cannot be read: the file is truncated or damaged.
        """
        whole = Window(0, 0, self.width, self.height)
        window = window or whole
        row, col, height, width = (
            int(v) for v in (window.row_off, window.col_off, window.height, window.width)
        )
        top, left, bottom, right = (
            max(row, 0),
            max(col, 0),
            min(row + height, self.height),
            min(col + width, self.width),
        )
        if shape is not None and (bottom - top, right - left) != (height, width):
            raise DataError(f"{self.path}: only a window inside the scene can be thinned, got {window}")
        indexes = [self.band(name) for name in bands]
        if top >= bottom or left >= right:
            return np.full((len(bands), height, width), np.nan, np.float32), np.zeros((height, width), bool)
        try:
            part = {
                "window": Window(left, top, right - left, bottom - top),
                "out_shape": shape and (len(indexes), *shape),
            }
            stored = self._file.read(indexes, **part)
            mask = self._file.read_masks(indexes, **part) if self._has_mask else None
        except RasterioError as error:
            raise DataError(
                f"{self.path}: rows {top} to {bottom - 1}, columns {left} to {right - 1} cannot be read: the "
                f"file is truncated or damaged. Get it again. ({error.__cause__ or error})"
            ) from None
        inside = np.ones(stored.shape[1:], bool) if mask is None else (mask > 0).all(0)
        for name, plane in zip(bands, stored):
            inside &= self._measured(name, plane)
        values = stored.astype(np.float32)
        for name, plane in zip(bands, values):
            plane *= _NOT_REFLECTANCE.get(name, self.scale)
            plane += 0 if name in _NOT_REFLECTANCE else self.offset
        values[:, ~inside] = np.nan
        around = (top - row, row + height - bottom), (left - col, col + width - right)
        if any(map(any, around)):
            values, inside = np.pad(values, ((0, 0), *around), constant_values=np.nan), np.pad(inside, around)
        return values, inside

    def _measured(self, name: str, plane: np.ndarray) -> np.ndarray:
        known = np.ones(plane.shape, bool) if plane.dtype.kind in "iu" else np.isfinite(plane)
        if self.nodata is not None and not math.isnan(self.nodata):
            known &= plane != self.nodata
        if name not in _NOT_REFLECTANCE:
            known &= (plane >= self.valid[0]) & (plane <= self.valid[1])
        return known

    def clear(self, window: Window | None = None) -> np.ndarray:
        """Where the band fmask sees land or water, and no cloud, shadow or snow: (h, w) bool.

        Raises:
            DataError: the scene has no band fmask, or the window cannot be read.
        """
        values, valid = self.read(("fmask",), window)
        return valid & np.isin(values[0], _CLEAR)


def composite(
    scene: Scene,
    kind: str = "agriculture",
    window: Window | None = None,
    percentiles: tuple[float, float] = (2, 98),
    shape: tuple[int, int] | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Three bands as the red, green and blue of a picture.

    The stretch is that of the whole scene (a thinned copy of it), so pictures of neighbouring windows fit
    together.

    Args:
        scene: where to read.
        kind: "agriculture" (SWIR-1, near infrared, blue), "true-colour" or "false-colour".
        window: by default the whole scene.
        percentiles: band values that become 0 and 255.
        shape: (h, w) of the picture; by default the window's.

    Returns:
        picture (h, w, 3) uint8, black where a band is missing; valid (h, w) bool.

    Raises:
        DataError: unknown kind, percentiles that do not rise from 0 to 100, a band the scene has not, or a
    window that cannot be read."""
    if kind not in COMPOSITES:
        raise DataError(f"no composite {kind!r}; there are {', '.join(COMPOSITES)}")
    if not 0 <= percentiles[0] < percentiles[1] <= 100:
        raise DataError(f"percentiles must rise within 0 to 100, got {percentiles}")
    low, high = _limits(scene, COMPOSITES[kind], percentiles)
    values, valid = scene.read(COMPOSITES[kind], window, shape)
    values = np.where(valid, values, low[:, None, None])
    picture = 255 * (values - low[:, None, None]) / np.maximum(high - low, 1e-6)[:, None, None]
    picture = np.clip(np.rint(picture), 0, 255).astype(np.uint8).transpose(1, 2, 0)
    return picture, valid


def _limits(
    scene: Scene, bands: tuple[str, ...], percentiles: tuple[float, float], most: int = 1024
) -> np.ndarray:
    """Percentiles (2, C) of the bands, from at most `most` x `most` pixels of the scene; remembered."""
    key = bands, tuple(percentiles)
    if key not in scene._limits:
        values, valid = scene.read(bands, shape=(min(scene.height, most), min(scene.width, most)))
        scene._limits[key] = (
            np.percentile(values[:, valid], percentiles, axis=1) if valid.any() else np.zeros((2, len(bands)))
        )
    return scene._limits[key].astype(np.float32)


def ndvi(scene: Scene, window: Window | None = None) -> np.ndarray:
    r"""Normalised difference vegetation index, :math:`(\rho_{nir} - \rho_{red}) / (\rho_{nir} + \rho_{red})`.

    Returns:
        (h, w) float32 in [-1, 1]. Negative reflectance, an artefact of the atmospheric correction, counts as
        zero; nan where a band is missing or both are zero.
    """
    nir, red = np.maximum(scene.read(("nir", "red"), window)[0], 0)  # nan stays nan
    total = nir + red
    return np.divide(nir - red, total, out=np.full(total.shape, np.nan, np.float32), where=total > 0)


def windows(scene: Scene, size: int = 512, halo: int = 0) -> Iterator[tuple[Window, Window]]:
    """Windows of at most size x size pixels that cover a scene, row by row, none twice.

    Yields:
        core and outer: the window, and the window with `halo` pixels more on each side. At the border of the
        scene the outer one reaches beyond it.
    """
    if size < 1 or halo < 0:
        raise DataError(f"size must be at least 1 and halo not negative, got {size} and {halo}")
    for row in range(0, scene.height, size):
        for col in range(0, scene.width, size):
            height, width = min(size, scene.height - row), min(size, scene.width - col)
            yield (
                Window(col, row, width, height),
                Window(col - halo, row - halo, width + 2 * halo, height + 2 * halo),
            )


@dataclass(frozen=True)
class ClassMap:
    """What a sweep wrote.

    Attributes:
        class_path: GeoTIFF, uint8, K classes from 0, 255 missing; palette and names.
        confidence_path: GeoTIFF, uint8, per cent; 255 missing.
        counts: class -> pixels.
        missing: pixels without a class.
    """

    class_path: Path
    confidence_path: Path
    counts: dict[str, int]
    missing: int


def sweep(
    scene: Scene | str | os.PathLike,
    predict: Callable,
    out: str | os.PathLike,
    *,
    classes: Sequence[str],
    bands: Sequence[str] = REFLECTIVE,
    kind: str = "pixel",
    patch: int = 1,
    stride: int = 1,
    tile: int = 512,
    halo: int = 0,
    fill: float = 0.0,
    clear_only: bool = False,
    colours: Sequence | None = None,
    batch: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> ClassMap:
    """Classify a scene window by window into a georeferenced map of class and confidence.

    `predict` is given numpy float32 and returns probabilities, as an array or a tensor. `kind` says what of:

    - "pixel": (P, C) measured pixels -> (P, K). A per-pixel classifier such as scikit-learn's
      ``predict_proba``.
    - "patch": (B, C, patch, patch) -> (B, K). A tile classifier: its answer goes to the stride x stride
      pixels at the centre of the patch, and the patches move by `stride`, which makes the map one answer a
      block. The halo follows: (patch - stride) / 2.
    - "dense": (1, C, h, w) -> (1, K, h, w). A segmentation network. h and w are those of a window and twice
      the halo; the halo must be as wide as the network looks, or seams appear.

    Pixels that were not measured in all of `bands` get no class. Where patches and windows contain such
    pixels, or reach beyond the scene, they hold `fill`.

    Args:
        scene: an open Scene, or the path of a Landsat-7 stack.
        predict: see above.
        out: name of the map, folder and all; `_class.tif` and `_confidence.tif` are appended. A folder that
            is not there is made.
        classes: K names, at most 254; class k is ``classes[k]``.
        bands: C names, in the order that `predict` expects.
        kind, patch, stride, halo, fill: see above.
        tile: side of a window in pixels, a multiple of stride. Memory grows with its square.
        clear_only: leave out what the band fmask calls cloud, shadow or snow.
        colours: K colours, "#rrggbb" or (r, g, b) of 0 to 255; by default a colour-blind safe palette.
        batch: pixels or patches a call; by default 65536 or 512.
        progress: called with the windows done and their total.

    Returns:
        The two files, and how many pixels each class has. The files appear when they are whole: an
        interrupted sweep leaves none, and an older map stays as it was.

    Raises:
        DataError: the scene cannot be used (see :class:`Scene`) or read, the folder cannot be written, an
            argument that cannot be, no pixel is valid, or `predict` returns another shape or something other
            than probabilities.

    GDAL's cache, by default a share of all memory, is held to what a row of windows takes, at most 384 MiB.
    """
    classes, palette = tuple(classes), _palette(classes, colours)
    if kind not in ("pixel", "patch", "dense"):
        raise DataError(f"kind is {kind!r}; it must be 'pixel', 'patch' or 'dense'")
    if kind == "patch":
        halo = (patch - stride) // 2
    if min(patch, stride, tile) < 1 or patch < stride or (patch - stride) % 2 or tile % stride:
        raise DataError(
            f"patch {patch}, stride {stride}, tile {tile}: patch and stride must be both odd or both even, "
            "patch not smaller, and tile a multiple of stride"
        )
    batch = batch or _BATCH.get(kind, 1)
    with contextlib.ExitStack() as stack:
        if not isinstance(scene, Scene):
            scene = stack.enter_context(Scene(scene))
        row_bytes = scene.width * (tile + 2 * halo) * sum(np.dtype(t).itemsize for t in scene._file.dtypes)
        stack.enter_context(rasterio.Env(GDAL_CACHEMAX=min(max(64 * _MIB, row_bytes * 3 // 2), 384 * _MIB)))
        class_file, confidence_file = stack.enter_context(_output(scene, out, classes, palette))
        counts, total = (
            np.zeros(MISSING + 1, np.int64),
            math.ceil(scene.height / tile) * math.ceil(scene.width / tile),
        )
        for done, (core, outer) in enumerate(windows(scene, tile, halo), 1):
            values, valid = scene.read(bands, outer)
            values[np.isnan(values)] = fill
            inner = np.s_[halo : halo + core.height, halo : halo + core.width]
            wanted = valid[inner]
            if clear_only:
                wanted = wanted & scene.clear(core)
            label, confidence = (np.full(wanted.shape, MISSING, np.uint8) for _ in range(2))
            if wanted.any():
                if kind == "pixel":
                    answer = _by_pixel(predict, values[(slice(None), *inner)][:, wanted], len(classes), batch)
                elif kind == "patch":
                    answer = _by_patch(predict, values, wanted, patch, stride, len(classes), batch, fill)
                else:
                    scores = _probabilities(predict(values[None]), (1, len(classes), *values.shape[1:]), 1)
                    answer = _decide(scores[(0, slice(None), *inner)][:, wanted].T)
                label[wanted], confidence[wanted] = answer
            with _writing(_names(out)["class"]):
                class_file.write(label, 1, window=core)
                confidence_file.write(confidence, 1, window=core)
            counts += np.bincount(label.ravel(), minlength=len(counts))
            if progress:
                progress(done, total)
        if counts[MISSING] == counts.sum():
            raise DataError(
                f"no pixel of {scene.path} is {'clear and ' if clear_only else ''}valid in "
                f"{', '.join(bands)}, so its map would be empty: all are nodata ({scene.nodata}) or outside "
                f"{scene.valid[0]:.6g} to {scene.valid[1]:.6g}. Are scale ({scene.scale:g}) and offset "
                f"({scene.offset:g}) those of the file? Collection 2 has scale=0.0000275, offset=-0.2."
            )
    names = _names(out)
    return ClassMap(
        names["class"], names["confidence"], dict(zip(classes, counts.tolist())), int(counts[MISSING])
    )


def _by_pixel(
    predict: Callable, pixels: np.ndarray, num_classes: int, batch: int
) -> tuple[np.ndarray, np.ndarray]:
    """Class and confidence of pixels (C, P)."""
    answers = []
    for start in range(0, pixels.shape[1], batch):
        part = np.ascontiguousarray(pixels[:, start : start + batch].T)
        answers.append(_decide(_probabilities(predict(part), (len(part), num_classes), 1)))
    return tuple(map(np.concatenate, zip(*answers)))


def _by_patch(
    predict: Callable,
    values: np.ndarray,
    wanted: np.ndarray,
    patch: int,
    stride: int,
    num_classes: int,
    batch: int,
    fill: float,
) -> tuple[np.ndarray, np.ndarray]:
    """Class and confidence of the wanted pixels of a window, from one answer a block of stride x stride."""
    height, width = wanted.shape
    rows, cols = -(-height // stride), -(-width // stride)
    short = (0, rows * stride - height), (0, cols * stride - width)
    values = np.pad(values, ((0, 0), *short), constant_values=fill)
    blocks = np.pad(wanted, short).reshape(rows, stride, cols, stride).any((1, 3))
    patches = np.lib.stride_tricks.sliding_window_view(values, (patch, patch), (1, 2))[:, ::stride, ::stride]
    label, confidence = (np.zeros((rows, cols), np.uint8) for _ in range(2))
    at = np.argwhere(blocks)
    for start in range(0, len(at), batch):
        row, col = at[start : start + batch].T
        scores = predict(np.ascontiguousarray(patches[:, row, col].swapaxes(0, 1)))
        label[row, col], confidence[row, col] = _decide(_probabilities(scores, (len(row), num_classes), 1))
    spread = [
        answer.repeat(stride, 0).repeat(stride, 1)[:height, :width][wanted] for answer in (label, confidence)
    ]
    return tuple(spread)


def _probabilities(scores, shape: tuple[int, ...], axis: int) -> np.ndarray:
    """What `predict` returned, checked."""
    if hasattr(scores, "detach"):
        scores = scores.detach().cpu()
    scores = np.asarray(scores, np.float32)
    if scores.shape != shape:
        raise DataError(
            f"predict returned shape {scores.shape}, expected {shape}: {shape[axis]} classes on axis {axis}"
        )
    off = np.abs(scores.sum(axis) - 1).max()
    if not off < 1e-2 or scores.min() < -1e-6:
        raise DataError(
            f"predict must return probabilities: along axis {axis} they are off 1 by up to {off:.3g}, the "
            f"smallest is {scores.min():.3g}. Apply softmax to logits."
        )
    return scores


def _decide(scores: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Class and confidence in per cent, (P,) uint8, of probabilities (P, K); of equal ones the lower
    class."""
    return scores.argmax(1).astype(np.uint8), np.rint(100 * np.clip(scores.max(1), 0, 1)).astype(np.uint8)


def _palette(classes: tuple[str, ...], colours: Sequence | None) -> list[tuple[int, int, int]]:
    if not 0 < len(classes) < MISSING or len(set(classes)) < len(classes):
        raise DataError(
            f"classes must be 1 to {MISSING - 1} different names, got {len(classes)}, {len(set(classes))} "
            "different"
        )
    if colours is None:
        more = (
            (int(97 * k % 256), int(151 * k % 256), int(199 * k % 256))
            for k in range(len(COLOURS), len(classes))
        )
        colours = [*COLOURS[: len(classes)], *more]
    if len(colours) != len(classes):
        raise DataError(f"{len(colours)} colours for {len(classes)} classes; give one each")
    return [tuple(bytes.fromhex(c.removeprefix("#"))) if isinstance(c, str) else tuple(c) for c in colours]


def _names(out: str | os.PathLike) -> dict[str, Path]:
    stem = str(out).removesuffix(".tif")
    return {part: Path(f"{stem}_{part}.tif") for part in ("class", "confidence")}


@contextlib.contextmanager
def _output(
    scene: Scene, out: str | os.PathLike, classes: tuple[str, ...], palette: list[tuple[int, int, int]]
):
    """The two files of a map, open for writing under temporary names; finished and renamed when all went
    well, else removed."""
    names = _names(out)
    with _renamed(names["class"], names["class"].with_suffix(".tif.aux.xml"), names["confidence"]) as (
        class_path,
        aux_path,
        confidence_path,
    ):
        profile = {
            "driver": "GTiff",
            "dtype": "uint8",
            "count": 1,
            "width": scene.width,
            "height": scene.height,
            "crs": scene.crs,
            "transform": scene.transform,
            "nodata": MISSING,
            "tiled": True,
            "blockxsize": 256,
            "blockysize": 256,
            "compress": "deflate",
            "BIGTIFF": "IF_SAFER",
        }
        with contextlib.ExitStack() as stack:
            with _writing(names["class"]):
                class_file = stack.enter_context(
                    rasterio.open(class_path, "w", photometric="palette", **profile)
                )
                confidence_file = stack.enter_context(rasterio.open(confidence_path, "w", **profile))
                class_file.write_colormap(1, {k: (*colour, 255) for k, colour in enumerate(palette)})
                class_file.set_band_description(1, "class")
                class_file.update_tags(
                    **{f"CLASS_{k}": name for k, name in enumerate(classes)}, SCENE=scene.path.name
                )
                confidence_file.set_band_description(1, "confidence")
                confidence_file.set_band_unit(1, "percent")
                confidence_file.update_tags(SCENE=scene.path.name)
            yield class_file, confidence_file
            with _writing(names["class"]):
                stack.close()  # writes what the cache still holds
        factors = [2**k for k in range(1, 16) if max(scene.width, scene.height) > 128 * 2 ** (k - 1)]
        with _writing(names["class"]):
            for path, resampling in ((class_path, Resampling.nearest), (confidence_path, Resampling.average)):
                with rasterio.open(path, "r+") as file:
                    file.build_overviews(factors, resampling)
            aux_path.write_text(_category_names(classes), encoding="utf-8")


@contextlib.contextmanager
def _renamed(*paths: Path):
    """Temporary names for `paths`, in a folder beside them; renamed when the block ends well, the first last,
    and else removed."""
    folder = paths[0].parent
    try:
        folder.mkdir(parents=True, exist_ok=True)
        scratch = Path(tempfile.mkdtemp(prefix=".half-", dir=folder))
    except OSError as error:
        raise DataError(
            f"{folder} cannot be written: {error.strerror}. Name another folder, or mend its permissions."
        ) from None
    try:
        yield tuple(scratch / path.name for path in paths)
        for path in reversed(paths):
            with _writing(path):
                os.replace(scratch / path.name, path)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


@contextlib.contextmanager
def _writing(path: Path):
    """Turn what goes wrong while writing into an error for a person."""
    try:
        yield
    except (OSError, RasterioError) as error:
        raise DataError(
            f"{path} cannot be written: {error}. Is the disk full, or the file open elsewhere?"
        ) from None


def _category_names(classes: Sequence[str]) -> str:
    """Class names as GDAL keeps them beside a file; QGIS shows them in the legend."""
    listed = "\n".join(f"      <Category>{escape(name)}</Category>" for name in classes)
    return (
        f'<PAMDataset>\n  <PAMRasterBand band="1">\n    <CategoryNames>\n{listed}\n    </CategoryNames>\n'
        "  </PAMRasterBand>\n</PAMDataset>\n"
    )


def _open(path: Path):
    if not path.is_file():
        raise DataError(f"no file {path}")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", NotGeoreferencedWarning)  # an error of ours follows
            return rasterio.open(path)
    except RasterioError as error:
        raise DataError(
            f"{path} cannot be opened: it is no raster that GDAL reads, or its beginning is damaged. "
            f"({error})"
        ) from None


def _check_grid(file, path: Path) -> None:
    if file.crs is None:
        raise DataError(
            f"{path} has no coordinate system, so its map would lie nowhere. If you know it, write it into "
            "the file, e.g. gdal_edit.py -a_srs EPSG:32615."
        )
    if file.transform.is_identity:
        raise DataError(
            f"{path} has a coordinate system but no transform, so its pixels have no place. Write it into "
            "the file, e.g. gdal_edit.py -a_ullr."
        )
    if file.transform.b or file.transform.d:
        raise DataError(
            f"{path} has a rotated or sheared grid (transform {tuple(file.transform)[:6]}). Bring it to a "
            "north-up grid first, e.g. with gdalwarp."
        )


# labels ---------------------------------------------------------------------------------------------


def read_labels(path: str | os.PathLike, scene: Scene) -> np.ndarray:
    """A raster of training labels on the grid of a scene: (H, W) uint8, 0 unlabelled, k + 1 for class k.

    What the file masks or declares as nodata is unlabelled.

    Raises:
        DataError: not a raster of one band of whole numbers 0 to 254, or more than a hundredth of a pixel off
            the grid of the scene.
    """
    path = Path(path)
    with _open(path) as file:
        _check_grid(file, path)
        ours, theirs = ((f.width, f.height, f.crs) for f in (file, scene._file))
        if ours != theirs or (off := _pixels_off(file, scene)) > _OFF_GRID:
            what = (
                "size or coordinate system differ" if ours != theirs else f"corners lie {off:.3g} pixels off"
            )
            raise DataError(
                f"{path} is not on the grid of {scene.path}: {what}. Bring it there, e.g. with gdalwarp."
            )
        if file.count != 1 or file.dtypes[0] not in _WHOLE:
            raise DataError(
                f"{path} has {file.count} bands of {file.dtypes[0]}; labels are one band of whole numbers"
            )
        try:
            labels = np.where(file.read_masks(1) > 0, file.read(1), 0)
        except RasterioError as error:
            raise DataError(
                f"{path} cannot be read: it is truncated or damaged. Get it again. ({error})"
            ) from None
    if labels.min() < 0 or labels.max() >= MISSING:
        raise DataError(
            f"{path} holds {labels.min()} to {labels.max()}; labels are 0 (none) to {MISSING - 1}"
        )
    return labels.astype(np.uint8)


def _pixels_off(file, scene: Scene) -> float:
    """By how many pixels of the scene the farthest corner of a file of the same size lies elsewhere."""
    there = ~scene.transform @ file.transform
    away = np.array([[there.a - 1, there.b, there.c], [there.d, there.e - 1, there.f]])
    corners = [(x, y, 1) for x in (0, scene.width) for y in (0, scene.height)]
    return float(np.abs(away @ np.transpose(corners)).max())


def polygons(labels: np.ndarray, reach: int = 1) -> np.ndarray:
    """Number the polygons of a label raster.

    Pixels of a class belong to one polygon if they touch, corners included, or lie within `reach` pixels of a
    common pixel: a polygon that burning has torn, or two that all but touch, count as one.

    Args:
        labels: (H, W) whole numbers, 0 unlabelled.
        reach: pixels by which each class is widened before it falls into pieces; 0 for touching pixels only.

    Returns:
        (H, W) int32: 0 unlabelled, else 1, 2, ... by class, then in reading order.

    Raises:
        DataError: labels are not two-dimensional whole numbers, or reach is negative.
    """
    labels = np.asarray(labels)
    if labels.ndim != 2 or labels.dtype.kind not in "iu" or reach < 0:
        raise DataError(
            f"labels must be (H, W) whole numbers and reach not negative, got {labels.shape}, {labels.dtype} "
            f"and {reach}"
        )
    numbers, found, touching = np.zeros(labels.shape, np.int32), 0, np.ones((3, 3), bool)
    for value in np.unique(labels[labels > 0]):
        own = labels == value
        wide = ndimage.binary_dilation(own, touching, iterations=reach) if reach else own
        pieces, count = ndimage.label(wide, touching)
        numbers[own] = pieces[own] + found
        found += count
    return numbers


def polygon_split(
    labels: np.ndarray, fraction: float = 0.5, seed: int = 0, reach: int = 1
) -> tuple[np.ndarray, np.ndarray]:
    """Split labelled pixels into training and test pixels, whole polygons at a time.

    Neighbouring pixels are near copies of each other. A split by pixel puts copies of the training pixels
    into the test; this one never divides a polygon. Each class is split by itself.

    Args:
        labels: (H, W) whole numbers, 0 unlabelled.
        fraction: of the polygons of each class that go to training, rounded so that both sides get one.
        seed: keyed by class, so the split of a class does not depend on the others.
        reach: as in :func:`polygons`.

    Returns:
        train and test, (H, W) bool, disjoint; together the labelled pixels. A class with a single polygon is
        in train alone.

    Raises:
        DataError: nothing is labelled, fraction outside (0, 1), or as :func:`polygons`.
    """
    if not 0 < fraction < 1:
        raise DataError(f"fraction must lie between 0 and 1, got {fraction}")
    numbers, labels = polygons(labels, reach), np.asarray(labels)
    if not numbers.any():
        raise DataError("no pixel is labelled: all labels are 0")
    train = np.zeros(labels.shape, bool)
    for value in np.unique(labels[labels > 0]).tolist():
        own = np.unique(numbers[labels == value])
        drawn = own[np.random.PCG64([seed, value]).random_raw(len(own)).argsort(kind="stable")]
        kept = int(np.clip(round(fraction * len(own)), 1, max(1, len(own) - 1)))
        train |= np.isin(numbers, drawn[:kept])
    return train, (numbers > 0) & ~train


# the example ----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Example:
    """A scene with training labels, and the same place at a later date.

    Attributes:
        name: what it is, in words.
        scene, later, labels: paths of two Landsat-7 stacks and a label raster on one grid.
        classes: names; label k + 1 is ``classes[k]``.
    """

    name: str
    scene: Path
    later: Path
    labels: Path
    classes: tuple[str, ...] = CLASSES


def find_scene(root: Root = None) -> Example | None:
    """The Landsat-7 example that ``python prepare.py --out STORE geo`` puts into the store; None if it is not
    there."""
    folder = store_root(root) / "geo" / "landsat7"
    paths = [folder / name for name in _REAL]
    return (
        Example("Landsat-7, path 22 row 49, 1999 and 2002", *paths)
        if all(path.is_file() for path in paths)
        else None
    )


_SPECTRA = np.array(
    [  # blue, green, red, near infrared, SWIR-1, SWIR-2; from textbook curves, by eye
        [0.025, 0.045, 0.030, 0.330, 0.160, 0.070],  # forest
        [0.050, 0.055, 0.040, 0.035, 0.015, 0.010],  # water
        [0.045, 0.075, 0.070, 0.330, 0.240, 0.130],  # herbaceous
        [0.090, 0.125, 0.155, 0.260, 0.330, 0.250],  # barren
        [0.100, 0.115, 0.125, 0.210, 0.230, 0.190],  # urban
    ]
)
_DRY = np.array(
    [[0, 0, 0.01, -0.05, 0.03, 0.03], [0] * 6, [0.01, 0.02, 0.05, -0.09, 0.09, 0.10], [0.02] * 6, [0.01] * 6]
)
_SHARES = (0.48, 0.08, 0.22, 0.12, 0.10)  # of the fields
_POLYGONS = ((11, 4), (5, 1), (6, 3), (6, 2), (2, 3))  # a class: how many, and their radius in pixels
_FIELDS = 70


def make_scene(folder: str | os.PathLike, size: int = 250, seed: int = 0) -> Example:
    """Make a stand-in for the Landsat-7 example: two 8-band stacks and a label raster, georeferenced, by code
    alone.

    The ground is a patchwork of fields. Each field has a class and a spectrum of its own, a mixture of that
    class with a little of another; pixels of one field differ much less than fields do, and at borders
    neighbours mix. That is what makes a split by pixel look better than it is. A few round polygons inside
    fields are labelled, in a long tail of classes. One corner is nodata. On the later date the grass is dry,
    and there are saturated clouds, with shadows.

    Args:
        folder: where to write `scene.tif`, `later.tif` and `labels.tif`; files of these names are replaced.
        size: side in pixels of 30 m, at least 100.
        seed: of everything random.

    Raises:
        DataError: size below 100, or the folder cannot be written.
    """
    if size < 100:
        raise DataError(
            f"size must be at least 100 pixels, got {size}: the fields would be too small for polygons"
        )
    folder = Path(folder)
    draw = _draws(seed)
    fields, kinds = _ground(size, draw)
    empty = np.add.outer(np.arange(size), np.arange(size)) < size // 5
    labels = _label_fields(fields, kinds, empty, draw)
    purity, other = 0.6 + 0.4 * draw(_FIELDS), np.floor(5 * draw(_FIELDS)).astype(int)
    tint = ndtri(draw(_FIELDS, 6))
    light = 1 + 0.06 * _smooth(size, 30, draw)
    water = kinds[fields] == 1

    def stack(spectra: np.ndarray, cloud: np.ndarray, shadow: np.ndarray) -> np.ndarray:
        own = purity[:, None] * spectra[kinds] + (1 - purity[:, None]) * spectra[other]
        own *= 1 + 0.08 * tint
        ground = ndimage.gaussian_filter(own.T[:, fields], (0, 0.7, 0.7)) * light * np.where(shadow, 0.35, 1)
        ground = np.where(cloud > 0, np.maximum(ground, 0.25 + 2.5 * cloud), ground)
        ground += 0.004 * ndtri(draw(6, size, size))
        warm = 24 + 25 * ground[4] - 20 * (cloud > 0)
        fmask = np.select([cloud > 0, shadow, water], [4, 2, 1], 0)
        bands = np.concatenate([np.clip(1e4 * ground, -2000, 16000), 100 * warm[None], fmask[None]])
        return np.where(empty, -9999, np.rint(bands)).astype(np.int16)

    none = np.zeros((size, size))
    first = stack(_SPECTRA, none, none > 0)
    cloud = np.maximum(_smooth(size, 12, draw) - 1.1, 0)
    second = stack(_SPECTRA + _DRY, cloud, np.roll(cloud > 0, (9, -7), (0, 1)) & (cloud == 0))
    grid = {
        "driver": "GTiff",
        "width": size,
        "height": size,
        "crs": "EPSG:32615",
        "transform": from_origin(462405, 1741815, 30, 30),
        "compress": "deflate",
    }
    paths = [folder / f"{name}.tif" for name in ("scene", "later", "labels")]
    with _renamed(*paths) as partial, _writing(folder):
        for path, array, nodata in zip(partial, (first, second, labels[None]), (-9999, -9999, 0)):
            with rasterio.open(path, "w", count=len(array), dtype=array.dtype, nodata=nodata, **grid) as file:
                file.write(array)
    return Example("simulated scene (stand-in)", *paths)


def _draws(seed: int) -> Callable[..., np.ndarray]:
    """Uniform numbers in (0, 1) of a shape, from raw PCG64 bits: the same in every NumPy version."""
    bits = np.random.PCG64([seed, 7])

    def draw(*shape: int) -> np.ndarray:
        return (bits.random_raw(math.prod(shape)).reshape(shape) >> 11) / 2.0**53 + 2.0**-54

    return draw


def _smooth(size: int, length: float, draw: Callable) -> np.ndarray:
    """A smooth random field of mean 0 and standard deviation 1."""
    field = ndimage.gaussian_filter(ndtri(draw(size, size)), length, mode="wrap")
    return (field - field.mean()) / field.std()


def _ground(size: int, draw: Callable) -> tuple[np.ndarray, np.ndarray]:
    """Field of each pixel (size, size), and class of each field: cells around random points, with winding
    borders."""
    centres = size * draw(_FIELDS, 2)
    wind = size / 50 * np.stack([_smooth(size, size / 25, draw) for _ in range(2)])
    pixel = np.indices((size, size)) + 0.5 + wind
    nearest = cKDTree(centres).query(pixel.reshape(2, -1).T)[1].reshape(size, size)
    quota = np.repeat(np.arange(5), np.diff(np.rint(_FIELDS * np.cumsum((0, *_SHARES)))).astype(int))
    return nearest, quota[draw(_FIELDS).argsort(kind="stable")]


def _label_fields(fields: np.ndarray, kinds: np.ndarray, empty: np.ndarray, draw: Callable) -> np.ndarray:
    """Labels (H, W): a disc in the middle of some fields of each class."""
    labels = np.zeros(fields.shape, np.uint8)
    inside = [
        ndimage.distance_transform_edt(np.pad((fields == k) & ~empty, 1))[1:-1, 1:-1] for k in range(_FIELDS)
    ]
    order = draw(_FIELDS).argsort(kind="stable")
    for kind, (count, radius) in enumerate(_POLYGONS):
        own = sorted(
            order[kinds[order] == kind], key=lambda k: inside[k].max() < radius + 1
        )  # roomy fields first
        for field in own[:count]:
            middle = np.unravel_index(inside[field].argmax(), fields.shape)
            away = np.hypot(*(np.indices(fields.shape) - np.reshape(middle, (2, 1, 1))))
            labels[(away <= radius + 0.5) & (inside[field] > 1)] = kind + 1
    return labels
