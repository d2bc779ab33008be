"""Sources and stores that no one can use: one clear error each, before the work starts."""

import os
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from lt_lib import data
from lt_lib.cli import app
from lt_lib.data import DataError, folder
from lt_lib.data import image_folder as trees


@pytest.fixture
def arrays(tmp_path):
    """A folder of arrays that can be added."""
    place = tmp_path / "arrays"
    place.mkdir()
    for split in ("train", "test"):
        np.save(place / f"x_{split}.npy", np.zeros((4, 8, 8, 3), np.uint8))
        np.save(place / f"y_{split}.npy", np.arange(4) % 2)
    return place


@pytest.fixture
def locked(monkeypatch):
    """Makes a folder unreadable, for the superuser too."""
    shut, listed = set(), Path.iterdir

    def iterdir(self):
        if self in shut:
            raise PermissionError(13, "Permission denied", str(self))
        return listed(self)

    monkeypatch.setattr(Path, "iterdir", iterdir)
    return shut.add


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("~nosuchuser", "~nosuchuser cannot be read: .*home"),
        ("x" * 300, "cannot be read: File name too long"),
        ("file/below", "does not exist"),
        ("\0", "cannot be read: .*null"),
        ("none", "does not exist"),
        ("pipe", "neither a file nor a folder"),
    ],
)
@pytest.mark.parametrize("name", ["mine", "cifar10", "mobilenetv2_100_imagenet"])
def test_sources_that_cannot_be(tmp_path, monkeypatch, name, source, message):
    monkeypatch.chdir(tmp_path)
    Path("file").write_text("")
    os.mkfifo("pipe")
    with pytest.raises(DataError, match=message):
        data.add(name, source, tmp_path / "store")
    assert not (tmp_path / "store").exists()


@pytest.mark.parametrize("name", ["mine", "cifar10", "droughtwatch"])
def test_an_unreadable_source(tmp_path, arrays, locked, name):
    locked(arrays)
    with pytest.raises(DataError, match="arrays cannot be read: Permission denied"):
        data.add(name, arrays, tmp_path / "store")
    assert not (tmp_path / "store").exists()


def test_an_unreadable_folder_within_the_source(tmp_path, locked):
    for place in ("train/a", "train/b", "test/a", "test/b"):
        (tmp_path / "own" / place).mkdir(parents=True)
    locked(tmp_path / "own/test")
    with pytest.raises(DataError, match="own/test cannot be read: Permission denied"):
        data.add("mine", tmp_path / "own", tmp_path / "store", progress=False)


def test_a_name_of_300_letters(tmp_path, arrays):
    with pytest.raises(DataError, match="cannot name a data set"):
        data.add("x" * 300, arrays, tmp_path / "store")
    assert not (tmp_path / "store").exists()


def test_a_store_that_cannot_be_written_is_found_before_the_source_is_read(tmp_path, arrays, monkeypatch):
    def refuse(*_, **__):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(trees, "read_npy", lambda *_: pytest.fail("read before the store was tried"))
    with monkeypatch.context() as patch:
        patch.setattr(folder.tempfile, "TemporaryFile", refuse)
        with pytest.raises(DataError, match="cannot write mine to the data store .*: Permission denied"):
            data.add("mine", arrays, tmp_path / "store")
    (tmp_path / "file").write_text("")
    for place in (tmp_path / "file", tmp_path / "file" / "store"):
        with pytest.raises(DataError, match="cannot write mine to the data store"):
            data.add("mine", arrays, place)


@pytest.mark.parametrize(("place", "reason"), [("~nosuchuser/x", "home"), ("x" * 300, "name too long")])
def test_stores_that_cannot_be(monkeypatch, arrays, place, reason):
    monkeypatch.setenv("LT_DATA", place)
    for use in (
        data.store_root,
        data.listing,
        lambda: data.load("digits10"),
        lambda: data.add("mine", arrays),
        lambda: data.verify("mine"),
    ):
        with pytest.raises(DataError, match=f"(?s)the data store .* cannot be used: .*{reason}.*LT_DATA"):
            use()


def test_a_store_is_where_the_user_stands_and_may_begin_with_a_tilde(tmp_path, arrays, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("LT_DATA", "here/store")
    added = data.add("mine", "arrays")
    assert added.folder == tmp_path / "here/store/mine"
    monkeypatch.chdir("/")
    assert added.images("train").shape == (4, 8, 8, 3)
    monkeypatch.setenv("LT_DATA", "~/store")
    assert data.store_root() == tmp_path / "home/store" == data.store_root("~/store")


def test_the_command_line_says_it_in_one_line(tmp_path, monkeypatch):
    monkeypatch.setenv("LT_DATA", str(tmp_path / "store"))
    done = CliRunner().invoke(app, ["data", "add", "mine", "--from", "~nosuchuser"])
    assert isinstance(done.exception, DataError)
