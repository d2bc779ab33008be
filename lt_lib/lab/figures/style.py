"""How figures look: colours, line styles, settings of matplotlib, keys and footnotes.

All figures are colour-blind safe (seaborn's "colorblind"), have labelled axes, show 95 % intervals wherever
seeds allow, and are at most 5.6 inches wide, so that their letters can still be read on a phone."""

from textwrap import fill

import seaborn as sns

PALETTE = sns.color_palette("colorblind")
BLUE, ORANGE, GREEN, RED, SKY = *PALETTE[:4], PALETTE[9]
LINES = ("-", "--", "-.", ":", (0, (5, 1)))
STYLE = {
    "axes.spines.top": False,
    "axes.spines.right": False,
    "figure.constrained_layout.use": True,
    "axes.grid": True,
    "grid.alpha": 0.3,
    "legend.frameon": False,
    "figure.dpi": 110,
}


def once(ax, label: str) -> str | None:
    """The label, if the axes do not have it yet."""
    return None if label in ax.get_legend_handles_labels()[1] else label


def legend(fig, ax, ncols: int = 3) -> None:
    """The keys of the axes above them, where no mark can lie under it."""
    handles, labels = ax.get_legend_handles_labels()
    if handles:
        fig.legend(
            handles,
            labels,
            loc="outside upper center",
            ncols=min(len(labels), ncols),
            fontsize=9,
            handletextpad=0.4,
            columnspacing=1.2,
        )


def footnote(fig, text: str) -> None:
    """What stands behind the marks, in small letters under the figure."""
    if text:
        width = int(16 * fig.get_size_inches()[0])  # letters of this size in a line
        text = "\n".join(fill(line, width) for line in text.splitlines())
        fig.supxlabel(text, x=0.01, ha="left", fontsize=8, color="0.35")
