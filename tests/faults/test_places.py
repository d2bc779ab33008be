"""A full disk, a clock that goes back, and places where nothing is as usual: what was computed is kept."""

import errno
import itertools
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from lt_lib.lab import LabError, Store, load, run
from lt_lib.lab.record import files

ROOT = Path(__file__).resolve().parents[2]
HOSTILE = """
import os, sys
os.umask(0o077)
from lt_lib import errors, lab
with errors.on_one_line():
    print(len(lab.run(sys.argv[1], rows="plain", profile="smoke", seeds=1, store=sys.argv[2], workers=1)))
"""


def numbers(store) -> dict[str, dict]:
    """By file, what does not depend on the time."""
    records = {path.name: json.loads(path.read_bytes()) for path in Path(store).glob("*/*/*.json")}
    odd = ("wall_s", "images_per_s", "env")
    return {name: {k: v for k, v in record.items() if k not in odd} for name, record in records.items()}


def grid(experiment_file, store):
    return run(load(experiment_file), rows=["plain"], profile="smoke", seeds=1, store=store)


@pytest.fixture
def calm(lab_env, experiment_file, tmp_path):
    """The records of an undisturbed run."""
    grid(experiment_file, tmp_path / "calm")
    return numbers(tmp_path / "calm")


def test_the_disk_is_full_at_every_write(calm, experiment_file, tmp_path, monkeypatch):
    flush = os.fsync
    for full in itertools.count():
        store, written = tmp_path / str(full), itertools.count()

        def fsync(file, full=full, written=written):
            if next(written) == full:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            flush(file)

        monkeypatch.setattr(files.os, "fsync", fsync)
        try:
            grid(experiment_file, store)
            break
        except LabError as error:
            assert "No space left on device; free some space or" in str(error)
        assert not Store(store).damaged and not list(store.rglob(".tmp-*"))
        assert len(grid(experiment_file, store)) == 1 and numbers(store) == calm
    assert full > 2, "what was learned, the artifact, and the record"


def test_the_clock_goes_back(calm, experiment_file, tmp_path, monkeypatch):
    clock = itertools.count(time.time(), -3600)
    monkeypatch.setattr(time, "time", lambda: next(clock))
    grid(experiment_file, tmp_path / "store")
    assert numbers(tmp_path / "store") == calm


def hostile(*words, **env):
    """Python without git, HOME and Unicode, from a folder that cannot be written."""
    env = {"PATH": "", "LC_ALL": "POSIX", "PYTHONPATH": str(ROOT), "LT_BOOK": str(ROOT)} | env
    command = [sys.executable, *map(str, words)]
    return subprocess.run(command, env=env, cwd="/proc", capture_output=True, text=True, check=False)


def lt(*words, **env):
    """A command of `lt` there."""
    return hostile("-c", "import os; os.umask(0o077); import lt_lib.cli as c; c.main()", *words, **env)


def test_no_git_no_home_no_unicode_and_a_folder_with_spaces(lab_home, experiment_file, tmp_path):
    store = tmp_path / "Ordner mit Zwischenräumen"
    env = {"LT_DATA": str(lab_home / "data"), "LT_CACHE": str(lab_home / "cache")}
    done = hostile("-c", HOSTILE, experiment_file, store, **env)
    assert (done.returncode, done.stdout[:2]) == (0, "1\n"), done.stderr
    (path,) = store.glob("*/*/*.json")
    assert json.loads(path.read_bytes())["env"]["commit"] == "" and path.stat().st_mode & 0o777 == 0o644


def test_a_home_that_cannot_be_written_is_one_clear_error(lab_home, experiment_file, tmp_path):
    env = {"LT_DATA": str(lab_home / "data"), "HOME": "/proc/nobody"}
    done = hostile("-c", HOSTILE, experiment_file, tmp_path, **env)
    assert done.returncode == 1 and done.stderr.splitlines()[-1].endswith(
        "set LT_CACHE to a folder that you can write"
    )
    assert not list(tmp_path.glob("*/*/*.json"))


@pytest.fixture
def locked(tmp_path):
    """A project that can be read, and no file of which can be written: its `_build` is not to be had."""
    (tmp_path / "project").mkdir()
    for name in ("book", "notebooks", "lt_lib", "_config.yml", "_toc.yml", "pyproject.toml"):
        (tmp_path / "project" / name).symlink_to(ROOT / name)
    (tmp_path / "project/_build").symlink_to("/proc/nowhere")
    return str(tmp_path / "project")


def test_what_only_reads_needs_no_place_to_write(locked):
    for words in (("status",), ("data", "list"), ("plan", "ee443-fig1", "--profile", "smoke")):
        done = lt(*words, HOME="/proc/nobody", LT_BOOK=locked)
        assert done.returncode == 0 and done.stdout and "Traceback" not in done.stderr, done.stderr


@pytest.mark.parametrize(
    ("words", "advice"),
    [
        (("run", "ee443-fig1", "--profile", "smoke"), "set LT_DATA to another folder"),
        (("chapter", "lectures/06-batch-normalization", "--profile", "smoke"), "another file with --out"),
        (("book", "--profile", "smoke", "--work", "lectures"), "work in a checkout that you can write"),
    ],
)
def test_a_project_that_cannot_be_written_is_one_clear_error(locked, words, advice):
    done = lt(*words, HOME="/proc/nobody", LT_BOOK=locked)
    error = done.stderr.splitlines()[-1]
    assert done.returncode == 1 and error.startswith("error: cannot write") and advice in error
    assert "Traceback" not in done.stderr


def test_a_comparison_where_nothing_is_as_usual(lab_home, tmp_path):
    from PIL import Image

    images, out = tmp_path / "Bilder ü", tmp_path / "aus gäbe"
    for label, grey in (("grün", 60), ("犬", 200)):
        (images / label).mkdir(parents=True)
        for i in range(8):
            Image.new("RGB", (24, 24), (grey, grey + i, 40)).save(images / label / f"{i}.png")
    before = sorted(images.rglob("*"))
    words = ("compare", images, "--seeds", 2, "--network", "test_efficientnet")
    env = {"LT_DATA": str(lab_home / "data"), "LT_CACHE": str(lab_home / "cache"), "OMP_NUM_THREADS": "1"}
    done = lt(*words, **env)
    error = done.stderr.splitlines()[-1]
    assert done.returncode == 1 and error.endswith("another folder with --out"), done.stderr
    done = lt(*words, "--out", out, **env)
    assert done.returncode == 0 and (out / "index.html").is_file(), done.stderr
    assert sorted(images.rglob("*")) == before
    done = lt("predict", out, images / "犬/1.png", HOME="/proc/nobody")
    assert done.returncode == 0 and len(done.stdout.splitlines()) == 1, done.stderr
