"""Folders of images and of arrays: odd ones are read, left out with a word, or refused; never in silence."""

import base64
import io
import os
import struct
import zlib

import numpy as np
import pytest
import rasterio
from faults.damage import with_checksums
from PIL import EpsImagePlugin, Image, features
from typer.testing import CliRunner

from lt_lib.cli import app
from lt_lib.data import DataError
from lt_lib.data import image_folder as trees

RGB = np.random.default_rng(0).integers(0, 256, (16, 16, 3), dtype=np.uint8)


@pytest.fixture
def tree(tmp_path):
    """Two classes, an image of each in either split."""
    for i, place in enumerate(("train/cat", "train/dog", "test/cat", "test/dog")):
        (tmp_path / "pets" / place).mkdir(parents=True)
        Image.fromarray(np.roll(RGB, i, 0)).save(tmp_path / "pets" / place / "0.png")
    return tmp_path / "pets"


def read(tree):
    """The last image of the first training class, and the notes."""
    arrays = trees.read_images(tree, 16, progress=False)
    images, labels = arrays.splits["train"]
    return images[labels == 0][-1], arrays.extra.get("notes", [])


def exif(*entries):
    """An EXIF block of (tag, type, bytes of the value, their count)."""
    block, after = b"II*\0" + struct.pack("<IH", 8, len(entries)), b""
    start = 8 + 2 + 12 * len(entries) + 4
    for tag, kind, value, count in entries:
        place = value.ljust(4, b"\0") if len(value) <= 4 else struct.pack("<I", start + len(after))
        block += struct.pack("<HHI", tag, kind, count) + place
        after += value if len(value) > 4 else b""
    return b"Exif\0\0" + block + struct.pack("<I", 0) + after


SHORT, ASCII = 3, 2
TURNED = (0x0112, SHORT, struct.pack("<H", 6), 1)


def test_a_clean_tree_needs_no_note(tree):
    Image.fromarray(RGB).save(tree / "train/cat/1.png", exif=exif(TURNED))
    image, notes = read(tree)
    assert np.array_equal(image, np.rot90(RGB, -1)) and not notes


@pytest.mark.parametrize(
    ("block", "turns"),
    [
        (exif((0x0100, ASCII, b"a width\0", 8), TURNED), -1),
        (exif(TURNED, (0x011A, ASCII, b"72 dpi\0", 7)), -1),
        (exif((0x0112, ASCII, b"6\0", 2)), 0),
        (exif((0x0112, SHORT, struct.pack("<H", 77), 1)), 0),
        (b"Exif\0\0no such thing", 0),
    ],
    ids=("width", "resolution", "orientation is text", "orientation 77", "no EXIF"),
)
def test_odd_exif_is_ignored_and_counted(tree, block, turns):
    Image.fromarray(RGB).save(tree / "train/cat/1.png", exif=block)
    image, notes = read(tree)
    assert np.array_equal(image, np.rot90(RGB, turns))
    assert notes == ["1 image with EXIF data of an odd type, which were ignored: train/cat/1.png."]


def spoil(path, kind):
    Image.fromarray(np.tile(RGB, (4, 4, 1))).save(path, kind)
    content = path.read_bytes()
    start = content.index(b"IDAT" if kind == "PNG" else b"mdat") + 4
    path.write_bytes(content[:start] + bytes(len(content) - start))


@pytest.mark.parametrize("kind", ["PNG", "AVIF", "text", "pipe", "link"])
def test_unreadable_files_are_left_out_and_named(tree, kind):
    path = tree / "train/cat/1.jpg"
    if kind == "text":
        path.write_text("no image")
    elif kind == "pipe":
        os.mkfifo(path)
    elif kind == "link":
        path.symlink_to(tree / "nothing")
    elif not features.check("avif") and kind == "AVIF":
        pytest.skip("Pillow without AVIF")
    else:
        spoil(path, kind)
    image, notes = read(tree)
    assert np.array_equal(image, RGB) and len(notes) == 1
    assert notes[0].startswith("1 image left out, unreadable: train/cat/1.jpg (")


def test_whatever_a_decoder_raises(tree, monkeypatch):
    def fail(*_, **__):
        raise RuntimeError("decoder")

    monkeypatch.setattr(Image.Image, "convert", fail)
    with pytest.raises(DataError, match=r"train/cat holds no image that can be read: .*0.png \(decoder\)"):
        read(tree)


def test_many_notes_name_the_first_few(tree):
    for i in range(1, 9):
        (tree / f"train/cat/{i}.jpg").write_text("no image")
    (note,) = read(tree)[1]
    assert note.startswith("8 images left out") and note.count(".jpg (") == 5 and note.endswith(", ....")


def test_other_kinds_are_counted_and_jfif_is_read(tree, monkeypatch, tmp_path):
    for name in ("a.heic", "b.HEIC", "c.txt", "LICENCE", ".hidden.png"):
        (tree / "train/cat" / name).write_bytes(b"x")
    (tree / "train/cat/more").mkdir()
    (tree / "val").mkdir()
    (tree / "train/stray.svg").write_bytes(b"x")
    Image.fromarray(RGB).save(tree / "train/cat/w.jfif", "JPEG")
    Image.fromarray(RGB).save(tree / "train/cat/x.jpe", "JPEG")
    monkeypatch.setenv("LT_DATA", str(tmp_path / "store"))
    done = CliRunner().invoke(app, ["data", "add", "pets", "--from", str(tree), "--size", "16"])
    assert done.exit_code == 0 and len(trees.read_images(tree, 16, False).splits["train"][0]) == 4
    said = done.output.split("Left out, ")[1]
    for part in (
        *("2 .heic", "1 .txt", "1 .svg", "1 without a suffix", "1 hidden"),
        *("1 folder within a class", "1 folder val"),
    ):
        assert part in said
    for path in (tree / "test/cat").iterdir():
        path.rename(path.with_suffix(".heic"))
    with pytest.raises(DataError, match=r"test/cat holds no image .* but 1 \.heic"):
        read(tree)


def test_two_unicode_forms_of_a_name_are_one_class(tree):
    (tree / "train/cat").rename(tree / "train/caf\u00e9")
    (tree / "test/cat").rename(tree / "test/cafe\u0301")
    (tree / "train/cafe\u0301").mkdir()
    Image.fromarray(RGB).save(tree / "train/cafe\u0301/1.png")
    arrays = trees.read_images(tree, 16, progress=False)
    assert arrays.classes == ("caf\u00e9", "dog") and arrays.splits["train"][1].tolist() == [0, 0, 1]
    (tree / "train/owl").mkdir()
    with pytest.raises(DataError, match="test/owl is missing"):
        read(tree)


def test_a_name_that_is_no_utf8_can_be_printed(tree):
    for split in trees.SPLITS:
        os.rename(os.fsencode(tree / split / "cat"), os.fsencode(tree / split) + b"/caf\xe9")
    assert trees.read_images(tree, 16, progress=False).classes == ("caf\\udce9", "dog")


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P"])
def test_transparent_pixels_are_white(tree, mode):
    alpha = np.full((16, 16), 255, np.uint8)
    alpha[:8], alpha[8] = 0, 51
    layer = Image.fromarray(np.dstack([RGB, alpha]))
    grey = np.asarray(layer.convert("LA"))
    path = tree / "train/cat/1.png"
    if mode == "P":
        plain = Image.fromarray(RGB[..., 0] // 2 * 2 + 1).quantize(16)
        plain.save(path, transparency=int(np.asarray(plain)[0, 0]))
        colours, hidden = np.asarray(plain.convert("RGB")), np.asarray(plain) == np.asarray(plain)[0, 0]
        expected = np.where(hidden[..., None], 255, colours)
    else:
        layer.convert(mode).save(path)
        colours = RGB if mode == "RGBA" else np.repeat(grey[..., :1], 3, 2)
        share = alpha[..., None] / 255
        expected = share * colours + (1 - share) * 255
    image, notes = read(tree)
    assert np.abs(image - expected).max() <= 1
    assert notes == ["1 image with transparent pixels, which were laid on white: train/cat/1.png."]


def test_an_opaque_alpha_keeps_the_pixels(tree):
    Image.fromarray(np.dstack([RGB, np.full((16, 16), 255, np.uint8)])).save(tree / "train/cat/1.png")
    image, notes = read(tree)
    assert np.array_equal(image, RGB) and not notes


def test_the_first_of_several_frames_is_taken_and_said(tree):
    frames = [Image.fromarray(RGB), Image.fromarray(255 - RGB)]
    frames[0].save(tree / "train/cat/1.tif", save_all=True, append_images=frames[1:])
    image, notes = read(tree)
    assert np.array_equal(image, RGB)
    assert notes == ["1 image of several frames, of which the first was taken: train/cat/1.tif."]


def deep_png(path, colour, channels):
    def chunk(kind, content):
        crc = struct.pack(">I", zlib.crc32(kind + content))
        return struct.pack(">I", len(content)) + kind + content + crc

    rows = b"".join(b"\0" + bytes(2 * channels * 16) for _ in range(16))
    header = struct.pack(">IIBBBBB", 16, 16, 16, colour, 0, 0, 0)
    chunks = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunks)


def deep_tiff(path):
    shape = {"width": 16, "height": 16, "count": 3, "dtype": "uint16"}
    with rasterio.open(path, "w", driver="GTiff", photometric="RGB", **shape) as file:
        file.write(np.zeros((3, 16, 16), np.uint16))


# encoded once by libavif and OpenJPEG, which no package here brings with their options
AVIF = (
    "AAAAHGZ0eXBhdmlmAAAAAGF2aWZtaWYxbWlhZgAAAOttZXRhAAAAAAAAACFoZGxyAAAAAAAAAABwaWN0AAAAAAAAAAAAAAAAAAAAAA5waXRt"
    "AAAAAAABAAAAHmlsb2MAAAAARAAAAQABAAAAAQAAAQ8AAAAjAAAAKGlpbmYAAAAAAAEAAAAaaW5mZQIAAAAAAQAAYXYwMUNvbG9yAAAAAGpp"
    "cHJwAAAAS2lwY28AAAAUaXNwZQAAAAAAAAAEAAAABAAAABBwaXhpAAAAAAMMDAwAAAAMYXYxQ4FAYAAAAAATY29scm5jbHgAAgACAAaAAAAA"
    "F2lwbWEAAAAAAAAAAQABBAECgwQAAAArbWRhdBIACghYBH2tAgIGiDIVHEJi5OAAFggAxbIeceldF5ZwcL1A"
)
JPEG2000 = (
    "AAAADGpQICANCocKAAAAFGZ0eXBqcDIgAAAAAGpwMiAAAAAtanAyaAAAABZpaGRyAAAABAAAAAQAAw8HAAAAAAAPY29scgEAAAAAABAAAADB"
    "anAyY/9P/1EALwAAAAAABAAAAAQAAAAAAAAAAAAAAAQAAAAEAAAAAAAAAAAAAw8BAQ8BAQ8BAf9SAAwAAAABAQAEBAAB/1wABECA/2QAJQAB"
    "Q3JlYXRlZCBieSBPcGVuSlBFRyB2ZXJzaW9uIDIuNS40/5AACgAAAAAASQAB/5PP/DBoEYPLBOHYUinqGt+jgjHxu21zHU+JYN8m5UHA/kLA"
    "FABSaeaF0g3jJH/A/kKAEVBKZt2y2uFyD//Z"
)


@pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
@pytest.mark.parametrize(
    ("name", "save"),
    [
        ("rgb.png", lambda path: deep_png(path, 2, 3)),
        ("rgba.png", lambda path: deep_png(path, 6, 4)),
        ("la.png", lambda path: deep_png(path, 4, 2)),
        ("grey.png", lambda path: deep_png(path, 0, 1)),
        ("rgb.tif", deep_tiff),
        ("rgb.ppm", lambda path: path.write_bytes(b"P6 16 16 65535\n" + bytes(6 * 256))),
        ("avif.jpg", lambda path: path.write_bytes(base64.b64decode(AVIF))),
        ("jpeg2000.jpg", lambda path: path.write_bytes(base64.b64decode(JPEG2000))),
    ],
)
def test_more_than_eight_bits_are_refused(tree, name, save):
    save(tree / "train/cat" / name)
    with pytest.raises(DataError, match=f"cat/{name} cannot be used: .*more than 8 bits a channel. Scale it"):
        read(tree)


@pytest.mark.parametrize("kind", ["AVIF", "JPEG2000", "TIFF", "WEBP", "BMP", "PPM", "GIF", "PNG"])
def test_eight_bits_under_another_name_are_read(tree, kind):
    Image.fromarray(RGB).save(tree / "train/cat/1.jpg", kind)
    image, notes = read(tree)
    assert np.abs(image.astype(int) - RGB).mean() < 60 and not notes


def test_a_format_that_is_a_program_is_left_out(tree, monkeypatch):
    """PostScript, for which Pillow would start Ghostscript."""
    monkeypatch.setattr(EpsImagePlugin, "Ghostscript", lambda *_: pytest.fail("started"))
    Image.fromarray(RGB).save(tree / "train/cat/1.jpg", "EPS")
    image, notes = read(tree)
    assert np.array_equal(image, RGB) and "1 image left out, unreadable: train/cat/1.jpg" in notes[0]


def test_a_warning_of_the_decoder_is_a_note_for_each_image(tree, monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 200)
    (note,) = read(tree)[1]
    assert note.startswith("4 images of which Pillow warns, but which could be read: train/cat/0.png, ")


def encoded(kind, mode="RGB", **options):
    image, content = Image.fromarray(np.tile(RGB, (2, 3, 1))).convert(mode), io.BytesIO()
    image.save(content, kind, **options)
    return content.getvalue()


def huge(kind):
    """A small file that says it is 60,000 pixels wide and high."""
    size = 60_000
    if kind == "PNG":
        content = encoded("PNG")
        return with_checksums(content[:16] + struct.pack(">II", size, size) + content[24:])
    if kind == "GIF":
        return encoded("GIF")[:6] + struct.pack("<HH", size, size) + encoded("GIF")[10:]
    if kind == "BMP":
        return encoded("BMP")[:18] + struct.pack("<ii", size, size) + encoded("BMP")[26:]
    return b"P6 60000 60000 255\n"


@pytest.mark.parametrize("kind", ["PNG", "GIF", "BMP", "PPM"])
def test_a_small_file_of_a_huge_image_is_left_out(tree, kind):
    (tree / "train/cat/1.png").write_bytes(huge(kind))
    image, notes = read(tree)
    assert np.array_equal(image, RGB) and "train/cat/1.png (Image size (3600000000 pixels)" in notes[0]


# arrays


def save(folder, **changed):
    """x and y of both splits, some of them other than usual."""
    usual = {f"x_{s}": np.zeros((6, 8, 8, 3), np.uint8) for s in trees.SPLITS}
    usual |= {f"y_{s}": np.arange(6) % 2 for s in trees.SPLITS}
    for name, array in (usual | changed).items():
        np.save(folder / f"{name}.npy", array)
    return folder


def images(*shape):
    return np.zeros((6, *shape), np.uint8)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"x_test": images(7, 7, 3)}, "differ: 8x8x3 of train and 7x7x3 of test. Bring both"),
        ({"x_test": images(8, 8, 1)}, "differ"),
        ({"x_train": images(3, 32, 32)}, r"x_train.npy has shape \(6, 3, 32, 32\).*np.moveaxis"),
        ({"x_train": images(1, 28, 28)}, "channels seem to come first"),
        ({"x_test": images(11, 65, 48)}, "x_test.npy.*11 x 65 pixels in 48 channels"),
        ({"y_train": np.array([0, 1, 0, 1, 0, 20_000_000])}, "go up to 20000000, but only 3 .*np.unique"),
        ({"y_test": np.full(6, 2**63 + 1, np.uint64)}, "look like codes"),
        ({"train_from_jpeg": np.zeros(2, "<M8[s]")}, "train_from_jpeg.npy holds datetime64.*whole numbers"),
        ({"test_from_jpeg": np.zeros((2, 2), int)}, r"test_from_jpeg.npy holds int64 of shape \(2, 2\)"),
    ],
)
def test_arrays_that_do_not_fit(tmp_path, changed, message):
    with pytest.raises(DataError, match=message):
        trees.read_npy(save(tmp_path, **changed), None)


@pytest.mark.parametrize("shape", [(9, 9, 200), (1, 1, 11), (1, 100, 6), (3, 32, 2), (8, 8, 8)])
def test_odd_shapes_that_are_images(tmp_path, shape):
    arrays = trees.read_npy(save(tmp_path, x_train=images(*shape), x_test=images(*shape)), None)
    assert arrays.splits["test"][0].shape == (6, *shape) and not arrays.extra


def test_labels_from_one_on_leave_a_class_empty_and_it_is_said(tmp_path):
    arrays = trees.read_npy(save(tmp_path, y_train=np.arange(6) % 2 + 1, y_test=np.ones(6, int)), None)
    assert arrays.extra["notes"] == ["1 of 3 classes without an image: 0."]


def test_half_a_character_names_no_class(tmp_path):
    (save(tmp_path) / "names.json").write_text('["a", "\\ud800"]')
    with pytest.raises(DataError, match="names.json cannot be read: a name holds half a character"):
        trees.read_npy(tmp_path, None)


@pytest.mark.parametrize("name", ["x_train", "y_test"])
def test_an_archive_named_npy(tmp_path, name):
    save(tmp_path)
    with open(tmp_path / f"{name}.npy", "wb") as file:
        np.savez(file, images=RGB)
    with pytest.raises(DataError, match=rf"{name}.npy is an .npz archive \(of images\).*np.save"):
        trees.read_npy(tmp_path, None)
    (tmp_path / f"{name}.npy").write_bytes(b"PK\3\4" + bytes(50))
    with pytest.raises(DataError, match=f"{name}.npy cannot be read"):
        trees.read_npy(tmp_path, None)
