"""What no line of the library may do: run what a file says, open a shell, fetch what nobody vouches for."""

import ast
from pathlib import Path

import pytest

from lt_lib.data import registry

ROOT = Path(__file__).resolve().parents[1]
SOURCES = [
    path for folder in ("lt_lib", "notebooks", "benchmarks") for path in sorted((ROOT / folder).rglob("*.py"))
]
RUNNERS = {"eval", "exec", "compile", "os.system", "os.popen", "marshal.loads", "shelve.open"}
PICKLES = {
    "pickle.load",
    "pickle.loads",
    "pickle.Unpickler",
    "joblib.load",
    "dill.load",
    "pandas.read_pickle",
}
PICKLES |= {"pd.read_pickle", "torch.jit.load", "cloudpickle.load"}


def named(node: ast.expr) -> str:
    """A dotted name, "np.load"; a question mark stands for what is no name."""
    if isinstance(node, ast.Attribute):
        return f"{named(node.value)}.{node.attr}"
    return node.id if isinstance(node, ast.Name) else "?"


def unsafe(source: str) -> list[str]:
    """Calls that must not be, with their lines."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Call):
            continue
        name, given = named(node.func), {word.arg: ast.unparse(word.value) for word in node.keywords}
        last = name.rpartition(".")[2]
        wrong = (
            name in RUNNERS | PICKLES
            or (name == "torch.load" and given.get("weights_only") != "True")
            or (last in ("load", "load_all", "unsafe_load", "full_load") and name.startswith("yaml."))
            and ast.unparse(node.args[-1]) != "_Yaml"
            or given.get("allow_pickle", "False") != "False"
            or given.get("shell", "False") != "False"
            or given.get("verify") == "False"
        )
        if wrong:
            found.append(f"line {node.lineno}: {ast.unparse(node)[:80]}")
    return found


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_nothing_in_a_file_is_run(path):
    assert unsafe(path.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    "line",
    [
        "torch.load(path)",
        "torch.load(path, weights_only=False)",
        "yaml.load(text, yaml.Loader)",
        "yaml.unsafe_load(text)",
        "np.load(path, allow_pickle=True)",
        "pickle.loads(content)",
        "subprocess.run(command, shell=True)",
        "eval(text)",
        "exec(text)",
        "requests.get(url, verify=False)",
    ],
)
def test_what_would_be_run_is_seen(line):
    assert len(unsafe(line)) == 1


def test_what_is_fetched_is_vouched_for():
    archives = {entry.name: entry.archive for entry in registry.data_sets().values() if entry.archive}
    assert archives and all(archive.url.startswith("https://") for archive in archives.values())
    unpinned = {name for name, archive in archives.items() if archive.sha256 is None}
    assert unpinned == {"droughtwatch"}, "no checksum is published: it is known by its counts"


def test_nothing_is_fetched_but_by_the_downloader():
    fetching = {
        str(path.relative_to(ROOT))
        for path in SOURCES
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call)
        and named(node.func).rpartition(".")[2] in ("urlopen", "urlretrieve", "Request")
    }
    assert fetching == {"lt_lib/data/download.py"}
