"""What is read of a reader's folder, table or parts, what is left out, and what is said of it."""

import os
import shutil
import struct
import unicodedata

import numpy as np
import pytest
from PIL import Image
from tfrecord.writer import TFRecordWriter

from lt_lib.errors import DataError
from lt_lib.lab.bench.reading import read_own, split


def state(folder):
    """Everything in a folder, with sizes and times."""
    return {path: (path.lstat().st_size, path.lstat().st_mtime_ns) for path in folder.rglob("*")}


def test_classes_files_and_labels(folder):
    before = state(folder)
    own = read_own(folder)
    assert own.classes == ("cats", "çhiens", "犬") and own.notes == [] and own.test is None
    assert [(own.labels == c).sum() for c in range(3)] == [40, 16, 8]
    assert len(own.files) == len(set(own.keys)) == 64 and (own.bands, own.scale) == (3, None)
    assert state(folder) == before


def test_what_is_left_out_is_said_with_counts(folder):
    shutil.copy(folder / "cats/0.png", folder / "çhiens/same.png")
    shutil.copy(folder / "犬/1.png", folder / "犬/again.png")
    (folder / "cats/empty.jpg").touch()
    for name in ("cats/notes.txt", "cats/.hidden", "loose.png", "cats/line\nbreak.txt"):
        (folder / name).write_text("x")
    (folder / "cats/nothing.png").symlink_to(folder / "gone.png")
    (folder / "cats/circle").symlink_to(folder, target_is_directory=True)
    (folder / "around").symlink_to(folder, target_is_directory=True)
    os.mkfifo(folder / "cats/pipe.jpg")
    (folder / "few").mkdir()
    for i in range(3):
        (folder / f"few/{i}.png").write_bytes(bytes([i]))
    (folder / "none").mkdir()
    own = read_own(folder)
    for said in (
        "1 entry left out, a link in a circle: around.",
        "1 entry left out, in no class: loose.png.",
        "1 entry left out, hidden: cats/.hidden.",
        "1 entry left out, a link to a folder: cats/circle.",
        "1 entry left out, empty: cats/empty.jpg.",
        "2 entries left out, a link to nothing, or no regular file: cats/nothing.png, cats/pipe.jpg.",
        "1 entry left out, without an image: none.",
        "2 images left out, the same picture in several classes: cats/0.png, çhiens/same.png.",
        "1 image left out, a copy of another in its class: 犬/again.png.",
        "3 images left out, of a class with fewer than 4 images: few/0.png, few/1.png, few/2.png.",
    ):
        assert said in own.notes
    (kinds,) = (note for note in own.notes if "without a suffix among .bmp" in note)
    assert kinds.startswith("2 entries") and kinds.endswith(r"cats/line\nbreak.txt, cats/notes.txt.")
    assert own.classes == ("cats", "çhiens", "犬") and len(own.files) == 63


def test_a_note_names_five_files(folder):
    for i in range(9):
        (folder / f"cats/{i}.jpg").touch()
    (note,) = read_own(folder).notes
    assert note.startswith("9 entries left out, empty") and note.count(".jpg") == 5 and note.endswith("...")


def test_two_forms_of_a_name_are_one_class(folder):
    other = folder / unicodedata.normalize("NFD", "çhiens")
    other.mkdir()
    Image.new("RGB", (9, 9)).save(other / "new.png")
    own = read_own(folder)
    assert own.classes == ("cats", "çhiens", "犬") and (own.labels == 1).sum() == 17


def test_a_name_turns_no_line_around(folder):
    (folder / "cats").rename(folder / "\u202ecats")
    assert "\\u202ecats" in read_own(folder).classes


def test_what_may_not_be_opened_is_left_out(folder, monkeypatch):
    def refuse(path, *_, **__):
        if str(path).endswith(os.sep + "7.png"):
            raise PermissionError(13, "Permission denied")
        return open(path, "rb")

    monkeypatch.setattr("lt_lib.lab.bench.reading.open", refuse, raising=False)
    own = read_own(folder)
    assert own.notes == [
        "3 images left out, not to be opened (Permission denied): cats/7.png, çhiens/7.png, 犬/7.png."
    ]


def test_a_folder_that_may_not_be_opened_is_said(folder, monkeypatch):
    walk = os.walk

    def refuse(top, onerror):
        onerror(PermissionError(13, "Permission denied", str(folder / "cats/private")))
        return walk(top)

    monkeypatch.setattr(os, "walk", refuse)
    (note,) = read_own(folder).notes
    assert "a folder not to be opened (Permission denied): cats/private" in note


def test_a_split_of_the_reader_is_kept_and_its_leaks_are_not(folder, tmp_path):
    root = tmp_path / "split"
    shutil.copytree(folder, root / "train")
    shutil.copytree(folder, root / "test")
    (root / "val").mkdir()
    for name in ("cats", "çhiens", "犬"):
        for path in sorted((root / "test" / name).iterdir())[2:]:
            path.write_bytes(path.read_bytes() + b" ")  # another picture
    shutil.copy(root / "test/cats/9.png", root / "test/cats/copy.png")
    own = read_own(root)
    assert own.test.sum() == 64 - 6
    assert own.notes[0] == "1 entry left out, in neither train nor test: val."
    assert own.notes[1].startswith("6 images left out, for the same picture is in training: test/cats/0.png")
    assert own.notes[2].startswith("1 image left out, a copy of another in its class: test/cats/")


def called(root, *names):
    for old, new in zip(("cats", "犬"), names, strict=True):
        (root / old).rename(root / new)


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda root: shutil.rmtree(root), "cannot be read: No such file"),
        (lambda root: shutil.rmtree(root / "犬"), "holds too few folders of classes, 1"),
        (lambda root: [p.unlink() for p in root.glob("c*/*.png")], "at least 4 .* are needed, found 1"),
        (lambda root: called(root, "train", "val"), "call its parts train and test"),
    ],
)
def test_what_cannot_be_compared_is_refused(folder, make, said):
    shutil.rmtree(folder / "çhiens")
    make(folder)
    with pytest.raises(DataError, match=said):
        read_own(folder)


def test_more_classes_than_fit_are_refused(folder, monkeypatch):
    monkeypatch.setattr("lt_lib.lab.bench.reading.MOST", 2)
    with pytest.raises(DataError, match="has 3 classes; at most 2"):
        read_own(folder)


# ---- a table


def table(folder, columns, cells=lambda c, i: [], extra=""):
    """A table of the first eight images of each class."""
    lines = [",".join(("file", "label", *columns))]
    for c, name in enumerate(("cats", "çhiens", "犬")):
        lines += [",".join((f"{name}/{i}.png", f"class {c}", *cells(c, i))) for i in range(8)]
    path = folder / "labels.csv"
    path.write_text("\n".join(lines) + "\n" + extra, encoding="utf-8")
    return path


@pytest.mark.parametrize(
    "change",
    [
        str,
        lambda text: text.replace(",", ";"),
        lambda text: "\ufeff" + text.replace(",", "\t").replace("/", "\\").replace("file\t", "File \t"),
    ],
    ids=("commas", "semicolons", "as of a spreadsheet"),
)
def test_a_table_of_files_and_labels(folder, change):
    path = table(folder, ())
    path.write_text(change(path.read_text(encoding="utf-8")), encoding="utf-8")
    own = read_own(path)
    assert own.classes == ("class 0", "class 1", "class 2") and own.notes == []
    assert [(own.labels == c).sum() for c in range(3)] == [8, 8, 8] and own.root == folder


def test_a_table_may_point_elsewhere(folder):
    (folder / "sub").mkdir()
    path = table(folder, ())
    text = path.read_text(encoding="utf-8").replace("cats/", "../cats/")
    (folder / "sub/labels.csv").write_text(text.replace("犬/", f"{folder}/犬/"), encoding="utf-8")
    own = read_own(folder / "sub/labels.csv")
    assert own.root == folder and own.classes == ("class 0", "class 2") and len(own.files) == 16
    assert "8 rows left out, not there: line 10 (çhiens/0.png), line 11" in own.notes[0]


def test_rows_that_cannot_be_used_are_said_with_their_lines(folder):
    extra = "cats/9.png,\n,x\ncats/99.png,x\ncats/a.txt,x\ncats/9.png,x,y\n\ncats/0\0.png,x\n"
    own = read_own(table(folder, (), extra=extra))
    assert len(own.files) == 24 and own.notes[:3] == [
        "1 row left out, without a label: line 26 (cats/9.png).",
        "1 row left out, without a file: line 27.",
        r"2 rows left out, not there: line 28 (cats/99.png), line 32 (cats/0\x00.png).",
    ]
    assert "without a suffix among" in own.notes[3] and "line 29 (cats/a.txt)" in own.notes[3]
    assert own.notes[4] == "1 row left out, with more cells than columns: line 30 (cats/9.png)."


def test_a_split_column(folder):
    path = table(folder, ("split",), lambda c, i: [("Test", "train", " train", "val")[i % 4]])
    own = read_own(path)
    assert own.test.sum() == 6 and (~own.test).sum() == 12
    assert own.notes[0].startswith(
        "6 rows left out, of a split other than train and test: line 5 (cats/3.png)"
    )


@pytest.mark.parametrize(
    ("text", "groups", "said"),
    [
        (b"", None, "labels.csv is empty"),
        (b"file,lable\n", None, "has no column 'label', but file, lable; did you mean 'lable'"),
        (b"file,label,label\n", None, "has 2 columns 'label'"),
        (b"file,label,patient\n", "pateint", "has no column 'pateint', .* did you mean 'patient'"),
        (b"file,label\na.png,caf\xe9\n", None, "line 2: byte 20 is not UTF-8"),
        (b"file,label\na.png,b\n", None, "no row that can be used. 1 row left out, not there: line 2"),
        (b"file,label,split\ncats/1.png,b,train\n", None, "`split` must hold train and test"),
        (b"file,label\n" + b"x" * 200_000, None, "line 2: field larger than field limit"),
    ],
)
def test_a_table_that_cannot_be_used_is_refused(folder, text, groups, said):
    (folder / "labels.csv").write_bytes(text)
    with pytest.raises(DataError, match=said):
        read_own(folder / "labels.csv", groups=groups)


# ---- groups


def test_groups_of_a_column_are_not_parted(folder):
    path = table(folder, ("Patient",), lambda c, i: ["" if i == 7 else f"p{i % 4}"])
    own = read_own(path, groups="Patient")
    assert len(set(own.groups)) == 4 + 3
    assert own.notes == [
        "3 images without a group, each taken as a group of its own: cats/7.png, çhiens/7.png, 犬/7.png."
    ]
    test = split(own.labels, own.groups)
    assert not set(own.groups[test]) & set(own.groups[~test])
    assert set(own.labels[test]) == set(own.labels[~test]) == {0, 1, 2}


def test_groups_of_folders(folder):
    for name in ("cats", "çhiens", "犬"):
        for i in range(6):
            (folder / name / f"p{i // 2}/deep").mkdir(parents=True, exist_ok=True)
            (folder / name / f"{i}.png").rename(folder / name / f"p{i // 2}/deep/{i}.png")
    own = read_own(folder, groups="folder")
    assert [len(set(own.groups[own.labels == c])) for c in range(3)] == [3 + 34, 3 + 10, 3 + 2]
    assert len(set(own.groups)) == 3 + 34 + 10 + 2  # a patient may be in several classes
    with pytest.raises(DataError, match="no column 'patient': .* has folders: --split folder"):
        read_own(folder, groups="patient")


def test_a_class_of_one_group_is_refused_by_name(folder):
    path = table(folder, ("site",), lambda c, i: ["north" if c == 1 or i % 2 else "south"])
    with pytest.raises(DataError, match="all 8 images of class class 1 lie in one group"):
        read_own(path, groups="site")


def test_a_group_on_both_sides_of_a_given_split_is_refused(folder):
    path = table(folder, ("split", "day"), lambda c, i: ["test" if i < 2 else "train", f"{i % 7}"])
    with pytest.raises(DataError, match="1 of 7 groups are in training and in test, with 3 test images"):
        read_own(path, groups="day")
    assert read_own(path).test.sum() == 6


@pytest.mark.parametrize("seed", range(3))
def test_a_split_by_groups_keeps_the_share_and_the_rare(seed):
    chance = np.random.default_rng(seed)
    labels = np.repeat([0, 1, 2], [400, 60, 6])
    groups = chance.integers(0, 80, len(labels))
    groups[labels == 2] = [80, 80, 80, 81, 81, 81]  # the rare class in two groups
    test = split(labels, groups, seed=seed)
    assert not set(groups[test]) & set(groups[~test]) and abs(test.mean() - 0.25) < 0.03
    assert (test[labels == 2].sum()) == 3
    assert abs(test[labels == 1].mean() - 0.25) < 0.1


def test_groups_that_allow_no_split_are_refused():
    labels, groups = np.repeat([0, 1], [20, 8]), np.repeat([0, 1, 2], [10, 10, 8])
    with pytest.raises(DataError, match="class number 1 would be on one side alone"):
        split(labels, groups)


def test_every_class_is_in_training_and_in_test():
    labels = np.repeat([0, 1, 2], [40, 5, 4])
    test = split(labels)
    assert [test[labels == c].sum() for c in range(3)] == [10, 1, 1] and (split(labels) == test).all()
    assert (split(labels, seed=1) != test).any()


# ---- TFRecord parts


def record(label, level):
    from tfrecord.example_pb2 import Example

    example = Example()
    example.features.feature["label"].int64_list.value.append(label)
    for k in range(1, 12):
        pixels = np.full(65 * 65, level + k, np.uint8)
        pixels[0] = 255 - level
        example.features.feature[f"B{k}"].bytes_list.value.append(pixels.tobytes())
    body = example.SerializeToString()
    size = struct.pack("<Q", len(body))
    return size + TFRecordWriter.masked_crc(size) + body + TFRecordWriter.masked_crc(body)


@pytest.fixture
def parts(tmp_path, lab_env):
    for at, place in enumerate(("train", "val")):
        (tmp_path / "tiles" / place).mkdir(parents=True)
        content = b"".join(record(i % 2, 10 * at + i) for i in range(10))
        (tmp_path / "tiles" / place / "part-0").write_bytes(content + b"cut")
    return tmp_path / "tiles"


def test_tiles_of_parts_are_images_of_eleven_bands(parts):
    before = state(parts)
    own = read_own(parts)
    assert own.classes == ("0", "1") and own.bands == 11 and own.scale.shape == (2, 11)
    assert own.test.sum() == 10 and own.files[0].is_file() and not own.files[0].is_relative_to(parts)
    assert own.notes[0].startswith("20 tiles kept. Left out, cut short: 2 (train/part-0 at byte 4")
    assert own.notes[1].startswith("Images of 11 bands of uint8: each band is scaled to 8 bits from its 2nd")
    assert state(parts) == before and read_own(parts).keys == own.keys


def test_a_damaged_list_of_tiles_is_made_again(parts):
    files = read_own(parts).files
    (index,) = [path for path in files[0].parents[2].rglob("tiles.json")]
    sound = index.read_text()
    for damaged in ('{"tiles": [', "{}", "[" * 100_000, sound.replace("1", "0", 1)):
        index.write_text(damaged)
        assert read_own(parts).files == files and index.read_text() == sound


def test_one_part_is_enough(parts):
    one = parts / "train/one.tfrecord"
    (parts / "train/part-0").rename(one)
    own = read_own(one)
    assert len(own.files) == 10 and own.test is None
    with pytest.raises(DataError, match="neither columns nor folders"):
        read_own(one, groups="folder")


def test_parts_without_a_tile_are_refused(parts):
    (parts / "junk.tfrecord").write_bytes(b"junk")
    with pytest.raises(DataError, match="holds no tile that can be used"):
        read_own(parts / "junk.tfrecord")
