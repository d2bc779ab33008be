"""Figures on doubt: what the noise of a second head can mean, how risk grows with coverage, how small a
smallest probability is."""

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from lt_lib.lab.figures import figure
from lt_lib.lab.figures.evidence import panels_by_source, sources
from lt_lib.lab.figures.marks import stacked_axes
from lt_lib.lab.figures.style import BLUE, LINES, ORANGE, PALETTE, footnote, legend
from lt_lib.lab.read.estimates import estimate
from lt_lib.lab.record.records import Record
from lt_lib.works.sign.doubt import least_of
from lt_lib.works.sign.measures import COVERAGES


@figure("noise-ridge")
def noise_ridge(margins: np.ndarray, sigmas: np.ndarray, loss: np.ndarray, best: np.ndarray) -> Figure:
    """A loss over the margin of the logits and the scale of their noise, and for each scale the margin where
    it is least.

    Args:
        margins: (M,); sigmas: (S,); loss: (S, M); best: (S,) margins.
    """
    fig, ax = plt.subplots(figsize=(5.0, 3.4))
    shade = ax.contourf(
        margins, sigmas, loss - loss.min(), np.linspace(0, 0.5, 11), cmap="Blues", extend="max"
    )
    ax.plot(best, sigmas, color=ORANGE, lw=2.5, label="least for this $\\sigma$")
    ax.set(xlabel="margin $m$ of the label's logit", ylabel="noise $\\sigma$", xlim=(margins[0], margins[-1]))
    ax.grid(visible=False)
    fig.colorbar(shade, ax=ax, label="loss above the least", ticks=(0, 0.25, 0.5))
    legend(fig, ax)
    return fig


@figure("risk-coverage")
def risk_coverage(runs: dict[str, list[Record]], by: str = "") -> Figure:
    """Share of wrong answers among the most certain part of the test images, over how large that part is:
    mean over seeds with 95 % intervals as bands; committed evidence above this run.

    Args:
        runs: label -> records of one row.
        by: "" for certain by probability, "_sigma" for certain by a small sigma.
    """
    panels = panels_by_source(runs)
    fig, axes = stacked_axes(panels, 2.9)
    at = np.array(COVERAGES)
    for ax, shown in zip(axes, panels.values()):
        for (label, found), colour, style in zip(shown.items(), PALETTE, LINES):
            heights = [estimate(r.metric(f"risk_at{by}.{c}") for r in found) for c in COVERAGES]
            mean, half = np.array([(e.mean, e.half or 0.0) for e in heights]).T
            ax.plot(at, mean, color=colour, ls=style, lw=2, label=label)
            ax.fill_between(at, np.maximum(mean - half, 0), mean + half, color=colour, alpha=0.15, lw=0)
        ax.set(ylabel="wrong among them", xlim=(0, 100), ylim=(0, None))
    axes[-1].set_xlabel("most certain images, %")
    legend(fig, axes[-1])
    footnote(fig, sources({label: own for shown in panels.values() for label, own in shown.items()}))
    return fig


@figure("least-of-n")
def least_of_n(printed: dict[str, tuple[float, float]], mean: float, level: tuple[float, float]) -> Figure:
    """The smallest of n draws from one distribution of doubts (`lt_lib.works.sign.doubt.least_of`), over n:
    median and a range; diamonds are printed.

    Args:
        printed: label -> (n, smallest).
        mean: of the distribution.
        level: probabilities of the ends of the range.
    """
    fig, ax = plt.subplots(figsize=(5.2, 3.3))
    sizes = np.geomspace(5, 1000, 60)
    low, median, high = (least_of(sizes, q, mean) for q in (level[0], 0.5, level[1]))
    ax.fill_between(
        sizes, low, high, color=BLUE, alpha=0.15, lw=0, label=f"{level[1] - level[0]:.0%} of draws"
    )
    ax.plot(sizes, median, color=BLUE, lw=2, label="median")
    for label, (n, least) in printed.items():
        ax.plot(n, least, "D", color=ORANGE, ms=7)
        ax.annotate(label, (n, least), (7, 3), textcoords="offset points", fontsize=9)
    ax.set(
        xscale="log",
        xlabel="doubtful right answers $n$ (log scale)",
        ylabel="smallest probability",
        ylim=(0.05, 0.5),
    )
    legend(fig, ax)
    return fig
