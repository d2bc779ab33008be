"""Frozen features with folded batch norms and kept memory against without, in one run.

    python benchmarks/features.py [--resolution 160] [--images 512] [--model mobilenetv2_100]

Memory is kept for the rest of the process once asked for, so the plain way is measured first.
"""

import argparse
import time

import torch
from results import Figure, keep

from lt_lib.lab.train.device import keep_memory
from lt_lib.models import create, fold_batchnorm


def main() -> None:
    """Print images a second and the ratios."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--resolution", type=int, default=160)
    parser.add_argument("--images", type=int, default=512)
    parser.add_argument("--model", default="mobilenetv2_100")
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    torch.manual_seed(0)
    net = create(options.model, 0).eval().to(memory_format=torch.channels_last)
    x = torch.randn(64, 3, options.resolution, options.resolution).contiguous(
        memory_format=torch.channels_last
    )

    def speed(module: torch.nn.Module) -> float:
        with torch.inference_mode():
            module(x)
            start = time.perf_counter()
            for _ in range(max(1, options.images // 64)):
                module(x)
        return 64 * max(1, options.images // 64) / (time.perf_counter() - start)

    plain = speed(net)
    folded = speed(fold_batchnorm(net, x[:4]))
    keep_memory()
    both = speed(fold_batchnorm(net, x[:4]))
    if options.write:
        what, peer = f"frozen features of {options.model}, {options.resolution} px", "the network as it comes"
        figures = [
            Figure(f"{what}: norms folded", peer, folded / plain),
            Figure(f"{what}: and memory kept", peer, both / plain),
        ]
        keep("features", figures)
    print(
        f"{options.model} at {options.resolution} px, {torch.get_num_threads()} threads: plain {plain:.0f} "
        "images/s, "
        f"folded {folded / plain:.2f} times, folded with kept memory {both / plain:.2f} times"
    )


if __name__ == "__main__":
    main()
