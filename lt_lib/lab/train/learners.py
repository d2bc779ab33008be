"""Learners: what a spec on a cut-out long tail needs trained: one head or network, or one a bag and a
backbone.

Their softmax outputs are averaged. The tail is cut, held out, balanced or dealt into bags here.
"""

import numpy as np
import torch
from torch import Tensor

from lt_lib import data as datasets
from lt_lib.errors import LabError
from lt_lib.lab.record.spec import Spec, Weights
from lt_lib.lab.train.loop import Task, hold_out, pairs
from lt_lib.losses import class_weights
from lt_lib.sampling import artificial_balance, balanced_bags, ee443_counts, longtail_counts, longtail_indices


def class_counts(spec: Spec, num_classes: int) -> list[int]:
    """Training images a class of the spec's subset."""
    n_max = max(1, round(spec.subset.n_max * spec.subset.scale))
    if spec.subset.profile == "50-class":
        return [max(1, n) for n in longtail_counts(n_max, num_classes, spec.subset.ratio)]
    if num_classes != 50:
        raise LabError(
            f"subset.profile even-of-100 is made for 50 classes, {spec.data} has {num_classes}; use 50-class"
        )
    return [max(1, n) for n in ee443_counts(spec.subset.ratio, n_max)]


def learners(spec: Spec, dataset: datasets.ImageSet) -> tuple[list[Task], list[int]]:
    """The learners of a spec and the class counts of its subset."""
    labels = torch.as_tensor(np.asarray(dataset.labels("train")))
    counts = class_counts(spec, len(dataset.classes))
    largest = int(torch.bincount(labels).max())
    if max(counts) > largest:
        raise LabError(
            f"the spec asks for {max(counts)} images of a class; {dataset.name} has {largest}: lower "
            "subset.n_max"
        )
    subset = longtail_indices(labels, counts, spec.seeds.subset)
    found = []
    for i, part in enumerate(_parts(spec, subset, labels)):
        train, val = part
        weights = _class_weights(spec.weights, labels[torch.from_numpy(train[:, 0])], len(counts))
        found += [
            Task(
                spec.mode,
                spec.optimizer,
                train,
                val,
                spec.seeds.model_copy(update={"init": spec.seeds.init + 1000 * i}),
                backbone,
                spec.augment,
                weights,
            )
            for backbone in spec.backbones
        ]
    return found, counts


def _parts(spec: Spec, subset: Tensor, labels: Tensor) -> list[tuple[np.ndarray, np.ndarray]]:
    """Training and validation pairs of each bag (one bag for no bagging)."""
    fraction, seed = spec.validation.fraction, spec.seeds.subset
    before = spec.validation.split == "before-balancing"
    val = None
    share = spec.subset.scale
    if before:
        subset, held = hold_out(pairs(subset), fraction, seed)
        subset, val = torch.from_numpy(subset[:, 0]), held
        share *= 1 - fraction
    lists = [subset]
    if spec.balance:
        lists = [subset[artificial_balance(labels[subset], max(1, round(spec.balance * share)), seed)]]
    elif spec.bags:
        threshold = max(1, round(spec.bags.threshold * share))
        lists = [subset[bag] for bag in balanced_bags(labels[subset], threshold, spec.bags.split, seed)]
    if before:
        return [(pairs(part), val) for part in lists]
    return [hold_out(pairs(part), fraction, seed + i) for i, part in enumerate(lists)]


def _class_weights(weights: Weights | None, own: Tensor, num_classes: int) -> tuple[float, ...] | None:
    """Weights from the learner's own counts; a class that the hold-out emptied counts as one image."""
    if weights is None:
        return None
    counts = torch.bincount(own, minlength=num_classes).clamp(min=1)
    return tuple(class_weights(counts, weights.scheme, beta=weights.beta).tolist())
