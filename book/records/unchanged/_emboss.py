# stands for: ast:d2fb7d2a3c9c085c1b4bd54bf4849c636f7206f9c787de66aed5851d9816000d
# Reshapes where it viewed: the same numbers, and no error for images of another order in memory
# (tests/test_deepaugment.py).


def _emboss(x: Tensor, magnitude: Tensor, draw: _Draw) -> Tensor:
    """Light from one corner, of a strength of up to 20 times the magnitude, mixed with the image."""
    n, bands, h, w = x.shape
    strength = 20 * magnitude * draw.uniform(n)
    slope = torch.tensor([[-1, -1, 0], [-1, 0, 1], [0, 1, 1]]).to(x)
    flat = torch.tensor([[-1, 0, 0], [0, 1, 0], [0, 0, 1]]).to(x)
    same = torch.tensor([[0, 0, 0], [0, 1, 0], [0, 0, 0]]).to(x)
    share = draw.uniform(n)[:, None, None]
    kernels = torch.lerp(same.expand(n, 3, 3), flat + strength[:, None, None] * slope, share)
    padded = F.pad(x, (1,) * 4, mode="reflect").view(1, n * bands, h + 2, w + 2)
    kernels = kernels[:, None, None].expand(n, bands, 1, 3, 3).reshape(n * bands, 1, 3, 3)
    return F.conv2d(padded, kernels, groups=n * bands).view_as(x)
