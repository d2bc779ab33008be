r"""SIGN: move an image along what the features of a trained network are sensitive to.

With :math:`\Phi: \mathbb R^n \to \mathbb R^m` the features of a trained network and J its Jacobian,

.. math::
    \delta(p) = \sum_{a=1}^{m} \frac{\partial \Phi^a}{\partial x}\Big|_p = J(p)^\top \mathbf 1,
    \qquad p_{k+1} = p_k + \varepsilon\, \delta(p_k)

The Jacobian itself, m times as large as the image, is never formed: the gradient of the summed features is
one vector-Jacobian product. No label enters.

The network should be in eval mode. In training mode batch norm mixes the images of a batch and moves its
running statistics, and dropout draws anew at every step. For a network of timm, or of
:mod:`lt_lib.models`, the layer before the logits is::

    features = lambda x: net.forward_head(net.forward_features(x), pre_logits=True)
"""

import math
import operator
from collections.abc import Callable, Iterator, Sequence

import torch
from torch import Tensor

Features = Callable[[Tensor], Tensor]
MODES = ("recompute", "fixed", "literal")


def sensitivity(features: Features, x: Tensor) -> Tensor:
    r"""Gradient of the summed features with respect to the images.

    .. math:: \delta(x) = \sum_{a=1}^{m} \frac{\partial \Phi^a}{\partial x} = J^\top \mathbf 1

    Args:
        features: from (N, ...) to (N, M), each image by itself: a network in eval mode up to some layer.
        x: (N, ...) images, floating point.

    Returns:
        Like x: shape, dtype and device, without a graph. The weights get no gradient, and none is computed
        for them; the caller's gradient mode and autocast may be what they like.

    Raises:
        ValueError: x is not floating point, the features are not (N, M), or they do not depend on x.

    Source: `sign`, eq. 8-9 and algorithm 1.
    """
    if x.dim() == 0 or not x.is_floating_point():
        raise ValueError(f"x must be (N, ...) floating point, got {tuple(x.shape)} of {x.dtype}")
    if len(x) == 0:
        return torch.zeros_like(x)
    with torch.inference_mode(False), torch.enable_grad():
        at = x.detach().clone().requires_grad_()
        found = features(at)
        if not isinstance(found, Tensor) or found.dim() != 2 or len(found) != len(x):
            got = tuple(found.shape) if isinstance(found, Tensor) else type(found).__name__
            raise ValueError(f"features must give ({len(x)}, M) for {len(x)} images, got {got}")
        if not found.requires_grad:
            raise ValueError("the features do not depend on x: is something detached, or under no_grad?")
        (delta,) = torch.autograd.grad(found, at, torch.ones_like(found), allow_unused=True)
    if delta is None:
        raise ValueError("the features do not depend on x: is something detached, or under no_grad?")
    return delta


def sign_transform(
    features: Features,
    x: Tensor,
    steps: int | Sequence[int],
    *,
    mode: str = "recompute",
    step_size: float = 1.0,
    clip: tuple[float, float] | None = None,
    normalize: str | None = None,
) -> Tensor | list[Tensor]:
    r"""Images after K steps along their sensitivity; several K from one pass.

    .. math::
        p_{k+1} = p_k + \varepsilon\, \delta(p_k) \ (\text{recompute}), \quad
        p_K = p + K \varepsilon\, \delta(p) \ (\text{fixed}), \quad
        p_K = p + \varepsilon\, \delta(p) \ (\text{literal})

    Algorithm 1 takes the derivative at p, so that read to the letter K does not matter; but the paper trains
    on K = 50 beside K = 100, and calls the process iterative and accumulating, which only "recompute" does.

    The paper states no scale: by default the raw gradient is added, step size 1, nothing clipped. Added a
    hundred times this may leave every sensible range; choose `step_size`, `clip` and `normalize` on
    validation images.

    Args:
        features: as for :func:`sensitivity`; given images of x's dtype.
        x: (N, ...) images, floating point. Half precision is accumulated in float32, or small steps would be
            lost.
        steps: K, or several, in any order; 0 is the image itself.
        mode: "recompute", "fixed" or "literal" (for which every K of at least 1 is the same).
        step_size: epsilon; finite.
        clip: the range (lowest, highest) that images are held to after each step, or None.
        normalize: None for the raw sensitivity, or "linf" to divide that of each image by its largest
            absolute value, so that a step moves no pixel by more than the step size; zero stays zero.

    Returns:
        Like x, or for several step counts a list of such in the order asked.

    Raises:
        ValueError: as :func:`sensitivity`; a step count that is negative or no integer, an unknown mode or
            normalisation, a step size that is not finite, or an empty range.

    Source: `sign`, algorithm 1; its three readings.
    """
    wanted, several = _counts(steps)
    if mode not in MODES:
        raise ValueError(f"mode must be 'recompute', 'fixed' or 'literal', got {mode!r}")
    if normalize not in (None, "linf"):
        raise ValueError(f"normalize must be None or 'linf', got {normalize!r}")
    if not math.isfinite(step_size):
        raise ValueError(f"step_size must be finite, got {step_size}")
    if clip is not None and not clip[0] < clip[1]:
        raise ValueError(f"clip must be (lowest, highest), got {clip}")
    images = _trajectory(features, x, max(wanted, default=0), mode, step_size, clip, normalize)
    kept = {k: image for k, image in enumerate(images) if k in wanted}
    found = [kept[k].to(x.dtype, copy=True) for k in wanted]
    return found if several else found[0]


def _counts(steps: int | Sequence[int]) -> tuple[list[int], bool]:
    """Step counts as a list, and whether the caller gave several."""
    several = hasattr(steps, "__len__")
    try:
        wanted = [operator.index(k) for k in (steps if several else [steps])]
    except TypeError:
        raise ValueError(f"steps must be an integer or a list of integers, got {steps!r}") from None
    if min(wanted, default=0) < 0:
        raise ValueError(f"steps must not be negative, got {steps}")
    return wanted, several


def _trajectory(
    features: Features,
    x: Tensor,
    steps: int,
    mode: str,
    step_size: float,
    clip: tuple[float, float] | None,
    normalize: str | None,
) -> Iterator[Tensor]:
    """The images after 0, 1, ..., `steps` steps, in at least single precision."""
    image = start = x.detach().to(torch.promote_types(x.dtype, torch.float32))
    yield image
    for k in range(1, steps + 1):
        if k == 1 or mode == "recompute":
            delta = _scaled(sensitivity(features, image.to(x.dtype)).to(start), normalize)
        if mode == "recompute":
            image = image + step_size * delta
        else:
            image = start + (k if mode == "fixed" else 1) * step_size * delta
        if clip is not None:
            image = image.clamp(*clip)
        yield image


def _scaled(delta: Tensor, normalize: str | None) -> Tensor:
    if normalize is None:
        return delta
    largest = delta.flatten(1).abs().amax(1).view(-1, *[1] * (delta.dim() - 1))
    return delta / torch.where(largest > 0, largest, 1)
