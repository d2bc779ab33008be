# stands for: ast:488724a59304ae65cf831fd71a983c2779b6e1b3ae8e54d619466b92ccda1011
# At head="linear", stem="native", all there was, both sources build equal networks: tests/test_lab_digests.py, test_both_sources.
# ruff: noqa: F821 (the names are those of lt_lib.models)
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
