"""A folder of images for each class, or train and test with one for each class."""

import os
from collections import defaultdict
from pathlib import Path

from lt_lib.data.image_folder import SPLITS, shown
from lt_lib.errors import DataError
from lt_lib.lab.bench.own import Own, class_name, note, unfit

_SPLIT_NAMES = {*SPLITS, "val", "valid", "validation"}


def read_tree(root: Path, by_folder: bool = False) -> Own:
    """Images at any depth below the folder of their class; links to folders are not followed.

    Args:
        by_folder: the folder directly below that of the class is a patient, site or day.

    Raises:
        DataError: the folder cannot be read, holds fewer than two folders, or training without a test.
    """
    odd = defaultdict(list)
    splits = SPLITS if all((root / split).is_dir() for split in SPLITS) else ("",)
    folders = [(s, folder) for s in splits for folder in _class_folders(root, root / s, odd)]
    if splits != ("",):
        odd["in neither train nor test"] += [e for e in _entries(root) if e.name not in SPLITS]
    _check({class_name(folder.name) for _, folder in folders}, root)
    files, names, test, groups = [], [], [], []
    for split, folder in folders:
        found = _images_below(folder, odd)
        if not found:
            odd["without an image"].append(folder)
        files += found
        names += [class_name(folder.name)] * len(found)
        test += [split == SPLITS[1]] * len(found)
        groups += [_first_below(folder, file) for file in found]
    notes = [note(root, paths, f"left out, {why}", "entry", "entries") for why, paths in odd.items() if paths]
    given = test if splits == SPLITS else None
    return Own.of(root, files, names, given, groups if by_folder else None, notes)


def _check(classes: set[str], root: Path) -> None:
    if classes and classes <= _SPLIT_NAMES:
        raise DataError(
            f"{shown(root)} holds {' and '.join(sorted(classes))}: with a split of your own, call its parts "
            "train and test"
        )
    if len(classes) < 2:
        table = next(root.glob("*.csv"), None)
        raise DataError(
            f"{shown(root)} holds too few folders of classes, {len(classes)}; a classifier needs two, each "
            f"with its images{f'. For a table of files and labels give {shown(table)}' if table else ''}"
        )


def _class_folders(root: Path, split: Path, odd: dict[str, list[Path]]) -> list[Path]:
    found = []
    for entry in _entries(split):
        if entry.name.startswith("."):
            odd["hidden"].append(entry)
        elif not entry.is_dir():
            if split == root or entry.name not in SPLITS:
                odd["in no class"].append(entry)
        elif root.resolve().is_relative_to(entry.resolve()):
            odd["a link in a circle"].append(entry)
        else:
            found.append(entry)
    return found


def _entries(folder: Path) -> list[Path]:
    try:
        return sorted(folder.iterdir())
    except OSError as error:
        raise DataError(f"{shown(folder)} cannot be read: {error.strerror}") from None


def _images_below(folder: Path, odd: dict[str, list[Path]]) -> list[Path]:
    found = []

    def unreadable(error: OSError) -> None:
        odd[f"a folder not to be opened ({error.strerror})"].append(Path(error.filename))

    for here, folders, names in os.walk(folder, onerror=unreadable):
        paths = {name: Path(here) / name for name in sorted([*folders, *names])}
        odd["a link to a folder"] += [paths[f] for f in folders if paths[f].is_symlink()]
        odd["hidden"] += [paths[f] for f in folders if f.startswith(".")]
        folders[:] = sorted(f for f in folders if not f.startswith("."))
        for name in sorted(names):
            if why := unfit(paths[name]):
                odd[why].append(paths[name])
            else:
                found.append(paths[name])
    return found


def _first_below(folder: Path, file: Path) -> str | None:
    within = file.relative_to(folder).parts
    return class_name(within[0]) if len(within) > 1 else None
