"""The lesson on rules: the rules are those of torch.optim, all rates start alike, validation alone chooses,
interrupted runs end the same."""

import time

import numpy as np
import pytest
import torch
from torch import nn

from lt_lib import data as datasets
from lt_lib.errors import BudgetEnded, LabError
from lt_lib.lab import plan
from lt_lib.lab.record.plan import definition
from lt_lib.lab.record.spec import topic
from lt_lib.lab.train import topics as lessons
from lt_lib.works.lectures import rules as lesson_rules
from lt_lib.works.lectures.options import Rules
from lt_lib.works.lectures.rules import Side, choose, grid, heavy_ball, nesterov, network, train_rules


@pytest.fixture
def task(lab_env):
    def made(key="sgd", optimizer=None, **changes):
        spec = plan("lectures-rules", key, "smoke")[0].spec
        lesson, opt = (
            spec.lesson.model_copy(update=changes),
            spec.optimizer.model_copy(update=optimizer or {}),
        )
        return lessons.tasks(
            spec.model_copy(update={"lesson": lesson, "optimizer": opt}), datasets.load(spec.data)
        )[0][0]

    return made


def run(task, **options):
    return train_rules(task, datasets.load("digits8"), **options)


@pytest.mark.parametrize(("rule", "nesterov_too"), [(heavy_ball, False), (nesterov, True)])
def test_momentum_is_that_of_torch(rule, nesterov_too):
    theirs = torch.tensor([-1.2, 1.0], dtype=torch.float64, requires_grad=True)
    ours, state = theirs.detach().clone(), None
    descent = torch.optim.SGD([theirs], lr=0.01, momentum=0.9, nesterov=nesterov_too)
    for _ in range(100):
        theirs.grad = 2 * theirs.detach() * torch.tensor([1.0, 30.0])
        descent.step()
        ours, state = rule(ours, 2 * ours * torch.tensor([1.0, 30.0]), state, 0.01)
    assert torch.allclose(ours, theirs.detach(), atol=1e-12)


def test_the_grid_is_half_decades_about_its_middle():
    assert grid(0.1, 1) == [0.1]
    for count in (2, 5, 6):
        rates = grid(0.3, count)
        assert np.diff(np.log10(rates)) == pytest.approx(0.5) and np.log10(rates).mean() == pytest.approx(
            np.log10(0.3)
        )


@pytest.mark.parametrize("filters", [(), (3, 4)])
def test_side_by_side_is_one_by_one(filters):
    torch.manual_seed(0)
    net = network(Rules(filters=filters, hidden=6), (2, 8, 8), 5)
    side = Side(net)
    theta = side.start(3) + 0.1 * torch.randn(3, sum(p.numel() for p in net.parameters()))
    x, y = torch.randn(7, 2, 8, 8), torch.randint(5, (7,))
    together, losses = side.logits(theta, x), side.losses(theta, x, y)
    for row, logits, loss in zip(theta, together, losses, strict=True):
        nn.utils.vector_to_parameters(row, net.parameters())
        assert torch.allclose(net(x), logits, atol=1e-5)
        assert float(nn.functional.cross_entropy(net(x), y).detach()) == pytest.approx(float(loss), rel=1e-5)


def test_too_many_convolutions_are_named():
    with pytest.raises(LabError, match=r"lesson\.filters"):
        network(Rules(filters=(2,) * 4), (1, 8, 8), 5)


def test_validation_errors_decide_then_loss_and_the_broken_are_left_out():
    learned = [[2.0, 2.0, 2.0], [0.1, 0.1, 0.1]]
    assert choose(learned, [1.0, 1.0, 1.0], [0.3, 0.1, 0.2]) == 1
    assert choose(learned, [1.0, 0.9, 1.1], [0.1, 0.1, 0.1]) == 1
    assert choose(learned, [float("nan"), 0.9, 1.1], [0.1, 0.1, 0.1]) == 1
    assert choose([[2.0, 2.0, 2.0], [0.1, 3.0, float("nan")]], [1.0, 1.0, 1.0], [0.3, 0.1, 0.0]) == 0


def test_one_record_tells_one_story(task):
    outcome = run(task(optimizer={"epochs": 4}))
    history, measures = outcome.history, outcome.measures
    best = history["rates"].index(measures["tuned_rate"])
    curves = history["by_rate"]
    assert len(curves["test_error"]) == 5 and len(history["train_loss"]) == 4
    assert len(set(curves["train_loss"][0])) == 1  # all rates start from the same weights
    assert (
        measures["test_error"]
        == curves["test_error"][-1][best]
        == pytest.approx(1 - history["test_accuracy"][-1])
    )
    assert curves["val_error"][-1][best] == min(curves["val_error"][-1])
    assert measures["first_epoch"] == pytest.approx(np.log10(curves["train_loss"][1][best]))
    truth = torch.as_tensor(np.asarray(datasets.load("digits8").labels("test")))
    wrong = float((outcome.logits["last"].float().argmax(1) != truth).float().mean())
    assert wrong == pytest.approx(measures["test_error"], abs=2 / len(truth))  # half precision may turn a tie
    assert outcome.epochs["best_on_val"] == 1 + int(np.argmax(history["val_accuracy"]))


def test_rules_share_weights_and_batches_and_differ_only_in_the_step(task):
    plain = run(task("sgd", {"lr": 0.1}, rates=1)).history["by_rate"]["train_loss"]
    ball = run(task("heavy-ball", {"lr": 0.1}, rates=1)).history["by_rate"]["train_loss"]
    assert plain[0] == ball[0] and plain[1] != ball[1]


def test_when_the_loss_is_reached_is_noticed(task):
    fast = run(task("adam", fitted=100.0, probe=1)).measures
    never = run(task("adam", fitted=1e-9)).measures
    assert (fast["steps_to_fit"], fast["fitted"]) == (1, 1)
    assert (never["steps_to_fit"], never["fitted"]) == (
        12,
        0,
    )  # all steps: 120 images, batches of 20, two epochs


def test_an_interrupted_run_ends_the_same(task, tmp_path):
    whole, path = run(task("adam", {"epochs": 3}, drops=(0.5,))), tmp_path / "checkpoint.pt"
    for _ in range(2):
        with pytest.raises(BudgetEnded):
            run(task("adam", {"epochs": 3}, drops=(0.5,)), checkpoint=path, deadline=time.monotonic())
    resumed = run(task("adam", {"epochs": 3}, drops=(0.5,)), checkpoint=path)
    assert resumed.history == whole.history
    assert all(torch.equal(resumed.weights[name], whole.weights[name]) for name in whole.weights)


def test_a_drop_slows_the_run(task):
    assert run(task(drops=(0.5,))).history["by_rate"] != run(task()).history["by_rate"]


def test_hopeless_rates_are_named(task):
    with pytest.raises(LabError, match=r"lower optimizer\.lr"):
        run(task("sgd", {"lr": 1e30}, rates=2))
    with pytest.raises(LabError, match="weight decay"):
        run(task(optimizer={"weight_decay": 0.1}))


def test_topics_have_modules():
    assert definition(*topic("rules").code) is lesson_rules.train_rules
