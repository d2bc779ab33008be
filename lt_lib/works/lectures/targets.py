"""Softer labels, mixed images: one network, and what its targets are made of.

Labels may be wrong (`corrupted`), softened (`smoothing`), mixed (`mixup`) or replaced by a teacher's
probabilities (`distillation`). Beside the usual numbers a record holds, under measures,

    nll, nll_scaled, ece_scaled, temperature    test set; the temperature is fitted on the validation images
    train_accuracy                              share of the training labels, as given, that are answered
    memorised, recovered                        of the wrong training labels: answered as given, answered as
    they were tightness, resemblance                      how much images of one class still differ, see
    `erased`

and in its history a reliability histogram of the test set (bin_count, bin_confidence, bin_correct: sums over
60 bins) and, where labels are wrong, memorised and recovered after every epoch."""

import copy
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from scipy.optimize import minimize_scalar
from torch import Tensor, nn

from lt_lib import data as datasets
from lt_lib.errors import LabError
from lt_lib.lab.train.device import autocast, crop_flip, device, keep_memory
from lt_lib.lab.train.loop import Loop, Outcome, Task, batches, generator, seed_all
from lt_lib.lab.train.splits import Split, band_statistics, centre_crops, evaluate
from lt_lib.losses import smooth_labels
from lt_lib.metrics import classification_report
from lt_lib.mixup import draw_lam, mixup
from lt_lib.models import create
from lt_lib.works.lectures.options import Targets

BINS = 60  # of the reliability histogram: any divisor's bins are unions of these


class SmallCNN(nn.Module):
    """Three convolutions, strided down to 4 x 4, and two linear layers: (N, C, side, side) to (N, K); learns
    by heart in seconds.

    Args:
        num_classes: K.
        bands: C.
        side: of the images, at least 8.
        width: filters of the first convolution; twice and four times as many follow, 8 x width hidden units.
        dropout: chance that a hidden unit is left out.
    """

    def __init__(self, num_classes: int, bands: int, side: int, width: int = 16, dropout: float = 0.0):
        super().__init__()
        layers, wide = [], bands
        for times in (1, 2, 4):
            stride = 2 if side > 4 else 1
            layers += [
                nn.Conv2d(wide, times * width, 3, stride, padding=1, bias=False),
                nn.BatchNorm2d(times * width),
                nn.ReLU(),
            ]
            wide, side = times * width, -(-side // stride)
        self.features = nn.Sequential(*layers, nn.Flatten(), nn.Linear(wide * side**2, 8 * width), nn.ReLU())
        self.dropout, self.head = nn.Dropout(dropout), nn.Linear(8 * width, num_classes)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.dropout(self.features(x)))


@dataclass
class Sets:
    """The three splits, the training labels as given to the network (N,), and which of them are wrong
    (N,)."""

    train: Split
    val: Split
    test: Split
    given: Tensor
    wrong: Tensor
    num_classes: int


def corrupt(labels: Tensor, num_classes: int, share: float, seed: int) -> tuple[Tensor, Tensor]:
    """Replace a share of labels by another class, each other class equally likely.

    Args:
        labels: (N,) int64.
        num_classes: K.
        share: in [0, 1); round(share N) labels are replaced.
        seed: the subset seed: labels of a seed are wrong in the same way whatever is trained on them.

    Returns:
        The labels given, (N,), and a mask (N,) of those that are wrong.
    """
    gen, n = generator("flip", seed), len(labels)
    wrong = torch.zeros(n, dtype=torch.bool)
    wrong[torch.randperm(n, generator=gen)[: round(share * n)]] = True
    shift = torch.randint(1, num_classes, (n,), generator=gen)
    return torch.where(wrong, (labels + shift) % num_classes, labels), wrong


def fit_temperature(logits: Tensor, labels: Tensor) -> float:
    """The temperature T > 0 with the smallest mean cross-entropy of logits / T, between 1/20 and 20.

    Args:
        logits: (V, K), of images that were not trained on.
        labels: (V,) int64.

    Source: Guo et al. (2017).
    """
    z, y = logits.double().cpu(), labels.cpu()
    bounds = (-np.log(20), np.log(20))
    return float(
        np.exp(
            minimize_scalar(
                lambda t: float(F.cross_entropy(z / np.exp(t), y)), bounds=bounds, method="bounded"
            ).x
        )
    )


def reliability_bins(logits: Tensor, labels: Tensor, bins: int = BINS) -> dict[str, list[float]]:
    """Sums over `bins` equal bins (lower, upper] of the largest probability: bin_count, bin_confidence,
    bin_correct."""
    top = logits.double().cpu().softmax(1).max(1)
    which = np.digitize(top.values, np.linspace(0, 1, bins + 1)[1:-1], right=True)
    sums = {
        "bin_count": None,
        "bin_confidence": top.values,
        "bin_correct": (top.indices == labels.cpu()).double(),
    }
    return {name: np.bincount(which, values, bins).astype(float).tolist() for name, values in sums.items()}


def erased(features: Tensor, logits: Tensor, labels: Tensor) -> dict[str, float]:
    """How much the images of one class still differ: small numbers where the differences have been erased.

    Args:
        features: (N, D) inputs of the last layer; logits: (N, K), K > 2; labels: (N,), none of the classes
            empty.

    Returns:
        - tightness: share of the variance of the features that lies within classes;
        - resemblance: standard deviation, within a class, of the logits of the *other* classes, after their
          mean is taken off each image; in units of the mean lead of the true logit over them. It is what an
          image tells about which other class it resembles.

    Source: our numbers for what Müller et al. (2019) show as pictures.
    """
    features, logits, k = features.double(), logits.double(), logits.shape[1]
    own = F.one_hot(labels, k).bool()
    others = logits[~own].view(len(logits), k - 1)
    lead = (logits[own] - others.mean(1)).mean()
    others = others - others.mean(1, keepdim=True)
    within, apart = 0.0, 0.0
    for c in labels.unique():
        mine = labels == c
        within += float((features[mine] - features[mine].mean(0)).square().sum())
        apart += float((others[mine] - others[mine].mean(0)).square().sum())
    total = float((features - features.mean(0)).square().sum())
    return {"tightness": within / total, "resemblance": (apart / others.numel()) ** 0.5 / float(lead)}


def train_targets(
    task: Task, dataset: datasets.ImageSet, checkpoint: Path | None = None, deadline: float | None = None
) -> Outcome:
    """Train the network of a task, after its teacher if it has one.

    Args:
        task: with a lesson of the topic "targets" and a backbone, a timm name or "small-cnn".
        dataset: where its images are.
        checkpoint: file rewritten every few seconds with every random state; a run resumes from it. The
            teacher's lies beside it.
        deadline: time.monotonic() after which the state is saved and BudgetEnded raised.

    Raises:
        BudgetEnded: the deadline passed; the state is saved.
        LabError: no backbone or one that cannot be built, a learning-rate schedule other than `lesson.drops`,
            or a loss that is no longer finite.
    """
    keep_memory()
    lesson = task.lesson
    if task.backbone is None or task.optimizer.schedule != "constant":
        raise LabError("the topic targets needs a backbone, and moves the learning rate by lesson.drops only")
    sets, teacher = _sets(task, dataset), None
    beside = checkpoint and checkpoint.with_suffix(".teacher.pt")
    if lesson.distillation:
        plain = lesson.model_copy(update={"smoothing": lesson.distillation.smoothing, "distillation": None})
        _, teacher = _train_one(
            task, plain, _network(task, lesson.distillation.width, sets), sets, None, beside, deadline
        )
        teacher.eval().requires_grad_(False)
    outcome, net = _train_one(task, lesson, _network(task, 1, sets), sets, teacher, checkpoint, deadline)
    measures, bins = _measures(net, sets, task.optimizer.precision)
    outcome.history |= bins
    outcome.measures = measures
    if beside:
        beside.unlink(missing_ok=True)
    return outcome


def _sets(task: Task, dataset: datasets.ImageSet) -> Sets:
    images, labels = dataset.images("train"), torch.as_tensor(np.asarray(dataset.labels("train"))).long()
    test_labels, side = torch.as_tensor(np.asarray(dataset.labels("test"))).long(), task.backbone.resolution
    parts = [torch.from_numpy(pairs[:, 0]) for pairs in (task.train, task.val)]
    pixels = [centre_crops(images, part.numpy(), (), side) for part in parts]
    pixels.append(centre_crops(dataset.images("test"), np.arange(len(test_labels)), (), side))
    statistics, k = band_statistics(pixels[0]), len(dataset.classes)
    splits = [
        Split(x, y, *statistics) for x, y in zip(pixels, [*(labels[part] for part in parts), test_labels])
    ]
    given, wrong = corrupt(labels[parts[0]], k, task.lesson.corrupted, task.seeds.subset)
    return Sets(*splits, given.to(device()), wrong.to(device()), k)


def _network(task: Task, times: int, sets: Sets) -> nn.Module:
    """The network of a task, `times` as wide; the stem of a large one fits small images (3 x 3, stride 1, no
    pooling)."""
    backbone, options = task.backbone, copy.deepcopy(task.backbone.options)
    if backbone.pretrained:
        raise LabError(
            f"{backbone.name}: the topic targets trains from random weights; say pretrained: false"
        )
    seed_all("init", task.seeds.init)
    bands, side = sets.train.pixels.shape[1:3]
    try:
        if backbone.name == "small-cnn":
            net = SmallCNN(
                sets.num_classes,
                bands,
                side,
                times * options.pop("width", 16),
                task.lesson.dropout,
                **options,
            )
        else:
            if "channels" in options or times != 1:
                options["channels"] = [times * c for c in options.get("channels", (64, 128, 256, 512))]
            net = create(
                backbone.name, sets.num_classes, bands=bands, drop_rate=task.lesson.dropout, **options
            )
            if side <= 64 and hasattr(net, "maxpool"):
                net.conv1 = nn.Conv2d(bands, net.conv1.out_channels, 3, padding=1, bias=False)
                net.maxpool = nn.Identity()
    except (ValueError, TypeError) as error:
        raise LabError(f"{backbone.name} cannot be built: {error}") from None
    return net.to(device(), memory_format=torch.channels_last)


def _penultimate(net: nn.Module, x: Tensor) -> tuple[Tensor, Tensor]:
    """Features before the last layer, and logits."""
    seen = []
    head = net.head if isinstance(net, SmallCNN) else net.get_classifier()
    hook = head.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    logits = net(x)
    hook.remove()
    return seen[0].float(), logits.float()


def _answers(net: nn.Module, split: Split, precision: str) -> tuple[Tensor, Tensor]:
    """Features and logits of a split, in eval mode."""
    net.eval()
    with torch.inference_mode(), autocast(precision):
        features, logits = zip(*(_penultimate(net, x) for x in split.loader(500)))
    return torch.cat(features), torch.cat(logits)


def _loss(
    net: nn.Module,
    lesson: Targets,
    sets: Sets,
    batch: Tensor,
    gen: torch.Generator,
    teacher: nn.Module | None,
    precision: str,
) -> Tensor:
    """Loss of one batch, given by the positions of its images."""
    pixels = sets.train.pixels[batch.to(sets.train.pixels.device)]
    pixels = crop_flip(pixels, gen) if lesson.augment == "crop-flip" else pixels
    x = sets.train.standard(pixels.to(batch.device).float().div_(255))
    with autocast(precision):
        if teacher is not None:
            heat = lesson.distillation.temperature
            taught = (teacher(x).float() / heat).log_softmax(1)
            return heat**2 * F.kl_div(
                (net(x).float() / heat).log_softmax(1), taught, reduction="batchmean", log_target=True
            )
        soft = lesson.smoothing
        targets = smooth_labels(
            sets.given[batch], sets.num_classes, *(soft.alpha, soft.variant) if soft else (0.0,)
        )
        if lesson.mixup:
            partners = torch.randperm(len(batch), generator=gen).to(batch.device)
            x, targets = mixup(x, targets, draw_lam(lesson.mixup.alpha, gen), partners)
        return F.cross_entropy(net(x).float(), targets)


def _train_one(
    task: Task,
    lesson: Targets,
    net: nn.Module,
    sets: Sets,
    teacher: nn.Module | None,
    checkpoint: Path | None,
    deadline: float | None,
) -> tuple[Outcome, nn.Module]:
    """Train one network by a lesson; targets in place of labels."""
    opt, n, where = task.optimizer, len(sets.given), device()
    if lesson.rule == "sgd":
        descent = torch.optim.SGD(net.parameters(), lr=opt.lr, momentum=0.9, weight_decay=opt.weight_decay)
    else:
        descent = torch.optim.Adam(net.parameters(), lr=opt.lr, weight_decay=opt.weight_decay)
    seed_all("drop", task.seeds.init)
    what = f"training {task.backbone.called} on {n} images"
    steps = len(batches(torch.arange(n), opt.batch_size))
    loop = Loop(what, opt.epochs, checkpoint, deadline, steps=steps, net=net, descent=descent)
    for epoch in loop:
        rate = opt.lr * 0.1 ** sum(epoch >= share * opt.epochs for share in lesson.drops)
        for group in descent.param_groups:
            group["lr"] = rate
        net.train()
        gen, total = generator("order", task.seeds.order, epoch), torch.zeros((), device=where)
        for batch in batches(torch.randperm(n, generator=gen), opt.batch_size):
            loss = _loss(net, lesson, sets, batch.to(where), gen, teacher, opt.precision)
            descent.zero_grad(set_to_none=True)
            loss.backward()
            descent.step()
            total += loss.detach() * len(batch)
            loop.advance()
        loop.finite(total)
        logits, curves = evaluate(net, sets.val, sets.test, opt.precision)
        if sets.wrong.any():
            curves |= _remembered(_answers(net, sets.train, opt.precision)[1], sets)
        loop.log(logits, net.state_dict(), train_loss=float(total) / n, lr=rate, **curves)
    return loop.outcome(n), net


def _remembered(logits: Tensor, sets: Sets) -> dict[str, float]:
    """Of the wrong training labels: the share answered as given, and the share answered as they truly are."""
    answers = logits.argmax(1)[sets.wrong]
    return {
        name: float((answers == labels[sets.wrong]).float().mean())
        for name, labels in (("memorised", sets.given), ("recovered", sets.train.labels))
    }


def _measures(net: nn.Module, sets: Sets, precision: str) -> tuple[dict[str, float], dict[str, list[float]]]:
    """Numbers of the network at the end, and its reliability histogram."""
    (_, held), (_, test), (features, logits) = (
        _answers(net, split, precision) for split in (sets.val, sets.test, sets.train)
    )
    heat, truth = fit_temperature(held, sets.val.labels), sets.test.labels
    scaled = classification_report((test.cpu().double() / heat), truth, scores="logits")
    found = {
        "nll": float(F.cross_entropy(test, truth)),
        "nll_scaled": float(F.cross_entropy(test / heat, truth)),
        "ece_scaled": scaled["ece"],
        "temperature": heat,
        "train_accuracy": float((logits.argmax(1) == sets.given).float().mean()),
    }
    found |= _remembered(logits, sets) if sets.wrong.any() else {}
    found |= erased(features, logits, sets.train.labels) if sets.num_classes > 2 else {}
    return found, reliability_bins(test, truth)
