"""Figures of the book, one function each, drawn from records or from counts. `figure(name, ...)` finds them
by name.

All are colour-blind safe (seaborn's "colorblind"), have labelled axes, show 95 % intervals wherever seeds
allow, and are at most 5.6 inches wide, so that their letters can still be read on a phone. A hollow mark is a
number that is not comparable with print; the line at the foot says what stands behind the marks."""

import matplotlib.pyplot as plt
import numpy as np
import seaborn as sns
import torch
from matplotlib.figure import Figure

from lt_lib.errors import LabError
from lt_lib.lab.read.published import published
from lt_lib.lab.read.report import STRENGTH, best_evidence, difference, estimate, group, published_value
from lt_lib.lab.record.paths import evidence_dir
from lt_lib.lab.record.records import Record, Store
from lt_lib.lab.record.spec import load, nearest
from lt_lib.lab.train.features import augmented
from lt_lib.losses import class_weights
from lt_lib.sampling import artificial_balance, balanced_bags, ee443_counts, longtail_indices

PALETTE = sns.color_palette("colorblind")
BLUE, ORANGE, GREEN, RED, SKY = *PALETTE[:4], PALETTE[9]
LINES = ("-", "--", "-.", ":", (0, (5, 1)))
RATIOS = (1, 0.1, 0.02, 0.005)
METHODS = ("baseline", "balancing", "weighted", "bagging", "stacking", "stacking-weighted")
_METHOD_NAMES = dict(
    zip(METHODS, ("baseline", "balancing", "weighted loss", "bagging + WL", "stacking", "stacking + WL"))
)


def figure(name: str, *args, **options) -> Figure:
    """Draw a figure of the book by its name, e.g. "ee443-fig5"; the arguments are those of the function
    behind it.

    Raises:
        LabError: no figure of that name; lists the names.
    """
    known = all_figures()
    if name not in known:
        raise LabError(f"no figure {name!r}{nearest(name, known)}; there are: {', '.join(known)}")
    with plt.rc_context(
        {
            "axes.spines.top": False,
            "axes.spines.right": False,
            "figure.constrained_layout.use": True,
            "axes.grid": True,
            "grid.alpha": 0.3,
            "legend.frameon": False,
            "figure.dpi": 110,
        }
    ):
        drawn = known[name](*args, **options)
    plt.close(drawn)
    return drawn


def all_figures() -> dict:
    """Every figure by name, those of all wings."""
    from lt_lib.works.lectures import figures as figures_lectures
    from lt_lib.works.spectrum import figures as figures_spectrum

    return FIGURES | figures_spectrum.FIGURES | figures_lectures.FIGURES


def evidence_index() -> dict[str, list[Record]]:
    """Committed records by the digest of their spec."""
    return Store(evidence_dir()).by_spec()


def strongest(records: list[Record]) -> list[Record]:
    """For each row the committed evidence, where it is stronger than these records, else the records
    themselves."""
    index = evidence_index()
    return [r for own in group(records).values() for r in _filed(own, index) or own]


def architecture_sweep(records: list[Record]) -> Figure:
    """Fig 1: one line a backbone, best printed on top: printed accuracy, this run's, and committed
    evidence."""
    experiment, index, shown = load("ee443-fig1"), Store(evidence_dir()).by_spec(), []
    rows = [row for row in experiment.rows if any(r.key == row.key for r in records)]
    names, known = (
        [],
        {row.key: _on_file(experiment, row, [r for r in records if r.key == row.key], index) for row in rows},
    )
    fig, ax = plt.subplots(figsize=(5.6, 1.3 + len(rows) * (0.58 if any(known.values()) else 0.44)))
    for y, row in enumerate(reversed(rows)):
        ours, filed = [r for r in records if r.key == row.key], known[row.key]
        _published(ax, published_value(experiment, row), y)
        _dot(ax, filed, y - 0.22, GREEN, "s")
        _dot(ax, ours, y, BLUE)
        shown += ours + filed
        used = dict.fromkeys(
            f"{b.name}, {b.resolution} px" for r in ours[:1] + filed[:1] for b in r.spec.backbones
        )
        names.append("\n".join([row.key, *(f"({n})" for n in used if not n.startswith(f"{row.key},"))]))
    ax.set(yticks=range(len(names)), yticklabels=names, xlabel="test accuracy (fraction of images)")
    ax.tick_params("y", labelsize=8)
    ax.grid(axis="y", visible=False)
    _legend(fig, ax)
    _foot(fig, shown)
    return fig


def baselines(records: list[Record]) -> Figure:
    """Fig 2: baseline accuracy, full data and the three tails: printed, this run's, and committed
    evidence."""
    experiment, index, shown = load("ee443-fig2"), Store(evidence_dir()).by_spec(), []
    fig, ax = plt.subplots(figsize=(5.2, 3.8))
    rows = [row for row in experiment.rows if any(r.key == row.key for r in records)]
    for x, row in enumerate(rows):
        ours = [r for r in records if r.key == row.key]
        filed = _on_file(experiment, row, ours, index)
        _published(ax, published_value(experiment, row), x, upright=True)
        _dot(ax, filed, x + 0.14, GREEN, "s", upright=True)
        _dot(ax, ours, x, BLUE, upright=True)
        shown += ours + filed
    ax.set(
        xticks=range(len(rows)),
        xticklabels=[row.label for row in rows],
        xlim=(-0.5, len(rows) - 0.5),
        ylim=(0, 1),
        xlabel="imbalance ratio (smallest / largest class)",
        ylabel="test accuracy",
    )
    ax.grid(axis="x", visible=False)
    _legend(fig, ax)
    _foot(fig, shown)
    return fig


def differences(
    pairs: dict[str, tuple[list[Record], list[Record]]], metric: str = "accuracy", selection: str = "last"
) -> Figure:
    """Paired differences, first minus second, one line a label, against a line at zero; committed evidence
    beside this run."""
    index, shown = Store(evidence_dir()).by_spec(), []
    pairs = {label: pair for label, pair in pairs.items() if all(pair)}
    fig, ax = plt.subplots(figsize=(5.4, 1.6 + 0.42 * len(pairs)))
    ax.axvline(0, color="0.3", lw=1)
    for y, (label, pair) in enumerate(reversed(pairs.items())):
        filed = [_filed(own, index) for own in pair]
        for (first, second), offset, colour, mark in ((filed, -0.2, GREEN, "s"), (pair, 0, BLUE, "o")):
            if {r.seed for r in first} & {r.seed for r in second}:
                _mark(ax, difference(first, second, metric, selection), y + offset, first, colour, mark)
                shown += first + second
    ax.set(
        yticks=range(len(pairs)),
        yticklabels=list(reversed(pairs)),
        ylim=(-0.6, len(pairs) - 0.4),
        xlabel=f"difference in {metric.replace('_', ' ')}",
    )
    ax.locator_params("x", nbins=6)
    ax.grid(axis="y", visible=False)
    _legend(fig, ax)
    _foot(fig, shown)
    return fig


def long_tails(ratios: tuple[float, ...] = RATIOS) -> Figure:
    """Images of each class at each ratio, head to tail, on a logarithmic axis that ends at one image."""
    fig, ax = plt.subplots(figsize=(5.2, 3.4))
    for ratio, colour, style in zip(ratios, PALETTE, ("-", "--", "-.", ":")):
        counts = ee443_counts(ratio)
        ax.step(range(len(counts)), counts, where="mid", color=colour, ls=style, lw=2)
        name = "full data" if ratio == 1 else f"ratio {ratio:g}"
        ax.annotate(
            f"{name}:\n{sum(counts)} images",
            (len(counts) - 1, counts[-1]),
            xytext=(6, 0),
            textcoords="offset points",
            va="center",
            color="0.15",
            fontsize=9,
            annotation_clip=False,
        )
    ax.set(
        yscale="log",
        yticks=(1, 10, 100, 500),
        yticklabels=("1", "10", "100", "500"),
        ylim=(1, 900),
        xlim=(0, 49),
        xlabel="class, head to tail",
        ylabel="training images (log scale)",
    )
    ax.minorticks_off()
    return fig


def subset_images(
    dataset,
    ratio: float = 0.005,
    classes: tuple[int, ...] = (0, 12, 24, 36, 49),
    columns: int = 8,
    seed: int = 0,
) -> Figure:
    """The first images of a few classes of a long-tailed subset, head to tail: where there are no more, the
    row stays empty."""
    counts, labels = ee443_counts(ratio), np.asarray(dataset.labels("train"))
    subset = longtail_indices(torch.as_tensor(labels), counts, seed).numpy()
    fig, axes = plt.subplots(len(classes), columns, figsize=(5.4, 0.66 * len(classes)))
    for line, label in zip(axes, classes):
        members = subset[labels[subset] == label]
        for ax, image in zip(line, members):
            ax.imshow(dataset.images("train")[image], interpolation="nearest")
        for ax in line:
            ax.axis("off")
        name = dataset.classes[label].replace("_", " ")
        line[0].annotate(
            f"{name}\n{len(members)} images",
            (-0.15, 0.5),
            xycoords="axes fraction",
            ha="right",
            va="center",
            fontsize=9,
        )
    return fig


def balancing_histograms(
    ratio: float = 0.02, targets: tuple[int, ...] = (200, 300, 400), seed: int = 0
) -> Figure:
    """Fig 3, a line a target: the classes above it (to be thinned) and below it (to be filled), and the
    counts after one draw."""
    counts = np.array(ee443_counts(ratio))
    labels = torch.repeat_interleave(torch.arange(len(counts)), torch.tensor(counts))
    fig, axes = plt.subplots(len(targets), 2, figsize=(5.4, 1.9 * len(targets)), sharex=True, sharey=True)
    x = np.arange(len(counts))
    for line, target in zip(axes, targets):
        drawn = torch.bincount(
            labels[artificial_balance(labels, target, seed)], minlength=len(counts)
        ).numpy()
        kept = np.minimum(counts, drawn)
        for heights, base, colour, label, hatch in (
            (np.where(counts > target, counts, 0), 0, GREEN, "above the target", None),
            (np.where(counts <= target, counts, 0), 0, ORANGE, "below", "///"),
        ):
            line[0].bar(
                x,
                heights,
                bottom=base,
                color=colour,
                width=1.0,
                label=label,
                hatch=hatch,
                edgecolor="white",
                lw=0,
            )
        line[1].bar(x, kept, color=BLUE, width=1.0, label="images")
        line[1].bar(
            x,
            drawn - kept,
            bottom=kept,
            color=SKY,
            width=1.0,
            label="copies",
            hatch="...",
            edgecolor="white",
            lw=0,
        )
        for ax in line:
            ax.axhline(target, color="0.1", ls="--", lw=1.2)
        line[0].set_ylabel(f"target {target}\nimages")
    for ax, title in zip(axes[0], ("before", "after one draw")):
        ax.set_title(title)
        ax.legend(fontsize=8.5, loc="upper right")
    axes[0, 0].set(ylim=(0, 560))
    fig.supxlabel("class, head to tail", fontsize=10)
    return fig


def augmented_copies(
    dataset, label: int = -1, ratio: float = 0.02, images: int = 3, columns: int = 8, seed: int = 0
) -> Figure:
    """A few images of a rare class, each followed by its first augmented copies."""
    labels = np.asarray(dataset.labels("train"))
    label %= len(dataset.classes)
    subset = longtail_indices(torch.as_tensor(labels), ee443_counts(ratio), seed).numpy()
    fig, axes = plt.subplots(images, columns, figsize=(5.4, 0.68 * images + 0.2))
    for line, index in zip(axes, subset[labels[subset] == label]):
        image = np.asarray(dataset.images("train")[index])
        pairs = np.array([(index, copy) for copy in range(1, columns)])
        copies = augmented(np.repeat(image[None], columns - 1, axis=0), pairs).permute(0, 2, 3, 1).numpy()
        for ax, shown in zip(line, (image, *copies)):
            ax.imshow(shown, interpolation="nearest")
            ax.axis("off")
    axes[0, 0].set_title("image", fontsize=9)
    axes[0, 1].set_title("its copies", fontsize=9, loc="left")
    return fig


def validation_gap(records: list[Record]) -> Figure:
    """Accuracy of the last epoch on the validation images and on the test images, one line a row and
    variant."""
    rows = {
        (e.experiment, row.key): (row.label, len(row.variants))
        for e in map(load, {r.experiment for r in records})
        for row in e.rows
    }
    named = {
        key: rows[key[:2]][0] + (f", {key[2]}" if rows[key[:2]][1] > 1 else "") for key in group(records)
    }
    panels = _panels({named[key]: ours for key, ours in group(records).items()})
    fig, axes = _stacked(panels, 0.6 + 0.36 * len(group(records)))
    for ax, shown in zip(axes, panels.values()):
        for y, ours in enumerate(reversed(shown.values())):
            held = estimate(r.history["learners"][0]["val_accuracy"][-1] for r in ours)
            test = estimate(r.metric() for r in ours)
            ax.plot([held.mean, test.mean], [y, y], color="0.75", lw=1.5, zorder=1)
            for est, mark, colour, label in ((test, "o", BLUE, "test"), (held, "^", RED, "validation")):
                ax.errorbar(est.mean, y, xerr=est.half, fmt="none", color=colour, capsize=3)
                ax.plot(
                    est.mean,
                    y,
                    mark,
                    color=colour,
                    ms=7,
                    mew=1.6,
                    mfc=colour if _judged(ours) else "white",
                    label=_once(ax, label),
                )
        ax.set(yticks=range(len(shown)), yticklabels=list(reversed(shown)), ylim=(-0.6, len(shown) - 0.4))
        ax.grid(axis="y", visible=False)
    axes[-1].set_xlabel("accuracy")
    _legend(fig, axes[-1])
    _foot(fig, [r for shown in panels.values() for found in shown.values() for r in found])
    return fig


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
    _legend(fig, ax)
    return fig


def weighting_curves(records: list[Record], ratio: float = 0.02) -> Figure:
    """Fig 4: training loss against step for each weighting scheme, mean over seeds with the range as a
    band."""
    rows = {
        row.label.split(",")[0]: row.key for row in load("ee443-fig4").rows if row.key.endswith(f"-{ratio:g}")
    }
    panels = _panels({label: [r for r in records if r.key == key] for label, key in rows.items()})
    fig, axes = _stacked(panels, 3.2, sharex=False)
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
    _legend(fig, axes[-1])
    _foot(fig, [r for shown in panels.values() for found in shown.values() for r in found])
    return fig


def bag_histograms(
    ratio: float = 0.02,
    threshold: int = 120,
    splits: tuple[str | int, ...] = (9, "nearest", "median"),
    seed: int = 0,
) -> Figure:
    """Fig 5: the long tail with the threshold, and one balanced bag for each way to split it (9: as the
    report draws it)."""
    names = {9: "split as drawn, at class 9", "nearest": "nearest the threshold", "median": "at the median"}
    counts = ee443_counts(ratio)
    x = np.arange(len(counts))
    fig, axes = plt.subplots(-(-(1 + len(splits)) // 2), 2, figsize=(5.6, 5), sharex=True, sharey=True)
    axes.flat[0].bar(x, counts, color="0.3", width=1.0, label="long tail")
    axes.flat[0].set_title(f"the long tail\n{sum(counts)} images", fontsize=9.5)
    for ax, split in zip(axes.flat[1:], splits):
        bags = _bags(ratio, threshold, split, seed)[1]
        shared = bags[0] == counts
        ax.bar(x, np.where(shared, 0, bags[0]), color=BLUE, width=1.0, label="dealt out")
        ax.bar(
            x,
            np.where(shared, bags[0], 0),
            color=ORANGE,
            width=1.0,
            label="copied to every bag",
            hatch="///",
            edgecolor="white",
            lw=0,
        )
        ax.set_title(
            f"{names.get(split, f'split at class {split}')}\n{bags[0].sum()} images in a bag", fontsize=9.5
        )
    for ax in axes.flat:
        ax.set_axisbelow(True)
        ax.axhline(threshold, color=RED, ls="--", lw=1.2, label=f"threshold, {threshold}")
    for ax in axes[-1]:
        ax.set_xlabel("class, head to tail")
    for ax in axes[:, 0]:
        ax.set_ylabel("training images")
    _legend(fig, axes.flat[1])
    return fig


def bag_overlay(
    ratio: float = 0.02, threshold: int = 120, split: str | int = "nearest", seed: int = 0
) -> Figure:
    """Fig 6: who holds which images: the shares of the bags stacked on each other over the majority, all bags
    over the minority."""
    counts, bags = _bags(ratio, threshold, split, seed)
    fig, ax = plt.subplots(figsize=(5.4, 3.6))
    x, shared = np.arange(len(counts)), np.array(counts) == bags[0]
    bottom = np.zeros(len(counts))
    for i, (bag, colour) in enumerate(zip(bags, sns.color_palette("Blues", len(bags) + 1)[1:])):
        height = np.where(shared, 0, bag)
        ax.bar(x, height, bottom=bottom, color=colour, width=1.0, label=f"bag {i + 1} alone")
        bottom += height
    ax.bar(
        x,
        np.where(shared, counts, 0),
        color=ORANGE,
        width=1.0,
        label="in every bag",
        hatch="///",
        edgecolor="white",
        lw=0,
    )
    ax.set(xlabel="class, head to tail", ylabel="training images")
    ax.set_axisbelow(True)
    _legend(fig, ax)
    return fig


def results_dots(records: list[Record]) -> Figure:
    """The results table as a picture: every method at every ratio, published, this run, and committed
    evidence."""
    experiment, index, shown = load("ee443-results"), Store(evidence_dir()).by_spec(), []
    fig, axes = plt.subplots(3, 1, figsize=(5.6, 7), sharex=True)
    for ax, ratio in zip(axes, RATIOS[1:]):
        for y, method in enumerate(reversed(METHODS)):
            row = next(r for r in experiment.rows if r.key == f"{method}-{ratio:g}")
            ours = [r for r in records if r.key == row.key and r.variant == "as-released"]
            filed = _on_file(experiment, row, ours, index) if ours else []
            _published(ax, published_value(experiment, row), y)
            _dot(ax, filed, y - 0.22, GREEN, "s")
            _dot(ax, ours, y, BLUE)
            shown += ours + filed
        ax.set_title(f"ratio {ratio:g}", loc="left", fontsize=10)
        ax.set(
            yticks=range(len(METHODS)),
            yticklabels=[_METHOD_NAMES[m] for m in reversed(METHODS)],
            ylim=(-0.6, len(METHODS) - 0.4),
        )
        ax.grid(axis="y", visible=False)
    axes[-1].set_xlabel("test accuracy")
    _legend(fig, axes[0])
    _foot(fig, shown)
    return fig


def members(records: list[Record], method: str, name: str) -> Figure:
    """What voting adds: a tick for each learner's own accuracy, joined to the mark of their vote, at each
    ratio.

    Args:
        records: of ee443-results.
        method: first part of the row keys, e.g. "bagging".
        name: the method as the slides call it, for the printed average learner, e.g. "Bagging / WL".
    """
    experiment, index, shown = load("ee443-results"), Store(evidence_dir()).by_spec(), []
    fig, ax = plt.subplots(figsize=(5.4, 3.4))
    for y, ratio in enumerate(reversed(RATIOS[1:])):
        row = next(r for r in experiment.rows if r.key == f"{method}-{ratio:g}")
        ours = [r for r in records if r.key == row.key and r.variant == "as-released"]
        slides = published(
            work="ee443-slides", method=name, metric="average_learner_accuracy", class_=f"{ratio:g}"
        )["value"].tolist()
        vote = published_value(experiment, row)
        ax.plot([*slides, vote], [y + 0.22] * (1 + len(slides)), color=ORANGE)
        ax.plot(slides, [y + 0.22] * len(slides), "|", color=ORANGE, ms=13, mew=2)
        _published(ax, vote, y + 0.22)
        filed = _on_file(experiment, row, ours, index) if ours else []
        for found, offset, colour, mark in ((filed, -0.22, GREEN, "s"), (ours, 0, BLUE, "o")):
            if found:
                own = np.mean([r.metrics["last"]["member_accuracy"] for r in found], axis=0)
                ax.plot(
                    [own.min(), np.mean([r.metric() for r in found])], [y + offset] * 2, color=colour, lw=1.2
                )
                ax.plot(own, [y + offset] * len(own), "|", color=colour, ms=13, mew=2)
                _mark(ax, estimate(r.metric() for r in found), y + offset, found, colour, mark)
        shown += ours + filed
    ax.set(
        yticks=range(3),
        yticklabels=[f"ratio {r:g}" for r in reversed(RATIOS[1:])],
        ylim=(-0.5, 2.5),
        xlabel="test accuracy (ticks: learners, marks: their vote)",
    )
    ax.grid(axis="y", visible=False)
    _legend(fig, ax)
    _foot(fig, shown)
    return fig


def staircase(records: list[Record]) -> Figure:
    """The report's bar chart: full baseline behind, stacking with weighted loss in the middle, imbalanced
    baseline in front."""
    experiment, index = load("ee443-results"), Store(evidence_dir()).by_spec()
    own, filed, shown = {}, {}, {row.key: published_value(experiment, row) for row in experiment.rows}
    for (_, key, _), found in group(
        [r for r in records if (r.experiment, r.variant) == ("ee443-results", "as-released")]
    ).items():
        own[key] = found
        filed[key] = _on_file(experiment, next(r for r in experiment.rows if r.key == key), found, index)
    panels = [
        ("published", shown),
        ("committed evidence", {k: v for k, v in filed.items() if v}),
        ("this run", own),
    ]
    panels = [(title, values) for title, values in panels if values]
    fig, (axes,) = plt.subplots(1, len(panels), figsize=(5.6, 3.8), sharey=True, squeeze=False)
    bars = (
        ("baseline-full", 0.84, "0.85", "baseline, full data"),
        ("stacking-weighted", 0.6, BLUE, "stacking + weighted loss"),
        ("baseline", 0.34, ORANGE, "baseline on the tail"),
    )
    for ax, (title, values) in zip(axes, panels):
        for x, ratio in enumerate(RATIOS[1:]):
            for key, width, colour, label in bars:
                value = values.get(key if key.endswith("full") else f"{key}-{ratio:g}")
                if value:
                    height = estimate(r.metric() for r in value).mean if isinstance(value, list) else value
                    ax.bar(x, height, color=colour, width=width, label=_once(ax, label))
        ax.set(
            xticks=range(3),
            xticklabels=[f"{r:g}" for r in RATIOS[1:]],
            xlabel="imbalance ratio",
            axisbelow=True,
        )
        ax.set_title(title, fontsize=10)
        ax.grid(axis="x", visible=False)
    axes[0].set_ylabel("test accuracy")
    _legend(fig, axes[0])
    _foot(fig, [r for values in (own, filed) for found in values.values() for r in found])
    return fig


def decision_regions(models: dict, points, labels, reach: float = 2.5) -> Figure:
    """Where each model answers which class, on a plane, with the points and the share of them answered
    correctly.

    Args:
        models: label -> callable from (N, 2) to (N, K) scores.
        points: (N, 2).
        labels: (N,), in [0, 3).
        reach: the plane is drawn from -reach to reach.
    """
    line = torch.linspace(-reach, reach, 200)
    plane = torch.cartesian_prod(line, line)
    fig, axes = plt.subplots(
        -(-len(models) // 2), 2, figsize=(5.4, 2.8 * -(-len(models) // 2)), sharex=True, sharey=True
    )
    for ax, (label, model) in zip(axes.flat, models.items()):
        with torch.inference_mode():
            regions, right = model(plane).argmax(1), model(points).argmax(1) == labels
        ax.contourf(
            line,
            line,
            regions.view(200, 200).T,
            levels=(-0.5, 0.5, 1.5, 2.5),
            colors=(BLUE, ORANGE, GREEN),
            alpha=0.35,
        )
        for k, (colour, mark) in enumerate(zip((BLUE, ORANGE, GREEN), "os^")):
            ax.plot(*points[labels == k].T, mark, color=colour, ms=3, mec="0.25", mew=0.3)
        ax.set_title(f"{label}: {right.float().mean():.2f} right", fontsize=10)
        ax.set(aspect="equal", xticks=(), yticks=())
    return fig


def recall_by_class(runs: dict[str, list[Record]], window: int = 5) -> Figure:
    """Recall of each class, head to tail, mean over seeds and over neighbouring classes: who pays for the
    tail.

    Args:
        runs: label of a curve -> its records.
        window: classes averaged, odd.
    """
    panels = _panels(runs)
    fig, axes = _stacked(panels, 3.2, sharey=True)
    for ax, shown in zip(axes, panels.values()):
        for label, colour, style in zip(runs, PALETTE, LINES):
            if label in shown:
                recall = np.nanmean(
                    np.array([r.per_class["recall"] for r in shown[label]], dtype=float), axis=0
                )
                smooth = np.convolve(
                    np.pad(recall, window // 2, mode="edge"), np.ones(window) / window, mode="valid"
                )
                ax.plot(smooth, color=colour, ls=style, lw=2, label=label)
        ax.set(ylabel="recall", ylim=(0, 1))
    axes[-1].set_xlabel(f"class, head to tail (means of {window} neighbours)")
    _legend(fig, axes[-1])
    _foot(fig, [r for shown in panels.values() for found in shown.values() for r in found])
    return fig


def sample_images(dataset, per_row: int = 10, rows: int = 2, seed: int = 0) -> Figure:
    """A few training images of a data set, with their class names."""
    rng = np.random.default_rng(seed)
    labels = np.asarray(dataset.labels("train"))
    classes = np.linspace(0, len(dataset.classes) - 1, per_row * rows).astype(int)
    fig, axes = plt.subplots(rows, per_row, figsize=(per_row * 0.85, rows * 1.05))
    for ax, label in zip(axes.flat, classes):
        ax.imshow(
            dataset.images("train")[rng.choice(np.flatnonzero(labels == label))], interpolation="nearest"
        )
        ax.set_title(dataset.classes[label].replace("_", " "), fontsize=7)
        ax.axis("off")
    return fig


def _bags(ratio: float, threshold: int, split, seed: int) -> tuple[list[int], list[np.ndarray]]:
    counts = ee443_counts(ratio)
    labels = torch.repeat_interleave(torch.arange(len(counts)), torch.tensor(counts))
    bags = balanced_bags(labels, threshold, split, seed)
    return counts, [torch.bincount(labels[bag], minlength=len(counts)).numpy() for bag in bags]


def _on_file(experiment, row, own: list[Record], index: dict) -> list[Record]:
    """The best committed records of a row, unless they are no stronger than this run's."""
    filed = best_evidence(experiment, row, own[0].variant, index)
    rank = [
        STRENGTH.index(kind) if (kind := (r.profile, r.data)) in STRENGTH else len(STRENGTH)
        for r in (*filed[:1], own[0])
    ]
    return filed if rank[0] < rank[-1] else []


def _filed(own: list[Record], index: dict) -> list[Record]:
    """`_on_file` for the row that the records belong to."""
    if not own:
        return []
    experiment = load(own[0].experiment)
    found = _on_file(experiment, next(r for r in experiment.rows if r.key == own[0].key), own, index)
    names = {name: getattr(own[0], name) for name in ("experiment", "row", "key", "variant")}
    return [r.model_copy(update=names) for r in found]


def _panels(runs: dict[str, list[Record]]) -> dict[str, dict[str, list[Record]]]:
    """Runs by label, as panels: the committed evidence for them, if there is any, above this run."""
    index = Store(evidence_dir()).by_spec()
    filed = {label: found for label, own in runs.items() if (found := _filed(own, index))}
    own = {label: records for label, records in runs.items() if records}
    return {title: found for title, found in (("committed evidence", filed), ("this run", own)) if found}


def _stacked(panels: dict, height: float, sharex: bool = True, sharey: bool = False):
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


def _judged(records: list[Record]) -> bool:
    return {(r.profile, r.data) for r in records} == {("paper", "real")}


def _published(ax, value: float | None, where: float, upright: bool = False) -> None:
    """A printed number: an orange diamond."""
    if value is not None:
        x, y = (where, value) if upright else (value, where)
        ax.plot(x, y, "D", color=ORANGE, ms=7, zorder=2, label=_once(ax, "published"))


def _dot(ax, records: list[Record], where: float, colour, mark: str = "o", upright: bool = False) -> None:
    """Mean accuracy of records and its interval."""
    if records:
        _mark(ax, estimate(r.metric() for r in records), where, records, colour, mark, upright)


def _mark(
    ax, est, where: float, records: list[Record], colour, mark: str = "o", upright: bool = False
) -> None:
    """An estimate and its interval; hollow unless the records are paper + real."""
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
        mfc=colour if _judged(records) else "white",
        zorder=4,
        label=_once(ax, name),
    )


def _once(ax, label: str) -> str | None:
    """The label, if the axes do not have it yet."""
    return None if label in ax.get_legend_handles_labels()[1] else label


def _legend(fig, ax) -> None:
    """One line of keys above the axes, where no mark can lie under it."""
    handles, labels = ax.get_legend_handles_labels()
    if handles:
        fig.legend(
            handles,
            labels,
            loc="outside upper center",
            ncols=min(len(labels), 3),
            fontsize=9,
            handletextpad=0.4,
            columnspacing=1.2,
        )


def _foot(fig, records: list[Record]) -> None:
    """What stands behind the marks, in small letters under the figure."""
    seeds = {}
    for r in records:
        source = "real data" if r.data == "real" else f"{r.spec.data}, a stand-in"
        seeds.setdefault(f"{r.profile} + {r.data} ({source})", set()).add(r.seed)
    text = "\n".join(f"{name}, n = {len(found)}" for name, found in seeds.items())
    fig.supxlabel(text, x=0.01, ha="left", fontsize=8, color="0.35")


FIGURES = {
    "ee443-fig1": architecture_sweep,
    "ee443-fig2": baselines,
    "ee443-fig3": balancing_histograms,
    "ee443-fig4": weighting_curves,
    "ee443-fig5": bag_histograms,
    "ee443-fig6": bag_overlay,
    "ee443-results": results_dots,
    "differences": differences,
    "long-tails": long_tails,
    "subset-images": subset_images,
    "copies": augmented_copies,
    "validation-gap": validation_gap,
    "weight-shares": weight_shares,
    "ee443-bars": staircase,
    "members": members,
    "decision-regions": decision_regions,
    "recall-by-class": recall_by_class,
    "samples": sample_images,
}
