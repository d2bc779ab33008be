r"""Mixup: train on points between two training points, with labels in the same proportion.

.. math::
    \tilde x = \lambda x + (1 - \lambda) x', \qquad \tilde y = \lambda y + (1 - \lambda) y', \qquad
    \lambda \sim \mathrm{Beta}(\alpha, \alpha)

A network that is only ever asked on the training points may do what it likes between them. Mixup asks there
too, and expects a straight line."""

import math

import torch
from torch import LongTensor, Tensor


def mixup(x: Tensor, targets: Tensor, lam: float | Tensor, perm: LongTensor) -> tuple[Tensor, Tensor]:
    """Mix each example of a batch with its partner.

    Args:
        x: (N, ...) inputs, float; standardised or not, as standardising commutes with mixing.
        targets: (N, K) rows of target probabilities, float. Class numbers cannot be mixed: between classes 3
            and 5 lies no class 4; pass ``one_hot(labels, K).float()`` or :func:`lt_lib.losses.smooth_labels`.
        lam: share of the example itself, in [0, 1]: one number for the batch, or (N,).
        perm: (N,) int64, the partner of each example; usually a random permutation of the batch.

    Returns:
        Mixed inputs and targets, of the same shapes. lam = 1 gives the batch back.

    Raises:
        ValueError: targets that are no rows of floats, integer inputs, a share outside [0, 1], or sizes that
            disagree.

    Source: lectures, part 2, "Mixup"; Zhang et al. (2018).
    """
    n = len(x)
    if not x.is_floating_point():
        raise ValueError(f"x must be float, got {x.dtype}: convert pixels before mixing")
    if targets.dim() != 2 or not targets.is_floating_point() or len(targets) != n:
        raise ValueError(
            f"targets must be ({n}, K) float probabilities, got {tuple(targets.shape)} of {targets.dtype}; "
            "for class numbers pass one_hot(labels, K).float()"
        )
    if perm.shape != (n,) or perm.dtype != torch.int64:
        raise ValueError(
            f"perm must be ({n},) int64, a partner for each example, got {tuple(perm.shape)} of {perm.dtype}"
        )
    lam = torch.as_tensor(lam, dtype=torch.float64, device=x.device)
    if lam.shape not in ((), (n,)) or not ((lam >= 0) & (lam <= 1)).all():
        raise ValueError(
            f"lam must be a number in [0, 1], or ({n},) of them, got shape {tuple(lam.shape)}, "
            f"{float(lam.min()):g} to {float(lam.max()):g}"
        )

    def mix(values: Tensor) -> Tensor:
        share = lam.to(values).view(-1, *[1] * (values.dim() - 1)) if lam.dim() else lam.to(values)
        return torch.lerp(values[perm], values, share)

    return mix(x), mix(targets)


def draw_lam(alpha: float, generator: torch.Generator, n: int | None = None) -> Tensor:
    r"""Draw mixing shares from Beta(alpha, alpha).

    Args:
        alpha: not negative. Small: nearly all of one image; 1: every share equally likely; large: all near
            one half. Beta itself needs alpha > 0. As alpha goes to 0 its mass moves to the two ends, where
            mixup keeps one of the two images whole; alpha = 0 here means that limit, lam = 1: no mixing,
            empirical risk minimisation.
        generator: where chance comes from, on the CPU.
        n: how many; None for one number for a whole batch, as the authors' code draws.

    Returns:
        Scalar or (n,) float32 in [0, 1].

    Raises:
        ValueError: alpha negative or not finite.

    Source: lectures, part 2, "Mixup" (which admits alpha = 0); Zhang et al. (2018).
    """
    if not 0 <= alpha < math.inf:
        raise ValueError(f"alpha must be finite and not negative, got {alpha}; 0 stands for no mixing")
    size = 1 if n is None else n
    if alpha == 0:
        lam = torch.ones(size)
    else:
        # A share of two gammas, on a log scale: for small alpha both underflow. Gamma(a) = Gamma(a + 1) U^(1
        # / a).
        larger = torch._standard_gamma(torch.full((2, size), alpha + 1, dtype=torch.float64), generator)
        u = torch.rand((2, size), dtype=torch.float64, generator=generator)
        log_gamma = larger.log() + u.log() / alpha
        lam = torch.sigmoid(log_gamma[0] - log_gamma[1]).float()
    return lam[0] if n is None else lam
