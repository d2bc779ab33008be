"""Figures on Table 1: features as a map of points."""

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from lt_lib.lab.figures import figure
from lt_lib.lab.figures.style import legend


@figure("sign-fig5")
def feature_maps(
    maps: dict[str, dict[str, tuple[np.ndarray, np.ndarray]]], classes: tuple[str, ...]
) -> Figure:
    """Features drawn in the plane, a row a method, a column a split, coloured by class.

    Args:
        maps: method -> split -> points (N, 2) and labels (N,).
        classes: names of the labels.
    """
    columns = list(next(iter(maps.values())))
    size = 5.4, 0.7 + 2.5 * len(maps)
    fig, axes = plt.subplots(len(maps), len(columns), figsize=size, squeeze=False)
    colours = plt.get_cmap("tab10").colors
    for row, (method, splits) in zip(axes, maps.items()):
        for ax, (split, (points, labels)) in zip(row, splits.items()):
            for k, name in enumerate(classes):
                ax.plot(*points[labels == k].T, ".", ms=3, color=colours[k % len(colours)], label=name)
            ax.set(xticks=[], yticks=[])
            ax.set_title(f"{method}, {split}", fontsize=10)
    legend(fig, axes[0, 0], ncols=5)
    return fig
