"""Mode `finetune`: the whole network of each learner is trained, from pretrained weights or from scratch."""

from pathlib import Path

import numpy as np

from lt_lib.data import ImageSet
from lt_lib.errors import LabError
from lt_lib.lab.record.spec import Spec
from lt_lib.lab.train.backbones import backbone_network
from lt_lib.lab.train.device import on_device
from lt_lib.lab.train.learners import learners
from lt_lib.lab.train.loop import Outcome, Task, seed_all
from lt_lib.lab.train.modes import Voted
from lt_lib.lab.train.networks import train_network


class Finetune(Voted):
    """Whole networks, one a learner."""

    def tasks(self, spec: Spec, dataset: ImageSet) -> tuple[list[Task], list[int]]:
        return learners(spec, dataset)

    def train(
        self, tasks: list[Task], dataset: ImageSet, checkpoint: Path, deadline: float | None
    ) -> list[Outcome]:
        (task,) = tasks
        if task.train[:, 1].any():
            raise LabError(
                "artificial balancing draws its copies for frozen features; with mode: finetune use augment: "
                "crop-flip instead"
            )
        images, labels = dataset.images("train"), np.asarray(dataset.labels("train"))
        train, val = (on_device(images[part[:, 0]], labels[part[:, 0]]) for part in (task.train, task.val))
        test = on_device(dataset.images("test"), dataset.labels("test"))
        seed_all("init", task.seeds.init)
        net = backbone_network(task.backbone, len(dataset.classes), deadline)
        what = f"fine-tuning {task.backbone.name} on {len(task.train)} images"
        found = train_network(
            net,
            task.backbone,
            (train, val, test),
            task.optimizer,
            task.seeds,
            checkpoint,
            deadline,
            what,
            task.augment,
            task.class_weights,
        )
        return [found]
