"""Whole networks: one at a time, Adam and cross entropy."""

from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from lt_lib.lab.record.spec import Backbone, Optimizer, Seeds
from lt_lib.lab.train.device import Images, autocast, crop_flip, device, keep_memory, normalisation, prepare
from lt_lib.lab.train.loop import Loop, Outcome, accuracy, batches, generator, seed_all


def train_network(
    net: torch.nn.Module,
    backbone: Backbone,
    images: tuple[Images, Images | None, Images],
    optimizer: Optimizer,
    seeds: Seeds,
    checkpoint: Path | None = None,
    deadline: float | None = None,
    what: str = "",
    augment: str = "none",
    weight: tuple[float, ...] | None = None,
) -> Outcome:
    """Train a whole network with Adam, constant or one-cycle, and cross entropy, in the precision of
    the optimizer, channels last.

    Args:
        net: (N, 3, H, W) -> (N, K), on the device.
        backbone: gives resolution and normalisation.
        images: training, validation and test images on the device; without validation images the last epoch
            stands for the validation-selected one.
        seeds: `init` seeds dropout and the like, `order` the order of the batches.
        checkpoint: as for :class:`~lt_lib.lab.train.loop.Loop`, as is `deadline`.
        what: shown to the person who waits.
        augment: "none" or "crop-flip".
        weight: class weights or None.

    Raises:
        BudgetEnded: the deadline passed; the state is saved.
        LabError: batches of one image, or a loss that is no longer finite.
    """
    keep_memory()
    train, val, test = images
    mean, std = normalisation(backbone)
    descent = torch.optim.Adam(net.parameters(), lr=optimizer.lr, weight_decay=optimizer.weight_decay)
    n = len(train.labels)
    steps = len(batches(torch.arange(n), optimizer.batch_size))
    rates = schedule(descent, optimizer, steps)
    seed_all("drop", seeds.init)
    what = what or f"training {backbone.name}"
    loop = Loop(
        what, optimizer.epochs, checkpoint, deadline, steps=steps, net=net, descent=descent, rates=rates
    )
    weights = None if weight is None else torch.tensor(weight, device=device())

    def scores(images: Images) -> Tensor:
        net.eval()
        with torch.inference_mode(), autocast(optimizer.precision):
            parts = images.pixels.split(500)
            return torch.cat([net(prepare(x, backbone.resolution, mean, std)).float() for x in parts])

    for epoch in loop:
        net.train()
        gen = generator("order", seeds.order, epoch)
        order, total = torch.randperm(n, generator=gen).to(device()), 0.0
        for batch in batches(order, optimizer.batch_size):
            pixels = train.pixels[batch]
            if augment == "crop-flip":
                pixels = crop_flip(pixels, gen)
            with autocast(optimizer.precision):
                logits = net(prepare(pixels, backbone.resolution, mean, std))
            loss = F.cross_entropy(logits.float(), train.labels[batch], weight=weights)
            descent.zero_grad(set_to_none=True)
            loss.backward()
            descent.step()
            rates.step()
            total += float(loss.detach()) * len(batch)
            loop.advance()
        loop.finite(total)
        logits = scores(test)
        held = float(epoch) if val is None else accuracy(scores(val), val.labels)
        loop.log(
            logits,
            net.state_dict(),
            train_loss=total / n,
            val_accuracy=held,
            test_accuracy=accuracy(logits, test.labels),
        )
    return loop.outcome(n)


def schedule(
    descent: torch.optim.Optimizer, optimizer: Optimizer, steps: int
) -> torch.optim.lr_scheduler.LRScheduler:
    """The learning rates of `optimizer.schedule`, stepped after each of `steps` batches an epoch; one-cycle
    peaks at `optimizer.peak` times each group's rate."""
    if optimizer.schedule == "one-cycle":
        peaks = [optimizer.peak * group["lr"] for group in descent.param_groups]
        return torch.optim.lr_scheduler.OneCycleLR(
            descent, peaks, total_steps=steps * optimizer.epochs + 1, cycle_momentum=False
        )
    return torch.optim.lr_scheduler.ConstantLR(descent, factor=1.0)
