"""What building the book again costs: of one work, when nothing changed and when one chapter did, against
building it first, in one run.

    python benchmarks/rebuild.py [--work bench]

In a clone of the last commit, profile smoke, with a store and a cache of its own. Wall clock, once each."""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from results import Figure, keep

PROJECT = Path(__file__).resolve().parents[1]


def built(folder: Path, work: str) -> float:
    """Seconds of a build."""
    known = {name: value for name, value in os.environ.items() if not name.startswith("LT_")}
    start = time.perf_counter()
    subprocess.run(
        [sys.executable, "-m", "lt_lib", "book", "--profile", "smoke", "--work", work],
        cwd=folder,
        env=known | {"PYTHONPATH": str(folder), "LT_CACHE": str(folder / "_build/cache")},
        check=True,
        stdout=subprocess.DEVNULL,
    )
    return time.perf_counter() - start


def main() -> None:
    """Print the ratios, and write them if asked to."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", default="bench")
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "book"
        subprocess.run(["git", "clone", "--quiet", PROJECT, folder], check=True)
        first, nothing = built(folder, options.work), built(folder, options.work)
        chapter = min((folder / "notebooks" / options.work).glob("*.py"))
        text = chapter.read_text(encoding="utf-8")
        chapter.write_text(text.rstrip("\n") + "\n\n# %% [markdown]\n# One line more.\n", encoding="utf-8")
        one = built(folder, options.work)
    print(f"first {first:.0f} s, nothing changed {nothing / first:.3f}, one chapter {one / first:.3f} of it")
    if options.write:
        peer = f"building the pages of {options.work} first"
        figures = [
            Figure("building the book again, nothing changed", peer, first / nothing),
            Figure("building the book again, one chapter changed", peer, first / one),
        ]
        keep("rebuild", figures)


if __name__ == "__main__":
    main()
