"""Figures on learning with few labels."""

import matplotlib.pyplot as plt
import torch
from matplotlib.figure import Figure

from lt_lib.lab.figures import figure
from lt_lib.lab.figures.evidence import sources
from lt_lib.lab.figures.style import BLUE, LINES, ORANGE, PALETTE, RED, SKY, footnote, legend, once
from lt_lib.lab.read.estimates import estimate
from lt_lib.lab.read.evidence import group
from lt_lib.lab.read.findings import on_file
from lt_lib.lab.record.records import Record


@figure("semi-regions")
def semi_regions(x: torch.Tensor, y: torch.Tensor, keep: torch.Tensor, played: dict[str, tuple]) -> Figure:
    """What classifiers of the plane say, a panel each, with the labelled points and the fakes they saw last.

    Args:
        x: (N, 2) points; y: (N,) classes 0 and 1; keep: positions of the labelled.
        played: label -> (classifier, fakes (M, 2) or None).
    """
    fig, axes = plt.subplots(2, 2, figsize=(5.5, 5.2), sharex=True, sharey=True)
    side = torch.linspace(-1.3, 1.3, 120)
    grid = torch.stack(torch.meshgrid(side, side, indexing="xy"), -1).reshape(-1, 2)
    for ax, (label, (net, made)) in zip(axes.flat, played.items(), strict=True):
        with torch.no_grad():
            said = net(grid).softmax(1)[:, 1].view(120, 120).numpy()
        ax.contourf(side, side, said, [0, 0.5, 1], colors=[SKY, ORANGE], alpha=0.35)
        ax.plot(*x.T, ".", color="0.45", ms=2)
        if made is not None:
            ax.plot(*made.detach().T, "x", color="black", ms=3.5, mew=0.8)
        for kind, mark, colour in ((0, "o", BLUE), (1, "s", RED)):
            mine = keep[y[keep] == kind]
            ax.plot(*x[mine].T, mark, color=colour, mec="white", ms=9)
        ax.set_title(label, fontsize=10)
        ax.set(xlim=(-1.3, 1.3), ylim=(-1.3, 1.3), aspect="equal", xticks=(-1, 0, 1), yticks=(-1, 0, 1))
        ax.grid(visible=False)
    fig.supxlabel("$x_1$", fontsize=10)
    fig.supylabel("$x_2$", fontsize=10)
    return fig


@figure("few-labels")
def few_labels(records: list[Record]) -> Figure:
    """Accuracy over the number of labels by method, mean over seeds with 95 % intervals: committed evidence
    filled, these records hollow."""
    fig, ax = plt.subplots(figsize=(5.5, 3.8))
    names = {
        "supervised": "supervised",
        "ssgan": "semi-supervised GAN",
        "matching": "feature matching",
        "entropy": "entropy minimised",
    }
    there, shown = on_file("lectures-few-labels"), []
    for shift, (method, label), colour, style, mark in zip(
        (0.94, 0.98, 1.02, 1.06), names.items(), PALETTE, LINES, "os^D"
    ):
        mine = {
            key: found
            for (_, key, _), found in group(records).items()
            if found[0].spec.lesson.method == method
        }
        for source, filled in ((there, True), (mine, False)):
            found = {
                r[0].spec.lesson.labels: estimate(x.metric() for x in r)
                for r in source.values()
                if r[0].spec.lesson.method == method
            }
            if not found or (
                not filled
                and {r.id for k in mine for r in there.get(k, [])} == {r.id for r in records if r.key in mine}
            ):
                continue
            at = [n * shift for n in sorted(found)]
            ests = [found[n] for n in sorted(found)]
            ax.errorbar(
                at,
                [e.mean for e in ests],
                [e.half or 0 for e in ests],
                color=colour,
                ls=style if filled or not there else "none",
                marker=mark,
                ms=6,
                capsize=3,
                lw=1.5,
                mfc=colour if filled else "white",
                label=once(ax, label),
            )
            shown += [r for own in source.values() for r in own if r.spec.lesson.method == method]
    ax.set(xscale="log", xlabel="labels (log scale)", ylabel="test accuracy", ylim=(None, 1))
    ax.set_xticks((10, 20, 50, 100), labels=("10", "20", "50", "100"))
    ax.minorticks_off()
    legend(fig, ax)
    footnote(fig, sources(shown))
    return fig
