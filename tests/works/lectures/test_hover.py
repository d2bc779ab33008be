"""A scatter plot that names its points without a script."""

import re
from xml.etree import ElementTree

import pytest

from lt_lib.works.lectures import hover

WORDS = {"xlabel": "old (%)", "ylabel": "new (%)", "alt": "two points & a line"}


def points(figure):
    """Name told and centre of every point."""
    root = ElementTree.fromstring(figure.svg)
    return [
        (g.find("title").text, float(g.find("circle").get("cx")), float(g.find("circle").get("cy")))
        for g in root.iter("g")
    ]


def test_every_point_tells_its_name_and_numbers():
    told = points(hover.scatter([10, 20], [5, 25], ["a<b>", "c"], **WORDS))
    assert [t for t, _, _ in told] == ["a<b>: 10.0 → 5.0", "c: 20.0 → 25.0"]
    (_, x0, y0), (_, x1, y1) = told
    assert x0 < x1 and y0 > y1  # the page counts downwards


def test_a_point_on_the_line_is_drawn_on_the_line():
    figure = hover.scatter(
        [0, 50, 100], [10, 40, 60], "abc", lines={"fit": (0.5, 12.0), "away": (0, 900)}, **WORDS
    )
    inside = re.findall(r'd="M([\d.]+) ([\d.]+)L([\d.]+) ([\d.]+)"', figure.svg)
    assert len(inside) == 1 and "away" not in figure.svg
    x0, y0, x1, y1 = map(float, inside[0])
    told = points(hover.scatter([0, 50, 100], [12, 37, 62], "abc", **WORDS))
    twin = points(hover.scatter([0, 50, 100, 0], [10, 40, 60, 12], "abcd", **WORDS))[3]
    assert len(told) == 3
    assert y0 + (y1 - y0) * (twin[1] - x0) / (x1 - x0) == pytest.approx(twin[2], abs=0.3)


def test_it_needs_no_script_and_no_network():
    shown = hover.scatter([1, 2], [1, 2], ["a", "b"], **WORDS)._repr_html_()
    assert "<script" not in shown and "http" not in shown and "url(" not in shown


def test_words_for_those_who_see_no_picture():
    figure = hover.scatter([1, 2], [1, 2], ["a", "b"], **WORDS)
    root = ElementTree.fromstring(figure.svg)
    assert root.get("role") == "img" and root.get("aria-label") == repr(figure) == WORDS["alt"]
    assert figure.table.count("<tr>") == 3 and '<th scope="row">b</th><td>2.0</td>' in figure.table


def test_a_single_point_has_a_frame():
    assert len(points(hover.scatter([3], [3], ["a"], **WORDS))) == 1


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"x": [1]}, "equally many"),
        ({"x": [], "y": [], "names": []}, "equally many"),
        ({"x": [1, float("nan")]}, "finite"),
        ({"alt": " "}, "alt is empty"),
        ({"lines": {str(i): (1, i) for i in range(4)}}, "at most 3"),
    ],
)
def test_bad_input_is_one_clear_error(change, words):
    arguments = {"x": [1, 2], "y": [1, 2], "names": ["a", "b"], **WORDS} | change
    with pytest.raises(ValueError, match=words):
        hover.scatter(arguments.pop("x"), arguments.pop("y"), arguments.pop("names"), **arguments)
