"""Remedies for a long tail as linear heads on frozen features.

All heads that see the same images in the same order are trained in one matrix product. Each remedy has one
number to choose, of four values, on images held back: the weight decay of a linear head, the scale of a
cosine head. On frozen features, re-training the classifier alone (cRT) is the balanced sampler."""

import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from lt_lib.losses import class_weights, ldam_margins
from lt_lib.mixup import mixup
from lt_lib.progress import Progress
from lt_lib.sampling import artificial_balance, balanced_bags, balanced_sample

STEPS, EPOCHS, BATCH, RATE = (1000, 3000), 20, 128, 3e-3
DECAYS, SCALES, TAUS = (1.0, 3.0, 10.0, 30.0), (10.0, 20.0, 40.0, 80.0), (0.25, 0.5, 0.75, 1.0)
LATE, BAGS, BETA = 2 / 3, 10, 0.9999
PLAIN = "plain"


@dataclass(frozen=True)
class Remedy:
    """How a head is trained.

    `draws`: which images are shown: "all", "balanced" (each class alike, with replacement), "artificial" (as
    many of each class: copies of the rare, a part of the others) or "bags" (one head a bag, averaged).
    `weights`: a scheme of `class_weights`; `late`: in the last third only. `prior`: the logarithm of the
    class sizes is added to the logits in training. `cosine`: features and classes of length one, and a
    scale. `margin`: of LDAM, for the rarest class. `gamma`: of the focal loss. `alpha`: of mixup, of
    features. `after`: done to the plain head without training, "prior" (subtracted from its bias) or "norm"
    (its classes are divided by their lengths to a power).
    """

    title: str
    source: str
    draws: str = "all"
    weights: str | None = None
    late: bool = False
    prior: bool = False
    cosine: bool = False
    margin: float = 0.0
    gamma: float = 0.0
    alpha: float = 0.0
    after: str | None = None


REMEDIES = {
    PLAIN: Remedy("cross-entropy", "no remedy"),
    "focal": Remedy("focal loss", "Lin et al. 2017", gamma=2.0),
    "ins": Remedy("weighted loss, INS", "ee443", weights="ins"),
    "isns": Remedy("weighted loss, ISNS", "ee443", weights="isns"),
    "ens": Remedy("weighted loss, ENS", "Cui et al. 2019", weights="ens"),
    "sampler": Remedy("balanced sampler (cRT)", "Kang et al. 2020", draws="balanced"),
    "artificial": Remedy("artificial balancing", "ee443", draws="artificial"),
    "softmax": Remedy("balanced softmax", "Ren et al. 2020", prior=True),
    "cosine": Remedy("cross-entropy, cosine head", "no remedy but LDAM's head", cosine=True),
    "ldam": Remedy("LDAM, cosine head", "Cao et al. 2019", cosine=True, margin=0.5),
    "ldam-drw": Remedy(
        "LDAM-DRW, cosine head", "Cao et al. 2019", cosine=True, margin=0.5, weights="ens", late=True
    ),
    "mixup": Remedy("mixup of features", "Zhang et al. 2018", alpha=0.2),
    "bags": Remedy("balanced bags", "ee443", draws="bags"),
    "adjusted": Remedy("logit adjustment", "Menon et al. 2021", after="prior"),
    "tau": Remedy("tau-normalisation", "Kang et al. 2020", after="norm"),
}


@dataclass(frozen=True)
class Fitted:
    """Heads of one remedy: weight (S, M, K, D) and bias (S, M, K) of S seeds with M members; `cosine`:
    features are brought to length one first. `setting` is the number chosen on validation, `seconds` what
    the training of all seeds took, shared alike among the heads that were trained in one product."""

    weight: Tensor
    bias: Tensor
    cosine: bool
    setting: float
    seconds: float = 0.0

    def logits(self, x: Tensor) -> Tensor:
        """(S, N, K) of standardised features (N, D); of several members, the logarithm of their mean
        probability."""
        x = F.normalize(x) if self.cosine else x
        z = torch.einsum("nd,smkd->smnk", x, self.weight) + self.bias[:, :, None]
        if z.shape[1] == 1:
            return z[:, 0]
        return z.log_softmax(-1).logsumexp(1) - np.log(z.shape[1])


def settings(key: str) -> tuple[float, ...]:
    """The values of which one is chosen on validation; of logit adjustment none, it has no number."""
    remedy = REMEDIES[key]
    if remedy.after:
        return TAUS if remedy.after == "norm" else (1.0,)
    return SCALES if remedy.cosine else DECAYS


def fit(
    x: Tensor,
    y: Tensor,
    num_classes: int,
    held: Tensor,
    *,
    keys: Sequence[str] = tuple(REMEDIES),
    seeds: Sequence[int] = (0, 1, 2, 3, 4),
    goal: str = "balanced",
) -> dict[str, Fitted]:
    """Heads by remedy: each number chosen on the images held back, with the first seed; then trained on all.

    Args:
        x: (N, D), standardised features of the training images.
        y: (N,), int64 labels, each of the K classes there, held back or not.
        num_classes: K.
        held: (N,) bool, the images held back for the choice; each class has some not held back.
        keys: of REMEDIES.
        seeds: of the start, the order, the samples and mixup's shares.
        goal: what is best on validation, "balanced" accuracy or "accuracy".
    """
    trained = [key for key in dict.fromkeys((PLAIN, *keys)) if not REMEDIES[key].after]
    if not {PLAIN, *(key for key in REMEDIES if REMEDIES[key].after)} & set(keys):
        trained.remove(PLAIN)
    runs = [(key, value) for key in trained for value in settings(key)]
    total = _steps(int((~held).sum())) + len(seeds) * _steps(len(y))
    with Progress(total, f"{len(trained)} remedies, {len(seeds)} seeds", "step") as bar:
        tried = _train_all(x[~held], y[~held], num_classes, runs, seeds[0], bar)
        score = {run: _score(one, x[held], y[held], goal) for run, one in tried.items()}
        best = [max((run for run in runs if run[0] == key), key=score.__getitem__) for key in trained]
        by_seed = [_train_all(x, y, num_classes, best, seed, bar) for seed in seeds]
    found = {run[0]: _together([one[run] for one in by_seed]) for run in best}
    for key in keys:
        if REMEDIES[key].after:
            plain = tried[next(run for run in best if run[0] == PLAIN)]
            changed = {t: _after(key, plain, y[~held], num_classes, t) for t in settings(key)}
            value = max(changed, key=lambda t: _score(changed[t], x[held], y[held], goal))
            found[key] = _after(key, found[PLAIN], y, num_classes, value)
    return {key: found[key] for key in keys}


def _after(key: str, plain: Fitted, y: Tensor, num_classes: int, value: float) -> Fitted:
    if REMEDIES[key].after == "prior":
        prior = (y.bincount(minlength=num_classes) / len(y)).log()
        return Fitted(plain.weight, plain.bias - value * prior, False, value, plain.seconds)
    length = plain.weight.norm(dim=-1, keepdim=True).clamp_min(1e-12) ** value
    return Fitted(plain.weight / length, torch.zeros_like(plain.bias), False, value, plain.seconds)


def _together(seeds: list[Fitted]) -> Fitted:
    one = seeds[0]
    weight, bias = torch.cat([s.weight for s in seeds]), torch.cat([s.bias for s in seeds])
    return Fitted(weight, bias, one.cosine, one.setting, sum(s.seconds for s in seeds))


def _score(heads: Fitted, x: Tensor, y: Tensor, goal: str) -> tuple[float, float]:
    """The score of the first seed, and where several have it the likelihood decides."""
    z = heads.logits(x)[0]
    right, loss = (z.argmax(1) == y).float(), F.cross_entropy(z, y)
    if goal == "balanced":
        right = torch.stack([right[y == c].mean() for c in y.unique()])
    return float(right.mean()), -float(loss)


def _steps(images: int) -> int:
    return min(max(STEPS[0], EPOCHS * -(-images // BATCH)), STEPS[1])


def _train_all(x, y, num_classes: int, runs, seed: int, bar: Progress) -> dict[tuple[str, float], Fitted]:
    """Heads of one seed by run, a remedy and its setting."""
    steps, found, shared = _steps(len(y)), {}, {}
    for key, value in runs:
        r = REMEDIES[key]
        shared.setdefault((r.draws, r.cosine, r.alpha), []).append((key, value))
    counts = y.bincount(minlength=num_classes)
    for (draws, cosine, _), some in shared.items():
        members = _bags(y, counts, seed) if draws == "bags" else [torch.arange(len(y))]
        each = max(steps // len(members), STEPS[0] // 4)  # a bag less than the rest, but enough to learn
        inputs, start = F.normalize(x) if cosine else x, time.perf_counter()
        parts = [_train(inputs[own], y[own], counts, some, each, [seed, m]) for m, own in enumerate(members)]
        seconds = (time.perf_counter() - start) / len(some)
        for i, (key, value) in enumerate(some):
            weight, bias = (torch.stack([part[j][i] for part in parts])[None] for j in (0, 1))
            found[key, value] = Fitted(weight, bias, cosine, value, seconds)
        bar.update(steps * len(some) // len(runs))
    return found


def _bags(y: Tensor, counts: Tensor, seed: int) -> list[Tensor]:
    threshold = max(int(counts.median()), -(-int(counts.max()) // BAGS), 1)
    return balanced_bags(y, threshold, seed=seed)


def _train(x, y, counts: Tensor, runs, steps: int, seed: list[int]) -> tuple[Tensor, Tensor]:
    """Weight (R, K, D) and bias (R, K) of R heads that see the same images in the same order."""
    chance = torch.Generator().manual_seed(int(np.random.default_rng(seed).integers(2**62)))
    which, k, dim = [REMEDIES[key] for key, _ in runs], len(counts), x.shape[1]
    first = which[0]
    start = torch.empty(k, dim).uniform_(-(dim**-0.5), dim**-0.5, generator=chance)
    weight = start.repeat(len(runs), 1, 1).requires_grad_()
    bias = torch.zeros(len(runs), k, requires_grad=not first.cosine)
    value = torch.tensor([value for _, value in runs])[:, None, None]
    descent = torch.optim.Adam(
        [weight] if first.cosine else [weight, bias], lr=RATE * (10 if first.cosine else 1), fused=True
    )
    falling = torch.optim.lr_scheduler.CosineAnnealingLR(descent, steps)
    cost = Cost(which, value, counts)
    for step, own in enumerate(stream(first.draws, y, steps, chance)):
        inputs, target = x[own], F.one_hot(y[own], k).float()
        if first.alpha:
            lam = beta(first.alpha, chance)
            inputs, target = mixup(inputs, target, lam, torch.randperm(len(own), generator=chance))
        head = F.normalize(weight, dim=2) * value if first.cosine else weight
        z = (inputs @ head.flatten(0, 1).T).view(len(own), len(runs), k) + bias
        descent.zero_grad(set_to_none=True)
        cost(z, target, late=step >= LATE * steps).backward()
        if not first.cosine:
            weight.data.mul_(1 - descent.param_groups[0]["lr"] * value)
        descent.step()
        falling.step()
    head = F.normalize(weight, dim=2) * value if first.cosine else weight
    return head.detach(), bias.detach()


class Cost:
    """The sum over heads of each one's weighted mean loss, of logits (B, R, K) and targets (B, K)."""

    def __init__(self, which: list[Remedy], value: Tensor, counts: Tensor):
        ones = torch.ones(len(counts))
        schemes = [class_weights(counts, r.weights, beta=BETA) if r.weights else ones for r in which]
        self.weights = torch.stack(schemes)
        self.early = torch.stack([ones if r.late else w for r, w in zip(which, schemes, strict=True)])
        self.shift = torch.stack([counts.log() if r.prior else 0 * ones for r in which])
        self.margins = torch.stack([r.margin * ldam_margins(counts, 1.0) for r in which]) * value[:, :, 0]
        self.gamma = torch.tensor([r.gamma for r in which])

    def __call__(self, z: Tensor, target: Tensor, late: bool) -> Tensor:
        z = z + self.shift - self.margins * target[:, None]
        loss = -(target[:, None] * z.log_softmax(-1)).sum(-1)
        if self.gamma.any():
            loss = loss * (1 - (-loss).exp()).clamp_min(1e-6) ** self.gamma
        weights = target @ (self.weights if late else self.early).T
        return (loss * weights / weights.sum(0)).sum()


def stream(draws: str, y: Tensor, steps: int, chance: torch.Generator) -> Tensor:
    """(steps, B) positions of the images that are shown."""
    size, shown = min(BATCH, len(y)), []
    while sum(map(len, shown)) < steps * size:
        if draws == "balanced":
            shown.append(balanced_sample(y, len(y), chance))
        elif draws == "artificial":
            some = artificial_balance(y, -(-len(y) // int(y.max() + 1)), chance.initial_seed())
            shown.append(some[torch.randperm(len(some), generator=chance)])
        else:
            shown.append(torch.randperm(len(y), generator=chance))
    return torch.cat(shown)[: steps * size].view(steps, size)


def beta(alpha: float, chance: torch.Generator) -> float:
    """A share of mixup."""
    one, other = torch._standard_gamma(torch.full((2,), alpha, dtype=torch.float64), generator=chance)
    return float(one / (one + other))
