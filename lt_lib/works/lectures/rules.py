"""One optimizer, tuned as everybody else is: the same network at several learning rates, side by side, and
the one validation chooses.

All rates start from the same weights and see the same batches. The rate with the fewest validation errors at
the end is kept, of equals that with the smaller validation loss; one whose training loss ended above its
beginning has broken down and is not chosen while another has not. Measures of a record, all at the chosen
rate:

    test_error, validation_error, tuned_rate    at the end
    first_epoch      decimal logarithm of the training loss after the first epoch
    steps_to_fit     steps until the training loss was at most `fitted`, looked at every `probe` steps; all
    steps if it never was fitted           1 if it was, else 0 edge             1 if the chosen rate is the
    smallest or the largest tried, so that a wider grid might do better

History: rates, and by epoch (from 0, untrained) and rate the loss and error of each split; none where not
finite."""

import math
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.func import functional_call, vmap

from lt_lib import data as datasets
from lt_lib.errors import LabError
from lt_lib.lab.train.device import device
from lt_lib.lab.train.loop import Loop, Outcome, Task, generator, seed_all
from lt_lib.optimizers import State, adagrad, adam, gd, rmsprop
from lt_lib.works.lectures.options import Rules

SPLITS = ("train", "val", "test")
LOOKED_AT = 2000  # at most as many training images tell the training loss


def heavy_ball(
    theta: Tensor, grad: Tensor, state: State | None = None, lr: float | Tensor = 0.01, beta: float = 0.9
) -> tuple[Tensor, State]:
    r"""Polyak's heavy ball: :math:`v^r = \beta v^{r-1} + g^r,\ \theta^{r+1} = \theta^r - c^r v^r`.

    Equal to ``torch.optim.SGD`` with momentum. Source: Polyak (1964); compared by Wilson et al. (2017),
    `lectures`, Lecture 1."""
    velocity = beta * state["v"] + grad if state else grad
    return theta - lr * velocity, {"v": velocity}


def nesterov(
    theta: Tensor, grad: Tensor, state: State | None = None, lr: float | Tensor = 0.01, beta: float = 0.9
) -> tuple[Tensor, State]:
    r"""Nesterov's accelerated gradient.

    :math:`v^r = \beta v^{r-1} + g^r,\ \theta^{r+1} = \theta^r - c^r (g^r + \beta v^r)`.

    Equal to ``torch.optim.SGD`` with momentum and nesterov. Source: Nesterov (1983); compared by Wilson et
    al. (2017), `lectures`, Lecture 1."""
    velocity = beta * state["v"] + grad if state else grad
    return theta - lr * (grad + beta * velocity), {"v": velocity}


RULES = {
    "sgd": gd,
    "heavy-ball": heavy_ball,
    "nesterov": nesterov,
    "adagrad": adagrad,
    "rmsprop": rmsprop,
    "adam": adam,
}


def grid(middle: float, count: int) -> list[float]:
    """`count` learning rates half a decade apart, `middle` in their middle."""
    return [middle * 10 ** ((i - (count - 1) / 2) / 2) for i in range(count)]


def network(lesson: Rules, shape: tuple[int, int, int], num_classes: int) -> nn.Sequential:
    """(N, C, H, W) to (N, K): 3 x 3 convolutions, each followed by a halving of the image, one hidden layer,
    a linear one; no norms."""
    channels, height, width = shape
    layers = []
    for filters in lesson.filters:
        if min(height, width) < 2:
            raise LabError(
                f"{len(lesson.filters)} convolutions halve an image of {shape[1]} x {shape[2]} to nothing; "
                "shorten lesson.filters"
            )
        layers += [nn.Conv2d(channels, filters, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)]
        channels, height, width = filters, height // 2, width // 2
    sizes = (channels * height * width, lesson.hidden, num_classes)
    net = nn.Sequential(
        *layers, nn.Flatten(), nn.Linear(sizes[0], sizes[1]), nn.ReLU(), nn.Linear(sizes[1], sizes[2])
    )
    for module in net:
        if isinstance(module, (nn.Conv2d, nn.Linear)):
            nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
            nn.init.zeros_(module.bias)
    return net


class Side:
    """The same network at several places in parameter space: theta (R, P), one row a learning rate."""

    def __init__(self, net: nn.Module):
        self.net = net
        self.shapes = {name: p.shape for name, p in net.named_parameters()}
        ends = np.cumsum([0, *(shape.numel() for shape in self.shapes.values())])
        self.places = dict(zip(self.shapes, pairwise(ends.tolist())))
        self._call = vmap(lambda parameters, x: functional_call(net, parameters, (x,)), in_dims=(0, None))

    def start(self, count: int) -> Tensor:
        """The network's own parameters, `count` times."""
        return torch.cat([p.detach().flatten() for p in self.net.parameters()]).repeat(count, 1)

    def named(self, theta: Tensor) -> dict[str, Tensor]:
        """Parameters by name, each with a leading dimension of theta."""
        return {
            name: theta[..., first:last].unflatten(-1, self.shapes[name])
            for name, (first, last) in self.places.items()
        }

    def logits(self, theta: Tensor, x: Tensor) -> Tensor:
        """(R, N, K) of (R, P) parameters and (N, C, H, W) images."""
        return self._call(self.named(theta), x)

    def losses(self, theta: Tensor, x: Tensor, y: Tensor) -> Tensor:
        """Mean cross-entropy of each, (R,)."""
        return _cross_entropy(self.logits(theta, x), y)


def _cross_entropy(logits: Tensor, y: Tensor) -> Tensor:
    return (
        F.cross_entropy(logits.flatten(0, 1), y.repeat(len(logits)), reduction="none")
        .view(len(logits), -1)
        .mean(1)
    )


def choose(train_loss: list[list[float]], val_loss: list[float], val_error: list[float]) -> int:
    """Which rate validation chooses; see the module.

    Args:
        train_loss: first and last training losses, a list by rate each; nan where not finite.
        val_loss, val_error: at the end, by rate.
    """

    def order(i: int) -> tuple:
        first, last = (row[i] for row in (train_loss[0], train_loss[-1]))
        return not last < first, val_error[i], val_loss[i] if math.isfinite(val_loss[i]) else math.inf

    return min(range(len(val_error)), key=order)


def train_rules(
    task: Task, dataset: datasets.ImageSet, checkpoint: Path | None = None, deadline: float | None = None
) -> Outcome:
    """Train at all rates side by side, and report the rate that validation chooses.

    Args:
        task: with a lesson of the topic "rules"; its optimizer gives the middle rate, the batch size and the
            epochs.
        dataset: where its images are.
        checkpoint: file rewritten every few seconds; a run resumes from it and ends the same.
        deadline: time.monotonic() after which the state is saved and BudgetEnded raised.

    Raises:
        BudgetEnded: the deadline passed; the state is saved.
        LabError: more convolutions than the images allow, weight decay or a schedule, or every rate broke
    down."""
    lesson, opt, where = task.lesson, task.optimizer, device()
    if opt.weight_decay or opt.schedule != "constant":
        raise LabError(
            "the topic rules has no weight decay, and moves the learning rate by lesson.drops only"
        )
    sets = _sets(task, dataset)
    x, y = sets["train"]
    seed_all("init", task.seeds.init)
    side = Side(network(lesson, x.shape[1:], len(dataset.classes)).to(where))
    rates, step_by = grid(opt.lr, lesson.rates), RULES[lesson.rule]
    lrs = torch.tensor(rates, device=where)[:, None]
    state = {
        "step": 0,
        "theta": side.start(len(rates)),
        "memory": None,
        "fit": [0] * len(rates),
        "seen": [],
        "logits": [],
    }
    what = f"{lesson.rule} at {len(rates)} learning rates, {len(y)} images"
    loop = Loop(what, opt.epochs, checkpoint, deadline, steps=-(-len(y) // opt.batch_size), state=state)
    state["theta"] = state["theta"].to(where)
    state["memory"] = state["memory"] and {k: _moved(v, where) for k, v in state["memory"].items()}
    if not state["seen"]:
        _look(side, sets, state)
    for epoch in loop:
        fall = 0.1 ** sum(epoch >= share * opt.epochs for share in lesson.drops)
        order = torch.randperm(len(y), generator=generator("order", task.seeds.order, epoch)).to(where)
        for batch in order.split(opt.batch_size):
            theta = state["theta"].requires_grad_()
            (grad,) = torch.autograd.grad(side.losses(theta, x[batch], y[batch]).sum(), theta)
            state["theta"], state["memory"] = step_by(theta.detach(), grad, state["memory"], lrs * fall)
            state["step"] += 1
            if state["step"] % lesson.probe == 0 and not all(state["fit"]):
                with torch.no_grad():
                    now = side.losses(state["theta"], x[:LOOKED_AT], y[:LOOKED_AT]) <= lesson.fitted
                state["fit"] = [f or state["step"] * hit for f, hit in zip(state["fit"], now.tolist())]
            loop.advance()
        _look(side, sets, state)
    return _told(state, side, rates, loop.images_per_s(len(y) * len(rates)))


def _moved(value, where: torch.device):
    """A value of the rule's memory on the device: its tensors come back from a checkpoint on the CPU."""
    return value.to(where) if isinstance(value, Tensor) else value


def _sets(task: Task, dataset: datasets.ImageSet) -> dict[str, tuple[Tensor, Tensor]]:
    """Images (N, C, H, W), each pixel (each band, before convolutions) standardised by the training images,
    and labels."""
    parts = {
        "train": ("train", task.train[:, 0]),
        "val": ("train", task.val[:, 0]),
        "test": ("test", slice(None)),
    }
    sets = {}
    for name, (split, rows) in parts.items():
        pixels = torch.from_numpy(np.array(dataset.images(split)[rows])).permute(0, 3, 1, 2).float().div_(255)
        sets[name] = (pixels, torch.from_numpy(np.asarray(dataset.labels(split))[rows].astype(np.int64)))
    over = (0, 2, 3) if task.lesson.filters else (0,)
    mean, spread = sets["train"][0].mean(over, keepdim=True), sets["train"][0].std(over, keepdim=True)
    spread[spread == 0] = 1  # a pixel that is never inked
    return {
        name: (((pixels - mean) / spread).to(device()), labels.to(device()))
        for name, (pixels, labels) in sets.items()
    }


def _look(side: Side, sets: dict, state: dict) -> None:
    """Append losses and errors of all splits by rate, and the logits of the test images."""
    seen = {}
    with torch.no_grad():
        for name, (x, y) in sets.items():
            x, y = (x[:LOOKED_AT], y[:LOOKED_AT]) if name == "train" else (x, y)
            logits = torch.cat([side.logits(state["theta"], part) for part in x.split(1000)], 1)
            seen[f"{name}_loss"] = _cross_entropy(logits, y).tolist()
            seen[f"{name}_error"] = (logits.argmax(-1) != y).float().mean(1).tolist()
    state["seen"].append(seen)
    state["logits"].append(logits.to("cpu", torch.float16))


def _told(state: dict, side: Side, rates: list[float], speed: float) -> Outcome:
    """Outcome of the rate that validation chooses."""
    curves = {name: [seen[name] for seen in state["seen"]] for name in state["seen"][0]}
    best = choose(curves["train_loss"], curves["val_loss"][-1], curves["val_error"][-1])
    if not curves["train_loss"][-1][best] < math.inf:
        raise LabError("every learning rate broke down; lower optimizer.lr")
    mine = {name: [row[best] for row in rows] for name, rows in curves.items()}
    history = {
        "train_loss": mine["train_loss"][1:],
        "val_accuracy": [1 - e for e in mine["val_error"][1:]],
        "test_accuracy": [1 - e for e in mine["test_error"][1:]],
        "rates": rates,
        "by_rate": {
            name: [[v if math.isfinite(v) else None for v in row] for row in rows]
            for name, rows in curves.items()
        },
    }
    epochs = len(state["seen"]) - 1
    picked = {
        "last": epochs,
        "best_on_val": 1 + int(np.argmax(history["val_accuracy"])),
        "best_on_test": 1 + int(np.argmax(history["test_accuracy"])),
    }
    last = {name: value[best].to("cpu", copy=True) for name, value in side.named(state["theta"]).items()}
    measures = {
        "test_error": mine["test_error"][-1],
        "validation_error": mine["val_error"][-1],
        "tuned_rate": rates[best],
        "first_epoch": math.log10(max(mine["train_loss"][1], 1e-6)),
        "steps_to_fit": state["fit"][best] or state["step"],
        "fitted": float(state["fit"][best] > 0),
        "edge": float(len(rates) > 1 and best in (0, len(rates) - 1)),
    }
    logits = {name: state["logits"][epoch][best].clone() for name, epoch in picked.items()}
    return Outcome(logits, picked, history, last, speed, epochs, measures)
