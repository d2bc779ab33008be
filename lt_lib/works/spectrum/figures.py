"""Figures of the `spectrum` wing; `lt_lib.lab.figures.shared.figure` finds them by name. Its rules hold here
too."""

from dataclasses import replace

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import torch
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Circle, Patch
from safetensors.torch import load_file

from lt_lib import data as datasets
from lt_lib.augmix import AugMix
from lt_lib.data.sets import droughtsim
from lt_lib.gan import nearest_neighbours
from lt_lib.lab.figures.shared import (
    BLUE,
    GREEN,
    LINES,
    ORANGE,
    PALETTE,
    RED,
    SKY,
    _filed,
    _foot,
    _judged,
    _legend,
    _once,
    _panels,
    _stacked,
    evidence_index,
)
from lt_lib.lab.read.report import Estimate, estimate, group, published_value
from lt_lib.lab.record.paths import published_dir
from lt_lib.lab.record.records import Record
from lt_lib.lab.record.spec import load, resolve
from lt_lib.lab.train.recipes import tasks
from lt_lib.lab.train.run import artifact
from lt_lib.lab.train.splits import centre_crops
from lt_lib.losses import ldam_margins
from lt_lib.schedules import drw_weights, triangular_lr

AGRICULTURE = (6, 5, 2)  # short-wave infrared 1, near infrared, blue, shown as red, green, blue
COWS = ("0 cows", "1 cow", "2 cows", "3 or more")
CLASS_MARKS = "osD^"
COVER_COLOURS = dict(zip(droughtsim.COVERS, ("#D8A47F", "#7A4A2B", GREEN, "#E8D034", "#00513B", BLUE)))
LOSSES = {"ce": ("CE", BLUE), "ldam": ("LDAM+DRW", ORANGE), "swa-clr-ldam": ("SWA+CLR+LDAM", GREEN)}


def stretch(tiles: np.ndarray) -> np.ndarray:
    """Tiles (N, H, W, 3) with each band stretched between Tukey's fences over all tiles, to [0, 1]: cloud
    does not dim the ground."""
    low, high = np.percentile(tiles.reshape(-1, tiles.shape[-1]), (25, 75), axis=0)
    reach = 1.5 * np.maximum(high - low, 1)
    return np.clip((tiles - (low - reach)) / (high - low + 2 * reach), 0, 1)


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
                label=_once(top, COWS[k]),
            )
            top.fill_between(run, low[run], high[run], color=colour, alpha=0.12, lw=0)
        below.errorbar(
            at + 0.12 * (k - 1.5), mid - base, yerr=notch, color=colour, fmt=CLASS_MARKS[k], ms=5, capsize=2
        )
    top.set(ylabel="brightness")
    below.set(
        xticks=range(len(names)), xticklabels=names, xlabel="Landsat-8 band", ylabel=f"minus {COWS[first]}"
    )
    fig.legend(
        *top.get_legend_handles_labels(),
        loc="outside upper center",
        ncols=4,
        fontsize=9,
        handletextpad=0.4,
        columnspacing=1.2,
    )
    return fig


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
    _legend(fig, ax)
    return fig


def tile_apart(index: int, split: str = "train", bands: tuple[int, int, int] = AGRICULTURE) -> Figure:
    """A simulated tile in the order of its making: cover, light, cloud, two views of what is stored, and the
    forage behind its label."""
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
    axes[1, 2].add_patch(
        Circle((image.shape[1] // 2, image.shape[0] // 2), droughtsim.RADIUS, fill=False, ec="white", lw=1.6)
    )
    keys = [Patch(fc=colour, ec="0.4", lw=0.6, label=name) for name, colour in COVER_COLOURS.items()]
    fig.legend(
        handles=keys, loc="outside upper center", ncols=3, fontsize=9, handletextpad=0.5, columnspacing=1.2
    )
    score, judged = made.score[0] / 1024, made.judged[0] / 1024
    fig.supxlabel(
        f"forage in the circle {score:.2f}, judged {judged:.2f}, label: {COWS[made.labels[0]]}",
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
    fig.supxlabel(
        f"{facts.attrs['tiles']} real tiles and as many of {ours}",
        x=0.01,
        ha="left",
        fontsize=8,
        color="0.35",
    )
    return fig


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


def plane_augmix(records: list[Record]) -> Figure:
    """Fig 2a: accuracy against balanced accuracy for ResNet-18; arrows lead from a row to the same row with
    AugMix."""
    style = {}
    for loss, (name, colour) in LOSSES.items():
        style[f"r18-652-{loss}"] = (name, colour, "o")
        style[f"r18-652-augmix-{loss}"] = (f"{name}, AugMix", colour, "^")
    style["r18-ce"] = ("CE, all bands", RED, "s")
    arrows = [(f"r18-652-{loss}", f"r18-652-augmix-{loss}") for loss in LOSSES]
    return _plane("spectrum-table2", records, style, arrows)


def plane_networks(records: list[Record]) -> Figure:
    """Fig 2b: accuracy against balanced accuracy for ResNet-50 and EfficientNet-B4, numbered as the rows of
    Table 1."""
    keys = [row.key for row in load("spectrum-table1").rows]
    style = {
        key: (f"{i}", BLUE if key.startswith("r50") else ORANGE, "^" if "-gan-" in key else "o")
        for i, key in enumerate(keys, 1)
    }
    fig = _plane("spectrum-table1", records, style, [], numbered=True)
    keys = [
        Line2D([], [], ls="", marker=m, mec=c, mfc="white", mew=1.6, label=label)
        for label, c, m in (
            ("ResNet-50", BLUE, "o"),
            ("EfficientNet-B4", ORANGE, "o"),
            ("EfficientNet-B4, counterfeits", ORANGE, "^"),
        )
    ]
    fig.legend(
        handles=keys, loc="outside upper center", ncols=3, fontsize=9, handletextpad=0.4, columnspacing=1.2
    )
    return fig


def _plane(name: str, records: list[Record], style: dict, arrows: list, numbered: bool = False) -> Figure:
    experiment, index = load(name), evidence_index()
    rows = {row.key: row for row in experiment.rows if row.key in style}
    printed = {
        key: tuple(published_value(experiment, row, m) for m in ("accuracy", "balanced_accuracy"))
        for key, row in rows.items()
    }
    own = {
        key: [r for r in records if (r.key, r.variant) == (key, row.variants[0])] for key, row in rows.items()
    }
    filed = {key: _filed(found, index) for key, found in own.items()}
    panels = [("published", printed)]
    for title, found in (("committed evidence", filed), ("this run", own)):
        points = {
            k: tuple(estimate(r.metric(m) for r in v) for m in ("accuracy", "balanced_accuracy"))
            for k, v in found.items()
            if v
        }
        panels += [(title, points)] if points else []
    fig, axes = plt.subplots(len(panels), 1, figsize=(5.5, 0.8 + 2.7 * len(panels)), squeeze=False)
    behind = {"committed evidence": filed, "this run": own}
    for ax, (title, points) in zip(axes.flat, panels):
        first = next((v[0] for v in behind.get(title, {}).values() if v), None)
        ax.set_title(
            title if first is None else f"{title}: {first.profile} + {first.data}", loc="left", fontsize=10
        )
        for key, (x, y) in points.items():
            label, colour, mark = style[key]
            at = (x, y) if first is None else (x.mean, y.mean)
            if first is not None:
                ax.errorbar(
                    *at, xerr=x.half, yerr=y.half, fmt="none", color=colour, lw=1, capsize=2, alpha=0.7
                )
            solid = first is None or _judged(behind[title][key])
            ax.plot(
                *at,
                mark,
                color=colour,
                ms=7,
                mew=1.6,
                mfc=colour if solid else "white",
                label=None if numbered else _once(ax, label),
                zorder=4,
            )
            if numbered:
                ax.annotate(label, at, xytext=(5, 5), textcoords="offset points", fontsize=9)
        for start, end in arrows:
            if start in points and end in points:
                a, b = ([v if first is None else v.mean for v in points[key]] for key in (start, end))
                ax.annotate(
                    "",
                    b,
                    a,
                    arrowprops={"arrowstyle": "->", "color": "0.45", "lw": 1, "shrinkA": 5, "shrinkB": 5},
                )
        ax.set_ylabel("balanced accuracy")
    axes[-1, 0].set_xlabel("accuracy")
    if not numbered:
        _legend(fig, axes[0, 0])
    _foot(fig, [r for found in (filed, own) for v in found.values() for r in v])
    return fig


def counterfeit_rows(records: list[Record], dataset, columns: int = 8, store=None) -> Figure:
    """Fig 1b: for each minority class a line of training tiles above a line of tiles that its generator drew,
    as they came."""
    firsts = [found[0] for found in group(records).values()]
    fig, axes = plt.subplots(2 * len(firsts), columns, figsize=(5.6, 1.36 * len(firsts) + 0.2), squeeze=False)
    real = {r.key: _training_tiles(r, dataset)[:columns] for r in firsts}
    drawn = {r.key: _grids(r, store)[-1][:columns] for r in firsts}
    bounds = _bounds([*real.values(), *drawn.values()])
    for i, r in enumerate(firsts):
        for line, tiles, what in (
            (axes[2 * i], real[r.key], "real"),
            (axes[2 * i + 1], drawn[r.key], "drawn"),
        ):
            _show(line, tiles, bounds)
            line[0].annotate(
                f"{COWS[r.spec.target_class]}\n{what}",
                (-0.12, 0.5),
                xycoords="axes fraction",
                ha="right",
                va="center",
                fontsize=8.5,
            )
    _foot(fig, firsts)
    return fig


def counterfeit_growth(record: Record, columns: int = 8, store=None) -> Figure:
    """One generator learning: the same latent vectors after more and more epochs, a line a moment, each
    stretched by itself."""
    grids, moments, distances = (
        _grids(record, store),
        record.history["learners"][0]["moments"],
        record.history["learners"][0]["distance"],
    )
    fig, axes = plt.subplots(len(grids), columns, figsize=(5.6, 0.72 * len(grids) + 0.2), squeeze=False)
    for line, grid, epoch, distance in zip(axes, grids, moments, distances):
        _show(line, grid[:columns], _bounds([grid]))
        line[0].annotate(
            f"epoch {epoch}\ndistance {distance:.1f}",
            (-0.12, 0.5),
            xycoords="axes fraction",
            ha="right",
            va="center",
            fontsize=8.5,
        )
    _foot(fig, [record])
    return fig


def counterfeit_distance(records: list[Record]) -> Figure:
    """Distance of drawn tiles to unseen real ones by steps of training; dotted: what training tiles, a crowd
    of real ones, score.

    Marks are means over seeds, bars their range; the committed evidence has a panel of its own.
    """
    panels = _panels({COWS[found[0].spec.target_class]: found for found in group(records).values()})
    fig, axes = _stacked(panels, 3.2, sharey=True)
    for ax, shown in zip(axes, panels.values()):
        for (label, found), colour, mark in zip(shown.items(), PALETTE, CLASS_MARKS[1:]):
            curves = np.array([r.history["learners"][0]["distance"] for r in found])
            steps, mean = np.mean([counterfeit_steps(r) for r in found], axis=0), curves.mean(0)
            ax.errorbar(
                steps,
                mean,
                yerr=[mean - curves.min(0), curves.max(0) - mean],
                color=colour,
                marker=mark,
                ms=5,
                lw=2,
                capsize=3,
                label=label,
            )
            ax.axhline(np.mean([r.metric("real_distance") for r in found]), color=colour, ls=":", lw=1.2)
        ax.set(ylabel="energy distance", xscale="log")
    axes[-1].set_xlabel("steps of training (log scale)")
    _legend(fig, axes[0])
    _foot(fig, [r for shown in panels.values() for found in shown.values() for r in found])
    return fig


def counterfeit_steps(record: Record) -> np.ndarray:
    """Steps that a generator has made at each moment of its record: epochs times batches an epoch."""
    batches = -(-record.sizes["train"][0] // record.spec.recipe.gan.batch_size)
    return batches * np.array(record.history["learners"][0]["moments"])


def crowd_damage(curves: dict[str, tuple], drawn: dict[str, float], floor: float) -> Figure:
    """Energy distance between a crowd of real tiles and another that is damaged more and more, a panel a kind
    of damage.

    Args:
        curves: label of the horizontal axis -> (strengths, distances, standard errors); at most four.
        drawn: name -> distance of a crowd of drawn tiles, as a level line.
        floor: distance of the two crowds before any damage, dotted.
    """
    fig, axes = plt.subplots(2, 2, figsize=(5.6, 5.0), sharey=True)
    for ax, (label, (strengths, distances, errors)) in zip(axes.flat, curves.items()):
        ax.axhline(floor, color="0.3", ls=":", lw=1.4, label=_once(axes[0, 0], "undamaged"))
        for (name, level), colour, style in zip(drawn.items(), PALETTE[1:], LINES[1:]):
            ax.axhline(level, color=colour, ls=style, lw=1.4, label=_once(axes[0, 0], f"drawn, {name}"))
        ax.errorbar(
            range(len(strengths)),
            distances,
            yerr=1.96 * np.asarray(errors),
            color=BLUE,
            marker="o",
            ms=5,
            lw=2,
            capsize=2,
            label=_once(axes[0, 0], "damaged"),
        )
        ax.set_xticks(range(len(strengths)), [f"{s:g}" for s in strengths])
        ax.set_xlabel(label)
    for ax in axes[:, 0]:
        ax.set_ylabel("energy distance")
    handles, labels = axes[0, 0].get_legend_handles_labels()
    fig.legend(
        handles,
        labels,
        loc="outside upper center",
        ncols=min(len(labels), 3),
        fontsize=9,
        handletextpad=0.4,
        columnspacing=1.2,
    )
    return fig


def forgers(games: dict[str, torch.Tensor], every: int = 1, blobs: tuple[float, ...] = (-1.0, 1.0)) -> Figure:
    """A toy: what generators of one number draw, by step of training: for each setting the most even and the
    most one-sided of them.

    Args:
        games: setting -> (moments, pairs, n) numbers drawn.
        every: steps between moments.
        blobs: where the real numbers lie.
    """
    fig, axes = plt.subplots(
        len(games), 2, figsize=(5.6, 0.6 + 1.9 * len(games)), sharex=True, sharey=True, squeeze=False
    )
    for line, (setting, path) in zip(axes, games.items()):
        uneven = ((path[-1] > 0).double().mean(1) - 0.5).abs()
        for ax, pair, what in zip(
            line, (int(uneven.argmin()), int(uneven.argmax())), ("most even", "most one-sided")
        ):
            for blob in blobs:
                ax.axhline(blob, color=ORANGE, lw=5, alpha=0.45)
            steps = np.arange(len(path))[:, None] * every + np.zeros(path.shape[2])
            ax.plot(
                steps.ravel(),
                path[:, pair].numpy().ravel(),
                ".",
                color=BLUE,
                ms=2,
                alpha=0.35,
                rasterized=True,
            )
            ax.set_title(f"{setting},\n{what} of {path.shape[1]}", fontsize=9.5)
        line[0].set_ylabel("number drawn")
    for ax in axes[-1]:
        ax.set_xlabel("step of training")
    axes[0, 0].set_ylim(-2.2, 2.2)
    return fig


def nearest_pairs(record: Record, dataset, columns: int = 8, store=None) -> Figure:
    """Tiles that a generator drew above the training tile nearest to each (over all flips): is it a
    copyist?"""
    drawn, training = _grids(record, store)[-1][:columns], _training_tiles(record, dataset)
    found = [nearest_neighbours(drawn.flip(view), training) for view in ((), (-1,), (-2,), (-1, -2))]
    best = torch.stack([distance for distance, _ in found]).argmin(0)
    nearest = torch.stack(
        [training[found[v][1][i]].flip(((), (-1,), (-2,), (-1, -2))[v]) for i, v in enumerate(best.tolist())]
    )
    fig, axes = plt.subplots(2, columns, figsize=(5.6, 1.6), squeeze=False)
    bounds = _bounds([drawn, nearest])
    for line, tiles, what in ((axes[0], drawn, "drawn"), (axes[1], nearest, "nearest\nreal tile")):
        _show(line, tiles, bounds)
        line[0].annotate(what, (-0.12, 0.5), xycoords="axes fraction", ha="right", va="center", fontsize=9)
    _foot(fig, [record])
    return fig


def _grids(record: Record, store=None) -> torch.Tensor:
    """(moments, tiles, 3, 64, 64) uint8 that the generator of a record drew over training."""
    return load_file(artifact(record, store))["grids"]


def _training_tiles(record: Record, dataset) -> torch.Tensor:
    task = tasks(record.spec, dataset)[0][0]
    return centre_crops(dataset.images("train"), task.train[:, 0], record.spec.recipe.bands, 64)


def _bounds(sets: list[torch.Tensor]) -> np.ndarray:
    pixels = torch.cat([tiles.movedim(1, -1).reshape(-1, tiles.shape[1]) for tiles in sets])
    return np.percentile(pixels.numpy(), (2, 98), axis=0)


def _show(axes, tiles: torch.Tensor, bounds: np.ndarray) -> None:
    for ax in axes:
        ax.axis("off")
    for ax, tile in zip(axes, tiles.movedim(1, -1).numpy()):
        ax.imshow(
            np.clip((tile - bounds[0]) / np.maximum(bounds[1] - bounds[0], 1), 0, 1), interpolation="nearest"
        )


def rates(epochs: int = 40, start: int = 10, every: int = 5) -> Figure:
    """Learning rate by epoch as the drought code means it and as it runs, with the epochs whose weights are
    averaged."""

    def rate(epoch: int) -> float:
        return triangular_lr(epoch, 2, 1e-5, 1e-4)

    fig, ax = plt.subplots(figsize=(5.5, 3.1))
    ax.plot(
        range(1, epochs + 1), [1e5 * rate(e) for e in range(epochs)], color=BLUE, lw=1.6, label="as meant"
    )
    ax.axhline(1e5 * rate(0), color=ORANGE, ls="--", lw=2, label="as released")
    marked = [e for e in range(start + 1, epochs + 1) if e % every == 0]
    ax.plot(
        marked,
        [1e5 * rate(e - 1) for e in marked],
        "D",
        color=GREEN,
        ms=7,
        label="weights averaged, as meant",
    )
    ax.plot([epochs], [1e5 * rate(0)], "s", color=RED, ms=7, label="weights averaged, as released")
    ax.set(xlabel="epoch", ylabel="learning rate (1e-5)", ylim=(0, 13))
    handles, labels = ax.get_legend_handles_labels()
    fig.legend(handles, labels, loc="outside upper center", ncols=2, fontsize=9)
    return fig


def margins(counts: list[int], betas: tuple[float, ...] = (0.99, 0.9999, 0.99999)) -> Figure:
    """Left: the margin each class is granted; right: its weight after the switch, under several betas."""
    fig, (left, right) = plt.subplots(1, 2, figsize=(5.6, 2.9))
    x = np.arange(len(counts))
    left.bar(x, ldam_margins(counts).numpy(), color=BLUE, width=0.6)
    left.set(ylabel="margin", xticks=x, xticklabels=COWS[: len(counts)])
    width = 0.8 / len(betas)
    for i, (beta, colour, hatch) in enumerate(zip(betas, (SKY, ORANGE, GREEN), (None, "///", "..."))):
        right.bar(
            x + (i - (len(betas) - 1) / 2) * width,
            drw_weights(counts, 1, 1, (0.0, beta)).numpy(),
            width,
            color=colour,
            hatch=hatch,
            edgecolor="white",
            lw=0,
            label=f"beta {beta:g}",
        )
    right.set(ylabel="weight in the loss", xticks=x, xticklabels=COWS[: len(counts)])
    for ax in (left, right):
        ax.tick_params("x", labelsize=8, rotation=30)
        ax.grid(axis="x", visible=False)
        ax.set_axisbelow(True)
    _legend(fig, right)
    return fig


def borders(points, labels, found: dict[str, float], unseen=None) -> Figure:
    """Two classes by direction on a half plane, and borders between them as rays from the origin.

    Args:
        points: (N, 2), of which the direction counts.
        labels: (N,), 0 for the frequent class, 1 for the rare one.
        found: label of a border -> its angle in degrees from the x axis.
        unseen: (M, 2) further points of the rare class, not trained on.
    """
    fig, ax = plt.subplots(figsize=(5.4, 3.5))
    if unseen is not None:
        ax.plot(*np.asarray(unseen).T, ".", color=ORANGE, ms=6, alpha=0.4, mew=0, label="rare class, unseen")
    for k, mark, size, colour, name in (
        (0, "o", 3, BLUE, "frequent class"),
        (1, "^", 7, ORANGE, "rare class"),
    ):
        ax.plot(
            *np.asarray(points[labels == k]).T,
            mark,
            color=colour,
            ms=size,
            mec="0.2" if k else colour,
            mew=0.6,
            label=name,
        )
    for (label, angle), colour, style in zip(found.items(), (RED, "0.25", GREEN), ((0, (1, 1)), "--", "-")):
        ax.plot(
            [0, 1.5 * np.cos(np.radians(angle))],
            [0, 1.5 * np.sin(np.radians(angle))],
            color=colour,
            ls=style,
            lw=2.2,
            label=label,
        )
    ax.set(aspect="equal", xlabel="feature 1", ylabel="feature 2", xlim=(-1.5, 1.5), ylim=(-0.1, 1.55))
    _legend(fig, ax)
    return fig


def descent(path, snapshots, curvature: tuple[float, float]) -> Figure:
    """A noisy walk over a quadratic bowl with its minimum at the origin, the points taken from it, and their
    average.

    Args:
        path: (T, 2) weights after each step.
        snapshots: (M, 2) those that are averaged.
        curvature: of the bowl along both axes.
    """
    path, taken = np.asarray(path), np.asarray(snapshots)
    fig, ax = plt.subplots(figsize=(5.4, 3.6))
    x, y = (np.linspace(low - 0.3, high + 0.3, 120) for low, high in zip(path.min(0), path.max(0)))
    bowl = (curvature[0] * x[None] ** 2 + curvature[1] * y[:, None] ** 2) / 2
    ax.contour(x, y, bowl, levels=bowl.max() * np.linspace(0.05, 1, 7) ** 2, colors="0.8", linewidths=0.8)
    ax.plot(*path.T, color=SKY, lw=0.7, alpha=0.6, label="walk")
    ax.plot(*taken.T, "D", color=GREEN, ms=7, mec="0.2", mew=0.6, label="snapshots")
    ax.plot(*taken.mean(0), "*", color=RED, ms=15, mec="0.2", mew=0.6, zorder=4, label="their average")
    ax.plot(0, 0, "+", color="k", ms=13, mew=2, zorder=5, label="minimum")
    ax.set(xlabel="weight 1", ylabel="weight 2")
    ax.grid(visible=False)
    _legend(fig, ax)
    return fig


def augmix_views(
    dataset, index: tuple[int, ...] = (0, 1, 2, 3), bands: tuple[int, int, int] = AGRICULTURE, seed: int = 0
) -> Figure:
    """A few tiles, their three chains of operations and the mixture that the network sees, a line a tile."""
    tiles = np.asarray(dataset.images("train")[list(index)])[..., [b - 1 for b in bands]]
    x = torch.from_numpy(tiles).permute(0, 3, 1, 2).float() / 255
    augment = AugMix()
    draws = augment.draw(len(x), torch.Generator().manual_seed(seed))
    alone = [
        replace(draws, m=torch.ones_like(draws.m), weights=row.expand_as(draws.weights))
        for row in torch.eye(augment.width)
    ]
    columns = {
        "tile": x,
        **{f"chain {i + 1}": augment.apply(x, one) for i, one in enumerate(alone)},
        "mixture": augment.apply(x, draws),
    }
    fig, axes = plt.subplots(len(index), len(columns), figsize=(5.4, 1.12 * len(index) + 0.2), squeeze=False)
    bounds = np.percentile(x.movedim(1, -1).reshape(-1, 3).numpy(), (2, 98), axis=0)
    for line, *shown in zip(axes, *columns.values()):
        for ax, tile in zip(line, shown):
            ax.imshow(
                np.clip((tile.movedim(0, -1).numpy() - bounds[0]) / (bounds[1] - bounds[0]), 0, 1),
                interpolation="nearest",
            )
            ax.axis("off")
    for ax, title in zip(axes[0], columns):
        ax.set_title(title, fontsize=9)
    return fig


def operator_costs(found: dict[str, dict[str, Estimate]], foot: str = "") -> Figure:
    """What AugMix's operators cost a classifier in balanced accuracy, beside a line at zero.

    Args:
        found: operator -> {how the classifier was trained -> difference to plain images}, a line an operator.
        foot: what stands behind the numbers.
    """
    fig, ax = plt.subplots(figsize=(5.4, 1.5 + 0.36 * len(found)))
    ax.axvline(0, color="0.3", lw=1)
    ways = list(dict.fromkeys(way for line in found.values() for way in line))
    for i, (way, colour, mark) in enumerate(zip(ways, (BLUE, ORANGE, GREEN), "oDs")):
        y = [len(found) - 1 - j + 0.26 * ((len(ways) - 1) / 2 - i) for j in range(len(found))]
        line = [costs[way] for costs in found.values()]
        ax.errorbar(
            [e.mean for e in line],
            y,
            xerr=[e.half or 0 for e in line],
            fmt=mark,
            color=colour,
            ms=5.5,
            capsize=2.5,
            label=way,
        )
    ax.set(
        yticks=range(len(found)),
        yticklabels=list(reversed(found)),
        ylim=(-0.6, len(found) - 0.4),
        xlabel="difference in balanced accuracy",
    )
    ax.grid(axis="y", visible=False)
    _legend(fig, ax)
    fig.supxlabel(foot, x=0.01, ha="left", fontsize=8, color="0.35")
    return fig


def class_scores(runs: dict[str, list[Record]], kinds: tuple[str, ...] = ("recall", "precision")) -> Figure:
    """Recall and precision of each class, one mark a row of a table: published diamonds, and the strongest of
    our records."""
    index = evidence_index()
    fig, axes = plt.subplots(
        len(kinds), 2, figsize=(5.6, 0.9 + 2.3 * len(kinds)), sharex=True, sharey=True, squeeze=False
    )
    shown = []
    for line, kind in zip(axes, kinds):
        for i, (label, own) in enumerate(runs.items()):
            colour, mark, shift = PALETTE[i], "osD^v"[i], (i - (len(runs) - 1) / 2) * 0.16
            experiment = load(own[0].experiment)
            row = next(r for r in experiment.rows if r.key == own[0].key)
            x = np.arange(len(COWS)) + shift
            line[0].plot(
                x,
                [published_value(experiment, row, f"{kind}.{k}") for k in range(len(COWS))],
                mark,
                color=colour,
                ms=6,
                label=_once(line[0], label),
            )
            found = _filed(own, index) or own
            said = [estimate(r.metric(f"{kind}.{k}") for r in found) for k in range(len(COWS))]
            line[1].errorbar(
                x,
                [s.mean for s in said],
                yerr=[s.half or 0 for s in said],
                fmt=mark,
                color=colour,
                ms=6,
                capsize=2,
                mfc=colour if _judged(found) else "white",
                mew=1.4,
            )
            shown += found
        line[0].set_ylabel(kind)
    for ax, title in zip(axes[0], ("published", "ours, strongest record")):
        ax.set_title(title, fontsize=10)
    for ax in axes[-1]:
        ax.set_xticks(range(len(COWS)), (*"012", "3+"))
        ax.set_xlabel("cows")
    for ax in axes.flat:
        ax.set_ylim(-0.04, 1.04)
    _legend(fig, axes[0, 0])
    _foot(fig, shown)
    return fig


def curves(runs: dict[str, list[Record]], metric: str = "test_balanced_accuracy") -> Figure:
    """A number by epoch, mean over seeds with the range as a band; the last point is the network that is
    reported."""
    fig, ax = plt.subplots(figsize=(5.4, 3.2))
    for (label, found), colour, style in zip(runs.items(), PALETTE, LINES):
        values = np.array([r.history["learners"][0][metric] for r in found])
        epochs = np.arange(1, values.shape[1] + 1)
        ax.plot(epochs, values.mean(0), color=colour, ls=style, lw=2, label=label)
        ax.fill_between(epochs, values.min(0), values.max(0), color=colour, alpha=0.15, lw=0)
    ax.set(xlabel="epoch", ylabel=metric.replace("_", " "))
    _legend(fig, ax)
    _foot(fig, [r for found in runs.values() for r in found])
    return fig


def counts_of(name: str, profile: str, data: str, seed: int = 0) -> list[int]:
    """Class counts of the training list that the first row of an experiment would train on."""
    experiment = load(name)
    spec = resolve(experiment, experiment.rows[0], experiment.rows[0].variants[0], profile, data, seed)
    return tasks(spec, datasets.load(spec.data))[1]


FIGURES = {
    "tiles": tile_rows,
    "spectra": spectra,
    "cover-spectra": cover_spectra,
    "tile-apart": tile_apart,
    "tile-statistics": tile_statistics,
    "confusions": confusions,
    "spectrum-fig2a": plane_augmix,
    "spectrum-fig2b": plane_networks,
    "counterfeits": counterfeit_rows,
    "counterfeit-growth": counterfeit_growth,
    "counterfeit-distance": counterfeit_distance,
    "crowd-damage": crowd_damage,
    "forgers": forgers,
    "nearest-pairs": nearest_pairs,
    "rates": rates,
    "margins": margins,
    "borders": borders,
    "descent": descent,
    "augmix-views": augmix_views,
    "operator-costs": operator_costs,
    "class-scores": class_scores,
    "curves": curves,
}
