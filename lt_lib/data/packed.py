"""Image files as they were published, in a folder, a .zip or a .tar archive; nothing is unpacked to disk."""

import contextlib
import io
import lzma
import os
import re
import tarfile
import warnings
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from lt_lib.data.image_folder import shown
from lt_lib.errors import DataError

LIMIT = 100_000_000  # bytes of one file
_BROKEN = (OSError, EOFError, zlib.error, lzma.LZMAError, zipfile.BadZipFile, tarfile.TarError, RuntimeError)

Files = dict[str, Callable[[], bytes]]


@contextlib.contextmanager
def opened(source: Path, wanted: str) -> Iterator[Files]:
    """The files whose path within `source` ends as the regular expression `wanted` says: path -> a call that
    reads it. They can be read until the block ends.

    Raises:
        DataError: the archive, or later one of its files, is damaged.
    """
    keep = re.compile(rf"(?:.*/)?(?:{wanted})").fullmatch
    with contextlib.ExitStack() as stack, _mending(source):
        if source.is_dir():
            found = _in_folder(source)
        elif zipfile.is_zipfile(source):
            found = _in_zip(stack.enter_context(zipfile.ZipFile(source)))
        else:
            found = _in_tar(stack.enter_context(tarfile.open(source)), keep)
        yield {path: read for path, read in found if keep(path)}


@contextlib.contextmanager
def _mending(source: Path):
    try:
        yield
    except _BROKEN as error:
        reason = (str(error) or type(error).__name__).splitlines()[0]
        raise DataError(f"{shown(source)} cannot be read: {reason}. Get a fresh copy of it.") from None


def _in_folder(folder: Path) -> Iterator[tuple[str, Callable[[], bytes]]]:
    for place, folders, files in os.walk(folder):
        folders.sort()
        for path in (Path(place) / name for name in sorted(files)):
            yield path.relative_to(folder).as_posix(), path.read_bytes


def _in_zip(archive: zipfile.ZipFile) -> Iterator[tuple[str, Callable[[], bytes]]]:
    for member in archive.infolist():
        if not member.filename.endswith("/"):  # is_dir falls over a member without a name
            yield member.filename, lambda member=member: _limited(archive.open(member), member.filename)


def _in_tar(archive: tarfile.TarFile, keep) -> Iterator[tuple[str, Callable[[], bytes]]]:
    """All at once: what is packed in one stream is costly to go back in."""
    for member in archive:
        if member.isreg() and keep(member.name):
            content = _limited(archive.extractfile(member), member.name)
            yield member.name, lambda content=content: content


def _limited(file, name: str) -> bytes:
    with file:
        content = file.read(LIMIT + 1)
    if len(content) > LIMIT:
        raise DataError(f"{shown(name)} was refused: it has more than {LIMIT:,} bytes.")
    return content


def read_jpeg(content: bytes, where: str, side: int | None = None) -> np.ndarray:
    """(H, W, 3) uint8 of a JPEG file.

    Args:
        content: of the file.
        where: names it in messages.
        side: the whole image is resized to `side` x `side` pixels, whatever its shape (Pillow's Lanczos
            filter, of a large one after the decoder has halved it while it stays twice as large); None keeps
            its pixels.

    Raises:
        DataError: damaged, or no JPEG.
    """
    from PIL import Image

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of a damaged header, an error follows
            with Image.open(io.BytesIO(content), formats=("JPEG",)) as image:
                if side is not None:
                    image.draft("RGB", (2 * side, 2 * side))
                image = image.convert("RGB")
    except Exception as error:  # a decoder of a damaged file raises whatever comes
        reason = (str(error) or type(error).__name__).splitlines()[0]
        raise DataError(f"{shown(where)} is no whole JPEG image: {reason}. Get a fresh copy of it.") from None
    if side is not None and image.size != (side, side):
        image = image.resize((side, side), Image.Resampling.LANCZOS)
    return np.asarray(image)
