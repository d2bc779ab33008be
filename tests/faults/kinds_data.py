"""Damaged files that hold images: what `lt data add` and the readers behind it take."""

import functools
import gzip
import io
import json
import lzma
import pickle
import shutil
import struct
from dataclasses import replace
from pathlib import Path

import numpy as np
import rasterio
from PIL import Image
from rasterio.transform import from_origin
from rasterio.windows import Window
from tfrecord.writer import TFRecordWriter

from lt_lib import data
from lt_lib.data import image_folder, landsat, packed, registry
from lt_lib.data.landsat import Scene
from lt_lib.data.sets import cifar, droughtwatch, isic, tinyimagenet
from lt_lib.lab.bench import bands

from .damage import (
    ODD,
    Bomb,
    Chance,
    damaged,
    odd_json,
    printable,
    read_or_refused,
    tar,
    with_checksums,
    zipped,
)
from .kinds import Try, kind

CANARY = "canary"  # the folder that a pickle makes when it is opened
PACKED = {"": bytes, ".gz": gzip.compress, ".xz": functools.partial(lzma.compress, preset=0)}


# ---- TFRecords


def frame(record: bytes) -> bytes:
    """A record between its length and checksums."""
    length = struct.pack("<Q", len(record))
    return length + TFRecordWriter.masked_crc(length) + record + TFRecordWriter.masked_crc(record)


def examples(folder: Path) -> list[bytes]:
    """Three tiles as tf.train.Examples."""
    file, found = folder / "examples", []
    for label in (0, 3, 1):
        tile = np.random.default_rng(label).integers(0, 256, (11, 65 * 65), dtype=np.uint8)
        writer = TFRecordWriter(str(file))
        values = {name: (band.tobytes(), "byte") for name, band in zip(droughtwatch.BANDS, tile, strict=True)}
        writer.write(values | {"label": (label, "int")})
        writer.close()
        found.append(file.read_bytes()[12:-4])
    file.unlink()
    return found


def odd_part(sound: list[bytes], rng: Chance) -> bytes:
    """A part of three records: damaged as bytes, or within records whose checksums hold."""
    if rng.random() < 0.4:
        return damaged(b"".join(map(frame, sound)), rng, head=rng.choice((16, 512)))
    records = list(sound)
    at = rng.randrange(len(records))
    records[at] = damaged(records[at], rng, head=rng.choice((64, 8192)))
    if rng.random() < 0.3:
        records[at] = records[at][-rng.randrange(1, 200) :] + records[at]
    return b"".join(map(frame, records))


@kind("TFRecord parts", quick=15, long=1000)
def parts(folder: Path) -> Try:
    """Parts of Drought Watch, plain and packed."""
    sound = examples(folder)

    def read(path: Path):
        report = droughtwatch.Report()
        return list(droughtwatch.read_parts(path, report=report)), report

    def one(rng: Chance) -> bool:
        suffix = rng.choice(["", "", *PACKED])
        path, content = folder / f"part-0{suffix}", PACKED[suffix](odd_part(sound, rng))
        path.write_bytes(damaged(content, rng) if suffix else content)
        if (found := read_or_refused(rng, read, path)) is None:
            return False
        tiles, report = found
        assert report.kept == len(tiles) <= 3, rng.number
        assert all(image.shape == (65, 65, 11) and 0 <= label < 4 for image, label in tiles), rng.number
        return True

    return one


@kind("archives of TFRecord parts", quick=10, long=400)
def archives_of_parts(folder: Path) -> Try:
    """The .zip archive of Drought Watch."""
    sound = examples(folder)
    usual = frame(sound[0])

    def one(rng: Chance) -> bool:
        parts = {f"{split}/part-{k}": usual for split in ("train", "val") for k in "01"}
        parts[rng.choice([*parts, "test/part-0", "../part-0", "val/part-9.gz"])] = odd_part(sound, rng)
        content, path, out = zipped(parts), folder / "tiles.zip", folder / "out"
        path.write_bytes(damaged(content, rng) if rng.random() < 0.5 else content)
        arrays = read_or_refused(rng, droughtwatch.collect, path, out, False)
        sizes = arrays and [(len(images), len(labels)) for images, labels in arrays.splits.values()]
        shutil.rmtree(out, ignore_errors=True)
        assert sorted(p.name for p in folder.iterdir()) == ["tiles.zip"], (
            f"seed {rng.number}: left the folder"
        )
        assert sizes is None or all(a == b > 0 for a, b in sizes), rng.number
        return arrays is not None

    return one


@kind("journals of unfinished imports", quick=10, long=400)
def journals(folder: Path) -> Try:
    """What an import of tiles goes on by: it ends with the same tiles."""
    sound, source, out = examples(folder), folder / "source", folder / "out"
    for split in ("train", "val"):
        (source / split).mkdir(parents=True)
        for k in range(2):
            (source / split / f"part-{k}").write_bytes(frame(sound[k]))
    droughtwatch.collect(source, out, False)
    done = {path.name: path.read_bytes() for path in out.iterdir()}
    lines = done["journal.jsonl"].splitlines()

    def one(rng: Chance) -> bool:
        for name, content in done.items():
            (out / name).write_bytes(content)
        journal, at = list(lines), rng.randrange(len(lines))
        text, _, checksum = lines[at].rpartition(b" ")
        journal[at] = odd_json(json.loads(text), rng) + b" " + checksum
        (out / "journal.jsonl").write_bytes(b"\n".join(journal) + b"\n")
        arrays = read_or_refused(rng, droughtwatch.collect, source, out, False)
        assert all(np.array_equal(labels, [0, 3]) for _, labels in arrays.splits.values()), rng.number
        return True

    return one


# ---- rasters

GRID = from_origin(462405, 1741815, 30, 30)
TAGS = (
    {},
    {"compress": "deflate"},
    {"compress": "lzw", "predictor": 2},
    {"tiled": True, "blockxsize": 16, "blockysize": 16},
)


def geotiff(path: Path, array: np.ndarray, **profile) -> bytes:
    """A GeoTIFF of an array (C, H, W)."""
    count, height, width = array.shape
    size = {"count": count, "height": height, "width": width, "dtype": array.dtype}
    with rasterio.open(
        path, "w", driver="GTiff", crs="EPSG:32615", transform=GRID, **size, **profile
    ) as file:
        file.write(array)
    return path.read_bytes()


@kind("GeoTIFFs", quick=25, long=1200)
def rasters(folder: Path) -> Try:
    """Scenes and label rasters, as maps are made of them, and as own images of several bands."""
    pixels = np.random.default_rng(0).integers(100, 6000, (8, 24, 20)).astype(np.int16)
    marks = (np.arange(24 * 20).reshape(1, 24, 20) % 4).astype(np.uint8)
    scenes = [geotiff(folder / "s.tif", pixels, nodata=-9999, **tags) for tags in TAGS]
    labels = [geotiff(folder / "l.tif", marks, nodata=0, **tags) for tags in TAGS]
    geotiff(folder / "sound.tif", pixels, nodata=-9999)

    def corner(path: Path):
        with Scene(path) as scene:
            scene.clear(Window(0, 0, 8, 8))
            return scene.read(window=Window(0, 0, 24, 20))

    def marked(path: Path):
        with Scene(folder / "sound.tif") as scene:
            return landsat.read_labels(path, scene)

    def own(path: Path):
        scale = bands.scale_of([path], form.bands) if (form := bands.form(path)) != bands.PICTURE else None
        return bands.pixels(path, 16, form.bands, scale)[0]

    def one(rng: Chance) -> bool:
        path, read = folder / f"{rng.random() < 0.5}.tif", rng.choice((corner, marked, own))
        path.write_bytes(
            damaged(rng.choice(labels if read is marked else scenes), rng, rng.choice((64, 600)))
        )
        found = read_or_refused(rng, read, path, refusal=Exception if read is own else data.DataError)
        if found is None:
            return False
        if read is corner:
            assert found[0].shape == (6, 20, 24) and found[1].dtype == bool, rng.number
        elif read is marked:
            assert found.shape == (24, 20) and found.dtype == np.uint8, rng.number
        else:
            assert found.shape[:2] == (16, 16) and found.dtype == np.uint8, rng.number
        return True

    return one


# ---- arrays

SHAPES = (
    *((6, 8, 8, 3), (6,), (), (-1,), (2**40, 1, 1, 1), (2**62, 4), (0, 8, 8, 3), (6.0,)),
    *(None, "6", (6, 0, 0, 0)),
)
TYPES = (
    *("|u1", "<i8", ">i4", "|O", "<f2", "<U5", "|V9", "<M8[s]", "u1,u1", [("a", "|u1")]),
    *([("a", "|O")], 5, None, "?"),
)
NAMED = (
    *(b"[1]", b"{}", b'["a"]', b'["a", "a"]', b"[" * 100_000, b'["\xff"]', b'"ab"', b"null", b""),
    *(b'["a", "b", ""]', b'["\\ud800", "b"]', b'["a\\n", "b"]'),
)


def npy(header, content: bytes) -> bytes:
    """A .npy file of any header."""
    text = repr(header).encode() if isinstance(header, dict) else header
    return b"\x93NUMPY\1\0" + struct.pack("<H", len(text) + 1) + text + b"\n" + content


def odd_array(rng: Chance, canary: Path) -> bytes:
    """Bytes of a .npy file that is another than it should be."""
    evil = np.array([Bomb(canary)] * 6, object)
    match rng.randrange(6):
        case 0:
            header = {"descr": rng.choice(TYPES), "fortran_order": False, "shape": rng.choice(SHAPES)}
            return npy(header, bytes(2000))
        case 1:
            return npy({"descr": "|O", "fortran_order": False, "shape": (6,)}, pickle.dumps(evil))
        case 2:
            return pickle.dumps(evil)
        case 3:
            header = {"descr": "|u1", "fortran_order": rng.choice([True, 5, None]), "shape": (6, 8, 8, 3)}
            return npy(damaged(repr(header).encode(), rng), bytes(2000))
        case 4:
            held = io.BytesIO()
            np.savez(held, x=evil, y=np.arange(6))
            return damaged(held.getvalue(), rng)
    held = io.BytesIO()
    usual = np.zeros((6, 8, 8, 3), np.uint8), np.arange(6) % 2
    np.save(held, rng.choice([*usual, evil, np.zeros(6), np.full(6, np.nan), np.full(6, 2**31)]))
    return damaged(held.getvalue(), rng, head=128) if rng.random() < 0.7 else held.getvalue()


@kind("folders of .npy arrays", quick=25, long=1200)
def arrays(folder: Path) -> Try:
    """Arrays, with names of classes; brought into the store and listed."""
    source, store, canary = folder / "arrays", folder / "store", folder / CANARY
    source.mkdir()
    for split in image_folder.SPLITS:
        np.save(source / f"x_{split}.npy", np.zeros((6, 8, 8, 3), np.uint8))
        np.save(source / f"y_{split}.npy", np.arange(6) % 2)
    usual = {path.name: path.read_bytes() for path in source.iterdir()}

    def add():
        images = data.add("mine", source, store)
        return images, [str(row) for row in data.listing(store)]

    def one(rng: Chance) -> bool:
        name = rng.choice([*usual, "names.json", "train_from_jpeg.npy"])
        content = rng.choice(NAMED) if name == "names.json" else odd_array(rng, canary)
        (source / name).write_bytes(content)
        found = read_or_refused(rng, add)
        assert not canary.exists(), rng.number
        (source / name).write_bytes(usual[name]) if name in usual else (source / name).unlink()
        if found is None:
            return False
        images, rows = found
        assert printable("".join([*rows, *images.classes])), rng.number
        for split in images.splits:
            assert images.images(split).dtype == np.uint8, rng.number
            assert images.labels(split).max(initial=0) < len(images.classes), rng.number
        return True

    return one


@kind("meta.json of a stored set", quick=10, long=500)
def metas(folder: Path) -> Try:
    """What the store says of a set."""
    (folder / "a").mkdir()
    for split in image_folder.SPLITS:
        np.save(folder / "a" / f"x_{split}.npy", np.zeros((4, 8, 8, 3), np.uint8))
        np.save(folder / "a" / f"y_{split}.npy", np.arange(4) % 2)
    store = folder / "store"
    file = data.add("mine", folder / "a", store).folder / "meta.json"
    sound = json.loads(file.read_bytes())

    def everything():
        rows = [str(row) for row in data.listing(store)]
        data.describe("mine", store)
        images = data.load("mine", store)
        data.verify("mine", store)
        return rows, [(images.images(split), images.labels(split)) for split in images.splits]

    def one(rng: Chance) -> bool:
        file.write_bytes(odd_json(sound, rng))
        return read_or_refused(rng, everything) is not None

    return one


# ---- archives


def fake_cifar() -> tuple[dict[str, bytes], registry.DataEntry]:
    """Members of a small CIFAR-100, and an entry that takes them."""
    rng, names = np.random.default_rng(0), ("ant", "bee", "cat", "dog")
    files = {"meta": pickle.dumps({"fine_label_names": list(names)}, 2)}
    for split, count in (("train", 24), ("test", 8)):
        pixels = rng.integers(0, 256, (count, 3072), dtype=np.uint8)
        files[split] = pickle.dumps({"data": pixels, "fine_labels": (np.arange(count) % 4).tolist()}, 2)
    entry = registry.data_sets()["cifar100"]
    sizes = {"classes": names, "splits": {"train": 24, "test": 8}}
    archive = replace(entry.archive, members=dict.fromkeys(files, "-"), classes=names)
    return files, replace(entry, archive=archive, **sizes)


WRONG = (*ODD, 2**70, b"x", np.zeros(3), np.zeros((24, 3072), np.int8), np.array(["a"]))


@kind("CIFAR archives", quick=10, long=1200)
def cifar_archives(folder: Path) -> Try:
    """Archives whose members, pickles or paths are not the official ones."""
    files, entry = fake_cifar()
    canary, path = folder / CANARY, folder / "some.tar.gz"

    def odd(rng: Chance) -> dict[str, bytes]:
        name = rng.choice(list(files))
        match rng.randrange(5):
            case 0:
                content = pickle.loads(files[name], encoding="latin1")
                content[rng.choice([*content, "data", 3])] = rng.choice([*WRONG, Bomb(canary)])
                return files | {name: pickle.dumps(content, rng.choice((0, 2, 4)))}
            case 1:
                return files | {name: pickle.dumps(rng.choice([*WRONG, Bomb(canary), [Bomb(canary)]]))}
            case 2:
                return files | {name: files[rng.choice(list(files))]}
            case 3:
                return files | {f"../../{name}": files[name], f"../{CANARY}": b"x"}
        return files | {name: damaged(files[name], rng, head=256)}

    def one(rng: Chance) -> bool:
        members = odd(rng) if rng.random() < 0.8 else files
        content = tar(
            {f"cifar-100-python/{name}": members[name] for name in members}, rng.choice(("w", "w:gz"))
        )
        path.write_bytes(damaged(content, rng) if rng.random() < 0.3 else content)
        arrays = read_or_refused(rng, cifar.read_archive, path, entry)
        assert not canary.exists() and [p.name for p in folder.iterdir()] == [path.name], rng.number
        for images, labels in arrays.splits.values() if arrays else ():
            assert images.dtype == np.uint8 and images.shape[1:] == (32, 32, 3), rng.number
            assert labels.dtype == np.int64 and len(labels) == len(images), rng.number
        return arrays is not None

    return one


def jpeg(side: int = 64) -> bytes:
    """A JPEG file."""
    image, content = Image.fromarray(np.full((side, side, 3), 90, np.uint8)), io.BytesIO()
    image.save(content, "JPEG")
    return content.getvalue()


@kind("archives of images", quick=10, long=600)
def image_archives(folder: Path) -> Try:
    """Archives of Tiny ImageNet and of ISIC with its tables: paths, sizes, bombs."""
    sound = jpeg()
    wnids = list(tinyimagenet.WNIDS)[:2]
    entry = replace(registry.data_sets()["isic2017"], splits={"train": 2, "val": 2, "test": 2})
    bomb = bytes(packed.LIMIT + 1)

    def archive(rng: Chance) -> Path:
        files = {f"tiny/val/images/val_{i}.JPEG": sound for i in range(4)}
        listed = "".join(f"val_{i}.JPEG\t{wnids[i % 2]}\t0\t0\t9\t9\n" for i in range(4)).encode()
        files["tiny/val/val_annotations.txt"] = damaged(listed, rng) if rng.random() < 0.5 else listed
        name = rng.choice(list(files))
        match rng.randrange(4):
            case 0:
                files[name] = damaged(files[name], rng)
            case 1:
                files[rng.choice(("../x.JPEG", "/val_9.JPEG", f"val/images/../../{CANARY}"))] = sound
            case 2:
                files[name] = bomb if rng.random() < 0.1 else sound
            case 3:
                files.pop(name)
        path = folder / rng.choice(("t.zip", "t.tar.gz"))
        content = zipped(files) if path.suffix == ".zip" else tar(files)
        path.write_bytes(damaged(content, rng) if rng.random() < 0.5 else content)
        return path

    def lesions(rng: Chance) -> Path:
        for part in isic.PARTS.values():
            table = b"image_id,melanoma,seborrheic_keratosis\nISIC_1,0,1\nISIC_2,1.0,0.0\n"
            files = {f"{part.images}/ISIC_{i}.jpg": sound for i in (1, 2)}
            content = zipped({k: damaged(v, rng) if rng.random() < 0.2 else v for k, v in files.items()})
            odd = rng.random()
            (folder / f"{part.images}.zip").write_bytes(damaged(content, rng) if odd < 0.2 else content)
            (folder / part.table).write_bytes(damaged(table, rng, 80) if odd > 0.8 else table)
        return folder

    def read_tiny(path: Path):
        with packed.opened(path, r"val_annotations\.txt|(images|n\d{8})/val_\d+\.JPEG") as files:
            listed = next((name for name in files if name.endswith("val_annotations.txt")), None)
            return {name: packed.read_jpeg(files[name](), name) for name in files if name != listed}

    def one(rng: Chance) -> bool:
        if rng.random() < 0.5:
            done = read_or_refused(rng, isic.read, lesions(rng), entry) is not None
        else:
            path = archive(rng)
            read_or_refused(rng, tinyimagenet.read, path, registry.data_sets()["tinyimagenet_ood"])
            done = read_or_refused(rng, read_tiny, path) is not None
        assert not (folder / CANARY).exists() and not (folder.parent / CANARY).exists(), rng.number
        return done

    return one


# ---- image files


def encodings() -> list[bytes]:
    """An image in every format that is read, in several forms."""
    pixels = np.random.default_rng(0).integers(0, 256, (32, 48, 3), dtype=np.uint8)

    def encoded(form: str, mode: str = "RGB", **options) -> bytes:
        content = io.BytesIO()
        Image.fromarray(pixels).convert(mode).save(content, form, **options)
        return content.getvalue()

    frames = {"save_all": True, "append_images": [Image.fromarray(pixels)]}
    exif = Image.Exif()
    exif[0x0112] = 6
    return [
        *(encoded("JPEG", mode, exif=exif, progressive=p) for mode, p in (("RGB", 0), ("L", 1), ("CMYK", 0))),
        *(encoded("PNG", mode, exif=exif) for mode in ("RGB", "P", "1", "RGBA", "LA", "I;16")),
        *(encoded("TIFF", compression=c) for c in (None, "tiff_lzw", "tiff_adobe_deflate", "jpeg")),
        *(encoded("TIFF", mode) for mode in ("1", "P", "CMYK", "F", "LAB")),
        *(encoded(form, **frames) for form in ("GIF", "PNG", "TIFF", "WEBP", "AVIF", "MPO")),
        *(encoded("WEBP", "RGBA", lossless=lossless, exif=exif) for lossless in (True, False)),
        *(encoded(f) for f in ("GIF", "BMP", "DIB", "PPM", "JPEG2000", "AVIF", "EPS", "TGA", "ICO", "PCX")),
        b"P3 2 2 7 " + b"1 2 3 " * 4,
        b"P6 60000 60000 255\n",
        b"",
    ]


@kind("image files", quick=25, long=1500)
def image_files(folder: Path) -> Try:
    """An odd file among sound images, as `lt data add` and as `lt compare` read them."""
    tree, originals, sound = folder / "tree", encodings(), np.full((16, 16, 3), 7, np.uint8)
    for name in ("train/cat/0", "train/cat/1", "train/dog/0", "test/cat/0", "test/dog/0"):
        (tree / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(sound).save(tree / f"{name}.png")
    place = tree / "train/cat/1.png"

    def both():
        arrays = image_folder.read_images(tree, 16, False)
        try:
            return arrays, bands.pixels(place, 16)[0]
        except MemoryError:
            raise
        except Exception as error:
            return arrays, bands.why(error)

    def one(rng: Chance) -> bool:
        content = rng.choice(originals)
        if rng.random() < 0.9:
            content = damaged(content, rng, head=rng.choice((32, 512)))
        if content[:4] == b"\x89PNG" and rng.random() < 0.8:
            content = with_checksums(content)
        place.write_bytes(content)
        if (found := read_or_refused(rng, both)) is None:
            return False
        arrays, own = found
        images, labels = arrays.splits["train"]
        notes = "".join(arrays.extra.get("notes", []))
        left_out = "1 image left out, unreadable: train/cat/1.png (" in notes
        assert labels.tolist() == ([0, 1] if left_out else [0, 0, 1]), rng.number
        assert "MemoryError" not in notes and printable(notes), rng.number
        assert np.array_equal(images[0], sound) and images.dtype == np.uint8, rng.number
        assert own if isinstance(own, str) else own.shape == (16, 16, 3), rng.number
        return not left_out

    return one
