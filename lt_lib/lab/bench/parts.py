"""TFRecord parts of Drought Watch as images: each tile a file in the cache, for parts hold no files."""

import contextlib
import json
import os
import shutil
import uuid
import warnings
from pathlib import Path

import numpy as np

from lt_lib.data.image_folder import shown
from lt_lib.data.sets.droughtwatch import CLASSES, Report, is_part, read_parts
from lt_lib.errors import DataError, LabError
from lt_lib.lab.bench.own import Own
from lt_lib.lab.record.digests import digest
from lt_lib.lab.record.paths import cache_root
from lt_lib.progress import Progress

_SPLITS = {"train": False, "val": True, "test": True}  # folder -> whether it is the test split
_INDEX = "tiles.json"


def read_tiles(source: Path) -> Own:
    """Tiles of a part, or of a folder of parts, with those in train and val (or test) as a split.

    Raises:
        DataError: no tiles, or a part that cannot be read.
        LabError: the cache cannot be written.
    """
    parts = parts_of(source)
    stats = [(str(p), p.stat().st_size, p.stat().st_mtime_ns) for p in parts]
    folder = cache_root() / "own" / "tiles" / digest(stats)[7:19] / source.name
    if (index := _kept(folder)) is None:
        _unpack(parts, folder)
        index = _kept(folder)
    if not index["tiles"]:
        raise DataError(f"{shown(source)} holds no tile that can be used. {index['report']}")
    files, labels, origins = zip(*index["tiles"], strict=True)
    test = [_SPLITS.get(origin) for origin in origins]
    names = [CLASSES[label] for label in labels]
    report = index["report"].replace(f"{source}{os.sep}", "")
    given = test if set(test) == {False, True} else None
    return Own.of(folder, [folder / file for file in files], names, given, notes=[report])


def parts_of(source: Path) -> list[Path]:
    """The parts that a path is or holds."""
    if source.is_file():
        return [source] if is_part(source.name) else []
    folders = [source / name for name in _SPLITS if (source / name).is_dir()]
    return _within(folders) or _within([source])


def _within(folders: list[Path]) -> list[Path]:
    with contextlib.suppress(OSError):  # of a folder that is not there or not to be read, others speak
        return [p for folder in folders for p in sorted(folder.iterdir()) if is_part(p.name) and p.is_file()]
    return []


def _kept(folder: Path) -> dict | None:
    """The list of tiles; None where it is not there, or not as it was written."""
    try:
        index = json.loads((folder / _INDEX).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return None
    is_whole = isinstance(index, dict) and index.pop("digest", None) == digest(index)
    return index if is_whole else None


def _unpack(parts: list[Path], folder: Path) -> None:
    """Write each tile as a file, and the list of them; another folder's name until all are there."""
    fresh, tiles, report = folder.with_name(f"{uuid.uuid4().hex}.part"), [], Report()
    try:
        with Progress(len(parts), "unpacking", "part") as bar:
            for part in parts:
                origin = part.parent.name
                within = Path(origin, part.name) if origin in _SPLITS else Path(part.name)
                (fresh / within).mkdir(parents=True)
                for n, (image, label) in enumerate(read_parts(part, report=report)):
                    _write(fresh / within / f"{n}.tif", image)
                    tiles.append((str(within / f"{n}.tif"), label, origin))
                bar.update()
        index = {"tiles": tiles, "report": str(report)}
        text = json.dumps(index | {"digest": digest(index)})
        (fresh / _INDEX).write_text(text, encoding="utf-8")
        shutil.rmtree(folder, ignore_errors=True)
        fresh.rename(folder)
    except OSError as error:
        raise LabError(f"cannot unpack into {folder}: {error}; free some space or set LT_CACHE") from None
    finally:
        shutil.rmtree(fresh, ignore_errors=True)


def _write(file: Path, image: np.ndarray) -> None:
    import rasterio

    height, width, bands = image.shape
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of tiles without coordinates
        with rasterio.open(file, "w", "GTiff", width, height, bands, dtype=image.dtype) as raster:
            raster.write(np.moveaxis(image, -1, 0))
