"""Remedies for a long tail as linear heads on frozen features: all seeds of all remedies in one batched
training.

On frozen features re-training the classifier alone (cRT) is the balanced sampler, which stands for both."""

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from lt_lib.losses import class_weights, ldam_margins
from lt_lib.progress import Progress
from lt_lib.sampling import artificial_balance, balanced_sample

EPOCHS, BATCH, RATE, SCALE, LATE = 30, 128, 1e-3, 30.0, 2 / 3
PLAIN = "cross-entropy"


@dataclass(frozen=True)
class Remedy:
    """How a head is trained.

    `draws`: which images an epoch shows, "all", "balanced" (each class alike, with replacement) or
    "artificial" (as many of each class: copies of the rare, a part of the others). `weights`: a scheme of
    `class_weights`. `prior`: how often the logarithm of the class sizes is added to the logits in training.
    `cosine`: features and classes of length one, and a scale. `margin`: LDAM, its weights deferred to the
    last third. `alpha`: of mixup, of features.
    """

    name: str
    source: str
    draws: str = "all"
    weights: str | None = None
    prior: float = 0.0
    cosine: bool = False
    margin: bool = False
    alpha: float = 0.0


REMEDIES = (
    Remedy(PLAIN, "no remedy"),
    Remedy("weighted, INS", "ee443", weights="ins"),
    Remedy("weighted, ISNS", "ee443", weights="isns"),
    Remedy("weighted, ENS", "Cui et al. 2019", weights="ens"),
    Remedy("balanced sampler (cRT)", "Kang et al. 2020", draws="balanced"),
    Remedy("artificial balancing", "ee443", draws="artificial"),
    Remedy("balanced softmax", "Ren et al. 2020", prior=1.0),
    Remedy("cross-entropy, cosine head", "no remedy but the head of LDAM", cosine=True),
    Remedy("LDAM-DRW, cosine head", "Cao et al. 2019", cosine=True, margin=True),
    Remedy("mixup", "Zhang et al. 2018", alpha=0.2),
)
ADJUSTED, NORMED = "logit adjustment", "tau-normalisation"
AFTERWARDS = {
    ADJUSTED: "Menon et al. 2021",
    NORMED: "Kang et al. 2020",
}  # of the plain head, without training
SOURCES = {remedy.name: remedy.source for remedy in REMEDIES} | AFTERWARDS


@dataclass(frozen=True)
class Heads:
    """Linear heads of one remedy, one a seed: weight (S, K, D), bias (S, K). Features of a cosine head are of
    length one."""

    weight: Tensor
    bias: Tensor
    cosine: bool = False

    def logits(self, x: Tensor) -> Tensor:
        """(S, N, K) of standardised features (N, D)."""
        x = F.normalize(x) if self.cosine else x
        return torch.einsum("nd,skd->snk", x, self.weight) + self.bias[:, None]


def train(x: Tensor, y: Tensor, num_classes: int, seeds: int) -> dict[str, Heads]:
    """Heads by remedy.

    Args:
        x: (N, D), standardised features of the training images.
        y: (N,), labels, each of the K classes there.
        num_classes: K.
        seeds: S; a seed draws the start, the order, the samples and mixup's shares.
    """
    counts = y.bincount(minlength=num_classes)
    found = {}
    with Progress(2 * EPOCHS, f"{len(REMEDIES)} remedies, {seeds} seeds", "epoch") as bar:
        for cosine in (False, True):
            some = [remedy for remedy in REMEDIES if remedy.cosine == cosine]
            found |= _train(F.normalize(x) if cosine else x, y, counts, some, seeds, bar)
    plain, prior = found[PLAIN], (counts / counts.sum()).log()
    found[ADJUSTED] = Heads(plain.weight, plain.bias - prior)
    found[NORMED] = Heads(F.normalize(plain.weight, dim=2), torch.zeros_like(plain.bias))
    return {name: found[name] for name in SOURCES}


def _train(x, y, counts, remedies: list[Remedy], seeds: int, bar: Progress) -> dict[str, Heads]:
    runs = [(remedy, seed) for remedy in remedies for seed in range(seeds)]
    chance = [torch.Generator().manual_seed(seed) for _, seed in runs]
    k, dim, cosine = len(counts), x.shape[1], remedies[0].cosine
    start = [torch.empty(k, dim).uniform_(-(dim**-0.5), dim**-0.5, generator=g) for g in chance]
    weight, bias = torch.stack(start).requires_grad_(), torch.zeros(len(runs), k, requires_grad=not cosine)
    steps = -(-len(y) // BATCH)
    descent = torch.optim.Adam([weight] if cosine else [weight, bias], lr=RATE * (10 if cosine else 1))
    falling = torch.optim.lr_scheduler.CosineAnnealingLR(descent, EPOCHS * steps)
    prior = torch.stack([r.prior * counts.log() for r, _ in runs])[:, None]
    margins = torch.stack([ldam_margins(counts) if r.margin else torch.zeros(k) for r, _ in runs])[:, None]
    for epoch in range(EPOCHS):
        each = torch.stack([_class_weights(r, counts, epoch) for r, _ in runs])
        orders = torch.stack([_order(r, y, g, epoch) for (r, _), g in zip(runs, chance, strict=True)])
        for part in orders.split(BATCH, 1):
            own, other, lam = _pairs(runs, part, chance)
            inputs = torch.lerp(x[other], x[own], lam[..., None]) if (lam < 1).any() else x[own]
            head = F.normalize(weight, dim=2) if cosine else weight
            z = torch.baddbmm(bias[:, None], inputs, head.transpose(1, 2)) + prior
            loss = sum(
                share * _costs(z, y[target], each, margins, cosine)
                for share, target in ((lam, own), (1 - lam, other))
                if (share > 0).any()
            )
            descent.zero_grad(set_to_none=True)
            loss.sum().backward()
            descent.step()
            falling.step()
        bar.update()
    head = (F.normalize(weight, dim=2) * SCALE if cosine else weight).detach()
    return {
        remedy.name: Heads(
            head[i * seeds : (i + 1) * seeds], bias[i * seeds : (i + 1) * seeds].detach(), cosine
        )
        for i, remedy in enumerate(remedies)
    }


def _costs(z: Tensor, y: Tensor, each: Tensor, margins: Tensor, cosine: bool) -> Tensor:
    """(H, B): the loss of each image, so weighted that a head's sum is its weighted mean."""
    if cosine:
        z = SCALE * (z - margins * F.one_hot(y, z.shape[-1]))
    weights = each.gather(1, y)
    loss = F.cross_entropy(z.flatten(0, 1), y.flatten(), reduction="none").view_as(y)
    return loss * weights / weights.sum(1, keepdim=True)


def _class_weights(remedy: Remedy, counts: Tensor, epoch: int) -> Tensor:
    if remedy.margin:
        late = epoch >= math.floor(LATE * EPOCHS)
        return class_weights(counts, "ens", beta=0.9999) if late else torch.ones(len(counts))
    return class_weights(counts, remedy.weights) if remedy.weights else torch.ones(len(counts))


def _order(remedy: Remedy, y: Tensor, chance: torch.Generator, epoch: int) -> Tensor:
    """(N,) positions that an epoch shows."""
    if remedy.draws == "balanced":
        return balanced_sample(y, len(y), chance)
    if remedy.draws == "artificial":
        target = -(-len(y) // int(y.max() + 1))
        dealt = artificial_balance(y, target, chance.initial_seed())
        order = dealt[torch.randperm(len(dealt), generator=chance)]
        return order.repeat(-(-len(y) // len(order)))[: len(y)]  # as long as the others'
    return torch.randperm(len(y), generator=chance)


def _pairs(runs, part: Tensor, chance: list[torch.Generator]) -> tuple[Tensor, Tensor, Tensor]:
    """Positions, positions of partners, and shares (H, B) of mixup: 1 where a head does not mix."""
    other, lam = part.clone(), torch.ones(part.shape)
    for i, (remedy, _) in enumerate(runs):
        if remedy.alpha:
            other[i] = part[i][torch.randperm(part.shape[1], generator=chance[i])]
            gamma = torch._standard_gamma(torch.full((2, part.shape[1]), remedy.alpha), generator=chance[i])
            lam[i] = gamma[0] / gamma.sum(0).clamp_min(1e-12)
    return part, other, lam
