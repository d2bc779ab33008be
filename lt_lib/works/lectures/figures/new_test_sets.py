"""Figures on new test sets: accuracies on the old and the new (Recht et al. 2019)."""

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure
from scipy.stats import norm

from lt_lib.lab.figures import figure
from lt_lib.lab.figures.style import BLUE, ORANGE, legend, once
from lt_lib.works.lectures import recht


@figure("recht-scatter")
def recht_scatter(tables: dict[str, tuple], limits: dict[str, tuple[float, float]] | None = None) -> Figure:
    """New accuracy over old, a panel a pair of test sets: one point a model, the identity, and the fitted
    line.

    Args:
        tables: title -> (old accuracies, new accuracies), as fractions.
        limits: title -> percent at both ends of both axes; where none, what the points need.
    """
    fig, axes = plt.subplots(
        -(-len(tables) // 2), 2, figsize=(5.6, 2.75 * -(-len(tables) // 2)), squeeze=False
    )
    for ax, (title, (old, new)) in zip(axes.flat, tables.items()):
        low, high = (limits or {}).get(title) or (
            100 * min(old.min(), new.min()) - 4,
            100 * max(old.max(), new.max()) + 3,
        )
        line, ends = recht.fit(old, new), np.linspace(old.min(), old.max(), 50)
        ax.plot([low, high], [low, high], color="0.35", ls="--", lw=1.3, label=once(ax, "no change"))
        ax.plot(100 * ends, 100 * line(ends), color=ORANGE, lw=2, label="fitted line", zorder=2)
        ax.plot(
            100 * old,
            100 * new,
            "o",
            color=BLUE,
            ms=4.5,
            mec="white",
            mew=0.4,
            alpha=0.8,
            label="a model",
            zorder=3,
        )
        ax.set(xlim=(low, high), ylim=(low, high), aspect="equal")
        ax.locator_params(nbins=5)
        ax.set_title(title, loc="left", fontsize=10)
        ax.annotate(
            f"slope {line.slope:.2f}\ndrop {100 * (old - new).mean():+.1f} points",
            (0.05, 0.95),
            xycoords="axes fraction",
            va="top",
            fontsize=9,
        )
    fig.supxlabel("accuracy on the original test set (%)", fontsize=10)
    fig.supylabel("accuracy on the new test set (%)", fontsize=10)
    legend(fig, axes.flat[0])
    return fig


@figure("recht-drops")
def recht_drops(tables: dict[str, tuple]) -> Figure:
    """Drop over original accuracy, and the drop if the new test were harder by the same probit shift for
    every model."""
    fig, axes = plt.subplots(1, len(tables), figsize=(5.6, 3.2), sharey=True, squeeze=False)
    for ax, (title, (old, new)) in zip(axes.flat, tables.items()):
        shift = np.mean(norm.ppf(old) - norm.ppf(new))
        grid = np.linspace(old.min(), min(0.985, old.max() + 0.05), 100)
        ax.plot(
            100 * grid,
            100 * (grid - norm.cdf(norm.ppf(grid) - shift)),
            color=ORANGE,
            lw=2,
            ls="--",
            label="one shift for all",
        )
        ax.plot(
            100 * old,
            100 * (old - new),
            "o",
            color=BLUE,
            ms=4.5,
            mec="white",
            mew=0.4,
            alpha=0.8,
            label="a model",
        )
        ax.axhline(0, color="0.35", lw=1)
        ax.set_title(title, loc="left", fontsize=10)
    axes[0, 0].set(ylabel="drop (percentage points)")
    fig.supxlabel("accuracy on the original test set (%)", fontsize=10)
    legend(fig, axes[0, 0])
    return fig


@figure("recht-ranks")
def recht_ranks(found: dict[str, dict[str, dict]]) -> Figure:
    """Rank correlations with bootstrap intervals, a panel a statistic, a line a test set; one mark a way to
    draw.

    Args:
        found: statistic -> test set -> way of drawing -> `recht.Interval`.
    """
    fig, axes = plt.subplots(
        len(found), 1, figsize=(5.5, 0.9 + 1.55 * len(found)), sharex=True, squeeze=False
    )
    for ax, (statistic, rows) in zip(axes.flat, found.items()):
        for y, ways in enumerate(reversed(rows.values())):
            for (way, est), offset, colour, mark in zip(ways.items(), (0.15, -0.15), (BLUE, ORANGE), "os"):
                ax.plot([est.low, est.high], [y + offset] * 2, color=colour, lw=2)
                ax.plot(est.value, y + offset, mark, color=colour, ms=6, label=once(ax, way))
        ax.set(yticks=range(len(rows)), yticklabels=list(reversed(rows)), ylim=(-0.6, len(rows) - 0.4))
        ax.set_title(statistic, loc="left", fontsize=10)
        ax.grid(axis="y", visible=False)
    axes[-1, 0].set_xlabel("rank correlation, old with new test set (1: same order)")
    legend(fig, axes[0, 0])
    return fig
