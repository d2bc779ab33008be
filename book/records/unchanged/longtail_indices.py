# stands for: ast:8d9dcf06d0cea332eceef7e4931b39f04056522736e684ea801e4dafd2947f8a
# Labels and counts of any kind are taken; what was taken before gives the same draws
# (tests/test_sampling.py).


def longtail_indices(labels: Tensor, counts: list[int], seed: int) -> LongTensor:
    """Draw counts[j] images of each class j without replacement.

    Args:
        labels: (N,), integers in [0, K).
        counts: K counts; zero leaves a class out.
        seed: at the same seed, a smaller count is a subset of a larger one, class by class.

    Returns:
        (sum of counts,) positions into labels, ascending, none twice.

    Raises:
        ValueError: a label outside [0, K), a negative count, or a class with fewer images than asked for.
    """
    labels = _labels(labels)
    counts = torch.as_tensor(counts)
    if labels.max() >= len(counts):
        raise ValueError(f"labels reach {labels.max()}, but there are counts for only {len(counts)} classes")
    if counts.is_floating_point() or counts.min() < 0:
        raise ValueError(f"counts must be integers >= 0, got {counts.dtype}, smallest {counts.min()}")
    drawn = []
    for j, count in enumerate(counts.tolist()):
        members = np.flatnonzero(labels.numpy() == j)
        if count > len(members):
            raise ValueError(f"class {j} has {len(members)} images, cannot draw {count} without replacement")
        drawn.append(members[_order(len(members), seed, 1, j)[:count]])
    return torch.from_numpy(np.sort(np.concatenate(drawn)))
