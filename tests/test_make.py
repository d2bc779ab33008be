"""`make`: how the environment is set up, and how the parts of `make test` go on and end."""

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PARTS = ["lint", "unit tests", "smoke book", "pages", "kept outputs"]
# stands for Python: each part is known by a word of its command; LT_FAIL names those that fail
PLAYED = """#!/bin/sh
case "$*" in
  *ruff*) part=lint ;;
  *ignore-glob*) part=unit ;;
  *slides_browser*) part=decks ;;
  *browser*) part=pages ;;
  *kept*) part=kept ;;
  *book*) part=book ;;
esac
echo "$part runs"; echo "$part" >>ran
case "$LT_SLOW" in *$part*) for i in $(seq 600); do echo $i >>"$part.alive"; sleep 0.1; done ;; esac
case "$LT_FAIL" in *$part*) echo "FAILED something of $part"; exit 1 ;; esac
echo "1 passed in 0.1s"
"""


@pytest.fixture
def project(tmp_path):
    """A folder with the script of `make test` and a Python that only plays."""
    (tmp_path / ".ci").mkdir()
    shutil.copy(ROOT / ".ci/test", tmp_path / ".ci")
    (tmp_path / "python").write_text(PLAYED)
    (tmp_path / "python").chmod(0o755)
    return tmp_path


def make_test(project: Path, fail: str = "") -> tuple[int, str, set[str]]:
    """Exit status, what was printed, which parts ran."""
    done = subprocess.run(
        [project / ".ci/test", project / "python"],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        env={**os.environ, "LT_FAIL": fail},
    )
    return done.returncode, done.stdout, set((project / "ran").read_text().split())


def test_every_part_is_named_with_its_seconds(project):
    status, said, ran = make_test(project)
    assert status == 0 and ran == {"lint", "unit", "book", "pages", "decks", "kept"}
    for number, part in enumerate(PARTS, 1):
        assert f"\n== {number}/5 {part} ==" in f"\n{said}"
        assert re.search(rf"^== {number}/5 {part} == passed in \d+ s$", said, flags=re.MULTILINE)
    assert said.index("book runs") < said.index("kept runs") < said.index("unit runs"), "logs do not mix"


@pytest.mark.parametrize("part", ["lint", "unit", "pages", "decks", "kept"])
def test_a_part_that_fails_stops_no_other(project, part):
    status, said, ran = make_test(project, fail=part)
    assert status != 0 and ran == {"lint", "unit", "book", "pages", "decks", "kept"}
    assert said.count("== passed in") == 4 and said.count("== FAILED in") == 1
    assert said.count(f"FAILED something of {part}") == 2, "once in its log, once at the end"


def test_without_a_book_its_pages_are_not_opened_and_the_rest_is_checked(project):
    status, said, ran = make_test(project, fail="book")
    assert status != 0 and ran == {"lint", "unit", "book", "kept"}
    assert "== 4/5 pages == not run: there is no smoke book" in said


def test_unit_tests_do_not_outlive_an_interrupted_run(project):
    script = subprocess.Popen(
        [project / ".ci/test", project / "python"],
        env={**os.environ, "LT_SLOW": "unit book"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    signs = [project / "unit.alive", project / "book.alive"]
    patience = time.monotonic() + 30
    while not all(sign.is_file() for sign in signs) and time.monotonic() < patience:
        time.sleep(0.05)
    os.killpg(script.pid, signal.SIGTERM)
    assert script.wait(timeout=30) != 0
    before = signs[0].stat().st_size
    while time.monotonic() < patience:
        time.sleep(1)
        if (now := signs[0].stat().st_size) == before:
            return
        before = now
    pytest.fail("the unit tests still run")


def test_set_up_compiles_packages_and_library(tmp_path):
    for name in ("Makefile", "requirements.lock", "pyproject.toml"):
        shutil.copy(ROOT / name, tmp_path)
    command = ["make", "--dry-run", ".venv/.installed", f"PYTHON={sys.executable}"]
    said = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True).stdout
    installs = [line for line in said.splitlines() if "--require-hashes" in line]
    assert len(installs) == 2 and "uv pip install" in installs[0] and "--compile-bytecode" in installs[0]
    assert "-m pip install" in installs[1] and "--compile " in installs[1]
    assert said.index("-e .") < said.index("-m compileall -q lt_lib")

    # where bytecode is not wanted, this still makes it
    (tmp_path / "lt_lib").mkdir()
    (tmp_path / "lt_lib/a.py").write_text("a = 1\n")
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}
    subprocess.run(
        [sys.executable, "-m", "compileall", "-q", "lt_lib"], cwd=tmp_path, check=True, env=environment
    )
    assert list((tmp_path / "lt_lib/__pycache__").glob("a.*.pyc"))
