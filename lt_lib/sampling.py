"""Long-tailed class counts, the subsets that have them, and ways to balance such a subset.

Idea: every random choice is keyed by the seed and, where classes are drawn, by the class alone. A subset
therefore does not depend on the order in which classes are visited, and the same seed nests: fewer images of
a class are a subset of more. Raw PCG64 bits are used because their stream, unlike that of shuffles, is the
same in every NumPy version. The balanced sampler alone draws anew each epoch, so it takes a torch generator
whose state a checkpoint can hold.
"""

import math

import numpy as np
import torch
from torch import LongTensor, Tensor

from lt_lib.inputs import numbers


def longtail_counts(n_max: int, num_classes: int, ratio: float) -> list[int]:
    r"""Images per class of an exponential long tail, from head (class 0) to tail.

    .. math:: n_j = \lfloor n_{\max}\, \mu^{\,j/(C-1)} \rfloor, \quad j = 0, \dots, C-1

    Args:
        n_max: images of the largest class.
        num_classes: C.
        ratio: mu = n_min / n_max in (0, 1]; the "imbalance factor" of papers is 1 / mu.

    Returns:
        C counts, never increasing; flooring can lower the true ratio and, below n_max * ratio = 1, gives
        empty classes.

    Raises:
        ValueError: n_max or num_classes below one, or ratio outside (0, 1].

    Source: the released code of Cui et al. (2019), Class-Balanced Loss, and of LDAM-DRW; ee443, "Objective".
    An exact integer stays itself here, where int() of a rounded power may lose one.
    """
    if n_max < 1 or num_classes < 1:
        raise ValueError(f"n_max and num_classes must be at least 1, got {n_max} and {num_classes}")
    if not 0 < ratio <= 1:
        raise ValueError(f"ratio must lie in (0, 1], got {ratio}; for an imbalance factor f pass ratio=1/f")
    sizes = (n_max * ratio ** (j / max(num_classes - 1, 1)) for j in range(num_classes))
    return [round(n) if math.isclose(n, round(n), rel_tol=1e-12) else math.floor(n) for n in sizes]


def ee443_counts(ratio: float, n_max: int = 500) -> list[int]:
    r"""Images per class of EE443's "CIFAR-50": the even labels of the 100-class profile.

    .. math:: n_j = \lfloor n_{\max}\, \mu^{\,2j/99} \rfloor, \quad j = 0, \dots, 49

    Args:
        ratio: mu in (0, 1]; 0.1, 0.02 and 0.005 in the report, 1 for the full data.
        n_max: images of the largest class, 500 in CIFAR-100.

    Returns:
        50 counts; new label j is CIFAR-100's label 2j. They sum to 9901, 6430 and 4878 at the three ratios of
        the report.

    Raises:
        ValueError: as :func:`longtail_counts`.

    Source: ee443, released code (Data_Preparation notebook). The 50-class profile is ``longtail_counts(500,
    50, ratio)``.
    """
    return longtail_counts(n_max, 100, ratio)[::2]


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
    counts = numbers(counts, "counts")
    if counts.dim() != 1:
        raise ValueError(f"counts must be (K,), one number a class, got {tuple(counts.shape)}")
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


def balance_rates(counts: Tensor, target: int) -> Tensor:
    r"""Sampling rate that brings each class to about the target size, :math:`r_j = T / n_j`.

    Args:
        counts: K positive counts.
        target: T, images wanted in each class.

    Returns:
        (K,) float64; below one a class is thinned, above one it is repeated.

    Raises:
        ValueError: a count or the target is not positive.

    Source: ee443, "Artificial Balancing". The report prints ``//``, with which 300 // 500 is 0; its example,
    0.6, needs ``/``.
    """
    counts = numbers(counts, "counts").double()
    if not target > 0:
        raise ValueError(f"target must be positive, got {target}")
    if not (counts > 0).all():
        raise ValueError(f"class {counts.argmin()} has no image, so no rate brings it to {target}; drop it")
    return target / counts


def artificial_balance(labels: Tensor, target: int, seed: int) -> LongTensor:
    r"""Thin the classes above the target and repeat the images of those below it.

    An image of a class with rate r appears :math:`\lfloor r \rfloor` times and once more with probability
    :math:`r - \lfloor r \rfloor`: it is kept with probability r if r < 1; otherwise it is kept, with int(r -
    1) copies and one more by chance.

    Args:
        labels: (N,), non-negative integers; classes without an image are ignored.
        target: T, images wanted in each class.
        seed: at the same seed, no image appears less often under a larger target.

    Returns:
        Positions into labels, ascending. The first occurrence of a position is the image, each further one a
        copy to augment.

    Raises:
        ValueError: labels are empty, not integer or negative, or the target is not positive.

    Source: ee443, "Artificial Balancing", Fig 3, and its released code (which truncates r to three decimals;
    not done here).
    """
    labels = _labels(labels)
    _, members, counts = labels.unique(return_inverse=True, return_counts=True)
    rates = balance_rates(counts, target)[members]
    chance = torch.from_numpy(_bits(len(labels), seed, 2) / 2.0**64)
    repeats = rates.floor().long() + (chance < rates.frac())
    return torch.arange(len(labels)).repeat_interleave(repeats)


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
    classes, counts = labels.unique(return_counts=True)
    if threshold < 1:
        raise ValueError(f"threshold must be at least 1 image, got {threshold}")
    order = counts.argsort(descending=True, stable=True)
    ranked, sizes = classes[order], counts[order].double()
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


def sampler_weights(labels: Tensor) -> Tensor:
    r"""Weight of each image under class-balanced sampling, :math:`1 / n_{y_i}`.

    Args:
        labels: (N,), non-negative integers; classes without an image are ignored.

    Returns:
        (N,) float64, each class summing to one; for torch's WeightedRandomSampler, or :func:`balanced_sample`
        where N > 2^24.

    Raises:
        ValueError: labels are empty, not integer or negative.

    Source: `spectrum`, "sampler", and its released code; the common remedy of, e.g., LDAM-DRW (train rule
    "resample")."""
    labels = _labels(labels)
    _, members, counts = labels.unique(return_inverse=True, return_counts=True)
    return 1 / counts.double()[members]


def balanced_sample(labels: Tensor, num_samples: int, generator: torch.Generator | None = None) -> LongTensor:
    r"""Draw images with replacement so that each class comes with probability 1 / K.

    The same law as ``torch.multinomial(sampler_weights(labels), num_samples, replacement=True)``, drawn in
    two steps: a class, then one of its images. Neither step has a limit on N, where ``torch.multinomial``
    stops at 2^24 weights.

    Args:
        labels: (N,), non-negative integers; K counts the classes that have an image.
        num_samples: draws, at least 0; N for an epoch of the usual length.
        generator: of torch on the CPU; None for the global one.

    Returns:
        (num_samples,) positions into labels, in the order drawn.

    Raises:
        ValueError: labels are empty, not integer or negative, or num_samples is negative.

    Source: as :func:`sampler_weights`.
    """
    labels = _labels(labels)
    if num_samples < 0:
        raise ValueError(f"num_samples must not be negative, got {num_samples}")
    _, counts = labels.unique(return_counts=True)
    drawn = torch.randint(len(counts), (num_samples,), generator=generator)
    place = torch.rand(num_samples, dtype=torch.float64, generator=generator)
    within = (
        place * counts[drawn]
    ).long()  # place < 1 by 2^-53, so within < n for every n that fits in memory
    return labels.argsort(stable=True)[(counts.cumsum(0) - counts)[drawn] + within]


def expected_multiplicity(counts: Tensor, num_samples: int) -> Tensor:
    r"""How often balanced sampling is expected to show one image of each class, :math:`N / (K n_j)`.

    Args:
        counts: (K,), images per class; all positive, for a class without images is never drawn and does not
            count in K.
        num_samples: N, draws an epoch, at least 0.

    Returns:
        (K,) float64; the sum over classes of counts times multiplicity is N.

    Raises:
        ValueError: a class without images, or num_samples is negative.

    Source: the mean of the multinomial law of :func:`balanced_sample`.
    """
    counts = numbers(counts, "counts").double()
    if counts.dim() != 1 or len(counts) == 0 or not (counts > 0).all():
        raise ValueError(f"counts must be (K,), all positive, got {counts.tolist()}; drop the empty classes")
    if num_samples < 0:
        raise ValueError(f"num_samples must not be negative, got {num_samples}")
    return num_samples / (len(counts) * counts)


def _labels(labels: Tensor) -> LongTensor:
    labels = numbers(labels, "labels").cpu()
    if labels.dim() != 1 or len(labels) == 0 or labels.is_floating_point() or labels.min() < 0:
        found = f"shape {tuple(labels.shape)}, {labels.dtype}"
        raise ValueError(f"labels must be (N,) integers >= 0, N > 0; got {found}")
    return labels


def _bits(n: int, *key: int) -> np.ndarray:
    """n random 64-bit words, the same for the same key everywhere; key: seed, purpose, class."""
    return np.random.PCG64(list(key)).random_raw(n)


def _order(n: int, *key: int) -> np.ndarray:
    """A random permutation of range(n)."""
    return _bits(n, *key).argsort(kind="stable")
