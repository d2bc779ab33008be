"""The chosen model: a frozen network and a linear head, in two files that need only torch, timm and
safetensors."""

import json
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from lt_lib.data.image_folder import read_image, shown
from lt_lib.errors import LabError
from lt_lib.lab.bench.features import NETWORKS, Eye
from lt_lib.lab.bench.remedies import Heads
from lt_lib.lab.record.files import atomic_write

WEIGHTS, ABOUT = "model.safetensors", "model.json"


def keep(folder: Path, heads: Heads, mean: Tensor, std: Tensor, about: dict) -> None:
    """Write the head of the first seed, and what features are standardised by."""
    weight, bias = heads.weight[0], heads.bias[0]
    parts = {"weight": weight, "bias": bias, "mean": mean, "std": std}
    atomic_write(folder / WEIGHTS, save({name: part.contiguous() for name, part in parts.items()}))
    text = json.dumps(about | {"cosine": heads.cosine}, indent=1, ensure_ascii=False)
    atomic_write(folder / ABOUT, text.encode())


def predict(folder: Path, files: list[Path]) -> list[tuple[Path, str, float]]:
    """File, class and probability of each image.

    Raises:
        LabError: no model is there, or an image cannot be read.
    """
    try:
        about = json.loads((folder / ABOUT).read_text(encoding="utf-8"))
        parts = load((folder / WEIGHTS).read_bytes())
        classes, network = about["classes"], about["network"]
    except (OSError, ValueError, KeyError, SafetensorError) as error:
        raise LabError(f"{shown(folder)} holds no model of `lt compare` ({type(error).__name__})") from None
    eye, out = Eye.of(network), []
    heads = Heads(parts["weight"][None], parts["bias"][None], about["cosine"])
    for file in files:
        try:
            pixels = read_image(file, eye.spec.resolution)[0]
        except Exception as error:  # a decoder of a damaged file raises whatever comes
            raise LabError(f"{shown(file)} cannot be read: {error}") from None
        x = (torch.from_numpy(eye.look([pixels])).float() - parts["mean"]) / parts["std"]
        p = heads.logits(x)[0, 0].softmax(0)
        out.append((file, classes[int(p.argmax())], float(p.max())))
    return out


def about(network: str, remedy: str, classes: tuple[str, ...]) -> dict:
    """What model.json says."""
    return {
        "network": network,
        "weights": NETWORKS.get(network, ("timm's own",))[0],
        "remedy": remedy,
        "classes": list(classes),
    }
