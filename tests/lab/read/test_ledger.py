"""The ledger: each printed number once, with what is on record or the reason why nothing can be."""

import math
from fnmatch import fnmatchcase

import pandas as pd
import pytest

from lt_lib.errors import LabError
from lt_lib.lab.read import ledger as book
from lt_lib.lab.read.estimates import estimate
from lt_lib.lab.read.evidence import evidence
from lt_lib.lab.read.published import facts_of, published
from lt_lib.lab.read.verdicts import interval, sampling_variance
from lt_lib.lab.record.spec import load, resolve


@pytest.fixture(scope="module")
def lines():
    return book.ledger()


def test_every_printed_number_stands_there_once(lines):
    facts = published()
    assert lines["printed"].tolist() == facts["text"].tolist() and len(lines) > 560
    settled = lines["verdict"] == book.NOT_ASKED
    assert (lines["why"][settled] != "").all() and (lines["command"][~settled] != "").all()
    assert book.counts(lines)["numbers"] == (~settled).sum()


def test_every_reason_is_needed():
    facts, asked, names = published(), book.who_asks(), ("work", "table", "row_id", "metric")
    unasked = facts[~facts.index.isin(asked)]
    for reason in facts_of("unrun").itertuples():
        fits = [
            fact
            for fact in unasked.to_dict("records")
            if all(fnmatchcase(fact[name], getattr(reason, name)) for name in names)
        ]
        assert fits, reason


def test_a_number_without_row_and_reason_is_named(monkeypatch):
    none = facts_of("unrun")[:0]
    monkeypatch.setattr(book, "facts_of", lambda kind: none)
    with pytest.raises(LabError, match="nothing asks for params_M of ee443, Fig 1, F1.1"):
        book.ledger("ee443")


def test_numbers_are_those_of_the_records(lines):
    (line,) = lines[(lines["row"] == "R.3") & (lines["method"] == "Weighted Loss")].to_dict("records")
    experiment = load("ee443-results")
    row = experiment.select("weighted-0.02")[0]
    wanted = [resolve(experiment, row, "as-released", "paper", "real", seed) for seed in range(5)]
    records = [r for r in evidence() if r.spec in wanted]
    assert set(line["records"]) == {r.id for r in records} and line["n"] == 5
    mean = estimate(r.metric() for r in records)
    assert line["ours"] == mean.mean and line["difference"] == pytest.approx(mean.mean - 0.6798)
    assert line["half"] == interval(records) > mean.half
    assert line["verdict"] == "agrees (stand-in)" and line["chapter"] == "ee443/05-stacking-and-results"
    assert line["figure"] == "fig-ee443-05-results"
    assert line["command"] == "lt run ee443-results/weighted-0.02 --profile paper --data real"


def test_smaller_runs_are_shown_and_not_judged(lines):
    small = lines[lines["verdict"] == "not comparable"]
    undefined = small["why"].str.startswith("undefined")
    assert len(small) and (small["ours"].isna() == undefined).all() and (small["why"] != "").all()
    assert lines[lines["verdict"] == "not run"]["ours"].isna().all()


def test_the_interval_has_both_parts():
    records = [r for r in evidence() if r.experiment == "ee443-results" and r.key == "weighted-0.1"]
    records = [r for r in records if (r.profile, r.data) == ("paper", "real")]
    drawn = sum(map(sampling_variance, records)) / len(records)
    seeds = estimate(r.metric() for r in records).half
    assert interval(records) == pytest.approx(math.hypot(seeds, 1.96 * math.sqrt(drawn)))
    assert math.isnan(interval(records[:1]))


def test_lines_for_a_terminal(lines):
    said = list(book.as_lines(lines[lines["work"] == "ee443"]))
    assert any("R.3 Weighted Loss test_accuracy 0.02: printed 0.6798, ours 0.66" in line for line in said)
    assert any("printed 300, no result (a setting)" in line for line in said)
    assert isinstance(lines, pd.DataFrame) and len(said) == (lines["work"] == "ee443").sum()
