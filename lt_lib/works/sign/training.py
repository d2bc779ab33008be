"""Mode of `sign`: one network, trained on images that are augmented, mixed or accompanied by copies, and all
that its tables ask of it at the end.

The paper names neither optimizer nor rate. All rows take Adam, tuned alike on validation images. Beside the
usual numbers a record holds the measures of :mod:`lt_lib.works.sign.measures`."""

from pathlib import Path

from lt_lib import data as datasets
from lt_lib.errors import LabError
from lt_lib.lab.train.device import keep_memory
from lt_lib.lab.train.loop import Outcome, Task
from lt_lib.works.sign.copies import with_copies
from lt_lib.works.sign.fitting import fit, sets_of
from lt_lib.works.sign.measures import measures_of


def train_regularised(
    task: Task, dataset: datasets.ImageSet, checkpoint: Path | None = None, deadline: float | None = None
) -> Outcome:
    """Train the network of a task, after the one that makes its copies, and measure it.

    Args:
        task: with a lesson of the topic "regularised" and a backbone.
        dataset: where its images are.
        checkpoint: as for :class:`~lt_lib.lab.train.loop.Loop`, as is `deadline`.

    Raises:
        BudgetEnded: the deadline passed; the state is saved.
        LabError: no backbone, one that cannot be built, or a loss that is no longer finite.
    """
    keep_memory()
    if task.backbone is None:
        raise LabError("the topic regularised needs a backbone")
    sets = sets_of(task, dataset)
    if task.lesson.copies:
        sets = with_copies(task, dataset, sets, deadline)
    net, outcome = fit(task, task.backbone, task.lesson, sets, checkpoint, deadline)
    outcome.measures = measures_of(net, task, sets)
    return outcome
