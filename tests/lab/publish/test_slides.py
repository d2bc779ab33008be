"""Decks: what is cut out of a page, what is left out, and what is said when page and notebook disagree."""

import ast
import re
import runpy
from itertools import pairwise

import nbformat
import pytest
from bs4 import BeautifulSoup

from lt_lib.lab import LabError
from lt_lib.lab.publish import slides
from lt_lib.lab.publish.notebooks import read_notebook
from lt_lib.lab.record.paths import project_root

CHAPTERS = sorted(project_root().glob("notebooks/*/*.py"))
NAMES = [f"{path.parent.name}/{path.stem}" for path in CHAPTERS]
CARD = """\
# Title

```{admonition} This chapter
- **Question.** Why?
- **Time.** Long;
  very.
```

Once upon a time."""


def cell(kind, source, *tags):
    made = nbformat.v4.new_code_cell(source) if kind == "code" else nbformat.v4.new_markdown_cell(source)
    if tags:
        made.metadata["tags"] = list(tags)
    return made


def notebook(*cells):
    return nbformat.v4.new_notebook(cells=list(cells))


@pytest.fixture
def chapter():
    return notebook(
        cell("md", CARD, "slide", "live"),
        cell("md", "Ask them.", "notes", "remove-cell"),
        cell("code", "profile = 1", "parameters"),
        cell("md", "## Not shown\n\nWords."),
        cell("code", "# nbval-check-output\nprint(1)", "slide", "live"),
        cell("md", "More words.", "fragment-slide"),
        cell("md", "### Off\n\nLeft out."),
        cell("md", "## Second\n\nText.", "slide"),
    )


# --- what goes to Sphinx


def test_marks_stand_behind_headings_where_the_state_changes(chapter):
    sources = [c.source for c in slides.marked(chapter, "wing/01-x").cells]
    assert sources[0].startswith("# Title\n\n<!--lt:slide-->\n") and sources[3].startswith(
        "## Not shown\n\nWords."
    )
    assert (
        sources[5].strip().startswith("<!--lt:fragment-slide-->")
        and "<!--lt:off-->" in sources[6].split("Left out")[0]
    )
    assert sources[4] == chapter.cells[4].source and "lt:" not in sources[1]
    assert "lt:" not in chapter.cells[0].source  # a copy


def test_the_card_links_to_the_deck(chapter):
    card = slides.marked(chapter, "wing/01-x").cells[0].source
    assert 'very.\n- **Slides.** <a href="../../slides/wing/01-x.html">' in card and card.count("```") == 2
    assert "01-x-live.ipynb" in card


def test_a_chapter_without_slides_is_left_alone():
    plain = notebook(cell("md", CARD))
    assert slides.marked(plain, "wing/01-x") is plain and not slides.has_slides(plain)


def test_solutions_are_not_marked():
    chapter = notebook(
        cell("md", "# A", "slide"),
        cell("md", "```{solution-start} ex\n```"),
        cell("md", "inside"),
        cell("md", "```{solution-end}\n```"),
    )
    sources = [c.source for c in slides.marked(chapter, "wing/01-x").cells]
    assert "lt:off" in sources[1] and "lt:" not in sources[2] + sources[3]


def test_comments_for_nbval_are_not_for_readers(chapter):
    assert slides.for_readers(chapter).cells[4].source == "print(1)"


# --- what comes out of a page


PAGE = """<html><head><script>window.MathJax = {}</script>
<script defer src="../../_static/mathjax/x.js"></script></head><body><article>
<section id="title"><h1>Title<a class="headerlink" href="#title">#</a></h1><!--lt:slide-->
<div class="admonition" id="a"><p>Why?</p></div>
<p>See <a href="#eq">(1)</a>.</p>
<section><h2>Not shown</h2><p>Words.</p></section></section>
<div class="cell tag_slide tag_live">
<div class="cell_input"><pre>print(1)</pre></div><div class="cell_output"><pre>1</pre></div></div>
<!--lt:fragment-slide--><p>More</p><p>words.</p><section><h3>Off</h3><!--lt:off--><p>Left out.</p></section>
<div class="cell tag_hide-input"><p>never</p></div>
<section><h2>Second</h2><!--lt:slide--><p>Text.</p>
<div class="cell tag_fragment-slide tag_hide-input">
<details class="hide"><pre>code</pre></details><div class="cell_output"><p>7</p></div></div>
<div class="cell tag_fragment-slide">
<div class="cell_input"><pre>lab.figure()</pre></div><figure id="f"><img src="x.png"></figure></div>
<section><h2>Further reading</h2><ul><li>Cui: on tails</li></ul>
<div class="cell tag_remove-input"><div class="cell_output"><p>made on CPU</p></div></div>
</section></section></article></body></html>"""


@pytest.fixture
def cuts():
    page = PAGE.replace("<section><h2>Not shown</h2><p>", "<section><h2>Not shown</h2><!--lt:off--><p>")
    return slides.cut(BeautifulSoup(page, "html.parser").find("article"), "../../notebooks/wing/01-x.html")


def test_slides_begin_and_end_where_the_tags_say(cuts):
    assert [s.title for s in cuts] == ["Title", "Not shown", "Second"]  # the section it stands in
    text = [
        [BeautifulSoup(block, "html.parser").get_text(" ", strip=True) for block, _ in s.blocks] for s in cuts
    ]
    assert text == [["Why?", "See (1) ."], ["print(1) 1", "More words."], ["Text.", "7", ""]]
    assert [[later for _, later in s.blocks] for s in cuts] == [
        [False, False],
        [False, True],
        [False, True, True],
    ]


def test_a_heading_in_the_middle_of_a_slide_is_shown_and_names_the_next():
    page = (
        "<article><section><h2>A</h2><!--lt:slide--><p>1</p><section><h2>B</h2><p>2</p></section></section>"
        '<div class="cell tag_slide"><p>3</p></div></article>'
    )
    first, second = slides.cut(BeautifulSoup(page, "html.parser").article, "")
    assert (
        first.title == "A"
        and [block for block, _ in first.blocks] == ["<p>1</p>", "<h3>B</h3>", "<p>2</p>"]
        and second.title == "B"
    )


def test_no_slide_begins_with_a_bare_title():
    page = (
        "<article><section><h2>A</h2><!--lt:slide--></section>"
        '<div class="cell tag_fragment-slide"><p>1</p></div></article>'
    )
    (slide,) = slides.cut(BeautifulSoup(page, "html.parser").article, "")
    assert [later for _, later in slide.blocks] == [False]


def test_links_lead_into_the_page_and_ids_are_gone(cuts):
    whole = "".join(block for s in cuts for block, _ in s.blocks)
    assert (
        'href="../../notebooks/wing/01-x.html#eq"' in whole
        and " id=" not in whole
        and "headerlink" not in whole
    )
    assert "lab.figure" not in whole and 'src="x.png"' in whole


def page_of(chapter):
    return PAGE.replace("<section><h2>Not shown</h2><p>", "<section><h2>Not shown</h2><!--lt:off--><p>")


def test_a_deck_is_whole(chapter):
    deck = slides.render(page_of(chapter), chapter, "wing/01-x", "profile <smoke>")
    soup = BeautifulSoup(deck, "html.parser")
    sections = soup.select(".slides > section")
    assert [s.h2.get_text() for s in sections] == ["Title", "Not shown", "Second", "Read on"]
    assert "Cui: on tails" in sections[-1].get_text() and "made on CPU" in sections[-1].get_text()
    assert sections[0].select_one("aside.notes").get_text(strip=True) == "Ask them." and not sections[
        1
    ].select("aside")
    assert "profile <smoke>" in sections[-1].get_text()
    used = [
        tag.get("src") or tag.get("href")
        for tag in soup.find_all(["script", "link"])
        if tag.get("src") or tag.get("href")
    ]
    assert len(used) >= 9 and all(address.startswith("../../_static/") for address in used)


def test_the_summary_closes_a_deck_as_what_holds(chapter):
    chapter.cells.append(cell("md", "## Summary\n\nIn short.", "slide"))
    page = page_of(chapter).replace(
        "</article>", "<section><h2>Summary</h2><!--lt:slide--><p>In short.</p></section></article>"
    )
    sections = BeautifulSoup(slides.render(page, chapter, "wing/01-x", ""), "html.parser").select("section")
    assert [s.h2.get_text() for s in sections][-2:] == ["What holds", "Read on"]


def test_a_deck_names_the_work_and_its_authors(chapter):
    deck = slides.render(page_of(chapter), chapter, "lectures/01-x", "")
    said = (
        BeautifulSoup(deck, "html.parser").select_one(".slides > section").select_one(".lt-byline").get_text()
    )
    assert said == "Tso-Jung Yen: AI for Medical Image Classification (2020)"


def test_a_card_on_a_slide_does_not_link_to_its_own_deck():
    card = BeautifulSoup(
        "<div><ul><li><strong>Time.</strong> 5</li>"
        '<li><strong>Slides.</strong> <a href="x.html">deck</a></li></ul></div>',
        "html.parser",
    ).div
    assert "Time." in slides.shown_block(card, "../../notebooks/w/01-x.html") and "Slides." not in str(card)


@pytest.mark.parametrize(
    ("href", "leads_to"),
    [
        ("#a", "../../notebooks/w/01-x.html#a"),
        ("02-y.html#b", "../../notebooks/w/02-y.html#b"),
        ("../../book/pages/bibliography.html#id1", "../../book/pages/bibliography.html#id1"),
        ("https://example.org/", "https://example.org/"),
    ],
)
def test_links_lead_where_they_led_on_the_page(href, leads_to):
    block = BeautifulSoup(f'<p><a href="{href}">there</a></p>', "html.parser").p
    assert f'href="{leads_to}"' in slides.shown_block(block, "../../notebooks/w/01-x.html")


# --- long tables


def table_of(rows, words="w"):
    body = "".join(f"<tr><th>{i}</th><td>{words}</td></tr>" for i in range(rows))
    table = f"<table><thead><tr><th>h</th></tr></thead><tbody>{body}</tbody></table>"
    return f'<div class="cell"><p>before</p><div class="lt-table">{table}</div></div>'


def numbers_on(slide):
    return [
        int(th.get_text())
        for block, _ in slide.blocks
        for th in BeautifulSoup(block, "html.parser").select("tbody th")
    ]


@pytest.mark.parametrize("rows", [1, slides.TABLE_LINES, slides.TABLE_LINES + 1, 3 * slides.TABLE_LINES])
def test_a_long_table_goes_on_on_the_next_slide(rows):
    pieces = -(-rows // slides.TABLE_LINES)
    parts = slides.split_tables(
        slides.Slide("T", [(table_of(rows), True), ("<p>after</p>", True)], ["note"]), "page.html"
    )
    assert [n for part in parts for n in numbers_on(part)] == list(range(rows)) and len(parts) == pieces + (
        rows > slides.TABLE_LINES / 2
    )
    assert all(len(numbers_on(part)) <= slides.TABLE_LINES for part in parts)
    assert (
        all("<thead>" in part.blocks[0][0] for part in parts[:pieces]) and "after" in parts[-1].blocks[-1][0]
    )
    assert [part.notes for part in parts] == [["note"]] + [[]] * (len(parts) - 1)
    assert sum("before" in block for part in parts for block, _ in part.blocks) == 1


def test_of_a_very_long_table_the_rest_is_counted():
    rows = 5 * slides.TABLE_LINES
    parts = slides.split_tables(slides.Slide("T", [(table_of(rows), False)]), "page.html")
    shown = [n for part in parts for n in numbers_on(part)]
    assert shown == list(range(len(shown))) and len(parts) == slides.TABLE_SLIDES
    assert f'{rows - len(shown)} more rows in <a href="page.html">' in parts[-1].blocks[-1][0]


def test_rows_that_belong_together_stay_together():
    body = "".join(f"<tr><th>{i // 3 if i % 3 == 0 else ''}</th><td>w</td></tr>" for i in range(30))
    table = BeautifulSoup(f"<table><tbody>{body}</tbody></table>", "html.parser").table
    chunks = slides.row_chunks(table)
    assert len(chunks) == 2 and all(first % 3 == 0 for first, _ in chunks) and chunks[-1][1] == 30


def test_tall_rows_count_as_many_lines():
    assert len(slides.split_tables(slides.Slide("T", [(table_of(6, "word " * 60), False)]), "page.html")) > 1


# --- minutes


def test_minutes_are_those_of_slides_and_stops(chapter):
    chapter.cells.append(cell("md", "Wait. 4 min.", "notes", "remove-cell"))
    assert slides.outline(chapter) == {"slides": 3, "notes": 2, "live": 1, "minutes": round(1.5 * 3 + 1 + 4)}


def test_a_minute_plan_has_no_gaps_and_fills_the_lesson():
    plan = slides.minute_plan([("A", 30), ("B", 28)], minutes=90)
    assert (
        plan[0]["from"] == 0 and plan[-1]["to"] == 90 and all(a["to"] == b["from"] for a, b in pairwise(plan))
    )
    assert [line["to"] - line["from"] for line in plan] == [30, 5, 8, 5, 28, 5, 8, 1]
    with pytest.raises(LabError, match="A, B: 93 minutes"):
        slides.minute_plan([("A", 50), ("B", 28)])


def test_a_page_of_another_notebook_is_named(chapter):
    chapter.cells.append(cell("md", "## Third", "slide"))
    with pytest.raises(LabError, match="shows 3 slides, its notebook has 4"):
        slides.render(page_of(chapter), chapter, "wing/01-x", "")


def test_live_cells_keep_the_parameters_and_no_outputs(chapter):
    chapter.cells[4].outputs = [nbformat.v4.new_output("stream", name="stdout", text="1")]
    live = slides.live_notebook(chapter)
    assert [c.source[:9] for c in live.cells] == ["# Title\n\n", "profile =", "# nbval-c"]
    assert not any(c.get("outputs") for c in live.cells)
    nbformat.validate(live)


# --- the chapters


@pytest.mark.parametrize("path", CHAPTERS, ids=NAMES)
def test_every_chapter_has_a_deck_with_notes(path):
    counted = slides.outline(read_notebook(path))
    assert 8 <= counted["slides"] <= 24 and counted["notes"] >= 2


@pytest.mark.parametrize("path", CHAPTERS, ids=NAMES)
def test_every_chapter_closes_with_a_summary_whose_results_a_call_states(path):
    cells = read_notebook(path).cells
    (at,) = (i for i, each in enumerate(cells) if each.source.startswith("## Summary\n"))
    ideas = re.split(r"(?<=[.?!])\s+", cells[at].source.partition("\n\n")[2].strip())
    call = ast.parse(cells[at + 1].source).body[-1].value
    claims = [ast.literal_eval(named.value) for named in call.keywords]
    assert ast.unparse(call.func) == "lab.summary"
    assert all(any(isinstance(part, ast.Name) for part in ast.walk(arg)) for arg in call.args)
    results = len(call.args) + sum(map(len, claims))
    assert results and 3 <= len(ideas) + results <= 5
    assert slides.SLIDE in slides.tags(cells[at]) and slides.FRAGMENT in slides.tags(cells[at + 1])
    assert not any({slides.SLIDE, slides.FRAGMENT} & slides.tags(each) for each in cells[at + 2 :])


@pytest.mark.parametrize("path", CHAPTERS, ids=NAMES)
def test_fragments_follow_a_slide_and_tags_are_known(path):
    begun = False
    for each in read_notebook(path).cells:
        mine = slides.tags(each)
        begun |= slides.SLIDE in mine
        assert begun or slides.FRAGMENT not in mine
        assert not {slides.SLIDE, slides.FRAGMENT} <= mine and (
            slides.NOTES not in mine or "remove-cell" in mine
        )


def test_a_live_set_brings_what_it_needs():
    chapter = notebook(
        cell("code", "import math\nunused = 1"),
        cell("code", "k = 3"),
        cell("code", "k = 4\nother = 5"),
        cell("code", "profile = 'smoke'", "parameters"),
        cell("code", "def f(x):\n    return math.sqrt(x) * k"),
        cell("code", "def g():\n    return other"),
        cell("code", "y = f(9)", "live"),
    )
    live = slides.live_notebook(chapter)
    assert [c.source[:5] for c in live.cells] == ["impor", "k = 4", "profi", "def f", "y = f"]


@pytest.mark.parametrize(
    "name", ["ee443/03-weighting-the-loss", "lectures/02-backpropagation", "lectures/06-batch-normalization"]
)
def test_a_live_set_runs_by_itself(name, lab_env, tmp_path):
    live = slides.live_notebook(read_notebook(project_root() / "notebooks" / f"{name}.py"))
    code = [
        c.source.replace('profile = "laptop"', 'profile = "smoke"')
        for c in live.cells
        if c.cell_type == "code"
    ]
    script = tmp_path / "live.py"
    script.write_text("\n".join(code))
    assert runpy.run_path(str(script))["profile"] == "smoke"
