"""Backbones and heads: a thin door to timm, with the few things the works need on top.

Pretrained weights come from timm's hub (True), or from a safetensors file (a path), or not at all (False).
"""

import os
from pathlib import Path

import torch
from torch import Tensor, nn


def create(name: str, num_classes: int, bands: int = 3, pretrained: bool | str | os.PathLike = False,
           frozen: bool = False, **options) -> nn.Module:
    """A timm network with a linear head of `num_classes` (0: no head, penultimate features).

    Args:
        name: a timm model name.
        num_classes: classes K of the head, or 0.
        bands: input channels C.
        pretrained: False, True (timm's weights from the local hub cache or the network) or a safetensors file without head.
        frozen: the backbone stays in eval mode without gradients; only the head learns (as in the released code of `ee443`).
        **options: passed to timm, e.g. pad_type="same".

    Returns:
        Module from (N, C, H, W) to (N, K), or (N, D) features for K = 0.

    Raises:
        ValueError: unknown model name, or a weights file that does not fit.
        OSError: pretrained weights are neither in the hub cache nor reachable; the message names the file option.
    """
    import timm

    if not timm.is_model(name):
        raise ValueError(f"timm has no model {name!r}; timm.list_models('{name[:4]}*') lists names like it")
    from_hub = pretrained is True
    try:
        net = timm.create_model(name, pretrained=from_hub, num_classes=num_classes, in_chans=bands, **options)
    except Exception as error:
        if not from_hub:
            raise
        raise OSError(f"pretrained weights of {name} are neither in the hub cache nor reachable ({type(error).__name__}); "
                      "connect once, or pass pretrained=FILE with a safetensors file of timm's weights") from None
    if not isinstance(pretrained, bool):
        _load_backbone(net, Path(pretrained))
    if frozen:
        freeze(net)
    return net


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


def fold_batchnorm(net: nn.Module, example: Tensor) -> nn.Module:
    """Fold each batch norm into the convolution before it, for inference; the function stays the same.

    Args:
        net: network; put in eval mode.
        example: (N, C, H, W) input on which the folded network is checked against the original.

    Returns:
        A folded copy, or `net` itself when folding would change its output (a norm that does not follow its convolution).
    """
    import copy
    from itertools import pairwise

    from torch.nn.utils.fusion import fuse_conv_bn_weights

    net = net.eval()
    folded = copy.deepcopy(net)
    for parent in list(folded.modules()):
        children = list(parent.named_children())
        for (conv_name, conv), (norm_name, norm) in pairwise(children):
            if not (isinstance(conv, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d) and norm.track_running_stats):
                continue
            if conv.out_channels != norm.num_features:
                continue
            conv.weight, conv.bias = fuse_conv_bn_weights(
                conv.weight, conv.bias, norm.running_mean, norm.running_var, norm.eps, norm.weight, norm.bias)
            after = [getattr(norm, part) for part in ("drop", "act") if isinstance(getattr(norm, part, None), nn.Module)]
            setattr(parent, norm_name, nn.Sequential(*[m for m in after if not isinstance(m, nn.Identity)]))
    with torch.inference_mode():
        same = torch.allclose(net(example), folded(example), rtol=1e-3, atol=1e-3)
    return folded if same else net


def _load_backbone(net: nn.Module, file: Path) -> None:
    from safetensors.torch import load_file

    head = {f"{name}." for name, module in net.named_modules() if module is net.get_classifier()}
    weights = {k: v for k, v in load_file(file).items() if not any(k.startswith(h) for h in head | {"classifier."})}
    try:
        outcome = net.load_state_dict(weights, strict=False)
    except RuntimeError as error:
        raise ValueError(f"{file} does not fit: {str(error).splitlines()[1].strip()}") from None
    missing = [k for k in outcome.missing_keys if not any(k.startswith(h) for h in head)]
    if missing or outcome.unexpected_keys:
        raise ValueError(f"{file} does not fit: {len(missing)} weights missing (first: {missing[:1]}), "
                         f"{len(outcome.unexpected_keys)} not known (first: {outcome.unexpected_keys[:1]})")
