"""A remedy's head on the features of a frozen network."""

import time
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from lt_lib import data as datasets
from lt_lib.lab.bench.remedies import fit
from lt_lib.lab.record.records import SELECTIONS
from lt_lib.lab.train.features import SPLITS, FeatureBank
from lt_lib.lab.train.loop import Outcome, Task, accuracy


def train_head(
    task: Task, dataset: datasets.ImageSet, checkpoint: Path | None = None, deadline: float | None = None
) -> Outcome:
    """Choose a remedy's setting on the validation images of a task, then train it on all of its images.

    A head takes seconds, so it is begun anew after an interruption. Its history holds the setting, beside it
    are measured the CPU seconds of choice and training; the features are not counted.

    Raises:
        BudgetEnded: the deadline passed before all features were computed; those that are there are kept.
    """
    images = np.concatenate([task.train[:, 0], task.val[:, 0]])
    held = torch.arange(len(images)) >= len(task.train)
    y = torch.as_tensor(np.asarray(dataset.labels("train"))[images]).long()
    truth = torch.as_tensor(np.asarray(dataset.labels("test"))).long()
    x, test = _standardised(*_features(task, dataset, images, len(truth), deadline))
    key, threads, start = task.lesson.remedy, torch.get_num_threads(), time.process_time()
    torch.set_num_threads(1)  # many small products: on several threads they mostly wait for each other
    try:
        found = fit(x, y, len(dataset.classes), held, keys=(key,), seeds=(task.seeds.init,))[key]
    finally:
        torch.set_num_threads(threads)
    seconds = time.process_time() - start
    logits = found.logits(test)[0]
    return Outcome(
        logits={name: logits.half() for name in SELECTIONS},
        epochs={name: 1 for name in SELECTIONS},
        history={"setting": [found.setting], "test_accuracy": [accuracy(logits, truth)]},
        weights={"weight": found.weight[0], "bias": found.bias[0]},
        images_per_s=len(task.train) / seconds,
        passes=1,
        measures={"setting": found.setting, "head_seconds": seconds},
    )


def _features(
    task: Task, dataset: datasets.ImageSet, images: np.ndarray, tests: int, deadline: float | None
) -> tuple[Tensor, Tensor]:
    """Features of some training images and of all test images."""
    keys = np.concatenate(
        [
            [(SPLITS[split], image, 0) for image in wanted]
            for split, wanted in (("train", images), ("test", range(tests)))
        ]
    )
    both = FeatureBank(task.backbone, dataset).get(keys, deadline).float()
    return both[: len(images)], both[len(images) :]


def _standardised(x: Tensor, test: Tensor) -> tuple[Tensor, Tensor]:
    """Both, with mean 0 and variance 1 in the training images."""
    mean, std = x.mean(0), x.std(0, correction=0).clamp_min(1e-6)
    return (x - mean) / std, (test - mean) / std
