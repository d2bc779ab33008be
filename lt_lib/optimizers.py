"""Gradient descent and its adaptive relatives, one step at a time, as pure functions.

Idea: a method is a rule (theta, grad, state) -> (theta, state). It computes no gradient and hides nothing;
what it remembers is the state, a dict that is None or {} to begin with and is handed from step to step.
Nothing is changed in place. All rules work on each coordinate by itself, so theta may be one parameter vector
or a stack of runs (runs, P), with a learning rate for each, (runs, 1).

To train a network use ``torch.optim``; the "standard" variants here are its rules, the "slide" variants those
of `lectures`. Results carry the graph of theta and grad, if these have one: detach them in a long loop."""

import torch
from torch import Tensor

State = dict[str, Tensor | int]


def gd(
    theta: Tensor, grad: Tensor, state: State | None = None, lr: float | Tensor = 0.01
) -> tuple[Tensor, State]:
    r"""Gradient descent; stochastic gradient descent if grad is computed on a random batch.

    .. math:: \theta^{r+1} = \theta^r - c^r g^r

    Args:
        theta: parameters, floating point, any shape.
        grad: like theta, the gradient there or an estimate of it.
        state: None or {}; the rule remembers nothing.
        lr: c > 0, a number or a tensor that broadcasts to theta's shape.

    Returns:
        The new theta, and an empty state.

    Raises:
        ValueError: shapes or dtypes that disagree, a learning rate that is not positive and finite, or a
            state of another rule.

    Source: `lectures`, Lecture 1, eq. 5 and 11. Equal to ``torch.optim.SGD`` without momentum.
    """
    _checked(theta, grad, state, lr)
    return theta - lr * grad, {}


def adagrad(
    theta: Tensor, grad: Tensor, state: State | None = None, lr: float | Tensor = 0.01, eps: float = 1e-10
) -> tuple[Tensor, State]:
    r"""AdaGrad: each coordinate's step is divided by the root of its squared gradients so far, summed.

    .. math::
        \theta^{r+1} = \theta^r - c^r \frac{g^r}{u^r + \epsilon}, \quad u^r = \Bigl[\sum_{s \le r} g^s
        \circ g^s\Bigr]^{1/2}

    Args:
        theta, grad, lr: as in :func:`gd`.
        state: None, {}, or what the last step returned: "squares", the sum under the root.
        eps: not negative. With 0, a coordinate that has had no gradient yet stays where it is.

    Returns:
        The new theta and state.

    Raises:
        ValueError: as :func:`gd`; a negative eps.

    Source: Duchi et al. (2011); `lectures`, Lecture 1. Slide and standard agree; equal to
    ``torch.optim.Adagrad`` at its defaults."""
    state = _checked(theta, grad, state, lr, eps, squares=theta)
    squares = state["squares"] + grad * grad
    return theta - lr * _divided(grad, squares.sqrt() + eps), {"squares": squares}


def rmsprop(
    theta: Tensor,
    grad: Tensor,
    state: State | None = None,
    lr: float | Tensor = 0.01,
    gamma: float = 0.99,
    eps: float = 1e-8,
    variant: str = "standard",
) -> tuple[Tensor, State]:
    r"""RMSProp: like AdaGrad, but old squares fade, so that the steps need not shrink for ever.

    .. math::
        u^r = \gamma u^{r-1} + (1 - \gamma)\, g^r \circ g^r, \quad
        \theta^{r+1} = \theta^r - c^r \frac{g^r}{\sqrt{u^r + \epsilon}} \ (\text{slide}), \quad
        \theta^r - c^r \frac{g^r}{\sqrt{u^r} + \epsilon} \ (\text{standard})

    Args:
        theta, grad, lr: as in :func:`gd`.
        state: None, {}, or what the last step returned: "u", zero before the first step.
        gamma: in [0, 1).
        eps: not negative. Inside the root (slide) it acts like sqrt(eps) outside: 1e-8 is as much as 1e-4.
            With 0, a coordinate that has had no gradient yet stays where it is.
        variant: "standard" or "slide".

    Returns:
        The new theta and state.

    Raises:
        ValueError: as :func:`gd`; gamma, eps or variant that cannot be.

    Source: Tieleman and Hinton (2012); `lectures`, Lecture 1 (allows gamma = 1, which would never look at a
    gradient). "standard" is equal to ``torch.optim.RMSprop``; ``timm.optim.RMSpropTF``, after the first
    TensorFlow, has eps inside but begins at u = 1."""
    _known(variant, gamma=gamma)
    state = _checked(theta, grad, state, lr, eps, u=theta)
    u = gamma * state["u"] + (1 - gamma) * grad * grad
    scale = (u + eps).sqrt() if variant == "slide" else u.sqrt() + eps
    return theta - lr * _divided(grad, scale), {"u": u}


def adam(
    theta: Tensor,
    grad: Tensor,
    state: State | None = None,
    lr: float | Tensor = 0.001,
    beta: float = 0.9,
    gamma: float = 0.999,
    eps: float = 1e-8,
    variant: str = "standard",
) -> tuple[Tensor, State]:
    r"""Adam: a running mean of gradients, divided by the root of a running mean of their squares.

    .. math::
        \tilde g^r = \beta \tilde g^{r-1} + (1 - \beta)\, g^r, \quad
        u^r = \gamma u^{r-1} + (1 - \gamma)\, g^r \circ g^r, \quad
        \theta^{r+1} = \theta^r - c^r \frac{m^r}{\sqrt{u^r / (1 - \gamma^r)} + \epsilon}

    Both means begin at zero. "standard" takes that out of both, :math:`m^r = \tilde g^r / (1 - \beta^r)`;
    "slide" out of the second only, :math:`m^r = \tilde g^r`, and so begins with a step of 1 - beta times the
    standard one.

    Args:
        theta, grad, lr: as in :func:`gd`.
        state: None, {}, or what the last step returned: "r", the steps so far, "g" and "u", the two means.
        beta: in [0, 1); the other literature's beta_1.
        gamma: in [0, 1); the other literature's beta_2.
        eps: not negative. With 0, a coordinate that has had no gradient yet stays where it is.
        variant: "standard" or "slide".

    Returns:
        The new theta and state.

    Raises:
        ValueError: as :func:`gd`; beta, gamma, eps or variant that cannot be.

    Source: Kingma and Ba (2015), Algorithm 1, equal to ``torch.optim.Adam`` ("standard"); `lectures`, Lecture
    1 ("slide")."""
    _known(variant, beta=beta, gamma=gamma)
    state = _checked(theta, grad, state, lr, eps, g=theta, u=theta, r=0)
    r = state["r"] + 1
    g = beta * state["g"] + (1 - beta) * grad
    u = gamma * state["u"] + (1 - gamma) * grad * grad
    mean = g if variant == "slide" else g / (1 - beta**r)
    return theta - lr * _divided(mean, (u / (1 - gamma**r)).sqrt() + eps), {"r": r, "g": g, "u": u}


def _divided(numerator: Tensor, scale: Tensor) -> Tensor:
    """The quotient; zero where the scale is zero, which takes eps = 0 and no gradient so far."""
    return torch.where(scale > 0, numerator / scale, 0.0)


def _known(variant: str, **decays: float) -> None:
    if variant not in ("slide", "standard"):
        raise ValueError(f"variant must be 'slide' or 'standard', got {variant!r}")
    for name, value in decays.items():
        if not 0 <= value < 1:
            raise ValueError(f"{name} must lie in [0, 1), got {value}")


def _checked(
    theta: Tensor,
    grad: Tensor,
    state: State | None,
    lr: float | Tensor,
    eps: float = 0.0,
    **memory: Tensor | int,
) -> State:
    """The state to go on from: the one given, or zeros like `memory` at the first step; ValueError if the
    arguments do not fit."""
    if not theta.is_floating_point() or grad.shape != theta.shape or grad.dtype != theta.dtype:
        raise ValueError(
            f"theta and grad must be floating point, of one shape and dtype, got {theta.dtype} "
            f"{tuple(theta.shape)} and {grad.dtype} {tuple(grad.shape)}"
        )
    rate = torch.as_tensor(lr)
    if not ((rate > 0) & rate.isfinite()).all():
        raise ValueError(f"lr must be positive and finite, got {lr}")
    if rate.dim() > theta.dim() or any(
        n not in (1, m) for n, m in zip(reversed(rate.shape), reversed(theta.shape))
    ):
        raise ValueError(f"lr must broadcast to theta, got {tuple(rate.shape)} for {tuple(theta.shape)}")
    if not 0 <= eps < float("inf"):
        raise ValueError(f"eps must be finite and not negative, got {eps}")
    if not state:
        return {
            name: torch.zeros_like(like) if isinstance(like, Tensor) else like
            for name, like in memory.items()
        }
    if set(state) != set(memory) or any(
        isinstance(like, Tensor) and state[name].shape != like.shape for name, like in memory.items()
    ):
        raise ValueError(
            f"state must come from the last step of the same rule on the same theta, or be empty; it has "
            f"{sorted(state)}, expected {sorted(memory)} of shape {tuple(theta.shape)}"
        )
    return state
