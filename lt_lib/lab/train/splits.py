"""Splits on the device: centre crops of some bands, standardised, in batches; and a network judged on
them."""

import numpy as np
import torch
from torch import Tensor

from lt_lib.lab.train.device import autocast, device
from lt_lib.lab.train.loop import accuracy
from lt_lib.metrics import report_from_confusion


def centre_crops(images: np.ndarray, index: np.ndarray, bands: tuple[int, ...], side: int) -> Tensor:
    """Centre crops of some images, some bands: (M, C, side, side) uint8; read in chunks, so that a mapped
    file is never held whole."""
    height, width, channels = images.shape[1:]
    side = min(side, height, width)
    top, left = (height - side) // 2, (width - side) // 2
    chosen = [band - 1 for band in bands] or list(range(channels))
    out = torch.empty((len(index), len(chosen), side, side), dtype=torch.uint8)
    for first in range(0, len(index), 1024):
        part = np.asarray(images[index[first : first + 1024], top : top + side, left : left + side])
        out[first : first + len(part)] = torch.from_numpy(part[..., chosen]).permute(0, 3, 1, 2)
    return out


def band_statistics(pixels: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and standard deviation of each band in [0, 1] units, (C, 1, 1) each, in float64 sums over
    chunks."""
    total, square, count = 0.0, 0.0, 0
    for part in pixels.split(1024):
        part = part.to(torch.float64).div_(255)
        total, square = total + part.sum((0, 2, 3)), square + part.square().sum((0, 2, 3))
        count += part.numel() // part.shape[1]
    mean = total / count
    spread = (square / count - mean.square()).clamp_min(1e-8).sqrt()
    return mean.float().view(-1, 1, 1), spread.float().view(-1, 1, 1)


class Split:
    """uint8 images (N, C, H, W) on the device if they leave room there, else in memory; `batch` gives them
    standardised."""

    def __init__(self, pixels: Tensor, labels: np.ndarray | Tensor, mean: Tensor, spread: Tensor):
        where = device()
        roomy = where.type != "cuda" or pixels.numel() < 0.4 * torch.cuda.mem_get_info()[0]
        self.pixels = pixels.to(where) if roomy else pixels.pin_memory()
        self.labels = torch.as_tensor(labels).to(where)
        self.mean, self.spread = mean.to(where), spread.to(where)

    def unit(self, index: Tensor | slice) -> Tensor:
        """Images in [0, 1]."""
        index = index.to(self.pixels.device) if isinstance(index, Tensor) else index
        return self.pixels[index].to(self.mean.device, non_blocking=True).float().div_(255)

    def standard(self, x: Tensor) -> Tensor:
        """Zero mean and unit variance a band, channels last."""
        return ((x - self.mean) / self.spread).contiguous(memory_format=torch.channels_last)

    def loader(self, size: int):
        """Standardised batches in order, the last one with what is left."""
        for first in range(0, len(self.labels), size):
            yield self.standard(self.unit(slice(first, first + size)))


def scores(net: torch.nn.Module, split: Split, precision: str) -> Tensor:
    """Logits (N, K) of a split, in eval mode."""
    net.eval()
    with torch.inference_mode(), autocast(precision):
        return torch.cat([net(x).float() for x in split.loader(500)])


def evaluate(
    net: torch.nn.Module, val: Split, test: Split, precision: str
) -> tuple[Tensor, dict[str, float]]:
    """Test logits (N, K), and the curves of one epoch: accuracy on both splits, balanced accuracy on test."""
    logits, held = scores(net, test, precision), scores(net, val, precision)
    k = logits.shape[1]
    matrix = torch.bincount(test.labels * k + logits.argmax(1), minlength=k * k).view(k, k)
    report = report_from_confusion(matrix.cpu())
    return logits, {
        "val_accuracy": accuracy(held, val.labels),
        "test_accuracy": report["accuracy"],
        "test_balanced_accuracy": report["balanced_accuracy"],
    }
