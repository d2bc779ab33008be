"""The transform of SIGN, two step counts from one pass, against the passes it cannot do without and against
the naive loop, in one run on one thread.

    python benchmarks/sign.py [--rounds 5] [--images 32] [--steps 100]

MobileNetV2 at 32 x 32, random weights, eval mode: no time depends on the values. `bare` are as many forward
passes and gradients for the images as the larger K has steps, and nothing else. `naive` starts anew for each
K, calls `backward`, and so computes the gradients of the weights as well. Time is the thread's own, so that
the other work of a shared machine weighs less. Rounds alternate; medians count."""

import argparse
import statistics
import time

import torch
from results import Figure, keep

from lt_lib.models import create
from lt_lib.sign import sign_transform


def bare(features, x: torch.Tensor, steps: int) -> None:
    """Forward passes and gradients for the images."""
    for _ in range(steps):
        at = x.detach().requires_grad_()
        torch.autograd.grad(features(at).sum(), at)


def naive(features, x: torch.Tensor, counts: list[int]) -> list[torch.Tensor]:
    """The transform as one would first write it."""
    found = []
    for steps in counts:
        image = x.clone()
        for _ in range(steps):
            image.requires_grad_()
            features(image).sum().backward()
            image = (image + image.grad).detach()
        found.append(image)
    return found


def main() -> None:
    """Print seconds and ratios."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--images", type=int, default=32)
    parser.add_argument("--steps", type=int, default=100)
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    features = create("mobilenetv2_100", 0).eval()
    x = torch.rand(options.images, 3, 32, 32)
    counts = [options.steps // 2, options.steps]
    runs = {
        "ours": lambda: sign_transform(features, x, counts),
        "bare": lambda: bare(features, x, options.steps),
        "naive": lambda: naive(features, x, counts),
    }
    taken = {name: [] for name in runs}
    for _ in range(options.rounds + 1):  # one to warm up
        for name, run in runs.items():
            start = time.thread_time()
            run()
            taken[name].append(time.thread_time() - start)
    seconds = {name: statistics.median(times[1:]) for name, times in taken.items()}
    if options.write:
        figures = [
            Figure(
                f"SIGN transform, K = {counts[0]} and {counts[1]}",
                f"{options.steps} bare passes with image gradients",
                seconds["ours"] / seconds["bare"],
                "as long",
                1.1,
                at_most=True,
            ),
            Figure(
                "SIGN transform, both K from one pass",
                "each K by itself, weights' gradients as well",
                seconds["naive"] / seconds["ours"],
            ),
        ]
        keep("sign", figures)
    print(f"K = {counts[0]} and {counts[1]} of {options.images} images: {seconds['ours']:.2f} s")
    print(
        f"  over {options.steps} forward passes and image gradients  {seconds['ours'] / seconds['bare']:5.2f}"
    )
    print(f"  the naive loop over ours                      {seconds['naive'] / seconds['ours']:5.2f}")


if __name__ == "__main__":
    main()
