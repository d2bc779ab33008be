"""Files that are either whole or absent."""

import contextlib
import errno
import hashlib
import json
import os
import stat
import tempfile
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

from lt_lib.errors import LabError
from lt_lib.lab.record.paths import cache_root
from lt_lib.progress import say

if TYPE_CHECKING:
    from torch import Tensor

STORE = "choose another folder with --store (or LT_STORE). Everything recorded so far is kept."
CACHE = "set LT_CACHE to a folder that you can write. Everything recorded so far is kept."


def atomic_write(path: Path, content: bytes, remedy: str = STORE) -> None:
    """Write a file so that it is either whole or absent.

    Args:
        path: its folder is made at need.
        content: what it will hold.
        remedy: what else the reader of the error can do than to free some space; for a file of the cache, to
            move that.

    Raises:
        LabError: the folder cannot be written or the disk is full.
    """
    temporary = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=path.parent, prefix=".tmp-", delete=False) as file:
            temporary = file.name
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    except OSError as error:
        if temporary and os.path.exists(temporary):
            os.unlink(temporary)
        raise cannot_write(path, error, remedy) from None


def sealed(tensors: "dict[str, Tensor]") -> bytes:
    """A safetensors file of tensors with a checksum, which `is_whole` looks at."""
    from safetensors.torch import save

    return save(tensors, {"sha256": hashlib.sha256(save(tensors)).hexdigest()})


def is_whole(path: Path) -> bool:
    """Whether a file of torch.save or numpy's savez has the checksums that it was written with, at which
    torch.load does not look, and numpy not always; or one of `sealed` its own."""
    try:
        if path.suffix == ".safetensors":
            return _is_sealed(path.read_bytes())
        with zipfile.ZipFile(path) as archive:
            return archive.testzip() is None
    except Exception:  # whatever a damaged file raises
        return False


def _is_sealed(content: bytes) -> bool:
    from safetensors.torch import load, save

    header = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])
    found = hashlib.sha256(save(load(content))).hexdigest()
    return header.get("__metadata__", {"sha256": found})["sha256"] == found  # files of old have none


def _opens(path: Path) -> bool:
    if path.suffix == ".safetensors":
        return True  # as `is_whole` found
    import torch

    try:
        torch.load(path, map_location="cpu", weights_only=True)
    except Exception:  # whatever a file of something else raises
        return False
    return True


def is_kept(path: Path) -> bool:
    """Whether a file that is made once and kept is there, whole and of tensors; one that is not is removed,
    where it can be, so that it is made again, and this is said."""
    if not path.is_file():
        return False
    if is_whole(path) and _opens(path):
        return True
    say(f"{path}: damaged, made again")
    with contextlib.suppress(OSError):
        path.unlink()
    return False


def check_writable(*paths: Path, remedy: str = STORE) -> None:
    """Make sure that `atomic_write` will be able to write some files, before the work that they will hold;
    makes their folders.

    Raises:
        LabError: it will not.
    """
    tried = set()
    for path in paths:
        try:
            if path.parent not in tried:
                path.parent.mkdir(parents=True, exist_ok=True)
                tempfile.TemporaryFile(dir=path.parent).close()
                tried.add(path.parent)
            with contextlib.suppress(FileNotFoundError):
                if stat.S_ISDIR(os.lstat(path).st_mode):
                    raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        except OSError as error:
            raise cannot_write(path, error, remedy) from None


def cannot_write(path: Path, error: OSError, remedy: str = STORE) -> LabError:
    """The error of a file or folder that cannot be written, with its remedy."""
    said = error.strerror or error
    if isinstance(error, FileExistsError):
        said = "where a folder of its path should be is something else"
    if remedy == STORE and path.is_relative_to(cache_root()):
        remedy = CACHE
    return LabError(f"cannot write {path}: {said}; free some space or {remedy}")
