"""How much of what SIGN adds to images a simpler operation would have added."""

import torch
import torch.nn.functional as F
from torch import Tensor


def explained(added: Tensor, part: Tensor) -> float:
    """The share of the squared length of a change, all images together, that another one accounts for.

    Args:
        added, part: (N, C, H, W).
    """
    return 1 - float((added - part).square().sum() / added.square().sum())


def one_filter(x: Tensor, added: Tensor, side: int = 5) -> Tensor:
    """Of all that one filter and a constant, the same for all images and places, can make of images, that
    which is nearest to a change: least squares.

    Args:
        x, added: (N, C, H, W).
        side: of the filter, odd; it sees all channels, and the border of an image repeated beyond it.
    """
    seen = F.unfold(F.pad(x, [side // 2] * 4, mode="replicate"), side).double()
    seen = torch.cat([seen, torch.ones_like(seen[:, :1])], 1)
    gram = torch.einsum("nil,njl->ij", seen, seen)
    target = torch.einsum("nil,ncl->ic", seen, added.flatten(2).double())
    weights = torch.linalg.pinv(gram, hermitian=True) @ target
    return torch.einsum("nil,ic->ncl", seen, weights).view_as(x).to(x)
