"""Files that are either whole or absent, and whether they can be written at all."""

import os
import tempfile
import zipfile

import pytest
import torch

from lt_lib.lab import LabError
from lt_lib.lab.record.files import atomic_write, check_writable, is_whole


def test_a_flipped_bit_is_seen_in_what_torch_saved(tmp_path):
    path = tmp_path / "a.pt"
    torch.save({"a": torch.arange(8.0)}, path)
    with zipfile.ZipFile(path) as archive:
        at = path.read_bytes().index(archive.read("a/data/0"))
    content = bytearray(path.read_bytes())
    assert is_whole(path)
    content[at] ^= 1
    path.write_bytes(content)
    assert torch.load(path, weights_only=True)["a"][0] != 0, "torch reads it as if it were sound"
    assert not is_whole(path) and not is_whole(tmp_path / "none")


def below_a_file(folder):
    (folder / "file").touch()
    return folder / "file" / "x"


def a_folder(folder):
    (folder / "x").mkdir()
    return folder / "x"


def a_dangling_folder(folder):
    (folder / "link").symlink_to(folder / "nowhere")
    return folder / "link" / "x"


IMPOSSIBLE = {
    "below a file": below_a_file,
    "a folder": a_folder,
    "a dangling link for a folder": a_dangling_folder,
    "300 letters": lambda folder: folder / ("x" * 300),
    "a folder of 300 letters": lambda folder: folder / ("x" * 300) / "x",
    "no disk at all": lambda folder: type(folder)("/proc/nothing/x"),
}


@pytest.mark.parametrize("make", IMPOSSIBLE.values(), ids=IMPOSSIBLE)
def test_what_cannot_be_written_is_found_out_before(tmp_path, make):
    path = make(tmp_path)
    with pytest.raises(LabError, match="cannot write .*; free some space or do something else"):
        check_writable(path, remedy="do something else")
    with pytest.raises(LabError, match="do something else"):
        atomic_write(path, b"x", "do something else")


def test_a_read_only_folder_is_found_out_before(tmp_path, monkeypatch):
    def refused(**_):
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr(tempfile, "TemporaryFile", refused)
    with pytest.raises(LabError, match="Read-only file system.*--store"):
        check_writable(tmp_path / "x")


def test_looking_leaves_nothing_but_the_folder(tmp_path):
    check_writable(tmp_path / "new" / "x")
    (tmp_path / "new" / "x").write_text("kept")
    check_writable(tmp_path / "new" / "x")
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    check_writable(tmp_path / "link")  # which is replaced
    assert os.listdir(tmp_path / "new") == ["x"] and (tmp_path / "new" / "x").read_text() == "kept"
