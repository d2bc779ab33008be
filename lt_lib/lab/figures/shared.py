"""Figures that several works share."""

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.figure import Figure
from sklearn.calibration import calibration_curve

from lt_lib.lab.figures import figure
from lt_lib.lab.figures.evidence import evidence_index, sources, stronger_evidence
from lt_lib.lab.figures.marks import estimate_mark
from lt_lib.lab.figures.style import BLUE, GREEN, LINES, PALETTE, footnote, legend
from lt_lib.lab.read.estimates import difference, paired
from lt_lib.lab.read.evidence import made_now
from lt_lib.lab.read.verdicts import STAND_IN
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


@figure("printed-against-ours")
def printed_against_ours(lines: pd.DataFrame) -> Figure:
    """All shares that are judged, printed and ours, by work, with the 95 % interval of ours; on the line they
    are equal.

    Args:
        lines: of :func:`lt_lib.lab.read.ledger.ledger`. What lies outside [0, 1] is no share.
    """
    judged = lines[lines["verdict"].str.startswith(("agrees", "differs", "one run"))]
    judged = judged.assign(value=pd.to_numeric(judged["printed"], errors="coerce"))
    judged = judged[judged["value"].between(0, 1)]
    fig, ax = plt.subplots(figsize=(5.0, 4.0))
    for (work, own), colour, mark in zip(judged.groupby("work"), PALETTE, "osD^v"):
        half = own["half"].fillna(0)
        ax.errorbar(own["value"], own["ours"], half, fmt="none", ecolor=colour, alpha=0.5, zorder=2)
        for near, shown in own.groupby(own["verdict"].str.endswith(STAND_IN)):
            name = f"{work}, by a stand-in network" if near else work
            style = {"mfc": "white" if near else colour, "mew": 1.5, "ms": 6, "zorder": 3}
            ax.plot(shown["value"], shown["ours"], mark, color=colour, label=name, **style)
    low = min([*judged["value"], *judged["ours"], 1]) - 0.03
    high = max([*judged["value"], *judged["ours"], 0]) + 0.03
    ax.plot([low, high], [low, high], color="0.3", lw=1)
    ax.set(xlim=(low, high), ylim=(low, high), aspect="equal", xlabel="printed", ylabel="ours")
    legend(fig, ax, ncols=2)
    footnote(fig, "paper + real; bars: 95 % interval over seeds and test images, none for a single run")
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
