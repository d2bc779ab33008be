"""Networks trained whole on the bench: one budget for all remedies, and a run that can be interrupted."""

import time
from typing import get_args

import numpy as np
import pytest
import torch

from lt_lib import data as datasets
from lt_lib.errors import BudgetEnded, LabError
from lt_lib.lab.record.plan import plan
from lt_lib.lab.record.spec import PROFILES
from lt_lib.lab.train.tails import Tails
from lt_lib.works.bench import whole
from lt_lib.works.bench.options import Whole
from lt_lib.works.bench.whole import train_whole
from lt_lib.works.bench.whole_remedies import RATES, WHOLE


@pytest.fixture(scope="module")
def digits():
    return datasets.load("digits8")


def task_of(digits, remedy, **lesson):
    """A row at smoke, smaller still."""
    (item,) = plan("bench-whole", f"{remedy}-10", "smoke", seeds=[0])
    small = item.spec.lesson.model_copy(update={"steps": 1, "gan_steps": 1, **lesson})
    return Tails().tasks(item.spec.model_copy(update={"lesson": small}), digits)[0][0]


def test_the_options_name_every_remedy():
    assert set(get_args(Whole.model_fields["remedy"].annotation)) == set(WHOLE)


@pytest.mark.parametrize("data", ["embedded", "real"])
@pytest.mark.parametrize("profile", PROFILES)
def test_all_rows_have_one_budget(profile, data):
    items = plan("bench-whole", None, profile, data, seeds=1)
    assert sorted((item.spec.lesson.remedy, item.spec.subset.ratio) for item in items) == sorted(
        (key, ratio) for key in WHOLE for ratio in (0.1, 0.01)
    )
    same = {"lesson": items[0].spec.lesson, "subset": None}
    assert len({item.spec.model_copy(update=same) for item in items}) == 1
    assert len({item.spec.lesson.model_copy(update={"remedy": "plain"}) for item in items}) == 1


def test_a_laptop_trains_few_of_them():
    few = {item.key for item in plan("bench-whole", None, "laptop")}
    assert few == {item.key for item in plan("bench-whole", None, "smoke", "real")}
    assert few == {"plain-100", "resampled-100", "softmax-100"}


@pytest.fixture(scope="module")
def plain(digits):
    return train_whole(task_of(digits, "plain"), digits)


@pytest.mark.parametrize("remedy", [key for key in WHOLE if key != "plain"])
def test_each_remedy_takes_its_steps_and_changes_the_answers(digits, plain, remedy, monkeypatch):
    taken, call = [], whole.Cost.__call__

    def counted(self, *args, **options):
        taken.append(1)
        return call(self, *args, **options)

    monkeypatch.setattr(whole.Cost, "__call__", counted)
    task = task_of(digits, remedy)
    found = train_whole(task, digits)
    makers = 2 if remedy == "sign" else 1
    assert len(taken) == task.optimizer.epochs * makers * WHOLE[remedy].networks
    assert found.logits["last"].isfinite().all()
    assert not torch.equal(found.logits["last"], plain.logits["last"])
    assert found.measures["setting"] == 1.0 and found.measures["cpu_seconds"] > 0


@pytest.mark.parametrize("remedy", ["crt", "sign", "gan-resampled", "ldam-cycles", "stack-ens"])
def test_a_run_that_is_killed_each_epoch_ends_as_one_that_is_not(digits, remedy, tmp_path):
    task = task_of(digits, remedy, tuned=remedy == "crt")
    straight = train_whole(task, digits)
    for kills in range(400):
        try:
            found = train_whole(task, digits, tmp_path / "run.pt", time.monotonic() - 1)
            break
        except BudgetEnded:
            assert list(tmp_path.iterdir())
    assert kills >= task.optimizer.epochs - 1
    assert torch.equal(found.logits["last"], straight.logits["last"])
    assert found.weights.keys() == straight.weights.keys()
    assert all(torch.equal(found.weights[name], value) for name, value in straight.weights.items())
    assert found.history == straight.history and not list(tmp_path.iterdir())


def test_the_rate_is_chosen_by_balanced_accuracy_on_what_is_held_out(digits, monkeypatch):
    bench, asked = whole._Bench(task_of(digits, "plain"), digits, None, None), []

    def trained(part, images, value, steps):
        asked.append((part, len(images), value))
        return bench._shown(part, images, steps), []

    def answers(nets, shown, held, value):
        """One rate finds the frequent class alone, one all others, one nothing."""
        right = {RATES[0]: held.labels == 0, RATES[1]: held.labels > 0, RATES[2]: held.labels > 9}[value]
        return torch.eye(10)[torch.where(right, held.labels, (held.labels + 1) % 10)]

    monkeypatch.setattr(bench, "trained", trained)
    monkeypatch.setattr(bench, "answers", answers)
    assert bench.chosen() == RATES[1]
    assert asked == [("trial", len(bench.task.train), value) for value in RATES]
    assert not set(bench.task.train[:, 0]) & set(bench.task.val[:, 0])


def shown(digits, remedy):
    bench = whole._Bench(task_of(digits, remedy), digits, None, None)
    images = np.sort(np.concatenate([bench.task.train[:, 0], bench.task.val[:, 0]]))
    return bench._shown("all", images, 1), torch.from_numpy(np.asarray(digits.labels("train"))[images])


def test_what_is_shown_is_filled_up_thinned_or_accompanied(digits):
    filled, y = shown(digits, "gan")
    assert set(filled.labels.bincount().tolist()) == {40} and int(y.bincount().min()) == 4
    assert torch.equal(filled.labels[: len(y)], y)
    balanced, _ = shown(digits, "artificial")
    assert all(abs(n - 24) <= 12 for n in balanced.labels.bincount().tolist())
    signed, _ = shown(digits, "sign")
    assert torch.equal(signed.labels, y.repeat(3))
    before, *copies = signed.pixels.float().split(len(y))
    moved = [float((copy - before).abs().max()) for copy in copies]
    assert 0 < moved[0] <= 0.1 * 255 + 1 and moved[0] < moved[1] <= 0.2 * 255 + 1


def test_tau_normalisation_chooses_its_power_and_trains_once_for_all_of_them(digits, plain, monkeypatch):
    trained, train = [], whole._Bench._train
    monkeypatch.setattr(
        whole._Bench, "_train", lambda self, name, *rest: trained.append(name) or train(self, name, *rest)
    )
    found = train_whole(task_of(digits, "tau", tuned=True), digits)
    assert found.measures["setting"] in WHOLE["tau"].settings and WHOLE["tau"].settings != RATES
    assert trained == ["trial-0.01-0", "all-0.01-0"]
    assert torch.equal(found.weights["0.head.weight"], plain.weights["0.head.weight"])


def test_counterfeits_are_made_once_for_all_rates(digits, monkeypatch):
    made = []
    monkeypatch.setattr(whole._Bench, "_counterfeits", lambda self, part, *_: made.append(part) or [])
    train_whole(task_of(digits, "gan", tuned=True), digits)
    assert made == ["trial", "all"]


@pytest.mark.parametrize("name", ["resnet50", "resnet9-cifar"])
def test_another_network_is_refused(digits, name):
    task = task_of(digits, "plain")
    wrong = task.backbone.model_copy(update={"name": name})
    with pytest.raises(LabError, match=name):
        train_whole(type(task)(**vars(task) | {"backbone": wrong}), digits)
