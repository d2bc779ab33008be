"""Mode `recipe`: one network on a training list that keeps its own long tail, with the remedies of `spectrum`
as switches.

The switches are those of :class:`lt_lib.lab.record.spec.Recipe`: which bands, which loss, which sampler, how
the learning rate moves, whether weights are averaged, whether images are mixed (AugMix) and whether rare
classes are filled up by a GAN. Each remedy's options name the code that does it; a record rests on the code
of those it uses."""

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from lt_lib import data as datasets
from lt_lib.errors import LabError
from lt_lib.lab.record.plan import definition
from lt_lib.lab.record.spec import Cycle, Optimizer, Recipe, Spec
from lt_lib.lab.train.device import autocast, device, keep_memory
from lt_lib.lab.train.loop import Loop, Outcome, Task, batches, generator, hold_out, pairs, seed_all
from lt_lib.lab.train.modes import Voted
from lt_lib.lab.train.networks import schedule
from lt_lib.lab.train.splits import Split, band_statistics, centre_crops, evaluate
from lt_lib.models import create
from lt_lib.sampling import balanced_sample

Mix = Callable[[Tensor, torch.Generator], Tensor]


class Recipes(Voted):
    """One network a spec."""

    def tasks(self, spec: Spec, dataset: datasets.ImageSet) -> tuple[list[Task], list[int]]:
        return tasks(spec, dataset)

    def train(
        self, tasks: list[Task], dataset: datasets.ImageSet, checkpoint: Path, deadline: float | None
    ) -> list[Outcome]:
        (task,) = tasks
        recipe, extra, mix = task.recipe, None, None
        if recipe.gan:
            (fill,) = map(definition, recipe.gan.code)
            extra = fill(task, dataset, deadline)
        if recipe.augmix:
            augmix = definition(recipe.augmix.code[0])
            mix = augmix(
                recipe.augmix.severity, recipe.augmix.width, recipe.augmix.depth, recipe.augmix.alpha
            )
        return [train_recipe(task, dataset, checkpoint, deadline, extra, mix)]

    def truth(self, spec: Spec, dataset: datasets.ImageSet) -> np.ndarray:
        return test_labels(spec, dataset)


def tasks(spec: Spec, dataset: datasets.ImageSet) -> tuple[list[Task], list[int]]:
    """The task of a spec, and the class counts of its training list. Tiles that the data set lists as empty
    are not trained on.

    Raises:
        LabError: no recipe, more tiles asked for than there are, a band the data do not have, or a class
    without images."""
    recipe = spec.recipe
    if recipe is None or len(spec.backbones) != (spec.mode != "gan"):
        raise LabError(
            f"mode {spec.mode} needs `recipe:` and {'no backbone' if spec.mode == 'gan' else 'one backbone'}"
        )
    if spec.mode == "gan" and (recipe.gan is None or spec.target_class not in range(len(dataset.classes))):
        raise LabError(
            f"mode gan needs recipe.gan and a target_class from 0 to {len(dataset.classes) - 1}, got "
            f"{spec.target_class}"
        )
    labels = np.asarray(dataset.labels("train"))
    empty = dataset.extra.get("empty", {}).get("train", [])
    usable = torch.from_numpy(np.setdiff1d(np.arange(len(labels)), empty))
    for split, wanted in (("train", recipe.tiles), ("test", recipe.test_tiles)):
        have = len(usable) if split == "train" else dataset.splits[split][0]
        if wanted is not None and wanted > have:
            raise LabError(
                f"the recipe asks for {wanted} {split} tiles; {dataset.name} has {have}: lower it, or leave "
                "it out for all"
            )
    bands = dataset.splits["train"][3]
    if max(recipe.bands, default=1) > bands:
        raise LabError(
            f"the recipe asks for band {max(recipe.bands)}; the images of {dataset.name} have bands 1 to "
            f"{bands}"
        )
    drawn = (
        usable[torch.randperm(len(usable), generator=generator("sub", spec.seeds.subset))[: recipe.tiles]]
        .sort()
        .values
    )
    train, val = hold_out(pairs(drawn), spec.validation.fraction, spec.seeds.subset)
    counts = np.bincount(labels[train[:, 0]], minlength=len(dataset.classes))
    if not counts.all():
        empty = dataset.classes[int(counts.argmin())]
        raise LabError(
            f"class {empty} of {dataset.name} has no training tile left among {len(train)}; raise "
            "recipe.tiles"
        )
    if spec.mode == "gan":
        train = train[labels[train[:, 0]] == spec.target_class]
    backbone = spec.backbones[0] if spec.backbones else None
    task = Task(
        spec.mode,
        spec.optimizer,
        train,
        val,
        spec.seeds,
        backbone,
        recipe=recipe,
        target_class=spec.target_class,
    )
    return [task], counts.tolist()


def test_labels(spec: Spec, dataset: datasets.ImageSet) -> np.ndarray:
    """Labels (T,) of the test images that a spec with a recipe is measured on."""
    return np.asarray(dataset.labels("test"))[: spec.recipe.test_tiles]


def recipe_network(task: Task, num_classes: int, bands: int) -> torch.nn.Module:
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
        precision: of the network's products.
    """

    def __init__(self, recipe: Recipe, counts: list[int], mix: Mix | None, precision: str):
        self.recipe, self.counts, self.mix, self.precision = recipe, counts, mix, precision
        self.ldam = self.weight = self.weights = None
        if recipe.ldam:
            (loss,) = map(definition, recipe.ldam.code)
            self.ldam = loss(counts, recipe.ldam.max_margin, recipe.ldam.scale).to(device())
        if recipe.drw:
            (self.weights,) = map(definition, recipe.drw.code)

    def start(self, epoch: int) -> None:
        """Set the weights of an epoch, counted from 0."""
        if self.weights:
            weight = self.weights(self.counts, epoch, self.recipe.drw.switch_epoch, self.recipe.drw.betas)
            self.weight = weight.float().to(device())
        if self.ldam:
            self.ldam.weight = self.weight

    def views(self, split: Split, batch: Tensor, gen: torch.Generator) -> Tensor:
        """What the network is shown of a batch, standardised: the images, and where they are mixed two
        mixtures of each after them."""
        x = split.unit(batch)
        return split.standard(x if self.mix is None else torch.cat([x, self.mix(x, gen), self.mix(x, gen)]))

    def __call__(self, net: torch.nn.Module, split: Split, batch: Tensor, gen: torch.Generator) -> Tensor:
        """Loss of one batch, given by the positions of its images."""
        labels, x = split.labels[batch], self.views(split, batch, gen)
        with autocast(self.precision):
            logits = net(x)
        clean, *mixed = logits.float().split(len(batch))
        loss = self.ldam(clean, labels) if self.ldam else F.cross_entropy(clean, labels, weight=self.weight)
        if not mixed:
            return loss
        consistency = definition(self.recipe.augmix.code[1])
        return loss + self.recipe.augmix.consistency * consistency(clean, *mixed)


def adam(parameters, optimizer: Optimizer) -> torch.optim.Optimizer:
    """Adam, as the drought code has it."""
    return torch.optim.Adam(parameters, lr=optimizer.lr, weight_decay=optimizer.weight_decay)


def cyclic_rate(cycle: Cycle, epoch: int) -> float:
    """The learning rate of an epoch, counted from 0, along a recipe's cycle."""
    (triangular,) = map(definition, cycle.code)
    return triangular(epoch if cycle.stepped else 0, cycle.step_size, cycle.min_lr, cycle.max_lr)


def train_recipe(
    task: Task,
    dataset: datasets.ImageSet,
    checkpoint: Path | None = None,
    deadline: float | None = None,
    extra: tuple[Tensor, Tensor] | None = None,
    mix: Mix | None = None,
    objective: Callable = Objective,
    optimizer: Callable = adam,
    network: Callable = recipe_network,
) -> Outcome:
    """Train the network of a task.

    The last three arguments are what another work replaces; the loop, its checkpoints and its selections stay
    the same.

    Args:
        task: from :func:`tasks`.
        dataset: where its images are.
        checkpoint: as for :class:`~lt_lib.lab.train.loop.Loop`, as is `deadline`.
        extra: generated images (E, C, H, W) uint8, at least as large as the crop, and their labels (E,),
            added to the training list.
        mix: (images in [0, 1], generator) -> images: called twice a batch for the consistency term of
            `recipe.augmix`.
        objective: (recipe, class counts, mix, precision) -> an :class:`Objective` or its like.
        optimizer: (parameters, `Optimizer`) -> a torch optimizer.
        network: (task, classes, bands) -> a module on the device.

    Returns:
        Outcome. "last" is the network at the end: with averaging, the averaged one, its batch statistics
        computed anew from
        batches drawn as in training.

    Raises:
        BudgetEnded: the deadline passed; the state is saved.
        LabError: the network cannot be built, batches of one image, or a loss that is no longer finite.
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
    held = centre_crops(images, task.val[:, 0], recipe.bands, side)
    val_set = Split(held, labels[task.val[:, 0]], mean, spread)
    test = np.arange(len(dataset.labels("test")))[:n_test]
    unseen = centre_crops(dataset.images("test"), test, recipe.bands, side)
    test_set = Split(unseen, np.asarray(dataset.labels("test"))[test], mean, spread)

    seed_all("init", task.seeds.init)
    net = network(task, len(counts), pixels.shape[1])
    descent, loss_of = optimizer(net.parameters(), opt), objective(recipe, counts, mix, opt.precision)
    parts = {"net": net, "descent": descent}
    if recipe.swa:
        (averaged,) = map(definition, recipe.swa.code)
        parts["average"] = averaged(net, recipe.swa)
    average = parts.get("average")
    seed_all("drop", task.seeds.init)
    n, where = len(own), device()
    what = f"training {task.backbone.called} on {n} images"

    def drawn(epoch: int, sampler: str) -> Iterator[tuple[Tensor, torch.Generator]]:
        gen = generator("order", task.seeds.order, epoch)
        order = balanced_sample(own, n, gen) if sampler == "balanced" else torch.randperm(n, generator=gen)
        for batch in batches(order, opt.batch_size):
            yield batch.to(where), gen

    steps = len(batches(torch.arange(n), opt.batch_size))
    if not recipe.clr:
        parts["rates"] = schedule(descent, opt, steps)
    loop = Loop(what, opt.epochs, checkpoint, deadline, steps=steps, **parts)
    for epoch in loop:
        if recipe.clr:
            for group in descent.param_groups:
                group["lr"] = cyclic_rate(recipe.clr, epoch)
        loss_of.start(epoch)
        net.train()
        total = torch.zeros((), device=where)
        for batch, gen in drawn(epoch, recipe.sampler):
            loss = loss_of(net, train_set, batch, gen)
            total += loss.detach() * len(batch)
            if recipe.learn:
                descent.zero_grad(set_to_none=True)
                loss.backward()
                if recipe.clip_norm:
                    torch.nn.utils.clip_grad_norm_(net.parameters(), recipe.clip_norm)
                descent.step()
                if not recipe.clr:
                    parts["rates"].step()
            loop.advance()
        loop.finite(total)
        judged, last = net, epoch + 1 == opt.epochs
        if average is not None:
            average.take(net, epoch + 1, last)
            if last and int(average.n_averaged):
                if recipe.swa.norms == "test":
                    shown = test_set.loader(opt.batch_size)
                else:  # one more epoch
                    sampler = recipe.sampler if recipe.swa.norms == "drawn" else "none"
                    shown = (loss_of.views(train_set, *drawing) for drawing in drawn(epoch + 1, sampler))
                with autocast(opt.precision):
                    judged = average.recompute_bn(shown)
        logits, curves = evaluate(judged, val_set, test_set, opt.precision)
        rate = descent.param_groups[0]["lr"]
        loop.log(logits, judged.state_dict(), train_loss=float(total) / n, **curves, lr=rate)
    return loop.outcome(n)
