"""Figures on gradient descent and optimizers."""

import matplotlib.pyplot as plt
import numpy as np
import torch
from matplotlib.figure import Figure

from lt_lib.lab.figures import figure
from lt_lib.lab.figures.style import BLUE, GREEN, LINES, ORANGE, PALETTE, RED, SKY, footnote, legend
from lt_lib.lab.read.estimates import Estimate

_RULES = {  # optimizer -> its look in all figures
    "GD": (BLUE, "-", "o"),
    "SGD": (BLUE, "-", "o"),
    "heavy ball": (SKY, (0, (5, 1)), "v"),
    "Nesterov": (PALETTE[5], (0, (2, 2)), "X"),
    "AdaGrad": (ORANGE, "--", "s"),
    "RMSProp": (GREEN, "-.", "D"),
    "Adam": (RED, ":", "^"),
    "Adam, slide": (PALETTE[4], (0, (3, 1, 1, 1)), "P"),
}


@figure("descent-bound")
def descent_bound(shares: np.ndarray, measured: dict[str, np.ndarray], floor: float = -1.5) -> Figure:
    """How far the loss falls in one step of gradient descent, over the step: measured lines above the
    guaranteed parabola.

    Args:
        shares: steps, in units of c.
        measured: label -> decrease of the loss in units of c |gradient|^2, one value a step.
        floor: where the lower end of the picture lies.
    """
    shares, fig = np.asarray(shares), plt.figure(figsize=(5.4, 3.6))
    ax, bound = fig.add_subplot(), shares - shares**2 / 2
    ax.axhline(0, color="0.3", lw=1)
    for (label, values), colour, style in zip(measured.items(), PALETTE, LINES):
        ax.plot(shares, values, color=colour, ls=style, lw=2, label=label)
    ax.plot(shares, bound, color="black", lw=2.4, label="guaranteed")
    ax.axvspan(2, shares.max(), color="0.9", lw=0, zorder=0)
    ax.annotate("no descent\nguaranteed", (0.98, 0.08), xycoords="axes fraction", ha="right", fontsize=9)
    ax.plot([1], [0.5], "o", color="black", ms=7)
    ax.set(
        xlabel="step, in units of c",
        ylabel=r"decrease, in units of $c\,\|\nabla l\|^2$",
        xlim=(0, shares.max()),
        ylim=(floor, None),
    )
    legend(fig, ax)
    return fig


@figure("batch-variance")
def batch_variance(
    sizes: list[int], measured: dict[str, np.ndarray], expected: dict[str, np.ndarray]
) -> Figure:
    """Variance of a batch gradient over the size of the batch: marks measured, lines expected, on two log
    scales."""
    fig, ax = plt.subplots(figsize=(5.2, 3.3))
    for (label, values), colour, style, mark in zip(measured.items(), (BLUE, ORANGE), LINES, "os"):
        ax.plot(sizes, expected[label], color=colour, ls=style, lw=1.6)
        ax.plot(sizes, values, mark, color=colour, ms=7, mfc="white", mew=1.8, label=label)
    ax.set(
        xscale="log",
        yscale="log",
        xlabel="batch size (log scale)",
        ylabel="variance of the gradient (log scale)",
    )
    ax.set_xticks(sizes, [str(n) for n in sizes])
    ax.minorticks_off()
    legend(fig, ax)
    return fig


@figure("noise-floor")
def noise_floor(passes: np.ndarray, gaps: dict[str, np.ndarray]) -> Figure:
    """Loss above its minimum over passes through the data, mean over seeds with the range as a band; gaps are
    (times, seeds)."""
    fig, ax = plt.subplots(figsize=(5.4, 3.4))
    for (label, values), colour, style in zip(gaps.items(), (BLUE, GREEN, ORANGE, RED), LINES):
        values = np.asarray(values)
        ax.plot(passes, values.mean(1), color=colour, ls=style, lw=2, label=label)
        ax.fill_between(passes, values.min(1), values.max(1), color=colour, alpha=0.15, lw=0)
    ax.set(xlabel="passes through the data", ylabel="loss above its minimum (log scale)", yscale="log")
    legend(fig, ax)
    return fig


@figure("trajectories")
def trajectories(surfaces: dict, walks: dict[str, dict[str, np.ndarray]]) -> Figure:
    """Walks of several rules over 2-D surfaces, one panel a surface, with contours.

    Args:
        surfaces: name -> (function of a tensor (..., 2), x limits, y limits, the places of the minima).
        walks: name -> rule -> (steps + 1, 2).
    """
    fig, axes = plt.subplots(len(surfaces), 1, figsize=(5.4, 0.5 + 2.6 * len(surfaces)), squeeze=False)
    for ax, (name, (surface, xlim, ylim, minima)) in zip(axes.flat, surfaces.items()):
        x, y = np.meshgrid(np.linspace(*xlim, 160), np.linspace(*ylim, 120))
        z = surface(torch.from_numpy(np.stack([x, y], -1))).numpy()
        ax.contour(x, y, np.log(z - z.min() + 0.02), levels=14, colors="0.75", linewidths=0.7)
        for rule, walk in walks[name].items():
            colour, style, mark = _RULES[rule]
            ax.plot(*walk.T, color=colour, ls=style, lw=1.7, label=rule)
            ax.plot(*walk[-1], mark, color=colour, ms=7, mew=1, mec="white", zorder=5)
        ax.plot(*walk[0], "o", color="black", ms=6, zorder=6)
        ax.plot(*np.transpose(minima), "*", color="black", ms=11, mec="white", zorder=4)
        ax.set_title(name, loc="left", fontsize=10)
        ax.set(xlim=xlim, ylim=ylim, ylabel=r"$\theta_2$")
        ax.grid(visible=False)
    axes[-1, 0].set_xlabel(r"$\theta_1$")
    legend(fig, axes[0, 0])
    return fig


@figure("optimizer-curves")
def optimizer_curves(
    epochs: list[int], found: dict[str, dict[str, tuple[np.ndarray, np.ndarray]]], foot: str = ""
) -> Figure:
    """Training loss (median over seeds) and test error (mean) over epochs, a column a data set.

    Args:
        epochs: where both were measured.
        found: data set -> rule -> (training loss, test error), each (epochs, seeds).
        foot: what stands behind the numbers.
    """
    fig, axes = plt.subplots(2, len(found), figsize=(5.6, 5.0), sharex=True, squeeze=False)
    for column, (name, rules) in zip(axes.T, found.items()):
        for rule, pair in rules.items():
            colour, style, mark = _RULES[rule]
            for ax, values in zip(column, (np.median(pair[0], axis=1), pair[1].mean(1))):
                ax.plot(epochs, values, color=colour, ls=style, marker=mark, ms=4, lw=1.6, label=rule)
        column[0].set_title(name, fontsize=10)
        column[0].set_yscale("log")
        column[1].set(xlabel="epoch", ylim=(0, 3 * max(pair[1][-1].mean() for pair in rules.values())))
    axes[0, 0].set_ylabel("training loss (log scale)")
    axes[1, 0].set_ylabel("test error")
    legend(fig, axes[0, 0])
    footnote(fig, foot)
    return fig


@figure("optimizer-gaps")
def optimizer_gaps(found: dict[str, dict[str, Estimate]], foot: str = "") -> Figure:
    """Test error of each rule minus that of plain SGD, paired over seeds, with 95 % intervals; found: data ->
    rule -> estimate."""
    rules = list(next(iter(found.values())))
    fig, ax = plt.subplots(figsize=(5.4, 1.3 + 0.5 * len(rules)))
    ax.axvline(0, color="0.3", lw=1)
    for i, ((name, gaps), colour, mark) in enumerate(zip(found.items(), (BLUE, ORANGE), "oD")):
        y = [len(rules) - 1 - j + 0.24 * ((len(found) - 1) / 2 - i) for j in range(len(rules))]
        ax.errorbar(
            [gaps[r].mean for r in rules],
            y,
            xerr=[gaps[r].half or 0 for r in rules],
            fmt=mark,
            color=colour,
            ms=6,
            capsize=3,
            label=name,
        )
    ax.set(
        yticks=range(len(rules)),
        yticklabels=list(reversed(rules)),
        ylim=(-0.6, len(rules) - 0.4),
        xlabel="test error minus that of SGD (percentage points; right: worse)",
    )
    ax.locator_params("x", nbins=6)
    ax.xaxis.set_major_formatter(lambda value, _: f"{100 * value:+.1f}")
    ax.grid(axis="y", visible=False)
    legend(fig, ax)
    footnote(fig, foot)
    return fig


@figure("untuned")
def untuned(found: dict[str, tuple[np.ndarray, np.ndarray]], learned: float = 0.01, foot: str = "") -> Figure:
    """Test error at every learning rate tried; filled where the training data are learned, hollow where not.

    Args:
        found: rule -> (test error, training loss), one value for each rate from the smallest to the largest.
        learned: the training loss below which a mark is filled.
        foot: what stands behind the numbers.
    """
    fig, ax = plt.subplots(figsize=(5.4, 3.5))
    for rule, (wrong, loss) in found.items():
        colour, style, mark = _RULES[rule]
        steps, done = np.arange(len(wrong)), np.nan_to_num(loss, nan=np.inf) < learned
        ax.plot(
            steps, wrong, color=colour, ls=style, lw=1.4, marker=mark, ms=7, mfc="white", mew=1.5, label=rule
        )
        ax.plot(steps[done], np.asarray(wrong)[done], mark, color=colour, ms=7, ls="none")
    ax.set(
        xlabel="learning rate, from the smallest tried to the largest",
        ylabel="test error (log scale)",
        yscale="log",
        xticks=steps,
        xticklabels=[f"{i + 1}" for i in steps],
    )
    ax.set_yticks((0.05, 0.1, 0.2, 0.5, 1), ("0.05", "0.1", "0.2", "0.5", "1"))
    ax.minorticks_off()
    legend(fig, ax)
    footnote(fig, foot)
    return fig
