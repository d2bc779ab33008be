"""The networks of `sign`, by the names that its experiments use."""

from collections.abc import Iterable

import torch
from torch import Tensor, nn

from lt_lib import data as datasets
from lt_lib.errors import LabError
from lt_lib.lab.record.spec import Backbone
from lt_lib.lab.train.backbones import backbone_network
from lt_lib.lab.train.device import device
from lt_lib.models import BasicCNN, NASNetMobile, TwoHeads, create, restore_batchnorm


class NormCNN(nn.Module):
    """A small network with batch norms, that learns in seconds where two cores must do.

    Blocks of two 3 x 3 convolutions, each with batch norm and ReLU, and 2 x 2 max pooling; global average.
    Has timm's interface.

    Args:
        num_classes: K.
        widths: channels of the blocks.
        bands: C.
    """

    def __init__(self, num_classes: int, widths: tuple[int, ...] = (16, 32, 64), bands: int = 3):
        super().__init__()
        layers, before = [], bands
        for wide in widths:
            for inner in (before, wide):
                conv = nn.Conv2d(inner, wide, 3, padding=1, bias=False)
                layers += [conv, nn.BatchNorm2d(wide), nn.ReLU()]
            layers.append(nn.MaxPool2d(2))
            before = wide
        self.blocks, self.head_hidden_size = nn.Sequential(*layers), before
        self.reset_classifier(num_classes)

    def reset_classifier(self, num_classes: int) -> None:
        """A fresh head; none for 0."""
        self.head = nn.Linear(self.head_hidden_size, num_classes) if num_classes else nn.Identity()

    def get_classifier(self) -> nn.Module:
        return self.head

    def forward_features(self, x: Tensor) -> Tensor:
        return self.blocks(x)

    def forward_head(self, maps: Tensor, pre_logits: bool = False) -> Tensor:
        features = maps.mean((2, 3))
        return features if pre_logits else self.head(features)

    def forward(self, x: Tensor) -> Tensor:
        return self.forward_head(self.forward_features(x))


OWN = {"basic-cnn": BasicCNN, "nasnet-mobile": NASNetMobile, "norm-cnn": NormCNN}


def network(
    backbone: Backbone, num_classes: int, heads: str = "logits", batches: Iterable[Tensor] = ()
) -> nn.Module:
    """A network with fresh heads, on the device, all of it ready to learn.

    Args:
        backbone: a name of OWN or a timm name; registered weights get their batch norms back.
        num_classes: K.
        heads: "logits", or "aleatoric" for :class:`lt_lib.models.TwoHeads`.
        batches: standardised images (N, C, side, side) that batch norms take their statistics from, if those
            of the registered weights are placeholders.

    Raises:
        LabError: options or weights that do not fit, or are not at hand.
    """
    if backbone.name in OWN:
        net = _own(backbone, num_classes)
    elif isinstance(backbone.pretrained, str):
        entry = datasets.describe(backbone.pretrained)
        if entry.timm_name != backbone.name:
            raise LabError(
                f"weights {backbone.pretrained} belong to {entry.timm_name}, not to {backbone.name}"
            )
        path = datasets.weights_path(backbone.pretrained)
        net = create(backbone.name, num_classes, pretrained=path, **entry.create_kwargs)
        net = restore_batchnorm(net, (x.cpu() for x in batches))
    else:
        net = backbone_network(backbone, num_classes)
    if heads == "aleatoric":
        net = TwoHeads(net, num_classes)
    return net.to(device(), memory_format=torch.channels_last).train()


def _own(backbone: Backbone, num_classes: int) -> nn.Module:
    if backbone.pretrained is not False:
        raise LabError(f"{backbone.name} has no pretrained weights; say pretrained: false")
    options = dict(backbone.options)
    if backbone.name == "basic-cnn":
        options["side"] = backbone.resolution
    try:
        return OWN[backbone.name](num_classes, **options)
    except (TypeError, ValueError) as error:
        raise LabError(f"{backbone.name} cannot be built with {backbone.options}: {error}") from None


def features(net: nn.Module, x: Tensor) -> Tensor:
    """What enters the last layer: (N, D)."""
    if isinstance(net, TwoHeads):
        return net.backbone(x)
    return net.forward_head(net.forward_features(x), pre_logits=True)
