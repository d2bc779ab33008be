"""GAN over-sampling: a DC-GAN for each rare class, the tiles that fill the classes up, and (mode `gan`) how
good they are.

A generator is trained once for the training tiles of a class and kept in the cache; every row that fills up
the same tiles shares it."""

import io
from pathlib import Path

import numpy as np
import torch
from filelock import FileLock
from torch import Tensor

from lt_lib import data as datasets
from lt_lib.errors import LabError
from lt_lib.gan import Generator, memorisation, sample, start_dcgan, tile_distance
from lt_lib.lab.record.digests import code_digest, digest
from lt_lib.lab.record.files import atomic_write, is_kept
from lt_lib.lab.record.paths import cache_root
from lt_lib.lab.record.spec import Spec
from lt_lib.lab.train.backbones import made
from lt_lib.lab.train.device import device
from lt_lib.lab.train.loop import Loop, Outcome, Task
from lt_lib.lab.train.modes import Mode
from lt_lib.lab.train.recipes import tasks, test_labels
from lt_lib.lab.train.splits import centre_crops
from lt_lib.progress import say

SIDE = 64  # of the tiles a DC-GAN draws, pixels
GRID = 64  # tiles kept of each epoch that is shown
MOMENTS = (0, 0.1, 0.3, 1)  # shares of the training after which tiles are kept
JUDGED = 500  # most tiles that a measure of quality is taken over


class Generators(Mode):
    """The generator of one class, judged by test tiles of that class, which it has never seen."""

    def tasks(self, spec: Spec, dataset: datasets.ImageSet) -> tuple[list[Task], list[int]]:
        return tasks(spec, dataset)

    def train(
        self, tasks: list[Task], dataset: datasets.ImageSet, checkpoint: Path, deadline: float | None
    ) -> list[Outcome]:
        (task,) = tasks
        return [measure(task, dataset, deadline)]

    def truth(self, spec: Spec, dataset: datasets.ImageSet) -> np.ndarray:
        return test_labels(spec, dataset)

    def summarise(
        self, outcomes: list[Outcome], truth: np.ndarray, counts: list[int]
    ) -> tuple[dict, dict[str, Tensor]]:
        """No confusion, one selection; the tiles drawn over training are kept beside the record as
        `grids`."""
        (outcome,) = outcomes
        per_class = {"train_counts": [float(n) for n in counts]}
        return {
            "metrics": {"last": outcome.measures},
            "per_class": per_class,
            "confusion": [],
        }, outcome.tensors


def fill(task: Task, dataset: datasets.ImageSet, deadline: float | None = None) -> tuple[Tensor, Tensor]:
    """Generated tiles that bring every class of a task's training list to the size of the largest.

    Returns:
        (E, C, 64, 64) uint8 images and (E,) labels.

    Raises:
        BudgetEnded: the deadline passed; generators trained so far are kept.
        LabError: a class with fewer than two tiles.
    """
    own = np.asarray(dataset.labels("train"))[task.train[:, 0]]
    counts = np.bincount(own, minlength=len(dataset.classes))
    images, labels = [], []
    for label in np.flatnonzero(counts < counts.max()):
        missing = int(counts.max() - counts[label])
        found = _generator(task, dataset, int(label), deadline)
        images.append(sample(found["generator"], missing, seed=1 + task.seeds.init))
        labels.append(torch.full((missing,), int(label)))
    return torch.cat(images), torch.cat(labels)


def measure(task: Task, dataset: datasets.ImageSet, deadline: float | None = None) -> Outcome:
    """Train the generator of one class and judge it by test tiles of that class, which it has never seen.

    Returns:
        Outcome: `history` has the losses by epoch and the distance by moment, `measures` the quality at the
        end, `tensors` the tiles kept over training, `weights` those of the generator.
    """
    label, bands = task.target_class, task.recipe.bands
    found = _generator(task, dataset, label, deadline)
    real = _tiles(task, dataset, label)
    unseen = np.flatnonzero(np.asarray(dataset.labels("test"))[: task.recipe.test_tiles] == label)[:JUDGED]
    if len(unseen) < 3:
        raise LabError(
            f"class {dataset.classes[label]} has {len(unseen)} test tiles; three are needed to judge "
            "counterfeits: "
            "raise recipe.test_tiles"
        )
    held = centre_crops(dataset.images("test"), unseen, bands, SIDE)
    drawn = sample(found["generator"], min(JUDGED, max(100, len(held))), seed=1 + task.seeds.init)
    distance, error = tile_distance(held, drawn)
    floor, floor_error = tile_distance(held, real)
    quality = {
        "distance": distance,
        "distance_error": error,
        "real_distance": floor,
        "real_distance_error": floor_error,
        "train_tiles": len(real),
        "test_tiles": len(held),
        **memorisation(drawn, real, held),
    }
    by_moment = [tile_distance(held, tiles)[0] for tiles in found["grids"]]
    history = {**found["history"], "moments": found["moments"], "distance": by_moment}
    return Outcome(
        logits={},
        epochs={},
        history=history,
        weights=found["generator"].state_dict(),
        images_per_s=found["images_per_s"],
        passes=task.recipe.gan.epochs,
        measures=quality,
        tensors={"grids": found["grids"]},
    )


def _tiles(task: Task, dataset: datasets.ImageSet, label: int) -> Tensor:
    own = np.asarray(dataset.labels("train"))[task.train[:, 0]]
    return centre_crops(dataset.images("train"), task.train[own == label, 0], task.recipe.bands, SIDE)


def _generator(task: Task, dataset: datasets.ImageSet, label: int, deadline: float | None) -> dict:
    """The generator of a class with its history and tiles kept over training: from the cache, or trained
    now."""
    gan, tiles = task.recipe.gan, _tiles(task, dataset, label)
    if len(tiles) < 2:
        raise LabError(
            f"class {dataset.classes[label]} has {len(tiles)} training tiles, too few for a DC-GAN; raise "
            "recipe.tiles"
        )
    own = np.asarray(dataset.labels("train"))[task.train[:, 0]]
    key = digest(
        [
            gan.model_dump(),
            task.recipe.bands,
            label,
            task.train[own == label].tolist(),
            dataset.digest,
            task.seeds.init,
            device().type,
            code_digest("lt_lib.lab.train.gan_oversampling:_fit"),
        ]
    )
    folder = made(cache_root() / "generators")
    path = folder / f"{dataset.name}-{label}-{key[7:19]}.pt"
    with FileLock(path.with_suffix(".lock")):
        if not is_kept(path):
            say(f"training a DC-GAN for class {dataset.classes[label]} of {dataset.name} (kept for later)")
            _fit(gan, tiles, task.seeds.init, path, deadline)
    found = torch.load(path, map_location="cpu", weights_only=True)
    generator = Generator(tiles.shape[1], gan.latent, gan.width)
    generator.load_state_dict(found["generator"])
    return found | {"generator": generator.to(device()).eval()}


def _fit(gan, tiles: Tensor, seed: int, path: Path, deadline: float | None) -> None:
    """Train a DC-GAN and write generator, history and tiles of a few moments."""
    part, moments = (
        path.with_suffix(".part"),
        sorted({max(1, round(share * gan.epochs)) for share in MOMENTS}),
    )
    pair = start_dcgan(
        tiles,
        latent=gan.latent,
        width=gan.width,
        batch_size=gan.batch_size,
        lr=gan.lr,
        seed=seed,
        device=device(),
    )
    grids: dict[int, Tensor] = {}
    what = f"DC-GAN on {len(tiles)} tiles"
    loop = Loop(what, gan.epochs, part, deadline, unit="epoch", state=grids, pair=pair)
    for epoch in loop:
        try:
            pair.train_epoch(tiles)
        except FloatingPointError as error:
            raise LabError(f"{error}; in an experiment file that is recipe.gan.lr") from None
        if epoch + 1 in moments:
            grids[epoch + 1] = sample(pair.generator, GRID, seed=seed)
    buffer = io.BytesIO()
    torch.save(
        {
            "generator": pair.generator.state_dict(),
            "history": pair.history,
            "moments": moments,
            "images_per_s": loop.images_per_s(len(tiles)),
            "grids": torch.stack([grids[epoch] for epoch in moments]),
        },
        buffer,
    )
    atomic_write(path, buffer.getvalue())
    part.unlink(missing_ok=True)
