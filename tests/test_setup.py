"""The faces of the environment agree: pyproject.toml, the lock, environment.yml, Makefile, workflow."""

import ast
import functools
import itertools
import json
import os
import re
import shutil
import subprocess
import sys
import textwrap
import tomllib
import zipfile
from importlib import metadata
from pathlib import Path

import numpy as np
import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version
from PIL import Image

import lt_lib
from lt_lib import errors
from lt_lib.lab.record.paths import VARIABLES

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
EXTRAS = ("data", "lab", "book", "test")  # each holds the one before it
BACKBONES = "backbones"  # weights, which no import needs
CLUSTER = "cluster"  # Snakemake, which calls `lt`
SUPPORTED = ("3.11", "3.12", "3.13")


def locked() -> list[tuple[Requirement, list[str]]]:
    """Requirements of the lock, each with its hashes."""
    text = (ROOT / "requirements.lock").read_text().replace("\\\n", " ")
    lines = [line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    return [(Requirement(line.split(" --hash")[0]), re.findall(r"--hash=(\S+)", line)) for line in lines]


def declared(extra: str = "") -> list[Requirement]:
    """What pyproject.toml asks for: the dependencies, and those of an extra and of the extras it holds."""
    lines = list(PROJECT["dependencies"])
    for name in EXTRAS[: EXTRAS.index(extra) + 1] if extra else ():
        lines += [line for line in PROJECT["optional-dependencies"][name] if not line.startswith("lt_lib[")]
    return [Requirement(line) for line in lines]


def for_python(version: str, platform: str) -> dict[str, Version]:
    """What the lock installs on one Python and system."""
    where = {
        "python_version": version,
        "python_full_version": f"{version}.9",
        "sys_platform": platform,
        "platform_system": {"linux": "Linux", "darwin": "Darwin"}[platform],
        "os_name": "posix",
        "platform_machine": {"linux": "x86_64", "darwin": "arm64"}[platform],
        "implementation_name": "cpython",
        "platform_python_implementation": "CPython",
    }
    return {
        canonicalize_name(r.name): Version(next(iter(r.specifier)).version)
        for r, _ in locked()
        if r.marker is None or r.marker.evaluate(where)
    }


def test_every_locked_requirement_is_pinned_and_hashed():
    assert len(locked()) > 50
    for requirement, hashes in locked():
        assert [s.operator for s in requirement.specifier] == ["=="], requirement
        assert hashes and all(re.fullmatch(r"sha256:[0-9a-f]{64}", h) for h in hashes), requirement


def test_the_lock_names_no_registry_and_no_address():
    text = (ROOT / "requirements.lock").read_text()
    assert not re.search(r"https?:|file:|index-url|find-links|trusted-host| @ ", text)


@pytest.mark.parametrize("platform", ["linux", "darwin"])
@pytest.mark.parametrize("python", SUPPORTED)
def test_the_lock_satisfies_what_the_project_asks_for(python, platform):
    found = for_python(python, platform)
    backbones = map(Requirement, PROJECT["optional-dependencies"][BACKBONES])
    for wanted in [*declared("test"), *backbones]:
        assert wanted.specifier.contains(found[canonicalize_name(wanted.name)]), (
            f"{wanted}: locked {found.get(wanted.name)}"
        )


def test_conda_environment_is_a_face_of_the_lock():
    environment = yaml.safe_load((ROOT / "environment.yml").read_text())
    *plain, pip = environment["dependencies"]
    python = next(line for line in plain if line.startswith("python"))
    assert SpecifierSet(python.removeprefix("python")) == SpecifierSet(PROJECT["requires-python"])
    assert pip == {"pip": ["-r requirements.lock"]}, "a second source of versions would drift from the lock"
    assert set(plain) == {python, "pip"}


def test_python_versions_agree_everywhere():
    assert [
        v for v in ("3.10", *SUPPORTED, "3.14") if Version(v) in SpecifierSet(PROJECT["requires-python"])
    ] == list(SUPPORTED)
    workflow = yaml.safe_load((ROOT / ".github/workflows/ci.yml").read_text())
    assert workflow["jobs"]["test"]["strategy"]["matrix"]["python"] == list(SUPPORTED)
    assert "(3, 11) <= sys.version_info[:2] <= (3, 13)" in (ROOT / "Makefile").read_text()


def test_one_version_number():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert PROJECT["version"] == lt_lib.__version__ == str(citation["version"])


def people(authors: list[dict]) -> list[str]:
    """Authors of CITATION.cff as "Family, Given"."""
    return [who.get("name") or f"{who['family-names']}, {who['given-names']}" for who in authors]


def test_the_four_works_are_cited_as_the_bibliography_has_them():
    from pybtex.database import parse_file

    entries = parse_file(ROOT / "book/references.bib").entries
    works = [entries[key] for key in ("wong_ee443", "rawal2020spectrum", "taghanaki_sign", "yen2020lectures")]
    cited = yaml.safe_load((ROOT / "CITATION.cff").read_text())["references"]
    assert [(r["title"], people(r["authors"]), str(r.get("year", "n.d."))) for r in cited] == [
        (
            re.sub("[{}]", "", work.fields["title"]),
            [str(person) for person in work.persons["author"]],
            work.fields["year"],
        )
        for work in works
    ]


def test_zenodo_is_told_what_the_citation_says():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert json.loads((ROOT / ".zenodo.json").read_text()) == {
        **{key: citation[key] for key in ("title", "license", "keywords")},
        "description": citation["abstract"],
        "upload_type": citation["type"],
        "version": str(citation["version"]),
        "creators": [{"name": name} for name in people(citation["authors"])],
        "references": [
            " ".join(
                f"{part}." for part in ("; ".join(people(r["authors"])), r["title"], r.get("year")) if part
            )
            for r in citation["references"]
        ],
    }


def test_a_citation_has_what_its_format_asks_for():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert citation["cff-version"] == "1.2.0" and {"message", "title", "authors"} <= set(citation)
    assert citation["license"] == PROJECT["license"] and citation["type"] == "software"
    for reference in citation["references"]:
        assert {"type", "title", "authors"} <= set(reference)
        assert reference["type"] in ("report", "conference-paper", "generic", "slides")


def test_workflows_run_commands_of_the_readme_and_nothing_else():
    known = {line.partition("#")[0].strip() for line in (ROOT / "README.md").read_text().splitlines()}
    run = {
        step["run"]
        for path in (ROOT / ".github/workflows").glob("*.yml")
        for job in yaml.safe_load(path.read_text())["jobs"].values()
        for step in job["steps"]
        if "run" in step
    }
    assert run == {"make test", "make pdf"} and run <= known


# --- what each wing needs, and what is said when it is not there


def wing(path: Path) -> str:
    """The extra that a file of lt_lib comes with; empty for a method."""
    folder, *rest = path.relative_to(ROOT / "lt_lib").parts
    if folder == "lab" and rest[0] == "publish":
        return {"__init__.py": "", "kept_outputs.py": "test"}.get(rest[1], "book")
    beyond = {"data": "data", "lab": "lab", "works": "lab", "cli.py": "lab", "progress.py": "lab"}
    return beyond.get(folder, "")


def imported(path: Path) -> set[str]:
    """Top-level names of the packages that a file imports anywhere, but the standard library and its own."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            names.add(node.module.split(".")[0])
    return names - sys.stdlib_module_names - {"lt_lib"}


def test_each_wing_imports_what_its_extra_declares_and_no_more_is_declared():
    distributions = metadata.packages_distributions()
    used = {extra: set() for extra in ("", *EXTRAS)}
    for path in (ROOT / "lt_lib").rglob("*.py"):
        allowed = {canonicalize_name(wanted.name) for wanted in declared(wing(path))}
        for name in imported(path):
            owners = {canonicalize_name(owner) for owner in distributions[name]}
            assert owners & allowed, f"{path}: {name} is of {owners}, which the extra {wing(path)!r} lacks"
            used[wing(path)] |= owners
    for extra in ("data", "lab"):
        for line in PROJECT["optional-dependencies"][extra]:
            name = canonicalize_name(Requirement(line).name)
            assert name == "lt-lib" or name in used[extra], (
                f"the extra {extra} brings {name}, which nothing uses"
            )


def test_extras_hold_one_another():
    assert list(PROJECT["optional-dependencies"]) == [*EXTRAS, BACKBONES, CLUSTER]
    for one, next_one in itertools.pairwise(EXTRAS):
        assert PROJECT["optional-dependencies"][next_one][0] == f"lt_lib[{one}]"


def closure(roots: list[Requirement]) -> list[metadata.Distribution]:
    """Installed distributions that some requirements bring, their own requirements included."""
    found, todo = {}, [(r.name, extra) for r in roots for extra in ("", *r.extras)]
    while todo:
        name, extra = todo.pop()
        if (canonicalize_name(name), extra) in found:
            continue
        found[canonicalize_name(name), extra] = distribution = metadata.distribution(name)
        for requirement in map(Requirement, distribution.requires or ()):
            if requirement.marker is None or requirement.marker.evaluate({"extra": extra}):
                todo += [(requirement.name, extra) for extra in ("", *requirement.extras)]
    return list(found.values())


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """The library as `pip wheel .` packs it."""
    home = tmp_path_factory.mktemp("wheel")
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, home / name)
    shutil.copytree(ROOT / "lt_lib", home / "lt_lib", ignore=shutil.ignore_patterns("__pycache__"))
    pip(home, "wheel", "--no-build-isolation", "--wheel-dir", ".", ".")
    (path,) = home.glob("*.whl")
    return path


def pip(where: Path, *words: str | Path) -> None:
    quiet = ("--quiet", "--disable-pip-version-check")
    command, rest = words[:-1], words[-1]
    call = [sys.executable, "-m", "pip", *command, *quiet, "--no-deps", rest]
    subprocess.run(call, check=True, cwd=where, env=environment())


def installed(home: Path, wheel: Path, wanted: list[Requirement]) -> Path:
    """A fresh environment in a folder, with the wheel and links to what some requirements bring: offline, and
    nothing else of this environment can be seen. Returns its folder of programs."""
    subprocess.run(
        [sys.executable, "-m", "venv", "--without-pip", home / "env"], check=True, env=environment()
    )
    programs = home / "env/bin"
    pip(home, "--python", programs / "python", "install", "--no-index", wheel)
    (site,) = (home / "env").glob("lib/python*/site-packages")
    for distribution in closure(wanted):
        for top in {file.parts[0] for file in distribution.files} - {"..", "__pycache__"}:
            if not (site / top).exists():
                (site / top).symlink_to(Path(distribution.locate_file(top)).resolve())
    return programs


@pytest.fixture(scope="module")
def bare(wheel, tmp_path_factory):
    """What `pip install .` gives."""
    return installed(tmp_path_factory.mktemp("bare"), wheel, declared())


def environment() -> dict[str, str]:
    """That of this process, without what would let Python see more than its own packages."""
    return {k: v for k, v in os.environ.items() if not k.startswith("PYTHON")}


def in_bare(programs: Path, *command: str) -> subprocess.CompletedProcess:
    return subprocess.run(
        [programs / command[0], *command[1:]],
        capture_output=True,
        text=True,
        check=False,
        cwd=programs,
        env=environment(),
    )


def test_methods_work_without_any_extra(bare):
    code = """
import importlib.util, pkgutil, torch, lt_lib
from lt_lib.augmix import AugMix
from lt_lib.losses import LDAMLoss
from lt_lib.models import create
assert not any(map(importlib.util.find_spec, ("rasterio", "pydantic", "pandas", "typer", "jupytext")))
net = create("resnet10t", 4, bands=11, pretrained=False)
images, chance = torch.rand(2, 11, 65, 65), torch.Generator().manual_seed(0)
loss = LDAMLoss([5160, 1370, 1340, 762])(net(AugMix()(images, chance)), torch.tensor([0, 3]))
loss.backward()
for module in pkgutil.iter_modules(lt_lib.__path__):
    if module.name not in ("data", "lab", "works", "cli", "progress", "__main__"):
        importlib.import_module("lt_lib." + module.name)
print(lt_lib.__file__, loss.item() > 0)
"""
    done = in_bare(bare, "python", "-c", code)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(str(bare.parent)) and done.stdout.endswith("True\n")


def test_a_wheel_holds_the_library_and_nothing_else(wheel):
    names = set(zipfile.ZipFile(wheel).namelist())
    about = {name for name in names if ".dist-info/" in name}
    files = {
        path for path in (ROOT / "lt_lib").rglob("*") if path.is_file() and "__pycache__" not in path.parts
    }
    assert names - about == {str(path.relative_to(ROOT)) for path in files}
    assert {Path(name).name for name in about} >= {"METADATA", "LICENSE", "entry_points.txt"}


def test_the_lines_of_the_readme_run_with_the_library_alone(bare):
    _, _, part = (ROOT / "README.md").read_text().partition("## The library alone\n")
    code = textwrap.dedent(
        "\n".join(re.findall(r"^    .*|^$", part.partition("\n`pip install")[0], re.MULTILINE))
    )
    assert code.count("import") >= 4
    done = in_bare(bare, "python", "-c", code + "\nprint(mixed.shape, len(weights), type(loss).__name__)")
    assert done.returncode == 0, done.stderr
    assert done.stdout == "torch.Size([32, 11, 65, 65]) 50 LDAMLoss\n"


def test_a_comparison_needs_no_checkout_of_the_book(wheel, tmp_path):
    wanted = [*declared("lab"), *map(Requirement, PROJECT["optional-dependencies"][BACKBONES])]
    programs, chance = installed(tmp_path, wheel, wanted), np.random.default_rng(0)
    for name, n in (("cats", 24), ("dogs", 12)):
        (tmp_path / "pets" / name).mkdir(parents=True)
        for i in range(n):
            pixels = chance.integers(0, 100, (16, 16, 3)) + (100 if name == "dogs" else 0)
            Image.fromarray(pixels.astype(np.uint8)).save(tmp_path / f"pets/{name}/{i}.png")
    here = environment() | {
        "HOME": str(tmp_path),
        "XDG_CACHE_HOME": str(tmp_path / "cache"),
        "OMP_NUM_THREADS": "1",
    }
    for name in VARIABLES:
        here.pop(name, None)
    call = functools.partial(
        subprocess.run, capture_output=True, text=True, check=False, cwd=tmp_path, env=here
    )
    done = call([programs / "lt", "compare", "pets", "--seeds", "2"])
    assert done.returncode == 0, done.stderr
    said = json.loads((tmp_path / "pets-compared/comparison.json").read_text())
    assert sorted(said["classes"]) == ["cats", "dogs"]
    assert ".lt-badge" in (tmp_path / "pets-compared/index.html").read_text()
    done = call([programs / "lt", "predict", "pets-compared", "pets/dogs/0.png"])
    assert done.returncode == 0 and "dogs" in done.stdout, done.stderr
    done = call([programs / "lt", "status"])
    assert done.returncode == 1 and "set LT_BOOK" in done.stderr and done.stderr.count("\n") == 1


def test_lt_without_its_extra_says_what_to_install(bare):
    done = in_bare(bare, "lt", "status")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("error: lt needs the extra lab: pip install 'lt_lib[lab]' (not installed: ")
    assert done.stderr.count("\n") == 1 and {"rasterio", "typer"} <= set(re.findall(r"\w+", done.stderr))
    assert in_bare(bare, "python", "-m", "lt_lib", "status").stderr == done.stderr


@pytest.mark.parametrize(("module", "extra"), [("lt_lib.data", "data"), ("lt_lib.lab", "lab")])
def test_a_wing_without_its_extra_says_what_to_install(bare, module, extra):
    done = in_bare(bare, "python", "-c", f"import {module}")
    last = done.stderr.splitlines()[-1]
    assert done.returncode == 1
    assert f"MissingExtra: {module} needs the extra {extra}: pip install 'lt_lib[{extra}]'" in last
    code = f"try:\n import {module}\nexcept ImportError:\n print('as any missing module')"
    assert in_bare(bare, "python", "-c", code).stdout == "as any missing module\n"


def test_the_extra_book_is_asked_for_where_pages_are_made(monkeypatch, capsys):
    from lt_lib import cli

    monkeypatch.setattr(errors, "lacking_packages", {"book": ["papermill"], "lab": [], "data": []}.get)
    monkeypatch.delitem(sys.modules, "lt_lib.lab.publish.book", raising=False)
    monkeypatch.delattr("lt_lib.lab.publish.book", raising=False)
    monkeypatch.setattr(sys, "argv", ["lt", "chapter", "ee443/01"])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    said = "error: lt_lib.lab.publish.book needs the extra book: pip install 'lt_lib[book]'"
    assert ended.value.code == 1
    assert capsys.readouterr().err == f"{said} (not installed: papermill)\n"


def test_a_library_that_was_never_installed_names_the_first_missing_package(monkeypatch):
    monkeypatch.setattr(metadata, "requires", lambda _: (_ for _ in ()).throw(metadata.PackageNotFoundError))
    said = r"it needs the extra lab: .*not installed: nowhere_to_be_found"
    with pytest.raises(errors.MissingExtra, match=said), errors.needs("lab", "it"):
        import nowhere_to_be_found  # noqa: F401
    # a mistake of the library is none of yours
    with pytest.raises(ModuleNotFoundError, match=r"lt_lib\.nowhere"), errors.needs("lab", "it"):
        import lt_lib.nowhere  # noqa: F401


def test_containers_start_what_the_makefile_has():
    container = (ROOT / "Containerfile").read_text(encoding="utf-8")
    editor = json.loads((ROOT / ".devcontainer/devcontainer.json").read_text(encoding="utf-8"))
    asked = re.findall(r"make ([.\w/]+)", container + editor["postCreateCommand"])
    assert {"test", "book", ".venv/.installed"} <= set(asked)
    for target in set(asked):
        subprocess.run(["make", "--dry-run", target], cwd=ROOT, check=True, capture_output=True)
    built = editor["build"]
    assert (ROOT / ".devcontainer" / built["dockerfile"]).resolve() == ROOT / "Containerfile"
    assert json.loads(container.split("CMD ")[1]) == ["make", "book"]
    installed = set(container.split("--no-install-recommends ")[1].split("\\")[0].split())
    assert installed == {"chromium", "git", "make"}  # what .ci/run asks Debian for, venv comes with the image
