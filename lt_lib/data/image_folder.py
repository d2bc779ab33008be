"""Data sets as folders: uint8 .npy arrays, or one folder of images a class."""

import json
from pathlib import Path

import numpy as np

from lt_lib.data.arrays import Arrays
from lt_lib.data.check import check_arrays
from lt_lib.errors import DataError

SUFFIXES = {".bmp", ".gif", ".jpeg", ".jpg", ".png", ".ppm", ".tif", ".tiff", ".webp"}
SPLITS = ("train", "test")
_EXTRA = ("train_from_jpeg", "test_from_jpeg")


def read_npy(path: Path, classes: tuple[str, ...] | None) -> Arrays:
    """Read x_train.npy, y_train.npy, x_test.npy, y_test.npy and, if there, names.json and *_from_jpeg.npy.

    Args:
        path: the folder.
        classes: the names that names.json must hold; None takes what it holds, or 0, 1, 2, ... without it.

    Returns:
        Arrays: images (N, H, W, C) uint8, mapped from disk, and labels (N,) int64.

    Raises:
        DataError: a file is missing, cut short, or of a wrong type or shape.
    """
    splits = {}
    for split in SPLITS:
        images, labels = _npy(path / f"x_{split}.npy"), _npy(path / f"y_{split}.npy")
        check_arrays(images, labels, f"{split} split of {path}")
        splits[split] = images, labels.astype(np.int64)
    found = _names(path / "names.json")
    if classes is not None and found not in (None, classes):
        differ = next((a, b) for a, b in zip([*found, None], [*classes, None], strict=False) if a != b)
        raise DataError(
            f"{path / 'names.json'} names other classes: {differ[0]!r} where {differ[1]!r} was expected."
        )
    highest = max(int(labels.max()) for _, labels in splits.values())
    classes = classes or found or tuple(map(str, range(highest + 1)))
    if highest >= len(classes):
        raise DataError(
            f"the labels in {path} go up to {highest}, but there are names for {len(classes)} classes."
        )
    extra = {name: _npy(path / f"{name}.npy").tolist() for name in _EXTRA if (path / f"{name}.npy").exists()}
    return Arrays(classes=classes, splits=splits, extra=extra)


def read_images(path: Path, size: int, progress: bool) -> Arrays:
    """Read train/CLASS/* and test/CLASS/*; classes in alphabetical order, files in the order of their names.

    Each image is turned upright (EXIF), converted to RGB, cut to its central square, and resized to
    `size` x `size` pixels with Pillow's Lanczos filter. Images of that size already keep their pixels.

    Args:
        path: the folder that holds train and test.
        size: side of the stored images, pixels.
        progress: show a bar.

    Returns:
        Arrays: images (N, size, size, 3) uint8 and labels (N,) int64.

    Raises:
        DataError: fewer than two classes, a class without images in a split, or an image that cannot be read.
    """
    from tqdm import tqdm

    if not isinstance(size, int) or not 8 <= size <= 512:
        raise DataError(
            f"images cannot be resized to {size!r}: the side must be a whole number of pixels, 8 to 512."
        )
    classes = _class_names(path)
    files = {split: [_images_in(path / split / name) for name in classes] for split in SPLITS}
    total = sum(len(group) for groups in files.values() for group in groups)
    splits = {}
    with tqdm(total=total, desc=f"reading {path.name}", unit="image", disable=not progress) as bar:
        for split, groups in files.items():
            images = np.empty((sum(map(len, groups)), size, size, 3), np.uint8)
            labels = np.repeat(np.arange(len(classes), dtype=np.int64), [len(group) for group in groups])
            for i, file in enumerate(file for group in groups for file in group):
                images[i] = _image(file, size)
                bar.update()
            splits[split] = images, labels
    return Arrays(classes=classes, splits=splits)


def _npy(path: Path) -> np.ndarray:
    try:
        return np.load(path, mmap_mode="r", allow_pickle=False)
    except FileNotFoundError:
        raise DataError(
            f"{path} is missing; a folder of arrays holds x_ and y_ of train and test, as .npy."
        ) from None
    except (OSError, ValueError, EOFError) as error:
        raise DataError(
            f"{path} cannot be read; it is cut short or no array file: {error}. Write it again."
        ) from None


def _names(path: Path) -> tuple[str, ...] | None:
    if not path.exists():
        return None
    try:
        names = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
            raise ValueError("expected a list of class names")
    except (OSError, ValueError) as error:
        raise DataError(f"{path} cannot be read: {error}.") from None
    return tuple(names)


def _class_names(path: Path) -> tuple[str, ...]:
    found = {
        split: {p.name for p in (path / split).iterdir() if _visible(p) and p.is_dir()} for split in SPLITS
    }
    odd = sorted(found["train"] ^ found["test"])
    if odd:
        lacking = "test" if odd[0] in found["train"] else "train"
        raise DataError(
            f"{path / lacking / odd[0]} is missing: every class needs a folder in train and in test."
        )
    if len(found["train"]) < 2:
        raise DataError(f"{path / 'train'} holds {len(found['train'])} class folders, expected at least 2.")
    return tuple(sorted(found["train"]))


def _images_in(folder: Path) -> list[Path]:
    files = sorted(p for p in folder.iterdir() if _visible(p) and p.suffix.lower() in SUFFIXES)
    if not files:
        raise DataError(
            f"{folder} holds no image (of {', '.join(sorted(SUFFIXES))}); remove the class or add some."
        )
    return files


def _visible(path: Path) -> bool:
    return not path.name.startswith(".")


def _image(path: Path, size: int) -> np.ndarray:
    """(size, size, 3) uint8."""
    from PIL import Image, ImageOps

    try:
        with Image.open(path) as opened:
            if opened.mode[0] in "IF":
                raise ValueError(f"{opened.mode} pixels have more than 8 bits; convert it first")
            image = ImageOps.exif_transpose(opened).convert("RGB")
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise DataError(f"{path} cannot be read as an image: {error}. Replace or remove it.") from None
    if image.size != (size, size):
        image = ImageOps.fit(image, (size, size), Image.Resampling.LANCZOS)
    return np.asarray(image)
