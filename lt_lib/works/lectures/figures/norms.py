"""Figures on batch normalisation."""

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from lt_lib.lab.figures import figure
from lt_lib.lab.figures.evidence import sources
from lt_lib.lab.figures.style import LINES, PALETTE, footnote, once
from lt_lib.lab.read.evidence import group
from lt_lib.lab.record.records import Record
from lt_lib.lab.record.spec import load


@figure("norm-traces")
def norm_traces(records: list[Record]) -> Figure:
    """What the lesson on norms saw along the training, a panel a measure: mean over seeds by row, lowest to
    highest as a band."""
    panels = {
        "loss_range": "range of the loss",
        "gradient_change_relative": "change of the gradient,\nover its length",
        "shift": "covariate shift",
    }
    fig, axes = plt.subplots(len(panels), 1, figsize=(5.4, 6.6), sharex=True)
    for ((_, key, _), found), colour, style in zip(group(records).items(), PALETTE, LINES):
        label = next(row.label for row in load(found[0].experiment).rows if row.key == key)
        seen = [r.history["learners"][0]["probes"] for r in found]
        for ax, name in zip(axes, panels):
            values = np.array([probes[name] for probes in seen])
            ax.fill_between(seen[0]["step"], values.min(0), values.max(0), color=colour, alpha=0.2, lw=0)
            ax.plot(seen[0]["step"], values.mean(0), color=colour, ls=style, lw=1.8, label=once(ax, label))
    for ax, words in zip(axes, panels.values()):
        ax.set(ylabel=words, yscale="log")
    axes[-1].set_xlabel("step")
    handles, labels = axes[0].get_legend_handles_labels()
    fig.legend(handles, labels, loc="outside upper center", ncols=3, fontsize=9)
    footnote(fig, sources(records))
    return fig
