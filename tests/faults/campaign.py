"""Trying damaged inputs, kind by kind, and counting what became of them."""

import json
import subprocess
import sys
import tempfile
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
READ, REFUSED, FAULT = "read correctly", "clear error", "fault found"


def tried(name: str, numbers: Iterator[int]) -> Iterator[tuple[int, str, str]]:
    """Number, outcome, and of a fault what it is, of cases of a kind; in a folder of their own."""
    from .damage import Chance
    from .inputs import KINDS

    with tempfile.TemporaryDirectory() as folder:
        (home := Path(folder) / "kind").mkdir()
        one = KINDS[name].make(home)
        for number in numbers:
            try:
                yield number, READ if one(Chance(number)) else REFUSED, ""
            except AssertionError as error:
                yield number, FAULT, str(error)


def every(start: int, stop: int, names: list[str]) -> Iterator[tuple[str, int, str, str]]:
    """Cases of all kinds, or of some, in turn: thousandths `start` to `stop` of the long campaign."""
    from .inputs import KINDS

    for kind in KINDS.values():
        if not names or kind.name in names:
            numbers = range(kind.long * start // 1000, kind.long * stop // 1000)
            for number, outcome, why in tried(kind.name, numbers):
                yield kind.name, number, outcome, why


def counted(cases: Iterator[tuple[str, int, str, str]]) -> dict[str, Counter]:
    """Outcomes by kind; faults are printed."""
    counts = defaultdict(Counter)
    for name, number, outcome, why in cases:
        counts[name][outcome] += 1
        if outcome == FAULT:
            print(f"{name}, case {number}: {why}", flush=True)
    return counts


def watched(start: int, stop: int, names: list[str]) -> Iterator[tuple[str, int, str, str]]:
    """The same cases, tried in another process, so that one that falls over is a fault, too."""
    command = [sys.executable, "-W", "ignore", "-m", "tests.faults", "child", str(start), str(stop), *names]
    last = None
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        for line in process.stdout:
            if line.startswith("["):
                last = json.loads(line)
                yield tuple(last)
    if process.returncode:
        yield (
            (last[0] if last else "any"),
            -1,
            FAULT,
            f"the process ended with {process.returncode} after {last}",
        )
