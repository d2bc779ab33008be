"""The whole book as one PDF: the built pages in reading order in one document, which Chromium prints. What is
folded away on a page is open there, print.css lays it out, and the contents name the sheets."""

import html
import json
import posixpath
import shutil
from pathlib import Path
from urllib.parse import unquote, urldefrag

from lt_lib.errors import LabError

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
MAC = Path("/Applications/Google Chrome.app/Contents/MacOS/Google Chrome")
FLAGS = ["--disable-gpu", "--disable-background-networking", "--disable-component-update"]
_NUMBER = """(pages) => document.querySelectorAll('.lt-contents a').forEach(
    (link) => { link.nextElementSibling.textContent = pages[link.hash.slice(1)]; })"""


def find_browser() -> str | None:
    """Path of Chromium or Google Chrome."""
    return next(filter(None, map(shutil.which, BROWSERS)), str(MAC) if MAC.exists() else None)


def printer() -> str:
    """Path of the browser that prints.

    Raises:
        LabError: there is none.
    """
    if program := find_browser():
        return program
    raise LabError(f"a browser prints the PDF, and none is here; install one of {', '.join(BROWSERS)}")


def build(html_root: Path, parts: list[tuple[str, list[str]]], title: str, about: list[str]) -> Path:
    """Print the book to `book.pdf` beside its front page.

    Args:
        html_root: folder of the built book.
        parts: caption and pages of each part, "notebooks/lectures/01-descent".
        title, about: what the cover says.

    Raises:
        LabError: there is no browser, or it cannot print.
    """
    from playwright.sync_api import Error, sync_playwright

    program, source, target = printer(), html_root.parent / "book.html", html_root / "book.pdf"
    source.write_text(document(html_root, parts, title, about), encoding="utf-8")
    try:
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=program, args=FLAGS)
            print_document(browser, source, target)
            browser.close()
    except Error as error:
        raise LabError(f"{program} could not print the book: {str(error).splitlines()[0]}") from None
    return target


def print_document(browser, source: Path, target: Path) -> None:
    """Print what :func:`document` made, twice: only the first tells on which sheet a page begins."""
    page = browser.new_page()
    page.goto(source.as_uri(), timeout=0)
    page.evaluate("window.MathJax?.startup?.promise")
    page.pdf(path=target, prefer_css_page_size=True)
    page.evaluate(_NUMBER, sheets(target))
    page.pdf(path=target, prefer_css_page_size=True, tagged=True, outline=True)
    page.close()


def sheets(pdf: Path) -> dict[str, int]:
    """The sheet, counted from 1, on which each anchor that something links to lies."""
    from pypdf import PdfReader

    reader = PdfReader(pdf)
    return {
        name.removeprefix("/"): reader.get_destination_page_number(place) + 1
        for name, place in reader.named_destinations.items()
    }


def document(html_root: Path, parts: list[tuple[str, list[str]]], title: str, about: list[str]) -> str:
    """All pages as one, with a cover and contents; to lie beside the folder of the book."""
    from bs4 import BeautifulSoup

    names = [name for _, some in parts for name in some]
    soups = {
        name: BeautifulSoup((html_root / f"{name}.html").read_text(encoding="utf-8"), "html.parser")
        for name in names
    }
    titles = {name: soup.find("h1").get_text().rstrip("#") for name, soup in soups.items()}
    styles = [link["href"] for link in soups[names[0]].find_all("link", rel="stylesheet")]
    head = "".join(f'<link rel="stylesheet" href="{_moved(names[0], link)}">\n' for link in styles)
    head += next((found for name, soup in soups.items() if (found := _mathjax(name, soup))), "")
    body = "".join(_article(name, soup, names) for name, soup in soups.items())
    said = "".join(f"<p>{html.escape(line)}</p>" for line in about)
    return _BOOK.format(
        title=html.escape(title), head=head, about=said, contents=_contents(parts, titles), body=body
    )


def _contents(parts: list[tuple[str, list[str]]], titles: dict[str, str]) -> str:
    """A line a page of the book, its sheet to be filled in."""
    out = ""
    for caption, names in parts:
        lines = "".join(
            f'<li><a href="#{_anchor(name)}">{html.escape(titles[name])}</a><span>000</span></li>'
            for name in names
        )
        out += (f"<h2>{html.escape(caption)}</h2>" if caption else "") + f"<ol>{lines}</ol>\n"
    return out


def _article(name: str, soup, names: list[str]) -> str:
    """The text of a page, its anchors its own, its links and pictures where they lie from here."""
    article = soup.find("article")
    for part in article.find_all("script"):
        part.decompose()
    for part in article.find_all("details"):
        part["open"] = ""
    for part in article.find_all(id=True):
        if not part.find_parent("svg"):
            part["id"] = _anchor(name, part["id"])
    for part in article.find_all(src=True):
        part["src"] = _moved(name, part["src"])
    for link in article.find_all("a", href=True):
        _lead(link, name, names)
    return f'<section class="lt-page" id="{_anchor(name)}">{article.decode_contents()}</section>\n'


def _lead(link, name: str, names: list[str]) -> None:
    """A link to a page of the book leads into this document, one to another file of the site nowhere."""
    if ":" in link["href"].partition("/")[0]:
        return
    path, fragment = urldefrag(link["href"])
    here = posixpath.normpath(posixpath.join(posixpath.dirname(name), unquote(path))) if path else name
    page = here.removesuffix(".html")
    if page in names:
        link["href"] = f"#{_anchor(page, fragment)}"
    else:
        link.unwrap()


def _anchor(name: str, fragment: str = "") -> str:
    return f"{name}--{fragment}".replace("/", "-") if fragment else name.replace("/", "-")


def _moved(name: str, address: str) -> str:
    """Where a file lies from beside the folder of the book that lies at an address from a page of it."""
    if ":" in address.partition("/")[0]:
        return address
    return posixpath.normpath(posixpath.join("html", posixpath.dirname(name), address))


def _mathjax(name: str, soup) -> str:
    """What sets formulas, of a page that has some."""
    loaded = [script["src"] for script in soup.find_all("script", src=True) if "mathjax" in script["src"]]
    if not loaded:
        return ""
    texts = [script.string or "" for script in soup.find_all("script")]
    config = next(text for text in texts if "window.MathJax" in text)
    return f"<script>{config}</script>\n<script defer src={json.dumps(_moved(name, loaded[0]))}></script>\n"


_BOOK = """<!DOCTYPE html>
<html lang="en" data-theme="light" data-mode="light">
<head><meta charset="utf-8"><title>{title}</title>
{head}</head>
<body><div class="bd-content"><main class="bd-article-container">
<section class="lt-cover"><h1>{title}</h1>{about}</section>
<nav class="lt-contents"><h1>Contents</h1>{contents}</nav>
{body}</main></div></body></html>
"""
