"""Figures on a reader's own images."""

from collections import Counter
from pathlib import Path

import matplotlib.pyplot as plt
from matplotlib.figure import Figure

from lt_lib.lab.bench.judge import AIMS
from lt_lib.lab.bench.remedies import PLAIN
from lt_lib.lab.figures import figure
from lt_lib.lab.figures.style import BLUE, footnote
from lt_lib.works.bench.yours import Compared


@figure("own-gains")
def gains(compared: Compared) -> Figure:
    """The difference of each remedy from plain cross-entropy with its interval; filled where it can be told
    from zero even as one of so many."""
    found, aim = compared.found, compared.found["aim"]
    scores = {r["title"]: r["scores"][aim] for key, r in found["remedies"].items() if key != PLAIN}
    order = sorted(scores, key=lambda title: scores[title]["gain"])
    fig, ax = plt.subplots(figsize=(5.4, 1.2 + 0.28 * len(order)))
    ax.axvline(0, color="0.3", lw=1)
    for i, title in enumerate(order):
        s = scores[title]
        ax.plot((s["gain_low"], s["gain_high"]), (i, i), color=BLUE)
        ax.plot(s["gain"], i, "o", color=BLUE, mfc=BLUE if s["clear"] else "white")
    ax.set(yticks=range(len(order)), yticklabels=order, xlabel=f"gain in {AIMS[aim]}")
    ax.grid(axis="y", visible=False)
    footnote(fig, compared.badge)
    return fig


@figure("own-tail")
def tail(images: Path) -> Figure:
    """How many files lie in each folder, the fullest first."""
    counts = Counter(path.parent.name for path in images.rglob("*.*") if path.is_file())
    names, numbers = zip(*counts.most_common(), strict=True)
    fig, ax = plt.subplots(figsize=(5.4, 2.6))
    ax.bar(names, numbers, color=BLUE)
    ax.set(ylabel="files", xlabel="folder")
    ax.tick_params(axis="x", rotation=30)
    ax.grid(axis="x", visible=False)
    return fig
