"""Mode `floor`: what a network has to beat. Of each image only the mean and the spread of its bands are kept,
and a logistic regression, each class weighing the same, answers by these."""

import time
from pathlib import Path

import numpy as np
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torch import Tensor

from lt_lib import data as datasets
from lt_lib.lab.record.spec import Spec
from lt_lib.lab.train.loop import Outcome, Task, Trace, accuracy
from lt_lib.lab.train.modes import Voted
from lt_lib.lab.train.recipes import tasks, test_labels
from lt_lib.lab.train.splits import centre_crops
from lt_lib.metrics import classification_report


class Floor(Voted):
    """One logistic regression a spec, on the training list and the crop of the networks beside it."""

    def tasks(self, spec: Spec, dataset: datasets.ImageSet) -> tuple[list[Task], list[int]]:
        return tasks(spec, dataset)

    def train(
        self, tasks: list[Task], dataset: datasets.ImageSet, checkpoint: Path, deadline: float | None
    ) -> list[Outcome]:
        (task,) = tasks
        started, recipe = time.monotonic(), task.recipe
        labels = {split: np.asarray(dataset.labels(split)) for split in ("train", "test")}

        def read(split: str, index: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
            crops = centre_crops(dataset.images(split), index, recipe.bands, task.backbone.resolution)
            return band_moments(crops), labels[split][index]

        train, held = (read("train", part[:, 0]) for part in (task.train, task.val))
        test = read("test", np.arange(len(labels["test"]))[: recipe.test_tiles])
        rule = make_pipeline(StandardScaler(), LogisticRegression(max_iter=2000, class_weight="balanced"))
        rule.fit(*train)
        said, logits = (torch.from_numpy(rule.predict_log_proba(x)) for x, _ in (held, test))
        report = classification_report(logits, test[1], scores="logits")
        linear, trace = rule[-1], Trace()
        trace.log(
            logits,
            {"weight": torch.from_numpy(linear.coef_), "bias": torch.from_numpy(linear.intercept_)},
            1,
            val_accuracy=accuracy(said, torch.from_numpy(held[1])),
            test_accuracy=report["accuracy"],
            test_balanced_accuracy=report["balanced_accuracy"],
        )
        return [trace.outcome(1, len(task.train) / (time.monotonic() - started))]

    def truth(self, spec: Spec, dataset: datasets.ImageSet) -> np.ndarray:
        return test_labels(spec, dataset)


def band_moments(images: Tensor) -> np.ndarray:
    """Mean and standard deviation of each band of images (N, C, H, W) uint8, with 255 as 1: (N, 2 C)."""
    parts = [part.to(torch.float64).div_(255).flatten(2) for part in images.split(1024)]
    return torch.cat([torch.cat([p.mean(2), p.std(2, correction=0)], 1) for p in parts]).numpy()
