# stands for: ast:04a40e9582bfe6e85dd31ad3ee6720b81b734ce8c6e7dd1a426ff0647319c280
# The precision of the spec decides in place of the device: float32 on a CPU as before
# (tests/lab/train/test_precision.py).


def train_targets(
    task: Task, dataset: datasets.ImageSet, checkpoint: Path | None = None, deadline: float | None = None
) -> Outcome:
    """Train the network of a task, after its teacher if it has one.

    Args:
        task: with a lesson of the topic "targets" and a backbone, a timm name or "small-cnn".
        dataset: where its images are.
        checkpoint: file rewritten every few seconds with every random state; a run resumes from it. The
            teacher's lies beside it.
        deadline: time.monotonic() after which the state is saved and BudgetEnded raised.

    Raises:
        BudgetEnded: the deadline passed; the state is saved.
        LabError: no backbone or one that cannot be built, a learning-rate schedule other than `lesson.drops`,
            or a loss that is no longer finite.
    """
    keep_memory()
    lesson = task.lesson
    if task.backbone is None or task.optimizer.schedule != "constant":
        raise LabError("the topic targets needs a backbone, and moves the learning rate by lesson.drops only")
    sets, teacher = _sets(task, dataset), None
    beside = checkpoint and checkpoint.with_suffix(".teacher.pt")
    if lesson.distillation:
        plain = lesson.model_copy(update={"smoothing": lesson.distillation.smoothing, "distillation": None})
        _, teacher = _train_one(
            task, plain, _network(task, lesson.distillation.width, sets), sets, None, beside, deadline
        )
        teacher.eval().requires_grad_(False)
    outcome, net = _train_one(task, lesson, _network(task, 1, sets), sets, teacher, checkpoint, deadline)
    measures, bins = _measures(net, sets)
    outcome.history |= bins
    outcome.measures = measures
    if beside:
        beside.unlink(missing_ok=True)
    return outcome
