"""What is done to an image on its way to the network, what is said of it, and how the network takes bands."""

import importlib.util
import json
import shutil
import struct
import sys
import threading
import zlib

import numpy as np
import pytest
import rasterio
import torch
from PIL import Image
from rasterio.transform import from_origin

from lt_lib.errors import DataError, LabError
from lt_lib.lab.bench import features, remedies
from lt_lib.lab.bench.bands import Form, Unusable, form, picture, pixels, scale_of, why
from lt_lib.lab.bench.reading import read_own
from lt_lib.lab.record.paths import project_root

ON_MAP = {"crs": "EPSG:32637", "transform": from_origin(0, 0, 30, 30)}
RGB = np.random.default_rng(0).integers(0, 256, (20, 20, 3), dtype=np.uint8)


@pytest.fixture(autouse=True)
def cache(monkeypatch, lab_env, tmp_path_factory):
    """Nothing is known of an image from another test."""
    monkeypatch.setenv("LT_CACHE", str(tmp_path_factory.mktemp("cache")))


def raster(path, values, **more):
    """A GeoTIFF of (H, W, C)."""
    height, width, count = values.shape
    more = {"driver": "GTiff", "height": height, "width": width, "count": count, "dtype": values.dtype} | more
    with rasterio.open(path, "w", **more) as file:
        file.write(np.moveaxis(values, -1, 0))
    return path


def deep_png(path, values):
    """A PNG of 16 bits, (H, W, 3 or 4) uint16, as Pillow does not write it."""
    height, width, channels = values.shape

    def chunk(kind, body):
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    lines = b"".join(b"\0" + row.astype(">u2").tobytes() for row in values)
    head = struct.pack(">IIBBBBB", width, height, 16, {3: 2, 4: 6}[channels], 0, 0, 0)
    path.write_bytes(
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", head)
        + chunk(b"IDAT", zlib.compress(lines))
        + chunk(b"IEND", b"")
    )


def turned(path):
    exif = Image.Exif()
    exif[274] = 6
    Image.fromarray(RGB).save(path, exif=exif)


GREY, NAN = RGB[..., 0], np.float32("nan")
KINDS = {
    "plain.png": (lambda p: Image.fromarray(RGB).save(p), []),
    "grey.png": (lambda p: Image.fromarray(GREY).save(p), ["in grey, repeated as red, green and blue"]),
    "palette.gif": (lambda p: Image.fromarray(RGB).quantize(9).save(p), ["of a palette, converted to RGB"]),
    "ink.tif": (
        lambda p: Image.fromarray(RGB).convert("CMYK").save(p),
        ["of other colours than RGB, converted to it"],
    ),
    "alpha.png": (
        lambda p: Image.fromarray(np.dstack([RGB, GREY])).save(p),
        ["with transparent pixels, which were laid on white"],
    ),
    "turned.jpg": (turned, ["turned upright, as their EXIF data say"]),
    "moving.webp": (
        lambda p: Image.fromarray(RGB).save(p, save_all=True, append_images=[Image.fromarray(RGB[::-1])]),
        ["of several frames, of which the first was taken"],
    ),
    "really a.jpg": (
        lambda p: Image.fromarray(RGB[::-1]).save(p, "PNG"),
        ["named .jpg but of format PNG, read as such"],
    ),
    "small.bmp": (lambda p: Image.fromarray(RGB[:5]).save(p), ["smaller than 8 pixels a side, enlarged"]),
    "deep.png": (lambda p: deep_png(p, RGB.astype(np.uint16) * 257), ["of 16 bits a channel, scaled to 8"]),
    "deep grey.png": (
        lambda p: Image.fromarray(GREY.astype(np.uint16) * 257).save(p),
        ["of 16 bits a channel, scaled to 8"],
    ),
    "deep alpha.png": (
        lambda p: deep_png(p, np.dstack([RGB[::-1], GREY]).astype(np.uint16) * 257),
        ["of 16 bits a channel, scaled to 8"],
    ),
    "float.tif": (
        lambda p: Image.fromarray(GREY / np.float32(7)).save(p),
        ["of float32 numbers, scaled to 8 bits by the smallest and largest of each image"],
    ),
    "packed.tif": (lambda p: raster(p, RGB, compress="zstd"), []),
}


@pytest.mark.parametrize("name", KINDS)
def test_every_kind_of_picture_is_read_and_said(tmp_path, name):
    make, said = KINDS[name]
    make(tmp_path / name)
    found, remarks = pixels(tmp_path / name, 20)
    assert found.shape == (20, 20, 3) and found.dtype == np.uint8 and remarks == said
    if name in ("plain.png", "deep.png", "packed.tif"):
        assert np.array_equal(found, RGB)
    if "grey" in name:
        assert np.array_equal(found, GREY[..., None].repeat(3, 2))


def crop(path, share):
    Image.fromarray(np.tile(RGB, (9, 9, 1))).save(path)
    path.write_bytes(path.read_bytes()[: int(share * path.stat().st_size)])


@pytest.mark.parametrize(
    ("name", "make", "said"),
    [
        ("cut.jpg", lambda p: crop(p, 0.5), "cut short"),
        ("cut.tif", lambda p: crop(p, 0.3), "cut short"),
        ("text.png", lambda p: p.write_text("no image"), "unreadable"),
        ("dot.png", lambda p: Image.fromarray(RGB[:1, :1]).save(p), "one pixel wide or high"),
        ("bomb.png", lambda p: Image.new("1", (400, 400)).save(p), "of more than 0 million pixels"),
        ("bomb.tif", lambda p: raster(p, np.ones((400, 400, 1), np.uint16)), "of more than 0 million pixels"),
        ("nan.tif", lambda p: Image.fromarray(GREY * NAN).save(p), "without a pixel that has a value"),
        ("four.tif", lambda p: raster(p, np.zeros((9, 9, 4), np.uint16)), "of 4 bands where 3 are wanted"),
        ("gone.png", lambda p: None, "not to be opened (No such file or directory)"),
    ],
)  # fmt: skip
def test_what_cannot_be_read_says_why(tmp_path, monkeypatch, name, make, said):
    make(tmp_path / name)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 40_000)
    with pytest.raises(Exception) as failed:
        pixels(tmp_path / name, 20)
    assert why(failed.value) == said


def test_a_fourth_band_on_a_map_is_a_band_and_elsewhere_transparency(tmp_path):
    four = np.dstack([RGB, GREY])
    assert form(raster(tmp_path / "a.tif", four, **ON_MAP)) == Form(4, "uint8")
    four[:9, :, 3] = 0  # hides nothing
    scale = np.array([[0] * 4, [255] * 4])
    found, remarks = pixels(raster(tmp_path / "z.tif", four, **ON_MAP), 20, 4, scale)
    assert np.array_equal(found, four) and remarks == []
    assert form(raster(tmp_path / "b.tif", four)) == Form(3, "uint8")
    assert form(raster(tmp_path / "c.tif", RGB, **ON_MAP)) == Form(3, "uint8")
    assert form(raster(tmp_path / "d.tif", np.dstack([RGB, RGB]).astype(np.int16))) == Form(6, "int16")
    assert form(tmp_path / "gone.tif") == Form(3, "uint8")


def test_bands_are_scaled_alike_in_all_images(tmp_path):
    values = np.arange(1000).reshape(10, 10, 10)[..., :4].astype(np.int16) * 10
    values[..., 3] = 7
    files = [raster(tmp_path / f"{i}.tif", values + 100 * i, **ON_MAP) for i in range(3)]
    scale = scale_of([*files, tmp_path / "gone.tif"], 4)
    dark, bright = (pixels(file, 10, 4, scale)[0] for file in files[::2])
    assert dark.shape == (10, 10, 4) and bright[..., :3].mean() > dark[..., :3].mean() + 4
    assert (dark[..., :3].min(), bright[..., :3].max()) == (0, 255)
    assert (
        picture(files[1], 10, 4, scale).tolist() == pixels(files[1], 10, 4, scale)[0][..., [2, 1, 0]].tolist()
    )
    with pytest.raises(Unusable, match="of 4 bands where 6 are wanted"):
        pixels(files[0], 10, 6, np.zeros((2, 6)))
    with pytest.raises(DataError, match="none of 1 images has a value"):
        scale_of([tmp_path / "gone.tif"], 4)


def test_missing_pixels_are_zero_and_said(tmp_path):
    values = np.full((20, 20, 4), 50, np.int16)
    values[:, 10:] = -9999
    file = raster(tmp_path / "a.tif", values, nodata=-9999, **ON_MAP)
    found, remarks = pixels(file, 20, 4, np.array([[0] * 4, [100] * 4]))
    assert remarks == ["with pixels that have no value, set to 0"]
    assert (found[:, :10] == 128).all() and (found[:, 10:] == 0).all()
    assert sorted(tmp_path.iterdir()) == [file]


def test_infinite_numbers_count_as_missing(tmp_path):
    values = np.linspace(0, 1, 400, dtype=np.float32).reshape(20, 20)
    values[5, 5] = np.inf
    Image.fromarray(values).save(tmp_path / "a.tif")
    found, remarks = pixels(tmp_path / "a.tif", 20)
    assert found[5, 5].tolist() == [0, 0, 0] and found[-1, -1].tolist() == [255] * 3
    assert "with pixels that have no value, set to 0" in remarks


@pytest.fixture
def tiles(tmp_path):
    """Three classes of five bands, told apart by the level of the last, and one picture."""
    chance = np.random.default_rng(0)
    for c, name in enumerate("abc"):
        (tmp_path / "tiles" / name).mkdir(parents=True)
        for i in range(8):
            values = chance.normal(1000, 100, (12, 12, 5))
            values[..., 4] += 1000 * c
            raster(tmp_path / "tiles" / name / f"{i}.tif", values.astype(np.uint16), **ON_MAP)
    Image.fromarray(RGB).save(tmp_path / "tiles/a/map.png")
    return tmp_path / "tiles"


def test_the_commonest_bands_win(tiles):
    own = read_own(tiles)
    assert own.bands == 5 and own.scale.shape == (2, 5) and len(own.files) == 24
    assert (
        own.notes[0] == "1 image left out, of 3 bands of uint8 where most have 5 bands of uint16: a/map.png."
    )
    assert own.notes[1].startswith("Images of 5 bands of uint16: each band is scaled to 8 bits from its 2nd")
    assert own.scale[1, 4] - own.scale[0, 4] > 2000 > own.scale[1, 0] - own.scale[0, 0]


def test_pictures_keep_company_with_rasters_of_three_bands(folder):
    raster(folder / "cats/deep.tif", RGB.astype(np.uint16), **ON_MAP)
    own = read_own(folder)
    assert len(own.files) == 65 and own.scale is None and own.bands == 3


@pytest.fixture
def network(monkeypatch, lab_env):
    spec = features.Backbone(name="test_efficientnet", pretrained=False, resolution=32)
    monkeypatch.setattr(features, "backbone", lambda network: spec)


def test_a_network_is_adapted_to_bands(network, monkeypatch, folder, tiles):
    """Bands that repeat a picture give its features."""
    torch.manual_seed(0)
    plain = features.backbone_network(features.backbone("any")).eval()
    monkeypatch.setattr(features, "backbone_network", lambda spec: plain)
    levels = torch.tensor([0.3, 0.5, 0.7]).view(3, 1, 1)
    monkeypatch.setattr(features, "normalisation", lambda spec: (levels, levels))
    image = folder / "cats/0.png"
    first = features.Eye.of("any")
    rgb, _ = first.pixels(image)
    seen = first.look([rgb])
    scale = np.array([[0] * 6, [255] * 6])
    eye = features.Eye.of("any", 6, scale)
    assert np.allclose(eye.look([np.dstack([rgb, rgb])]), seen, atol=2e-2) and seen.std() > 0
    assert eye.pixels(raster(folder / "six.tif", np.dstack([rgb, rgb])))[0].shape == (32, 32, 6)


def test_features_of_bands_and_what_is_said(network, tiles):
    own, x = features.features(read_own(tiles), "any")
    assert len(x) == len(own.files) == 24
    assert own.notes[-1].startswith("The first convolution of any was adapted to 5 bands")


def test_a_network_without_such_a_convolution_is_refused(network, monkeypatch, tiles):
    monkeypatch.setattr(features, "backbone_network", lambda spec: torch.nn.Identity())
    monkeypatch.setattr(torch.nn.Identity, "pretrained_cfg", {}, raising=False)
    with pytest.raises(LabError, match="takes RGB alone, not 5 bands"):
        features.features(read_own(tiles), "any")


def test_remarks_are_said_again_by_a_second_look(folder, eye):
    Image.fromarray(GREY).save(folder / "cats/grey.png")
    (folder / "cats/broken.jpg").write_bytes(b"\xff\xd8 no image")
    notes = [features.features(read_own(folder), "toy")[0].notes for _ in range(2)]
    assert (
        notes[0]
        == notes[1]
        == [
            "1 image left out, unreadable: cats/broken.jpg.",
            "1 image in grey, repeated as red, green and blue: cats/grey.png.",
        ]
    )
    assert eye.looked == 65


@pytest.fixture
def two_threads():
    """Of torch, whatever the tests run with."""
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


def test_two_batches_at_once_give_the_features_of_one_by_one(folder, eye, two_threads, monkeypatch):
    """Neither look returns before the other began, so one worker would fail; rows stay with their images."""
    (folder / "cats/broken.jpg").write_bytes(b"\xff\xd8 no image")
    both, look = threading.Barrier(2, timeout=60), eye.look
    threads = []

    def meet(self, images):
        threads.append(torch.get_num_threads())
        both.wait()
        return look(self, images)

    with monkeypatch.context() as patched:
        patched.setattr(features, "BATCH", 33)  # of 65: two batches
        patched.setattr(eye, "look", meet)
        own, x = features.features(read_own(folder), "toy")
    assert threads == [1, 1] and torch.get_num_threads() == 2
    assert own.notes == ["1 image left out, unreadable: cats/broken.jpg."]
    alone = [torch.from_numpy(eye().look([pixels(file, 16)[0]])) for file in own.files]
    assert torch.equal(x, torch.cat(alone).float())


def test_another_scale_is_looked_at_anew(folder, eye):
    own = read_own(folder)
    features.features(own, "toy")
    own.scale = np.array([[0] * 3, [100] * 3])
    features.features(own, "toy")
    assert eye.looked == 128


def test_a_damaged_chunk_is_computed_again(folder, eye, lab_env, capsys):
    own = read_own(folder)
    _, x = features.features(own, "toy")
    (chunk,) = features._folder(own, "toy", "float32").glob("*.npz")
    shape = str(tuple(x.shape)).encode()
    content = chunk.read_bytes()
    assert shape in content
    for looked, damaged in (
        (128, b"no archive"),
        (192, content.replace(shape, f"({len(x)}, 0)".encode().ljust(len(shape)))),
    ):
        chunk.write_bytes(damaged)
        _, again = features.features(own, "toy")
        assert torch.equal(x, again) and eye.looked == looked
        (chunk,) = features._folder(own, "toy", "float32").glob("*.npz")
    assert capsys.readouterr().err.count("damaged, its features are computed again") == 2


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("resnet5o", "in timm is a network 'resnet5o'; did you mean 'resnet50'"),
        ("resnet50.a1_in1", "no weights of resnet50.a1_in1; did you mean 'resnet50.a1_in1k'"),
        ("resnet8", "did you mean"),
        ("../x", "in timm is a network"),
    ],
)
def test_an_unknown_network_is_named(name, said):
    with pytest.raises(LabError, match=said):
        features.backbone(name)


def test_a_network_has_the_side_it_was_trained_at():
    assert features.backbone("vit_base_patch16_384").resolution == 384
    assert features.backbone("mobilenetv2_100").pretrained == "mobilenetv2_100_imagenet"


def test_weights_out_of_reach_are_one_error(monkeypatch):
    def fail(*_, **__):
        raise OSError("no route to host")

    monkeypatch.setattr("timm.create_model", fail)
    with pytest.raises(LabError, match="weights of resnet18 are neither in timm's cache nor reachable"):
        features.Eye.of("resnet18")


def test_all_kinds_in_one_folder(folder, eye):
    """Every kind at once: nothing is fatal, nothing is lost, nothing is written."""
    for name, (make, _) in KINDS.items():
        make(folder / "cats" / name)
    shutil.copy(folder / "cats/plain.png", folder / "犬/plain.png")
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*")}
    own, x = features.features(read_own(folder), "toy")
    assert len(x) == 64 + len(KINDS) - 1  # all but plain.png is in two classes
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*")} == before
    said = " ".join(own.notes)
    assert all(remark in said for _, remarks in KINDS.values() for remark in remarks)


def test_a_deep_image_that_gdal_cannot_read_says_so(tmp_path, monkeypatch):
    def deep(*_):
        raise DataError("more than 8 bits a channel")

    Image.fromarray(RGB).save(tmp_path / "a.png")
    (tmp_path / "a.png").write_bytes(b"\x00" + (tmp_path / "a.png").read_bytes())
    monkeypatch.setattr("lt_lib.lab.bench.bands.read_image", deep)
    monkeypatch.setattr("lt_lib.lab.bench.bands._header", lambda file: [])
    with pytest.raises(DataError) as failed:
        pixels(tmp_path / "a.png", 20)
    assert why(failed.value) == "of more than 8 bits a channel, in a format that cannot be scaled here"


def test_the_benchmark_measures_the_same_files_on_both_sides(monkeypatch, tmp_path, capsys):
    path = project_root() / "benchmarks/compare.py"
    monkeypatch.syspath_prepend(path.parent)
    spec = importlib.util.spec_from_file_location("benchmark", path)
    benchmark = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(benchmark)
    monkeypatch.setattr(sys.modules["results"], "RESULTS", tmp_path / "results.json")

    def out_of_reach(spec):
        if spec.pretrained:
            raise LabError("no weights")
        return made(spec)

    made, seen = features.backbone_network, {}
    monkeypatch.setattr(features, "backbone_network", out_of_reach)
    monkeypatch.setattr(features, "backbone", features.backbone)  # which the benchmark replaces
    monkeypatch.setattr(remedies, "STEPS", (4, 4))
    for name in ("ours", "theirs"):
        run = getattr(benchmark, name)
        monkeypatch.setattr(
            benchmark, name, lambda *of, name=name, run=run: seen.update({name: run(*of).shape})
        )
    command = "compare.py --network test_resnet --images 64 --rounds 1 --points 300 --dim 8 --seeds 2 --write"
    monkeypatch.setattr(sys, "argv", command.split())
    benchmark.main()
    assert seen["ours"] == seen["theirs"] and seen["ours"][0] == 64
    found = json.loads((tmp_path / "results.json").read_text())["compare"]
    assert found["features"]["images"] == 64 and found["heads"]["seeds"] == 2
    assert found["features"]["ratio"] == found["features"]["ours"] / found["features"]["timm"]
    assert "features of 64 files by test_resnet" in capsys.readouterr().out
