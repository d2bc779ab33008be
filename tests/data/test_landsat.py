"""Landsat scenes: units and missing pixels, sweeps against a classifier run by hand, maps as a GIS finds
them, errors, memory."""

import re
import shutil
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
import rasterio
import rasterio.shutil
from hypothesis import given, settings
from hypothesis import strategies as st
from rasterio.transform import Affine, from_origin
from rasterio.windows import Window
from scipy import ndimage

from lt_lib.data import DataError, landsat
from lt_lib.data.landsat import Scene, sweep

ROOT = Path(__file__).resolve().parents[2]
REAL = ROOT.parent / "shared" / "data" / "geo" / "landsat7"
GRID = from_origin(462405, 1741815, 30, 30)
CLASSES = ("grass", "bare & dry", "water")
NAMES = ("map_class.tif", "map_class.tif.aux.xml", "map_confidence.tif")
needs_real = pytest.mark.skipif(not REAL.is_dir(), reason="the real scene is not here")


@pytest.fixture(scope="session")
def example(tmp_path_factory):
    return landsat.make_scene(tmp_path_factory.mktemp("landsat"), size=120)


@pytest.fixture
def scene(example):
    with Scene(example.scene) as opened:
        yield opened


def write(path, array, **profile):
    """A GeoTIFF of an array (C, H, W)."""
    profile = {"crs": "EPSG:32615", "transform": GRID, "nodata": -9999} | profile
    count, height, width = array.shape
    with rasterio.open(
        path, "w", driver="GTiff", count=count, height=height, width=width, dtype=array.dtype, **profile
    ) as file:
        file.write(array)
    return path


def stored(seed=0, shape=(8, 40, 50)):
    return np.random.default_rng(seed).integers(100, 6000, shape).astype(np.int16)


def softmax(z, axis):
    z = np.exp(z - z.max(axis, keepdims=True))
    return z / z.sum(axis, keepdims=True)


WEIGHTS = np.random.default_rng(1).normal(size=(3, 6)).astype(np.float32) * 10


def per_pixel(x):
    return softmax(x @ WEIGHTS.T, 1)


def read(path):
    with rasterio.open(path) as file:
        return file.read(1)


# scenes


def test_values_are_in_physical_units_and_missing_ones_are_nan(tmp_path):
    array = stored()
    array[3, 5, 6] = -9999  # nodata in one band
    array[0, 7, 8], array[0, 9, 9] = 16000, -2500  # saturated; no reflectance
    with Scene(write(tmp_path / "s.tif", array)) as scene:
        values, valid = scene.read(("nir", "blue", "thermal", "fmask"))
        assert (
            values.dtype == np.float32
            and not valid[5, 6]
            and not valid[7, 8]
            and not valid[9, 9]
            and valid.sum() == valid.size - 3
        )
        assert np.isnan(values[:, ~valid]).all()
        factors = np.array([1e-4, 1e-4, 0.01, 1])[:, None]
        assert values[:, valid] == pytest.approx(array[[3, 0, 6, 7]][:, valid] * factors, rel=1e-6)
        assert scene.read(("red",))[1].all()  # only the bands asked for count
    with Scene(
        tmp_path / "s.tif", scale=2.75e-5, offset=-0.2, nodata=array[2, 0, 0], valid=(0, 40000)
    ) as scene:
        values, valid = scene.read(("red",))
        assert not valid[0, 0] and values[0, valid] == pytest.approx(
            array[2][valid] * 2.75e-5 - 0.2, rel=1e-4
        )


def test_a_window_may_reach_beyond_the_scene(tmp_path):
    with Scene(write(tmp_path / "s.tif", stored())) as scene:
        whole, _ = scene.read()
        values, valid = scene.read(window=Window(-3, 35, 10, 9))
        assert valid.sum() == 7 * 5 and np.array_equal(values[:, :5, 3:], whole[:, 35:, :7])
        assert np.isnan(values[:, ~valid]).all()
        far, valid = scene.read(window=Window(60, 0, 4, 4))
        assert far.shape == (6, 4, 4) and not valid.any()
        assert scene.read(shape=(10, 10))[0].shape == (6, 10, 10)
        with pytest.raises(DataError, match="inside the scene"):
            scene.read(window=Window(-1, 0, 4, 4), shape=(2, 2))


def test_bands_have_the_numbers_of_the_sensor(tmp_path):
    numbers = {}
    for sensor, names in landsat.SENSORS.items():
        with Scene(write(tmp_path / f"{sensor}.tif", stored(shape=(len(names), 4, 4))), sensor) as scene:
            numbers[sensor] = [scene.band(name) for name in landsat.COMPOSITES["agriculture"]]
            with pytest.raises(DataError, match=r"no band 'infrared'; it has .*nir"):
                scene.read(("infrared",))
    assert numbers == {"landsat-8": [6, 5, 2], "landsat-7": [5, 4, 1]}
    with Scene(write(tmp_path / "own.tif", stored(shape=(2, 4, 4))), bands=("red", "nir")) as scene:
        assert scene.band("nir") == 2


@pytest.mark.parametrize("kind", landsat.COMPOSITES)
def test_composites_stretch_each_band_over_the_scene(tmp_path, kind):
    array = stored()
    array[:, :, :4] = -9999
    with Scene(write(tmp_path / "s.tif", array)) as scene:
        picture, valid = landsat.composite(scene, kind, percentiles=(5, 95))
        assert (
            picture.dtype == np.uint8
            and picture.shape == (40, 50, 3)
            and (picture[~valid] == 0).all()
            and not valid[:, :4].any()
        )
        for channel, name in enumerate(landsat.COMPOSITES[kind]):
            plane = array[landsat.SENSORS["landsat-7"].index(name)].astype(float)
            low, high = np.percentile(plane[valid], (5, 95))
            expected = np.clip(255 * (plane - low) / (high - low), 0, 255)
            assert np.abs(picture[..., channel] - expected)[valid].max() <= 0.51
        window = Window(10, 5, 20, 30)
        assert np.array_equal(landsat.composite(scene, kind, window, (5, 95))[0], picture[5:35, 10:30])
        assert landsat.composite(scene, kind, shape=(20, 25))[0].shape == (20, 25, 3)
        for wrong in ((98, 2), (-1, 50)):
            with pytest.raises(DataError, match="percentiles"):
                landsat.composite(scene, kind, percentiles=wrong)
        with pytest.raises(DataError, match="there are agriculture, true-colour"):
            landsat.composite(scene, "infrared")


def test_a_scene_without_a_valid_pixel_is_black(tmp_path):
    with Scene(write(tmp_path / "s.tif", np.full((8, 5, 5), -9999, np.int16))) as scene:
        picture, valid = landsat.composite(scene)
        assert not picture.any() and not valid.any() and np.isnan(landsat.ndvi(scene)).all()


def test_ndvi(tmp_path):
    array = stored()
    array[3, 0, 0], array[2, 0, 1], array[2:4, 0, 2] = -9999, -50, 0
    with Scene(write(tmp_path / "s.tif", array)) as scene:
        found = landsat.ndvi(scene)
        nir, red = array[3].astype(float), array[2].astype(float)
        expected = (nir - red) / np.maximum(nir + red, 1)
        expected[0, :3] = np.nan, 1, np.nan
        assert found.dtype == np.float32 and found == pytest.approx(expected, abs=1e-6, nan_ok=True)
        assert np.array_equal(landsat.ndvi(scene, Window(3, 4, 5, 6)), found[4:10, 3:8])


@given(st.integers(1, 60), st.integers(1, 60), st.integers(1, 70), st.integers(0, 9))
def test_windows_cover_every_pixel_once(height, width, size, halo):
    class Grid:
        pass

    grid, seen = Grid(), np.zeros((height, width), int)
    grid.height, grid.width = height, width
    for core, outer in landsat.windows(grid, size, halo):
        assert max(core.height, core.width) <= size
        assert (outer.row_off, outer.col_off) == (core.row_off - halo, core.col_off - halo)
        assert (outer.height, outer.width) == (core.height + 2 * halo, core.width + 2 * halo)
        seen[core.toslices()] += 1
    assert (seen == 1).all()


def collection2(seed=0, shape=(8, 40, 50)):
    """Reflectance 0.02 to 0.9 as Collection 2 stores it."""
    return np.random.default_rng(seed).integers(8000, 40000, shape).astype(np.uint16)


def test_the_valid_range_follows_scale_and_offset(tmp_path):
    array = collection2()
    array[2, 0, :4] = 0, 1, 65454, 65535  # fill, -0.2, 1.6, saturated
    with Scene(write(tmp_path / "s.tif", array, nodata=None), scale=2.75e-5, offset=-0.2) as scene:
        values, valid = scene.read(("red",))
        assert valid[0, :4].tolist() == [False, True, True, False] and valid.sum() == valid.size - 2
        assert values[0, valid] == pytest.approx(array[2][valid] * 2.75e-5 - 0.2, abs=1e-5)
    floats = (stored() / 1e4).astype(np.float32)
    floats[2, 0, :4] = -0.2, -0.19, 1.59, 1.6
    with Scene(write(tmp_path / "f.tif", floats), scale=1) as scene:
        values, valid = scene.read(("red",))
        assert valid[0, :4].tolist() == [False, True, True, False] and valid.sum() == valid.size - 2


def test_scale_and_offset_that_the_file_declares(tmp_path):
    path = write(tmp_path / "s.tif", collection2(), nodata=0)
    with rasterio.open(path, "r+") as file:
        file.scales, file.offsets = (2.75e-5,) * 6 + (0.1, 1), (-0.2,) * 6 + (7, 0)
    with Scene(path) as scene:
        assert (scene.scale, scene.offset) == (2.75e-5, -0.2) and scene.read()[1].all()
    with Scene(path, scale=1e-5) as scene:
        assert (scene.scale, scene.offset) == (1e-5, 0)
    with rasterio.open(path, "r+") as file:
        file.scales = (1e-4,) + (2.75e-5,) * 7
    with pytest.raises(DataError, match="several scales and offsets"):
        Scene(path)
    for scale in (0, np.nan, np.inf):
        with pytest.raises(DataError, match="scale other than 0"):
            Scene(path, scale=scale)


def test_a_mask_beside_the_bands_is_heeded(tmp_path):
    path = write(tmp_path / "s.tif", stored(), nodata=None)
    mask = np.full((40, 50), 255, np.uint8)
    mask[3:5, 6] = 0
    with rasterio.open(path, "r+") as file:
        file.write_mask(mask)
    with Scene(path) as scene:
        assert np.array_equal(scene.read()[1], mask > 0)
        assert scene.read(shape=(20, 25))[1].shape == (20, 25)


# sweeps


def by_hand(scene):
    """Class and confidence of the per-pixel classifier, all at once."""
    values, valid = scene.read()
    scores = per_pixel(values[:, valid].T)
    label, confidence = (np.full(valid.shape, 255, np.uint8) for _ in range(2))
    label[valid], confidence[valid] = scores.argmax(1), np.rint(100 * scores.max(1))
    return label, confidence


@pytest.mark.parametrize(("tile", "batch"), [(512, None), (50, 700), (17, 64)])
def test_a_per_pixel_map_is_what_the_classifier_says_wherever_the_windows_fall(scene, tmp_path, tile, batch):
    label, confidence = by_hand(scene)
    calls, steps = [], []

    def predict(x):
        calls.append(x.shape)
        return per_pixel(x)

    found = sweep(
        scene,
        predict,
        tmp_path / "map",
        classes=CLASSES,
        tile=tile,
        batch=batch,
        progress=lambda *step: steps.append(step),
    )
    assert np.array_equal(read(found.class_path), label) and np.array_equal(
        read(found.confidence_path), confidence
    )
    assert (
        list(found.counts) == list(CLASSES)
        and list(found.counts.values()) == np.bincount(label.ravel(), minlength=256)[:3].tolist()
    )
    assert found.missing == (label == 255).sum() > 0
    assert sum(n for n, _ in calls) == (label != 255).sum() and max(n for n, _ in calls) <= (batch or 65536)
    assert steps == [(i + 1, len(steps)) for i in range((-(-120 // tile)) ** 2)]


def box_mean(x):
    """Probabilities (1, 3, h, w) from the mean of 3 x 3 pixels."""
    return softmax(
        np.einsum("kc,nchw->nkhw", WEIGHTS, ndimage.uniform_filter(x, (0, 0, 3, 3), mode="constant")), 1
    )


def test_a_halo_as_wide_as_the_network_looks_leaves_no_seam(scene, tmp_path):
    maps = {}
    for tile, halo in ((512, 1), (32, 1), (512, 0), (32, 0)):
        found = sweep(
            scene, box_mean, tmp_path / f"{tile}-{halo}", classes=CLASSES, kind="dense", tile=tile, halo=halo
        )
        maps[tile, halo] = read(found.confidence_path)
    assert np.array_equal(maps[512, 1], maps[32, 1])
    seams = np.argwhere(maps[512, 0] != maps[32, 0])
    assert len(seams) and np.isin(seams % 32, (0, 31)).any(1).all()
    values, valid = scene.read()
    expected = np.rint(100 * box_mean(np.nan_to_num(values)[None])[0].max(0))
    assert np.array_equal(maps[32, 1][valid], expected[valid]) and (maps[32, 1][~valid] == 255).all()


@pytest.mark.parametrize(
    ("patch", "stride", "tile"), [(5, 1, 120), (5, 1, 31), (8, 4, 512), (8, 4, 24), (3, 3, 9), (9, 7, 21)]
)
def test_a_patch_labels_the_block_at_its_centre(scene, tmp_path, patch, stride, tile):
    values, valid = scene.read()
    halo = (patch - stride) // 2
    ends = [halo + -(-n // stride) * stride - n for n in valid.shape]
    padded = np.pad(
        np.nan_to_num(values, nan=0.5),
        ((0, 0), (halo, ends[0] + halo), (halo, ends[1] + halo)),
        constant_values=0.5,
    )

    def predict(x):
        assert x.shape[1:] == (6, patch, patch) and len(x) <= 40
        return per_pixel(x.mean((2, 3)))

    expected = np.full(valid.shape, 255, np.uint8)
    for row in range(0, 120, stride):
        for col in range(0, 120, stride):
            block = np.s_[row : row + stride, col : col + stride]
            if valid[block].any():
                expected[block] = predict(padded[None, :, row : row + patch, col : col + patch]).argmax()
    expected[~valid] = 255
    found = sweep(
        scene,
        predict,
        tmp_path / "map",
        classes=CLASSES,
        kind="patch",
        patch=patch,
        stride=stride,
        tile=tile,
        batch=40,
        fill=0.5,
    )
    assert np.array_equal(read(found.class_path), expected)


def test_patches_of_one_pixel_are_pixels(scene, tmp_path):
    pixel = sweep(scene, per_pixel, tmp_path / "a", classes=CLASSES)
    patch = sweep(scene, lambda x: per_pixel(x[:, :, 0, 0]), tmp_path / "b", classes=CLASSES, kind="patch")
    assert read(pixel.class_path).tobytes() == read(patch.class_path).tobytes()


def test_tensors_are_taken_with_their_graph(scene, tmp_path):
    import torch

    net = torch.nn.Sequential(torch.nn.Linear(6, 3), torch.nn.Softmax(1))
    found = sweep(scene, lambda x: net(torch.from_numpy(x)), tmp_path / "map", classes=CLASSES)
    assert sum(found.counts.values()) > 0


def test_bands_are_given_in_the_order_asked_for(scene, tmp_path):
    def predict(x):
        assert x.shape[1] == 2
        green = x[:, 0] > x[:, 1]
        return np.stack([green, ~green], 1).astype(np.float32)

    found = sweep(scene, predict, tmp_path / "map", classes=("more nir", "more red"), bands=("nir", "red"))
    values, valid = scene.read(("nir", "red"))
    assert found.counts["more nir"] == (values[0] > values[1])[valid].sum()


def test_clouds_can_be_left_out(example, tmp_path):
    with Scene(example.later) as scene:
        values, valid = scene.read((*landsat.REFLECTIVE, "fmask"))
        seen, hidden = (
            sweep(scene, per_pixel, tmp_path / name, classes=CLASSES, clear_only=only, tile=40)
            for name, only in (("all", False), ("clear", True))
        )
        cloudy = valid & (values[6] >= 2)
        assert cloudy.sum() > 100 and hidden.missing == seen.missing + cloudy.sum()
        assert np.array_equal(read(hidden.class_path), np.where(cloudy, 255, read(seen.class_path)))
    with (
        Scene(write(tmp_path / "s.tif", stored()[:6]), bands=landsat.REFLECTIVE) as scene,
        pytest.raises(DataError, match="'fmask'"),
    ):
        sweep(scene, per_pixel, tmp_path / "map", classes=CLASSES, clear_only=True)


@pytest.mark.parametrize(
    ("array", "options"),
    [
        (np.full((8, 20, 20), -9999, np.int16), {}),
        (collection2(shape=(8, 20, 20)) + 8000, {}),  # without its scale
        (
            np.concatenate([stored(shape=(7, 20, 20)), np.full((1, 20, 20), 4, np.int16)]),
            {"clear_only": True},
        ),
    ],
)
def test_a_map_without_a_valid_pixel_is_an_error(tmp_path, array, options):
    path = write(tmp_path / "s.tif", array, nodata=0 if array.dtype == np.uint16 else -9999)
    with pytest.raises(DataError, match=r"no pixel of .*s.tif is .*valid in .*scale=0.0000275, offset=-0.2"):
        sweep(path, per_pixel, tmp_path / "map", classes=CLASSES, **options)
    assert [p.name for p in tmp_path.iterdir()] == ["s.tif"]


# maps


def test_a_map_is_a_georeferenced_palette_with_overviews_and_names(tmp_path):
    array = stored(shape=(8, 700, 600))
    array[:, :90] = -9999
    path = write(tmp_path / "scene.tif", array)
    colours = ("#112233", (4, 5, 6), "#ffffff")
    found = sweep(path, per_pixel, tmp_path / "new" / "map.tif", classes=CLASSES, colours=colours)
    assert sorted(p.name for p in (tmp_path / "new").iterdir()) == list(NAMES)
    for file_path in (found.class_path, found.confidence_path):
        with rasterio.open(file_path) as file, rasterio.open(path) as source:
            assert (file.crs, file.transform, file.shape) == (source.crs, source.transform, source.shape)
            assert (
                file.profile["tiled"] and file.block_shapes == [(256, 256)] and file.overviews(1) == [2, 4, 8]
            )
            assert (file.count, file.dtypes[0], file.nodata, file.compression.name) == (
                1,
                "uint8",
                255,
                "deflate",
            )
    with rasterio.open(found.class_path) as file:
        assert file.colorinterp == (rasterio.enums.ColorInterp.palette,)
        assert [file.colormap(1)[k][:3] for k in range(3)] == [(17, 34, 51), (4, 5, 6), (255, 255, 255)]
        assert [file.tags()[f"CLASS_{k}"] for k in range(3)] == list(CLASSES)
        thinned, plane = file.read(1, out_shape=(350, 300)), file.read(1)
        blocks = plane.reshape(350, 2, 300, 2)
        assert (
            (blocks == thinned[:, None, :, None]).any((1, 3)).all()
        )  # nearest: a mean of classes is none of them
    with rasterio.open(found.confidence_path) as file:
        plane, thinned = file.read(1).astype(float), file.read(1, out_shape=(350, 300)).astype(float)
        assert plane[plane < 255].max() <= 100 and file.units == ("percent",)
        means = plane[90:].reshape(305, 2, 300, 2).mean((1, 3))
        assert np.abs(thinned[45:] - means).max() <= 1 and (thinned[:45] == 255).all()


def test_gdal_finds_the_names_of_the_classes(scene, tmp_path):
    found = sweep(scene, per_pixel, tmp_path / "map", classes=CLASSES)
    rasterio.shutil.copy(
        found.class_path, tmp_path / "map.vrt", driver="VRT"
    )  # a VRT spells out what GDAL knows
    band = ElementTree.parse(tmp_path / "map.vrt").find("VRTRasterBand")
    assert [c.text for c in band.find("CategoryNames")] == list(CLASSES)
    assert len(band.find("ColorTable")) >= 3


def test_many_classes_have_colours_of_their_own():
    palette = landsat._palette(tuple(f"class {k}" for k in range(100)), None)
    assert len(set(palette)) == 100 and all(0 <= v <= 255 for colour in palette for v in colour)


@pytest.mark.parametrize("stop", [KeyboardInterrupt, OSError("model file gone")])
def test_an_interrupted_sweep_leaves_no_half_map_and_the_old_one_whole(scene, tmp_path, stop):
    def predict(x):
        calls.append(1)
        if len(calls) == 3:
            raise stop
        return per_pixel(x)

    for old in (False, True):
        calls = []
        with pytest.raises(
            type(stop) if isinstance(stop, OSError) else stop
        ):  # not wrapped: it is the caller's own
            sweep(scene, predict, tmp_path / "map", classes=CLASSES, tile=40)
        assert sorted(p.name for p in tmp_path.iterdir()) == (list(NAMES) if old else [])
        if not old:
            whole = sweep(scene, per_pixel, tmp_path / "map", classes=CLASSES)
            before = whole.class_path.read_bytes()
    assert whole.class_path.read_bytes() == before


# errors


@pytest.mark.parametrize(
    ("returned", "message"),
    [
        (lambda x: per_pixel(x)[:, :2], r"shape \(\d+, 2\), expected \(\d+, 3\)"),
        (lambda x: per_pixel(x).T, "shape"),
        (lambda x: per_pixel(x).argmax(1), "shape"),
        (lambda x: x @ WEIGHTS.T, "softmax"),
        (lambda x: np.full((len(x), 3), np.nan), "probabilities"),
        (lambda x: np.tile([1.5, -0.5, 0], (len(x), 1)), "the smallest is -0.5"),
    ],
)
def test_predict_must_return_probabilities_of_the_right_shape(scene, tmp_path, returned, message):
    with pytest.raises(DataError, match=message):
        sweep(scene, returned, tmp_path / "map", classes=CLASSES)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "options",
    [
        {"kind": "tile"},
        {"kind": "patch", "patch": 4, "stride": 1},
        {"kind": "patch", "patch": 2, "stride": 4},
        {"kind": "patch", "patch": 8, "stride": 4, "tile": 510},
        {"classes": ()},
        {"classes": ("a", "a")},
        {"classes": tuple(map(str, range(255)))},
        {"colours": ("#000000",)},
        {"tile": 0},
        {"halo": -1},
        {"bands": ("red", "infrared")},
    ],
)
def test_arguments_that_cannot_be(scene, tmp_path, options):
    with pytest.raises(DataError):
        sweep(scene, per_pixel, tmp_path / "map", **{"classes": CLASSES} | options)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("array", "profile", "message"),
    [
        (stored(), {"crs": None}, "no coordinate system"),
        (stored(), {"transform": Affine.identity()}, "no transform"),
        (stored(), {"transform": GRID @ Affine.rotation(10)}, "rotated or sheared"),
        (stored(), {"transform": GRID @ Affine.shear(5, 0)}, "rotated or sheared"),
        (stored()[:7], {}, "has 7 bands, expected 8: blue, green"),
        (stored().astype(np.complex64), {}, "band blue: type complex64 holds no reflectance"),
        (stored().astype(np.uint8), {"nodata": 0}, "type uint8"),
        (stored().astype(np.float32), {"nodata": None}, "float32 without a nodata value"),
    ],
)
@pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
def test_scenes_that_cannot_be_used(tmp_path, array, profile, message, recwarn):
    path = write(tmp_path / "scene.tif", array, **profile)
    recwarn.clear()
    with pytest.raises(DataError, match=f"scene.tif.*{message}"):
        sweep(path, per_pixel, tmp_path / "map", classes=CLASSES)
    assert not recwarn.list and [p.name for p in tmp_path.iterdir()] == ["scene.tif"]


def test_floats_with_nodata_are_read(tmp_path):
    array = stored().astype(np.float32)
    array[0, 0, 0] = np.nan
    with Scene(write(tmp_path / "s.tif", array, nodata=np.nan)) as scene:
        assert scene.read()[1].sum() == 40 * 50 - 1


def test_files_that_are_none(tmp_path):
    with pytest.raises(DataError, match="no file"):
        Scene(tmp_path / "none.tif")
    (tmp_path / "text.tif").write_text("no raster")
    with pytest.raises(DataError, match=r"text.tif cannot be opened"):
        Scene(tmp_path / "text.tif")
    with pytest.raises(DataError, match="no sensor 'modis'; there are landsat-7"):
        Scene(tmp_path / "text.tif", "modis")


@pytest.mark.parametrize(
    "profile", [{}, {"compress": "deflate"}, {"tiled": True, "blockxsize": 64, "blockysize": 64}]
)
def test_a_truncated_file_is_found_and_the_window_named(tmp_path, profile):
    array = stored(shape=(8, 256, 256))
    path = write(tmp_path / "scene.tif", array, **profile)
    content = path.read_bytes()
    path.write_bytes(content[: len(content) * 3 // 4])
    with pytest.raises(
        DataError,
        match=r"scene.tif: rows (128|192) to \d+, columns \d+ to \d+ cannot be read: the file is truncated",
    ):
        sweep(path, per_pixel, tmp_path / "map", classes=CLASSES, tile=64)
    assert [p.name for p in tmp_path.iterdir()] == ["scene.tif"]
    path.write_bytes(content[:100])
    with pytest.raises(DataError, match="cannot be opened|cannot be read"):
        sweep(path, per_pixel, tmp_path / "map", classes=CLASSES)


def test_a_folder_that_cannot_be_written(scene, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match=r"file cannot be written: .*Name another folder"):
        sweep(scene, per_pixel, tmp_path / "file" / "map", classes=CLASSES)
    with pytest.raises(DataError, match="cannot be written"):
        landsat.make_scene(tmp_path / "file" / "folder", size=100)


def test_a_disk_that_fills_up_is_an_error_of_the_map(scene, tmp_path, monkeypatch):
    def full(*_, **__):
        raise rasterio.errors.RasterioIOError("No space left on device")

    monkeypatch.setattr(rasterio.io.DatasetWriter, "build_overviews", full)
    with pytest.raises(DataError, match=r"map_class.tif cannot be written: No space left"):
        sweep(scene, per_pixel, tmp_path / "map", classes=CLASSES)
    assert not list(tmp_path.iterdir())


# labels


def test_labels_must_lie_on_the_grid_of_the_scene(example, scene, tmp_path):
    labels = landsat.read_labels(example.labels, scene)
    assert labels.shape == (120, 120) and labels.dtype == np.uint8 and np.bincount(labels.ravel())[1:].all()
    plain = labels[None]
    for name, array, profile, message in [
        ("moved", plain, {"transform": GRID @ Affine.translation(1, 0)}, "not on the grid"),
        ("zone", plain, {"crs": "EPSG:32616"}, "not on the grid"),
        ("small", plain[:, 1:], {}, "not on the grid"),
        ("two", np.repeat(plain, 2, 0), {}, "2 bands"),
        ("real", plain.astype(np.float32), {}, "1 bands of float32"),
        ("less", plain.astype(np.int16) - 1, {}, "holds -1 to"),
    ]:
        with pytest.raises(DataError, match=f"{name}.tif.*{message}"):
            landsat.read_labels(write(tmp_path / f"{name}.tif", array, **{"nodata": None} | profile), scene)


@pytest.mark.parametrize("pixel", [30, 0.00027, 1e-7])
def test_the_tolerance_of_a_grid_is_in_pixels(tmp_path, pixel):
    grid = {"crs": "EPSG:32615" if pixel > 1 else "EPSG:4326", "nodata": None}
    own = from_origin(-92, 15.7, pixel, pixel)
    labels = np.ones((1, 40, 50), np.uint8)
    with Scene(write(tmp_path / "s.tif", stored(), **grid, transform=own)) as scene:
        for name, transform, off in [
            ("shifted", own @ Affine.translation(3, 0), "3"),
            ("half", own @ Affine.translation(0, 0.5), "0.5"),
            ("double", own @ Affine.scale(2), "50"),
            ("creeping", own @ Affine.scale(1.001), "0.05"),
        ]:
            path = write(tmp_path / f"{name}.tif", labels, **grid, transform=transform)
            with pytest.raises(DataError, match=f"{name}.tif is not on the grid .* {off} pixels off"):
                landsat.read_labels(path, scene)
        near = write(tmp_path / "n.tif", labels, **grid, transform=own @ Affine.translation(1e-4, 0))
        assert landsat.read_labels(near, scene).all()


@pytest.mark.parametrize(("dtype", "nodata"), [(np.uint8, 200), (np.uint8, 255), (np.int16, -9999)])
def test_declared_nodata_is_no_class(tmp_path, dtype, nodata):
    labels = np.arange(2000).reshape(1, 40, 50).astype(dtype) % 3
    labels[0, 5, 6:9] = nodata
    expected = np.where(labels[0] == nodata, 0, labels[0])
    with Scene(write(tmp_path / "s.tif", stored())) as scene:
        path = write(tmp_path / "l.tif", labels, nodata=nodata)
        assert np.array_equal(landsat.read_labels(path, scene), expected)


def test_polygons_are_numbered_by_class_and_torn_ones_are_one():
    labels = np.array([[2, 0, 1, 0, 0, 0, 1], [0, 2, 1, 0, 0, 0, 0], [0, 0, 0, 0, 0, 0, 3]])
    assert landsat.polygons(labels, 0).tolist() == [
        [3, 0, 1, 0, 0, 0, 2],
        [0, 3, 1, 0, 0, 0, 0],
        [0, 0, 0, 0, 0, 0, 4],
    ]
    assert landsat.polygons(labels).max() == 4  # three pixels between them: still two
    labels[0, 5] = 1
    assert landsat.polygons(labels)[0].tolist() == [2, 0, 1, 0, 0, 1, 1]
    for wrong in (labels[0], labels / 2):
        with pytest.raises(DataError, match="whole numbers"):
            landsat.polygons(wrong)


label_maps = st.integers(0, 2**32 - 1).map(
    lambda seed: np.where(
        np.random.default_rng(seed).random((18, 18)) < 0.12,
        np.random.default_rng(seed + 1).integers(1, 5, (18, 18)),
        0,
    )
)


@settings(max_examples=60, deadline=None)
@given(label_maps, st.floats(0.05, 0.95), st.integers(0, 1000))
def test_a_split_never_divides_a_polygon(labels, fraction, seed):
    if not labels.any():
        return
    train, test = landsat.polygon_split(labels, fraction, seed)
    assert not (train & test).any() and np.array_equal(train | test, labels > 0)
    numbers = landsat.polygons(labels)
    for number in range(1, numbers.max() + 1):
        assert len(np.unique(train[numbers == number])) == 1
    for value in np.unique(labels[labels > 0]):
        own = labels == value
        found, kept = len(np.unique(numbers[own])), len(np.unique(numbers[own & train]))
        assert kept == min(max(round(fraction * found), 1), max(found - 1, 1))
        beside = ndimage.binary_dilation(own & train, np.ones((5, 5)))
        assert not (beside & own & test).any()  # no test pixel within two of a training pixel of its class


def test_splits_follow_the_seed_class_by_class():
    labels = np.zeros((60, 60), int)
    labels[::5, ::5] = np.arange(144).reshape(12, 12) % 3 + 1
    splits = [landsat.polygon_split(labels, seed=seed)[0] for seed in (0, 0, 1)]
    assert np.array_equal(*splits[:2]) and not np.array_equal(splits[0], splits[2])
    alone = landsat.polygon_split(np.where(labels == 2, 2, 0))[0]
    assert np.array_equal(alone, splits[0] & (labels == 2))
    for wrong in (0, 1):
        with pytest.raises(DataError, match="fraction"):
            landsat.polygon_split(labels, wrong)
    with pytest.raises(DataError, match="no pixel is labelled"):
        landsat.polygon_split(labels * 0)


# the example


def test_the_stand_in_is_the_same_each_time_and_like_the_real_one(example, tmp_path):
    again, other = (
        landsat.make_scene(tmp_path / "again", 120),
        landsat.make_scene(tmp_path / "other", 120, seed=1),
    )
    for name in ("scene", "later", "labels"):
        with (
            rasterio.open(getattr(example, name)) as a,
            rasterio.open(getattr(again, name)) as b,
            rasterio.open(getattr(other, name)) as c,
        ):
            assert np.array_equal(a.read(), b.read()) and not np.array_equal(a.read(), c.read())
    with Scene(example.scene) as scene, Scene(example.later) as later:
        labels = landsat.read_labels(example.labels, scene)
        values, valid = scene.read()
        assert valid[labels > 0].all() and not valid[0, 0] and valid.mean() > 0.9
        counts = np.bincount(labels.ravel())[1:]
        assert counts[0] == counts.max() > 4 * counts[1] > 0
        assert values[:, valid].min() > -0.05 and values[:, valid].max() < 1
        assert scene.clear()[valid].all() and not later.clear()[valid].all()
        assert (later._file.read(1) == 16000).any()
    with pytest.raises(DataError, match="at least 100"):
        landsat.make_scene(tmp_path, 99)


def test_pixels_of_a_field_are_more_alike_than_fields_of_a_class(tmp_path):
    made = landsat.make_scene(tmp_path)
    with Scene(made.scene) as scene:
        labels, (values, _) = landsat.read_labels(made.labels, scene), scene.read()
    numbers = landsat.polygons(labels)
    forest = [values[:, numbers == n] for n in np.unique(numbers[labels == 1])]
    within = np.mean([p.std(1) for p in forest], 0)
    between = np.std([p.mean(1) for p in forest], 0)
    assert len(forest) == 11 and (between > 1.5 * within).mean() > 0.5


def test_the_real_scene_is_found_in_the_store(tmp_path, example):
    assert landsat.find_scene(tmp_path) is None
    folder = tmp_path / "geo" / "landsat7"
    folder.mkdir(parents=True)
    for source, name in zip((example.scene, example.later, example.labels), landsat._REAL):
        assert landsat.find_scene(tmp_path) is None
        shutil.copy(source, folder / name)
    assert landsat.find_scene(tmp_path).labels == folder / "training_data.gtif"


@needs_real
def test_the_real_scene_is_as_its_readme_says(tmp_path):
    (tmp_path / "geo").mkdir()
    (tmp_path / "geo" / "landsat7").symlink_to(REAL)
    real = landsat.find_scene(tmp_path)
    with Scene(real.scene) as scene, Scene(real.later) as later:
        labels = landsat.read_labels(real.labels, scene)
        assert np.bincount(labels.ravel())[1:].tolist() == [383, 16, 145, 106, 68]
        numbers = landsat.polygons(labels)
        assert numbers.max() == 30 and len(np.unique(numbers[labels == 1])) == 11
        assert scene.read()[1].all() and 0 < (~later.read()[1]).sum() < later.width * later.height / 2
        assert np.median(landsat.ndvi(scene)[labels == 1]) > 0.6 > np.median(landsat.ndvi(scene)[labels == 4])
        found = sweep(scene, per_pixel, tmp_path / "map", classes=CLASSES)
        with rasterio.open(found.class_path) as file:
            assert (file.crs.to_epsg(), file.transform) == (32615, GRID)


# memory


@pytest.mark.skipif(not Path("/proc/self/status").is_file(), reason="peak memory is read from /proc")
def test_memory_is_bounded_by_the_window_not_by_the_scene():
    """The 10,000 x 10,000 scene is run by hand: python benchmarks/sweep.py."""
    command = [sys.executable, str(ROOT / "benchmarks" / "sweep.py"), "--size", "2000", "--tile", "256"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    peak, before = map(int, re.search(r"peak memory (\d+) MiB, of which (\d+) MiB", done.stdout).groups())
    assert (
        peak - before < 128
    )  # the scene: 61 MiB as stored, 122 MiB in float32; in a single window it takes 300


def test_gdals_cache_is_limited_while_sweeping(scene, tmp_path):
    def predict(x):
        limits.append(rasterio.env.getenv()["GDAL_CACHEMAX"])
        return per_pixel(x)

    limits = []
    sweep(scene, predict, tmp_path / "map", classes=CLASSES)
    assert set(limits) == {64 << 20}
    assert not rasterio.env.hasenv() or "GDAL_CACHEMAX" not in rasterio.env.getenv()
