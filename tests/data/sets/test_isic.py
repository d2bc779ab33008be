"""ISIC 2017 from fakes of its official files: labels by id, whole images, one clear error for the rest."""

import dataclasses
import io

import numpy as np
import pytest
from faults.damage import zipped
from helpers import pin
from PIL import Image

from lt_lib import data
from lt_lib.data import DataError, registry
from lt_lib.data.sets import isic

LABELS = {"train": (0, 1, 0, 2), "val": (1, 0), "test": (2, 0, 1)}
SIZES = ((64, 48), (48, 64), (70, 70), (1400, 1050))  # width, height


def jpeg(rgb, size):
    out = io.BytesIO()
    Image.new("RGB", size, rgb).save(out, "JPEG")
    return out.getvalue()


def official():
    """File name -> content, of a folder; what is in an archive is a dict."""
    files, number = {}, 0
    for split, labels in LABELS.items():
        images, lines = {}, []
        for label in labels:
            name = f"ISIC_{9 - number:07d}"
            images[f"{name}.jpg"] = jpeg((20 * number, 100, 60 * label), SIZES[number % 4])
            images[f"{name}_superpixels.png"] = b"not read"
            lines.append(f"{name},{float(label == 1)},{float(label == 2)}\n")
            number += 1
        stem, table = isic.PARTS[split]
        files[stem] = images
        files[table] = "image_id,melanoma,seborrheic_keratosis\n" + "".join(lines)
    return files


def lay(folder, files, zips):
    """Lay the files out, the images as archives or as folders."""
    folder.mkdir()
    for name, content in files.items():
        if isinstance(content, str):
            (folder / name).write_text(content)
        elif zips:
            (folder / f"{name}.zip").write_bytes(zipped({f"{name}/{path}": c for path, c in content.items()}))
        else:
            (folder / name).mkdir()
            for path, each in content.items():
                (folder / name / path).write_bytes(each)
    return folder


@pytest.fixture
def fake(monkeypatch):
    entry = registry.data_sets()["isic2017"]
    counts = {split: tuple(np.bincount(labels, minlength=3)) for split, labels in LABELS.items()}
    small = {split: len(labels) for split, labels in LABELS.items()}
    entry = dataclasses.replace(entry, splits=small, class_counts=counts)
    monkeypatch.setitem(registry.data_sets(), "isic2017", entry)
    return entry


@pytest.mark.parametrize("zips", [True, False])
def test_the_official_release(fake, tmp_path, zips):
    images = data.add("isic2017", lay(tmp_path / "source", official(), zips), tmp_path / "store")
    assert data.verify("isic2017", tmp_path / "store").variant == "whole images resized to 256x256"
    assert images.classes == ("nevus", "melanoma", "seborrheic keratosis")
    for split, labels in LABELS.items():
        assert images.labels(split).tolist() == list(labels)[::-1]  # by id, which falls in the fake
        pixels = images.images(split)
        assert pixels.shape == (len(labels), 256, 256, 3)
        blue = pixels[:, [0, 128, 255], [0, 128, 255], 2].astype(int)
        assert (abs(blue - 60 * images.labels(split)[:, None]) < 6).all()


def test_an_image_is_resized_as_a_whole(tmp_path):
    """Its left third is red and its aspect 2 to 1: a third of every row is, whatever was cut elsewhere."""
    image = Image.new("RGB", (1200, 600), (0, 0, 200))
    image.paste((200, 0, 0), (0, 0, 400, 600))
    out = io.BytesIO()
    image.save(out, "JPEG", quality=95)
    pixels = isic.read_jpeg(out.getvalue(), "image", 256).astype(int)
    assert pixels.shape == (256, 256, 3)
    red = pixels[..., 0] > pixels[..., 2]
    assert (abs(red.sum(1) - 256 / 3) < 2).all()


def test_the_prepared_copy_is_pinned_and_has_a_variant(fake, monkeypatch, tmp_path):
    rng = np.random.default_rng(0)
    splits = {
        split: (rng.integers(0, 256, (len(labels), 256, 256, 3), np.uint8), np.array(labels))
        for split, labels in LABELS.items()
    }
    pinned = dataclasses.replace(pin(splits), variant="a copy")
    monkeypatch.setitem(registry.data_sets(), "isic2017", dataclasses.replace(fake, pins=(pinned,)))
    folder = tmp_path / "out" / "isic2017"
    folder.mkdir(parents=True)
    for split, (x, y) in splits.items():
        np.save(folder / f"x_{split}.npy", x)
        np.save(folder / f"y_{split}.npy", y.astype(np.uint8))
    images = data.add("isic2017", folder.parent, tmp_path / "store")
    assert images.variant == "a copy" and images.splits["val"] == (2, 256, 256, 3)
    assert data.verify("isic2017", tmp_path / "store").state == "ready"
    np.save(folder / "y_test.npy", np.array([0, 2, 1]))
    with pytest.raises(DataError, match="test images are right, but their labels are not"):
        data.add("isic2017", folder, tmp_path / "store")
    np.save(folder / "y_test.npy", np.array([0, 0, 1]))
    with pytest.raises(DataError, match="mislabelled: 2 classes .* such as nevus with 2, expected 1"):
        data.add("isic2017", folder, tmp_path / "store")
    (folder / "x_val.npy").unlink()
    with pytest.raises(DataError, match="x_val.npy is missing"):
        data.add("isic2017", folder, tmp_path / "store")


TRAIN, TABLE = isic.PARTS["train"]
FIRST = "ISIC_0000009"


def edit(old, new):
    return lambda files: files.update({TABLE: files[TABLE].replace(old, new)})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda f: f.pop(TRAIN),
            f"has no {TRAIN}.zip .or the folder {TRAIN}.*lt data add isic2017 --from FOLDER",
        ),
        (lambda f: f.pop(TABLE), f"has no {TABLE}.*challenge.isic-archive.com"),
        (lambda f: f.clear(), f"has no {TRAIN}.zip"),
        (edit("seborrheic_keratosis", "keratosis"), f"{TABLE} has no column 'seborrheic_keratosis'"),
        (edit(f"{FIRST},0.0,0.0\n", ""), f"{TABLE} lists 3 images, expected 4"),
        (edit(f"{FIRST},0.0,0.0", f"{FIRST},1.0,1.0"), "line 2 of .* has no label"),
        (edit(f"{FIRST},0.0,0.0", f"{FIRST},0.0"), "line 2 of .* has no label"),
        (edit(f"{FIRST},0.0", f"{FIRST},maybe"), "line 2 of .* has no label"),
        (edit(f"{FIRST},0.0,0.0", f"{FIRST},0.0,1.0"), "mislabelled: 2 classes have a wrong number"),
        (lambda f: f[TRAIN].pop(f"{FIRST}.jpg"), f"{TRAIN}.* lacks 1 of 4 images: {FIRST}"),
        (lambda f: f[TRAIN].update({f"{FIRST}.jpg": b"JFIF"}), f"{FIRST}.jpg is no whole JPEG image"),
        (
            lambda f: f[TRAIN].update({f"{FIRST}.jpg": f[TRAIN][f"{FIRST}.jpg"][:-40]}),
            f"{FIRST}.jpg is no whole JPEG image",
        ),
    ],
)
@pytest.mark.parametrize("zips", [True, False])
def test_what_is_wrong_is_one_error(fake, tmp_path, zips, change, message):
    files = official()
    change(files)
    with pytest.raises(DataError, match=message) as caught:
        data.add("isic2017", lay(tmp_path / "source", files, zips), tmp_path / "store")
    assert "\n" not in str(caught.value) and not (tmp_path / "store" / "isic2017").exists()


def test_a_broken_archive_and_a_file(fake, tmp_path):
    folder = lay(tmp_path / "source", official(), True)
    archive = folder / f"{TRAIN}.zip"
    archive.write_bytes(archive.read_bytes()[:-30])
    with pytest.raises(DataError, match=f"{TRAIN}.zip cannot be read"):
        data.add("isic2017", folder, tmp_path / "store")
    with pytest.raises(DataError, match="lt data add isic2017"):
        data.add("isic2017", archive, tmp_path / "store")


def test_missing_is_one_error_that_names_the_command(tmp_path):
    with pytest.raises(DataError, match="lt data add isic2017 --from FOLDER.*challenge.isic-archive.com"):
        data.load("isic2017", tmp_path)
    with pytest.raises(
        DataError, match="isic2017 has no official address to download it from. Run `lt data add"
    ):
        data.download("isic2017", tmp_path)


def test_melanoma_or_not():
    assert isic.is_melanoma(np.array([0, 1, 2, 1])).tolist() == [0, 1, 0, 1]
    entry = registry.data_sets()["isic2017"]
    assert [isic.is_melanoma(np.repeat(range(3), n)).sum() for n in entry.class_counts.values()] == [
        374,
        30,
        117,
    ]
    assert {split: sum(each) for split, each in entry.class_counts.items()} == entry.splits
