"""CIFAR as its authors publish it: pickled batches in a .tar.gz, or the same files unpacked.

A pickle is a program. These are read by an unpickler that knows NumPy's array reconstruction and the built-in
containers and nothing else; archive members are read in memory, never unpacked to disk.

The checksums of the archives are those in the loaders of torchvision (MD5) and Keras (SHA-256).

Source: A. Krizhevsky (2009), Learning Multiple Layers of Features from Tiny Images, and the description of
the Python version at https://www.cs.toronto.edu/~kriz/cifar.html.
"""

import hashlib
import io
import math
import operator
import pickle
import re
import struct
import tarfile
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np

from lt_lib.data.arrays import Arrays
from lt_lib.data.folder import file_sha256
from lt_lib.data.registry import DataEntry, Download, Pin
from lt_lib.errors import DataError

MEMBER_LIMIT = 400_000_000  # bytes; the largest official member has 155 million
_BROKEN_TAR = (tarfile.TarError, EOFError, zlib.error, OSError)
_BROKEN_PICKLE = (
    pickle.UnpicklingError,
    ArithmeticError,
    AssertionError,
    AttributeError,
    EOFError,
    ImportError,
    LookupError,
    MemoryError,
    RecursionError,
    struct.error,
    TypeError,
    ValueError,
)


@dataclass(frozen=True, kw_only=True)
class Archive(Download):
    """An official archive of pickled batches, of known size and checksum.

    Attributes:
        md5: its other checksum.
        members: file name -> MD5 of the members that hold data.
        train, test: the members of each split, in order.
        meta, names_key: the member that holds the class names, and its key for them.
        labels_key: the key of the labels in a batch.
        classes: all class names, in the order of the labels.
    """

    md5: str
    members: dict[str, str]
    train: tuple[str, ...]
    test: tuple[str, ...]
    meta: str
    names_key: str
    labels_key: str
    classes: tuple[str, ...]


_CIFAR10_NAMES = "airplane automobile bird cat deer dog frog horse ship truck"
_CIFAR100_NAMES = """
apple aquarium_fish baby bear beaver bed bee beetle bicycle bottle bowl boy bridge bus butterfly
camel can castle caterpillar cattle chair chimpanzee clock cloud cockroach couch crab crocodile cup
dinosaur dolphin elephant flatfish forest fox girl hamster house kangaroo keyboard lamp lawn_mower
leopard lion lizard lobster man maple_tree motorcycle mountain mouse mushroom oak_tree orange orchid
otter palm_tree pear pickup_truck pine_tree plain plate poppy porcupine possum rabbit raccoon ray
road rocket rose sea seal shark shrew skunk skyscraper snail snake spider squirrel streetcar
sunflower sweet_pepper table tank telephone television tiger tractor train trout tulip turtle
wardrobe whale willow_tree wolf woman worm
"""
CIFAR10_CLASSES = tuple(_CIFAR10_NAMES.split())
CIFAR100_CLASSES = tuple(_CIFAR100_NAMES.split())

CIFAR100_ARCHIVE = Archive(
    url="https://www.cs.toronto.edu/~kriz/cifar-100-python.tar.gz",
    bytes=169_001_437,
    sha256="85cd44d02ba6437773c5bbd22e183051d648de2e7d6b014e1ef29b855ba677a7",
    md5="eb9058c3a382ffc7106e4002c42a8d85",
    members={
        "train": "16019d7e3df5f24257cddd939b257f8d",
        "test": "f0ef6b0ae62326f3e7ffdfab6717acfc",
        "meta": "7973b15100ade9c7d40fb424638fde48",
    },
    train=("train",),
    test=("test",),
    meta="meta",
    names_key="fine_label_names",
    labels_key="fine_labels",
    classes=CIFAR100_CLASSES,
)
CIFAR10_ARCHIVE = Archive(
    url="https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz",
    bytes=170_498_071,
    sha256="6d958be074577803d12ecdefd02955f39262c83c16fe9348329d7fe0b5c001ce",
    md5="c58f30108f718f92721af3b95e74349a",
    members={
        "data_batch_1": "c99cafc152244af753f735de768cd75f",
        "data_batch_2": "d4bba439e000b95fd0a9bffe97cbabec",
        "data_batch_3": "54ebc095f3ab1f0389bbae665268c751",
        "data_batch_4": "634d18415352ddfa80567beed471001a",
        "data_batch_5": "482c414d41f54cd18b22e5b47cb7c3cb",
        "test_batch": "40351d587109b95175f43aff81a1287e",
        "batches.meta": "5ff9c542aee3614f3951f8cda6e48888",
    },
    train=("data_batch_1", "data_batch_2", "data_batch_3", "data_batch_4", "data_batch_5"),
    test=("test_batch",),
    meta="batches.meta",
    names_key="label_names",
    labels_key="labels",
    classes=CIFAR10_CLASSES,
)

EVEN50 = Pin(
    digest="sha256:ce50c3bac0f2aeba4cb598ce3ef29671af0ce6602df87d69223ffca91b7e17d2",
    bags={
        "train": "sha256:030494eb3b4e30a47166f7bba78f590a9dcb6205e933c07be902b4ecc6904de4",
        "test": "sha256:69bf1d8e0ea1b3a0a399f2511333fffbf10a82ee608bb5dc92f42339c96047ad",
    },
    pixels={
        "train": "sha256:62d27cb2f87c5a3b22a5c3d951dbfd81915f4af051b1d13a5b116680bdcc554d",
        "test": "sha256:0fd72a55f50f68b466393d13d69a3aa1879308285859e8d195e7afb2dbe87219",
    },
)
# The copy unpacked by prepare.py. The official archive has no digest here and goes by its checksums.
CIFAR10_JPEG98 = Pin(
    digest="sha256:ce07e84109649517a973bd4fac01c566f9f93651486771cb77df95b1935ca337",
    variant="98 images known only as JPEG",
    bags={
        "train": "sha256:7ff6fa72cd680369b831e535ae74f36bf105debb585e47a6accef58d7e874e38",
        "test": "sha256:b76c403b70cdb20c80c0ef7b0303e8a26b4cfdb25623130577fe8aab7d16b30e",
    },
    pixels={
        "train": "sha256:4dfda7d429c51db86fdbf42a6db1ce6e5f95428d92b9b80dd70e7399757819a2",
        "test": "sha256:e29306b02c70717420e826f7c12b7310f0c8a2e74a070c3de1dd0f21734ddede",
    },
)


def read_archive(path: Path, entry: DataEntry) -> Arrays:
    """Read an official archive, or one packed in the same way.

    Args:
        path: a .tar.gz or .tar file.
        entry: says which archive it should be and which labels to keep; its counts and digests play no part.

    Returns:
        Arrays: images (N, 32, 32, 3) uint8 and labels (N,) int64 of train and test, in the files' order;
        `official` if the checksum of the file, or of all its members, is the official one.

    Raises:
        DataError: truncated, not such an archive, an unsafe member, or a pickle that wants more than arrays.
    """
    archive = entry.archive
    files, found = {}, []
    try:
        with tarfile.open(path) as tar:
            for member in tar:
                name = member.name.rsplit("/", 1)[-1]
                found.append(member.name)
                if member.isdir() or name not in archive.members:
                    continue
                _check_member(path, member, name in files)
                files[name] = tar.extractfile(member).read()
    except _BROKEN_TAR as error:
        raise DataError(_broken(path, entry, error)) from None
    missing = [name for name in archive.members if name not in files]
    if missing:
        raise DataError(_lacks(path, entry, missing, found))
    official = path.stat().st_size == archive.bytes and file_sha256(path) == archive.sha256
    return _arrays(files, entry, str(path), official)


def read_folder(path: Path, entry: DataEntry) -> Arrays:
    """Read the unpacked files of an official archive, as :func:`read_archive` does.

    Args:
        path: the folder that holds them.
        entry: as there.

    Raises:
        DataError: a file is missing or damaged, or its pickle asks for anything but arrays.
    """
    files = {}
    for name in entry.archive.members:
        try:
            files[name] = (path / name).read_bytes()
        except FileNotFoundError:
            there = sorted(p.name for p in path.iterdir())
            raise DataError(_lacks(path, entry, [name], there)) from None
        except OSError as error:
            raise DataError(f"{path / name} cannot be read: {error.strerror}.") from None
    return _arrays(files, entry, str(path), official=False)


def safe_pickle(data: bytes, where: str):
    """Unpickle arrays, numbers, strings and built-in containers of them; nothing in the pickle is run.

    Raises:
        DataError: the pickle asks for another global, which is named, or is damaged.
    """
    try:
        return _Unpickler(io.BytesIO(data), where).load()
    except _BROKEN_PICKLE as error:
        raise DataError(
            f"{where} is damaged: {type(error).__name__}, {error}. Get a fresh copy of the file."
        ) from None


class _Unpickler(pickle._Unpickler):
    """The unpickler in Python: that in C takes memory, or falls over, as a damaged file says. What NumPy sets
    in an array unchecked is checked here."""

    dispatch: ClassVar = dict(pickle._Unpickler.dispatch)

    def __init__(self, file, where: str):
        super().__init__(file, encoding="latin1")
        self._where = where

    def find_class(self, module: str, name: str):
        if (module, name) == ("_codecs", "encode"):  # how Python 3 pickles bytes in the old protocols
            return _latin1_bytes
        if module in ("numpy.core.multiarray", "numpy._core.multiarray") and name == "_reconstruct":
            return _empty_array
        if (module, name) == ("numpy", "dtype"):
            return _Type
        if (module, name) == ("numpy", "ndarray"):
            return _ARRAY
        raise DataError(
            f"{self._where} was refused: its pickle asks to run {module}.{name}, which is no part of a "
            "CIFAR file. Do not open it by other means; get the official archive."
        )

    def load_build(self):
        if not isinstance(self.stack[-2], (_Array, _Type)):
            raise pickle.UnpicklingError("a state for what is no array")
        super().load_build()

    dispatch[pickle.BUILD[0]] = load_build


_ARRAY = "numpy.ndarray"  # the class, in arguments alone: nothing is made by calling it


class _Type:
    """A numpy.dtype of numbers or truth values."""

    def __init__(self, name: str, align: bool = False, copy: bool = False):
        if not re.fullmatch("b1|[iu][1248]|f[248]", name):
            raise ValueError(f"an array of type {name!r}")
        self.dtype = np.dtype(name)

    def __setstate__(self, state: tuple):
        order = state[1]
        if order not in ("<", ">", "|", "="):
            raise ValueError(f"bytes in the order {order!r}")
        self.dtype = self.dtype.newbyteorder(order)


class _Array(np.ndarray):
    """An array whose state fits."""

    def __setstate__(self, state: tuple):
        _, shape, kind, by_columns, content = state
        content = content.encode("latin1") if isinstance(content, str) else content  # Python 2 wrote text
        if not isinstance(content, bytes) or not isinstance(kind, _Type) or min(shape) < 0:
            raise ValueError("not the state of a plain array")
        if math.prod(shape) * kind.dtype.itemsize != len(content):
            raise ValueError(f"{len(content):,} bytes for an array of shape {shape}")
        super().__setstate__((1, tuple(map(operator.index, shape)), kind.dtype, bool(by_columns), content))


def _latin1_bytes(text: str, encoding: str) -> bytes:
    if encoding != "latin1":
        raise ValueError(f"bytes encoded as {encoding!r}")
    return text.encode("latin1")


def _empty_array(kind, shape, dtype) -> np.ndarray:
    """What numpy.core.multiarray._reconstruct does: an empty array, whose state the pickle sets next."""
    if kind is not _ARRAY or shape != (0,):
        raise ValueError("not the reconstruction of a plain array")
    return np.ndarray.__new__(_Array, shape, np.uint8)


def _check_member(path: Path, member: tarfile.TarInfo, again: bool) -> None:
    name = member.name
    if name.startswith("/") or ".." in name.split("/") or not member.isreg():
        raise DataError(f"{path} was refused: its member {name!r} is no plain file inside the archive.")
    if again or member.size > MEMBER_LIMIT:
        reason = "comes twice" if again else f"has {member.size:,} bytes"
        raise DataError(f"{path} was refused: its member {name!r} {reason}.")


def _arrays(files: dict[str, bytes], entry: DataEntry, where: str, official: bool) -> Arrays:
    archive = entry.archive
    official = official or all(
        hashlib.md5(files[name], usedforsecurity=False).hexdigest() == md5
        for name, md5 in archive.members.items()
    )
    meta = safe_pickle(files[archive.meta], f"{archive.meta} of {where}")
    names = meta.get(archive.names_key) if isinstance(meta, dict) else None
    if not isinstance(names, list) or tuple(map(_text, names)) != archive.classes:
        raise DataError(
            f"{archive.meta} of {where} does not list the class names of {entry.name} under "
            f"{archive.names_key!r}: it belongs to another data set."
        )
    splits = {split: _split(files, entry, split, where) for split in ("train", "test")}
    return Arrays(classes=entry.classes, splits=splits, official="official archive" if official else "")


def _split(
    files: dict[str, bytes], entry: DataEntry, split: str, where: str
) -> tuple[np.ndarray, np.ndarray]:
    archive = entry.archive
    batches = [_batch(files[name], archive, f"{name} of {where}") for name in getattr(archive, split)]
    data = np.concatenate([pixels for pixels, _ in batches])
    labels = np.concatenate([labels for _, labels in batches])
    keep = labels % entry.keep_every == 0
    images = data[keep].reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1)
    return np.ascontiguousarray(images), labels[keep] // entry.keep_every


def _batch(data: bytes, archive: Archive, where: str) -> tuple[np.ndarray, np.ndarray]:
    """Pixels (N, 3072) uint8, channel by channel, and labels (N,) int64."""
    batch = safe_pickle(data, where)
    if not isinstance(batch, dict) or "data" not in batch or archive.labels_key not in batch:
        keys = sorted(map(str, batch)) if isinstance(batch, dict) else type(batch).__name__
        raise DataError(f"{where} is no batch: found {keys}, expected 'data' and {archive.labels_key!r}.")
    pixels, labels = batch["data"], batch[archive.labels_key]
    if not isinstance(pixels, np.ndarray) or pixels.dtype != np.uint8 or pixels.shape[1:] != (3072,):
        found = (
            f"{pixels.dtype} of shape {pixels.shape}"
            if isinstance(pixels, np.ndarray)
            else type(pixels).__name__
        )
        raise DataError(f"{where} holds pixels as {found}, expected uint8 of shape (N, 3072).")
    valid = isinstance(labels, list) and all(type(label) is int for label in labels)
    if not valid or len(labels) != len(pixels):
        found = f"{len(labels)} labels" if isinstance(labels, list) else type(labels).__name__
        raise DataError(f"{where} holds {found}, expected a list of {len(pixels)} integers.")
    if labels and not 0 <= min(labels) <= max(labels) < len(archive.classes):
        last = len(archive.classes) - 1
        raise DataError(f"{where} holds labels {min(labels)} to {max(labels)}, expected 0 to {last}.")
    return pixels.view(np.ndarray), np.array(labels, dtype=np.int64)


def _text(name) -> str:
    return name.decode("latin1") if isinstance(name, bytes) else str(name)


def _broken(path: Path, entry: DataEntry, error: Exception) -> str:
    size = path.stat().st_size if path.is_file() else 0
    archive = entry.archive
    if size < archive.bytes and (isinstance(error, EOFError) or "end of" in str(error)):
        reason = f"it is cut short: {size:,} bytes, the official {archive.filename} has {archive.bytes:,}"
    else:
        reason = f"it is damaged or no tar archive ({(str(error) or type(error).__name__).splitlines()[0]})"
    return f"{path} cannot be read: {reason}. `lt data download {entry.name}` fetches a good one."


def _lacks(path: Path, entry: DataEntry, missing: list[str], there: list[str]) -> str:
    seen = ", ".join(there[:6]) + (", ..." if len(there) > 6 else "") or "nothing"
    return (
        f"{path} is not {entry.archive.filename} or its content: {', '.join(missing)} missing, found {seen}. "
        f"`lt data download {entry.name}` fetches a good one."
    )


def read(source: Path, entry: DataEntry) -> Arrays | None:
    """Read the official archive, the folder that it unpacks to, or one that holds that; else None.

    Raises:
        DataError: as :func:`read_archive`.
    """
    if source.is_file():
        return read_archive(source, entry)
    for folder in (source, source / "cifar-100-python", source / "cifar-10-batches-py"):
        if any((folder / member).is_file() for member in entry.archive.members):
            return read_folder(folder, entry)
    return None


def _entry(
    name: str, archive: Archive, note: str, pins: tuple[Pin, ...] = (), keep_every: int = 1
) -> DataEntry:
    return DataEntry(
        name=name,
        kind="real",
        shape=(32, 32, 3),
        classes=archive.classes[::keep_every],
        splits={"train": 50_000 // keep_every, "test": 10_000 // keep_every},
        licence="none stated by its authors; for research, cite Krizhevsky (2009)",
        source=archive.url,
        note=note,
        pins=pins,
        archive=archive,
        keep_every=keep_every,
        cite="A. Krizhevsky (2009), Learning Multiple Layers of Features from Tiny Images, University of "
        "Toronto",
        read=read,
    )


ENTRIES = (
    _entry(
        "cifar100_even50",
        CIFAR100_ARCHIVE,
        "CIFAR-100's even fine labels 0, 2, ..., 98, renamed 0 to 49; order of test images reconstructed",
        pins=(EVEN50,),
        keep_every=2,
    ),
    _entry(
        "cifar100",
        CIFAR100_ARCHIVE,
        "CIFAR-100, all 100 fine labels; known by the official archive's checksums",
    ),
    _entry("cifar10", CIFAR10_ARCHIVE, "CIFAR-10", pins=(CIFAR10_JPEG98,)),
)
