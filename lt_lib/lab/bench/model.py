"""The chosen model: whole networks and their linear heads, in two files that need only torch, timm and
safetensors."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load, save
from torch import Tensor

from lt_lib import data as datasets
from lt_lib.data.image_folder import shown
from lt_lib.errors import LabError
from lt_lib.lab.bench.bands import why
from lt_lib.lab.bench.features import Eye, network_of
from lt_lib.lab.bench.remedies import Fitted
from lt_lib.lab.record.files import atomic_write
from lt_lib.lab.record.spec import Backbone

WEIGHTS, ABOUT = "model.safetensors", "model.json"
MOST_PIXELS = 1024  # a side that a network looks at
_TENSORS = ("weight", "bias", "mean", "std")


@dataclass(frozen=True)
class Part:
    """A network and a head of it: `heads` of one seed on features that are standardised by `mean` and `std`
    (D,); the probabilities of all parts are averaged. `state`: weights of a network that was trained as a
    whole, None for those of `eye`."""

    eye: Eye
    heads: Fitted
    mean: Tensor
    std: Tensor
    state: dict[str, Tensor] | None = None

    def probabilities(self, pixels: list[np.ndarray]) -> Tensor:
        """(M, K) of M images as `Eye.look` takes them."""
        x = torch.from_numpy(self.eye.look(pixels)).float()
        return self.heads.logits((x - self.mean) / self.std)[0].softmax(-1)


def keep(folder: Path, parts: Sequence[Part], remedy: str, classes: Sequence[str], words: str) -> None:
    """Write a model.

    Raises:
        LabError: the folder cannot be written.
    """
    tensors, about = {}, []
    for i, part in enumerate(parts):
        heads, eye = part.heads, part.eye
        values = (heads.weight[0], heads.bias[0], part.mean, part.std)
        state = part.state or network_of(eye.spec, len(eye.mean)).state_dict()
        named = dict(zip(_TENSORS, values, strict=True)) | {f"net.{k}": v for k, v in state.items()}
        tensors |= {f"{i}.{name}": value.detach().cpu().contiguous() for name, value in named.items()}
        about.append(_said(eye, heads.cosine))
    (folder / ABOUT).unlink(missing_ok=True)  # a killed run leaves no weights beside the classes of others
    atomic_write(folder / WEIGHTS, save(tensors))
    text = {"remedy": remedy, "words": words, "classes": list(classes), "parts": about}
    atomic_write(folder / ABOUT, json.dumps(text, indent=1, ensure_ascii=False).encode())


def _said(eye: Eye, cosine: bool) -> dict:
    weights = eye.spec.pretrained
    return {
        "network": eye.spec.name,
        "options": dict(datasets.describe(weights).create_kwargs) if isinstance(weights, str) else {},
        "side": eye.spec.resolution,
        "bands": len(eye.mean),
        "mean": eye.mean.flatten().tolist(),
        "std": eye.std.flatten().tolist(),
        "scale": None if eye.scale is None else eye.scale.tolist(),
        "cosine": cosine,
    }


def predict(folder: Path, files: Sequence[Path]) -> Iterator[tuple[Path, str | None, float | str]]:
    """File, class and probability of each image; None and what is wrong with it in place of these for an
    image that cannot be read.

    Raises:
        LabError: no model is there.
    """
    classes, parts = _read(folder)
    for file in files:
        if not file.is_file():
            yield file, None, "not there, or no regular file"
            continue
        try:
            pixels = [part.eye.pixels(file)[0] for part in parts]
        except Exception as error:  # a decoder of a damaged file raises whatever comes
            yield file, None, why(error)
            continue
        p = torch.stack([part.probabilities([one]) for part, one in zip(parts, pixels, strict=True)]).mean(0)
        yield file, classes[int(p[0].argmax())], float(p[0].max())


def _read(folder: Path) -> tuple[list[str], list[Part]]:
    try:
        about = json.loads((folder / ABOUT).read_text(encoding="utf-8"))
        tensors, parts = load((folder / WEIGHTS).read_bytes()), []
        for i, said in enumerate(about["parts"]):
            weight, bias, mean, std = (tensors[f"{i}.{name}"] for name in _TENSORS)
            start = f"{i}.net."
            state = {k[len(start) :]: v for k, v in tensors.items() if k.startswith(start)}
            net = _network(said, state)
            net.load_state_dict(state)
            spec = Backbone(name=said["network"], pretrained=False, resolution=said["side"])
            levels = [torch.tensor(said[name]).view(said["bands"], 1, 1) for name in ("mean", "std")]
            scale = None if said["scale"] is None else np.array(said["scale"])
            heads = Fitted(weight[None], bias[None], said["cosine"], 0.0)
            part = Part(Eye.around(spec, net, *levels, scale), heads, mean, std)
            _check(part, len(about["classes"]))
            parts.append(part)
        if not parts or not all(isinstance(name, str) for name in about["classes"]):
            raise ValueError
        return about["classes"], parts
    except Exception as error:  # whatever a damaged file raises
        raise LabError(
            f"{shown(folder)} holds no model that `lt compare` wrote ({type(error).__name__})"
        ) from None


def _network(said: dict, state: dict[str, Tensor]) -> torch.nn.Module:
    """The network that a model says it has, its weights apart; nothing is fetched or opened for it, and none
    is made that has other weights than these.

    Raises:
        ValueError: timm has no such network, or it is none that `lt compare` makes.
    """
    import timm

    known = [{}, *(dict(entry.create_kwargs) for entry in datasets.registry.weights().values())]
    is_known = timm.is_model(said["network"]) and said["options"] in known
    if not is_known or said["bands"] != len(said["mean"]) or not 8 <= said["side"] <= MOST_PIXELS:
        raise ValueError
    options = {"num_classes": 0, "in_chans": said["bands"], **said["options"]}
    with torch.device("meta"):  # takes no memory
        wanted = timm.create_model(said["network"], **options).state_dict()
    if {k: v.shape for k, v in wanted.items()} != {k: v.shape for k, v in state.items()}:
        raise ValueError
    return timm.create_model(said["network"], **options)


def _check(part: Part, num_classes: int) -> None:
    blank = np.zeros((part.eye.spec.resolution,) * 2 + (len(part.eye.mean),), np.uint8)
    scaled = part.eye.scale is None or part.eye.scale.shape == (2, len(part.eye.mean))
    found = part.probabilities([blank])
    if found.shape[1] != num_classes or not found.isfinite().all() or not scaled:
        raise ValueError


SNIPPET = """import json, timm, torch
from PIL import Image, ImageOps
from safetensors.torch import load_file
from torchvision.transforms.functional import pil_to_tensor

about, w = json.load(open("model.json")), load_file("model.safetensors")
part, k = about["parts"][0], len("0.net.")
net = timm.create_model(part["network"], num_classes=0, **part["options"]).eval()
net.load_state_dict({name[k:]: value for name, value in w.items() if name.startswith("0.net.")})
upright = ImageOps.exif_transpose(Image.open("image.jpg")).convert("RGB")
image = ImageOps.fit(upright, (part["side"],) * 2, Image.LANCZOS)
mean, std = (torch.tensor(part[name]).view(-1, 1, 1) for name in ("mean", "std"))
with torch.inference_mode():
    x = (net((pil_to_tensor(image)[None] / 255 - mean) / std) - w["0.mean"]) / w["0.std"]
x = torch.nn.functional.normalize(x) if part["cosine"] else x
p = (torch.einsum("nd,mkd->nmk", x, w["0.weight"]) + w["0.bias"]).softmax(-1).mean(1)[0]
print(about["classes"][p.argmax()], float(p.max()))
"""
