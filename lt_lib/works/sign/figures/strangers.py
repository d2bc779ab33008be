"""Figures on images that a network was not trained on: strange ones, corrupted ones, and what they cost."""

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from lt_lib.data import ImageSet
from lt_lib.data.sets.tinyimagenet import SIDE, to_cifar
from lt_lib.lab.figures import figure
from lt_lib.lab.figures.evidence import evidence_index, sources, stronger_evidence
from lt_lib.lab.figures.marks import estimate_mark, published_mark
from lt_lib.lab.figures.style import BLUE, GREEN, footnote, legend
from lt_lib.lab.read.estimates import estimate
from lt_lib.lab.read.evidence import made_now
from lt_lib.lab.record.records import Record


@figure("picture-rows")
def picture_rows(rows: dict[str, np.ndarray]) -> Figure:
    """Rows of pictures, each with its name.

    Args:
        rows: name -> (M, H, W, C) in [0, 1]; grey ones have one channel.
    """
    across = max(map(len, rows.values()))
    fig, axes = plt.subplots(
        len(rows), across, figsize=(5.6, 0.15 + 0.68 * len(rows)), squeeze=False, gridspec_kw={"hspace": 0.02}
    )
    for line, (name, pictures) in zip(axes, rows.items()):
        for ax in line:
            ax.set(xticks=(), yticks=())
            ax.grid(visible=False)
        for ax, picture in zip(line, pictures):
            ax.imshow(picture, cmap="gray", vmin=0, vmax=1, interpolation="nearest")
        line[0].set_ylabel(name, rotation=0, ha="right", va="center", fontsize=10)
    return fig


@figure("strangers")
def strangers(dataset: ImageSet, each: int = 8) -> Figure:
    """The first test images of each class, a row a class, at 32 pixels as networks see them."""
    labels = np.asarray(dataset.labels("test"))
    rows = {}
    for k in np.unique(labels):
        images = np.asarray(dataset.images("test")[np.flatnonzero(labels == k)[:each]])
        rows[dataset.classes[k]] = (to_cifar(images) if images.shape[1] == SIDE else images) / 255
    return picture_rows(rows)


@figure("accuracy-drops")
def accuracy_drops(
    runs: dict[str, list[Record]], corruptions: dict[str, str], printed: dict[str, dict[str, float]]
) -> Figure:
    """Accuracy on normal images less that on corrupted ones, a panel a corruption, a line a method: printed,
    committed evidence, this run.

    Args:
        runs: method -> records of its row.
        corruptions: title of a panel -> measure of a record, such as "gauss_accuracy".
        printed: title -> method -> printed drop.
    """
    index, shown = evidence_index(), {}
    size = 5.6, 1.3 + 0.5 * len(runs)
    fig, axes = plt.subplots(1, len(corruptions), figsize=size, sharey=True, squeeze=False)
    for ax, (title, measure) in zip(axes.flat, corruptions.items()):
        for y, (method, own) in enumerate(reversed(runs.items())):
            published_mark(ax, printed[title].get(method), y + 0.2)
            for found, colour, mark, shift in (
                (stronger_evidence(own, index), GREEN, "s", 0),
                (made_now(own), BLUE, "o", -0.2),
            ):
                if found:
                    drop = estimate(r.metric() - r.metric(measure) for r in found)
                    estimate_mark(ax, drop, y + shift, found, colour, mark)
                    shown.setdefault(method, {}).update({(r.profile, r.data, r.seed): r for r in found})
        ax.set(yticks=range(len(runs)), yticklabels=list(reversed(runs)), ylim=(-0.6, len(runs) - 0.4))
        ax.set(xlabel="accuracy lost")
        ax.set_title(title, fontsize=10)
        ax.locator_params("x", nbins=5)
        ax.grid(axis="y", visible=False)
    legend(fig, axes[0, 0])
    footnote(fig, sources({method: list(found.values()) for method, found in shown.items()}))
    return fig
