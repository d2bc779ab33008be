"""Lessons: the small experiments of the lectures, one topic a module, all trained into records like any other
row.

A topic is a model in `lt_lib.lab.record.spec` (what its rows may set) and a module here that trains one
network of a task:

    train(task, dataset, checkpoint, deadline) -> Outcome

The outcome's history may hold `measures`, a mapping of numbers that go into the record's metrics beside the
usual ones."""

import importlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from lt_lib import data as datasets
from lt_lib.errors import LabError
from lt_lib.lab.record.digests import digest
from lt_lib.lab.record.plan import TOPICS
from lt_lib.lab.record.spec import Backbone, Lesson, Optimizer, Seeds, Spec
from lt_lib.lab.train.training import Outcome, _hold_out, _pairs, generator


@dataclass(frozen=True)
class Task:
    """What one record needs trained: (M, 2) training and (V, 2) validation pairs of image and copy number,
    and how."""

    mode: str
    backbone: Backbone | None
    optimizer: Optimizer
    lesson: Lesson
    train: np.ndarray
    val: np.ndarray
    seeds: Seeds

    @property
    def key(self) -> str:
        """Digest of everything that decides the outcome, data and code apart."""
        return digest(
            [
                self.mode,
                self.backbone and self.backbone.model_dump(exclude={"stands_in_for"}),
                self.optimizer.model_dump(),
                self.lesson.model_dump(),
                self.train.tolist(),
                self.val.tolist(),
                self.seeds.model_dump(),
            ]
        )


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
            f"the lesson asks for {lesson.images} training images; {dataset.name} has {len(labels)}: lower lesson.images, "
            "or leave it out for all"
        )
    drawn = (
        torch.randperm(len(labels), generator=generator("sub", spec.seeds.subset))[: lesson.images]
        .sort()
        .values
    )
    train, val = _hold_out(_pairs(drawn), spec.validation.fraction, spec.seeds.subset)
    counts = np.bincount(labels[train[:, 0]], minlength=len(dataset.classes))
    if not counts.all():
        raise LabError(
            f"class {dataset.classes[int(counts.argmin())]} of {dataset.name} has no training image left among {len(train)}; "
            "raise lesson.images"
        )
    task = Task(
        spec.mode,
        spec.backbones[0] if spec.backbones else None,
        spec.optimizer,
        lesson,
        train,
        val,
        spec.seeds,
    )
    return [task], counts.tolist()


def train(
    task: Task, dataset: datasets.ImageSet, checkpoint: Path | None = None, deadline: float | None = None
) -> Outcome:
    """Train the network of a task, by the module of its topic."""
    return importlib.import_module(TOPICS[task.lesson.topic]).train(task, dataset, checkpoint, deadline)
