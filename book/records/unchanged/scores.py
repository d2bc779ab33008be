# stands for: ast:e2db7a22997df317daf842167cd342edba7f0535afa4d01666b45e3bf757aa92
# The precision of the spec decides in place of the device: float32 on a CPU as before
# (tests/lab/train/test_precision.py).


def scores(net: torch.nn.Module, split: Split) -> Tensor:
    """Logits (N, K) of a split, in eval mode; bf16 on CUDA."""
    net.eval()
    with torch.inference_mode(), torch.autocast("cuda", torch.bfloat16, enabled=device().type == "cuda"):
        return torch.cat([net(x).float() for x in split.loader(500)])
