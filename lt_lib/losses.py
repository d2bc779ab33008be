"""Class weights: how much more an error on a rare class should cost.

Idea: a weighted mean of cross-entropies, sum_i w[y_i] l_i / sum_i w[y_i] (torch's ``weight=``), lets few
images count as many.
"""

import torch
from torch import Tensor


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
