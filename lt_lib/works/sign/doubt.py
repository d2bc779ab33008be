"""What doubts can mean: what noise does to a probability, how small the smallest of n probabilities is, and
how much risk is left that a better order would not have."""

import torch
from scipy.special import xlogy
from torch import Tensor

from lt_lib.lab.record.records import Record


def noisy_probability(
    margins: Tensor, sigma: float, classes: int = 10, draws: int = 2000, seed: int = 0
) -> Tensor:
    """The probability of a label whose logit stands above all others, averaged over noise on all logits.

    Args:
        margins: (M,) by how much it stands above.
        sigma: of the noise.
        classes: K.
        draws: of the noise, the same for all margins.
        seed: of the draws.

    Returns:
        (M,), double precision.
    """
    noise = torch.randn(draws, classes, generator=torch.Generator().manual_seed(seed)).double()
    raised = margins.double()[:, None] * torch.eye(classes).double()[0]
    return (raised[:, None] + sigma * noise).softmax(2)[..., 0].mean(1)


def least_of(n, level: float, mean: float, low: float = 0.1, high: float = 0.5):
    r"""A quantile of the smallest of n draws from one distribution.

    .. math:: F(p) = \Bigl(\frac{p - l}{h - l}\Bigr)^a, \quad
        \Pr(\min_i p_i \le p) = 1 - \bigl(1 - F(p)\bigr)^n

    Args:
        n: a number, or an array of numbers.
        level: probability of the quantile.
        mean: of the distribution, which sets a.
        low, high: its ends.
    """
    share = (mean - low) / (high - low)
    power = share / (1 - share)
    return low + (high - low) * (1 - (1 - level) ** (1 / n)) ** (1 / power)


def excess_risk(record: Record) -> float:
    """The area under the risk-coverage curve less that of a perfect order with as many mistakes, of a large
    number of images: e + (1 - e) ln(1 - e) for an error rate e.

    Source: Geifman et al. (2019), Bias-Reduced Uncertainty Estimation for Deep Neural Classifiers.
    """
    hit = record.metric()
    return record.metric("aurc") - (1 - hit + float(xlogy(hit, hit)))
