"""ISIC 2017, task 3: dermoscopic images of nevi, melanomas and seborrheic keratoses.

The official release is three archives of JPEG images of many sizes (some with a .png of superpixels beside
each, which is left alone) and three tables ``image_id,melanoma,seborrheic_keratosis``. An image is resized
to 256x256 as a whole, its aspect not kept: so is the copy that is pinned here, and nothing of a lesion is
cut away.

Label 0 is nevus (neither column), 1 melanoma, 2 seborrheic keratosis. The SIGN paper asks "melanoma or
not": :func:`is_melanoma`.

Source: N. Codella et al. (2018), Skin Lesion Analysis toward Melanoma Detection: A Challenge at the 2017
International Symposium on Biomedical Imaging, https://arxiv.org/abs/1710.05006, and
https://challenge.isic-archive.com.
"""

import csv
import io
from pathlib import Path
from typing import NamedTuple

import numpy as np
from tqdm import tqdm

from lt_lib.data.arrays import Arrays
from lt_lib.data.packed import opened, read_jpeg
from lt_lib.data.registry import DataEntry, Pin
from lt_lib.errors import DataError

SIDE = 256  # of a stored image, pixels
CLASSES = ("nevus", "melanoma", "seborrheic keratosis")
COLUMNS = ("image_id", "melanoma", "seborrheic_keratosis")
RESIZED = "whole images resized to 256x256"


class Part(NamedTuple):
    """A split of the official release: its images, a .zip or a folder of that name, and its table."""

    images: str
    table: str


PARTS = {
    "train": Part("ISIC-2017_Training_Data", "ISIC-2017_Training_Part3_GroundTruth.csv"),
    "val": Part("ISIC-2017_Validation_Data", "ISIC-2017_Validation_Part3_GroundTruth.csv"),
    "test": Part("ISIC-2017_Test_v2_Data", "ISIC-2017_Test_v2_Part3_GroundTruth.csv"),
}


def is_melanoma(labels: np.ndarray) -> np.ndarray:
    """The task of the SIGN paper: 1 for melanoma, 0 for the two others, int64 like the labels.

    It holds for lesionsim, too, whose label 1 is melanoma.
    """
    return (np.asarray(labels) == CLASSES.index("melanoma")).astype(np.int64)


def read(source: Path, entry: DataEntry) -> Arrays:
    """Read a folder with the three archives, or what they unpack to, and the three tables.

    Raises:
        DataError: one of the six is missing, a table is not as it should be or has another number of images,
            or an image is missing or damaged.
    """
    if not source.is_dir():
        raise DataError(f"{source} is a file. {_wanted(entry)}")
    found = {split: _find(source, part, entry) for split, part in PARTS.items()}
    labels = {split: _labels(table, entry, split) for split, (_, table) in found.items()}
    splits = {}
    for split, (place, _) in found.items():
        splits[split] = _images(place, list(labels[split]), split), np.array(list(labels[split].values()))
    return Arrays(classes=CLASSES, splits=splits, variant=RESIZED, official="official counts")


def _find(source: Path, part: Part, entry: DataEntry) -> tuple[Path, Path]:
    """The images and the table of a split."""
    places = [source / part.images, source / f"{part.images}.zip"]
    images = next((place for place in places if place.exists()), None)
    tables = [source / part.table, source / part.images / part.table]
    table = next((place for place in tables if place.is_file()), None)
    if images is None or table is None:
        lacking = part.table if images else f"{part.images}.zip (or the folder {part.images})"
        raise DataError(f"{source} has no {lacking}. {_wanted(entry)}")
    return images, table


def _wanted(entry: DataEntry) -> str:
    names = ", ".join(f"{part.images}.zip and {part.table}" for part in PARTS.values())
    return (
        f"`lt data add {entry.name} --from FOLDER` takes a folder with {names}, as {entry.source} "
        "offers them; or one with the arrays that prepare.py makes."
    )


def _labels(table: Path, entry: DataEntry, split: str) -> dict[str, int]:
    """Image id -> label, in the order of the ids."""
    try:
        text = table.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{table} cannot be read: {error}. Get a fresh copy of it.") from None
    lines = csv.DictReader(io.StringIO(text))
    if lacking := [column for column in COLUMNS if column not in (lines.fieldnames or ())]:
        raise DataError(f"{table} has no column {lacking[0]!r}, expected {', '.join(COLUMNS)}.")
    labels = {}
    for line in lines:
        melanoma, keratosis = (_FLAGS.get(line[column]) for column in COLUMNS[1:])
        if melanoma is None or keratosis is None or melanoma + keratosis > 1:
            raise DataError(
                f"line {lines.line_num} of {table} has no label: expected 0 or 1, and at most one 1."
            )
        labels[line["image_id"]] = melanoma + 2 * keratosis
    if len(labels) != entry.splits[split]:
        raise DataError(f"{table} lists {len(labels):,} images, expected {entry.splits[split]:,}.")
    return dict(sorted(labels.items()))


_FLAGS = {"0": 0, "1": 1, "0.0": 0, "1.0": 1}


def _images(place: Path, ids: list[str], split: str) -> np.ndarray:
    """(N, 256, 256, 3) uint8 of the images of those ids."""
    images = np.empty((len(ids), SIDE, SIDE, 3), np.uint8)
    with opened(place, r"ISIC_\d+\.jpg") as files:
        path_of = {path.rsplit("/", 1)[-1].removesuffix(".jpg"): path for path in files}
        if missing := [each for each in ids if each not in path_of]:
            raise DataError(
                f"{place} lacks {len(missing):,} of {len(ids):,} images: {', '.join(missing[:3])}, ... "
                "Get it anew."
            )
        for i, each in enumerate(tqdm(ids, desc=f"reading {split}", unit="image", disable=None)):
            images[i] = read_jpeg(files[path_of[each]](), f"{place}: {path_of[each]}", SIDE)
    return images


ENTRIES = (
    DataEntry(
        name="isic2017",
        kind="real",
        shape=(SIDE, SIDE, 3),
        classes=CLASSES,
        splits={"train": 2000, "val": 150, "test": 600},
        licence="that of the ISIC archive; for research, cite Codella et al. (2018)",
        source="https://challenge.isic-archive.com/data/#2017",
        note="dermoscopic images of three lesions, 256x256; melanoma or not is the paper's task",
        pins=(
            Pin(
                digest="sha256:5989004df25ac311b07fb71980d85e2d82c9826466a934fd4eb75825921fcf78",
                variant="256-pixel JPEG copy; its test labels were inferred from their order",
                bags={
                    "train": "sha256:32a9a687491437f8600db681214cd3ad07eea0973e4f6bb03ce6f7549d9b3c20",
                    "val": "sha256:10a1ab905eb6d082a718fe101fa7a93b292fb0262d272351eced55372f8609ad",
                    "test": "sha256:f306326a8a2b2c75048326981f80fc756f805e32df70b6277076ecb527866d41",
                },
                pixels={
                    "train": "sha256:39287fce78021628a04e34c656f15140f1c5e3a7c2603d7fc7d8b751eb3fabf6",
                    "val": "sha256:38cd8ccec98d9258b3634014107ae41d39816ba6dc378896bc46aba48344fbdc",
                    "test": "sha256:6bf178a46e5b2c3b66dcd63628411245ffaf3b7cc99c88efc68eb0a85f3e62e4",
                },
            ),
        ),
        class_counts={"train": (1372, 374, 254), "val": (78, 30, 42), "test": (393, 117, 90)},
        cite="N. Codella et al. (2018), Skin Lesion Analysis toward Melanoma Detection, "
        "https://arxiv.org/abs/1710.05006",
        read=read,
    ),
)
