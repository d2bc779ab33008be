"""The store of data sets and weights: load, list, verify.

<store>/<name>/x_train.npy  y_train.npy  x_test.npy  y_test.npy  meta.json
"""

import contextlib
import hashlib
import os
import shutil
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from lt_lib.data import packaged, registry
from lt_lib.data.arrays import Arrays, bag_digest, content_digest, split_order
from lt_lib.data.folder import META, check_files, locked, read_meta, refusals, save_array, write
from lt_lib.data.registry import DataEntry, WeightsEntry, how_to_get, how_to_mend, made_here
from lt_lib.errors import DataError

Root = str | os.PathLike | None


@dataclass(frozen=True)
class ImageSet:
    """A data set in the store.

    Attributes:
        name: as in ``load(name)``.
        kind: "embedded", "real" or "user" (one's own; never compared with a published number).
        classes: K names; label k means ``classes[k]``.
        digest: ``sha256:...`` of images and labels in their order.
        variant: what sets this copy apart from the official one; empty if nothing does.
        folder: where its arrays lie.
        splits: split name -> (N, H, W, C).
        extra: JSON values kept beside the arrays.
    """

    name: str
    kind: str
    classes: tuple[str, ...]
    digest: str
    variant: str
    folder: Path
    splits: dict[str, tuple[int, int, int, int]]
    extra: dict = field(default_factory=dict)

    def images(self, split: str) -> np.memmap:
        """Images (N, H, W, C), uint8, mapped from disk and read-only; C is red-green-blue, or as
        ``extra["bands"]`` says.

        Raises:
            DataError: no such split, or the file cannot be read.
        """
        return self._array("x", split)

    def labels(self, split: str) -> np.ndarray:
        """Labels (N,), int64 in [0, K).

        Raises:
            DataError: no such split, or the file cannot be read.
        """
        return np.array(self._array("y", split), dtype=np.int64)

    def _array(self, letter: str, split: str) -> np.ndarray:
        if split not in self.splits:
            raise DataError(f"{self.name} has no split {split!r}; it has {', '.join(self.splits)}.")
        path = self.folder / f"{letter}_{split}.npy"
        try:
            array = np.load(path, mmap_mode="r", allow_pickle=False)
        except Exception as error:  # a damaged header raises whatever comes
            raise DataError(f"{path} cannot be read: {error}. {how_to_mend(self.name)}") from None
        shape = self.splits[split] if letter == "x" else self.splits[split][:1]
        if array.shape != shape:
            raise DataError(f"{path} holds shape {array.shape}, expected {shape}. {how_to_mend(self.name)}")
        return array


@dataclass(frozen=True)
class Row:
    """A line of ``lt data list``.

    Attributes:
        name, kind, licence, note: as in the registry.
        state: "ready", "missing", "damaged" or "made on first use".
        bytes: on disk; what it would take, if it is not there.
        how: how to get or mend it; empty if it is ready.
        variant: what sets the stored copy apart.
        digest: of the stored copy; empty if there is none.
    """

    name: str
    kind: str
    state: str
    bytes: int
    licence: str
    how: str
    note: str
    variant: str = ""
    digest: str = ""

    def __str__(self) -> str:
        parts = [
            f"{self.name}: {self.state}",
            f"{self.bytes / 1e6:.1f} MB",
            self.digest,
            self.variant,
            self.how,
        ]
        return ", ".join(filter(None, parts))


def store_root(root: Root = None) -> Path:
    """Folder of the store, absolute: `root` if given, else LT_DATA of the environment, else the user's cache
    folder. It need not be there yet; `~` is expanded.

    Raises:
        DataError: no folder can have that name, or it is there and may not be read.
    """
    base = root if root is not None else os.environ.get("LT_DATA")
    if not base:
        import platformdirs

        base = Path(platformdirs.user_cache_dir("lt_lib")) / "data"
    try:
        base = Path(base).expanduser().absolute()
        base.stat()
        refusal = "" if os.access(base, os.R_OK) else "Permission denied"
    except (FileNotFoundError, NotADirectoryError):
        refusal = ""  # made when it is written
    except (OSError, RuntimeError, ValueError) as error:
        refusal = getattr(error, "strerror", None) or str(error)
    if refusal:
        raise DataError(
            f"the data store {base} cannot be used: {refusal}. Get permission there, or set LT_DATA to "
            "another folder."
        )
    return base


def names(root: Root = None) -> list[str]:
    """Names of all data sets: the registry's, then the user's own in the store; no weights."""
    return [*registry.data_sets(), *user_names(store_root(root))]


def describe(name: str, root: Root = None) -> DataEntry | WeightsEntry:
    """What is known of a data set or weights file; for a user's own set, taken from the store.

    Raises:
        DataError: no such name; the message lists those there are.
    """
    entry = registry.find(name)
    if entry is not None:
        return entry
    base = store_root(root)
    own = user_names(base)
    if name in own:
        return _user_entry(read_meta(base / name))
    raise DataError(
        f"no data set is named {name!r} in the store {base}; there are "
        f"{', '.join([*registry.data_sets(), *own])}, and the weights {', '.join(registry.weights())}. `lt "
        f"data list` shows them; `lt data add {name} --from FOLDER` adds your own images."
    )


def load(name: str, root: Root = None) -> ImageSet:
    """Open a data set. Its files are compared with the sizes and times noted when they were stored.

    An embedded set is made in the store on first use; of two processes that need it, one makes it, one waits.

    Args:
        name: one of ``names()``.
        root: another store than ``store_root()``.

    Raises:
        DataError: unknown name, not in the store, a damaged or changed file, or a store that would have to be
            written and cannot.
    """
    base = store_root(root)
    entry = describe(name, base)
    if isinstance(entry, WeightsEntry):
        raise DataError(
            f"{name} is a weights file, no data set: its path is lt_lib.data.weights_path({name!r})."
        )
    if entry.kind == "embedded":
        if not _is_current(base / name, entry):
            make_embedded(name, base)
    else:
        _require(base, entry)
    meta = read_meta(base / name)
    check_files(base / name, meta)
    return image_set(base / name, meta)


def weights_path(name: str, root: Root = None) -> Path:
    """Path of a registered weights file in the store; :func:`describe` says which model it fits and how.

    Where an installed package carries the weights, the file is made of it on first use.

    Raises:
        DataError: no such weights, not in the store, or damaged.
    """
    base = store_root(root)
    entry = registry.weights().get(name)
    if entry is None:
        raise DataError(
            f"no weights are named {name!r}; there are {', '.join(registry.weights())}. See `lt data list`."
        )
    if made_here(entry) and not _is_current(base / name, entry):
        make_weights(name, base)
    _require(base, entry)
    check_files(base / name, read_meta(base / name))
    return base / name / entry.filename


def verify(name: str, root: Root = None) -> Row:
    """Read every file again in full, and compare with meta.json and with the digests pinned in the registry.

    Raises:
        DataError: not in the store, or anything differs.
    """
    base = store_root(root)
    entry = describe(name, base)
    _require(base, entry)
    meta = read_meta(base / name)
    check_files(base / name, meta, in_full=True)
    if entry.kind == "weights":
        found = (
            f"sha256:{meta['files'][entry.filename]['sha256']}"
            if entry.filename in meta["files"]
            else "nothing"
        )
    else:
        images = image_set(base / name, meta)
        splits = {split: (images.images(split), images.labels(split)) for split in images.splits}
        found = content_digest(splits)
    if found != meta["digest"]:
        raise DataError(
            f"{base / name} holds {found}, its meta.json says {meta['digest']}. {how_to_mend(name)}"
        )
    if found not in entry.digests and (entry.kind == "weights" or not _vouched(entry, meta, splits)):
        raise DataError(
            f"{base / name} holds {found}, expected {' or '.join(entry.digests) or 'the official archive'}. "
            f"{how_to_mend(name)}"
        )
    return _row(base, entry)


def listing(root: Root = None) -> list[Row]:
    """What there is and in what state, for ``lt data list``; by size and time, nothing is read in full."""
    base = store_root(root)
    rows = [_row(base, entry) for entry in registry.data_sets().values()]
    for name in user_names(base):
        try:
            rows.append(_row(base, _user_entry(read_meta(base / name))))
        except DataError as error:
            rows.append(Row(name, "user", "damaged", 0, "", how_to_mend(name), str(error)))
    return rows + [_row(base, entry) for entry in registry.weights().values()]


def make_embedded(name: str, base: Path, again: bool = False) -> None:
    """Make an embedded set in the store, unless another process has just done so (`again`: even then).

    Raises:
        DataError: the store cannot be written, or other bytes come out than those pinned.
    """
    entry = registry.data_sets()[name]
    with locked(base, name):
        if not again and _is_current(base / name, entry):
            return
        with _scratch(base, name) as folder:
            arrays = entry.make(name, folder)
            digest = arrays.digest()
            if digest not in entry.digests:
                module = entry.make.__module__
                raise DataError(
                    f"{name} came out as {digest}, expected {' or '.join(entry.digests)}: "
                    f"{module.replace('.', '/')}.py was changed. Undo that, or pin there, in DIGESTS, what "
                    f"`python -m {module}` prints."
                )
            put(base, entry, arrays, digest, "pinned digest", entry.source, written=folder)


def make_weights(name: str, base: Path, again: bool = False) -> Path:
    """Make a weights file in the store of its installed package, unless another process has just done so
    (`again`: even then).

    Raises:
        DataError: the store cannot be written, or the package holds other weights than those pinned.
    """
    entry = registry.weights()[name]
    with locked(base, name):
        if again or not _is_current(base / name, entry):
            content = packaged.as_safetensors(entry)
            found = hashlib.sha256(content).hexdigest()
            if found != entry.sha256:
                raise DataError(
                    f"the package {entry.package} makes a {entry.filename} with SHA-256 {found}, expected "
                    f"{entry.sha256}. {packaged.how_to_reinstall(entry)}"
                )
            put_weights(base, entry, content, f"the package {entry.package}")
    return base / name / entry.filename


def put_weights(base: Path, entry: WeightsEntry, content: bytes, source: str) -> None:
    """Write a checked weights file to the store, in place of an older one. The caller holds the lock.

    Raises:
        DataError: the store cannot be written.
    """

    def save(folder: Path) -> list[str]:
        (folder / entry.filename).write_bytes(content)
        return [entry.filename]

    meta = {
        "name": entry.name,
        "kind": "weights",
        "digest": f"sha256:{entry.sha256}",
        "variant": "",
        "checked": "pinned digest",
        "source": source,
        "licence": entry.licence,
        "splits": {},
        "classes": [],
        "extra": {},
    }
    write(base, meta, save)


@contextlib.contextmanager
def _scratch(base: Path, name: str):
    """An empty folder on the disk of the store, removed in the end; the caller holds the lock."""
    folder = base / f".{name}.making"
    with refusals(base, name):
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)


def put(
    base: Path,
    entry: DataEntry,
    arrays: Arrays,
    digest: str,
    checked: str,
    source: str,
    written: Path | None = None,
) -> ImageSet:
    """Write a checked data set to the store, in place of an older one. The caller holds the lock.

    Args:
        written: a folder on the same disk; arrays that already lie there as .npy files are taken as they
            are.

    Raises:
        DataError: the store cannot be written.
    """
    order = split_order(arrays.splits)

    def save(folder: Path) -> list[str]:
        files = []
        for split in order:
            images, labels = arrays.splits[split]
            for file, array in ((f"x_{split}.npy", images), (f"y_{split}.npy", labels)):
                if written is not None and (written / file).exists():
                    _link(written / file, folder / file)
                else:
                    save_array(folder / file, array.astype("<i8", copy=False) if file[0] == "y" else array)
                files.append(file)
        return files

    meta = {
        "name": entry.name,
        "kind": entry.kind,
        "digest": digest,
        "variant": arrays.variant,
        "checked": checked,
        "source": source,
        "licence": entry.licence,
        "splits": {split: list(arrays.splits[split][0].shape) for split in order},
        "classes": list(arrays.classes),
        "extra": arrays.extra,
    }
    return image_set(base / entry.name, write(base, meta, save))


def _link(old: Path, new: Path) -> None:
    """The same file under a second name; a copy where the disk has no links."""
    try:
        os.link(old, new)
    except OSError:
        shutil.copyfile(old, new)


def image_set(folder: Path, meta: dict) -> ImageSet:
    """The set that a folder's meta.json describes."""
    return ImageSet(
        name=meta["name"],
        kind=meta["kind"],
        classes=tuple(meta["classes"]),
        digest=meta["digest"],
        variant=meta["variant"],
        folder=folder,
        splits={split: tuple(shape) for split, shape in meta["splits"].items()},
        extra=meta["extra"],
    )


def user_names(base: Path) -> list[str]:
    """Names of the sets in the store that are the user's own."""
    if not base.is_dir():
        return []
    found = (path.parent.name for path in base.glob(f"[!.]*/{META}"))
    return sorted(name for name in found if registry.find(name) is None)


def _user_entry(meta: dict) -> DataEntry:
    shapes = meta["splits"]
    return DataEntry(
        name=meta["name"],
        kind="user",
        shape=tuple(next(iter(shapes.values()))[1:]),
        classes=tuple(meta["classes"]),
        splits={split: shape[0] for split, shape in shapes.items()},
        licence=meta["licence"],
        source=meta["source"],
        note=meta["variant"],
        pins=(registry.Pin(meta["digest"]),),
    )


def _is_current(folder: Path, entry: DataEntry) -> bool:
    """A set or weights file is there, and is the one this version of the code makes."""
    return (folder / META).is_file() and read_meta(folder)["digest"] in entry.digests


def _require(base: Path, entry: DataEntry | WeightsEntry) -> None:
    """Raise DataError unless the folder is there; a writer that is just replacing it is waited for."""
    if (base / entry.name / META).is_file():
        return
    with contextlib.ExitStack() as stack:
        if (base / f".{entry.name}.lock").exists() and os.access(base, os.W_OK):
            stack.enter_context(locked(base, entry.name))
        if not (base / entry.name / META).is_file():
            raise DataError(f"{entry.name} is not in the data store {base}. {how_to_get(entry)}")


def _vouched(entry: DataEntry, meta: dict, splits: dict) -> bool:
    """A real set without a pinned digest: known by its images in any order, by its archive, or by its
    counts."""
    if entry.pins:
        bags = {split: bag_digest(*arrays) for split, arrays in splits.items()}
        if any(pin.bags == bags for pin in entry.pins):
            return True
    return meta["checked"] in ("official archive", "official counts")


def _row(base: Path, entry: DataEntry | WeightsEntry) -> Row:
    name, variant, digest, how = entry.name, "", "", ""
    size = entry.bytes if entry.kind == "weights" else sum(entry.splits.values()) * int(np.prod(entry.shape))
    if not (base / name / META).is_file():
        state = "made on first use" if made_here(entry) else "missing"
        how = how_to_get(entry)
    else:
        try:
            meta = read_meta(base / name)
            check_files(base / name, meta)
            state, variant, digest = "ready", meta["variant"], meta["digest"]
            size = sum(noted["bytes"] for noted in meta["files"].values())
            if made_here(entry) and digest not in entry.digests:
                state, how = "made on first use", how_to_get(entry)
        except DataError:
            state, how = "damaged", how_to_mend(name)
    return Row(name, entry.kind, state, size, entry.licence, how, entry.note, variant, digest)
