"""A pytest plugin: nbval over the executed copies of the smoke book.

    python -m pytest -p lt_lib.lab.publish.kept_outputs notebooks book/pages

nbval sends the cells of a notebook to a kernel and compares what comes back with the outputs in the file.
Here its kernel is the copy that `lt book --profile smoke` executed, which answers each cell with the messages
that its outputs were made of, so no chapter is executed a second time. The rest is nbval's own: a cell tagged
`keep_output` whose output is another, is missing or is not expected fails, and so does a cell that raised. A
notebook whose copy is missing or out of date is an error.
"""

from pathlib import Path

import pytest
from nbval.plugin import IPyNbFile

from lt_lib.errors import LabError
from lt_lib.lab.publish import book, slides
from lt_lib.lab.publish.notebooks import keeps_output, read_notebook

INJECTED = "injected-parameters"  # papermill's tag of the cell that it adds
_COPIES = pytest.StashKey[book.Copies]()
_ANSWER = "executed copy"  # the id of every message; nbval has one request at a time


def pytest_collect_file(file_path: Path, parent):
    """Notebooks are collected by nbval's class with another kernel; pytest runs without --nbval."""
    return ExecutedNotebook.from_parent(parent, path=file_path) if file_path.suffix == ".ipynb" else None


class ExecutedNotebook(IPyNbFile):
    """nbval's collector of one notebook, its kernel replaced by the executed copy."""

    def __init__(self, *args, **named):
        super().__init__(*args, **named)
        self.skip_compare = ("metadata", "execution_count")  # nbval would skip pictures, too

    def collect(self):
        """One item for each code cell, as nbval makes them.

        Raises:
            CollectError: no current executed copy, or one of other cells.
        """
        try:
            copy = executed_copy(self.path, _copies(self.config))
        except LabError as error:
            raise self.CollectError(str(error)) from None
        items = list(super().collect())
        executed = [c for c in copy.cells if c.cell_type == "code" and INJECTED not in slides.tags(c)]
        shown = [cell.source for cell in slides.for_readers(self.nb).cells if cell.cell_type == "code"]
        if [cell.source for cell in executed] != shown:
            raise self.CollectError(f"{self.path} is not what was executed; run `make notebooks`")
        self.answers = list(zip((item.cell.source for item in items), executed, strict=True))
        for item in items:
            item.options["check"] = keeps_output(item.cell)
            if item.options["check"]:
                item.cell.execution_count = 1  # nbval takes outputs only of a cell that was run
        return items

    def setup(self):
        """Where nbval starts a kernel."""
        self.kernel = Replay(self.answers)
        self.setup_sanitize_files()


class Replay:
    """What nbval asks of a kernel, answered from executed cells.

    Args:
        answers: source and executed cell of each code cell, in order.
    """

    def __init__(self, answers: list):
        self._answers, self._messages = iter(answers), iter(())

    def is_alive(self) -> bool:
        """A copy does not die."""
        return True

    def stop(self) -> None:
        """Nothing runs."""

    def execute_cell_input(self, source: str, allow_stdin: bool | None = None) -> str:
        """The id of the messages that answer the next cell of this source."""
        cell = next(cell for asked, cell in self._answers if asked == source)
        said = [(output.output_type, output) for output in cell.outputs]
        self._messages = iter([*said, ("status", {"execution_state": "idle"})])
        return _ANSWER

    def await_reply(self, msg_id: str, timeout: float | None = None) -> None:
        """It is there."""

    def await_idle(self, msg_id: str, timeout: float | None = None) -> None:
        """It is idle."""

    def get_message(self, stream: str, timeout: float | None = None) -> dict:
        """The next message, of the form that Jupyter's protocol gives it."""
        kind, content = next(self._messages)
        return {"msg_type": kind, "content": content, "parent_header": {"msg_id": _ANSWER}}


def _copies(config) -> book.Copies:
    """Those of the smoke book; what they depend on is read once a session."""
    if _COPIES not in config.stash:
        config.stash[_COPIES] = book.smoke_copies()
    return config.stash[_COPIES]


def executed_copy(notebook: Path, copies: book.Copies):
    """The executed copy of a notebook of the book, as a notebook node.

    Raises:
        LabError: `_toc.yml` does not list the notebook, or it has no copy of what it is now.
    """
    for entry in [*copies.chapters, *copies.pages]:
        if entry.source == notebook.with_suffix(".py"):
            if not copies.is_current(entry):
                raise LabError(f"{entry.name} was not executed as it is now; run `lt book --profile smoke`")
            return read_notebook(copies.path(entry))
    raise LabError(f"_toc.yml does not list {notebook}, so it was not executed")
