"""What the front page says is what claims and ledger say."""

import re
from types import SimpleNamespace

import pandas as pd
import pytest

from lt_lib.lab import LabError
from lt_lib.lab.read.answers import (
    SORTS,
    answers,
    best_remedies,
    in_a_sentence,
    remedies,
    sort_of,
    summary,
)
from lt_lib.lab.read.evidence import evidence
from lt_lib.lab.read.published import facts_of


@pytest.mark.parametrize(
    ("verdict", "sort"),
    [
        ("holds", 0),
        ("direction holds (stand-in)", 0),
        ("fails", 1),
        ("direction fails (stand-in)", 1),
        ("undecided", 2),
        ("direction undecided (stand-in)", 2),
        ("no record", 2),
        ("cannot be tested with this stand-in", 2),
    ],
)
def test_verdicts_are_sorted(verdict, sort):
    assert sort_of(verdict) == SORTS[sort]


def test_every_claim_stands_on_the_front_page_once():
    table = answers()
    assert sorted(table.frame["id"]) == sorted(facts_of("claims")["id"])
    shown = table._repr_html_()
    assert all(shown.count(f'what-holds.html#{name}"') == 1 for name in table.frame["id"])
    starred = table.frame["verdict"].str.contains("(stand-in)", regex=False)
    assert shown.count("</a>*") == starred.sum() > 0


def test_the_sentence_counts_the_ledger():
    verdicts = {"agrees": 2, "differs": 1, "agrees (stand-in)": 22, "differs (stand-in)": 4}
    verdicts |= {"one run: no interval": 1, "not comparable": 100, "not run": 300, "no result": 128}
    lines = pd.DataFrame({"verdict": [said for said, n in verdicts.items() for _ in range(n)]})
    numbers = [int(n) for n in re.findall(r"\d+", in_a_sentence(lines))]
    assert numbers == [30, 430, 2, 1, 22, 4, 1, 100]


def with_accuracy(key, *values):
    """Records of a row, a seed a value."""
    first = next(r for r in evidence() if (r.experiment, r.key) == ("ee443-results", "weighted-0.1"))
    metrics = [first.metrics | {"last": first.metrics["last"] | {"accuracy": v}} for v in values]
    return [
        first.model_copy(update={"key": key, "seed": i, "id": f"{key}{i}", "metrics": m})
        for i, m in enumerate(metrics)
    ]


def test_remedies_are_paired_and_told_apart_from_nothing():
    plain = with_accuracy("plain", 0.5, 0.6, 0.7)
    pairs = {
        "good": {"here": (with_accuracy("good", 0.60, 0.71, 0.80), plain), "there": ([], plain)},
        "as good": {"here": (with_accuracy("as", 0.55, 0.72, 0.79), plain)},
        "none": {"here": (with_accuracy("none", 0.49, 0.61, 0.70), plain)},
    }
    table = remedies(pairs)
    found = table.frame.set_index("remedy")
    assert found["gain"].tolist() == pytest.approx([0.31 / 3, 0.26 / 3, 0])
    assert found["told"].tolist() == [True, False, False] and set(found["n"]) == {3}
    assert table.rows[0]["here"].startswith("<b>+0.103") and table.rows[0]["there"] == "–"
    assert best_remedies(table).startswith(
        "here: good (+0.103 ± "
    ) and "as good may be as good" in best_remedies(table)
    nothing = best_remedies(remedies({"none": pairs["none"]}))
    assert nothing == "here: no remedy can be told from doing nothing"


MANY = "of 3 parts 2 hold, 0 fail (Holm, m = 3): " + "; ".join(
    f"+0.0{i} ± 0.001 (a less b)" for i in range(9)
)


@pytest.mark.parametrize(
    ("verdict", "numbers", "said"),
    [
        ("holds", "+0.1", "holds: +0.1."),
        ("direction fails (stand-in)", "a 0.5: b", "fails in direction, on a stand-in: a 0.5: b."),
        (
            "direction undecided (stand-in)",
            MANY,
            "is undecided in direction, on a stand-in: of 3 parts 2 hold, 0 fail (Holm, m = 3).",
        ),
        ("holds", MANY, "holds: a: holds; b: fails, 1 of 2."),
        ("no record", "1 of 2 rows have none", "has no record yet: 1 of 2 rows have none."),
    ],
)
def test_a_claim_in_a_sentence(monkeypatch, verdict, numbers, said):
    halves = [("a", "holds"), ("b", "fails, 1 of 2")] if numbers == MANY and verdict == "holds" else []
    line = {"id": "EE3", "claim": "Stacking beats bagging", "verdict": verdict, "numbers": numbers}
    line["halves"] = halves
    table = SimpleNamespace(frame=pd.DataFrame([line]))
    monkeypatch.setattr("lt_lib.lab.read.answers.claims_table", lambda work, only: table)
    assert summary(claims=["EE3"]).sentences == (f"Claim EE3, “Stacking beats bagging”, {said}",)


def test_a_summary_takes_sentences_as_they_were_made():
    found = summary("WL cannot be told\n    from plain", "No record to choose by yet.", "a < b")
    assert str(found) == "WL cannot be told from plain.\nNo record to choose by yet.\nA < b."
    assert found._repr_html_().count("<li>") == 3 and "A &lt; b." in found._repr_html_()
    with pytest.raises(LabError, match="no claim 'EE33'; did you mean 'EE3'"):
        summary(claims=["EE33"])
