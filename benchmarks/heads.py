"""Heads of several seeds trained together against one after the other, in one run.

python benchmarks/heads.py [--heads 10] [--dim 256]
"""

import argparse
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
from results import Figure, keep

from lt_lib.lab.record.spec import Backbone, Optimizer, Seeds
from lt_lib.lab.train.heads import train_heads
from lt_lib.lab.train.loop import Task


def main() -> None:
    """Print seconds and the ratio."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--heads", type=int, default=10)
    parser.add_argument("--dim", type=int, default=256)
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    n, classes = 5000, 50
    gen = torch.Generator().manual_seed(0)
    features = torch.randn(n, options.dim, generator=gen).half()
    labels = torch.randint(0, classes, (n,), generator=gen)
    pairs = np.stack([np.arange(n), np.zeros(n, int)], 1)
    group = [
        Task(
            "probe",
            Optimizer(epochs=5),
            pairs[:4000],
            pairs[4000:],
            Seeds(subset=s, init=s, order=s),
            Backbone(name="none"),
        )
        for s in range(options.heads)
    ]
    rows = [(torch.arange(4000), torch.arange(4000, 5000))] * options.heads

    def timed(groups: list) -> float:
        start = time.perf_counter()
        for i, part in enumerate(groups):
            with tempfile.TemporaryDirectory() as folder:
                train_heads(
                    part,
                    rows[: len(part)],
                    features,
                    labels,
                    features[4000:],
                    labels[4000:],
                    classes,
                    Path(folder) / f"{i}.pt",
                )
        return time.perf_counter() - start

    timed([group[:1]])
    alone, together = timed([[member] for member in group]), timed([group])
    if options.write:
        keep(
            "heads",
            [Figure(f"{options.heads} heads of a published recipe together", "one by one", alone / together)],
        )
    print(
        f"{options.heads} heads, {options.dim} features, {torch.get_num_threads()} threads: "
        f"alone {alone:.1f} s, together {together:.1f} s, ratio {alone / together:.2f}"
    )


if __name__ == "__main__":
    main()
