"""Is this the data set it is said to be? First its form, then its content against the pinned digests.

A reader (in :mod:`lt_lib.data.sets`, or :mod:`lt_lib.data.image_folder`) compares nothing with pins, and this
module knows no format."""

import numpy as np

from lt_lib.data.arrays import Arrays, bag_digest, image_digests
from lt_lib.data.registry import DataEntry, Pin
from lt_lib.errors import DataError

OTHER_ORDER = "the same images in another order"


def check(entry: DataEntry, arrays: Arrays, where: str) -> tuple[str, str]:
    """Refuse arrays that are not the registered data set; note in ``arrays.variant`` what sets them apart.

    Accepted are: a pinned digest; the pinned images and labels in another order; and, where no copy of
    that kind is pinned, what its reader knew as the official release.

    Args:
        entry: what is expected.
        arrays: what was read.
        where: the source, for messages.

    Returns:
        Content digest, and how it was recognised: "pinned digest", "pinned images", or as
        ``arrays.official`` says.

    Raises:
        DataError: what is wrong, and what was expected.
    """
    check_form(entry, arrays, where)
    digest = arrays.digest()
    if digest in entry.digests:
        arrays.variant = entry.digests[digest]
        return digest, "pinned digest"
    bags = {split: bag_digest(*arrays.splits[split]) for split in arrays.splits}
    for pin in entry.pins:
        if pin.bags == bags:
            arrays.variant = "; ".join(filter(None, [pin.variant, OTHER_ORDER]))
            return digest, "pinned images"
    plain = [pin for pin in entry.pins if not pin.variant]
    if arrays.official and not plain:
        return digest, arrays.official
    reason = _difference(arrays, bags, plain or entry.pins)
    raise DataError(f"{where} is not {entry.name}: {reason}. {_expected(entry)}")


def check_form(entry: DataEntry, arrays: Arrays, where: str) -> None:
    """Refuse wrong splits, types, shapes, sizes, label ranges and class counts.

    Raises:
        DataError: what is wrong, and what was expected.
    """
    for split, count in entry.splits.items():
        if split not in arrays.splits:
            raise DataError(f"{where} has no {split} split. {_expected(entry)}")
        images, labels = arrays.splits[split]
        check_arrays(images, labels, f"{split} split of {where}")
        if images.shape[1:] != entry.shape:
            raise DataError(
                f"the {split} split of {where} has images of {_by(images.shape[1:])}. {_expected(entry)}"
            )
        if len(images) != count:
            raise DataError(f"{_size(entry, arrays, split)} in {where}. {_expected(entry)}")
        if labels.max() >= len(entry.classes):
            last = len(entry.classes) - 1
            raise DataError(f"the {split} labels of {where} go up to {labels.max()}, expected 0 to {last}.")
        _check_counts(entry, split, labels, where)


def _check_counts(entry: DataEntry, split: str, labels: np.ndarray, where: str) -> None:
    """Refuse other numbers of images of a class than the entry has; without any there, they are equal."""
    classes = len(entry.classes)
    expected = entry.class_counts.get(split)
    if expected is None and entry.splits[split] % classes == 0:
        expected = [entry.splits[split] // classes] * classes
    if expected is None:
        return
    per_class = np.bincount(labels, minlength=classes)
    wrong = np.flatnonzero(per_class != expected)
    if len(wrong):
        k = wrong[0]
        raise DataError(
            f"the {split} split of {where} is mislabelled: {len(wrong)} classes have a wrong number of "
            f"images, such as {entry.classes[k]} with {per_class[k]}, expected {expected[k]}."
        )


def check_arrays(images: np.ndarray, labels: np.ndarray, where: str) -> None:
    """Refuse arrays that are not (N, H, W, C) uint8 images with N integer labels from 0 up.

    Raises:
        DataError: what is wrong, and what was expected.
    """
    if images.ndim == 1 and labels.ndim == 4:
        raise DataError(f"the {where} has labels for images and images for labels: x and y are swapped.")
    if images.ndim != 4 or images.dtype != np.uint8:
        found = f"{images.dtype} of shape {images.shape}"
        raise DataError(f"the {where} has images of type {found}, expected uint8 of shape (N, H, W, C).")
    if labels.shape != images.shape[:1] or labels.dtype.kind not in "iu":
        found = f"{labels.dtype} of shape {labels.shape}"
        raise DataError(
            f"the {where} has labels of type {found}, expected integers of shape ({len(images)},)."
        )
    if len(labels) == 0 or labels.min() < 0:
        raise DataError(f"the {where} has {'no image' if len(labels) == 0 else 'a label below 0'}.")


def in_both(arrays: Arrays) -> int:
    """How many test images are, pixel for pixel, training images too."""
    if not {"train", "test"} <= set(arrays.splits):
        return 0
    train = set(image_digests(arrays.splits["train"][0]))
    return sum(digest in train for digest in image_digests(arrays.splits["test"][0]))


def _size(entry: DataEntry, arrays: Arrays, split: str) -> str:
    found = {name: len(pair[0]) for name, pair in arrays.splits.items()}
    turned = {"train": entry.splits.get("test"), "test": entry.splits.get("train")}
    if found == turned:
        return "train and test are swapped"
    return f"{found[split]:,} {split} images (expected {entry.splits[split]:,})"


def _difference(arrays: Arrays, bags: dict[str, str], pins: tuple[Pin, ...] | list[Pin]) -> str:
    """The most telling difference from the first pinned copy that has digests to compare with."""
    pin = next((pin for pin in pins if pin.bags), None)
    if pin is None:
        return "its content has no known digest and its files have not the official checksums"
    for split in pin.bags:
        if bags.get(split) == pin.bags[split]:
            continue
        if bag_digest(arrays.splits[split][0]) == pin.pixels.get(split):
            return f"the {split} images are right, but their labels are not"
        return f"the {split} images are not the known ones, though their number is"
    return "its content has no known digest"


def _expected(entry: DataEntry) -> str:
    sizes = " and ".join(f"{count:,} {split}" for split, count in entry.splits.items())
    text = f"Expected {sizes} images of {_by(entry.shape)}, uint8, in {len(entry.classes)} classes"
    if entry.archive:
        text += f", as in the official {entry.archive.filename}; `lt data download {entry.name}` fetches it"
    return text + "."


def _by(shape) -> str:
    return "x".join(map(str, shape))
