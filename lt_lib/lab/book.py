"""The book: chapters executed with papermill, pages built with Jupyter Book, notebook pairs kept in step.

A chapter is a percent script (`notebooks/<work>/NN-slug.py`) with a stripped notebook beside it; so is a page that shows numbers
(`book/pages/*.py`). `build` executes copies and gives them to Jupyter Book; all it writes lies in one folder:

    _build/<profile>-<data>/
        src/           what Sphinx reads; a file is rewritten only when its content changes
        state/         one small JSON a chapter: the digest it was executed under
        scratch/       the kernels' working folder, half-executed copies, tracebacks
        build.log      everything Jupyter Book said
        _build/html/   the book

Only `sync_notebooks` writes elsewhere: the .ipynb half of each pair.
"""

import ast
import contextlib
import copy
import difflib
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import yaml
from filelock import FileLock

from lt_lib.lab.errors import LabError
from lt_lib.lab.paths import project_root
from lt_lib.lab.progress import Progress, say
from lt_lib.lab.records import atomic_write

_TEXT = {"extension": ".py", "format_name": "percent"}
_KERNEL = {"display_name": "Python 3", "language": "python", "name": "python3"}
_PAINT = re.compile(r"\x1b\[[0-9;]*m")


@dataclass(frozen=True)
class Entry:
    """One line of the table of contents: its name there, and the file it is written in (.py or .md)."""

    name: str
    source: Path

    @property
    def is_notebook(self) -> bool:
        """Executed (a percent script) or only read (Markdown)."""
        return self.source.suffix == ".py"

    @property
    def is_chapter(self) -> bool:
        """A chapter of a work, which takes parameters; the other notebooks are pages."""
        return self.name.startswith("notebooks/")


def entries(root: Path | None = None) -> list[Entry]:
    """The book in reading order, from `_toc.yml`.

    Raises:
        LabError: a listed file does not exist.
    """
    root = root or project_root()
    toc = yaml.safe_load((root / "_toc.yml").read_text(encoding="utf-8"))
    names = [toc["root"]] + [chapter["file"] for part in toc["parts"] for chapter in part["chapters"]]
    found = []
    for name in names:
        sources = [root / f"{name}{suffix}" for suffix in (".py", ".md") if (root / f"{name}{suffix}").is_file()]
        if not sources and os.environ.get("LT_DRAFT"):  # while chapters are being written
            continue
        if not sources:
            raise LabError(f"_toc.yml lists {name}, but there is no {name}.py or {name}.md")
        found.append(Entry(name, sources[0]))
    return found


def find_chapter(name: str | Path) -> Path:
    """Source (.py) of a chapter, by number ("05"), work and number ("ee443/05"), slug, file name or path.

    Raises:
        LabError: nothing, or more than one chapter, goes by that name; the message lists the names.
    """
    root = project_root()
    sources = {entry.name.removeprefix("notebooks/"): entry.source for entry in entries(root) if entry.is_chapter}
    wanted = str(name).removesuffix(".py").removesuffix(".ipynb").rstrip("/")
    given = Path(name).expanduser().with_suffix(".py").resolve()
    if given in sources.values():
        return given
    if given.is_file():
        return given
    work, _, slug = wanted.removeprefix("notebooks/").rpartition("/")
    hits = [key for key in sources if _is_called(key, work, slug)]
    if len(hits) == 1:
        return sources[hits[0]]
    problem = f"{wanted} names {len(hits)} chapters: {', '.join(hits)}" if hits else f"no chapter {wanted}"
    near = difflib.get_close_matches(wanted, sources, n=1, cutoff=0.3)
    hint = f"; the nearest is {near[0]}" if near and not hits else ""
    raise LabError(f"{problem}{hint}. Chapters: {', '.join(sources)}")


def outline() -> list[dict[str, str | int]]:
    """One line a chapter, read from its text: name, title, the card's time, number of exercises."""
    rows = []
    for entry in entries():
        if entry.is_chapter:
            text = re.sub(r"^# ?", "", entry.source.read_text(encoding="utf-8"), flags=re.MULTILINE)
            title = re.search(r"^# (\w.*)$", text, flags=re.MULTILINE)
            time = re.search(r"\*\*Time\.\*\* *((?:.+\n)(?:  +\S.*\n)*)", text)
            rows.append({
                "chapter": entry.name.removeprefix("notebooks/"),
                "title": title[1] if title else "",
                "time": " ".join(time[1].split()) if time else "",
                "exercises": len(re.findall(r"^`{3,}\{exercise\}", text, flags=re.MULTILINE)),
            })
    return rows


def _is_called(key: str, work: str, slug: str) -> bool:
    its_work, _, its_slug = key.rpartition("/")
    number, _, words = its_slug.partition("-")
    number_given = slug.isdigit() and int(slug) == int(number)
    return work in ("", its_work) and (number_given or slug in (its_slug, words))


# --- executing one notebook ------------------------------------------------------------------------------------------------------


def execute_chapter(source: Path, out: Path, parameters: dict | None = None, progress: bool = True) -> Path:
    """Execute one notebook with papermill and write the executed copy.

    Args:
        source: percent script or notebook.
        out: where the executed copy goes; written only after the last cell succeeded.
        parameters: values for the cell tagged `parameters`; each must be defined there.
        progress: show cells and the lines that the runs print while they work.

    Returns:
        `out`.

    Raises:
        LabError: an unknown parameter; a cell that raises (chapter, cell and exception are named); a kernel that died.
    """
    source, out = Path(source), Path(out).resolve()
    if not source.is_file():
        raise LabError(f"no notebook {source}")
    scratch = _scratch(source)
    notebook = _execute(read_notebook(source), _label(source), parameters or {}, scratch, progress)
    out.parent.mkdir(parents=True, exist_ok=True)
    _write(out, _dump(_tidy(notebook)))
    return out


def read_notebook(source: Path):
    """A notebook node from a percent script or .ipynb, as it is on disk."""
    import jupytext

    try:
        return jupytext.read(source)
    except Exception as error:
        raise LabError(f"{source} does not read as a notebook: {error}") from None


def _label(source: Path) -> str:
    return f"{source.parent.name}/{source.stem}"


def _scratch(source: Path, root: Path | None = None) -> Path:
    folder = (root or project_root() / "_build" / "chapters") / "scratch" / _label(source)
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def notebook_parameters(notebook) -> dict[str, str]:
    """Names in the cell tagged `parameters`, each with its default as source text."""
    import papermill

    return {name: entry["default"] for name, entry in papermill.inspect_notebook(notebook).items()}


def _checked(label: str, notebook, parameters: dict) -> dict:
    """The parameters that differ from the notebook's defaults; an unknown one is an error."""
    known = notebook_parameters(notebook)
    for name in parameters:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1, cutoff=0.0)
            hint = f"; the nearest is {near[0]!r} (all: {', '.join(known)})" if near else "; it takes none"
            raise LabError(f"{label} has no parameter {name!r}{hint}")
    return {name: value for name, value in parameters.items() if not _is_default(known[name], value)}


def _is_default(text: str, value) -> bool:
    try:
        default = ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return False
    return type(default) is type(value) and default == value


def _execute(notebook, label: str, parameters: dict, scratch: Path, progress: bool):
    """The executed notebook; its working folder is `scratch`, the half-executed copy lies there too."""
    import papermill
    from nbclient.exceptions import DeadKernelError
    from papermill.exceptions import PapermillExecutionError

    parameters = _checked(label, notebook, parameters)
    half = scratch / "half-executed.ipynb"
    try:
        with _kernel(), Progress(len(notebook.cells), label, "cell") if progress else contextlib.nullcontext() as shown:
            return papermill.execute_notebook(
                _for_papermill(notebook),
                str(half).replace("{", "{{").replace("}", "}}"),
                parameters=parameters,
                engine_name=_engine(),
                kernel_name="python3",
                language="python",
                progress_bar=False,
                stderr_file=_Forward() if progress else None,
                cwd=scratch,
                shown=shown,
            )
    except PapermillExecutionError as error:
        raise LabError(_failure(label, error, half)) from None
    except DeadKernelError:
        raise LabError(f"{label}: the Python process died (out of memory?); the executed part is {half}") from None


def _for_papermill(notebook):
    """A copy with the metadata that papermill takes for granted in a notebook it did not read itself."""
    notebook = copy.deepcopy(notebook)
    notebook.metadata.setdefault("papermill", {})
    for cell in notebook.cells:
        cell.metadata.setdefault("tags", [])
    return notebook


class _Forward:
    """Passes the plain lines that runs print inside a notebook on to the person who waits."""

    def write(self, text: str) -> None:
        for line in text.splitlines():
            if line.strip():
                say(f"    {line}")

    def flush(self) -> None:
        pass


def _engine() -> str:
    """papermill's own engine, telling our progress bar about each cell."""
    from papermill.engines import NBClientEngine, papermill_engines

    class Engine(NBClientEngine):
        @classmethod
        def execute_managed_notebook(cls, nb_man, kernel_name, shown=None, **kwargs):
            complete = nb_man.cell_complete

            def cell_complete(*args, **named):
                if shown:
                    shown.update()
                return complete(*args, **named)

            nb_man.cell_complete = cell_complete
            return super().execute_managed_notebook(nb_man, kernel_name, **kwargs)

    papermill_engines.register("lt_lib", Engine)
    return "lt_lib"


@contextlib.contextmanager
def _kernel():
    """`python3` is this interpreter, whatever kernels the user has installed; the kernel finds this checkout."""
    with tempfile.TemporaryDirectory(prefix="lt-kernel-") as folder:
        spec = Path(folder) / "kernels" / "python3" / "kernel.json"
        spec.parent.mkdir(parents=True)
        argv = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}", "--log-level=40"]
        spec.write_text(json.dumps({"argv": argv, "display_name": "Python 3", "language": "python"}), encoding="utf-8")
        names = {
            "JUPYTER_PATH": os.pathsep.join(filter(None, [folder, os.environ.get("JUPYTER_PATH")])),
            "LT_BOOK": str(project_root()),
            "LT_PLAIN": "1",
            "PYDEVD_DISABLE_FILE_VALIDATION": "1",
        }
        before = {name: os.environ.get(name) for name in names}
        os.environ.update(names)
        try:
            yield
        finally:
            for name, value in before.items():
                os.environ.pop(name) if value is None else os.environ.__setitem__(name, value)


def _failure(label: str, error, half: Path) -> str:
    """One message from papermill's exception: chapter, cell, line, exception; the traceback goes into a file."""
    plain = _PAINT.sub("", "\n".join(error.traceback))
    report = half.with_name("traceback.txt")
    report.write_text(plain + "\n", encoding="utf-8")
    arrow = re.search(r"^-+> *(\d+) (.*)$", plain, flags=re.MULTILINE)
    first = next((line for line in error.source.splitlines() if line.strip() and not line.startswith("#")), "")
    line = f"line {arrow[1]}: {arrow[2].strip()}" if arrow else f"the cell that begins: {first.strip()}"
    what = error.evalue if error.ename.endswith(("LabError", "DataError", "LtError")) else f"{error.ename}: {error.evalue}"
    return f"{label}, cell In [{error.exec_count}], {line}\n  {what}\n  executed so far: {half}\n  traceback: {report}"


def _tidy(notebook):
    """An executed copy without what changes from run to run but says nothing: timings, ids, stderr."""
    notebook = copy.deepcopy(notebook)
    for cell in notebook.cells:
        for name in ("papermill", "execution"):
            cell.metadata.pop(name, None)
        if cell.cell_type == "code":
            cell.outputs = [o for o in cell.outputs if o.get("name") != "stderr"]
    return _with_stable_metadata(notebook)


def _with_stable_metadata(notebook):
    """Metadata and cell ids that depend on the content alone."""
    formats = notebook.metadata.get("jupytext", {}).get("formats", "ipynb,py:percent")
    notebook.metadata = type(notebook.metadata)(
        jupytext={"formats": formats, "text_representation": _TEXT},
        kernelspec=_KERNEL,
        language_info={"name": "python"},
    )
    taken: dict[str, int] = {}
    for cell in notebook.cells:
        name = hashlib.sha256(f"{cell.cell_type}\n{cell.source}".encode()).hexdigest()[:8]
        taken[name] = taken.get(name, 0) + 1
        cell.id = name if taken[name] == 1 else f"{name}-{taken[name]}"
        if not cell.metadata.get("tags", True):
            del cell.metadata["tags"]
    notebook.nbformat, notebook.nbformat_minor = 4, 5
    return notebook


def _dump(notebook) -> bytes:
    return (json.dumps(notebook, indent=1, ensure_ascii=False, sort_keys=True) + "\n").encode()


def _write(path: Path, content: bytes) -> bool:
    """Write atomically, and only when the content differs; true if it did."""
    if path.is_file() and path.read_bytes() == content:
        return False
    atomic_write(path, content)
    return True


# --- the book --------------------------------------------------------------------------------------------------------------------


def build(
    profile: str = "laptop",
    data: str = "embedded",
    chapters: list[str] | None = None,
    seeds: int | None = None,
    budget: float | None = None,
    store: Path | None = None,
    force: bool = False,
) -> Path:
    """Execute what is out of date, build the static book, return the path of its index.html.

    Args:
        profile, data, seeds, store: passed to every chapter as papermill parameters (the last two only if given).
        budget: minutes for all chapters together; each is told what is left, and none counts as up to date afterwards.
        chapters: execute and show these alone (names as for `find_chapter`); such a part of a book is not checked strictly.
        force: execute and build everything again.

    Raises:
        LabError: a chapter fails (those executed before it are kept), Jupyter Book warns, or an optional package is missing.
    """
    _need_book_extra()
    started = time.monotonic()
    root = project_root()
    listed = entries(root)
    if chapters:
        wanted = [find_chapter(name) for name in chapters]
        listed = [entry for entry in listed if not entry.is_chapter or entry.source in wanted]
    given = {"profile": profile, "data": data, "seeds": seeds, "budget": budget, "store": store and str(store)}
    given = {name: value for name, value in given.items() if value is not None}
    base = root / "_build" / f"{profile}-{data}"
    base.mkdir(parents=True, exist_ok=True)
    with FileLock(base / ".lock", timeout=-1):
        _execute_outdated(root, base, listed, given, force)
        _copy_sources(root, base, listed, given)
        index = _build_html(base, listed, strict=not chapters, force=force)
    say(f"book ready after {time.monotonic() - started:.0f} s")
    return index


def _need_book_extra() -> None:
    missing = [name for name in ("jupyter_book", "papermill", "jupytext", "sphinx_exercise") if find_spec(name) is None]
    if missing:
        raise LabError(f"the book needs {', '.join(missing)}: pip install 'lt_lib[book]', or use `make book`")


def _execute_outdated(root: Path, base: Path, listed: list[Entry], given: dict, force: bool) -> None:
    """Bring src/**.ipynb up to date: chapters first, then the pages that count what the chapters left."""
    common, begun = _common_digest(root), time.monotonic()
    notebooks = sorted((entry for entry in listed if entry.is_notebook), key=lambda entry: not entry.is_chapter)
    any_new = False
    for position, entry in enumerate(notebooks, 1):
        notebook = read_notebook(entry.source)
        digest = _digest([common, entry.source.read_text(encoding="utf-8"), given])
        executed, state = base / "src" / f"{entry.name}.ipynb", base / "state" / f"{entry.name.replace('/', '--')}.json"
        current = executed.is_file() and state.is_file() and json.loads(state.read_text())["digest"] == digest
        if current and not force and "budget" not in given and (entry.is_chapter or not any_new):
            continue
        any_new = True
        state.unlink(missing_ok=True)
        start = time.monotonic()
        label, parameters = entry.name.removeprefix("notebooks/"), dict(given)
        if "budget" in given:
            parameters["budget"] = round(max(given["budget"] - (start - begun) / 60, 0.01), 2)
        if not entry.is_chapter:
            known = notebook_parameters(notebook)
            parameters = {name: value for name, value in parameters.items() if name in known}
        result = _execute(notebook, label, parameters, _scratch(entry.source, base), progress=True)
        _write(executed, _dump(_tidy(result)))
        seconds = time.monotonic() - start
        _write(state, json.dumps({"digest": digest, "seconds": round(seconds, 1)}).encode())
        say(f"[{position}/{len(notebooks)}] {label}  {seconds:.0f} s")


def _common_digest(root: Path) -> str:
    """Everything that can change what a chapter shows, its own source and parameters apart."""
    library = sorted((root / "lt_lib").rglob("*.py"))
    facts = [p for name in ("experiments", "published", "records") for p in sorted((root / "book" / name).rglob("*")) if p.is_file()]
    lock = [root / "requirements.lock", root / "_toc.yml"]
    files = [p for p in library + facts + lock if p.is_file() and "/." not in p.relative_to(root).as_posix()]
    return _digest([sys.version] + [[p.relative_to(root).as_posix(), _file_digest(p)] for p in files])


def _digest(value) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True, default=str).encode()).hexdigest()


def _file_digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _copy_sources(root: Path, base: Path, listed: list[Entry], given: dict) -> None:
    """Bring the rest of src/ in line with the tree; files that left the tree leave src/."""
    src = base / "src"
    kept = {src / f"{entry.name}.ipynb" for entry in listed if entry.is_notebook}
    copies = [entry.source for entry in listed] + [root / "book" / "references.bib"]
    copies += [p for name in ("_static", "_ext") for p in (root / "book" / name).rglob("*") if p.is_file()]
    for path in copies:
        if "__pycache__" not in path.parts:
            target = src / path.relative_to(root)
            _write(target, path.read_bytes())
            kept.add(target)
    generated = {"_config.yml": _config(root, given), "_toc.yml": _toc(root, listed)}
    for name, value in generated.items():
        _write(src / name, yaml.safe_dump(value, sort_keys=False, allow_unicode=True).encode())
        kept.add(src / name)
    for path in src.rglob("*"):
        if path.is_file() and path not in kept:
            path.unlink()


def _toc(root: Path, listed: list[Entry]) -> dict:
    toc = yaml.safe_load((root / "_toc.yml").read_text(encoding="utf-8"))
    names = {entry.name for entry in listed}
    for part in toc["parts"]:
        part["chapters"] = [chapter for chapter in part["chapters"] if chapter["file"] in names]
    toc["parts"] = [part for part in toc["parts"] if part["chapters"]]
    return toc


def _config(root: Path, given: dict) -> dict:
    """`_config.yml` with what is known only now: profile and data in the footer, launch buttons if there is an address."""
    config = yaml.safe_load((root / "_config.yml").read_text(encoding="utf-8"))
    stamp = f"The column <em>this run</em>: profile <code>{given['profile']}</code>, <code>{given['data']}</code> data."
    config["html"]["extra_footer"] = f"<p>{stamp}</p>"
    address = os.environ.get("LT_REPOSITORY_URL", "").strip().removesuffix("/").removesuffix(".git")
    if address:
        if not re.fullmatch(r"https://[^/\s]+/[^/\s]+/[^/\s]+", address):
            raise LabError(f"LT_REPOSITORY_URL is {address!r}; it must look like https://github.com/NAME/REPOSITORY")
        branch = os.environ.get("LT_REPOSITORY_BRANCH", "main")
        config["repository"] = {"url": address, "branch": branch, "path_to_book": ""}
        config["html"]["use_repository_button"] = True
        config["launch_buttons"]["binderhub_url"] = "https://mybinder.org"
    return config


def _build_html(base: Path, listed: list[Entry], strict: bool, force: bool) -> Path:
    """Run Jupyter Book over src/, unless it has seen exactly these files already."""
    src, html, state = base / "src", base / "_build" / "html", base / "state" / "html.json"
    files = {p.relative_to(src).as_posix(): _file_digest(p) for p in sorted(src.rglob("*")) if p.is_file()}
    # what every page shows: a change here must reach pages whose own source did not change
    shared = {n: d for n, d in files.items() if not n.endswith((".ipynb", ".md", ".py")) or "/_ext/" in n}
    now = {"files": _digest([files, strict]), "shared": _digest([shared, sorted(files), _headings(src, listed)])}
    before = json.loads(state.read_text()) if state.is_file() else {}
    index = html / "index.html"
    if index.is_file() and before.get("files") == now["files"] and not force:
        return index
    if force or before.get("shared") != now["shared"]:
        shutil.rmtree(base / "_build", ignore_errors=True)
    state.unlink(missing_ok=True)
    say(f"building {len(listed)} pages")
    flags = ["-n", "-W", "--keep-going"] if strict else []
    entry_point = "import sys; from jupyter_book.cli.main import main; sys.exit(main())"
    command = [sys.executable, "-c", entry_point, "build", str(src), "--path-output", str(base), *flags]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, cwd=base)
    said = _PAINT.sub("", done.stdout.decode(errors="replace"))
    log = base / "build.log"
    log.write_text(said, encoding="utf-8")
    warnings = [line.replace(f"{src}/", "") for line in said.splitlines() if re.search(r"\b(WARNING|ERROR|CRITICAL):", line)]
    for line in warnings[:20]:
        say(f"  {line}")
    if done.returncode or not index.is_file():
        # a page with a warning counts as built for Sphinx and would pass next time: start afresh then
        shutil.rmtree(base / "_build" / ".doctrees", ignore_errors=True)
        last = "" if warnings else f"; it ends with: {said.strip().splitlines()[-1] if said.strip() else 'nothing'}"
        raise LabError(f"Jupyter Book found {len(warnings)} problems; everything it said is in {log}{last}")
    _write(state, json.dumps(now).encode())
    return index


def _headings(src: Path, listed: list[Entry]) -> list[str]:
    """First heading of each page: they stand in every page's sidebar."""
    texts = [(src / entry.source.relative_to(entry.source.parents[len(Path(entry.name).parts) - 1])) for entry in listed]
    return [next((line for line in t.read_text(encoding="utf-8").splitlines() if re.match(r"(# )?# \w", line)), "") for t in texts]


# --- pairs of notebooks ----------------------------------------------------------------------------------------------------------


def pairs(root: Path | None = None) -> list[Path]:
    """Every percent script that has, or should have, a notebook beside it."""
    root = root or project_root()
    return sorted((root / "notebooks").rglob("[!.]*.py")) + sorted((root / "book" / "pages").glob("*.py"))


def sync_notebooks(paths: list[Path] | None = None, check: bool = False) -> list[str]:
    """Make each .ipynb from its .py: stripped, but for the outputs of cells tagged `keep_output`, obtained at profile smoke.

    Args:
        paths: scripts to treat; all pairs if not given.
        check: change and execute nothing.

    Returns:
        One line for each pair that was out of step (and, unless `check`, no longer is).
    """
    problems = []
    for source in [Path(path).with_suffix(".py").resolve() for path in paths] if paths else pairs():
        target, notebook = source.with_suffix(".ipynb"), read_notebook(source)
        if check:
            problem = _out_of_step(notebook, target)
        else:
            problem = "rewritten" if _write(target, _dump(_with_kept_outputs(source, notebook))) else None
        if problem:
            problems.append(f"{_label(target)}: {problem}")
    return problems


def _keeps_output(cell) -> bool:
    return cell.cell_type == "code" and "keep_output" in cell.metadata.get("tags", [])


def _with_kept_outputs(source: Path, notebook):
    """The notebook without outputs but those of its `keep_output` cells."""
    outputs = []
    if any(_keeps_output(cell) for cell in notebook.cells):
        parameters = {"profile": "smoke"} if "profile" in notebook_parameters(notebook) else {}
        executed = _tidy(_execute(notebook, _label(source), parameters, _scratch(source), progress=True))
        outputs = [cell.outputs for cell in executed.cells if _keeps_output(cell)]
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs = outputs.pop(0) if _keeps_output(cell) else []
            cell.execution_count = None
            for output in cell.outputs:
                if "execution_count" in output:
                    output["execution_count"] = None
    return _with_stable_metadata(notebook)


def _out_of_step(notebook, target: Path) -> str | None:
    """Why the .ipynb on disk is not the pair of this script, or None."""
    if not target.is_file():
        return "no .ipynb; run `make notebooks`"
    there = read_notebook(target)
    kept = [cell.outputs for cell in there.cells if _keeps_output(cell)]
    if not all(kept):
        return "a cell tagged keep_output has none; run `make notebooks`"
    if any(cell.outputs or cell.execution_count for cell in there.cells if cell.cell_type == "code" and not _keeps_output(cell)):
        return "holds outputs of cells not tagged keep_output; run `make notebooks`"
    expected = copy.deepcopy(notebook)
    for cell in expected.cells:
        if cell.cell_type == "code":
            cell.outputs = kept.pop(0) if _keeps_output(cell) and kept else []
    if _dump(_with_stable_metadata(expected)) != target.read_bytes():
        return "differs from its .py; run `make notebooks`"
    return None


def nbval_copies(out: Path | None = None) -> Path:
    """Copies of all notebooks for nbval: profile smoke, and each `keep_output` cell marked to have its output compared."""
    from papermill.parameterize import parameterize_notebook

    root = project_root()
    out = out or root / "_build" / "nbval"
    shutil.rmtree(out, ignore_errors=True)
    for source in pairs(root):
        notebook = read_notebook(source.with_suffix(".ipynb"))
        known = notebook_parameters(notebook)
        for cell in notebook.cells:
            if _keeps_output(cell):
                cell.metadata["tags"] = [*cell.metadata["tags"], "nbval-check-output"]
        if "profile" in known:
            smoke = {"profile": "smoke"}
            notebook = parameterize_notebook(_for_papermill(notebook), smoke, kernel_name="python3", language="python")
        _write(out / source.relative_to(root).with_suffix(".ipynb"), _dump(notebook))
    return out


def main() -> None:
    """`python -m lt_lib.lab.book notebooks | nbval`: what `make notebooks` and `make test` call."""
    match sys.argv[1:]:
        case ["notebooks", *names]:
            for line in sync_notebooks([Path(name) for name in names] or None):
                say(line)
        case ["nbval"]:
            say(f"notebooks for nbval: {nbval_copies()}")
        case _:
            raise SystemExit("usage: python -m lt_lib.lab.book notebooks [FILE.py ...] | nbval")


if __name__ == "__main__":
    main()
