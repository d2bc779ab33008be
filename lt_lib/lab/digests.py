"""Digests: of a spec, and of the library code that produces a number.

A record is only as good as the code behind it. `code_digest` walks from a function through every top-level definition of lt_lib
it can reach and hashes their syntax trees, comments and docstrings left out: adding a new loss to a module changes no old record,
changing a line that an old record went through makes it stale.
"""

import ast
import functools
import hashlib
import json
from pathlib import Path

PACKAGE = "lt_lib"
ROOT = Path(__file__).resolve().parents[1]
# Not hashed: data (its content has a digest of its own), specs (hashed as values), and what only talks to the person or the disk.
OUTSIDE = ("lt_lib.data", "lt_lib.errors", "lt_lib.lab.errors", "lt_lib.lab.spec", "lt_lib.lab.paths", "lt_lib.lab.progress",
           "lt_lib.lab.digests", "lt_lib.lab.records")


def digest(value) -> str:
    """SHA-256 of a JSON-able value, keys sorted: "sha256:<64 hex>"."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), default=str)
    return "sha256:" + hashlib.sha256(text.encode()).hexdigest()


@functools.cache
def code_digest(*roots: str) -> str:
    """Digest of everything reachable from definitions named "module:name", e.g. "lt_lib.lab.training:train_heads"."""
    seen: set[tuple[str, str]] = set()
    todo = [tuple(root.split(":")) for root in roots]
    while todo:
        module, name = todo.pop()
        outside = any(module == m or module.startswith(m + ".") for m in OUTSIDE)
        if outside or (module, name) in seen or name not in _definitions(module):
            continue
        seen.add((module, name))
        todo += [ref for node in _definitions(module)[name] for ref in _references(module, node)]
    parts = [(module, name, [_canonical(node) for node in _definitions(module)[name]]) for module, name in sorted(seen)]
    return "ast:" + digest(parts).removeprefix("sha256:")


def _path(module: str) -> Path | None:
    base = ROOT.joinpath(*module.split(".")[1:])
    for path in (base.with_suffix(".py"), base / "__init__.py"):
        if path.is_file():
            return path
    return None


@functools.cache
def _definitions(module: str) -> dict[str, list[ast.AST]]:
    """Top-level names of a module and the statements that define them."""
    found: dict[str, list[ast.AST]] = {}
    path = _path(module)
    for node in ast.parse(path.read_text(encoding="utf-8")).body if path else []:
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
