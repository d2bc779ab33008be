# stands for: ast:4cc4eca0ccbc588dc5f66b55a6aab1c3c0e4bccf87d78e0cd65153df5d0584b0
# Counts of any kind are taken; what was taken before gives the same numbers (tests/test_losses.py,
# tests/test_losses_targets.py).


def class_weights(
    counts: Tensor, scheme: str = "ens", beta: float = 0.999, total: float | None = None
) -> Tensor:
    r"""One weight per class, larger for rarer classes.

    .. math::
        w_j \propto \frac{1}{E_{n_j}} \ (\text{ens}), \quad
        \frac{1}{n_j} \ (\text{ins}), \quad
        \frac{1}{\sqrt{n_j}} \ (\text{isns})

    Args:
        counts: (K,), images per class, all positive.
        scheme: "ens", "ins" or "isns".
        beta: of the effective number; used by "ens" only. The ee443 report never states it; its code has
            0.999, Cui et al. 0.9999.
        total: what the weights sum to; None means K, so that the mean weight is one. No effect under torch's
            weighted mean.

    Returns:
        (K,) of torch's default dtype, computed in float64.

    Raises:
        ValueError: a class without images, an unknown scheme, beta outside [0, 1), or a total that is not
            positive.

    Source: ee443, "Weighted Loss" (its text calls ISNS "inverse square"; the formula is the inverse square
    root); Cui et al. (2019), released code (sum to K).
    """
    counts = torch.as_tensor(counts, dtype=torch.float64)
    if counts.dim() != 1 or not (counts > 0).all():
        raise ValueError(f"counts must be (K,), all positive, got {counts.tolist()}; drop the empty classes")
    total = len(counts) if total is None else total
    if not total > 0:
        raise ValueError(f"total must be positive, got {total}")
    if scheme == "ens":
        worth = effective_number(counts, beta)
    elif scheme == "ins":
        worth = counts
    elif scheme == "isns":
        worth = counts.sqrt()
    else:
        raise ValueError(f"scheme must be 'ens', 'ins' or 'isns', got {scheme!r}")
    return (total / worth / (1 / worth).sum()).to(torch.get_default_dtype())
