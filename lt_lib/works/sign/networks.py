"""The networks of `sign`, by the names that its experiments use."""

from collections.abc import Iterable

from torch import Tensor, nn

from lt_lib import data as datasets
from lt_lib.errors import LabError
from lt_lib.lab.record.spec import Backbone
from lt_lib.lab.train.backbones import backbone_network
from lt_lib.lab.train.device import device
from lt_lib.models import BasicCNN, NASNetMobile, TwoHeads, create, restore_batchnorm

OWN = {"basic-cnn": BasicCNN, "nasnet-mobile": NASNetMobile}


def network(
    backbone: Backbone, num_classes: int, heads: str = "logits", batches: Iterable[Tensor] = ()
) -> nn.Module:
    """A network with fresh heads, on the device, all of it ready to learn.

    Args:
        backbone: "basic-cnn", "nasnet-mobile" or a timm name; registered weights get their batch norms back.
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
        net = restore_batchnorm(net.to(device()), batches)
    else:
        net = backbone_network(backbone, num_classes)
    if heads == "aleatoric":
        net = TwoHeads(net, num_classes)
    return net.to(device()).train()


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
