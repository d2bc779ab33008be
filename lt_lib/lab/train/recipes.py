"""Recipes: one network trained on a training list that keeps its own long tail, with the remedies of
`spectrum` as switches.

The switches are those of :class:`lt_lib.lab.record.spec.Recipe`: which bands, which loss, which sampler, how
the learning rate moves, whether weights are averaged, whether images are mixed (AugMix) and whether rare
classes are filled up with counterfeits. Each switch is one short branch of the loop in :func:`train`; what it
does is in a method module."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor
from torch.optim.swa_utils import AveragedModel, update_bn

from lt_lib import data as datasets
from lt_lib.errors import BudgetEnded, LabError
from lt_lib.lab.record.digests import digest
from lt_lib.lab.record.spec import Backbone, Optimizer, Recipe, Seeds, Spec
from lt_lib.lab.train.features import device, keep_memory
from lt_lib.lab.train.training import (
    Outcome,
    _hold_out,
    _outcome,
    _pairs,
    _restore,
    _save,
    _select,
    generator,
)
from lt_lib.losses import LDAMLoss, jsd_consistency
from lt_lib.metrics import report_from_confusion
from lt_lib.models import create
from lt_lib.progress import Progress
from lt_lib.sampling import balanced_sample
from lt_lib.schedules import drw_weights, triangular_lr

Mix = Callable[[Tensor, torch.Generator], Tensor]


@dataclass(frozen=True)
class Task:
    """What one record needs trained: (M, 2) training and (V, 2) validation pairs of image and copy number,
    and how."""

    mode: str
    backbone: Backbone | None
    optimizer: Optimizer
    recipe: Recipe
    train: np.ndarray
    val: np.ndarray
    seeds: Seeds
    target_class: int | None = None

    @property
    def key(self) -> str:
        """Digest of everything that decides the outcome, data and code apart."""
        return digest(
            [
                self.mode,
                self.backbone and self.backbone.model_dump(exclude={"stands_in_for"}),
                self.optimizer.model_dump(),
                self.recipe.model_dump(),
                self.train.tolist(),
                self.val.tolist(),
                self.seeds.model_dump(),
                self.target_class,
            ]
        )


def tasks(spec: Spec, dataset: datasets.ImageSet) -> tuple[list[Task], list[int]]:
    """The task of a spec, and the class counts of its training list. Tiles that the data set lists as empty
    are not trained on.

    Raises:
        LabError: no recipe, more tiles asked for than there are, a band the data do not have, or a class
    without images."""
    recipe = spec.recipe
    if recipe is None or len(spec.backbones) != (spec.mode == "recipe"):
        raise LabError(
            f"mode {spec.mode} needs `recipe:` and {'one backbone' if spec.mode == 'recipe' else 'no backbone'}"
        )
    if spec.mode == "gan" and (recipe.gan is None or spec.target_class not in range(len(dataset.classes))):
        raise LabError(
            f"mode gan needs recipe.gan and a target_class from 0 to {len(dataset.classes) - 1}, got {spec.target_class}"
        )
    labels = np.asarray(dataset.labels("train"))
    empty = dataset.extra.get("empty", {}).get("train", [])
    usable = torch.from_numpy(np.setdiff1d(np.arange(len(labels)), empty))
    for split, wanted in (("train", recipe.tiles), ("test", recipe.test_tiles)):
        have = len(usable) if split == "train" else dataset.splits[split][0]
        if wanted is not None and wanted > have:
            raise LabError(
                f"the recipe asks for {wanted} {split} tiles; {dataset.name} has {have}: lower it, or leave it out for all"
            )
    bands = dataset.splits["train"][3]
    if max(recipe.bands, default=1) > bands:
        raise LabError(
            f"the recipe asks for band {max(recipe.bands)}; the images of {dataset.name} have bands 1 to {bands}"
        )
    drawn = (
        usable[torch.randperm(len(usable), generator=generator("sub", spec.seeds.subset))[: recipe.tiles]]
        .sort()
        .values
    )
    train, val = _hold_out(_pairs(drawn), spec.validation.fraction, spec.seeds.subset)
    counts = np.bincount(labels[train[:, 0]], minlength=len(dataset.classes))
    if not counts.all():
        empty = dataset.classes[int(counts.argmin())]
        raise LabError(
            f"class {empty} of {dataset.name} has no training tile left among {len(train)}; raise recipe.tiles"
        )
    if spec.mode == "gan":
        train = train[labels[train[:, 0]] == spec.target_class]
    task = Task(
        spec.mode,
        spec.backbones[0] if spec.backbones else None,
        spec.optimizer,
        recipe,
        train,
        val,
        spec.seeds,
        spec.target_class,
    )
    return [task], counts.tolist()


def test_labels(spec: Spec, dataset: datasets.ImageSet) -> np.ndarray:
    """Labels of the test images that a spec is measured on."""
    labels = np.asarray(dataset.labels("test"))
    return labels if spec.recipe is None else labels[: spec.recipe.test_tiles]


def centre_crops(images: np.ndarray, index: np.ndarray, bands: tuple[int, ...], side: int) -> Tensor:
    """Centre crops of some images, some bands: (M, C, side, side) uint8; read in chunks, so that a mapped
    file is never held whole."""
    height, width, channels = images.shape[1:]
    side = min(side, height, width)
    top, left = (height - side) // 2, (width - side) // 2
    chosen = [band - 1 for band in bands] or list(range(channels))
    out = torch.empty((len(index), len(chosen), side, side), dtype=torch.uint8)
    for first in range(0, len(index), 1024):
        part = np.asarray(images[index[first : first + 1024], top : top + side, left : left + side])
        out[first : first + len(part)] = torch.from_numpy(part[..., chosen]).permute(0, 3, 1, 2)
    return out


def band_statistics(pixels: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and standard deviation of each band in [0, 1] units, (C, 1, 1) each, in float64 sums over
    chunks."""
    total, square, count = 0.0, 0.0, 0
    for part in pixels.split(1024):
        part = part.to(torch.float64).div_(255)
        total, square = total + part.sum((0, 2, 3)), square + part.square().sum((0, 2, 3))
        count += part.numel() // part.shape[1]
    mean = total / count
    spread = (square / count - mean.square()).clamp_min(1e-8).sqrt()
    return mean.float().view(-1, 1, 1), spread.float().view(-1, 1, 1)


def build(task: Task, num_classes: int, bands: int) -> torch.nn.Module:
    """The network of a task on the device.

    Raises:
        LabError: unknown network, options that do not fit it, or pretrained weights that cannot be had.
    """
    backbone, recipe = task.backbone, task.recipe
    if not isinstance(backbone.pretrained, bool):
        raise LabError(
            f"{backbone.name}: under a recipe `pretrained` is true or false, got {backbone.pretrained!r}"
        )
    try:
        net = create(
            backbone.name,
            num_classes,
            bands=bands,
            head=recipe.ldam.head if recipe.ldam else "linear",
            stem=recipe.stem,
            pretrained=backbone.pretrained,
            **backbone.options,
        )
    except (OSError, ValueError, TypeError) as error:
        raise LabError(f"{backbone.name} cannot be built: {error}") from None
    return net.to(device(), memory_format=torch.channels_last)


class Objective:
    """What a step minimises: cross-entropy or LDAM, weighted where re-weighting is deferred, with AugMix's
    consistency where images are mixed.

    Args:
        recipe: says which.
        counts: training images a class.
        mix: (images in [0, 1], generator) -> images, or None.
    """

    def __init__(self, recipe: Recipe, counts: list[int], mix: Mix | None = None):
        self.recipe, self.counts, self.mix, self.weight = recipe, counts, mix, None
        self.ldam = recipe.ldam and LDAMLoss(counts, recipe.ldam.max_margin, recipe.ldam.scale).to(device())

    def start(self, epoch: int) -> None:
        """Set the weights of an epoch, counted from 0."""
        if self.recipe.drw:
            weight = drw_weights(self.counts, epoch, self.recipe.drw.switch_epoch, self.recipe.drw.betas)
            self.weight = weight.float().to(device())
        if self.ldam:
            self.ldam.weight = self.weight

    def __call__(self, net: torch.nn.Module, split: "Split", batch: Tensor, gen: torch.Generator) -> Tensor:
        """Loss of one batch, given by the positions of its images."""
        x, labels = split.unit(batch), split.labels[batch]
        views = [x] if self.mix is None else [x, self.mix(x, gen), self.mix(x, gen)]
        with torch.autocast("cuda", torch.bfloat16, enabled=device().type == "cuda"):
            logits = net(split.standard(torch.cat(views)))
        clean, *mixed = logits.float().split(len(batch))
        loss = self.ldam(clean, labels) if self.ldam else F.cross_entropy(clean, labels, weight=self.weight)
        return loss + self.recipe.augmix.consistency * jsd_consistency(clean, *mixed) if mixed else loss


def adam(parameters, optimizer: Optimizer) -> torch.optim.Optimizer:
    """Adam, as the drought code has it."""
    return torch.optim.Adam(parameters, lr=optimizer.lr, weight_decay=optimizer.weight_decay)


def _rate(optimizer: Optimizer, recipe: Recipe, epoch: int) -> float:
    cycle = recipe.clr
    if cycle is None:
        return optimizer.lr
    return triangular_lr(epoch if cycle.stepped else 0, cycle.step_size, cycle.min_lr, cycle.max_lr)


def _snapshot(recipe: Recipe, epoch: int, last: bool) -> bool:
    """Whether the weights at the end of an epoch (counted from 1) enter the average."""
    swa = recipe.swa
    if swa is None or swa.snapshots == "last":
        return swa is not None and last
    return epoch > swa.start and epoch % swa.every == 0


class Split:
    """uint8 images (N, C, H, W) on the device if they leave room there, else in memory; `batch` gives them
    standardised."""

    def __init__(self, pixels: Tensor, labels: np.ndarray | Tensor, mean: Tensor, spread: Tensor):
        where = device()
        roomy = where.type != "cuda" or pixels.numel() < 0.4 * torch.cuda.mem_get_info()[0]
        self.pixels = pixels.to(where) if roomy else pixels.pin_memory()
        self.labels = torch.as_tensor(labels).to(where)
        self.mean, self.spread = mean.to(where), spread.to(where)

    def unit(self, index: Tensor | slice) -> Tensor:
        """Images in [0, 1]."""
        index = index.to(self.pixels.device) if isinstance(index, Tensor) else index
        return self.pixels[index].to(self.mean.device, non_blocking=True).float().div_(255)

    def standard(self, x: Tensor) -> Tensor:
        """Zero mean and unit variance a band, channels last."""
        return ((x - self.mean) / self.spread).contiguous(memory_format=torch.channels_last)

    def loader(self, size: int):
        """Standardised batches in order."""
        for first in range(0, len(self.labels), size):
            yield self.standard(self.unit(slice(first, first + size)))


def _scores(net: torch.nn.Module, split: Split) -> Tensor:
    net.eval()
    with torch.inference_mode(), torch.autocast("cuda", torch.bfloat16, enabled=device().type == "cuda"):
        return torch.cat([net(x).float() for x in split.loader(500)])


def train(
    task: Task,
    dataset: datasets.ImageSet,
    checkpoint: Path | None = None,
    deadline: float | None = None,
    extra: tuple[Tensor, Tensor] | None = None,
    mix: Mix | None = None,
    objective: Callable = Objective,
    optimizer: Callable = adam,
    network: Callable = build,
) -> Outcome:
    """Train the network of a task.

    The last three arguments are what another wing replaces; the loop, its checkpoints and its selections stay
    the same.

    Args:
        task: from :func:`tasks`.
        dataset: where its images are.
        checkpoint: file rewritten after each epoch with every random state; a run resumes from it.
        deadline: time.monotonic() after which the state is saved and BudgetEnded raised.
        extra: counterfeit images (E, C, H, W) uint8, at least as large as the crop, and their labels (E,),
            added to the training list.
        mix: (images in [0, 1], generator) -> images: called twice a batch for the consistency term of
            `recipe.augmix`.
        objective: (recipe, class counts, mix) -> an :class:`Objective` or its like.
        optimizer: (parameters, `Optimizer`) -> a torch optimizer.
        network: (task, classes, bands) -> a module on the device.

    Returns:
        Outcome. "last" is the network at the end: with averaging, the averaged one, its batch statistics
        computed anew.

    Raises:
        BudgetEnded: the deadline passed; the state is saved.
        LabError: the network cannot be built, or the loss is no longer finite.
    """
    keep_memory()
    recipe, opt = task.recipe, task.optimizer
    images, labels = dataset.images("train"), np.asarray(dataset.labels("train"))
    side, n_test = task.backbone.resolution, recipe.test_tiles
    pixels = centre_crops(images, task.train[:, 0], recipe.bands, side)
    mean, spread = band_statistics(pixels)
    own = torch.from_numpy(labels[task.train[:, 0]])
    if extra is not None:
        cut = [(size - pixels.shape[-1]) // 2 for size in extra[0].shape[-2:]]
        window = extra[0][..., cut[0] : cut[0] + pixels.shape[-2], cut[1] : cut[1] + pixels.shape[-1]]
        pixels, own = torch.cat([pixels, window]), torch.cat([own, extra[1]])
    counts = torch.bincount(own, minlength=len(dataset.classes)).tolist()
    train_set = Split(pixels, own, mean, spread)
    val_set = Split(
        centre_crops(images, task.val[:, 0], recipe.bands, side), labels[task.val[:, 0]], mean, spread
    )
    test = np.arange(len(dataset.labels("test")))[:n_test]
    test_set = Split(
        centre_crops(dataset.images("test"), test, recipe.bands, side),
        np.asarray(dataset.labels("test"))[test],
        mean,
        spread,
    )

    torch.manual_seed(int(torch.randint(2**62, (1,), generator=generator("init", task.seeds.init))))
    net = network(task, len(counts), pixels.shape[1])
    average = AveragedModel(net) if recipe.swa else None
    descent, loss_of = optimizer(net.parameters(), opt), objective(recipe, counts, mix)
    curves = ("train_loss", "val_accuracy", "test_accuracy", "test_balanced_accuracy", "lr")
    state = {"epoch": 0, "history": {name: [] for name in curves}, "kept": {}, "average": None}
    torch.manual_seed(int(torch.randint(2**62, (1,), generator=generator("drop", task.seeds.init))))
    if checkpoint is not None:
        _restore(checkpoint, state, [], descent, net)
        if state["average"] is not None:
            average.load_state_dict(state["average"])
    n, where = len(own), device()
    steps, what = -(-n // opt.batch_size), f"training {task.backbone.called} on {n} images"
    started, seen = time.monotonic(), 0
    with Progress(opt.epochs * steps, what, "step") as bar:
        bar.update(state["epoch"] * steps)
        for epoch in range(state["epoch"], opt.epochs):
            rate = _rate(opt, recipe, epoch)
            for group in descent.param_groups:
                group["lr"] = rate
            loss_of.start(epoch)
            gen = generator("order", task.seeds.order, epoch)
            order = (
                balanced_sample(own, n, gen)
                if recipe.sampler == "balanced"
                else torch.randperm(n, generator=gen)
            )
            net.train()
            total = torch.zeros((), device=where)
            for batch in order.split(opt.batch_size):
                if len(batch) == 1 and n > 1:
                    continue  # batch statistics of a single image are no statistics
                loss = loss_of(net, train_set, batch.to(where), gen)
                total += loss.detach() * len(batch)
                if recipe.learn:
                    descent.zero_grad(set_to_none=True)
                    loss.backward()
                    if recipe.clip_norm:
                        torch.nn.utils.clip_grad_norm_(net.parameters(), recipe.clip_norm)
                    descent.step()
                bar.update()
            if not torch.isfinite(total):
                raise LabError(f"{what}: the loss is not finite in epoch {epoch + 1}; lower optimizer.lr")
            seen += n
            last = epoch + 1 == opt.epochs
            if _snapshot(recipe, epoch + 1, last):
                average.update_parameters(net)
            judged = net
            if last and average is not None and int(average.n_averaged):
                update_bn(
                    (train_set if recipe.swa.norms == "train" else test_set).loader(opt.batch_size), average
                )
                judged = average.module
            _evaluate(judged, state, val_set, test_set, float(total) / n, rate)
            state |= {"epoch": epoch + 1, "average": average.state_dict() if average is not None else None}
            if checkpoint is not None:
                _save(checkpoint, state, [], descent, {k: v.cpu() for k, v in net.state_dict().items()})
            if deadline is not None and time.monotonic() > deadline and not last:
                raise BudgetEnded
    return _outcome(state["kept"], state["history"], seen / max(time.monotonic() - started, 1e-9))


def _evaluate(net: torch.nn.Module, state: dict, val: Split, test: Split, loss: float, rate: float) -> None:
    """Append one epoch to the history and keep its logits and weights where it is selected."""
    logits, held = _scores(net, test), _scores(net, val)
    k = logits.shape[1]
    matrix = torch.bincount(test.labels * k + logits.argmax(1), minlength=k * k).view(k, k)
    report, history = report_from_confusion(matrix.cpu()), state["history"]
    found = {
        "train_loss": loss,
        "val_accuracy": float((held.argmax(1) == val.labels).float().mean()),
        "lr": rate,
        "test_accuracy": report["accuracy"],
        "test_balanced_accuracy": report["balanced_accuracy"],
    }
    for name, value in found.items():
        history[name].append(value)
    _select(state["kept"], history, logits, net.state_dict())
