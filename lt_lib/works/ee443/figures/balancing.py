"""Figures on balancing the data: targets, copies, and the validation accuracy they inflate."""

import matplotlib.pyplot as plt
import numpy as np
import torch
from matplotlib.figure import Figure

from lt_lib.lab.figures import figure
from lt_lib.lab.figures.evidence import panels_by_source, sources
from lt_lib.lab.figures.marks import stacked_axes
from lt_lib.lab.figures.style import BLUE, GREEN, ORANGE, RED, SKY, footnote, legend, once
from lt_lib.lab.read.estimates import estimate
from lt_lib.lab.read.evidence import group
from lt_lib.lab.read.verdicts import as_published
from lt_lib.lab.record.records import Record
from lt_lib.lab.record.spec import load
from lt_lib.lab.train.features import augmented
from lt_lib.sampling import artificial_balance, ee443_counts, longtail_indices


@figure("ee443-fig3")
def balancing_histograms(
    ratio: float = 0.02, targets: tuple[int, ...] = (200, 300, 400), seed: int = 0
) -> Figure:
    """Fig 3, a line a target: the classes above it (to be thinned) and below it (to be filled), and the
    counts after one draw."""
    counts = np.array(ee443_counts(ratio))
    labels = torch.repeat_interleave(torch.arange(len(counts)), torch.tensor(counts))
    fig, axes = plt.subplots(len(targets), 2, figsize=(5.4, 1.9 * len(targets)), sharex=True, sharey=True)
    x = np.arange(len(counts))
    for line, target in zip(axes, targets):
        drawn = torch.bincount(
            labels[artificial_balance(labels, target, seed)], minlength=len(counts)
        ).numpy()
        kept = np.minimum(counts, drawn)
        for heights, base, colour, label, hatch in (
            (np.where(counts > target, counts, 0), 0, GREEN, "above the target", None),
            (np.where(counts <= target, counts, 0), 0, ORANGE, "below", "///"),
        ):
            line[0].bar(
                x,
                heights,
                bottom=base,
                color=colour,
                width=1.0,
                label=label,
                hatch=hatch,
                edgecolor="white",
                lw=0,
            )
        line[1].bar(x, kept, color=BLUE, width=1.0, label="images")
        line[1].bar(
            x,
            drawn - kept,
            bottom=kept,
            color=SKY,
            width=1.0,
            label="copies",
            hatch="...",
            edgecolor="white",
            lw=0,
        )
        for ax in line:
            ax.axhline(target, color="0.1", ls="--", lw=1.2)
        line[0].set_ylabel(f"target {target}\nimages")
    for ax, title in zip(axes[0], ("before", "after one draw")):
        ax.set_title(title)
        ax.legend(fontsize=8.5, loc="upper right")
    axes[0, 0].set(ylim=(0, 560))
    fig.supxlabel("class, head to tail", fontsize=10)
    return fig


@figure("copies")
def augmented_copies(
    dataset, label: int = -1, ratio: float = 0.02, images: int = 3, columns: int = 8, seed: int = 0
) -> Figure:
    """A few images of a rare class, each followed by its first augmented copies."""
    labels = np.asarray(dataset.labels("train"))
    label %= len(dataset.classes)
    subset = longtail_indices(torch.as_tensor(labels), ee443_counts(ratio), seed).numpy()
    fig, axes = plt.subplots(images, columns, figsize=(5.4, 0.68 * images + 0.2))
    for line, index in zip(axes, subset[labels[subset] == label]):
        image = np.asarray(dataset.images("train")[index])
        pairs = np.array([(index, copy) for copy in range(1, columns)])
        copies = augmented(np.repeat(image[None], columns - 1, axis=0), pairs).permute(0, 2, 3, 1).numpy()
        for ax, shown in zip(line, (image, *copies)):
            ax.imshow(shown, interpolation="nearest")
            ax.axis("off")
    axes[0, 0].set_title("image", fontsize=9)
    axes[0, 1].set_title("its copies", fontsize=9, loc="left")
    return fig


@figure("validation-gap")
def validation_gap(records: list[Record]) -> Figure:
    """Accuracy of the last epoch on the validation images and on the test images, one line a row and
    variant."""
    rows = {
        (e.experiment, row.key): (row.label, len(row.variants))
        for e in map(load, {r.experiment for r in records})
        for row in e.rows
    }
    named = {
        key: rows[key[:2]][0] + (f", {key[2]}" if rows[key[:2]][1] > 1 else "") for key in group(records)
    }
    panels = panels_by_source({named[key]: ours for key, ours in group(records).items()})
    fig, axes = stacked_axes(panels, 0.6 + 0.36 * len(group(records)))
    for ax, shown in zip(axes, panels.values()):
        for y, ours in enumerate(reversed(shown.values())):
            held = estimate(r.history["learners"][0]["val_accuracy"][-1] for r in ours)
            test = estimate(r.metric() for r in ours)
            ax.plot([held.mean, test.mean], [y, y], color="0.75", lw=1.5, zorder=1)
            for est, mark, colour, label in ((test, "o", BLUE, "test"), (held, "^", RED, "validation")):
                ax.errorbar(est.mean, y, xerr=est.half, fmt="none", color=colour, capsize=3)
                ax.plot(
                    est.mean,
                    y,
                    mark,
                    color=colour,
                    ms=7,
                    mew=1.6,
                    mfc=colour if as_published(ours) else "white",
                    label=once(ax, label),
                )
        ax.set(yticks=range(len(shown)), yticklabels=list(reversed(shown)), ylim=(-0.6, len(shown) - 0.4))
        ax.grid(axis="y", visible=False)
    axes[-1].set_xlabel("accuracy")
    legend(fig, axes[-1])
    footnote(fig, sources([r for shown in panels.values() for found in shown.values() for r in found]))
    return fig
