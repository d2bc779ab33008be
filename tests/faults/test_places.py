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


def hostile(experiment_file, store, **env):
    """A run without git, HOME and Unicode, from a folder that cannot be written."""
    command = [sys.executable, "-c", HOSTILE, str(experiment_file), str(store)]
    env = {"PATH": "", "LC_ALL": "POSIX", "PYTHONPATH": str(ROOT), "LT_BOOK": str(ROOT)} | env
    return subprocess.run(command, env=env, cwd="/proc", capture_output=True, text=True, check=False)


def test_no_git_no_home_no_unicode_and_a_folder_with_spaces(lab_home, experiment_file, tmp_path):
    store = tmp_path / "Ordner mit Zwischenräumen"
    done = hostile(experiment_file, store, LT_DATA=str(lab_home / "data"), LT_CACHE=str(lab_home / "cache"))
    assert (done.returncode, done.stdout[:2]) == (0, "1\n"), done.stderr
    (path,) = store.glob("*/*/*.json")
    assert json.loads(path.read_bytes())["env"]["commit"] == "" and path.stat().st_mode & 0o777 == 0o644


def test_a_home_that_cannot_be_written_is_one_clear_error(lab_home, experiment_file, tmp_path):
    done = hostile(experiment_file, tmp_path, LT_DATA=str(lab_home / "data"), HOME="/proc/nobody")
    assert done.returncode == 1 and done.stderr.splitlines()[-1].endswith(
        "set LT_CACHE to a folder that you can write"
    )
    assert not list(tmp_path.glob("*/*/*.json"))
