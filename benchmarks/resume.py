"""What checkpoints and a resumption cost: the same training without a checkpoint, with, and stopped halfway
and resumed, in one run on one thread.

    python benchmarks/resume.py [--epochs 24] [--rounds 3]

MobileNetV2 on 2,000 images of 32 x 32, Adam: its checkpoint, with the optimizer's state, is large for the
work of a step. Time is the process's own. Rounds alternate; medians count."""

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import torch
from results import Figure, keep

from lt_lib.errors import BudgetEnded
from lt_lib.lab.record.spec import Backbone, Optimizer, Seeds
from lt_lib.lab.train.device import on_device
from lt_lib.lab.train.networks import train_network
from lt_lib.models import create

IMAGES = 2000


def training(epochs: int) -> Callable:
    """A training that takes a checkpoint and a deadline."""
    gen = torch.Generator().manual_seed(0)
    pixels = torch.randint(0, 256, (IMAGES + 200, 32, 32, 3), generator=gen, dtype=torch.uint8).numpy()
    labels = torch.randint(0, 10, (IMAGES + 200,), generator=gen).numpy()
    train, test = on_device(pixels[:IMAGES], labels[:IMAGES]), on_device(pixels[IMAGES:], labels[IMAGES:])
    spec = Backbone(name="mobilenetv2_100", pretrained=False, resolution=32)

    def run(checkpoint: Path | None = None, deadline: float | None = None) -> None:
        torch.manual_seed(0)
        net = create(spec.name, 10).to(memory_format=torch.channels_last)
        seeds = Seeds(subset=0, init=0, order=0)
        train_network(net, spec, (train, None, test), Optimizer(epochs=epochs), seeds, checkpoint, deadline)

    return run


def main() -> None:
    """Print the ratios, and write them if asked to."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--epochs", type=int, default=24)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    torch.set_num_threads(1)
    run = training(options.epochs)

    def resumed() -> None:
        with tempfile.TemporaryDirectory() as folder:
            checkpoint = Path(folder) / "checkpoint.pt"
            try:
                run(checkpoint, time.monotonic() + half)
            except BudgetEnded:
                run(checkpoint)
                return
        raise SystemExit("the training ended before it could be stopped: ask for more --epochs")

    def saved() -> None:
        with tempfile.TemporaryDirectory() as folder:
            run(Path(folder) / "checkpoint.pt")

    calls, half = {"plain": run, "saved": saved, "resumed": resumed}, 0.0
    seconds = {name: [] for name in calls}
    for round_ in range(options.rounds + 1):
        for name, call in calls.items():
            began, start = time.monotonic(), time.process_time()
            call()
            if round_:
                seconds[name].append(time.process_time() - start)
            if name == "plain":
                half = (time.monotonic() - began) / 2
    median = {name: statistics.median(values) for name, values in seconds.items()}
    for name in ("saved", "resumed"):
        print(
            f"{name}: {median[name] / median['plain']:.3f} times as long as without ({median['plain']:.0f} s)"
        )
    if options.write:
        peer = "the same without a checkpoint"
        figures = [
            Figure(
                "a training with checkpoints", peer, median["saved"] / median["plain"], "as long", 1.03, True
            ),
            Figure(
                "a training stopped halfway and resumed",
                peer,
                median["resumed"] / median["plain"],
                "as long",
                1.03,
                True,
            ),
        ]
        keep("resume", figures)


if __name__ == "__main__":
    main()
