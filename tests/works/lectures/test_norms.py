"""The lesson on norms: looking around changes nothing, what is measured is what it is called, interrupted
runs end the same."""

import time

import pytest
import torch

from lt_lib import data as datasets
from lt_lib.errors import BudgetEnded, LabError
from lt_lib.lab import plan
from lt_lib.lab.record.plan import definition
from lt_lib.lab.record.spec import topic
from lt_lib.lab.train import topics as lessons
from lt_lib.works.lectures import norms as lesson_norms
from lt_lib.works.lectures.norms import (
    Disturbance,
    _ahead,
    _at,
    _copied,
    _shift,
    _slope,
    plain_network,
    train_norms,
)
from lt_lib.works.lectures.options import Norms


@pytest.fixture
def task(lab_env):
    def made(key="bn", optimizer=None, **changes):
        spec = plan("lectures-norms", key, "smoke")[0].spec
        lesson, opt = (
            spec.lesson.model_copy(update=changes),
            spec.optimizer.model_copy(update=optimizer or {}),
        )
        return lessons.tasks(
            spec.model_copy(update={"lesson": lesson, "optimizer": opt}), datasets.load(spec.data)
        )[0][0]

    return made


def run(task, **options):
    return train_norms(task, datasets.load("digits8"), **options)


def small(norm="none", width=8, depth=3):
    torch.manual_seed(0)
    return (
        plain_network(Norms(norm=norm, depth=depth, width=width), 6, 4),
        torch.randn(32, 6),
        torch.randint(4, (32,)),
    )


@pytest.mark.parametrize("key", ["plain", "bn", "bn-noisy"])
def test_looking_changes_nothing(task, key):
    often, seldom = (run(task(key, probe=p)).history for p in (1, 1000))
    assert often["train_loss"] == seldom["train_loss"] and often["rates"] == seldom["rates"]
    assert len(often["probes"]["step"]) > len(seldom["probes"]["step"]) == 1


def test_an_interrupted_run_ends_the_same(task, tmp_path):
    whole, path = run(task()), tmp_path / "checkpoint.pt"
    with pytest.raises(BudgetEnded):
        run(task(), checkpoint=path, deadline=time.monotonic())
    resumed = run(task(), checkpoint=path)
    assert resumed.history == whole.history
    assert all(torch.equal(resumed.logits[name], whole.logits[name]) for name in whole.logits)


def test_the_rate_is_tuned_on_validation(task):
    found = run(task(rates=(0.3, 0.001)))
    ends, measures = found.history["rates"], found.measures
    assert ends["rate"] == [0.1, 0.3, 0.001]
    best = max(range(3), key=lambda i: ends["val_accuracy"][i])
    assert (measures["tuned_rate"], measures["tuned_accuracy"]) == (
        ends["rate"][best],
        ends["test_accuracy"][best],
    )


def test_a_diverging_run_is_named(task):
    with pytest.raises(LabError, match=r"optimizer\.lr"):
        run(task("plain", {"lr": 1e30}))


def test_curvature_of_a_short_step_is_that_of_the_hessian():
    net, x, y = small()
    net, x = net.double(), x.double()
    with torch.no_grad():
        for parameter in net.parameters():  # away from biases of zero, where a unit without input has a kink
            parameter.add_(0.1 * torch.randn_like(parameter))
    before, (_, gradient) = _copied(net), _slope(net, x, y)
    found = _ahead(net, x, y, before, gradient, 1e-7, torch.get_rng_state())
    with torch.no_grad():
        for parameter, value in zip(net.parameters(), before, strict=True):
            parameter.copy_(value)
    loss = torch.nn.functional.cross_entropy(net(x), y)
    slope = torch.autograd.grad(loss, list(net.parameters()), create_graph=True)
    along = sum((s * g).sum() for s, g in zip(slope, gradient, strict=True))
    bend = torch.cat([t.flatten() for t in torch.autograd.grad(along, list(net.parameters()))]).norm()
    length = torch.cat([g.flatten() for g in gradient]).norm()
    assert found["curvature"] == pytest.approx(float(bend / length), rel=1e-3)
    assert found["loss_range"] == pytest.approx(float(3.5 * 1e-7 * length**2), rel=1e-3)


@pytest.mark.parametrize("norm", ["none", "batch"])
def test_without_a_step_nothing_shifts(norm):
    net, x, y = small(norm)
    before, (_, gradient) = _copied(net), _slope(net, x, y)
    found = _shift(net, x, y, before, gradient, torch.get_rng_state())
    assert found["shift"] == 0 and found["shift_angle"] == pytest.approx(0, abs=1e-5)
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.add_(0.3 * torch.randn_like(parameter))
    moved = _copied(net)
    assert _shift(net, x, y, before, gradient, torch.get_rng_state())["shift"] > 0.1
    assert all(torch.equal(a, b) for a, b in zip(moved, net.parameters(), strict=True))


def test_looking_leaves_statistics_and_chance_alone():
    net, x, y = small("noisy")
    net.train()
    random = torch.get_rng_state()
    first, _ = _slope(net, x, y)
    after, buffers = torch.get_rng_state(), [b.clone() for b in net.buffers()]
    again, _ = _at(net, _copied(net), x, y, random)
    assert torch.equal(first, again)  # under the same disturbance
    assert torch.equal(after, torch.get_rng_state())
    assert all(torch.equal(a, b) for a, b in zip(buffers, net.buffers(), strict=True))


def test_disturbance_is_for_training_only():
    x, layer = torch.randn(64, 3), Disturbance()
    assert not torch.equal(layer(x), x) and not torch.equal(layer(x), layer(x))
    assert torch.equal(layer.eval()(x), x)


def test_topics_have_modules():
    assert definition(*topic("norms").code) is lesson_norms.train_norms
