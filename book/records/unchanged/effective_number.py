# stands for: ast:c145593ce6cc22c1a5215f7ac703b357e430df525b82bd444ffafcc5d5b9b5b6
# Counts of any kind are taken; what was taken before gives the same numbers (tests/test_losses.py,
# tests/test_losses_targets.py).


def effective_number(counts: Tensor, beta: float) -> Tensor:
    r"""Effective number of samples: what n images are worth when each new one overlaps the old.

    .. math:: E_n = \frac{1 - \beta^n}{1 - \beta}

    Args:
        counts: (K,), images per class, not negative.
        beta: in [0, 1); 0 makes every class worth one image, towards 1 the number tends to n.

    Returns:
        (K,) float64.

    Raises:
        ValueError: beta outside [0, 1), or a negative count.

    Source: Cui et al. (2019), Class-Balanced Loss; ee443, "Weighted Loss", ENS.
    """
    counts = torch.as_tensor(counts, dtype=torch.float64)
    if not 0 <= beta < 1:
        raise ValueError(f"beta must lie in [0, 1), got {beta}; for the limit beta -> 1 use scheme='ins'")
    if not (counts >= 0).all():
        raise ValueError(f"counts must not be negative, got {counts.tolist()}")
    return -torch.expm1(torch.xlogy(counts, beta)) / (1 - beta)  # accurate even for beta close to 1
