"""Experiment files: what they resolve to, and what a typo says."""

import copy
import datetime
import math
import random
import shutil

import pytest
import yaml
from helpers import EXPERIMENT, write_experiment

from lt_lib.lab import LabError, experiments, load, plan
from lt_lib.lab.record.spec import PROFILES, Experiment, resolve


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
        (("defaults", "Validation"), {}, ["shapes.yaml", "'Validation'", "did you mean 'validation'"]),
        (("profiles", "smoke", "seed"), 3, ["'profiles.smoke.seed'", "did you mean 'seeds'"]),
        (("rows", 1, "set", "balance"), -3, ["row balanced", "balance", "greater than 0"]),
        (("rows", 1, "key"), "plain", ["'plain'", "unique"]),
        (("defaults", "optimizer", "lr"), 1e300, ["optimizer.lr", "less than or equal to 1000000"]),
        (("profiles", "smoke", "seeds"), 10**30, ["profiles.smoke.seeds", "less than or equal to 1000"]),
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


# --- files that are no experiments, or not as they look


@pytest.fixture
def own_book(tmp_path, monkeypatch):
    """A book of one experiment, `shapes`; its folder of experiments."""
    folder = tmp_path / "book" / "experiments"
    folder.mkdir(parents=True)
    (tmp_path / "_toc.yml").touch()
    monkeypatch.setenv("LT_BOOK", str(tmp_path))
    write_experiment(folder, EXPERIMENT)
    return folder


def test_dotfiles_are_no_experiments(own_book):
    shutil.copy(own_book / "shapes.yaml", own_book / "._shapes.yaml")
    (own_book / ".#shapes.yaml").symlink_to("somebody@somewhere.1234")
    assert experiments() == ["shapes"]
    with pytest.raises(LabError, match="no experiment '._shapes'"):
        load("._shapes")


@pytest.mark.parametrize("name", ["x" * 300, "../experiments/shapes", "", "/", "~nosuchuser"])
def test_a_name_of_no_experiment_is_one_clear_error(own_book, name):
    with pytest.raises(LabError):
        load(name)


@pytest.mark.parametrize("encoding", ["latin-1", "utf-16"])
def test_a_file_in_another_encoding_is_named(own_book, encoding):
    text = (own_book / "shapes.yaml").read_text().replace("title: Shapes", "title: Größe")
    (own_book / "shapes.yaml").write_bytes(text.encode(encoding))
    with pytest.raises(LabError, match="shapes.yaml is not written in UTF-8.*save it in UTF-8"):
        load("shapes")


@pytest.mark.parametrize(
    ("text", "line", "key"),
    [
        ("title: Other\n", None, "title"),
        ("x:\n  a: 1\n  b: 2\n  'a': 3\n", 4, "a"),
        ("x:\n- {b: {c: 1, d: 2, c: 1}}\n", 2, "c"),
    ],
)
def test_a_key_given_twice_is_refused_with_its_line(tmp_path, text, line, key):
    path = write_experiment(tmp_path, EXPERIMENT)
    before = path.read_text()
    path.write_text(before + text)
    line = before.count("\n") + (line or 1)
    with pytest.raises(
        LabError, match=rf"shapes.yaml, line {line} .*the key '{key}' is given twice, first in"
    ):
        load(path)


def test_a_merged_key_is_not_given_twice(tmp_path):
    content = copy.deepcopy(EXPERIMENT)
    content["rows"] = content["rows"][:1]
    path = write_experiment(tmp_path, {**content, "rows": []})
    rows = "rows:\n- &a {row: S.1, key: plain, label: a}\n- &b {<<: *a, key: b}\n- {<<: *b, key: c}\n"
    path.write_text(path.read_text().replace("rows: []\n", rows))
    assert [(row.key, row.row) for row in load(path).rows] == [("plain", "S.1"), ("b", "S.1"), ("c", "S.1")]


@pytest.mark.parametrize(
    "name", ["a/b", "../../../evil", "..", ".hidden", "-x", "a..b", "a b", "a\\b", "é", "a\n", "", "x" * 101]
)
@pytest.mark.parametrize("where", ["key", "experiment", "backbone"])
def test_a_name_that_becomes_a_file_name_is_refused_if_it_is_none(tmp_path, name, where):
    content = copy.deepcopy(EXPERIMENT)
    if where == "key":
        content["rows"][0]["key"] = name
    if where == "backbone":
        content["profiles"]["smoke"]["backbones"]["net"]["name"] = name
    path = write_experiment(tmp_path, content)
    if where == "experiment":
        path.write_text(yaml.safe_dump({**content, "experiment": name}))
    with pytest.raises(LabError, match="shapes.yaml.*characters a-z 0-9 A-Z . _ -"):
        load(path)


@pytest.mark.parametrize(
    ("name", "value"),
    [("seeds", 3), ("backbones", 5), ("backbones", "net"), ("recipe", "swa"), ("recipe", [1])],
)
def test_a_value_of_the_wrong_shape_is_named(tmp_path, name, value):
    content = copy.deepcopy(EXPERIMENT)
    content["defaults"][name] = value
    with pytest.raises(LabError, match=f"shapes.yaml, row plain.*{name} must be a"):
        load(write_experiment(tmp_path, content))


@pytest.mark.parametrize("text", ["x: &a {b: *a}", "x: 2020-13-45", "x: !!int abc", "x: \x07", "? [1]\n: 2"])
def test_odd_yaml_is_one_clear_error(tmp_path, text):
    path = write_experiment(tmp_path, EXPERIMENT)
    path.write_text(path.read_text() + text)
    with pytest.raises(LabError, match="shapes.yaml"):
        load(path)


def test_an_experiment_that_holds_itself_is_one_clear_error(tmp_path):
    path = write_experiment(tmp_path, EXPERIMENT)
    text = path.read_text().replace("defaults:", "defaults: &a\n  recipe: *a", 1)
    path.write_text(text.replace("  set: {}\n", "  set: *a\n"))
    with pytest.raises(LabError, match="shapes.yaml"):
        load(path)


def level(kind: str, depth: int) -> str:
    """Aliases of aliases: nine times as many values with every line."""
    return kind.format(", ".join([f"*a{depth - 1}"] * 9))


@pytest.mark.parametrize("kind", ["[{}]", "{{<<: [{}]}}", "{{? [{}] : 1}}"])
def test_aliases_that_grow_without_end_are_refused(tmp_path, kind):
    lines = ["a0: &a0 {k: 1}", *(f"a{n}: &a{n} {level(kind, n)}" for n in range(1, 12))]
    (tmp_path / "x.yaml").write_text("\n".join(lines))
    with pytest.raises(LabError, match=r"x.yaml, line [567] cannot be read as YAML: more than 50,000 values"):
        load(tmp_path / "x.yaml")


@pytest.mark.parametrize("kind", ["[", "{a: ", "- ", "? "])
def test_what_is_nested_too_deeply_is_refused(tmp_path, kind):
    (tmp_path / "x.yaml").write_text(kind * 100_000)
    with pytest.raises(LabError, match="x.yaml, line 1 cannot be read as YAML: nested more than 50 deep"):
        load(tmp_path / "x.yaml")


@pytest.mark.parametrize(
    "value", ["!!bool x", "!!int _", "!!float ''", "!!timestamp x", "!!python/name:os ''"]
)
def test_tags_are_refused(tmp_path, value):
    (tmp_path / "x.yaml").write_text(f"experiment: x\ntitle: {value}")
    with pytest.raises(LabError, match="x.yaml, line 2 cannot be read as YAML: the tag 'tag:yaml.org"):
        load(tmp_path / "x.yaml")


# --- any file at all: an experiment or one clear error


ODD = (
    None,
    True,
    -1,
    0,
    10**30,
    math.inf,
    math.nan,
    "",
    "../x",
    "net",
    "é",
    [],
    [[]],
    ["net"],
    {},
    {"a": {}},
    {"name": 3},
    datetime.date(2020, 1, 1),
    b"\xff",
    {"options": {"a": b"\xff"}},
)


def places(value):
    """(container, key) of all that a value holds."""
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, part in list(inside):
        yield value, key
        yield from places(part)


def damaged(rng):
    """Bytes of the small experiment with some of it changed."""
    content = copy.deepcopy(EXPERIMENT)
    for _ in range(rng.randint(1, 3)):
        container, key = rng.choice(list(places(content)))
        value = container.pop(key) if rng.random() < 0.3 else container[key]
        if rng.random() < 0.8 and isinstance(container, dict):
            container[rng.choice([key, key, key, 1, None, "set", "recipe", "name"])] = rng.choice(
                [*ODD, value]
            )
    text = yaml.safe_dump(content, allow_unicode=True).encode()
    for _ in range(rng.choice([0, 0, 0, 1, 5])):
        at = rng.randrange(len(text))
        text = (
            text[:at]
            + rng.choice([b"", b"\xff", b"&a ", b"*a", b"- ", b"{", b"\n", b"\t", b"'"])
            + text[at + 1 :]
        )
    return text


def test_any_experiment_file_is_read_or_refused(tmp_path):
    read = 0
    for seed in range(300):
        (tmp_path / "shapes.yaml").write_bytes(damaged(random.Random(seed)))
        try:
            experiment = load(tmp_path / "shapes.yaml")
            for profile in set(PROFILES) & set(experiment.profiles):
                plan(experiment, profile=profile, data=next(iter(experiment.data), "embedded"))
            assert isinstance(experiment, Experiment)
            read += 1
        except LabError as error:
            assert str(error), seed
        except Exception as error:
            raise AssertionError(f"seed {seed}: {type(error).__name__}: {error}") from error
    assert read > 0


def test_a_row_may_ask_for_more_seeds_than_its_neighbours(tmp_path):
    content = copy.deepcopy(EXPERIMENT)
    content["rows"] = content["rows"][:2]
    content["rows"][1]["seeds"] = {"smoke": 5}
    path = write_experiment(tmp_path, content)
    assert [(item.key, item.seed) for item in plan(path, profile="smoke")] == [
        *(("plain", seed) for seed in range(3)),
        *(("balanced", seed) for seed in range(5)),
    ]
    assert [item.seed for item in plan(path, "balanced", "smoke", seeds=2)] == [0, 1], "an own number wins"
    content["rows"][1]["seeds"] = {"smoke": 5, "smoke-real": 1}
    content["data"]["real"] = content["data"]["embedded"]
    path = write_experiment(tmp_path, content)
    assert len(plan(path, "balanced", "smoke")) == 5 and len(plan(path, "balanced", "smoke", "real")) == 1
    content["rows"][1]["seeds"] = {"night": 5}
    with pytest.raises(LabError, match="row balanced.*night"):
        plan(write_experiment(tmp_path, content), profile="smoke")
