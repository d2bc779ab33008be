"""The ledger's page: whole without a script, and downloads that hold every line."""

import base64
import io
import json
import re

import pandas as pd
import pytest
from bs4 import BeautifulSoup

from lt_lib.lab.publish.ledger_page import LedgerPage
from lt_lib.lab.read.ledger import ledger


@pytest.fixture(scope="module")
def page():
    return LedgerPage(ledger("ee443"))


def test_the_table_holds_every_line(page):
    soup = BeautifulSoup(page._repr_html_(), "html.parser")
    rows = soup.select("#lt-ledger tbody tr")
    assert len(rows) == len(page.lines)
    texts = [[cell.get_text() for cell in row.select("td")] for row in rows]
    assert [t[2] for t in texts] == page.lines["printed"].tolist()
    (one,) = (t for t in texts if t[1] == "Weighted Loss · test_accuracy · 0.02")
    assert one[0] == "ee443: Results, R.3" and re.fullmatch(r"0\.\d{3}\xa0±\xa00\.\d{3}", one[3])
    assert one[5] == "agrees (stand-in)" and "lt run ee443-results/weighted-0.02" in one[6]
    links = [a["href"] for a in soup.select("#lt-ledger a")]
    assert "../../notebooks/ee443/05-stacking-and-results.html#fig-ee443-05-results" in links


def test_nothing_of_the_page_lies_elsewhere(page):
    soup = BeautifulSoup(page._repr_html_(), "html.parser")
    assert not soup.select("script[src], link, img, iframe")
    assert not [a for a in soup.select("a") if a["href"].startswith("http")]


def test_downloads_hold_every_line_and_the_records(page):
    soup = BeautifulSoup(page._repr_html_(), "html.parser")
    csv, whole = (base64.b64decode(a["href"].partition(",")[2]).decode() for a in soup.select("a[download]"))
    table = pd.read_csv(io.StringIO(csv), dtype=str)
    assert table["printed"].tolist() == page.lines["printed"].tolist()
    found = json.loads(whole)
    assert len(found["numbers"]) == len(page.lines)
    behind = {identity for line in found["numbers"] for identity in line["records"] or []}
    assert behind == set(found["records"]) and all(r["commit"] for r in found["records"].values())
