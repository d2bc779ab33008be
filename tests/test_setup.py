"""The faces of the environment agree: pyproject.toml, the lock, environment.yml, Makefile, workflow."""

import re
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version

import lt_lib

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
SUPPORTED = ("3.11", "3.12", "3.13")


def locked() -> list[tuple[Requirement, list[str]]]:
    """Requirements of the lock, each with its hashes."""
    text = (ROOT / "requirements.lock").read_text().replace("\\\n", " ")
    lines = [line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    return [(Requirement(line.split(" --hash")[0]), re.findall(r"--hash=(\S+)", line)) for line in lines]


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
    extras = PROJECT["optional-dependencies"]
    for text in PROJECT["dependencies"] + extras["book"] + extras["test"]:
        wanted = Requirement(text)
        assert wanted.specifier.contains(found[canonicalize_name(wanted.name)]), (
            f"{text}: locked {found.get(wanted.name)}"
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
