"""Figures on pretrained networks and how much of them to train on."""

import matplotlib.pyplot as plt
import numpy as np
import torch
from matplotlib.figure import Figure

from lt_lib.lab.figures import figure
from lt_lib.lab.figures.style import BLUE, GREEN, LINES, ORANGE, RED, footnote, legend, once
from lt_lib.lab.read.estimates import estimate
from lt_lib.lab.record.records import Record


@figure("first-filters")
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


@figure("block-views")
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


@figure("thaw-dots")
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
                label=once(ax, size),
            )
    ax.set(
        yticks=range(len(ways)),
        yticklabels=list(reversed(ways)),
        ylim=(-0.6, len(ways) - 0.3),
        xlim=(0, 1),
        xlabel="accuracy on the target (fraction of test images)",
    )
    ax.grid(axis="y", visible=False)
    legend(fig, ax)
    footnote(fig, foot)
    return fig


@figure("thaw-memory")
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
    legend(fig, ax)
    footnote(fig, foot)
    return fig


@figure("block-probes")
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
    legend(fig, axes[0, 0])
    footnote(fig, foot)
    return fig
