"""Exercises: every solution is there and checks itself, and its blank form fails."""

import runpy

import nbformat
import pytest

from lt_lib.lab import LabError
from lt_lib.lab.publish import exercises
from lt_lib.lab.publish.notebooks import read_notebook
from lt_lib.lab.record.paths import project_root

CHAPTERS = sorted(project_root().glob("notebooks/*/*.py"))
NAMES = [f"{path.parent.name}/{path.stem}" for path in CHAPTERS]
SOLUTION = """\
import math

def half(x):
    return x / 2


got = [half(x) for x in numbers]
assert got == [1, 2]
print(got)"""


def notebook(*cells):
    """A notebook of cells; text that begins with # is markdown."""
    kinds = {True: nbformat.v4.new_markdown_cell, False: nbformat.v4.new_code_cell}
    return nbformat.v4.new_notebook(cells=[kinds[cell.startswith("#")](cell) for cell in cells])


def exercise(code, before="numbers = [2, 4]"):
    return notebook(
        before,
        "# ```{exercise}\n# :label: ex-a\n```\n```{solution-start} ex-a\n```",
        code,
        "# words\n```{solution-end}\n```",
    )


@pytest.mark.parametrize("path", CHAPTERS, ids=NAMES)
def test_every_chapter_has_three_exercises_whose_blank_form_fails(path):
    chapter = read_notebook(path)
    found = exercises.solutions(chapter)
    asked = sum(cell.source.count("```{exercise}") for cell in chapter.cells)
    assert len(found) == asked >= 3
    assert exercises.gives_away(chapter) == []


@pytest.mark.parametrize("path", CHAPTERS[::4], ids=NAMES[::4])
def test_a_sheet_still_reads_as_python(path):
    chapter = read_notebook(path)
    blank = exercises.sheet(chapter)
    assert "solution" not in "".join(
        cell.source for cell in blank.cells if cell.cell_type == "markdown" and "```{" in cell.source
    )
    for cell in blank.cells:
        if cell.cell_type == "code":
            compile(cell.source, str(path), "exec")
    kept = {cell.source for cell in blank.cells}
    outside = set(range(len(chapter.cells))) - {
        i for s in exercises.solutions(chapter) for i in range(s.first, s.last + 1)
    }
    assert all(chapter.cells[i].source in kept for i in outside)


def test_blank_keeps_imports_and_asserts():
    assert exercises.blank(SOLUTION) == f"import math\n{exercises.YOURS}\nassert got == [1, 2]"


def test_a_blank_form_fails_and_the_solution_passes(tmp_path):
    chapter = exercise(SOLUTION)
    for made, name in ((chapter, "solved.py"), (exercises.sheet(chapter), "blank.py")):
        (tmp_path / name).write_text(
            "\n".join(cell.source for cell in made.cells if cell.cell_type == "code")
        )
    assert runpy.run_path(tmp_path / "solved.py")["got"] == [1, 2]
    with pytest.raises(NameError, match="got"):
        runpy.run_path(tmp_path / "blank.py")
    assert exercises.gives_away(chapter) == []


@pytest.mark.parametrize(
    "code",
    [
        "got = 1\nassert True",
        "assert numbers == [2, 4]",
        "numbers = [2, 4]\nassert sum(numbers) == 6",
        "for n in numbers:\n    m = n\n    assert m > 1",
    ],
)
def test_what_gives_itself_away_is_found(code):
    assert exercises.gives_away(exercise(code)) == ["ex-a"]


def test_broken_solutions_are_named():
    with pytest.raises(LabError, match="ex-a has no code"):
        exercises.solutions(notebook("# ```{solution-start} ex-a\n```", "# ```{solution-end}\n```"))
    with pytest.raises(LabError, match="ex-a does not end"):
        exercises.solutions(notebook("# ```{solution-start} ex-a\n```", "x = 1"))


def test_a_sheet_is_written(tmp_path):
    path = exercises.write_sheet(CHAPTERS[0], tmp_path / "new")
    assert path.name.endswith("-exercises.ipynb") and exercises.YOURS in path.read_text()
    (tmp_path / "file").write_text("")
    with pytest.raises(LabError, match="--out"):
        exercises.write_sheet(CHAPTERS[0], tmp_path / "file")
