"""Kinds of input. A kind is a function of an empty folder; it prepares sound files there and returns what
tries a single damaged one: given a source of chance, whether it was read (True) or refused (False); a fault
is an AssertionError."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from .damage import Chance

Try = Callable[[Chance], bool]


@dataclass(frozen=True)
class Kind:
    """A kind of input.

    Attributes:
        name: as the counts have it.
        make: prepares it.
        quick, long: cases of the short and of the long campaign.
    """

    name: str
    make: Callable[[Path], Try]
    quick: int
    long: int


KINDS: dict[str, Kind] = {}


def kind(name: str, quick: int, long: int):
    """Register what prepares a kind of input."""

    def register(make: Callable[[Path], Try]) -> Callable[[Path], Try]:
        KINDS[name] = Kind(name, make, quick, long)
        return make

    return register
