"""Files that are either whole or absent."""

import os
import tempfile
from pathlib import Path

from lt_lib.errors import LabError


def atomic_write(path: Path, content: bytes) -> None:
    """Write a file so that it is either whole or absent.

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
        raise cannot_write(path, error) from None


def cannot_write(path: Path, error: OSError) -> LabError:
    """The error of a file or folder that cannot be written, with its remedy."""
    return LabError(
        f"cannot write {path}: {error.strerror or error}; free some space or choose another folder with "
        "--store (or LT_STORE). Everything recorded so far is kept."
    )
