"""Losses for long tails: class weights, margins that grow with rarity, and consistency between views.

Idea: a weighted mean of cross-entropies, sum_i w[y_i] l_i / sum_i w[y_i] (torch's ``weight=``), lets few
images count as many; a margin asks more of a rare class instead; a consistency term asks the same answer for
an image and its augmented copies.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lt_lib.inputs import numbers


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
    counts = numbers(counts, "counts").double()
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
    counts = numbers(counts, "counts").double()
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


def ldam_margins(counts: Tensor, max_margin: float = 0.5) -> Tensor:
    r"""Label-distribution-aware margins: the rarer the class, the wider, the rarest at the maximum.

    .. math:: \Delta_j = m_{\max} \left(\frac{\min_k n_k}{n_j}\right)^{1/4}

    Args:
        counts: (K,), images per class, all positive.
        max_margin: m_max, not negative; in units of the logits before scaling.

    Returns:
        (K,) of torch's default dtype, computed in float64.

    Raises:
        ValueError: a class without images, or a margin that is negative or not finite.

    Source: Cao et al. (2019), Learning Imbalanced Datasets with Label-Distribution-Aware Margin Loss; the
    constant set by the largest margin, as in their released code."""
    counts = numbers(counts, "counts").double()
    if counts.dim() != 1 or len(counts) == 0 or not (counts > 0).all():
        raise ValueError(f"counts must be (K,), all positive, got {counts.tolist()}; drop the empty classes")
    if not 0 <= max_margin < float("inf"):
        raise ValueError(f"max_margin must be finite and not negative, got {max_margin}")
    return (max_margin * (counts.min() / counts) ** 0.25).to(torch.get_default_dtype())


class LDAMLoss(nn.Module):
    r"""Cross-entropy after the true class's logit is lowered by the margin of that class.

    .. math::
        \ell(z, y) = -\log \frac{e^{s(z_y - \Delta_y)}}{e^{s(z_y - \Delta_y)} + \sum_{k \ne y} e^{s
        z_k}}

    The margins were meant for a cosine head (:class:`lt_lib.models.CosineHead`), whose logits lie in [-1, 1];
    the released code of `spectrum` puts the same loss, scale 30 included, on the unbounded logits of a linear
    head. Both work here: the head decides.

    Args:
        counts: (K,), images per class, all positive.
        max_margin: the largest margin, that of the rarest class; 0 leaves a plain cross-entropy of scaled
            logits.
        scale: s.
        weight: (K,) class weights, or None. May be set anew at any time, as deferred re-weighting does:
            ``loss.weight = drw_weights(counts, epoch)``.
        reduction: "mean" is torch's weighted mean, sum w l / sum w; "sum" and "none" give w l summed or one
            by one.

    Shape: logits (N, K) of any float dtype, labels (N,) int64; returns a scalar, or (N,) for "none".
    Half-precision logits are computed, and the loss returned, in float32. The state dict is empty: margins
    and weight follow from counts and epoch.

    Raises:
        ValueError: counts, margin, scale, weight or reduction that cannot be; later, logits, labels or a
            weight of another size.

    Source: Cao et al. (2019) and their released code (scale 30, weighted mean); `spectrum`, released code.
    """

    def __init__(
        self,
        counts: Tensor,
        max_margin: float = 0.5,
        scale: float = 30.0,
        weight: Tensor | None = None,
        reduction: str = "mean",
    ):
        super().__init__()
        if not 0 < scale < float("inf"):
            raise ValueError(f"scale must be positive and finite, got {scale}")
        if reduction not in ("mean", "sum", "none"):
            raise ValueError(f"reduction must be 'mean', 'sum' or 'none', got {reduction!r}")
        self.scale, self.reduction = scale, reduction
        self.register_buffer("margins", ldam_margins(counts, max_margin), persistent=False)
        self.register_buffer(
            "weight", None if weight is None else numbers(weight, "weight"), persistent=False
        )
        self._check_weight()

    def forward(self, logits: Tensor, labels: Tensor) -> Tensor:
        num_classes = len(self.margins)
        if logits.dim() != 2 or logits.shape[1] != num_classes or labels.shape != logits.shape[:1]:
            raise ValueError(
                f"logits must be (N, {num_classes}) and labels (N,), got {tuple(logits.shape)} and "
                f"{tuple(labels.shape)}"
            )
        if (
            labels.device.type == "cpu" and not ((labels >= 0) & (labels < num_classes)).all()
        ):  # elsewhere a check would stall
            raise ValueError(f"labels must lie in [0, {num_classes}), got {labels.min()} to {labels.max()}")
        self._check_weight()
        z = logits.to(torch.promote_types(logits.dtype, torch.float32))
        weight = None if self.weight is None else self.weight.to(z)
        z = z.scatter_add(1, labels[:, None], -self.margins.to(z)[labels][:, None])
        return F.cross_entropy(self.scale * z, labels, weight=weight, reduction=self.reduction)

    def _check_weight(self) -> None:
        if self.weight is not None and self.weight.shape != self.margins.shape:
            raise ValueError(
                f"weight must be ({len(self.margins)},), one number a class, got {tuple(self.weight.shape)}"
            )

    def extra_repr(self) -> str:
        return (
            f"margins={[round(m, 4) for m in self.margins.tolist()]}, scale={self.scale}, "
            f"reduction={self.reduction!r}"
        )


def jsd_consistency(clean: Tensor, aug1: Tensor, aug2: Tensor) -> Tensor:
    r"""Jensen-Shannon divergence of the predictions for an image and two augmented copies of it.

    .. math::
        \frac1N \sum_{i=1}^N \frac13 \sum_{q} \sum_k q_{ik} \ln \frac{q_{ik}}{M_{ik}}, \quad
        M = \operatorname{clip}\Big(\frac{p + p' + p''}{3}, 10^{-7}, 1\Big), \quad q \in \{p, p', p''\}

    Args:
        clean, aug1, aug2: (N, K) logits of the three views; half precision is computed in float32.

    Returns:
        Scalar in [0, ln 3], in nats (the clip can push it below 0, by at most K / 10^7); unweighted, the
        factor 12 is the caller's.

    Raises:
        ValueError: the three shapes differ, or are not (N, K).

    Source: Hendrycks et al. (2020), AugMix, and released code (the clip).
    """
    if clean.dim() != 2 or not clean.shape == aug1.shape == aug2.shape:
        shapes = ", ".join(str(tuple(x.shape)) for x in (clean, aug1, aug2))
        raise ValueError(f"logits of the three views must all be (N, K), got {shapes}")
    log_p = torch.stack(
        [x.to(torch.promote_types(x.dtype, torch.float32)).log_softmax(1) for x in (clean, aug1, aug2)]
    )
    log_mixture = log_p.exp().mean(0).clamp(1e-7, 1).log()
    return F.kl_div(log_mixture.expand_as(log_p), log_p, reduction="sum", log_target=True) / (3 * len(clean))


def smooth_labels(labels: Tensor, num_classes: int, alpha: float, variant: str = "standard") -> Tensor:
    r"""Soft targets: a little of the certainty of each label is given to the other classes.

    .. math::
        (1 - \alpha)\, y + \frac{\alpha}{K} \mathbf{1} \ (\text{standard}), \quad
        (1 - \alpha)\, y + \frac{\alpha}{K} (\mathbf{1} - y) \ (\text{slide}), \quad
        (1 - \alpha)\, y + \frac{\alpha}{K - 1} (\mathbf{1} - y) \ (\text{off-class})

    "standard" and "off-class" are distributions: they sum to one. "slide" is the formula as printed; its rows
    sum to 1 - alpha / K, for the label's own share alpha / K is lost. Divided by that sum it is "off-class"
    with the smaller alpha (K - 1) / (K - alpha).

    Args:
        labels: (N,) int64, in [0, K).
        num_classes: K, at least 2.
        alpha: in [0, 1); 0 gives one-hot rows.
        variant: "standard", "slide" or "off-class".

    Returns:
        (N, K) of torch's default dtype, on the device of the labels: targets for ``cross_entropy``.

    Raises:
        ValueError: labels that are no class numbers, fewer than two classes, alpha outside [0, 1), an unknown
            variant.

    Source: lectures, part 2, "Label Smoothing"; Szegedy et al. (2016) for the standard form.
    """
    labels = numbers(labels, "labels")
    if labels.dim() != 1 or labels.dtype != torch.int64:
        raise ValueError(f"labels must be (N,) int64, got {tuple(labels.shape)} of {labels.dtype}")
    if num_classes < 2:
        raise ValueError(f"num_classes must be at least 2, got {num_classes}: no other class to share with")
    if (
        labels.device.type == "cpu" and not ((labels >= 0) & (labels < num_classes)).all()
    ):  # elsewhere a check would stall
        raise ValueError(f"labels must lie in [0, {num_classes}), got {labels.min()} to {labels.max()}")
    if not 0 <= alpha < 1:
        raise ValueError(f"alpha must lie in [0, 1), got {alpha}")
    values = {
        "standard": (alpha / num_classes, 1 - alpha + alpha / num_classes),
        "slide": (alpha / num_classes, 1 - alpha),
        "off-class": (alpha / (num_classes - 1), 1 - alpha),
    }
    if variant not in values:
        raise ValueError(f"variant must be 'standard', 'slide' or 'off-class', got {variant!r}")
    others, own = values[variant]
    soft = torch.full(
        (len(labels), num_classes), others, dtype=torch.get_default_dtype(), device=labels.device
    )
    return soft.scatter_(1, labels[:, None], own)


def aleatoric_loss(
    logits: Tensor, sigma: Tensor, labels: Tensor, noise: Tensor, reduction: str = "mean"
) -> Tensor:
    r"""Negative log-likelihood of a softmax whose logits are noisy, the noise learned with them.

    .. math:: \ell_i = -\log \frac1T \sum_{t=1}^T \operatorname{softmax}(z_i + \sigma_i \epsilon_t)_{y_i}

    The mean is over probabilities, not over losses: an image with large sigma is allowed to be unsure.
    Computed with log-sum-exp over the draws, so that no probability underflows. This is the loss that `sign`
    prints (its sum over images is ``reduction="sum"``) and our default; the public code that fits the rest of
    its section trains on another, :func:`aleatoric_elu_loss`.

    Args:
        logits: (N, K) z, without noise.
        sigma: (N, 1), one scale an image, or (N, K), one a logit; not negative.
        labels: (N,) int64.
        noise: (T, N, K) standard normal draws. One number for all logits of an image would do nothing:
            softmax does not see a common shift.
        reduction: "mean", "sum" or "none".

    Returns:
        Scalar, or (N,) for "none". With sigma = 0 it is the cross-entropy. Half precision is computed in
        float32.

    Raises:
        ValueError: shapes that do not fit, a negative sigma, or an unknown reduction.

    Source: Kendall & Gal (2017); `sign`, eq. 10-11, with the minus sign that is missing there.
    """
    if logits.dim() != 2 or labels.shape != logits.shape[:1]:
        raise ValueError(
            f"logits must be (N, K) and labels (N,), got {tuple(logits.shape)} and {tuple(labels.shape)}"
        )
    n, k = logits.shape
    if sigma.shape not in ((n, 1), (n, k)):
        raise ValueError(f"sigma must be ({n}, 1) or ({n}, {k}), got {tuple(sigma.shape)}")
    if sigma.device.type == "cpu" and not (sigma >= 0).all():
        raise ValueError(
            f"sigma must not be negative, got {float(sigma.min()):g}; take softplus of what the network gives"
        )
    if noise.dim() != 3 or len(noise) == 0 or noise.shape[1:] != logits.shape:
        raise ValueError(f"noise must be (T, {n}, {k}) with at least one draw, got {tuple(noise.shape)}")
    if reduction not in ("mean", "sum", "none"):
        raise ValueError(f"reduction must be 'mean', 'sum' or 'none', got {reduction!r}")
    z = logits.to(torch.promote_types(logits.dtype, torch.float32))
    log_p = (z + sigma.to(z) * noise.to(z)).log_softmax(-1)
    own = log_p.gather(-1, labels.expand(len(noise), n)[..., None]).squeeze(-1)
    loss = torch.tensor(float(len(noise))).log().to(z) - own.logsumexp(0)
    return loss if reduction == "none" else loss.mean() if reduction == "mean" else loss.sum()


def aleatoric_elu_loss(
    logits: Tensor,
    sigma: Tensor,
    labels: Tensor,
    noise: Tensor,
    weights: tuple[float, float] = (0.2, 1.0),
    reduction: str = "mean",
) -> Tensor:
    r"""The other published loss for noisy logits: cross-entropy, more of it where noise makes it worse.

    .. math::
        \ell_i = w_\sigma \Big[ \overline{-\operatorname{elu}(\mathrm{CE}_i - \mathrm{CE}_{it})}^{\,t}\,
        \mathrm{CE}_i + \mathrm{CE}_i + e^{\sigma_i^2} - 1 \Big] + w_{\mathrm{CE}}\, \mathrm{CE}_i

    CE without noise, CE_t with the t-th draw. Not a likelihood: noise that helps by much is rewarded without
    bound, noise that harms costs at most CE once more, and the last term alone keeps sigma small. It is here
    because the section of `sign` on uncertainty fits the code that made it known; the default is
    :func:`aleatoric_loss`, which is what `sign` prints.

    Args:
        logits: (N, K), without noise.
        sigma: (N, 1), one scale an image; there a variance, softplus of a linear layer, is learned.
        labels: (N,) int64.
        noise: (T, N, K) standard normal draws; T = 100 there.
        weights: of the bracket and of the plain cross-entropy, (0.2, 1.0) there.
        reduction: "mean", "sum" or "none".

    Returns:
        Scalar, or (N,) for "none". With sigma = 0 it is the cross-entropy times the sum of the weights. Half
        precision is computed in float32.

    Raises:
        ValueError: as :func:`aleatoric_loss`, or more than one sigma an image.

    Source: Dorman (2017), "Building a Bayesian deep learning classifier", released code.
    """
    shapes = [tuple(t.shape) for t in (logits, sigma, labels, noise)]
    n, t = len(labels), len(noise)
    if logits.dim() != 2 or t == 0 or shapes != [(n, k := logits.shape[1]), (n, 1), (n,), (t, n, k)]:
        raise ValueError(f"need logits (N, K), sigma (N, 1), labels (N,) and noise (T, N, K), got {shapes}")
    if reduction not in ("mean", "sum", "none"):
        raise ValueError(f"reduction must be 'mean', 'sum' or 'none', got {reduction!r}")
    of_draws = [tensor.repeat(t, *[1] * (tensor.dim() - 1)) for tensor in (logits, sigma, labels)]
    noisy = aleatoric_loss(*of_draws, noise.flatten(0, 1)[None], "none").view(t, n)  # of one draw it is CE_t
    plain = F.cross_entropy(logits.to(noisy), labels, reduction="none")
    worse = -F.elu(plain - noisy).mean(0)
    loss = weights[0] * (worse * plain + plain + sigma.to(noisy)[:, 0].square().expm1()) + weights[1] * plain
    return loss if reduction == "none" else loss.mean() if reduction == "mean" else loss.sum()
