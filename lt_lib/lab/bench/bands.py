"""What a file of pixels is, and its pixels as a network takes them: 8 bits, a square, C bands.

A picture is what Pillow shows in 8 bits: grey, palette, CMYK and transparent images become RGB. A raster is
what it cannot show: more than 8 bits, or a TIFF with other bands than these. A fourth band that a TIFF calls
alpha counts as one where the file lies on a map, for GDAL names any fourth band so."""

import contextlib
import re
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from lt_lib.data.image_folder import FORMATS, read_image
from lt_lib.errors import DataError
from lt_lib.progress import Progress

SAMPLE = 200  # images that tell the scale of the bands
PERCENTILES = (2, 98)
LEAST = 8  # pixels a side: smaller ones are noted
_TIFF = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_PNG = b"\x89PNG\r\n\x1a\n"
_MODES = {
    **dict.fromkeys(("1", "L", "LA"), "in grey, repeated as red, green and blue"),
    **dict.fromkeys(("P", "PA"), "of a palette, converted to RGB"),
    **dict.fromkeys(("CMYK", "YCbCr", "LAB", "HSV"), "of other colours than RGB, converted to it"),
}


class Form(NamedTuple):
    """Bands of an image and the type of their numbers."""

    bands: int
    dtype: str

    def __str__(self) -> str:
        return f"{self.bands} bands of {self.dtype}"


PICTURE = Form(3, "uint8")


class Unusable(DataError):
    """Why an image is left out, as the end of a sentence that begins with it."""


def form(file: Path) -> Form:
    """What a file is, by its first bytes; what cannot be opened counts as a picture, and fails when read."""
    try:
        with open(file, "rb") as opened:
            head = opened.read(26)
        if head.startswith(_TIFF):
            with _raster(file) as raster:
                return _form(raster)
    except Exception:  # whatever a damaged file raises
        return PICTURE
    return Form(3, "uint16") if head.startswith(_PNG) and head[24:25] > b"\x08" else PICTURE


def _form(raster) -> Form:
    colours = [colour.name for colour in raster.colorinterp]
    on_map = raster.crs is not None or not raster.transform.is_identity
    as_shown = len(colours) in (1, 3) or (colours[-1] == "alpha" and len(colours) in (2, 4) and not on_map)
    if raster.dtypes[0] == "uint8" and as_shown:
        return PICTURE
    return Form(3 if raster.count == 1 else raster.count, raster.dtypes[0])


def scale_of(files: Sequence[Path], bands: int) -> np.ndarray:
    """(2, C): what becomes 0 and 255 in each band, percentiles over the files.

    Raises:
        DataError: none of the files can be read.
    """
    found = []
    with Progress(len(files), "levels of the bands", "image") as bar:
        for file in files:
            with contextlib.suppress(Exception):  # said when the image itself is read
                values = _raw(file, 64)[0]
                if values.shape[2] == bands:
                    found.append(values.reshape(-1, bands))
            bar.update()
    if not found or not np.isfinite(stack := np.concatenate(found)).any(0).all():
        raise DataError(f"none of {len(files):,} images has a value in each of {bands} bands")
    low, high = np.nanpercentile(stack.astype(np.float64), PERCENTILES, axis=0)
    return np.stack([low, np.where(high > low, high, low + 1)])


def pixels(
    file: Path, side: int, bands: int = 3, scale: np.ndarray | None = None
) -> tuple[np.ndarray, list[str]]:
    """(side, side, C) uint8, and what was done to the image.

    Args:
        scale: (2, C), of :func:`scale_of`; None for pictures: then one of 16 bits is scaled by its type,
            other rasters by their own smallest and largest value.

    Raises:
        Unusable: other bands, a line of pixels, or more pixels than Pillow takes for an image.
        Exception: of any kind, as the decoder likes, where the file is damaged or none.
    """
    if scale is None and bands == PICTURE.bands:
        return _picture(file, side)
    values, _, remarks = _raw(file, side)
    if values.shape[2] != bands:
        raise Unusable(f"of {values.shape[2]} bands where {bands} are wanted")
    low, high = np.asarray(scale, np.float32)
    return _eight_bits((values - low) / (high - low)), remarks


def picture(file: Path, side: int, bands: int = 3, scale: np.ndarray | None = None) -> np.ndarray:
    """(side, side, 3) uint8 to be looked at; of four or more bands the third, second and first, which are
    red, green and blue where a sensor numbers its bands by wavelength."""
    image = pixels(file, side, bands, scale)[0]
    return image if bands == 3 else image[..., [2, 1, 0] if bands > 3 else [0, 1, 1]]


def why(error: Exception) -> str:
    """Why an image is left out, in words."""
    from PIL.Image import DecompressionBombError

    if isinstance(error, Unusable):
        return str(error)
    if isinstance(error, DecompressionBombError):
        return _too_many()
    if isinstance(error, OSError) and error.strerror:
        return f"not to be opened ({error.strerror})"
    if isinstance(error, DataError):  # of read_image
        return "of more than 8 bits a channel, in a format that cannot be scaled here"
    return "cut short" if re.search("truncated|incomplete", str(error)) else "unreadable"


def _picture(file: Path, side: int) -> tuple[np.ndarray, list[str]]:
    try:
        remarks = _header(file)
        shown, more = read_image(file, side)
    except Unusable:
        raise
    except Exception as error:  # Pillow reads fewer kinds of TIFF than GDAL, and nothing of more than 8 bits
        with open(file, "rb") as opened:
            is_tiff = opened.read(4) in _TIFF
        if not (is_tiff or isinstance(error, DataError)):
            raise
        return _by_type(file, side, error)
    return shown, remarks + more


def _by_type(file: Path, side: int, error: Exception) -> tuple[np.ndarray, list[str]]:
    """A raster among pictures."""
    try:
        values, dtype, remarks = _raw(file, side)
    except Unusable:
        raise
    except Exception:
        raise error from None  # the first one says more
    if values.shape[2] != PICTURE.bands:
        raise Unusable(f"of {values.shape[2]} bands where {PICTURE.bands} are wanted")
    low, high, said = 0, 255, []
    if dtype == "uint16":
        high, said = 65535, ["of 16 bits a channel, scaled to 8"]
    elif dtype != "uint8":
        low, high = np.nanmin(values), np.nanmax(values)
        said = [f"of {dtype} numbers, scaled to 8 bits by the smallest and largest of each image"]
    return _eight_bits((values - low) / max(high - low, 1e-12)), said + remarks


def _eight_bits(shares: np.ndarray) -> np.ndarray:
    return np.rint(255 * np.nan_to_num(shares, nan=0.0).clip(0, 1)).astype(np.uint8)


def _header(file: Path) -> list[str]:
    """What is to be said of a picture before it is decoded."""
    from PIL import ExifTags, Image

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # noted where it is decoded
        with Image.open(file, formats=FORMATS) as opened:
            _check_size(*opened.size)
            remarks = [_MODES[opened.mode]] if opened.mode in _MODES else []
            with contextlib.suppress(Exception):  # damaged EXIF data are noted where the image is turned
                if opened.getexif().get(ExifTags.Base.Orientation, 1) in range(2, 9):
                    remarks.append("turned upright, as their EXIF data say")
            named = Image.registered_extensions().get(file.suffix.lower(), opened.format)
            if {named, opened.format} not in ({named}, {"JPEG", "MPO"}, {"BMP", "DIB"}):
                remarks.append(f"named {file.suffix.lower()} but of format {opened.format}, read as such")
            return remarks + _tiny(*opened.size)


def _check_size(width: int, height: int) -> None:
    from PIL import Image

    if min(width, height) < 2:
        raise Unusable("one pixel wide or high")
    if Image.MAX_IMAGE_PIXELS and width * height > 2 * Image.MAX_IMAGE_PIXELS:
        raise Unusable(_too_many())


def _too_many() -> str:
    from PIL import Image

    return f"of more than {2 * Image.MAX_IMAGE_PIXELS / 1e6:.0f} million pixels"


def _tiny(width: int, height: int) -> list[str]:
    return [f"smaller than {LEAST} pixels a side, enlarged"] if min(width, height) < LEAST else []


def _raw(file: Path, side: int) -> tuple[np.ndarray, str, list[str]]:
    """The central square of a raster, (side, side, C) float32 with nan where nothing was measured; the type
    of its numbers; and what is to be noted. One band is repeated thrice."""
    from rasterio.enums import Resampling
    from rasterio.windows import Window

    with _raster(file) as raster:
        width, height = raster.width, raster.height
        _check_size(width, height)
        square = min(width, height)
        indexes, is_alpha = raster.indexes, raster.colorinterp[-1].name == "alpha"
        if raster.driver != "GTiff" and is_alpha:
            indexes = indexes[:-1]
        kept = raster.read(
            indexes,
            window=Window((width - square) // 2, (height - square) // 2, square, square),
            out_shape=(len(indexes), side, side),
            resampling=Resampling.average if square > side else Resampling.bilinear,
            masked=not is_alpha,  # what GDAL calls alpha may be a band, and hides nothing
        )
        dtype = raster.dtypes[0]
    values = np.moveaxis(np.ma.filled(kept.astype(np.float32), np.nan), 0, -1)
    values[~np.isfinite(values)] = np.nan
    remarks = _tiny(width, height)
    if np.isnan(values).all():
        raise Unusable("without a pixel that has a value")
    if np.isnan(values).any():
        remarks.append("with pixels that have no value, set to 0")
    return (values.repeat(3, 2) if values.shape[2] == 1 else values), dtype, remarks


@contextlib.contextmanager
def _raster(file: Path) -> Iterator:
    """Opened so that GDAL writes nothing beside the file and reads nothing but it."""
    import rasterio

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of files without coordinates
        with (
            rasterio.Env(GDAL_PAM_ENABLED="NO", GDAL_DISABLE_READDIR_ON_OPEN="EMPTY_DIR"),
            rasterio.open(file) as raster,
        ):
            yield raster
