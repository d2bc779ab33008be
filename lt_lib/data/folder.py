"""One folder of the store: arrays or a weights file, and a meta.json that gives away a changed file.

A folder is written under a temporary name and renamed, so its presence means that it is whole. Writers of
the same folder take turns by a lock beside it; readers take none and leave no trace, so a read-only store
serves them.
"""

import contextlib
import datetime
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np

from lt_lib.data.registry import how_to_mend
from lt_lib.errors import DataError

META = "meta.json"
FORMAT = 1
LOCK_SECONDS = 900  # how long to wait for another process that is writing the same folder
_TEXTS = ("name", "kind", "digest", "variant", "checked", "source", "licence")


def read_meta(folder: Path) -> dict:
    """The meta.json of a folder.

    Raises:
        DataError: it is missing, is not JSON, or is not as this version writes it.
    """
    path = folder / META
    try:
        meta = json.loads(path.read_text(encoding="utf-8"))
        json.dumps(meta, ensure_ascii=False).encode()  # fails where text holds half a character
        if not isinstance(meta, dict) or meta.get("format") != FORMAT:
            raise ValueError(f"not in format {FORMAT}")
        if odd := _odd(meta, folder.name):
            raise ValueError(f"{odd} is missing, or not as this version writes it")
    except (OSError, ValueError, RecursionError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise DataError(f"{path} cannot be used: {reason}. {how_to_mend(folder.name)}") from None
    return meta


def _odd(meta: dict, name: str) -> str | None:
    """The first entry of a meta.json that is not as `write` makes it."""

    def is_count(value) -> bool:
        return isinstance(value, int) and value >= 0

    def is_shape(value) -> bool:
        return isinstance(value, list) and len(value) == 4 and all(map(is_count, value))

    def is_noted(file) -> bool:
        return (
            isinstance(file, dict)
            and is_count(file.get("bytes"))
            and is_count(file.get("mtime_ns"))
            and isinstance(file.get("sha256"), str)
        )

    splits, classes, files = (meta.get(key) for key in ("splits", "classes", "files"))
    sound = {key: isinstance(meta.get(key), str) for key in _TEXTS} | {
        "name": meta.get("name") == name,
        "splits": isinstance(splits, dict) and all(map(is_shape, splits.values())),
        "classes": isinstance(classes, list) and all(isinstance(each, str) for each in classes),
        "files": isinstance(files, dict) and all(map(is_noted, files.values())),
        "extra": isinstance(meta.get("extra"), dict),
    }
    if sound["splits"] and not splits and meta.get("kind") != "weights":
        return "splits"
    return next((key for key, fine in sound.items() if not fine), None)


def check_files(folder: Path, meta: dict, in_full: bool = False) -> None:
    """Compare every file with what meta.json says of it.

    By size and time of change. A file whose time differs (as in a copied store) is hashed, or all `in_full`.

    Raises:
        DataError: a file is missing, has another size, or has other bytes.
    """
    for filename, noted in meta["files"].items():
        path = folder / filename
        try:
            stat = path.stat()
        except OSError as error:
            raise DataError(f"{path} cannot be read: {error.strerror}. {how_to_mend(folder.name)}") from None
        if stat.st_size != noted["bytes"]:
            raise DataError(
                f"{path} is damaged: {stat.st_size:,} bytes, expected {noted['bytes']:,}. "
                f"{how_to_mend(folder.name)}"
            )
        if (in_full or stat.st_mtime_ns != noted["mtime_ns"]) and file_sha256(path) != noted["sha256"]:
            raise DataError(
                f"{path} is not what was stored: its SHA-256 is no longer {noted['sha256']}. "
                f"{how_to_mend(folder.name)}"
            )


def file_sha256(path: Path) -> str:
    """SHA-256 of a file, hexadecimal.

    Raises:
        DataError: it cannot be read.
    """
    try:
        with open(path, "rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise DataError(
            f"{path} cannot be read: {error.strerror}. Check that it exists and is yours to read."
        ) from None


def write(base: Path, meta: dict, save: Callable[[Path], list[str]]) -> dict:
    """Write a folder named ``meta["name"]``, in place of an older one. The caller holds the lock.

    Args:
        base: the store.
        meta: what meta.json is to say, but for format, time and files.
        save: writes the files into the folder it is given, and returns their names.

    Returns:
        The finished meta.

    Raises:
        DataError: the disk refuses.
    """
    name = meta["name"]
    with refusals(base, name), _staging(base, name) as stage:
        files = {}
        for filename in save(stage):
            path = stage / filename
            _flush(path)
            stat = path.stat()
            files[filename] = {
                "bytes": stat.st_size,
                "mtime_ns": stat.st_mtime_ns,
                "sha256": file_sha256(path),
            }
        added = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
        meta = {"format": FORMAT, **meta, "added": added, "files": files}
        (stage / META).write_text(json.dumps(meta, indent=1) + "\n", encoding="utf-8")
        _flush(stage / META)
        _swap(base, name, stage)
    return meta


def save_array(path: Path, array: np.ndarray) -> None:
    """Write an array as .npy, C order; unlike np.save, says why if the disk refuses."""
    array = np.ascontiguousarray(array)
    with open(path, "wb") as file:
        np.lib.format.write_array_header_1_0(file, np.lib.format.header_data_from_array_1_0(array))
        file.write(array.data)


def check_writable(base: Path, name: str) -> None:
    """Find out before the work starts whether the store, which is made if need be, can be written in the end.

    Raises:
        DataError: it cannot.
    """
    with refusals(base, name):
        base.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=base):
            pass


@contextlib.contextmanager
def locked(base: Path, name: str):
    """Hold the lock of one folder of the store, which is made if need be.

    Raises:
        DataError: the store cannot be written, or another process held the lock for too long.
    """
    import filelock

    lock = filelock.FileLock(base / f".{name}.lock")
    with refusals(base, name):
        base.mkdir(parents=True, exist_ok=True)
        try:
            lock.acquire(timeout=LOCK_SECONDS)
        except filelock.Timeout:
            raise DataError(
                f"another process has been writing {name} to {base} for over {LOCK_SECONDS} s. Wait for it "
                "or end it, then repeat the command."
            ) from None
    try:
        yield
    finally:
        lock.release()


@contextlib.contextmanager
def refusals(base: Path, name: str):
    """Turn whatever the disk refuses (no space, no permission, no such device) into one DataError."""
    try:
        yield
    except OSError as error:
        raise DataError(
            f"cannot write {name} to the data store {base}: {error.strerror or error}. Make room or get "
            "permission there, or set LT_DATA to another folder, then repeat the command."
        ) from None


def _flush(path: Path) -> None:
    with open(path, "rb+") as file:
        os.fsync(file.fileno())


@contextlib.contextmanager
def _staging(base: Path, name: str):
    """A new folder inside the store, removed unless it is renamed; what killed processes left goes first."""
    for old in base.glob(f".{name}.new-*"):
        shutil.rmtree(old, ignore_errors=True)
    stage = Path(tempfile.mkdtemp(prefix=f".{name}.new-", dir=base))
    stage.chmod(0o755)
    try:
        yield stage
    finally:
        shutil.rmtree(stage, ignore_errors=True)


def _swap(base: Path, name: str, stage: Path) -> None:
    """Rename the finished folder into place; an older one steps aside first and is removed."""
    if (base / name).exists():
        aside = Path(tempfile.mkdtemp(prefix=f".{name}.new-", dir=base))
        (base / name).rename(aside / "old")
        stage.rename(base / name)
        shutil.rmtree(aside, ignore_errors=True)
    else:
        stage.rename(base / name)
