"""The walls of the library: who may import whom. Read from the syntax trees, imports inside functions among
them."""

import ast
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
WORK = re.compile(r"lt_lib\.works\.(\w*)")
KNOWN = {  # a wing of the lab -> the wings it may know
    "record": {"record"},
    "train": {"record", "train"},
    "read": {"record", "read"},
    "figures": {"record", "read", "figures"},
    "publish": {"record", "read", "publish"},
    "bench": {"record", "train", "bench"},
    "backlog": {"record", "read", "train", "backlog"},
    "asked": {"record", "read", "train", "asked"},
}


@dataclass(frozen=True)
class Use:
    """An import: where, of which module, of which name in it (None: the module), on which line."""

    by: str
    module: str
    name: str | None
    line: int

    def __str__(self):
        return f"{self.by}, line {self.line}: {self.module}" + (f" ({self.name})" if self.name else "")


class Library:
    """The modules of a folder that holds a package `lt_lib`, and what they import of it."""

    def __init__(self, folder: Path):
        self.trees, self.packages = {}, set()
        for path in sorted((folder / "lt_lib").rglob("*.py")):
            parts = path.relative_to(folder).with_suffix("").parts
            name = ".".join(parts).removesuffix(".__init__")
            self.packages |= {name} if parts[-1] == "__init__" else set()
            self.trees[name] = ast.parse(path.read_text(encoding="utf-8"))
        self.uses = [use for name in self.trees for use in self._uses(name)]

    def _uses(self, by: str):
        tree = self.trees[by]
        loads = any(called(node) in ("import_module", "__import__") for node in ast.walk(tree))
        for node in ast.walk(tree):
            if isinstance(node, ast.Import):
                found = [(alias.name, None) for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                found = [self._place(by, node, alias.name) for alias in node.names]
            elif loads and isinstance(node, ast.Constant) and node.value in self.trees:
                found = [(node.value, None)]  # it imports by name, and this is one
            else:
                continue
            yield from (Use(by, *of, node.lineno) for of in found if of[0].split(".")[0] == "lt_lib")

    def _place(self, by: str, node: ast.ImportFrom, name: str):
        """What `from module import name` is: a module of the library, or a name in one."""
        package = by.split(".") if by in self.packages else by.split(".")[:-1]
        above = package[: len(package) + 1 - node.level] if node.level else []
        module = ".".join([*above, *filter(None, [node.module])])
        whole = f"{module}.{name}"
        return (whole, None) if whole in self.trees else (module, name)

    def strings(self, by: str):
        """String constants and parts of f-strings, docstrings apart, with their lines."""
        tree, docs = self.trees[by], set()
        for node in ast.walk(tree):
            if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
                docs.add(node.value)
        for node in ast.walk(tree):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and node not in docs:
                yield node.value, node.lineno

    def private(self):
        """Uses of a name with a leading underscore of another module: imported, or as its attribute."""
        for by, tree in self.trees.items():
            bound = {}
            for node in ast.walk(tree):
                if isinstance(node, ast.ImportFrom):
                    for alias in node.names:
                        module, name = self._place(by, node, alias.name)
                        if module.startswith("lt_lib") and name and is_private(name):
                            yield Use(by, module, name, node.lineno)
                        if name is None:
                            bound[alias.asname or alias.name] = module
                elif isinstance(node, ast.Import):
                    bound |= {a.asname: a.name for a in node.names if a.asname and a.name in self.trees}
            for node in ast.walk(tree):
                if isinstance(node, ast.Attribute) and is_private(node.attr):
                    owner = getattr(node.value, "id", None)
                    if owner in bound:
                        yield Use(by, bound[owner], node.attr, node.lineno)

    def circles(self) -> list[list[str]]:
        """Groups of modules that import each other around a circle. That importing a module runs its
        package's __init__ first is not counted."""
        graph = {name: set() for name in self.trees}
        for use in self.uses:
            if use.module in graph and use.module != use.by:
                graph[use.by].add(use.module)
        reach = {name: reachable(graph, name) for name in graph}
        around = {
            tuple(sorted(other for other in reach[name] if name in reach[other]))
            for name in graph
            if name in reach[name]
        }
        return sorted(map(list, around))


def called(node) -> str | None:
    if not isinstance(node, ast.Call):
        return None
    return getattr(node.func, "attr", None) or getattr(node.func, "id", None)


def is_private(name: str) -> bool:
    return name.startswith("_") and not name.endswith("__")


def reachable(graph: dict[str, set[str]], start: str) -> set[str]:
    found, todo = set(), list(graph[start])
    while todo:
        name = todo.pop()
        if name not in found:
            found.add(name)
            todo += graph[name]
    return found


def room(module: str) -> str:
    """methods, data, works, errors, progress, cli, or lab and its wing: "lab.record"; the door is "lab"."""
    _, *parts = module.split(".")
    if parts[:1] == ["lab"]:
        return ".".join(parts[:2])
    if parts == ["__main__"]:
        return "cli"
    if parts[:1] in (["data"], ["works"], ["errors"], ["progress"], ["cli"]):
        return parts[0]
    return "methods" if parts else "lt_lib"


def work(module: str) -> str | None:
    """The work a module belongs to."""
    parts = module.split(".")
    return parts[2] if parts[1:2] == ["works"] and parts[2:] else None


# --- the rules: each gives one line for every import that breaks it


def methods_know_each_other_and_errors(library):
    return [
        str(use)
        for use in library.uses
        if room(use.by) == "methods" and room(use.module) not in ("methods", "errors")
    ]


def data_knows_no_lab_and_no_work(library):
    return [
        str(use)
        for use in library.uses
        if room(use.by) == "data" and room(use.module).split(".")[0] in ("lab", "works", "cli")
    ]


def wings_know_what_is_drawn(library):
    """`record` knows nobody of the lab; `train` and `read` know `record` and not each other; `figures` and
    `publish` know `record` and `read`; `backlog` and `asked` know `train` as well; nobody inside goes through
    the door."""
    broken = []
    for use in library.uses:
        (lab, _, wing), known = room(use.by).partition("."), room(use.module)
        inside = known == "cli" or known.split(".")[0] == "lab"
        if lab == "lab" and wing and inside and known.partition(".")[2] not in KNOWN[wing]:
            broken.append(str(use))
    return broken


def nobody_knows_a_work_by_name(library):
    """In lab and data no import and no string names a work; one module builds such names."""
    broken = [
        str(use)
        for use in library.uses
        if room(use.by).split(".")[0] in ("lab", "data") and work(use.module) is not None
    ]
    for by in library.trees:
        if room(by).split(".")[0] in ("lab", "data") and by != "lt_lib.lab.record.works":
            broken += [f"{by}, line {n}: {text!r}" for text, n in library.strings(by) if WORK.search(text)]
    return broken


def works_do_not_know_each_other(library):
    broken = [
        str(use)
        for use in library.uses
        if work(use.by) and work(use.module) and work(use.by) != work(use.module)
    ]
    for by in filter(work, library.trees):
        named = [(found, n) for text, n in library.strings(by) for found in WORK.findall(text)]
        broken += [f"{by}, line {n}: lt_lib.works.{name}" for name, n in named if name != work(by)]
    return broken


def no_private_name_crosses_files(library):
    return [str(use) for use in library.private()]


def there_are_no_circles(library):
    return [" <-> ".join(circle) for circle in library.circles()]


RULES = (
    methods_know_each_other_and_errors,
    data_knows_no_lab_and_no_work,
    wings_know_what_is_drawn,
    nobody_knows_a_work_by_name,
    works_do_not_know_each_other,
    no_private_name_crosses_files,
    there_are_no_circles,
)


@pytest.fixture(scope="module")
def library():
    return Library(ROOT)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_the_walls_stand(library, rule):
    broken = rule(library)
    assert not broken, "\n" + "\n".join(broken)


# --- each rule can fail: a small library, and one line added to it


CLEAN = {
    "__init__": "",
    "cli": "from lt_lib import lab",
    "errors": "",
    "progress": "",
    "losses": "from lt_lib.errors import LtError",
    "metrics": "def report():\n    from lt_lib import losses\n    return losses.loss",
    "data/__init__": "from lt_lib.data.store import load",
    "data/store": "import numpy\nfrom lt_lib.errors import LtError",
    "lab/__init__": 'import importlib\nimportlib.import_module({"run": "lt_lib.lab.train.run"}[name])',
    "lab/record/__init__": "",
    "lab/record/works": 'from importlib import import_module\nimport_module(f"lt_lib.works.{name}")',
    "lab/record/spec": "from lt_lib import works\nfrom lt_lib.lab.record.works import load",
    "lab/train/__init__": "",
    "lab/train/run": "from lt_lib.lab.record import spec\nfrom lt_lib import losses\nspec.load",
    "lab/read/__init__": '"""Reads; knows `lt_lib.works.toy` from its docstring only."""',
    "lab/read/report": "from lt_lib.lab.record.spec import __all__, load",
    "lab/figures/__init__": "from lt_lib.lab.read import report",
    "lab/publish/__init__": "def f():\n    from lt_lib.lab.read import report",
    "works/__init__": "",
    "works/toy/__init__": "from lt_lib.lab.read.report import Table",
    "works/toy/topic": "from lt_lib.lab.train.run import run\nfrom lt_lib.works import toy",
    "works/other/__init__": "",
}
PLANTED = [
    (methods_know_each_other_and_errors, "losses", "from lt_lib.data import load"),
    (methods_know_each_other_and_errors, "losses", "def f():\n    from lt_lib.lab.record import spec"),
    (methods_know_each_other_and_errors, "metrics", "import lt_lib.progress"),
    (data_knows_no_lab_and_no_work, "data/store", "from lt_lib.lab.record.spec import load"),
    (data_knows_no_lab_and_no_work, "data/store", "def f():\n    from lt_lib import works"),
    (wings_know_what_is_drawn, "lab/record/spec", "from lt_lib.lab.read.report import Table"),
    (wings_know_what_is_drawn, "lab/train/run", "def f():\n    from lt_lib.lab.read import report"),
    (wings_know_what_is_drawn, "lab/read/report", "from lt_lib.lab.train.run import run"),
    (wings_know_what_is_drawn, "lab/read/report", "from lt_lib import lab"),
    (wings_know_what_is_drawn, "lab/figures/__init__", "import lt_lib.lab.train.run"),
    (wings_know_what_is_drawn, "lab/publish/__init__", "from lt_lib.lab import figures"),
    (nobody_knows_a_work_by_name, "lab/read/report", "from lt_lib.works import toy"),
    (nobody_knows_a_work_by_name, "lab/read/report", 'T = {"toy": "lt_lib.works.toy.topic:train"}'),
    (nobody_knows_a_work_by_name, "lab/train/run", 'def f(n):\n    return f"lt_lib.works.{n}.topic"'),
    (nobody_knows_a_work_by_name, "data/store", "def f():\n    import lt_lib.works.toy.topic"),
    (works_do_not_know_each_other, "works/toy/topic", "from lt_lib.works import other"),
    (works_do_not_know_each_other, "works/toy/topic", 'ROOT = "lt_lib.works.other:train"'),
    (no_private_name_crosses_files, "metrics", "from lt_lib.losses import _checked"),
    (no_private_name_crosses_files, "metrics", "from lt_lib import losses as l\nl._checked(0)"),
    (no_private_name_crosses_files, "lab/record/spec", "from ...losses import _checked"),
    (there_are_no_circles, "losses", "from lt_lib.metrics import report"),
    (there_are_no_circles, "lab/record/spec", "def f():\n    from lt_lib.lab.train import run"),
    (there_are_no_circles, "lab/train/run", "from lt_lib.lab import run"),
]


def write(folder: Path, name: str, source: str) -> None:
    path = folder / "lt_lib" / f"{name}.py"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(source + "\n")


@pytest.fixture
def small(tmp_path):
    for name, source in CLEAN.items():
        write(tmp_path, name, source)
    return tmp_path


def test_a_clean_library_breaks_no_rule(small):
    library = Library(small)
    assert {rule.__name__: rule(library) for rule in RULES} == {rule.__name__: [] for rule in RULES}


@pytest.mark.parametrize(("rule", "name", "line"), PLANTED)
def test_a_planted_import_is_found(small, rule, name, line):
    write(small, name, f"{CLEAN[name]}\n{line}")
    (found,) = rule(Library(small))
    assert f"lt_lib.{name.replace('/', '.').removesuffix('.__init__')}" in found


# --- reading records needs neither torch nor timm


HEAVY = ("torch", "torchvision", "timm")
LOOK = f"""
import importlib, pkgutil, sys
import lt_lib.lab
for name in ("read", "record"):
    package = importlib.import_module(f"lt_lib.lab.{{name}}")
    for found in pkgutil.iter_modules(package.__path__, package.__name__ + "."):
        importlib.import_module(found.name)
print(*[name for name in {HEAVY} if name in sys.modules])
"""


def heavy(folder: Path) -> list[str]:
    """What is imported with lt_lib.lab, its record and its read, of the library in a folder."""
    done = subprocess.run(
        [sys.executable, "-c", LOOK],
        cwd=folder,
        env={"PYTHONPATH": str(folder)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


def test_reading_imports_neither_torch_nor_timm():
    assert heavy(ROOT) == []


@pytest.mark.parametrize(
    ("name", "line"), [("lab/read/report", "import lt_lib.metrics"), ("lab/__init__", "import timm")]
)
def test_torch_behind_a_reader_is_found(tmp_path, name, line):
    for package in (
        "__init__",
        "lab/__init__",
        "lab/record/__init__",
        "lab/read/__init__",
        "lab/read/report",
    ):
        write(tmp_path, package, "")
    write(tmp_path, "metrics", "import torch")
    for stub in HEAVY:
        (tmp_path / f"{stub}.py").touch()
    assert heavy(tmp_path) == []
    write(tmp_path, name, line)
    assert len(heavy(tmp_path)) == 1
