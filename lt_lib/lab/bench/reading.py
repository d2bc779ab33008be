"""A folder of a reader's own images, one folder a class: what is in it, and what is left out. Nothing is
written there."""

import hashlib
import os
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from lt_lib.data.image_folder import SPLITS, SUFFIXES, shown
from lt_lib.errors import DataError

LEAST = 4  # images a class: fewer cannot be split into training and test
MOST = 2000  # classes: more heads than that do not fit a laptop's memory
_NAMED = 5  # files that a note names


@dataclass
class Own:
    """Images of a reader.

    `files`, `labels` (N,), `keys` (a digest of each file's content) and `test` (N,), whether the reader put
    an image into the test split, or None; `notes` say what was left out, with counts.
    """

    root: Path
    classes: tuple[str, ...]
    files: list[Path]
    labels: np.ndarray
    keys: list[str]
    test: np.ndarray | None = None
    notes: list[str] = field(default_factory=list)

    def without(self, gone: dict[int, str]) -> "Own":
        """The images less some: position -> why."""
        keep = [i for i in range(len(self.files)) if i not in gone]
        by = defaultdict(list)
        for i, why in gone.items():
            by[why].append(self.files[i])
        return Own(
            self.root,
            self.classes,
            [self.files[i] for i in keep],
            self.labels[keep],
            [self.keys[i] for i in keep],
            None if self.test is None else self.test[keep],
            [*self.notes, *(_note(self.root, files, why) for why, files in by.items())],
        )


def read_folder(root: Path) -> Own:
    """Images of a folder that holds a folder a class, or train and test with a folder a class each.

    Files are looked for at any depth below a class, links to folders are not followed. Left out, and said:
    what is no image, empty files, the copies of a picture within a class, pictures that lie in several
    classes or in training and test, and classes of fewer than four images.

    Raises:
        DataError: no such folder, fewer than two classes, or too many.
    """
    if not root.is_dir():
        raise DataError(f"{shown(root)} is no folder; give one that holds a folder of images for each class")
    splits = SPLITS if all((root / split).is_dir() for split in SPLITS) else ("",)
    names = sorted({e.name for s in splits for e in _visible(root / s) if e.is_dir()})
    if len(names) < 2:
        raise DataError(
            f"{shown(root)} holds {len(names)} folders; a classifier needs one for each of two classes"
        )
    if len(names) > MOST:
        raise DataError(
            f"{shown(root)} holds {len(names):,} folders, one a class; at most {MOST:,} can be compared"
        )
    files, labels, test, others = [], [], [], Counter()
    for split in splits:
        for label, name in enumerate(names):
            found = _images_below(root / split / name, others)
            files += found
            labels += [label] * len(found)
            test += [split == SPLITS[1]] * len(found)
    own = Own(root, tuple(map(shown, names)), files, np.array(labels, np.int64), [], np.array(test, bool))
    if others:
        kinds = ", ".join(f"{n:,} {kind}" for kind, n in others.most_common())
        own.notes.append(f"Left out, for it is none of {', '.join(sorted(SUFFIXES))}: {kinds}.")
    own.keys = [hashlib.sha256(file.read_bytes()).hexdigest() for file in files]
    own = own.without(_twice(own))
    if len(splits) == 1:
        own.test = None
    return large_enough(own)


def large_enough(own: Own) -> Own:
    """The images of classes with at least four, or, of a given split, one in training and in test.

    Raises:
        DataError: fewer than two such classes.
    """
    counts = np.bincount(own.labels, minlength=len(own.classes))
    enough = counts >= LEAST
    if own.test is not None:
        for part in (own.test, ~own.test):
            enough &= np.bincount(own.labels[part], minlength=len(own.classes)) > 0
    if enough.sum() < 2:
        raise DataError(
            f"{shown(own.root)}: {int(enough.sum())} classes have {LEAST} images that can be read, in "
            "training and test; two classes are needed"
        )
    gone = {i: "left out, of a class with too few images" for i in np.flatnonzero(~enough[own.labels])}
    own = own.without(gone)
    number = np.cumsum(enough) - 1
    own.labels = number[own.labels]
    own.classes = tuple(name for name, kept in zip(own.classes, enough, strict=True) if kept)
    return own


def _twice(own: Own) -> dict[int, str]:
    """Positions of pictures that are there before, and why they go."""
    by = defaultdict(list)
    for i, key in enumerate(own.keys):
        by[key].append(i)
    gone = {}
    for places in by.values():
        if len({own.labels[i] for i in places}) > 1:
            gone |= dict.fromkeys(places, "left out, the same picture in several classes")
        elif len({own.test[i] for i in places}) > 1:
            gone |= {
                i: "left out of the test, the same picture is in training" for i in places if own.test[i]
            }
        else:
            gone |= dict.fromkeys(places[1:], "left out, a copy of another in its class")
    return gone


def _images_below(folder: Path, others: Counter) -> list[Path]:
    found = []
    for here, folders, names in os.walk(folder):  # links to folders are not followed
        folders[:] = sorted(f for f in folders if not f.startswith("."))
        for path in (Path(here) / name for name in sorted(names)):
            if path.name.startswith("."):
                others["hidden"] += 1
            elif path.suffix.lower() not in SUFFIXES:
                others[shown(path.suffix.lower()) or "without a suffix"] += 1
            elif not path.is_file():
                others["links to nothing, or no files"] += 1
            elif path.stat().st_size == 0:
                others["empty"] += 1
            else:
                found.append(path)
    return found


def _visible(folder: Path) -> list[Path]:
    return [entry for entry in folder.iterdir() if not entry.name.startswith(".")]


def _note(root: Path, files: list[Path], why: str) -> str:
    named = ", ".join(shown(file.relative_to(root)) for file in files[:_NAMED])
    more = ", ..." if len(files) > _NAMED else ""
    return f"{len(files):,} {'image' if len(files) == 1 else 'images'} {why}: {named}{more}."
