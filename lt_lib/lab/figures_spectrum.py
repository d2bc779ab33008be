"""Figures of the `spectrum` wing; `lt_lib.lab.figures.figure` finds them by name. Its rules hold here too."""

from dataclasses import replace

import matplotlib.pyplot as plt
import numpy as np
import torch
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from safetensors.torch import load_file

from lt_lib import data as datasets
from lt_lib.augmix import AugMix
from lt_lib.gan import nearest_neighbours
from lt_lib.lab.figures import (
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
    evidence_index,
)
from lt_lib.lab.recipes import centre_crops, tasks
from lt_lib.lab.records import Record
from lt_lib.lab.report import estimate, group, published_value
from lt_lib.lab.run import artifact
from lt_lib.lab.spec import load, resolve
from lt_lib.losses import ldam_margins
from lt_lib.schedules import drw_weights, triangular_lr

AGRICULTURE = (6, 5, 2)     # short-wave infrared 1, near infrared, blue, shown as red, green, blue
COWS = ("0 cows", "1 cow", "2 cows", "3 or more")
CLASS_MARKS = "osD^"
LOSSES = {"ce": ("CE", BLUE), "ldam": ("LDAM+DRW", ORANGE), "swa-clr-ldam": ("SWA+CLR, LDAM+DRW", GREEN)}


def stretch(tiles: np.ndarray, low: float = 2, high: float = 98) -> np.ndarray:
    """Tiles (N, H, W, 3) with each band stretched from its `low` to its `high` percentile over all tiles, to [0, 1]."""
    bounds = np.percentile(tiles.reshape(-1, tiles.shape[-1]), (low, high), axis=0)
    return np.clip((tiles - bounds[0]) / np.maximum(bounds[1] - bounds[0], 1), 0, 1)


def tile_rows(dataset, per_class: int = 6, bands: tuple[int, int, int] = AGRICULTURE, split: str = "train", seed: int = 0) -> Figure:
    """Fig 1a: a few tiles of each class in three bands, a line a class; the spot that the label is about lies in the middle."""
    labels = np.asarray(dataset.labels(split))
    rng = np.random.default_rng(seed)
    picked = [rng.choice(found, min(per_class, len(found)), replace=False)
              for k in range(len(dataset.classes)) if len(found := np.flatnonzero(labels == k))]
    shown = stretch(np.asarray(dataset.images(split)[np.concatenate(picked)])[..., [b - 1 for b in bands]])
    fig, axes = plt.subplots(len(picked), per_class, figsize=(5.6, 0.98 * len(picked)), squeeze=False)
    for ax in axes.flat:
        ax.axis("off")
    start = 0
    for line, index in zip(axes, picked):
        for ax, tile in zip(line, shown[start:start + len(index)]):
            ax.imshow(tile, interpolation="nearest")
        label = labels[index[0]]
        line[0].annotate(COWS[label], (-0.12, 0.5), xycoords="axes fraction", ha="right", va="center", fontsize=9)
        start += len(index)
    return fig


def spectra(dataset, tiles: int = 1000, half: int = 4, split: str = "train") -> Figure:
    """Median brightness of the middle of a tile in each band, a line a class; bands show the middle half of the tiles."""
    labels = np.asarray(dataset.labels(split))[:tiles]
    side = dataset.splits[split][1]
    middle = slice(side // 2 - half, side // 2 + half + 1)
    means = np.asarray(dataset.images(split)[:tiles, middle, middle]).mean((1, 2)) / 255
    names = dataset.extra.get("bands") or [f"B{i + 1}" for i in range(means.shape[1])]
    fig, ax = plt.subplots(figsize=(5.5, 3.4))
    for k, (colour, style) in enumerate(zip(PALETTE, LINES)):
        own = means[labels == k]
        if len(own):
            low, mid, high = np.percentile(own, (25, 50, 75), axis=0)
            ax.plot(mid, color=colour, ls=style, lw=2, marker=CLASS_MARKS[k], ms=4, label=COWS[k])
            ax.fill_between(range(len(mid)), low, high, color=colour, alpha=0.12, lw=0)
    ax.set(xticks=range(len(names)), xticklabels=names, xlabel="Landsat-8 band", ylabel="brightness (share of full scale)")
    _legend(fig, ax)
    return fig


def plane_augmix(records: list[Record]) -> Figure:
    """Fig 2a: accuracy against balanced accuracy for ResNet-18; arrows lead from a row to the same row with AugMix."""
    style = {}
    for loss, (name, colour) in LOSSES.items():
        style[f"r18-652-{loss}"] = (name, colour, "o")
        style[f"r18-652-augmix-{loss}"] = (f"{name}, AugMix", colour, "^")
    style["r18-ce"] = ("CE, all bands", RED, "s")
    arrows = [(f"r18-652-{loss}", f"r18-652-augmix-{loss}") for loss in LOSSES]
    return _plane("spectrum-table2", records, style, arrows)


def plane_networks(records: list[Record]) -> Figure:
    """Fig 2b: accuracy against balanced accuracy for ResNet-50 and EfficientNet-B4, numbered as the rows of Table 1."""
    keys = [row.key for row in load("spectrum-table1").rows]
    style = {key: (f"{i}", BLUE if key.startswith("r50") else ORANGE, "^" if "-gan-" in key else "o") for i, key in enumerate(keys, 1)}
    fig = _plane("spectrum-table1", records, style, [], numbered=True)
    keys = [Line2D([], [], ls="", marker=m, mec=c, mfc="white", mew=1.6, label=label)
            for label, c, m in (("ResNet-50", BLUE, "o"), ("EfficientNet-B4", ORANGE, "o"), ("EfficientNet-B4, counterfeits", ORANGE, "^"))]
    fig.legend(handles=keys, loc="outside upper center", ncols=3, fontsize=9, handletextpad=0.4, columnspacing=1.2)
    return fig


def _plane(name: str, records: list[Record], style: dict, arrows: list, numbered: bool = False) -> Figure:
    experiment, index = load(name), evidence_index()
    rows = {row.key: row for row in experiment.rows if row.key in style}
    printed = {key: tuple(published_value(experiment, row, m) for m in ("accuracy", "balanced_accuracy")) for key, row in rows.items()}
    own = {key: [r for r in records if r.key == key] for key in rows}
    filed = {key: _filed(found, index) for key, found in own.items()}
    panels = [("published", printed)]
    for title, found in (("committed evidence", filed), ("this run", own)):
        points = {k: tuple(estimate(r.metric(m) for r in v) for m in ("accuracy", "balanced_accuracy")) for k, v in found.items() if v}
        panels += [(title, points)] if points else []
    fig, axes = plt.subplots(len(panels), 1, figsize=(5.5, 0.8 + 2.7 * len(panels)), squeeze=False)
    behind = {"committed evidence": filed, "this run": own}
    for ax, (title, points) in zip(axes.flat, panels):
        first = next((v[0] for v in behind.get(title, {}).values() if v), None)
        ax.set_title(title if first is None else f"{title}: {first.profile} + {first.data}", loc="left", fontsize=10)
        for key, (x, y) in points.items():
            label, colour, mark = style[key]
            at = (x, y) if first is None else (x.mean, y.mean)
            if first is not None:
                ax.errorbar(*at, xerr=x.half, yerr=y.half, fmt="none", color=colour, lw=1, capsize=2, alpha=0.7)
            solid = first is None or _judged(behind[title][key])
            ax.plot(*at, mark, color=colour, ms=7, mew=1.6, mfc=colour if solid else "white", label=None if numbered else _once(ax, label), zorder=4)
            if numbered:
                ax.annotate(label, at, xytext=(5, 5), textcoords="offset points", fontsize=9)
        for start, end in arrows:
            if start in points and end in points:
                a, b = ([v if first is None else v.mean for v in points[key]] for key in (start, end))
                ax.annotate("", b, a, arrowprops={"arrowstyle": "->", "color": "0.45", "lw": 1, "shrinkA": 5, "shrinkB": 5})
        ax.set_ylabel("balanced accuracy")
    axes[-1, 0].set_xlabel("accuracy")
    if not numbered:
        _legend(fig, axes[0, 0])
    _foot(fig, [r for found in (filed, own) for v in found.values() for r in v])
    return fig


def counterfeit_rows(records: list[Record], dataset, columns: int = 8) -> Figure:
    """Fig 1b: for each minority class a line of training tiles above a line of tiles that its generator drew, as they came."""
    firsts = [found[0] for found in group(records).values()]
    fig, axes = plt.subplots(2 * len(firsts), columns, figsize=(5.6, 1.36 * len(firsts) + 0.2), squeeze=False)
    real = {r.key: _training_tiles(r, dataset)[:columns] for r in firsts}
    drawn = {r.key: _grids(r)[-1][:columns] for r in firsts}
    bounds = _bounds([*real.values(), *drawn.values()])
    for i, r in enumerate(firsts):
        for line, tiles, what in ((axes[2 * i], real[r.key], "real"), (axes[2 * i + 1], drawn[r.key], "drawn")):
            _show(line, tiles, bounds)
            line[0].annotate(f"{COWS[r.spec.target_class]}\n{what}", (-0.12, 0.5), xycoords="axes fraction", ha="right", va="center", fontsize=8.5)
    _foot(fig, firsts)
    return fig


def counterfeit_growth(record: Record, columns: int = 8) -> Figure:
    """One generator learning: the same latent vectors after more and more epochs, a line a moment."""
    grids, moments, distances = _grids(record), record.history["learners"][0]["moments"], record.history["learners"][0]["distance"]
    fig, axes = plt.subplots(len(grids), columns, figsize=(5.6, 0.72 * len(grids) + 0.2), squeeze=False)
    bounds = _bounds([grids[-1]])
    for line, grid, epoch, distance in zip(axes, grids, moments, distances):
        _show(line, grid[:columns], bounds)
        line[0].annotate(f"epoch {epoch}\ndistance {distance:.1f}", (-0.12, 0.5), xycoords="axes fraction", ha="right", va="center", fontsize=8.5)
    _foot(fig, [record])
    return fig


def counterfeit_distance(records: list[Record]) -> Figure:
    """Distance of drawn tiles to unseen real ones over training, mean over seeds; dotted: what two crowds of real tiles score."""
    fig, ax = plt.subplots(figsize=(5.4, 3.2))
    for (found, colour, mark) in zip(group(records).values(), PALETTE, "sD^o"):
        curves = np.array([r.history["learners"][0]["distance"] for r in found])
        epochs, label = found[0].history["learners"][0]["moments"], COWS[found[0].spec.target_class]
        ax.errorbar(epochs, curves.mean(0), yerr=[curves.mean(0) - curves.min(0), curves.max(0) - curves.mean(0)], color=colour, marker=mark,
                    ms=5, lw=2, capsize=3, label=label)
        ax.axhline(np.mean([r.metric("real_distance") for r in found]), color=colour, ls=":", lw=1.2)
    ax.set(xlabel="epoch (log scale)", ylabel="energy distance to unseen tiles", xscale="log", ylim=(min(0, ax.get_ylim()[0]), None))
    ticks = sorted({e for r in records for e in r.history["learners"][0]["moments"]})
    ax.set_xticks(ticks, [str(t) for t in ticks])
    ax.minorticks_off()
    _legend(fig, ax)
    _foot(fig, records)
    return fig


def nearest_pairs(record: Record, dataset, columns: int = 8) -> Figure:
    """Tiles that a generator drew above the training tile nearest to each (over all flips): is it a copyist?"""
    drawn, training = _grids(record)[-1][:columns], _training_tiles(record, dataset)
    found = [nearest_neighbours(drawn.flip(view), training) for view in ((), (-1,), (-2,), (-1, -2))]
    best = torch.stack([distance for distance, _ in found]).argmin(0)
    nearest = torch.stack([training[found[v][1][i]].flip(((), (-1,), (-2,), (-1, -2))[v]) for i, v in enumerate(best.tolist())])
    fig, axes = plt.subplots(2, columns, figsize=(5.6, 1.6), squeeze=False)
    bounds = _bounds([drawn, nearest])
    for line, tiles, what in ((axes[0], drawn, "drawn"), (axes[1], nearest, "nearest\nreal tile")):
        _show(line, tiles, bounds)
        line[0].annotate(what, (-0.12, 0.5), xycoords="axes fraction", ha="right", va="center", fontsize=9)
    _foot(fig, [record])
    return fig


def _grids(record: Record) -> torch.Tensor:
    """(moments, tiles, 3, 64, 64) uint8 that the generator of a record drew over training."""
    return load_file(artifact(record))["grids"]


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
        ax.imshow(np.clip((tile - bounds[0]) / np.maximum(bounds[1] - bounds[0], 1), 0, 1), interpolation="nearest")


def rates(epochs: int = 40, start: int = 10, every: int = 5) -> Figure:
    """Learning rate by epoch as the drought code means it and as it runs, with the epochs whose weights are averaged."""
    def rate(epoch: int) -> float:
        return triangular_lr(epoch, 2, 1e-5, 1e-4)

    fig, ax = plt.subplots(figsize=(5.5, 3.1))
    ax.plot(range(1, epochs + 1), [1e5 * rate(e) for e in range(epochs)], color=BLUE, lw=1.6, label="as meant")
    ax.axhline(1e5 * rate(0), color=ORANGE, ls="--", lw=2, label="as released")
    marked = [e for e in range(start + 1, epochs + 1) if e % every == 0]
    ax.plot(marked, [1e5 * rate(e - 1) for e in marked], "D", color=GREEN, ms=7, label="weights averaged, as meant")
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
    left.set(ylabel="margin", xticks=x, xticklabels=COWS[:len(counts)])
    width = 0.8 / len(betas)
    for i, (beta, colour, hatch) in enumerate(zip(betas, (SKY, ORANGE, GREEN), (None, "///", "..."))):
        right.bar(x + (i - (len(betas) - 1) / 2) * width, drw_weights(counts, 1, 1, (0.0, beta)).numpy(), width, color=colour, hatch=hatch,
                  edgecolor="white", lw=0, label=f"beta {beta:g}")
    right.set(ylabel="weight in the loss", xticks=x, xticklabels=COWS[:len(counts)])
    for ax in (left, right):
        ax.tick_params("x", labelsize=8, rotation=30)
        ax.grid(axis="x", visible=False)
        ax.set_axisbelow(True)
    _legend(fig, right)
    return fig


def augmix_views(dataset, index: tuple[int, ...] = (0, 1, 2, 3), bands: tuple[int, int, int] = AGRICULTURE, seed: int = 0) -> Figure:
    """A few tiles, their three chains of operations and the mixture that the network sees, a line a tile."""
    tiles = np.asarray(dataset.images("train")[list(index)])[..., [b - 1 for b in bands]]
    x = torch.from_numpy(tiles).permute(0, 3, 1, 2).float() / 255
    augment = AugMix()
    draws = augment.draw(len(x), torch.Generator().manual_seed(seed))
    alone = [replace(draws, m=torch.ones_like(draws.m), weights=row.expand_as(draws.weights)) for row in torch.eye(augment.width)]
    columns = {"tile": x, **{f"chain {i + 1}": augment.apply(x, one) for i, one in enumerate(alone)}, "mixture": augment.apply(x, draws)}
    fig, axes = plt.subplots(len(index), len(columns), figsize=(5.4, 1.12 * len(index) + 0.2), squeeze=False)
    bounds = np.percentile(x.movedim(1, -1).reshape(-1, 3).numpy(), (2, 98), axis=0)
    for line, *shown in zip(axes, *columns.values()):
        for ax, tile in zip(line, shown):
            ax.imshow(np.clip((tile.movedim(0, -1).numpy() - bounds[0]) / (bounds[1] - bounds[0]), 0, 1), interpolation="nearest")
            ax.axis("off")
    for ax, title in zip(axes[0], columns):
        ax.set_title(title, fontsize=9)
    return fig


def class_scores(runs: dict[str, list[Record]], kinds: tuple[str, ...] = ("recall", "precision")) -> Figure:
    """Recall and precision of each class, one mark a row of a table: published diamonds, and the strongest of our records."""
    index = evidence_index()
    fig, axes = plt.subplots(len(kinds), 2, figsize=(5.6, 0.9 + 2.3 * len(kinds)), sharex=True, sharey=True, squeeze=False)
    shown = []
    for line, kind in zip(axes, kinds):
        for i, (label, own) in enumerate(runs.items()):
            colour, mark, shift = PALETTE[i], "osD^v"[i], (i - (len(runs) - 1) / 2) * 0.16
            experiment = load(own[0].experiment)
            row = next(r for r in experiment.rows if r.key == own[0].key)
            x = np.arange(len(COWS)) + shift
            line[0].plot(x, [published_value(experiment, row, f"{kind}.{k}") for k in range(len(COWS))], mark, color=colour, ms=6,
                         label=_once(line[0], label))
            found = _filed(own, index) or own
            said = [estimate(r.metric(f"{kind}.{k}") for r in found) for k in range(len(COWS))]
            line[1].errorbar(x, [s.mean for s in said], yerr=[s.half or 0 for s in said], fmt=mark, color=colour, ms=6, capsize=2,
                             mfc=colour if _judged(found) else "white", mew=1.4)
            shown += found
        line[0].set_ylabel(kind)
    for ax, title in zip(axes[0], ("published", "ours, strongest record")):
        ax.set_title(title, fontsize=10)
    for ax in axes[-1]:
        ax.set_xticks(range(len(COWS)), COWS, fontsize=8, rotation=20)
    for ax in axes.flat:
        ax.set_ylim(0, 1)
    _legend(fig, axes[0, 0])
    _foot(fig, shown)
    return fig


def curves(runs: dict[str, list[Record]], metric: str = "test_balanced_accuracy") -> Figure:
    """A number by epoch, mean over seeds with the range as a band; the last point is the network that is reported."""
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


FIGURES = {"tiles": tile_rows, "spectra": spectra, "spectrum-fig2a": plane_augmix, "spectrum-fig2b": plane_networks,
           "counterfeits": counterfeit_rows, "counterfeit-growth": counterfeit_growth, "counterfeit-distance": counterfeit_distance,
           "nearest-pairs": nearest_pairs, "rates": rates, "margins": margins, "augmix-views": augmix_views,
           "class-scores": class_scores, "curves": curves}
