"""The loop: resumed exactly, ended in time, clear about a loss that is no number, strict about selection."""

import time
from typing import ClassVar, Literal

import numpy as np
import pytest
import torch

from lt_lib.errors import BudgetEnded, LabError
from lt_lib.lab.record import spec
from lt_lib.lab.record.plan import definition
from lt_lib.lab.record.spec import MODES, Optimizer, Seeds, Topic
from lt_lib.lab.train import loop as loops
from lt_lib.lab.train.loop import Damaged, Loop, Task, Trace, batches, hold_out, pairs, seed_all
from lt_lib.lab.train.modes import Mode

X = torch.linspace(-1, 1, 40).view(20, 2)
Y = (X.sum(1) > 0).long()


def trained(epochs=6, checkpoint=None, deadline=None, stop_after=None):
    """A dropout network trained by a loop; `stop_after` epochs the process dies."""
    seed_all("init", 0)
    net = torch.nn.Sequential(torch.nn.Linear(2, 8), torch.nn.Dropout(0.5), torch.nn.Linear(8, 2))
    descent = torch.optim.Adam(net.parameters(), lr=0.05)
    rates = torch.optim.lr_scheduler.StepLR(descent, 2, 0.5)
    seen = {"epochs": []}
    parts = {"net": net, "descent": descent, "rates": rates}
    loop = Loop("toy", epochs, checkpoint, deadline, steps=2, state=seen, **parts)
    for epoch in loop:
        if epoch == stop_after:
            raise KeyboardInterrupt
        net.train()
        loss = torch.nn.functional.cross_entropy(net(X), Y)
        descent.zero_grad()
        loss.backward()
        descent.step()
        rates.step()
        seen["epochs"].append(epoch)
        loop.finite(loss)
        logits = net.eval()(X)
        curves = {"val_accuracy": loops.accuracy(logits, Y), "test_accuracy": loops.accuracy(logits, Y)}
        loop.log(logits, net.state_dict(), train_loss=loss.item(), **curves)
    return loop.outcome(len(X)), seen["epochs"]


def same(a, b):
    return (
        a.history == b.history
        and a.epochs == b.epochs
        and all(torch.equal(a.logits[k], b.logits[k]) for k in b.logits)
        and all(torch.equal(a.weights[k], b.weights[k]) for k in b.weights)
    )


@pytest.mark.parametrize("images, size", [(9, 4), (9, 2), (8, 4), (3, 2), (2, 64), (5, 5)])
def test_no_batch_has_one_image(images, size):
    order = torch.randperm(images)
    dealt = batches(order, size)
    assert all(2 <= len(batch) <= size for batch in dealt)
    together = torch.cat(dealt)
    assert torch.equal(together, order[: len(together)]) and len(together) == images - (images % size == 1)


@pytest.mark.parametrize("images, size", [(9, 1), (1, 4), (1, 1)])
def test_a_batch_of_one_cannot_be_asked_for(images, size):
    with pytest.raises(LabError, match=f"{images} training images in batches of {size}"):
        batches(torch.arange(images), size)


@pytest.mark.parametrize("stop_after", [1, 3, 5])
def test_a_killed_training_ends_like_an_uninterrupted_one(tmp_path, monkeypatch, stop_after):
    monkeypatch.setattr(loops, "CHECKPOINT_EVERY_S", 0.0)
    whole, _ = trained()
    with pytest.raises(KeyboardInterrupt):
        trained(checkpoint=tmp_path / "c.pt", stop_after=stop_after)
    resumed, epochs = trained(checkpoint=tmp_path / "c.pt")
    assert same(resumed, whole) and epochs == list(range(6))


def test_the_deadline_saves_and_stops_but_not_after_the_last_epoch(tmp_path):
    with pytest.raises(BudgetEnded):
        trained(checkpoint=tmp_path / "c.pt", deadline=time.monotonic())
    assert same(trained(checkpoint=tmp_path / "c.pt")[0], trained()[0])
    assert trained(epochs=1, deadline=time.monotonic())[0].passes == 1


def test_a_finished_training_is_not_trained_again(tmp_path):
    whole, _ = trained(checkpoint=tmp_path / "c.pt")
    again, epochs = trained(checkpoint=tmp_path / "c.pt", stop_after=0)
    assert same(again, whole) and len(epochs) == 6


def test_a_checkpoint_with_other_numbers_is_damaged(tmp_path, change_a_number):
    path = tmp_path / "c.pt"
    trained(checkpoint=path)
    change_a_number(path)
    with pytest.raises(Damaged):
        trained(checkpoint=path)


@pytest.mark.parametrize("content", [b"", b"nonsense", None])
def test_a_damaged_checkpoint_is_removed_and_said(tmp_path, content):
    path = tmp_path / "c.pt"
    trained(checkpoint=path)
    path.write_bytes(path.read_bytes()[:-100] if content is None else content)
    with pytest.raises(Damaged, match=r"c\.pt: damaged checkpoint .*, removed"):
        trained(checkpoint=path)
    assert not path.exists()
    assert same(trained(checkpoint=path)[0], trained()[0])


@pytest.mark.parametrize("total", [float("nan"), float("inf"), torch.tensor([0.0, float("nan")])])
def test_a_loss_that_is_no_number_is_one_clear_error(total):
    with pytest.raises(LabError, match=r"toy: the loss is not finite in epoch 1; lower optimizer\.lr"):
        Loop("toy", 1).finite(total)


def test_the_first_of_equally_good_epochs_is_selected():
    trace = Trace()
    for epoch, (val, test) in enumerate([(0.5, 0.1), (0.7, 0.3), (0.7, 0.2)], 1):
        trace.log(
            torch.full((1, 2), float(epoch)),
            {"w": torch.tensor(epoch)},
            epoch,
            val_accuracy=val,
            test_accuracy=test,
        )
    outcome = trace.outcome(passes=3)
    assert outcome.epochs == {"last": 3, "best_on_val": 2, "best_on_test": 2}
    assert outcome.logits["best_on_val"][0, 0] == 2 and outcome.weights["w"] == 3


def test_what_is_kept_does_not_change_when_training_goes_on():
    trace, weight = Trace(), torch.zeros(2)
    trace.log(weight.view(1, 2), {"w": weight}, 1, val_accuracy=1.0, test_accuracy=1.0)
    weight += 1
    assert not trace.outcome(1).logits["last"].any() and not trace.outcome(1).weights["w"].any()


def test_a_task_is_known_by_what_decides_its_outcome():
    def task(**changes):
        fields = {
            "mode": "probe",
            "optimizer": Optimizer(),
            "train": np.array([[0, 0]]),
            "val": np.array([[1, 0]]),
        }
        return Task(**{**fields, "seeds": Seeds(subset=0, init=0, order=0), **changes})

    assert task().key == task().key
    others = [
        {"mode": "recipe"},
        {"augment": "crop-flip"},
        {"class_weights": (1.0,)},
        {"train": np.array([[0, 1]])},
    ]
    others += [
        {"seeds": Seeds(subset=0, init=1, order=0)},
        {"optimizer": Optimizer(lr=1.0)},
        {"target_class": 0},
    ]
    assert len({task(**change).key for change in others} | {task().key}) == len(others) + 1


def test_copies_are_numbered_and_a_share_is_held_out():
    assert pairs(torch.tensor([3, 1, 3, 3])).tolist() == [[3, 0], [1, 0], [3, 1], [3, 2]]
    train, val = hold_out(pairs(torch.arange(10)), 0.2, seed=1)
    assert sorted([*train[:, 0], *val[:, 0]]) == list(range(10)) and len(val) == 2


# --- modes and topics


@pytest.mark.parametrize("mode", MODES)
def test_every_mode_is_a_class_with_tasks_train_and_summarise(mode):
    found = definition(MODES[mode])
    assert issubclass(found, Mode)
    for part in ("tasks", "train", "summarise"):
        assert getattr(found, part) is not getattr(Mode, part), f"{mode} has no {part} of its own"


def test_a_topic_registers_itself_once(monkeypatch):
    monkeypatch.setattr(spec, "TOPICS", {})

    class Wink(Topic):
        code = ("lt_lib.losses:class_weights",)
        topic: Literal["wink"] = "wink"

    assert spec.TOPICS == {"wink": Wink}
    with pytest.raises(LabError, match="topic 'wink' is registered twice"):

        class Other(Topic):
            code = ("lt_lib.losses:class_weights",)
            topic: Literal["wink"] = "wink"

    with pytest.raises(LabError, match="topic 'blank' must name one function in `code`"):

        class Blank(Topic):
            code: ClassVar[tuple[str, ...]] = ()
            topic: Literal["blank"] = "blank"


def test_a_topic_that_nobody_brings_names_the_nearest():
    with pytest.raises(LabError, match="no topic 'norm'; did you mean 'norms'"):
        spec.topic("norm")
