"""Figures on SIGN step by step: pictures before and after, what changes along the way, and what each choice
does to accuracy."""

from collections.abc import Sequence

import matplotlib.pyplot as plt
import torch
from matplotlib.figure import Figure

from lt_lib.lab.figures import figure
from lt_lib.lab.figures.evidence import sources
from lt_lib.lab.figures.marks import estimate_mark
from lt_lib.lab.figures.style import BLUE, GREEN, LINES, PALETTE, footnote, legend
from lt_lib.lab.read.evidence import made_now
from lt_lib.works.sign.choices import Gap


@figure("sign-fig3")
def before_and_after(rows: dict[str, torch.Tensor]) -> Figure:
    """Pictures in colour, a row a stage, a column an image.

    Args:
        rows: name -> (M, 3, H, W), shown from 0 to 1.
    """
    columns = max(map(len, rows.values()))
    fig, axes = plt.subplots(len(rows), columns, figsize=(5.6, 0.1 + 0.92 * len(rows)), squeeze=False)
    for line, (name, images) in zip(axes, rows.items()):
        for ax, image in zip(line, images.detach().cpu().clamp(0, 1).permute(0, 2, 3, 1).numpy()):
            ax.imshow(image)
        for ax in line:
            ax.set(xticks=(), yticks=())
            ax.grid(visible=False)
        line[0].set_ylabel(name, fontsize=9)
    return fig


@figure("along-the-way")
def along_the_way(
    at: Sequence[float],
    panels: dict[str, dict[str, Sequence[float]]],
    xlabel: str,
    marked: Sequence[float] = (),
) -> Figure:
    """Lines over how far an image has come, a panel a measure, a line a way.

    Args:
        at: N positions.
        panels: measure -> way -> N values.
        marked: positions of dotted lines.
    """
    fig, axes = plt.subplots(1, len(panels), figsize=(5.6, 3.2), squeeze=False)
    for ax, (measure, lines) in zip(axes.flat, panels.items()):
        for place in marked:
            ax.axvline(place, color="0.5", ls=":", lw=1.2)
        for (label, values), colour, style in zip(lines.items(), PALETTE, LINES):
            ax.plot(at, values, color=colour, ls=style, lw=1.8, label=label)
        ax.set_xlabel(xlabel)
        ax.set_title(measure, fontsize=10)
    legend(fig, axes[0, 0])
    return fig


@figure("sign-choices")
def choice_gaps(gaps: dict[str, Gap | None], base: str = "SIGN") -> Figure:
    """Accuracy of each row less that of one, with 95 % intervals over seeds, on validation and on test
    images; a row without a record says so.

    Args:
        gaps: what each row is called -> its gap.
        base: what the other is called.
    """
    fig, axes = plt.subplots(1, 2, figsize=(5.6, 1.5 + 0.32 * len(gaps)), sharey=True)
    for ax, part in zip(axes, ("held", "test")):
        ax.axvline(0, color="0.3", lw=1)
        for y, found in enumerate(gaps.values()):
            if found is None:
                ax.annotate(
                    "no record",
                    (0.03, y),
                    xycoords=("axes fraction", "data"),
                    color="0.4",
                    size=8,
                    va="center",
                )
                continue
            colour, mark = (BLUE, "o") if made_now(list(found.records)) else (GREEN, "s")
            estimate_mark(ax, getattr(found, part), y, list(found.records), colour, mark)
        ax.set_xlabel(f"accuracy less that of {base}")
        ax.locator_params("x", nbins=4)
        ax.grid(axis="y", visible=False)
        ax.set_title({"held": "validation images", "test": "test images"}[part], fontsize=10)
    axes[0].set(yticks=range(len(gaps)), yticklabels=list(gaps), ylim=(len(gaps) - 0.4, -0.6))
    legend(fig, axes[0])
    known = {label: list(found.records) for label, found in gaps.items() if found}
    footnote(fig, sources(known) if known else "no record on file")
    return fig
