"""Figures on tiles and their bands: tiles, spectra, statistics, confusions."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.patches import Circle, Patch

from lt_lib.data.sets import droughtsim
from lt_lib.lab.figures import figure
from lt_lib.lab.figures.style import BLUE, GREEN, LINES, ORANGE, PALETTE, footnote, legend, once
from lt_lib.lab.record.paths import published_dir

AGRICULTURE = (6, 5, 2)  # short-wave infrared 1, near infrared, blue, shown as red, green, blue
COWS = ("0 cows", "1 cow", "2 cows", "3 or more")
CLASS_MARKS = "osD^"
COVER_COLOURS = dict(zip(droughtsim.COVERS, ("#D8A47F", "#7A4A2B", GREEN, "#E8D034", "#00513B", BLUE)))


def stretch(tiles: np.ndarray) -> np.ndarray:
    """Tiles (N, H, W, 3) with each band stretched between Tukey's fences over all tiles, to [0, 1]: cloud
    does not dim the ground."""
    low, high = np.percentile(tiles.reshape(-1, tiles.shape[-1]), (25, 75), axis=0)
    reach = 1.5 * np.maximum(high - low, 1)
    return np.clip((tiles - (low - reach)) / (high - low + 2 * reach), 0, 1)


@figure("tiles")
def tile_rows(
    dataset,
    per_class: int = 6,
    bands: tuple[int, int, int] = AGRICULTURE,
    split: str = "train",
    seed: int = 0,
) -> Figure:
    """Fig 1a: a few tiles of each class in three bands, a line a class; the spot that the label is about lies
    in the middle."""
    labels = np.asarray(dataset.labels(split))
    rng = np.random.default_rng(seed)
    picked = [
        rng.choice(found, min(per_class, len(found)), replace=False)
        for k in range(len(dataset.classes))
        if len(found := np.flatnonzero(labels == k))
    ]
    shown = stretch(np.asarray(dataset.images(split)[np.concatenate(picked)])[..., [b - 1 for b in bands]])
    fig, axes = plt.subplots(len(picked), per_class, figsize=(5.6, 0.98 * len(picked)), squeeze=False)
    for ax in axes.flat:
        ax.axis("off")
    start = 0
    for line, index in zip(axes, picked):
        for ax, tile in zip(line, shown[start : start + len(index)]):
            ax.imshow(tile, interpolation="nearest")
        label = labels[index[0]]
        line[0].annotate(
            COWS[label], (-0.12, 0.5), xycoords="axes fraction", ha="right", va="center", fontsize=9
        )
        start += len(index)
    return fig


@figure("spectra")
def spectra(dataset, tiles: int = 1000, half: int = 4, split: str = "train") -> Figure:
    """Median brightness of the middle of a tile in each band, a line a class; below, the same minus class 0,
    with 95 % notches."""
    labels = np.asarray(dataset.labels(split))[:tiles]
    side = dataset.splits[split][1]
    middle = slice(side // 2 - half, side // 2 + half + 1)
    means = np.asarray(dataset.images(split)[:tiles, middle, middle]).mean((1, 2)) / 255
    names = dataset.extra.get("bands") or [f"B{i + 1}" for i in range(means.shape[1])]
    fig, (top, below) = plt.subplots(2, 1, figsize=(5.5, 5.2), sharex=True, height_ratios=(3, 2))
    base, first = None, None
    for k, (colour, style) in enumerate(zip(PALETTE, LINES)):
        own = means[labels == k]
        if not len(own):
            continue
        low, mid, high = np.percentile(own, (25, 50, 75), axis=0)
        notch = 1.57 * (high - low) / np.sqrt(len(own))  # McGill, Tukey and Larsen (1978)
        base, first = (mid, k) if base is None else (base, first)
        at = np.arange(len(mid))
        for run in np.split(at, [8, 9]):  # light, cirrus and heat are different things: no line joins them
            top.plot(
                run,
                mid[run],
                color=colour,
                ls=style,
                lw=2,
                marker=CLASS_MARKS[k],
                ms=4,
                label=once(top, COWS[k]),
            )
            top.fill_between(run, low[run], high[run], color=colour, alpha=0.12, lw=0)
        below.errorbar(
            at + 0.12 * (k - 1.5), mid - base, yerr=notch, color=colour, fmt=CLASS_MARKS[k], ms=5, capsize=2
        )
    top.set(ylabel="brightness")
    below.set(
        xticks=range(len(names)), xticklabels=names, xlabel="Landsat-8 band", ylabel=f"minus {COWS[first]}"
    )
    legend(fig, top, ncols=4)
    return fig


@figure("cover-spectra")
def cover_spectra(shaded: tuple[int, ...] = AGRICULTURE) -> Figure:
    """What each ground cover of the simulator reflects in B1 to B7; the bands of a composite are shaded."""
    fig, ax = plt.subplots(figsize=(5.5, 3.4))
    at = np.arange(1, 8)
    for band in shaded:
        ax.axvspan(band - 0.3, band + 0.3, color="0.9", lw=0)
    for (name, colour), row, mark, style in zip(
        COVER_COLOURS.items(), droughtsim.SPECTRA, "osD^vP", (*LINES, (0, (1, 1)))
    ):
        ax.plot(
            at,
            np.array(row[:7]) / 1000,
            color=colour,
            ls=style,
            lw=2,
            marker=mark,
            ms=6,
            mec="0.25",
            mew=0.6,
            label=name,
        )
    below = ("violet", "blue", "green", "red", "near IR", "SWIR 1", "SWIR 2")
    ax.set(xticks=at, ylabel="share of light reflected", xlim=(0.6, 7.4), ylim=(0, None))
    ax.set_xticklabels([f"B{b}\n{word}" for b, word in zip(at, below)], fontsize=9)
    ax.grid(axis="x", visible=False)
    legend(fig, ax)
    return fig


@figure("tile-apart")
def tile_layers(index: int, split: str = "train", bands: tuple[int, int, int] = AGRICULTURE) -> Figure:
    """A simulated tile in the order of its making: cover, light, cloud, two views of what is stored, and the
    forage behind its label. It counts in the solid circle, in full if there is water (outlined) in the dotted
    one."""
    made = droughtsim.simulate(
        split, [index, *range(48)]
    )  # the others for the colours, so that they are those of "tiles"
    image, cover = made.images[0], made.cover[0]
    fig, axes = plt.subplots(2, 3, figsize=(5.6, 5.0))
    fig.get_layout_engine().set(hspace=0.08)
    share = cover.transpose(1, 2, 0) / cover.sum(0)[..., None]
    colours = np.array([to_rgb(c) for c in COVER_COLOURS.values()])
    agriculture = stretch(made.images[..., [b - 1 for b in bands]])[0]
    heat = image[..., 9] / 255
    panels = (
        ("1 ground", share @ colours, {}),
        ("2 light", made.light[0] / 256, {"cmap": "gray", "vmin": 0.4, "vmax": 1.3}),
        ("3 air: cloud", made.cloud[0] / 1024, {"cmap": "Blues_r", "vmin": 0, "vmax": 1}),
        (f"4 sensor: {'-'.join(map(str, bands))}", agriculture, {}),
        ("4 sensor: B10, heat", heat, {"cmap": "inferno"}),
        ("5 forage", made.forage[0] / 1024, {"cmap": "viridis", "vmin": 0, "vmax": 0.8}),
    )
    for ax, (title, shown, style) in zip(axes.flat, panels):
        drawn = ax.imshow(shown, interpolation="nearest", **style)
        ax.set_title(title, fontsize=10, loc="left")
        ax.axis("off")
        if style:
            bar = fig.colorbar(drawn, ax=ax, orientation="horizontal", fraction=0.06, pad=0.03, aspect=18)
            bar.ax.locator_params(nbins=4)
            bar.ax.tick_params(labelsize=9)
    middle = image.shape[0] // 2
    for radius, dashes in ((droughtsim.RADIUS, "-"), (droughtsim.REACH, ":")):
        axes[1, 2].add_patch(Circle((middle, middle), radius, fill=False, ec="white", lw=1.6, ls=dashes))
    if (cover[5] > 512).any():
        axes[1, 2].contour(cover[5], [512], colors=[COVER_COLOURS["water"]], linewidths=1.6)
    keys = [Patch(fc=colour, ec="0.4", lw=0.6, label=name) for name, colour in COVER_COLOURS.items()]
    fig.legend(
        handles=keys, loc="outside upper center", ncols=3, fontsize=9, handletextpad=0.5, columnspacing=1.2
    )
    apart = (np.arange(len(image)) - middle) ** 2
    counts = np.maximum(droughtsim.RADIUS**2 - apart - apart[:, None], 0)  # nearer pixels count more
    forage = np.average(made.forage[0], weights=counts)
    said = zip(("in the circle", "usable", "judged"), (forage, made.score[0], made.judged[0]))
    fig.supxlabel(
        f"forage {', '.join(f'{word} {part / 1024:.2f}' for word, part in said)}, "
        f"label: {COWS[made.labels[0]]}",
        x=0.01,
        ha="left",
        fontsize=9,
        color="0.2",
    )
    return fig


def tile_facts(dataset, split: str = "train") -> pd.DataFrame:
    """Statistics of real tiles, as recorded in droughtwatch-tiles.csv, beside those of as many tiles of a
    data set.

    Returns:
        Index (statistic, band or pair of bands), columns "real" and the name of the data set;
    `attrs["tiles"]` says how many tiles."""
    facts = pd.read_csv(published_dir() / "droughtwatch-tiles.csv")
    tiles = int(facts["computed_from"][0].split()[0])
    real = facts.set_index(["statistic", "band"])["value"]
    own = pd.Series(droughtsim.statistics(np.asarray(dataset.images(split)[:tiles])))
    frame = pd.DataFrame({"real": real, dataset.name: own.reindex(real.index)})
    frame.attrs["tiles"] = tiles
    return frame


@figure("tile-statistics")
def tile_statistics(dataset, split: str = "train") -> Figure:
    """Real tiles beside those of a data set: brightness of pixels by band, likeness of neighbouring pixels,
    likeness of bands."""
    facts = tile_facts(dataset, split)
    ours = facts.columns[1]
    fig, axes = plt.subplot_mosaic("AA;BC", figsize=(5.6, 5.6), height_ratios=(5, 6))
    bands = facts.loc["mean"].index
    at = np.arange(len(bands))
    for name, colour, mark, shift in (("real", BLUE, "o", -0.16), (ours, ORANGE, "D", 0.16)):
        level = {p: facts.loc[f"quantile {p}", name] for p in (5, 25, 50, 75, 95)}
        axes["A"].vlines(at + shift, level[5], level[95], color=colour, lw=1.2)
        axes["A"].vlines(at + shift, level[25], level[75], color=colour, lw=5)
        axes["A"].plot(at + shift, level[50], mark, color="white", mec=colour, ms=5, mew=1.4, label=name)
        axes["B"].plot(facts.loc["autocorrelation 1", name], at + shift, mark, color=colour, ms=5)
    axes["A"].set(xticks=at, xticklabels=bands, ylabel="brightness")
    axes["B"].set(yticks=at, yticklabels=bands, xlabel="correlation with the next pixel", xlim=(None, 1))
    axes["B"].invert_yaxis()
    pairs = facts.loc["correlation"]
    axes["C"].plot([pairs.min().min(), 1], [pairs.min().min(), 1], color="0.6", lw=1)
    axes["C"].plot(pairs["real"], pairs[ours], ".", color=GREEN, ms=7, alpha=0.8)
    axes["C"].set(xlabel="correlation of two bands, real", ylabel=f"the same, {ours}")
    fig.legend(
        *axes["A"].get_legend_handles_labels(),
        loc="outside upper center",
        ncols=2,
        fontsize=9,
        handletextpad=0.4,
    )
    footnote(fig, f"{facts.attrs['tiles']} real tiles and as many of {ours}")
    return fig


@figure("confusions")
def confusions(matrices: dict[str, np.ndarray]) -> Figure:
    """Answers by truth, a panel a classifier: shares of each true class, so that the diagonal holds the
    recalls; a row of nan stays empty."""
    fig, axes = plt.subplots(1, len(matrices), figsize=(2.8 * len(matrices), 2.9), sharey=True, squeeze=False)
    for ax, (title, matrix) in zip(axes.flat, matrices.items()):
        share = np.asarray(matrix) / np.maximum(np.sum(matrix, axis=1, keepdims=True), 1)
        ax.imshow(share, cmap="Blues", vmin=0, vmax=1)
        for (i, j), part in np.ndenumerate(share):
            text = "" if np.isnan(part) else f"{part:.2f}"
            ax.text(
                j, i, text, ha="center", va="center", fontsize=9, color="white" if part > 0.55 else "0.15"
            )
        names = (*"012", "3+")[: len(share)]
        ax.set(
            xticks=range(len(share)),
            yticks=range(len(share)),
            xticklabels=names,
            yticklabels=names,
            xlabel="cows answered",
        )
        ax.set_title(title, fontsize=10)
        ax.grid(visible=False)
    axes[0, 0].set_ylabel("cows in truth")
    return fig
