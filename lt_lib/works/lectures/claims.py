"""The claims of the lectures. The slides print directions, and numbers for LE6 only; LE1 and LE6 need no
training, the others records."""

import math
from collections.abc import Sequence
from dataclasses import replace

import pandas as pd
import torch

from lt_lib.lab.read.findings import (
    Finding,
    Part,
    Samples,
    behind,
    difference,
    shared_seeds,
    signed,
    tally,
    together,
)
from lt_lib.lab.read.published import value
from lt_lib.lab.record.records import Record
from lt_lib.optimizers import gd
from lt_lib.works.lectures import recht

EXPERIMENTS = ("lectures-rules", "lectures-targets", "lectures-norms", "lectures-few-labels")
MEASURED = "Differences of the measure named"
UP, DOWN = (0.0, math.inf), (-math.inf, 0.0)
NOT_PRINTED = Finding("not printed", "the slides print the direction only")
ADAPTIVE = ("adagrad", "rmsprop", "adam")
LABELS = (10, 20, 50, 100)
DROP = (3.0, 15.0)  # percentage points, as the claim has it


def _not_printed(facts: pd.DataFrame) -> Finding:
    return NOT_PRINTED


def _compared(samples: Samples, wanted: Sequence[tuple[str, str, str, tuple[float, float]]]) -> Finding:
    """A claim that is a list of differences: (row, other row, measure, open range)."""
    keys = list(dict.fromkeys(key for row, other, _, _ in wanted for key in (row, other)))
    seeds = shared_seeds(samples, keys)
    found = [difference(samples, seeds, [row], [other], _measure(name)) for row, other, name, _ in wanted]
    parts = [Part(gap, *allowed) for gap, (_, _, _, allowed) in zip(found, wanted, strict=True)]
    said = "; ".join(
        f"{name.replace('_', ' ')} of {row} less {other} {signed(gap)}"
        for gap, (row, other, name, _) in zip(found, wanted, strict=True)
    )
    return Finding(together(parts), f"{tally(parts)}: {said}", behind(samples, seeds, keys))


def _measure(name: str):
    def of(record: Record) -> float:
        return record.metric(name)

    return of


# --- LE1: a step of size c has the largest guaranteed descent


def _descent(facts: pd.DataFrame) -> Finding:
    """Steps of all lengths up to 4c, at places along a walk on a logistic loss, against the bound with c =
    1/L."""
    from sklearn.datasets import load_breast_cancer

    lumps = load_breast_cancer()
    x = torch.tensor(lumps.data)
    x = torch.cat([(x - x.mean(0)) / x.std(0, correction=0), torch.ones(len(x), 1, dtype=x.dtype)], 1)
    y = 1 - 2 * torch.tensor(lumps.target, dtype=x.dtype)
    ridge = 0.01
    c = 1 / (torch.linalg.eigvalsh(x.T @ x / len(x)).max().item() / 4 + ridge)

    def loss(theta):
        return torch.nn.functional.softplus(-y * (theta @ x.T)).mean(-1) + ridge / 2 * theta.square().sum(-1)

    def gradient(theta):
        return ((-y * torch.sigmoid(-y * (x @ theta)))[:, None] * x).mean(0) + ridge * theta

    shares, theta, short, tried = (
        torch.linspace(0.05, 4, 80, dtype=x.dtype),
        torch.zeros(x.shape[1], dtype=x.dtype),
        0,
        0,
    )
    for step in range(500):
        g = gradient(theta)
        if step % 10 == 0:
            fell = (loss(theta) - loss(theta - c * shares[:, None] * g)) / (c * g @ g)
            short += int((fell < shares - shares**2 / 2 - 1e-9).sum())
            tried += len(shares)
        theta, _ = gd(theta, g, lr=c)
    bowl = 1 - (1 - shares) ** 2  # what a loss with the steepest bend everywhere falls by, doubled
    best, last = shares[bowl.argmax()].item(), shares[bowl > 1e-9].max().item()
    right = short == 0 and abs(best - 1) < 0.03 and abs(last - 2) < 0.06
    words = (
        f"{short} of {tried} steps fall short of the bound with c = 1/L; on the loss that attains it the best step is {best:.2f}c, "
        f"the longest that descends {last:.2f}c"
    )
    return Finding("holds" if right else "fails", words)


def _descent_counted(samples: Samples) -> Finding:
    return replace(
        _descent(pd.DataFrame()), counted="scikit-learn's breast-cancer data · computed, not trained"
    )


# --- LE2: adaptive methods start faster and generalise worse


def _adaptive(samples: Samples) -> Finding:
    return _compared(
        samples,
        [
            (rule, "sgd", name, allowed)
            for name, allowed in (("first_epoch", DOWN), ("test_error", UP))
            for rule in ADAPTIVE
        ],
    )


# --- LE3, LE4: softer labels, mixed images


def _calibration(samples: Samples) -> Finding:
    return _compared(samples, [("smoothed", "hard", "ece", DOWN)])


def _corrupted(samples: Samples) -> Finding:
    return _compared(samples, [("mixup-40", "hard-40", "accuracy", UP)])


# --- LE5: smoother, and not less covariate shift


def _norms(samples: Samples) -> Finding:
    smoother = [
        ("bn", "plain", name, DOWN) for name in ("loss_range", "gradient_change_relative", "curvature")
    ]
    return _compared(
        samples, [*smoother, ("bn", "plain", "shift", UP), ("bn-noisy", "plain", "loss_range", DOWN)]
    )


# --- LE6: new test sets


def _new_tests_on_paper(facts: pd.DataFrame) -> Finding:
    """The printed drops of the best models, and of VGG and ResNet; the order of models is not printed as a
    number."""
    names = {
        "cifar10_best_drop_pct": "best on CIFAR-10.1",
        "cifar10_vgg_resnet_drop_pct": "VGG, ResNet on CIFAR-10.1",
        "imagenet_best_top1_drop": "best on ImageNetV2",
        "imagenet_vgg_resnet_drop_pct": "VGG, ResNet on ImageNetV2",
    }
    found = {words: value(work="lectures", metric=name, facts=facts) for name, words in names.items()}
    inside = sum(DROP[0] <= drop <= DROP[1] for drop in found.values())
    said = ", ".join(f"{drop:g} ({words})" for words, drop in found.items())
    return Finding(
        "holds" if inside == len(found) else "holds in part" if inside else "fails",
        f"{inside} of {len(found)}: drops {said}",
    )


def _new_tests(samples: Samples) -> Finding:
    """Mean drop between 3 and 15 points on every new test set, and a rank correlation surely above one
    half."""
    drops, ranks, kept = [], [], []
    for testbed in ("cifar10", "imagenet"):
        table = recht.accuracies(testbed)
        old = table.iloc[:, 0]
        for name, drop in recht.drops(table).items():
            interval = recht.bootstrap(recht.spearman, old, table[name])
            drops.append((name, float(drop.mean())))
            ranks.append((name, interval))
            kept.append(interval.low > 0.5)
    inside = [DROP[0] <= drop <= DROP[1] for _, drop in drops]
    words = (
        f"mean drop {', '.join(f'{drop:+.1f} on {name}' for name, drop in drops)}: {sum(inside)} of {len(inside)} from 3 to 15 points; "
        f"rank correlation {', '.join(f'{i.value:.2f} [{i.low:.2f}, {i.high:.2f}]' for _, i in ranks)}"
    )
    verdict = "holds" if all(inside) and all(kept) else "fails"
    return Finding(verdict, words, counted="public predictions of Recht et al. · computed, not trained")


# --- LE7: the unlabelled help


def _few_labels(samples: Samples) -> Finding:
    """At each number of labels, the game as on the slides against the supervised network."""
    return _compared(samples, [(f"ssgan-{n}", f"supervised-{n}", "accuracy", UP) for n in LABELS])


CLAIMS = {
    "LE1": (_not_printed, _descent_counted),
    "LE2": (_not_printed, _adaptive),
    "LE3": (_not_printed, _calibration),
    "LE4": (_not_printed, _corrupted),
    "LE5": (_not_printed, _norms),
    "LE6": (_new_tests_on_paper, _new_tests),
    "LE7": (_not_printed, _few_labels),
}
