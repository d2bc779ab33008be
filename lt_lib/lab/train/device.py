"""The device, and images on it: whole splits are moved there once, batches are cut, cropped and normalised
there."""

import ctypes
import sys
from dataclasses import dataclass, field

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from lt_lib import data as datasets
from lt_lib.lab.record.spec import Backbone


def device() -> torch.device:
    """The device everything runs on: CUDA where there is one, else the CPU."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def autocast(precision: str) -> torch.autocast:
    """Context in which the products of a network's layers are of a precision, "float32" or "bf16"; see
    `lt_lib.lab.record.spec.Optimizer`."""
    return torch.autocast(device().type, torch.bfloat16, enabled=precision == "bf16")


def keep_memory() -> None:
    """Ask glibc to keep freed memory: large activations are then not mapped and zeroed anew for every
    batch."""
    if sys.platform == "linux":
        try:
            libc = ctypes.CDLL("libc.so.6")
            for option, value in (
                (-4, 0),
                (-1, 2**31 - 1),
                (-2, 2**29),
            ):  # M_MMAP_MAX, M_TRIM_THRESHOLD, M_TOP_PAD
                libc.mallopt(option, value)
        except OSError:
            pass


def prepare(images: Tensor, resolution: int, mean: Tensor, std: Tensor) -> Tensor:
    """uint8 (N, C, H, W) to normalised float at `resolution`, channels last, on the device of `images`."""
    x = images.float().div_(255)
    if x.shape[-1] != resolution:
        x = F.interpolate(
            x,
            size=(resolution, resolution),
            mode="bilinear",
            align_corners=False,
            antialias=x.shape[-1] > resolution,
        )
    return ((x - mean) / std).contiguous(memory_format=torch.channels_last)


def normalisation(backbone: Backbone) -> tuple[Tensor, Tensor]:
    """Mean and standard deviation (3, 1, 1) that a backbone's weights expect, for inputs in [0, 1]."""
    mean, std = (0.5, 0.5, 0.5), (0.5, 0.5, 0.5)
    if isinstance(backbone.pretrained, str):
        entry = datasets.describe(backbone.pretrained)
        mean, std = entry.mean, entry.std
    elif backbone.pretrained is True:
        import timm

        cfg = timm.get_pretrained_cfg(backbone.name)
        mean, std = cfg.mean, cfg.std
    return (
        torch.tensor(mean, device=device()).view(3, 1, 1),
        torch.tensor(std, device=device()).view(3, 1, 1),
    )


@dataclass
class Images:
    """uint8 images (N, 3, H, W) and labels (N,) on the device."""

    pixels: Tensor
    labels: Tensor
    size: int = field(init=False)

    def __post_init__(self):
        self.size = self.pixels.shape[-1]


def on_device(images: np.ndarray, labels: np.ndarray) -> Images:
    """Move a split to the device once; batches are cut and augmented there."""
    pixels = torch.from_numpy(np.array(images)).permute(0, 3, 1, 2).to(device())
    return Images(pixels.contiguous(), torch.as_tensor(np.asarray(labels), device=device()))


def crop_flip(x: Tensor, gen: torch.Generator, pad: int = 4) -> Tensor:
    """Random crop after zero padding and random horizontal flip of each image of a uint8 batch (N, C, H,
    W)."""
    n, _, h, w = x.shape
    padded = F.pad(x, (pad, pad, pad, pad))
    top, left = (torch.randint(0, 2 * pad + 1, (n, 1), generator=gen).to(x.device) for _ in range(2))
    flip = (torch.rand(n, 1, generator=gen) < 0.5).to(x.device)
    columns = torch.arange(w, device=x.device).expand(n, w)
    columns = torch.where(flip, w - 1 - columns, columns) + left
    rows = torch.arange(h, device=x.device).expand(n, h) + top
    batch = torch.arange(n, device=x.device).view(n, 1, 1)
    return padded.permute(0, 2, 3, 1)[batch, rows.unsqueeze(2), columns.unsqueeze(1)].permute(0, 3, 1, 2)
