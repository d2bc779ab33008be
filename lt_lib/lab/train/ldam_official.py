"""Mode `ldam-official`: LDAM-DRW and its baseline on a long-tailed CIFAR-10, as their authors' code trains
them.

Exactly that recipe, so that its printed errors test our loss, our weights and our loop: ResNet-32 with
shortcuts without weights, the images NumPy's legacy generator picks, SGD with momentum 0.9, five epochs of
warm-up, a hundredth of the rate after four fifths of the epochs and a ten-thousandth after nine tenths,
crops and flips, the last epoch and the best on the test images. Nothing is held out, as there.

Source: Cao et al. (2019), Learning Imbalanced Datasets with Label-Distribution-Aware Margin Loss, section 4
and appendix C; released code, kaidic/LDAM-DRW."""

from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from lt_lib import data as datasets
from lt_lib.errors import LabError
from lt_lib.lab.record.plan import definition
from lt_lib.lab.record.spec import Spec
from lt_lib.lab.train.device import autocast, crop_flip, device, keep_memory
from lt_lib.lab.train.loop import Loop, Outcome, Task, accuracy, batches, generator, pairs, seed_all
from lt_lib.lab.train.modes import Voted
from lt_lib.lab.train.splits import Split
from lt_lib.models import CifarResNet
from lt_lib.sampling import longtail_counts

MEAN, SPREAD = (0.4914, 0.4822, 0.4465), (0.2023, 0.1994, 0.2010)  # of CIFAR-10, as released
LOOK_EVERY = 10  # epochs, while the rate is high: no such epoch is the best


class LdamOfficial(Voted):
    """One ResNet-32 a spec."""

    def tasks(self, spec: Spec, dataset: datasets.ImageSet) -> tuple[list[Task], list[int]]:
        return tasks(spec, dataset)

    def train(
        self, tasks: list[Task], dataset: datasets.ImageSet, checkpoint: Path, deadline: float | None
    ) -> list[Outcome]:
        (task,) = tasks
        return [train_official(task, dataset, checkpoint, deadline)]

    def truth(self, spec: Spec, dataset: datasets.ImageSet) -> np.ndarray:
        return np.asarray(dataset.labels("test"))[: spec.recipe.test_tiles]


def tasks(spec: Spec, dataset: datasets.ImageSet) -> tuple[list[Task], list[int]]:
    """The task of a spec, and its images a class.

    Raises:
        LabError: no recipe, another profile than "50-class", held-out images, or more images of a class
            than there are.
    """
    subset, labels = spec.subset, np.asarray(dataset.labels("train"))
    if spec.recipe is None or subset is None or subset.profile != "50-class" or spec.validation.fraction:
        raise LabError(
            "mode ldam-official needs `recipe:`, subset.profile 50-class (all classes) and "
            "validation.fraction 0"
        )
    n_max = max(1, round(subset.n_max * subset.scale))
    counts = [max(1, n) for n in longtail_counts(n_max, len(dataset.classes), subset.ratio)]
    chosen = released_subset(labels, counts, spec.seeds.subset)
    nothing = np.zeros((0, 2), np.int64)
    train = pairs(torch.from_numpy(chosen))
    (backbone,) = spec.backbones
    return [Task(spec.mode, spec.optimizer, train, nothing, spec.seeds, backbone, recipe=spec.recipe)], counts


def released_subset(labels: np.ndarray, counts: list[int], seed: int) -> np.ndarray:
    """The images (M,) that the released code takes: class by class, the first of a shuffle by NumPy's legacy
    generator. With CIFAR-10 in its original order and seed 0 they are the very images.

    Args:
        labels: (N,) int.
        counts: images a class.
        seed: its `rand_number`.

    Raises:
        LabError: a class has fewer images.
    """
    legacy, chosen = np.random.RandomState(seed), []
    for label, wanted in enumerate(counts):
        own = np.flatnonzero(labels == label)
        if wanted > len(own):
            raise LabError(
                f"the spec asks for {wanted} images of class {label}, there are {len(own)}: lower "
                "subset.n_max"
            )
        legacy.shuffle(own)
        chosen.append(own[:wanted])
    return np.concatenate(chosen)


def released_rate(lr: float, epoch: int, epochs: int) -> float:
    """The learning rate of an epoch, counted from 0, for any number of epochs; for 200 the released one."""
    warm, at = epochs / 40, (epoch + 1) / epochs
    if epoch + 1 <= warm:
        return lr * (epoch + 1) / warm
    return lr * (0.0001 if at > 0.9 else 0.01 if at > 0.8 else 1.0)


def train_official(
    task: Task,
    dataset: datasets.ImageSet,
    checkpoint: Path | None = None,
    deadline: float | None = None,
) -> Outcome:
    """Train the ResNet-32 of a task.

    Args:
        task: from :func:`tasks`; its recipe has `ldam` and `drw`, or neither.
        dataset: where its images are.
        checkpoint: as for :class:`~lt_lib.lab.train.loop.Loop`, as is `deadline`.

    Returns:
        Outcome. "best_on_val" is the last epoch, as nothing is held out; "best_on_test", which the released
        code prints, is the best of those looked at: every tenth, and every one from the first drop of the
        rate on.

    Raises:
        BudgetEnded: the deadline passed; the state is saved.
        LabError: another backbone, or a loss that is no longer finite.
    """
    if task.backbone.name != "resnet32-cifar" or task.backbone.pretrained:
        raise LabError("mode ldam-official trains resnet32-cifar, with pretrained: false")
    keep_memory()
    opt, recipe, where = task.optimizer, task.recipe, device()
    looked_at = recipe.test_tiles
    labels = np.asarray(dataset.labels("train"))[task.train[:, 0]]
    train, test = (
        _split(images, own)
        for images, own in (
            (dataset.images("train")[task.train[:, 0]], labels),
            (dataset.images("test")[:looked_at], np.asarray(dataset.labels("test"))[:looked_at]),
        )
    )
    counts = np.bincount(labels, minlength=len(dataset.classes)).tolist()
    seed_all("init", task.seeds.init)
    net = CifarResNet(32, len(counts), recipe.ldam.head if recipe.ldam else "linear")
    net = net.to(where, memory_format=torch.channels_last)
    descent = torch.optim.SGD(
        net.parameters(), opt.lr, momentum=0.9, weight_decay=opt.weight_decay, fused=True
    )
    n, what = len(labels), f"training {task.backbone.called} on {len(labels)} images"
    steps = len(batches(torch.arange(n), opt.batch_size))
    loop = Loop(what, opt.epochs, checkpoint, deadline, steps=steps, net=net, descent=descent)
    for epoch in loop:
        for group in descent.param_groups:
            group["lr"] = released_rate(opt.lr, epoch, opt.epochs)
        loss_of, total = _loss(task, counts, epoch), torch.zeros((), device=where)
        net.train()
        gen = generator("order", task.seeds.order, epoch)
        for batch in batches(torch.randperm(n, generator=gen), opt.batch_size):
            x = crop_flip(train.pixels[batch.to(train.pixels.device)], gen)
            x = train.standard(x.to(where).float().div_(255))
            with autocast(opt.precision):
                logits = net(x)
            loss = loss_of(logits.float(), train.labels[batch.to(where)])
            descent.zero_grad(set_to_none=True)
            loss.backward()
            descent.step()
            total += loss.detach() * len(batch)
            loop.advance()
        loop.finite(total)
        if (epoch + 1) % LOOK_EVERY == 0 or epoch + 1 > 0.8 * opt.epochs or epoch + 1 == opt.epochs:
            logits = _scores(net, test, opt.precision)
            loop.log(
                logits,
                net.state_dict(),
                epoch=epoch + 1.0,
                train_loss=float(total) / n,
                val_accuracy=float(epoch),  # the later, the better: nothing is held out
                test_accuracy=accuracy(logits, test.labels),
            )
    outcome = loop.outcome(n)
    del outcome.history["val_accuracy"]
    return outcome


def _split(images: np.ndarray, labels: np.ndarray) -> Split:
    pixels = torch.from_numpy(np.array(images)).permute(0, 3, 1, 2).contiguous()
    mean, spread = (torch.tensor(values).view(-1, 1, 1) for values in (MEAN, SPREAD))
    return Split(pixels, torch.from_numpy(labels).long(), mean, spread)


def _loss(task: Task, counts: list[int], epoch: int):
    """The loss of an epoch, counted from 0: (logits, labels) -> a scalar."""
    recipe, weight = task.recipe, None
    if recipe.drw:
        (weights,) = map(definition, recipe.drw.code)
        weight = weights(counts, epoch, recipe.drw.switch_epoch, recipe.drw.betas).float().to(device())
    if recipe.ldam:
        (loss,) = map(definition, recipe.ldam.code)
        return loss(counts, recipe.ldam.max_margin, recipe.ldam.scale, weight).to(device())
    return lambda logits, labels: F.cross_entropy(logits, labels, weight=weight)


def _scores(net: torch.nn.Module, split: Split, precision: str) -> Tensor:
    """Logits (N, K) of a split, in eval mode."""
    net.eval()
    with torch.inference_mode(), autocast(precision):
        return torch.cat([net(x).float() for x in split.loader(500)])
