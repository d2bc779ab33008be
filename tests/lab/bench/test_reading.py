"""What is read of a reader's folder, what is left out, and what is said of it."""

import shutil

import pytest

from lt_lib.errors import DataError
from lt_lib.lab.bench.reading import read_own


def test_classes_files_and_labels(folder):
    own = read_own(folder)
    assert own.classes == ("cats", "çhiens", "犬") and own.notes == [] and own.test is None
    assert [(own.labels == c).sum() for c in range(3)] == [40, 16, 8]
    assert len(own.files) == len(set(own.keys)) == 64


def test_what_is_left_out_is_said_with_counts(folder):
    shutil.copy(folder / "cats/0.png", folder / "çhiens/same.png")
    shutil.copy(folder / "犬/1.png", folder / "犬/again.png")
    (folder / "cats/empty.jpg").touch()
    (folder / "cats/notes.txt").write_text("x")
    (folder / "cats/.hidden").write_text("x")
    (folder / "cats/nothing.png").symlink_to(folder / "gone.png")
    (folder / "cats/circle").symlink_to(folder, target_is_directory=True)
    (folder / "few").mkdir()
    for i in range(3):
        (folder / f"few/{i}.png").write_bytes(bytes([i]))
    own = read_own(folder)
    said = " ".join(own.notes)
    assert "1 .txt" in said and "1 empty" in said and "1 hidden" in said and "links to nothing" in said
    assert "2 images left out, the same picture in several classes: cats/0.png, çhiens/same.png." in said
    assert "1 image left out, a copy of another in its class: 犬/again.png." in said
    assert "3 images left out, of a class with too few images" in said
    assert own.classes == ("cats", "çhiens", "犬") and len(own.files) == 63


def test_a_split_of_the_reader_is_kept_and_its_leaks_are_not(folder, tmp_path):
    root = tmp_path / "split"
    shutil.copytree(folder, root / "train")
    shutil.copytree(folder, root / "test")
    for name in ("cats", "çhiens", "犬"):
        for path in sorted((root / "test" / name).iterdir())[2:]:
            path.write_bytes(path.read_bytes() + b" ")  # another picture
    own = read_own(root)
    assert (
        own.test.sum() == 64 - 6
        and "6 images left out of the test, the same picture is in training" in own.notes[0]
    )


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda root: shutil.rmtree(root), "is no folder"),
        (lambda root: [shutil.rmtree(root / name) for name in ("cats", "犬")], "holds 1 folders"),
        (lambda root: [p.unlink() for p in root.glob("c*/*.png")], "two classes are needed"),
    ],
)
def test_what_cannot_be_compared_is_refused(folder, make, said):
    shutil.rmtree(folder / "çhiens")
    (folder / "çhiens").mkdir()
    make(folder)
    with pytest.raises(DataError, match=said):
        read_own(folder)


def test_more_classes_than_fit_are_refused(folder, monkeypatch):
    monkeypatch.setattr("lt_lib.lab.bench.reading.MOST", 2)
    with pytest.raises(DataError, match="3 folders, one a class; at most 2"):
        read_own(folder)
