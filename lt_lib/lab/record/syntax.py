"""Library code as plain lists: definitions, scopes and references, read from syntax trees.

What counts as a reference is decided by scope, as Python does (`symtable`): a local name, an attribute or a
keyword that happens to be spelt like a definition is none. A string "lt_lib.module:name" is one. Comments,
docstrings and the annotations of functions are left out."""

import ast
import functools
import re
import symtable
from collections.abc import Callable, Iterable
from pathlib import Path

from lt_lib import works

PACKAGE = "lt_lib"
ROOT = Path(__file__).resolve().parents[2]
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
Place = tuple[str, str]  # module, definition


def split(name: str) -> Place:
    """Module and definition of "module:definition"."""
    module, _, definition = name.partition(":")
    return module, definition


@functools.cache
def path_of(module: str) -> Path | None:
    """The file of a module; that of a work may lie in any folder where works are looked for."""
    _, *parts = module.split(".")
    bases = [ROOT.joinpath(*parts)]
    if parts[:1] == ["works"] and parts[1:]:
        bases += [folder.joinpath(*parts[1:]) for folder in other_works()]
    for path in (path for base in bases for path in (base.with_suffix(".py"), base / "__init__.py")):
        if path.is_file():
            return path
    return None


def other_works() -> list[Path]:
    """Folders outside the library where works are looked for (LT_WORKS)."""
    return [Path(folder) for folder in works.__path__ if Path(folder) != Path(works.__file__).parent]


class Source:
    """A module: its definitions, what its imports bind, and its symbol tables. A declared equivalent borrows
    the module's imports and, for all it does not define itself, its definitions."""

    def __init__(self, name: str, source: str, beside: "Source | None" = None):
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
def read_module(module: str) -> Source:
    """A module by its name; an empty one where there is no file."""
    path = path_of(module)
    return Source(module, path.read_text(encoding="utf-8") if path else "")


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
                whole = submodule.startswith(PACKAGE + ".") and path_of(submodule)
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


def exported(module: str, name: str) -> Place:
    """Follow a re-export (`from lt_lib.data.store import load` in a package's __init__) to the definition."""
    source = read_module(module)
    if name not in source.definitions and source.imports.get(name, ("", None))[1]:
        target = source.imports[name]
        if target[0].split(".")[0] == PACKAGE:
            return exported(*target)
    return module, name


class Reader:
    """Turns statements of a module into plain lists, the same on every Python: no positions, no docstrings,
    no empty fields, and for every global name what it stands for."""

    def __init__(self, source: Source, refer: Callable[[Place], list]):
        self.source, self.refer = source, refer
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
            module, name = split(node.value)
            if name in read_module(exported(module, name)[0]).definitions:
                return self._reference(module, name)
        elif (
            isinstance(node.value, str)
            and re.fullmatch(rf"{PACKAGE}(\.\w+)+:?", node.value)
            and path_of(node.value.rstrip(":"))
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
            return self.refer((self.source.name, name))
        return None

    def _reference(self, module: str, name: str) -> list:
        return self.refer(exported(module, name))

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
        return name if self.scopes else self.refer((self.source.name, name))

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
