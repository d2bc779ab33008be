"""Copies of the training images that SIGN makes, or a control in its place.

The network that makes them is trained first, on images alone. It and the copies are kept in the cache, so
that all rows of a seed share them; copies are written chunk by chunk, and an interrupted run goes on from
there."""

import dataclasses
import io
import time
from pathlib import Path
from typing import Any

import torch
from filelock import FileLock
from torch import Tensor, nn

from lt_lib import data as datasets
from lt_lib.errors import BudgetEnded, LabError
from lt_lib.lab.record.digests import code_digest, digest
from lt_lib.lab.record.files import atomic_write, is_kept
from lt_lib.lab.record.paths import cache_root
from lt_lib.lab.train.backbones import made
from lt_lib.lab.train.device import autocast, device
from lt_lib.lab.train.loop import Task, generator
from lt_lib.progress import Progress, say
from lt_lib.sign import sign_transform
from lt_lib.works.sign.fitting import Sets, fit, sets_of
from lt_lib.works.sign.networks import features, network
from lt_lib.works.sign.options import Copies, Regularised

CHUNK, AT_ONCE = 1000, 250


def with_copies(task: Task, dataset: datasets.ImageSet, sets: Sets, deadline: float | None = None) -> Sets:
    """The sets of a task with the copies that its lesson asks for, or, `alone`, with what was added in place
    of the images.

    Raises:
        BudgetEnded: the deadline passed; what is done is kept.
    """
    copies = task.lesson.copies
    net, name, own = trained_maker(task, dataset, deadline)

    def changed(split: str, x: Tensor) -> Tensor:
        return copied(net, own, copies, x, [name, split], task.optimizer.precision, deadline)

    if not copies.alone:
        return sets.with_copies(changed("train", sets.train))
    added = {}
    for split, x in (("train", sets.train), ("val", sets.val[0]), ("test", sets.test[0])):
        added[split] = alone(changed(split, x)[-1], x)
    val, test = ((added[name], labels) for name, (_, labels) in (("val", sets.val), ("test", sets.test)))
    return dataclasses.replace(sets, train=added["train"], val=val, test=test).standardised_anew()


def alone(copies: Tensor, images: Tensor) -> Tensor:
    """What was added to each image, divided by its largest value: (n, C, side, side) in [-1, 1]."""
    added = copies.float() - images.float()
    largest = added.flatten(1).abs().amax(1).view(-1, 1, 1, 1)
    return (added / torch.where(largest > 0, largest, 1)).half()


def trained_maker(
    task: Task, dataset: datasets.ImageSet, deadline: float | None = None
) -> tuple[nn.Module, str, Sets]:
    """The network that makes the copies of a task, in eval mode; a digest of all that went into it; and the
    images it was trained on.

    Raises:
        BudgetEnded: the deadline passed; its training goes on next time.
    """
    backbone = task.lesson.maker or task.backbone
    plain = Regularised(augment=task.lesson.maker_augment)
    roots = ["lt_lib.works.sign.fitting:fit", "lt_lib.works.sign.fitting:sets_of"]
    parts = [backbone.model_dump(exclude={"stands_in_for"}), plain.model_dump(), task.optimizer.model_dump()]
    parts += [task.seeds.model_dump(), task.train.tolist(), task.val.tolist(), dataset.digest]
    name = digest([*parts, code_digest(*roots)])
    own = sets_of(dataclasses.replace(task, backbone=backbone), dataset)
    path = cache_root() / "sign" / f"{backbone.name}-{name[7:19]}.pt"
    with FileLock(made(path.parent) / f"{path.stem}.lock"):
        weights = _kept(path)
        if weights is None:
            say(f"training {backbone.called}, which makes the copies (kept for later)")
            part = path.with_suffix(".part")
            weights = fit(task, backbone, plain, own, part, deadline)[0].state_dict()
            atomic_write(path, _bytes(weights))
            part.unlink(missing_ok=True)
    batches = map(own.standard, own.train[:2000].split(AT_ONCE))
    net = network(backbone, own.num_classes, batches=batches)
    net.load_state_dict(weights)
    return net.eval().requires_grad_(False), name, own


def copied(
    net: nn.Module,
    own: Sets,
    options: Copies,
    images: Tensor,
    named: list[str],
    precision: str,
    deadline: float | None = None,
) -> Tensor:
    """Copies (S, n, C, side, side) float16 of images, one for each step count.

    Args:
        net: in eval mode.
        own: what the network was trained on, which images are standardised by.
        images: (n, C, side, side) in [0, 1].
        named: digests of the network and the name of the split, for the cache.
        precision: of the products in its layers.

    Raises:
        BudgetEnded: the deadline passed; the chunks so far are kept.
    """
    kind = digest([*named, options.model_dump(exclude={"alone"}), len(images), code_digest(_CODE)])
    folder = made(cache_root() / "sign" / f"copies-{kind[7:19]}")
    chunks = []
    with FileLock(folder / "copies.lock"), Progress(len(images), "SIGN copies", "image") as bar:
        for k, part in enumerate(images.split(CHUNK)):
            path = folder / f"{k:05}.pt"
            found = _kept(path)
            if found is None:
                if deadline is not None and time.monotonic() > deadline:
                    raise BudgetEnded
                pieces = enumerate(part.split(AT_ONCE), k * CHUNK)
                found = torch.cat([change(net, own, options, x, at, precision) for at, x in pieces], 1).cpu()
                atomic_write(path, _bytes(found))
            chunks.append(found.to(device()))
            bar.update(len(part))
    return torch.cat(chunks, 1)


_CODE = "lt_lib.works.sign.copies:change"


def change(
    net: nn.Module, own: Sets, options: Copies, x: Tensor, stream: int = 0, precision: str = "float32"
) -> Tensor:
    """Changed images (S, n, C, side, side) float16, by whatever way."""

    def summed(images: Tensor) -> Tensor:
        standard = own.standard(images)
        with autocast(precision):
            return features(net, standard) if options.layer == "penultimate" else net(standard)

    x = x.float()
    found = sign_transform(
        summed,
        x,
        options.steps,
        mode=options.mode,
        step_size=options.reach / (1 if options.mode == "literal" else max(options.steps)),
        clip=(0.0, 1.0) if options.clip else None,
        normalize=options.normalize,
    )
    if options.way == "noise":
        gen = generator("control", stream)
        found = [_noise_as_far(x, copy, gen) for copy in found]
    elif options.way == "contrast":
        found = [_nearest_contrast(x, copy) for copy in found]
    stacked = torch.stack(found)
    stacked = (stacked.clamp(0, 1) if options.clip else stacked).half()
    if not stacked.isfinite().all():
        raise LabError(
            "SIGN copies leave what float16 can hold (65504); lower copies.reach, normalize or clip"
        )
    return stacked


def _noise_as_far(x: Tensor, copy: Tensor, gen: torch.Generator) -> Tensor:
    """Each image moved in a random direction, as far as its copy is."""
    noise = torch.randn(x.shape, generator=gen).to(x)
    far, length = ((copy - x).flatten(1).norm(dim=1), noise.flatten(1).norm(dim=1))
    return x + noise * (far / length).view(-1, 1, 1, 1)


def _nearest_contrast(x: Tensor, copy: Tensor) -> Tensor:
    """Of all a x + b, one a and b an image, that which is nearest to its copy."""
    centred, target = (v - v.mean((1, 2, 3), keepdim=True) for v in (x, copy))
    power = centred.square().sum((1, 2, 3), keepdim=True).clamp_min(1e-12)
    slope = (centred * target).sum((1, 2, 3), keepdim=True) / power
    return slope * centred + copy.mean((1, 2, 3), keepdim=True)


def _kept(path: Path) -> Any:
    """What the cache holds there; None for nothing, or nothing whole."""
    return torch.load(path, map_location="cpu", weights_only=True) if is_kept(path) else None


def _bytes(value) -> bytes:
    buffer = io.BytesIO()
    torch.save(value, buffer)
    return buffer.getvalue()
