"""Figures register themselves and are found by name."""

import ast
import subprocess
import sys
from pathlib import Path

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import pytest

import lt_lib.works
from lt_lib import lab
from lt_lib.lab import figures

ROOT = Path(__file__).resolve().parents[3]
PLOT = """
import matplotlib.pyplot as plt
from lt_lib.lab.figures import figure

@figure("{name}", rc={{"axes.grid": False}})
def one(x, colour="red"):
    fig, ax = plt.subplots()
    ax.plot(x, color=colour)
    return fig
"""


def drawn_in(script: str) -> set[str]:
    """First arguments of all calls of `lab.figure`; one that is no literal is an error."""
    calls = [node for node in ast.walk(ast.parse(script)) if isinstance(node, ast.Call)]
    return {ast.literal_eval(call.args[0]) for call in calls if ast.unparse(call.func) == "lab.figure"}


@pytest.fixture
def add_work(tmp_path, monkeypatch):
    """A function that adds a work with figures, by its name and the files of its package of figures."""
    figures.registered()
    monkeypatch.setattr(lt_lib.works, "__path__", [*lt_lib.works.__path__, str(tmp_path)])
    monkeypatch.setattr(figures, "_registered", dict(figures._registered))

    def add(work, **files):
        folder = tmp_path / work / "figures"
        folder.mkdir(parents=True)
        for path in (folder.parent / "__init__.py", folder / "__init__.py"):
            path.write_text("")
        for name, text in files.items():
            (folder / f"{name}.py").write_text(text)

    yield add
    for name in [n for n in sys.modules if n.startswith("lt_lib.works.toy")]:
        del sys.modules[name]


def test_every_chapter_draws_what_its_work_registers():
    """A figure lies in the work whose chapters draw it, or in `shared`, if those of several works do, or
    pages."""
    users = {}
    for path in sorted([*ROOT.glob("notebooks/*/*.py"), *ROOT.glob("book/pages/*.py")]):
        for name in drawn_in(path.read_text(encoding="utf-8")):
            users.setdefault(name, set()).add(path.parent.name)
    where = figures.registered()
    assert set(users) <= set(where)
    for name, works in users.items():
        work = works.pop() if len(works) == 1 and works != {"pages"} else None
        home = f"lt_lib.works.{work}.figures." if work else "lt_lib.lab.figures.shared."
        assert where[name].startswith(home), f"{name!r} of {work or 'several works'} lies in {where[name]}"


def test_a_figure_of_a_new_work_is_found(add_work):
    add_work("toy_a", plots=PLOT.format(name="toy-line"))
    fig = lab.figure("toy-line", [1, 2, 4], colour="blue")
    (line,) = fig.axes[0].lines
    assert line.get_ydata().tolist() == [1, 2, 4] and line.get_color() == "blue"
    assert figures.registered()["toy-line"] == "lt_lib.works.toy_a.figures.plots.one"


def test_figures_have_the_style_of_the_book_and_their_own_over_it(add_work):
    seen = {}

    @figures.figure("toy-style", rc={"axes.grid": False})
    def one():
        seen.update(plt.rcParams)
        return plt.figure()

    before, fig = plt.rcParams["axes.spines.top"], lab.figure("toy-style")
    assert not seen["axes.spines.top"] and not seen["axes.grid"] and before
    assert plt.rcParams["axes.spines.top"] == before
    assert not plt.fignum_exists(fig.number)  # closed, so that a notebook shows it once


def test_an_unknown_name_is_an_error_that_names_the_nearest():
    with pytest.raises(
        lab.LabError, match=r"no figure 'ee443-fig7'; did you mean 'ee443-fig\d'\?; there are: .*tiles"
    ):
        lab.figure("ee443-fig7")


def test_a_name_taken_twice_is_an_error_that_names_both(add_work):
    add_work("toy_b", plots=PLOT.format(name="tiles"))
    with pytest.raises(
        lab.LabError, match=r"'tiles'.*spectrum\.figures\.tiles\.tile_rows.*toy_b\.figures\.plots"
    ):
        lab.figure("toy-line")


def test_a_missing_library_is_told_and_costs_only_the_figures_that_need_it(add_work):
    add_work("toy_c", plots=PLOT.format(name="toy-c"), bare="import no_such_library")
    assert lab.figure("toy-c", [1])
    with pytest.raises(lab.LabError, match=r"toy_c\.figures\.bare \(No module named 'no_such_library'\)"):
        lab.figure("toy-d")


def test_matplotlib_and_the_works_figures_wait_for_the_first_figure():
    script = (
        "import sys, lt_lib.lab; found = [m for m in sys.modules if m in ('matplotlib', 'seaborn')"
        " or m.startswith('lt_lib.works.') and '.figures' in m]; sys.exit(', '.join(found) or None)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
