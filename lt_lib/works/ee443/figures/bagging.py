"""Figures on bagging: what the bags hold, and what voting adds."""

import matplotlib.pyplot as plt
import numpy as np
import seaborn as sns
import torch
from matplotlib.figure import Figure

from lt_lib.lab.figures import figure
from lt_lib.lab.figures.evidence import evidence_index, sources, stronger_evidence
from lt_lib.lab.figures.marks import estimate_mark, published_mark
from lt_lib.lab.figures.style import BLUE, GREEN, ORANGE, RED, footnote, legend
from lt_lib.lab.read.estimates import estimate
from lt_lib.lab.read.published import published, published_value
from lt_lib.lab.record.records import Record
from lt_lib.lab.record.spec import load
from lt_lib.sampling import balanced_bags, ee443_counts
from lt_lib.works.ee443.figures.long_tail import RATIOS


@figure("ee443-fig5")
def bag_histograms(
    ratio: float = 0.02,
    threshold: int = 120,
    splits: tuple[str | int, ...] = (9, "nearest", "median"),
    seed: int = 0,
) -> Figure:
    """Fig 5: the long tail with the threshold, and one balanced bag for each way to split it (9: as the
    report draws it)."""
    names = {9: "split as drawn, at class 9", "nearest": "nearest the threshold", "median": "at the median"}
    counts = ee443_counts(ratio)
    x = np.arange(len(counts))
    fig, axes = plt.subplots(-(-(1 + len(splits)) // 2), 2, figsize=(5.6, 5), sharex=True, sharey=True)
    axes.flat[0].bar(x, counts, color="0.3", width=1.0, label="long tail")
    axes.flat[0].set_title(f"the long tail\n{sum(counts)} images", fontsize=9.5)
    for ax, split in zip(axes.flat[1:], splits):
        bags = _bags(ratio, threshold, split, seed)[1]
        shared = bags[0] == counts
        ax.bar(x, np.where(shared, 0, bags[0]), color=BLUE, width=1.0, label="dealt out")
        ax.bar(
            x,
            np.where(shared, bags[0], 0),
            color=ORANGE,
            width=1.0,
            label="copied to every bag",
            hatch="///",
            edgecolor="white",
            lw=0,
        )
        ax.set_title(
            f"{names.get(split, f'split at class {split}')}\n{bags[0].sum()} images in a bag", fontsize=9.5
        )
    for ax in axes.flat:
        ax.set_axisbelow(True)
        ax.axhline(threshold, color=RED, ls="--", lw=1.2, label=f"threshold, {threshold}")
    for ax in axes[-1]:
        ax.set_xlabel("class, head to tail")
    for ax in axes[:, 0]:
        ax.set_ylabel("training images")
    legend(fig, axes.flat[1])
    return fig


@figure("ee443-fig6")
def bag_overlay(
    ratio: float = 0.02, threshold: int = 120, split: str | int = "nearest", seed: int = 0
) -> Figure:
    """Fig 6: who holds which images: the shares of the bags stacked on each other over the majority, all bags
    over the minority."""
    counts, bags = _bags(ratio, threshold, split, seed)
    fig, ax = plt.subplots(figsize=(5.4, 3.6))
    x, shared = np.arange(len(counts)), np.array(counts) == bags[0]
    bottom = np.zeros(len(counts))
    for i, (bag, colour) in enumerate(zip(bags, sns.color_palette("Blues", len(bags) + 1)[1:])):
        height = np.where(shared, 0, bag)
        ax.bar(x, height, bottom=bottom, color=colour, width=1.0, label=f"bag {i + 1} alone")
        bottom += height
    ax.bar(
        x,
        np.where(shared, counts, 0),
        color=ORANGE,
        width=1.0,
        label="in every bag",
        hatch="///",
        edgecolor="white",
        lw=0,
    )
    ax.set(xlabel="class, head to tail", ylabel="training images")
    ax.set_axisbelow(True)
    legend(fig, ax)
    return fig


@figure("members")
def members(records: list[Record], method: str, name: str) -> Figure:
    """What voting adds: a tick for each learner's own accuracy, joined to the mark of their vote, at each
    ratio.

    Args:
        records: of ee443-results.
        method: first part of the row keys, e.g. "bagging".
        name: the method as the slides call it, for the printed average learner, e.g. "Bagging / WL".
    """
    experiment, index, shown = load("ee443-results"), evidence_index(), []
    fig, ax = plt.subplots(figsize=(5.4, 3.4))
    for y, ratio in enumerate(reversed(RATIOS[1:])):
        row = next(r for r in experiment.rows if r.key == f"{method}-{ratio:g}")
        ours = [r for r in records if r.key == row.key and r.variant == "as-released"]
        slides = published(
            work="ee443-slides", method=name, metric="average_learner_accuracy", class_=f"{ratio:g}"
        )["value"].tolist()
        vote = published_value(experiment, row)
        ax.plot([*slides, vote], [y + 0.22] * (1 + len(slides)), color=ORANGE)
        ax.plot(slides, [y + 0.22] * len(slides), "|", color=ORANGE, ms=13, mew=2)
        published_mark(ax, vote, y + 0.22)
        filed = stronger_evidence(ours, index, experiment)
        for found, offset, colour, mark in ((filed, -0.22, GREEN, "s"), (ours, 0, BLUE, "o")):
            if found:
                own = np.mean([r.metrics["last"]["member_accuracy"] for r in found], axis=0)
                ax.plot(
                    [own.min(), np.mean([r.metric() for r in found])], [y + offset] * 2, color=colour, lw=1.2
                )
                ax.plot(own, [y + offset] * len(own), "|", color=colour, ms=13, mew=2)
                estimate_mark(ax, estimate(r.metric() for r in found), y + offset, found, colour, mark)
        shown += ours + filed
    ax.set(
        yticks=range(3),
        yticklabels=[f"ratio {r:g}" for r in reversed(RATIOS[1:])],
        ylim=(-0.5, 2.5),
        xlabel="test accuracy (ticks: learners, marks: their vote)",
    )
    ax.grid(axis="y", visible=False)
    legend(fig, ax)
    footnote(fig, sources(shown))
    return fig


def _bags(ratio: float, threshold: int, split, seed: int) -> tuple[list[int], list[np.ndarray]]:
    counts = ee443_counts(ratio)
    labels = torch.repeat_interleave(torch.arange(len(counts)), torch.tensor(counts))
    bags = balanced_bags(labels, threshold, split, seed)
    return counts, [torch.bincount(labels[bag], minlength=len(counts)).numpy() for bag in bags]
