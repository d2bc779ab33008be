"""The book's machinery on a small project: execution, incremental builds, errors, notebook pairs."""

import importlib
import json
import os
import re
import shutil
import sys
from pathlib import Path

import nbformat
import pytest

from lt_lib.errors import LabError
from lt_lib.lab.publish import book, forked, notebooks

ROOT = Path(__file__).resolve().parents[3]
HEADER = """\
# ---
# jupyter:
#   jupytext:
#     formats: ipynb,py:percent
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

"""
CHAPTER = (
    HEADER
    + """\
# %% [markdown]
# # A first chapter
#
# - **Time.** 3 minutes to read,
#   1 minute to run.
#
# $$ a = \\frac{1}{2} $$

# %% tags=["parameters"]
profile = "laptop"
data = "embedded"
seeds = None
budget = None
store = None

# %% tags=["keep_output"]
print("one half is", 1 / 2)

# %%
import sys
print(profile, sys.executable)

# %% [markdown]
# ```{exercise} Twice?
# :label: ex-twice
# What is twice as much?
# ```
"""
)
PAGE = "# A small book\n\nSee [the chapter](../../notebooks/ee443/01-first.ipynb).\n"


@pytest.fixture
def tree(tmp_path, monkeypatch):
    """A project with one page and one chapter, everything else as in the real one."""
    root = tmp_path / "project"
    for name in ("book/experiments", "book/published", "book/records", "book/pages", "notebooks/ee443"):
        (root / name).mkdir(parents=True)
    for name in ("book/_static", "book/_ext", "lt_lib/lab/look"):
        shutil.copytree(ROOT / name, root / name, ignore=shutil.ignore_patterns("mathjax", "__pycache__"))
    (root / "book/_static/mathjax").mkdir()
    (root / "book/_static/mathjax/tex-svg-full.js").write_text("")
    shutil.copy(ROOT / "_config.yml", root)
    shutil.copy(ROOT / "book/references.bib", root / "book")
    (root / "book/pages/intro.md").write_text(PAGE)
    (root / "notebooks/ee443/01-first.py").write_text(CHAPTER)
    toc = {
        "format": "jb-book",
        "root": "book/pages/intro",
        "parts": [{"caption": "ee443", "chapters": [{"file": "notebooks/ee443/01-first"}]}],
    }
    (root / "_toc.yml").write_text(json.dumps(toc))
    monkeypatch.setenv("LT_BOOK", str(root))
    monkeypatch.delenv("LT_REPOSITORY_URL", raising=False)
    return root


def chapter(root: Path) -> Path:
    return root / "notebooks/ee443/01-first.py"


def add_chapter(root: Path, name: str, text: str = CHAPTER) -> Path:
    source = root / f"notebooks/{name}.py"
    source.parent.mkdir(parents=True, exist_ok=True)
    source.write_text(text)
    toc = json.loads((root / "_toc.yml").read_text())
    toc["parts"][0]["chapters"].append({"file": f"notebooks/{name}"})
    (root / "_toc.yml").write_text(json.dumps(toc))
    return source


def outside_build(root: Path) -> dict[str, bytes]:
    return {str(p): p.read_bytes() for p in root.rglob("*") if p.is_file() and "_build" not in p.parts}


class TestFinding:
    @pytest.mark.parametrize(
        "name",
        [
            "1",
            "01",
            "ee443/01",
            "ee443/1",
            "first",
            "01-first",
            "ee443/01-first",
            "notebooks/ee443/01-first.ipynb",
            "notebooks/ee443/01-first.py",
        ],
    )
    def test_by_every_reasonable_name(self, tree, name):
        assert book.find_chapter(name) == chapter(tree)

    def test_by_path_from_elsewhere(self, tree, monkeypatch):
        monkeypatch.chdir(tree / "notebooks")
        assert book.find_chapter("ee443/01-first.ipynb") == chapter(tree)
        assert book.find_chapter(chapter(tree)) == chapter(tree)

    def test_unknown_name_lists_the_chapters(self, tree):
        with pytest.raises(
            LabError, match=r"no chapter ee443/furst; the nearest is ee443/01-first.*Chapters: ee443/01-first"
        ):
            book.find_chapter("ee443/furst")

    @pytest.mark.parametrize("name", ["", ".", "/", "x" * 300, "~nosuchuser/01", "no\0name"])
    def test_an_odd_name_is_one_clear_error(self, tree, name):
        with pytest.raises(LabError):
            book.find_chapter(name)

    def test_ambiguous_name_lists_the_hits(self, tree):
        add_chapter(tree, "sign/01-second")
        with pytest.raises(LabError, match="01 names 2 chapters: ee443/01-first, sign/01-second"):
            book.find_chapter("01")
        assert book.find_chapter("sign/01").stem == "01-second"

    def test_listed_but_missing_file_is_an_error(self, tree):
        chapter(tree).unlink()
        with pytest.raises(LabError, match="_toc.yml lists notebooks/ee443/01-first, but there is no"):
            book.entries()

    def test_chapters_of_a_work(self, tree):
        add_chapter(tree, "sign/01-second")
        assert book.chapters_of(["sign"]) == ["notebooks/sign/01-second"]
        assert len(book.chapters_of(["sign", "ee443"])) == 2
        with pytest.raises(LabError, match="no chapters of 'sing'; did you mean 'sign'.*ee443, sign"):
            book.chapters_of(["sing"])

    def test_outline_reads_title_time_and_exercises(self, tree):
        assert book.outline() == [
            {
                "chapter": "ee443/01-first",
                "title": "A first chapter",
                "time": "3 minutes to read, 1 minute to run.",
                "exercises": 1,
            }
        ]


class TestExecution:
    def test_from_another_folder_with_parameters(self, tree, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        out = book.execute_chapter(
            chapter(tree), Path("deep/er/out.ipynb"), {"profile": "smoke"}, progress=False
        )
        text = out.read_text()
        assert out == tmp_path / "deep/er/out.ipynb" and "one half is 0.5" in text and "smoke" in text

    def test_folders_are_meant_from_where_the_user_stands(self, tree, tmp_path, monkeypatch):
        where = "import os\nprint(os.getcwd(), store, *[os.environ[n] for n in names], sep='\\n')\n"
        names = ("LT_STORE", "LT_DATA", "LT_CACHE", "LT_WORKS")
        source = add_chapter(tree, "ee443/02-where", f"{CHAPTER}\n# %%\nnames = {names}\n{where}")
        monkeypatch.chdir(tmp_path)
        monkeypatch.setenv("HOME", str(tmp_path / "home"))
        for i, name in enumerate(names):
            (tmp_path / f"r{i}").mkdir()
            monkeypatch.setenv(name, f"r{i}")
        monkeypatch.setenv("LT_CACHE", "~/cache")
        out = book.execute_chapter(source, Path("out.ipynb"), {"store": "rel/rec"}, progress=False)
        lines = nbformat.read(out, as_version=4).cells[-1].outputs[0].text.splitlines()
        assert lines == [
            str(tree / "_build/chapters/scratch/ee443/02-where"),
            *[str(tmp_path / name) for name in ("rel/rec", "r0", "r1", "home/cache", "r3")],
        ]

    @pytest.mark.parametrize("out", ["file/out.ipynb", "folder", "x" * 300, "~nosuchuser/out.ipynb"])
    def test_what_cannot_be_written_is_found_out_before_a_cell_runs(self, tree, tmp_path, monkeypatch, out):
        (tmp_path / "file").touch()
        (tmp_path / "folder").mkdir()
        monkeypatch.chdir(tmp_path)
        monkeypatch.setattr(notebooks, "execute", None)  # execution would fail
        with pytest.raises(LabError, match="--out|no user ~nosuchuser"):
            book.execute_chapter(chapter(tree), out, progress=False)

    def test_a_checkout_that_cannot_be_written_is_found_out_before_a_cell_runs(
        self, tree, tmp_path, monkeypatch
    ):
        (tree / "_build").touch()  # a file where a folder should be
        monkeypatch.setattr(notebooks, "execute", None)
        monkeypatch.setattr(book, "execute", None)
        for start in (
            lambda: book.execute_chapter(chapter(tree), tmp_path / "out.ipynb", progress=False),
            lambda: book.build("smoke"),
        ):
            with pytest.raises(LabError, match="cannot write .*_build.*a checkout that you can write"):
                start()

    def test_the_kernel_is_this_interpreter_whatever_is_installed(self, tree, tmp_path, monkeypatch):
        other = tmp_path / "jupyter/kernels/python3"
        other.mkdir(parents=True)
        (other / "kernel.json").write_text(
            json.dumps({"argv": ["false"], "display_name": "wrong", "language": "python"})
        )
        monkeypatch.setenv("JUPYTER_PATH", str(tmp_path / "jupyter"))
        monkeypatch.setenv("JUPYTER_PREFER_ENV_PATH", "0")
        out = book.execute_chapter(chapter(tree), tmp_path / "out.ipynb", progress=False)
        assert sys.executable in out.read_text()

    def test_unknown_parameter_names_the_nearest(self, tree, tmp_path):
        with pytest.raises(
            LabError, match="ee443/01-first has no parameter 'profil'; the nearest is 'profile'"
        ):
            book.execute_chapter(chapter(tree), tmp_path / "out.ipynb", {"profil": "smoke"}, progress=False)
        assert not (tmp_path / "out.ipynb").exists()

    def test_failing_cell_is_one_clear_error(self, tree, tmp_path):
        source = add_chapter(tree, "ee443/02-broken", CHAPTER + "\n# %%\nx = 1\ny = x / 0\n")
        with pytest.raises(LabError) as caught:
            book.execute_chapter(source, tmp_path / "out.ipynb", progress=False)
        message = str(caught.value)
        assert "ee443/02-broken, cell In [4], line 2: y = x / 0" in message
        assert "ZeroDivisionError: division by zero" in message and "Traceback" not in message
        assert caught.value.__cause__ is None and not (tmp_path / "out.ipynb").exists()

    def test_executed_copy_does_not_change_without_reason(self, tree, tmp_path):
        first = book.execute_chapter(chapter(tree), tmp_path / "a.ipynb", progress=False).read_bytes()
        second = book.execute_chapter(chapter(tree), tmp_path / "b.ipynb", progress=False).read_bytes()
        assert first == second and b"papermill" not in first


class TestBuild:
    def test_a_book_and_its_second_builds(self, tree, capfd):
        before = outside_build(tree)
        index = book.build("smoke")
        assert index == tree / "_build/smoke-embedded/_build/html/index.html" and index.is_file()
        assert "building 2 pages" in capfd.readouterr().err
        html = index.parent
        for suffix in ("html", "ipynb", "py"):
            folder = html if suffix == "html" else html / "_sources"
            assert (folder / f"notebooks/ee443/01-first.{suffix}").is_file()
        assert outside_build(tree) == before, "a build writes nothing but _build/"

        executed = tree / "_build/smoke-embedded/src/notebooks/ee443/01-first.ipynb"
        stamps = executed.stat().st_mtime_ns, index.stat().st_mtime_ns
        book.build("smoke")
        assert (executed.stat().st_mtime_ns, index.stat().st_mtime_ns) == stamps, (
            "nothing to do, nothing done"
        )
        assert "building" not in capfd.readouterr().err

        chapter(tree).write_text(CHAPTER + "\n# %% [markdown]\n# See {ref}`nowhere`.\n")
        for _ in range(2):  # a warning must not pass the second time either
            with pytest.raises(LabError, match="Jupyter Book stopped with 1 warning"):
                book.build("smoke")
        assert "undefined label: 'nowhere'" in capfd.readouterr().err

    def test_links_to_chapters_left_out_are_counted_and_others_are_warnings(self, tree, capfd):
        links = "# See [the second](02-second), and [none](03-none).\n"
        chapter(tree).write_text(CHAPTER + f"\n# %% [markdown]\n{links}")
        add_chapter(tree, "ee443/02-second")
        book.build("smoke", chapters=["ee443/01-first"])
        said = capfd.readouterr().err
        assert "links to chapters that are left out: 1" in said
        assert "03-none" in said and "02-second" not in said

    def test_chapters_run_at_once_without_moving_this_process(self, tree):
        where = "\n# %%\nimport os, time; time.sleep(1); print(os.getcwd())\n"
        sources = [add_chapter(tree, f"ee443/0{i}-also", CHAPTER + where) for i in (2, 3)]
        before = os.getcwd()
        copies = book.smoke_copies()
        copies.update()
        assert os.getcwd() == before
        for entry in [entry for entry in copies.chapters if entry.source in sources]:
            assert f"scratch/ee443/{entry.source.stem}" in copies.path(entry).read_text()

    @pytest.mark.skipif(not forked.CAN_FORK, reason="each kernel starts by itself here")
    def test_kernels_of_a_book_share_one_start(self, tree):
        said = "\n# %%\nimport os, sys; print('parent', os.getppid(), 'timm' in sys.modules)\n"
        add_chapter(tree, "ee443/02-also", CHAPTER + said)
        chapter(tree).write_text(CHAPTER + said)
        copies = book.smoke_copies()
        copies.update()
        found = [re.search(r"parent (\d+) (\w+)", copies.path(e).read_text()) for e in copies.chapters]
        assert found[0].groups() == found[1].groups() and found[0][2] == "True"
        assert int(found[0][1]) != os.getpid()

    def test_a_kernel_that_dies_leaves_what_was_executed(self, tree):
        dies = "\n# %%\nprint('so far')\n\n# %%\nimport os; os._exit(1)\n"
        add_chapter(tree, "ee443/02-dies", CHAPTER + dies)
        with pytest.raises(LabError, match="02-dies: its Python process died") as caught:
            book.smoke_copies().update()
        half = str(caught.value).rpartition("so far: ")[2]
        assert "so far\\n" in Path(half).read_text()

    def test_what_was_executed_is_kept_when_a_later_chapter_fails(self, tree, capfd):
        add_chapter(tree, "ee443/02-broken", CHAPTER + "\n# %%\nraise RuntimeError('no')\n")
        executed = tree / "_build/smoke-embedded/src/notebooks/ee443/01-first.ipynb"
        with pytest.raises(LabError, match="ee443/02-broken, cell In"):
            book.build("smoke")
        stamp = executed.stat().st_mtime_ns
        with pytest.raises(LabError):
            book.build("smoke")
        assert executed.stat().st_mtime_ns == stamp
        ended = [line for line in capfd.readouterr().err.splitlines() if line.startswith("ee443/01-first  ")]
        assert len(ended) == 1

    def test_what_makes_a_chapter_out_of_date(self, tree, monkeypatch):
        executed = []

        def pretend(notebook, label, *_args, **_named):
            executed.append(label)
            return notebook

        monkeypatch.setattr(book, "execute", pretend)

        def run(**given):
            executed.clear()
            given = {"profile": "laptop", "data": "embedded", **given}
            book.Copies(tree, tree / "_build/laptop-embedded", book.entries(), given).update()
            return executed

        assert run() == ["ee443/01-first"] and run() == []
        (tree / "book/records/r.json").write_text("{}")
        assert run() == ["ee443/01-first"] and run() == []
        (tree / "book/experiments/e.yaml").write_text("a: 1")
        assert run() == ["ee443/01-first"] and run() == []
        assert run(seeds=2) == ["ee443/01-first"] and run(seeds=2) == []
        assert run(budget=1) and run(budget=1), "what a budget left unfinished is taken up again"
        add_chapter(tree, "ee443/02-second")
        assert "ee443/02-second" in run()
        (tree / "book/pages/counts.py").write_text(HEADER + "# %%\nprint(1)\n")
        toc = json.loads((tree / "_toc.yml").read_text())
        toc["parts"].append({"caption": "pages", "chapters": [{"file": "book/pages/counts"}]})
        (tree / "_toc.yml").write_text(json.dumps(toc))
        assert run() == ["book/pages/counts"] and run() == []
        chapter(tree).write_text(CHAPTER + "\n# %%\nprint(2)\n")
        assert run() == ["ee443/01-first", "book/pages/counts"], "a page counts what chapters left"

    def test_launch_buttons_need_an_address(self, tree, monkeypatch):
        given = {"profile": "laptop", "data": "embedded"}
        assert "repository" not in book.config_for(tree, given)
        monkeypatch.setenv("LT_REPOSITORY_URL", "https://github.com/someone/fork.git")
        config = book.config_for(tree, given)
        assert config["repository"]["url"] == "https://github.com/someone/fork"
        assert config["launch_buttons"]["binderhub_url"]
        monkeypatch.setenv("LT_REPOSITORY_URL", "somewhere")
        with pytest.raises(LabError, match="LT_REPOSITORY_URL is 'somewhere', not of the form"):
            book.config_for(tree, given)


def test_buttons_that_lead_outside_are_there_with_an_address_and_only_then(tree, monkeypatch):
    def outside():
        page = (book.build("smoke").parent / "notebooks/ee443/01-first.html").read_text()
        return set(re.findall(r'"(https://(?:mybinder|colab|github)[^"]*)"', page))

    assert outside() == set()
    monkeypatch.setenv("LT_REPOSITORY_URL", "https://github.com/someone/fork")
    chapter = "notebooks/ee443/01-first.ipynb"
    assert outside() >= {
        f"https://mybinder.org/v2/gh/someone/fork/main?urlpath=tree/{chapter}",
        f"https://colab.research.google.com/github/someone/fork/blob/main/{chapter}",
        "https://github.com/someone/fork",
    }


def test_a_term_is_linked_where_a_chapter_first_uses_it(tree):
    words = "Code `long tail`, a [long tail](https://a.b), then: Long tails, a long tail in a row. INS."
    chapter(tree).write_text(CHAPTER.replace("# # A first chapter", f"# # A long tail\n#\n# {words}"))
    terms = "long tail\n  Few with many.\n\nrow\n  A line.\n\nENS, INS\n  Weights.\n"
    (tree / "book/pages/glossary.md").write_text(f"# Glossary\n\n```{{glossary}}\n{terms}```\n")
    toc = json.loads((tree / "_toc.yml").read_text())
    toc["parts"].append({"caption": "pages", "chapters": [{"file": "book/pages/glossary"}]})
    (tree / "_toc.yml").write_text(json.dumps(toc))
    page = (book.build("smoke").parent / "notebooks/ee443/01-first.html").read_text()
    links = re.findall(r'<a class="lt-term[^>]*href="([^"]+)"[^>]*>(.*?)</a>', page)
    glossary = "../../book/pages/glossary.html#term"
    assert links == [(f"{glossary}-long-tail", "Long tail"), (f"{glossary}-ENS-INS", "INS")]
    assert page.index("a.b") < page.index("lt-term") < page.index("in a row"), "the first in plain words"


def test_the_pdf_is_of_the_pages_in_the_order_of_the_contents(tree, monkeypatch, tmp_path):
    add_chapter(tree, "sign/01-second")
    printed = []
    monkeypatch.setattr(book, "build", lambda *_: tmp_path / "html/index.html")
    monkeypatch.setattr(book.pdf, "printer", lambda: "browser")
    monkeypatch.setattr(book.pdf, "build", lambda *given: printed.append(given))
    book.print_pdf("smoke")
    book.print_pdf("smoke", chapters=["sign/01"])
    first, second = ["notebooks/ee443/01-first"], ["notebooks/sign/01-second"]
    front = ("", ["book/pages/intro"])
    assert [given[1] for given in printed] == [
        [front, ("ee443", first + second)],
        [front, ("ee443", second)],
    ]
    html, _, title, about = printed[0]
    assert html == tmp_path / "html" and title == "Long tails, re-run" and "profile smoke" in about[1]


class TestPairs:
    def test_a_pair_is_stripped_but_for_kept_outputs_and_does_not_churn(self, tree):
        assert book.sync_notebooks(check=True) == ["ee443/01-first: no .ipynb; run `make notebooks`"]
        assert book.sync_notebooks() == ["ee443/01-first: rewritten"]
        path = chapter(tree).with_suffix(".ipynb")
        notebook = nbformat.read(path, as_version=4)
        nbformat.validate(notebook)
        outputs = [cell.outputs for cell in notebook.cells if cell.cell_type == "code"]
        assert [bool(o) for o in outputs] == [False, True, False]
        assert outputs[1][0].text == "one half is 0.5\n"
        assert "jupytext_version" not in path.read_text() and sys.executable not in path.read_text()
        assert book.sync_notebooks(check=True) == [] and book.sync_notebooks() == []

    @pytest.mark.parametrize(
        "change, problem",
        [
            (lambda nb: nb.cells[0].update(source="# Other"), "differs from its .py"),
            (lambda nb: nb.cells[2].update(outputs=[]), "a cell tagged keep_output has none"),
            (
                lambda nb: nb.cells[3].update(execution_count=7),
                "holds outputs of cells not tagged keep_output",
            ),
        ],
    )
    def test_check_says_what_is_out_of_step(self, tree, change, problem):
        book.sync_notebooks()
        path = chapter(tree).with_suffix(".ipynb")
        notebook = nbformat.read(path, as_version=4)
        change(notebook)
        nbformat.write(notebook, path)
        assert [problem in line for line in book.sync_notebooks(check=True)] == [True]


def kept(notebook):
    """The cell of CHAPTER that keeps its output."""
    return notebook.cells[2]


def said(text, name="stdout"):
    return nbformat.v4.new_output("stream", name=name, text=text)


def picture(of: str):
    return nbformat.v4.new_output("display_data", data={"image/png": of})


# what is wrong with a chapter: name, what is done to the .ipynb and to the executed copy, what nbval says
FAULTS = {
    "another": (lambda nb, _: kept(nb).outputs[0].update(text="one half is 0.6\n"), "Cell outputs differ"),
    "not-kept": (lambda nb, _: kept(nb).update(outputs=[]), "Unexpected output fields"),
    "missing": (lambda _, done: kept(done).update(outputs=[]), "Missing output fields"),
    "one-more": (lambda _, done: kept(done).outputs.append(picture("a")), "Unexpected output fields"),
    "twice": (
        lambda nb, done: (
            kept(nb).update(outputs=[picture("a")]),
            kept(done).update(outputs=[picture("a")] * 2),
        ),
        "dissimilar number of outputs",
    ),
    "picture": (
        lambda nb, done: (kept(nb).update(outputs=[picture("a")]), kept(done).update(outputs=[picture("b")])),
        "mismatch 'image/png'",
    ),
    "raised": (
        lambda _, done: done.cells[3].outputs.append(
            nbformat.v4.new_output("error", ename="RuntimeError", evalue="no", traceback=["RuntimeError: no"])
        ),
        "Cell execution caused an exception",
    ),
    "untagged": (lambda nb, _: nb.cells[3].update(outputs=[said("x")]), "Unrun reference cell has outputs"),
    "other-text": (lambda nb, _: nb.cells[3].update(source="1"), "is not what was executed"),
    "fewer": (lambda _, done: done.cells.pop(3), "is not what was executed"),
}


class TestKeptOutputs:
    """nbval over executed copies. `execute` is played here: papermill's cell and the outputs of CHAPTER."""

    @pytest.fixture
    def executed(self, tree, monkeypatch):
        def play(notebook, label, *_args, **_named):
            injected = nbformat.v4.new_code_cell(
                'profile = "smoke"', metadata={"tags": ["injected-parameters"]}
            )
            kept(notebook).outputs = [said("one half "), said("noise", "stderr"), said("is 0.5\n")]
            notebook.cells[3].outputs = [said("smoke, not kept\n")]
            notebook.cells.insert(2, injected)
            return notebook

        def update():
            monkeypatch.setattr(book, "execute", play)
            book.smoke_copies().update()

        return update

    @pytest.fixture
    def nbval(self, tree):
        """Runs it over the notebooks; what it complains of, by chapter, its exit status and the passed."""

        def run():
            class Reports:
                wrong, passed = {}, 0

                def pytest_runtest_logreport(self, report):
                    self.passed += report.when == "call" and report.passed
                    self.note(report)

                def pytest_collectreport(self, report):
                    self.note(report)

                def note(self, report):
                    if report.failed:
                        name = Path(report.nodeid.partition("::")[0]).stem.partition("-")[2]
                        self.wrong[name] = self.wrong.get(name, "") + str(report.longrepr)

            plugin = ["-p", "lt_lib.lab.publish.kept_outputs", "-p", "no:cacheprovider"]
            where = [f"--rootdir={tree}", str(tree / "notebooks")]
            reports = Reports()
            status = pytest.main(
                [*plugin, "-q", "--color=no", "--continue-on-collection-errors", *where], [reports]
            )
            return reports.wrong, int(status), reports.passed

        return run

    def test_equal_outputs_pass_and_every_difference_fails(self, tree, executed, nbval):
        for i, name in enumerate(FAULTS, 2):
            add_chapter(tree, f"ee443/{i:02}-{name}")
        executed()
        copies = book.smoke_copies()
        for entry in copies.chapters:
            notebook = notebooks.read_notebook(entry.source)
            kept(notebook).outputs = [said("one half is 0.5\n")]
            done = nbformat.read(copies.path(entry), as_version=4)
            done.cells.pop(2)  # so that cells of both have the same places
            fault, _ = FAULTS.get(entry.source.stem.partition("-")[2], (None, None))
            if fault:
                fault(notebook, done)
            nbformat.write(notebook, entry.source.with_suffix(".ipynb"))
            nbformat.write(done, copies.path(entry))
        wrong, status, passed = nbval()
        assert status == 1 and set(wrong) == set(FAULTS), wrong
        for name, (_, problem) in FAULTS.items():
            assert problem in wrong[name], wrong[name]
        assert passed >= 3, "the sound chapter"

    def test_a_copy_that_is_not_of_today_is_an_error(self, tree, executed, nbval):
        for name in ("edited", "failed", "never"):
            add_chapter(tree, f"ee443/02-{name}")
        executed()
        for entry in book.smoke_copies().chapters:
            notebook = notebooks.read_notebook(entry.source)
            kept(notebook).outputs = [said("one half is 0.5\n")]
            nbformat.write(notebook, entry.source.with_suffix(".ipynb"))
        assert nbval() == ({}, 0, 12), "papermill's cell and the comment for nbval do not matter"
        edited = tree / "notebooks/ee443/02-edited.py"
        edited.write_text(CHAPTER.replace("1 / 2", "2 / 4"))
        (tree / "_build/smoke-embedded/state/notebooks--ee443--02-failed.json").unlink()
        toc = json.loads((tree / "_toc.yml").read_text())
        toc["parts"][0]["chapters"].remove({"file": "notebooks/ee443/02-never"})
        (tree / "_toc.yml").write_text(json.dumps(toc))
        wrong, status, passed = nbval()
        assert status != 0 and passed == 3 and set(wrong) == {"edited", "failed", "never"}
        for name in ("edited", "failed"):
            assert "was not executed as it is now; run `lt book --profile smoke`" in wrong[name]
        assert "_toc.yml does not list" in wrong["never"]

    def test_a_cell_that_raises_leaves_no_current_copy(self, tree, nbval):
        chapter(tree).write_text(CHAPTER + "\n# %%\nraise RuntimeError('no')\n")
        notebook = notebooks.read_notebook(chapter(tree))
        nbformat.write(notebook, chapter(tree).with_suffix(".ipynb"))
        with pytest.raises(LabError, match="RuntimeError: no"):
            book.smoke_copies().update()
        wrong, status, passed = nbval()
        assert status != 0 and passed == 0 and "was not executed" in wrong["first"]


class TestTheRealNotebooks:
    @pytest.fixture(autouse=True)
    def real(self, monkeypatch):
        monkeypatch.setenv("LT_BOOK", str(ROOT))

    def test_pairs_are_in_step(self):
        assert book.sync_notebooks(check=True) == []

    @pytest.mark.parametrize("source", notebooks.pairs(ROOT), ids=lambda p: p.stem)
    def test_source_survives_the_round_trip(self, source):
        import jupytext

        first = jupytext.reads(source.read_text(), fmt="py:percent")
        again = jupytext.reads(jupytext.writes(first, fmt="py:percent"), fmt="py:percent")
        assert [(c.cell_type, c.source, c.metadata) for c in first.cells] == [
            (c.cell_type, c.source, c.metadata) for c in again.cells
        ]

    @pytest.mark.parametrize("entry", [e for e in book.entries(ROOT) if e.is_chapter], ids=lambda e: e.name)
    def test_chapters_take_the_same_parameters_and_check_an_output(self, entry):
        notebook = notebooks.read_notebook(entry.source)
        assert {"profile", "data", "seeds", "budget", "store"} <= set(notebooks.notebook_parameters(notebook))
        assert any(notebooks.keeps_output(cell) for cell in notebook.cells)


def test_tidy_joins_the_pieces_of_a_stream():
    from lt_lib.lab.publish.notebooks import tidy

    def piece(name, text):
        return nbformat.v4.new_output("stream", name=name, text=text)

    cell = nbformat.v4.new_code_cell(
        "print(1)",
        outputs=[
            piece("stdout", "1"),
            piece("stderr", "late"),
            piece("stdout", "\n"),
            nbformat.v4.new_output("display_data"),
            piece("stdout", "2\n"),
        ],
    )
    found = tidy(nbformat.v4.new_notebook(cells=[cell])).cells[0].outputs
    assert [o.get("text") for o in found] == ["1\n", None, "2\n"]


# --- files that cannot be read

SYNC, BOOK = ("lt_lib.lab.publish.book", "sync"), ("lt_lib", "book", "--profile", "smoke")
DAMAGED = {
    "a page in another encoding": ("book/pages/intro.md", b"# Caf\xe9\n", "not in UTF-8", [BOOK]),
    "a chapter in another encoding": (
        "notebooks/ee443/01-first.py",
        b"# \xff\n",
        "01-first.py",
        [SYNC, BOOK],
    ),
    "a pair that is a folder": ("notebooks/ee443/01-first.ipynb", None, "01-first.ipynb", [SYNC]),
    "contents of another shape": ("_toc.yml", b"root: a\n", "no table of contents", [SYNC, BOOK]),
    "contents that are no YAML": ("_toc.yml", b"root: [\n", "_toc.yml is no YAML", [SYNC, BOOK]),
    "a list as configuration": ("_config.yml", b"- 1\n", "_config.yml holds no names", [BOOK]),
}


@pytest.mark.parametrize("case", DAMAGED)
def test_a_damaged_file_of_the_book_is_one_line_before_the_work(tree, monkeypatch, capsys, case):
    name, content, message, commands = DAMAGED[case]
    (tree / name).unlink(missing_ok=True)
    (tree / name).mkdir() if content is None else (tree / name).write_bytes(content)
    monkeypatch.setattr(notebooks, "execute", lambda *_, **__: pytest.fail("executed before files were read"))
    for module, *words in commands:
        monkeypatch.setattr(sys, "argv", [module, *words])
        with pytest.raises(SystemExit, match="1"):
            importlib.import_module("lt_lib.cli" if module == "lt_lib" else module).main()
        said = capsys.readouterr().err
        assert said.startswith("error: ") and message in said


def test_a_damaged_note_of_an_executed_copy_is_no_note(tree):
    book.build("smoke")
    for state in (tree / "_build/smoke-embedded/state").glob("*.json"):
        state.write_bytes(b"\xff{")
    assert book.build("smoke").is_file()


@pytest.mark.parametrize("content", ["{}", '{"cells": [1], "nbformat": 4}', "[]", "\x00", '{"cells": [{}]}'])
def test_a_file_that_is_no_notebook_is_named(tmp_path, content):
    (tmp_path / "x.ipynb").write_text(content)
    with pytest.raises(LabError, match=r"x\.ipynb does not read as a notebook"):
        notebooks.read_notebook(tmp_path / "x.ipynb")
