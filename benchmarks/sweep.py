"""Memory and speed of sweeping a classifier over a large scene, in one run.

    python benchmarks/sweep.py [--size 10000] [--tile 512] [--layout tiled] [--kind pixel]

Writes a scene of eight int16 bands to a temporary folder (a pattern that deflate makes small, a quarter of it
nodata), sweeps the nearest of five spectra over it in a process of its own, and prints its peak memory and
the pixels a second. `--write` also sweeps scenes of a quarter and half the side, for the growth."""

import argparse
import multiprocessing
import resource
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import rasterio
from rasterio.transform import from_origin
from rasterio.windows import Window
from results import Curve, Figure, keep

from lt_lib.data import landsat

KINDS = {"pixel": {}, "patch": {"patch": 8, "stride": 4}, "dense": {"halo": 8}}


def peak_bytes() -> int:
    """Most memory this process has held. Linux: VmHWM, as ru_maxrss there starts from the parent's memory."""
    status = Path("/proc/self/status")
    if status.is_file():
        return 1024 * int(status.read_text().split("VmHWM:")[1].split()[0])
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def write_scene(path: Path, size: int, layout: str) -> None:
    """A size x size scene of 8 bands, written 256 rows at a time."""
    blocks = {"tiled": True, "blockxsize": 256, "blockysize": 256} if layout == "tiled" else {"tiled": False}
    with rasterio.open(
        path,
        "w",
        driver="GTiff",
        width=size,
        height=size,
        count=8,
        dtype="int16",
        nodata=-9999,
        crs="EPSG:32615",
        transform=from_origin(462405, 1741815, 30, 30),
        compress="deflate",
        zlevel=1,
        BIGTIFF="YES",
        **blocks,
    ) as file:
        rows = np.arange(256)[:, None] // 8 * 8 + np.arange(size)[None] // 64
        pattern = np.stack([500 + (rows * (band + 3)) % 3000 for band in range(8)]).astype(np.int16)
        pattern[:, :, : size // 4] = -9999
        for row in range(0, size, 256):
            height = min(256, size - row)
            file.write(pattern[:, :height], window=Window(0, row, size, height))


def nearest(spectra: np.ndarray, whole: bool):
    """A cheap classifier (N, C, ...) -> (N, K, ...), or of whole patches -> (N, K): closeness to each
    spectrum, normalised."""

    def predict(x: np.ndarray) -> np.ndarray:
        x = x.mean((2, 3)) if whole else x
        at = spectra.reshape(len(spectra), -1, *[1] * (x.ndim - 2))
        closeness = np.stack([1 / (1e-3 + ((x - s) ** 2).sum(1)) for s in at], 1)
        return closeness / closeness.sum(1, keepdims=True)

    return predict


def swept(size: int, tile: int, layout: str, kind: str, results) -> None:
    """In a process of its own: seconds and bytes at most of a sweep, and the bytes held before it."""
    spectra = np.random.default_rng(0).random((5, 6), np.float32) * 0.4
    predict = nearest(spectra, whole=kind == "patch")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "scene.tif"
        writer = multiprocessing.get_context("spawn").Process(target=write_scene, args=(path, size, layout))
        writer.start()  # a process of its own, so that its memory is not counted here
        writer.join()
        before, start = peak_bytes(), time.perf_counter()
        found = landsat.sweep(
            path, predict, Path(folder) / "map", classes="abcde", tile=tile, kind=kind, **KINDS[kind]
        )
        seconds = time.perf_counter() - start
    assert sum(found.counts.values()) + found.missing == size**2
    results.put((seconds, peak_bytes(), before))


def measured(
    size: int, tile: int = 512, layout: str = "tiled", kind: str = "pixel"
) -> tuple[float, int, int]:
    """Seconds, bytes at most, and bytes before."""
    context = multiprocessing.get_context("spawn")
    results = context.Queue()
    process = context.Process(target=swept, args=(size, tile, layout, kind, results))
    process.start()
    found = results.get(timeout=3600)
    process.join()
    return found


def main() -> None:
    """Print peak memory and speed, and write them if asked to."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--size", type=int, default=10_000)
    parser.add_argument("--tile", type=int, default=512)
    parser.add_argument("--layout", choices=("tiled", "striped"), default="tiled")
    parser.add_argument("--kind", choices=tuple(KINDS), default="pixel")
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    seconds, peak, before = measured(options.size, options.tile, options.layout, options.kind)
    print(
        f"{options.size} x {options.size} x 8, {options.layout}, kind {options.kind}, tile {options.tile}: "
        f"swept in {seconds:.1f} s, {options.size**2 / seconds / 1e6:.2f} million pixels/s, peak memory "
        f"{peak / 2**20:.0f} MiB, of which {before / 2**20:.0f} MiB before the sweep"
    )
    if options.write:
        sizes = [options.size // 4, options.size // 2, options.size]
        each = [measured(n, options.tile, options.layout, options.kind) for n in sizes[:-1]]
        each.append((seconds, peak, before))
        scene = options.size**2 * 8 * 2
        keep(
            "sweep",
            [
                Figure(
                    f"peak memory of a sweep, {options.size:,} x {options.size:,} x 8",
                    "the scene",
                    peak / scene,
                    "as much",
                    1.0,
                    True,
                )
            ],
            [
                Curve.fitted(
                    "sweep of a scene", "pixels", "s", {n * n: e[0] for n, e in zip(sizes, each, strict=True)}
                ),
                Curve.fitted(
                    "sweep of a scene",
                    "pixels",
                    "bytes",
                    {n * n: e[1] for n, e in zip(sizes, each, strict=True)},
                ),
            ],
        )


if __name__ == "__main__":
    main()
