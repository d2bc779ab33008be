"""Figures on weighting the loss: shares of the classes, and training curves."""

import matplotlib.pyplot as plt
import numpy as np
import torch
from matplotlib.figure import Figure

from lt_lib.lab.figures import figure
from lt_lib.lab.figures.evidence import panels_by_source, sources
from lt_lib.lab.figures.marks import stacked_axes
from lt_lib.lab.figures.style import LINES, PALETTE, footnote, legend
from lt_lib.lab.record.records import Record
from lt_lib.lab.record.spec import load
from lt_lib.losses import class_weights
from lt_lib.sampling import ee443_counts


@figure("weight-shares")
def weight_shares(ratio: float = 0.005) -> Figure:
    """Share of each class in the weights of a whole training list, under each scheme."""
    counts = torch.tensor(ee443_counts(ratio))
    schemes = {
        "no weights": torch.ones(len(counts)),
        "INS": class_weights(counts, "ins"),
        "ISNS": class_weights(counts, "isns"),
        "ENS 0.999": class_weights(counts, "ens", beta=0.999),
        "ENS 0.99": class_weights(counts, "ens", beta=0.99),
    }
    fig, ax = plt.subplots(figsize=(5.4, 3.6))
    for (label, weights), colour, style in zip(schemes.items(), PALETTE, LINES):
        shares = weights * counts / (weights * counts).sum()
        ax.plot(100 * shares.numpy(), color=colour, ls=style, lw=2, label=label)
    ax.set(xlabel="class, head to tail", ylabel="share of the loss, %", ylim=(0, None))
    legend(fig, ax)
    return fig


@figure("ee443-fig4")
def weighting_curves(records: list[Record], ratio: float = 0.02) -> Figure:
    """Fig 4: training loss against step for each weighting scheme, mean over seeds with the range as a
    band."""
    rows = {
        row.label.split(",")[0]: row.key for row in load("ee443-fig4").rows if row.key.endswith(f"-{ratio:g}")
    }
    panels = panels_by_source({label: [r for r in records if r.key == key] for label, key in rows.items()})
    fig, axes = stacked_axes(panels, 3.2, sharex=False)
    for ax, shown in zip(axes, panels.values()):
        for label, colour, style in zip(rows, PALETTE, LINES):
            if label in shown:
                curves = np.array([r.history["learners"][0]["train_loss"] for r in shown[label]])
                first = shown[label][0]
                step = -(-first.sizes["train"][0] // first.spec.optimizer.batch_size) * np.arange(
                    1, curves.shape[1] + 1
                )
                ax.plot(step, curves.mean(0), color=colour, ls=style, lw=2, label=label)
                ax.fill_between(step, curves.min(0), curves.max(0), color=colour, alpha=0.15, lw=0)
        lows, highs = (
            zip(*[(line.get_ydata().min(), line.get_ydata().max()) for line in ax.lines])
            if ax.lines
            else ((1,), (1,))
        )
        far = max(highs) > 5 * min(lows)
        ax.set(
            ylabel="training loss (log scale)" if far else "training loss", yscale="log" if far else "linear"
        )
    axes[-1].set_xlabel("training step (batches)")
    legend(fig, axes[-1])
    footnote(fig, sources([r for shown in panels.values() for found in shown.values() for r in found]))
    return fig
