"""Backbones and heads: a thin door to timm, with the few things the works need on top.

Pretrained weights come from timm's hub (True), or from a safetensors file (a path), or not at all (False).
"""

import os
from collections.abc import Iterable
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn


def create(
    name: str,
    num_classes: int,
    bands: int = 3,
    head: str = "linear",
    pretrained: bool | str | os.PathLike = False,
    frozen: bool = False,
    stem: str = "native",
    **options,
) -> nn.Module:
    """A timm network with a fresh head of `num_classes` (0: no head, penultimate features).

    Args:
        name: a timm model name.
        num_classes: classes K of the head, or 0.
        bands: input channels C.
        head: "linear", or "cosine" for a :class:`CosineHead`.
        pretrained: False, True (timm's weights from the local hub cache or the network) or a safetensors file
            without head.
        frozen: the backbone stays in eval mode without gradients; only the head learns (as in the released
            code of `ee443`).
        stem: how C bands enter. "native": timm's first convolution with C inputs. With pretrained=True and C
            other than 3, timm repeats its RGB filters over the bands, times 3 / C (for C = 1 it sums them); a
            file must have the C inputs itself. "adapter": three convolutions in place of that layer, see
            :func:`_adapter`; the layers behind keep any pretrained weights.
        **options: passed to timm, e.g. pad_type="same", or channels=(16, 32, 64, 128) for a slim ResNet.

    Returns:
        Module from (N, C, H, W) to (N, K), or (N, D) features for K = 0.

    Raises:
        ValueError: unknown model, head, stem or option; a weights file that does not fit; a network without
            the layer to replace.
        OSError: pretrained weights are neither in the hub cache nor reachable; the message names the file
            option.
    """
    import timm

    if not timm.is_model(name):
        raise ValueError(f"timm has no model {name!r}; timm.list_models('{name[:4]}*') lists names like it")
    if bands < 1:
        raise ValueError(f"bands must be at least 1, got {bands}")
    if head not in ("linear", "cosine"):
        raise ValueError(f"head must be 'linear' or 'cosine', got {head!r}")
    if stem not in ("native", "adapter"):
        raise ValueError(f"stem must be 'native' or 'adapter', got {stem!r}")
    if frozen and stem == "adapter":
        raise ValueError(
            "frozen=True would leave the adapter as random as it starts; take stem='native' or frozen=False"
        )
    from_hub = pretrained is True
    in_chans = bands if stem == "native" else 3
    try:
        net = timm.create_model(
            name, pretrained=from_hub, num_classes=num_classes, in_chans=in_chans, **options
        )
    except TypeError as error:
        raise ValueError(f"{name} cannot be built with {options}: {error}") from None
    except Exception as error:
        if not from_hub:
            raise
        if "size mismatch" in str(error):
            raise ValueError(
                f"the pretrained weights of {name} do not fit {options}; leave the options out, or pretrained"
            ) from None
        raise OSError(
            f"pretrained weights of {name} are neither in the hub cache nor reachable "
            f"({type(error).__name__}); connect once, or pass pretrained=FILE with a safetensors file of "
            "timm's weights"
        ) from None
    if not isinstance(pretrained, bool):
        _load_backbone(net, Path(pretrained))
    if stem == "adapter":
        net.conv1 = _adapter(name, getattr(net, "conv1", None), bands)
    if head == "cosine" and num_classes:
        _replace_head(name, net)
    if frozen:
        freeze(net)
    return net


class CosineHead(nn.Module):
    r"""Classifier that sees directions only: the cosine of the angle between the features and the weight of
    each class.

    .. math:: z_k = \Big\langle \frac{x}{\lVert x \rVert}, \frac{w_k}{\lVert w_k \rVert} \Big\rangle \in [-1,
    1]

    No bias. The logits are too flat for a softmax: scale them, as :class:`lt_lib.losses.LDAMLoss` does.

    Args:
        in_features: D, at least 1.
        out_features: classes K, at least 1.

    Shape: (N, D) to (N, K). Computed in at least single precision, also under autocast, as a scale of 30
        magnifies rounding.

    Source: the last layer of the released code of LDAM-DRW. Its directions start uniform on the sphere, as
    there."""

    def __init__(self, in_features: int, out_features: int):
        super().__init__()
        if in_features < 1 or out_features < 1:
            raise ValueError(
                f"in_features and out_features must be at least 1, got {in_features} and {out_features}"
            )
        self.in_features, self.out_features = in_features, out_features
        self.weight = nn.Parameter(F.normalize(torch.randn(out_features, in_features)))

    def forward(self, x: Tensor) -> Tensor:
        dtype = torch.promote_types(x.dtype, torch.float32)
        with torch.autocast(x.device.type, enabled=False):
            return F.linear(F.normalize(x.to(dtype), dim=-1), F.normalize(self.weight.to(dtype)))

    def extra_repr(self) -> str:
        return f"in_features={self.in_features}, out_features={self.out_features}"


def _replace_head(name: str, net: nn.Module) -> None:
    """Put a cosine head in the place of the linear one, where `get_classifier` finds it."""
    old = net.get_classifier()
    path = next(
        (path for path, module in net.named_modules() if module is old and isinstance(old, nn.Linear)), None
    )
    if path is None:
        raise ValueError(
            f"head='cosine' replaces one linear layer, but {name} ends in {type(old).__name__}; take another "
            "network"
        )
    net.set_submodule(path, CosineHead(old.in_features, old.out_features))


def _adapter(name: str, conv1: nn.Module | None, bands: int) -> nn.Sequential:
    """C bands to what `conv1` gave, by way of three channels: the stem of the released code of `spectrum` for
    its ResNets.

    A 2x2 transposed convolution to 32 channels trims the image by 3 pixels (stride 1, padding 2), a 1x1
    convolution leaves 3, and a convolution of the old one's geometry (7x7, stride 2, 3 to 64 in ResNets)
    follows a ReLU. No bias. As released, all is fresh, the pretrained `conv1` is lost, and 3 bands go the
    same way."""
    if not isinstance(conv1, nn.Conv2d):
        found = "none" if conv1 is None else f"a {type(conv1).__name__}"
        raise ValueError(  # noqa: TRY004 (what is wrong is the name given)
            f"stem='adapter' replaces one convolution named conv1, as ResNets have; {name} has {found}: take "
            "stem='native'"
        )
    return nn.Sequential(
        nn.ConvTranspose2d(bands, 32, kernel_size=2, stride=1, padding=2, bias=False),
        nn.Conv2d(32, 3, kernel_size=1, bias=False),
        nn.ReLU(inplace=True),
        nn.Conv2d(3, conv1.out_channels, conv1.kernel_size, conv1.stride, conv1.padding, bias=False),
    )


def freeze(net: nn.Module) -> nn.Module:
    """Freeze all but the head: no gradients, and eval mode that `net.train()` does not undo."""
    head = net.get_classifier()
    learning = set(head.parameters()) if isinstance(head, nn.Module) else set()
    for parameter in net.parameters():
        parameter.requires_grad_(parameter in learning)
    return keep_norms_frozen(net, everything=True)


def keep_norms_frozen(net: nn.Module, everything: bool = False) -> nn.Module:
    """Keep batch norms (or everything) in eval mode whatever `net.train()` says.

    Needed where running statistics are placeholders, as in weights converted from a folded network.
    """

    def train(mode: bool = True) -> nn.Module:
        nn.Module.train(net, mode and not everything)
        for module in net.modules():
            if isinstance(module, nn.modules.batchnorm._BatchNorm):
                module.eval()
        return net

    net.train = train
    return net.train(net.training)


def restore_batchnorm(net: nn.Module, batches: Iterable[Tensor]) -> nn.Module:
    """Give batch norms whose running statistics are placeholders those of some images, the function staying
    the same.

    Weights converted from a folded network have the statistics inside their convolutions. In eval mode that
    is the same function; in training mode it is not, as each batch would be normalised a second time. Here
    each norm takes over mean and variance of what enters it, and scale and shift that undo them: afterwards
    the network can be trained like any other.

    Args:
        net: (N, C, H, W) to anything; put in eval mode.
        batches: inputs, several images each.

    Returns:
        The same network.

    Raises:
        ValueError: no batches, or a norm that they do not reach.
    """
    norms = [m for m in net.eval().modules() if isinstance(m, nn.modules.batchnorm._BatchNorm)]
    sums = {norm: [0, 0.0, 0.0] for norm in norms}

    def note(norm: nn.Module, inputs: tuple[Tensor]) -> None:
        x = inputs[0].double().transpose(0, 1).flatten(1)
        for k, value in enumerate((x.shape[1], x.sum(1), x.square().sum(1))):
            sums[norm][k] += value

    hooks = [norm.register_forward_pre_hook(note) for norm in norms]
    with torch.no_grad():
        for x in batches:
            net(x)
    for hook in hooks:
        hook.remove()
    for norm, (count, total, square) in sums.items():
        if not count:
            raise ValueError("restore_batchnorm needs at least one batch, and every norm to be passed by it")
        mean = total / count
        variance = (square / count - mean.square()).clamp_min(0)
        old = (norm.running_var.double() + norm.eps).sqrt()
        scale = norm.weight.double() / old
        with torch.no_grad():
            norm.bias.add_((scale * (mean - norm.running_mean.double())).float())
            norm.weight.copy_(scale * (variance + norm.eps).sqrt())
            norm.running_mean.copy_(mean)
            norm.running_var.copy_(variance)
    return net


def fold_batchnorm(net: nn.Module, example: Tensor) -> nn.Module:
    """Fold each batch norm into the convolution before it, for inference; the function stays the same.

    Args:
        net: network; put in eval mode.
        example: (N, C, H, W) input on which the folded network is checked against the original.

    Returns:
        A folded copy, or `net` itself when folding would change its output (a norm that does not follow its
    convolution)."""
    import copy
    from itertools import pairwise

    from torch.nn.utils.fusion import fuse_conv_bn_weights

    net = net.eval()
    folded = copy.deepcopy(net)
    for parent in list(folded.modules()):
        children = list(parent.named_children())
        for (conv_name, conv), (norm_name, norm) in pairwise(children):
            if not (
                isinstance(conv, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d) and norm.track_running_stats
            ):
                continue
            if conv.out_channels != norm.num_features:
                continue
            conv.weight, conv.bias = fuse_conv_bn_weights(
                conv.weight, conv.bias, norm.running_mean, norm.running_var, norm.eps, norm.weight, norm.bias
            )
            after = [
                getattr(norm, part)
                for part in ("drop", "act")
                if isinstance(getattr(norm, part, None), nn.Module)
            ]
            setattr(parent, norm_name, nn.Sequential(*[m for m in after if not isinstance(m, nn.Identity)]))
    with torch.inference_mode():
        same = torch.allclose(net(example), folded(example), rtol=1e-3, atol=1e-3)
    return folded if same else net


def _load_backbone(net: nn.Module, file: Path) -> None:
    from safetensors.torch import load_file

    head = {f"{name}." for name, module in net.named_modules() if module is net.get_classifier()}
    try:
        stored = load_file(file)
    except Exception as error:  # of any kind, as the header says
        raise ValueError(
            f"{file} cannot be read as safetensors: {getattr(error, 'strerror', None) or error}"
        ) from None
    weights = {k: v for k, v in stored.items() if not any(k.startswith(h) for h in head | {"classifier."})}
    try:
        outcome = net.load_state_dict(weights, strict=False)
    except RuntimeError as error:
        raise ValueError(f"{file} does not fit: {str(error).splitlines()[1].strip()}") from None
    missing = [k for k in outcome.missing_keys if not any(k.startswith(h) for h in head)]
    if missing or outcome.unexpected_keys:
        raise ValueError(
            f"{file} does not fit: {len(missing)} weights missing (first: {missing[:1]}), "
            f"{len(outcome.unexpected_keys)} not known (first: {outcome.unexpected_keys[:1]})"
        )


class CifarResNet(nn.Module):
    """The ResNet for 32 x 32 images, with shortcuts that have no weights: (N, 3, H, W) to (N, K).

    A 3 x 3 convolution to 16 channels; three stages of (depth - 2) / 6 blocks with 16, 32 and 64, the last
    two at half the side each; global average; one layer. Where the channels double, the shortcut takes every
    other pixel and fills up with zeros (option A). ResNet-32 on ten classes has 464,154 parameters, 464,144
    with the cosine head, which has no bias.

    Args:
        depth: 6 k + 2, e.g. 20, 32, 110.
        num_classes: K.
        head: "linear" or "cosine" (:class:`CosineHead`).

    Raises:
        ValueError: a depth or head that cannot be.

    Source: He et al. (2016), section 4.2; initial weights as in the released code of LDAM-DRW: Kaiming's
    normal ones, for the linear head as well, and a cosine head's directions from a cube.
    """

    def __init__(self, depth: int = 32, num_classes: int = 10, head: str = "linear"):
        from itertools import pairwise

        super().__init__()
        if depth < 8 or depth % 6 != 2:
            raise ValueError(f"depth must be 6 k + 2, e.g. 20, 32 or 110, got {depth}")
        if head not in ("linear", "cosine"):
            raise ValueError(f"head must be 'linear' or 'cosine', got {head!r}")
        self.stem = nn.Sequential(nn.Conv2d(3, 16, 3, padding=1, bias=False), nn.BatchNorm2d(16), nn.ReLU())
        widths = [16, *(wide for wide in (16, 32, 64) for _ in range((depth - 2) // 6))]
        self.blocks = nn.Sequential(*(_PlainBlock(*pair) for pair in pairwise(widths)))
        self.head = (CosineHead if head == "cosine" else nn.Linear)(64, num_classes)
        for module in self.modules():
            if isinstance(module, (nn.Conv2d, nn.Linear)):
                nn.init.kaiming_normal_(module.weight)
        if head == "cosine":
            with torch.no_grad():
                self.head.weight.copy_(F.normalize(torch.rand_like(self.head.weight) * 2 - 1))

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.blocks(self.stem(x)).mean((2, 3)))


class _PlainBlock(nn.Module):
    """Two 3 x 3 convolutions, added to a shortcut without weights."""

    def __init__(self, wide: int, out: int):
        super().__init__()
        stride = 1 if wide == out else 2
        self.more = (out - wide) // 2  # channels of zeros on either side of the shortcut
        self.conv1, self.norm1 = nn.Conv2d(wide, out, 3, stride, 1, bias=False), nn.BatchNorm2d(out)
        self.conv2, self.norm2 = nn.Conv2d(out, out, 3, 1, 1, bias=False), nn.BatchNorm2d(out)

    def forward(self, x: Tensor) -> Tensor:
        y = self.norm2(self.conv2(F.relu(self.norm1(self.conv1(x)), inplace=True)))
        if self.more:
            x = F.pad(x[:, :, ::2, ::2], (0, 0, 0, 0, self.more, self.more))
        return F.relu(y + x, inplace=True)
