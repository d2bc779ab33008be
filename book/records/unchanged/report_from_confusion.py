# stands for: ast:0fea1644a0bdec2e7b36ac8b3ecce528e60d9644fee7738a215e98911cd5f946
# Sums and products in Python's integers, any kind of labels taken; what was taken before gives the same
# numbers (tests/test_metrics.py).


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
    matrix = torch.as_tensor(matrix).detach().cpu().numpy()
    if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1] or matrix.dtype.kind not in "iu":
        raise ValueError(f"matrix must be (K, K) counts, got shape {matrix.shape}, {matrix.dtype}")
    if matrix.min() < 0 or matrix.sum() == 0:
        raise ValueError("matrix must hold at least one image and no negative count")
    matrix = matrix.astype(np.int64)
    hits, support, predicted, n = matrix.diagonal(), matrix.sum(1), matrix.sum(0), int(matrix.sum())
    present = support > 0
    recall = _divide(hits, support)
    precision = _divide(hits, predicted)
    f1 = _divide(2 * hits, np.where(present, support + predicted, 0))
    accuracy = hits.sum() / n
    icv = float(((accuracy - recall[present]) ** 2).sum())
    spread = float(n**2 - predicted @ predicted) * float(n**2 - support @ support)
    groups = dict.fromkeys(_GROUPS)
    if train_counts is not None:
        if len(train_counts) != len(matrix):
            raise ValueError(f"train_counts has {len(train_counts)} entries for {len(matrix)} classes")
        size = np.asarray(train_counts)
        groups = {g: _mean(recall[present & (size >= lo) & (size <= hi)]) for g, (lo, hi) in _GROUPS.items()}
    return {
        "accuracy": float(accuracy),
        "balanced_accuracy": _mean(recall[present]),
        "macro_f1": _mean(f1[present]),
        "mcc": float(n * hits.sum() - support @ predicted) / math.sqrt(spread) if spread else 0.0,
        "recall": _plain(recall),
        "precision": _plain(precision),
        "f1": _plain(f1),
        "support": support.tolist(),
        "confusion": matrix.tolist(),
        "icv_printed": icv,
        "icv_used": math.sqrt(icv),
        "ece": None,
        "topk": None,
        **groups,
    }
