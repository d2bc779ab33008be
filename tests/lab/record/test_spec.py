"""Experiment files: what they resolve to, and what a typo says."""

import copy

import pytest
from helpers import EXPERIMENT, write_experiment

from lt_lib.lab import LabError, experiments, load, plan
from lt_lib.lab.record.spec import resolve


@pytest.mark.parametrize("name", experiments())
def test_every_committed_experiment_resolves_and_names_published_rows(name):
    from lt_lib.lab.read.published import published_value

    experiment = load(name)
    for row in experiment.rows:
        if row.published is not None:
            assert published_value(experiment, row) is not None, (
                f"{name}/{row.key} names a number that is not in published.csv"
            )


def test_all_printed_results_of_ee443_have_a_row():
    from lt_lib.lab.read.published import published, published_value

    printed = published(work="ee443", table="Results", metric="test_accuracy")
    rows = load("ee443-results").rows
    assert sorted(printed["value"]) == sorted(published_value(load("ee443-results"), row) for row in rows)


def test_layers_merge_in_order(tmp_path):
    content = copy.deepcopy(EXPERIMENT)
    content["rows"][0]["set"] = {"optimizer": {"epochs": 7}, "subset": {"ratio": 0.5}}
    content["rows"][0]["variants"] = ["ours"]
    content["variants"] = {"ours": {"subset": {"ratio": 0.25}}}
    content["profiles"]["smoke"]["set"] = {"optimizer": {"epochs": 2}}
    experiment = load(write_experiment(tmp_path, content))
    spec = resolve(experiment, experiment.rows[0], "ours", "smoke", "embedded", 4)
    assert spec.optimizer.epochs == 2 and spec.optimizer.lr == 0.01  # profile over row, defaults kept
    assert spec.subset.ratio == 0.25 and spec.subset.n_max == 40  # variant over row
    assert spec.seeds.model_dump() == {"subset": 4, "init": 4, "order": 4}
    assert spec.backbones[0].stands_in_for == "net"


@pytest.mark.parametrize(
    ("path", "value", "expected"),
    [
        (("rows", 0, "labl"), "x", ["shapes.yaml", "row plain", "'labl'", "did you mean 'label'"]),
        (
            ("rows", 0, "set", "optimiser"),
            {"lr": 1.0},
            ["shapes.yaml", "row plain", "'optimiser'", "did you mean 'optimizer'"],
        ),
        (
            ("defaults", "optimizer", "epoch"),
            3,
            ["shapes.yaml", "'optimizer.epoch'", "did you mean 'epochs'"],
        ),
        (("profiles", "smoke", "seed"), 3, ["'profiles.smoke.seed'", "did you mean 'seeds'"]),
        (("rows", 1, "set", "balance"), -3, ["row balanced", "balance", "greater than 0"]),
        (("rows", 1, "key"), "plain", ["'plain'", "unique"]),
        (("experiment",), "other", ["must be the file's name"]),
    ],
)
def test_a_mistake_is_named_with_file_row_key_and_remedy(tmp_path, path, value, expected):
    content = copy.deepcopy(EXPERIMENT)
    target = content
    for part in path[:-1]:
        target = target[part]
    target[path[-1]] = value
    file = write_experiment(tmp_path, {**content, "experiment": "shapes"})
    if path == ("experiment",):
        import yaml

        file.write_text(yaml.safe_dump(content), encoding="utf-8")
    with pytest.raises(LabError) as error:
        load(file)
    for words in expected:
        assert words in str(error.value)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"profile": "laptp"}, "did you mean 'laptop'"),
        ({"data": "reel"}, "did you mean 'real'"),
        ({"rows": "baseline-ful"}, "did you mean 'baseline-full'"),
        ({"seeds": 0}, "at least 1"),
    ],
)
def test_plan_names_the_nearest_valid_choice(options, words):
    with pytest.raises(LabError, match=words):
        plan("ee443-results", **options)


def test_unknown_experiment_and_broken_yaml(tmp_path):
    with pytest.raises(LabError, match="did you mean 'ee443-fig2'"):
        load("ee443-fig22")
    (tmp_path / "broken.yaml").write_text("rows: [", encoding="utf-8")
    with pytest.raises(LabError, match="cannot be read as YAML"):
        load(tmp_path / "broken.yaml")


def test_equal_specs_share_a_digest_and_different_ones_do_not():
    fig2 = {i.key: i for i in plan("ee443-fig2", seeds=1)}
    results = {i.key: i for i in plan("ee443-results", seeds=1)}
    assert fig2["ratio-0.1"].spec_digest == results["baseline-0.1"].spec_digest
    assert len({i.spec_digest for i in plan("ee443-results", seeds=2)}) == 2 * sum(
        len(row.variants) for row in load("ee443-results").rows
    )
