"""Bringing data into the store from files on this machine."""

import contextlib
import os
import re
import shutil
import tarfile
import zipfile
import zlib
from pathlib import Path

import numpy as np

from lt_lib.data import image_folder as trees
from lt_lib.data import registry
from lt_lib.data.arrays import Arrays
from lt_lib.data.check import check, in_both
from lt_lib.data.folder import check_writable, file_sha256, locked, refusals
from lt_lib.data.registry import DataEntry, WeightsEntry
from lt_lib.data.sets import droughtwatch
from lt_lib.data.store import (
    ImageSet,
    Root,
    load,
    make_embedded,
    make_weights,
    put,
    put_weights,
    store_root,
    user_names,
)
from lt_lib.errors import DataError

SIZE = 32  # side of the images of a user's own set, pixels: that of every other set here


def add(
    name: str,
    source: str | os.PathLike | None = None,
    root: Root = None,
    progress: bool = True,
    size: int = SIZE,
) -> ImageSet | Path:
    """Put a data set or weights file into the store, in place of an older copy, once it is found to be right.

    Args:
        name: a registered name, or a new one for a set of your own.
        source: what to read; none for an embedded set, or for weights whose package is installed, which are
            made anew. An official CIFAR archive (.tar.gz) or its unpacked folder; a folder with x_train.npy,
            y_train.npy, x_test.npy and y_test.npy, or one that holds such a folder called `name`; a folder
            with train/CLASS/ and test/CLASS/ images; the .zip archive of Drought Watch or its unpacked
            folder, under another name any folder of such TFRecord parts; the .safetensors file of registered
            weights.
        root: another store than ``store_root()``.
        progress: show a bar where it takes long.
        size: side of the stored images, in pixels, if the source holds image files.

    Returns:
        The stored data set; for weights, the path of the stored file. What was left out of the source, or not
        taken as it stands, is counted in ``extra["notes"]`` (image files) or ``extra["report"]`` (tiles).

    Raises:
        DataError: the source is missing, unreadable, damaged, unsafe or not what `name` says, or the store
            refuses; whether it can be written is tried first.
    """
    base = store_root(root)
    entry = registry.find(name)
    if isinstance(entry, DataEntry) and entry.kind == "embedded":
        if source is not None:
            raise DataError(f"{name} is made by the code and takes no file: run `lt data add {name}`.")
        make_embedded(name, base, again=True)
        return load(name, base)
    if source is None and isinstance(entry, WeightsEntry) and entry.package:
        if not entry.installed:
            raise DataError(f"nothing to make {name} of. {registry.how_to_get(entry)}")
        return make_weights(name, base, again=True)
    if source is None:
        raise DataError(
            f"nothing to add {name} from: run `lt data add {name} --from SOURCE` with a file or folder."
        )
    if entry is None:
        _check_name(base, name)
    source = _readable(source, name)
    check_writable(base, name)
    with _reading(source):
        if isinstance(entry, WeightsEntry):
            return _add_weights(base, entry, source)
        if entry is None:
            return _add_own(base, name, source, progress, size)
        if entry.collect is not None:
            return _add_tiles(base, name, source, progress, entry)
        return _add_known(base, entry, source, progress)


def _readable(source: str | os.PathLike, name: str) -> Path:
    """The source as a path.

    Raises:
        DataError: nothing is there, it cannot be read, or no file can have such a name.
    """
    try:
        path = Path(source).expanduser()
        if path.is_dir():
            next(path.iterdir(), None)
        elif path.is_file():
            path.open("rb").close()
        else:
            path.stat()
            raise OSError("it is neither a file nor a folder")
    except (FileNotFoundError, NotADirectoryError):
        raise DataError(
            f"{source} does not exist; `lt data add {name} --from SOURCE` needs a file or folder that does."
        ) from None
    except (OSError, RuntimeError, ValueError) as error:
        raise DataError(_refused(source, error)) from None
    return path


@contextlib.contextmanager
def _reading(source: Path):
    """Turn a file or folder within the source that cannot be read into a DataError; what the store refuses
    already is one."""
    try:
        yield
    except OSError as error:
        raise DataError(_refused(error.filename or source, error)) from None


def _refused(path, error: Exception) -> str:
    reason = getattr(error, "strerror", None) or error
    return (
        f"{trees.shown(path)} cannot be read: {reason}. Mend its name or permissions, or give another source."
    )


def _add_known(base: Path, entry: DataEntry, source: Path, progress: bool) -> ImageSet:
    """A registered set; if it is refused, what was left out of the source may be why."""
    arrays = _read(source, entry, progress)
    try:
        digest, checked = check(entry, arrays, str(source))
    except DataError as error:
        raise DataError(" ".join([str(error), *arrays.extra.get("notes", [])])) from None
    with locked(base, entry.name):
        return put(base, entry, arrays, digest, checked, source=str(source))


def _read(source: Path, entry: DataEntry, progress: bool) -> Arrays:
    """Arrays of a registered set, whichever way `source` holds them."""
    if source.is_file() and not _may_be_official(source, entry):
        _refuse_other_files(source, entry.name)
    for folder in (source, source / entry.name):
        if _holds_npy(folder):
            return trees.read_npy(folder, entry.classes, entry.splits)
    if entry.read is not None and (arrays := entry.read(source, entry)) is not None:
        return arrays
    if _holds_images(source):
        return _renamed(trees.read_images(source, entry.shape[0], progress), entry, source)
    raise DataError(_unknown(source, entry.name))


def _renamed(arrays: Arrays, entry: DataEntry, source: Path) -> Arrays:
    """Labels by the entry's order of classes, not the alphabet's."""
    if set(arrays.classes) != set(entry.classes):
        odd = sorted(set(arrays.classes) ^ set(entry.classes))
        raise DataError(
            f"{source} holds other classes than {entry.name}: {', '.join(odd[:3])}, ... are not in both."
        )
    order = np.array([entry.classes.index(name) for name in arrays.classes])
    splits = {split: (images, order[labels]) for split, (images, labels) in arrays.splits.items()}
    return Arrays(classes=entry.classes, splits=splits, extra=arrays.extra)


def _add_own(base: Path, name: str, source: Path, progress: bool, size: int) -> ImageSet:
    """A set of the user's own, under a new name."""
    if droughtwatch.holds_parts(source):
        return _add_tiles(base, name, source, progress)
    if source.is_file():
        _refuse_other_files(source, name)
        raise DataError(f"{source} is an archive: {_unknown_name(name)}, or unpack it and give the folder.")
    if _holds_npy(source):
        arrays = trees.read_npy(source, None)
    elif _holds_images(source):
        arrays = trees.read_images(source, size, progress)
    else:
        raise DataError(_unknown(source, name))
    digest = arrays.digest()
    for known in registry.data_sets().values():
        if digest in known.digests:
            raise DataError(f"{source} is {known.name}: run `lt data add {known.name} --from {source}`.")
    entry = _own(name, arrays, source)
    with locked(base, name):
        return put(base, entry, arrays, digest, checked="your own", source=str(source.resolve()))


def _add_tiles(
    base: Path, name: str, source: Path, progress: bool, entry: DataEntry | None = None
) -> ImageSet:
    """A set too large for memory, or without an entry one of the user's own as TFRecord parts. What is left
    half done is kept."""
    unfinished = base / f".{name}.import"
    with locked(base, name), refusals(base, name):
        collect = entry.collect if entry else droughtwatch.collect
        arrays = collect(source, unfinished, progress, entry)
        checked = "official counts" if entry else "your own"
        entry = entry or _own(name, arrays, source)
        images = put(base, entry, arrays, arrays.digest(), checked, str(source.resolve()), written=unfinished)
        shutil.rmtree(unfinished)
        return images


def _own(name: str, arrays: Arrays, source: Path) -> DataEntry:
    """The entry of a set of the user's own; the test images found in training, too, are counted."""
    arrays.extra["test_images_also_in_train"] = in_both(arrays)
    return DataEntry(
        name=name,
        kind="user",
        shape=arrays.splits["train"][0].shape[1:],
        classes=arrays.classes,
        splits={split: len(labels) for split, (_, labels) in arrays.splits.items()},
        licence="your own",
        source=str(source),
        note="",
    )


def _add_weights(base: Path, entry: WeightsEntry, source: Path) -> Path:
    if source.is_dir():
        source = source / entry.filename
    found = file_sha256(source)
    if found != entry.sha256:
        raise DataError(
            f"{source} is not {entry.filename}: {source.stat().st_size:,} bytes with SHA-256 {found}, "
            f"expected {entry.bytes:,} bytes with {entry.sha256}. Get the file again and repeat `lt data "
            f"add {entry.name} --from FILE`."
        )
    with locked(base, entry.name):
        put_weights(base, entry, source.read_bytes(), str(source.resolve()))
    return base / entry.name / entry.filename


def _check_name(base: Path, name: str) -> None:
    """Refuse a new name that cannot be a folder everywhere, or that is all but a name already taken."""
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}", name):
        raise DataError(
            f"{name!r} cannot name a data set: use letters, digits, - and _ (at most 64, beginning with a "
            "letter or digit)."
        )
    for taken in [*registry.data_sets(), *registry.weights(), *user_names(base)]:
        if name != taken and _bare(name) == _bare(taken):
            raise DataError(
                f"{name!r} is too close to {taken!r}: use that name if you mean it, or another one."
            )


def _bare(name: str) -> str:
    return re.sub("[-_]", "", name).casefold()


def _may_be_official(source: Path, entry: DataEntry) -> bool:
    """A .zip archive, where the official one is one."""
    return bool(entry.archive) and entry.archive.filename.endswith(".zip") and zipfile.is_zipfile(source)


def _refuse_other_files(source: Path, name: str) -> None:
    """Refuse a file that is no tar archive, and the archives that prepare.py unpacks."""
    try:
        with tarfile.open(source) as tar:
            members = {member.name for member, _ in zip(tar, range(3), strict=False)}
    except (tarfile.TarError, EOFError, zlib.error, OSError):
        members = set()
        if not source.name.endswith((".tar", ".tgz", ".tar.gz")):
            raise DataError(_unknown(source, name)) from None
    if "labels.npz" in members:
        raise DataError(
            f"{source} is packed for prepare.py: run `python prepare.py --out DIR {name}` beside it, then "
            f"`lt data add {name} --from DIR/{name}`."
        )


def _holds_npy(folder: Path) -> bool:
    return any((folder / f"x_{split}.npy").is_file() for split in trees.SPLITS)


def _holds_images(folder: Path) -> bool:
    return all((folder / split).is_dir() for split in trees.SPLITS)


def _unknown_name(name: str) -> str:
    return f"{name!r} is no registered name (there are {', '.join(registry.data_sets())})"


def _unknown(source: Path, name: str) -> str:
    if source.is_dir():
        there = sorted(path.name for path in source.iterdir())
        found = ", ".join(there[:5]) + (", ..." if len(there) > 5 else "") or "nothing"
    else:
        found = "a file of another kind"
    archive = getattr(registry.find(name), "archive", None)
    wanted = f"{archive.filename} or its unpacked folder, " if archive else ""
    return (
        f"{source} holds no data set that is known here (found {found}). `lt data add {name}` takes "
        f"{wanted}a folder with x_train.npy, y_train.npy, x_test.npy and y_test.npy, one with train/CLASS/ "
        "and test/CLASS/ images, or one with TFRecord parts of Drought Watch."
    )
