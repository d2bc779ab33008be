"""A reader's own images: files, labels, and what there is to say of them."""

import os
import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Self

import numpy as np

from lt_lib.data.image_folder import SUFFIXES, shown

NAMED = 5  # files that a note names


@dataclass
class Own:
    """Images of a reader.

    Attributes:
        root: a folder that holds all files.
        files, labels, keys: of each image its path, class and a digest of its content.
        test: (N,), whether the reader put an image into the test split, or None.
        notes: what was left out or converted, with counts.
        groups: (N,), which patient, site or day an image is of, or None.
        bands: C of each image.
        scale: (2, C), what becomes 0 and 255 in each band; None for 8-bit pictures.
    """

    root: Path
    classes: tuple[str, ...]
    files: list[Path]
    labels: np.ndarray
    keys: list[str] = field(default_factory=list)
    test: np.ndarray | None = None
    notes: list[str] = field(default_factory=list)
    groups: np.ndarray | None = None
    bands: int = 3
    scale: np.ndarray | None = None

    @classmethod
    def of(
        cls,
        root: Path,
        files: list[Path],
        names: Sequence[str],
        test: Sequence[bool] | None = None,
        groups: Sequence[str | None] | None = None,
        notes: Iterable[str] = (),
    ) -> Self:
        """Images with the names of their classes, and of their groups: one without is a group of its own."""
        classes, labels = np.unique(np.array(names, object), return_inverse=True)
        own = cls(root, tuple(classes), files, labels.astype(np.int64), notes=list(notes))
        own.test = None if test is None else np.array(test, bool)
        if groups is not None:
            each = [f"= {name}" if name else f"+ {i}" for i, name in enumerate(groups)]
            own.groups = np.unique(each, return_inverse=True)[1]
            lone = [file for file, name in zip(files, groups, strict=True) if not name]
            if lone:
                own.notes.append(note(root, lone, "without a group, each taken as a group of its own"))
        return own

    def without(self, gone: dict[int, str]) -> Self:
        """The images less some: position -> why."""
        keep = [i for i in range(len(self.files)) if i not in gone]
        own = replace(
            self,
            files=[self.files[i] for i in keep],
            labels=self.labels[keep],
            keys=[self.keys[i] for i in keep],
            test=None if self.test is None else self.test[keep],
            groups=None if self.groups is None else self.groups[keep],
            notes=list(self.notes),
        )
        own.notes += self.remarked({i: [f"left out, {why}"] for i, why in gone.items()})
        return own

    def remarked(self, remarks: dict[int, list[str]]) -> list[str]:
        """A note for each remark: position -> remarks."""
        by = defaultdict(list)
        for i, found in sorted(remarks.items()):
            for remark in found:
                by[remark].append(self.files[i])
        return [note(self.root, files, remark) for remark, files in by.items()]


def note(root: Path, files: Sequence[Path], why: str, one: str = "image", many: str = "images") -> str:
    """How many files, why, and the first of them."""
    named = [within(root, file) for file in files[:NAMED]]
    more = ", ..." if len(files) > NAMED else ""
    return f"{len(files):,} {one if len(files) == 1 else many} {why}: {', '.join(named)}{more}."


def within(root: Path, file: Path) -> str:
    """A file's path within a folder, as it can be printed on one line."""
    return printed(str(file.relative_to(root) if file.is_relative_to(root) else file))


def printed(text: str) -> str:
    """With what cannot be encoded, and what would break the line or turn its direction, escaped."""
    return re.sub(
        r"[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]", lambda found: repr(found[0])[1:-1], shown(text)
    )


def class_name(name: str) -> str:
    """As it can be printed; in Unicode's composed form, for two forms of a name look alike."""
    return printed(unicodedata.normalize("NFC", name.strip()))


def unfit(file: Path) -> str | None:
    """Why a file is not tried as an image, or None."""
    if file.name.startswith("."):
        return "hidden"
    if file.suffix.lower() not in SUFFIXES:
        return f"without a suffix among {', '.join(sorted(SUFFIXES))}"
    try:
        if not file.is_file():
            return "a link to nothing, or no regular file" if os.path.lexists(file) else "not there"
        return None if file.stat().st_size else "empty"
    except OSError as error:
        return f"not to be opened ({error.strerror})"
