"""CIFAR from its official files, with fakes in the same format: what is right goes in, the rest not."""

import dataclasses
import pickle
import struct
import tarfile
import tracemalloc

import numpy as np
import pytest
from helpers import NAMES, TEST, TRAIN, batch, even, fake_files, pack, pin, register_fakes, same

from lt_lib import data
from lt_lib.data import DataError, registry
from lt_lib.data.check import OTHER_ORDER
from lt_lib.data.sets import cifar


def unpack(folder, files):
    folder.mkdir(parents=True)
    for name, content in files.items():
        (folder / name).write_bytes(content)
    return folder


@pytest.fixture
def fake(monkeypatch, tmp_path):
    files, splits = fake_files()
    path = pack(tmp_path / "cifar-100-python.tar.gz", files)
    register_fakes(monkeypatch, path, files, splits)
    return path, files, splits


def save_npy(folder, splits, names=None):
    folder.mkdir(parents=True, exist_ok=True)
    for split, (images, labels) in splits.items():
        np.save(folder / f"x_{split}.npy", images)
        np.save(folder / f"y_{split}.npy", labels.astype(np.uint8))
    if names:
        (folder / "names.json").write_text(str(list(names)).replace("'", '"'))
    return folder


@pytest.mark.parametrize("form", ["archive", "members", "parent"])
def test_official_files_are_taken(fake, tmp_path, form):
    path, files, splits = fake
    if form != "archive":
        path = unpack(tmp_path / "here" / "cifar-100-python", files)
        path = path.parent if form == "parent" else path
    full = data.add("cifar100", path, tmp_path / "store")
    assert same(full, splits) and full.classes == NAMES and full.variant == ""
    half = data.add("cifar100_even50", path, tmp_path / "store")
    assert same(half, even(splits)) and half.classes == ("ant", "cat")
    for name in ("cifar100", "cifar100_even50"):
        assert data.verify(name, tmp_path / "store").state == "ready"


def test_same_members_packed_again_are_official(fake, tmp_path):
    again = pack(tmp_path / "again.tgz", dict(reversed(fake[1].items())), prefix="./other/")
    assert same(data.add("cifar100", again, tmp_path / "store"), fake[2])


def test_prepared_arrays(fake, tmp_path):
    splits = even(fake[2])
    folder = save_npy(tmp_path / "out" / "cifar100_even50", splits, NAMES[::2])
    for source in (folder, folder.parent):
        assert same(data.add("cifar100_even50", source, tmp_path / "store"), splits)
    save_npy(folder, splits, ("cat", "ant"))
    with pytest.raises(DataError, match="names other classes: 'cat' where 'ant'"):
        data.add("cifar100_even50", folder, tmp_path / "store")


def test_other_order_is_recognised_and_said(fake, tmp_path):
    splits = even(fake[2])
    order = {"train": np.arange(TRAIN // 2), "test": np.arange(TEST // 2)[::-1]}
    turned = {
        split: (images[order[split]], labels[order[split]]) for split, (images, labels) in splits.items()
    }
    images = data.add("cifar100_even50", save_npy(tmp_path / "turned", turned), tmp_path / "store")
    assert same(images, turned) and images.variant == OTHER_ORDER
    assert data.verify("cifar100_even50", tmp_path / "store").variant == OTHER_ORDER


def test_official_archive_in_another_order_than_the_pinned_copy(fake, monkeypatch, tmp_path):
    path, _, splits = fake
    half = even(splits)
    pinned = pin({split: (images[::-1], labels[::-1]) for split, (images, labels) in half.items()})
    entry = dataclasses.replace(registry.data_sets()["cifar100_even50"], pins=(pinned,))
    monkeypatch.setitem(registry.data_sets(), "cifar100_even50", entry)
    assert data.add("cifar100_even50", path, tmp_path / "store").variant == OTHER_ORDER


def test_named_variant(fake, monkeypatch, tmp_path):
    """As of cifar10: the copy at hand is pinned with a name, the official archive goes by its checksums."""
    path, _, splits = fake
    jpeg = {split: (images ^ 1, labels) for split, (images, labels) in splits.items()}
    pinned = dataclasses.replace(pin(jpeg), variant="98 images known only as JPEG")
    entry = dataclasses.replace(registry.data_sets()["cifar100"], pins=(pinned,))
    monkeypatch.setitem(registry.data_sets(), "cifar100", entry)
    folder = save_npy(tmp_path / "jpeg", jpeg)
    np.save(folder / "test_from_jpeg.npy", np.array([3, 5], np.int32))
    images = data.add("cifar100", folder, tmp_path / "store")
    assert images.variant == "98 images known only as JPEG" and images.extra == {"test_from_jpeg": [3, 5]}
    assert data.add("cifar100", path, tmp_path / "store").variant == ""
    assert data.verify("cifar100", tmp_path / "store").variant == ""


def relabel(splits):
    labels = splits["train"][1]
    i, j = np.flatnonzero(labels == 0)[0], np.flatnonzero(labels == 1)[0]
    labels[[i, j]] = labels[[j, i]]


def one_label(splits):
    splits["train"][1][0] ^= 1


def one_pixel(splits):
    splits["test"][0][0, 0, 0, 0] ^= 1


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (relabel, "train images are right, but their labels are not"),
        (one_label, "mislabelled: 2 classes have a wrong number of images"),
        (one_pixel, "test images are not the known ones"),
        (lambda s: s.update(train=s["test"], test=s["train"]), "train and test are swapped"),
        (lambda s: s.update(train=s["train"][::-1]), "x and y are swapped"),
        (lambda s: s.update(train=tuple(a[1:] for a in s["train"])), r"11 train images \(expected 12\)"),
        (
            lambda s: s.update(test=(s["test"][0].astype(float), s["test"][1])),
            "type float64 of shape .*expected uint8",
        ),
        (
            lambda s: s.update(test=(s["test"][0].transpose(0, 3, 1, 2), s["test"][1])),
            "images of 3x32x32.*32x32x3",
        ),
        (
            lambda s: s.update(test=(s["test"][0], s["test"][1][1:])),
            r"labels of type .*\(3,\), expected .*\(4,\)",
        ),
        (
            lambda s: s.update(test=(s["test"][0], s["test"][1] + 7)),
            "go up to 8, but there are names for 2|up to 8",
        ),
        (lambda s: s.pop("test"), "x_test.npy is missing"),
    ],
)
def test_wrong_arrays_are_refused(fake, tmp_path, change, message):
    splits = {split: (images.copy(), labels.copy()) for split, (images, labels) in even(fake[2]).items()}
    change(splits)
    with pytest.raises(DataError, match=message):
        data.add("cifar100_even50", save_npy(tmp_path / "wrong", splits), tmp_path / "store")
    assert not (tmp_path / "store" / "cifar100_even50").exists()


def test_cut_array_file_is_refused(fake, tmp_path):
    folder = save_npy(tmp_path / "cut", even(fake[2]))
    content = (folder / "x_train.npy").read_bytes()
    (folder / "x_train.npy").write_bytes(content[:-1])
    with pytest.raises(DataError, match="x_train.npy cannot be read; it is cut short"):
        data.add("cifar100_even50", folder, tmp_path / "store")


@pytest.mark.parametrize("keep", [0.02, 0.5, 0.999])
def test_cut_archive_is_refused(fake, tmp_path, keep):
    cut = tmp_path / "cut.tar.gz"
    content = fake[0].read_bytes()
    cut.write_bytes(content[: int(keep * len(content))])
    with pytest.raises(
        DataError, match="cut.tar.gz cannot be read: it is cut short.*lt data download cifar100"
    ):
        data.add("cifar100", cut, tmp_path / "store")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda f: f.pop("test"), "test missing"),
        (lambda f: f.update(train=f["train"][:-100]), "train of .* is damaged"),
        (lambda f: f.update(train=b""), "train of .* is damaged"),
        (lambda f: f.update(train=f["test"], test=f["train"]), "train and test are swapped"),
        (lambda f: f.update(train=pickle.dumps([1], 2)), "no batch: found list"),
        (
            lambda f: f.update(train=pickle.dumps({"data": 1, "labels": []}, 2)),
            "expected 'data' and 'fine_labels'",
        ),
        (
            lambda f: f.update(train=pickle.dumps({"data": np.zeros((2, 3072)), "fine_labels": [0, 1]}, 2)),
            "float64",
        ),
        (
            lambda f: f.update(train=batch(np.zeros((2, 3072), np.uint8), [0])),
            "1 labels, expected a list of 2",
        ),
        (
            lambda f: f.update(train=batch(np.zeros((1, 3072), np.uint8), [4])),
            "labels 4 to 4, expected 0 to 3",
        ),
        (
            lambda f: f.update(train=batch(np.zeros((1, 3072), np.uint8), ["a"])),
            "expected a list of 1 integers",
        ),
        (
            lambda f: f.update(meta=pickle.dumps({"fine_label_names": ["a"]}, 2)),
            "belongs to another data set",
        ),
        (lambda f: f.update(train=fake_files(1)[0]["train"]), "train images are not the known ones"),
    ],
)
def test_wrong_members_are_refused(fake, tmp_path, change, message):
    files = dict(fake[1])
    change(files)
    for source in (pack(tmp_path / "w.tar.gz", files), unpack(tmp_path / "w", files)):
        with pytest.raises(DataError, match=message):
            data.add("cifar100_even50", source, tmp_path / "store")


def test_unknown_archive_of_a_set_without_pins_is_refused(fake, tmp_path):
    other = pack(tmp_path / "other.tar.gz", fake_files(1)[0])
    with pytest.raises(DataError, match="have not the official checksums"):
        data.add("cifar100", other, tmp_path / "store")


class Evil:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return open, (str(self.path), "w")


@pytest.mark.parametrize("protocol", [0, 2, 4])
@pytest.mark.parametrize("member", ["train", "meta"])
def test_malicious_pickle_does_not_run(fake, tmp_path, member, protocol):
    trap = tmp_path / "trap"
    files = dict(fake[1]) | {member: pickle.dumps({"data": Evil(trap)}, protocol)}
    for source in (pack(tmp_path / "evil.tar.gz", files), unpack(tmp_path / "evil", files)):
        with pytest.raises(DataError, match=r"asks to run (_?io|builtins|__builtin__)\.open"):
            data.add("cifar100", source, tmp_path / "store")
    assert not trap.exists()


@pytest.mark.parametrize(
    "code",
    [
        b"cnumpy\nload\n.",
        b"cos\nsystem\n(S'true'\ntR.",
        b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\ndtype\n(I0\ntS'b'\ntR.",
        b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(I99999999999\ntS'b'\ntR.",
        b"cnumpy\nndarray\n(I6\ntR.",
        b"cnumpy\nndarray\n\x85\x81.",
        b"c_codecs\nencode\n(S'x'\nS'rot13'\ntR.",
        b"c_codecs\nencode\n}S'__defaults__'\nI1\nsb.",
        *(
            b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(I0\ntS'b'\ntR(I1\n" + state
            for state in (
                b"(I2\ntcnumpy\ndtype\n(S'O'\ntRI00\nS'0123456789abcdef'\ntb.",
                b"(I9\ntcnumpy\ndtype\n(S'u1'\ntRI00\nS'short'\ntb.",
                b"(I-5\nI-1\ntcnumpy\ndtype\n(S'u1'\ntRI00\nS'short'\ntb.",
                b"(I5\ntcnumpy\ndtype\n(S'u1'\ntRI00\nI9999999999\ntb.",
                b"(I5\ntS'u1'\nI00\nS'short'\ntb.",
            )
        ),
        b"Pmodule\n.",
    ],
)
def test_other_tricks_are_refused(code):
    with pytest.raises(DataError):
        cifar.safe_pickle(code, "x")


def test_a_place_that_a_pickle_names_takes_no_memory():
    tracemalloc.start()
    assert cifar.safe_pickle(b"Nr\xff\xff\xff\x7f.", "x") is None
    assert tracemalloc.get_traced_memory()[1] < 1e7
    tracemalloc.stop()


@pytest.mark.parametrize("name", ["/tmp/train", "../train", "a/../../train"])
def test_members_outside_the_archive_are_refused(fake, tmp_path, name):
    evil = pack(tmp_path / "evil.tar.gz", {name: b"x"}, prefix="")
    with pytest.raises(DataError, match="no plain file inside the archive"):
        data.add("cifar100", evil, tmp_path / "store")


def test_links_and_doubles_are_refused(fake, tmp_path):
    with tarfile.open(tmp_path / "link.tar.gz", "w:gz") as tar:
        member = tarfile.TarInfo("cifar-100-python/train")
        member.type, member.linkname = tarfile.SYMTYPE, "/etc/hostname"
        tar.addfile(member)
    with pytest.raises(DataError, match="no plain file"):
        data.add("cifar100", tmp_path / "link.tar.gz", tmp_path / "store")
    files = {"a/train": b"", "b/train": b""}
    with pytest.raises(DataError, match="comes twice"):
        data.add("cifar100", pack(tmp_path / "twice.tar.gz", files, ""), tmp_path / "store")


def test_archive_of_prepare_is_explained(tmp_path):
    packed = pack(tmp_path / "cifar10.tar", {"labels.npz": b"", "model.npz": b""}, "")
    for name in ("cifar10", "mine"):
        with pytest.raises(DataError, match="packed for prepare.py: run `python prepare.py"):
            data.add(name, packed, tmp_path / "store")


def test_registered_set_under_a_new_name_is_refused(fake, tmp_path):
    folder = save_npy(tmp_path / "x", even(fake[2]))
    with pytest.raises(DataError, match="is cifar100_even50: run `lt data add cifar100_even50"):
        data.add("mine", folder, tmp_path / "store")


def test_arrays_pickled_by_python_2():
    """As in the official files: str keys and raw bytes of Python 2, NumPy under its old module name."""
    pixels = np.arange(2 * 3072).astype(np.uint8).reshape(2, 3072)
    raw = pixels.tobytes()
    array = (
        b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85U\x01b\x87R"
        b"(K\x01K\x02M" + struct.pack("<H", 3072) + b"\x86cnumpy\ndtype\nU\x02u1K\x00K\x01\x87R"
        b"(K\x03U\x01|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb\x89T"
        + struct.pack("<i", len(raw))
        + raw
        + b"tb"
    )
    code = b"\x80\x02}(U\x04data" + array + b"U\x0bfine_labels](K\x03K\x00eu."
    found = cifar.safe_pickle(code, "x")
    assert np.array_equal(found["data"], pixels) and found["fine_labels"] == [3, 0]


def test_ten_class_archive_joins_its_batches_in_order(tmp_path):
    rng = np.random.default_rng(0)
    files = {"batches.meta": pickle.dumps({"label_names": list(cifar.CIFAR10_CLASSES)}, 2)}
    pixels = rng.integers(0, 256, (6, 2, 3072), dtype=np.uint8)
    for k, name in enumerate([*cifar.CIFAR10_ARCHIVE.train, "test_batch"]):
        files[name] = pickle.dumps({"data": pixels[k], "labels": [k, 9 - k]}, 2)
    arrays = cifar.read_archive(
        pack(tmp_path / "c.tar.gz", files, "cifar-10-batches-py/"), registry.data_sets()["cifar10"]
    )
    assert list(arrays.splits["train"][1]) == [0, 9, 1, 8, 2, 7, 3, 6, 4, 5]
    assert np.array_equal(arrays.splits["test"][0][1], pixels[5, 1].reshape(3, 32, 32).transpose(1, 2, 0))
    assert not arrays.official
