"""The lesson on few labels: who is labelled, what each player minimises, interrupted runs end the same."""

import time

import numpy as np
import pytest
import torch
from matplotlib import pyplot as plt

from lt_lib import data as datasets
from lt_lib.errors import BudgetEnded, LabError
from lt_lib.lab import figure, plan
from lt_lib.lab.train import topics as lessons
from lt_lib.works.lectures.few_labels import (
    Classifier,
    _diluted,
    classifier_loss,
    few,
    generator_loss,
    image_generator,
    train_few_labels,
)
from lt_lib.works.lectures.options import FewLabels


@pytest.fixture
def task(lab_env):
    def made(key="ssgan-20", optimizer=None, **changes):
        spec = plan("lectures-few-labels", key, "smoke")[0].spec
        lesson, opt = (
            spec.lesson.model_copy(update=changes),
            spec.optimizer.model_copy(update=optimizer or {}),
        )
        return lessons.tasks(
            spec.model_copy(update={"lesson": lesson, "optimizer": opt}), datasets.load(spec.data)
        )[0][0]

    return made


def run(task, **options):
    return train_few_labels(task, datasets.load("digits8"), **options)


def players():
    torch.manual_seed(0)
    return Classifier(4, 3, 16, 0.0).eval(), image_generator(2, 4, 8), torch.randn(20, 4)


def test_as_many_of_each_class_and_the_same_for_all_methods():
    labels = np.arange(300) % 10
    keep = few(labels, 50, seed=1)
    assert len(set(keep)) == 50 and set(np.bincount(labels[keep])) == {5}
    assert np.array_equal(keep, few(labels, 50, seed=1)) and not np.array_equal(
        np.sort(keep), np.sort(few(labels, 50, seed=2))
    )
    assert set(few(labels, 20, seed=1)) <= set(keep)  # more labels are more of the same


@pytest.mark.parametrize(("count", "message"), [(25, "multiple of 10"), (400, "at most 300")])
def test_labels_that_cannot_be_are_named(count, message):
    with pytest.raises(LabError, match=message):
        few(np.arange(300) % 10, count, 0)


@pytest.mark.parametrize("size", [1, 100_000])
def test_a_batch_that_the_pool_cannot_fill_is_refused(task, size):
    with pytest.raises(LabError, match=f"batch_size is {size}; .* needs batches of 2 to "):
        run(task(optimizer={"batch_size": size}))


def test_losses_are_those_of_the_game():
    net, maker, pool = players()
    x, y, made = pool[:6], torch.tensor([0, 1, 2, 0, 1, 2]), maker(torch.randn(20, 2)).detach()
    plain = torch.nn.functional.cross_entropy(net(x), y)
    z, fake_z = net(pool).exp().sum(1), net(made).exp().sum(1)
    game = plain - (z / (z + 1)).log().mean() - (1 / (fake_z + 1)).log().mean()
    p = net(pool).softmax(1)
    entropy = plain - (p * p.log()).sum(1).mean()
    for method, theirs, expected in (
        ("supervised", None, plain),
        ("ssgan", made, game),
        ("matching", made, game),
        ("entropy", None, entropy),
    ):
        assert torch.allclose(classifier_loss(net, x, y, pool, theirs, method), expected, atol=1e-6)


def test_the_forger_opposes_or_imitates():
    net, maker, pool = players()
    made = maker(torch.randn(20, 2))
    assert torch.allclose(
        generator_loss(net, made, pool, "ssgan"), (1 / (net(made).exp().sum(1) + 1)).log().mean(), atol=1e-6
    )
    assert generator_loss(net, pool, pool, "matching") == 0 < generator_loss(net, made, pool, "matching")
    down = torch.autograd.grad(generator_loss(net, made, pool, "ssgan"), maker.parameters())
    assert any(g.abs().max() > 0 for g in down)


def test_supervised_does_not_look_into_the_box(task):
    whole, spoilt = run(task("supervised-20")), run(task("supervised-20", foreign=1.0))
    assert whole.history == spoilt.history
    assert run(task()).history != run(task(foreign=1.0)).history


def test_a_diluted_box_keeps_its_pixels():
    pool = torch.rand(50, 9)
    mixed = _diluted(pool, FewLabels(foreign=0.4), seed=0)
    moved = (mixed != pool).any(1)
    assert 15 <= moved.sum() <= 20 and torch.equal(mixed.sort(1).values, pool.sort(1).values)


@pytest.mark.parametrize("key", ["supervised-10", "ssgan-10", "matching-10", "entropy-10"])
def test_an_interrupted_run_ends_the_same(task, tmp_path, key):
    path, wanted = tmp_path / "checkpoint.pt", task(key, {"epochs": 3})
    whole = run(wanted)
    with pytest.raises(BudgetEnded):
        run(wanted, checkpoint=path, deadline=time.monotonic())
    resumed = run(wanted, checkpoint=path)
    assert resumed.history == whole.history
    assert all(torch.equal(resumed.logits[name], whole.logits[name]) for name in whole.logits)


def test_noise_is_for_training_only():
    net = Classifier(4, 3, 16, 0.5)
    x = torch.randn(8, 4)
    assert not torch.equal(net(x), net(x))
    net.eval()
    assert torch.equal(net(x), net(x))


def test_figures(lab_env):
    from lt_lib import lab

    records = lab.run(
        "lectures-few-labels",
        rows=["supervised-10", "ssgan-10", "supervised-100", "ssgan-100"],
        profile="smoke",
    )
    shown = figure("few-labels", records)
    hollow = [c.lines[0] for c in shown.axes[0].containers if c.lines[0].get_markerfacecolor() == "white"]
    assert [list(np.round(np.asarray(line.get_ydata(), float), 6)) for line in hollow] == [
        [round(next(r.metric() for r in records if r.key == f"{m}-{n}"), 6) for n in (10, 100)]
        for m in ("supervised", "ssgan")
    ]
    x = torch.rand(30, 2)
    panels = {
        "a": (Classifier(2, 2, 4, 0.0).eval(), None),
        "b": (Classifier(2, 2, 4, 0.0).eval(), torch.rand(5, 2)),
        "c": (Classifier(2, 2, 4, 0.0).eval(), None),
        "d": (Classifier(2, 2, 4, 0.0).eval(), None),
    }
    shown = figure("semi-regions", x, torch.arange(30) % 2, torch.arange(6), panels)
    assert [ax.get_title() for ax in shown.axes] == list("abcd")
    plt.close("all")
