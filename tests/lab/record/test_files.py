"""Files that are either whole or absent, and whether they can be written at all."""

import os
import tempfile

import pytest
import torch
from safetensors.torch import load_file, save_file

from lt_lib.lab import LabError
from lt_lib.lab.record.files import atomic_write, check_writable, is_kept, is_whole, sealed

TENSORS = {"a": torch.arange(8.0), "b": torch.ones(2, dtype=torch.int8)}


def write_torch(path):
    torch.save(TENSORS, path)


def write_sealed(path):
    path.write_bytes(sealed(TENSORS))


@pytest.fixture(params=[(write_torch, "a.pt"), (write_sealed, "a.safetensors")], ids=["torch", "safetensors"])
def file(request, tmp_path):
    write, name = request.param
    write(tmp_path / name)
    return tmp_path / name


def read(file):
    return load_file(file) if file.suffix == ".safetensors" else torch.load(file, weights_only=True)


def test_a_flipped_bit_is_seen(file, change_a_number, tmp_path):
    assert is_whole(file) and torch.equal(read(file)["a"], TENSORS["a"])
    change_a_number(file)
    assert not all(torch.equal(read(file)[name], TENSORS[name]) for name in TENSORS), "it is read as if sound"
    assert not is_whole(file) and not is_whole(tmp_path / f"none{file.suffix}")


def test_weights_that_were_kept_without_a_checksum_are_whole(tmp_path):
    save_file(TENSORS, tmp_path / "w.safetensors")
    assert is_kept(tmp_path / "w.safetensors")


def test_what_is_kept_and_damaged_is_said_and_removed(file, change_a_number, capsys):
    assert is_kept(file) and not capsys.readouterr().err
    change_a_number(file)
    assert not is_kept(file) and not file.exists()
    assert f"{file}: damaged, made again" in capsys.readouterr().err
    assert not is_kept(file) and not capsys.readouterr().err


def test_what_is_damaged_and_cannot_be_removed_is_made_again_too(file, change_a_number, monkeypatch):
    change_a_number(file)

    def refuse(path):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(type(file), "unlink", refuse)
    assert not is_kept(file) and file.is_file()


def test_what_is_kept_and_no_tensors_is_removed(tmp_path):
    torch.save({"a": print}, tmp_path / "a.pt")
    assert is_whole(tmp_path / "a.pt") and not is_kept(tmp_path / "a.pt")


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


def test_a_cache_that_cannot_be_written_is_said_to_be_the_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("LT_CACHE", str(below_a_file(tmp_path)))
    with pytest.raises(LabError, match=r"cannot write .*; free some space or set LT_CACHE"):
        atomic_write(below_a_file(tmp_path) / "weights" / "w.pt", b"")
    (tmp_path / "store").mkdir()
    with pytest.raises(LabError, match="--store"):
        atomic_write(below_a_file(tmp_path / "store") / "r.json", b"")
