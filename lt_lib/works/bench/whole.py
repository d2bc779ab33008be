"""A remedy for a network that is trained whole, from scratch, on a long tail.

    choose     three networks on four fifths of the images, with a third of the steps: the rate
    train      one network, or those that vote, on all images

Every training goes through a loop of its own, whose checkpoint stays until the record is whole: what was
finished is not trained again, and what was interrupted goes on."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lt_lib import data as datasets
from lt_lib.augmix import AugMix
from lt_lib.ensembles import soft_vote
from lt_lib.errors import LabError
from lt_lib.gan import sample, start_dcgan
from lt_lib.lab.bench.remedies import Cost
from lt_lib.lab.record.records import SELECTIONS
from lt_lib.lab.record.spec import Averaging
from lt_lib.lab.train.averaging import Averaged
from lt_lib.lab.train.device import autocast, crop_flip, device, keep_memory, prepare
from lt_lib.lab.train.features import augmented
from lt_lib.lab.train.loop import Loop, Outcome, Task, accuracy, batches, generator, pairs, seed_all
from lt_lib.lab.train.networks import schedule
from lt_lib.lab.train.splits import Split, band_statistics, scores
from lt_lib.losses import jsd_consistency
from lt_lib.mixup import draw_lam, mixup
from lt_lib.models import CifarResNet
from lt_lib.sampling import artificial_balance, balanced_bags, balanced_sample
from lt_lib.schedules import triangular_lr
from lt_lib.sign import sign_transform
from lt_lib.works.bench.whole_remedies import HEAD_ALONE, WHOLE, Whole

SCALE = 30.0  # of a cosine head's logits
BALANCED, BAG = 0.6, 0.3  # of the largest class, as ee443's 300 and 150 of 500: its target, its bags
LATE = 0.8  # of the epochs, after which deferred weights set in and a head is trained anew
CYCLES, LOWEST = 10, 0.1  # of the rate, and its lowest value as a share of the highest
CONSISTENCY, REACH = 12.0, 0.2  # of AugMix; of SIGN's longest copies
TRIAL = 3  # a setting is tried with one in so many of the steps
SIDE = 64  # of what a DC-GAN draws, pixels


def train_whole(
    task: Task, dataset: datasets.ImageSet, checkpoint: Path | None = None, deadline: float | None = None
) -> Outcome:
    """Choose a remedy's setting on the validation images of a task, then train by it on all of its images.

    The history holds the setting; beside it are measured the CPU seconds of all that was trained or made.

    Raises:
        BudgetEnded: the deadline passed; the state is saved.
        LabError: another network than a ResNet for small images, or a loss that is no longer finite.
    """
    keep_memory()
    bench = _Bench(task, dataset, checkpoint, deadline)
    value = bench.chosen() if task.lesson.tuned else 1.0
    every = np.sort(np.concatenate([task.train[:, 0], task.val[:, 0]]))
    split, nets = bench.trained("all", every, value, task.lesson.steps)
    test = bench.seen("test", slice(None), split)
    logits = bench.answers(nets, split, test, value)
    right = accuracy(logits, test.labels)
    bench.clean()
    return Outcome(
        logits={name: logits.half().cpu() for name in SELECTIONS},
        epochs={name: task.optimizer.epochs for name in SELECTIONS},
        history={"setting": [value], "test_accuracy": [right]},
        weights={f"{m}.{k}": v.cpu() for m, net in enumerate(nets) for k, v in net.state_dict().items()},
        images_per_s=len(task.train) / bench.seconds,
        passes=1,
        measures={"setting": value, "cpu_seconds": bench.seconds},
    )


class _Bench:
    """What the trainings of one record share."""

    def __init__(self, task: Task, dataset: datasets.ImageSet, checkpoint: Path | None, deadline):
        self.task, self.dataset, self.checkpoint, self.deadline = task, dataset, checkpoint, deadline
        self.remedy, self.classes = WHOLE[task.lesson.remedy], len(dataset.classes)
        self.seconds, self.files = 0.0, []
        self.splits, self.nets = {}, {}  # by name, so that no setting makes them anew

    def chosen(self) -> float:
        """The setting with the best balanced accuracy on the images held out; of equal ones the likelihood
        decides."""
        steps = -(-self.task.lesson.steps // TRIAL)
        found = {}
        for value in self.remedy.settings:
            split, nets = self.trained("trial", self.task.train[:, 0], value, steps)
            held = self.seen("train", self.task.val[:, 0], split)
            logits = self.answers(nets, split, held, value)
            right = (logits.argmax(1) == held.labels).float()
            recall = torch.stack([right[held.labels == c].mean() for c in held.labels.unique()])
            found[value] = float(recall.mean()), -float(F.cross_entropy(logits, held.labels))
        return max(found, key=found.__getitem__)

    def trained(self, part: str, images: np.ndarray, value: float, steps: int) -> tuple[Split, list]:
        """What is shown of some training images, and the networks trained on it; `part` names the images."""
        rate = self.task.optimizer.lr * (1.0 if self.remedy.after == "norm" else value)
        if part not in self.splits:
            self.splits[part] = self._shown(part, images, steps)
        split = self.splits[part]
        owns = [torch.arange(len(split.labels))] * self.remedy.networks
        if self.remedy.draws == "bags":
            labels = split.labels.cpu()
            owns = balanced_bags(labels, _share(BAG, labels), seed=self.task.seeds.subset)
            steps = -(-steps // len(owns))
        names = [f"{part}-{rate:g}-{m}" for m in range(len(owns))]
        for m, (name, own) in enumerate(zip(names, owns, strict=True)):
            if name not in self.nets:
                self.nets[name] = self._train(name, self.remedy, split, own, rate, steps, m)
        return split, [self.nets[name] for name in names]

    def answers(self, nets: list[nn.Module], shown: Split, asked: Split, value: float) -> Tensor:
        """Logits (N, K) of images: of several networks the logarithm of their mean probability."""
        said = []
        for net in nets:
            if self.remedy.after == "norm":
                net = _normalised(net, value)
            z = scores(net, asked, self.task.optimizer.precision) * (SCALE if self.remedy.cosine else 1)
            if self.remedy.after == "prior":
                z = z - (shown.labels.bincount(minlength=self.classes) / len(shown.labels)).log()
            said.append(z)
        return soft_vote(said).clamp_min(1e-8).log()

    def seen(self, part: str, index, like: Split) -> Split:
        """Images of the training or test list, standardised like others."""
        images, labels = self._images(part, index)
        return Split(_resized(images, self.task.backbone.resolution), labels, like.mean, like.spread)

    def clean(self) -> None:
        """Remove the checkpoints."""
        for file in self.files:
            file.unlink(missing_ok=True)

    # -------------------------------------------------------------------------------------- what is shown

    def _images(self, part: str, index) -> tuple[Tensor, Tensor]:
        """uint8 (N, 3, H, W) and labels (N,) of the training or test list; grey ones thrice."""
        images = torch.from_numpy(np.array(self.dataset.images(part)[index])).permute(0, 3, 1, 2)
        labels = torch.from_numpy(np.asarray(self.dataset.labels(part))[index]).long()
        return images.expand(-1, 3, -1, -1) if images.shape[1] == 1 else images, labels

    def _shown(self, part: str, index: np.ndarray, steps: int) -> Split:
        """Training images, with the copies, counterfeits or changed images of the remedy behind them."""
        (images, y), side = self._images("train", index), self.task.backbone.resolution
        pixels, more = _resized(images, side), []
        mean, spread = band_statistics(pixels)
        begun = time.process_time()
        if self.remedy.draws == "artificial":
            own = pairs(artificial_balance(y, _share(BALANCED, y), self.task.seeds.subset))
            kept, (copied, times) = own[own[:, 1] == 0, 0], own[own[:, 1] > 0].T
            plain = images[copied].permute(0, 2, 3, 1).numpy()
            copies = augmented(plain, np.stack([index[copied], times], 1))
            pixels, y, more = pixels[kept], y[kept], [(_resized(copies, side), y[copied])]
        self.seconds += time.process_time() - begun
        if self.remedy.gan:
            more = list(self._counterfeits(part, images, y))
        if self.remedy.sign:
            plain = Split(pixels, y, mean, spread)
            more = [(copy, y) for copy in self._signed(part, plain, steps)]
        pixels, y = (torch.cat([one, *(m[i] for m in more)]) for i, one in enumerate((pixels, y)))
        return Split(pixels, y, mean, spread)

    def _counterfeits(self, part: str, images: Tensor, y: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
        """Images by a DC-GAN that bring each class to the size of the largest, as `spectrum` has it."""
        counts, lesson = y.bincount(minlength=self.classes), self.task.lesson
        side, seed = self.task.backbone.resolution, self.task.seeds.init
        for label in (counts < counts.max()).nonzero().flatten().tolist():
            tiles, size = _resized(images[y == label], SIDE), self.task.optimizer.batch_size
            if len(tiles) == 1:  # batch normalisation needs two
                tiles = tiles.repeat(2, 1, 1, 1)
            pair = start_dcgan(
                tiles, width=lesson.gan_width, batch_size=size, seed=seed, flips=False, device=device()
            )
            epochs, state = -(-lesson.gan_steps // -(-len(tiles) // size)), {"seconds": 0.0}
            what, file = f"DC-GAN on {len(tiles)} images", self._file(f"{part}-gan{label}")
            loop = Loop(what, epochs, file, self.deadline, unit="epoch", state=state, pair=pair)
            for _ in loop:
                begun = time.process_time()
                try:
                    pair.train_epoch(tiles)
                except FloatingPointError as error:
                    raise LabError(f"{what}: {error}") from None
                state["seconds"] += time.process_time() - begun
            self.seconds += state["seconds"]
            missing = int(counts.max() - counts[label])
            drawn = sample(pair.generator, missing, seed=1 + seed)
            yield _resized(drawn, side), torch.full((missing,), label)

    def _signed(self, part: str, split: Split, steps: int) -> list[Tensor]:
        """Copies (N, C, side, side) of a split by SIGN, one for each step count, made by a plain network that
        is trained first."""
        own, copies = torch.arange(len(split.labels)), self.task.lesson.copies
        rate = self.task.optimizer.lr
        net = self._train(f"{part}-maker", WHOLE["plain"], split, own, rate, steps, 0)
        net.eval().requires_grad_(False)
        begun = time.process_time()

        def features(x: Tensor) -> Tensor:
            with autocast(self.task.optimizer.precision):
                return net.blocks(net.stem(split.standard(x))).mean((2, 3))

        def changed(x: Tensor) -> Tensor:
            step = REACH / max(copies)
            found = sign_transform(features, x, copies, step_size=step, clip=(0.0, 1.0), normalize="linf")
            return (torch.stack(found) * 255).round().to(torch.uint8).cpu()

        found = torch.cat([changed(split.unit(batch)) for batch in own.split(250)], 1)
        self.seconds += time.process_time() - begun
        return list(found)

    # ------------------------------------------------------------------------------------------ one network

    def _file(self, name: str) -> Path | None:
        if self.checkpoint is None:
            return None
        self.files.append(self.checkpoint.with_name(f"{self.checkpoint.stem}-{name}.pt"))
        return self.files[-1]

    def _train(
        self, name: str, remedy: Whole, split: Split, own: Tensor, rate: float, steps: int, member: int
    ) -> nn.Module:
        """One network on the positions `own` of a split, in eval mode."""
        seed_all("init", self.task.seeds.init, member)
        net = _network(self.task, self.classes, "cosine" if remedy.cosine else "linear")
        epochs = self.task.optimizer.epochs
        late = max(1, round((1 - LATE) * epochs)) if remedy.retrain else 0
        step = _Step(self.task, remedy, net, split, own)
        net = self._descend(name, step, rate, steps, (0, epochs - late), member)
        if late:
            seed_all("head", self.task.seeds.init, member)
            net.head.reset_parameters()
            step = _Step(self.task, HEAD_ALONE, net, split, own)
            self._descend(f"{name}-head", step, rate, steps, (epochs - late, epochs), member)
        return net.eval()

    def _descend(
        self, name: str, step: "_Step", rate: float, steps: int, span: tuple[int, int], member: int
    ) -> nn.Module:
        """Train the network of a step from one epoch to another; the averaged one where weights are."""
        opt, net, remedy, epochs = self.task.optimizer, step.net, step.remedy, span[1] - span[0]
        opt = opt.model_copy(update={"lr": rate, "epochs": epochs})
        descent = torch.optim.Adam(step.learns(), lr=rate, weight_decay=opt.weight_decay, fused=True)
        parts = {"net": net, "descent": descent, "rates": schedule(descent, opt, steps)}
        if remedy.cycles:
            parts["average"] = Averaged(net, Averaging(start=epochs // 4, every=max(1, epochs // 8)))
        what, state = f"{remedy.title}, {name}", {"seconds": 0.0}
        loop = Loop(what, epochs, self._file(name), self.deadline, steps=steps, state=state, **parts)

        def drawn(epoch: int) -> Iterator[tuple[Tensor, torch.Generator]]:
            gen = generator("order", self.task.seeds.order, member, span[0] + epoch)
            for batch in batches(step.order(steps * opt.batch_size, gen), opt.batch_size):
                yield batch.to(device()), gen

        for epoch in loop:
            begun, total = time.process_time(), torch.zeros((), device=device())
            step.start(late=span[0] + epoch >= LATE * self.task.optimizer.epochs)
            for done, (batch, gen) in enumerate(drawn(epoch)):
                if remedy.cycles:
                    at = CYCLES * (epoch + done / steps) / epochs
                    for group in descent.param_groups:
                        group["lr"] = triangular_lr(at, 0.5, LOWEST * rate, rate)
                loss = step(batch, gen)
                descent.zero_grad(set_to_none=True)
                loss.backward()
                descent.step()
                if not remedy.cycles:
                    parts["rates"].step()
                total += loss.detach() * len(batch)
                loop.advance()
            loop.finite(total)
            if remedy.cycles:
                parts["average"].take(net, epoch + 1, epoch + 1 == epochs)
            state["seconds"] += time.process_time() - begun
        self.seconds += state["seconds"]
        if not remedy.cycles:
            return net
        with autocast(opt.precision):
            return parts["average"].recompute_bn(step.views(*drawing) for drawing in drawn(epochs))


class _Step:
    """What a step shows and minimises.

    Args:
        task: gives augmentation and precision.
        remedy: what is done.
        net: on the device.
        split: what may be shown.
        own: positions in it that are.
    """

    def __init__(self, task: Task, remedy: Whole, net: nn.Module, split: Split, own: Tensor):
        self.task, self.remedy, self.net, self.split, self.own = task, remedy, net, split, own
        self.labels = split.labels.cpu()[own]
        counts = self.labels.bincount(minlength=int(split.labels.max()) + 1)
        self.scale = SCALE if remedy.cosine else 1.0
        self.cost = Cost([remedy], torch.full((1, 1, 1), self.scale), counts)
        for name, value in vars(self.cost).items():
            setattr(self.cost, name, value.to(device()))
        self.mix: Callable = AugMix()
        self.late, self.classes = False, len(counts)

    def learns(self) -> Iterator[nn.Parameter]:
        """What is changed."""
        return (self.net.head if self.remedy is HEAD_ALONE else self.net).parameters()

    def start(self, late: bool) -> None:
        """Begin an epoch."""
        self.late = late
        self.net.train(self.remedy is not HEAD_ALONE)

    def order(self, n: int, gen: torch.Generator) -> Tensor:
        """n positions, in the order they are shown."""
        if self.remedy.draws == "balanced":
            return self.own[balanced_sample(self.labels, n, gen)]
        rounds = -(-n // len(self.own))
        return self.own[torch.cat([torch.randperm(len(self.own), generator=gen) for _ in range(rounds)])[:n]]

    def views(self, batch: Tensor, gen: torch.Generator) -> Tensor:
        """Standardised images of a batch, and for AugMix two mixtures of each behind them."""
        pixels = self.split.pixels[batch.to(self.split.pixels.device)]
        if self.task.augment == "crop-flip":
            pixels = crop_flip(pixels, gen)
        x = pixels.to(device()).float().div_(255)
        if self.remedy.augmix:
            x = torch.cat([x, self.mix(x, gen), self.mix(x, gen)])
        return self.split.standard(x)

    def __call__(self, batch: Tensor, gen: torch.Generator) -> Tensor:
        x, target = self.views(batch, gen), F.one_hot(self.split.labels[batch], self.classes).float()
        if self.remedy.alpha:
            partners = torch.randperm(len(x), generator=gen).to(x.device)
            x, target = mixup(x, target, draw_lam(self.remedy.alpha, gen), partners)
        with autocast(self.task.optimizer.precision):
            logits = self.net(x)
        clean, *mixed = (self.scale * logits.float()).split(len(batch))
        loss = self.cost(clean[:, None], target, self.late)
        return loss + CONSISTENCY * jsd_consistency(clean, *mixed) if mixed else loss


def _network(task: Task, num_classes: int, head: str) -> nn.Module:
    name, depth = task.backbone.name, task.backbone.name.removeprefix("resnet").removesuffix("-cifar")
    if not depth.isdecimal() or f"resnet{depth}-cifar" != name or task.backbone.pretrained:
        raise LabError(f"the topic whole trains resnet32-cifar or its like from scratch, not {name}")
    try:
        net = CifarResNet(int(depth), num_classes, head)
    except ValueError as error:
        raise LabError(f"{name} cannot be built: {error}") from None
    return net.to(device(), memory_format=torch.channels_last)


def _normalised(net: nn.Module, power: float) -> nn.Module:
    """A copy whose classes are divided by their lengths to a power, without bias."""
    from copy import deepcopy

    net = deepcopy(net)
    with torch.no_grad():
        net.head.weight /= net.head.weight.norm(dim=1, keepdim=True) ** power
        net.head.bias.zero_()
    return net


def _resized(pixels: Tensor, side: int) -> Tensor:
    """uint8 (N, C, H, W) at another side."""
    if pixels.shape[-1] == side:
        return pixels.contiguous()
    return (prepare(pixels, side, 0.0, 1.0) * 255).round().clamp(0, 255).to(torch.uint8).contiguous()


def _share(of: float, y: Tensor) -> int:
    """A share of the largest class, in images."""
    return max(1, round(of * int(y.bincount().max())))
