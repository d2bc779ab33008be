"""Our loop on a CPU against the loop that users of the official LDAM-DRW code run, in one call.

    python benchmarks/training.py [--seconds 20] [--write]

Theirs: images decoded one by one by PIL, torchvision's crop, flip, ToTensor and Normalize, a DataLoader with
two workers, float32, torch's own number of threads. Ours: the uint8 images in memory, crops and flips by the
batch, channels last, fused SGD, the precision that is faster for the network. Same network, images, batch of
128 and SGD.

Each loop runs in a process of its own for some seconds after a warm-up, first alone and then as two runs at
once, theirs as they are, ours with one thread each. Images a second of the wall clock, of all runs together.
`--write` keeps the numbers in benchmarks/results.json, which the book shows."""

import argparse
import multiprocessing
import time

import numpy as np
import torch
import torch.nn.functional as F
from results import Figure, keep
from torch import nn

IMAGES, BATCH, WARM = 5000, 128, 3
NETWORKS = {"resnet32-cifar": "bf16", "mobilenetv2_100": "float32"}  # and the precision of our loop
GOALS = {"resnet32-cifar": 3.0, "mobilenetv2_100": 1.8}
MEAN, SPREAD = (0.4914, 0.4822, 0.4465), (0.2023, 0.1994, 0.2010)


def network(name: str) -> nn.Module:
    """A network for 32 x 32 images and ten classes."""
    from lt_lib.models import CifarResNet, create

    torch.manual_seed(0)
    return CifarResNet(32) if name == "resnet32-cifar" else create(name, 10)


def data() -> tuple[np.ndarray, torch.Tensor]:
    """Images of noise (N, 32, 32, 3) uint8, and labels: a loop costs the same whatever they show."""
    rng = np.random.default_rng(0)
    return rng.integers(0, 256, (IMAGES, 32, 32, 3), np.uint8), torch.from_numpy(rng.integers(0, 10, IMAGES))


class Pictures(torch.utils.data.Dataset):
    """Images as torchvision's CIFAR10 gives them: an array made into a PIL image, then transformed."""

    def __init__(self):
        from torchvision import transforms

        self.images, self.labels = data()
        self.transform = transforms.Compose(
            [
                transforms.RandomCrop(32, padding=4),
                transforms.RandomHorizontalFlip(),
                transforms.ToTensor(),
                transforms.Normalize(MEAN, SPREAD),
            ]
        )

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, i: int):
        from PIL import Image

        return self.transform(Image.fromarray(self.images[i])), int(self.labels[i])


def theirs(name: str, precision: str):
    """Batches of the official loop, one step each; yields how many images."""
    net = network(name).train()
    descent = torch.optim.SGD(net.parameters(), 0.1, momentum=0.9, weight_decay=2e-4)
    loss_of = nn.CrossEntropyLoss()
    loader = torch.utils.data.DataLoader(Pictures(), BATCH, shuffle=True, num_workers=2)
    while True:
        for x, y in loader:
            loss = loss_of(net(x), y)
            descent.zero_grad()
            loss.backward()
            descent.step()
            loss.item()
            yield len(y)


def ours(name: str, precision: str):
    """Batches of our loop, as `lt_lib.lab.train.ldam_official` has it; yields how many images."""
    from lt_lib.lab.train.device import autocast, crop_flip, keep_memory
    from lt_lib.lab.train.loop import batches
    from lt_lib.lab.train.splits import Split

    keep_memory()
    images, labels = data()
    mean, spread = (torch.tensor(values).view(-1, 1, 1) for values in (MEAN, SPREAD))
    split = Split(torch.from_numpy(images).permute(0, 3, 1, 2).contiguous(), labels, mean, spread)
    net = network(name).to(memory_format=torch.channels_last).train()
    descent = torch.optim.SGD(net.parameters(), 0.1, momentum=0.9, weight_decay=2e-4, fused=True)
    gen = torch.Generator().manual_seed(0)
    while True:
        for batch in batches(torch.randperm(IMAGES, generator=gen), BATCH):
            x = split.standard(crop_flip(split.pixels[batch], gen).float().div_(255))
            with autocast(precision):
                logits = net(x)
            loss = F.cross_entropy(logits.float(), split.labels[batch])
            descent.zero_grad(set_to_none=True)
            loss.backward()
            descent.step()
            yield len(batch)


LOOPS = {"official": theirs, "ours": ours}


def timed(loop: str, name: str, threads: int | None, seconds: float, start, rates) -> None:
    """In a process of its own: images a second after a warm-up, all runs in step."""
    if threads:
        torch.set_num_threads(threads)
    steps = LOOPS[loop](name, NETWORKS[name] if loop == "ours" else "float32")
    for _ in range(WARM):
        next(steps)
    start.wait()
    began, done = time.perf_counter(), 0
    while time.perf_counter() - began < seconds:
        done += next(steps)
    rates.put(done / (time.perf_counter() - began))


def measured(loop: str, name: str, runs: int, seconds: float) -> float:
    """Images a second of so many runs at once, together."""
    context = multiprocessing.get_context("spawn")
    start, rates = context.Barrier(runs), context.Queue()
    threads = None if loop == "official" or runs == 1 else 1
    processes = [
        context.Process(target=timed, args=(loop, name, threads, seconds, start, rates)) for _ in range(runs)
    ]
    for process in processes:
        process.start()
    found = [rates.get(timeout=600) for _ in processes]
    for process in processes:
        process.join()
    return sum(found)


def main() -> None:
    """Print the rates and ratios, and write them if asked to."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    lines = []
    for name, precision in NETWORKS.items():
        for runs in (1, 2):
            rate = {loop: measured(loop, name, runs, options.seconds) for loop in LOOPS}
            ratio = rate["ours"] / rate["official"]
            lines.append({"network": name, "precision": precision, "runs": runs, **rate, "ratio": ratio})
            print(
                f"{name:16s} {runs} run(s): official {rate['official']:5.0f} images/s, ours ({precision}) "
                f"{rate['ours']:5.0f}: {ratio:.2f} times"
            )
    if options.write:
        figures = [
            Figure(
                f"training {line['network']}, {'a run alone' if line['runs'] == 1 else 'two runs at once'}",
                "the official LDAM-DRW loop",
                line["ratio"],
                goal=GOALS[line["network"]],
            )
            for line in lines
        ]
        keep("training", figures, batch=BATCH, rates=lines)


if __name__ == "__main__":
    main()
