"""What callers hand over: labels, counts and scores as they hold them, and images.

Numbers come as tensors, NumPy arrays, columns of a table, lists. Torch reads a pandas column by its index, so
that a column with gaps gives other rows; of its own unsigned types it cannot even take the minimum. What is
no tensor therefore goes through NumPy, and integers become int64.
"""

import numpy as np
import torch
from torch import Tensor


def numbers(values: Tensor, name: str) -> Tensor:
    """A tensor of int64 or of floating point, without its graph.

    Args:
        values: tensor, array, table column or list of numbers or truth values.
        name: of the argument, for the error.

    Returns:
        Floating-point tensors as they are, on their device; other integers as int64, other floats as float64.

    Raises:
        ValueError: text, objects, missing entries or rows of unequal length, complex numbers, or an integer
            beyond 2**63 - 1.
    """
    given = values.detach() if isinstance(values, Tensor) else _from_numpy(values, name)
    if given.is_complex():
        raise ValueError(f"{name} must be real, got {given.dtype}")
    if given.is_floating_point():
        return given
    whole = given.long()
    if given.dtype == torch.uint64 and (whole < 0).any():
        raise ValueError(f"{name} must be at most 2**63 - 1; an unsigned -1 looks like the largest number")
    return whole


def _from_numpy(values: object, name: str) -> Tensor:
    try:
        array = np.asarray(values)
    except ValueError as error:
        raise ValueError(f"{name} must be numbers in rows of one length ({error})") from None
    if array.dtype.kind not in "biufc":
        raise ValueError(
            f"{name} must be numbers, got {array.dtype}; drop missing entries and convert, e.g. "
            f"np.asarray({name}, dtype=np.int64)"
        )
    kind = {"u": np.uint64, "f": np.float64, "c": np.complex128}.get(array.dtype.kind, np.int64)
    return torch.from_numpy(array.astype(kind, order="C"))


def check_images(x: Tensor, unit: bool = True) -> None:
    """That x is a batch of images.

    Args:
        x: (N, C, H, W), floating point; N may be 0.
        unit: whether the values must lie in [0, 1].

    Raises:
        ValueError: it is not.
    """
    if x.dim() != 4 or not x.is_floating_point() or 0 in x.shape[1:]:
        raise ValueError(f"x must be floating point (N, C, H, W), got {x.dtype} {tuple(x.shape)}")
    if unit and not ((x >= 0) & (x <= 1)).all():
        raise ValueError(
            f"x must lie in [0, 1], got {x.amin()} to {x.amax()}; divide 8-bit images by 255, normalise "
            "afterwards"
        )
