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
    (path,) = exercises.write_sheets(CHAPTERS[:1], tmp_path / "new")
    assert path.name.endswith("-exercises.ipynb") and exercises.YOURS in path.read_text()
    (tmp_path / "file").write_text("")
    with pytest.raises(LabError, match="--out"):
        exercises.write_sheets(CHAPTERS[:1], tmp_path / "file")


def test_what_a_reader_wrote_is_never_written_over(tmp_path):
    first, second = exercises.write_sheets(CHAPTERS[:2], tmp_path)
    assert exercises.write_sheets(CHAPTERS[:2], tmp_path) == [first, second], "both are still blank"
    first.unlink()
    second.write_text(second.read_text().replace(exercises.YOURS, "x = 42"))
    answers = second.read_bytes()
    with pytest.raises(LabError, match=f"{second.name} is there already and may hold answers.*--out"):
        exercises.write_sheets(CHAPTERS[:2], tmp_path)
    assert second.read_bytes() == answers and not first.exists(), "all or none"


@pytest.mark.parametrize("name", ["file/below", "x" * 300, "~nosuchuser/x"])
def test_a_folder_that_cannot_be_is_one_clear_error(tmp_path, monkeypatch, name):
    (tmp_path / "file").touch()
    monkeypatch.chdir(tmp_path)
    with pytest.raises(LabError, match="--out|no user ~nosuchuser"):
        exercises.write_sheets(CHAPTERS[:1], name)
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_the_folder_is_meant_from_where_the_user_stands(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    (path,) = exercises.write_sheets(CHAPTERS[:1], "~/sheets")
    assert path.parent == tmp_path / "home/sheets" and path.is_file()
