"""Backbones: networks of timm with registered weights, timm's own, or weights trained here once on embedded
data and kept."""

from pathlib import Path

import numpy as np
import torch
from filelock import FileLock

from lt_lib import data as datasets
from lt_lib.errors import LabError
from lt_lib.lab.record.digests import code_digest, digest
from lt_lib.lab.record.files import atomic_write, is_kept, sealed
from lt_lib.lab.record.paths import cache_root
from lt_lib.lab.record.spec import Backbone, Optimizer, Pretraining, Seeds
from lt_lib.lab.train.device import device, on_device
from lt_lib.lab.train.networks import train_network
from lt_lib.models import create, keep_norms_frozen
from lt_lib.progress import say


def backbone_network(
    backbone: Backbone, num_classes: int = 0, deadline: float | None = None
) -> torch.nn.Module:
    """The network of a backbone spec with its weights, on the device; `num_classes` > 0 adds a fresh linear
    head.

    Raises:
        LabError: weights are not at hand; names the command or the option that provides them.
    """
    options, weights = {}, backbone.pretrained
    if isinstance(weights, str):
        entry = datasets.describe(weights)
        if entry.timm_name != backbone.name:
            raise LabError(f"weights {weights} belong to {entry.timm_name}, not to {backbone.name}")
        options, weights = dict(entry.create_kwargs), datasets.weights_path(weights)
    elif isinstance(weights, Pretraining):
        weights = pretrained_here(backbone, deadline)
    try:
        net = create(backbone.name, num_classes, pretrained=weights, **options)
    except (OSError, ValueError) as error:
        raise LabError(
            f"{error}. In an experiment file, `pretrained` also takes the name of registered weights "
            "(`lt data list`, `lt data add NAME --from FILE`)"
        ) from None
    if isinstance(backbone.pretrained, str):
        keep_norms_frozen(net)
    return net.to(device(), memory_format=torch.channels_last)


def pretrained_here(backbone: Backbone, deadline: float | None = None) -> Path:
    """File with the weights of a backbone trained by its recipe on embedded data; trained once, then kept in
    the cache."""
    recipe = backbone.pretrained
    source = datasets.load(recipe.data)
    key = digest(
        [
            backbone.name,
            recipe.model_dump(),
            source.digest,
            code_digest("lt_lib.lab.train.backbones:pretrain"),
        ]
    )
    path = cache_root() / "weights" / f"{backbone.name}-{key[7:19]}.safetensors"
    with FileLock(made(path.parent) / f"{path.stem}.lock"):
        if not is_kept(path):
            say(f"pre-training {backbone.name} on {recipe.data} (kept for later)")
            pretrain(backbone, source, path, deadline)
    return path


def pretrain(
    backbone: Backbone, source: datasets.ImageSet, path: Path, deadline: float | None = None
) -> None:
    """Train a backbone from scratch by its recipe and write its weights, head left out, as safetensors."""
    recipe = backbone.pretrained
    labels = np.asarray(source.labels("train"))
    keep = np.arange(len(labels))
    if recipe.n_per_class:
        keep = np.concatenate(
            [np.flatnonzero(labels == k)[: recipe.n_per_class] for k in range(len(source.classes))]
        )
    train = on_device(source.images("train")[np.sort(keep)], labels[np.sort(keep)])
    test = on_device(source.images("test"), source.labels("test"))
    torch.manual_seed(recipe.seed)
    plain = backbone.model_copy(update={"pretrained": False, "resolution": recipe.resolution})
    net = backbone_network(plain, len(source.classes))
    optimizer = Optimizer(
        lr=recipe.lr, epochs=recipe.epochs, batch_size=recipe.batch_size, schedule="one-cycle"
    )
    part, what = path.with_suffix(".part"), f"pre-training {backbone.name}"
    seeds = Seeds(subset=recipe.seed, init=recipe.seed, order=recipe.seed)
    train_network(net, plain, (train, None, test), optimizer, seeds, part, deadline, what)
    net.reset_classifier(0)
    atomic_write(path, sealed({k: v.detach().cpu().contiguous() for k, v in net.state_dict().items()}))
    part.unlink(missing_ok=True)


def made(folder: Path) -> Path:
    """A folder of the cache, created at need.

    Raises:
        LabError: it cannot be.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise LabError(
            f"cannot create {folder}: {error.strerror}; set LT_CACHE to a folder you can write"
        ) from None
    return folder
