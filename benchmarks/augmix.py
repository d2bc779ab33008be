"""AugMix on whole batches against the image-by-image transforms of torchvision and timm, in one run on one thread.

    python benchmarks/augmix.py [--batch 128] [--rounds 9]

Same severity, width and depths for all; torchvision is held to the same nine operators, timm brings thirteen. Each is
fed what it takes, ready made: a float batch, a list of PIL images or of uint8 tensors. Time is the thread's own, so
that the other work of a shared machine weighs less. Rounds alternate; medians count.
"""

import argparse
import random
import statistics
import time
import warnings
from collections.abc import Callable

import numpy as np
import torch
from PIL import Image
from timm.data.auto_augment import augment_and_mix_transform
from torchvision import transforms
from torchvision.transforms import v2

from lt_lib.augmix import AugMix


def smooth(n: int, bands: int, size: int) -> torch.Tensor:
    """Images with gradients, on the 8-bit grid."""
    coarse = torch.rand(n, bands, 9, 9)
    return torch.nn.functional.interpolate(coarse, size=(size, size), mode="bilinear").mul(255).round() / 255


def rates(runs: dict[str, Callable], n: int, rounds: int) -> dict[str, float]:
    """Median images per second of each run, after one round to warm up."""
    taken = {name: [] for name in runs}
    for _ in range(rounds + 1):
        for name, run in runs.items():
            start = time.thread_time()
            run()
            taken[name].append(time.thread_time() - start)
    return {name: n / statistics.median(seconds[1:]) for name, seconds in taken.items()}


def main() -> None:
    """Print images per second and ratios."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--rounds", type=int, default=9)
    options = parser.parse_args()
    warnings.filterwarnings("ignore")
    torch.set_num_threads(1)
    for module in (torch.manual_seed, np.random.seed, random.seed):
        module(0)
    torch.ones(31 * 2**18)  # as a training step does: the allocator has seen, and from then on keeps, blocks of this size
    method, generator = AugMix(), torch.Generator().manual_seed(0)
    nine = {"severity": 3, "mixture_width": 3, "chain_depth": -1, "all_ops": False}
    for size in (32, 65):
        x, wide = smooth(options.batch, 3, size), smooth(options.batch, 11, size)
        tensors = list((x * 255).round().to(torch.uint8))
        pictures = [Image.fromarray(image.permute(1, 2, 0).numpy()) for image in tensors]
        peers = {
            "torchvision, PIL": (transforms.AugMix(**nine), pictures),
            "torchvision v2, PIL": (v2.AugMix(**nine), pictures),
            "torchvision v2, uint8": (v2.AugMix(**nine), tensors),
            "timm, PIL": (augment_and_mix_transform("augmix-m3-w3"), pictures),
        }
        runs = {"ours": lambda x=x: method(x, generator), "ours, 11 bands": lambda x=wide: method(x, generator)}
        runs |= {name: lambda f=f, images=images: [f(image) for image in images] for name, (f, images) in peers.items()}
        found = rates(runs, options.batch, options.rounds)
        for name, rate in found.items():
            print(f"{size} px  {name:22s} {rate:7.0f} images/s   ours is {found['ours'] / rate:5.2f} times as fast")


if __name__ == "__main__":
    main()
