"""Mode `lesson`: the small experiments of a work, one topic each, all trained into records like any other
row.

Experiment files and records call a topic `lesson`; their spelling stays, as it is hashed. A topic is a
subclass of :class:`lt_lib.lab.record.spec.Topic`; its `code` names the function that trains one network of a
task."""

from pathlib import Path

import numpy as np
import torch

from lt_lib import data as datasets
from lt_lib.errors import LabError
from lt_lib.lab.record.plan import definition
from lt_lib.lab.record.spec import Spec
from lt_lib.lab.train.loop import Outcome, Task, generator, hold_out, pairs
from lt_lib.lab.train.modes import Voted


class Topics(Voted):
    """One network a spec, trained by the function of its topic."""

    def tasks(self, spec: Spec, dataset: datasets.ImageSet) -> tuple[list[Task], list[int]]:
        return tasks(spec, dataset)

    def train(
        self, tasks: list[Task], dataset: datasets.ImageSet, checkpoint: Path, deadline: float | None
    ) -> list[Outcome]:
        (task,) = tasks
        (train,) = map(definition, task.lesson.code)
        return [train(task, dataset, checkpoint, deadline)]


def tasks(spec: Spec, dataset: datasets.ImageSet) -> tuple[list[Task], list[int]]:
    """The task of a spec, and the class counts of its training list.

    Raises:
        LabError: no lesson, more images asked for than there are, or a class without images.
    """
    lesson = spec.lesson
    if lesson is None or len(spec.backbones) > 1:
        raise LabError("mode lesson needs `lesson:` and at most one backbone")
    labels = np.asarray(dataset.labels("train"))
    if lesson.images is not None and lesson.images > len(labels):
        raise LabError(
            f"the lesson asks for {lesson.images} training images; {dataset.name} has {len(labels)}: lower "
            "lesson.images, "
            "or leave it out for all"
        )
    drawn = (
        torch.randperm(len(labels), generator=generator("sub", spec.seeds.subset))[: lesson.images]
        .sort()
        .values
    )
    train, val = hold_out(pairs(drawn), spec.validation.fraction, spec.seeds.subset)
    counts = np.bincount(labels[train[:, 0]], minlength=len(dataset.classes))
    if not counts.all():
        raise LabError(
            f"class {dataset.classes[int(counts.argmin())]} of {dataset.name} has no training image left "
            f"among {len(train)}; "
            "raise lesson.images"
        )
    backbone = spec.backbones[0] if spec.backbones else None
    task = Task(spec.mode, spec.optimizer, train, val, spec.seeds, backbone, lesson=lesson)
    return [task], counts.tolist()
