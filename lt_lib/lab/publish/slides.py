"""Slides: a reveal.js deck of every chapter, cut out of its built page by the tags of its cells.

    slide             the cell begins a slide
    fragment-slide    the cell goes on with the slide, and comes with the next key
    notes             a Markdown cell for the speaker (key S), not on the page
    live              a code or Markdown cell of the five-minute set, written beside the deck as a notebook

Before Sphinx runs, :func:`marked` puts a comment into each Markdown cell where the tags change; code cells
show their tags as classes. After it, :func:`build` reads the page, and everything on a slide looks as it does
there: formulas, references, tables with their badges. Slides stand in one row; a table that is too long for
one goes on on the next. A deck needs no network; reveal.js comes with sphinx-revealjs."""

import ast
import copy
import functools
import html
import json
import math
import posixpath
import re
import shutil
from dataclasses import dataclass, field
from pathlib import Path

from lt_lib.errors import LabError
from lt_lib.lab.publish.exercises import bound_names
from lt_lib.lab.record.paths import project_root
from lt_lib.lab.record.works import load_work, works

SLIDE, FRAGMENT, NOTES, LIVE = "slide", "fragment-slide", "notes", "live"
REVEAL = (
    "dist/reset.css",
    "dist/reveal.css",
    "dist/reveal.js",
    "plugin/notes/notes.js",
    "plugin/notes/speaker-view.html",
    "LICENSE",
)
TABLE_LINES = 18  # lines of a table on one slide
TABLE_SLIDES = 3  # what does not fit on so many is left to the page
TITLES = {"Summary": "What holds"}  # a section -> its slide, where that is called otherwise
MINUTES_A_SLIDE = 1.5  # without the stops that notes ask for
_MARK = re.compile(r"lt:(slide|fragment-slide|off)")
_MINUTES = re.compile(r"(\d+) min\b")
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
    """A copy of a notebook node whose Markdown says where slides begin and end, and whose card links to the
    deck.

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
    named = next((i for i, line in enumerate(lines) if not re.fullmatch(r"\([\w-]+\)=|", line.strip())), 0)
    at = named + 1 if re.match(r"#+ ", lines[named]) else 0
    return "\n".join([*lines[:at], "", mark, "", *lines[at:]])


def _with_link(source: str, name: str) -> str:
    head, time, rest = source.partition("- **Time.**")
    card, fence, after = rest.partition("\n```")
    work, slug = name.split("/")
    deck = f"../../slides/{work}/{slug}"
    links = f'<a href="{deck}.html">the deck</a>, <a href="{deck}-live.ipynb" download>the live cells</a>'
    return f"{head}{time}{card}\n- **Slides.** {links}{fence}{after}"


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
        deck.write_text(
            render(page.read_text(encoding="utf-8"), notebooks[name], name, stamp), encoding="utf-8"
        )
        live = deck.with_name(f"{deck.stem}-live.ipynb")
        live.write_text(
            json.dumps(live_notebook(notebooks[name]), indent=1, ensure_ascii=False) + "\n", encoding="utf-8"
        )
        made.append(deck)
    (html_root / "slides").mkdir(exist_ok=True)
    (html_root / "slides" / "index.html").write_text(_index(names, notebooks, stamp), encoding="utf-8")
    return made


def _index(names: list[str], notebooks: dict, stamp: str) -> str:
    lines = [(name, outline(notebooks[name])) for name in names if has_slides(notebooks[name])]
    rows = "".join(
        f'<tr><th scope="row"><a href="{name}.html">{name}</a></th>'
        f"<td>{found['slides']}</td><td>{found['minutes']}</td>"
        f'<td><a href="{name}-live.ipynb" download>{found["live"]} cells</a></td></tr>\n'
        for name, found in lines
    )
    return _LIST.format(rows=rows, stamp=html.escape(stamp))


def _copy_reveal(target: Path) -> None:
    try:
        import sphinx_revealjs
    except ImportError:
        raise LabError(
            "slides need sphinx-revealjs: pip install 'lt_lib[book]', or use `make book`"
        ) from None
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
                needed = (needed - bound) | {
                    n.id for n in ast.walk(tree) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Load)
                }
    out = copy.deepcopy(notebook)
    out.cells = [cell for i, cell in enumerate(out.cells) if i in chosen]
    for cell in out.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    return out


def outline(notebook) -> dict[str, int]:
    """Slides, notes and live code cells of a chapter, counted, and about how many minutes the deck takes to
    talk through.

    A slide takes 1.5 minutes, a stop as many as its note says ("3 min."), or one where it does not say.
    """
    some = [(cell.cell_type, tags(cell)) for cell in notebook.cells]
    notes = [cell.source for cell in notebook.cells if NOTES in tags(cell)]
    counted = sum(SLIDE in mine for _, mine in some)
    stops = sum(int(found[1]) if (found := _MINUTES.search(words)) else 1 for words in notes)
    return {
        "slides": counted,
        "notes": len(notes),
        "live": sum(LIVE in mine and kind == "code" for kind, mine in some),
        "minutes": round(MINUTES_A_SLIDE * counted + stops),
    }


def minute_plan(
    decks: list[tuple[str, int]], exercise: str = "exercise", minutes: int = 90, live: int = 5, pause: int = 5
) -> list[dict]:
    """A lesson of two or more decks as lines "from", "to", "what": a deck, its live set and an exercise each,
    a pause in between.

    Args:
        decks: (title, minutes of talking) in order.
        exercise: which exercise is set after each deck; they share the minutes that are left.

    Raises:
        LabError: nothing is left for the exercises.
    """
    taken = sum(length + live for _, length in decks) + pause * (len(decks) - 1)
    each = (minutes - taken) // len(decks)
    if each < 1:
        raise LabError(
            f"{', '.join(title for title, _ in decks)}: {taken} minutes without exercises, "
            f"the lesson has {minutes}"
        )
    lines, now = [], 0
    for at, (title, length) in enumerate(decks):
        parts = [
            (f"deck <em>{title}</em>", length),
            (f"live set of <em>{title}</em>", live),
            (exercise, each),
        ]
        for what, more in [("pause", pause), *parts] if at else parts:
            lines.append({"from": now, "to": now + more, "what": what})
            now += more
    return [*lines, {"from": now, "to": minutes, "what": "what is left open"}] if now < minutes else lines


def render(page: str, notebook, name: str, stamp: str) -> str:
    """A deck as HTML, from the built page and the notebook it was made of.

    Raises:
        LabError: the page shows another number of slides than the notebook has.
    """
    from bs4 import BeautifulSoup

    soup = BeautifulSoup(page, "html.parser")
    address = f"../../notebooks/{name}.html"
    last = _last(soup.find("article"), name, address, stamp)
    slides = cut(soup.find("article"), address)
    starts = [cell for cell in notebook.cells if SLIDE in tags(cell)]
    if len(slides) != len(starts):
        raise LabError(
            f"{name}: its page shows {len(slides)} slides, its notebook has {len(starts)}; "
            "build the book again with --force"
        )
    for at, words in _spoken(notebook):
        slides[at].notes.append(words)
    slides[0].blocks.insert(0, (_byline(name), False))
    stacks = [*(split_tables(slide, address) for slide in slides), [last]]
    config = next(
        (script.string for script in soup.find_all("script") if "window.MathJax" in (script.string or "")), ""
    )
    mathjax = next(
        (script["src"] for script in soup.find_all("script", src=True) if "mathjax" in script["src"]), None
    )
    title = soup.find("h1").get_text().rstrip("#")
    body = "\n".join(map(_stack, stacks))
    scripts = (
        f"<script>{config}</script>\n<script defer src={json.dumps(mathjax)}></script>" if mathjax else ""
    )
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
    state, heading, section, fresh = "off", None, "", True
    for kind, block in _blocks(article):
        if kind == "heading":
            heading = block
            section = block.get_text().rstrip("#")
            continue
        cell = kind == "block" and "cell" in block.get("class", [])
        if kind == "mark":
            state, fresh = block, True
        elif cell:
            here = {name.removeprefix("tag_") for name in block["class"]}
            state, fresh = SLIDE if SLIDE in here else FRAGMENT if FRAGMENT in here else "off", True
        if state == FRAGMENT and not slides:
            state = "off"
        if state == SLIDE:
            slides.append(Slide(TITLES.get(section, section)))
            state = "on"
        elif heading is not None and state != "off":
            slides[-1].add(f"<h3>{html.escape(section)}</h3>", state == FRAGMENT, fresh)
            fresh = False
        heading = None
        if kind == "block" and state != "off":
            if shown := shown_block(block, page):
                slides[-1].add(shown, state == FRAGMENT, fresh)
                fresh = False
            state = "off" if cell else state
    for slide in slides:
        slide.blocks[:1] = [
            (block, False) for block, _ in slide.blocks[:1]
        ]  # no slide begins with a bare title
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


def shown_block(block, page: str) -> str:
    """A block as a slide shows it: no folded code, none beside a figure or table, no permalinks, no ids,
    links into the page."""
    if "cell" in block.get("class", []):
        hidden = {"tag_hide-input", "tag_remove-input", "tag_hide-cell"} & set(block["class"])
        for part in (
            block.find_all(class_="cell_input")
            if hidden or block.find("figure") or block.find(class_="lt-table")
            else []
        ):
            part.decompose()
        for part in block.find_all("details"):
            part.decompose()
    for part in block.find_all(class_="headerlink"):
        part.decompose()
    for part in block.find_all("li"):
        if part.get_text(strip=True).startswith("Slides."):
            part.decompose()
    for link in block.find_all("a", href=True):
        if link["href"].startswith("#"):
            link["href"] = page + link["href"]
        elif not re.match(r"\w+:", link["href"]):
            link["href"] = posixpath.normpath(posixpath.join(posixpath.dirname(page), link["href"]))
    for part in [block, *block.find_all(id=True)]:
        part.attrs.pop("id", None)
    text = block.get_text(strip=True)
    return str(block) if text or block.find(["img", "svg", "table"]) else ""


def _last(article, name: str, page: str, stamp: str) -> Slide:
    """Where to read on: the texts of the page's last sections."""
    slide = Slide("Read on")
    heading = next((h for h in article.find_all("h2") if h.get_text().startswith("Further reading")), None)
    blocks = [block for kind, block in _blocks(heading.parent) if kind == "block"] if heading else []
    texts = (block for block in blocks if not block.find("table"))
    slide.blocks += [(shown, False) for block in texts if (shown := shown_block(block, page))]
    words = (
        f"<p>The chapter, with everything that is not on slides, its exercises and their solutions: "
        f'<a href="{page}">{html.escape(name)}</a>.</p><p class="lt-stamp">{html.escape(stamp)}</p>'
    )
    slide.blocks.append((words, False))
    return slide


def _byline(name: str) -> str:
    """Title, authors and year of the work that a chapter is about."""
    work = name.split("/")[0]
    key = getattr(load_work(work), "CITE", None) if work in works() else None
    if key is None:
        return ""
    entry = _references(project_root() / "book" / "references.bib")[key]
    authors = (
        p.first_names + p.middle_names + p.prelast_names + p.last_names for p in entry.persons["author"]
    )
    people = ", ".join(" ".join(names) for names in authors)
    said = f"{people}: {entry.fields['title']} ({entry.fields['year']})"
    return f'<p class="lt-byline">{html.escape(re.sub(r"[{}]", "", said))}</p>'


@functools.cache
def _references(path: Path):
    """The entries of a bibliography, read once for all decks."""
    from pybtex.database import parse_file

    return parse_file(str(path)).entries


def split_tables(slide: Slide, page: str) -> list[Slide]:
    """A slide whose tables are too long, as several; of a very long table the first rows, and where the
    others are.

    What follows a table of more than half a slide begins a new one.
    """
    from bs4 import BeautifulSoup

    parts, full = [Slide(slide.title, notes=slide.notes)], False
    for block, later in slide.blocks:
        if full:
            parts.append(Slide(slide.title))
            full, later = False, False
        soup = BeautifulSoup(block, "html.parser") if "<table" in block else None
        chunks = row_chunks(soup.find("table")) if soup else []
        full = bool(chunks) and sum(_heights(soup.find("table"))) > TABLE_LINES / 2
        if len(chunks) < 2:
            parts[-1].blocks.append((block, later))
            continue
        for at, (first, stop) in enumerate(chunks[:TABLE_SLIDES]):
            piece = (
                BeautifulSoup(block, "html.parser")
                if at == 0
                else BeautifulSoup(str(soup.find("table").parent), "html.parser")
            )
            for i, row in enumerate(_rows(piece.find("table"))):
                if not first <= i < stop:
                    row.decompose()
            if at:
                parts.append(Slide(slide.title))
            parts[-1].blocks.append((str(piece), later and not at))
        if more := chunks[-1][1] - chunks[:TABLE_SLIDES][-1][1]:
            parts[-1].blocks.append(
                (f'<p class="lt-stamp">{more} more rows in <a href="{page}">the chapter</a>.</p>', False)
            )
    for at, part in enumerate(parts):
        part.title += f" ({at + 1} of {len(parts)})" if len(parts) > 1 else ""
    return parts


def _heights(table) -> list[int]:
    """About how many printed lines each row of a table takes."""

    def lines(row):
        cells = row.find_all(["td", "th"])
        badges = [cell.find_all(class_="lt-badge") for cell in cells]
        letters = [
            len(cell.get_text()) - sum(len(b.get_text()) for b in some)
            for cell, some in zip(cells, badges, strict=True)
        ]
        return max(
            1,
            *(
                math.ceil(n * len(cells) / 110) + 2 * len(some)
                for n, some in zip(letters, badges, strict=True)
            ),
        )

    return [lines(row) for row in _rows(table)]


def _rows(table) -> list:
    return table.find("tbody").find_all("tr") if table.find("tbody") else []


def row_chunks(table) -> list[tuple[int, int]]:
    """First row and the one after the last of each piece of a table, of about equal numbers of printed lines.

    Rows that name nothing of their own stay with the row they belong to.
    """
    rows, heights = _rows(table), _heights(table)
    begins = [i == 0 or bool(row.find(["th", "td"]).get_text(strip=True)) for i, row in enumerate(rows)]
    pieces = max(math.ceil(sum(heights) / TABLE_LINES), 1)
    share = sum(heights) / pieces
    found, first, height = [], 0, 0
    for i, more in enumerate(heights):
        if begins[i] and height >= share - 0.5 and len(found) + 1 < pieces:
            found.append((first, i))
            first, height = i, 0
        height += more
    return [*found, (first, len(rows))] if rows else []


def _stack(slides: list[Slide]) -> str:
    """A slide as HTML, with what is too long for it on sheets beneath."""
    first, *more = map(_section, slides)
    if not more:
        return first
    beneath = "\n".join(sheet.replace("<section>", '<section class="lt-more">', 1) for sheet in more)
    return f"<section>\n{first}\n{beneath}\n</section>"


def _section(slide: Slide) -> str:
    blocks = "\n".join(
        f'<div class="fragment">{block}</div>' if later else block for block, later in slide.blocks
    )
    notes = f'<aside class="notes">{"".join(slide.notes)}</aside>' if slide.notes else ""
    title = html.escape(slide.title)
    return f'<section>\n<h2>{title}</h2>\n<div class="lt-slide">\n{blocks}\n</div>\n{notes}</section>'


_LIST = """\
<!DOCTYPE html>
<html lang="en" data-theme="light">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Slides</title>
<link rel="icon" href="../_static/favicon.svg">
<style>
body {{ font: 18px/1.5 system-ui, "DejaVu Sans", sans-serif; color: #1c2430; }}
body {{ max-width: 46em; margin: 2em auto; padding: 0 1em; }}
th, td {{ text-align: left; font-weight: 400; padding: .2em .8em .2em 0; vertical-align: top; }}
a {{ color: #0b62a4; }}
</style>
</head>
<body>
<h1>Slides</h1>
<p>Keys: arrows, <kbd>S</kbd> for the speaker's notes, <kbd>F</kbd> for full screen,
<kbd>Esc</kbd> for an overview. Minutes are estimated from slides and notes. The live set runs in Jupyter.
<a href="../index.html">The book.</a></p>
<table><thead><tr><th scope="col">deck</th><th scope="col">slides</th>
<th scope="col">minutes</th><th scope="col">live</th></tr></thead>
<tbody>
{rows}</tbody></table>
<p>{stamp}</p>
</body>
</html>
"""

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
