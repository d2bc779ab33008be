"""Figures on the push-forward: a map with its best linear approximation, and what that leaves over."""

from collections.abc import Callable

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from lt_lib.lab.figures import figure
from lt_lib.lab.figures.style import BLUE, LINES, ORANGE, PALETTE, legend

_ARROW = {"arrowstyle": "-|>", "color": "black", "lw": 1.8, "shrinkA": 0, "shrinkB": 0}


@figure("sign-fig2")
def push_forward(phi: Callable, jacobian, p, v, reach: float = 0.35) -> Figure:
    """A grid of the plane with a point and a tangent vector (left), and where a map sends them (right): the
    grid bends, the tangent plane at the point, orange, is mapped by the Jacobian and stays flat.

    Args:
        phi: the map, from (2,) to (2,) arrays.
        jacobian: (2, 2), of the map at p.
        p, v: (2,) the point, and the vector attached to it.
        reach: half the side of the piece of the tangent plane that is drawn.
    """
    jacobian, p, v = map(np.asarray, (jacobian, p, v))
    q = np.asarray(phi(p))
    fig, axes = plt.subplots(1, 2, figsize=(5.6, 3.3))
    plane, tangent = _lattice(np.zeros(2), 1.0), _lattice(np.zeros(2), reach)
    bent = [np.array([phi(at) for at in line]) for line in plane]
    flat = [q + line @ jacobian.T for line in tangent]
    for ax, grid, piece, at, arrow, names in (
        (axes[0], plane, [p + line for line in tangent], p, v, ("$p$", "$v$")),
        (axes[1], bent, flat, q, jacobian @ v, (r"$\Phi(p)$", "$J v$")),
    ):
        for lines, colour, width in ((grid, "0.7", 0.8), (piece, ORANGE, 0.8)):
            for line in lines:
                ax.plot(*line.T, color=colour, lw=width)
        ax.annotate("", at + arrow, at, arrowprops=_ARROW, zorder=5)
        ax.plot(*at, "o", color="black", ms=6, zorder=5)
        for text, where, shift in ((names[0], at, (-6, -15)), (names[1], at + arrow, (8, 4))):
            ax.annotate(text, where, shift, textcoords="offset points", fontsize=11, ha="center")
        ax.set_aspect("equal")
        ax.axis("off")
    way = np.array([phi(p + t * v) for t in np.linspace(0, 1, 40)])
    axes[1].plot(*way.T, color=BLUE, lw=2, ls="--")
    axes[0].set_title(r"$\mathbb{R}^n$, where images live", fontsize=10)
    axes[1].set_title(r"$\mathbb{R}^m$, where features live", fontsize=10)
    return fig


def _lattice(middle: np.ndarray, reach: float, lines: int = 9, dots: int = 50) -> list[np.ndarray]:
    """Lines of a square lattice around a point, each (dots, 2)."""
    along, across = np.linspace(-reach, reach, dots), np.linspace(-reach, reach, lines)
    upright = [np.stack([np.full(dots, at), along], 1) for at in across]
    return [middle + line for line in (*upright, *(line[:, ::-1] for line in upright))]


@figure("linear-remainder")
def linear_remainder(steps: np.ndarray, remainders: dict[str, np.ndarray]) -> Figure:
    """What linear maps leave over, over the length of the step, on two log scales; dotted: slopes 1 and 2."""
    fig, ax = plt.subplots(figsize=(5.4, 3.4))
    for power in (1, 2):
        ax.plot(steps, steps**power, color="0.5", ls=":", lw=1.2)
    for (label, values), colour, style, mark in zip(remainders.items(), PALETTE, LINES, "os^D"):
        ax.plot(steps, values, color=colour, ls=style, lw=1.6, marker=mark, ms=4, label=label)
    ax.set(
        xscale="log",
        yscale="log",
        ylim=(1e-17, 10),
        xlabel="step $h$ (log scale)",
        ylabel="remainder (log scale)",
    )
    legend(fig, ax)
    return fig
