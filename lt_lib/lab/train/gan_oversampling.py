"""Counterfeits: a DC-GAN for each rare class, the tiles that fill the classes up, and how good they are.

A generator is trained once for the training tiles of a class and kept in the cache; every row that fills up
the same tiles shares it."""

import io
import time
from pathlib import Path

import numpy as np
import torch
from filelock import FileLock
from torch import Tensor

from lt_lib import data as datasets
from lt_lib.errors import BudgetEnded, LabError
from lt_lib.gan import Generator, fit_dcgan, memorisation, sample, tile_distance
from lt_lib.lab.record.digests import code_digest, digest
from lt_lib.lab.record.paths import cache_root
from lt_lib.lab.record.records import atomic_write
from lt_lib.lab.train.features import device
from lt_lib.lab.train.recipes import Task, centre_crops
from lt_lib.lab.train.training import Outcome
from lt_lib.progress import Progress, say

SIDE = 64  # of the tiles a DC-GAN draws, pixels
GRID = 64  # tiles kept of each epoch that is shown
MOMENTS = (0, 0.1, 0.3, 1)  # shares of the training after which tiles are kept
JUDGED = 500  # most tiles that a measure of quality is taken over


def fill(task: Task, dataset: datasets.ImageSet, deadline: float | None = None) -> tuple[Tensor, Tensor]:
    """Counterfeits that bring every class of a task's training list to the size of the largest.

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
        made = _generator(task, dataset, int(label), deadline)
        images.append(sample(made["generator"], missing, seed=1 + task.seeds.init))
        labels.append(torch.full((missing,), int(label)))
    return torch.cat(images), torch.cat(labels)


def measure(
    task: Task, dataset: datasets.ImageSet, checkpoint: Path | None = None, deadline: float | None = None
) -> Outcome:
    """Train the generator of one class and judge it by test tiles of that class, which it has never seen.

    Returns:
        Outcome: `history` has the losses by epoch, the distance by moment and `quality`, `logits` the tiles
        kept over training, `weights` those of the generator.
    """
    label, bands = task.target_class, task.recipe.bands
    made = _generator(task, dataset, label, deadline)
    real = _tiles(task, dataset, label)
    unseen = np.flatnonzero(np.asarray(dataset.labels("test"))[: task.recipe.test_tiles] == label)[:JUDGED]
    if len(unseen) < 3:
        raise LabError(
            f"class {dataset.classes[label]} has {len(unseen)} test tiles; three are needed to judge counterfeits: "
            "raise recipe.test_tiles"
        )
    held = centre_crops(dataset.images("test"), unseen, bands, SIDE)
    drawn = sample(made["generator"], min(JUDGED, max(100, len(held))), seed=1 + task.seeds.init)
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
    by_moment = [tile_distance(held, tiles)[0] for tiles in made["grids"]]
    history = {**made["history"], "moments": made["moments"], "distance": by_moment, "quality": quality}
    return Outcome(
        logits={"grids": made["grids"]},
        epochs={},
        history=history,
        weights=made["generator"].state_dict(),
        images_per_s=made["images_per_s"],
    )


def summarise(outcome: Outcome, counts: list[int]) -> dict:
    """The parts of a record that hold numbers, for a generator: no confusion, one selection."""
    return {
        "metrics": {"last": outcome.history.pop("quality")},
        "per_class": {"train_counts": [float(n) for n in counts]},
        "confusion": [],
    }


def _tiles(task: Task, dataset: datasets.ImageSet, label: int) -> Tensor:
    own = np.asarray(dataset.labels("train"))[task.train[:, 0]]
    return centre_crops(dataset.images("train"), task.train[own == label, 0], task.recipe.bands, SIDE)


def _generator(task: Task, dataset: datasets.ImageSet, label: int, deadline: float | None) -> dict:
    """The generator of a class with its history and tiles kept over training: from the cache, or trained
    now."""
    gan, tiles = task.recipe.gan, _tiles(task, dataset, label)
    if len(tiles) < 2:
        raise LabError(
            f"class {dataset.classes[label]} has {len(tiles)} training tiles, too few for a DC-GAN; raise recipe.tiles"
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
    folder = cache_root() / "generators"
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise LabError(
            f"cannot create {folder}: {error.strerror}; set LT_CACHE to a folder you can write"
        ) from None
    path = folder / f"{dataset.name}-{label}-{key[7:19]}.pt"
    with FileLock(path.with_suffix(".lock")):
        if not path.is_file():
            say(
                f"training counterfeiters of class {dataset.classes[label]} of {dataset.name} (kept for later)"
            )
            _fit(gan, tiles, task.seeds.init, path, deadline)
    made = torch.load(path, map_location="cpu", weights_only=True)
    generator = Generator(tiles.shape[1], gan.latent, gan.width)
    generator.load_state_dict(made["generator"])
    return made | {"generator": generator.to(device()).eval()}


def _fit(gan, tiles: Tensor, seed: int, path: Path, deadline: float | None) -> None:
    """Train a DC-GAN and write generator, history and tiles of a few moments; an interrupted training goes on
    where it was."""
    part, started = path.with_suffix(".part"), time.monotonic()
    moments = sorted({max(1, round(share * gan.epochs)) for share in MOMENTS})
    resume = torch.load(part, map_location="cpu", weights_only=True) if part.is_file() else None
    grids = resume.pop("grids") if resume else {}
    first = len(resume["history"]["d_real"]) if resume else 0
    with Progress(gan.epochs, f"DC-GAN on {len(tiles)} tiles", "epoch") as bar:
        bar.update(first)

        def keep(epoch: int, generator: Generator, history: dict) -> None:
            if epoch in moments:
                grids[epoch] = sample(generator, GRID, seed=seed)
            bar.update()
            if deadline is not None and time.monotonic() > deadline and epoch < gan.epochs:
                _write(part, state | {"grids": grids})
                raise BudgetEnded

        state: dict = {}
        try:
            fitted = fit_dcgan(
                tiles,
                latent=gan.latent,
                width=gan.width,
                epochs=gan.epochs,
                batch_size=gan.batch_size,
                lr=gan.lr,
                seed=seed,
                device=device(),
                on_epoch=keep,
                on_state=state.update,
                resume=resume,
            )
        except FloatingPointError as error:
            raise LabError(f"{error}; in an experiment file that is recipe.gan.lr") from None
    speed = (gan.epochs - first) * len(tiles) / max(time.monotonic() - started, 1e-9)
    _write(
        path,
        {
            "generator": fitted.generator.state_dict(),
            "history": fitted.history,
            "moments": moments,
            "images_per_s": speed,
            "grids": torch.stack([grids[epoch] for epoch in moments]),
        },
    )
    part.unlink(missing_ok=True)


def _write(path: Path, content: dict) -> None:
    buffer = io.BytesIO()
    torch.save(content, buffer)
    atomic_write(path, buffer.getvalue())
