"""Figures on soft targets: calibration, smoothing, mixup."""

import matplotlib.pyplot as plt
import numpy as np
import torch
from matplotlib.figure import Figure

from lt_lib.errors import LabError
from lt_lib.lab.figures import figure
from lt_lib.lab.figures.evidence import sources
from lt_lib.lab.figures.style import BLUE, GREEN, ORANGE, RED, SKY, footnote, legend, once
from lt_lib.lab.read.estimates import estimate
from lt_lib.lab.record.records import Record

_TARGETS = {  # training -> its look in all figures
    "hard labels": (BLUE, "-", "o"),
    "smoothed, 0.02": (SKY, "--", "v"),
    "smoothed, 0.1": (ORANGE, "-.", "s"),
    "mixup": (GREEN, ":", "D"),
    "dropout": (SKY, "--", "v"),
    "both": (RED, "-.", "s"),
}


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


@figure("reliability-bins")
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
    footnote(fig, sources(runs))
    return fig


@figure("ece-bins")
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
    legend(fig, ax)
    footnote(fig, sources(runs))
    return fig


@figure("temperature-dots")
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
                    label=once(ax, label),
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
    footnote(fig, sources(runs))
    return fig


@figure("erased-dots")
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
    footnote(fig, sources(runs))
    return fig


@figure("mixed-images")
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


@figure("certainty-maps")
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


@figure("memorisation")
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
    legend(fig, axes[0])
    footnote(fig, sources(runs))
    return fig


@figure("mixup-games")
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
    legend(fig, ax)
    return fig
