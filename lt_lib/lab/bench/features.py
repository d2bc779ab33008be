"""Features of own images from a frozen network, kept by the content of each file: a second comparison, and
one that was killed, computes only what is new."""

import uuid
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from lt_lib.data.image_folder import read_image
from lt_lib.errors import LabError
from lt_lib.lab.bench.reading import Own, large_enough
from lt_lib.lab.record.digests import digest
from lt_lib.lab.record.paths import cache_root
from lt_lib.lab.record.spec import Backbone
from lt_lib.lab.train.backbones import backbone_network
from lt_lib.lab.train.device import device, keep_memory, normalisation, prepare
from lt_lib.models import fold_batchnorm
from lt_lib.progress import Progress, say

NETWORKS = {  # registered weights and the side of their images
    "tf_efficientnet_lite0": ("efficientnet_lite0_imagenet", 224),
    "tf_efficientnet_lite1": ("efficientnet_lite1_imagenet", 240),
    "tf_efficientnet_lite2": ("efficientnet_lite2_imagenet", 260),
    "mobilenetv2_100": ("mobilenetv2_100_imagenet", 224),
}
CHUNK, BATCH = 256, 32


def backbone(network: str) -> Backbone:
    """The spec of a network: one of NETWORKS, or any of timm with its own weights."""
    weights, side = NETWORKS.get(network, (True, 224))
    return Backbone(name=network, pretrained=weights, resolution=side)


@dataclass(frozen=True)
class Eye:
    """A frozen network and how it wants its images."""

    spec: Backbone
    net: torch.nn.Module
    mean: Tensor
    std: Tensor

    @classmethod
    def of(cls, network: str) -> "Eye":
        spec = backbone(network)
        keep_memory()
        mean, std = normalisation(spec)
        noise = torch.randint(
            0, 256, (4, 3, spec.resolution, spec.resolution), dtype=torch.uint8, device=device()
        )
        example = prepare(noise, spec.resolution, mean, std)
        return cls(spec, fold_batchnorm(backbone_network(spec).eval(), example), mean, std)

    @torch.inference_mode()
    def look(self, pixels: list[np.ndarray]) -> np.ndarray:
        """(M, D) float16 of M images (side, side, 3) uint8."""
        x = torch.from_numpy(np.stack(pixels)).permute(0, 3, 1, 2).to(device())
        return self.net(prepare(x, self.spec.resolution, self.mean, self.std)).half().cpu().numpy()


def features(own: Own, network: str) -> tuple[Own, Tensor]:
    """The images that can be read, and (N, D) float32, their features.

    Raises:
        LabError: weights are not at hand, or the cache cannot be written.
        DataError: fewer than two classes are left.
    """
    spec = backbone(network)
    folder = cache_root() / "own" / f"{network}-{digest(spec.model_dump(mode='json'))[7:19]}"
    known, gone = _kept(folder), {}
    missing = [i for i, key in enumerate(own.keys) if key not in known]
    if missing:
        eye, done, keys, rows = Eye.of(network), [], [], []
        with Progress(len(missing), f"features by {network}", "image") as bar:
            for first in range(0, len(missing), BATCH):
                part = missing[first : first + BATCH]
                pixels = {i: _pixels(own.files[i], spec.resolution, gone, i) for i in part}
                done = [i for i in part if pixels[i] is not None]
                if done:
                    rows.append(eye.look([pixels[i] for i in done]))
                    keys += [own.keys[i] for i in done]
                if len(keys) >= CHUNK or first + BATCH >= len(missing):
                    _keep(folder, keys, rows)
                    keys, rows = [], []
                bar.update(len(part))
        known = _kept(folder)
    own = large_enough(own.without(gone))
    return own, torch.from_numpy(np.stack([known[key] for key in own.keys]).astype(np.float32))


def _pixels(file: Path, side: int, gone: dict[int, str], at: int) -> np.ndarray | None:
    try:
        return read_image(file, side)[0]
    except Exception as error:  # a decoder of a damaged file raises whatever comes
        deep = "more than 8 bits" in str(error)
        gone[at] = "left out, of more than 8 bits a channel" if deep else "left out, unreadable"
        return None


def _kept(folder: Path) -> dict[str, np.ndarray]:
    found: dict[str, np.ndarray] = {}
    for path in sorted(folder.glob("*.npz")) if folder.is_dir() else []:
        try:
            with np.load(path) as chunk:
                found |= dict(zip(chunk["keys"].tolist(), chunk["rows"], strict=True))
        except Exception:
            say(f"{path}: damaged, its features are computed again")
            path.unlink(missing_ok=True)
    return found


def _keep(folder: Path, keys: list[str], rows: list[np.ndarray]) -> None:
    if not keys:
        return
    path = folder / f"{uuid.uuid4().hex}.npz"
    temporary = path.with_suffix(".tmp")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with open(temporary, "wb") as file:
            np.savez(file, keys=np.array(keys), rows=np.concatenate(rows))
        temporary.replace(path)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise LabError(
            f"cannot keep features in {folder}: {error.strerror}; free some space or set LT_CACHE"
        ) from None
