"""Recipes: each switch does what it says, an interrupted run ends as an uninterrupted one, and counterfeits
fill classes up."""

import copy
import time
from dataclasses import replace

import numpy as np
import pytest
import torch
from helpers import write_experiment

from lt_lib import data as datasets
from lt_lib.errors import BudgetEnded
from lt_lib.lab import LabError, artifact, load, run
from lt_lib.lab.record.plan import code_of
from lt_lib.lab.record.spec import Spec, resolve
from lt_lib.lab.train import averaging, loop, recipes, splits
from lt_lib.lab.train import gan_oversampling as counterfeits
from lt_lib.losses import LDAMLoss
from lt_lib.schedules import triangular_lr

COUNTS = (40, 20, 10)
EXPERIMENT = {
    "experiment": "strata",
    "work": "spectrum",
    "title": "Recipes in small",
    "table": "none",
    "data": {"embedded": "strata"},
    "defaults": {
        "mode": "recipe",
        "subset": None,
        "backbones": ["net"],
        "validation": {"fraction": 0.2},
        "optimizer": {"lr": 0.002, "batch_size": 16, "epochs": 3},
        "recipe": {"clip_norm": 1.0},
    },
    "profiles": {
        "smoke": {
            "seeds": 1,
            "adapt": {
                "swa": {"start": 1, "every": 1},
                "gan": {"width": 2, "latent": 8, "epochs": 2, "batch_size": 16},
            },
            "backbones": {
                "net": {
                    "name": "resnet18",
                    "options": {"channels": [4, 4, 8, 8]},
                    "pretrained": False,
                    "resolution": 32,
                }
            },
        }
    },
    "rows": [
        {"row": "S.1", "key": "plain", "label": "plain", "set": {}},
        {
            "row": "S.2",
            "key": "all",
            "label": "everything",
            "set": {
                "recipe": {
                    "bands": [4, 1, 2],
                    "sampler": "balanced",
                    "ldam": {"head": "cosine"},
                    "drw": {"switch_epoch": 1, "betas": [0.0, 0.99]},
                    "clr": {"min_lr": 0.001, "max_lr": 0.01, "step_size": 1},
                    "swa": {},
                    "augmix": {},
                }
            },
        },
        {
            "row": "S.3",
            "key": "filled",
            "label": "filled up",
            "set": {"recipe": {"bands": [1, 2, 3], "gan": {}}},
        },
        {
            "row": "S.4",
            "key": "counterfeits",
            "label": "counterfeits",
            "set": {
                "mode": "gan",
                "backbones": [],
                "target_class": 2,
                "recipe": {"bands": [1, 2, 3], "gan": {}},
            },
        },
    ],
}


@pytest.fixture(scope="module")
def strata_home(tmp_path_factory):
    """Three classes of 64 x 64 images in four bands, a short tail: a brighter band for each class."""
    home = tmp_path_factory.mktemp("strata")
    rng, folder = np.random.default_rng(0), home / "strata"
    folder.mkdir()
    for split, counts in (("train", COUNTS), ("test", (12, 12, 12))):
        labels = rng.permutation(np.repeat(np.arange(3), counts))
        images = rng.integers(60, 120, (len(labels), 64, 64, 4), dtype=np.uint8)
        images[np.arange(len(labels)), :, :, labels] += 60
        np.save(folder / f"x_{split}.npy", images)
        np.save(folder / f"y_{split}.npy", labels)
    datasets.add("strata", folder, root=home / "data")
    return home


@pytest.fixture
def strata(strata_home, monkeypatch, tmp_path):
    """The data set, in an environment of its own."""
    for name, folder in (
        ("LT_DATA", strata_home / "data"),
        ("LT_CACHE", strata_home / "cache"),
        ("LT_STORE", tmp_path / "store"),
    ):
        monkeypatch.setenv(name, str(folder))
    torch.set_num_threads(1)
    return datasets.load("strata")


@pytest.fixture
def experiment(tmp_path):
    return load(write_experiment(tmp_path, EXPERIMENT))


def spec_of(experiment, key: str, **recipe) -> Spec:
    spec = resolve(experiment, experiment.select(key)[0], "as-released", "smoke", "embedded", 0)
    return spec.model_copy(update={"recipe": spec.recipe.model_copy(update=recipe)})


def trained(spec: Spec, dataset, **options):
    (task,), _ = recipes.tasks(spec, dataset)
    return recipes.train_recipe(task, dataset, **options)


def test_a_profile_adapts_only_the_remedies_that_a_row_uses(experiment):
    assert spec_of(experiment, "plain").recipe.swa is None
    assert spec_of(experiment, "all").recipe.swa.every == 1
    assert spec_of(experiment, "all").recipe.drw.betas == (0.0, 0.99)


def test_a_recipe_learns_and_keeps_the_tail(strata, experiment):
    found, counts = recipes.tasks(spec_of(experiment, "plain"), strata)
    task = found[0]
    assert not set(task.train[:, 0]) & set(task.val[:, 0]) and len(task.train) + len(task.val) == sum(COUNTS)
    assert (
        counts == np.bincount(strata.labels("train")[task.train[:, 0]]).tolist()
        and counts[0] > counts[1] > counts[2]
    )
    outcome = recipes.train_recipe(task, strata)
    assert outcome.history["train_loss"][-1] < outcome.history["train_loss"][0]
    assert outcome.logits["last"].shape == (36, 3) and len(outcome.history["test_balanced_accuracy"]) == 3


def test_empty_tiles_are_not_trained_on(strata, experiment):
    known = replace(strata, extra={"empty": {"train": [0, 7, 20]}})
    (task,), _ = recipes.tasks(spec_of(experiment, "plain"), known)
    used = set(np.concatenate([task.train[:, 0], task.val[:, 0]]).tolist())
    assert used == set(range(70)) - {0, 7, 20}


def test_bands_and_crop_are_what_the_network_sees(strata):
    index = np.array([3, 1])
    got = splits.centre_crops(strata.images("train"), index, (4, 1), 32)
    want = np.asarray(strata.images("train"))[index][:, 16:48, 16:48][..., [3, 0]]
    assert np.array_equal(got.permute(0, 2, 3, 1).numpy(), want)
    mean, spread = splits.band_statistics(got)
    assert torch.allclose(mean.flatten(), torch.tensor(want / 255.0).mean((0, 1, 2)).float(), atol=1e-6)
    assert torch.allclose(
        spread.flatten(), torch.tensor(want / 255.0).std((0, 1, 2), correction=0).float(), atol=1e-5
    )


def test_the_rate_cycles_or_stays(strata, experiment):
    spec = spec_of(experiment, "all", augmix=None)
    assert (
        trained(spec, strata).history["lr"]
        == [triangular_lr(e, 1, 0.001, 0.01) for e in range(3)]
        == pytest.approx([0.001, 0.01, 0.001])
    )
    still = spec.recipe.clr.model_copy(update={"stepped": False})
    assert trained(spec_of(experiment, "all", augmix=None, clr=still), strata).history["lr"] == [0.001] * 3


def test_without_cycles_the_rate_is_that_of_the_schedule(strata, experiment, tmp_path):
    spec = spec_of(experiment, "plain")
    assert trained(spec, strata).history["lr"] == [0.002] * 3
    once = {"schedule": "one-cycle", "peak": 3.0, "epochs": 5}
    spec = spec.model_copy(update={"optimizer": spec.optimizer.model_copy(update=once)})
    whole = trained(spec, strata)
    rates = whole.history["lr"]
    assert 0.004 < max(rates) <= 0.006 and rates[-1] < 1e-4 < rates[-2] < rates[1]
    with pytest.raises(BudgetEnded):
        trained(spec, strata, checkpoint=tmp_path / "c.pt", deadline=time.monotonic() - 1)
    resumed = trained(spec, strata, checkpoint=tmp_path / "c.pt")
    assert resumed.history["lr"] == rates and torch.equal(resumed.logits["last"], whole.logits["last"])


def test_averaging_is_the_mean_of_the_snapshots(strata, experiment, monkeypatch):
    snapshots, norms = [], []
    update, renew = averaging.AveragedModel.update_parameters, averaging.update_bn

    def spy(self, net):
        snapshots.append({k: v.detach().clone() for k, v in net.named_parameters()})
        update(self, net)

    monkeypatch.setattr(averaging.AveragedModel, "update_parameters", spy)

    def renew_counted(loader, net):
        batches = list(loader)
        norms.append(sum(map(len, batches)))
        renew(batches, net)

    monkeypatch.setattr(averaging, "update_bn", renew_counted)
    outcome = trained(spec_of(experiment, "all", augmix=None), strata)
    assert len(snapshots) == 2 and norms == [56]  # epochs 2 and 3; all training images
    for name, value in snapshots[0].items():
        assert torch.allclose(outcome.weights[name], (value + snapshots[1][name]) / 2, atol=1e-6), name
    swa = spec_of(experiment, "all").recipe.swa.model_copy(update={"snapshots": "last", "norms": "test"})
    last = trained(spec_of(experiment, "all", augmix=None, swa=swa), strata)
    assert len(snapshots) == 3 and norms == [56, 36]
    assert torch.equal(last.weights["fc.weight"], snapshots[2]["fc.weight"])


def test_batch_statistics_of_an_average_are_those_of_training_batches(strata, experiment, monkeypatch):
    shown, means = [], strata.images("train").mean((1, 2, 3))
    renew = averaging.update_bn

    def spy(batches, net):
        batches = list(batches)
        shown.append(batches)
        renew(batches, net)

    monkeypatch.setattr(averaging, "update_bn", spy)
    swa = spec_of(experiment, "all").recipe.swa
    weights = []
    for norms, sampler in (("drawn", "balanced"), ("natural", "balanced"), ("drawn", "none")):
        of = swa.model_copy(update={"norms": norms})
        outcome = trained(spec_of(experiment, "all", augmix=None, swa=of, sampler=sampler), strata)
        weights.append(outcome.weights["bn1.running_mean"])
    drawn, natural, plain = (torch.cat(batches) for batches in shown)
    assert len(means) and len(drawn) == len(natural) == len(plain) == 56
    assert len(drawn.unique(dim=0)) < 56 == len(natural.unique(dim=0)) == len(plain.unique(dim=0))
    assert not torch.equal(weights[0], weights[1])
    shown.clear()
    trained(spec_of(experiment, "all", swa=swa), strata, mix=lambda x, gen: x / 2)
    assert [len(batch) for batch in shown[0]] == [48, 48, 48, 24]  # mixtures too, as in training


def test_batches_of_one_image_are_refused_before_a_step(strata, experiment):
    spec = spec_of(experiment, "plain")
    spec = spec.model_copy(update={"optimizer": spec.optimizer.model_copy(update={"batch_size": 1})})
    with pytest.raises(LabError, match="raise optimizer.batch_size"):
        trained(spec, strata)


def test_weights_wait_for_the_switch(strata, experiment, monkeypatch):
    seen = []
    monkeypatch.setattr(
        LDAMLoss,
        "forward",
        lambda self, z, y, was=LDAMLoss.forward: (seen.append(self.weight.tolist()), was(self, z, y))[1],
    )
    trained(spec_of(experiment, "all", augmix=None), strata)
    assert seen[0] == [1, 1, 1] and seen[-1][2] > seen[-1][1] > seen[-1][0]


def test_the_sampler_draws_every_class_alike(strata, experiment, monkeypatch):
    drawn = []

    class Watched(recipes.Objective):
        def __call__(self, net, split, batch, gen):
            drawn.append(split.labels[batch])
            return super().__call__(net, split, batch, gen)

    for sampler in ("none", "balanced"):
        drawn.clear()
        trained(spec_of(experiment, "plain", sampler=sampler), strata, objective=Watched)
        shares = torch.bincount(torch.cat(drawn)) / sum(map(len, drawn))
        assert (shares[2] > 0.25) == (sampler == "balanced")


def test_augmix_enters_by_the_consistency_term_alone(strata, experiment):
    mixed = []

    def mix(x, gen):
        mixed.append(x)
        return x.flip(-1)

    spec = spec_of(experiment, "plain", augmix=spec_of(experiment, "all").recipe.augmix)
    with_term = trained(spec, strata, mix=mix)
    assert len(mixed) == 2 * 3 * 4 and all(0 <= x.min() and x.max() <= 1 for x in mixed)
    without = trained(spec_of(experiment, "plain"), strata)
    assert with_term.history["train_loss"] != without.history["train_loss"]


def test_without_a_backward_pass_nothing_is_learnt(strata, experiment):
    outcome = trained(spec_of(experiment, "plain", learn=False), strata)
    (task,), _ = recipes.tasks(spec_of(experiment, "plain"), strata)
    torch.manual_seed(int(torch.randint(2**62, (1,), generator=loop.generator("init", 0))))
    fresh = recipes.recipe_network(task, 3, 4)
    assert all(torch.equal(outcome.weights[name].cpu(), value) for name, value in fresh.named_parameters())


@pytest.mark.parametrize("key", ["plain", "all"])
def test_an_interrupted_run_ends_bit_identical(strata, experiment, key, tmp_path):
    spec = spec_of(experiment, key)
    mix = recipes_mix(spec)
    whole = trained(spec, strata, mix=mix)
    for _ in range(2):
        with pytest.raises(BudgetEnded):
            trained(spec, strata, mix=mix, checkpoint=tmp_path / "c.pt", deadline=time.monotonic())
    resumed = trained(spec, strata, mix=mix, checkpoint=tmp_path / "c.pt")
    assert resumed.history == whole.history and torch.equal(resumed.logits["last"], whole.logits["last"])
    assert all(torch.equal(resumed.weights[k], v) for k, v in whole.weights.items())


def recipes_mix(spec):
    from lt_lib.augmix import AugMix

    return AugMix() if spec.recipe.augmix else None


def test_counterfeits_fill_every_class_up_and_are_shared(strata, experiment, monkeypatch):
    records = run(experiment, rows=["filled"], profile="smoke")
    (task,), counts = recipes.tasks(records[0].spec, strata)
    fits = []
    monkeypatch.setattr(counterfeits, "start_dcgan", lambda *a, **k: fits.append(k))
    images, labels = counterfeits.fill(task, strata)
    assert images.shape[1:] == (3, 64, 64) and images.dtype == torch.uint8 and not fits
    assert (torch.bincount(labels, minlength=3) + torch.tensor(counts)).tolist() == [max(counts)] * 3
    judged = run(experiment, rows=["counterfeits"], profile="smoke")[0]
    assert not fits, "the generator of the filled row is the one that is judged"
    assert (
        judged.metric("distance") > 0
        and judged.metric("train_tiles") == counts[2]
        and judged.metric("test_tiles") == 12
    )
    from safetensors.torch import load_file

    assert load_file(artifact(judged))["grids"].shape == (
        len(judged.history["learners"][0]["moments"]),
        64,
        3,
        64,
        64,
    )


def test_a_damaged_generator_is_made_again(
    strata, experiment, monkeypatch, tmp_path, change_a_number, capsys
):
    (task,), _ = recipes.tasks(spec_of(experiment, "counterfeits"), strata)
    monkeypatch.setenv("LT_CACHE", str(tmp_path))
    whole = counterfeits.measure(task, strata)
    (file,) = tmp_path.rglob("*.pt")
    change_a_number(file)
    again = counterfeits.measure(task, strata)
    assert f"{file}: damaged, made again" in capsys.readouterr().err
    assert all(torch.equal(again.weights[k], v) for k, v in whole.weights.items())


def test_a_generator_resumes(strata, experiment, monkeypatch, tmp_path):
    spec = spec_of(experiment, "counterfeits")
    (task,), _ = recipes.tasks(spec, strata)
    monkeypatch.setenv("LT_CACHE", str(tmp_path / "one"))
    whole = counterfeits.measure(task, strata)
    monkeypatch.setenv("LT_CACHE", str(tmp_path / "two"))
    with pytest.raises(BudgetEnded):
        counterfeits.measure(task, strata, deadline=time.monotonic())
    resumed = counterfeits.measure(task, strata)
    assert all(torch.equal(resumed.weights[k], v) for k, v in whole.weights.items())
    assert resumed.history == whole.history and torch.equal(resumed.tensors["grids"], whole.tensors["grids"])


def test_a_record_does_not_depend_on_remedies_it_does_not_use(experiment):
    plain, mixed, filled = (code_of(spec_of(experiment, key)) for key in ("plain", "all", "filled"))
    assert len({plain, mixed, filled}) == 3


@pytest.mark.parametrize(
    ("key", "change", "words"),
    [
        ("plain", {"bands": (9,)}, "bands 1 to 4"),
        ("plain", {"tiles": 10_000}, "has 70"),
        ("plain", {"test_tiles": 10_000}, "has 36"),
    ],
)
def test_a_recipe_that_does_not_fit_is_refused(strata, experiment, key, change, words):
    with pytest.raises(LabError, match=words):
        recipes.tasks(spec_of(experiment, key, **change), strata)


def test_a_class_without_tiles_is_named(strata, experiment):
    with pytest.raises(LabError, match="has no training tile left"):
        recipes.tasks(spec_of(experiment, "plain", tiles=3), strata)


def test_a_diverging_run_says_so(strata, experiment):
    spec = spec_of(experiment, "plain", clip_norm=None)
    spec = spec.model_copy(update={"optimizer": spec.optimizer.model_copy(update={"lr": 1e30})})
    with pytest.raises(LabError, match="not finite.*lower optimizer.lr"):
        trained(spec, strata)


def test_old_specs_dump_as_before(experiment):
    content = copy.deepcopy(EXPERIMENT)
    spec = resolve(experiment, experiment.rows[0], "as-released", "smoke", "embedded", 0)
    assert "target_class" not in spec.model_dump() and "recipe" in spec.model_dump()
    assert "options" in spec.backbones[0].model_dump() and spec.backbones[0].called == "slim resnet18"
    assert spec.backbones[0].stands_in_for == "net" and content == EXPERIMENT
