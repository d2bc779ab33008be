"""Mode `probe`: linear heads on the features of a frozen backbone, many heads at once."""

import contextlib
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lt_lib.data import ImageSet
from lt_lib.lab.record.digests import digest
from lt_lib.lab.record.spec import Spec
from lt_lib.lab.train.device import device
from lt_lib.lab.train.features import SPLITS, FeatureBank
from lt_lib.lab.train.learners import learners
from lt_lib.lab.train.loop import Loop, Outcome, Task, accuracy, generator
from lt_lib.lab.train.modes import Voted


class Heads(Voted):
    """Linear heads, one a learner; those on one backbone are trained together."""

    def tasks(self, spec: Spec, dataset: ImageSet) -> tuple[list[Task], list[int]]:
        return learners(spec, dataset)

    def together(self, task: Task) -> str:
        return digest([task.backbone.model_dump(exclude={"stands_in_for"}), task.optimizer.model_dump()])

    def train(
        self, tasks: list[Task], dataset: ImageSet, checkpoint: Path, deadline: float | None
    ) -> list[Outcome]:
        features = _features(tasks, dataset, deadline)
        with _one_thread():
            return train_heads(tasks, *features, len(dataset.classes), checkpoint, deadline)


@contextlib.contextmanager
def _one_thread():
    """Heads are many small products: on several threads they mostly wait for each other
    (benchmarks/heads.py)."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def _features(tasks: list[Task], dataset: ImageSet, deadline: float | None):
    """Feature rows of a group and where each learner's images are among them."""
    wanted = np.unique(np.concatenate([part for t in tasks for part in (t.train, t.val)]), axis=0)
    keys = np.column_stack([np.full(len(wanted), SPLITS["train"]), wanted])
    n_test = len(dataset.labels("test"))
    test_keys = np.column_stack([np.full(n_test, SPLITS["test"]), np.arange(n_test), np.zeros(n_test, int)])
    both = FeatureBank(tasks[0].backbone, dataset).get(np.concatenate([keys, test_keys]), deadline)
    packed = wanted[:, 0] << 24 | wanted[:, 1]
    rows = [
        tuple(
            torch.from_numpy(np.searchsorted(packed, part[:, 0] << 24 | part[:, 1]))
            for part in (t.train, t.val)
        )
        for t in tasks
    ]
    labels = torch.as_tensor(np.asarray(dataset.labels("train"))[wanted[:, 0]])
    return (
        rows,
        both[: len(keys)],
        labels,
        both[len(keys) :],
        torch.as_tensor(np.asarray(dataset.labels("test"))),
    )


def train_heads(
    tasks: list[Task],
    rows: list[tuple[Tensor, Tensor]],
    features: Tensor,
    labels: Tensor,
    test: Tensor,
    test_labels: Tensor,
    num_classes: int,
    checkpoint: Path | None = None,
    deadline: float | None = None,
) -> list[Outcome]:
    """Train the linear heads of a group together: one batched matrix product a step.

    Args:
        tasks: learners with one backbone and one optimizer.
        rows: per learner, positions of its training and validation images in `features`.
        features: (M, D) float16; labels: (M,); test: (T, D); test_labels: (T,).
        num_classes: K.
        checkpoint: as for :class:`~lt_lib.lab.train.loop.Loop`, as is `deadline`.

    Returns:
        One Outcome a learner, independent of who else is in the group up to float rounding.

    Raises:
        BudgetEnded: the deadline passed; the state is saved.
        LabError: a loss is no longer finite.
    """
    where, opt = device(), tasks[0].optimizer
    on = [(train.to(where), val.to(where)) for train, val in rows]
    features, test, labels, truth = (
        features.to(where),
        test.to(where).float(),
        labels.to(where),
        test_labels.to(where),
    )
    dim, bound = features.shape[1], features.shape[1] ** -0.5
    heads, biases = nn.ParameterList(), nn.ParameterList()
    for task in tasks:
        gen = generator("init", task.seeds.init)
        heads.append(torch.empty(num_classes, dim).uniform_(-bound, bound, generator=gen).to(where))
        biases.append(torch.empty(num_classes).uniform_(-bound, bound, generator=gen).to(where))
    weight = torch.stack([torch.tensor(t.class_weights or [1.0] * num_classes) for t in tasks]).to(where)
    descent = torch.optim.Adam([*heads, *biases], lr=opt.lr, weight_decay=opt.weight_decay, fused=True)
    what = f"{len(tasks)} heads on {tasks[0].backbone.name}"
    parts = {"heads": heads, "biases": biases, "descent": descent}
    loop = Loop(what, opt.epochs, checkpoint, deadline, unit="epoch", traces=len(tasks), **parts)
    for epoch in loop:
        orders = [
            train[torch.randperm(len(train), generator=generator("order", t.seeds.order, epoch)).to(where)]
            for t, (train, _) in zip(tasks, on)
        ]
        total = torch.zeros(len(tasks), device=where)
        steps = [-(-len(order) // opt.batch_size) for order in orders]
        for step in range(max(steps)):
            active = [i for i in range(len(tasks)) if step < steps[i]]
            batches = [orders[i][step * opt.batch_size : (step + 1) * opt.batch_size] for i in active]
            losses = _head_losses(
                features,
                labels,
                batches,
                [heads[i] for i in active],
                [biases[i] for i in active],
                weight[active],
            )
            descent.zero_grad(set_to_none=True)
            losses.sum().backward()
            descent.step()
            total[active] += losses.detach() * torch.tensor([len(b) for b in batches], device=where)
        loop.finite(total)
        with torch.inference_mode():
            for i, (trace, head, bias, (_, val)) in enumerate(zip(loop.traces, heads, biases, on)):
                logits = F.linear(test, head, bias)
                trace.log(
                    logits,
                    {"weight": head, "bias": bias},
                    epoch + 1,
                    train_loss=float(total[i]) / len(orders[i]),
                    val_accuracy=accuracy(F.linear(features[val].float(), head, bias), labels[val]),
                    test_accuracy=accuracy(logits, truth),
                )
    speed = loop.images_per_s(sum(len(train) for train, _ in on))
    return [trace.outcome(opt.epochs, speed) for trace in loop.traces]


def _head_losses(features, labels, batches, heads, biases, weight) -> Tensor:
    """Weighted mean cross entropy of each learner on its batch: (S,). Short batches are padded with rows of
    weight zero."""
    longest = max(len(b) for b in batches)
    index = torch.stack([F.pad(b, (0, longest - len(b))) for b in batches])
    real = torch.stack([torch.arange(longest, device=index.device) < len(b) for b in batches])
    x, y = features[index].float(), labels[index]
    logits = torch.baddbmm(torch.stack(biases).unsqueeze(1), x, torch.stack(heads).transpose(1, 2))
    loss = F.cross_entropy(logits.flatten(0, 1), y.flatten(), reduction="none").view_as(y)
    each = weight.gather(1, y) * real
    return (loss * each).sum(1) / each.sum(1)
