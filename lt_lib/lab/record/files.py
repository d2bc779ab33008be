"""Files that are either whole or absent."""

import contextlib
import errno
import os
import stat
import tempfile
import zipfile
from pathlib import Path

from lt_lib.errors import LabError

STORE = "choose another folder with --store (or LT_STORE). Everything recorded so far is kept."


def atomic_write(path: Path, content: bytes, remedy: str = STORE) -> None:
    """Write a file so that it is either whole or absent.

    Args:
        path: its folder is made at need.
        content: what it will hold.
        remedy: what else the reader of the error can do than to free some space.

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


def is_whole(path: Path) -> bool:
    """Whether every part of a file of torch.save has the checksum that it was written with; torch.load looks
    at none of them."""
    try:
        with zipfile.ZipFile(path) as archive:
            return archive.testzip() is None
    except Exception:  # whatever a damaged archive raises
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
    return LabError(f"cannot write {path}: {said}; free some space or {remedy}")
