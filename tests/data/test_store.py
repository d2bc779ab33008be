"""The store: made once, noticed when damaged, never half there; one clear error where the disk refuses."""

import dataclasses
import errno
import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from lt_lib import data
from lt_lib.data import DataError, folder, registry, store
from lt_lib.data import image_folder as trees
from lt_lib.data.sets import digits as embedded
from lt_lib.errors import LtError


@pytest.fixture
def tiny(monkeypatch, tmp_path):
    """A store in which digits10 is small: 40 train and 20 test images."""
    recipe = dataclasses.replace(embedded.RECIPES["digits10"], train=4, test=2)
    monkeypatch.setitem(embedded.RECIPES, "digits10", recipe)
    pin = registry.Pin(embedded.make("digits10").digest())
    entry = dataclasses.replace(
        registry.data_sets()["digits10"], splits={"train": 40, "test": 20}, pins=(pin,)
    )
    monkeypatch.setitem(registry.data_sets(), "digits10", entry)
    return tmp_path / "store"


@pytest.fixture
def birds(tmp_path):
    """A folder of own images, some not square, one grey."""
    rng = np.random.default_rng(0)
    for split, count in (("train", 4), ("test", 2)):
        for name in ("wren", "robin"):
            place = tmp_path / "birds" / split / name
            place.mkdir(parents=True)
            for i in range(count):
                Image.fromarray(rng.integers(0, 256, (40, 32 + 8 * i, 3), dtype=np.uint8)).save(
                    place / f"{i}.png"
                )
    Image.fromarray(rng.integers(0, 256, (32, 32), dtype=np.uint8)).save(
        tmp_path / "birds/train/wren/grey.png"
    )
    return tmp_path / "birds"


def row(name, root):
    return next(row for row in data.listing(root) if row.name == name)


def test_import_is_light():
    code = "import sys, lt_lib.data; print({'torch', 'sklearn', 'PIL', 'tqdm', 'pandas'} & set(sys.modules))"
    out = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).parents[2],
    )
    assert out.stdout.strip() == "set()"


def test_root_is_argument_then_environment_then_cache(monkeypatch, tmp_path):
    assert data.store_root(tmp_path) == tmp_path
    monkeypatch.setenv("LT_DATA", str(tmp_path / "x"))
    assert data.store_root() == tmp_path / "x"
    monkeypatch.delenv("LT_DATA")
    assert data.store_root().parts[-2:] == ("lt_lib", "data")


def test_embedded_set_is_made_on_first_use(tiny):
    assert row("digits10", tiny).state == "made on first use"
    images = data.load("digits10", tiny)
    assert images.kind == "embedded" and images.variant == "" and images.splits["test"] == (20, 32, 32, 3)
    assert isinstance(images.images("train"), np.memmap) and not images.images("train").flags.writeable
    assert images.labels("train").dtype == np.int64 and images.labels("test").shape == (20,)
    assert images.digest == store.content_digest(
        {s: (images.images(s), images.labels(s)) for s in images.splits}
    )
    assert row("digits10", tiny).state == "ready" and row("digits10", tiny).digest == images.digest
    with pytest.raises(DataError, match="no split 'val'; it has train, test"):
        images.images("val")


def test_reader_leaves_no_trace(tiny):
    data.load("digits10", tiny)
    (tiny / ".digits10.lock").unlink()
    before = sorted((path.name, path.stat().st_mtime_ns) for path in tiny.rglob("*"))
    data.load("digits10", tiny)
    data.listing(tiny)
    data.verify("digits10", tiny)
    assert sorted((path.name, path.stat().st_mtime_ns) for path in tiny.rglob("*")) == before


def test_two_processes_make_it_once(tmp_path):
    code = (
        "import sys, os, lt_lib.data as d; s = d.load('digits10', sys.argv[1]);"
        "print(s.digest, os.stat(s.folder / 'x_train.npy').st_ino)"
    )
    runs = [
        subprocess.Popen(
            [sys.executable, "-c", code, tmp_path],
            stdout=subprocess.PIPE,
            text=True,
            cwd=Path(__file__).parents[2],
        )
        for _ in range(2)
    ]
    answers = {run.communicate(timeout=60)[0] for run in runs}
    assert len(answers) == 1 and embedded.DIGESTS["digits10"] in answers.pop()
    assert sorted(path.name for path in tmp_path.iterdir()) == [".digits10.lock", "digits10"]


def test_set_of_other_code_version_is_made_anew(tiny):
    data.load("digits10", tiny)
    meta = json.loads((tiny / "digits10/meta.json").read_text())
    (tiny / "digits10/meta.json").write_text(json.dumps(meta | {"digest": "sha256:old"}))
    assert row("digits10", tiny).state == "made on first use"
    assert data.load("digits10", tiny).digest == meta["digest"]


def test_changed_recipe_is_an_error(tiny, monkeypatch):
    monkeypatch.setattr(embedded, "GRADIENT", 3)
    with pytest.raises(DataError, match=r"lt_lib/data/sets/digits\.py was changed"):
        data.load("digits10", tiny)


def damage_cut(path):
    path.write_bytes(path.read_bytes()[:-10])


def damage_byte(path):
    content = bytearray(path.read_bytes())
    content[-5] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize("damage", [damage_cut, damage_byte, Path.unlink])
@pytest.mark.parametrize("file", ["x_train.npy", "y_test.npy"])
def test_damage_is_noticed_and_mended(tiny, damage, file):
    data.load("digits10", tiny)
    damage(tiny / "digits10" / file)
    with pytest.raises(DataError, match=f"{file}.*lt data add digits10"):
        data.load("digits10", tiny)
    assert row("digits10", tiny).state == "damaged"
    assert "lt data add digits10" in row("digits10", tiny).how
    data.add("digits10", root=tiny)
    assert data.verify("digits10", tiny).state == "ready"


def test_damage_that_keeps_the_time_is_found_by_verify(tiny):
    data.load("digits10", tiny)
    path = tiny / "digits10/x_train.npy"
    stat = path.stat()
    damage_byte(path)
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    data.load("digits10", tiny)
    with pytest.raises(DataError, match="x_train.npy is not what was stored"):
        data.verify("digits10", tiny)


def test_touched_but_equal_file_is_fine(tiny):
    data.load("digits10", tiny)
    os.utime(tiny / "digits10/x_train.npy", ns=(1, 1))
    data.load("digits10", tiny)


def test_half_a_character_in_a_meta_is_an_error(tiny):
    data.load("digits10", tiny)
    meta = json.loads((tiny / "digits10/meta.json").read_text())
    (tiny / "digits10/meta.json").write_text(json.dumps(meta | {"digest": "\ud800"}))
    with pytest.raises(DataError, match="meta.json cannot be used.*surrogates not allowed"):
        data.load("digits10", tiny)


@pytest.mark.parametrize("content", ["", "{", "[]", '{"format": 99}'])
def test_unusable_meta_is_an_error(tiny, content):
    data.load("digits10", tiny)
    (tiny / "digits10/meta.json").write_text(content)
    with pytest.raises(DataError, match="meta.json cannot be used"):
        data.load("digits10", tiny)
    assert row("digits10", tiny).state == "damaged"


def test_store_that_cannot_be_made(tiny, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match="cannot write digits10 to the data store .*LT_DATA"):
        data.load("digits10", tmp_path / "file" / "store")


def test_full_disk_leaves_nothing(tiny, monkeypatch):
    def full(*_, **__):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(folder.os, "fsync", full)
        with pytest.raises(DataError, match="No space left on device.*LT_DATA"):
            data.load("digits10", tiny)
    assert [path.name for path in tiny.iterdir()] == [".digits10.lock"]
    assert row("digits10", tiny).state == "made on first use"


def test_debris_of_a_killed_writer_is_removed(tiny):
    (tiny / ".digits10.new-dead").mkdir(parents=True)
    data.load("digits10", tiny)
    assert not list(tiny.glob(".digits10.new-*"))


def test_writer_that_never_ends(tiny, monkeypatch):
    monkeypatch.setattr(folder, "LOCK_SECONDS", 0.1)
    with folder.locked(tiny, "digits10"), pytest.raises(DataError, match="another process has been writing"):
        data.load("digits10", tiny)


def test_unknown_and_missing_names(tmp_path):
    with pytest.raises(LtError, match="no data set is named 'digits5'.*digits50"):
        data.load("digits5", tmp_path)
    with pytest.raises(DataError, match="not in the data store.*lt data download cifar100_even50"):
        data.load("cifar100_even50", tmp_path)
    with pytest.raises(DataError, match="weights_path"):
        data.load("mobilenetv2_100_imagenet", tmp_path)
    with pytest.raises(
        DataError, match="not in the data store.*lt data add mobilenetv2_100_imagenet --from FILE"
    ):
        data.weights_path("mobilenetv2_100_imagenet", tmp_path)
    with pytest.raises(DataError, match="no weights are named 'digits50'"):
        data.weights_path("digits50", tmp_path)
    assert not list(tmp_path.iterdir())


def test_describe_tells_what_a_loader_needs():
    assert data.describe("cifar100_even50").shape == (32, 32, 3)
    assert data.describe("cifar100_even50").classes[:3] == ("apple", "baby", "beaver")
    weights = data.describe("mobilenetv2_100_imagenet")
    assert (weights.timm_name, weights.create_kwargs) == ("mobilenetv2_100", {"pad_type": "same"})
    assert weights.mean == weights.std == (0.5, 0.5, 0.5)
    assert {"digits50", "digits10", "digits50_source", "cifar10", "cifar100", "cifar100_even50"} <= set(
        data.names()
    )
    for entry in [*registry.data_sets().values(), *registry.weights().values()]:
        assert entry.licence and entry.source and entry.note and entry.cite
        assert all(digest.startswith("sha256:") and len(digest) == 71 for digest in entry.digests)


def test_weights(tmp_path, monkeypatch):
    content = b"weights"
    sha = hashlib.sha256(content).hexdigest()
    name = "mobilenetv2_100_imagenet"
    entry = dataclasses.replace(registry.weights()[name], sha256=sha, bytes=len(content))
    monkeypatch.setitem(registry.weights(), name, entry)
    file = tmp_path / "w.safetensors"
    file.write_bytes(b"something else")
    with pytest.raises(DataError, match="is not mobilenetv2_100_imagenet.safetensors: 14 bytes"):
        data.add(name, file, tmp_path / "store")
    file.write_bytes(content)
    path = data.add(name, file, tmp_path / "store")
    assert path == data.weights_path(name, tmp_path / "store") and path.read_bytes() == content
    assert data.verify(name, tmp_path / "store").state == "ready"
    monkeypatch.setitem(registry.weights(), name, dataclasses.replace(entry, sha256="0" * 64))
    with pytest.raises(DataError, match=f"holds sha256:{sha}, expected sha256:000"):
        data.verify(name, tmp_path / "store")
    damage_byte(path)
    with pytest.raises(DataError, match="lt data add mobilenetv2"):
        data.weights_path(name, tmp_path / "store")


# ---- a set of one's own


def test_own_images(birds, tmp_path):
    images = data.add("my-birds", birds, tmp_path / "store", progress=False)
    assert images == data.load("my-birds", tmp_path / "store")
    assert images.kind == "user" and images.classes == ("robin", "wren")
    assert images.splits == {"train": (9, 32, 32, 3), "test": (4, 32, 32, 3)}
    assert list(images.labels("train")) == [0] * 4 + [1] * 5
    assert images.extra == {"test_images_also_in_train": 0}
    assert "my-birds" in data.names(tmp_path / "store")
    assert data.describe("my-birds", tmp_path / "store").splits == {"train": 9, "test": 4}
    assert row("my-birds", tmp_path / "store").state == "ready"
    assert data.verify("my-birds", tmp_path / "store").digest == images.digest


def test_own_images_of_the_right_size_keep_their_pixels(birds, tmp_path):
    original = np.asarray(Image.open(birds / "train/wren/grey.png"))
    images = data.add("my-birds", birds, tmp_path / "store", progress=False)
    assert np.array_equal(images.images("train")[-1], np.repeat(original[..., None], 3, 2))


def test_own_images_in_another_size(birds, tmp_path):
    images = data.add("my-birds", birds, tmp_path / "store", progress=False, size=48)
    assert images.splits["train"] == (9, 48, 48, 3)
    with pytest.raises(DataError, match="8 to 512"):
        data.add("my-birds", birds, tmp_path / "store", size=0)


def test_own_images_in_both_splits_are_counted(birds, tmp_path):
    (birds / "test/wren/0.png").write_bytes((birds / "train/wren/0.png").read_bytes())
    assert data.add("b", birds, tmp_path / "store", progress=False).extra["test_images_also_in_train"] == 1


def test_own_images_that_cannot_be_used(birds, tmp_path):
    root = tmp_path / "store"
    for name in ("../up", "", ".hidden", "a b", "x" * 65):
        with pytest.raises(DataError, match="cannot name a data set"):
            data.add(name, birds, root)
    for name in ("CIFAR10", "cifar-100", "digits_50"):
        with pytest.raises(DataError, match="too close to"):
            data.add(name, birds, root)
    Image.fromarray(np.zeros((9, 9), np.uint16)).save(birds / "train/wren/deep.png")
    with pytest.raises(DataError, match="deep.png.*more than 8 bits"):
        data.add("b", birds, root, progress=False)
    (birds / "train/wren/deep.png").unlink()
    (birds / "train/owl").mkdir()
    with pytest.raises(DataError, match="test/owl is missing"):
        data.add("b", birds, root)
    (birds / "test/owl").mkdir()
    with pytest.raises(DataError, match="train/owl holds no image"):
        data.add("b", birds, root)
    assert not (root / "b").exists()


def test_sources_that_hold_nothing(tmp_path):
    for source, message in (
        (tmp_path / "none", "does not exist"),
        (tmp_path, "holds no data set that is known here"),
        (None, "nothing to add"),
    ):
        with pytest.raises(DataError, match=message):
            data.add("b", source, tmp_path / "store")
    (tmp_path / "notes.txt").write_text("x")
    for name in ("b", "cifar10"):
        with pytest.raises(DataError, match="notes.txt holds no data set"):
            data.add(name, tmp_path / "notes.txt", tmp_path / "store")
    with pytest.raises(DataError, match="takes no file"):
        data.add("digits10", tmp_path, tmp_path / "store")


def test_own_arrays(tmp_path):
    x, y = np.zeros((6, 9, 9, 5), np.uint8), np.arange(6) % 3
    for split in ("train", "test"):
        np.save(tmp_path / f"x_{split}.npy", x)
        np.save(tmp_path / f"y_{split}.npy", y.astype(np.uint8))
    images = data.add("bands", tmp_path, tmp_path / "store")
    assert images.classes == ("0", "1", "2") and images.splits["train"] == (6, 9, 9, 5)
    np.save(tmp_path / "y_test.npy", y.astype(float))
    with pytest.raises(DataError, match="labels of type float64"):
        trees.read_npy(tmp_path, None)
    np.save(tmp_path / "y_test.npy", np.array([{}], object))
    with pytest.raises(DataError, match="y_test.npy cannot be read"):
        trees.read_npy(tmp_path, None)
