"""The training loop: what every training here has in common, whatever is trained.

    loop = Loop("training resnet18", epochs, checkpoint, deadline, steps=steps, net=net, descent=descent)
    for epoch in loop:
        ...                                        # the caller's own steps, each with loop.advance()
        loop.finite(total)
        loop.log(logits, weights, train_loss=..., val_accuracy=..., test_accuracy=...)
    return loop.outcome(images)

The loop resumes from its checkpoint (parameters, optimizer, schedule, selections, every random state), ends
at its deadline, shows a bar, and keeps the logits of the last epoch, of the best on validation and of the
best on test. An interrupted training ends like an uninterrupted one, on the CPU bit by bit."""

import io
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from lt_lib.errors import BudgetEnded, LabError
from lt_lib.lab.record.digests import digest
from lt_lib.lab.record.files import atomic_write, is_whole
from lt_lib.lab.record.records import SELECTIONS
from lt_lib.lab.record.spec import Backbone, Optimizer, Recipe, Seeds, Topic
from lt_lib.progress import Progress

CHECKPOINT_EVERY_S = 5.0


@dataclass(frozen=True)
class Task:
    """One thing to train: on which images, and how.

    `train` is (M, 2) and `val` (V, 2): pairs of image and copy number. What a mode does not use stays at its
    default."""

    mode: str
    optimizer: Optimizer
    train: np.ndarray
    val: np.ndarray
    seeds: Seeds
    backbone: Backbone | None = None
    augment: str = "none"
    class_weights: tuple[float, ...] | None = None
    recipe: Recipe | None = None
    target_class: int | None = None
    lesson: Topic | None = None

    @property
    def key(self) -> str:
        """Digest of everything that decides the outcome, data and code apart."""
        plain = {
            name: value.model_dump() if hasattr(value, "model_dump") else value
            for name, value in vars(self).items()
        }
        plain |= {"train": self.train.tolist(), "val": self.val.tolist()}
        plain["backbone"] = self.backbone and self.backbone.model_dump(exclude={"stands_in_for"})
        return digest(plain)


@dataclass
class Outcome:
    """What a training left.

    Attributes:
        logits: selection -> (T, K) test logits, float16.
        epochs: selection -> the epoch it was taken at, from 1.
        history: curve -> values by epoch.
        weights: parameters and buffers at the end.
        images_per_s: rate of this call.
        passes: epochs trained in all.
        measures: numbers for the record's metrics beside the usual ones.
        tensors: what else goes beside the record.
    """

    logits: dict[str, Tensor]
    epochs: dict[str, int]
    history: dict[str, Any]
    weights: dict[str, Tensor]
    images_per_s: float = 0.0
    passes: int = 0
    measures: dict[str, float] = field(default_factory=dict)
    tensors: dict[str, Tensor] = field(default_factory=dict)


class Damaged(LabError):
    """A checkpoint could not be read and was removed; the caller starts the same training again."""


def generator(*parts: int | str) -> torch.Generator:
    """A CPU generator whose stream depends on all parts: one stream a purpose, none shared."""
    words = [
        int.from_bytes(str(p).encode()[:4].ljust(4, b" "), "little") if isinstance(p, str) else p
        for p in parts
    ]
    return torch.Generator().manual_seed(
        int(np.random.SeedSequence(words).generate_state(1, np.uint64)[0] >> 1)
    )


def seed_all(*parts: int | str) -> None:
    """Seed torch's global random state by the stream of a purpose: initial weights, dropout and the like."""
    torch.manual_seed(int(torch.randint(2**62, (1,), generator=generator(*parts))))


def accuracy(logits: Tensor, labels: Tensor) -> float:
    """Share of (N, K) logits whose largest is at the label."""
    return float((logits.argmax(1) == labels).float().mean())


class Trace:
    """The history of one learner, and what is kept of it: an epoch that is the last, the best on validation
    or the best on test."""

    def __init__(self):
        self.history: dict[str, list] = {}
        self.kept: dict[str, dict] = {}

    def log(self, logits: Tensor, weights: dict[str, Tensor], at: int, **curves: float) -> None:
        """Append a value to each curve, val_accuracy and test_accuracy among them; keep logits and weights
        where the epoch `at` is selected.

        The first of equally good epochs is selected.
        """
        for name, value in curves.items():
            self.history.setdefault(name, []).append(value)
        for name, curve in (
            ("last", None),
            ("best_on_val", "val_accuracy"),
            ("best_on_test", "test_accuracy"),
        ):
            values = self.history[curve] if curve else [0.0]
            if values[-1] > max(values[:-1], default=-1.0):
                self.kept[name] = {"epoch": at, "logits": logits.detach().to("cpu", torch.float16, copy=True)}
        self.kept["last"]["weights"] = {k: v.detach().to("cpu", copy=True) for k, v in weights.items()}

    def outcome(self, passes: int, images_per_s: float = 0.0) -> Outcome:
        """What is kept, as an Outcome."""
        return Outcome(
            logits={name: self.kept[name]["logits"] for name in SELECTIONS},
            epochs={name: self.kept[name]["epoch"] for name in SELECTIONS},
            history=self.history,
            weights=self.kept["last"]["weights"],
            images_per_s=images_per_s,
            passes=passes,
        )


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
            if not is_whole(self.checkpoint):
                raise ValueError("no checkpoint, or a damaged one")
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
            said = f"{self.checkpoint}: damaged checkpoint ({type(error).__name__}), removed"
            self.checkpoint.unlink(missing_ok=True)
            raise Damaged(f"{said}; what it belonged to starts again with the next call") from None


# ------------------------------------------------------------------------------------------------- lists of
# images


def pairs(indices: Tensor) -> np.ndarray:
    """(image, copy) for a list of images with repeats: the k-th repeat of an image is its copy k."""
    indices = indices.numpy()
    order = np.argsort(indices, kind="stable")
    ordered = indices[order]
    first = np.searchsorted(ordered, ordered)
    copies = np.empty_like(indices)
    copies[order] = np.arange(len(indices)) - first
    return np.stack([indices, copies], axis=1)


def batches(order: Tensor, size: int) -> list[Tensor]:
    """The images of an epoch (M,) in batches of `size`, in order. A last image that would stand alone is left
    out: batch normalisation has nothing to normalise it by.

    Raises:
        LabError: batches of one image, or a single image in all.
    """
    if size < 2 or len(order) < 2:
        raise LabError(
            f"{len(order)} training images in batches of {size}: batch normalisation needs two images in a "
            "batch; raise optimizer.batch_size, or train on more images"
        )
    return [batch for batch in order.split(size) if len(batch) > 1]


def hold_out(pairs: np.ndarray, fraction: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Training and validation pairs: a share of them, at least one, drawn by the subset seed."""
    order = torch.randperm(len(pairs), generator=generator("hold", seed)).numpy()
    held = max(1, round(fraction * len(pairs)))
    return pairs[np.sort(order[held:])], pairs[np.sort(order[:held])]
