# stands for: ast:0c0ad7f58fa6fb4d086e6861bbc30e2bd7cc0411f7bcba7a1c961830f75f40e2
# Sums and products in Python's integers, any kind of labels taken; what was taken before gives the same
# numbers (tests/test_metrics.py).


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
    given = torch.as_tensor(scores_or_predictions).detach().cpu()
    labels = torch.as_tensor(labels).detach().cpu().numpy()
    if len(given) == 0 or labels.shape != (len(given),) or given.dim() not in (1, 2):
        shapes = f"{tuple(given.shape)} and {labels.shape}"
        raise ValueError(f"need (N, K) scores or (N,) predictions, and (N,) labels, N > 0; got {shapes}")
    extra = {}
    if given.dim() == 1:
        predicted = given.numpy()
        seen = int(max(predicted.max(), labels.max())) + 1
        k = num_classes or (seen if train_counts is None else len(train_counts))
    else:
        k = given.shape[1]
        if num_classes not in (None, k):
            raise ValueError(f"scores have {k} columns, but num_classes is {num_classes}")
        values, probabilities = _scores(given, scores)
        predicted = values.argmax(1)
    for name, classes in (("labels", labels), ("predictions", predicted)):
        if classes.dtype.kind not in "iu" or classes.min() < 0 or classes.max() >= k:
            found = f"{classes.dtype} from {classes.min()} to {classes.max()}"
            raise ValueError(f"{name} must be integers in [0, {k}), got {found}")
    if given.dim() == 2:
        extra = {"ece": _ece(probabilities, predicted == labels), "topk": _topk(values, labels)}
    matrix = np.bincount(labels.astype(np.int64) * k + predicted, minlength=k * k).reshape(k, k)
    return report_from_confusion(matrix, train_counts) | extra
