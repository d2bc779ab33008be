"""Paths as people write them."""

from pathlib import Path

import pytest

from lt_lib.lab import LabError
from lt_lib.lab.record import paths, works
from lt_lib.lab.record.paths import absolute
from lt_lib.lab.record.records import Store


def test_a_path_is_meant_from_where_the_user_stands(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert absolute("a/../b") == tmp_path / "b"
    assert absolute("~/b") == tmp_path / "home/b"
    assert absolute(tmp_path / "c") == tmp_path / "c"


@pytest.mark.parametrize(
    ("variable", "read"),
    [
        ("LT_STORE", paths.work_store),
        ("LT_CACHE", paths.cache_root),
        ("LT_BOOK", paths.project_root),
    ],
)
def test_every_variable_that_names_a_folder_is_read_so(tmp_path, monkeypatch, variable, read):
    (tmp_path / "x/book/experiments").mkdir(parents=True)
    (tmp_path / "x/_toc.yml").touch()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("x", "~/x"):
        monkeypatch.setenv(variable, name)
        assert read() == tmp_path / "x"
    monkeypatch.setenv(variable, "~nosuchuser/x")
    with pytest.raises(LabError, match="~nosuchuser/x: there is no user ~nosuchuser"):
        read()
    assert variable in paths.VARIABLES


def test_works_elsewhere_are_read_so_too(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("LT_WORKS", "~")
    assert works.works()
    monkeypatch.setenv("LT_WORKS", "~nosuchuser")
    with pytest.raises(LabError, match="no user ~nosuchuser"):
        works.works()


def test_a_store_stays_where_it_was_named(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    store = Store(Path("records"))
    monkeypatch.chdir("/")
    assert store.root == tmp_path / "records"
