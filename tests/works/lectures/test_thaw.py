"""The lesson on borrowed networks: what is borrowed is borrowed, what is frozen stays, what is measured is
what it is called."""

import time

import numpy as np
import pytest
import torch

from lt_lib import data as datasets
from lt_lib.errors import BudgetEnded, LabError
from lt_lib.lab import plan
from lt_lib.lab.record.plan import definition
from lt_lib.lab.record.spec import topic
from lt_lib.lab.train import topics as lessons
from lt_lib.works.lectures import thaw as lesson_thaw
from lt_lib.works.lectures.thaw import (
    Blocks,
    _images,
    _remembered,
    _transfer,
    plain_blocks,
    pooled,
    probe,
    source_network,
    standardise,
    train_thaw,
)

FAR = "droughtsim_500"  # as droughtsim_2k, and quicker to make


@pytest.fixture
def task(lab_env):
    def made(key="frozen", optimizer=None, backbone=None, **changes):
        spec = plan("lectures-thaw", key, "smoke")[0].spec
        lesson, opt = (
            spec.lesson.model_copy(update=changes),
            spec.optimizer.model_copy(update=optimizer or {}),
        )
        backbones = tuple(b.model_copy(update=backbone or {}) for b in spec.backbones)
        spec = spec.model_copy(update={"lesson": lesson, "optimizer": opt, "backbones": backbones})
        return lessons.tasks(spec, datasets.load(FAR if key.startswith("far") else spec.data))[0][0]

    return made


def run(task, data="digits10", **options):
    return train_thaw(task, datasets.load(data), **options)


def test_blocks_one_by_one_are_the_network():
    torch.manual_seed(0)
    net, x = Blocks(plain_blocks((4, 6)), 6, 5).eval(), torch.randn(3, 3, 16, 16)
    assert net(x).shape == (3, 5) and pooled(net.run(x)).shape == (3, 24)
    assert torch.equal(net(net.run(x, 0, 1), 1), net(x))


def test_an_image_standardised_by_itself_forgets_its_light():
    pixels = torch.randint(0, 100, (4, 3, 8, 8), dtype=torch.uint8)
    assert torch.allclose(standardise(pixels), standardise(pixels + 100), atol=1e-4)
    mean, spread = (torch.full((1, 3, 1, 1), v) for v in (0.5, 0.25))
    assert torch.allclose(standardise(pixels, "set", (mean, spread)), (pixels / 255 - 0.5) / 0.25, atol=1e-6)


def test_the_lender_is_trained_once_and_has_learned(task, monkeypatch):
    backbone = task(backbone={"options": {"widths": [8, 12]}}).backbone
    recipe = backbone.pretrained.model_copy(update={"n_per_class": 4, "epochs": 2})
    backbone = backbone.model_copy(update={"pretrained": recipe})
    first = source_network(backbone)
    monkeypatch.setattr(lesson_thaw, "_pretrain", None)  # a second training would be an error
    again = source_network(backbone)
    assert all(
        torch.equal(a, b)
        for a, b in zip(first.state_dict().values(), again.state_dict().values(), strict=True)
    )
    assert first.head.out_features == 50 and not first.training


def test_a_damaged_lender_is_trained_again(task, tmp_path, monkeypatch, change_a_number, capsys):
    monkeypatch.setenv("LT_CACHE", str(tmp_path))
    backbone = task(backbone={"options": {"widths": [8, 12]}}).backbone
    recipe = backbone.pretrained.model_copy(update={"n_per_class": 4, "epochs": 2})
    backbone = backbone.model_copy(update={"pretrained": recipe})
    first = source_network(backbone).blocks.state_dict()
    (file,) = tmp_path.rglob("*.pt")
    change_a_number(file)
    again = source_network(backbone).blocks.state_dict()
    assert f"{file}: damaged, made again" in capsys.readouterr().err
    assert all(torch.equal(again[name], value) for name, value in first.items())


@pytest.mark.parametrize(
    ("borrowed", "frozen"), [(0.0, 0.0), (0.5, 0.25), (1.0, 0.75), (1.0, 1.0), (0.0, 1.0)]
)
def test_what_is_borrowed_and_what_stays(task, borrowed, frozen):
    made = task(borrowed=borrowed, frozen=frozen, old=0, probes=False)
    source = source_network(made.backbone)
    before, stays = _transfer(made, source, 10)
    assert stays == round(4 * frozen)
    same = [
        all(
            torch.equal(a, b)
            for a, b in zip(mine.state_dict().values(), theirs.state_dict().values(), strict=True)
        )
        for mine, theirs in zip(before.blocks, source.blocks, strict=True)
    ]
    assert same == [k < 4 * borrowed for k in range(4)]
    after = run(made).weights
    for k, block in enumerate(before.blocks):
        kept = all(
            torch.equal(value, after[f"blocks.{k}.{name}"]) for name, value in block.state_dict().items()
        )
        assert kept == (k < stays)  # weights and batch statistics alike
    assert not torch.equal(before.head.weight, after["head.weight"])


def test_a_slower_rate_moves_borrowed_blocks_less(task):
    moved = [run(task("all", {"epochs": 2}, old=0, slower=s)).measures["moved"] for s in (1.0, 0.1)]
    assert 0 < moved[1] < 0.3 * moved[0]


def test_a_frozen_network_remembers_all_and_a_thawed_one_is_judged_by_the_old_head(task):
    made = task("frozen", probes=False, old=4)
    source = source_network(made.backbone)
    frozen = run(made).measures
    assert {name: frozen[name] for name in ("old", "old_again")} == _remembered(
        source, source, made
    ) and frozen["moved"] == 0
    lost = Blocks(plain_blocks((4, 8, 8, 8)), 8, 50).eval()
    for parameter in lost.parameters():
        parameter.data.zero_()
    assert _remembered(lost, source, made)["old"] == pytest.approx(
        0.02
    )  # one answer for all: one class in fifty


def test_probes_read_what_is_there():
    rng = np.random.default_rng(0)
    y = {name: np.arange(n) % 3 for name, n in (("train", 60), ("val", 30), ("test", 300))}
    told = {name: np.eye(3)[labels] + 0.1 * rng.normal(size=(len(labels), 3)) for name, labels in y.items()}
    mute = {name: rng.normal(size=values.shape) for name, values in told.items()}
    assert probe(told, y)[1] == 1 and probe(mute, y)[1] == pytest.approx(1 / 3, abs=0.12)


def test_a_record_with_probes(task):
    found = run(task("far-frozen"), FAR).measures
    assert {f"probe_{k}" for k in range(5)} <= set(found) and 0 <= found["probe_best"] <= 4
    assert found["lower_gain"] == pytest.approx(found["probe_2"] - found["probe_4"])


def test_classes_count_alike(task):
    """With nothing to go by, an unweighted loss would lean to the large class."""
    made = task("far-untrained", {"epochs": 3, "lr": 0.05}, probes=False)
    images = _images(made, datasets.load(FAR))
    blind = {name: lesson_thaw.Split(torch.zeros(len(s.y), 8, 2, 2), s.y) for name, s in images.items()}
    net, _ = _transfer(made, source_network(made.backbone), 4)
    logits = lesson_thaw._fit(made, net, 4, blind, None, None).logits["last"].float()
    assert logits[0].softmax(0).tolist() == pytest.approx([0.25] * 4, abs=0.12)


def test_an_interrupted_run_ends_the_same(task, tmp_path):
    def made():
        return task("top", {"epochs": 3}, looks=2, old=0)

    whole, path = run(made()), tmp_path / "checkpoint.pt"
    for _ in range(2):
        with pytest.raises(BudgetEnded):
            run(made(), checkpoint=path, deadline=time.monotonic())
    resumed = run(made(), checkpoint=path)
    assert resumed.history == whole.history and resumed.epochs == whole.epochs == {
        "last": 3,
        **{name: whole.epochs[name] for name in ("best_on_val", "best_on_test")},
    }
    assert all(torch.equal(resumed.weights[name], whole.weights[name]) for name in whole.weights)


@pytest.mark.parametrize(
    ("key", "changes", "message"),
    [
        ("frozen", {"backbone": {"pretrained": False}}, "registered weights or those of a recipe"),
        ("far-frozen", {"bands": (1, 2)}, "three bands"),
        ("all", {"optimizer": {"lr": 1e30, "schedule": "constant"}}, r"lower optimizer\.lr"),
        ("frozen", {"backbone": {"name": "resnet18", "options": {}}}, "blocks are not known"),
    ],
)
def test_what_cannot_be_is_named(task, key, changes, message):
    with pytest.raises(LabError, match=message):
        run(task(key, **changes), FAR if key.startswith("far") else "digits10")


def test_topics_have_modules():
    assert definition(*topic("thaw").code) is lesson_thaw.train_thaw
