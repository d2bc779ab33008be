"""The built pages in a browser, with the network cut: what a reader would stumble over."""

import contextlib
import json
import re
import unicodedata
from html.parser import HTMLParser
from urllib.parse import unquote, urldefrag, urljoin

import pytest
from bs4 import BeautifulSoup
from helpers import ENTRIES, UNSET, serious
from pypdf import PdfReader

from lt_lib.lab.publish import pdf

FROM_OUTSIDE = ", ".join(
    f"{what}*='//']" for what in ("script[src", "link[rel~=stylesheet][href", "img[src", "iframe[src")
)

COLOURS = ["color-contrast", "link-in-text-block"]  # axe-core's rules about colours
# marks one text of each kind (tag, classes and style, its own and of all around it) not among the known ones
KINDS = """(known) => {
    const seen = new Set(known), fresh = [];
    for (const part of document.body.querySelectorAll('*')) {
        if (![...part.childNodes].some(node => node.nodeType === 3 && node.data.trim())) continue;
        let kind = '';
        for (let up = part; up; up = up.parentElement) {
            const row = up.tagName === 'TR' ? [...up.parentElement.children].indexOf(up) % 2 : '';
            kind += `${up.tagName}${row} ${up.className} ${up.getAttribute('style')};`;
        }
        if (!seen.has(kind)) { seen.add(kind); fresh.push(kind); part.dataset.kind = ''; }
    }
    return fresh;
}"""

PAPER = 665  # px, as wide as print.css lets text be on a sheet
CUT = """[...document.querySelectorAll('article *')]
    .filter(part => part.checkVisibility() && !part.closest('mjx-assistive-mml'))
    .filter(part => part.getBoundingClientRect().right > innerWidth + 1)
    .map(part => `${part.tagName} ${part.className} ${part.textContent.slice(0, 60)}`)"""
NOT_FOR_PAPER = """[...document.querySelectorAll(
    'button, input, .headerlink, .bd-header, .bd-sidebar-primary, .bd-sidebar-secondary, .prev-next-footer')]
    .filter(part => part.checkVisibility()).map(part => part.outerHTML.slice(0, 80))"""


@pytest.fixture(scope="module")
def known_kinds():
    """Kinds of text whose contrast has been looked at, by theme: pages share nearly all of them."""
    return {"light": [], "dark": []}


@pytest.fixture
def open_page(browser, site):
    """A page opener that keeps everything the page complains of."""
    with contextlib.ExitStack() as stack:

        def open_(name: str, width: int = 1400, scheme: str = "light", site: str = site):
            context = stack.enter_context(
                browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
            )
            page, said = context.new_page(), []
            page.on(
                "console",
                lambda m: said.append(f"{m.type}: {m.text}") if m.type in ("error", "warning") else None,
            )
            page.on("pageerror", lambda e: said.append(f"exception: {e}"))
            page.on("requestfailed", lambda r: said.append(f"failed: {r.url}"))
            page.on("response", lambda r: said.append(f"{r.status}: {r.url}") if r.status >= 400 else None)
            page.on(
                "request",
                lambda r: (
                    None if r.url.startswith((site, "data:", "blob:")) else said.append(f"outside: {r.url}")
                ),
            )
            page.goto(site + name, wait_until="networkidle")
            if page.locator(".math").count():
                page.wait_for_selector("mjx-container", state="attached")
            return page, said

        yield open_


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("entry", ENTRIES, ids=lambda e: e.name)
def test_page_on_a_desk(open_page, known_kinds, entry, scheme):
    page, said = open_page(f"{entry.name}.html", scheme=scheme)
    assert said == []
    images = page.evaluate(
        "[...document.images].map(i => [i.src, i.alt.trim(), i.complete && i.naturalWidth > 0])"
    )
    assert [src for src, _, fine in images if not fine] == [], "broken images"
    assert [src for src, alt, _ in images if not alt] == [], "images without alternative text"
    raw = page.evaluate(UNSET)
    assert raw == [] and page.locator("[data-mjx-error]").count() == 0, "formulas not typeset"
    assert page.locator("h1").count() >= 1 and page.title()
    if fresh := page.evaluate(KINDS, known_kinds[scheme]):
        known_kinds[scheme] += fresh
        assert serious(page, context={"include": ["[data-kind]"]}, runOnly=COLOURS) == []
    if scheme == "light":  # no other rule hangs on the theme
        assert serious(page, rules={rule: {"enabled": False} for rule in COLOURS}) == []


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda e: e.name)
def test_page_on_a_phone_and_on_paper(open_page, entry):
    page, said = open_page(f"{entry.name}.html", width=390)
    assert said == []
    wide = page.evaluate("document.documentElement.scrollWidth")
    assert wide <= 390, f"the page scrolls sideways: {wide} px"
    page.set_viewport_size({"width": PAPER, "height": 900})
    page.emulate_media(media="print")
    assert page.evaluate(CUT) == [], "wider than the sheet"
    assert page.evaluate(NOT_FOR_PAPER) == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", ["search.html?q=bagging", "genindex.html", "slides/index.html"])
def test_pages_beside_the_book_can_be_used_by_everybody(open_page, name, scheme):
    page, said = open_page(name, scheme=scheme)
    assert serious(page) == [] and said == []


def test_a_serious_finding_is_found(open_page):
    page, _ = open_page("genindex.html")
    page.evaluate(
        "document.querySelector('article').innerHTML += '<button></button><p id=faint>Too faint to read</p>'"
    )
    page.evaluate("document.getElementById('faint').style.color = '#ddd'")
    found = serious(page)
    assert [line.partition(":")[0] for line in found] == ["button-name", "color-contrast"]


def test_a_table_wider_than_a_phone_shows_that_there_is_more(open_page):
    page, _ = open_page("book/pages/what-holds.html", width=390)
    fade = "getComputedStyle(document.querySelector('.lt-table')).getPropertyValue('--lt-fade')"
    assert page.evaluate(fade) != "0px"
    page.evaluate("document.querySelector('.lt-table').scrollLeft = 9999")
    page.wait_for_function(f"{fade} === '0px'")
    page.set_viewport_size({"width": 1280, "height": 900})
    page.wait_for_function(f"{fade} === '0px'")


def test_front_door_leads_to_the_introduction(open_page):
    page, said = open_page("index.html")
    page.wait_for_url("**/book/pages/intro.html")
    assert said == []


def test_one_search_field_on_a_desk(open_page):
    page, _ = open_page(f"{ENTRIES[0].name}.html")
    fields = page.evaluate(
        "[...document.querySelectorAll('.search-button__button, .search-button-field, form.bd-search')]"
        ".filter(e => e.offsetParent !== null && e.getBoundingClientRect().width > 0).length"
    )
    assert fields == 1


def test_search_finds_the_section_that_has_a_word(open_page, html):
    sections = json.loads(
        (html / "_static/sections.js").read_text(encoding="utf-8").partition("=")[2].rstrip(";\n")
    )
    chapter = next(entry.name for entry in ENTRIES if entry.is_chapter)
    words = {
        (page, anchor): set(re.findall(r"[a-z]{8,}", f"{title} {text}".lower()))
        for page, found in sections.items()
        for anchor, title, text in found
    }
    (where, mine), *_ = [(at, found) for at, found in words.items() if at[0] == chapter]
    # told apart by their first six letters, as no stem is shorter
    others = {word[:6] for at, found in words.items() if at != where for word in found}
    word = next(word for word in sorted(mine) if word[:6] not in others)

    page, said = open_page(f"search.html?q={word}", site=f"{html.as_uri()}/")
    hits = page.evaluate("[...document.querySelectorAll('#search-results li a')].map(a => a.href)")
    assert hits == [f"{html.as_uri()}/{where[0]}.html#{where[1]}"]
    assert page.locator("#search-results li p mark").first.inner_text().lower() == word
    assert page.locator("form.bd-search input").first.input_value() == word
    page.locator("#search-results li a").click()
    page.wait_for_url(f"**#{where[1]}")
    assert said == []


def test_search_takes_all_words_in_any_form_and_says_when_there_is_none(open_page, html):
    def found(query):
        page, said = open_page(f"search.html?q={query}", site=f"{html.as_uri()}/")
        assert said == []
        return page.locator("#search-results li").count(), page.locator("#search-results > p").inner_text()

    assert found("bagging")[0] == found("BAGGED")[0] > found("bagging stacking")[0] > 0
    assert found("zyxwvut") == (0, "No sections")
    assert found("the")[0] > 0, "a word that says little is looked for where it is the only one"


def test_the_book_needs_no_server(open_page, html):
    base = f"{html.as_uri()}/"
    chapter = next(entry for entry in ENTRIES if entry.is_chapter)
    page, said = open_page(f"{chapter.name}.html", site=base)
    assert said == [] and page.locator("mjx-container").count()


def test_badges_are_explained(open_page):
    page, _ = open_page("book/pages/how-to-read.html")
    assert page.locator(".lt-badge").count() >= 4 and page.locator(".lt-verdict").count() >= 3
    page, _ = open_page("notebooks/ee443/05-stacking-and-results.html")
    for mark, anchors in (("badge", {"badges"}), ("verdict", {"verdicts", "claims"})):
        found = page.evaluate(f"[...document.querySelectorAll('.lt-{mark}')].map(m => [m.hash, m.title])")
        assert {hash for hash, _ in found} == {f"#{anchor}" for anchor in anchors}
        assert all(title for _, title in found)


class _Page(HTMLParser):
    """Links and anchors of a page."""

    def __init__(self, text: str):
        super().__init__()
        self.links, self.ids, self.downloads = [], set(), []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        self.ids.add(attrs.get("id"))
        if tag == "a" and attrs.get("href"):
            self.links.append(attrs["href"])
            if "download" in attrs.get("class", ""):
                self.downloads.append(attrs["href"])


def test_links_inside_the_book_lead_somewhere(html):
    pages = {
        p.relative_to(html).as_posix(): _Page(p.read_text(encoding="utf-8"))
        for p in html.rglob("*.html")
        if "_static" not in p.parts
    }
    broken = []
    for name, page in pages.items():
        for link in page.links:
            target, fragment = urldefrag(urljoin(f"http://book/{name}", link))
            if not target.startswith("http://book/"):
                continue
            path = unquote(target.removeprefix("http://book/").partition("?")[0])
            there = (html / path).is_file()
            if not there or (fragment and path in pages and unquote(fragment) not in pages[path].ids):
                broken.append(f"{name} -> {link}")
    assert broken == []


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda e: e.name)
def test_downloads_exist(html, entry):
    page = html / f"{entry.name}.html"
    downloads = _Page(page.read_text(encoding="utf-8")).downloads
    files = [(page.parent / unquote(link)).resolve() for link in downloads]
    assert all(f.is_file() and f.stat().st_size for f in files)
    assert {f.suffix for f in files} >= ({".ipynb", ".py"} if entry.is_notebook else {".md"})
    assert b'src="http' not in page.read_bytes(), "an asset from outside"
    assert BeautifulSoup(page.read_bytes(), "html.parser").select(FROM_OUTSIDE) == []


def test_what_comes_from_outside_is_seen():
    page = """<script src="//a.b/c.js"></script><link rel="stylesheet" href="https://a.b/c.css">
    <img src="http://a.b/c.png"><iframe src="https://a.b"></iframe><a href="https://a.b">out</a>
    <script src="_static/c.js"></script><link rel="stylesheet" href="../_static/c.css">"""
    assert len(BeautifulSoup(page, "html.parser").select(FROM_OUTSIDE)) == 4


def test_the_ledger_is_searched_filtered_and_sorted(open_page):
    page, said = open_page("book/pages/ledger.html")
    page.wait_for_selector("#lt-ledger-filters select:not([disabled])")
    shown = page.locator(".dt-info")
    whole = shown.inner_text()
    page.select_option("select[name=work]", "ee443")
    page.select_option("select[name=verdict]", "agrees (stand-in)")
    assert shown.inner_text() != whole
    verdicts = page.locator("#lt-ledger tbody .lt-verdict")
    assert set(verdicts.all_inner_texts()) == {"agrees (stand-in)"}
    page.fill(".dt-search input", "weighted 0.02")
    assert "0.6798" in page.locator("#lt-ledger tbody tr").first.inner_text()
    page.fill(".dt-search input", "")
    page.locator("#lt-ledger thead th").nth(2).click()
    page.wait_for_selector("#lt-ledger thead th:nth-child(3)[aria-sort=ascending]")  # drawn after a moment
    printed = [float(text) for text in page.locator("#lt-ledger tbody td:nth-child(3)").all_inner_texts()]
    assert printed == sorted(printed)
    with page.expect_download() as download:
        page.click("a[download='ledger.csv']")
    assert download.value.path().read_text().startswith("work,table,row")
    assert not said


def test_the_pdf_has_its_pages_in_order_and_numbers_them(browser, html, tmp_path):
    """Some of the book: a page with a table, a chapter of figures, one of formulas."""
    some = ["notebooks/ee443/01-long-tail-and-baselines", "notebooks/lectures/06-batch-normalization"]
    parts = [("", ["book/pages/intro"]), ("Pages", ["book/pages/how-to-read"]), ("Chapters", some)]
    source, target = html.parent / "book.html", tmp_path / "book.pdf"
    source.write_text(pdf.document(html, parts, "Long tails, re-run", ["by us"]), encoding="utf-8")
    pdf.print_document(browser, source, target)

    read = PdfReader(target)
    # a sheet's number comes first; letters that were drawn as one are taken apart again
    sheets = [unicodedata.normalize("NFKC", sheet.extract_text()).partition("\n") for sheet in read.pages]
    assert [number for number, _, _ in sheets] == [str(at) for at in range(1, len(sheets) + 1)]
    titles = [_title(html, name) for _, names in parts for name in names]
    lines = [re.fullmatch(r"(.+?)\s*(\d+)", line.strip()) for line in sheets[1][2].splitlines()]
    contents = [(line[1], int(line[2])) for line in lines if line]
    assert [title for title, _ in contents] == titles and len(sheets) > 20
    for title, at in contents:
        begins = "".join(sheets[at - 1][2].split())
        assert begins.startswith("".join(title.split())), f"{title} is not on sheet {at}"
    marks = ["".join(mark.title.split()) for mark in read.outline if not isinstance(mark, list)]
    assert marks[2:] == ["".join(title.split()) for title in titles]


def _title(html, name):
    title = re.search(r"<h1>(.*?)<a class=\"headerlink", (html / f"{name}.html").read_text(encoding="utf-8"))
    return title[1]
