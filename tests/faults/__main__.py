"""Run a part of the campaign and write what came of it to counts.json."""

import argparse
import json
import platform
import tempfile
from importlib.metadata import version
from pathlib import Path

from .campaign import FAULT, READ, REFUSED, counted, every, watched

COUNTS = Path(__file__).with_name("counts.json")
SLICES = 10


def note(part: str, found) -> None:
    """Put a part into counts.json."""
    counts = json.loads(COUNTS.read_text(encoding="utf-8")) if COUNTS.is_file() else {}
    counts |= {"python": platform.python_version(), "torch": version("torch"), part: found}
    COUNTS.write_text(json.dumps(counts, indent=1) + "\n", encoding="utf-8")


def inputs(is_long: bool, names: list[str]) -> None:
    """Damaged inputs, in slices of the long campaign; the counts so far are noted after each."""
    total: dict[str, dict[str, int]] = {}
    for slice in range(SLICES if is_long else 1):
        found = counted(watched(1000 * slice // SLICES, 1000 * (slice + 1) // SLICES, names))
        for name, counts in found.items():
            sums = total.setdefault(name, dict.fromkeys((READ, REFUSED, FAULT), 0))
            total[name] = {outcome: sums[outcome] + counts[outcome] for outcome in sums}
        if is_long and not names:
            note("inputs", total)
    for name, sums in total.items():
        print(f"{name}: {sums}")


def killed(count: int) -> None:
    """Kills of a small grid; the counts so far are noted after each."""
    from .kills import kills

    with tempfile.TemporaryDirectory() as folder:
        for counts in kills(Path(folder), count):
            note("kills", counts)
        print(counts)


def main() -> None:
    """Entry point."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("part", choices=("inputs", "kills", "child"))
    parser.add_argument("words", nargs="*", help="only these kinds of input")
    parser.add_argument("--long", action="store_true", help="the whole campaign; its counts are noted")
    given = parser.parse_args()
    if given.part == "child":
        start, stop, *names = given.words
        for line in every(int(start), int(stop), names):
            print(json.dumps(line), flush=True)
    elif given.part == "inputs":
        inputs(given.long, given.words)
    else:
        killed(100 if given.long else 3)


if __name__ == "__main__":
    main()
