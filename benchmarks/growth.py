"""How time grows with what there is more of: heads by seeds and by classes, lookalikes and verdicts by
images. One thread, its own time; powers of size are fitted.

    python benchmarks/growth.py [--write]"""

import argparse
import time
from collections.abc import Callable

import numpy as np
import torch
from results import Curve, keep

from lt_lib.lab.bench.doubts import alike
from lt_lib.lab.bench.judge import judge
from lt_lib.lab.bench.remedies import REMEDIES, fit

KEYS = ("plain", "ins", "softmax", "ldam-drw")


def spent(call: Callable[[], object]) -> float:
    """The better of two, in seconds of this thread."""
    times = []
    for _ in range(2):
        start = time.thread_time()
        call()
        times.append(time.thread_time() - start)
    return min(times)


def heads(seeds: int = 2, classes: int = 20) -> float:
    """Seconds of four remedies on 2,000 x 256 features."""
    gen = torch.Generator().manual_seed(0)
    y = torch.arange(2000) % classes
    x = torch.randn(2000, 256, generator=gen)
    held = torch.arange(2000) // classes % 4 == 0
    return spent(lambda: fit(x, y, classes, held, keys=KEYS, seeds=range(seeds)))


def verdict(images: int) -> float:
    """Seconds of the intervals of all remedies, five seeds, ten classes."""
    gen = torch.Generator().manual_seed(0)
    y = torch.arange(images) % 10
    logits = {key: torch.randn(5, images, 10, generator=gen) for key in REMEDIES}
    titles = {key: remedy.title for key, remedy in REMEDIES.items()}
    return spent(lambda: judge(logits, y, [images // 10] * 10, "balanced", titles))


def lookalikes(images: int) -> float:
    """Seconds, a quarter of the images in the test."""
    x = torch.randn(images, 1280, generator=torch.Generator().manual_seed(0))
    test = np.arange(images) % 4 == 0
    return spent(lambda: alike(x, test))


def main() -> None:
    """Print exponents, and write the curves if asked to."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    torch.set_num_threads(1)
    curves = [
        Curve.fitted("heads of four remedies", "seeds", "s", {n: heads(seeds=n) for n in (2, 4, 8, 16)}),
        Curve.fitted("heads of four remedies", "classes", "s", {n: heads(classes=n) for n in (10, 40, 160)}),
        Curve.fitted(
            "verdict of `lt compare`", "test images", "s", {n: verdict(n) for n in (500, 2000, 8000)}
        ),
        Curve.fitted(
            "lookalikes across a split", "images", "s", {n: lookalikes(n) for n in (2000, 8000, 32000)}
        ),
    ]
    for curve in curves:
        print(f"{curve.what} by {curve.by}: size to the power of {curve.exponent:.2f}")
    if options.write:
        keep("growth", [], curves)


if __name__ == "__main__":
    main()
