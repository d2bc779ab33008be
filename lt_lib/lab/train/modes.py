"""What a mode is: one way to carry out a spec. The modes themselves are named in
`lt_lib.lab.record.spec.MODES`."""

from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from lt_lib.data import ImageSet
from lt_lib.ensembles import soft_vote
from lt_lib.lab.record.records import SELECTIONS
from lt_lib.lab.record.spec import Spec
from lt_lib.lab.train.loop import Outcome, Task
from lt_lib.metrics import classification_report


class Mode:
    """One way to carry out a spec: which tasks it takes, how they are trained, and what becomes of it in a
    record."""

    def tasks(self, spec: Spec, dataset: ImageSet) -> tuple[list[Task], list[int]]:
        """The tasks of a spec, and the training images a class."""
        raise NotImplementedError

    def together(self, task: Task) -> str:
        """Tasks on one data set for which this is equal are trained in one go."""
        return task.key

    def train(
        self, tasks: list[Task], dataset: ImageSet, checkpoint: Path, deadline: float | None
    ) -> list[Outcome]:
        """Train tasks that belong together, usually one.

        Raises:
            BudgetEnded: the deadline passed; the state is saved.
            Damaged: the checkpoint could not be read; call again.
        """
        raise NotImplementedError

    def truth(self, spec: Spec, dataset: ImageSet) -> np.ndarray:
        """Labels (T,) of the test images that a spec is measured on."""
        return np.asarray(dataset.labels("test"))

    def summarise(
        self, outcomes: list[Outcome], truth: np.ndarray, counts: list[int]
    ) -> tuple[dict, dict[str, Tensor]]:
        """The parts of a record that hold numbers (metrics, per_class, confusion), and tensors to keep beside
        it."""
        raise NotImplementedError


class Voted(Mode):
    """A mode whose tasks are classifiers that vote."""

    def summarise(
        self, outcomes: list[Outcome], truth: np.ndarray, counts: list[int]
    ) -> tuple[dict, dict[str, Tensor]]:
        """Soft-vote the outcomes and measure: metrics by selection, with each member's own accuracy.

        Returns:
            The parts of a record that hold numbers (metrics, and per_class and confusion of the last epoch),
            and tensors to keep beside
            it: `logits`, (T, K) float16 log-probabilities of the last epoch.
        """
        labels = torch.as_tensor(np.asarray(truth))
        metrics, last, voted = {}, None, None
        for name in SELECTIONS:
            probabilities = soft_vote([o.logits[name].float() for o in outcomes])
            report = classification_report(
                probabilities, labels, num_classes=len(counts), train_counts=counts
            )
            members = [float((o.logits[name].argmax(1) == labels).float().mean()) for o in outcomes]
            metrics[name] = {k: v for k, v in report.items() if not isinstance(v, list)}
            metrics[name] |= {"member_accuracy": members, "epochs": [o.epochs[name] for o in outcomes]}
            if name == "last":
                last, voted = report, probabilities.clamp_min(1e-8).log().to(torch.float16)
        for outcome in outcomes:
            metrics["last"] |= outcome.measures
        per_class = {name: last[name] for name in ("recall", "precision", "f1")}
        per_class["train_counts"] = [float(n) for n in counts]
        return {"metrics": metrics, "per_class": per_class, "confusion": last["confusion"]}, {"logits": voted}
