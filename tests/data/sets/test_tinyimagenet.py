"""Tiny ImageNet's strangers from fakes in each form, and the choices of classes behind the printed counts."""

import dataclasses
import io
import json

import numpy as np
import pytest
from faults.damage import tar, zipped
from PIL import Image

from lt_lib import data
from lt_lib.data import DataError, registry
from lt_lib.data.registry import Pin
from lt_lib.data.sets import tinyimagenet as tiny

NAME = "tinyimagenet_ood"


def jpeg(rgb, size=(64, 64)):
    out = io.BytesIO()
    Image.new("RGB", size, rgb).save(out, "JPEG")
    return out.getvalue()


@pytest.fixture(scope="module")
def official():
    """Path -> bytes of a fake of the official archive: wnids are dealt out in turn, one is nobody's."""
    wnids = [*list(tiny.WNIDS)[::-1], "n01443537"]
    files, lines = {}, []
    for number in range(50 * len(wnids)):
        wnid, name = wnids[number % len(wnids)], f"val_{number}.JPEG"
        files[f"tiny-imagenet-200/val/images/{name}"] = jpeg((number % 250, number // 5, 90))
        lines.append(f"{name}\t{wnid}\t0\t0\t62\t62\n")
    files["tiny-imagenet-200/val/val_annotations.txt"] = "".join(lines).encode()
    files["tiny-imagenet-200/train/n01443537/images/n01443537_0.JPEG"] = b"not read"
    return files


@pytest.fixture(scope="module")
def repacked(official):
    """The same images as class/wnid/val_N.JPEG."""
    files = {}
    for line in official["tiny-imagenet-200/val/val_annotations.txt"].decode().splitlines():
        name, wnid = line.split()[:2]
        if wnid in tiny.WNIDS:
            content = official[f"tiny-imagenet-200/val/images/{name}"]
            files[f"{tiny.WNIDS[wnid][0]}/{wnid}/{name}"] = content
    return files


@pytest.fixture(scope="module")
def expected(repacked):
    """The images in the order of the wnids and of the numbers."""
    ranked = sorted(
        repacked, key=lambda p: (list(tiny.WNIDS).index(p.split("/")[1]), int(p[:-5].split("_")[1]))
    )
    return np.stack([np.asarray(Image.open(io.BytesIO(repacked[path]))) for path in ranked])


@pytest.fixture
def fake(monkeypatch, expected):
    entry = registry.data_sets()[NAME]
    monkeypatch.setitem(
        registry.data_sets(), NAME, dataclasses.replace(entry, pins=(Pin(tiny._arrays(expected).digest()),))
    )


def unpack(folder, files):
    for path, content in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content)
    return folder


def prepared(folder, images):
    folder.mkdir()
    np.save(folder / "x.npy", images)
    np.save(folder / "wnid.npy", tiny.wnids())
    (folder / "names.json").write_text(json.dumps({"classes": ["automobile"]}))
    return folder


def place(form, tmp_path, official, repacked, expected):
    source = tmp_path / "source"
    if form in ("parent", "val"):
        unpack(source, official)
        return source / "tiny-imagenet-200/val" if form == "val" else source
    if form == "zip":
        (tmp_path / "tiny-imagenet-200.zip").write_bytes(zipped(official))
        return tmp_path / "tiny-imagenet-200.zip"
    if form == "tar":
        (tmp_path / "tiny.tar.xz").write_bytes(tar(repacked, "w:xz"))
        return tmp_path / "tiny.tar.xz"
    return prepared(source, expected)


@pytest.mark.parametrize("form", ["parent", "val", "zip", "tar", "arrays"])
def test_every_form_is_taken(fake, tmp_path, official, repacked, expected, form):
    images = data.add(NAME, place(form, tmp_path, official, repacked, expected), tmp_path / "store")
    assert data.verify(NAME, tmp_path / "store").state == "ready" and images.variant == ""
    assert images.splits == {"test": (643, 64, 64, 3), "all": (950, 64, 64, 3)}
    assert np.array_equal(images.images("all"), expected)
    chosen = tiny.rows(tiny.choices()[0])
    assert np.array_equal(images.images("test"), expected[chosen])
    assert np.array_equal(images.labels("test"), images.labels("all")[chosen])


def test_labels_are_those_of_cifar10(expected):
    labels = tiny._arrays(expected).splits["all"][1]
    cifar = registry.data_sets()["cifar10"].classes
    assert [cifar[k] for k in labels] == [tiny.WNIDS[wnid][0] for wnid in tiny.wnids()]
    assert sorted(set(labels)) == [1, 2, 3, 5, 6] and registry.data_sets()[NAME].classes == cifar


def test_eight_choices_have_the_printed_counts():
    found = tiny.choices()
    assert len(found) == len(set(found)) == 8
    for choice in found:
        classes = [tiny.WNIDS[wnid][0] for wnid in tiny.wnids()[tiny.rows(choice)]]
        assert {name: classes.count(name) for name in tiny.PRINTED} == tiny.PRINTED
    varied = set.union(*map(set, found)) - set.intersection(*map(set, found))
    names = {tiny.WNIDS[wnid][1] for wnid in varied}
    assert names == {"sports car", "convertible", "king penguin", "albatross", "tabby", "Egyptian cat"}


def test_the_source_names_the_folders_that_were_chosen():
    named, rest = registry.data_sets()[NAME].source.split(" (test)")
    assert all(wnid in named for wnid in tiny.choices()[0])
    assert all((wnid in named) != (wnid in rest) for wnid in tiny.WNIDS)


def test_downscaling_by_name(expected):
    image = np.zeros((1, 64, 64, 3), np.uint8)
    image[0, 0, 0], image[0, 2:4, 2:4] = 255, 200
    small = tiny.to_cifar(image)
    assert small.shape == (1, 32, 32, 3) and small.dtype == np.uint8
    assert (
        small[0, 0, 0].tolist() == [64] * 3
        and small[0, 1, 1].tolist() == [200] * 3
        and small.sum() == 264 * 3
    )
    noise = np.random.default_rng(0).integers(0, 256, (2, 64, 64, 3), np.uint8)
    bicubic = Image.fromarray(noise[1]).resize((32, 32), Image.Resampling.BICUBIC)
    assert np.array_equal(tiny.to_cifar(noise, "bicubic")[1], bicubic)
    assert not np.array_equal(tiny.to_cifar(noise), tiny.to_cifar(noise, "bicubic"))
    with pytest.raises(DataError, match="by area or bicubic, not by 'nearest'"):
        tiny.to_cifar(noise, "nearest")


LIST = "tiny-imagenet-200/val/val_annotations.txt"
ANY = "tiny-imagenet-200/val/images/val_0.JPEG"


def one_less(files):
    """The list without its first line, a tailed frog."""
    return files[LIST].split(b"\n", 1)[1]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda f: f.update({ANY: f[ANY][:200]}), "val_0.JPEG is no whole JPEG image"),
        (lambda f: f.update({ANY: b"GIF89a"}), "val_0.JPEG is no whole JPEG image"),
        (
            lambda f: f.update({ANY: jpeg((1, 2, 3), (64, 60))}),
            "val_0.JPEG is an image of 64x60, expected 64x64",
        ),
        (
            lambda f: f.update({ANY: jpeg((1, 2, 3))}),
            "is not tinyimagenet_ood: its content has no known digest",
        ),
        (lambda f: f.pop(ANY), "val_0.JPEG is missing, one of 1 images that .*val_annotations.txt names"),
        (
            lambda f: f.update({LIST: one_less(f)}),
            r"has 49 validation images of tailed frog \(n01644900\), expected 50",
        ),
        (
            lambda f: f.update({LIST: b"val_0.JPEG\n"}),
            "line 1 of .*val_annotations.txt is no file name and wnid",
        ),
        (lambda f: f.pop(LIST), "holds no data set that is known here"),
    ],
)
def test_what_is_wrong_is_one_error(fake, tmp_path, official, change, message):
    files = dict(official)
    change(files)
    source = place("zip", tmp_path, files, None, None)
    with pytest.raises(DataError, match=message) as caught:
        data.add(NAME, source, tmp_path / "store")
    assert "\n" not in str(caught.value) and not (tmp_path / "store" / NAME).exists()


def test_a_broken_zip_and_a_wrong_folder_of_arrays(fake, tmp_path, official, expected):
    path = tmp_path / "tiny-imagenet-200.zip"
    content = bytearray(zipped(official))
    at = content.index(b"val_0.JPEG") + 300
    content[at : at + 8] = bytes(8)
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"(tiny-imagenet-200.zip cannot be read|val_0.JPEG)"):
        data.add(NAME, path, tmp_path / "store")
    path.write_bytes(zipped({"abc": b""}).replace(b"abc", b"\0bc"))  # a member without a name
    with pytest.raises(DataError, match="holds no data set that is known here"):
        data.add(NAME, path, tmp_path / "store")
    path.write_bytes(content[:5000])
    with pytest.raises(DataError, match="holds no data set that is known here"):
        data.add(NAME, path, tmp_path / "store")
    folder = prepared(tmp_path / "arrays", expected)
    np.save(folder / "wnid.npy", tiny.wnids()[::-1])
    with pytest.raises(DataError, match="other images than prepare.py makes"):
        data.add(NAME, folder, tmp_path / "store")


def test_missing_is_one_error_that_names_the_download(tmp_path):
    with pytest.raises(DataError, match="lt data download tinyimagenet_ood.*tiny-imagenet-200.zip"):
        data.load(NAME, tmp_path / "store")
