"""The claims of the lectures. The slides print directions, and numbers for LE6 only; LE1 and LE6 need no
training, the others records."""

from collections.abc import Sequence

import pandas as pd

from lt_lib.lab.read.findings import (
    DOWN,
    UP,
    Claim,
    Contrast,
    Finding,
    Part,
    Samples,
    not_printed,
    on_contrasts,
    tally,
)
from lt_lib.lab.read.published import value
from lt_lib.works.lectures import recht

MEASURED = "Differences of the measure named"
ADAPTIVE = ("adagrad", "rmsprop", "adam")
LABELS = (10, 20, 50, 100)
DROP = (3.0, 15.0)  # percentage points, as the claim has it
_NOT_PRINTED = not_printed("the slides print the direction only")


def _direction(contrasts: Sequence[Contrast]) -> Claim:
    """A claim that is a list of contrasts; its numbers are not printed."""

    def say(parts: list[Part]) -> str:
        said = (
            f"{contrast.metric.replace('_', ' ')} of {contrast.name} {part}"
            for contrast, part in zip(contrasts, parts, strict=True)
        )
        return f"{tally(parts)}: {'; '.join(said)}"

    return Claim(_NOT_PRINTED, on_contrasts(contrasts, say))


# --- LE1: a step of size c has the largest guaranteed descent


def _descent(samples: Samples) -> Finding:
    """Steps of all lengths up to 4c, at places along a walk on a logistic loss, against the bound with c =
    1/L."""
    import torch
    from scipy.optimize import brentq, minimize_scalar
    from sklearn.datasets import load_breast_cancer

    from lt_lib.optimizers import gd

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

    shares, theta = torch.linspace(0.05, 4, 80, dtype=x.dtype), torch.zeros(x.shape[1], dtype=x.dtype)
    short = tried = 0
    for step in range(500):
        g = gradient(theta)
        if step % 10 == 0:
            fell = (loss(theta) - loss(theta - c * shares[:, None] * g)) / (c * g @ g)
            short += int((fell < shares - shares**2 / 2 - 1e-9).sum())
            tried += len(shares)
        theta, _ = gd(theta, g, lr=c)

    def rise(share):  # of a loss with the steepest bend everywhere, doubled
        return (1 - share) ** 2 - 1

    best, last = minimize_scalar(rise, bounds=(0, 4)).x, brentq(rise, 1, 4)
    right = short == 0 and abs(best - 1) < 1e-3 and abs(last - 2) < 1e-3
    words = (
        f"{short} of {tried} steps fall short of the bound with c = 1/L; on the loss that attains it the "
        f"best step is {best:.2f}c, and every step below {last:.2f}c descends"
    )
    counted = "scikit-learn's breast-cancer data · computed, not trained"
    return Finding("holds" if right else "fails", words, counted=counted)


# --- LE2: adaptive methods start faster and generalise worse

_ADAPTIVE = [
    Contrast(rule, "sgd", metric, allowed)
    for metric, allowed in (("first_epoch", DOWN), ("test_error", UP))
    for rule in ADAPTIVE
]


# --- LE5: smoother, and not less covariate shift

_NORMS = [
    *(Contrast("bn", "plain", m, DOWN) for m in ("loss_range", "gradient_change_relative", "curvature")),
    Contrast("bn", "plain", "shift", UP),
    Contrast("bn-noisy", "plain", "loss_range", DOWN),
]


# --- LE6: new test sets


def _new_tests_on_print(facts: pd.DataFrame) -> Finding:
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
        f"mean drop {', '.join(f'{drop:+.1f} on {name}' for name, drop in drops)}: "
        f"{sum(inside)} of {len(inside)} from 3 to 15 points; "
        f"rank correlation {', '.join(f'{i.value:.2f} [{i.low:.2f}, {i.high:.2f}]' for _, i in ranks)}"
    )
    verdict = "holds" if all(inside) and all(kept) else "fails"
    return Finding(verdict, words, counted="public predictions of Recht et al. · computed, not trained")


CLAIMS = {
    "LE1": Claim(_NOT_PRINTED, _descent),
    "LE2": _direction(_ADAPTIVE),
    "LE3": _direction([Contrast("smoothed", "hard", "ece", DOWN)]),
    "LE4": _direction([Contrast("mixup-40", "hard-40")]),
    "LE5": _direction(_NORMS),
    "LE6": Claim(_new_tests_on_print, _new_tests),
    # the game as on the slides against the supervised network, at each number of labels
    "LE7": _direction([Contrast(f"ssgan-{n}", f"supervised-{n}") for n in LABELS]),
}
