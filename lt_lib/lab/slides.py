"""Slides: a reveal.js deck of every chapter, cut out of its built page by the tags of its cells.

    slide             the cell begins a slide
    fragment-slide    the cell goes on with the slide, and comes with the next key
    notes             a Markdown cell for the speaker (key S), not on the page
    live              a code or Markdown cell of the five-minute set, written beside the deck as a notebook

Before Sphinx runs, :func:`marked` puts a comment into each Markdown cell where the tags change; code cells show their tags as classes.
After it, :func:`build` reads the page, and everything on a slide looks as it does there: formulas, references, tables with their badges.
A deck needs no network; reveal.js comes with sphinx-revealjs.
"""

import ast
import copy
import html
import json
import re
import shutil
from dataclasses import dataclass, field
from pathlib import Path

from lt_lib.lab.errors import LabError
from lt_lib.lab.exercises import bound_names

SLIDE, FRAGMENT, NOTES, LIVE = "slide", "fragment-slide", "notes", "live"
REVEAL = ("dist/reset.css", "dist/reveal.css", "dist/reveal.js", "plugin/notes/notes.js", "plugin/notes/speaker-view.html", "LICENSE")
_MARK = re.compile(r"lt:(slide|fragment-slide|off)")
_SOLUTION = re.compile(r"\{solution-(start|end)\}")


@dataclass
class Slide:
    """A slide: its blocks, each with whether it comes with a key of its own, and what the speaker reads."""

    title: str
    blocks: list[tuple[str, bool]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def add(self, block: str, later: bool, fresh: bool) -> None:
        """A block; with `later` it comes with a key, together with those before it unless it is `fresh`."""
        if later and not fresh:
            block = self.blocks.pop()[0] + "\n" + block
        self.blocks.append((block, later))


def tags(cell) -> set[str]:
    """The tags of a notebook cell."""
    return set(cell.metadata.get("tags", []))


def has_slides(notebook) -> bool:
    """Whether any cell begins a slide."""
    return any(SLIDE in tags(cell) for cell in notebook.cells)


def for_readers(notebook):
    """A copy of a notebook node without the comments that speak to nbval."""
    out = copy.deepcopy(notebook)
    for cell in out.cells:
        if cell.cell_type == "code":
            cell.source = cell.source.removeprefix("# nbval-check-output\n")
    return out


def marked(notebook, name: str):
    """A copy of a notebook node whose Markdown says where slides begin and end, and whose card links to the deck.

    Args:
        notebook: any chapter; one without slides comes back as it is.
        name: "lectures/01-descent".
    """
    if not has_slides(notebook):
        return notebook
    out, state, solving = copy.deepcopy(notebook), "off", False
    for cell in out.cells:
        mine = tags(cell)
        if cell.cell_type != "markdown":
            state = "code" if mine & {SLIDE, FRAGMENT} else "off"
            continue
        if NOTES in mine:
            continue
        now = SLIDE if SLIDE in mine else FRAGMENT if FRAGMENT in mine else "off"
        gates = _SOLUTION.findall(cell.source)
        if not solving and (now != "off" or state != "off"):
            cell.source = _with_mark(cell.source, now)
        state, solving = now, gates[-1] == "start" if gates else solving
    for cell in out.cells:
        if cell.cell_type == "markdown" and "- **Time.**" in cell.source:
            cell.source = _with_link(cell.source, name)
            break
    return out


def _with_mark(source: str, state: str) -> str:
    """Behind the heading if the cell begins with one, so that a page still begins with its title."""
    mark, lines = f"<!--lt:{state}-->", source.split("\n")
    at = 1 if re.match(r"#+ ", lines[0]) else 0
    return "\n".join([*lines[:at], "", mark, "", *lines[at:]])


def _with_link(source: str, name: str) -> str:
    head, time, rest = source.partition("- **Time.**")
    card, fence, after = rest.partition("\n```")
    work, slug = name.split("/")
    deck = f"../../slides/{work}/{slug}"
    links = f'- **Slides.** <a href="{deck}.html">the deck</a>, <a href="{deck}-live.ipynb" download>the live cells</a>'
    return head + time + card + "\n" + links + fence + after


def build(html_root: Path, names: list[str], notebooks: dict[str, object], stamp: str) -> list[Path]:
    """Cut decks out of built pages.

    Args:
        html_root: folder of the built book.
        names: chapters, "lectures/01-descent".
        notebooks: name -> executed notebook node.
        stamp: what was run, for the last slide of each deck.

    Returns:
        The decks, `slides/<work>/<slug>.html` under `html_root`, of the chapters that have slides.

    Raises:
        LabError: a page shows other slides than its notebook has, or sphinx-revealjs is missing.
    """
    _copy_reveal(html_root / "_static" / "reveal")
    made = []
    for name in names:
        if not has_slides(notebooks[name]):
            continue
        page = html_root / "notebooks" / f"{name}.html"
        deck = html_root / "slides" / f"{name}.html"
        deck.parent.mkdir(parents=True, exist_ok=True)
        deck.write_text(render(page.read_text(encoding="utf-8"), notebooks[name], name, stamp), encoding="utf-8")
        live = deck.with_name(f"{deck.stem}-live.ipynb")
        live.write_text(json.dumps(live_notebook(notebooks[name]), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
        made.append(deck)
    return made


def _copy_reveal(target: Path) -> None:
    try:
        import sphinx_revealjs
    except ImportError:
        raise LabError("slides need sphinx-revealjs: pip install 'lt_lib[book]', or use `make book`") from None
    source = Path(sphinx_revealjs.__file__).parent / "_static" / "revealjs"
    for name in REVEAL:
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source / name, target / name)


def live_notebook(notebook):
    """The cells of the live set, the parameters, and whatever earlier code these need; without outputs."""
    chosen = {i for i, cell in enumerate(notebook.cells) if tags(cell) & {LIVE, "parameters"}}
    needed: set[str] = set()
    for i in reversed(range(len(notebook.cells))):
        if notebook.cells[i].cell_type == "code":
            tree = ast.parse(notebook.cells[i].source)
            bound = bound_names(tree)
            if i in chosen or bound & needed:
                chosen.add(i)
                needed = (needed - bound) | {n.id for n in ast.walk(tree) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Load)}
    out = copy.deepcopy(notebook)
    out.cells = [cell for i, cell in enumerate(out.cells) if i in chosen]
    for cell in out.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    return out


def outline(notebook) -> dict[str, int]:
    """Slides, notes and live code cells of a chapter, counted."""
    some = [(cell.cell_type, tags(cell)) for cell in notebook.cells]
    return {"slides": sum(SLIDE in mine for _, mine in some), "notes": sum(NOTES in mine for _, mine in some),
            "live": sum(LIVE in mine and kind == "code" for kind, mine in some)}


def render(page: str, notebook, name: str, stamp: str) -> str:
    """A deck as HTML, from the built page and the notebook it was made of.

    Raises:
        LabError: the page shows another number of slides than the notebook has.
    """
    from bs4 import BeautifulSoup

    soup = BeautifulSoup(page, "html.parser")
    slides = cut(soup.find("article"), f"../../notebooks/{name}.html")
    starts = [cell for cell in notebook.cells if SLIDE in tags(cell)]
    if len(slides) != len(starts):
        raise LabError(f"{name}: its page shows {len(slides)} slides, its notebook has {len(starts)}; build the book again with --force")
    for at, words in _spoken(notebook):
        slides[at].notes.append(words)
    slides.append(_last(name, stamp))
    config = next((script.string for script in soup.find_all("script") if "window.MathJax" in (script.string or "")), "")
    math = next((script["src"] for script in soup.find_all("script", src=True) if "mathjax" in script["src"]), None)
    title = soup.find("h1").get_text().rstrip("#")
    body = "\n".join(_section(slide) for slide in slides)
    scripts = f"<script>{config}</script>\n<script defer src={json.dumps(math)}></script>" if math else ""
    return _PAGE.format(title=html.escape(title), body=body, scripts=scripts)


def _spoken(notebook) -> list[tuple[int, str]]:
    """What the speaker reads, as HTML, with the number of the slide it belongs to."""
    from markdown_it import MarkdownIt

    found, at = [], -1
    for cell in notebook.cells:
        at += SLIDE in tags(cell)
        if NOTES in tags(cell):
            found.append((max(at, 0), MarkdownIt().render(cell.source)))
    return found


def cut(article, page: str) -> list[Slide]:
    """The slides of a page: a walk through its blocks, on and off as the marks and tags say.

    Args:
        article: element that holds the page's content.
        page: where links into the page itself shall lead.
    """
    slides: list[Slide] = []
    state, heading, fresh = "off", None, True
    for kind, block in _blocks(article):
        if kind == "heading":
            heading = block
            continue
        cell = kind == "block" and "cell" in block.get("class", [])
        if kind == "mark":
            state, fresh = block, True
        elif cell:
            here = {name.removeprefix("tag_") for name in block["class"]}
            state, fresh = SLIDE if SLIDE in here else FRAGMENT if FRAGMENT in here else "off", True
        if state == FRAGMENT and not slides:
            state = "off"
        words = heading.get_text().rstrip("#") if heading is not None else ""
        if state == SLIDE:
            slides.append(Slide(words or (slides[-1].title if slides else "")))
            state = "on"
        elif words and state == FRAGMENT:
            slides[-1].add(f"<h3>{html.escape(words)}</h3>", True, fresh)
            fresh = False
        heading = None
        if kind == "block" and state != "off":
            if shown := _shown(block, page):
                slides[-1].add(shown, state == FRAGMENT, fresh)
                fresh = False
            state = "off" if cell else state
    return slides


def _blocks(element):
    """Headings, marks and blocks of a page in reading order; sections are opened."""
    from bs4 import Comment, Tag

    for child in element.children:
        if isinstance(child, Comment):
            if found := _MARK.search(child):
                yield "mark", found[1]
        elif isinstance(child, Tag):
            if child.name == "section":
                yield from _blocks(child)
            elif re.fullmatch(r"h[1-6]", child.name):
                yield "heading", child
            elif child.name not in ("script", "style"):
                yield "block", child


def _shown(block, page: str) -> str:
    """A block as a slide shows it: no folded code, none beside a figure or table, no permalinks, no ids, links into the page."""
    if "cell" in block.get("class", []):
        hidden = {"tag_hide-input", "tag_remove-input", "tag_hide-cell"} & set(block["class"])
        for part in block.find_all(class_="cell_input") if hidden or block.find("figure") or block.find(class_="lt-table") else []:
            part.decompose()
        for part in block.find_all("details"):
            part.decompose()
    for part in block.find_all(class_="headerlink"):
        part.decompose()
    for link in block.find_all("a", href=True):
        if link["href"].startswith("#"):
            link["href"] = page + link["href"]
    for part in [block, *block.find_all(id=True)]:
        part.attrs.pop("id", None)
    text = block.get_text(strip=True)
    return str(block) if text or block.find(["img", "svg", "table"]) else ""


def _last(name: str, stamp: str) -> Slide:
    page = f"../../notebooks/{name}.html"
    words = (f'<p>The chapter, with everything that is not on slides, its exercises and their solutions: '
             f'<a href="{page}">{html.escape(name)}</a>.</p><p class="lt-stamp">{html.escape(stamp)}</p>')
    return Slide("Read on", [(words, False)])


def _section(slide: Slide) -> str:
    blocks = "\n".join(f'<div class="fragment">{block}</div>' if later else block for block, later in slide.blocks)
    notes = f'<aside class="notes">{"".join(slide.notes)}</aside>' if slide.notes else ""
    return f'<section>\n<h2>{html.escape(slide.title)}</h2>\n<div class="lt-slide">\n{blocks}\n</div>\n{notes}</section>'


_PAGE = """\
<!DOCTYPE html>
<html lang="en" data-theme="light">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<link rel="icon" href="../../_static/favicon.svg">
<link rel="stylesheet" href="../../_static/reveal/dist/reset.css">
<link rel="stylesheet" href="../../_static/reveal/dist/reveal.css">
<link rel="stylesheet" href="../../_static/pygments.css">
<link rel="stylesheet" href="../../_static/custom.css">
<link rel="stylesheet" href="../../_static/deck.css">
{scripts}
</head>
<body>
<div class="reveal"><div class="slides">
{body}
</div></div>
<script src="../../_static/reveal/dist/reveal.js"></script>
<script src="../../_static/reveal/plugin/notes/notes.js"></script>
<script src="../../_static/deck.js"></script>
</body>
</html>
"""
