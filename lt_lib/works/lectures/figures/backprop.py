"""Figures on backpropagation: the graph, gradients by differences, gradients by depth."""

from typing import TYPE_CHECKING

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from lt_lib.lab.figures import figure
from lt_lib.lab.figures.style import BLUE, LINES, ORANGE, PALETTE, legend

if TYPE_CHECKING:
    from torch import Tensor


@figure("difference-errors")
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
    legend(fig, ax)
    return fig


@figure("autograd-graph")
def autograd_graph(result: "Tensor", names: dict[str, "Tensor"]) -> Figure:
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


@figure("gradient-depth")
def gradient_depth(depths: list[int], norms: dict[str, np.ndarray]) -> Figure:
    """How long the gradient of z in the first layer is, over that in the last, by depth: medians of (depths,
    draws), 10 to 90 % as a band."""
    fig, ax = plt.subplots(figsize=(5.4, 3.4))
    for (label, values), colour, style, mark in zip(norms.items(), PALETTE, LINES, "os^D"):
        low, mid, high = np.quantile(values, [0.1, 0.5, 0.9], axis=1)
        ax.fill_between(depths, low, high, color=colour, alpha=0.2, lw=0)
        ax.plot(depths, mid, color=colour, ls=style, lw=1.8, marker=mark, ms=5, label=label)
    ax.set(yscale="log", xlabel="layers", ylabel="blame, first over last layer (log scale)", xticks=depths)
    legend(fig, ax)
    return fig
