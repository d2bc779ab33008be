"""All benchmarks, one after the other: what each measured goes to benchmarks/results.json, which the book
shows.

    python benchmarks/all.py [NAME ...]

On two idle cores half an hour; a benchmark that fails is named at the end, and the others' results stay."""

import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
NAMES = (
    "training",
    "augmix",
    "sign",
    "features",
    "heads",
    "compare",
    "resume",
    "store",
    "rebuild",
    "sweep",
    "growth",
)


def main() -> None:
    """Run those named, or all."""
    unknown = set(sys.argv[1:]) - set(NAMES)
    if unknown:
        raise SystemExit(f"no benchmark {', '.join(sorted(unknown))}; there are {', '.join(NAMES)}")
    failed = []
    for name in sys.argv[1:] or NAMES:
        print(f"== {name}", flush=True)
        if subprocess.run([sys.executable, HERE / f"{name}.py", "--write"], check=False).returncode:
            failed.append(name)
    if failed:
        raise SystemExit(f"failed: {', '.join(failed)}")


if __name__ == "__main__":
    main()
