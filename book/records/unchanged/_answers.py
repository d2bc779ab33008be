# stands for: ast:76058b48629670196f243b123a5d28873b2e8fbb26f3df48b36692c9d43d17e0
# The precision of the spec decides in place of the device: float32 on a CPU as before
# (tests/lab/train/test_precision.py).


def _answers(net: nn.Module, split: Split) -> tuple[Tensor, Tensor]:
    """Features and logits of a split, in eval mode."""
    net.eval()
    with torch.inference_mode(), torch.autocast("cuda", torch.bfloat16, enabled=device().type == "cuda"):
        features, logits = zip(*(_penultimate(net, x) for x in split.loader(500)))
    return torch.cat(features), torch.cat(logits)
