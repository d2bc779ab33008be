"""All pages of the book as one document, and what is said where nothing can print it."""

import pytest
from bs4 import BeautifulSoup
from helpers import run_main

from lt_lib.errors import LabError
from lt_lib.lab.publish import pdf

PARTS = [("", ["book/pages/intro"]), ("One work", ["notebooks/one/01-a"])]
INTRO = """<html><head><link rel="stylesheet" href="../../_static/a.css"></head>
<body><nav>menu</nav><article><section id="sum"><h1>Front<a class="headerlink">#</a></h1>
<a href="../../notebooks/one/01-a.html#sum">there</a>
<a href="../../slides/one/01-a.html">a deck</a> <a href="https://a.b/c">out</a> <a href="#sum">here</a>
</section><script>go()</script></article></body></html>"""
CHAPTER = """<html><head></head><body><script>window.MathJax = {}</script>
<script src="../../_static/mathjax/tex.js"></script><article><section id="sum"><h1>A &amp; B</h1>
<img src="../../_images/x.png"><img src="data:image/png;base64,AA"><details><summary>s</summary>in</details>
<svg><g id="dot"></g><use href="#dot"></use></svg></section></article></body></html>"""


@pytest.fixture
def site(tmp_path):
    for name, text in (("book/pages/intro", INTRO), ("notebooks/one/01-a", CHAPTER)):
        path = tmp_path / f"html/{name}.html"
        path.parent.mkdir(parents=True)
        path.write_text(text)
    return tmp_path / "html"


def test_pages_become_one_document(site):
    soup = BeautifulSoup(pdf.document(site, PARTS, "A book", ["by us"]), "html.parser")
    anchors = [part["id"] for part in soup.find_all(id=True)]
    assert anchors == [
        "book-pages-intro",
        "book-pages-intro--sum",
        "notebooks-one-01-a",
        "notebooks-one-01-a--sum",
        "dot",
    ]
    contents = [(link.get_text(), link["href"]) for link in soup.select(".lt-contents a")]
    assert contents == [("Front", "#book-pages-intro"), ("A & B", "#notebooks-one-01-a")]
    links = [(link.get_text(), link["href"]) for link in soup.select(".lt-page a[href]")]
    assert links == [
        ("there", "#notebooks-one-01-a--sum"),
        ("out", "https://a.b/c"),
        ("here", "#book-pages-intro--sum"),
    ]
    assert "a deck" in soup.get_text() and "menu" not in soup.get_text() and "go()" not in str(soup)
    assert [image["src"] for image in soup.find_all("img")] == [
        "html/_images/x.png",
        "data:image/png;base64,AA",
    ]
    assert soup.find("link")["href"] == "html/_static/a.css"
    assert [script.get("src") for script in soup.find_all("script")] == [None, "html/_static/mathjax/tex.js"]
    assert soup.find("details").has_attr("open")


@pytest.fixture
def no_browser(monkeypatch):
    monkeypatch.setattr(pdf, "BROWSERS", ("no-such-browser",))
    monkeypatch.setattr(pdf, "MAC", pdf.Path("/no/such/browser"))


def test_without_a_browser_nothing_is_built(no_browser, monkeypatch, capsys):
    from lt_lib.lab.publish import book

    monkeypatch.setattr(book, "build", lambda *_, **__: pytest.fail("built in vain"))
    code, out, err = run_main(monkeypatch, capsys, "pdf", "--profile", "smoke")
    assert (code, out) == (1, "")
    assert err == "error: a browser prints the PDF, and none is here; install one of no-such-browser\n"


def test_a_browser_that_cannot_start_is_one_line(site, tmp_path, monkeypatch):
    broken = tmp_path / "chromium"
    broken.write_text("#!/bin/sh\nexit 1\n")
    broken.chmod(0o755)
    monkeypatch.setattr(pdf, "find_browser", lambda: str(broken))
    with pytest.raises(LabError, match="chromium could not print the book: [^\n]+$"):
        pdf.build(site, PARTS, "A book", [])
