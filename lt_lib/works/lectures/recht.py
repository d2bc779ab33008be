r"""Accuracies of public models on old and new test sets: read, fitted, ranked, resampled.

The facts are in book/published/recht_accuracies.csv, computed from the predictions that the authors of
Recht et al. (2019) published; nothing is trained here. An accuracy is a fraction, a drop is in
percentage points.

Source: lectures, part 2 (Recht et al. 2019, arXiv:1902.10811).
"""

import hashlib
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd
from scipy import stats

from lt_lib.lab.read.report import Table
from lt_lib.lab.record.paths import published_dir

# Images of each test set; the first is the original one.
TEST_SETS = {
    "cifar10": {"original": 10_000, "CIFAR-10.1-v4": 2021, "CIFAR-10.1-v6": 2000},
    "imagenet": {"val": 50_000, "MatchedFrequency": 10_000, "Threshold0.7": 10_000, "TopImages": 10_000},
}
METRICS = ("top1", "top5")
_SOURCES = (
    (
        "modestyachts/ImageNetV2",
        "0b0c3fe89058e4c7ee2348938b3f4f706a931bf3",
        "ImageNet predictions and labels",
        "MIT",
    ),
    (
        "modestyachts/CIFAR-10.1",
        "d9982abb0bfc4846b8d13a11e66b887d946205d0",
        "CIFAR-10 predictions, labels of v4 and v6",
        "MIT",
    ),
    (
        "cleanlab/label-errors",
        "6d5d6b31a13216290afc40e5c6319399c4d15c06",
        "labels of the CIFAR-10 test, in order",
        "Apache-2.0",
    ),
)
# The first pattern found in a name decides; authors, towers and tricks they share make models of a family
# alike.
_FAMILIES = {
    r"^se_|^senet": "SENet",
    r"resnext": "ResNeXt",
    r"inception|polynet|xception": "Inception",
    r"wide_resnet|^wrn": "Wide ResNet",
    r"resnet": "ResNet",
    r"nasnet|^nas$": "NASNet",
    r"vgg": "VGG",
    r"densenet": "DenseNet",
    r"^dpn": "DPN",
    r"squeezenet": "SqueezeNet",
    r"alexnet|cudaconvnet": "AlexNet",
    r"random_features": "random features",
    r"pyramidnet|shake_drop": "PyramidNet",
    r"shake_shake": "Shake-Shake",
}


@dataclass(frozen=True)
class Line:
    """A fitted line, new accuracy over old, on the scale it was fitted on; r is the correlation there."""

    slope: float
    intercept: float
    r: float
    scale: str

    def __call__(self, old: np.ndarray) -> np.ndarray:
        """New accuracy that the line foretells for an old one, both as fractions."""
        to, back = _SCALES[self.scale]
        return back(self.intercept + self.slope * to(np.asarray(old, dtype=float)))


@dataclass(frozen=True)
class Interval:
    """A number, its 95 % bootstrap interval, and the draws that it was made of."""

    value: float
    low: float
    high: float
    draws: np.ndarray = field(repr=False, compare=False)

    def __str__(self) -> str:
        return f"{self.value:.3f} [{self.low:.3f}, {self.high:.3f}]"


_SCALES = {
    "linear": (lambda p: p, lambda z: z),
    "probit": (stats.norm.ppf, stats.norm.cdf),
}


def accuracies(testbed: str, metric: str = "top1", path: str | Path | None = None) -> pd.DataFrame:
    """Accuracy of every model of a testbed on its original and new test sets.

    Args:
        testbed: "imagenet" (65 models) or "cifar10" (30).
        metric: "top1", or "top5" for imagenet.
        path: another file of the same columns; None reads the committed one.

    Returns:
        One row a model, named, ascending by original accuracy; one column a test set, original first.

    Raises:
        ValueError: an unknown testbed or metric; or the file lacks a number, holds one twice, or one that is
            not in (0, 1).
    """
    if testbed not in TEST_SETS or metric not in METRICS or (testbed, metric) == ("cifar10", "top5"):
        known = f"{', '.join(TEST_SETS)} and {', '.join(METRICS)}, but no top5 for cifar10"
        raise ValueError(f"no {metric!r} of {testbed!r}; there are {known}")
    path = Path(path) if path else published_dir() / "recht_accuracies.csv"
    facts = pd.read_csv(path)
    missing = {"testbed", "model", "split", metric} - set(facts.columns)
    if missing:
        raise ValueError(f"{path.name} lacks the columns {', '.join(sorted(missing))}")
    facts = facts[facts["testbed"] == testbed]
    if facts.duplicated(["model", "split"]).any():
        twice = facts[facts.duplicated(["model", "split"])].iloc[0]
        raise ValueError(f"{path.name} holds {twice['model']} on {twice['split']} twice")
    wide = facts.pivot(index="model", columns="split", values=metric)
    wide = wide.reindex(columns=list(TEST_SETS[testbed])).rename_axis(columns=None)
    if wide.empty or not ((wide > 0) & (wide < 1)).all(axis=None):
        raise ValueError(f"{path.name}: an accuracy of {testbed} is missing or not between 0 and 1")
    return wide.sort_values(wide.columns[0], kind="stable")


def drops(table: pd.DataFrame) -> pd.DataFrame:
    """Original minus new accuracy in percentage points, a column a new test set; negative is a gain."""
    original = table.columns[0]
    return 100 * table.drop(columns=original).rsub(table[original], axis=0)


def mean_drop(old: Sequence[float], new: Sequence[float]) -> float:
    """Mean of original minus new accuracy in percentage points."""
    old, new = _pairs(old, new)
    return float(100 * (old - new).mean())


def fit(old: Sequence[float], new: Sequence[float], scale: str = "linear") -> Line:
    r"""Least-squares line through accuracies on new over old test images.

    Args:
        old: accuracies as fractions, one a model.
        new: of the same models.
        scale: "linear": accuracies as they are; "probit": :math:`\Phi^{-1}` of both, the scale on which a
            test that is harder by the same amount for all models shifts all by the same amount.

    Raises:
        ValueError: fewer than three pairs, an unknown scale, or a probit of an accuracy not in (0, 1).
    """
    old, new = _pairs(old, new)
    if scale not in _SCALES:
        raise ValueError(f"scale must be one of {', '.join(_SCALES)}, got {scale!r}")
    if scale == "probit" and not (0 < min(old.min(), new.min()) and max(old.max(), new.max()) < 1):
        raise ValueError("a probit needs accuracies between 0 and 1, exclusive")
    found = stats.linregress(*(_SCALES[scale][0](values) for values in (old, new)))
    return Line(float(found.slope), float(found.intercept), float(found.rvalue), scale)


def spearman(old: Sequence[float], new: Sequence[float]) -> float:
    """Spearman's rank correlation: Pearson's, of ranks; equal values share their mean rank."""
    return float(np.corrcoef(stats.rankdata(_pairs(old, new), axis=1))[0, 1])


def kendall(old: Sequence[float], new: Sequence[float]) -> float:
    """Kendall's tau-b: pairs of models in the same order minus pairs in opposite order, over all pairs,
    corrected for ties."""
    return float(stats.kendalltau(*_pairs(old, new)).statistic)


def families(models: Sequence[str]) -> list[str]:
    """The family of architectures that each model belongs to, by its name; a name of no known family is its
    own."""
    found = ((m, next((f for pattern, f in _FAMILIES.items() if re.search(pattern, m)), m)) for m in models)
    return [family for _, family in found]


def bootstrap(
    statistic: Callable[[np.ndarray, np.ndarray], float],
    old: Sequence[float],
    new: Sequence[float],
    groups: Sequence | None = None,
    resamples: int = 2000,
    seed: int = 0,
) -> Interval:
    """A statistic of paired accuracies with its 95 % percentile interval over resampled models.

    Args:
        statistic: takes old and new accuracies of the models drawn.
        old: accuracies, one a model.
        new: of the same models.
        groups: a label a model; models of one label are drawn or left out together, as suits models that
            resemble each other. None: each model by itself, as if they were independent.
        resamples: draws, each of as many groups as there are, with replacement. One in which the statistic is
            undefined (all models alike) is left out.
        seed: of the draws.

    Raises:
        ValueError: shapes disagree, fewer than three groups, fewer than one resample, or no resample in which
            the statistic is defined.
    """
    old, new = _pairs(old, new)
    labels = np.arange(len(old)) if groups is None else np.unique(np.asarray(groups), return_inverse=True)[1]
    if labels.shape != old.shape:
        raise ValueError(f"groups has {len(labels)} labels for {len(old)} models")
    members = [np.flatnonzero(labels == g) for g in range(labels.max() + 1)]
    if len(members) < 3 or resamples < 1:
        raise ValueError(f"need at least 3 groups and 1 resample, got {len(members)} and {resamples}")
    rng, values = np.random.default_rng(seed), []
    for _ in range(resamples):
        drawn = np.concatenate([members[g] for g in rng.integers(len(members), size=len(members))])
        if np.ptp(old[drawn]) > 0 and np.ptp(new[drawn]) > 0:
            values.append(statistic(old[drawn], new[drawn]))
    if not values:
        raise ValueError("every resample held models of one accuracy; ask for more resamples")
    low, high = np.percentile(values, (2.5, 97.5))
    return Interval(float(statistic(old, new)), float(low), float(high), np.array(values))


def swaps(old: Sequence[float], new: Sequence[float], old_images: int, new_images: int) -> dict[str, int]:
    """Pairs of models that change places between two test sets, and how many of these the test sets can tell
    apart.

    Args:
        old: accuracies, one a model.
        new: of the same models.
        old_images: size of the old test set.
        new_images: size of the new one.

    Returns:
        pairs: of models, none equal on either set; swapped: in opposite order on the two sets; clear:
        swapped, and apart by two binomial standard errors of a difference on both sets, as if the two models
        erred independently. They do not (both find the same images hard), which makes the yardstick a
        cautious one.
    """
    old, new = _pairs(old, new)
    i, j = np.triu_indices(len(old), 1)
    gaps, errors = [], []
    for values, images in ((old, old_images), (new, new_images)):
        variance = values * (1 - values) / images
        gaps.append(values[i] - values[j])
        errors.append(2 * np.sqrt(variance[i] + variance[j]))
    strict = (gaps[0] != 0) & (gaps[1] != 0)
    swapped = strict & (np.sign(gaps[0]) != np.sign(gaps[1]))
    clear = swapped & (abs(gaps[0]) > errors[0]) & (abs(gaps[1]) > errors[1])
    return {"pairs": int(strict.sum()), "swapped": int(swapped.sum()), "clear": int(clear.sum())}


def provenance() -> Table:
    """Footer of a chapter: the file that its numbers are computed from, by digest, and where its contents
    came from."""
    path = published_dir() / "recht_accuracies.csv"
    digest = hashlib.sha256(path.read_bytes()).hexdigest()[:12]
    lines = [
        {
            "source": f"{repository} @ {commit[:12]}",
            "gave": gave,
            "licence": licence,
            "file": path.name,
            "sha256": f"<code>{digest}</code>",
        }
        for repository, commit, gave, licence in _SOURCES
    ]
    return Table(pd.DataFrame(lines), lines, "Public predictions and labels, counted into one file")


def _pairs(old: Sequence[float], new: Sequence[float]) -> tuple[np.ndarray, np.ndarray]:
    old, new = np.asarray(old, dtype=float), np.asarray(new, dtype=float)
    if old.ndim != 1 or old.shape != new.shape or len(old) < 3 or not np.isfinite([old, new]).all():
        raise ValueError(
            f"need two equally long rows of at least 3 finite numbers, got shapes {old.shape} and {new.shape}"
        )
    return old, new
