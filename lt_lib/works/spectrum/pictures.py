"""Pictures of committed generators: real tiles above drawn ones, a PNG file beside each record.

    python -m lt_lib.works.spectrum.pictures STORE

writes those of the strongest records on file from the artifacts of the store that they were trained in."""

import io
import sys
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from safetensors.torch import load_file
from torch import Tensor

from lt_lib import data as datasets
from lt_lib.lab.read.evidence import group
from lt_lib.lab.read.findings import on_file
from lt_lib.lab.record.files import atomic_write
from lt_lib.lab.record.paths import evidence_dir
from lt_lib.lab.record.records import Record, Store
from lt_lib.lab.train.recipes import tasks
from lt_lib.lab.train.run import artifact
from lt_lib.lab.train.splits import centre_crops

SIDE, COLUMNS = 64, 8
Pair = tuple[Tensor, Tensor]  # real tiles and drawn ones, (8, 3, 64, 64) uint8 each


def made(record: Record, dataset: datasets.ImageSet, store=None) -> Pair:
    """The first training tiles of a record's class, and the first that its generator drew."""
    return training_tiles(record, dataset)[:COLUMNS], drawn_over_training(record, store)[-1][:COLUMNS]


def training_tiles(record: Record, dataset: datasets.ImageSet) -> Tensor:
    """The centres of the tiles that the generator of a record learned from: (N, 3, 64, 64) uint8."""
    task = tasks(record.spec, dataset)[0][0]
    return centre_crops(dataset.images("train"), task.train[:, 0], record.spec.recipe.bands, SIDE)


def drawn_over_training(record: Record, store=None) -> Tensor:
    """(moments, tiles, 3, 64, 64) uint8 that the generator of a record drew over training."""
    return load_file(artifact(record, store))["grids"]


def kept(record: Record) -> Pair | None:
    """The pictures that lie beside a committed record; None where there are none."""
    path = _place(record)
    if not path.is_file():
        return None
    with Image.open(path) as image:
        pixels = torch.from_numpy(np.array(image.convert("RGB")))
    lines = pixels.reshape(2, SIDE, -1, SIDE, 3).permute(0, 2, 4, 1, 3)
    return lines[0], lines[1]


def keep(record: Record, pair: Pair) -> Path:
    """Write the pictures of a record beside it."""
    pixels = torch.stack(pair).permute(0, 3, 1, 4, 2).reshape(2 * SIDE, -1, 3)
    file = io.BytesIO()
    Image.fromarray(pixels.numpy()).save(file, "PNG", optimize=True)
    atomic_write(path := _place(record), file.getvalue())
    return path


def _place(record: Record) -> Path:
    return Store(evidence_dir()).place(record, record.id).with_suffix(".png")


if __name__ == "__main__":
    for found in on_file("spectrum-fig1b").values():
        (first, *_), *_ = group(found).values()
        print(keep(first, made(first, datasets.load(first.spec.data), sys.argv[1])).name)
