"""Claims of the lectures: each holds and fails where it should, and the two that need no training are
computed."""

from types import SimpleNamespace
from zlib import crc32

import numpy as np
import pandas as pd
import pytest

from lt_lib.lab.read import findings
from lt_lib.lab.read.claims import claims_table
from lt_lib.lab.read.findings import NoRecord, verdicts
from lt_lib.lab.read.published import published
from lt_lib.lab.record.spec import load
from lt_lib.works.lectures import EXPERIMENTS, recht
from lt_lib.works.lectures.claims import ADAPTIVE, CLAIMS, LABELS, NEW_TESTS, RESAMPLES, new_tests

SEEDS = range(4)
# claim -> what makes it hold: (row, measure, value, the same of the row it is compared with)
HOLDS = {
    "LE2": [
        (rule, name, {"first_epoch": -1.0, "test_error": 0.2}[name])
        for rule in ADAPTIVE
        for name in ("first_epoch", "test_error")
    ]
    + [("sgd", "first_epoch", 0.0), ("sgd", "test_error", 0.1)],
    "LE3": [
        (row, "ece", {"hard": 0.05, "hard-40": 0.3}.get(row, 0.01))
        for row in ("smoothed", "hard", "smoothed-mildly", "smoothed-40", "hard-40")
    ],
    "LE4": [("mixup-40", "accuracy", 0.8), ("hard-40", "accuracy", 0.7)],
    "LE5": [
        (row, name, value)
        for row, values in {
            "plain": (2, 4, 20, 0.5),
            "bn": (0.2, 1, 10, 0.7),
            "bn-noisy": (0.3, 1, 10, 0.7),
        }.items()
        for name, value in zip(
            ("loss_range", "gradient_change_relative", "curvature", "shift"), values, strict=True
        )
    ],
    "LE7": [
        (f"{kind}-{n}", "accuracy", value)
        for n in LABELS
        for kind, value in (("ssgan", 0.8), ("supervised", 0.7))
    ],
}


def samples(cells, noise=0.001, turned=False):
    """Records that hold the given measures, a little different at each seed; `turned` swaps what is
    compared."""
    found = {}
    for row, name, value in cells:
        for seed in SEEDS:
            record = found.setdefault(row, {}).setdefault(seed, SimpleNamespace(numbers={}))
            record.numbers[name] = (-value if turned else value) + noise * (
                crc32(f"{row} {name} {seed}".encode()) % 7
            )
            record.metric = record.numbers.__getitem__
    return found


@pytest.fixture(autouse=True)
def no_badges(monkeypatch):
    monkeypatch.setattr(findings, "behind", lambda *_: ())


@pytest.mark.parametrize("claim", HOLDS)
def test_a_claim_holds_fails_and_stays_open(claim):
    on_records = CLAIMS[claim].on_records
    assert on_records(samples(HOLDS[claim])).verdict == "holds"
    assert on_records(samples(HOLDS[claim], turned=True)).verdict == "fails"
    assert on_records(samples(HOLDS[claim], noise=100)).verdict != "holds"
    with pytest.raises(NoRecord):
        on_records(samples(HOLDS[claim][1:3]))


def test_both_halves_of_le5_count():
    cells = [
        (row, name, 0.4 if (row, name) == ("bn", "shift") else value) for row, name, value in HOLDS["LE5"]
    ]
    found = CLAIMS["LE5"].on_records(samples(cells))
    assert found.verdict == "fails" and "of 5 parts 4 hold, 1 fail (Holm, m = 5)" in found.numbers


def test_le3_shows_every_setting_on_record():
    found = CLAIMS["LE3"].on_records(samples(HOLDS["LE3"]))
    for said in (
        "smoothed 0.02 less hard, clean labels -0.",
        "smoothed 0.1 less hard, clean labels -0.",
        "smoothed 0.1 less hard, 40 % wrong labels -0.",
    ):
        assert said in found.numbers


def test_le1_is_computed():
    found = CLAIMS["LE1"].on_records({})
    assert found.verdict == "holds" and found.counted
    assert (
        "0 of 4000 steps" in found.numbers
        and "best step is 1.00c" in found.numbers
        and "every step below 2.00c descends" in found.numbers
    )


def test_le6_is_judged_on_the_sets_that_the_slides_speak_of():
    found = CLAIMS["LE6"].on_records({})
    assert found.verdict == "holds" and found.counted
    assert "of 4 parts 4 hold, 0 fail (Holm, m = 4): mean drop on CIFAR-10.1-v6 7.78 [" in found.numbers
    own, others = found.numbers.split("On the sets without printed numbers")
    assert "TopImages" not in own and "mean drop on TopImages -2.17 [" in others
    assert others.count(" fails") == 1
    known = {name for sets in recht.TEST_SETS.values() for name in list(sets)[1:]}
    assert sorted(sum(NEW_TESTS.values(), ())) == sorted(known)


def test_le6_draws_models_of_a_family_together():
    table = recht.accuracies("cifar10")
    given = recht.mean_drop, table["original"], table["CIFAR-10.1-v6"]
    drop, rank = new_tests(["CIFAR-10.1-v6"])
    assert drop.interval == recht.bootstrap(*given, recht.families(table.index), RESAMPLES)
    assert drop.interval.high - drop.interval.low > np.ptp([*vars(recht.bootstrap(*given)).values()][1:3])
    assert rank.interval.value == pytest.approx(recht.spearman(*given[1:]))


@pytest.mark.parametrize(
    ("factor", "verdict"),
    [(0.9, "holds"), (0.8, "fails"), (1.02, "fails"), (0.835, "undecided")],  # of the old accuracy
)
def test_le6_fails_where_the_mean_drop_lies_outside(monkeypatch, factor, verdict):
    real = recht.accuracies

    def other(testbed, metric="top1", path=None):
        table = real(testbed, metric, path)
        return table.assign(
            **{name: (table.iloc[:, 0] * factor).clip(upper=0.999) for name in table.columns[1:]}
        )

    monkeypatch.setattr(recht, "accuracies", other)
    assert CLAIMS["LE6"].on_records({}).verdict == verdict


def test_le6_fails_where_the_order_is_lost(monkeypatch):
    real = recht.accuracies

    def turned(testbed, metric="top1", path=None):
        table = real(testbed, metric, path)
        return table.assign(**{name: 0.9 - 0.2 * table.iloc[:, 0] for name in table.columns[1:]})

    monkeypatch.setattr(recht, "accuracies", turned)
    ranks = [part for part in new_tests(["MatchedFrequency"]) if "rank" in part.name]
    assert verdicts(ranks) == ["fails"]


def test_le6_on_the_printed_drops():
    facts = published(work="lectures")
    assert CLAIMS["LE6"].on_print(facts).verdict == "holds"
    more = facts.assign(text=facts["text"].where(facts["metric"] != "imagenet_best_top1_drop", "20"))
    assert CLAIMS["LE6"].on_print(more).verdict == "fails"


def test_rows_that_claims_rest_on_exist():
    rows = {row.key for name in EXPERIMENTS for row in load(name).rows}
    assert {row for cells in HOLDS.values() for row, _, _ in cells} <= rows


def test_the_table_has_a_line_a_claim():
    table = claims_table("lectures", "overnight", "embedded", records=[]).frame
    assert list(table["id"]) == [f"LE{i}" for i in range(1, 8)] == list(CLAIMS)
    verdicts = dict(zip(table["id"], table["verdict"], strict=True))
    assert verdicts["LE1"] == "holds" and verdicts["LE3"] == "no record"
    assert isinstance(table, pd.DataFrame) and set(table["printed_verdict"]) == {"not printed", "holds"}
