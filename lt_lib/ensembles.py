"""Soft voting: several classifiers, one opinion, the equal-weight mean of their softmax outputs.

The ee443 report calls this "stacking"; stacking proper would train a second model on the members' outputs.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from lt_lib.inputs import numbers


def soft_vote(logits: Sequence) -> Tensor:
    r"""Mean of the members' softmax probabilities.

    .. math:: \bar p = \frac1M \sum_{m=1}^{M} \operatorname{softmax}(z^{(m)})

    Args:
        logits: M tensors or arrays (N, K), one per member.

    Returns:
        (N, K) probabilities, rows sum to one; float32, or float64 if the first logits are, or are an array.

    Raises:
        ValueError: no member, or members of different shapes.

    Source: ee443, "Ensemble Training: Stacking", Fig 7.
    """
    logits = [z if isinstance(z, Tensor) else numbers(z, "logits") for z in logits]
    shapes = {tuple(z.shape) for z in logits}
    if len(shapes) != 1 or len(next(iter(shapes))) != 2:
        raise ValueError(f"soft_vote needs (N, K) logits, of one shape, of each member; got {sorted(shapes)}")
    dtype = torch.promote_types(logits[0].dtype, torch.float32)
    return torch.stack([z.softmax(1, dtype=dtype) for z in logits]).mean(0)


class SoftVote(nn.Module):
    """An ensemble that predicts: forward(x) is :func:`soft_vote` of the members' logits.

    Args:
        models: modules with the same input and (N, K) logits as output. Each forward puts them in evaluation
            mode, as Fig 7 does.

    Raises:
        ValueError: no model; at forward, as :func:`soft_vote`.
    """

    def __init__(self, models: Sequence[nn.Module]):
        super().__init__()
        if len(models) == 0:
            raise ValueError("SoftVote needs at least one model")
        self.models = nn.ModuleList(models)

    def forward(self, x: Tensor) -> Tensor:
        """x: a batch, as the members take it. Returns (N, K) probabilities, not logits."""
        self.eval()
        return soft_vote([model(x) for model in self.models])
