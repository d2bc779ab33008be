# stands for: ast:bded5f56b23194858fb6be980bf550a283ef055f20dffbdd2d78b746c6178684
# A checkpoint that is damaged in any bit is removed, not only one that cannot be read; a whole one is gone
# on from as before (tests/lab/train/test_loop.py).
from lt_lib.progress import Progress, say


class Loop:
    """The epochs of one training, counted from 0; iterate over it.

    Args:
        what: shown to the person who waits, and in errors.
        epochs: how many.
        checkpoint: file written every few seconds, at the deadline and at the end, and resumed from; None for
            none.
        deadline: time.monotonic() after which the state is saved and BudgetEnded raised.
        steps: how often `advance` is called an epoch.
        unit: what it counts.
        traces: how many learners are trained at once.
        state: plain values and tensors of the caller's own that belong into the checkpoint; changed in place.
        parts: whatever has `state_dict` and `load_state_dict`: networks, optimizers, schedules, averages.

    Raises:
        Damaged: the checkpoint cannot be read; it has been removed.
    """

    def __init__(
        self,
        what: str,
        epochs: int,
        checkpoint: Path | None = None,
        deadline: float | None = None,
        *,
        steps: int = 1,
        unit: str = "step",
        traces: int = 1,
        state: dict | None = None,
        **parts,
    ):
        self.what, self.epochs, self.checkpoint, self.deadline = what, epochs, checkpoint, deadline
        self.steps, self.unit, self.parts = steps, unit, parts
        self.state = {} if state is None else state
        self.traces = [Trace() for _ in range(traces)]
        self.done = 0
        self._advanced = 0
        self._restore()
        self._first, self._saved = self.done, time.monotonic()

    @property
    def trace(self) -> Trace:
        """That of the only learner."""
        (trace,) = self.traces
        return trace

    def __iter__(self) -> Iterator[int]:
        self._started = time.monotonic()
        with Progress(self.epochs * self.steps, self.what, self.unit) as self._bar:
            self._bar.update(self.done * self.steps)
            for epoch in range(self.done, self.epochs):
                self._advanced = 0
                yield epoch
                self.advance(self.steps - self._advanced)
                self.done = epoch + 1
                last = self.done == self.epochs
                late = self.deadline is not None and time.monotonic() > self.deadline
                if late or last or time.monotonic() - self._saved > CHECKPOINT_EVERY_S:
                    self._save()
                if late and not last:
                    raise BudgetEnded

    def advance(self, steps: int = 1) -> None:
        """Move the bar; what an epoch left out is made up for at its end."""
        self._advanced += steps
        self._bar.update(steps)

    def finite(self, total: float | Tensor) -> None:
        """Stop with a clear error where the loss of an epoch is no longer finite."""
        if not torch.isfinite(torch.as_tensor(total)).all():
            raise LabError(
                f"{self.what}: the loss is not finite in epoch {self.done + 1}; lower optimizer.lr"
            )

    def log(self, logits: Tensor, weights: dict[str, Tensor], **curves: float) -> None:
        """As :meth:`Trace.log`, for the only learner and the epoch that is ending."""
        self.trace.log(logits, weights, self.done + 1, **curves)

    def images_per_s(self, images: int) -> float:
        """Rate of this call, for so many images an epoch."""
        return (self.epochs - self._first) * images / max(time.monotonic() - self._started, 1e-9)

    def outcome(self, images: int) -> Outcome:
        """What the only learner left, after so many images an epoch."""
        return self.trace.outcome(self.epochs, self.images_per_s(images))

    def _save(self) -> None:
        if self.checkpoint is None:
            return
        rng = {
            "torch": torch.get_rng_state(),
            "cuda": torch.cuda.get_rng_state_all() if torch.cuda.is_available() else [],
        }
        buffer = io.BytesIO()
        torch.save(
            {
                "done": self.done,
                "traces": [vars(trace) for trace in self.traces],
                "state": self.state,
                "parts": {name: part.state_dict() for name, part in self.parts.items()},
                "rng": rng,
            },
            buffer,
        )
        atomic_write(self.checkpoint, buffer.getvalue())
        self._saved = time.monotonic()

    def _restore(self) -> None:
        if self.checkpoint is None or not self.checkpoint.is_file():
            return
        try:
            saved = torch.load(self.checkpoint, map_location="cpu", weights_only=True)
            for name, part in self.parts.items():
                part.load_state_dict(saved["parts"][name])
            for trace, kept in zip(self.traces, saved["traces"], strict=True):
                vars(trace).update(kept)
            self.state.update(saved["state"])
            torch.set_rng_state(saved["rng"]["torch"])
            if saved["rng"]["cuda"] and torch.cuda.is_available():
                torch.cuda.set_rng_state_all(saved["rng"]["cuda"])
            self.done = saved["done"]
        except Exception as error:
            say(f"{self.checkpoint}: damaged checkpoint ({type(error).__name__}); this part starts again")
            self.checkpoint.unlink(missing_ok=True)
            raise Damaged from None
