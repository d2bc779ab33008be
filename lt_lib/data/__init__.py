"""Data sets and pretrained weights by name: what there is, the store, and data that the code itself makes."""

from lt_lib.errors import DataError, needs

with needs("data", __name__):
    from lt_lib.data.add import add
    from lt_lib.data.download import download
    from lt_lib.data.store import ImageSet, describe, listing, load, names, store_root, verify, weights_path

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
