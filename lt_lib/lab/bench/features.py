"""Features of own images from a frozen network, kept by the content of each file: a second comparison, and
one that was killed, computes only what is new."""

import contextlib
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Lock

import numpy as np
import torch
from torch import Tensor

from lt_lib.errors import LabError, nearest
from lt_lib.lab.bench.bands import pixels, why
from lt_lib.lab.bench.reading import Own, large_enough
from lt_lib.lab.record.digests import digest
from lt_lib.lab.record.files import is_whole
from lt_lib.lab.record.paths import cache_root
from lt_lib.lab.record.spec import Backbone, Precision, Pretraining
from lt_lib.lab.train.backbones import backbone_network
from lt_lib.lab.train.device import device, keep_memory, normalisation, prepare
from lt_lib.models import fold_batchnorm, pad_evenly
from lt_lib.progress import Progress, say

NETWORKS = {  # registered weights and the side of their images
    "tf_efficientnet_lite0": ("efficientnet_lite0_imagenet", 224),
    "tf_efficientnet_lite1": ("efficientnet_lite1_imagenet", 240),
    "tf_efficientnet_lite2": ("efficientnet_lite2_imagenet", 260),
    "mobilenetv2_100": ("mobilenetv2_100_imagenet", 224),
    "test_efficientnet": (Pretraining(data="digits50_source", epochs=4, seed=0), 32),  # tiny, of digits
}
CHUNK, BATCH = 256, 32
DECODING = Lock()  # a decoder's warnings are caught for the whole process, so one decodes at a time
Row = tuple[str, np.ndarray, list[str]]  # key, features and remarks of an image


def backbone(network: str) -> Backbone:
    """The spec of a network: one of NETWORKS, or any of timm with its own weights and side.

    Raises:
        LabError: timm has no such network, or no weights of it.
    """
    if network in NETWORKS:
        weights, side = NETWORKS[network]
        return Backbone(name=network, pretrained=weights, resolution=side)
    import timm

    if not timm.is_model(network):
        known = [*NETWORKS, *timm.list_models()]
        raise LabError(f"neither here nor in timm is a network {network!r}{nearest(network, known)}")
    if not timm.is_model_pretrained(network):
        raise LabError(f"timm has no weights of {network}{nearest(network, timm.list_pretrained())}")
    side = timm.get_pretrained_cfg(network).input_size[-1]
    return Backbone(name=network, pretrained=True, resolution=side)


@dataclass(frozen=True)
class Eye:
    """A frozen network and how it wants its images."""

    spec: Backbone
    net: torch.nn.Module
    mean: Tensor
    std: Tensor
    scale: np.ndarray | None = None

    @classmethod
    def of(
        cls,
        network: str,
        bands: int = 3,
        scale: np.ndarray | None = None,
        precision: Precision = "float32",
    ) -> "Eye":
        """The network with its weights, for images of some bands.

        Args:
            scale: (2, C) of :func:`lt_lib.lab.bench.bands.scale_of`; None for pictures.
            precision: of the network's weights and products, "float32" or "bf16".

        Raises:
            DataError, LabError: no such network, its weights are not at hand, or it takes RGB alone.
        """
        spec = backbone(network)
        turn = torch.arange(bands) % 3  # as its filters of red, green and blue are repeated
        mean, std = (level[turn.to(level.device)] for level in normalisation(spec))
        eye = cls.around(spec, network_of(spec, bands), mean, std, scale)
        return eye if precision == "float32" else replace(eye, net=eye.net.bfloat16())

    @classmethod
    def around(
        cls, spec: Backbone, net: torch.nn.Module, mean: Tensor, std: Tensor, scale: np.ndarray | None
    ) -> "Eye":
        """A network that is there, its normalisations folded into its convolutions."""
        keep_memory()
        noise = torch.randint(
            0, 256, (4, len(mean), spec.resolution, spec.resolution), dtype=torch.uint8, device=device()
        )
        example = prepare(noise, spec.resolution, mean, std)
        return cls(spec, pad_evenly(fold_batchnorm(net.eval(), example), example), mean, std, scale)

    @torch.inference_mode()
    def look(self, pixels: list[np.ndarray]) -> np.ndarray:
        """(M, D) float16 of M images (side, side, C) uint8."""
        x = torch.from_numpy(np.stack(pixels)).permute(0, 3, 1, 2).to(device())
        x = prepare(x, self.spec.resolution, self.mean, self.std)
        return self.net(x.to(next(self.net.parameters()).dtype)).half().cpu().numpy()

    def pixels(self, file: Path) -> tuple[np.ndarray, list[str]]:
        """An image as `look` takes it, and what was done to it; see :func:`lt_lib.lab.bench.bands.pixels`."""
        return pixels(file, self.spec.resolution, len(self.mean), self.scale)


def network_of(spec: Backbone, bands: int = 3) -> torch.nn.Module:
    """The network of a spec, its first convolution for C bands.

    Raises:
        LabError: its weights are not at hand, or it takes RGB alone.
    """
    try:
        net = backbone_network(spec).eval()
    except LabError:
        if spec.pretrained is not True:
            raise
        raise LabError(
            f"the weights of {spec.name} are neither in timm's cache nor reachable. Run this once with a "
            f"network connection, or take one of {', '.join(NETWORKS)} (`lt data add NAME --from FILE`)"
        ) from None
    return _adapted(net, bands)


def _adapted(net: torch.nn.Module, bands: int) -> torch.nn.Module:
    """The network with its first convolution for C bands, as timm makes it: filters repeated over the bands,
    and scaled so that the sum stays."""
    if bands == 3:
        return net
    from timm.models import adapt_input_conv

    first = net.pretrained_cfg.get("first_conv")
    conv = net.get_submodule(first) if isinstance(first, str) else None
    if not isinstance(conv, torch.nn.Conv2d) or conv.in_channels != 3 or conv.groups != 1:
        raise LabError(f"this network takes RGB alone, not {bands} bands; take one of {', '.join(NETWORKS)}")
    conv.weight = torch.nn.Parameter(adapt_input_conv(bands, conv.weight.detach()))
    conv.in_channels = bands
    return net


def features(own: Own, network: str, precision: Precision = "float32") -> tuple[Own, Tensor]:
    """The images that can be read, with notes of what was done to them, and (N, D) float32, their features,
    by products of a precision.

    Raises:
        LabError: weights are not at hand, or the cache cannot be written.
        DataError: fewer than two classes are left.
    """
    folder = _folder(own, network, precision)
    known, gone = _kept(folder), {}
    missing = [i for i, key in enumerate(own.keys) if key not in known]
    if missing:
        eye, found = Eye.of(network, own.bands, own.scale, precision), []
        parts = [missing[first : first + BATCH] for first in range(0, len(missing), BATCH)]
        with Progress(len(missing), f"features by {network}", "image") as bar, _workers() as workers:
            for part, rows in zip(parts, workers.map(lambda p: _look(eye, own, p, gone), parts), strict=True):
                found += rows
                if len(found) >= CHUNK or part is parts[-1]:
                    _keep(folder, found)
                    known |= {key: (row, remarks) for key, row, remarks in found}
                    found = []
                bar.update(len(part))
    own = own.without(gone)
    own.notes += own.remarked({i: known[key][1] for i, key in enumerate(own.keys)})
    if own.bands != 3:
        own.notes.append(
            f"The first convolution of {network} was adapted to {own.bands} bands: its filters of red, green "
            "and blue repeated over them. It has never seen such images; trained as a whole it may do better."
        )
    if precision == "bf16":
        own.notes.append(
            f"Features of {network} were computed in bf16, some hundredths off those in float32, in which "
            "the kept model looks at images, so a few of its predictions may differ."
        )
    own = large_enough(own)
    return own, torch.from_numpy(np.stack([known[key][0] for key in own.keys]).astype(np.float32))


def _folder(own: Own, network: str, precision: Precision) -> Path:
    """Where features are kept: another for each network, scale of bands, and precision."""
    spec = backbone(network).model_dump(mode="json")
    scale = None if own.scale is None else own.scale.tolist()
    known = [spec, scale] if precision == "float32" else [spec, scale, precision]
    return cache_root() / "own" / f"{network}-{digest(known)[7:19]}"


@contextlib.contextmanager
def _workers() -> Iterator[ThreadPoolExecutor]:
    """Two, each with half of torch's threads: one decodes while the other's images pass the network. A single
    one where torch has one thread."""
    threads = torch.get_num_threads()
    count = min(2, threads)
    torch.set_num_threads(threads // count)
    try:
        with ThreadPoolExecutor(count) as workers:
            yield workers
    finally:
        torch.set_num_threads(threads)


def _look(eye: Eye, own: Own, part: list[int], gone: dict[int, str]) -> list[Row]:
    """Key, features and remarks of the images that can be read; of the others why not."""
    seen = {}
    with DECODING:
        for i in part:
            try:
                seen[i] = pixels(own.files[i], eye.spec.resolution, own.bands, own.scale)
            except Exception as error:  # a decoder of a damaged file raises whatever comes
                gone[i] = why(error)
    rows = eye.look([image for image, _ in seen.values()]) if seen else ()
    return [(own.keys[i], row, remarks) for (i, (_, remarks)), row in zip(seen.items(), rows, strict=True)]


def _kept(folder: Path) -> dict[str, tuple[np.ndarray, list[str]]]:
    found = {}
    for path in sorted(folder.glob("*.npz")) if folder.is_dir() else []:
        try:
            if not is_whole(path):
                raise ValueError("damaged")
            with np.load(path) as chunk:
                said = [text.splitlines() for text in chunk["remarks"].tolist()]
                rows = zip(chunk["rows"], said, strict=True)
                found |= dict(zip(chunk["keys"].tolist(), rows, strict=True))
        except Exception:
            say(f"{path}: damaged, its features are computed again")
            with contextlib.suppress(OSError):
                path.unlink()
    return found


def _keep(folder: Path, found: list[Row]) -> None:
    if not found:
        return
    keys, rows, remarks = zip(*found, strict=True)
    path = folder / f"{uuid.uuid4().hex}.npz"
    temporary = path.with_suffix(".tmp")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with open(temporary, "wb") as file:
            said = np.array(["\n".join(some) for some in remarks])
            np.savez(file, keys=np.array(keys), rows=np.stack(rows), remarks=said)
        temporary.replace(path)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise LabError(
            f"cannot keep features in {folder}: {error.strerror}; free some space or set LT_CACHE"
        ) from None
