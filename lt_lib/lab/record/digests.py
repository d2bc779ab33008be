"""Digests: of a spec, and of the library code that produces a number.

A record is only as good as the code behind it. `code_digest` walks from a root through every top-level
definition of lt_lib it can reach and hashes their syntax trees. It is about definitions, not about places:
they are numbered in the order in which the walk meets them, and a reference is that number. So a module or
function that moves or gets another name changes no digest, nor does a new loss beside an old one; a default
value, a constant or a line that an old record went through does.

What counts as a reference is decided by scope, as Python does (`symtable`): a local name, an attribute or a
keyword that happens to be spelt like a definition is none. A string "lt_lib.module:name" is one. Comments,
docstrings and the annotations of functions are not hashed.

Sometimes a line must change although no number does, as when a function learns a new option. Then a *declared
equivalent* keeps the records fresh: a file `book/records/unchanged/<name>.py`, called like the definition,
with

    # stands for: ast:<what `python -m lt_lib.lab.record.digests <module>:<name>` prints>
    # why no number changes, and which test proves it

and below it the source of the definition as it was when the records were made. While the digest is that of
the definition as it is now, with all it reaches, `code_digest` walks the old source in its place. With the
next edit of either the digests part and the records are stale, until someone has vouched anew. Without a
checkout of the book there are no equivalents."""

import ast
import functools
import hashlib
import json
import re
import symtable
import sys
from collections.abc import Callable, Iterable
from pathlib import Path

from lt_lib.errors import LabError
from lt_lib.lab.record.paths import evidence_dir

PACKAGE = "lt_lib"
ROOT = Path(__file__).resolve().parents[2]
# Not hashed: data (its content has a digest of its own), specs (hashed as values), and what only talks to the
# person or the disk.
OUTSIDE = ("lt_lib.data", "lt_lib.errors", "lt_lib.progress", "lt_lib.lab.record")
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
Place = tuple[str, str]  # module, definition


def digest(value) -> str:
    """SHA-256 of a JSON-able value, keys sorted: "sha256:<64 hex>"."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), default=str)
    return "sha256:" + hashlib.sha256(text.encode()).hexdigest()


def code_digest(*roots: str) -> str:
    """Digest of everything reachable from definitions named "module:name", e.g.
    "lt_lib.lab.train.training:train_heads".

    Raises:
        LabError: a root that is no definition, or a declared equivalent on the way that cannot be read.
    """
    return _code_digest(roots, _unchanged_dir())


@functools.cache
def _code_digest(roots: tuple[str, ...], unchanged: Path | None) -> str:
    """The digest, with the declared equivalents of a folder, or of the code as it is (None)."""
    return "ast:" + digest(list(_walk(roots, unchanged).values())).removeprefix("sha256:")


code_digest.cache_clear = (
    _code_digest.cache_clear
)  # what is cached depends on the folder, which LT_BOOK may change


def reached(*roots: str) -> list[str]:
    """Every definition behind some roots, "module:name", in the order of discovery: what a change of makes
    their records stale."""
    return [f"{module}:{name}" for module, name in _walk(roots, _unchanged_dir()) if not _outside(module)]


def _walk(roots: Iterable[str], unchanged: Path | None) -> dict[Place, list]:
    """Definitions in order of discovery, each in canonical form."""
    numbers: dict[Place, int] = {}

    def number(place: Place) -> list:
        return ["definition", numbers.setdefault(place, len(numbers))]

    for root in roots:
        place = _exported(*_split(root))
        if place[1] not in _module(place[0]).definitions:
            raise LabError(
                f"{root} is no definition of the library; say MODULE:NAME, e.g. lt_lib.models:create"
            )
        number(place)
    parts: dict[Place, list] = {}
    while len(parts) < len(numbers):
        for place in list(numbers)[len(parts) :]:
            parts[place] = _canonical_definition(place, number, unchanged)
    return parts


def _canonical_definition(place: Place, number: Callable[[Place], list], unchanged: Path | None) -> list:
    module, name = place
    if _outside(module):
        return ["outside"]
    old = _equivalent(module, name, unchanged)
    source = _module(module) if old is None else _Source(module, old, _module(module))
    return [_Reader(source, number).statement(node) for node in source.definitions[name]]


def _outside(module: str) -> bool:
    return any(module == m or module.startswith(m + ".") for m in OUTSIDE)


def _split(root: str) -> Place:
    module, _, name = root.partition(":")
    return module, name


# ------------------------------------------------------------------------------------------------------
# declared equivalents


def _unchanged_dir() -> Path | None:
    try:
        folder = evidence_dir() / "unchanged"
    except LabError:
        return None
    return folder if folder.is_dir() else None


def _equivalent(module: str, name: str, unchanged: Path | None) -> str | None:
    """The source that a definition is declared to be equivalent to; None where nobody vouches for it as it is
    now."""
    path = unchanged and unchanged / f"{name}.py"
    if not path or not path.is_file():
        return None
    source = path.read_text(encoding="utf-8")
    stands_for = re.match(r"# stands for: (ast:[0-9a-f]{64})\n# \S", source)
    try:
        defined = name in _Source(module, source).definitions
    except SyntaxError:
        defined = False
    if not (stands_for and defined):
        raise LabError(
            f"{path} must begin with '# stands for: ast:<64 hex>' and a comment that says why, then define {name}; "
            f"`python -m lt_lib.lab.record.digests {module}:{name}` prints the digest"
        )
    return source if stands_for[1] == _code_digest((f"{module}:{name}",), None) else None


# -----------------------------------------------------------------------------------------------------------
# reading a module


def _path(module: str) -> Path | None:
    base = ROOT.joinpath(*module.split(".")[1:])
    for path in (base.with_suffix(".py"), base / "__init__.py"):
        if path.is_file():
            return path
    return None


class _Source:
    """A module: its definitions, what its imports bind, and its symbol tables. A declared equivalent borrows
    the module's imports and, for all it does not define itself, its definitions."""

    def __init__(self, name: str, source: str, beside: "_Source | None" = None):
        self.name, tree = name, ast.parse(source)
        self.definitions = _bindings(tree)
        self.known = set(self.definitions) | (beside.known if beside else set())
        self.imports = (beside.imports if beside else {}) | _imports(tree.body)
        self.tables: dict[tuple[str, int], list[symtable.SymbolTable]] = {}
        todo = [symtable.symtable(source, name, "exec")]
        while todo:
            table = todo.pop(0)
            self.tables.setdefault((table.get_name(), table.get_lineno()), []).append(table)
            todo[:0] = table.get_children()


@functools.cache
def _module(module: str) -> _Source:
    path = _path(module)
    return _Source(module, path.read_text(encoding="utf-8") if path else "")


def _bindings(tree: ast.Module) -> dict[str, list[ast.stmt]]:
    """Top-level names and the statements that define them, those that fill a table later among them."""
    found: dict[str, list[ast.stmt]] = {}
    for node in tree.body:
        if isinstance(node, (*FUNCTIONS, ast.ClassDef)):
            names = [node.name]
        elif isinstance(node, (ast.Import, ast.ImportFrom)):
            continue
        elif isinstance(node, ast.Expr):
            names = (
                [_owner(node.value.func)]
                if isinstance(node.value, ast.Call) and isinstance(node.value.func, ast.Attribute)
                else []
            )
        else:
            stored = [n for n in ast.walk(node) if isinstance(getattr(n, "ctx", None), ast.Store)]
            names = [_owner(n) for n in stored]
        for name in dict.fromkeys(filter(None, names)):
            found.setdefault(name, []).append(node)
    return found


def _owner(node: ast.AST) -> str | None:
    """`table` of `table`, `table[key]` and `table.attribute`."""
    while isinstance(node, (ast.Subscript, ast.Attribute)):
        node = node.value
    return node.id if isinstance(node, ast.Name) else None


def _imports(body: Iterable[ast.stmt]) -> dict[str, tuple[str, str | None]]:
    """Names bound by the import statements of a scope: name -> (module, name in it, or None for the module
    itself)."""
    bound: dict[str, tuple[str, str | None]] = {}
    todo = list(body)
    while todo:
        node = todo.pop()
        if isinstance(node, ast.ImportFrom):
            for alias in node.names:
                submodule = f"{node.module}.{alias.name}"
                whole = submodule.startswith(PACKAGE + ".") and _path(submodule)
                bound[alias.asname or alias.name] = (
                    (submodule, None) if whole else (node.module or "", alias.name)
                )
        elif isinstance(node, ast.Import):
            for alias in node.names:
                bound[alias.asname or alias.name.split(".")[0]] = (
                    alias.name if alias.asname else alias.name.split(".")[0],
                    None,
                )
        elif not isinstance(node, (*FUNCTIONS, ast.ClassDef)):
            todo += [
                child
                for child in ast.iter_child_nodes(node)
                if isinstance(child, (ast.stmt, ast.ExceptHandler))
            ]
    return bound


def _exported(module: str, name: str) -> Place:
    """Follow a re-export (`from lt_lib.data.store import load` in a package's __init__) to the definition."""
    source = _module(module)
    if name not in source.definitions and source.imports.get(name, ("", None))[1]:
        target = source.imports[name]
        if target[0].split(".")[0] == PACKAGE:
            return _exported(*target)
    return module, name


class _Reader:
    """Turns statements of a module into plain lists, the same on every Python: no positions, no docstrings,
    no empty fields, and for every global name what it stands for."""

    def __init__(self, source: _Source, number: Callable[[Place], list]):
        self.source, self.number = source, number
        self.met: dict[tuple[str, int], int] = {}
        self.scopes: list[
            tuple[Callable[[str], bool], dict, bool]
        ] = []  # is local, imports bound there, is a class

    def statement(self, node: ast.stmt) -> list:
        """A top-level statement."""
        return self._node(node)

    def _node(self, node):
        if isinstance(node, list):
            return [self._node(item) for item in node]
        if not isinstance(node, ast.AST):
            return node if isinstance(node, (str, int, bool)) else repr(node)
        special = getattr(self, f"_{type(node).__name__}", None)
        return special(node) if special else self._fields(node)

    def _fields(self, node: ast.AST, **replaced) -> list:
        """A node by its fields in their order; `replaced` are given already, None leaves a field out."""
        fields = {}
        for name, value in ast.iter_fields(node):
            value = replaced[name] if name in replaced else self._node(value) if value is not None else None
            if value is not None and value != []:
                fields[name] = value
        return [type(node).__name__, fields]

    # --- names

    def _Name(self, node: ast.Name):
        return self._named(node.id) or self._fields(node)

    def _Attribute(self, node: ast.Attribute):
        bound = self._bound(node.value.id) if isinstance(node.value, ast.Name) else None
        if bound and bound[1] is None and bound[0].split(".")[0] == PACKAGE:
            return self._reference(bound[0], node.attr)
        return self._fields(node)

    def _Constant(self, node: ast.Constant):
        if isinstance(node.value, str) and re.fullmatch(rf"{PACKAGE}(\.\w+)+:\w+", node.value):
            module, name = _split(node.value)
            if name in _module(_exported(module, name)[0]).definitions:
                return self._reference(module, name)
        elif (
            isinstance(node.value, str)
            and re.fullmatch(rf"{PACKAGE}(\.\w+)+:?", node.value)
            and _path(node.value.rstrip(":"))
        ):
            return ["module"]
        return ["Constant", {"value": self._node(node.value)}]

    def _named(self, name: str) -> list | None:
        """What a name stands for, if it is no local variable and no builtin."""
        bound = self._bound(name)
        if bound and bound[0].split(".")[0] == PACKAGE:
            return self._reference(*bound) if bound[1] else ["module"]
        if bound:
            return ["import", ".".join(filter(None, bound))]
        if self._is_global(name) and name in self.source.known:
            return self.number((self.source.name, name))
        return None

    def _reference(self, module: str, name: str) -> list:
        return self.number(_exported(module, name))

    def _bound(self, name: str) -> tuple[str, str | None] | None:
        """The import that a name comes from."""
        for local, imports, _ in self._visible():
            if name in imports:
                return imports[name]
            if local(name):
                return None
        return None if name in self.source.definitions else self.source.imports.get(name)

    def _is_global(self, name: str) -> bool:
        return not any(local(name) for local, _, _ in self._visible())

    def _visible(self):
        """Scopes from the inside out; that of a class is seen from its own body only."""
        return [scope for i, scope in enumerate(reversed(self.scopes)) if i == 0 or not scope[2]]

    # --- scopes

    def _within(self, scope, *parts) -> list:
        self.scopes.append(scope)
        try:
            return [self._node(part) for part in parts]
        finally:
            self.scopes.pop()

    def _table(self, name: str, node: ast.AST) -> symtable.SymbolTable:
        """The symbol table of a function, lambda or class; those on one line are met in their order."""
        tables = self.source.tables[name, node.lineno]
        turn = self.met.get((name, node.lineno), 0)
        self.met[name, node.lineno] = turn + 1
        return tables[min(turn, len(tables) - 1)]

    def _scope(self, name: str, node: ast.AST, body: list[ast.stmt], is_class: bool = False):
        table = self._table(name, node)
        local = {symbol.get_name() for symbol in table.get_symbols() if symbol.is_local()}
        return local.__contains__, {n: target for n, target in _imports(body).items() if n in local}, is_class

    def _FunctionDef(self, node):
        arguments, decorators = self._node(node.args), self._node(node.decorator_list)
        (body,) = self._within(self._scope(node.name, node, node.body), _undocumented(node))
        return self._fields(
            node,
            name=self._own_name(node.name),
            args=arguments,
            decorator_list=decorators,
            body=body,
            returns=None,
        )

    _AsyncFunctionDef = _FunctionDef

    def _Lambda(self, node: ast.Lambda):
        arguments = self._node(node.args)
        (body,) = self._within(self._scope("lambda", node, []), node.body)
        return ["Lambda", {"args": arguments, "body": body}]

    def _arg(self, node: ast.arg):
        return ["arg", {"arg": node.arg}]

    def _ClassDef(self, node: ast.ClassDef):
        above = {name: self._node(getattr(node, name)) for name in ("bases", "keywords", "decorator_list")}
        (body,) = self._within(self._scope(node.name, node, node.body, is_class=True), _undocumented(node))
        return self._fields(node, name=self._own_name(node.name), body=body, **above)

    def _own_name(self, name: str):
        return name if self.scopes else self.number((self.source.name, name))

    def _comprehension(self, node):
        """Its first iterable is read outside, all else where its targets are local."""
        first = node.generators[0]
        outer = self._node(first.iter)
        names = {n.id for g in node.generators for n in ast.walk(g.target) if isinstance(n, ast.Name)}
        results = [node.key, node.value] if isinstance(node, ast.DictComp) else [node.elt]
        rest = [first.target, first.ifs, *([g.target, g.iter, g.ifs] for g in node.generators[1:]), *results]
        return [type(node).__name__, outer, *self._within((names.__contains__, {}, False), *rest)]

    _ListComp = _SetComp = _DictComp = _GeneratorExp = _comprehension

    def _Import(self, node):
        """Nothing: every use of what it binds says what that is."""
        return ["import"]

    _ImportFrom = _Import


def _undocumented(node) -> list[ast.stmt]:
    return node.body[1:] if ast.get_docstring(node) is not None else node.body


def _main(roots: list[str]) -> None:
    """Print the digests of definitions as they are now, for the first line of their declared equivalents."""
    for root in roots:
        try:
            print(_code_digest((root,), None), root)
        except LabError as error:
            sys.exit(str(error))


if __name__ == "__main__":
    _main(sys.argv[1:])
