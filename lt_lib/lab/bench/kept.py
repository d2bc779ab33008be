"""What took long to train, kept in the cache for a second comparison, and for one that was killed."""

import io
from collections.abc import Callable
from pathlib import Path

import torch

from lt_lib.errors import LabError
from lt_lib.lab.record.files import atomic_write, is_whole
from lt_lib.lab.record.paths import cache_root
from lt_lib.progress import say


def kept(name: str, make: Callable[[], dict]) -> dict:
    """Tensors and numbers by name, of the cache's file of a name, or made now; a cache that is damaged, full
    or read-only costs time alone."""
    file = cache_root() / "own" / f"{name}.pt"
    if (found := _read(file)) is not None:
        return found
    made, content = make(), io.BytesIO()
    torch.save(made, content)
    try:
        atomic_write(file, content.getvalue(), "set LT_CACHE to a folder you can write")
    except LabError as error:
        say(f"{error}; this run goes on, the next one trains again")
    return made


def _read(file: Path) -> dict | None:
    if not file.is_file():
        return None
    try:
        if not is_whole(file):
            raise ValueError
        return torch.load(file, weights_only=True)
    except Exception:  # whatever a damaged file raises
        say(f"{file}: cannot be read, so what it held is trained again")
        return None
