"""Figures on LDAM-DRW as its authors train it."""

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from lt_lib.lab.figures import figure
from lt_lib.lab.figures.evidence import sources
from lt_lib.lab.figures.marks import published_mark
from lt_lib.lab.figures.style import BLUE, GREEN, LINES, ORANGE, PALETTE, RED, footnote, legend, once
from lt_lib.lab.read.evidence import group
from lt_lib.lab.read.published import published_value
from lt_lib.lab.read.verdicts import as_published, sampling_variance
from lt_lib.lab.record.records import Record
from lt_lib.lab.record.spec import load
from lt_lib.schedules import drw_weights


@figure("released-plan")
def released_plan(tails: dict[str, list[int]], rates: list[float], switch: int) -> Figure:
    """Left: images of each class, by imbalance. Right: the learning rate by epoch, and from where the
    weights of the loss differ.

    Args:
        tails: label -> images a class, head to tail.
        rates: of the epochs, from the first.
        switch: the epoch, counted from 0, from which weights are on.
    """
    fig, (left, right) = plt.subplots(1, 2, figsize=(5.6, 2.9))
    for (label, counts), colour, style, mark in zip(tails.items(), (BLUE, GREEN), LINES, "os"):
        left.plot(counts, mark, color=colour, ls=style, ms=4, label=label)
    left.set(xlabel="class", ylabel="training images", yscale="log", xticks=range(0, 10, 3))
    left.minorticks_off()
    left.legend(fontsize=9)
    right.plot(range(1, len(rates) + 1), rates, color=BLUE, lw=1.6, label="learning rate")
    right.axvline(switch + 1, color=ORANGE, ls="--", lw=1.6, label="weights on")
    right.set(xlabel="epoch", yscale="log", ylabel="learning rate")
    right.minorticks_off()
    right.legend(fontsize=9, loc="lower left")
    return fig


@figure("released-weights")
def released_weights(tails: dict[str, list[int]], betas: tuple[float, float], switch: int) -> Figure:
    """The weight of each class in the loss after the switch, by imbalance; before it all are one."""
    fig, ax = plt.subplots(figsize=(5.4, 2.6))
    for (label, counts), colour, style, mark in zip(tails.items(), (BLUE, GREEN), LINES, "os"):
        ax.plot(drw_weights(counts, switch, switch, betas).numpy(), mark, color=colour, ls=style, label=label)
    ax.axhline(1, color="0.3", lw=1, label="before the switch")
    ax.set(xlabel="class, head to tail", ylabel="weight in the loss", xticks=range(10), ylim=(0, None))
    legend(fig, ax)
    return fig


@figure("outside-anchor")
def outside_anchor(records: list[Record]) -> Figure:
    """Printed and own accuracy, a line a row; a mark for each seed, its bar the chance in the test images."""
    experiment, own = load("ldam-official"), group(records)
    fig, ax = plt.subplots(figsize=(5.4, 2.9))
    for y, row in enumerate(reversed(experiment.rows)):
        published_mark(ax, published_value(experiment, row, "accuracy"), y + 0.16)
        found = own.get((experiment.experiment, row.key, row.variants[0]), [])
        for record in found:
            ax.errorbar(
                record.metric(),
                y - 0.16,
                xerr=1.96 * sampling_variance(record) ** 0.5,
                fmt="o",
                color=BLUE,
                ms=7,
                mew=1.6,
                mfc=BLUE if as_published(found) else "white",
                capsize=3,
                label=once(ax, "ours, a mark a seed"),
            )
    ax.set(
        yticks=range(len(experiment.rows)),
        yticklabels=[row.label for row in reversed(experiment.rows)],
        ylim=(-0.6, len(experiment.rows) - 0.4),
        xlabel="accuracy",
    )
    ax.locator_params("x", nbins=6)
    ax.grid(axis="y", visible=False)
    legend(fig, ax)
    footnote(fig, sources(records))
    return fig


@figure("outside-recalls")
def outside_recalls(runs: dict[str, list[Record]]) -> Figure:
    """Recall of each class, head to tail, mean over seeds.

    Args:
        runs: label of a curve -> its records; those without any are left out.
    """
    shown = {label: found for label, found in runs.items() if found}
    fig, ax = plt.subplots(figsize=(5.4, 2.9))
    for (label, found), colour, style, mark in zip(shown.items(), (*PALETTE[:3], RED), LINES, "os^D"):
        recall = np.mean(np.array([r.per_class["recall"] for r in found], dtype=float), axis=0)
        ax.plot(recall, mark, color=colour, ls=style, lw=1.8, ms=5, label=label)
    ax.set(xlabel="class, head to tail", ylabel="recall", ylim=(0, 1), xticks=range(10))
    legend(fig, ax, ncols=2)
    footnote(fig, sources(shown))
    return fig
