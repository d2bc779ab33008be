"""Figures of the book, one function each, drawn from records or from counts. `figure(name, ...)` finds them by name.

All are colour-blind safe (seaborn's "colorblind"), have labelled axes, and show 95 % intervals wherever seeds allow.
"""

import matplotlib.pyplot as plt
import numpy as np
import seaborn as sns
import torch
from matplotlib.figure import Figure

from lt_lib.lab.errors import LabError
from lt_lib.lab.records import Record
from lt_lib.lab.report import estimate, group, published_value
from lt_lib.lab.spec import load, nearest
from lt_lib.sampling import artificial_balance, balanced_bags, ee443_counts

PALETTE = sns.color_palette("colorblind")
BLUE, ORANGE, GREEN, RED, GREY = PALETTE[0], PALETTE[1], PALETTE[2], PALETTE[3], (0.55, 0.55, 0.55)
RATIOS = (1, 0.1, 0.02, 0.005)
METHODS = ("baseline", "balancing", "weighted", "bagging", "stacking", "stacking-weighted")


def figure(name: str, *args, **options) -> Figure:
    """Draw a figure of the book by its name, e.g. "ee443-fig5"; the arguments are those of the function behind it.

    Raises:
        LabError: no figure of that name; lists the names.
    """
    if name not in FIGURES:
        raise LabError(f"no figure {name!r}{nearest(name, FIGURES)}; there are: {', '.join(FIGURES)}")
    with plt.rc_context({"axes.spines.top": False, "axes.spines.right": False, "figure.constrained_layout.use": True,
                         "axes.grid": True, "grid.alpha": 0.3, "legend.frameon": False, "figure.dpi": 110}):
        drawn = FIGURES[name](*args, **options)
    plt.close(drawn)
    return drawn


def architecture_sweep(records: list[Record]) -> Figure:
    """Fig 1: one line a backbone, printed accuracy and this run's, best printed on top."""
    experiment = load("ee443-fig1")
    rows = [row for row in experiment.rows if any(r.key == row.key for r in records)]
    fig, ax = plt.subplots(figsize=(6.4, 3.4))
    for y, row in enumerate(reversed(rows)):
        ours = [r for r in records if r.key == row.key]
        actual = ours[0].spec.backbones[0]
        _dot(ax, ours, y, BLUE, "this run" if y == 0 else None)
        ax.plot(published_value(experiment, row), y, "D", color=ORANGE, ms=6, label="published" if y == 0 else None)
        ax.annotate(f"{actual.name} @ {actual.resolution} px", (1.01, y), xycoords=("axes fraction", "data"), va="center", fontsize=8)
    ax.set(yticks=range(len(rows)), yticklabels=[row.key for row in reversed(rows)], xlabel="test accuracy (fraction of images)")
    ax.grid(axis="y", visible=False)
    _legend(ax)
    return fig


def baselines(records: list[Record]) -> Figure:
    """Fig 2: baseline accuracy against the size of the subset."""
    experiment = load("ee443-fig2")
    fig, ax = plt.subplots(figsize=(5.6, 3.2))
    rows = [row for row in experiment.rows if any(r.key == row.key for r in records)]
    for x, row in enumerate(rows):
        ours = [r for r in records if r.key == row.key]
        est = estimate(r.metric() for r in ours)
        ax.errorbar(x, est.mean, yerr=est.half, fmt="o", color=BLUE, capsize=4, label="this run" if x == 0 else None)
        ax.plot(x, published_value(experiment, row), "D", color=ORANGE, ms=6, label="published" if x == 0 else None)
    ax.set(xticks=range(len(rows)), xticklabels=[row.label for row in rows], xlabel="imbalance ratio (smallest / largest class)",
           ylabel="test accuracy", ylim=(0, 1))
    _legend(ax)
    return fig


def balancing_histograms(ratio: float = 0.02, targets: tuple[int, ...] = (200, 300, 400), seed: int = 0) -> Figure:
    """Fig 3: for each target, the classes above it (shrunk) and below it (grown), and the counts after one draw."""
    counts = np.array(ee443_counts(ratio))
    labels = torch.repeat_interleave(torch.arange(len(counts)), torch.tensor(counts))
    fig, axes = plt.subplots(2, len(targets), figsize=(9, 4.6), sharex=True, sharey=True)
    x = np.arange(len(counts))
    for column, target in zip(axes.T, targets):
        column[0].bar(x, counts, color=np.where((counts > target)[:, None], GREEN, ORANGE), width=1.0)
        drawn = torch.bincount(labels[artificial_balance(labels, target, seed)], minlength=len(counts))
        column[1].bar(x, drawn, color=BLUE, width=1.0)
        for ax in column:
            ax.axhline(target, color=RED, ls="--", lw=1.2)
        column[0].set_title(f"target {target}")
        column[1].set_xlabel("class, head to tail")
    axes[0, 0].set_ylabel("images before")
    axes[1, 0].set_ylabel("images after one draw")
    return fig


def weighting_curves(records: list[Record], ratio: float = 0.02) -> Figure:
    """Fig 4: training loss against step for each weighting scheme, mean over seeds with the range as a band."""
    fig, ax = plt.subplots(figsize=(6, 3.4))
    labels = {row.key: row.label.split(",")[0] for row in load("ee443-fig4").rows}
    wanted = [k for k in dict.fromkeys(r.key for r in records) if k.endswith(f"-{ratio:g}")]
    for key, colour, style in zip(wanted, PALETTE, ("-", "--", "-.", ":", (0, (5, 1)))):
        ours = [r for r in records if r.key == key]
        curves = np.array([r.history["learners"][0]["train_loss"] for r in ours])
        first = ours[0]
        step = -(-first.sizes["train"][0] // first.spec.optimizer.batch_size) * np.arange(1, curves.shape[1] + 1)
        ax.plot(step, curves.mean(0), color=colour, ls=style, label=labels[key])
        ax.fill_between(step, curves.min(0), curves.max(0), color=colour, alpha=0.15, lw=0)
    ax.set(xlabel="training step (batches)", ylabel="training loss (weighted mean, nats)")
    _legend(ax)
    return fig


def bag_histograms(ratio: float = 0.02, threshold: int = 120, split: str | int = "nearest", seed: int = 0) -> Figure:
    """Fig 5: the long tail with the threshold, and one balanced bag."""
    counts, bags = _bags(ratio, threshold, split, seed)
    fig, axes = plt.subplots(1, 2, figsize=(8, 3.2), sharey=True)
    for ax, heights, title in ((axes[0], counts, f"all images ({sum(counts)})"),
                               (axes[1], bags[0], f"one of {len(bags)} bags ({int(bags[0].sum())} images)")):
        ax.bar(np.arange(len(counts)), heights, color=BLUE, width=1.0)
        ax.axhline(threshold, color=RED, ls="--", lw=1.2, label=f"threshold {threshold}")
        ax.set(xlabel="class, head to tail", title=title)
    axes[0].set_ylabel("images")
    _legend(axes[0])
    return fig


def bag_overlay(ratio: float = 0.02, threshold: int = 120, split: str | int = "nearest", seed: int = 0) -> Figure:
    """Fig 6: which images each bag holds: one row of colour per bag over the majority classes, all bags over the minority."""
    counts, bags = _bags(ratio, threshold, split, seed)
    fig, ax = plt.subplots(figsize=(6.4, 3.2))
    x, shared = np.arange(len(counts)), np.array(counts) == bags[0]
    bottom = np.zeros(len(counts))
    for i, (bag, colour) in enumerate(zip(bags, PALETTE)):
        height = np.where(shared, 0, bag)
        ax.bar(x, height, bottom=bottom, color=colour, width=1.0, label=f"bag {i + 1} only")
        bottom += height
    ax.bar(x, np.where(shared, counts, 0), color=GREY, width=1.0, label="every bag", hatch="//", edgecolor="white", lw=0)
    ax.set(xlabel="class, head to tail", ylabel="images")
    _legend(ax)
    return fig


def results_dots(records: list[Record]) -> Figure:
    """The results table as a picture: every method at every ratio, published and this run."""
    experiment = load("ee443-results")
    fig, axes = plt.subplots(1, 3, figsize=(9.2, 3.4), sharey=True)
    for ax, ratio in zip(axes, RATIOS[1:]):
        for y, method in enumerate(reversed(METHODS)):
            row = next(r for r in experiment.rows if r.key == f"{method}-{ratio:g}")
            ours = [r for r in records if r.key == row.key and r.variant == "as-released"]
            if ours:
                _dot(ax, ours, y, BLUE, "this run" if y == 0 else None)
            ax.plot(published_value(experiment, row), y, "D", color=ORANGE, ms=6, label="published" if y == 0 else None)
        ax.set(title=f"ratio {ratio:g}", xlabel="test accuracy", yticks=range(len(METHODS)),
               yticklabels=[m.replace("-", " + ") for m in reversed(METHODS)])
    _legend(axes[0])
    return fig


def staircase(records: list[Record]) -> Figure:
    """The report's bar chart: full baseline behind, stacking with weighted loss in the middle, imbalanced baseline in front."""
    fig, axes = plt.subplots(1, 2, figsize=(8.4, 3.4), sharey=True)
    shown = {row.key: published_value(load("ee443-results"), row) for row in load("ee443-results").rows}
    own = {key: estimate(r.metric() for r in rs).mean for (_, key, _), rs in group(
        [r for r in records if r.variant == "as-released"]).items()}
    for ax, values, title in ((axes[0], shown, "published"), (axes[1], own, "this run")):
        full = values.get("baseline-full")
        for x, ratio in enumerate((0.1, 0.02, 0.005)):
            base, best = values.get(f"baseline-{ratio:g}"), values.get(f"stacking-weighted-{ratio:g}")
            for height, colour, label in ((full, (0.85, 0.85, 0.85), "baseline, full data"), (best, BLUE, "stacking + weighted loss"),
                                          (base, ORANGE, "baseline on the tail")):
                if height is not None:
                    ax.bar(x, height, color=colour, width=0.7, label=label if x == 0 else None)
        ax.set(xticks=range(3), xticklabels=("0.1", "0.02", "0.005"), xlabel="imbalance ratio", title=title)
    axes[0].set_ylabel("test accuracy")
    axes[0].legend(loc="lower left", fontsize=8, frameon=True)
    return fig


def recall_by_class(records: list[Record], keys: list[str]) -> Figure:
    """Recall of each class, head to tail, mean over seeds and smoothed over five classes: who pays for the tail."""
    fig, ax = plt.subplots(figsize=(6, 3.2))
    for key, colour, style in zip(keys, PALETTE, ("-", "--", "-.", ":", (0, (5, 1)))):
        ours = [r for r in records if r.key == key]
        recall = np.nanmean(np.array([r.per_class["recall"] for r in ours], dtype=float), axis=0)
        smooth = np.convolve(np.pad(recall, 2, mode="edge"), np.ones(5) / 5, mode="valid")
        ax.plot(smooth, color=colour, ls=style, label=key)
    ax.set(xlabel="class, head to tail", ylabel="recall (5-class mean)", ylim=(0, 1))
    _legend(ax)
    return fig


def sample_images(dataset, per_row: int = 10, rows: int = 2, seed: int = 0) -> Figure:
    """A few training images of a data set, with their class names."""
    rng = np.random.default_rng(seed)
    labels = np.asarray(dataset.labels("train"))
    classes = np.linspace(0, len(dataset.classes) - 1, per_row * rows).astype(int)
    fig, axes = plt.subplots(rows, per_row, figsize=(per_row * 0.85, rows * 1.05))
    for ax, label in zip(axes.flat, classes):
        ax.imshow(dataset.images("train")[rng.choice(np.flatnonzero(labels == label))], interpolation="nearest")
        ax.set_title(dataset.classes[label].replace("_", " "), fontsize=7)
        ax.axis("off")
    return fig


def _bags(ratio: float, threshold: int, split, seed: int) -> tuple[list[int], list[np.ndarray]]:
    counts = ee443_counts(ratio)
    labels = torch.repeat_interleave(torch.arange(len(counts)), torch.tensor(counts))
    bags = balanced_bags(labels, threshold, split, seed)
    return counts, [torch.bincount(labels[bag], minlength=len(counts)).numpy() for bag in bags]


def _dot(ax, records: list[Record], y: float, colour, label: str | None) -> None:
    est = estimate(r.metric() for r in records)
    ax.errorbar(est.mean, y, xerr=est.half, fmt="o", color=colour, capsize=3, label=label)


def _legend(ax) -> None:
    if ax.get_legend_handles_labels()[0]:
        ax.legend(fontsize=8)


FIGURES = {"ee443-fig1": architecture_sweep, "ee443-fig2": baselines, "ee443-fig3": balancing_histograms,
           "ee443-fig4": weighting_curves, "ee443-fig5": bag_histograms, "ee443-fig6": bag_overlay,
           "ee443-results": results_dots, "ee443-bars": staircase, "recall-by-class": recall_by_class, "samples": sample_images}
