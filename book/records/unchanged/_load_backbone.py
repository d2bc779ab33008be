# stands for: ast:692863af6f10b839956433878040ccc564f27fce08b32d069f4671e0e88ba2db
# A file that cannot be read is one error now; what is read is read as before (tests/test_models.py).


def _load_backbone(net: nn.Module, file: Path) -> None:
    from safetensors.torch import load_file

    head = {f"{name}." for name, module in net.named_modules() if module is net.get_classifier()}
    weights = {
        k: v for k, v in load_file(file).items() if not any(k.startswith(h) for h in head | {"classifier."})
    }
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
