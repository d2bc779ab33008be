"""Data sets and pretrained weights by name: what there is, the store, and data that the code itself makes."""

from .errors import DataError
from .fetch import download
from .intake import add
from .store import ImageSet, describe, listing, load, names, store_root, verify, weights_path

__all__ = [
    "DataError",
    "ImageSet",
    "add",
    "describe",
    "download",
    "listing",
    "load",
    "names",
    "store_root",
    "verify",
    "weights_path",
]
