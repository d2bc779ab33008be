"""Figures on maps; axes are the coordinates of the scene, in kilometres."""

import matplotlib.pyplot as plt
import numpy as np
import rasterio
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from rasterio.windows import Window

from lt_lib.data import landsat
from lt_lib.data.landsat import ClassMap, Scene
from lt_lib.lab.figures import figure
from lt_lib.lab.figures.style import footnote
from lt_lib.lab.read.estimates import Estimate

_STYLE = {"axes.grid": False, "font.size": 9, "axes.titlesize": 9, "image.interpolation": "nearest"}
_NAMES = {
    "agriculture": "agriculture: SWIR-1, near\ninfrared, blue (6-5-2)",
    "true-colour": "true colour: red,\ngreen, blue",
}
_MARKS = (("#0072B2", "o"), ("#D55E00", "s"), ("#009E73", "^"))


@figure("map-composites", rc=_STYLE)
def composites(scene: Scene, foot: str = "") -> Figure:
    """The scene in agriculture bands and in true colour, and its vegetation index."""
    fig, axes = plt.subplots(1, 3, figsize=(5.6, 2.4), sharey=True)
    for ax, kind in zip(axes, _NAMES):
        picture, valid = landsat.composite(scene, kind, shape=_shape(scene))
        _image(ax, scene, np.dstack([picture, 255 * valid.astype(np.uint8)]))
        ax.set_title(_NAMES[kind])
    image = _image(axes[2], scene, landsat.ndvi(scene), cmap="cividis", vmin=-0.2, vmax=0.9)
    axes[2].set_title("vegetation index\n(NDVI)")
    fig.colorbar(image, ax=axes[2], shrink=0.6)
    _axes_of_maps(fig, axes, foot)
    return fig


@figure("map-labels", rc=_STYLE)
def tail(labels: np.ndarray, classes: tuple[str, ...], foot: str = "") -> Figure:
    """Labelled pixels and polygons of each class, most pixels first."""
    numbers = landsat.polygons(labels)
    pixels = np.bincount(labels.ravel(), minlength=len(classes) + 1)[1:]
    pieces = [len(np.unique(numbers[labels == k + 1])) for k in range(len(classes))]
    order = np.argsort(-pixels, kind="stable")
    fig, ax = plt.subplots(figsize=(5.2, 2.8))
    bars = ax.bar(
        range(len(order)), pixels[order], color=[landsat.COLOURS[k] for k in order], edgecolor="0.2", lw=0.6
    )
    ax.bar_label(bars, [f"{pixels[k]} in\n{pieces[k]} polygons" for k in order], fontsize=8, padding=2)
    ax.set(
        yscale="log",
        ylim=(1, 6 * pixels.max()),
        xticks=range(len(order)),
        xticklabels=[classes[k] for k in order],
        ylabel="labelled pixels (log scale)",
        xlabel="class, head to tail",
    )
    footnote(fig, foot)
    return fig


@figure("map-split", rc=_STYLE)
def split(
    scene: Scene, splits: dict[str, tuple[np.ndarray, np.ndarray]], side: int = 60, foot: str = ""
) -> Figure:
    """Training and test pixels of each split, in the window of `side` pixels that holds most labels."""
    train, test = next(iter(splits.values()))
    row, col = busiest(train | test, side)
    window = Window(col, row, min(side, scene.width), min(side, scene.height))
    fig, axes = plt.subplots(1, len(splits), figsize=(5.6, 3.5), sharey=True)
    for ax, (name, parts) in zip(np.atleast_1d(axes), splits.items()):
        _image(ax, scene, landsat.composite(scene, "agriculture", window)[0], window, alpha=0.35)
        for part, label, colour, mark in zip(parts, ("train", "test"), ("#0072B2", "#D55E00"), "sx"):
            y, x = np.nonzero(part[window.toslices()])
            east, north = scene.transform.a, scene.transform.e
            ax.plot(
                (scene.transform.c + east * (col + x + 0.5)) / 1e3,
                (scene.transform.f + north * (row + y + 0.5)) / 1e3,
                mark,
                color=colour,
                ms=2.6,
                mew=0.9,
                label=label,
            )
        ax.set_title(name)
    handles, names = np.atleast_1d(axes)[0].get_legend_handles_labels()
    fig.legend(handles, names, loc="outside upper center", ncols=2, markerscale=2)
    _axes_of_maps(fig, np.atleast_1d(axes), foot)
    return fig


@figure("map-scores", rc=_STYLE)
def scores(found: dict[str, dict[str, Estimate]], xlabel: str, foot: str = "") -> Figure:
    """Estimates with 95 % intervals: a line for each outer key, a mark for each inner one."""
    fig, ax = plt.subplots(figsize=(5.4, 1.5 + 0.45 * len(found)))
    series = list(dict.fromkeys(name for line in found.values() for name in line))
    for i, (name, (colour, mark)) in enumerate(zip(series, _MARKS)):
        y = [
            len(found) - 1 - j + 0.12 * (len(series) - 1 - 2 * i)
            for j, line in enumerate(found.values())
            if name in line
        ]
        line = [values[name] for values in found.values() if name in values]
        ax.errorbar(
            [e.mean for e in line],
            y,
            xerr=[e.half or 0 for e in line],
            fmt=mark,
            color=colour,
            capsize=3,
            ms=6,
            label=name,
        )
    ax.set(
        yticks=range(len(found)),
        yticklabels=list(reversed(found)),
        ylim=(-0.6, len(found) - 0.4),
        xlabel=xlabel,
    )
    ax.grid(axis="x", alpha=0.3)
    handles, names = ax.get_legend_handles_labels()
    fig.legend(handles, names, loc="outside upper center", ncols=3)
    footnote(fig, foot)
    return fig


@figure("map-classes", rc=_STYLE)
def class_and_confidence(found: ClassMap, foot: str = "") -> Figure:
    """A map of classes in the colours of its file, and the confidence beside it."""
    fig, axes = plt.subplots(1, 2, figsize=(5.6, 3.05), sharey=True)
    _class_image(axes[0], found)
    axes[0].set_title("class")
    with rasterio.open(found.confidence_path) as file:
        image = _image(axes[1], file, _masked(file), cmap="cividis", vmin=20, vmax=100)
    axes[1].set_title("confidence, %")
    fig.colorbar(image, ax=axes[1], shrink=0.7)
    _class_legend(fig, found)
    _axes_of_maps(fig, axes, foot)
    return fig


@figure("map-pair", rc=_STYLE)
def side_by_side(found: dict[str, ClassMap], foot: str = "") -> Figure:
    """Maps of the same classes beside each other, each under its name."""
    fig, axes = plt.subplots(1, len(found), figsize=(5.6, 2.65), sharey=True)
    for ax, (name, one) in zip(np.atleast_1d(axes), found.items()):
        _class_image(ax, one)
        ax.set_title(name)
    _class_legend(fig, next(iter(found.values())))
    _axes_of_maps(fig, np.atleast_1d(axes), foot)
    return fig


def _shape(scene: Scene, most: int = 1000) -> tuple[int, int]:
    """A shape of at most `most` pixels a side."""
    thin = max(1.0, max(scene.height, scene.width) / most)
    return round(scene.height / thin), round(scene.width / thin)


def _masked(file) -> np.ma.MaskedArray:
    thin = max(1.0, max(file.shape) / 1000)
    return file.read(1, masked=True, out_shape=tuple(round(n / thin) for n in file.shape))


def _image(ax, grid, picture, window: Window | None = None, **options):
    """A picture of a scene or file, or of a window of it, in kilometres."""
    window = window or Window(0, 0, grid.width, grid.height)
    a, _, left, _, e, top = tuple(grid.transform)[:6]
    sides = (
        left + a * window.col_off,
        left + a * (window.col_off + window.width),
        top + e * (window.row_off + window.height),
        top + e * window.row_off,
    )
    return ax.imshow(picture, extent=[v / 1e3 for v in sides], **options)


def _colours(found: ClassMap) -> list[tuple[float, float, float]]:
    with rasterio.open(found.class_path) as file:
        table = file.colormap(1)
    return [tuple(v / 255 for v in table[k][:3]) for k in range(len(found.counts))]


def _class_image(ax, found: ClassMap) -> None:
    colours = _colours(found)
    with rasterio.open(found.class_path) as file:
        _image(ax, file, _masked(file), cmap=ListedColormap(colours), vmin=-0.5, vmax=len(colours) - 0.5)


def _class_legend(fig, found: ClassMap) -> None:
    keys = [
        Patch(facecolor=colour, edgecolor="0.2", lw=0.6, label=name)
        for name, colour in zip(found.counts, _colours(found))
    ]
    fig.legend(
        handles=keys, loc="outside upper center", ncols=min(5, len(keys)), handlelength=1.2, columnspacing=1
    )


def _axes_of_maps(fig, axes, foot: str) -> None:
    for ax in axes:
        ax.ticklabel_format(useOffset=False)
        ax.locator_params(nbins=3)
        ax.set_xlabel("easting, km")
    axes[0].set_ylabel("northing, km")
    footnote(fig, foot)


def busiest(mask: np.ndarray, side: int) -> tuple[int, int]:
    """Upper left corner of the window that holds most of a mask."""
    total = np.pad(mask.astype(int).cumsum(0).cumsum(1), ((1, 0), (1, 0)))
    height, width = (min(side, n) for n in mask.shape)
    held = (
        total[height:, width:] - total[:-height, width:] - total[height:, :-width] + total[:-height, :-width]
    )
    return tuple(int(i) for i in np.unravel_index(held.argmax(), held.shape))
