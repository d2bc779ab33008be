"""Figures on long tails and baselines: the subsets, and the accuracy lost on them."""

import matplotlib.pyplot as plt
import numpy as np
import torch
from matplotlib.figure import Figure

from lt_lib.lab.figures import figure
from lt_lib.lab.figures.evidence import evidence_index, panels_by_source, sources, stronger_evidence
from lt_lib.lab.figures.marks import accuracy_mark, published_mark, stacked_axes
from lt_lib.lab.figures.style import BLUE, GREEN, LINES, PALETTE, footnote, legend
from lt_lib.lab.read.evidence import made_now
from lt_lib.lab.read.published import published_value
from lt_lib.lab.record.records import Record
from lt_lib.lab.record.spec import load
from lt_lib.sampling import ee443_counts, longtail_indices

RATIOS = (1, 0.1, 0.02, 0.005)


@figure("ee443-fig1")
def architecture_sweep(records: list[Record]) -> Figure:
    """Fig 1: one line a backbone, best printed on top: printed accuracy, this run's, and committed
    evidence."""
    experiment, index, shown = load("ee443-fig1"), evidence_index(), []
    rows = [row for row in experiment.rows if any(r.key == row.key for r in records)]
    own = {row.key: [r for r in records if r.key == row.key] for row in rows}
    known, names = {key: stronger_evidence(ours, index, experiment) for key, ours in own.items()}, []
    fig, ax = plt.subplots(figsize=(5.6, 1.3 + len(rows) * (0.58 if any(known.values()) else 0.44)))
    for y, row in enumerate(reversed(rows)):
        ours, filed = made_now(own[row.key]), known[row.key]
        published_mark(ax, published_value(experiment, row), y)
        accuracy_mark(ax, filed, y - 0.22, GREEN, "s")
        accuracy_mark(ax, ours, y, BLUE)
        shown += ours + filed
        used = dict.fromkeys(
            f"{b.name}, {b.resolution} px" for r in ours[:1] + filed[:1] for b in r.spec.backbones
        )
        names.append("\n".join([row.key, *(f"({n})" for n in used if not n.startswith(f"{row.key},"))]))
    ax.set(yticks=range(len(names)), yticklabels=names, xlabel="test accuracy (fraction of images)")
    ax.tick_params("y", labelsize=8)
    ax.grid(axis="y", visible=False)
    legend(fig, ax)
    footnote(fig, sources(shown))
    return fig


@figure("ee443-fig2")
def baselines(records: list[Record]) -> Figure:
    """Fig 2: baseline accuracy, full data and the three tails: printed, this run's, and committed
    evidence."""
    experiment, index, shown = load("ee443-fig2"), evidence_index(), []
    fig, ax = plt.subplots(figsize=(5.2, 3.8))
    rows = [row for row in experiment.rows if any(r.key == row.key for r in records)]
    for x, row in enumerate(rows):
        ours = [r for r in records if r.key == row.key]
        filed = stronger_evidence(ours, index, experiment)
        published_mark(ax, published_value(experiment, row), x, upright=True)
        accuracy_mark(ax, filed, x + 0.14, GREEN, "s", upright=True)
        accuracy_mark(ax, ours, x, BLUE, upright=True)
        shown += ours + filed
    ax.set(
        xticks=range(len(rows)),
        xticklabels=[row.label for row in rows],
        xlim=(-0.5, len(rows) - 0.5),
        ylim=(0, 1),
        xlabel="imbalance ratio (smallest / largest class)",
        ylabel="test accuracy",
    )
    ax.grid(axis="x", visible=False)
    legend(fig, ax)
    footnote(fig, sources(shown))
    return fig


@figure("long-tails")
def long_tails(ratios: tuple[float, ...] = RATIOS) -> Figure:
    """Images of each class at each ratio, head to tail, on a logarithmic axis that ends at one image."""
    fig, ax = plt.subplots(figsize=(5.2, 3.4))
    for ratio, colour, style in zip(ratios, PALETTE, ("-", "--", "-.", ":")):
        counts = ee443_counts(ratio)
        ax.step(range(len(counts)), counts, where="mid", color=colour, ls=style, lw=2)
        name = "full data" if ratio == 1 else f"ratio {ratio:g}"
        ax.annotate(
            f"{name}:\n{sum(counts)} images",
            (len(counts) - 1, counts[-1]),
            xytext=(6, 0),
            textcoords="offset points",
            va="center",
            color="0.15",
            fontsize=9,
            annotation_clip=False,
        )
    ax.set(
        yscale="log",
        yticks=(1, 10, 100, 500),
        yticklabels=("1", "10", "100", "500"),
        ylim=(1, 900),
        xlim=(0, 49),
        xlabel="class, head to tail",
        ylabel="training images (log scale)",
    )
    ax.minorticks_off()
    return fig


@figure("subset-images")
def subset_images(
    dataset,
    ratio: float = 0.005,
    classes: tuple[int, ...] = (0, 12, 24, 36, 49),
    columns: int = 8,
    seed: int = 0,
) -> Figure:
    """The first images of a few classes of a long-tailed subset, head to tail: where there are no more, the
    row stays empty."""
    counts, labels = ee443_counts(ratio), np.asarray(dataset.labels("train"))
    subset = longtail_indices(torch.as_tensor(labels), counts, seed).numpy()
    fig, axes = plt.subplots(len(classes), columns, figsize=(5.4, 0.66 * len(classes)))
    for line, label in zip(axes, classes):
        members = subset[labels[subset] == label]
        for ax, image in zip(line, members):
            ax.imshow(dataset.images("train")[image], interpolation="nearest")
        for ax in line:
            ax.axis("off")
        name = dataset.classes[label].replace("_", " ")
        line[0].annotate(
            f"{name}\n{len(members)} images",
            (-0.15, 0.5),
            xycoords="axes fraction",
            ha="right",
            va="center",
            fontsize=9,
        )
    return fig


@figure("recall-by-class")
def recall_by_class(runs: dict[str, list[Record]], window: int = 5) -> Figure:
    """Recall of each class, head to tail, mean over seeds and over neighbouring classes: who pays for the
    tail.

    Args:
        runs: label of a curve -> its records.
        window: classes averaged, odd.
    """
    panels = panels_by_source(runs)
    fig, axes = stacked_axes(panels, 3.2, sharey=True)
    for ax, shown in zip(axes, panels.values()):
        for label, colour, style in zip(runs, PALETTE, LINES):
            if label in shown:
                recall = np.nanmean(
                    np.array([r.per_class["recall"] for r in shown[label]], dtype=float), axis=0
                )
                smooth = np.convolve(
                    np.pad(recall, window // 2, mode="edge"), np.ones(window) / window, mode="valid"
                )
                ax.plot(smooth, color=colour, ls=style, lw=2, label=label)
        ax.set(ylabel="recall", ylim=(0, 1))
    axes[-1].set_xlabel(f"class, head to tail (means of {window} neighbours)")
    legend(fig, axes[-1])
    footnote(fig, sources([r for shown in panels.values() for found in shown.values() for r in found]))
    return fig
