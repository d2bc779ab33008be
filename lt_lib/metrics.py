r"""Metrics of the four works, from one confusion matrix (rows: truth, columns: prediction).

.. math::
    r_j = \frac{M_{jj}}{\sum_k M_{jk}}, \quad p_j = \frac{M_{jj}}{\sum_k M_{kj}}, \quad
    F_j = \frac{2 M_{jj}}{\sum_k M_{jk} + \sum_k M_{kj}}

Undefined numbers are None, so that a report can be written as JSON. A class without test images has no recall
and no F1 and is left out of every mean; a class that is never predicted has no precision, but F1 = 0.

:func:`roc_auc` and :func:`compactness` stand beside them: they need scores and features, not a matrix.

scikit-learn gives the same accuracy, recall, precision, F1 and MCC (the tests compare), but takes labels,
where a record has a matrix, and a second to import; its topk puts equal scores in the opposite order.
"""

import math
import operator
from fractions import Fraction

import numpy as np
import torch
from torch import Tensor

from lt_lib.inputs import numbers

_GROUPS = {"many": (101, math.inf), "medium": (20, 100), "few": (0, 19)}  # training images, inclusive
_MOST_CLASSES = 10_000  # that a largest label may stand for: the matrix holds their square


def classification_report(
    scores_or_predictions: Tensor,
    labels: Tensor,
    num_classes: int | None = None,
    train_counts: list[int] | None = None,
    scores: str = "probabilities",
) -> dict:
    r"""All metrics of a classifier on N test images.

    Args:
        scores_or_predictions: (N, K) scores, or (N,) predicted classes. The prediction of equal scores is the
            lower class.
        labels: (N,), integers in [0, K).
        num_classes: K; needed only for predictions, where the default is the length of train_counts or the
            largest class seen + 1.
        train_counts: K training counts, for many / medium / few.
        scores: "probabilities" (checked: rows sum to one) or "logits" (softmax is applied for ece).

    Returns:
        What :func:`report_from_confusion` returns; with scores also

        - ece: expected calibration error, 15 bins (lower, upper] of equal width on the largest probability,
          :math:`\sum_b \frac{|b|}{N} |acc_b - conf_b|` (Guo et al. 2017);
        - topk: {"1": ..., "3": ..., "5": ...} for k <= K (keys are text, as in JSON): share of images whose
          label is among the k largest scores, equal scores ranked lower class first, so that topk["1"] is the
          accuracy.

    Raises:
        ValueError: shapes disagree, a class out of range, scores not finite, or rows of probabilities that do
            not sum to one.
    """
    given = numbers(scores_or_predictions, "scores_or_predictions").cpu()
    labels = numbers(labels, "labels").cpu()
    if given.dim() not in (1, 2) or given.numel() == 0 or labels.shape != given.shape[:1]:
        shapes = f"{tuple(given.shape)} and {tuple(labels.shape)}"
        raise ValueError(f"need (N, K) scores or (N,) predictions, and (N,) labels, N > 0; got {shapes}")
    extra = {}
    if given.dim() == 1:
        predicted = given
        k = num_classes or (_classes_seen(given, labels) if train_counts is None else len(train_counts))
    else:
        k = given.shape[1]
        if num_classes not in (None, k):
            raise ValueError(f"scores have {k} columns, but num_classes is {num_classes}")
        values, probabilities = _scores(given, scores)
        predicted = torch.from_numpy(values.argmax(1))
    for name, classes in (("labels", labels), ("predictions", predicted)):
        if classes.is_floating_point() or classes.min() < 0 or classes.max() >= k:
            found = f"{classes.dtype} from {classes.min()} to {classes.max()}"
            raise ValueError(f"{name} must be integers in [0, {k}), got {found}")
    labels, predicted = labels.numpy(), predicted.numpy()
    if given.dim() == 2:
        extra = {"ece": _ece(probabilities, predicted == labels), "topk": _topk(values, labels)}
    matrix = np.bincount(labels * k + predicted, minlength=k * k).reshape(k, k)
    return report_from_confusion(matrix, train_counts) | extra


def report_from_confusion(matrix: Tensor, train_counts: list[int] | None = None) -> dict:
    r"""All metrics that a confusion matrix determines.

    Args:
        matrix: (K, K) counts, rows truth, columns prediction.
        train_counts: K training counts, for many / medium / few.

    Returns:
        dict of plain numbers and lists:

        - accuracy; balanced_accuracy, the mean recall; macro_f1, the mean of the F1 scores (not the F1 of
          means);
        - mcc, Gorodkin's; 0 if all labels or all predictions are one class;
        - recall, precision, f1, support (K each); confusion (K x K);
        - icv_printed :math:`\sum_j (acc - r_j)^2`, as spectrum prints the formula; icv_used, its root, as its
          numbers were computed;
        - many, medium, few: mean recall of the classes with more than 100, 20 to 100, fewer than 20 training
          images (the common long-tail convention, Liu et al. 2019); None without train_counts or for an empty
          group;
        - ece, topk: None.

    Raises:
        ValueError: not a square matrix of counts with at least one image, or train_counts of another length.

    Source: spectrum, "Metrics"; Gorodkin (2004) for the multi-class MCC.
    """
    matrix = numbers(matrix, "matrix").cpu()
    if matrix.dim() != 2 or matrix.shape[0] != matrix.shape[1] or matrix.is_floating_point():
        raise ValueError(f"matrix must be (K, K) counts, got shape {tuple(matrix.shape)}, {matrix.dtype}")
    if not matrix.any() or matrix.min() < 0:
        raise ValueError("matrix must hold at least one image and no negative count")
    confusion = matrix.tolist()  # Python's integers: squares of counts do not overflow
    hits = matrix.diagonal().tolist()
    support, predicted = (
        [sum(line) for line in lines] for lines in (confusion, zip(*confusion, strict=True))
    )
    n, right = sum(support), sum(hits)
    present = np.array(support) > 0
    recall = _divide(hits, support)
    precision = _divide(hits, predicted)
    f1 = _divide([2 * h for h in hits], [s and s + p for s, p in zip(support, predicted, strict=True)])
    accuracy = right / n
    icv = float(((accuracy - recall[present]) ** 2).sum())
    determinant = n * right - sum(map(operator.mul, support, predicted))
    spread = math.prod(n**2 - sum(m**2 for m in margin) for margin in (support, predicted))
    groups = dict.fromkeys(_GROUPS)
    if train_counts is not None:
        if len(train_counts) != len(matrix):
            raise ValueError(f"train_counts has {len(train_counts)} entries for {len(matrix)} classes")
        size = np.asarray(train_counts)
        groups = {g: _mean(recall[present & (size >= lo) & (size <= hi)]) for g, (lo, hi) in _GROUPS.items()}
    return {
        "accuracy": accuracy,
        "balanced_accuracy": _mean(recall[present]),
        "macro_f1": _mean(f1[present]),
        "mcc": _correlation(determinant, spread),
        "recall": _plain(recall),
        "precision": _plain(precision),
        "f1": _plain(f1),
        "support": support,
        "confusion": confusion,
        "icv_printed": icv,
        "icv_used": math.sqrt(icv),
        "ece": None,
        "topk": None,
        **groups,
    }


def binary_report(tp: int, fn: int, fp: int, tn: int) -> dict:
    """Metrics of a two-class test from its four counts.

    Args:
        tp: positives called positive.
        fn: positives called negative.
        fp: negatives called positive.
        tn: negatives called negative.

    Returns:
        dict of floats, exact whatever the size of the counts: tpr (recall, sensitivity), fpr, fdr (1 -
        precision), specificity, precision, accuracy, balanced_accuracy, f1, mcc (0 if a margin is empty).
        None where the denominator is zero, f1 also without positives.

    Raises:
        ValueError: a count is negative or not an integer, or all are zero.

    Source: lectures, part 1 (evaluation of a diagnostic test).
    """
    try:
        tp, fn, fp, tn = map(operator.index, (tp, fn, fp, tn))
    except TypeError:
        raise ValueError(f"counts must be integers, got {tp=}, {fn=}, {fp=}, {tn=}") from None
    if min(tp, fn, fp, tn) < 0 or not tp + fn + fp + tn:
        raise ValueError(f"counts must be >= 0 and not all zero, got {tp=}, {fn=}, {fp=}, {tn=}")
    ill, well, positive = tp + fn, fp + tn, tp + fp
    rates = [Fraction(a, b) for a, b in ((tp, ill), (tn, well)) if b]
    return {
        "tpr": tp / ill if ill else None,
        "fpr": fp / well if well else None,
        "fdr": fp / positive if positive else None,
        "specificity": tn / well if well else None,
        "precision": tp / positive if positive else None,
        "accuracy": (tp + tn) / (ill + well),
        "balanced_accuracy": float(sum(rates) / len(rates)),
        "f1": 2 * tp / (ill + positive) if ill else None,
        "mcc": _correlation(tp * tn - fp * fn, ill * well * positive * (fn + tn)),
    }


def roc_auc(scores: Tensor, labels: Tensor, confidence: float = 0.95) -> dict:
    r"""Area under the ROC curve, with DeLong's standard error and interval.

    .. math::
        A = \frac1{mn} \sum_{i=1}^m \sum_{j=1}^n \psi(x_i, y_j), \quad
        \psi = 1, \tfrac12, 0 \text{ for } x_i > y_j, x_i = y_j, x_i < y_j, \quad
        \mathrm{SE}^2 = \frac{S_{10}}{m} + \frac{S_{01}}{n}

    with x the scores of the m positives, y those of the n negatives, and S the sample variances of the means
    of psi over the negatives, for each positive, and over the positives, for each negative. Computed from
    ranks, equal scores sharing their mean rank.

    Args:
        scores: (N,), the larger the more positive.
        labels: (N,), 1 for positive, 0 for negative.
        confidence: of the interval A plus or minus z SE, cut off at 0 and 1.

    Returns:
        dict of floats: auc, se, low, high. With a single image of a class se, low and high are None. Perfect
        separation has se = 0, which is no certainty.

    Raises:
        ValueError: shapes disagree, scores not finite, labels other than 0 and 1 or of one class only, or a
            confidence outside (0, 1).

    Source: DeLong et al. (1988); Sun & Xu (2014) for the ranks.
    """
    from scipy.stats import norm, rankdata

    scores, labels = numbers(scores, "scores").double().cpu().numpy(), numbers(labels, "labels").cpu().numpy()
    if scores.ndim != 1 or scores.shape != labels.shape:
        raise ValueError(f"need (N,) scores and (N,) labels, got {scores.shape} and {labels.shape}")
    if not np.isfinite(scores).all():
        raise ValueError("scores hold nan or inf")
    if set(np.unique(labels)) != {0, 1}:
        raise ValueError(f"labels must be 0 and 1, both present, got {np.unique(labels)[:5].tolist()}")
    if not 0 < confidence < 1:
        raise ValueError(f"confidence must lie in (0, 1), got {confidence}")
    ill = labels == 1
    m, n = int(ill.sum()), int((~ill).sum())
    ranks = rankdata(scores)
    of_ill = (ranks[ill] - rankdata(scores[ill])) / n  # share of the negatives below each positive
    of_well = 1 - (ranks[~ill] - rankdata(scores[~ill])) / m
    auc = float(of_ill.mean())
    if min(m, n) < 2:
        return {"auc": auc, "se": None, "low": None, "high": None}
    se = math.sqrt(of_ill.var(ddof=1) / m + of_well.var(ddof=1) / n)
    reach = float(norm.ppf((1 + confidence) / 2)) * se
    return {"auc": auc, "se": se, "low": max(0.0, auc - reach), "high": min(1.0, auc + reach)}


def compactness(features: Tensor, labels: Tensor, subsample: int | None = None, seed: int = 0) -> dict:
    r"""How closely the images of a class lie together, measured against how far the classes lie apart.

    .. math::
        W = \frac1N \sum_i \lVert f_i - \mu_{y_i} \rVert^2, \quad
        B = \frac1N \sum_i \lVert \mu_{y_i} - \mu \rVert^2

    with the mean of all features and of those of each class; W + B is the total variance. The silhouette of
    an image is (b - a) / max(a, b), a its mean distance to the rest of its class, b that to the nearest other
    class.

    Args:
        features: (N, D).
        labels: (N,) classes.
        subsample: images, drawn without replacement, for the silhouette, whose cost grows with their square;
            None for all.
        seed: of that draw.

    Returns:
        dict of floats: within (W), between (B), ratio (W / B, the smaller the more compact; None where all
        class means coincide), silhouette (-1 to 1, the larger the better).

    Raises:
        ValueError: shapes disagree, features not finite, or fewer than two classes or as many as images.

    Source: Rousseeuw (1987) for the silhouette, here scikit-learn's.
    """
    from sklearn.metrics import silhouette_score

    features, labels = numbers(features, "features").double().cpu(), numbers(labels, "labels").cpu()
    if features.dim() != 2 or labels.shape != features.shape[:1]:
        shapes = f"{tuple(features.shape)} and {tuple(labels.shape)}"
        raise ValueError(f"need (N, D) features and (N,) labels, got {shapes}")
    if not features.isfinite().all():
        raise ValueError("features hold nan or inf")
    classes, which, counts = labels.unique(return_inverse=True, return_counts=True)
    if not 2 <= len(classes) < len(labels):
        raise ValueError(f"need at least two classes and more images, got {len(classes)} in {len(labels)}")
    sums = torch.zeros(len(classes), features.shape[1], dtype=features.dtype).index_add_(0, which, features)
    means = (sums / counts[:, None])[which]
    within = float((features - means).square().sum(1).mean())
    between = float((means - features.mean(0)).square().sum(1).mean())
    size = None if subsample is None else min(subsample, len(labels))
    silhouette = silhouette_score(features.numpy(), which.numpy(), sample_size=size, random_state=seed)
    return {
        "within": within,
        "between": between,
        "ratio": within / between if between else None,
        "silhouette": float(silhouette),
    }


def _classes_seen(predicted: Tensor, labels: Tensor) -> int:
    seen = int(max(predicted.max(), labels.max())) + 1
    if seen > _MOST_CLASSES:
        raise ValueError(
            f"classes reach {seen - 1}: number them from 0, as np.unique(labels, return_inverse=True) does, "
            "or pass num_classes"
        )
    return seen


def _scores(given: Tensor, scores: str) -> tuple[np.ndarray, np.ndarray]:
    """Scores as float64, and the probabilities they stand for."""
    values = given.double()
    if not values.isfinite().all():
        raise ValueError("scores hold nan or inf: the model diverged, or half precision overflowed")
    if scores == "logits":
        return values.numpy(), values.softmax(1).numpy()
    if scores != "probabilities":
        raise ValueError(f"scores must be 'probabilities' or 'logits', got {scores!r}")
    if values.min() < 0 or (values.sum(1) - 1).abs().max() > 1e-2:
        raise ValueError("rows of probabilities must be >= 0 and sum to one; for logits pass scores='logits'")
    return values.numpy(), values.numpy()


def _ece(probabilities: np.ndarray, correct: np.ndarray, bins: int = 15) -> float:
    confidence = probabilities.max(1)
    which = np.digitize(confidence, np.linspace(0, 1, bins + 1)[1:-1], right=True)
    gap = np.bincount(which, correct - confidence, bins)
    return float(np.abs(gap).sum() / len(correct))


def _topk(values: np.ndarray, labels: np.ndarray) -> dict[str, float]:
    own = values[np.arange(len(labels)), labels][:, None]
    before = np.arange(values.shape[1]) < labels[:, None]
    rank = (values > own).sum(1) + ((values == own) & before).sum(1)
    return {str(k): float((rank < k).mean()) for k in (1, 3, 5) if k <= values.shape[1]}


def _divide(a: list[int], b: list[int]) -> np.ndarray:
    return np.array([x / y if y else math.nan for x, y in zip(a, b, strict=True)])


def _correlation(determinant: int, spread: int) -> float:
    """Determinant over the root of the spread, of integers of any size; 0 where a margin is empty."""
    return math.sqrt(determinant**2 / spread) * (-1 if determinant < 0 else 1) if spread else 0.0


def _mean(values: np.ndarray) -> float | None:
    return float(values.mean()) if len(values) else None


def _plain(values: np.ndarray) -> list[float | None]:
    return [None if math.isnan(v) else v for v in values.tolist()]
