"""Notebooks: executed with papermill, and each kept in step with the percent script it is written in.

A chapter is a percent script (`notebooks/<work>/NN-slug.py`), its source, and a notebook beside it, stripped
but for cells tagged `keep_output`. So is a page that shows numbers (`book/pages/*.py`)."""

import ast
import contextlib
import copy
import difflib
import hashlib
import json
import os
import re
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from lt_lib.errors import LabError
from lt_lib.lab.record.files import atomic_write, check_writable
from lt_lib.lab.record.paths import VARIABLES, absolute, project_root
from lt_lib.progress import Progress, say

CHECKOUT = "work in a checkout that you can write (LT_BOOK names one)"
PAINT = re.compile(r"\x1b\[[0-9;]*m")
SAVED_EVERY = 30  # seconds
_TEXT = {"extension": ".py", "format_name": "percent"}
_KERNEL = {"display_name": "Python 3", "language": "python", "name": "python3"}


def execute_chapter(source: Path, out: Path, parameters: dict | None = None, progress: bool = True) -> Path:
    """Execute one notebook with papermill and write the executed copy.

    Args:
        source: percent script or notebook.
        out: where the executed copy goes; written only after the last cell succeeded.
        parameters: values for the cell tagged `parameters`; each must be defined there. A `store` is a folder
            from where the user stands, not from where the kernel works.
        progress: show cells and the lines that the runs print while they work.

    Returns:
        `out`.

    Raises:
        LabError: an unknown parameter; a cell that raises (the message names it); a kernel that died; `out`
            cannot be written, which is found out first.
    """
    source, out, parameters = absolute(source), absolute(out), dict(parameters or {})
    if not source.is_file():
        raise LabError(f"no notebook {source}")
    if parameters.get("store"):
        parameters["store"] = str(absolute(parameters["store"]))
    check_writable(out, remedy="choose another file with --out")
    scratch = scratch_folder(source)
    notebook = execute(read_notebook(source), _label(source), parameters, scratch, progress)
    write_if_changed(out, dump(tidy(notebook)))
    return out


def read_bytes(path: Path) -> bytes:
    """What a file holds.

    Raises:
        LabError: it cannot be read.
    """
    try:
        return path.read_bytes()
    except OSError as error:
        raise LabError(
            f"{path} cannot be read: {error.strerror or error}; mend it, e.g. with `git checkout`"
        ) from None


def read_text(path: Path) -> str:
    """What a text file holds.

    Raises:
        LabError: it cannot be read, or is not in UTF-8.
    """
    try:
        return read_bytes(path).decode("utf-8").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        raise LabError(f"{path} is not in UTF-8 (byte {error.start:,}); save it in that encoding") from None


def read_notebook(source: Path):
    """A notebook node from a percent script or .ipynb, as it is on disk.

    Raises:
        LabError: it cannot be read, or is no notebook.
    """
    import jupytext

    try:
        notebook = jupytext.read(source)
        if not all({"cell_type", "metadata", "source"} <= set(cell) for cell in notebook.cells):
            raise ValueError("its cells are no cells of a notebook")
    except Exception as error:  # of any kind, as the parsers like
        raise LabError(f"{source} does not read as a notebook: {error}") from None
    notebook.metadata.setdefault("kernelspec", dict(_KERNEL))
    return notebook


def _label(source: Path) -> str:
    return f"{source.parent.name}/{source.stem}"


def scratch_folder(source: Path, root: Path | None = None) -> Path:
    """Where the kernel of a notebook works: no chapter depends on the folder it was started in."""
    folder = (root or project_root() / "_build" / "chapters") / "scratch" / _label(source)
    check_writable(folder / "half-executed.ipynb", remedy=CHECKOUT)
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


def execute(notebook, label: str, parameters: dict, scratch: Path, progress: bool, own_kernel: bool = True):
    """The executed notebook, errors as for `execute_chapter`; the half-executed copy lies in `scratch`.

    Whoever executes several at once holds `this_kernel()` around them all and passes own_kernel=False.
    """
    import papermill
    from nbclient.exceptions import DeadKernelError
    from papermill.exceptions import PapermillExecutionError

    parameters = _checked(label, notebook, parameters)
    half = scratch / "half-executed.ipynb"
    try:
        with (
            this_kernel() if own_kernel else contextlib.nullcontext(),
            Progress(len(notebook.cells), label, "cell") if progress else contextlib.nullcontext() as shown,
        ):
            return papermill.execute_notebook(
                _for_papermill(notebook),
                str(half).replace("{", "{{").replace("}", "}}"),
                parameters=parameters,
                engine_name=_engine(),
                kernel_name="python3",
                language="python",
                progress_bar=False,
                stderr_file=_Forward() if progress else None,
                resources={"metadata": {"path": str(scratch)}},  # cwd= would move this whole process
                shown=shown,
            )
    except PapermillExecutionError as error:
        raise LabError(_failure(label, error, half)) from None
    except DeadKernelError:
        raise LabError(
            f"{label}: its Python process died (out of memory?); executed so far: {half}"
        ) from None


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
    """papermill's own engine, telling our progress bar about each cell. What is executed so far is saved now
    and then: papermill would check and write the whole notebook twice a cell."""
    from papermill.engines import NBClientEngine, papermill_engines

    class Engine(NBClientEngine):
        @classmethod
        def execute_managed_notebook(cls, nb_man, kernel_name, shown=None, **kwargs):
            complete = nb_man.cell_complete

            def cell_complete(*args, **named):
                if shown:
                    shown.update()
                return complete(*args, **named)

            def save(at_once=nb_man.save):
                if (nb_man.now() - nb_man.last_save_time).total_seconds() > SAVED_EVERY:
                    at_once()

            nb_man.cell_complete, nb_man.save = cell_complete, save
            try:
                return super().execute_managed_notebook(nb_man, kernel_name, **kwargs)
            finally:
                del nb_man.save  # the end is always saved

    papermill_engines.register("lt_lib", Engine)
    return "lt_lib"


def _forked() -> contextlib.AbstractContextManager[dict]:
    """What the metadata of a kernel says that starts by a fork; where none can, nothing."""
    from lt_lib.lab.publish import forked

    return forked.kernels() if forked.CAN_FORK else contextlib.nullcontext({})


@contextlib.contextmanager
def this_kernel(many: bool = False):
    """`python3` is this interpreter, whatever kernels the user has installed, and it finds this checkout;
    many kernels share one start."""
    shared = _forked() if many else contextlib.nullcontext({})
    with tempfile.TemporaryDirectory(prefix="lt-kernel-") as folder, shared as metadata:
        spec = Path(folder) / "kernels" / "python3" / "kernel.json"
        spec.parent.mkdir(parents=True)
        argv = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}", "--log-level=50"]
        how = {"argv": argv, "metadata": metadata}
        spec.write_text(json.dumps({**_KERNEL, **how}), encoding="utf-8")
        quiet = [os.environ.get("PYTHONWARNINGS"), "ignore:IProgress not found"]
        names = {
            "JUPYTER_PATH": os.pathsep.join(filter(None, [folder, os.environ.get("JUPYTER_PATH")])),
            # a kernel works in a folder of its own; what the user named is meant from where they stand
            **{name: str(absolute(os.environ[name])) for name in VARIABLES if os.environ.get(name)},
            "LT_BOOK": str(project_root()),
            "LT_PLAIN": "1",
            "MPLBACKEND": os.environ.get("MPLBACKEND") or "module://matplotlib_inline.backend_inline",
            "PYDEVD_DISABLE_FILE_VALIDATION": "1",
            "PYTHONWARNINGS": ",".join(filter(None, quiet)),
        }
        before = {name: os.environ.get(name) for name in names}
        os.environ.update(names)
        try:
            yield
        finally:
            for name, value in before.items():
                os.environ.pop(name) if value is None else os.environ.__setitem__(name, value)


def _failure(label: str, error, half: Path) -> str:
    """One message from papermill's: chapter, cell, line, exception; the traceback goes into a file."""
    plain = PAINT.sub("", "\n".join(error.traceback))
    report = half.with_name("traceback.txt")
    report.write_text(plain + "\n", encoding="utf-8")
    arrow = re.search(r"^-+> *(\d+) (.*)$", plain, flags=re.MULTILINE)
    code = [line for line in error.source.splitlines() if line.strip() and not line.startswith("#")]
    line = f"line {arrow[1]}: {arrow[2].strip()}" if arrow else f"which begins: {''.join(code[:1])}"
    what = (
        error.evalue
        if error.ename in ("LtError", "LabError", "DataError")
        else f"{error.ename}: {error.evalue}"
    )
    where = f"{label}, cell In [{error.exec_count}], {line}"
    return f"{where}\n  {what}\n  executed so far: {half}\n  traceback: {report}"


def tidy(notebook):
    """An executed copy without what changes from run to run but says nothing: timings, ids, stderr."""
    notebook = copy.deepcopy(notebook)
    for cell in notebook.cells:
        for name in ("papermill", "execution"):
            cell.metadata.pop(name, None)
        if cell.cell_type == "code":
            cell.outputs = _joined(o for o in cell.outputs if o.get("name") != "stderr")
    return _with_stable_metadata(notebook)


def _joined(outputs) -> list:
    """Outputs with the pieces of one stream as one: a kernel sends them as it likes."""
    joined = []
    for output in outputs:
        if joined and output.output_type == "stream" and joined[-1].get("name") == output.name:
            joined[-1].text += output.text
        else:
            joined.append(output)
    return joined


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


def dump(notebook) -> bytes:
    """The notebook as bytes of an .ipynb file, keys sorted."""
    return (json.dumps(notebook, indent=1, ensure_ascii=False, sort_keys=True) + "\n").encode()


def write_if_changed(path: Path, content: bytes) -> bool:
    """Write atomically, and only when the content differs; true if it did."""
    if path.is_file() and read_bytes(path) == content:
        return False
    atomic_write(path, content)
    return True


def pairs(root: Path | None = None) -> list[Path]:
    """Every percent script that has, or should have, a notebook beside it."""
    root = root or project_root()
    return sorted((root / "notebooks").rglob("[!.]*.py")) + sorted((root / "book" / "pages").glob("[!.]*.py"))


def sync_notebooks(
    paths: list[Path] | None = None, check: bool = False, executed: Callable[[Path], Any] = lambda _: None
) -> list[str]:
    """Make each .ipynb from its .py: no outputs but of cells tagged `keep_output`, run at profile smoke.

    Args:
        paths: scripts to treat; all pairs if not given.
        check: change and execute nothing.
        executed: gives the copy of a script that was executed at profile smoke, or None to execute it now.

    Returns:
        One line for each pair that was out of step (and, unless `check`, no longer is).
    """
    problems = []
    for source in [Path(path).with_suffix(".py").resolve() for path in paths] if paths else pairs():
        target, notebook = source.with_suffix(".ipynb"), read_notebook(source)
        if check:
            problem = _out_of_step(notebook, target)
        else:
            check_writable(target, remedy=CHECKOUT)
            new = write_if_changed(target, dump(_with_kept_outputs(source, notebook, executed(source))))
            problem = "rewritten" if new else None
        if problem:
            problems.append(f"{_label(target)}: {problem}")
    return problems


def keeps_output(cell) -> bool:
    """Whether the output of a cell is kept in the .ipynb (tag `keep_output`)."""
    return cell.cell_type == "code" and "keep_output" in cell.metadata.get("tags", [])


def _with_kept_outputs(source: Path, notebook, executed):
    """The notebook without outputs but those of its `keep_output` cells."""
    outputs = []
    if any(keeps_output(cell) for cell in notebook.cells):
        if executed is None:
            parameters = {"profile": "smoke"} if "profile" in notebook_parameters(notebook) else {}
            scratch = scratch_folder(source)
            executed = tidy(execute(notebook, _label(source), parameters, scratch, progress=True))
        outputs = [cell.outputs for cell in executed.cells if keeps_output(cell)]
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs = outputs.pop(0) if keeps_output(cell) else []
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
    kept = [cell.outputs for cell in there.cells if keeps_output(cell)]
    if not all(kept):
        return "a cell tagged keep_output has none; run `make notebooks`"
    stripped = [cell for cell in there.cells if cell.cell_type == "code" and not keeps_output(cell)]
    if any(cell.outputs or cell.execution_count for cell in stripped):
        return "holds outputs of cells not tagged keep_output; run `make notebooks`"
    expected = copy.deepcopy(notebook)
    for cell in expected.cells:
        if cell.cell_type == "code":
            cell.outputs = kept.pop(0) if keeps_output(cell) and kept else []
    if dump(_with_stable_metadata(expected)) != read_bytes(target):
        return "differs from its .py; run `make notebooks`"
    return None
