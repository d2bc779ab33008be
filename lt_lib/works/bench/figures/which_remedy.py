"""Figures on which remedy to choose."""

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from lt_lib.lab.bench.remedies import PLAIN
from lt_lib.lab.figures import figure
from lt_lib.lab.figures.evidence import sources
from lt_lib.lab.figures.style import BLUE, GREEN, LINES, ORANGE, PALETTE, footnote, legend
from lt_lib.lab.record.records import Record
from lt_lib.works.bench.ranking import TITLES, Bench, behind, gains, order, seconds


@figure("bench-borders")
def borders(x: np.ndarray, y: np.ndarray, heads: dict[str, tuple[np.ndarray, float]]) -> Figure:
    """Points of two classes in the plane, and the border that each head draws between them.

    Args:
        x: (N, 2); y: (N,), 0 or 1.
        heads: label -> weight (2,) and bias.
    """
    fig, ax = plt.subplots(figsize=(5.4, 3.8))
    for c, colour, mark, name in ((0, BLUE, ".", "frequent"), (1, ORANGE, "D", "rare")):
        ax.plot(*x[y == c].T, mark, color=colour, ms=5, alpha=0.6, label=name)
    for (label, (w, b)), style in zip(heads.items(), LINES):
        ax.axline((0, -b / w[1]), slope=-w[0] / w[1], color="0.15", ls=style, lw=1.6, label=label)
    ax.set(xlabel="first feature", ylabel="second feature")
    legend(fig, ax, ncols=2)
    return fig


@figure("bench-gains")
def gain_by_ratio(bench: Bench, metric: str = "balanced_accuracy") -> Figure:
    """What each remedy adds to plain cross-entropy, a mark a ratio with its 95 % interval; filled where it
    can be told from nothing. Remedies in the order of their mean gain."""
    names = order(bench, metric)
    fig, ax = plt.subplots(figsize=(5.4, 1.9 + 0.42 * len(names)))
    ax.axvline(0, color="0.3", lw=1)
    steps = np.linspace(0.27, -0.27, len(bench)) if len(bench) > 1 else [0.0]
    for (ratio, of), step, colour, mark in zip(bench.items(), steps, PALETTE, "osD^"):
        for gain in gains(of, metric):
            y = len(names) - 1 - names.index(gain.remedy) + step
            ax.errorbar(gain.gap.mean, y, xerr=gain.gap.half, fmt="none", color=colour, capsize=2)
            face = colour if gain.told else "white"
            ax.plot(gain.gap.mean, y, mark, color=colour, mfc=face, ms=5, mew=1.3)
        ax.plot([], [], mark, color=colour, ms=5, label=f"ratio {ratio:g}")
    ax.set(
        yticks=range(len(names)),
        yticklabels=[TITLES[key] for key in reversed(names)],
        ylim=(-0.6, len(names) - 0.4),
        xlabel=f"gain in {metric.replace('_', ' ')}",
    )
    ax.locator_params("x", nbins=6)
    ax.grid(axis="y", visible=False)
    legend(fig, ax, ncols=2)
    footnote(fig, sources(behind(bench)))
    return fig


@figure("bench-cost")
def gain_beside_cost(of: dict[str, list[Record]]) -> Figure:
    """Gain in balanced accuracy over CPU seconds, each remedy by the number in the key."""
    found = gains(of)
    took = {key: seconds(own) for key, own in of.items()}
    fig, ax = plt.subplots(figsize=(5.4, 5.6))
    ax.axhline(0, color="0.3", lw=1)
    ax.plot(took[PLAIN], 0, "s", color=GREEN, ms=7, label="cross-entropy")
    for i, gain in enumerate(found, 1):
        at = took[gain.remedy], gain.gap.mean
        ax.errorbar(*at, yerr=gain.gap.half, fmt="none", color="0.7", zorder=1)
        ax.plot(*at, "o", color=BLUE, ms=5, zorder=2)
        ax.annotate(str(i), at, xytext=(5, 3), textcoords="offset points", fontsize=9)
        ax.plot([], [], " ", label=f"{i} {gain.title}")
    ax.set(xlabel="CPU seconds", ylabel="gain in balanced accuracy", xlim=(0, None))
    legend(fig, ax, ncols=2)
    footnote(fig, sources({TITLES[key]: own for key, own in of.items()}))
    return fig
