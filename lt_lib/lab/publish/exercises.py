"""Exercise sheets: a chapter whose solutions are blank.

A solution stands between `{solution-start}` and `{solution-end}`; its code computes something and then
asserts what must hold. In the sheet its words are gone, and of its code the imports and the statements that
assert are left: whoever fills in the rest knows that it is right when the cell runs."""

import ast
import copy
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from lt_lib.errors import LabError
from lt_lib.lab.record.paths import absolute

YOURS = "...  # your code"
_START, _END = re.compile(r"\{solution-start\}\s*(\S+)"), "{solution-end}"


@dataclass(frozen=True)
class Solution:
    """The cells of a chapter that solve one exercise: first to last of them, and those with code."""

    label: str
    first: int
    last: int
    code: tuple[int, ...]


def solutions(notebook) -> list[Solution]:
    """The solutions of a notebook node, in order.

    Raises:
        LabError: a solution that does not end, or has no code.
    """
    found, label, first = [], None, 0
    for i, cell in enumerate(notebook.cells):
        if cell.cell_type != "markdown":
            continue
        if start := _START.search(cell.source):
            label, first = start[1], i
        if label and _END in cell.source:
            code = tuple(j for j in range(first, i) if notebook.cells[j].cell_type == "code")
            if not code:
                raise LabError(f"solution {label} has no code that could be checked")
            found.append(Solution(label, first, i, code))
            label = None
    if label:
        raise LabError(f"solution {label} does not end; close it with {{solution-end}}")
    return found


def blank(code: str) -> str:
    """The code of a solution as the reader finds it: imports and what asserts; each stretch of other
    statements is left to fill in."""
    lines, out = code.splitlines(), []
    for statement in ast.parse(code).body:
        if _stays(statement):
            out += lines[statement.lineno - 1 : statement.end_lineno]
        elif not out or out[-1] != YOURS:
            out.append(YOURS)
    return "\n".join(out[:-1] if out[-1:] == [YOURS] and len(out) > 1 else out)


def gives_away(notebook) -> list[str]:
    """Labels of exercises whose blank form could pass: nothing that it asserts depends on a name that only
    the solution binds."""
    lost = []
    for solution in solutions(notebook):
        bound = set().union(
            *(
                bound_names(ast.parse(cell.source))
                for cell in notebook.cells[: solution.first]
                if cell.cell_type == "code"
            )
        )
        trees = [ast.parse(notebook.cells[i].source) for i in solution.code]
        kept = [s for tree in trees for s in tree.body if _stays(s)]
        own = set().union(*(bound_names(s) for tree in trees for s in tree.body if not _stays(s))) - bound
        asserts = [
            node
            for s in kept
            for node in ast.walk(s)
            if isinstance(s, ast.stmt) and not isinstance(s, (ast.Import, ast.ImportFrom))
        ]
        if not own & {node.id for node in asserts if isinstance(node, ast.Name)}:
            lost.append(solution.label)
    return lost


def sheet(notebook):
    """A copy of a notebook node with blank solutions."""
    out, drop = copy.deepcopy(notebook), set()
    for solution in solutions(notebook):
        drop |= set(range(solution.first, solution.last + 1)) - set(solution.code)
        for i in solution.code:
            out.cells[i].source = blank(out.cells[i].source)
    out.cells = [cell for i, cell in enumerate(out.cells) if i not in drop]
    return out


def write_sheets(chapters: list[Path], folder: str | Path) -> list[Path]:
    """Write the exercise sheets of chapters (percent scripts), `<work>-<slug>-exercises.ipynb`, to a folder:
    all of them or none.

    Raises:
        LabError: a sheet is there already and is not blank, or cannot be written.
    """
    from lt_lib.lab.publish.notebooks import dump, read_notebook, tidy, write_if_changed
    from lt_lib.lab.record.files import check_writable

    folder, remedy = absolute(folder), "choose another folder with --out"
    made = {}
    for chapter in chapters:
        path = folder / f"{chapter.parent.name}-{chapter.stem}-exercises.ipynb"
        made[path] = dump(tidy(sheet(read_notebook(chapter))))
    for path, content in made.items():
        check_writable(path, remedy=remedy)
        if os.path.lexists(path) and not _holds(path, content):
            raise LabError(
                f"{path} is there already and may hold answers, so nothing is written; move it away, or "
                f"{remedy}"
            )
    for path, content in made.items():
        write_if_changed(path, content)
    return list(made)


def _holds(path: Path, content: bytes) -> bool:
    try:
        return path.read_bytes() == content
    except OSError:
        return False


def _stays(statement: ast.stmt) -> bool:
    if isinstance(statement, (ast.Import, ast.ImportFrom)):
        return True
    return not isinstance(statement, (ast.FunctionDef, ast.ClassDef)) and any(
        isinstance(n, ast.Assert) for n in ast.walk(statement)
    )


def bound_names(tree: ast.AST) -> set[str]:
    """Names that code binds at its top level."""
    return set(_names(tree))


def _names(node: ast.AST) -> Iterator[str]:
    if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
        yield node.name
        return
    if isinstance(node, (ast.Lambda, ast.GeneratorExp, ast.ListComp, ast.SetComp, ast.DictComp)):
        return
    if isinstance(node, (ast.Import, ast.ImportFrom)):
        yield from ((a.asname or a.name).partition(".")[0] for a in node.names)
    if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
        yield node.id
    for child in ast.iter_child_nodes(node):
        yield from _names(child)
