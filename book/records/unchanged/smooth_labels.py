# stands for: ast:4dff25974e7034a28b59f0c3dc69d6e017284292fc14e95259b7a93f1590fb38
# Counts of any kind are taken; what was taken before gives the same numbers (tests/test_losses.py,
# tests/test_losses_targets.py).


def smooth_labels(labels: Tensor, num_classes: int, alpha: float, variant: str = "standard") -> Tensor:
    r"""Soft targets: a little of the certainty of each label is given to the other classes.

    .. math::
        (1 - \alpha)\, y + \frac{\alpha}{K} \mathbf{1} \ (\text{standard}), \quad
        (1 - \alpha)\, y + \frac{\alpha}{K} (\mathbf{1} - y) \ (\text{slide}), \quad
        (1 - \alpha)\, y + \frac{\alpha}{K - 1} (\mathbf{1} - y) \ (\text{off-class})

    "standard" and "off-class" are distributions: they sum to one. "slide" is the formula as printed; its rows
    sum to 1 - alpha / K, for the label's own share alpha / K is lost. Divided by that sum it is "off-class"
    with the smaller alpha (K - 1) / (K - alpha).

    Args:
        labels: (N,) int64, in [0, K).
        num_classes: K, at least 2.
        alpha: in [0, 1); 0 gives one-hot rows.
        variant: "standard", "slide" or "off-class".

    Returns:
        (N, K) of torch's default dtype, on the device of the labels: targets for ``cross_entropy``.

    Raises:
        ValueError: labels that are no class numbers, fewer than two classes, alpha outside [0, 1), an unknown
            variant.

    Source: lectures, part 2, "Label Smoothing"; Szegedy et al. (2016) for the standard form.
    """
    labels = torch.as_tensor(labels)
    if labels.dim() != 1 or labels.dtype != torch.int64:
        raise ValueError(f"labels must be (N,) int64, got {tuple(labels.shape)} of {labels.dtype}")
    if num_classes < 2:
        raise ValueError(f"num_classes must be at least 2, got {num_classes}: no other class to share with")
    if (
        labels.device.type == "cpu" and not ((labels >= 0) & (labels < num_classes)).all()
    ):  # elsewhere a check would stall
        raise ValueError(f"labels must lie in [0, {num_classes}), got {labels.min()} to {labels.max()}")
    if not 0 <= alpha < 1:
        raise ValueError(f"alpha must lie in [0, 1), got {alpha}")
    values = {
        "standard": (alpha / num_classes, 1 - alpha + alpha / num_classes),
        "slide": (alpha / num_classes, 1 - alpha),
        "off-class": (alpha / (num_classes - 1), 1 - alpha),
    }
    if variant not in values:
        raise ValueError(f"variant must be 'standard', 'slide' or 'off-class', got {variant!r}")
    others, own = values[variant]
    soft = torch.full(
        (len(labels), num_classes), others, dtype=torch.get_default_dtype(), device=labels.device
    )
    return soft.scatter_(1, labels[:, None], own)
