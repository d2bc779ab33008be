"""Tiny ImageNet's strangers: its validation images of five CIFAR-10 classes, to test a network of CIFAR-10.

The SIGN paper takes 49 automobiles, 146 birds, 50 cats, 298 dogs and 100 frogs, and names neither the
classes of Tiny ImageNet nor the rule. Nineteen of these classes (wnids), 50 validation images each, belong
to the five. Without the images stored as one-channel JPEG their numbers fit the five counts in eight ways
and in no other: dogs and frogs are unique, automobile, bird and cat have two choices each
(:func:`choices`). The split ``test`` holds the first of the eight, ``all`` the 950 images, in the order of
``WNIDS`` and there of the file numbers.

Labels are CIFAR-10's (1 automobile, 2 bird, 3 cat, 5 dog, 6 frog), of ten classes as there: what a network
of ten outputs says is compared with them as it stands.

Source: the set made for Stanford's course CS231n of images of ImageNet, at 64x64 pixels.
"""

import itertools
import re
from collections import defaultdict
from pathlib import Path, PurePosixPath

import numpy as np

from lt_lib.data.arrays import Arrays
from lt_lib.data.image_folder import read_array
from lt_lib.data.packed import opened, read_jpeg
from lt_lib.data.registry import DataEntry, Download, Pin
from lt_lib.data.sets.cifar import CIFAR10_CLASSES
from lt_lib.errors import DataError

# 248 MB; size and checksum as several public repositories give them
ARCHIVE = Download(
    url="https://cs231n.stanford.edu/tiny-imagenet-200.zip",
    bytes=248_100_043,
    sha256="6198c8ae015e2b3e007c7841da39ec069199b9aa3bfa943a462022fe5e43c821",
)
SIDE = 64  # of an image, pixels
EACH = 50  # validation images of a wnid
# wnid -> (CIFAR-10 class, its name in ImageNet)
WNIDS = {
    "n02814533": ("automobile", "beach wagon"),
    "n03100240": ("automobile", "convertible"),
    "n03670208": ("automobile", "limousine"),
    "n04285008": ("automobile", "sports car"),
    "n01855672": ("bird", "goose"),
    "n02002724": ("bird", "black stork"),
    "n02056570": ("bird", "king penguin"),
    "n02058221": ("bird", "albatross"),
    "n02123045": ("cat", "tabby"),
    "n02123394": ("cat", "Persian cat"),
    "n02124075": ("cat", "Egyptian cat"),
    "n02085620": ("dog", "Chihuahua"),
    "n02094433": ("dog", "Yorkshire terrier"),
    "n02099601": ("dog", "golden retriever"),
    "n02099712": ("dog", "Labrador retriever"),
    "n02106662": ("dog", "German shepherd"),
    "n02113799": ("dog", "standard poodle"),
    "n01641577": ("frog", "bullfrog"),
    "n01644900": ("frog", "tailed frog"),
}
# rows of "all" whose file has one channel
ONE_CHANNEL = (94, 190, 208, 220, 236, 274, 482, 561, 831)
PRINTED = {"automobile": 49, "bird": 146, "cat": 50, "dog": 298, "frog": 100}
FILTERS = ("area", "bicubic")

_WANTED = r"val_annotations\.txt|(images|n\d{8})/val_\d+\.JPEG"


def wnids() -> np.ndarray:
    """Of each image of the split ``all``: (950,) strings."""
    return np.repeat(list(WNIDS), EACH)


def rows(chosen: tuple[str, ...]) -> np.ndarray:
    """Which images of ``all`` belong to some wnids, the one-channel ones left out."""
    kept = np.isin(wnids(), chosen)
    kept[list(ONE_CHANNEL)] = False
    return np.flatnonzero(kept)


def choices() -> list[tuple[str, ...]]:
    """The eight choices of wnids whose images have the printed counts; the first is that of ``test``."""
    of_class = defaultdict(list)
    for name, count in PRINTED.items():
        mine = [wnid for wnid, (label, _) in WNIDS.items() if label == name]
        for size in range(1, len(mine) + 1):
            of_class[name] += [c for c in itertools.combinations(mine, size) if len(rows(c)) == count]
    found = [sum(parts, ()) for parts in itertools.product(*of_class.values())]
    return sorted(found, key=lambda choice: choice != _DEFAULT)


def to_cifar(images: np.ndarray, how: str = "area") -> np.ndarray:
    """Images at CIFAR's size.

    Args:
        images: (N, 64, 64, 3) uint8.
        how: "area", the mean of four pixels, or "bicubic", Pillow's filter, which looks at eight
            by eight. The paper says "resize" and no more.

    Returns:
        (N, 32, 32, 3) uint8.

    Raises:
        DataError: another filter.
    """
    if how not in FILTERS:
        raise DataError(f"images are resized by {' or '.join(FILTERS)}, not by {how!r}.")
    if how == "area":
        wide = images.astype(np.uint16).reshape(len(images), SIDE // 2, 2, SIDE // 2, 2, 3)
        return ((wide.sum((2, 4), dtype=np.uint16) + 2) // 4).astype(np.uint8)
    from PIL import Image

    small = (SIDE // 2, SIDE // 2)
    return np.stack([Image.fromarray(image).resize(small, Image.Resampling.BICUBIC) for image in images])


def read(source: Path, entry: DataEntry) -> Arrays | None:
    """Read the official archive or its unpacked folder (of which only val is needed), the tar archive that
    prepare.py unpacks, or the arrays that it makes; None from what holds none of these.

    Raises:
        DataError: an image is damaged, or a wnid has other than 50.
    """
    for folder in (source, source / entry.name):
        if (folder / "x.npy").is_file():
            return _prepared(folder)
    with opened(source, _WANTED) as files:
        listed = next((path for path in files if path.endswith("val_annotations.txt")), None)
        if listed is None:
            found = {path: wnid for path in files if (wnid := path.split("/")[-2]) in WNIDS}
        else:
            found = _annotated(files, listed)
        if not found:
            return None
        paths = _in_order(source, found)
        images = np.stack([_image(files[path](), f"{source}: {path}") for path in paths])
    return _arrays(images)


def _prepared(folder: Path) -> Arrays:
    """x.npy and wnid.npy, in the order of ``all``."""
    images, order = read_array(folder / "x.npy"), read_array(folder / "wnid.npy")
    if images.shape[1:] != (SIDE, SIDE, 3) or not np.array_equal(order, wnids()):
        raise DataError(
            f"{folder} holds other images than prepare.py makes of tinyimagenet_ood: {len(images):,} of "
            f"shape {images.shape[1:]}, expected {len(wnids())} of {SIDE}x{SIDE}x3, by wnid. "
            "Run prepare.py again."
        )
    return _arrays(images)


def _annotated(files: dict, listed: str) -> dict[str, str]:
    """Path -> wnid of the images that the official list has under one of ``WNIDS``."""
    folder = PurePosixPath(listed).parent / "images"
    found = {}
    for number, line in enumerate(files[listed]().decode("latin1").splitlines(), 1):
        name, *rest = line.split()
        if not rest or not re.fullmatch(r"n\d{8}", rest[0]):
            raise DataError(f"line {number} of {listed} is no file name and wnid: {line[:60]!r}.")
        if rest[0] in WNIDS:
            found[str(folder / name)] = rest[0]
    if missing := sorted(found.keys() - files.keys()):
        raise DataError(f"{missing[0]} is missing, one of {len(missing):,} images that {listed} names.")
    return found


def _in_order(source: Path, found: dict[str, str]) -> list[str]:
    """The paths of the images, as ``all`` has them."""
    of_wnid = {wnid: [] for wnid in WNIDS}
    for path, wnid in found.items():
        of_wnid[wnid].append(path)
    for wnid, paths in of_wnid.items():
        if len(paths) != EACH:
            raise DataError(
                f"{source} has {len(paths)} validation images of {WNIDS[wnid][1]} ({wnid}), expected {EACH}. "
                f"Get {ARCHIVE.filename} anew: `lt data download tinyimagenet_ood`."
            )
        paths.sort(key=lambda path: int(re.search(r"val_(\d+)\.JPEG", path)[1]))
    return [path for paths in of_wnid.values() for path in paths]


def _image(content: bytes, where: str) -> np.ndarray:
    image = read_jpeg(content, where)
    if image.shape != (SIDE, SIDE, 3):
        raise DataError(f"{where} is an image of {image.shape[1]}x{image.shape[0]}, expected {SIDE}x{SIDE}.")
    return image


def _arrays(images: np.ndarray) -> Arrays:
    labels = np.array([CIFAR10_CLASSES.index(WNIDS[wnid][0]) for wnid in wnids()])
    chosen = rows(_DEFAULT)
    splits = {"test": (images[chosen], labels[chosen]), "all": (images, labels)}
    return Arrays(classes=CIFAR10_CLASSES, splits=splits)


def _counts(chosen) -> tuple[int, ...]:
    """Images of each CIFAR-10 class among some images of ``all``."""
    names = [WNIDS[wnid][0] for wnid in wnids()[chosen]]
    return tuple(names.count(name) for name in CIFAR10_CLASSES)


# sports car; goose, black stork, king penguin; Egyptian cat; all dogs; both frogs
_DEFAULT = (
    "n04285008",
    *("n01855672", "n02002724", "n02056570"),
    "n02124075",
    *(wnid for wnid, (name, _) in WNIDS.items() if name in ("dog", "frog")),
)

ENTRIES = (
    DataEntry(
        name="tinyimagenet_ood",
        kind="real",
        shape=(SIDE, SIDE, 3),
        classes=CIFAR10_CLASSES,
        splits={"test": sum(PRINTED.values()), "all": len(WNIDS) * EACH},
        licence="none stated by its authors; that of ImageNet: for research, not for commerce",
        source=f"{ARCHIVE.url}, validation images of {', '.join(_DEFAULT)} (test), and those of "
        f"{', '.join(wnid for wnid in WNIDS if wnid not in _DEFAULT)} (all)",
        note="Tiny ImageNet's images of five CIFAR-10 classes, labelled as there; test is one of eight "
        "choices of folders that have the counts of the SIGN paper, all holds every candidate",
        # by no other order: it tells the wnid of an image
        pins=(Pin("sha256:876bd42a419b4a8f709a40807376ca0fc58d4b88e2d6bcb040d7760582e48eb5"),),
        archive=ARCHIVE,
        class_counts={"test": _counts(rows(_DEFAULT)), "all": _counts(slice(None))},
        cite="Y. Le, X. Yang (2015), Tiny ImageNet Visual Recognition Challenge, course CS231n, "
        "Stanford University",
        read=read,
    ),
)
