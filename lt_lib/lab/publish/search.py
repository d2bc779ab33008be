"""What the search page looks through: every section of the built book with its text, as one script. A browser
lets a page that was opened as a file load scripts and nothing else."""

import json
import re
from pathlib import Path


def build(html_root: Path, names: list[str]) -> Path:
    """Write `_static/sections.js`, which search.js reads.

    Args:
        html_root: folder of the built book.
        names: pages, "notebooks/lectures/01-descent".
    """
    pages = {name: sections((html_root / f"{name}.html").read_text(encoding="utf-8")) for name in names}
    target = html_root / "_static" / "sections.js"
    target.write_text(f"const SECTIONS = {json.dumps(pages, ensure_ascii=False)};\n", encoding="utf-8")
    return target


def sections(page: str) -> list[tuple[str, str, str]]:
    """Anchor, heading and text of each section of a page, without the text of sections within it."""
    from bs4 import BeautifulSoup

    article = BeautifulSoup(page, "html.parser").find("article")
    unread = article.find_all(["script", "style", "svg", "summary"])
    for part in unread + article.find_all(class_=["math", "headerlink"]):
        part.extract()
    for part in article.find_all(["p", "td", "th", "li", "dt", "dd", "figcaption"]):
        part.append(" ")  # where one ends, a word ends
    found = []
    for section in reversed(article.find_all("section", id=True)):  # what lies within comes first
        if heading := section.find(re.compile("^h[1-6]$"), recursive=False):
            title, text = heading.extract().get_text(), section.extract().get_text()
            found.append((section["id"], title, " ".join(text.split())))
    return found[::-1]
