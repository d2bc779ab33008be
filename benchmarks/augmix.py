"""AugMix on whole batches against the image-by-image transforms of torchvision and timm, in one run on one
thread.

    python benchmarks/augmix.py [--rounds 9]

Same severity, width and depths for all. torchvision is held to the same nine operators; timm runs as it
comes, with thirteen operators and an interpolation drawn each time, and held to the nine and to bilinear
interpolation. Each is fed what it takes, ready made: a float batch, a list of PIL images or of uint8 tensors.
Ours depends on the size of the batch, the peers do not. Time is the thread's own, so that the other work of a
shared machine weighs less. Rounds alternate; medians count."""

import argparse
import random
import statistics
import time
import warnings
from collections.abc import Callable

import numpy as np
import torch
from PIL import Image
from results import Figure, keep
from timm.data.auto_augment import AugMixAugment, augment_and_mix_transform, augmix_ops
from torchvision import transforms
from torchvision.transforms import v2

from lt_lib.augmix import AugMix

BATCHES = (32, 128, 512)
PEERS = 128  # images a round
NINE = (
    "AutoContrast",
    "Equalize",
    "PosterizeIncreasing",
    "Rotate",
    "SolarizeIncreasing",
    "ShearX",
    "ShearY",
    "TranslateXRel",
    "TranslateYRel",
)


def smooth(n: int, bands: int, size: int) -> torch.Tensor:
    """Images with gradients, on the 8-bit grid."""
    coarse = torch.rand(n, bands, 9, 9)
    return torch.nn.functional.interpolate(coarse, size=(size, size), mode="bilinear").mul(255).round() / 255


def rates(runs: dict[str, tuple[int, Callable]], rounds: int) -> dict[str, float]:
    """Median images per second of each run (images, callable), after one round to warm up."""
    taken = {name: [] for name in runs}
    for _ in range(rounds + 1):
        for name, (_, run) in runs.items():
            start = time.thread_time()
            run()
            taken[name].append(time.thread_time() - start)
    return {name: runs[name][0] / statistics.median(seconds[1:]) for name, seconds in taken.items()}


def main() -> None:
    """Print images per second and ratios."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    warnings.filterwarnings("ignore")
    torch.set_num_threads(1)
    for module in (torch.manual_seed, np.random.seed, random.seed):
        module(0)
    torch.ones(
        31 * 2**18
    )  # as a training step does: the allocator has seen, and from then on keeps, blocks of this size
    method, generator = AugMix(), torch.Generator().manual_seed(0)
    nine = {"severity": 3, "mixture_width": 3, "chain_depth": -1, "all_ops": False}
    bilinear = {
        "translate_pct": 1 / 3,
        "img_mean": (0, 0, 0),
        "magnitude_std": float("inf"),
        "interpolation": Image.Resampling.BILINEAR,
    }
    figures = []
    for size in (32, 65):
        tensors = list((smooth(PEERS, 3, size) * 255).round().to(torch.uint8))
        pictures = [Image.fromarray(image.permute(1, 2, 0).numpy()) for image in tensors]
        peers = {
            "torchvision, PIL": (transforms.AugMix(**nine), pictures),
            "torchvision v2, PIL": (v2.AugMix(**nine), pictures),
            "torchvision v2, uint8": (v2.AugMix(**nine), tensors),
            "timm, PIL": (augment_and_mix_transform("augmix-m3-w3"), pictures),
            "timm, PIL, the nine": (AugMixAugment(augmix_ops(3, bilinear, NINE)), pictures),
        }
        batches = {f"ours, {n} a batch": smooth(n, 3, size) for n in BATCHES} | {
            "ours, 128, 11 bands": smooth(128, 11, size)
        }
        runs = {name: (len(x), lambda x=x: method(x, generator)) for name, x in batches.items()}
        runs |= {
            name: (PEERS, lambda f=f, images=images: [f(image) for image in images])
            for name, (f, images) in peers.items()
        }
        found = rates(runs, options.rounds)
        figures += [
            Figure(
                f"AugMix, {size} px, 128 a batch",
                f"{name}, image by image",
                found["ours, 128 a batch"] / found[name],
                goal=7.0,
            )
            for name in peers
        ]
        print(
            f"{size} px"
            + 41 * " "
            + "ours, by batch, is ... times as fast: "
            + " ".join(f"{n:>6}" for n in BATCHES)
        )
        for name, rate in found.items():
            ratios = " ".join(f"{found[f'ours, {n} a batch'] / rate:6.2f}" for n in BATCHES)
            print(f"  {name:22s} {rate:7.0f} images/s {46 * ' '} {ratios}")
    if options.write:
        keep("augmix", figures)


if __name__ == "__main__":
    main()
