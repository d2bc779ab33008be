"""Backpropagation by hand: a fully connected network, batch normalisation, and finite differences to check
them with; in numpy, batch normalisation of torch tensors too.

Idea: forward, every layer keeps what it will need; backward, the gradient of the loss with respect to a
layer's output is passed on to its input, and each parameter takes its share on the way. Batches are rows, (N,
m), as in PyTorch; the slides write one image as a column, so that their matrices stand transposed here.
Gradients are those of the loss that is handed in: a mean over the batch, as :func:`cross_entropy` is, needs
no further division."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy import ndarray
from torch import Tensor

Array = ndarray | Tensor

# name -> (activation, its derivative from the activated values)
ACTIVATIONS = {
    "relu": (lambda z: np.maximum(z, 0), lambda a: (a > 0).astype(a.dtype)),
    "sigmoid": (lambda z: np.exp(-np.logaddexp(0, -z)), lambda a: a * (1 - a)),
    "tanh": (np.tanh, lambda a: 1 - a * a),
    "identity": (lambda z: z, np.ones_like),
}


@dataclass(frozen=True)
class Pass:
    """A forward pass: the activations a^[0], ..., a^[L], (N, m_l) each, the weights it used, and the
    activation's name."""

    activations: tuple[ndarray, ...]
    weights: tuple[ndarray, ...]
    activation: str


def forward(x: ndarray, weights: list[ndarray], biases: list[ndarray], activation: str = "relu") -> Pass:
    r"""The L-layer network; its last layer is linear.

    .. math::
        a^{[0]} = x, \quad z^{[l]} = \theta^{[l]} a^{[l-1]} + b^{[l]}, \quad a^{[l]} = \sigma(z^{[l]}),
        \quad a^{[L]} = z^{[L]}

    Args:
        x: (N, m_0).
        weights: L matrices (m_l, m_{l-1}).
        biases: L vectors (m_l,).
        activation: of the layers before the last, one of ACTIVATIONS.

    Returns:
        The pass; its last activations are the logits, (N, m_L).

    Raises:
        ValueError: an unknown activation, no layer, or shapes that do not fit each other.

    Source: `lectures`, Lecture 1, the deep neural network model.
    """
    if activation not in ACTIVATIONS:
        raise ValueError(f"activation must be one of {', '.join(ACTIVATIONS)}, got {activation!r}")
    sizes = [x.shape[1] if x.ndim == 2 else None, *(len(w) for w in weights)]
    fits = [w.shape == (m, k) and b.shape == (m,) for w, b, k, m in zip(weights, biases, sizes, sizes[1:])]
    if not fits or len(weights) != len(biases) or not all(fits):
        raise ValueError(
            "x (N, m_0), weights (m_l, m_{l-1}) and biases (m_l,) must fit each other, got "
            f"{x.shape}, {[w.shape for w in weights]} and {[b.shape for b in biases]}"
        )
    sigma = ACTIVATIONS[activation][0]
    seen = [x]
    for i, (w, b) in enumerate(zip(weights, biases, strict=True)):
        z = seen[-1] @ w.T + b
        seen.append(z if i + 1 == len(weights) else sigma(z))
    return Pass(tuple(seen), tuple(weights), activation)


def backward(dz: ndarray, cache: Pass) -> tuple[list[ndarray], list[ndarray], ndarray]:
    r"""Gradients of a loss with respect to all parameters and the input, from that with respect to the
    logits.

    .. math:: \nabla_{z^{[l]}} h = D^{[l]} (\theta^{[l+1]})^\top \nabla_{z^{[l+1]}} h, \quad
        \nabla_{\theta^{[l]}} h = \nabla_{z^{[l]}} h\, (a^{[l-1]})^\top, \quad \nabla_{b^{[l]}} h =
        \nabla_{z^{[l]}} h

    with :math:`D^{[l]}` the diagonal matrix of :math:`\sigma'(z^{[l]})`; over a batch, the last two are
    summed.

    Args:
        dz: (N, m_L), gradient of the loss with respect to the logits.
        cache: what :func:`forward` returned.

    Returns:
        Gradients of the L weights and of the L biases, each shaped like them, and of x.

    Raises:
        ValueError: dz is not shaped like the logits.

    Source: `lectures`, Lecture 1, backpropagation for gradient computation.
    """
    if dz.shape != cache.activations[-1].shape:
        raise ValueError(
            f"dz must have the shape of the logits, {cache.activations[-1].shape}, got {dz.shape}"
        )
    slope = ACTIVATIONS[cache.activation][1]
    dweights, dbiases = [], []
    for layer in reversed(range(len(cache.weights))):
        below = cache.activations[layer]
        dweights.insert(0, dz.T @ below)
        dbiases.insert(0, dz.sum(0))
        da = dz @ cache.weights[layer]
        dz = da * slope(below) if layer else da
    return dweights, dbiases, dz


def cross_entropy(z: ndarray, labels: ndarray) -> tuple[float, ndarray]:
    """Mean softmax cross-entropy of logits (N, K) and labels (N,), and its gradient (N, K): (probabilities -
    one-hot) / N.

    Raises:
        ValueError: shapes that disagree, or a label that is no class.
    """
    if z.ndim != 2 or labels.shape != z.shape[:1] or not ((labels >= 0) & (labels < z.shape[1])).all():
        raise ValueError(
            f"logits (N, K) and labels (N,) from 0 to K - 1 must agree, got {z.shape} and {labels.shape}"
        )
    rows = np.arange(len(z))
    log_p = z - z.max(1, keepdims=True)
    log_p = log_p - np.log(np.exp(log_p).sum(1, keepdims=True))
    dz = np.exp(log_p)
    dz[rows, labels] -= 1
    return -log_p[rows, labels].mean(), dz / len(z)


def finite_differences(loss: Callable[[ndarray], float], at: ndarray, step: float = 1e-5) -> ndarray:
    r"""Central differences of a scalar loss, :math:`(h(\theta + s e_j) - h(\theta - s e_j)) / 2s`, one
    coordinate at a time.

    Args:
        loss: of an array like `at`.
        at: float64, any shape; not changed.
        step: s > 0.

    Returns:
        Like `at`; two evaluations of the loss a coordinate.

    Raises:
        ValueError: `at` is not float64, whose rounding this needs, or the step is not positive.
    """
    if at.dtype != np.float64 or not step > 0:
        raise ValueError(f"finite differences need float64 and a positive step, got {at.dtype} and {step}")
    gradient = np.empty_like(at)
    for j in np.ndindex(at.shape):
        moved = [at.copy(), at.copy()]
        moved[0][j] += step
        moved[1][j] -= step
        gradient[j] = (loss(moved[0]) - loss(moved[1])) / (2 * step)
    return gradient


@dataclass(frozen=True)
class NormCache:
    """What the backward pass of a normalised batch needs: x less its mean (N, M), variance plus eps (M,),
    gamma (M,) or ()."""

    centred: Array
    spread: Array
    gamma: Array


def batchnorm_forward(x: Array, gamma: Array, beta: Array, eps: float = 1e-5) -> tuple[Array, NormCache]:
    r"""Batch normalisation of each feature over the batch.

    .. math::
        \hat x_i = \frac{x_i - \mu_B}{\sqrt{\sigma_B^2 + \epsilon}}, \quad y_i = \gamma \circ \hat x_i +
        \beta

    with the biased variance, the sum over the batch divided by N.

    Args:
        x: (N, M), floating point: an array, or a tensor on any device.
        gamma, beta: (M,), or numbers, as on the slides.
        eps: not negative.

    Returns:
        y (N, M), of the kind and dtype of x, and what :func:`batchnorm_backward` needs.

    Raises:
        ValueError: x is not (N, M) floating point with N > 1, gamma or beta does not fit, or eps is negative.

    Source: Ioffe and Szegedy (2015); `lectures`, Lecture 2, forward propagation.
    """
    if x.ndim != 2 or len(x) < 2 or eps < 0 or not _is_floating(x):
        raise ValueError(
            "x must be (N, M) floating point with at least two rows and eps not negative, "
            f"got {tuple(x.shape)} of {x.dtype} and {eps}"
        )
    gamma, beta = (_like(x, values) for values in (gamma, beta))
    if gamma.ndim and gamma.shape != x.shape[1:] or beta.ndim and beta.shape != x.shape[1:]:
        raise ValueError(
            f"gamma and beta must be numbers or have one entry a feature, ({x.shape[1]},), "
            f"got {tuple(gamma.shape)} and {tuple(beta.shape)}"
        )
    centred = x - x.mean(0)
    spread = (centred**2).mean(0) + eps
    return gamma * centred / spread**0.5 + beta, NormCache(centred, spread, gamma)


def _is_floating(x: Array) -> bool:
    return x.is_floating_point() if isinstance(x, Tensor) else x.dtype.kind == "f"


def _like(x: Array, values: Array) -> Array:
    """Values as x is: array or tensor, of its dtype, on its device."""
    if isinstance(x, Tensor):
        return torch.as_tensor(values, dtype=x.dtype, device=x.device)
    return np.asarray(values, x.dtype)


def batchnorm_backward(dy: Array, cache: NormCache, variant: str = "corrected") -> tuple[Array, Array, Array]:
    r"""Gradients of a loss through batch normalisation.

    .. math:: \partial_{\sigma^2} = -\tfrac12 \sum_i \partial_{\hat x_i} (x_i - \mu)(\sigma^2 +
        \epsilon)^{-3/2}, \quad \partial_\mu = -\sum_i \partial_{\hat x_i} (\sigma^2 + \epsilon)^{-1/2}, \quad
        \partial_{x_i} = \partial_{\hat x_i} (\sigma^2 + \epsilon)^{-1/2} + \partial_{\sigma^2} \frac{2 (x_i -
        \mu)}{N}
        + \frac{\partial_\mu}{N}

    Args:
        dy: (N, M), gradient of the loss of the whole batch with respect to y, of the kind of x.
        cache: from :func:`batchnorm_forward`.
        variant: "corrected", or "slide", the formulas as printed: the sums of all parameters divided by N,
            and in the gradient of x the factors of the mean and of the variance swapped.

    Returns:
        dx (N, M), dgamma (M,), dbeta (M,).

    Raises:
        ValueError: dy has another shape than the batch, or the variant is unknown.

    Source: Ioffe and Szegedy (2015), section 3; "slide": `lectures`, Lecture 2, backpropagation (audit C04
    and C05)."""
    centred, spread = cache.centred, cache.spread
    if dy.shape != centred.shape:
        raise ValueError(
            f"dy must have the shape of the batch, {tuple(centred.shape)}, got {tuple(dy.shape)}"
        )
    if variant not in ("corrected", "slide"):
        raise ValueError(f"variant must be 'corrected' or 'slide', got {variant!r}")
    n = len(dy)

    def total(terms: Array) -> Array:
        return terms.sum(0) if variant == "corrected" else terms.mean(0)

    dhat = dy * cache.gamma
    dgamma, dbeta = total(dy * centred / spread**0.5), total(dy)
    dvariance = total(dhat * centred) * -0.5 * spread**-1.5
    dmean = -total(dhat) * spread**-0.5
    if variant == "slide":
        return dhat * spread**-0.5 + dmean * 2 / n * centred + dvariance / n, dgamma, dbeta
    return dhat * spread**-0.5 + dvariance * 2 / n * centred + dmean / n, dgamma, dbeta


def batchnorm_inference(
    x: Array, means: Array, variances: Array, n: int, gamma: Array, beta: Array, eps: float = 1e-5
) -> Array:
    r"""Batch normalisation of new rows with the statistics of B training batches of n rows each.

    .. math:: \bar\mu = \frac1B \sum_j \mu_j, \quad \bar\sigma^2 = \frac1B \sum_j \frac{n}{n-1} \sigma_j^2

    Args:
        x: (N, M); any N, one included.
        means, variances: (B, M), of the kind of x; the biased variances of :func:`batchnorm_forward`.
        n: rows of a training batch, at least 2.
        gamma, beta, eps: as in :func:`batchnorm_forward`.

    Returns:
        (N, M).

    Raises:
        ValueError: shapes that disagree, or n below 2.

    Source: Ioffe and Szegedy (2015), algorithm 2. The slides average n / (n - 1) times the standard deviation
    (audit C07)."""
    if means.ndim != 2 or means.shape != variances.shape or x.shape[1:] != means.shape[1:] or n < 2:
        raise ValueError(
            f"x (N, M), means and variances (B, M) and n >= 2 must agree, got {tuple(x.shape)}, "
            f"{tuple(means.shape)}, {tuple(variances.shape)} and {n}"
        )
    spread = variances.mean(0) * n / (n - 1) + eps
    gamma, beta = (_like(means, values) for values in (gamma, beta))
    return gamma * (x - means.mean(0)) / spread**0.5 + beta
