# stands for: ast:00e342bb2010069b2aaae891e8cedf19c287147c66d05fbc8aaab3edcbfe1433
# Labels and counts of any kind are taken; what was taken before gives the same draws
# (tests/test_sampling.py).


def balanced_bags(
    labels: Tensor, threshold: int, split: str | int = "nearest", seed: int = 0
) -> list[LongTensor]:
    r"""Deal the majority classes among L learners and give each all of the minority classes.

    :math:`L = \max(1, \lfloor n_{\max} / \text{threshold} \rfloor)`. Classes are ranked by count, head first
    (equal counts: lower label first); those ranked before the split are the majority. Their images are
    shuffled together; learner i gets each L-th from i on.

    Args:
        labels: (N,), non-negative integers.
        threshold: images; 150, 120 and 75 in the released code.
        split: where the minority begins. "nearest": the class whose count is nearest the threshold (a tie:
            the larger class); "median": the first class whose count is not above the median count; an int:
            that class. If it begins at the head, as in balanced data, nothing is dealt and every bag is the
            whole data set.
        seed: of the shuffle.

    Returns:
        L tensors of positions into labels: the learner's share of the majority, then the minority.

    Raises:
        ValueError: labels are empty, not integer or negative; threshold below one; split unknown or a class
            without images.

    Source: ee443, "Ensemble Training: Bagging", where the text says "median", the released code does
    "nearest", and the right panel of Fig 5 shows a split at class 9 (an indexing error of the notebook:
    ``split=9`` draws it).
    """
    labels = _labels(labels)
    counts = labels.bincount()
    if threshold < 1:
        raise ValueError(f"threshold must be at least 1 image, got {threshold}")
    ranked = counts.argsort(descending=True, stable=True)[: (counts > 0).sum()]
    sizes = counts[ranked].double()
    if split == "nearest":
        first = int((sizes - threshold).abs().argmin())
    elif split == "median":
        first = int((sizes > sizes.quantile(0.5)).sum())
    elif split in ranked.tolist():
        first = ranked.tolist().index(split)
    else:
        raise ValueError(f"split must be 'nearest', 'median' or a class that has images, got {split!r}")
    is_majority = torch.isin(labels, ranked[:first])
    majority, minority = is_majority.nonzero().flatten(), (~is_majority).nonzero().flatten()
    majority = majority[_order(len(majority), seed, 3)]
    num_bags = max(1, int(sizes[0]) // threshold)
    return [torch.cat([majority[start::num_bags], minority]) for start in range(num_bags)]
