"""A data set in memory, and the digests that name its content."""

import hashlib
from dataclasses import dataclass, field

import numpy as np

Splits = dict[str, tuple[np.ndarray, np.ndarray]]


@dataclass
class Arrays:
    """A data set as arrays, before it is stored.

    Attributes:
        classes: K names; label k means ``classes[k]``.
        splits: split name -> (images (N, H, W, C) uint8, labels (N,) int64 in [0, K)).
        variant: what sets this copy apart from the official one; empty if nothing does.
        extra: what else is kept beside the arrays (JSON values), such as the indices of JPEG-derived images.
        official: by what they were known as the official release: "official archive" (its checksums),
            "official counts" (its files, with so many images of each class), or nothing.
    """

    classes: tuple[str, ...]
    splits: Splits
    variant: str = ""
    extra: dict = field(default_factory=dict)
    official: str = ""

    def digest(self) -> str:
        """``sha256:...`` of all splits, see :func:`content_digest`."""
        return content_digest(self.splits)


def split_order(splits) -> list[str]:
    """train, then test, then whatever else there is, by name."""
    return sorted(splits, key=lambda name: ({"train": 0, "test": 1}.get(name, 2), name))


def content_digest(splits: Splits) -> str:
    r"""Digest of images and labels in their order.

    SHA-256 over, for each split in :func:`split_order`, the line ``<split> <N> <H> <W> <C>\n``, the images
    (uint8, C order) and the labels (int64, little-endian).
    """
    sha = hashlib.sha256()
    for name in split_order(splits):
        images, labels = splits[name]
        sha.update(f"{name} {' '.join(map(str, images.shape))}\n".encode())
        for start in range(0, len(images), 4096):
            sha.update(np.ascontiguousarray(images[start : start + 4096]).data)
        sha.update(np.ascontiguousarray(labels, dtype="<i8").data)
    return "sha256:" + sha.hexdigest()


def bag_digest(images: np.ndarray, labels: np.ndarray | None = None) -> str:
    """Digest of the images of one split whatever their order.

    SHA-256 over the sorted SHA-256 of every image followed by its label (4 bytes, little-endian); without
    labels, over those of the pixels alone, which tells wrong labels from wrong images.

    Args:
        images: (N, H, W, C) uint8.
        labels: (N,) integers, or None.
    """
    return "sha256:" + hashlib.sha256(b"".join(sorted(image_digests(images, labels)))).hexdigest()


def image_digests(images: np.ndarray, labels: np.ndarray | None = None) -> list[bytes]:
    """SHA-256 of every image, with its label if labels are given."""
    rows = []
    for i in range(len(images)):
        sha = hashlib.sha256(np.ascontiguousarray(images[i]).data)
        if labels is not None:
            sha.update(int(labels[i]).to_bytes(4, "little"))
        rows.append(sha.digest())
    return rows
