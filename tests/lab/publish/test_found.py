"""The box under the card of a chapter says what claims and ledger say."""

import pytest
from bs4 import BeautifulSoup

from lt_lib.lab.publish.found import found_box
from lt_lib.lab.read.claims import claims_table
from lt_lib.lab.read.ledger import ledger
from lt_lib.lab.read.published import facts_of
from lt_lib.lab.record.paths import project_root
from lt_lib.lab.record.works import load_work, works


def test_every_claim_has_a_chapter_that_is_there():
    tested = set()
    for work in works("claims"):
        for chapter, claims in load_work(work).CHAPTERS.items():
            assert (project_root() / f"notebooks/{work}/{chapter}.py").is_file()
            tested |= set(claims)
    assert tested == set(facts_of("claims")["id"])


def test_the_box_names_claims_verdicts_and_counts():
    soup = BeautifulSoup(found_box("ee443/05-stacking-and-results", "../../book/pages/"), "html.parser")
    *claims, numbers = soup.select("li")
    assert [li.a.get_text() for li in claims] == ["EE3", "EE4", "EE5", "EE6"]
    verdicts = claims_table("ee443", only=["EE3", "EE4", "EE5", "EE6"]).frame["verdict"].tolist()
    assert [li.select_one(".lt-verdict").get_text() for li in claims] == verdicts
    assert claims[0].a["href"] == "../../book/pages/what-holds.html#EE3"
    lines = ledger("ee443")
    own = lines[lines["chapter"] == "ee443/05-stacking-and-results"]
    near = (own["verdict"] == "agrees (stand-in)").sum()
    assert f"Of {len(own)} printed results" in numbers.get_text()
    assert f"{near} agree (stand-in)" in numbers.get_text()


@pytest.mark.parametrize("chapter", ["lectures/02-backpropagation", "nowhere/01-x"])
def test_no_box_where_there_is_nothing_to_say(chapter):
    assert found_box(chapter, "") == ""
