"""Figures on lesions: ROC curves, what a gain in area must reach, and lesions before and after SIGN."""

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure
from sklearn.metrics import roc_curve

from lt_lib.lab.figures import figure
from lt_lib.lab.figures.style import LINES, PALETTE, legend, once


@figure("roc-curves")
def roc_curves(runs: dict[str, list[tuple]]) -> Figure:
    """ROC curves, a thin line a run, a colour a name; dotted: a coin.

    Args:
        runs: name -> a (labels in {0, 1}, scores) for each run.
    """
    fig, ax = plt.subplots(figsize=(4.6, 4.4))
    ax.plot([0, 1], [0, 1], color="0.35", ls=":", lw=1.3)
    for (name, drawn), colour, style in zip(runs.items(), PALETTE, LINES):
        alone = len(drawn) == 1
        for labels, scores in drawn:
            right, wrong = roc_curve(labels, scores)[1::-1]
            ax.plot(
                wrong,
                right,
                color=colour,
                ls=style,
                lw=2 if alone else 1,
                alpha=1 if alone else 0.5,
                label=once(ax, name),
            )
    ax.set(
        xlabel="others called melanoma",
        ylabel="melanomas found",
        xlim=(-0.01, 1.01),
        ylim=(-0.01, 1.01),
        aspect="equal",
    )
    legend(fig, ax)
    return fig


@figure("gain-by-correlation")
def gain_by_correlation(
    correlations: np.ndarray, needed: dict[str, np.ndarray], printed: dict[str, float]
) -> Figure:
    """The least gain in area that chance does not explain, over the correlation of the two areas; dotted: the
    gain that is printed.

    Args:
        needed: name -> half a 95 % interval of a difference at each correlation.
        printed: name -> gain.
    """
    fig, ax = plt.subplots(figsize=(5.4, 3.4))
    for (name, halves), colour, style in zip(needed.items(), PALETTE, LINES):
        ax.plot(correlations, halves, color=colour, ls=style, lw=2, label=f"{name}: needed")
        ax.axhline(printed[name], color=colour, ls=":", lw=1.6, label=f"{name}: printed")
    ax.set(xlabel="correlation of the two areas", ylabel="gain in area", xlim=(0, 1), ylim=(0, None))
    legend(fig, ax, ncols=2)
    return fig


@figure("sign-fig4")
def before_after(before, after, names: list[str], inside) -> Figure:
    """Lesions before (top) and after SIGN (middle), and below how much of the change lies where, dark for
    much, with the outline of the lesion.

    Args:
        before, after: (n, 3, side, side) in [0, 1].
        names: n, for the titles.
        inside: (n, side, side) bool.
    """
    before, after, inside = map(np.asarray, (before, after, inside))
    moved = np.sqrt(((after - before) ** 2).sum(1))
    fig, axes = plt.subplots(3, len(names), figsize=(5.6, 3.3), squeeze=False)
    for k, name in enumerate(names):
        for ax, image in zip(axes[:2, k], (before[k], after[k])):
            ax.imshow(image.transpose(1, 2, 0))
        axes[2, k].imshow(moved[k], cmap="Greys", vmin=0)
        axes[2, k].contour(inside[k], levels=[0.5], colors=[PALETTE[1]], linewidths=1.3)
        axes[0, k].set_title(name, fontsize=9)
    for ax in axes.flat:
        ax.set(xticks=(), yticks=())
        ax.grid(visible=False)
    for ax, name in zip(axes[:, 0], ("before", "after", "change")):
        ax.set_ylabel(name, fontsize=10)
    return fig
