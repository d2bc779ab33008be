# stands for: ast:6b59fe6d6b3b839921c2a52a9152408d4f0d13389e9e39df8eca50f92075d0a5
# Labels and counts of any kind are taken; what was taken before gives the same draws
# (tests/test_sampling.py).


def balance_rates(counts: Tensor, target: int) -> Tensor:
    r"""Sampling rate that brings each class to about the target size, :math:`r_j = T / n_j`.

    Args:
        counts: K positive counts.
        target: T, images wanted in each class.

    Returns:
        (K,) float64; below one a class is thinned, above one it is repeated.

    Raises:
        ValueError: a count or the target is not positive.

    Source: ee443, "Artificial Balancing". The report prints ``//``, with which 300 // 500 is 0; its example,
    0.6, needs ``/``.
    """
    counts = torch.as_tensor(counts, dtype=torch.float64)
    if target <= 0:
        raise ValueError(f"target must be positive, got {target}")
    if (counts <= 0).any():
        raise ValueError(f"class {counts.argmin()} has no image, so no rate brings it to {target}; drop it")
    return target / counts
