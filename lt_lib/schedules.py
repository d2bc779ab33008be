"""What changes while a network learns: a learning rate that goes up and down, and class weights that come
late.

Both are plain functions of the step or epoch, without state: an interrupted run continues by asking again.
What torch has is not wrapped: weight averaging is ``torch.optim.swa_utils``.
"""

import math
from collections.abc import Sequence

from torch import Tensor

from lt_lib.losses import class_weights


def triangular_lr(step: float, step_size: float, base_lr: float, max_lr: float) -> float:
    r"""Cyclical learning rate: a straight line up and down between two bounds, again and again.

    .. math::
        c = \lfloor 1 + t / 2S \rfloor, \quad x = |t / S - 2c + 1|, \quad
        \eta_t = \eta_{\min} + (\eta_{\max} - \eta_{\min}) \max(0, 1 - x)

    Args:
        step: t >= 0, in iterations or epochs.
        step_size: S > 0, half a cycle, in the unit of step.
        base_lr: eta_min, the rate at t = 0, 2S, 4S, ...
        max_lr: eta_max >= eta_min, the rate at t = S, 3S, ...

    Returns:
        The learning rate; ``torch.optim.lr_scheduler.CyclicLR(..., cycle_momentum=False)`` sets the same
        ones, with a state to keep.

    Raises:
        ValueError: a negative step, a step size that is not positive, or bounds in the wrong order.

    Source: Smith (2017), Cyclical Learning Rates for Training Neural Networks, policy "triangular".
    `spectrum` (released code): S = 2 epochs, 1e-5 to 1e-4, one step an epoch. Its scheduler is stepped after
    the epoch loop only, so as released the rate stays at 1e-5."""
    if not 0 <= step < math.inf:
        raise ValueError(f"step must be finite and not negative, got {step}")
    if not 0 < step_size < math.inf:
        raise ValueError(f"step_size must be finite and positive, got {step_size}; it is half a cycle")
    if not 0 <= base_lr <= max_lr < math.inf:
        raise ValueError(f"0 <= base_lr <= max_lr must hold, got base_lr={base_lr} and max_lr={max_lr}")
    cycle = math.floor(1 + step / (2 * step_size))
    x = abs(step / step_size - 2 * cycle + 1)
    return base_lr + (max_lr - base_lr) * max(0.0, 1 - x)


def drw_weights(
    counts: Tensor, epoch: int, switch_epoch: int = 160, betas: Sequence[float] = (0.0, 0.9999)
) -> Tensor:
    r"""Deferred re-weighting: class weights of the effective number, with one beta before an epoch and
    another from it on.

    .. math::
        w_j \propto \frac{1 - \beta}{1 - \beta^{n_j}}, \quad \beta = \beta_0 \text{ if epoch} <
        \text{switch, else } \beta_1

    Args:
        counts: (K,), images per class, all positive.
        epoch: counted from 0.
        switch_epoch: the first epoch under betas[1].
        betas: (before, after), each in [0, 1). 0 weighs all classes alike; a beta well below 1 - 1/n does
            nearly the same, for every class of n images is then worth 1 / (1 - beta).

    Returns:
        (K,) of torch's default dtype; sums to K.

    Raises:
        ValueError: a class without images, not two betas in [0, 1), or a negative epoch.

    Source: Cao et al. (2019), released code: 200 epochs, 0 up to epoch 159, 0.9999 from epoch 160. `spectrum`
    (released code) switches after 25 of 40 epochs from 0.99 to 0.99999; its text gives no numbers."""
    if len(betas) != 2 or not all(
        0 <= beta < 1 for beta in betas
    ):  # both now, not the second after days of training
        raise ValueError(f"betas must be two numbers in [0, 1), before and after the switch, got {betas}")
    if epoch < 0:
        raise ValueError(f"epoch must not be negative, got {epoch}; the first is 0")
    return class_weights(counts, "ens", beta=betas[epoch >= switch_epoch])
