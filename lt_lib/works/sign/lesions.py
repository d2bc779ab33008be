"""Melanoma or not: areas under ROC curves that share their images, and where in a lesion SIGN is at work."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from safetensors.torch import load_file
from scipy.stats import norm, rankdata
from torch import Tensor

from lt_lib import data as datasets
from lt_lib.data.sets.isic import is_melanoma
from lt_lib.data.sets.lesionsim import simulate
from lt_lib.lab.record.paths import work_store
from lt_lib.lab.record.records import Record, Store
from lt_lib.lab.record.spec import load, resolve
from lt_lib.lab.train import topics
from lt_lib.lab.train.run import is_sound
from lt_lib.works.sign.copies import change, trained_maker

Z = float(norm.ppf(0.975))


class Gap(NamedTuple):
    """Two areas of the same images: the second less the first, its standard error, and the correlation of
    the two areas."""

    difference: float
    se: float
    correlation: float


def area_se(area: float, positives: int, negatives: int) -> float:
    r"""Standard error of an area under the ROC curve, from what every paper prints.

    .. math::
        mn\,\mathrm{SE}^2 = A (1 - A) + (m - 1) (Q_1 - A^2) + (n - 1) (Q_2 - A^2), \quad
        Q_1 = \frac{A}{2 - A}, \quad Q_2 = \frac{2 A^2}{1 + A}

    with m positives and n negatives. Exact for scores with exponential distributions, close for others.

    Source: Hanley & McNeil (1982).
    """
    m, n, square = positives, negatives, area * area
    first, second = area / (2 - area), 2 * square / (1 + area)
    total = area * (1 - area) + (m - 1) * (first - square) + (n - 1) * (second - square)
    return (total / (m * n)) ** 0.5


def gap_se(first: float, second: float, correlation):
    """Standard error of the difference of two correlated numbers, from those of the two."""
    return (first**2 + second**2 - 2 * correlation * first * second) ** 0.5


def least_correlation(gap: float, first: float, second: float) -> float:
    """From which correlation on a difference lies outside its own 95 % interval around zero."""
    return (first**2 + second**2 - (gap / Z) ** 2) / (2 * first * second)


def delong(first, second, labels) -> Gap:
    r"""The difference of two areas that share their images.

    .. math::
        \mathrm{SE}^2 = \frac{S^2(v'_i - v_i)}{m} + \frac{S^2(w'_j - w_j)}{n}

    with v the share of negatives below each positive and w that of positives above each negative, by the one
    score and by the other, and S the standard deviations of their differences.

    Args:
        first, second: (N,) scores; labels: (N,) 1 for positive, 0 for negative.

    Source: DeLong et al. (1988).
    """
    v, w = zip(*(placements(scores, labels) for scores in (first, second)), strict=True)
    among_positives, among_negatives = (np.cov(each) / len(each[0]) for each in (v, w))
    cov = among_positives + among_negatives
    difference = float(v[1].mean() - v[0].mean())
    variance = cov[0, 0] + cov[1, 1] - 2 * cov[0, 1]
    both = cov[0, 0] * cov[1, 1]
    correlation = float(cov[0, 1] / both**0.5) if both > 0 else float("nan")
    return Gap(difference, float(max(variance, 0.0) ** 0.5), correlation)


def placements(scores, labels) -> tuple[np.ndarray, np.ndarray]:
    """Of each positive the share of negatives below it, (m,); of each negative the share of positives above
    it, (n,); equal scores count one half."""
    scores, ill = np.asarray(scores), np.asarray(labels) == 1
    ranks = rankdata(scores)
    below = (ranks[ill] - rankdata(scores[ill])) / (~ill).sum()
    return below, 1 - (ranks[~ill] - rankdata(scores[~ill])) / ill.sum()


def drawn_scores(areas, positives: int, negatives: int, correlation: float, rng) -> tuple:
    """Made-up scores of two classifiers on the same images, and the labels: (2, N), (N,).

    Normal in each class, with the given areas in truth, and with the given correlation within a class.
    """
    labels = np.repeat([1, 0], [positives, negatives])
    chol = np.linalg.cholesky([[1, correlation], [correlation, 1]])
    noise = chol @ rng.standard_normal((2, len(labels)))
    return noise + 2**0.5 * norm.ppf(areas)[:, None] * labels, labels


def log_odds(logits: Tensor, positive: int = 1) -> Tensor:
    """Of one class against all others: (N, K) -> (N,)."""
    others = [k for k in range(logits.shape[1]) if k != positive]
    return logits[:, positive] - logits[:, others].logsumexp(1)


def odds_of(record: Record, store: Path | None = None) -> Tensor | None:
    """Log-odds of melanoma of the test images of a record; None where its logits are not at hand."""
    path = Store(store or work_store()).artifact(record.id)
    return log_odds(load_file(path)["logits"].float()) if is_sound(path, record) else None


def truth(data: str) -> np.ndarray:
    """Which test images of a set are melanomas: (N,)."""
    return is_melanoma(datasets.load(data).labels("test"))


class Before(NamedTuple):
    """Test images and what SIGN makes of them, (n, 3, side, side) in [0, 1]; which are melanomas; where the
    lesion is, (n, side, side); the log-odds of melanoma of both; and noise that moves each image as far."""

    images: Tensor
    copies: Tensor
    ill: Tensor
    inside: Tensor
    odds: tuple[Tensor, Tensor]
    noise: Tensor


def before_and_after(data: str, epochs: int = 3, images: int = 150, side: int = 32) -> Before:
    """SIGN on the first test images of `sign-lesions`, by a small network trained on up to 1,000 images.

    It is the network of the profile laptop, at a size at which a picture shows something; it is kept in the
    cache.
    """
    experiment = load("sign-lesions")
    (row,) = experiment.select("lesions-sign")
    spec = resolve(experiment, row, row.variants[0], "laptop", data, 0)
    backbone = spec.backbones[0].model_copy(update={"resolution": side})
    lesson = spec.lesson.model_copy(update={"images": 1000})
    optimizer = spec.optimizer.model_copy(update={"lr": 0.01, "batch_size": 32, "epochs": epochs})
    spec = spec.model_copy(update={"backbones": (backbone,), "lesson": lesson, "optimizer": optimizer})
    dataset = datasets.load(spec.data)
    (task,), _ = topics.tasks(spec, dataset)
    net, _, own = trained_maker(task, dataset)
    x, labels = (part[:images] for part in own.test)
    copies, noise = (
        change(net, own, lesson.copies.model_copy(update={"way": way}), x)[-1].float()
        for way in ("sign", "noise")
    )
    x = x.float()
    with torch.inference_mode():
        odds = tuple(log_odds(net(own.standard(each))).cpu() for each in (x, copies))
    x, copies, noise = x.cpu(), copies.cpu(), noise.cpu()
    inside = darker(x) if data == "real" else outlined(len(x), side)
    ill = torch.as_tensor(is_melanoma(labels.cpu().numpy()))
    return Before(x, copies, ill, inside, odds, noise)


def outlined(images: int, side: int) -> Tensor:
    """Where the lesions of the first test images of lesionsim are, (n, side, side), from how they were
    made."""
    inside = torch.from_numpy(simulate("test", images).inside).float()
    return F.interpolate(inside[:, None], (side, side), mode="area")[:, 0] > 0.5


def darker(images: Tensor) -> Tensor:
    """A rough outline of what is dark, (n, side, side), in images (n, C, side, side).

    Inside a disc that leaves the corners out: darker than halfway from the median to the darkest twentieth.
    """
    grey = images.mean(1)
    across = torch.linspace(-1, 1, grey.shape[1])
    disc = across[:, None] ** 2 + across**2 < 0.8
    seen = grey[:, disc]
    border = (seen.quantile(0.05, 1) + seen.quantile(0.5, 1)) / 2
    return (grey < border[:, None, None]) & disc


def share_inside(change: Tensor, inside: Tensor) -> Tensor:
    """Of a change's squares the share inside an outline: (n, C, side, side), (n, side, side) -> (n,)."""
    power = change.square().sum(1)
    return (power * inside).sum((1, 2)) / power.sum((1, 2)).clamp_min(1e-12)
