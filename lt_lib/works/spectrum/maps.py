"""Maps in a chapter: which example to use, its seeds, and what stands behind it."""

import hashlib
import time
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

import pandas as pd
import rasterio

from lt_lib.data import landsat, store_root
from lt_lib.data.landsat import Example
from lt_lib.errors import LabError
from lt_lib.lab.read.report import Table
from lt_lib.lab.record.paths import work_store

MOST_SEEDS = {"smoke": 2, "laptop": 10, "overnight": 10, "paper": 30}


def workplace(options: dict) -> Path:
    """Folder of a chapter's maps: `maps/<data>` in the store of the run."""
    return Path(options.get("store") or work_store()) / "maps" / options["data"]


def example(options: dict) -> Example:
    """The scene for a chapter's parameters: the stand-in, made by code, or with data="real" the Landsat-7
    example of the store.

    Raises:
        LabError: data is "real" and the example is not in the store; says which command puts it there.
    """
    if options["data"] == "embedded":
        return landsat.make_scene(workplace(options))
    found = landsat.find_scene()
    if found is None:
        raise LabError(
            f"data is 'real', but {store_root() / 'geo' / 'landsat7'} does not hold the Landsat-7 example. "
            f"Run `python prepare.py --out {store_root()} geo` beside the packed data, or use "
            "data='embedded'."
        )
    return found


def seeds(options: dict) -> Iterator[int]:
    """Seeds of a chapter's parameters, by default as many as the profile asks for; stops when the budget is
    used up, not before one."""
    given = options.get("seeds") or MOST_SEEDS[options["profile"]]
    end = time.monotonic() + 60 * (options.get("budget") or float("inf"))
    for i, seed in enumerate(given if isinstance(given, list) else range(given)):
        if i and time.monotonic() > end:
            return
        yield seed


def badge(options: dict, n: int | None = None) -> str:
    """What stands behind a number, in words."""
    what = "real scene, Landsat-7" if options["data"] == "real" else "simulated scene (stand-in)"
    return f"{what} · {options['profile']}" + ("" if n is None else f" · n = {n}")


def summary(path: str | Path) -> str:
    """What a GIS reads from the head of a GeoTIFF, in the manner of gdalinfo."""
    with rasterio.open(path) as file:
        a, _, left, _, e, top = tuple(file.transform)[:6]
        size = f"{file.width} x {file.height}"
        lines = [
            f"{Path(path).name}: {file.driver}, {size}, {file.count} band of {file.dtypes[0]}",
            f"  coordinates  {file.crs.to_string()}",
            f"  upper left   {left:.0f}, {top:.0f}; pixel {a:g} x {-e:g}",
            f"  blocks       {file.block_shapes[0]}, {file.compression.name}",
            f"  overviews    {file.overviews(1)}",
            f"  nodata       {file.nodata:g}; colours: {file.colorinterp[0].name}",
        ]
        if file.colorinterp[0] == rasterio.enums.ColorInterp.palette:
            table = file.colormap(1)
            names = {
                int(k.removeprefix("CLASS_")): v for k, v in file.tags().items() if k.startswith("CLASS_")
            }
            lines += [f"    {k}  {table[k][:3]}  {name}" for k, name in sorted(names.items())]
    return "\n".join(lines)


def provenance(example: Example, options: dict) -> Table:
    """Footer of a chapter on scenes: which files, by digest, and which versions read them."""
    versions = {
        "rasterio / GDAL": f"{rasterio.__version__} / {rasterio.__gdal_version__}",
        "torch": version("torch"),
        "scikit-learn": version("scikit-learn"),
    }
    lines = [
        {
            "file": path.name,
            "from": example.name,
            "profile + data": f"{options['profile']} + {options['data']}",
            "sha256": f"<code>{hashlib.sha256(path.read_bytes()).hexdigest()[:12]}</code>",
            **versions,
        }
        for path in (example.scene, example.later, example.labels)
    ]
    return Table(pd.DataFrame(lines), lines, "Files shown")
