"""The claims of the lectures. The slides print directions, and numbers for LE6 only; LE1 and LE6 need no
training, the others records."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from lt_lib.lab.read.findings import (
    DOWN,
    UP,
    Claim,
    Contrast,
    Finding,
    Half,
    Part,
    Samples,
    halves_of,
    not_printed,
    of_all,
    on_contrasts,
    tally,
    together,
    verdicts,
)
from lt_lib.lab.read.published import value
from lt_lib.works.lectures import recht

MEASURED = "Differences of the measure named"
ADAPTIVE = ("adagrad", "rmsprop", "adam")
LABELS = (10, 20, 50, 100)
DROP, ORDER = (3.0, 15.0), (0.5, math.inf)  # percentage points, as the claim has it; rank correlation
RESAMPLES = 1000
NEW_TESTS = {  # as the slides have them
    "with printed numbers": ("CIFAR-10.1-v6", "MatchedFrequency"),
    "without printed numbers": ("CIFAR-10.1-v4", "Threshold0.7", "TopImages"),
}
_NOT_PRINTED = not_printed("the slides print the direction only")


def _direction(
    contrasts: Sequence[Contrast], names: Sequence[str] | None = None, halves: Sequence[str] = ()
) -> Claim:
    """A claim that is a list of contrasts; its numbers are not printed. `names` are what they are called, if
    not after their rows; `halves` as in `halves_of`."""
    names = names or [contrast.name for contrast in contrasts]

    def say(parts: list[Part]) -> str:
        said = (
            f"{contrast.metric.replace('_', ' ')} of {name} {part}"
            for contrast, name, part in zip(contrasts, names, parts, strict=True)
        )
        return f"{tally(parts)}: {'; '.join(said)}"

    return Claim(_NOT_PRINTED, on_contrasts(contrasts, say, halves=halves))


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
    halves = halves_of(
        ["the largest guaranteed descent", "beyond 2c no guarantee"],
        [
            "holds" if right else "fails"
            for right in (short == 0 and abs(best - 1) < 1e-3, abs(last - 2) < 1e-3)
        ],
    )
    words = (
        f"{short} of {tried} steps fall short of the bound with c = 1/L; on the loss that attains it the "
        f"best step is {best:.2f}c, and every step below {last:.2f}c descends"
    )
    counted = "scikit-learn's breast-cancer data · computed, not trained"
    return Finding(of_all([half.verdict for half in halves]), words, counted=counted, halves=halves)


# --- LE2: adaptive methods start faster and generalise worse

_ADAPTIVE = [
    Contrast(rule, "sgd", metric, allowed)
    for metric, allowed in (("first_epoch", DOWN), ("test_error", UP))
    for rule in ADAPTIVE
]


_STARTS = [says for says in ("start faster", "generalise worse") for _ in ADAPTIVE]


# --- LE3: label smoothing improves calibration; every setting on record

SETTINGS = {
    "smoothed 0.02 less hard, clean labels": ("smoothed-mildly", "hard"),
    "smoothed 0.1 less hard, clean labels": ("smoothed", "hard"),
    "smoothed 0.1 less hard, 40 % wrong labels": ("smoothed-40", "hard-40"),
}
_SMOOTHED = [Contrast(*rows, "ece", DOWN) for rows in SETTINGS.values()]


# --- LE5: smoother, and not less covariate shift

_NORMS = [
    *(Contrast("bn", "plain", m, DOWN) for m in ("loss_range", "gradient_change_relative", "curvature")),
    Contrast("bn", "plain", "shift", UP),
    Contrast("bn-noisy", "plain", "loss_range", DOWN),
]
_SMOOTHER, _SHIFT = "a smoother landscape", "not by less covariate shift"


# --- LE6: new test sets

_COST, _KEPT = "a drop of 3 to 15 points", "the order of models is kept"


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
    said = ", ".join(f"{drop:g} ({words})" for words, drop in found.items())
    inside = ["holds" if DROP[0] <= drop <= DROP[1] else "fails" for drop in found.values()]
    halves = *halves_of([_COST] * len(found), inside), Half(_KEPT, "not printed")
    words = f"{inside.count('holds')} of {len(found)}: drops {said}"
    return Finding(of_all(inside), words, halves=halves)


@dataclass(frozen=True)
class Resampled:
    """A part of a claim: a statistic of models on old and new test images, its interval over families of
    models, and the open range it must lie in."""

    name: str
    interval: recht.Interval
    low: float
    high: float

    @property
    def inside(self) -> bool:
        return self.low < self.interval.low and self.interval.high < self.high

    @property
    def p_outside(self) -> float:
        """Two-sided p of a statistic this far outside the range: of the resamples, twice the share that is
        not on its side of the border."""
        draws, value = self.interval.draws, self.interval.value
        if self.low <= value <= self.high:
            return 1.0
        back = draws >= self.low if value < self.low else draws <= self.high
        return min(1.0, 2 * max(float(back.mean()), 1 / len(draws)))

    def __str__(self) -> str:
        i = self.interval
        return f"{self.name} {i.value:.2f} [{i.low:.2f}, {i.high:.2f}]"


def new_tests(names: Sequence[str]) -> list[Resampled]:
    """Mean drop and rank correlation on each of some new test sets, models of a family drawn together."""
    parts = []
    for name in names:
        testbed = next(bed for bed, sets in recht.TEST_SETS.items() if name in sets)
        table = recht.accuracies(testbed)
        given = table.iloc[:, 0], table[name], recht.families(table.index), RESAMPLES
        parts += [
            Resampled(f"mean drop on {name}", recht.bootstrap(recht.mean_drop, *given), *DROP),
            Resampled(f"rank correlation on {name}", recht.bootstrap(recht.spearman, *given), *ORDER),
        ]
    return parts


def _new_tests(samples: Samples) -> Finding:
    """Mean drop surely between 3 and 15 points and a rank correlation surely above one half, on the new test
    sets that the slides print numbers for; of the others it is said."""
    parts, more = map(new_tests, NEW_TESTS.values())
    others = (f"{part} {said}" for part, said in zip(more, verdicts(more), strict=True))
    words = (
        f"{tally(parts)}: {', '.join(map(str, parts))}. On the sets without printed numbers: "
        f"{', '.join(others)}. Intervals over families of models"
    )
    counted = "public predictions of Recht et al. · computed, not trained"
    halves = halves_of([_COST, _KEPT] * (len(parts) // 2), verdicts(parts))
    return Finding(together(parts), words, counted=counted, halves=halves)


CLAIMS = {
    "LE1": Claim(_NOT_PRINTED, _descent),
    "LE2": _direction(_ADAPTIVE, halves=_STARTS),
    "LE3": _direction(_SMOOTHED, list(SETTINGS)),
    "LE4": _direction([Contrast("mixup-40", "hard-40")]),
    "LE5": _direction(_NORMS, halves=[*[_SMOOTHER] * 3, _SHIFT, _SHIFT]),
    "LE6": Claim(_new_tests_on_print, _new_tests),
    # the game as on the slides against the supervised network, at each number of labels
    "LE7": _direction([Contrast(f"ssgan-{n}", f"supervised-{n}") for n in LABELS]),
}
