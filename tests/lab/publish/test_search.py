"""What the search page looks through."""

import json

from lt_lib.lab.publish import search

PAGE = """<html><nav>menu</nav><article><section id="top"><h1>Top<a class="headerlink">#</a></h1><p>One
 <em>two</em>.</p><table><tr><th>a</th><td>b</td></tr></table><script>let x;</script>
<section id="sum"><h2>A sum</h2><div class="math">\\(x\\)</div>
<section id="exercise-content"><p>Three?</p></section></section><p>Four.</p></section></article></html>"""


def test_each_section_has_its_own_words_and_no_others():
    assert search.sections(PAGE) == [("top", "Top", "One two. a b Four."), ("sum", "A sum", "Three?")]


def test_a_script_holds_the_sections_of_the_pages_that_are_named(tmp_path):
    (tmp_path / "_static").mkdir()
    (tmp_path / "a.html").write_text(PAGE)
    (tmp_path / "b.html").write_text(PAGE)
    text = search.build(tmp_path, ["a"]).read_text()
    assert text.startswith("const SECTIONS = ")
    sections = json.loads(text.removeprefix("const SECTIONS = ").rstrip(";\n"))
    assert list(sections) == ["a"] and sections["a"][1] == ["sum", "A sum", "Three?"]
