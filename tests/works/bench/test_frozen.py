"""Heads of the bench: every remedy has its rows, and a record is what the remedy gives, alone or again."""

from typing import get_args

import pytest
import torch

from lt_lib import data as datasets
from lt_lib.lab.bench.remedies import REMEDIES
from lt_lib.lab.record.plan import plan
from lt_lib.lab.record.spec import PROFILES, load
from lt_lib.lab.train.run import run
from lt_lib.lab.train.tails import Tails
from lt_lib.works.bench.frozen import train_head
from lt_lib.works.bench.options import Head

RATIOS = (1, 0.1, 0.02, 0.005)


def test_the_options_name_every_remedy():
    assert set(get_args(Head.model_fields["remedy"].annotation)) == set(REMEDIES)


@pytest.mark.parametrize("data", ["embedded", "real"])
@pytest.mark.parametrize("profile", PROFILES)
def test_a_row_is_a_remedy_at_a_ratio(profile, data):
    items = plan("bench-frozen", None, profile, data, seeds=1)
    found = [(item.spec.lesson.remedy, item.spec.subset.ratio) for item in items]
    assert sorted(found) == sorted((key, ratio) for key in REMEDIES for ratio in RATIOS)
    assert {item.key for item in items} == {f"{key}-{ratio:g}" for key, ratio in found}
    assert len({item.spec.model_copy(update={"lesson": None, "subset": None}) for item in items}) == 1


def test_real_data_are_seen_by_the_network_itself_but_on_a_laptop():
    for profile in ("overnight", "paper"):
        (backbone,) = plan("bench-frozen", "plain-1", profile, "real", seeds=1)[0].spec.backbones
        assert backbone.stands_in_for is None and backbone.pretrained == "efficientnet_lite0_imagenet"
    for profile, data in (("laptop", "real"), ("laptop", "embedded"), ("overnight", "embedded")):
        (backbone,) = plan("bench-frozen", "plain-1", profile, data, seeds=1)[0].spec.backbones
        assert backbone.stands_in_for == "tf_efficientnet_lite0"


def test_what_a_laptop_leaves_out_an_evening_does_not():
    def rows(profile, data):
        return len({item.key for item in plan("bench-frozen", None, profile, data)})

    assert rows("laptop", "embedded") == rows("smoke", "real") < rows("laptop", "real") == 60
    assert rows("overnight", "embedded") == len(load("bench-frozen").rows) == 60


@pytest.fixture
def head(few_steps):
    """Trains a row at profile smoke: outcome by its key and seed."""
    dataset = datasets.load("digits50")

    def train(key, seed=0):
        (item,) = plan("bench-frozen", key, "smoke", seeds=[seed])
        (task,), _ = Tails().tasks(item.spec, dataset)
        return train_head(task, dataset)

    return train


@pytest.mark.parametrize("key", ["sampler-0.02", "ldam-drw-0.02", "bags-0.02", "adjusted-0.02"])
def test_another_run_gives_the_same_head(head, key):
    first, again, other = head(key), head(key), head(key, 1)
    assert torch.equal(first.logits["last"], again.logits["last"])
    assert all(torch.equal(first.weights[name], again.weights[name]) for name in first.weights)
    assert first.history == again.history and not torch.equal(first.logits["last"], other.logits["last"])
    assert first.measures["head_seconds"] > 0
    assert first.measures["setting"] == first.history["setting"][0]


def test_a_record_tells_of_its_tail_and_its_cost(few_steps, tmp_path):
    (record,) = run("bench-frozen", "isns-0.005", "smoke", seeds=1, store=tmp_path)
    counts = record.per_class["train_counts"]
    assert sum(counts) == record.sizes["train"][0] + record.sizes["val"][0]
    assert max(counts) == 50 and min(counts) == 1
    few = [r for r, n in zip(record.per_class["recall"], counts, strict=True) if n < 20]
    assert record.metric("few") == pytest.approx(sum(few) / len(few))
    assert record.metric("head_seconds") == pytest.approx(record.wall_s)
    weights = record.sizes["parameters"][0]
    assert weights % 50 == 0 and weights == 50 * 257
