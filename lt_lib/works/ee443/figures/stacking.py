"""Figures on stacking and the results table."""

import matplotlib.pyplot as plt
import torch
from matplotlib.figure import Figure

from lt_lib.lab.figures import figure
from lt_lib.lab.figures.evidence import evidence_index, sources, stronger_evidence
from lt_lib.lab.figures.marks import accuracy_mark, published_mark
from lt_lib.lab.figures.style import BLUE, GREEN, ORANGE, footnote, legend, once
from lt_lib.lab.read.estimates import estimate
from lt_lib.lab.read.evidence import group
from lt_lib.lab.read.published import published_value
from lt_lib.lab.record.records import Record
from lt_lib.lab.record.spec import load
from lt_lib.works.ee443.figures.long_tail import RATIOS

METHODS = {  # first part of the row keys -> label
    "baseline": "baseline",
    "balancing": "balancing",
    "weighted": "weighted loss",
    "bagging": "bagging + WL",
    "stacking": "stacking",
    "stacking-weighted": "stacking + WL",
}


@figure("ee443-results")
def results_dots(records: list[Record]) -> Figure:
    """The results table as a picture: every method at every ratio, published, this run, and committed
    evidence."""
    experiment, index, shown = load("ee443-results"), evidence_index(), []
    fig, axes = plt.subplots(3, 1, figsize=(5.6, 7), sharex=True)
    for ax, ratio in zip(axes, RATIOS[1:]):
        for y, method in enumerate(reversed(METHODS)):
            row = next(r for r in experiment.rows if r.key == f"{method}-{ratio:g}")
            ours = [r for r in records if r.key == row.key and r.variant == "as-released"]
            filed = stronger_evidence(ours, index, experiment)
            published_mark(ax, published_value(experiment, row), y)
            accuracy_mark(ax, filed, y - 0.22, GREEN, "s")
            accuracy_mark(ax, ours, y, BLUE)
            shown += ours + filed
        ax.set_title(f"ratio {ratio:g}", loc="left", fontsize=10)
        ax.set(
            yticks=range(len(METHODS)),
            yticklabels=list(reversed(METHODS.values())),
            ylim=(-0.6, len(METHODS) - 0.4),
        )
        ax.grid(axis="y", visible=False)
    axes[-1].set_xlabel("test accuracy")
    legend(fig, axes[0])
    footnote(fig, sources(shown))
    return fig


@figure("ee443-bars")
def result_bars(records: list[Record]) -> Figure:
    """The report's bar chart: full baseline behind, stacking with weighted loss in the middle, imbalanced
    baseline in front."""
    experiment, index = load("ee443-results"), evidence_index()
    own, filed, drawn = {}, {}, []
    printed = {row.key: published_value(experiment, row) for row in experiment.rows}
    for (_, key, _), found in group(
        [r for r in records if (r.experiment, r.variant) == ("ee443-results", "as-released")]
    ).items():
        own[key] = found
        filed[key] = stronger_evidence(found, index, experiment)
    panels = [
        ("published", printed),
        ("committed evidence", {k: v for k, v in filed.items() if v}),
        ("this run", own),
    ]
    panels = [(title, values) for title, values in panels if values]
    fig, (axes,) = plt.subplots(1, len(panels), figsize=(5.6, 3.8), sharey=True, squeeze=False)
    bars = (
        ("baseline-full", 0.84, "0.85", "baseline, full data"),
        ("stacking-weighted", 0.6, BLUE, "stacking + weighted loss"),
        ("baseline", 0.34, ORANGE, "baseline on the tail"),
    )
    for ax, (title, values) in zip(axes, panels):
        for x, ratio in enumerate(RATIOS[1:]):
            for key, width, colour, label in bars:
                value = values.get(key if key.endswith("full") else f"{key}-{ratio:g}")
                if value:
                    height = value
                    if isinstance(value, list):
                        height = estimate(r.metric() for r in value).mean
                        drawn += value
                    ax.bar(x, height, color=colour, width=width, label=once(ax, label))
        ax.set(
            xticks=range(3),
            xticklabels=[f"{r:g}" for r in RATIOS[1:]],
            xlabel="imbalance ratio",
            axisbelow=True,
        )
        ax.set_title(title, fontsize=10)
        ax.grid(axis="x", visible=False)
    axes[0].set_ylabel("test accuracy")
    legend(fig, axes[0])
    footnote(fig, sources(drawn))
    return fig


@figure("decision-regions")
def decision_regions(models: dict, points, labels, reach: float = 2.5) -> Figure:
    """Where each model answers which class, on a plane, with the points and the share of them answered
    correctly.

    Args:
        models: label -> callable from (N, 2) to (N, K) scores.
        points: (N, 2).
        labels: (N,), in [0, 3).
        reach: the plane is drawn from -reach to reach.
    """
    line = torch.linspace(-reach, reach, 200)
    plane = torch.cartesian_prod(line, line)
    fig, axes = plt.subplots(
        -(-len(models) // 2), 2, figsize=(5.4, 2.8 * -(-len(models) // 2)), sharex=True, sharey=True
    )
    for ax, (label, model) in zip(axes.flat, models.items()):
        with torch.inference_mode():
            regions, right = model(plane).argmax(1), model(points).argmax(1) == labels
        ax.contourf(
            line,
            line,
            regions.view(200, 200).T,
            levels=(-0.5, 0.5, 1.5, 2.5),
            colors=(BLUE, ORANGE, GREEN),
            alpha=0.35,
        )
        for k, (colour, mark) in enumerate(zip((BLUE, ORANGE, GREEN), "os^")):
            ax.plot(*points[labels == k].T, mark, color=colour, ms=3, mec="0.25", mew=0.3)
        ax.set_title(f"{label}: {right.float().mean():.2f} right", fontsize=10)
        ax.set(aspect="equal", xticks=(), yticks=())
    return fig
