"""Figures on tiles that a GAN draws for the rare classes."""

import matplotlib.pyplot as plt
import numpy as np
import torch
from matplotlib.figure import Figure

from lt_lib.gan import nearest_neighbours
from lt_lib.lab.figures import figure
from lt_lib.lab.figures.evidence import panels_by_source, sources, strongest
from lt_lib.lab.figures.marks import stacked_axes
from lt_lib.lab.figures.style import BLUE, LINES, ORANGE, PALETTE, footnote, legend, once
from lt_lib.lab.read.evidence import group
from lt_lib.lab.record.records import Record
from lt_lib.works.spectrum.figures.tiles import CLASS_MARKS, COWS
from lt_lib.works.spectrum.pictures import COLUMNS, drawn_over_training, kept, made, training_tiles


@figure("counterfeits")
def generated_rows(records: list[Record], dataset, columns: int = COLUMNS, store=None) -> Figure:
    """Fig 1b: for each minority class a line of training tiles above a line of tiles that its generator drew,
    as they came; of the committed records, where they are stronger and have pictures on file."""
    filed = [found[0] for found in group(strongest(records)).values()]
    pairs = [kept(r) for r in filed]
    if all(pairs):
        firsts = filed
    else:
        firsts = [found[0] for found in group(records).values()]
        pairs = [made(r, dataset, store) for r in firsts]
    fig, axes = plt.subplots(2 * len(firsts), columns, figsize=(5.6, 1.36 * len(firsts) + 0.2), squeeze=False)
    bounds = _bounds([tiles for pair in pairs for tiles in pair])
    for i, (r, pair) in enumerate(zip(firsts, pairs, strict=True)):
        for line, tiles, what in zip(axes[2 * i : 2 * i + 2], pair, ("real", "drawn"), strict=True):
            _show(line, tiles, bounds)
            line[0].annotate(
                f"{COWS[r.spec.target_class]}\n{what}",
                (-0.12, 0.5),
                xycoords="axes fraction",
                ha="right",
                va="center",
                fontsize=8.5,
            )
    footnote(fig, sources(firsts))
    return fig


@figure("counterfeit-growth")
def generated_by_epoch(record: Record, columns: int = 8, store=None) -> Figure:
    """One generator learning: the same latent vectors after more and more epochs, a line a moment, each
    stretched by itself."""
    grids, moments, distances = (
        drawn_over_training(record, store),
        record.history["learners"][0]["moments"],
        record.history["learners"][0]["distance"],
    )
    fig, axes = plt.subplots(len(grids), columns, figsize=(5.6, 0.72 * len(grids) + 0.2), squeeze=False)
    for line, grid, epoch, distance in zip(axes, grids, moments, distances):
        _show(line, grid[:columns], _bounds([grid]))
        line[0].annotate(
            f"epoch {epoch}\ndistance {distance:.1f}",
            (-0.12, 0.5),
            xycoords="axes fraction",
            ha="right",
            va="center",
            fontsize=8.5,
        )
    footnote(fig, sources([record]))
    return fig


@figure("counterfeit-distance")
def distance_by_step(records: list[Record]) -> Figure:
    """Distance of drawn tiles to unseen real ones by steps of training; dotted: that of the training
    tiles.

    Marks are means over seeds, bars their range; the committed evidence has a panel of its own.
    """
    panels = panels_by_source({COWS[found[0].spec.target_class]: found for found in group(records).values()})
    fig, axes = stacked_axes(panels, 3.2, sharey=True)
    for ax, shown in zip(axes, panels.values()):
        for (label, found), colour, mark in zip(shown.items(), PALETTE, CLASS_MARKS[1:]):
            curves = np.array([r.history["learners"][0]["distance"] for r in found])
            steps, mean = np.mean([generator_steps(r) for r in found], axis=0), curves.mean(0)
            ax.errorbar(
                steps,
                mean,
                yerr=[mean - curves.min(0), curves.max(0) - mean],
                color=colour,
                marker=mark,
                ms=5,
                lw=2,
                capsize=3,
                label=label,
            )
            ax.axhline(np.mean([r.metric("real_distance") for r in found]), color=colour, ls=":", lw=1.2)
        ax.set(ylabel="energy distance", xscale="log")
    axes[-1].set_xlabel("steps of training (log scale)")
    legend(fig, axes[0])
    footnote(fig, sources([r for shown in panels.values() for found in shown.values() for r in found]))
    return fig


def generator_steps(record: Record) -> np.ndarray:
    """Steps that a generator has made at each moment of its record: epochs times batches an epoch."""
    batches = -(-record.sizes["train"][0] // record.spec.recipe.gan.batch_size)
    return batches * np.array(record.history["learners"][0]["moments"])


@figure("crowd-damage")
def distance_by_damage(curves: dict[str, tuple], drawn: dict[str, float], floor: float) -> Figure:
    """Energy distance between two samples of real tiles of which one is damaged more and more, a panel a kind
    of damage.

    Args:
        curves: label of the horizontal axis -> (strengths, distances, standard errors); at most four.
        drawn: name -> distance of a sample of drawn tiles, as a level line.
        floor: distance of the two samples before any damage, dotted.
    """
    fig, axes = plt.subplots(2, 2, figsize=(5.6, 5.0), sharey=True)
    for ax, (label, (strengths, distances, errors)) in zip(axes.flat, curves.items()):
        ax.axhline(floor, color="0.3", ls=":", lw=1.4, label=once(axes[0, 0], "undamaged"))
        for (name, level), colour, style in zip(drawn.items(), PALETTE[1:], LINES[1:]):
            ax.axhline(level, color=colour, ls=style, lw=1.4, label=once(axes[0, 0], f"drawn, {name}"))
        ax.errorbar(
            range(len(strengths)),
            distances,
            yerr=1.96 * np.asarray(errors),
            color=BLUE,
            marker="o",
            ms=5,
            lw=2,
            capsize=2,
            label=once(axes[0, 0], "damaged"),
        )
        ax.set_xticks(range(len(strengths)), [f"{s:g}" for s in strengths])
        ax.set_xlabel(label)
    for ax in axes[:, 0]:
        ax.set_ylabel("energy distance")
    legend(fig, axes[0, 0])
    return fig


@figure("forgers")
def toy_generators(
    games: dict[str, torch.Tensor], every: int = 1, blobs: tuple[float, ...] = (-1.0, 1.0)
) -> Figure:
    """A toy: what generators of one number draw, by step of training: for each setting the most even and the
    most one-sided of them.

    Args:
        games: setting -> (moments, pairs, n) numbers drawn.
        every: steps between moments.
        blobs: where the real numbers lie.
    """
    fig, axes = plt.subplots(
        len(games), 2, figsize=(5.6, 0.6 + 1.9 * len(games)), sharex=True, sharey=True, squeeze=False
    )
    for line, (setting, path) in zip(axes, games.items()):
        uneven = ((path[-1] > 0).double().mean(1) - 0.5).abs()
        for ax, pair, what in zip(
            line, (int(uneven.argmin()), int(uneven.argmax())), ("most even", "most one-sided")
        ):
            for blob in blobs:
                ax.axhline(blob, color=ORANGE, lw=5, alpha=0.45)
            steps = np.arange(len(path))[:, None] * every + np.zeros(path.shape[2])
            ax.plot(
                steps.ravel(),
                path[:, pair].numpy().ravel(),
                ".",
                color=BLUE,
                ms=2,
                alpha=0.35,
                rasterized=True,
            )
            ax.set_title(f"{setting},\n{what} of {path.shape[1]}", fontsize=9.5)
        line[0].set_ylabel("number drawn")
    for ax in axes[-1]:
        ax.set_xlabel("step of training")
    axes[0, 0].set_ylim(-2.2, 2.2)
    return fig


@figure("nearest-pairs")
def nearest_pairs(record: Record, dataset, columns: int = 8, store=None) -> Figure:
    """Tiles that a generator drew above the training tile nearest to each (over all flips): does it
    copy?"""
    drawn, training = drawn_over_training(record, store)[-1][:columns], training_tiles(record, dataset)
    found = [nearest_neighbours(drawn.flip(view), training) for view in ((), (-1,), (-2,), (-1, -2))]
    best = torch.stack([distance for distance, _ in found]).argmin(0)
    nearest = torch.stack(
        [training[found[v][1][i]].flip(((), (-1,), (-2,), (-1, -2))[v]) for i, v in enumerate(best.tolist())]
    )
    fig, axes = plt.subplots(2, columns, figsize=(5.6, 1.6), squeeze=False)
    bounds = _bounds([drawn, nearest])
    for line, tiles, what in ((axes[0], drawn, "drawn"), (axes[1], nearest, "nearest\nreal tile")):
        _show(line, tiles, bounds)
        line[0].annotate(what, (-0.12, 0.5), xycoords="axes fraction", ha="right", va="center", fontsize=9)
    footnote(fig, sources([record]))
    return fig


def _bounds(sets: list[torch.Tensor]) -> np.ndarray:
    pixels = torch.cat([tiles.movedim(1, -1).reshape(-1, tiles.shape[1]) for tiles in sets])
    return np.percentile(pixels.numpy(), (2, 98), axis=0)


def _show(axes, tiles: torch.Tensor, bounds: np.ndarray) -> None:
    for ax in axes:
        ax.axis("off")
    for ax, tile in zip(axes, tiles.movedim(1, -1).numpy()):
        ax.imshow(
            np.clip((tile - bounds[0]) / np.maximum(bounds[1] - bounds[0], 1), 0, 1), interpolation="nearest"
        )
