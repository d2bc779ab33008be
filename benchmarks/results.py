"""What the benchmarks keep, benchmarks/results.json: by benchmark, the machine, figures and curves.

A figure is a ratio of two things measured in one run. A curve is what something costs by its size, and the
exponent of the power of size that fits it best."""

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch

RESULTS = Path(__file__).with_name("results.json")


@dataclass(frozen=True)
class Figure:
    """`what` against `peer`: `ratio` times as `kind` says ("as fast", "as long"); `goal`: at least that, or,
    `at_most`, no more."""

    what: str
    peer: str
    ratio: float
    kind: str = "as fast"
    goal: float | None = None
    at_most: bool = False


@dataclass(frozen=True)
class Curve:
    """Values of a `unit` at sizes of `by`; `exponent` of the power law, fitted to the logarithms."""

    what: str
    by: str
    unit: str
    sizes: list[int]
    values: list[float]
    exponent: float

    @classmethod
    def fitted(cls, what: str, by: str, unit: str, values: dict[int, float]) -> "Curve":
        """A curve of values by size."""
        exponent = np.polyfit(np.log(list(values)), np.log(list(values.values())), 1)[0]
        return cls(what, by, unit, list(values), list(values.values()), float(exponent))


def keep(name: str, figures: list[Figure], curves: list[Curve] = (), **more) -> None:
    """Put a benchmark's results in place of its last ones; `more`: what else it found, by name."""
    from lt_lib.lab.record.files import atomic_write
    from lt_lib.lab.train.run import processor

    known = json.loads(RESULTS.read_text(encoding="utf-8")) if RESULTS.is_file() else {}
    known[name] = {
        "processor": processor(),
        "cores": os.cpu_count(),
        "torch": torch.__version__,
        "figures": [asdict(figure) for figure in figures],
        "curves": [asdict(curve) for curve in curves],
        **more,
    }
    atomic_write(RESULTS, (json.dumps(dict(sorted(known.items())), indent=1) + "\n").encode())
