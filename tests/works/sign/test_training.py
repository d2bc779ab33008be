"""The topic of sign: what is shown, what copies are, what is measured, and that a run can be interrupted."""

import dataclasses
import time

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from lt_lib import data
from lt_lib.errors import BudgetEnded, LabError
from lt_lib.lab import load, plan
from lt_lib.lab.record.spec import resolve
from lt_lib.lab.train.topics import tasks
from lt_lib.works.sign import copies, fitting
from lt_lib.works.sign.fitting import sets_of
from lt_lib.works.sign.measures import doubt, measures_of, risk_coverage
from lt_lib.works.sign.options import Copies
from lt_lib.works.sign.training import train_regularised


@pytest.fixture(scope="module")
def digits():
    return data.load("digits8")


def task_of(digits, row="none", experiment="sign-table1", backbone=None, **lesson):
    """A row at smoke, on 60 images, without strange ones."""
    spec = plan(experiment, row, "smoke", seeds=1)[0].spec
    lesson = {"images": 60, "strange": None} | lesson
    spec = spec.model_copy(update={"lesson": spec.lesson.model_copy(update=lesson)})
    return tasks(spec, digits)[0][0]


@pytest.fixture
def cache(monkeypatch, tmp_path):
    monkeypatch.setenv("LT_CACHE", str(tmp_path))
    return tmp_path


def test_grey_images_fill_three_channels_and_a_side(digits):
    x = fitting.resized(digits.images("train")[:3], 16)
    assert x.shape == (3, 3, 16, 16) and (x[:, 0] == x[:, 2]).all()
    whole = torch.from_numpy(digits.images("train")[:3].mean((1, 2, 3)) / 255)
    assert x.float().mean((1, 2, 3)) == pytest.approx(whole, abs=0.02)


def test_copies_stand_behind_the_images_with_their_labels(digits, cache):
    task = task_of(digits, "sign")
    plain = sets_of(task, digits)
    sets = copies.with_copies(task, digits, plain)
    n = plain.images
    assert len(sets.train) == len(sets.labels) == 3 * n and sets.images == n
    assert (sets.train[:n] == plain.train).all()
    assert (sets.labels.view(3, n) == plain.labels).all()
    moved = (sets.train.float().view(3, n, -1) - plain.train.float().view(1, n, -1)).abs().amax(2)
    reach = task.lesson.copies.reach
    assert (moved[1] <= reach / 2 + 2e-3).all() and (moved[2] <= reach + 2e-3).all()
    assert (
        (moved[2] > 1.5 * moved[1]).float().mean() > 0.5
        and (sets.train >= 0).all()
        and (sets.train <= 1).all()
    )


def test_maker_and_copies_are_made_once(digits, cache, monkeypatch):
    task = task_of(digits, "sign")
    plain = sets_of(task, digits)
    first = copies.with_copies(task, digits, plain).train

    def never(*_, **__):
        raise AssertionError("made again")

    monkeypatch.setattr(copies, "fit", never)
    monkeypatch.setattr(copies, "change", never)
    assert (copies.with_copies(task, digits, plain).train == first).all()
    other = task_of(digits, "sign", copies=Copies(steps=(2,), reach=1))
    with pytest.raises(AssertionError, match="made again"):
        copies.with_copies(other, digits, plain)


def test_a_damaged_maker_and_damaged_copies_are_made_again(digits, cache, change_a_number, capsys):
    task = task_of(digits, "sign")
    plain = sets_of(task, digits)
    first = copies.with_copies(task, digits, plain).train
    capsys.readouterr()
    for file in (kept := sorted(cache.rglob("*.pt"))):
        change_a_number(file)
    assert len(kept) > 1 and (copies.with_copies(task, digits, plain).train == first).all()
    assert capsys.readouterr().err.count("damaged, made again") == len(kept)


def test_copying_goes_on_where_it_was_interrupted(digits, cache, monkeypatch):
    task = task_of(digits, "sign")
    plain = sets_of(task, digits)
    monkeypatch.setattr(copies, "CHUNK", 16)
    whole = copies.with_copies(task, digits, plain).train
    (folder,) = (cache / "sign").glob("copies-*")
    chunks = sorted(folder.glob("*.pt"))
    assert len(chunks) == -(-plain.images // 16)
    chunks[-1].unlink()
    chunks[0].write_bytes(b"no chunk")
    with pytest.raises(BudgetEnded):
        copies.with_copies(task, digits, plain, time.monotonic() - 1)
    assert (copies.with_copies(task, digits, plain).train == whole).all()


class Bright(nn.Module):
    """Features that grow with the red channel alone."""

    head_hidden_size = 1

    def forward_features(self, x):
        return x

    def forward_head(self, x, pre_logits=False):
        return x[:, 0].square().mean((1, 2))[:, None]


@pytest.fixture
def own(digits):
    return sets_of(task_of(digits), digits)


def test_noise_goes_as_far_and_contrast_comes_as_near_as_it_can(own):
    x = own.train[:8].float() * 0.5 + 0.25
    plain, noise, contrast = (
        copies.change(Bright(), own, Copies(way=way, steps=(3,), reach=0.03, clip=False), x)[0].float()
        for way in ("sign", "noise", "contrast")
    )
    far = [(found - x).flatten(1).norm(dim=1) for found in (plain, noise)]
    assert far[0] == pytest.approx(far[1], rel=1e-2) and far[0].min() > 0.01
    assert (plain - x)[:, 1:].abs().max() < 1e-3, "only red matters to this network"
    left = (plain - contrast).flatten(1)
    assert left.mean(1).abs().max() < 1e-3
    assert ((left * x.flatten(1)).sum(1) / x.flatten(1).norm(dim=1)).abs().max() < 0.05
    assert (left.norm(dim=1) <= far[0] + 1e-3).all()


def test_copies_that_float16_cannot_hold_are_refused(own):
    wild = Copies(steps=(1,), reach=1e9, clip=False)
    with pytest.raises(LabError, match="lower copies.reach"):
        copies.change(Bright(), own, wild, own.train[:2])


def test_alone_only_what_was_added_is_shown(digits, cache):
    task = task_of(digits, "sign", copies=Copies(steps=(4,), reach=0.08, alone=True))
    plain = sets_of(task, digits)
    sets = copies.with_copies(task, digits, plain)
    assert len(sets.train) == plain.images and sets.test[0].shape == plain.test[0].shape
    for part in (sets.train, sets.val[0], sets.test[0]):
        largest = part.float().flatten(1).abs().amax(1)
        assert ((largest - 1).abs().lt(2e-3) | largest.eq(0)).all() and (part < 0).any()
    assert (sets.mean - plain.mean).abs().max() > 0.01


def test_another_network_can_make_the_copies():
    experiment = load("sign-table4")
    (row,) = (row for row in experiment.rows if row.set["lesson"].get("maker"))
    spec = resolve(experiment, row, row.variants[0], "paper", "real", 0)
    assert (spec.backbones[0].name, spec.lesson.maker.name) == ("nasnet-mobile", "mobilenetv2_100")
    spec = resolve(experiment, row, row.variants[0], "laptop", "embedded", 0)
    assert spec.lesson.maker.stands_in_for == "mobilenetv2_100"


@pytest.mark.parametrize(
    ("lesson", "shown"),
    [({"budget": "copies"}, 3), ({"budget": "images"}, 1), ({"shown": 2}, 6)],
)
def test_how_much_an_epoch_shows(digits, own, monkeypatch, lesson, shown):
    sets = own.with_copies(torch.stack([own.train, own.train]))
    seen = []
    monkeypatch.setattr(fitting, "_loss", lambda net, *given: seen.append(len(given[1])) or _any(net))
    task = task_of(digits, **lesson)
    fitting.fit(task, task.backbone, task.lesson, sets)
    assert sum(seen) == shown * own.images


def _any(net):
    return sum(p.sum() for p in net.parameters())


def test_order_shows_each_image_again_before_another_comes_twice():
    order = fitting._order(5, 12, torch.Generator().manual_seed(0))
    assert (
        len(order) == 12 and [sorted(part.tolist()) for part in order[:10].split(5)] == [[0, 1, 2, 3, 4]] * 2
    )


def test_mixed_loss_is_the_cross_entropy_of_soft_labels(digits, own, monkeypatch):
    lesson = task_of(digits, "mixup").lesson
    monkeypatch.setattr(fitting, "draw_lam", lambda alpha, gen: torch.tensor(0.3))
    x, y = own.standard(own.train[:6]), own.labels[:6]
    net = nn.Sequential(nn.Flatten(), nn.Linear(3 * 16 * 16, 10))
    found = fitting._loss(net, lesson, x, y, 10, torch.Generator().manual_seed(4), "float32")
    perm = torch.randperm(6, generator=torch.Generator().manual_seed(4))
    soft = 0.3 * F.one_hot(y, 10) + 0.7 * F.one_hot(y[perm], 10)
    assert found.item() == pytest.approx(F.cross_entropy(net(0.3 * x + 0.7 * x[perm]), soft).item(), rel=1e-4)


def test_doubt_by_hand():
    p = torch.tensor(
        [[0.45, 0.30, 0.25], [0.6, 0.2, 0.2], [0.30, 0.40, 0.30], [0.2, 0.5, 0.3], [0.5, 0.3, 0.2]]
    )
    sigma, labels = torch.tensor([1.0, 9.0, 9.0, 3.0, 2.0]), torch.tensor([0, 0, 0, 1, 0])
    found = doubt(p.log(), sigma, labels, 3)
    assert {k: v for k, v in found.items() if "count" in k} == {
        "doubt_count": 3.0,
        "doubt_count.0": 2.0,
        "doubt_count.1": 1.0,
        "doubt_count.2": 0.0,
    }
    assert found["doubt_p"] == pytest.approx((0.45 + 0.5 + 0.5) / 3)
    assert found["doubt_uncertainty.0"] == pytest.approx((1 + 4) / 2)
    assert "doubt_p.2" not in found, "a mean over no image"


def test_risk_coverage_by_hand():
    right = torch.tensor([True, False, True, True])
    assert risk_coverage(torch.tensor([0.9, 0.1, 0.8, 0.7]), right).tolist() == [0, 0, 0, 1 / 4]
    assert risk_coverage(torch.tensor([0.1, 0.9, 0.2, 0.3]), right).tolist() == [1, 1 / 2, 1 / 3, 1 / 4]


def test_areas_are_of_the_positive_class(digits, cache):
    task = task_of(digits, positive=3)
    net, _ = fitting.fit(task, task.backbone, task.lesson, sets_of(task, digits))
    sets = sets_of(task, digits)
    found = measures_of(net, task, sets)
    x, y = sets.test
    p = fitting.answers(net, sets, x, "float32")[0].softmax(1)[:, 3]
    ill, well = p[y == 3], p[y != 3]
    area = (ill[:, None] > well).double().mean() + (ill[:, None] == well).double().mean() / 2
    assert found["auc"] == pytest.approx(float(area), abs=1e-4)
    assert found["auc_low"] < found["auc"] < found["auc_high"] and {"val_auc", "val_auc_low"} <= set(found)
    with pytest.raises(LabError, match="lesson.positive is 10; there are 10 classes"):
        measures_of(net, task_of(digits, positive=10), sets)


def test_an_interrupted_run_ends_like_an_uninterrupted_one(digits, cache, tmp_path):
    task = task_of(digits, "mixup")
    task = dataclasses.replace(task, optimizer=task.optimizer.model_copy(update={"epochs": 3}))
    whole = train_regularised(task, digits)
    checkpoint, rounds = tmp_path / "part.pt", 0
    while True:
        rounds += 1
        try:
            parts = train_regularised(task, digits, checkpoint, time.monotonic() - 1)
            break
        except BudgetEnded:
            assert rounds < 9
    assert rounds == 3 and parts.measures == whole.measures
    assert all((parts.weights[k] == v).all() for k, v in whole.weights.items())


def test_measures_of_a_network_with_two_heads(digits, cache):
    task = task_of(digits, "classical-doubt", "sign-table2", strange="digits10_other")
    found = train_regularised(task, digits).measures
    assert {"doubt_count", "aurc", "aurc_sigma", "gauss_accuracy", "gauss_sd", "pixels_sd"} <= set(found)
    assert found["strange_images"] == 643 == sum(found[f"strange_images.{k}"] for k in (1, 2, 3, 5, 6))
    right = sum(found[f"strange_accuracy.{k}"] * found[f"strange_images.{k}"] for k in (1, 2, 3, 5, 6))
    assert right / 643 == pytest.approx(found["strange_accuracy"])
    assert 0 < found["variance_ratio"] and -1 <= found["silhouette"] <= 1
