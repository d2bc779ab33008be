"""Frozen backbones: features are computed once per (backbone, resolution, data), kept on disk, and shared by
every head.

A bank holds one float16 row per (split, image, copy). Copy 0 is the image as it is; copy k > 0 is its k-th
augmented version, whose transformation depends on (image, k) alone, so that all seeds and all targets share
the same copies. Rows are written in chunks as they are computed: an interrupted extraction continues where it
stopped."""

import json
import os
import time
import uuid

import numpy as np
import torch
import torch.nn.functional as F
from filelock import FileLock
from torch import Tensor

from lt_lib import data as datasets
from lt_lib.errors import BudgetEnded, LabError
from lt_lib.lab.record.digests import code_digest, digest
from lt_lib.lab.record.files import is_whole
from lt_lib.lab.record.paths import cache_root
from lt_lib.lab.record.spec import Backbone, Pretraining
from lt_lib.lab.train.backbones import backbone_network, made
from lt_lib.lab.train.device import device, keep_memory, normalisation, prepare
from lt_lib.models import fold_batchnorm
from lt_lib.progress import Progress, say

SPLITS = {"train": 0, "test": 1}
CHUNK = 2048


def augmented(images: np.ndarray, pairs: np.ndarray) -> Tensor:
    """Augmented copies as in the released code of `ee443`: each of three changes with probability one half.

    Shift up to 5 % of the side, scale within 15 %, rotation within 15 degrees, borders reflected; red, green
    and blue shifted by up to 15 levels; contrast and brightness within 20 %.

    Args:
        images: (M, H, W, 3) uint8.
        pairs: (M, 2) image index and copy number, from which alone the draws are made.

    Returns:
        (M, 3, H, W) uint8.

    Source: ee443 released notebook (albumentations pipeline); methods.md A13.
    """
    draws = [np.random.default_rng([443, *pair]) for pair in pairs.tolist()]
    on = torch.tensor(np.array([rng.random(3) for rng in draws])) < 0.5
    unit = torch.tensor(np.array([rng.uniform(-1, 1, 9) for rng in draws]), dtype=torch.float32)
    shift, grow, turn, tint, light = (
        unit[:, :2] * 0.1,
        1 + 0.15 * unit[:, 2],
        torch.deg2rad(15 * unit[:, 3]),
        unit[:, 4:7],
        unit[:, 7:],
    )
    plain = torch.from_numpy(np.ascontiguousarray(images)).permute(0, 3, 1, 2).float()
    back = torch.stack(
        [torch.stack([turn.cos(), turn.sin()], 1), torch.stack([-turn.sin(), turn.cos()], 1)], 1
    ) / grow.view(-1, 1, 1)
    grid = F.affine_grid(torch.cat([back, shift.unsqueeze(2)], 2), plain.shape, align_corners=False)
    moved = F.grid_sample(plain, grid, padding_mode="reflection", align_corners=False)
    x = torch.where(on[:, 0].view(-1, 1, 1, 1), moved, plain)
    x = torch.where(on[:, 1].view(-1, 1, 1, 1), x + 15 * tint.view(-1, 3, 1, 1), x)
    lit = x * (1 + 0.2 * light[:, :1, None, None]) + 51 * light[:, 1:, None, None]
    return torch.where(on[:, 2].view(-1, 1, 1, 1), lit, x).round().clamp(0, 255).to(torch.uint8)


class FeatureBank:
    """Features of one backbone on one data set.

    Args:
        backbone: which network, weights and resolution.
        dataset: an `lt_lib.data.ImageSet`.
    """

    def __init__(self, backbone: Backbone, dataset: datasets.ImageSet):
        self.backbone, self.dataset = backbone, dataset
        roots = [
            "lt_lib.lab.train.features:augmented",
            "lt_lib.lab.train.device:prepare",
            "lt_lib.lab.train.device:normalisation",
        ]
        if isinstance(backbone.pretrained, Pretraining):
            roots.append("lt_lib.lab.train.backbones:pretrain")
        identity = [backbone.model_dump(exclude={"stands_in_for"}), dataset.digest, code_digest(*roots)]
        self.folder = (
            cache_root()
            / "features"
            / f"{backbone.name}-{backbone.resolution}-{dataset.name}-{digest(identity)[7:19]}"
        )
        self.images_per_s: float | None = None

    def get(self, keys: np.ndarray, deadline: float | None = None) -> Tensor:
        """Rows for keys (M, 3) of (split, image, copy): (M, D) float16 on the CPU; computes what is missing.

        Raises:
            BudgetEnded: the deadline passed; chunks computed so far are kept.
        """
        keys = np.asarray(keys, dtype=np.int64).reshape(-1, 3)
        wanted, where = np.unique(_pack(keys), return_inverse=True)
        known, _ = self._known()
        missing = wanted[~np.isin(wanted, known)]
        if len(missing):
            with FileLock(made(self.folder) / "bank.lock"):
                known, _ = self._known()
                self._compute(_unpack(wanted[~np.isin(wanted, known)]), deadline)
        known, rows = self._known()
        order = np.argsort(known)
        return torch.from_numpy(rows[order[np.searchsorted(known[order], wanted)]])[torch.from_numpy(where)]

    def _known(self) -> tuple[np.ndarray, np.ndarray]:
        """Packed keys (M,) and rows (M, D) of the chunks that are whole; the others are removed."""
        keys, rows = [], []
        for path in sorted(self.folder.glob("*.npz")) if self.folder.is_dir() else []:
            try:
                if not is_whole(path):
                    raise ValueError("damaged")  # numpy sees it only where it reads all of a file
                with np.load(path) as chunk:
                    packed, feature = chunk["keys"], chunk["rows"]
                if packed.ndim != 1 or feature.ndim != 2 or len(feature) != len(packed):
                    raise ValueError("no chunk of features")
            except Exception:
                say(f"{path}: damaged feature chunk, computed again")
                path.unlink(missing_ok=True)
                continue
            keys.append(packed)
            rows.append(feature)
        if not keys:
            return np.zeros(0, np.int64), np.zeros((0, 1), np.float16)
        return np.concatenate(keys), np.concatenate(rows)

    def _compute(self, keys: np.ndarray, deadline: float | None) -> None:
        if not len(keys):
            return
        keep_memory()
        with torch.random.fork_rng():
            torch.manual_seed(0)  # an untrained backbone is the same one every time
            net = backbone_network(self.backbone, deadline=deadline)
        mean, std = normalisation(self.backbone)
        size = self.backbone.resolution
        example = prepare(
            torch.randint(0, 256, (4, 3, size, size), dtype=torch.uint8, device=device()), size, mean, std
        )
        net = fold_batchnorm(net.eval(), example)
        what = f"features of {self.backbone.name} at {size} px on {self.dataset.name}"
        start = time.monotonic()
        batch = 512 if device().type == "cuda" else 64
        with Progress(len(keys), what, "image") as bar:
            for first in range(0, len(keys), CHUNK):
                chunk = keys[first : first + CHUNK]
                rows = []
                for part in np.array_split(chunk, max(1, -(-len(chunk) // batch))):
                    x = self._pixels(part).to(device())
                    with torch.inference_mode():
                        rows.append(net(prepare(x, size, mean, std)).float().cpu().to(torch.float16).numpy())
                    bar.update(len(part))
                self._write(chunk, np.concatenate(rows))
                if deadline is not None and time.monotonic() > deadline and first + CHUNK < len(keys):
                    raise BudgetEnded
        self.images_per_s = len(keys) / (time.monotonic() - start)

    def _pixels(self, keys: np.ndarray) -> Tensor:
        out = torch.empty((len(keys), 3, *self.dataset.images("train").shape[1:3]), dtype=torch.uint8)
        for name, code in SPLITS.items():
            here = keys[:, 0] == code
            if not here.any():
                continue
            images = np.asarray(self.dataset.images(name)[keys[here, 1]])
            plain = torch.from_numpy(images).permute(0, 3, 1, 2).clone()
            copies = keys[here, 2] > 0
            if copies.any():
                plain[torch.from_numpy(copies)] = augmented(images[copies], keys[here][copies][:, 1:])
            out[torch.from_numpy(here)] = plain
        return out

    def _write(self, keys: np.ndarray, rows: np.ndarray) -> None:
        path = self.folder / f"{uuid.uuid4().hex}.npz"
        temporary = path.with_suffix(".tmp")
        try:
            with open(temporary, "wb") as file:
                np.savez(file, keys=_pack(keys), rows=rows)
            os.replace(temporary, path)
            note = self.folder / "about.json"
            if not note.exists():
                note.write_text(
                    json.dumps(
                        {"backbone": self.backbone.model_dump(mode="json"), "data": self.dataset.digest}
                    )
                )
        except OSError as error:
            temporary.unlink(missing_ok=True)
            raise LabError(
                f"cannot write features to {self.folder}: {error.strerror}; free some space or set LT_CACHE"
            ) from None


def _pack(keys: np.ndarray) -> np.ndarray:
    return (keys[:, 0] << 60) | (keys[:, 1] << 24) | keys[:, 2]


def _unpack(packed: np.ndarray) -> np.ndarray:
    return np.stack([packed >> 60, (packed >> 24) & (2**36 - 1), packed & (2**24 - 1)], axis=1)
