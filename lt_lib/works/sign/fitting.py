"""Training of one network of `sign`: what a step shows, and the loss of it."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lt_lib import data as datasets
from lt_lib.augment import Classical
from lt_lib.deepaugment import DeepAugment
from lt_lib.lab.record.spec import Backbone
from lt_lib.lab.train.device import autocast, device
from lt_lib.lab.train.loop import Loop, Outcome, Task, accuracy, batches, generator, seed_all
from lt_lib.lab.train.networks import schedule
from lt_lib.losses import aleatoric_loss
from lt_lib.mixup import draw_lam, mixup
from lt_lib.models import TwoHeads
from lt_lib.works.sign.networks import network
from lt_lib.works.sign.options import Regularised

AUGMENT: dict[str, Callable[[], Callable[[Tensor, torch.Generator], Tensor]]] = {
    "classical": Classical,
    "deepaugment": DeepAugment,
}
AT_ONCE = 500  # images that are looked at in one go


@dataclass(frozen=True)
class Sets:
    """Images and labels of the three splits on the device, and what they are standardised by.

    Attributes:
        train: (n, C, side, side) float16 in [0, 1]: the images, behind them their copies, set after set.
        labels: (n,) int64.
        images: how many of `train` are no copies.
        val, test: images and labels of the other splits.
        mean, spread: (C, 1, 1), of the images of `train`.
        num_classes: K.
    """

    train: Tensor
    labels: Tensor
    images: int
    val: tuple[Tensor, Tensor]
    test: tuple[Tensor, Tensor]
    mean: Tensor
    spread: Tensor
    num_classes: int

    def standard(self, x: Tensor) -> Tensor:
        """Zero mean and unit variance a channel, float32, channels last."""
        return ((x.float() - self.mean) / self.spread).contiguous(memory_format=torch.channels_last)

    def with_copies(self, copies: Tensor) -> "Sets":
        """The same with copies (S, n, C, side, side) behind the images."""
        return replace(
            self,
            train=torch.cat([self.train, copies.flatten(0, 1).to(self.train)]),
            labels=self.labels.repeat(1 + len(copies)),
        )

    def standardised_anew(self) -> "Sets":
        """The same, mean and spread taken from what `train` holds now."""
        mean, spread = _statistics(self.train)
        return replace(self, mean=mean, spread=spread)


def sets_of(task: Task, dataset: datasets.ImageSet) -> Sets:
    """The images of a task, brought to the side of its backbone."""
    side = task.backbone.resolution

    def part(split: str, index: np.ndarray | slice) -> tuple[Tensor, Tensor]:
        labels = torch.as_tensor(np.asarray(dataset.labels(split))[index]).long()
        return resized(dataset.images(split)[index], side).to(device()), labels.to(device())

    train, labels = part("train", task.train[:, 0])
    held = part("val", slice(None)) if "val" in dataset.splits else part("train", task.val[:, 0])
    mean, spread = _statistics(train)
    k = len(dataset.classes)
    return Sets(train, labels, len(labels), held, part("test", slice(None)), mean, spread, k)


def resized(images: np.ndarray, side: int) -> Tensor:
    """uint8 (N, H, W, C) as float16 (N, 3, side, side) in [0, 1]; grey ones thrice, larger ones averaged."""
    parts = []
    for first in range(0, len(images), AT_ONCE):
        x = torch.from_numpy(np.array(images[first : first + AT_ONCE])).permute(0, 3, 1, 2).float().div_(255)
        if x.shape[-2:] != (side, side):
            x = F.interpolate(x, (side, side), mode="bilinear", antialias=True).clamp_(0, 1)
        parts.append(x.half().expand(-1, 3, -1, -1) if x.shape[1] == 1 else x.half())
    return torch.cat(parts)


def _statistics(x: Tensor) -> tuple[Tensor, Tensor]:
    total, square, n = 0.0, 0.0, x[:, 0].numel()
    for part in x.split(AT_ONCE):
        total, square = total + part.double().sum((0, 2, 3)), square + part.double().square().sum((0, 2, 3))
    mean = total / n
    spread = (square / n - mean.square()).clamp_min(1e-8).sqrt()
    return mean.float().view(-1, 1, 1), spread.float().view(-1, 1, 1)


def fit(
    task: Task,
    backbone: Backbone,
    lesson: Regularised,
    sets: Sets,
    checkpoint: Path | None = None,
    deadline: float | None = None,
) -> tuple[nn.Module, Outcome]:
    """Train one network on the images and copies of `sets`, as a lesson says.

    Args:
        task: gives optimizer and seeds.
        backbone: which network.
        checkpoint: as for :class:`~lt_lib.lab.train.loop.Loop`, as is `deadline`.

    Raises:
        BudgetEnded: the deadline passed; the state is saved.
        LabError: a network that cannot be built, or a loss that is no longer finite.
    """
    opt, n = task.optimizer, lesson.shown * (sets.images if lesson.budget == "images" else len(sets.train))
    seed_all("init", task.seeds.init)
    net = network(
        backbone, sets.num_classes, lesson.heads, map(sets.standard, sets.train[:2000].split(AT_ONCE))
    )
    descent = torch.optim.Adam(net.parameters(), lr=opt.lr, weight_decay=opt.weight_decay, fused=True)
    steps = len(batches(torch.arange(n), opt.batch_size))
    rates = schedule(descent, opt, steps)
    seed_all("drop", task.seeds.init)
    augment = AUGMENT[lesson.augment]() if lesson.augment != "none" else None
    what = f"training {backbone.called} on {n} images"
    loop = Loop(what, opt.epochs, checkpoint, deadline, steps=steps, net=net, descent=descent, rates=rates)
    for epoch in loop:
        net.train()
        gen, total = generator("order", task.seeds.order, epoch), torch.zeros((), device=device())
        for batch in batches(_order(len(sets.train), n, gen), opt.batch_size):
            batch = batch.to(device())
            x, y = sets.train[batch].float(), sets.labels[batch]
            x = sets.standard(augment(x, gen) if augment else x)
            loss = _loss(net, lesson, x, y, sets.num_classes, gen, opt.precision)
            descent.zero_grad(set_to_none=True)
            loss.backward()
            descent.step()
            rates.step()
            total += loss.detach() * len(batch)
            loop.advance()
        loop.finite(total)
        if (epoch + 1) % lesson.looks == 0 or epoch + 1 == opt.epochs:
            held, logits = (answers(net, sets, x, opt.precision)[0] for x in (sets.val[0], sets.test[0]))
            curves = {"epoch": epoch + 1.0, "train_loss": float(total) / n}
            curves |= {
                "val_accuracy": accuracy(held, sets.val[1]),
                "test_accuracy": accuracy(logits, sets.test[1]),
            }
            loop.log(logits, net.state_dict(), **curves)
    return net, loop.outcome(n)


def _order(available: int, n: int, gen: torch.Generator) -> Tensor:
    """n of the available images in random order; where n is larger, each comes again before another does."""
    rounds = -(-n // available)
    return torch.cat([torch.randperm(available, generator=gen) for _ in range(rounds)])[:n]


def _loss(
    net: nn.Module,
    lesson: Regularised,
    x: Tensor,
    y: Tensor,
    num_classes: int,
    gen: torch.Generator,
    precision: str,
) -> Tensor:
    """Loss of one batch of standardised images."""
    share, partners = 1.0, None
    if lesson.mixup:
        partners = torch.randperm(len(x), generator=gen).to(x.device)
        share = draw_lam(lesson.mixup, gen)
        x, _ = mixup(x, F.one_hot(y, num_classes).float(), share, partners)
    with autocast(precision):
        out = net(x)
    if lesson.heads == "aleatoric":
        logits, sigma = (part.float() for part in out)
        noise = torch.randn(lesson.draws, *logits.shape, generator=gen).to(x.device)

        def loss_of(labels: Tensor) -> Tensor:
            return aleatoric_loss(logits, sigma, labels, noise)
    else:

        def loss_of(labels: Tensor) -> Tensor:
            return F.cross_entropy(out.float(), labels)

    if partners is None:
        return loss_of(y)
    return share * loss_of(y) + (1 - share) * loss_of(y[partners])


def answers(net: nn.Module, sets: Sets, x: Tensor, precision: str) -> tuple[Tensor, Tensor | None]:
    """Logits (N, K) of images in [0, 1], in eval mode, and the noise scale (N,) of a network that has one."""
    net.eval()
    logits, sigmas = [], []
    with torch.inference_mode():
        for part in x.split(AT_ONCE):
            with autocast(precision):
                out = net(sets.standard(part))
            if isinstance(net, TwoHeads):
                out, sigma = out
                sigmas.append(sigma.float().squeeze(1))
            logits.append(out.float())
    return torch.cat(logits), torch.cat(sigmas) if sigmas else None
