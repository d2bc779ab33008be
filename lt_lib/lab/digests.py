"""Digests: of a spec, and of the library code that produces a number.

A record is only as good as the code behind it. `code_digest` walks from a function through every top-level definition of lt_lib
it can reach and hashes their syntax trees, comments and docstrings left out: adding a new loss to a module changes no old record,
changing a line that an old record went through makes it stale.

Sometimes such a line must change although no number does, as when a function learns a new option. Then a *declared equivalent*
keeps the records fresh: a file `book/records/unchanged/<module>.<name>.py` with

    # stands for: ast:<what `python -m lt_lib.lab.digests <module>:<name>` prints>
    # why no number changes, and which test proves it

and below it the source of the definition as it was when the records were made. While the digest is that of the definition as it is
now, with all it reaches, `code_digest` walks the old source in its place. With the next edit of either the digests part and the
records are stale, until someone has vouched anew. Without a checkout of the book there are no equivalents.
"""

import ast
import functools
import hashlib
import json
import re
import sys
from pathlib import Path

from lt_lib.lab.errors import LabError
from lt_lib.lab.paths import evidence_dir

PACKAGE = "lt_lib"
ROOT = Path(__file__).resolve().parents[1]
# Not hashed: data (its content has a digest of its own), specs (hashed as values), and what only talks to the person or the disk.
OUTSIDE = ("lt_lib.data", "lt_lib.errors", "lt_lib.lab.errors", "lt_lib.lab.spec", "lt_lib.lab.paths", "lt_lib.lab.progress",
           "lt_lib.lab.digests", "lt_lib.lab.records")


def digest(value) -> str:
    """SHA-256 of a JSON-able value, keys sorted: "sha256:<64 hex>"."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), default=str)
    return "sha256:" + hashlib.sha256(text.encode()).hexdigest()


def code_digest(*roots: str) -> str:
    """Digest of everything reachable from definitions named "module:name", e.g. "lt_lib.lab.training:train_heads".

    Raises:
        LabError: a declared equivalent on the way cannot be read.
    """
    return _code_digest(roots, _unchanged_dir())


@functools.cache
def _code_digest(roots: tuple[str, ...], unchanged: Path | None) -> str:
    """The digest, with the declared equivalents of a folder, or of the code as it is (None)."""
    seen: dict[tuple[str, str], list[ast.AST]] = {}
    todo = [tuple(root.split(":")) for root in roots]
    while todo:
        module, name = todo.pop()
        outside = any(module == m or module.startswith(m + ".") for m in OUTSIDE)
        if outside or (module, name) in seen or name not in _definitions(module):
            continue
        seen[module, name] = _equivalent(module, name, unchanged) or _definitions(module)[name]
        todo += [ref for node in seen[module, name] for ref in _references(module, node)]
    parts = [(module, name, [_canonical(node) for node in nodes]) for (module, name), nodes in sorted(seen.items())]
    return "ast:" + digest(parts).removeprefix("sha256:")


code_digest.cache_clear = _code_digest.cache_clear  # what is cached depends on the folder, which LT_BOOK may change


def _unchanged_dir() -> Path | None:
    try:
        folder = evidence_dir() / "unchanged"
    except LabError:
        return None
    return folder if folder.is_dir() else None


def _equivalent(module: str, name: str, unchanged: Path | None) -> list[ast.AST] | None:
    """The statements that a definition is declared to be equivalent to; None where nobody vouches for it as it is now."""
    path = unchanged and unchanged / f"{module}.{name}.py"
    if not path or not path.is_file():
        return None
    source = path.read_text(encoding="utf-8")
    stands_for = re.match(r"# stands for: (ast:[0-9a-f]{64})\n# \S", source)
    try:
        nodes = _bindings(source).get(name)
    except SyntaxError:
        nodes = None
    if not (stands_for and nodes):
        raise LabError(f"{path} must begin with '# stands for: ast:<64 hex>' and a comment that says why, then define {name}; "
                       f"`python -m lt_lib.lab.digests {module}:{name}` prints the digest")
    return nodes if stands_for[1] == _code_digest((f"{module}:{name}",), None) else None


def _path(module: str) -> Path | None:
    base = ROOT.joinpath(*module.split(".")[1:])
    for path in (base.with_suffix(".py"), base / "__init__.py"):
        if path.is_file():
            return path
    return None


@functools.cache
def _definitions(module: str) -> dict[str, list[ast.AST]]:
    """Top-level names of a module and the statements that define them."""
    path = _path(module)
    return _bindings(path.read_text(encoding="utf-8")) if path else {}


def _bindings(source: str) -> dict[str, list[ast.AST]]:
    found: dict[str, list[ast.AST]] = {}
    for node in ast.parse(source).body:
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            names = [node.name]
        elif isinstance(node, (ast.Assign, ast.AnnAssign)):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            names = [n.id for target in targets for n in ast.walk(target) if isinstance(n, ast.Name)]
        else:
            continue
        for name in names:
            found.setdefault(name, []).append(node)
    return found


@functools.cache
def _imports(module: str) -> dict[str, tuple[str, str | None]]:
    """Names bound by imports of lt_lib anywhere in a module: name -> (module, definition or None for a module)."""
    bound: dict[str, tuple[str, str | None]] = {}
    for node in ast.walk(ast.parse(_path(module).read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == PACKAGE:
            for alias in node.names:
                submodule = f"{node.module}.{alias.name}"
                target = (submodule, None) if _path(submodule) else (node.module, alias.name)
                bound[alias.asname or alias.name] = target
        elif isinstance(node, ast.Import):
            for alias in node.names:
                if alias.name.startswith(PACKAGE + ".") and alias.asname:
                    bound[alias.asname] = (alias.name, None)
    return bound


def _references(module: str, node: ast.AST):
    """Definitions of lt_lib that a statement mentions."""
    imports = _imports(module)
    for part in ast.walk(node):
        if isinstance(part, ast.Name):
            if part.id in _definitions(module):
                yield module, part.id
            elif part.id in imports and imports[part.id][1]:
                yield _exported(*imports[part.id])
        elif isinstance(part, ast.Attribute) and isinstance(part.value, ast.Name):
            bound = imports.get(part.value.id)
            if bound and bound[1] is None:
                yield _exported(bound[0], part.attr)


def _exported(module: str, name: str) -> tuple[str, str]:
    """Follow a re-export (`from lt_lib.data.store import load` in a package's __init__) to the definition."""
    if name not in _definitions(module) and name in _imports(module) and _imports(module)[name][1]:
        return _exported(*_imports(module)[name])
    return module, name


def _canonical(node):
    """A syntax tree as plain lists, the same on every Python: no positions, no docstrings, no empty fields."""
    if isinstance(node, ast.AST):
        fields = {}
        for name, value in ast.iter_fields(node):
            if name == "body" and isinstance(node, (ast.FunctionDef, ast.ClassDef)) and ast.get_docstring(node) is not None:
                value = value[1:]
            if value is not None and value != []:
                fields[name] = _canonical(value)
        return [type(node).__name__, fields]
    if isinstance(node, list):
        return [_canonical(item) for item in node]
    return node if isinstance(node, (str, int, bool)) else repr(node)


def _main(roots: list[str]) -> None:
    """Print the digests of definitions as they are now, for the first line of their declared equivalents."""
    for root in roots:
        module, _, name = root.partition(":")
        if name not in _definitions(module):
            sys.exit(f"{root} is not a definition; say MODULE:NAME, e.g. lt_lib.models:create")
        print(_code_digest((root,), None), root)


if __name__ == "__main__":
    _main(sys.argv[1:])
