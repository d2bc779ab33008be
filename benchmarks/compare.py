"""`lt compare`: features, heads and verdict, each against how it is done without, in one run.

    python benchmarks/compare.py [--rounds 3] [--images 256 or FOLDER] [--points 5000] [--write]

Features: a frozen network's, of JPEG files of 256 pixels a side, smooth random pictures or those below a
folder. Ours decodes and looks as `lt compare` does, cache and all; timm's users create the model and its own
transform, and read by a DataLoader with two workers. Same network, files and precision (float32; ours in bf16
as well); without the network's weights random ones, for time does not depend on them. Creating the network
and starting workers count on both sides. Heads: all remedies and seeds in products against one remedy and one
seed at a time, each with the choice of its number, on random features of a long tail. Verdict: seconds only.
Rounds alternate; medians of the wall clock count. `--write` keeps the numbers in
benchmarks/results.json."""

import argparse
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import timm
import torch
from PIL import Image
from results import Figure, keep

from lt_lib.errors import LabError
from lt_lib.lab.bench import features as bench
from lt_lib.lab.bench.judge import judge
from lt_lib.lab.bench.own import Own
from lt_lib.lab.bench.remedies import REMEDIES, fit
from lt_lib.lab.record.spec import Backbone

SIDE, CLASSES, TAIL, BATCH = 256, 20, 50, 32


def rounds(runs: dict[str, Callable[[], object]], count: int) -> dict[str, float]:
    """Median seconds of each, in alternation."""
    taken = {name: [] for name in runs}
    for _ in range(count):
        for name, run in runs.items():
            start = time.perf_counter()
            run()
            taken[name].append(time.perf_counter() - start)
    return {name: statistics.median(times) for name, times in taken.items()}


def pictures(folder: Path, count: int) -> list[Path]:
    """JPEG files of smooth random pictures."""
    chance, files = np.random.default_rng(0), []
    for i in range(count):
        small = Image.fromarray(chance.integers(0, 256, (16, 16, 3), np.uint8))
        files.append(folder / f"{i}.jpg")
        small.resize((SIDE, SIDE), Image.Resampling.BICUBIC).save(files[-1], quality=90)
    return files


class Files(torch.utils.data.Dataset):
    """Images as users of timm read them."""

    def __init__(self, files: list[Path], transform):
        self.files, self.transform = files, transform

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, i: int) -> torch.Tensor:
        return self.transform(Image.open(self.files[i]).convert("RGB"))


def theirs(network: str, files: list[Path]) -> torch.Tensor:
    """Features by timm."""
    net = timm.create_model(network, num_classes=0).eval()
    transform = timm.data.create_transform(**timm.data.resolve_model_data_config(net))
    loader = torch.utils.data.DataLoader(Files(files, transform), BATCH, num_workers=2)
    with torch.inference_mode():
        return torch.cat([net(x) for x in loader])


def ours(network: str, files: list[Path], precision: str = "float32") -> torch.Tensor:
    """Features by `lt compare`, none of them known before."""
    labels, keys = np.arange(len(files)) % 2, [str(i) for i in range(len(files))]
    own = Own(files[0].parent, ("even", "odd"), files, labels, keys)
    with tempfile.TemporaryDirectory() as cache:
        os.environ["LT_CACHE"] = cache
        return bench.features(own, network, precision)[1]


def without_weights(network: str) -> None:
    """Random weights where the network's are not at hand."""
    try:
        bench.Eye.of(network)
    except LabError:
        side = bench.backbone(network).resolution
        bench.backbone = lambda name: Backbone(name=name, pretrained=False, resolution=side)


def features(network: str, source: str, count: int) -> dict:
    """Images a second and their ratio."""
    with tempfile.TemporaryDirectory() as folder:
        files = (
            pictures(Path(folder), int(source)) if source.isdigit() else sorted(Path(source).rglob("*.jp*g"))
        )
        if len(files) < 2 * bench.BATCH:
            raise SystemExit(f"{2 * bench.BATCH} JPEG files or more are needed, {source} has {len(files)}")
        without_weights(network)
        for run in (ours, theirs):  # warm up
            run(network, files[: bench.BATCH])
        runs = {
            "ours": lambda: ours(network, files),
            "bf16": lambda: ours(network, files, "bf16"),
            "timm": lambda: theirs(network, files),
        }
        seconds = rounds(runs, count)
    rate = {name: len(files) / taken for name, taken in seconds.items()}
    return {
        "network": network,
        "images": len(files),
        **rate,
        "ratio": rate["ours"] / rate["timm"],
        "ratio_bf16": rate["bf16"] / rate["timm"],
        "seconds_per_100": 100 / rate["ours"],
        "seconds_per_100_bf16": 100 / rate["bf16"],
    }


def tail(points: int, dim: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Random features, labels whose most frequent class is TAIL times the rarest, and what is held back."""
    gen = torch.Generator().manual_seed(0)
    share = TAIL ** -torch.linspace(0, 1, CLASSES)
    size = (points * share / share.sum()).round().int().clamp_min(4)
    y = torch.arange(CLASSES).repeat_interleave(size)
    place = torch.cat([torch.arange(int(n)) for n in size])
    return torch.randn(len(y), dim, generator=gen), y, place % 4 == 0


def heads(points: int, dim: int, seeds: int, count: int) -> dict:
    """Seconds together, and how many times as long one by one."""
    x, y, held = tail(points, dim)

    def one_by_one() -> None:
        for key in REMEDIES:
            for seed in range(seeds):
                fit(x, y, CLASSES, held, keys=[key], seeds=[seed])

    runs = {"together": lambda: fit(x, y, CLASSES, held, seeds=range(seeds)), "one by one": one_by_one}
    seconds = rounds(runs, count)
    about = {"points": len(y), "features": dim, "classes": CLASSES, "remedies": len(REMEDIES), "seeds": seeds}
    return about | {
        "together": seconds["together"],
        "one_by_one": seconds["one by one"],
        "ratio": seconds["one by one"] / seconds["together"],
    }


def verdict(points: int, seeds: int, count: int) -> dict:
    """Seconds of the intervals on a test of a third of the points."""
    _, y, _ = tail(points // 3, 1)
    gen = torch.Generator().manual_seed(0)
    logits = {key: torch.randn(seeds, len(y), CLASSES, generator=gen) for key in REMEDIES}
    counts, titles = (3 * y.bincount()).tolist(), {key: remedy.title for key, remedy in REMEDIES.items()}
    seconds = rounds({"judge": lambda: judge(logits, y, counts, "balanced", titles)}, count)
    return {"images": len(y), "seconds": seconds["judge"]}


def main() -> None:
    """Print seconds and ratios, and write them if asked to."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--images", default="256", metavar="N|FOLDER")
    parser.add_argument("--network", default="tf_efficientnet_lite0")
    parser.add_argument("--points", type=int, default=5000)
    parser.add_argument("--dim", type=int, default=1280)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    looked = features(options.network, options.images, options.rounds)
    print(
        f"features of {looked['images']} files by {looked['network']}: ours {looked['ours']:.1f} images/s, "
        f"timm {looked['timm']:.1f}, ratio {looked['ratio']:.2f}; "
        f"{looked['seconds_per_100']:.2f} s for 100 images, {looked['seconds_per_100_bf16']:.2f} s in bf16"
    )
    fitted = heads(options.points, options.dim, options.seeds, options.rounds)
    print(
        f"heads of {fitted['remedies']} remedies x {fitted['seeds']} seeds on {fitted['points']:,} x "
        f"{fitted['features']:,}: {fitted['together']:.0f} s (the measure is 300 s at 5,000 x 1,280 and 5 "
        f"seeds), one by one {fitted['one_by_one']:.0f} s, ratio {fitted['ratio']:.2f}"
    )
    judged = verdict(options.points, options.seeds, options.rounds)
    print(f"verdict on {judged['images']:,} test images: {judged['seconds']:.1f} s")
    if options.write:
        figures = [
            Figure(f"features of files by {looked['network']}", "timm, two workers", looked["ratio"]),
            Figure("features of files, ours in bf16", "timm, two workers", looked["ratio_bf16"]),
            Figure(
                f"{fitted['remedies']} remedies x {fitted['seeds']} seeds together",
                "one by one",
                fitted["ratio"],
            ),
        ]
        keep("compare", figures, features=looked, heads=fitted, verdict=judged)


if __name__ == "__main__":
    main()
