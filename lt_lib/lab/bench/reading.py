"""A reader's own images, from a folder, a table or TFRecord parts: what is in it, and what is left out.
Nothing is written there."""

import hashlib
import warnings
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

from lt_lib.data.image_folder import shown
from lt_lib.errors import DataError
from lt_lib.lab.bench.bands import PICTURE, SAMPLE, Form, form, scale_of, why
from lt_lib.lab.bench.own import NAMED, Own, within
from lt_lib.lab.bench.parts import parts_of, read_tiles
from lt_lib.lab.bench.tables import read_table
from lt_lib.lab.bench.trees import read_tree
from lt_lib.progress import Progress

LEAST = 4  # images a class: fewer cannot be split into training and test
MOST = 2000  # classes: more heads than that do not fit a laptop's memory
BY_FOLDER = "folder"
_SEEDS = 5  # that a split by groups tries


def read_own(path: Path, *, groups: str | None = None) -> Own:
    """Images of a folder with a folder a class (or train and test with these), of a .csv with the columns
    `file` and `label`, or of TFRecord parts of Drought Watch.

    Left out, and said: what is no image, empty files, the copies of a picture within a class, pictures that
    lie in several classes or in training and test, images of other bands than most, and classes of fewer
    than four images.

    Args:
        groups: patients, sites or days, which a split must not part: a column of the table, or "folder", the
            folder directly below that of the class.

    Raises:
        DataError: nothing there that can be compared; a group on both sides of the reader's own split.
    """
    own = _listed(path, groups)
    if len(own.classes) > MOST:
        raise DataError(f"{shown(path)} has {len(own.classes):,} classes; at most {MOST:,} can be compared")
    own, forms = _identified(own)
    own = _of_one_form(own.without(_twice(own)), forms)
    _check_leaks(own)
    return _scaled(large_enough(own), forms)


def _listed(path: Path, groups: str | None) -> Own:
    try:
        path.stat()
    except OSError as error:
        raise DataError(f"{shown(path)} cannot be read: {error.strerror}") from None
    is_tree = path.is_dir() and not parts_of(path)
    if path.is_file() and path.suffix.lower() in (".csv", ".tsv"):
        return read_table(path, groups)
    if groups is not None and not (is_tree and groups == BY_FOLDER):
        there = f"folders: --split {BY_FOLDER}" if is_tree else "neither columns nor folders to split by"
        raise DataError(f"no column {groups!r}: {shown(path)} has {there}")
    if is_tree:
        return read_tree(path, by_folder=groups is not None)
    if path.is_dir() or parts_of(path):
        return read_tiles(path)
    raise DataError(
        f"{shown(path)} is neither a folder nor a .csv nor a TFRecord part; give a folder that holds a "
        "folder of images for each class, or a .csv with the columns file and label"
    )


def _identified(own: Own) -> tuple[Own, dict[str, Form]]:
    """With a digest of each file that can be opened, and digest -> form."""
    own.keys, forms, gone = [""] * len(own.files), {}, {}
    with Progress(len(own.files), f"reading {shown(own.root.name)}", "file") as bar:
        for i, file in enumerate(own.files):
            try:
                with open(file, "rb") as opened:
                    own.keys[i] = hashlib.file_digest(opened, "sha256").hexdigest()
                forms[own.keys[i]] = form(file)
            except OSError as error:
                gone[i] = why(error)
            bar.update()
    return own.without(gone), forms


def _twice(own: Own) -> dict[int, str]:
    """Positions of pictures that are there before, and why they go."""
    by, gone = defaultdict(list), {}
    for i, key in enumerate(own.keys):
        by[key].append(i)
    for places in by.values():
        if len({own.labels[i] for i in places}) > 1:
            gone |= dict.fromkeys(places, "the same picture in several classes")
            continue
        training = [i for i in places if own.test is None or not own.test[i]]
        gone |= dict.fromkeys(training[1:], "a copy of another in its class")
        held = [i for i in places if i not in training]
        again = "for the same picture is in training" if training else "a copy of another in its class"
        gone |= dict.fromkeys(held if training else held[1:], again)
    return gone


def _of_one_form(own: Own, forms: dict[str, Form]) -> Own:
    """The images with the bands, and the type of their numbers, that most have. A raster of three bands may
    stay among pictures."""
    if not own.files:
        return own
    each = [forms[key] for key in own.keys]
    most = Counter(each).most_common(1)[0][0]
    gone = {
        i: f"of {found} where most have {most}"
        for i, found in enumerate(each)
        if found != most and (most != PICTURE or found.bands != PICTURE.bands)
    }
    return replace(own.without(gone), bands=most.bands)


def _check_leaks(own: Own) -> None:
    if own.groups is None or own.test is None:
        return
    both = np.intersect1d(own.groups[own.test], own.groups[~own.test])
    if len(both):
        held = np.flatnonzero(np.isin(own.groups, both) & own.test)
        first = ", ".join(within(own.root, own.files[i]) for i in held[:NAMED])
        raise DataError(
            f"{len(both):,} of {len(np.unique(own.groups)):,} groups are in training and in test, with "
            f"{len(held):,} test images ({first}): what is learnt of a group would make every score too "
            "good. Put each group on one side, or leave the split to this command."
        )


def large_enough(own: Own) -> Own:
    """The images of classes with at least four, or, of a given split, one in training and in test.

    Raises:
        DataError: fewer than two such classes, or all images of one lie in one group.
    """
    counts = np.bincount(own.labels, minlength=len(own.classes))
    enough = counts >= LEAST
    if own.test is not None:
        for part in (own.test, ~own.test):
            enough &= np.bincount(own.labels[part], minlength=len(own.classes)) > 0
    if enough.sum() < 2:
        raise DataError(
            f"{shown(own.root)}: two classes with at least {LEAST} images that can be used"
            f"{', some in training and some in the test,' if own.test is not None else ''} are needed, found "
            f"{int(enough.sum())}. {' '.join(own.notes)}".rstrip()
        )
    small = {
        i: f"of a class with fewer than {LEAST} images" for i in np.flatnonzero(counts[own.labels] < LEAST)
    }
    rest = np.flatnonzero(~enough[own.labels])
    own = own.without(dict.fromkeys(rest, "of a class without training or test images") | small)
    number = np.cumsum(enough) - 1
    own.labels = number[own.labels]
    own.classes = tuple(name for name, kept in zip(own.classes, enough, strict=True) if kept)
    if own.groups is not None and own.test is None:
        _check_groups(own)
    return own


def _check_groups(own: Own) -> None:
    for c, name in enumerate(own.classes):
        if len(np.unique(own.groups[own.labels == c])) < 2:
            raise DataError(
                f"all {int((own.labels == c).sum()):,} images of class {name} lie in one group, so it cannot "
                "be in training and in test; add images of another group, or leave the class out"
            )


def _scaled(own: Own, forms: dict[str, Form]) -> Own:
    """With what the numbers of rasters are scaled by."""
    found = Counter(forms[key] for key in own.keys).most_common(1)[0][0]
    if found == PICTURE:
        return own
    sample = sorted(range(len(own.files)), key=own.keys.__getitem__)[:SAMPLE]  # by content, as good as drawn
    own.scale = scale_of([own.files[i] for i in sample], own.bands)
    levels = ", ".join(f"{low:.4g} to {high:.4g}" for low, high in own.scale.T)
    own.notes.append(
        f"Images of {found}: each band is scaled to 8 bits from its 2nd to its 98th percentile over "
        f"{len(sample):,} images ({levels})."
    )
    return own


def split(
    labels: np.ndarray, groups: np.ndarray | None = None, share: float = 0.25, seed: int = 0
) -> np.ndarray:
    """(N,) whether an image is kept for the test: a share of each class, one at least, two left to train.

    Args:
        labels: (N,).
        groups: (N,), of which all images are kept or none; the share is then met as well as they allow.

    Raises:
        DataError: no split found that parts no group and leaves each class on both sides.
    """
    if groups is not None:
        return _split_groups(labels, groups, share, seed)
    chance, test = np.random.default_rng(seed), np.zeros(len(labels), bool)
    for c in np.unique(labels):
        own = chance.permutation(np.flatnonzero(labels == c))
        test[own[: max(1, min(round(share * len(own)), len(own) - 2))]] = True
    return test


def _split_groups(labels: np.ndarray, groups: np.ndarray, share: float, seed: int) -> np.ndarray:
    classes = np.unique(labels)
    lacking, most = classes, min(round(1 / share), len(np.unique(groups)))
    for folds in range(most, 1, -1):  # fewer folds keep more for the test, and rare classes on both sides
        for number in range(seed * _SEEDS, (seed + 1) * _SEEDS):
            whole = []
            for test in _folds(labels, groups, folds, number):
                gone = np.setdiff1d(classes, np.intersect1d(labels[test], labels[~test]))
                lacking = min(lacking, gone, key=len)
                whole += [] if len(gone) else [test]
            if whole:
                return min(whole, key=lambda test: abs(test.mean() - share))
    raise DataError(
        f"no split by groups leaves each class in training and in test: class number {lacking[0]} would "
        "be on one side alone, as its images lie in too few groups; add some of other groups, or leave it out"
    )


def _folds(labels: np.ndarray, groups: np.ndarray, folds: int, number: int) -> Iterator[np.ndarray]:
    from sklearn.model_selection import StratifiedGroupKFold

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of classes smaller than the folds: whether they fit is seen here
        dealt = StratifiedGroupKFold(folds, shuffle=True, random_state=number)
        for _, held in dealt.split(labels, labels, groups):
            yield np.isin(np.arange(len(labels)), held)
