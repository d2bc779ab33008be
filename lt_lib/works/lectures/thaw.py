"""A borrowed network: blocks from below that somebody else trained, new ones on top, and how much of it all
learns on.

The source is either registered weights, or a small network trained here on other data than the target and
kept in the cache. Blocks that stay as they are run once over all images; only what is above them is trained.
Measures of a record, beside the usual ones:

    probe_0 ... probe_B   balanced test accuracy of a linear classifier on what comes out of block k, before
                          the network learned (0: on the image itself); its penalty is chosen on validation,
                          accuracy averaged over the classes there
    probe_best            the block that validation would choose
    lower_gain            probe after half of the blocks, less the probe after all of them
    old, old_again        accuracy on the source's own test images, after the network has learned: with the
                          source's own head, and with one fitted anew on `old` images a class (what the blocks
                          still tell); a frozen network gives both as they were
    moved                 mean over borrowed blocks of the length of their change, relative to their length

Classes count alike in the loss, whatever their number of images.
"""

import io
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from filelock import FileLock
from torch import Tensor, nn

from lt_lib import data as datasets
from lt_lib.errors import LabError
from lt_lib.lab.record.digests import code_digest, digest
from lt_lib.lab.record.files import atomic_write, is_kept
from lt_lib.lab.record.paths import cache_root
from lt_lib.lab.record.spec import Backbone, Optimizer, Pretraining
from lt_lib.lab.train.backbones import backbone_network, made
from lt_lib.lab.train.device import device, keep_memory, normalisation
from lt_lib.lab.train.loop import Loop, Outcome, Task, accuracy, batches, generator, seed_all
from lt_lib.lab.train.networks import schedule
from lt_lib.lab.train.splits import centre_crops
from lt_lib.losses import class_weights
from lt_lib.progress import say

CELLS = 2  # features are averaged over this many cells of the image, each way
PENALTIES = (1e-3, 1e-2, 1e-1)


class Blocks(nn.Module):
    """Blocks from below, and a linear head on the averages of what comes out over 2 x 2 cells: (N, C, side,
    side) to (N, K).

    Args:
        blocks: modules, each (N, C_k, ...) to (N, C_{k+1}, ...).
        width: channels that come out of the last block.
        num_classes: K.
    """

    def __init__(self, blocks: list[nn.Module], width: int, num_classes: int):
        super().__init__()
        self.blocks, self.head = nn.ModuleList(blocks), nn.Linear(CELLS**2 * width, num_classes)

    def run(self, x: Tensor, first: int = 0, last: int | None = None) -> Tensor:
        """Blocks `first` to `last`, counted from 0, the last one left out."""
        for block in self.blocks[first:last]:
            x = block(x)
        return x

    def forward(self, x: Tensor, first: int = 0) -> Tensor:
        return self.head(pooled(self.run(x, first)))


def pooled(x: Tensor) -> Tensor:
    """Means over 2 x 2 cells: (N, C, H, W) to (N, 4 C)."""
    return F.adaptive_avg_pool2d(x, CELLS).flatten(1)


def plain_blocks(widths: tuple[int, ...] = (16, 32, 48, 64), bands: int = 3) -> list[nn.Module]:
    """One block a width: a 3 x 3 convolution, a batch norm, a rectifier, and the image halved."""
    sizes = (bands, *widths)
    return [
        nn.Sequential(
            nn.Conv2d(a, b, 3, padding=1, bias=False), nn.BatchNorm2d(b), nn.ReLU(), nn.MaxPool2d(2)
        )
        for a, b in zip(sizes, widths)
    ]


def standardise(
    pixels: Tensor, way: str = "image", statistics: tuple[Tensor, Tensor] | None = None
) -> Tensor:
    """uint8 (N, C, H, W) to float32 with mean zero and spread one a band: of each image by itself, or by
    given statistics.

    Args:
        way: "image", or "set" with `statistics`, mean and spread (1, C, 1, 1) of values in [0, 1].
    """
    x = pixels.float().div_(255)
    mean, spread = (
        (x.mean((2, 3), keepdim=True), x.std((2, 3), keepdim=True) + 0.02) if way == "image" else statistics
    )
    return ((x - mean) / spread).contiguous(memory_format=torch.channels_last)


# ------------------------------------------------------------------------------------------------------------
# the source


def source_network(backbone: Backbone, deadline: float | None = None) -> Blocks:
    """The network to borrow from, in eval mode, on the device.

    One that is trained here, once, by its recipe, has the head it was trained with; registered weights have a
    random one of two classes, that nothing should be read from.

    Raises:
        LabError: nothing is said about pre-training, the weights are not at hand, or the network has no
    blocks that we know of."""
    if isinstance(backbone.pretrained, Pretraining):
        source_data = datasets.load(backbone.pretrained.data)
        net = _fresh(backbone, len(source_data.classes))
        path = _source_weights(backbone, source_data, deadline)
        net.load_state_dict(torch.load(path, map_location="cpu", weights_only=True))
    elif isinstance(backbone.pretrained, str):
        net = _fresh(backbone, 2, backbone_network(backbone))
    else:
        raise LabError(
            f"{backbone.name}: the topic thaw borrows registered weights or those of a recipe, got "
            f"{backbone.pretrained!r}"
        )
    return net.eval().to(device(), memory_format=torch.channels_last)


def _fresh(backbone: Backbone, num_classes: int, net: nn.Module | None = None) -> Blocks:
    """The network with random weights (or the timm network given) as blocks and a random head."""
    if backbone.name == "plain-cnn":
        widths = tuple(backbone.options.get("widths", (16, 32, 48, 64)))
        return Blocks(plain_blocks(widths), widths[-1], num_classes)
    net = backbone_network(backbone.model_copy(update={"pretrained": False}), 0) if net is None else net
    if not (hasattr(net, "conv_stem") and hasattr(net, "blocks") and hasattr(net, "conv_head")):
        raise LabError(
            f"{backbone.name}: its blocks are not known here; take plain-cnn or a network of timm's "
            "EfficientNet family"
        )
    return Blocks(
        [nn.Sequential(net.conv_stem, net.bn1), *net.blocks, nn.Sequential(net.conv_head, net.bn2)],
        net.num_features,
        num_classes,
    )


def _source_weights(backbone: Backbone, source_data: datasets.ImageSet, deadline: float | None) -> Path:
    """File with the weights of a source trained here; trained once, then kept in the cache."""
    recipe = backbone.pretrained
    key = digest(
        [
            backbone.name,
            backbone.options,
            recipe.model_dump(),
            source_data.digest,
            code_digest("lt_lib.works.lectures.thaw:_pretrain"),
        ]
    )
    path = made(cache_root() / "weights") / f"{backbone.name}-{key[7:19]}.pt"
    with FileLock(path.with_suffix(".lock")):
        if not is_kept(path):
            say(f"pre-training {backbone.name} on {recipe.data} (kept for later)")
            _pretrain(backbone, source_data, path, deadline)
    return path


def _pretrain(backbone: Backbone, source_data: datasets.ImageSet, path: Path, deadline: float | None) -> None:
    """Train a source: Adam, one cycle, images standardised each by itself."""
    recipe, where = backbone.pretrained, device()
    rows = np.sort(
        np.concatenate(
            [
                np.flatnonzero(np.asarray(source_data.labels("train")) == k)[: recipe.n_per_class]
                for k in range(len(source_data.classes))
            ]
        )
    )
    pixels = centre_crops(source_data.images("train"), rows, (), recipe.resolution).to(where)
    labels = torch.from_numpy(np.asarray(source_data.labels("train"))[rows]).long().to(where)
    seed_all("lend", recipe.seed)
    net = _fresh(backbone, len(source_data.classes)).to(where, memory_format=torch.channels_last)
    descent = torch.optim.Adam(net.parameters(), lr=recipe.lr)
    steps = len(batches(torch.arange(len(rows)), recipe.batch_size))
    cycle = Optimizer(lr=recipe.lr, epochs=recipe.epochs, batch_size=recipe.batch_size, schedule="one-cycle")
    rates, part = schedule(descent, cycle, steps), path.with_suffix(".part")
    parts = {"net": net, "descent": descent, "rates": rates}
    loop = Loop(f"pre-training {backbone.name}", recipe.epochs, part, deadline, steps=steps, **parts)
    for epoch in loop:
        order = torch.randperm(len(rows), generator=generator("lend", recipe.seed, epoch)).to(where)
        for batch in batches(order, recipe.batch_size):
            loss = F.cross_entropy(net(standardise(pixels[batch])), labels[batch])
            descent.zero_grad(set_to_none=True)
            loss.backward()
            descent.step()
            rates.step()
            loop.advance()
    buffer = io.BytesIO()
    torch.save({name: value.detach().cpu() for name, value in net.state_dict().items()}, buffer)
    atomic_write(path, buffer.getvalue())
    part.unlink(missing_ok=True)


# -----------------------------------------------------------------------------------------------------------
# the target


@dataclass
class Split:
    """What the blocks that stay made of the images, (N, ...), and labels (N,)."""

    x: Tensor
    y: Tensor


def train_thaw(
    task: Task, dataset: datasets.ImageSet, checkpoint: Path | None = None, deadline: float | None = None
) -> Outcome:
    """Borrow, freeze, train what is left, and measure.

    Args:
        task: with a lesson of the topic "thaw" and a backbone with a source.
        dataset: where its images are.
        checkpoint: file rewritten at every look with every random state; a run resumes from it.
        deadline: time.monotonic() after which the state is saved and BudgetEnded raised.

    Raises:
        BudgetEnded: the deadline passed; the state is saved.
        LabError: no backbone or source; other bands than the source saw; a loss that is no longer finite; or
            the source's own data asked for where they are not at hand.
    """
    keep_memory()
    lesson = task.lesson
    if task.backbone is None:
        raise LabError("the topic thaw needs a backbone")
    source = source_network(task.backbone, deadline)
    if lesson.old and not isinstance(task.backbone.pretrained, Pretraining):
        raise LabError(
            f"the data that {task.backbone.pretrained} were trained on are not at hand; leave out lesson.old"
        )
    net, frozen = _transfer(task, source, len(dataset.classes))
    images = _images(task, dataset)
    measures = _probed(net, images) if lesson.probes else {}
    with torch.no_grad():
        sets = {
            name: Split(torch.cat([net.run(x, 0, frozen) for x in s.x.split(500)]), s.y)
            for name, s in images.items()
        }
    outcome = _fit(task, net, frozen, sets, checkpoint, deadline)
    if lesson.old:
        measures |= _remembered(net, source, task)
    count = round(lesson.borrowed * len(net.blocks))
    if count:
        measures["moved"] = _moved(net, source, count)
    outcome.measures = measures
    return outcome


def _transfer(task: Task, source: Blocks, num_classes: int) -> tuple[Blocks, int]:
    """The network, its lowest blocks the source's, and how many blocks stay as they are."""
    lesson = task.lesson
    seed_all("init", task.seeds.init)
    net = _fresh(task.backbone, num_classes).to(device(), memory_format=torch.channels_last)
    count, frozen = (round(share * len(net.blocks)) for share in (lesson.borrowed, lesson.frozen))
    for mine, theirs in zip(net.blocks[:count], source.blocks):
        mine.load_state_dict(theirs.state_dict())
    net.eval()
    net.blocks[:frozen].requires_grad_(False)
    return net, frozen


def _images(task: Task, dataset: datasets.ImageSet) -> dict[str, Split]:
    """Standardised images of the three splits, on the device."""
    lesson, backbone, where = task.lesson, task.backbone, device()
    rows = {
        "train": ("train", task.train[:, 0]),
        "val": ("train", task.val[:, 0]),
        "test": ("test", np.arange(len(dataset.labels("test")))),
    }
    found, statistics = {}, None
    for name, (split, index) in rows.items():
        side = dataset.images(split).shape[1] if isinstance(backbone.pretrained, str) else backbone.resolution
        pixels = centre_crops(dataset.images(split), index, lesson.bands, side)
        if pixels.shape[1] != 3:
            raise LabError(
                f"the source saw three bands, {dataset.name} has {pixels.shape[1]}; choose three with "
                "lesson.bands"
            )
        if isinstance(backbone.pretrained, str):
            statistics = tuple(t.cpu().unsqueeze(0) for t in normalisation(backbone))
            size = (backbone.resolution, backbone.resolution)
            x = standardise(pixels, "set", statistics)
            x = F.interpolate(
                x, size=size, mode="bilinear", align_corners=False, antialias=side > backbone.resolution
            )
        else:
            if statistics is None and lesson.standardised == "set":
                unit = pixels.float().div(255)
                statistics = unit.mean((0, 2, 3), keepdim=True), unit.std((0, 2, 3), keepdim=True)
            x = standardise(pixels, lesson.standardised, statistics)
        found[name] = Split(
            x.to(where), torch.from_numpy(np.asarray(dataset.labels(split))[index].astype(np.int64)).to(where)
        )
    return found


def _mode(net: Blocks, task: Task, frozen: int) -> None:
    """Training mode for what learns; norms on the source's statistics where the block stays, or came with
    registered weights."""
    net.train()
    kept = max(
        frozen,
        round(task.lesson.borrowed * len(net.blocks)) if isinstance(task.backbone.pretrained, str) else 0,
    )
    net.blocks[:kept].eval()


def _fit(
    task: Task,
    net: Blocks,
    frozen: int,
    sets: dict[str, Split],
    checkpoint: Path | None,
    deadline: float | None,
) -> Outcome:
    """Train all that is above the blocks that stay; looked at `looks` times, evenly."""
    lesson, opt, where = task.lesson, task.optimizer, device()
    count = round(lesson.borrowed * len(net.blocks))
    new = [
        *chain.from_iterable(b.parameters() for b in net.blocks[max(count, frozen) :]),
        *net.head.parameters(),
    ]
    groups = [{"params": new, "lr": opt.lr}]
    learning = [*chain.from_iterable(b.parameters() for b in net.blocks[frozen:count])]
    groups += [{"params": learning, "lr": lesson.slower * opt.lr}] * bool(learning)
    descent = torch.optim.Adam(groups, weight_decay=opt.weight_decay)
    train, n = sets["train"], len(sets["train"].y)
    weight = class_weights(torch.bincount(train.y, minlength=net.head.out_features), "ins").float().to(where)
    steps = len(batches(torch.arange(n), opt.batch_size))
    rates = schedule(descent, opt, steps)
    looks = sorted({max(1, round(opt.epochs * (i + 1) / lesson.looks)) for i in range(lesson.looks)})
    what = f"{task.backbone.called}, {frozen} of {len(net.blocks)} blocks frozen, {n} images"
    parts = {"net": net, "descent": descent, "rates": rates}
    loop = Loop(what, opt.epochs, checkpoint, deadline, steps=steps, **parts)
    for epoch in loop:
        _mode(net, task, frozen)
        total = 0.0
        order = torch.randperm(n, generator=generator("order", task.seeds.order, epoch)).to(where)
        for batch in batches(order, opt.batch_size):
            loss = F.cross_entropy(net(train.x[batch], frozen), train.y[batch], weight)
            descent.zero_grad(set_to_none=True)
            loss.backward()
            descent.step()
            rates.step()
            total += float(loss.detach()) * len(batch)
            loop.advance()
        loop.finite(total)
        if epoch + 1 in looks:
            held, logits = (_logits(net, frozen, sets[name]) for name in ("val", "test"))
            loop.log(
                logits,
                net.state_dict(),
                train_loss=total / n,
                epoch=epoch + 1,
                val_accuracy=accuracy(held, sets["val"].y),
                test_accuracy=accuracy(logits, sets["test"].y),
            )
    net.eval()
    return loop.outcome(n)


def _logits(net: Blocks, frozen: int, split: Split) -> Tensor:
    """(N, K), in eval mode."""
    net.eval()
    with torch.no_grad():
        return torch.cat([net(x, frozen) for x in split.x.split(500)]).float()


# ------------------------------------------------------------------------------------------------------------
# measures


def probe(x: dict[str, np.ndarray], y: dict[str, np.ndarray]) -> tuple[float, float]:
    """Balanced accuracy of a linear classifier on validation and on test: standardised features, all classes
    weighted alike.

    The penalty with the best balanced accuracy on validation is taken.

    Args:
        x: "train", "val", "test" -> (N, D); y: labels (N,) of each.
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import recall_score
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    scaled = make_pipeline(StandardScaler()).fit(x["train"])
    z = {name: scaled.transform(values) for name, values in x.items()}
    found = []
    for c in PENALTIES:
        model = LogisticRegression(C=c, max_iter=200, class_weight="balanced").fit(z["train"], y["train"])
        found.append(
            tuple(
                recall_score(
                    y[s], model.predict(z[s]), average="macro", labels=np.unique(y[s]), zero_division=0
                )
                for s in ("val", "test")
            )
        )
    held, test = max(found, key=lambda pair: pair[0])
    return float(held), float(test)


def _probed(net: Blocks, images: dict[str, Split]) -> dict[str, float]:
    """A linear classifier behind every block, before anything has learned."""
    x, y = {name: s.x for name, s in images.items()}, {name: s.y.cpu().numpy() for name, s in images.items()}
    found = []
    with torch.no_grad():
        for k in range(len(net.blocks) + 1):
            if k:
                x = {
                    name: torch.cat([net.blocks[k - 1](part) for part in values.split(500)])
                    for name, values in x.items()
                }
            found.append(probe({name: pooled(values).cpu().numpy() for name, values in x.items()}, y))
    measures = {f"probe_{k}": test for k, (_, test) in enumerate(found)}
    measures["probe_best"] = float(max(range(len(found)), key=lambda k: found[k][0]))
    measures["lower_gain"] = found[round(len(net.blocks) / 2)][1] - found[-1][1]
    return measures


def _remembered(net: Blocks, source: Blocks, task: Task) -> dict[str, float]:
    """Accuracy on some of the source's test images, `old` a class: with the source's head, and with one
    fitted anew by ridge regression."""
    from sklearn.linear_model import RidgeClassifier

    source_data, each = datasets.load(task.backbone.pretrained.data), task.lesson.old
    labels = {s: np.asarray(source_data.labels(s)) for s in ("train", "test")}
    rows = {
        s: np.concatenate([np.flatnonzero(labels[s] == k)[:each] for k in range(len(source_data.classes))])
        for s in labels
    }
    features = {}
    with torch.no_grad():
        for s, index in rows.items():
            pixels = centre_crops(source_data.images(s), index, (), task.backbone.resolution)
            features[s] = torch.cat(
                [pooled(net.run(standardise(part).to(device()))) for part in pixels.split(500)]
            )
        logits = source.head(features["test"])
    again = RidgeClassifier(alpha=10.0).fit(features["train"].cpu().numpy(), labels["train"][rows["train"]])
    truth = labels["test"][rows["test"]]
    return {
        "old": float((logits.argmax(1).cpu().numpy() == truth).mean()),
        "old_again": float(again.score(features["test"].cpu().numpy(), truth)),
    }


def _moved(net: Blocks, source: Blocks, count: int) -> float:
    """Relative length of the change of the borrowed weights, mean over blocks."""

    def flat(block: nn.Module) -> Tensor:
        return torch.cat([p.detach().flatten() for p in block.parameters()])

    pairs = [(flat(mine), flat(theirs)) for mine, theirs in zip(net.blocks[:count], source.blocks)]
    return float(np.mean([float((a - b).norm() / b.norm()) for a, b in pairs]))
