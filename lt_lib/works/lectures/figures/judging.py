"""Figures on judging a classifier: curves, calibration, cost, prevalence."""

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure
from sklearn.metrics import precision_recall_curve, roc_curve

from lt_lib.lab.figures import figure
from lt_lib.lab.figures.style import BLUE, LINES, ORANGE, PALETTE, legend, once
from lt_lib.lab.read.estimates import Estimate


@figure("roc-pr")
def roc_pr(scores: dict[str, tuple], resamples: int = 500, seed: int = 0, zoom: float = 0.4) -> Figure:
    """ROC and precision-recall curves with pointwise 95 % bands over resampled test cases.

    Args:
        scores: label -> (labels in {0, 1}, scores), of one test set each.
        resamples: draws of all test cases with replacement.
        seed: of the draws.
        zoom: the part of either axis that is shown, from the corner that good curves keep to; 1 shows all.
    """
    fig, axes = plt.subplots(1, 2, figsize=(5.6, 3.3))
    grid = np.linspace(0, 1, 201)
    for (label, (y, p)), colour, style in zip(scores.items(), PALETTE, LINES):
        rng, y, p = np.random.default_rng(seed), np.asarray(y), np.asarray(p)
        drawn = (rng.integers(len(y), size=len(y)) for _ in range(resamples))
        bands = np.array([step_curves(y[i], p[i], grid) for i in drawn if 0 < y[i].sum() < len(y)])
        for k, ax in enumerate(axes):
            low, high = np.nanpercentile(bands[:, k], (2.5, 97.5), axis=0)
            ax.fill_between(grid, low, high, color=colour, alpha=0.2, lw=0, step="post" if k == 0 else "pre")
            ax.step(
                grid,
                step_curves(y, p, grid)[k],
                color=colour,
                ls=style,
                lw=2,
                label=label,
                where="post" if k == 0 else "pre",
            )
    axes[0].set(xlabel="false positive rate", ylabel="true positive rate", xlim=(-0.01, zoom))
    axes[1].set(xlabel="recall (true positive rate)", ylabel="precision", xlim=(1 - zoom, 1.01))
    for ax, title in zip(axes, ("ROC, upper left", "precision-recall, upper right")):
        ax.set(ylim=(1 - zoom, 1.01))
        ax.locator_params(nbins=5)
        ax.set_title(title, loc="left", fontsize=10)
    legend(fig, axes[0])
    return fig


def step_curves(y: np.ndarray, p: np.ndarray, grid: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Best true positive rate at no more than each false positive rate; precision where each recall is first
    reached."""
    fpr, tpr, _ = roc_curve(y, p, drop_intermediate=False)
    precision, recall, _ = precision_recall_curve(y, p)
    return tpr[np.searchsorted(fpr, grid + 1e-12, side="right") - 1], precision[::-1][
        np.searchsorted(recall[::-1], grid - 1e-12)
    ]


@figure("cost-curves")
def cost_curves(thresholds: np.ndarray, costs: dict[str, np.ndarray], best: float) -> Figure:
    """Expected cost of a case over the threshold: mean over seeds with the range as a band, and the threshold
    the theory names.

    Args:
        thresholds: T.
        costs: label -> (seeds, T).
        best: threshold for calibrated probabilities.
    """
    fig, ax = plt.subplots(figsize=(5.4, 3.4))
    for (label, values), colour, style in zip(costs.items(), PALETTE, LINES):
        ax.fill_between(thresholds, values.min(0), values.max(0), color=colour, alpha=0.13, lw=0)
        ax.plot(thresholds, values.mean(0), color=colour, ls=style, lw=2, label=label)
    for at, words in ((best, f"{best:.2f}"), (0.5, "0.5")):
        ax.axvline(at, color="0.2", lw=1.2, ls=":")
        ax.annotate(
            words,
            (at, 0.97),
            xycoords=("data", "axes fraction"),
            xytext=(4, 0),
            textcoords="offset points",
            va="top",
            fontsize=9,
        )
    top = 1.6 * max(values[:, (thresholds > 0.01) & (thresholds < 0.6)].max() for values in costs.values())
    ax.set(
        xlabel="threshold on the probability of cancer",
        ylabel="cost a case (false alarms)",
        xlim=(0, 1),
        ylim=(0, top),
    )
    legend(fig, ax)
    return fig


@figure("prevalence-curves")
def prevalence_curves(tpr: float, fpr: float, marked: dict[str, float]) -> Figure:
    """One test in other places: what its numbers become as the disease gets rarer, while tpr and fpr stay.

    Args:
        tpr: true positive rate.
        fpr: false positive rate.
        marked: label -> prevalence, for example of the test set.
    """
    grid = np.geomspace(0.001, 0.6, 200)
    tp, fp, fn, tn = tpr * grid, fpr * (1 - grid), (1 - tpr) * grid, (1 - fpr) * (1 - grid)
    mcc = (tp * tn - fp * fn) / np.sqrt((tp + fp) * (tp + fn) * (tn + fp) * (tn + fn))
    curves = {
        "precision (PPV)": tp / (tp + fp),
        "F1": 2 * tp / (2 * tp + fp + fn),
        "MCC": mcc,
        "accuracy": tp + tn,
    }
    fig, ax = plt.subplots(figsize=(5.5, 3.6))
    for (label, values), colour, style in zip(curves.items(), PALETTE, LINES):
        ax.plot(100 * grid, values, color=colour, ls=style, lw=2, label=label)
    ax.plot(100 * grid, 1 - grid, color="0.45", lw=1.4, ls=(0, (4, 2, 1, 2, 1, 2)), label="accuracy, no test")
    for label, at in marked.items():
        ax.axvline(100 * at, color="0.2", lw=1.2, ls=":")
        side = {"xytext": (-4, 0), "ha": "right"} if at > 0.1 else {"xytext": (4, 0), "ha": "left"}
        ax.annotate(
            label,
            (100 * at, 0.03),
            xycoords=("data", "axes fraction"),
            textcoords="offset points",
            fontsize=9,
            **side,
        )
    ax.set(
        xscale="log",
        xlabel="prevalence (% of people tested who are ill, log scale)",
        ylabel="score",
        ylim=(0, 1.02),
        xlim=(0.1, 60),
    )
    ax.set_xticks((0.1, 1, 10, 50), labels=("0.1", "1", "10", "50"))
    ax.minorticks_off()
    legend(fig, ax)
    return fig


@figure("two-tests")
def two_tests(found: dict[str, dict[str, dict[str, Estimate]]]) -> Figure:
    """The same classifiers on two test sets, a panel a criterion: mean over seeds with 95 % intervals.

    Args:
        found: criterion -> classifier -> test set (two) -> estimate.
    """
    fig, axes = plt.subplots(
        len(found), 1, figsize=(5.4, 0.9 + 0.95 * len(found)), sharex=True, squeeze=False
    )
    for ax, (criterion, rows) in zip(axes.flat, found.items()):
        for y, tests in enumerate(reversed(rows.values())):
            for (test, est), offset, colour, mark in zip(tests.items(), (0.14, -0.14), (ORANGE, BLUE), "s^"):
                ax.errorbar(
                    est.mean,
                    y + offset,
                    xerr=est.half,
                    fmt=mark,
                    color=colour,
                    ms=6,
                    capsize=3,
                    label=once(ax, test),
                )
        ax.set(
            yticks=range(len(rows)),
            yticklabels=list(reversed(rows)),
            ylim=(-0.6, len(rows) - 0.4),
            xlim=(-0.04, 1.03),
        )
        ax.set_title(criterion, loc="left", fontsize=10)
        ax.grid(axis="y", visible=False)
    axes[-1, 0].set_xlabel("score")
    handles, labels = axes[0, 0].get_legend_handles_labels()
    keys = dict(zip(labels, (h[0] for h in handles)))
    fig.legend(keys.values(), keys, loc="outside upper center", ncols=2, fontsize=9)
    return fig
