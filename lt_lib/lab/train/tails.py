"""Mode `tail`: a topic on a long tail that the subset seed cuts out of a balanced set, a share of each class
held out."""

from dataclasses import replace

import numpy as np
import torch

from lt_lib.data import ImageSet
from lt_lib.errors import LabError
from lt_lib.lab.record.spec import Spec
from lt_lib.lab.train.learners import learners
from lt_lib.lab.train.loop import Task, generator, pairs
from lt_lib.lab.train.topics import Topics


class Tails(Topics):
    """One network a spec, trained by the function of its topic on the spec's subset.

    The counts of a record are those of the whole subset: what becomes of the images held out is up to the
    topic.
    """

    def tasks(self, spec: Spec, dataset: ImageSet) -> tuple[list[Task], list[int]]:
        """The task of a spec, and the class counts of its subset.

        Raises:
            LabError: no lesson, not one backbone, or no subset; lesson.images, which the subset decides, or
                remedies that are the topic's; fewer images in the data set than the subset asks for.
        """
        lesson, remedies = spec.lesson, (spec.balance, spec.weights, spec.bags)
        if lesson is None or spec.subset is None or len(spec.backbones) != 1:
            raise LabError("mode tail needs `lesson:`, `subset:` and one backbone")
        if lesson.images is not None or any(remedies):
            raise LabError(
                "in mode tail the subset says how many images, and the lesson what is done about it: leave "
                "out lesson.images, balance, weights and bags"
            )
        ((task,), counts), labels = learners(spec, dataset), np.asarray(dataset.labels("train"))
        subset = np.sort(np.concatenate([task.train, task.val])[:, 0])
        held = _held(labels[subset], spec.validation.fraction, spec.seeds.subset)
        train, val = (pairs(torch.from_numpy(subset[part])) for part in (~held, held))
        return [replace(task, train=train, val=val, lesson=lesson)], counts


def _held(labels: np.ndarray, fraction: float, seed: int) -> np.ndarray:
    """(N,) which images are held out: a share of each class, at least one, but never all of them."""
    held = np.zeros(len(labels), dtype=bool)
    order = torch.randperm(len(labels), generator=generator("hold", seed)).numpy()
    for c in np.unique(labels):
        own = order[labels[order] == c]
        held[own[: min(max(1, round(fraction * len(own))), len(own) - 1)]] = True
    return held
