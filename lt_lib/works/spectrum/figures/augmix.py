"""Figures on AugMix under imbalance."""

from dataclasses import replace

import matplotlib.pyplot as plt
import numpy as np
import torch
from matplotlib.figure import Figure

from lt_lib.augmix import AugMix
from lt_lib.lab.figures import figure
from lt_lib.lab.figures.evidence import evidence_index, sources, stronger_evidence
from lt_lib.lab.figures.style import BLUE, GREEN, ORANGE, PALETTE, RED, footnote, legend, once
from lt_lib.lab.read.estimates import Estimate, estimate
from lt_lib.lab.read.published import published_value
from lt_lib.lab.read.verdicts import as_published
from lt_lib.lab.record.records import Record
from lt_lib.lab.record.spec import load
from lt_lib.works.spectrum.figures.margins import balanced_plane
from lt_lib.works.spectrum.figures.tiles import AGRICULTURE, COWS

LOSSES = {"ce": ("CE", BLUE), "ldam": ("LDAM+DRW", ORANGE), "swa-clr-ldam": ("SWA+CLR+LDAM", GREEN)}


@figure("augmix-views")
def augmix_views(
    dataset, index: tuple[int, ...] = (0, 1, 2, 3), bands: tuple[int, int, int] = AGRICULTURE, seed: int = 0
) -> Figure:
    """A few tiles, their three chains of operations and the mixture that the network sees, a line a tile."""
    tiles = np.asarray(dataset.images("train")[list(index)])[..., [b - 1 for b in bands]]
    x = torch.from_numpy(tiles).permute(0, 3, 1, 2).float() / 255
    augment = AugMix()
    draws = augment.draw(len(x), torch.Generator().manual_seed(seed))
    alone = [
        replace(draws, m=torch.ones_like(draws.m), weights=row.expand_as(draws.weights))
        for row in torch.eye(augment.width)
    ]
    columns = {
        "tile": x,
        **{f"chain {i + 1}": augment.apply(x, one) for i, one in enumerate(alone)},
        "mixture": augment.apply(x, draws),
    }
    fig, axes = plt.subplots(len(index), len(columns), figsize=(5.4, 1.12 * len(index) + 0.2), squeeze=False)
    bounds = np.percentile(x.movedim(1, -1).reshape(-1, 3).numpy(), (2, 98), axis=0)
    for line, *shown in zip(axes, *columns.values()):
        for ax, tile in zip(line, shown):
            ax.imshow(
                np.clip((tile.movedim(0, -1).numpy() - bounds[0]) / (bounds[1] - bounds[0]), 0, 1),
                interpolation="nearest",
            )
            ax.axis("off")
    for ax, title in zip(axes[0], columns):
        ax.set_title(title, fontsize=9)
    return fig


@figure("operator-costs")
def operator_costs(found: dict[str, dict[str, Estimate]], foot: str = "") -> Figure:
    """What AugMix's operators cost a classifier in balanced accuracy, beside a line at zero.

    Args:
        found: operator -> {how the classifier was trained -> difference to plain images}, a line an operator.
        foot: what stands behind the numbers.
    """
    fig, ax = plt.subplots(figsize=(5.4, 1.5 + 0.36 * len(found)))
    ax.axvline(0, color="0.3", lw=1)
    ways = list(dict.fromkeys(way for line in found.values() for way in line))
    for i, (way, colour, mark) in enumerate(zip(ways, (BLUE, ORANGE, GREEN), "oDs")):
        y = [len(found) - 1 - j + 0.26 * ((len(ways) - 1) / 2 - i) for j in range(len(found))]
        line = [costs[way] for costs in found.values()]
        ax.errorbar(
            [e.mean for e in line],
            y,
            xerr=[e.half or 0 for e in line],
            fmt=mark,
            color=colour,
            ms=5.5,
            capsize=2.5,
            label=way,
        )
    ax.set(
        yticks=range(len(found)),
        yticklabels=list(reversed(found)),
        ylim=(-0.6, len(found) - 0.4),
        xlabel="difference in balanced accuracy",
    )
    ax.grid(axis="y", visible=False)
    legend(fig, ax)
    footnote(fig, foot)
    return fig


@figure("spectrum-fig2a")
def plane_augmix(records: list[Record]) -> Figure:
    """Fig 2a: accuracy against balanced accuracy for ResNet-18; arrows lead from a row to the same row with
    AugMix."""
    style = {}
    for loss, (name, colour) in LOSSES.items():
        style[f"r18-652-{loss}"] = (name, colour, "o")
        style[f"r18-652-augmix-{loss}"] = (f"{name}, AugMix", colour, "^")
    style["r18-ce"] = ("CE, all bands", RED, "s")
    arrows = [(f"r18-652-{loss}", f"r18-652-augmix-{loss}") for loss in LOSSES]
    return balanced_plane("spectrum-table2", records, style, arrows)


@figure("class-scores")
def class_scores(runs: dict[str, list[Record]], kinds: tuple[str, ...] = ("recall", "precision")) -> Figure:
    """Recall and precision of each class, one mark a row of a table: published diamonds, and the strongest of
    our records."""
    index = evidence_index()
    fig, axes = plt.subplots(
        len(kinds), 2, figsize=(5.6, 0.9 + 2.3 * len(kinds)), sharex=True, sharey=True, squeeze=False
    )
    shown = []
    for line, kind in zip(axes, kinds):
        for i, (label, own) in enumerate(runs.items()):
            colour, mark, shift = PALETTE[i], "osD^v"[i], (i - (len(runs) - 1) / 2) * 0.16
            experiment = load(own[0].experiment)
            row = next(r for r in experiment.rows if r.key == own[0].key)
            x = np.arange(len(COWS)) + shift
            line[0].plot(
                x,
                [published_value(experiment, row, f"{kind}.{k}") for k in range(len(COWS))],
                mark,
                color=colour,
                ms=6,
                label=once(line[0], label),
            )
            found = stronger_evidence(own, index) or own
            said = [estimate(r.metric(f"{kind}.{k}") for r in found) for k in range(len(COWS))]
            line[1].errorbar(
                x,
                [s.mean for s in said],
                yerr=[s.half or 0 for s in said],
                fmt=mark,
                color=colour,
                ms=6,
                capsize=2,
                mfc=colour if as_published(found) else "white",
                mew=1.4,
            )
            shown += found
        line[0].set_ylabel(kind)
    for ax, title in zip(axes[0], ("published", "ours, strongest record")):
        ax.set_title(title, fontsize=10)
    for ax in axes[-1]:
        ax.set_xticks(range(len(COWS)), (*"012", "3+"))
        ax.set_xlabel("cows")
    for ax in axes.flat:
        ax.set_ylim(-0.04, 1.04)
    legend(fig, axes[0, 0])
    footnote(fig, sources(shown))
    return fig
