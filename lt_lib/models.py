"""Backbones and heads: a thin door to timm, with the few things the works need on top.

Beside them stand networks that timm lacks. :class:`BasicCNN` and :class:`NASNetMobile` have timm's interface
(`forward_features`, `forward_head`, `get_classifier`, `reset_classifier`), so that what is written for its
networks works for them.

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

    .. math::
        z_k = \Big\langle \frac{x}{\lVert x \rVert}, \frac{w_k}{\lVert w_k \rVert} \Big\rangle \in [-1,
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


def pad_evenly(net: nn.Module, example: Tensor) -> nn.Module:
    """Let a frozen network whose convolutions pad "same", as TensorFlow does, pad evenly, which torch does
    without a copy of the image; the function stays the same. Activations then work in place.

    Such a convolution of stride 2 may need a row more below than above. Filters and image turned by 180
    degrees need it above, where an even padding has it; the row below is then never reached.

    Args:
        net: network with a global average at its end, in eval mode.
        example: (N, C, H, W) input on which the turned network is checked against the original.

    Returns:
        A network that takes the same images, or `net` itself where nothing pads so or its output would
        change (a network that knows where in the image it is).
    """
    import copy

    from timm.layers import Conv2dSame

    if not any(isinstance(module, Conv2dSame) for module in net.modules()):
        return net
    turned = copy.deepcopy(net)
    for name, module in list(turned.named_modules()):
        if isinstance(module, nn.Conv2d):
            module.weight = nn.Parameter(module.weight.detach().flip(2, 3).contiguous())
        if isinstance(module, Conv2dSame):
            even = nn.Conv2d(
                module.in_channels,
                module.out_channels,
                module.kernel_size,
                module.stride,
                tuple((k - 1) * d // 2 for k, d in zip(module.kernel_size, module.dilation, strict=True)),
                module.dilation,
                module.groups,
                module.bias is not None,
            )
            even.weight, even.bias = module.weight, module.bias
            turned.set_submodule(name, even)
        if hasattr(module, "inplace"):
            module.inplace = True
    turned = nn.Sequential(_HalfTurn(), turned)
    with torch.inference_mode():
        same = torch.allclose(net(example), turned(example.clone()), rtol=1e-3, atol=1e-3)
    return turned if same else net


class _HalfTurn(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x.flip(2, 3)


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


class _Classifier(nn.Module):
    """Base of a network with timm's interface: maps, then features of `num_features` numbers, then logits.

    Weights start as in Keras, where the networks of `sign` come from: Glorot's uniform ones, biases zero.
    """

    num_features: int

    def _start(self, num_classes: int) -> None:
        """Put the head in its place and draw all weights."""
        self.reset_classifier(num_classes)
        for module in self.modules():
            if isinstance(module, (nn.Conv2d, nn.Linear)):
                nn.init.xavier_uniform_(module.weight)
                if module.bias is not None:
                    nn.init.zeros_(module.bias)

    def pool(self, maps: Tensor) -> Tensor:
        """(N, D, h, w) maps to the (N, num_features) before the logits."""
        return maps.mean((2, 3))

    def forward_head(self, maps: Tensor, pre_logits: bool = False) -> Tensor:
        features = self.pool(maps)
        return features if pre_logits else self.head(features)

    def forward(self, x: Tensor) -> Tensor:
        return self.forward_head(self.forward_features(x))

    @property
    def head_hidden_size(self) -> int:
        """Width of what enters the head, by timm's name."""
        return self.num_features

    def get_classifier(self) -> nn.Module:
        return self.head

    def reset_classifier(self, num_classes: int) -> None:
        """A fresh head; for 0 none, so that the network gives its features."""
        self.num_classes = num_classes
        self.head = nn.Linear(self.num_features, num_classes) if num_classes else nn.Identity()


class BasicCNN(_Classifier):
    """The small network of `sign`: two blocks of two convolutions, one hidden layer; (N, C, H, W) to (N, K).

    A block is 3 x 3 convolution, ReLU, the same again, 2 x 2 max pooling, dropout; the first has 32 channels,
    the second 64. Then 512 units, ReLU, dropout, and the logits. On 32 x 32 RGB images and ten classes it has
    1,250,858 parameters with "mixed" padding, 2,168,362 with "same".

    Args:
        num_classes: K, or 0 for the 512 features.
        padding: the paper does not say. "mixed": in each block the first convolution keeps the side and the
            second trims it by 2, as in the child network of DeepAugment, on which the paper builds; "same":
            all keep it.
        dropout: of the two blocks and the hidden layer; the paper's are .3 each, those of DeepAugment's child
            (.6, .6, .5).
        bands: C.
        side: H = W, at least 10 ("mixed") or 4 ("same").

    Raises:
        ValueError: an unknown padding, or a side too small.

    Source: `sign`, section 3; DeepAugment, released code.
    """

    num_features = 512

    def __init__(
        self,
        num_classes: int = 10,
        padding: str = "mixed",
        dropout: tuple[float, float, float] = (0.3, 0.3, 0.3),
        bands: int = 3,
        side: int = 32,
    ):
        super().__init__()
        if padding not in ("mixed", "same"):
            raise ValueError(f"padding must be 'mixed' or 'same', got {padding!r}")
        trim = 2 if padding == "mixed" else 0
        left = ((side - trim) // 2 - trim) // 2
        if left < 1:
            raise ValueError(f"side must be at least {10 if trim else 4} for padding {padding!r}, got {side}")

        def block(wide: int, out: int, p: float) -> list[nn.Module]:
            first = nn.Conv2d(wide, out, 3, padding=1)
            second = nn.Conv2d(out, out, 3, padding=0 if trim else 1)
            return [first, nn.ReLU(), second, nn.ReLU(), nn.MaxPool2d(2), nn.Dropout(p)]

        self.blocks = nn.Sequential(*block(bands, 32, dropout[0]), *block(32, 64, dropout[1]))
        self.hidden = nn.Sequential(
            nn.Flatten(), nn.Linear(64 * left**2, 512), nn.ReLU(), nn.Dropout(dropout[2])
        )
        self._start(num_classes)

    def forward_features(self, x: Tensor) -> Tensor:
        return self.blocks(x)

    def pool(self, maps: Tensor) -> Tensor:
        return self.hidden(maps)


class NASNetMobile(_Classifier):
    """NASNet-A (4 @ 1056), for images of any size from 32 x 32: (N, C, H, W) to (N, K).

    A 3 x 3 convolution of stride 2 to 32 channels; two reduction cells of 11 and 22; then three times four
    normal cells of 44, 88 and 176, with a reduction cell before the second and third. Each cell sees the
    outputs of the two before it, the first cell that of the convolution twice. Global average, 1056 features.
    On RGB images and 1000 classes it has 5,289,978 parameters, with the running statistics of the batch norms
    5,326,716 numbers, as in Keras.

    Two departures from Keras: strided layers pad both sides alike, as is PyTorch's custom, and batch norm
    keeps PyTorch's momentum, for that of Keras (.9997) would take tens of thousands of steps to settle.

    Args:
        num_classes: K, or 0 for the 1056 features.
        bands: C.

    Source: Zoph et al. (2018), Learning Transferable Architectures for Scalable Image Recognition, figure 4
    and appendix A; channel counts of the stem as in its released code and Keras.
    """

    num_features = 1056

    def __init__(self, num_classes: int = 10, bands: int = 3):
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(bands, 32, 3, stride=2, bias=False), _norm(32))
        plan = [(11, True), (22, True), *4 * [(44, False)]]
        for wide in (88, 176):
            plan += [(wide, True), *4 * [(wide, False)]]
        self.cells = nn.ModuleList()
        last, before, halve = 32, None, False  # channels of a cell's inputs; whether the older one is larger
        for wide, reduce in plan:
            cell = (_ReductionCell if reduce else _NormalCell)(last, before, halve, wide)
            self.cells.append(cell)
            last, before, halve = cell.out, last, reduce
        self._start(num_classes)

    def forward_features(self, x: Tensor) -> Tensor:
        before = last = self.stem(x)
        for cell in self.cells:
            before, last = last, cell(last, before)
        return F.relu(last)


def _norm(channels: int) -> nn.BatchNorm2d:
    return nn.BatchNorm2d(channels, eps=1e-3)


class _FactorizedReduction(nn.Module):
    """Half the side without losing every other pixel: two 1 x 1 convolutions of stride 2, one a pixel off."""

    def __init__(self, wide: int, out: int):
        super().__init__()
        self.even = nn.Conv2d(wide, out // 2, 1, stride=2, bias=False)
        self.odd = nn.Conv2d(wide, out - out // 2, 1, stride=2, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([self.even(x), self.odd(F.pad(x, (0, 1, 0, 1))[:, :, 1:, 1:])], 1)


class _Separable(nn.Sequential):
    """ReLU, separable convolution, batch norm, twice; the first changes the channels and has the stride."""

    def __init__(self, wide: int, out: int, kernel: int, stride: int = 1):
        layers = []
        for channels, step in ((wide, stride), (out, 1)):
            layers += [
                nn.ReLU(),
                nn.Conv2d(channels, channels, kernel, step, kernel // 2, groups=channels, bias=False),
                nn.Conv2d(channels, out, 1, bias=False),
                _norm(out),
            ]
        super().__init__(*layers)


class _Cell(nn.Module):
    """What both cells of NASNet-A start with: their two inputs brought to one size and width.

    Args:
        last: channels of the output of the cell before.
        before: channels of the output of the cell before that, or None for the first cell, whose second input
            is its first as it is.
        halve: whether `before` has twice the side of `last`.
        wide: channels within the cell.
    """

    def __init__(self, last: int, before: int | None, halve: bool, wide: int):
        super().__init__()
        self.squeeze = nn.Sequential(nn.ReLU(), nn.Conv2d(last, wide, 1, bias=False), _norm(wide))
        self.older = last if before is None else wide  # channels of the second input, adjusted
        if before in (None, wide) and not halve:
            self.adjust = nn.Identity()
        else:
            halved = _FactorizedReduction(before, wide) if halve else nn.Conv2d(before, wide, 1, bias=False)
            self.adjust = nn.Sequential(nn.ReLU(), halved, _norm(wide))


class _NormalCell(_Cell):
    """Five sums of two branches each, beside the older input: six times as many channels, the same side."""

    def __init__(self, last: int, before: int, halve: bool, wide: int):
        super().__init__(last, before, halve, wide)
        self.out = 6 * wide
        self.left = nn.ModuleList(_Separable(wide, wide, kernel) for kernel in (5, 5, 3))
        self.right = nn.ModuleList(_Separable(wide, wide, kernel) for kernel in (3, 3))

    def forward(self, last: Tensor, before: Tensor) -> Tensor:
        h, p = self.squeeze(last), self.adjust(before)
        sums = [
            self.left[0](h) + self.right[0](p),
            self.left[1](p) + self.right[1](p),
            _average(h) + p,
            2 * _average(p),
            self.left[2](h) + h,
        ]
        return torch.cat([p, *sums], 1)


class _ReductionCell(_Cell):
    """Four sums of two branches each, at half the side: four times as many channels."""

    def __init__(self, last: int, before: int | None, halve: bool, wide: int):
        super().__init__(last, before, halve, wide)
        self.out = 4 * wide
        self.left = _Separable(wide, wide, 5, 2)
        self.right = nn.ModuleList(_Separable(self.older, wide, kernel, 2) for kernel in (7, 7, 5))
        self.second = _Separable(wide, wide, 3)

    def forward(self, last: Tensor, before: Tensor) -> Tensor:
        h, p = self.squeeze(last), self.adjust(before)
        largest = F.max_pool2d(h, 3, 2, 1)
        first = self.left(h) + self.right[0](p)
        second = largest + self.right[1](p)
        third = _average(h, 2) + self.right[2](p)
        return torch.cat([second, third, second + _average(first), self.second(first) + largest], 1)


def _average(x: Tensor, stride: int = 1) -> Tensor:
    """3 x 3 average of what lies within the image."""
    return F.avg_pool2d(x, 3, stride, 1, count_include_pad=False)


class TwoHeads(nn.Module):
    r"""A network that also says how unsure it is: logits and a noise scale from the same features.

    .. math:: \sigma = \log(1 + e^{w^\top \phi(x) + b}) > 0

    Trained with :func:`lt_lib.losses.aleatoric_loss`.

    Args:
        backbone: a network with timm's interface; its head is taken off, and :attr:`backbone` gives the
            (N, D) features.
        num_classes: K of the fresh head.

    Shape: (N, C, H, W) to logits (N, K) and sigma (N, 1).

    Source: `sign`, section 3.2. One scale an image and the softplus are those of the public code that the
    section follows.
    """

    def __init__(self, backbone: nn.Module, num_classes: int):
        super().__init__()
        backbone.reset_classifier(0)
        self.backbone = backbone
        self.logits = nn.Linear(backbone.head_hidden_size, num_classes)
        self.scale = nn.Linear(backbone.head_hidden_size, 1)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        features = self.backbone(x)
        return self.logits(features), F.softplus(self.scale(features))
