"""Marks of numbers with their intervals, and axes one above the other. A hollow mark is a number that is not
of the printed settings, data and networks."""

import matplotlib.pyplot as plt

from lt_lib.lab.figures.style import ORANGE, once
from lt_lib.lab.read.estimates import Estimate, estimate
from lt_lib.lab.read.verdicts import as_published
from lt_lib.lab.record.records import Record


def published_mark(ax, value: float | None, where: float, upright: bool = False) -> None:
    """A printed number: an orange diamond."""
    if value is not None:
        x, y = (where, value) if upright else (value, where)
        ax.plot(x, y, "D", color=ORANGE, ms=7, zorder=2, label=once(ax, "published"))


def accuracy_mark(
    ax, records: list[Record], where: float, colour, mark: str = "o", upright: bool = False
) -> None:
    """Mean accuracy of records and its interval."""
    if records:
        estimate_mark(ax, estimate(r.metric() for r in records), where, records, colour, mark, upright)


def estimate_mark(
    ax, est: Estimate, where: float, records: list[Record], colour, mark: str = "o", upright: bool = False
) -> None:
    """An estimate and its interval; hollow unless the records are of what is printed."""
    x, y, bar = (where, est.mean, "yerr") if upright else (est.mean, where, "xerr")
    name = "committed evidence" if mark == "s" else "this run"
    ax.errorbar(x, y, **{bar: est.half}, fmt="none", color=colour, capsize=3, zorder=3)
    ax.plot(
        x,
        y,
        mark,
        color=colour,
        ms=7,
        mew=1.6,
        mfc=colour if as_published(records) else "white",
        zorder=4,
        label=once(ax, name),
    )


def stacked_axes(panels: dict, height: float, sharex: bool = True, sharey: bool = False):
    """A figure with one axes a panel, one above the other, titled when there are several."""
    size = 5.4, 0.9 + (height - 0.5) * max(1, len(panels))
    fig, axes = plt.subplots(
        max(1, len(panels)), 1, figsize=size, sharex=sharex, sharey=sharey, squeeze=False
    )
    for ax, (title, shown) in zip(axes.flat, panels.items()):
        if len(panels) > 1:
            first = next(iter(shown.values()))[0]
            ax.set_title(f"{title}: {first.profile} + {first.data}", loc="left", fontsize=10)
    return fig, list(axes.flat)
