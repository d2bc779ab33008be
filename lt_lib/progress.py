"""Progress: a tqdm bar on a terminal or in a notebook, quiet plain lines elsewhere. Always on stderr."""

import os
import sys
import time

from tqdm import tqdm


def _interactive() -> bool:
    return sys.stderr.isatty() or ("ipykernel" in sys.modules and "LT_PLAIN" not in os.environ)


def _position() -> int | None:
    """The line of a process that works beside others."""
    place = os.environ.get("LT_WORKER")
    return int(place) if place else None


class Progress:
    """A bar of `total` units. Without a terminal it prints a line at the start of long work and every `every`
    seconds."""

    def __init__(self, total: int, what: str, unit: str = "step", every: float = 15.0):
        self.total, self.what, self.unit, self.every = total, what, unit, every
        self.done, self.start, self.last = 0, time.monotonic(), time.monotonic()
        self.bar = (
            tqdm(total=total, desc=what, unit=unit, leave=False, file=sys.stderr, position=_position())
            if _interactive()
            else None
        )

    def update(self, n: int = 1) -> None:
        """Advance by n units."""
        self.done += n
        if self.bar is not None:
            self.bar.update(n)
        elif time.monotonic() - self.last > self.every:
            self.last = time.monotonic()
            say(f"{self.what}: {self.done}/{self.total} {self.unit}s, {self.last - self.start:.0f} s")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.bar is not None:
            self.bar.close()


def say(line: str) -> None:
    """One plain line for the person who waits."""
    tqdm.write(line, file=sys.stderr)
