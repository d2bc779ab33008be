"""The lesson on targets: each switch does what it says, only training labels are ever wrong, and a run
resumes where it stopped."""

from dataclasses import replace

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from lt_lib import data as datasets
from lt_lib.errors import BudgetEnded
from lt_lib.lab import LabError, load
from lt_lib.lab.record.spec import resolve
from lt_lib.lab.train import topics as lessons
from lt_lib.metrics import classification_report
from lt_lib.works.lectures import targets as lesson_targets
from lt_lib.works.lectures.options import Distillation, Mixup, Smoothing
from lt_lib.works.lectures.targets import SmallCNN, corrupt, erased, fit_temperature, reliability_bins
from lt_lib.works.lectures.targets import train_targets as train


@pytest.fixture(scope="module")
def digits():
    torch.set_num_threads(1)
    return datasets.load("digits8")


def task_of(digits, key="hard", epochs=2, **lesson):
    experiment = load("lectures-targets")
    spec = resolve(experiment, experiment.select(key)[0], "as-released", "smoke", "embedded", 0)
    (task,), _ = lessons.tasks(spec, digits)
    return replace(
        task,
        lesson=task.lesson.model_copy(update=lesson),
        optimizer=task.optimizer.model_copy(update={"epochs": epochs}),
    )


def test_rows_differ_in_their_targets_only(digits):
    experiment = load("lectures-targets")
    specs = {
        row.key: resolve(experiment, row, "as-released", "laptop", "embedded", 1) for row in experiment.rows
    }
    assert {(s.optimizer, s.seeds, s.data, s.lesson.images) for s in specs.values()} == {
        (specs["hard"].optimizer, specs["hard"].seeds, "digits8", specs["hard"].lesson.images)
    }
    assert {k for k, s in specs.items() if s.lesson.corrupted} == {k for k in specs if k.endswith("-40")}
    assert {k for k, s in specs.items() if s.lesson.distillation} == {
        "student-of-hard",
        "student-of-smoothed",
    }
    paper = resolve(experiment, experiment.select("mixup")[0], "as-released", "paper", "real", 0)
    assert paper.lesson.mixup.alpha == 1 and paper.optimizer.epochs == 200 and paper.lesson.rule == "sgd"


def test_corruption_changes_the_share_it_says_and_always_the_class():
    labels = torch.arange(10).repeat(50)
    given, wrong = corrupt(labels, 10, 0.4, seed=3)
    assert (
        int(wrong.sum()) == 200
        and (given[wrong] != labels[wrong]).all()
        and torch.equal(given[~wrong], labels[~wrong])
    )
    shifts = torch.bincount((given - labels)[wrong] % 10, minlength=10)
    assert shifts[0] == 0 and (shifts[1:] > 5).all()  # every other class is hit
    assert torch.equal(corrupt(labels, 10, 0.4, seed=3)[0], given) and not torch.equal(
        corrupt(labels, 10, 0.4, seed=4)[0], given
    )
    assert torch.equal(corrupt(labels, 10, 0.0, seed=3)[0], labels)


def test_only_training_labels_are_wrong(digits):
    clean, noisy = (lesson_targets._sets(task_of(digits, corrupted=share), digits) for share in (0.0, 0.4))
    assert torch.equal(clean.val.labels, noisy.val.labels) and torch.equal(
        clean.test.labels, noisy.test.labels
    )
    assert torch.equal(noisy.train.labels, clean.given) and int((noisy.given != clean.given).sum()) == round(
        0.4 * len(clean.given)
    )


def test_the_targets_are_those_of_the_row(digits, monkeypatch):
    seen = []
    real = F.cross_entropy

    def spy(logits, target, **options):
        if target.dim() == 2 and logits.requires_grad:
            seen.append(target)
        return real(logits, target, **options)

    monkeypatch.setattr(lesson_targets.F, "cross_entropy", spy)
    totals, tops = {}, {}
    for name, change in {
        "hard": {},
        "smoothed": {"smoothing": Smoothing(alpha=0.2)},
        "mixup": {"mixup": Mixup(alpha=1)},
        "slide": {"smoothing": Smoothing(alpha=0.2, variant="slide")},
    }.items():
        seen.clear()
        train(task_of(digits, epochs=1, **change), digits)
        every = torch.cat(seen)
        totals[name], tops[name] = every.sum(1), every.max(1).values
    assert (totals["hard"] == 1).all() and (tops["hard"] == 1).all()
    assert torch.allclose(tops["smoothed"], torch.tensor(0.82)) and torch.allclose(
        totals["smoothed"], torch.tensor(1.0)
    )
    assert torch.allclose(totals["slide"], torch.tensor(0.98)) and torch.allclose(
        totals["mixup"], torch.tensor(1.0)
    )
    assert (tops["mixup"] < 0.999).any()


def test_a_network_of_many_epochs_learns_wrong_labels_by_heart(digits):
    outcome = train(task_of(digits, epochs=25, corrupted=0.4), digits)
    curve, measures = outcome.history["memorised"], outcome.measures
    assert len(curve) == len(outcome.history["recovered"]) == 25
    assert curve[-1] > 0.9 and curve[0] < 0.5
    assert measures["memorised"] == curve[-1] and measures["train_accuracy"] > 0.9
    assert measures["memorised"] + measures["recovered"] <= 1


def test_the_same_seeds_give_the_same_numbers_and_the_histogram_is_that_of_the_logits(digits):
    one, two = (train(task_of(digits, mixup=Mixup(), dropout=0.5, corrupted=0.4), digits) for _ in range(2))
    assert one.history == two.history and torch.equal(one.logits["last"], two.logits["last"])
    history, truth = one.history, torch.as_tensor(np.asarray(digits.labels("test"))).long()
    assert sum(history["bin_count"]) == len(truth)
    assert sum(history["bin_correct"]) / len(truth) == pytest.approx(history["test_accuracy"][-1])


@pytest.mark.parametrize(
    "change", [{"mixup": Mixup(), "dropout": 0.5, "corrupted": 0.4}, {"distillation": Distillation()}]
)
def test_an_interrupted_run_ends_as_an_uninterrupted_one(digits, tmp_path, change):
    task, checkpoint = task_of(digits, epochs=3, **change), tmp_path / "c.pt"
    whole, stops = train(task, digits), 0
    while True:
        try:
            parted = train(task, digits, checkpoint, deadline=0.0)
            break
        except BudgetEnded:
            stops += 1
    assert stops >= 2 and torch.equal(whole.logits["last"], parted.logits["last"])
    assert whole.history == parted.history and not list(tmp_path.glob("*.teacher.pt"))


def test_a_student_learns_from_its_teacher_and_not_from_labels(digits):
    """With labels that are all wrong for a reason of ours, the loss of a distilling student does not move."""
    task = task_of(digits, "student-of-hard")
    sets = lesson_targets._sets(task, digits)
    net, teacher = lesson_targets._network(task, 1, sets), lesson_targets._network(task, 2, sets).eval()
    assert teacher.head.in_features == 2 * net.head.in_features
    batch, gen = torch.arange(32), torch.Generator()
    net.eval()
    before = lesson_targets._loss(net, task.lesson, sets, batch, gen, teacher, "float32")
    sets.given = (sets.given + 1) % 10
    assert (
        torch.equal(before, lesson_targets._loss(net, task.lesson, sets, batch, gen, teacher, "float32"))
        and before > 0
    )
    itself = lesson_targets._loss(net, task.lesson, sets, batch, gen, net, "float32").detach()
    assert float(itself) == pytest.approx(0, abs=1e-6)


def test_sgd_drops_and_crops(digits):
    task = task_of(digits, epochs=4, rule="sgd", drops=(0.5, 0.75), augment="crop-flip")
    outcome = train(task, digits)
    rate = task.optimizer.lr
    assert outcome.history["lr"] == pytest.approx([rate, rate, rate / 10, rate / 100])
    assert (
        outcome.history["train_loss"]
        != train(task_of(digits, epochs=4, rule="sgd", drops=(0.5, 0.75)), digits).history["train_loss"]
    )


def test_a_large_network_gets_a_stem_for_small_images(digits):
    task = task_of(digits)
    plain = task.backbone.model_copy(update={"name": "resnet18", "options": {"channels": [4, 4, 8, 8]}})
    sets = lesson_targets._sets(task, digits)
    net = lesson_targets._network(replace(task, backbone=plain), 2, sets)
    assert net.conv1.stride == (1, 1) and net.conv1.in_channels == 1 and net.fc.in_features == 16
    features, logits = lesson_targets._penultimate(net.eval(), torch.randn(2, 1, 8, 8))
    assert torch.allclose(net.fc(features), logits, atol=1e-6)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"backbone": None}, "needs a backbone"),
        ({"schedule": "one-cycle"}, "lesson.drops"),
        ({"options": {"depth": 3}}, "cannot be built"),
        ({"name": "resnet19"}, "cannot be built"),
        ({"pretrained": True}, "random weights"),
        ({"lr": 1e30}, "not finite"),
    ],
)
def test_what_cannot_be_trained_is_said(digits, change, words):
    task = task_of(digits)
    if "backbone" in change:
        task = replace(task, backbone=None)
    elif "schedule" in change or "lr" in change:
        task = replace(task, optimizer=task.optimizer.model_copy(update=change))
    else:
        task = replace(task, backbone=task.backbone.model_copy(update=change))
    with pytest.raises(LabError, match=words):
        train(task, digits)


def test_the_temperature_undoes_a_scale():
    gen = torch.Generator().manual_seed(0)
    logits = torch.randn(3000, 5, generator=gen) * 2
    labels = torch.multinomial(logits.softmax(1), 1, generator=gen)[:, 0]
    assert fit_temperature(logits, labels) == pytest.approx(1, abs=0.06)
    assert fit_temperature(3 * logits, labels) == pytest.approx(3 * fit_temperature(logits, labels), rel=1e-3)


def test_merged_bins_give_the_calibration_error_of_the_report():
    gen = torch.Generator().manual_seed(0)
    logits, labels = torch.randn(400, 4, generator=gen) * 3, torch.randint(4, (400,), generator=gen)
    sums = reliability_bins(logits, labels)
    gaps = np.subtract(sums["bin_correct"], sums["bin_confidence"]).reshape(15, -1).sum(1)
    want = classification_report(logits, labels, scores="logits")["ece"]
    assert np.abs(gaps).sum() / 400 == pytest.approx(want, abs=1e-9)


def test_erased_is_zero_without_differences_and_grows_with_them():
    labels, gen = torch.arange(3).repeat_interleave(20), torch.Generator().manual_seed(0)
    logits = 5 * F.one_hot(labels, 3).float()
    features, noise = logits.clone(), torch.randn(60, 3, generator=gen)
    assert erased(features, logits, labels) == pytest.approx({"tightness": 0, "resemblance": 0}, abs=1e-9)
    little, much = (erased(features + s * noise, logits + s * noise, labels) for s in (0.1, 0.5))
    assert 0 < little["tightness"] < much["tightness"] < 1 and 0 < little["resemblance"] < much["resemblance"]
    louder = erased(3 * features + 0.3 * noise, 3 * logits + 0.3 * noise, labels)  # the unit does not count
    assert louder == pytest.approx(little)


@pytest.mark.parametrize("side", [8, 28, 32])
def test_the_small_network_takes_any_side(side):
    net = SmallCNN(7, 2, side, width=4)
    assert net(torch.zeros(3, 2, side, side)).shape == (3, 7)
