"""Figures that several works share."""

import matplotlib.pyplot as plt
from matplotlib.figure import Figure
from sklearn.calibration import calibration_curve

from lt_lib.lab.figures import figure
from lt_lib.lab.figures.evidence import evidence_index, sources, stronger_evidence
from lt_lib.lab.figures.marks import estimate_mark
from lt_lib.lab.figures.style import BLUE, GREEN, LINES, PALETTE, footnote, legend
from lt_lib.lab.read.estimates import difference, paired
from lt_lib.lab.read.evidence import made_now
from lt_lib.lab.record.records import Record


@figure("differences")
def differences(
    pairs: dict[str, tuple[list[Record], list[Record]]], metric: str = "accuracy", selection: str = "last"
) -> Figure:
    """Paired differences, first minus second, one line a label, against a line at zero; committed evidence
    beside this run."""
    index, shown = evidence_index(), {}
    pairs = {label: pair for label, pair in pairs.items() if all(pair)}
    fig, ax = plt.subplots(figsize=(5.4, 1.6 + 0.42 * len(pairs)))
    ax.axvline(0, color="0.3", lw=1)
    for y, (label, pair) in enumerate(reversed(pairs.items())):
        filed = [stronger_evidence(own, index) for own in pair]
        for (first, second), offset, colour, mark in (
            (filed, -0.2, GREEN, "s"),
            (map(made_now, pair), 0, BLUE, "o"),
        ):
            if behind := paired(first, second):
                estimate_mark(
                    ax, difference(first, second, metric, selection), y + offset, first, colour, mark
                )
                shown.setdefault(label.replace("\n", " "), []).extend(behind)
    ax.set(
        yticks=range(len(pairs)),
        yticklabels=list(reversed(pairs)),
        ylim=(-0.6, len(pairs) - 0.4),
        xlabel=f"difference in {metric.replace('_', ' ')}",
    )
    ax.locator_params("x", nbins=6)
    ax.grid(axis="y", visible=False)
    legend(fig, ax)
    footnote(fig, sources(shown))
    return fig


@figure("reliability")
def reliability(
    scores: dict[str, tuple],
    bins: int = 10,
    announced: str = "announced probability",
    happened: str = "share that came true",
) -> Figure:
    """Share of positives over the probability that was announced, in bins of equally many cases; on the
    diagonal announced is meant.

    Args:
        scores: label -> (labels in {0, 1}, probabilities), all test cases of all seeds together.
        bins: at most; equal probabilities stay together.
        announced, happened: names of the axes.
    """
    fig, ax = plt.subplots(figsize=(4.6, 3.6))
    ax.plot([0, 1], [0, 1], color="0.35", ls=":", lw=1.3)
    for (label, (y, p)), colour, style, mark in zip(scores.items(), PALETTE, LINES, "os^D"):
        share, mean = calibration_curve(y, p, n_bins=bins, strategy="quantile")
        ax.plot(mean, share, mark, color=colour, ls=style, lw=2, ms=6, label=label)
    ax.set(xlabel=announced, ylabel=happened, xlim=(-0.03, 1.03), ylim=(-0.03, 1.03))
    legend(fig, ax)
    return fig
