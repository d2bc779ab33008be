"""Batch normalisation under the magnifying glass: one network of linear layers, trained by plain SGD with,
without, or with disturbed norms.

While it trains at the rate c that all rows share, the loss is looked at along its own gradient, from half a
step to four steps c ahead, on the batch at hand (Santurkar et al., 2018). Medians over the places looked at
go into the record under measures:

    loss_range        highest less lowest loss along the way
    gradient_change   largest length of the difference between the gradient there and here; _relative: over
    the length of the gradient here curvature         largest length of that difference over the distance
    travelled ("effective smoothness") shift             internal covariate shift: relative length of the
    change of a layer's gradient when the layers below have taken
                      their step and it has not, mean over all layers but the first; shift_angle: one less its
    cosine tuned_accuracy, tuned_rate    test accuracy at the rate with the best validation accuracy at the
    end

History: the same by place looked at (`probes`), and the accuracies at the end by rate (`rates`).
"""

from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lt_lib import data as datasets
from lt_lib.lab.train.device import device
from lt_lib.lab.train.loop import Loop, Outcome, Task, Trace, accuracy, batches, generator, seed_all
from lt_lib.works.lectures.options import Norms

AHEAD = (0.5, 1.0, 1.5, 2.0, 3.0, 4.0)  # steps, in units of the rate


class Disturbance(nn.Module):
    """Scale and shift (N, M) values, by amounts drawn for each feature at every call, and a little for each
    value; only in training."""

    def forward(self, x: Tensor) -> Tensor:
        if not self.training:
            return x
        scale = 0.5 + torch.rand(x.shape[1], device=x.device) + 0.25 * torch.randn_like(x)
        return x * scale + torch.rand(x.shape[1], device=x.device) - 0.5 + 0.25 * torch.randn_like(x)


def plain_network(lesson: Norms, inputs: int, num_classes: int) -> nn.Sequential:
    """`depth` hidden layers of `width` rectified units, each normalised as the lesson says, and a linear
    layer."""
    layers, size = [], inputs
    for _ in range(lesson.depth):
        linear = nn.Linear(size, lesson.width)
        nn.init.kaiming_normal_(linear.weight, nonlinearity="relu")
        nn.init.zeros_(linear.bias)
        layers += [
            linear,
            *([nn.BatchNorm1d(lesson.width)] if lesson.norm != "none" else []),
            *([Disturbance()] if lesson.norm == "noisy" else []),
            nn.ReLU(),
        ]
        size = lesson.width
    return nn.Sequential(*layers, nn.Linear(size, num_classes))


def train_norms(
    task: Task, dataset: datasets.ImageSet, checkpoint: Path | None = None, deadline: float | None = None
) -> Outcome:
    """Train at the shared rate, looking around, and at every other rate; each finished rate is kept in the
    checkpoint.

    Raises:
        BudgetEnded: the deadline passed; the rates done so far are saved.
        LabError: the loss is no longer finite at the shared rate.
    """
    lesson, rates = task.lesson, list(dict.fromkeys((task.optimizer.lr, *task.lesson.rates)))
    found: dict[str, list[dict]] = {"runs": []}
    what, epochs = f"norm {lesson.norm}, {len(rates)} learning rates", task.optimizer.epochs
    loop = Loop(what, len(rates), checkpoint, deadline, steps=epochs, unit="epoch", state=found)
    for i in loop:
        found["runs"].append(_run(task, dataset, rates[i], look=i == 0, loop=loop))
        if i == 0:
            loop.finite(torch.tensor(found["runs"][0]["trace"]["history"]["train_loss"]))
    shared, trace = found["runs"][0], Trace()
    vars(trace).update(shared["trace"])
    ends = [
        [run["trace"]["history"][c][-1] for run in found["runs"]] for c in ("val_accuracy", "test_accuracy")
    ]
    best = max(range(len(rates)), key=lambda i: ends[0][i])
    outcome = trace.outcome(epochs, loop.images_per_s(epochs * len(task.train)))
    outcome.history |= {
        "probes": shared["probes"],
        "rates": {"rate": rates, "val_accuracy": ends[0], "test_accuracy": ends[1]},
    }
    outcome.measures = {
        name: float(np.median(values)) for name, values in shared["probes"].items() if name != "step"
    } | {"tuned_accuracy": ends[1][best], "tuned_rate": rates[best]}
    return outcome


def _run(task: Task, dataset: datasets.ImageSet, rate: float, look: bool, loop: Loop) -> dict:
    """One training at one rate: the fields of its trace and, if it looks around, probes."""
    opt, lesson, where = task.optimizer, task.lesson, device()
    images, labels = ({s: read(s) for s in ("train", "test")} for read in (dataset.images, dataset.labels))

    def flat(split: str, rows: np.ndarray) -> Tensor:
        return torch.from_numpy(np.asarray(images[split][rows])).to(where).flatten(1).float().div_(255)

    x, held, test = (
        flat("train", task.train[:, 0]),
        flat("train", task.val[:, 0]),
        flat("test", np.arange(len(labels["test"]))),
    )
    mean, spread = x.mean(), x.std()
    x, held, test = ((t - mean) / spread for t in (x, held, test))
    y, held_y, test_y = (
        torch.as_tensor(np.asarray(t)).to(where)
        for t in (labels["train"][task.train[:, 0]], labels["train"][task.val[:, 0]], labels["test"])
    )
    seed_all("init", task.seeds.init)
    net = plain_network(lesson, x.shape[1], len(dataset.classes)).to(where)
    probes = {
        name: []
        for name in (
            "step",
            "loss_range",
            "gradient_change",
            "gradient_change_relative",
            "curvature",
            "shift",
            "shift_angle",
        )
    }
    trace, step = Trace(), 0
    for epoch in range(opt.epochs):
        order = torch.randperm(len(x), generator=generator("order", task.seeds.order, epoch)).to(where)
        total = 0.0
        net.train()
        for batch in batches(order, opt.batch_size):
            looking = look and step % lesson.probe == 0
            before, random = _copied(net), torch.get_rng_state()
            loss, gradient = _slope(net, x[batch], y[batch])
            if looking:
                found = _ahead(net, x[batch], y[batch], before, gradient, rate, random)
            with torch.no_grad():
                for parameter, start, g in zip(net.parameters(), before, gradient, strict=True):
                    parameter.copy_(start - rate * g)
            if looking:
                found |= _shift(net, x[batch], y[batch], before, gradient, random) | {"step": step}
                for name, value in found.items():
                    probes[name].append(value)
            total, step = total + float(loss) * len(batch), step + 1
        _settle(net, x)
        net.eval()
        with torch.inference_mode():
            logits, said = net(test), net(held)
        trace.log(
            logits,
            net.state_dict(),
            epoch + 1,
            train_loss=total / len(x),
            val_accuracy=accuracy(said, held_y),
            test_accuracy=accuracy(logits, test_y),
        )
        loop.advance()
    return {"trace": vars(trace), "probes": probes}


def _copied(net: nn.Module) -> list[Tensor]:
    return [parameter.detach().clone() for parameter in net.parameters()]


def _slope(net: nn.Module, x: Tensor, y: Tensor) -> tuple[Tensor, list[Tensor]]:
    """Loss of a batch, and its gradient by parameter."""
    loss = F.cross_entropy(net(x), y)
    return loss.detach(), list(torch.autograd.grad(loss, list(net.parameters())))


def _at(
    net: nn.Module, parameters: list[Tensor], x: Tensor, y: Tensor, random: Tensor
) -> tuple[Tensor, list[Tensor]]:
    """Loss and gradient with other parameters, under the same disturbance; running statistics are left
    alone."""
    now, kept = torch.get_rng_state(), [b.clone() for b in net.buffers()]
    with torch.no_grad():
        for mine, other in zip(net.parameters(), parameters, strict=True):
            mine.copy_(other)
    torch.set_rng_state(random)
    found = _slope(net, x, y)
    torch.set_rng_state(now)
    with torch.no_grad():
        for buffer, value in zip(net.buffers(), kept, strict=True):
            buffer.copy_(value)
    return found


def _length(tensors: list[Tensor]) -> float:
    return float(torch.cat([t.flatten() for t in tensors]).norm())


def _ahead(net, x, y, before, gradient, rate: float, random: Tensor) -> dict[str, float]:
    """What loss and gradient do along the gradient, `AHEAD` steps on."""
    losses, changes, bends, length = [], [], [], _length(gradient)
    for steps in AHEAD:
        there = [start - steps * rate * g for start, g in zip(before, gradient, strict=True)]
        loss, slope = _at(net, there, x, y, random)
        losses.append(float(loss))
        changes.append(_length([a - b for a, b in zip(slope, gradient, strict=True)]))
        bends.append(changes[-1] / max(steps * rate * length, 1e-12))
    return {
        "loss_range": max(losses) - min(losses),
        "gradient_change": max(changes),
        "gradient_change_relative": max(changes) / max(length, 1e-12),
        "curvature": max(bends),
    }


def _shift(net, x, y, before, gradient, random: Tensor) -> dict[str, float]:
    """Internal covariate shift: how a layer's gradient changes when the layers below it have moved and it has
    not.

    Source: Santurkar et al. (2018), definition 2.1. Called with the parameters after the step; they are put
    back."""
    after = _copied(net)
    owners = [module for module in net if any(True for _ in module.parameters())]
    first = np.cumsum([0, *(len(list(module.parameters())) for module in owners)])
    lengths, angles = [], []
    for i, module in enumerate(owners):
        if not isinstance(module, nn.Linear) or i == 0:
            continue
        _, slope = _at(net, [*after[: first[i]], *before[first[i] :]], x, y, random)
        old, new = (
            torch.cat([t.flatten() for t in some[first[i] : first[i + 1]]]) for some in (gradient, slope)
        )
        lengths.append(float((new - old).norm() / old.norm().clamp(min=1e-12)))
        angles.append(1 - float(F.cosine_similarity(new, old, dim=0)))
    with torch.no_grad():
        for parameter, value in zip(net.parameters(), after, strict=True):
            parameter.copy_(value)
    return {"shift": float(np.mean(lengths)), "shift_angle": float(np.mean(angles))}


def _settle(net: nn.Module, x: Tensor) -> None:
    """Batch statistics of the whole training list, undisturbed, for the network as it is now."""
    norms = [module for module in net if isinstance(module, nn.BatchNorm1d)]
    if not norms:
        return
    net.train()
    for module in net:
        if isinstance(module, Disturbance):
            module.eval()
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = 1.0
    with torch.no_grad():
        net(x)
    for norm in norms:
        norm.momentum = 0.1
