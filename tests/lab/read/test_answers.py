"""What the front page says is what claims and ledger say."""

import re

import pandas as pd
import pytest

from lt_lib.lab.read.answers import SORTS, answers, in_a_sentence, sort_of
from lt_lib.lab.read.published import facts_of


@pytest.mark.parametrize(
    ("verdict", "sort"),
    [
        ("holds", 0),
        ("direction holds (stand-in)", 0),
        ("holds in part", 0),
        ("fails", 1),
        ("direction fails (stand-in)", 1),
        ("undecided", 2),
        ("direction undecided (stand-in)", 2),
        ("no record", 2),
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
