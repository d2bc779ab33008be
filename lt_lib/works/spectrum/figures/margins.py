"""Figures on margins, sampling, cyclic rates and averaged weights."""

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from lt_lib.lab.figures import figure
from lt_lib.lab.figures.evidence import evidence_index, sources, stronger_evidence
from lt_lib.lab.figures.style import BLUE, GREEN, ORANGE, RED, SKY, footnote, legend, once
from lt_lib.lab.read.estimates import estimate
from lt_lib.lab.read.evidence import made_now
from lt_lib.lab.read.published import published_value
from lt_lib.lab.read.verdicts import as_published
from lt_lib.lab.record.records import Record
from lt_lib.lab.record.spec import load
from lt_lib.losses import ldam_margins
from lt_lib.schedules import drw_weights, triangular_lr
from lt_lib.works.spectrum.figures.tiles import COWS


@figure("rates")
def rates(epochs: int = 40, start: int = 10, every: int = 5) -> Figure:
    """Learning rate by epoch as the drought code means it and as it runs, with the epochs whose weights are
    averaged."""

    def rate(epoch: int) -> float:
        return triangular_lr(epoch, 2, 1e-5, 1e-4)

    fig, ax = plt.subplots(figsize=(5.5, 3.1))
    ax.plot(
        range(1, epochs + 1), [1e5 * rate(e) for e in range(epochs)], color=BLUE, lw=1.6, label="as meant"
    )
    ax.axhline(1e5 * rate(0), color=ORANGE, ls="--", lw=2, label="as released")
    marked = [e for e in range(start + 1, epochs + 1) if e % every == 0]
    ax.plot(
        marked,
        [1e5 * rate(e - 1) for e in marked],
        "D",
        color=GREEN,
        ms=7,
        label="weights averaged, as meant",
    )
    ax.plot([epochs], [1e5 * rate(0)], "s", color=RED, ms=7, label="weights averaged, as released")
    ax.set(xlabel="epoch", ylabel="learning rate (1e-5)", ylim=(0, 13))
    handles, labels = ax.get_legend_handles_labels()
    fig.legend(handles, labels, loc="outside upper center", ncols=2, fontsize=9)
    return fig


@figure("margins")
def margins(counts: list[int], betas: tuple[float, ...] = (0.99, 0.9999, 0.99999)) -> Figure:
    """Left: the margin each class is granted; right: its weight after the switch, under several betas."""
    fig, (left, right) = plt.subplots(1, 2, figsize=(5.6, 2.9))
    x = np.arange(len(counts))
    left.bar(x, ldam_margins(counts).numpy(), color=BLUE, width=0.6)
    left.set(ylabel="margin", xticks=x, xticklabels=COWS[: len(counts)])
    width = 0.8 / len(betas)
    for i, (beta, colour, hatch) in enumerate(zip(betas, (SKY, ORANGE, GREEN), (None, "///", "..."))):
        right.bar(
            x + (i - (len(betas) - 1) / 2) * width,
            drw_weights(counts, 1, 1, (0.0, beta)).numpy(),
            width,
            color=colour,
            hatch=hatch,
            edgecolor="white",
            lw=0,
            label=f"beta {beta:g}",
        )
    right.set(ylabel="weight in the loss", xticks=x, xticklabels=COWS[: len(counts)])
    for ax in (left, right):
        ax.tick_params("x", labelsize=8, rotation=30)
        ax.grid(axis="x", visible=False)
        ax.set_axisbelow(True)
    legend(fig, right)
    return fig


@figure("borders")
def borders(points, labels, found: dict[str, float], unseen=None) -> Figure:
    """Two classes by direction on a half plane, and borders between them as rays from the origin.

    Args:
        points: (N, 2), of which the direction counts.
        labels: (N,), 0 for the frequent class, 1 for the rare one.
        found: label of a border -> its angle in degrees from the x axis.
        unseen: (M, 2) further points of the rare class, not trained on.
    """
    fig, ax = plt.subplots(figsize=(5.4, 3.5))
    if unseen is not None:
        ax.plot(*np.asarray(unseen).T, ".", color=ORANGE, ms=6, alpha=0.4, mew=0, label="rare class, unseen")
    for k, mark, size, colour, name in (
        (0, "o", 3, BLUE, "frequent class"),
        (1, "^", 7, ORANGE, "rare class"),
    ):
        ax.plot(
            *np.asarray(points[labels == k]).T,
            mark,
            color=colour,
            ms=size,
            mec="0.2" if k else colour,
            mew=0.6,
            label=name,
        )
    for (label, angle), colour, style in zip(found.items(), (RED, "0.25", GREEN), ((0, (1, 1)), "--", "-")):
        ax.plot(
            [0, 1.5 * np.cos(np.radians(angle))],
            [0, 1.5 * np.sin(np.radians(angle))],
            color=colour,
            ls=style,
            lw=2.2,
            label=label,
        )
    ax.set(aspect="equal", xlabel="feature 1", ylabel="feature 2", xlim=(-1.5, 1.5), ylim=(-0.1, 1.55))
    legend(fig, ax)
    return fig


@figure("descent")
def descent(path, snapshots, curvature: tuple[float, float]) -> Figure:
    """A noisy walk over a quadratic bowl with its minimum at the origin, the points taken from it, and their
    average.

    Args:
        path: (T, 2) weights after each step.
        snapshots: (M, 2) those that are averaged.
        curvature: of the bowl along both axes.
    """
    path, taken = np.asarray(path), np.asarray(snapshots)
    fig, ax = plt.subplots(figsize=(5.4, 3.6))
    x, y = (np.linspace(low - 0.3, high + 0.3, 120) for low, high in zip(path.min(0), path.max(0)))
    bowl = (curvature[0] * x[None] ** 2 + curvature[1] * y[:, None] ** 2) / 2
    ax.contour(x, y, bowl, levels=bowl.max() * np.linspace(0.05, 1, 7) ** 2, colors="0.8", linewidths=0.8)
    ax.plot(*path.T, color=SKY, lw=0.7, alpha=0.6, label="walk")
    ax.plot(*taken.T, "D", color=GREEN, ms=7, mec="0.2", mew=0.6, label="snapshots")
    ax.plot(*taken.mean(0), "*", color=RED, ms=15, mec="0.2", mew=0.6, zorder=4, label="their average")
    ax.plot(0, 0, "+", color="k", ms=13, mew=2, zorder=5, label="minimum")
    ax.set(xlabel="weight 1", ylabel="weight 2")
    ax.grid(visible=False)
    legend(fig, ax)
    return fig


@figure("spectrum-fig2b")
def plane_networks(records: list[Record]) -> Figure:
    """Fig 2b: accuracy against balanced accuracy for ResNet-50 and EfficientNet-B4, numbered as the rows of
    Table 1."""
    printed = {row.key: row.row.removeprefix("T1.") for row in load("spectrum-table1").rows}
    style = {
        key: (number, BLUE if key.startswith("r50") else ORANGE, "^" if "-gan-" in key else "o")
        for key, number in printed.items()
        if number != "0"  # the floor
    }
    fig = balanced_plane("spectrum-table1", records, style, [], numbered=True)
    keys = [
        Line2D([], [], ls="", marker=m, mec=c, mfc="white", mew=1.6, label=label)
        for label, c, m in (
            ("ResNet-50", BLUE, "o"),
            ("EfficientNet-B4", ORANGE, "o"),
            ("EfficientNet-B4, counterfeits", ORANGE, "^"),
        )
    ]
    fig.legend(
        handles=keys, loc="outside upper center", ncols=3, fontsize=9, handletextpad=0.4, columnspacing=1.2
    )
    return fig


def balanced_plane(
    name: str, records: list[Record], style: dict, arrows: list, numbered: bool = False
) -> Figure:
    """Accuracy and balanced accuracy of some rows in one plane, printed and on records.

    Args:
        name: the experiment.
        records: what `run` returned for it.
        style: row key -> label, colour and marker; other rows are left out.
        arrows: pairs of row keys, from and to.
        numbered: write the printed row number beside each.
    """
    experiment, index = load(name), evidence_index()
    rows = {row.key: row for row in experiment.rows if row.key in style}
    printed = {
        key: tuple(published_value(experiment, row, m) for m in ("accuracy", "balanced_accuracy"))
        for key, row in rows.items()
    }
    own = {
        key: [r for r in records if (r.key, r.variant) == (key, row.variants[0])] for key, row in rows.items()
    }
    filed = {key: stronger_evidence(found, index) for key, found in own.items()}
    panels = [("published", printed)]
    own = {key: made_now(found) for key, found in own.items()}
    for title, found in (("committed evidence", filed), ("this run", own)):
        points = {
            k: tuple(estimate(r.metric(m) for r in v) for m in ("accuracy", "balanced_accuracy"))
            for k, v in found.items()
            if v
        }
        panels += [(title, points)] if points else []
    fig, axes = plt.subplots(len(panels), 1, figsize=(5.5, 0.8 + 2.7 * len(panels)), squeeze=False)
    behind = {"committed evidence": filed, "this run": own}
    for ax, (title, points) in zip(axes.flat, panels):
        first = next((v[0] for v in behind.get(title, {}).values() if v), None)
        ax.set_title(
            title if first is None else f"{title}: {first.profile} + {first.data}", loc="left", fontsize=10
        )
        for key, (x, y) in points.items():
            label, colour, mark = style[key]
            at = (x, y) if first is None else (x.mean, y.mean)
            if first is not None:
                ax.errorbar(
                    *at, xerr=x.half, yerr=y.half, fmt="none", color=colour, lw=1, capsize=2, alpha=0.7
                )
            solid = first is None or as_published(behind[title][key])
            ax.plot(
                *at,
                mark,
                color=colour,
                ms=7,
                mew=1.6,
                mfc=colour if solid else "white",
                label=None if numbered else once(ax, label),
                zorder=4,
            )
            if numbered:
                ax.annotate(label, at, xytext=(5, 5), textcoords="offset points", fontsize=9)
        for start, end in arrows:
            if start in points and end in points:
                a, b = ([v if first is None else v.mean for v in points[key]] for key in (start, end))
                ax.annotate(
                    "",
                    b,
                    a,
                    arrowprops={"arrowstyle": "->", "color": "0.45", "lw": 1, "shrinkA": 5, "shrinkB": 5},
                )
        ax.set_ylabel("balanced accuracy")
    axes[-1, 0].set_xlabel("accuracy")
    if not numbered:
        legend(fig, axes[0, 0])
    footnote(fig, sources([r for found in (filed, own) for v in found.values() for r in v]))
    return fig
