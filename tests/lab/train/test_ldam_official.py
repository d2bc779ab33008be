"""The official recipe of LDAM-DRW: its images, its rates, what it refuses, and that it learns."""

import numpy as np
import pytest
from helpers import write_experiment

from lt_lib.lab import LabError, load, run
from lt_lib.lab.record.spec import experiments, resolve
from lt_lib.lab.train.ldam_official import released_rate, released_subset
from lt_lib.sampling import longtail_counts

SMALL = {
    "experiment": "small",
    "work": "spectrum",
    "title": "Shapes by the official recipe",
    "table": "none",
    "data": {"embedded": "shapes"},
    "defaults": {
        "mode": "ldam-official",
        "backbones": ["resnet32-cifar"],
        "subset": {"profile": "50-class", "n_max": 40, "ratio": 0.5},
        "seeds": {"subset": 0},
        "validation": {"fraction": 0},
        "optimizer": {"name": "sgd", "lr": 0.05, "batch_size": 16, "epochs": 10, "weight_decay": 0.0002},
        "recipe": {},
    },
    "profiles": {
        "smoke": {
            "seeds": 1,
            "backbones": {"resnet32-cifar": {"pretrained": False, "resolution": 32}},
        }
    },
    "rows": [
        {"row": "S.1", "key": "ce", "label": "cross-entropy"},
        {
            "row": "S.2",
            "key": "ldam",
            "label": "LDAM-DRW",
            "set": {
                "recipe": {"ldam": {"head": "cosine"}, "drw": {"switch_epoch": 8, "betas": [0, 0.9999]}},
                "optimizer": {"precision": "bf16"},
            },
        },
    ],
}


def with_changes(**changes) -> dict:
    """The small experiment with other defaults."""
    defaults = {k: v for k, v in SMALL["defaults"].items() if k not in changes}
    return SMALL | {"defaults": defaults | {k: v for k, v in changes.items() if v is not None}}


def test_the_images_are_those_of_the_released_code():
    labels = np.random.default_rng(3).permutation(np.repeat(np.arange(10), 500))
    counts = longtail_counts(500, 10, 0.01)
    np.random.seed(7)
    theirs = []
    for label, wanted in enumerate(counts):
        own = np.where(labels == label)[0]
        np.random.shuffle(own)
        theirs.append(own[:wanted])
    assert (released_subset(labels, counts, 7) == np.concatenate(theirs)).all()
    with pytest.raises(LabError, match=r"class 0.*lower subset.n_max"):
        released_subset(labels, [501] * 10, 7)


def test_counts_of_cifar10():
    counts = longtail_counts(5000, 10, 0.01)
    assert counts == [5000, 2997, 1796, 1077, 645, 387, 232, 139, 83, 50] and sum(counts) == 12406


def test_rates_are_the_released_ones():
    rates = [released_rate(0.1, epoch, 200) for epoch in range(200)]
    assert rates[:5] == pytest.approx([0.02, 0.04, 0.06, 0.08, 0.1])
    assert set(rates[5:160]) == {0.1}
    assert rates[160:180] == pytest.approx([0.001] * 20) and rates[180:] == pytest.approx([0.00001] * 20)
    assert [released_rate(0.1, epoch, 10) for epoch in (7, 8, 9)] == pytest.approx([0.1, 0.001, 0.00001])


def test_it_learns_and_holds_nothing_out(lab_env, tmp_path):
    records = run(load(write_experiment(tmp_path, SMALL)), profile="smoke")
    assert [r.key for r in records] == ["ce", "ldam"]
    for record in records:
        (history,) = record.history["learners"]
        assert record.sizes["train"] == [sum(longtail_counts(40, 4, 0.5))] and record.sizes["val"] == [0]
        assert record.metric() > 0.5, "chance is a quarter"
        assert history["epoch"] == [9, 10], "while the rate is high, only every tenth epoch is looked at"
        assert "val_accuracy" not in history
        assert record.metrics["best_on_val"]["accuracy"] == record.metric()
        assert record.metric(selection="best_on_test") == max(history["test_accuracy"])


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"recipe": None}, "needs `recipe:`"),
        ({"subset": {"profile": "even-of-100"}}, "profile 50-class"),
        ({"validation": {"fraction": 0.1}}, "validation.fraction 0"),
        ({"backbones": [{"name": "resnet18", "pretrained": False}]}, "resnet32-cifar"),
        ({"subset": {"profile": "50-class", "n_max": 41}}, "lower subset.n_max"),
    ],
)
def test_another_setting_is_one_clear_error(lab_env, tmp_path, changes, said):
    with pytest.raises(LabError, match=said):
        run(load(write_experiment(tmp_path, with_changes(**changes))), rows="ce", profile="smoke")


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"optimizer": {"name": "adam"}}, "optimizer.name sgd belongs to mode ldam-official"),
        ({"mode": "finetune"}, "adam to all others"),
        ({"mode": "finetune", "optimizer": {}}, "validation.fraction must be above 0"),
        ({"mode": "probe", "optimizer": {"precision": "bf16"}, "validation": {}}, "precision bf16 is for"),
    ],
)
def test_what_one_mode_alone_knows_is_refused_elsewhere(tmp_path, changes, said):
    with pytest.raises(LabError, match=said):
        load(write_experiment(tmp_path, with_changes(**changes)))


def test_the_experiment_is_the_printed_one():
    assert "ldam-official" in experiments()
    loaded = load("ldam-official")
    for row in loaded.rows:
        spec = resolve(loaded, row, "as-released", "paper", "real", 2)
        opt = spec.optimizer
        assert (opt.lr, opt.batch_size, opt.epochs, opt.weight_decay) == (0.1, 128, 200, 0.0002)
        assert spec.seeds.subset == 0 and spec.seeds.init == 2 and spec.subset.n_max == 5000
        if spec.recipe.drw:
            assert (spec.recipe.drw.switch_epoch, spec.recipe.drw.betas) == (160, (0, 0.9999))
            assert (spec.recipe.ldam.max_margin, spec.recipe.ldam.scale) == (0.5, 30)
