r"""Metrics of the four works, from one confusion matrix (rows: truth, columns: prediction).

.. math::
    r_j = \frac{M_{jj}}{\sum_k M_{jk}}, \quad p_j = \frac{M_{jj}}{\sum_k M_{kj}}, \quad
    F_j = \frac{2 M_{jj}}{\sum_k M_{jk} + \sum_k M_{kj}}

Undefined numbers are None, so that a report can be written as JSON. A class without test images has no recall
and no F1 and is left out of every mean; a class that is never predicted has no precision, but F1 = 0.

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
