"""Figures of the `lectures` wing; `lt_lib.lab.figures.shared.figure` finds them by name. Its rules hold here
too."""

import matplotlib.pyplot as plt
import numpy as np
import torch
from matplotlib.figure import Figure
from scipy.stats import norm
from sklearn.calibration import calibration_curve
from sklearn.metrics import precision_recall_curve, roc_curve

from lt_lib.errors import LabError
from lt_lib.lab.figures.shared import BLUE, GREEN, LINES, ORANGE, PALETTE, RED, SKY, _foot, _legend, _once
from lt_lib.lab.read.findings import on_file
from lt_lib.lab.read.report import Estimate, estimate, group
from lt_lib.lab.record.records import Record
from lt_lib.lab.record.spec import load
from lt_lib.works.lectures import recht

# Optimizers: one look each, in all figures.
_RULES = {
    "GD": (BLUE, "-", "o"),
    "SGD": (BLUE, "-", "o"),
    "heavy ball": (SKY, (0, (5, 1)), "v"),
    "Nesterov": (PALETTE[5], (0, (2, 2)), "X"),
    "AdaGrad": (ORANGE, "--", "s"),
    "RMSProp": (GREEN, "-.", "D"),
    "Adam": (RED, ":", "^"),
    "Adam, slide": (PALETTE[4], (0, (3, 1, 1, 1)), "P"),
}


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
    _legend(fig, ax)
    return fig


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
    _legend(fig, ax)
    return fig


def noise_floor(passes: np.ndarray, gaps: dict[str, np.ndarray]) -> Figure:
    """Loss above its minimum over passes through the data, mean over seeds with the range as a band; gaps are
    (times, seeds)."""
    fig, ax = plt.subplots(figsize=(5.4, 3.4))
    for (label, values), colour, style in zip(gaps.items(), (BLUE, GREEN, ORANGE, RED), LINES):
        values = np.asarray(values)
        ax.plot(passes, values.mean(1), color=colour, ls=style, lw=2, label=label)
        ax.fill_between(passes, values.min(1), values.max(1), color=colour, alpha=0.15, lw=0)
    ax.set(xlabel="passes through the data", ylabel="loss above its minimum (log scale)", yscale="log")
    _legend(fig, ax)
    return fig


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
    _legend(fig, axes[0, 0])
    return fig


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
    _legend(fig, axes[0, 0])
    fig.supxlabel(foot, x=0.01, ha="left", fontsize=8, color="0.35")
    return fig


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
    _legend(fig, ax)
    fig.supxlabel(foot, x=0.01, ha="left", fontsize=8, color="0.35")
    return fig


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
    _legend(fig, ax)
    fig.supxlabel(foot, x=0.01, ha="left", fontsize=8, color="0.35")
    return fig


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
        ax.plot([low, high], [low, high], color="0.35", ls="--", lw=1.3, label=_once(ax, "no change"))
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
    _legend(fig, axes.flat[0])
    return fig


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
    _legend(fig, axes[0, 0])
    return fig


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
                ax.plot(est.value, y + offset, mark, color=colour, ms=6, label=_once(ax, way))
        ax.set(yticks=range(len(rows)), yticklabels=list(reversed(rows)), ylim=(-0.6, len(rows) - 0.4))
        ax.set_title(statistic, loc="left", fontsize=10)
        ax.grid(axis="y", visible=False)
    axes[-1, 0].set_xlabel("rank correlation, old with new test set (1: same order)")
    _legend(fig, axes[0, 0])
    return fig


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
        bands = np.array([_curves(y[i], p[i], grid) for i in drawn if 0 < y[i].sum() < len(y)])
        for k, ax in enumerate(axes):
            low, high = np.nanpercentile(bands[:, k], (2.5, 97.5), axis=0)
            ax.fill_between(grid, low, high, color=colour, alpha=0.2, lw=0, step="post" if k == 0 else "pre")
            ax.step(
                grid,
                _curves(y, p, grid)[k],
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
    _legend(fig, axes[0])
    return fig


def _curves(y: np.ndarray, p: np.ndarray, grid: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Best true positive rate at no more than each false positive rate; precision where each recall is first
    reached."""
    fpr, tpr, _ = roc_curve(y, p, drop_intermediate=False)
    precision, recall, _ = precision_recall_curve(y, p)
    return tpr[np.searchsorted(fpr, grid + 1e-12, side="right") - 1], precision[::-1][
        np.searchsorted(recall[::-1], grid - 1e-12)
    ]


def reliability(scores: dict[str, tuple], bins: int = 10) -> Figure:
    """Share of positives over the probability that was announced, in bins of equally many cases; on the
    diagonal announced is meant.

    Args:
        scores: label -> (labels in {0, 1}, probabilities), all test cases of all seeds together.
        bins: at most; equal probabilities stay together.
    """
    fig, ax = plt.subplots(figsize=(4.6, 3.6))
    ax.plot([0, 1], [0, 1], color="0.35", ls=":", lw=1.3)
    for (label, (y, p)), colour, style, mark in zip(scores.items(), PALETTE, LINES, "os^D"):
        share, announced = calibration_curve(y, p, n_bins=bins, strategy="quantile")
        ax.plot(announced, share, mark, color=colour, ls=style, lw=2, ms=6, label=label)
    ax.set(
        xlabel="announced probability of cancer",
        ylabel="share that had cancer",
        xlim=(-0.03, 1.03),
        ylim=(-0.03, 1.03),
    )
    _legend(fig, ax)
    return fig


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
    _legend(fig, ax)
    return fig


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
    _legend(fig, ax)
    return fig


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
                    label=_once(ax, test),
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


def difference_errors(steps: np.ndarray, errors: dict[str, np.ndarray]) -> Figure:
    """Relative error of a gradient by differences over the step, on two log scales."""
    fig, ax = plt.subplots(figsize=(5.4, 3.4))
    for (label, values), colour, style, mark in zip(errors.items(), PALETTE, LINES, "os^D"):
        ax.plot(steps, values, color=colour, ls=style, lw=1.6, marker=mark, ms=4, label=label)
    ax.set(
        xscale="log",
        yscale="log",
        xlabel="step of the difference (log scale)",
        ylabel="relative error (log scale)",
    )
    _legend(fig, ax)
    return fig


def autograd_graph(result: torch.Tensor, names: dict[str, torch.Tensor]) -> Figure:
    """The computational graph that PyTorch keeps for a scalar, top down: parameters above, the scalar at the
    foot.

    Args:
        result: a scalar with a graph.
        names: name -> leaf tensor that requires a gradient.
    """
    known = {id(tensor): name for name, tensor in names.items()}
    level, above, todo = {result.grad_fn: 0}, {}, [result.grad_fn]
    while todo:  # a node stands above all that use it
        node = todo.pop()
        above[node] = [source for source, _ in node.next_functions if source is not None]
        for source in above[node]:
            if level.get(source, -1) < level[node] + 1:
                level[source] = level[node] + 1
                todo.append(source)
    place = {}
    for height in range(max(level.values()) + 1):
        row = [node for node in above if level[node] == height]
        users = {node: [place[user] for user in place if node in above[user]] for node in row}
        row.sort(key=lambda node: sum(x for x, _ in users[node]) / max(len(users[node]), 1))
        place |= {node: (i - (len(row) - 1) / 2, height) for i, node in enumerate(row)}
    fig, ax = plt.subplots(figsize=(5.4, 0.7 + 0.62 * len(set(level.values()))))
    for node, (x, y) in place.items():
        leaf = getattr(node, "variable", None)
        words = (
            known.get(id(leaf), "constant")
            if leaf is not None
            else type(node).__name__.removesuffix("0").removesuffix("Backward")
        )
        box = {
            "boxstyle": "round,pad=0.35",
            "fc": "#fff2cc" if leaf is not None else "white",
            "ec": BLUE if leaf is None else ORANGE,
            "lw": 1.4,
        }
        ax.text(x, y, words, ha="center", va="center", fontsize=10, bbox=box, zorder=3)
        for source in above[node]:
            ax.annotate(
                "",
                (x, y + 0.2),
                place[source],
                arrowprops={"arrowstyle": "-|>", "color": "0.4", "shrinkA": 10, "shrinkB": 2},
            )
    ax.set(
        xlim=(min(x for x, _ in place.values()) - 0.7, max(x for x, _ in place.values()) + 0.7),
        ylim=(-0.5, max(level.values()) + 0.5),
    )
    ax.axis("off")
    return fig


def gradient_depth(depths: list[int], norms: dict[str, np.ndarray]) -> Figure:
    """How long the gradient of z in the first layer is, over that in the last, by depth: medians of (depths,
    draws), 10 to 90 % as a band."""
    fig, ax = plt.subplots(figsize=(5.4, 3.4))
    for (label, values), colour, style, mark in zip(norms.items(), PALETTE, LINES, "os^D"):
        low, mid, high = np.quantile(values, [0.1, 0.5, 0.9], axis=1)
        ax.fill_between(depths, low, high, color=colour, alpha=0.2, lw=0)
        ax.plot(depths, mid, color=colour, ls=style, lw=1.8, marker=mark, ms=5, label=label)
    ax.set(yscale="log", xlabel="layers", ylabel="blame, first over last layer (log scale)", xticks=depths)
    _legend(fig, ax)
    return fig


_TARGETS = {
    "hard labels": (BLUE, "-", "o"),
    "smoothed, 0.02": (SKY, "--", "v"),
    "smoothed, 0.1": (ORANGE, "-.", "s"),
    "mixup": (GREEN, ":", "D"),
    "dropout": (SKY, "--", "v"),
    "both": (RED, "-.", "s"),
}  # one look each in the figures on soft targets


def _merged(record: Record, bins: int) -> np.ndarray:
    """(3, bins): images, sum of confidences and right answers in each bin, from the finer histogram of a
    record."""
    history = record.history["learners"][0]
    fine = np.array([history[f"bin_{name}"] for name in ("count", "confidence", "correct")])
    if fine.shape[1] % bins:
        raise LabError(f"bins must divide {fine.shape[1]}, got {bins}")
    return fine.reshape(3, bins, -1).sum(2)


def binned_ece(record: Record, bins: int = 15) -> float:
    """Expected calibration error of a record's test images in another number of bins, a divisor of 60."""
    count, confidence, correct = _merged(record, bins)
    return float(np.abs(confidence - correct).sum() / count.sum())


def reliability_bins(runs: dict[str, list[Record]], bins: int = 15) -> Figure:
    """Share right over confidence, in bins of equal width, and below how many images each bin holds; seeds
    together, a column a run."""
    fig, axes = plt.subplots(
        2,
        len(runs),
        figsize=(5.6, 3.6),
        sharex=True,
        sharey="row",
        squeeze=False,
        gridspec_kw={"height_ratios": (2.4, 1)},
    )
    edges = np.linspace(0, 1, bins + 1)
    for (upper, lower), (label, records) in zip(axes.T, runs.items()):
        colour, style, mark = _TARGETS[label]
        count, confidence, correct = sum(_merged(r, bins) for r in records)
        held = count > 0
        upper.plot([0, 1], [0, 1], color="0.35", ls=":", lw=1.3)
        upper.plot(
            confidence[held] / count[held],
            correct[held] / count[held],
            mark,
            color=colour,
            ls=style,
            lw=1.5,
            ms=5,
        )
        lower.bar(
            edges[:-1], count / count.sum(), 1 / bins, align="edge", color=colour, edgecolor="white", lw=0.5
        )
        upper.set_title(label, fontsize=10)
        lower.set(
            xlabel="confidence", xlim=(0, 1), xticks=(0, 0.5, 1), xticklabels=("0", "0.5", "1"), ylim=(0, 1)
        )
    axes[0, 0].set(ylabel="share right", ylim=(0, 1.03))
    axes[1, 0].set_ylabel("images")
    axes[1, 0].yaxis.set_major_formatter(lambda value, _: f"{value:.0%}")
    _foot(fig, [r for records in runs.values() for r in records])
    return fig


def ece_over_bins(
    runs: dict[str, list[Record]], bins: tuple[int, ...] = (2, 5, 10, 15, 20, 30, 60)
) -> Figure:
    """The same answers, the same error, another number of bins: ECE over the number of bins, mean over seeds
    with the range as a band."""
    fig, ax = plt.subplots(figsize=(5.2, 3.2))
    for label, records in runs.items():
        colour, style, mark = _TARGETS[label]
        values = np.array([[binned_ece(r, b) for r in records] for b in bins])
        ax.plot(bins, values.mean(1), color=colour, ls=style, marker=mark, ms=6, lw=2, label=label)
        ax.fill_between(bins, values.min(1), values.max(1), color=colour, alpha=0.13, lw=0)
    ax.set(xscale="log", xlabel="number of bins", ylabel="ECE on the test images", ylim=(0, None))
    ax.set_xticks(bins, [str(b) for b in bins])
    ax.minorticks_off()
    _legend(fig, ax)
    _foot(fig, [r for records in runs.values() for r in records])
    return fig


def temperature_dots(runs: dict[str, list[Record]], metrics: tuple[str, ...] = ("ece", "nll")) -> Figure:
    """Calibration before and after temperature scaling, a panel a metric (`x` and `x_scaled` of a record),
    with 95 % intervals."""
    names = {"ece": "expected calibration error", "nll": "cross-entropy (nats)"}
    fig, axes = plt.subplots(
        1, len(metrics), figsize=(5.6, 1.4 + 0.45 * len(runs)), sharey=True, squeeze=False
    )
    for ax, metric in zip(axes.flat, metrics):
        for y, records in enumerate(reversed(runs.values())):
            for suffix, label, offset, colour, mark in (
                ("", "as trained", 0.13, ORANGE, "s"),
                ("_scaled", "after temperature scaling", -0.13, BLUE, "o"),
            ):
                est = estimate(r.metric(metric + suffix) for r in records)
                ax.errorbar(
                    est.mean,
                    y + offset,
                    xerr=est.half,
                    fmt=mark,
                    color=colour,
                    ms=6,
                    capsize=3,
                    label=_once(ax, label),
                )
        ax.set(
            yticks=range(len(runs)),
            yticklabels=list(reversed(runs)),
            ylim=(-0.6, len(runs) - 0.4),
            xlabel=names[metric],
        )
        ax.set_xlim(left=0)
        ax.grid(axis="y", visible=False)
    handles, labels = axes[0, 0].get_legend_handles_labels()
    fig.legend(handles, labels, loc="outside upper center", ncols=2, fontsize=9)
    _foot(fig, [r for records in runs.values() for r in records])
    return fig


def erased_dots(runs: dict[str, list[Record]]) -> Figure:
    """What is left of the differences between images of one class, in features and in logits, with 95 %
    intervals."""
    panels = {
        "tightness": "variance within classes\n(share of all, features)",
        "resemblance": "spread of the other logits\n(share of the lead)",
    }
    fig, axes = plt.subplots(1, 2, figsize=(5.6, 1.5 + 0.35 * len(runs)), sharey=True)
    for ax, (metric, name) in zip(axes, panels.items()):
        for y, (label, records) in enumerate(reversed(runs.items())):
            colour, _, mark = _TARGETS[label]
            est = estimate(r.metric(metric) for r in records)
            ax.errorbar(est.mean, y, xerr=est.half, fmt=mark, color=colour, ms=7, capsize=3)
        ax.set(
            yticks=range(len(runs)),
            yticklabels=list(reversed(runs)),
            ylim=(-0.6, len(runs) - 0.4),
            xlabel=name,
        )
        ax.set_xlim(left=0)
        ax.grid(axis="y", visible=False)
    _foot(fig, [r for records in runs.values() for r in records])
    return fig


def mixed_images(images: np.ndarray, targets: np.ndarray, shares: list[float]) -> Figure:
    """A row of mixed images, and under each what it is to be called.

    Args:
        images: (M, H, W) array or tensor, grey, any range.
        targets: (M, K) target probabilities.
        shares: M values of lambda, for the titles.
    """
    images, targets = np.asarray(images), np.asarray(targets)
    fig, axes = plt.subplots(
        2, len(images), figsize=(5.6, 2.7), sharey="row", gridspec_kw={"height_ratios": (1, 0.8)}
    )
    for (upper, lower), image, target, share in zip(axes.T, images, targets, shares):
        upper.imshow(image, cmap="gray", vmin=images.min(), vmax=images.max())
        upper.set(xticks=(), yticks=())
        upper.set_title(rf"$\lambda$ = {share:g}", fontsize=10)
        upper.grid(visible=False)
        lower.bar(range(len(target)), target, color=BLUE)
        lower.set(ylim=(0, 1.05), xticks=(0, len(target) - 1), xlabel="class")
        lower.grid(axis="x", visible=False)
    axes[1, 0].set_ylabel("target")
    return fig


def certainty_maps(models: dict, points: torch.Tensor, labels: torch.Tensor, reach: float = 2.6) -> Figure:
    """Probability of class 1 over a plane, a panel a model, with the training points; the black line is where
    it is one half.

    Args:
        models: title -> callable from (N, 2) to (N, 2) logits.
        points: (N, 2); labels: (N,), in {0, 1}.
        reach: the plane is drawn from -reach to reach.
    """
    line = torch.linspace(-reach, reach, 120)
    plane = torch.cartesian_prod(line, line)
    fig, axes = plt.subplots(1, len(models), figsize=(5.6, 3.3), sharey=True, squeeze=False)
    for ax, (title, model) in zip(axes.flat, models.items()):
        with torch.inference_mode():
            p = model(plane).softmax(1)[:, 1].view(120, 120).T
        shade = ax.contourf(line, line, p, levels=np.linspace(0, 1, 11), cmap="PuOr")
        ax.contour(line, line, p, levels=[0.5], colors="black", linewidths=1.4)
        for k, (colour, mark) in enumerate(((ORANGE, "o"), (BLUE, "^"))):
            ax.plot(*points[labels == k].T, mark, color=colour, ms=5, mec="black", mew=0.7)
        ax.set_title(title, fontsize=10)
        ax.set(aspect="equal", xlabel="$x_1$")
        ax.grid(visible=False)
    axes[0, 0].set_ylabel("$x_2$")
    fig.colorbar(
        shade,
        ax=axes,
        orientation="horizontal",
        shrink=0.6,
        label="probability of the triangles",
        ticks=(0, 0.5, 1),
    )
    return fig


def memorisation(runs: dict[str, list[Record]], chance: float = 0.1) -> Figure:
    """Over epochs: wrong training labels answered as given, and true answers on test images; mean over seeds,
    the range as a band."""
    fig, axes = plt.subplots(2, 1, figsize=(5.4, 4.8), sharex=True)
    for ax, curve in zip(axes, ("memorised", "test_accuracy")):
        for label, records in runs.items():
            colour, style, _ = _TARGETS[label]
            values = np.array([r.history["learners"][0][curve] for r in records])
            epochs = np.arange(1, values.shape[1] + 1)
            ax.plot(epochs, values.mean(0), color=colour, ls=style, lw=2, label=label)
            ax.fill_between(epochs, values.min(0), values.max(0), color=colour, alpha=0.13, lw=0)
        ax.axhline(chance, color="0.35", ls=":", lw=1)
        ax.set_ylim(0, 1.02)
    axes[0].set_ylabel("wrong labels\nlearned by heart")
    axes[1].set(ylabel="test accuracy", xlabel="epoch")
    axes[1].xaxis.get_major_locator().set_params(integer=True)
    _legend(fig, axes[0])
    _foot(fig, [r for records in runs.values() for r in records])
    return fig


def mixup_games(real: torch.Tensor, found: dict[str, tuple[torch.Tensor, torch.Tensor]]) -> Figure:
    """Where the generator of each game ends: real points, made points, and the way of their mean.

    Args:
        real: (N, 2).
        found: label -> (points made at the end (N, 2), mean of the points at each step (S, 2)).
    """
    fig, ax = plt.subplots(figsize=(5.2, 3.2))
    ax.plot(*real.T, "o", color="0.65", ms=4, label="real")
    for (label, (made, way)), colour, mark in zip(found.items(), (BLUE, RED), "^s"):
        ax.plot(*made.T, mark, color=colour, ms=4, alpha=0.6, mew=0, label=label)
        ax.plot(*way.T, color=colour, lw=1.4, ls="-" if mark == "^" else "--")
        ax.plot(*way[0], "X", color="black", ms=9)
    ax.axhline(0, color="0.3", lw=0.7)
    ax.axvline(0, color="0.3", lw=0.7)
    ax.set(xlabel="$x_1$", ylabel="$x_2$", aspect="equal")
    _legend(fig, ax)
    return fig


def norm_traces(records: list[Record]) -> Figure:
    """What the lesson on norms saw along the training, a panel a measure: mean over seeds by row, lowest to
    highest as a band."""
    panels = {
        "loss_range": "range of the loss",
        "gradient_change_relative": "change of the gradient,\nover its length",
        "shift": "covariate shift",
    }
    fig, axes = plt.subplots(len(panels), 1, figsize=(5.4, 6.6), sharex=True)
    for ((_, key, _), found), colour, style in zip(group(records).items(), PALETTE, LINES):
        label = next(row.label for row in load(found[0].experiment).rows if row.key == key)
        seen = [r.history["learners"][0]["probes"] for r in found]
        for ax, name in zip(axes, panels):
            values = np.array([probes[name] for probes in seen])
            ax.fill_between(seen[0]["step"], values.min(0), values.max(0), color=colour, alpha=0.2, lw=0)
            ax.plot(seen[0]["step"], values.mean(0), color=colour, ls=style, lw=1.8, label=_once(ax, label))
    for ax, words in zip(axes, panels.values()):
        ax.set(ylabel=words, yscale="log")
    axes[-1].set_xlabel("step")
    handles, labels = axes[0].get_legend_handles_labels()
    fig.legend(handles, labels, loc="outside upper center", ncols=3, fontsize=9)
    return fig


def semi_regions(x: torch.Tensor, y: torch.Tensor, keep: torch.Tensor, played: dict[str, tuple]) -> Figure:
    """What classifiers of the plane say, a panel each, with the labelled points and the fakes they saw last.

    Args:
        x: (N, 2) points; y: (N,) classes 0 and 1; keep: positions of the labelled.
        played: label -> (classifier, fakes (M, 2) or None).
    """
    fig, axes = plt.subplots(2, 2, figsize=(5.5, 5.2), sharex=True, sharey=True)
    side = torch.linspace(-1.3, 1.3, 120)
    grid = torch.stack(torch.meshgrid(side, side, indexing="xy"), -1).reshape(-1, 2)
    for ax, (label, (net, made)) in zip(axes.flat, played.items(), strict=True):
        with torch.no_grad():
            said = net(grid).softmax(1)[:, 1].view(120, 120).numpy()
        ax.contourf(side, side, said, [0, 0.5, 1], colors=[SKY, ORANGE], alpha=0.35)
        ax.plot(*x.T, ".", color="0.45", ms=2)
        if made is not None:
            ax.plot(*made.detach().T, "x", color="black", ms=3.5, mew=0.8)
        for kind, mark, colour in ((0, "o", BLUE), (1, "s", RED)):
            mine = keep[y[keep] == kind]
            ax.plot(*x[mine].T, mark, color=colour, mec="white", ms=9)
        ax.set_title(label, fontsize=10)
        ax.set(xlim=(-1.3, 1.3), ylim=(-1.3, 1.3), aspect="equal", xticks=(-1, 0, 1), yticks=(-1, 0, 1))
        ax.grid(visible=False)
    fig.supxlabel("$x_1$", fontsize=10)
    fig.supylabel("$x_2$", fontsize=10)
    return fig


def few_labels(records: list[Record]) -> Figure:
    """Accuracy over the number of labels by method, mean over seeds with 95 % intervals: committed evidence
    filled, these records hollow."""
    fig, ax = plt.subplots(figsize=(5.5, 3.8))
    names = {
        "supervised": "supervised",
        "ssgan": "semi-supervised GAN",
        "matching": "feature matching",
        "entropy": "entropy minimised",
    }
    there = on_file("lectures-few-labels")
    for shift, (method, label), colour, style, mark in zip(
        (0.94, 0.98, 1.02, 1.06), names.items(), PALETTE, LINES, "os^D"
    ):
        mine = {
            key: found
            for (_, key, _), found in group(records).items()
            if found[0].spec.lesson.method == method
        }
        for source, filled in ((there, True), (mine, False)):
            found = {
                r[0].spec.lesson.labels: estimate(x.metric() for x in r)
                for r in source.values()
                if r[0].spec.lesson.method == method
            }
            if not found or (
                not filled
                and {r.id for k in mine for r in there.get(k, [])} == {r.id for r in records if r.key in mine}
            ):
                continue
            at = [n * shift for n in sorted(found)]
            ests = [found[n] for n in sorted(found)]
            ax.errorbar(
                at,
                [e.mean for e in ests],
                [e.half or 0 for e in ests],
                color=colour,
                ls=style if filled or not there else "none",
                marker=mark,
                ms=6,
                capsize=3,
                lw=1.5,
                mfc=colour if filled else "white",
                label=_once(ax, label),
            )
    ax.set(xscale="log", xlabel="labels (log scale)", ylabel="test accuracy", ylim=(None, 1))
    ax.set_xticks((10, 20, 50, 100), labels=("10", "20", "50", "100"))
    ax.minorticks_off()
    _legend(fig, ax)
    return fig


def first_filters(nets: dict[str, torch.nn.Module]) -> Figure:
    """The filters of the first convolution of each network, a row a network, as small colour images; grey is
    zero.

    Each filter is stretched by its own largest weight.
    """
    weights = {
        name: next(m for m in net.modules() if isinstance(m, torch.nn.Conv2d)).weight.detach().cpu()
        for name, net in nets.items()
    }
    count = min(16, *(len(w) for w in weights.values()))
    fig, axes = plt.subplots(2 * len(nets), -(-count // 2), figsize=(5.4, 1.6 * len(nets)), squeeze=False)
    for ax in axes.flat:
        ax.axis("off")
    for pair, (name, w) in zip(np.split(axes, len(nets)), weights.items(), strict=True):
        for ax, kernel in zip(pair.flat, w[:count]):
            ax.imshow((0.5 + 0.5 * kernel / kernel.abs().max()).permute(1, 2, 0).numpy())
        pair[0, 0].set_title(name, fontsize=9, loc="left")
    return fig


def block_views(net: torch.nn.Module, shown: dict[str, tuple[np.ndarray, torch.Tensor]]) -> Figure:
    """What comes out of each block for one image a row: root mean square over the channels, brighter is more.

    Args:
        net: has `blocks`.
        shown: label -> the image (H, W, 3) as it looks, and as the network is given it, (1, C, H, W).
    """
    fig, axes = plt.subplots(
        len(shown), len(net.blocks) + 1, figsize=(5.6, 0.4 + 1.15 * len(shown)), squeeze=False
    )
    for row, (label, (image, x)) in zip(axes, shown.items()):
        row[0].imshow(image)
        row[0].set_ylabel(label, fontsize=9)
        for ax, block in zip(row[1:], net.blocks, strict=True):
            with torch.no_grad():
                x = block(x)
            ax.imshow(x[0].square().mean(0).sqrt().cpu().numpy(), cmap="magma")
    for ax, title in zip(axes[0], ["image", *(f"block {k + 1}" for k in range(len(net.blocks)))]):
        ax.set_title(title, fontsize=9)
    for ax in axes.flat:
        ax.set(xticks=[], yticks=[])
        ax.grid(visible=False)
    return fig


def thaw_dots(sizes: dict[str, dict[str, list[Record]]], chance: float = 0.1, foot: str = "") -> Figure:
    """Test accuracy by how much was thawed, a mark a size of the target: mean over seeds with 95 % intervals;
    size -> way -> records."""
    ways = list(dict.fromkeys(way for found in sizes.values() for way in found))
    fig, ax = plt.subplots(figsize=(5.4, 1.2 + 0.5 * len(ways)))
    ax.axvline(chance, color="0.4", ls=":", lw=1.2)
    ax.annotate(
        "chance",
        (chance, len(ways) - 0.55),
        xytext=(3, 0),
        textcoords="offset points",
        fontsize=8,
        color="0.35",
    )
    for i, ((size, found), colour, mark) in enumerate(zip(sizes.items(), (ORANGE, BLUE, GREEN), "sod")):
        for way, records in found.items():
            said, y = (
                estimate(r.metric() for r in records),
                len(ways) - 1 - ways.index(way) + 0.2 * ((len(sizes) - 1) / 2 - i),
            )
            ax.errorbar(
                said.mean,
                y,
                xerr=said.half or 0,
                fmt=mark,
                color=colour,
                ms=6,
                capsize=3,
                label=_once(ax, size),
            )
    ax.set(
        yticks=range(len(ways)),
        yticklabels=list(reversed(ways)),
        ylim=(-0.6, len(ways) - 0.3),
        xlim=(0, 1),
        xlabel="accuracy on the target (fraction of test images)",
    )
    ax.grid(axis="y", visible=False)
    _legend(fig, ax)
    fig.supxlabel(foot, x=0.01, ha="left", fontsize=8, color="0.35")
    return fig


def thaw_memory(found: dict[str, list[Record]], foot: str = "") -> Figure:
    """Accuracy on the old task over accuracy on the new one, a mark a way to thaw, with 95 % intervals on
    both; way -> records.

    Filled: with the head the old task had. Hollow: with a head fitted anew.
    """
    fig, ax = plt.subplots(figsize=(5.4, 3.8))
    for (way, records), colour, mark in zip(found.items(), (BLUE, ORANGE, GREEN, RED), "osD^"):
        new = estimate(r.metric() for r in records)
        for metric, fill in (("old", colour), ("old_again", "white")):
            old = estimate(r.metric(metric) for r in records)
            ax.errorbar(
                new.mean,
                old.mean,
                xerr=new.half or 0,
                yerr=old.half or 0,
                fmt=mark,
                color=colour,
                mfc=fill,
                ms=8,
                capsize=3,
                elinewidth=1,
                label=way if metric == "old" else None,
            )
    ax.set(xlabel="accuracy on the target", ylabel="accuracy on the lender's task")
    _legend(fig, ax)
    fig.supxlabel(foot, x=0.01, ha="left", fontsize=8, color="0.35")
    return fig


def block_probes(panels: dict[str, dict[str, list[Record]]], foot: str = "") -> Figure:
    """Balanced accuracy of a linear classifier behind each block, a panel a target: mean over seeds with 95 %
    intervals.

    Args:
        panels: target -> lender -> records with the measures `probe_0`, `probe_1`, ...
        foot: what stands behind the numbers.
    """
    fig, axes = plt.subplots(1, len(panels), figsize=(5.6, 3.4), squeeze=False)
    for ax, (target, lenders) in zip(axes.flat, panels.items()):
        for i, ((lender, records), colour, style, mark) in enumerate(
            zip(lenders.items(), (BLUE, ORANGE), LINES, "os")
        ):
            depth = [k for k in range(100) if f"probe_{k}" in records[0].metrics["last"]]
            said = [estimate(r.metric(f"probe_{k}") for r in records) for k in depth]
            ax.errorbar(
                [k + 0.12 * i for k in depth],
                [e.mean for e in said],
                yerr=[e.half or 0 for e in said],
                color=colour,
                ls=style,
                marker=mark,
                ms=5,
                capsize=3,
                lw=1.6,
                label=lender,
            )
        ax.set(xlabel="block", xticks=depth, ylim=(0, None))
        ax.set_title(target, fontsize=10)
    axes[0, 0].set_ylabel("balanced accuracy")
    _legend(fig, axes[0, 0])
    fig.supxlabel(foot, x=0.01, ha="left", fontsize=8, color="0.35")
    return fig


FIGURES = {
    "first-filters": first_filters,
    "block-views": block_views,
    "thaw-dots": thaw_dots,
    "thaw-memory": thaw_memory,
    "block-probes": block_probes,
    "semi-regions": semi_regions,
    "few-labels": few_labels,
    "norm-traces": norm_traces,
    "difference-errors": difference_errors,
    "autograd-graph": autograd_graph,
    "gradient-depth": gradient_depth,
    "descent-bound": descent_bound,
    "batch-variance": batch_variance,
    "noise-floor": noise_floor,
    "trajectories": trajectories,
    "optimizer-curves": optimizer_curves,
    "optimizer-gaps": optimizer_gaps,
    "untuned": untuned,
    "recht-scatter": recht_scatter,
    "recht-drops": recht_drops,
    "recht-ranks": recht_ranks,
    "roc-pr": roc_pr,
    "reliability": reliability,
    "cost-curves": cost_curves,
    "prevalence-curves": prevalence_curves,
    "two-tests": two_tests,
    "reliability-bins": reliability_bins,
    "ece-bins": ece_over_bins,
    "temperature-dots": temperature_dots,
    "erased-dots": erased_dots,
    "mixed-images": mixed_images,
    "certainty-maps": certainty_maps,
    "memorisation": memorisation,
    "mixup-games": mixup_games,
}
