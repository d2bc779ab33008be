"""Figures on mixup: wrong labels beside a curved border, labels on average, mixed pictures."""

from collections.abc import Callable

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from lt_lib.lab.figures import figure
from lt_lib.lab.figures.style import BLUE, LINES, ORANGE, PALETTE, legend

_CLASSES = ((ORANGE, "s", "land"), (BLUE, "o", "water"))


@figure("sign-fig1")
def wrong_labels(points, kinds, partners, mixed, border: Callable) -> Figure:
    """Two classes beside a curved border, and what lies between pairs of them; a ring is a mixed point that
    carries the label of the other side.

    Args:
        points: (N, 2) in [-1, 1]; kinds: (N,), 1 for points above the border, 0 for those below.
        partners: (N,) the partner of each point.
        mixed: (N, 2) the mixed points, each labelled like the point it is named after.
        border: from x to y.
    """
    points, kinds, mixed = map(np.asarray, (points, kinds, mixed))
    fig, ax = plt.subplots(figsize=(5.4, 5.0))
    ax.plot(*np.stack([points, points[partners]]).transpose(2, 0, 1), color="0.35", ls="--", lw=0.8)
    for k, (colour, mark, name) in enumerate(_CLASSES):
        ax.plot(*points[kinds == k].T, mark, color=colour, ms=8, mec="black", mew=0.8, label=name)
    for k, (colour, _, name) in enumerate(_CLASSES):
        ax.plot(*mixed[kinds == k].T, "X", color=colour, ms=7, mec="white", label=f"labelled {name}")
    x = np.linspace(-1, 1, 100)
    for (colour, _, _), edge in zip(_CLASSES, (-1, 1)):
        ax.fill_between(x, border(x), edge, color=colour, alpha=0.13, lw=0)
    ax.plot(x, border(x), color="black", lw=1.8, label="border")
    wrong = kinds != (mixed[:, 1] > border(mixed[:, 0]))
    ax.plot(*mixed[wrong].T, "o", mfc="none", mec="black", ms=14, mew=1.6, label="wrong side")
    ax.set(xlim=(-1, 1), ylim=(-1, 1), aspect="equal", xlabel="$x$", ylabel="$y$")
    ax.grid(visible=False)
    legend(fig, ax, ncols=3)
    return fig


@figure("wrong-label-rates")
def wrong_label_rates(shares: np.ndarray, rates: dict[str, dict[str, np.ndarray]]) -> Figure:
    """Share of mixed points with a wrong label over the share of the point that gives it, a panel a sort of
    pair, a line a bend of the border."""
    fig, axes = plt.subplots(1, len(rates), figsize=(5.6, 3.2), sharey=True, squeeze=False)
    for ax, (title, lines) in zip(axes.flat, rates.items()):
        for (label, values), colour, style, mark in zip(lines.items(), PALETTE, LINES, "os^D"):
            ax.plot(shares, values, color=colour, ls=style, lw=1.8, marker=mark, ms=5, label=label)
        ax.set(xlabel=r"share $\lambda$ of the giver", ylim=(-0.01, 0.55))
        ax.set_title(title, fontsize=10)
    axes[0, 0].set_ylabel("wrong labels")
    axes[0, 0].yaxis.set_major_formatter(lambda value, _: f"{value:.0%}")
    legend(fig, axes[0, 0], ncols=4)
    return fig


@figure("mean-labels")
def mean_labels(means: dict[float, np.ndarray], border: Callable) -> Figure:
    """What mixed labels say on average at each place of the plane [-1, 1]^2, a panel a bend of the border:
    the border, and where the average is one half (dashed).

    Args:
        means: bend -> cells of equal size, first index along x.
        border: from x and the bend to y.
    """
    fig, axes = plt.subplots(1, len(means), figsize=(5.6, 3.3), sharey=True, squeeze=False)
    x = np.linspace(-1, 1, 100)
    for ax, (bend, mean) in zip(axes.flat, means.items()):
        middles = (np.arange(len(mean)) + 0.5) * 2 / len(mean) - 1
        shade = ax.imshow(mean.T, origin="lower", extent=(-1, 1, -1, 1), cmap="PuOr", vmin=0, vmax=1)
        ax.contour(middles, middles, mean.T, levels=[0.5], colors="black", linestyles="--")
        ax.plot(x, border(x, bend), color="black", lw=1.8)
        ax.set(xlim=(-1, 1), ylim=(-1, 1), xlabel="$x$")
        ax.set_title(f"bend {bend}", fontsize=10)
        ax.grid(visible=False)
    axes[0, 0].set_ylabel("$y$")
    fig.colorbar(
        shade,
        ax=axes,
        orientation="horizontal",
        shrink=0.6,
        label="share of water in the mean label",
        ticks=(0, 0.5, 1),
    )
    return fig


@figure("mixed-pictures")
def mixed_pictures(rows: dict[str, np.ndarray], shares: list[float]) -> Figure:
    """Rows of mixed pictures, a column a share.

    Args:
        rows: name -> (M, H, W), grey.
        shares: M values of lambda, for the titles.
    """
    fig, axes = plt.subplots(len(rows), len(shares), figsize=(5.6, 0.4 + 1.15 * len(rows)), squeeze=False)
    for line, (name, images) in zip(axes, rows.items()):
        images = np.asarray(images)
        for ax, image in zip(line, images):
            ax.imshow(image, cmap="gray", vmin=0, vmax=images.max())
            ax.set(xticks=(), yticks=())
            ax.grid(visible=False)
        line[0].set_ylabel(name, fontsize=10)
    for ax, share in zip(axes[0], shares):
        ax.set_title(rf"$\lambda$ = {share:g}", fontsize=10)
    return fig
