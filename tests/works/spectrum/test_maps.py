"""Maps of a chapter: the example behind them, seeds and budget, and what the figures show."""

import matplotlib

matplotlib.use("Agg")

import numpy as np
import pytest
import rasterio
from matplotlib.colors import to_hex

from lt_lib.data import landsat
from lt_lib.lab import LabError, estimate
from lt_lib.works.spectrum import maps

OPTIONS = {"profile": "smoke", "data": "embedded", "seeds": None, "budget": None}


@pytest.fixture(scope="module")
def options(tmp_path_factory):
    return OPTIONS | {"store": tmp_path_factory.mktemp("store")}


@pytest.fixture(scope="module")
def example(options):
    return maps.example(options)


@pytest.fixture(scope="module")
def drawn(example, options):
    def predict(x):
        return np.eye(5, dtype=np.float32)[(x[:, 3] * 1e4).astype(int) % 5] * 0.6 + 0.08

    return landsat.sweep(example.scene, predict, maps.workplace(options) / "map", classes=example.classes)


@pytest.fixture
def scene(example):
    with landsat.Scene(example.scene) as opened:
        yield opened


def test_the_stand_in_is_made_in_the_store_of_the_run(example, options):
    assert example.scene.parent == options["store"] / "maps" / "embedded" and "stand-in" in example.name


def test_the_real_scene_comes_from_the_data_store_or_is_an_error_that_helps(example, monkeypatch, tmp_path):
    real = OPTIONS | {"data": "real", "store": tmp_path}
    monkeypatch.setenv("LT_DATA", str(tmp_path))
    with pytest.raises(LabError, match=r"python prepare.py --out .* geo`.*data='embedded'"):
        maps.example(real)
    folder = tmp_path / "geo" / "landsat7"
    folder.mkdir(parents=True)
    for path, name in zip((example.scene, example.later, example.labels), landsat._REAL):
        (folder / name).symlink_to(path)
    assert maps.example(real).scene.parent == folder


def test_seeds_follow_profile_list_and_budget(monkeypatch):
    assert [len(list(maps.seeds(OPTIONS | {"profile": p}))) for p in ("smoke", "laptop", "paper")] == [
        2,
        10,
        30,
    ]
    assert list(maps.seeds(OPTIONS | {"seeds": 3})) == [0, 1, 2] and list(
        maps.seeds(OPTIONS | {"seeds": [7, 5]})
    ) == [7, 5]
    clock = iter((0, 59, 61, 62))
    monkeypatch.setattr(maps.time, "monotonic", lambda: next(clock))
    assert list(maps.seeds(OPTIONS | {"seeds": 9, "budget": 1})) == [0, 1]


def test_a_badge_never_hides_a_stand_in():
    assert maps.badge(OPTIONS, 3) == "simulated scene (stand-in) · smoke · n = 3"
    assert maps.badge(OPTIONS | {"data": "real"}) == "real scene, Landsat-7 · smoke"


def test_a_summary_says_what_rasterio_finds(drawn, example):
    text = maps.summary(drawn.class_path)
    with rasterio.open(drawn.class_path) as file:
        assert (
            f"{file.width} x {file.height}" in text
            and f"{file.overviews(1)}" in text
            and "(256, 256), deflate" in text
        )
    for line in (
        "EPSG:32615",
        "462405, 1741815; pixel 30 x 30",
        "palette",
        "0  (0, 158, 115)  forest",
        "4  (204, 121, 167)  urban",
    ):
        assert line in text
    assert "forest" not in maps.summary(drawn.confidence_path)


def test_provenance_tells_files_apart(example):
    frame = maps.provenance(example, OPTIONS).frame
    assert list(frame["file"]) == ["scene.tif", "later.tif", "labels.tif"] and frame["sha256"].nunique() == 3


def test_maps_have_kilometres_of_the_scene_on_their_axes(scene, drawn):
    left, right, bottom, top = (v / 1e3 for v in scene.extent)
    for fig, panels in (
        (maps.composites(scene, foot="badge"), 3),
        (maps.class_and_confidence(drawn, foot="badge"), 2),
        (maps.side_by_side({"a": drawn, "b": drawn}, foot="badge"), 2),
    ):
        axes = [ax for ax in fig.axes if ax.get_xlabel() == "easting, km"]
        assert len(axes) == panels and axes[0].get_ylabel() == "northing, km"
        assert {(*ax.get_xlim(), *ax.get_ylim()) for ax in axes} == {(left, right, bottom, top)}
        assert fig.get_supxlabel() == "badge" and fig.get_size_inches()[0] <= 5.6


def test_a_class_map_is_drawn_in_the_colours_of_its_file(drawn, example):
    fig = maps.class_and_confidence(drawn)
    (image,) = fig.axes[0].images
    with rasterio.open(drawn.class_path) as file:
        plane = file.read(1)
    shown = image.to_rgba(image.get_array())
    for k in range(5):
        assert {to_hex(c) for c in shown[plane == k]} == {landsat.COLOURS[k].lower()}
    assert (shown[plane == 255][:, 3] == 0).all()
    assert [t.get_text() for t in fig.legends[0].get_texts()] == list(example.classes)


def test_the_tail_counts_pixels_and_polygons(scene, example):
    labels = landsat.read_labels(example.labels, scene)
    (ax,) = maps.tail(labels, example.classes).axes
    heights = [bar.get_height() for bar in ax.patches]
    assert heights == sorted(np.bincount(labels.ravel())[1:], reverse=True)
    assert ax.get_xticklabels()[0].get_text() == "forest" and f"{heights[0]} in\n11 polygons" in [
        t.get_text() for t in ax.texts
    ]


def test_split_marks_lie_where_the_pixels_are(scene, example):
    labels = landsat.read_labels(example.labels, scene)
    train, test = landsat.polygon_split(labels)
    (ax,) = maps.split(scene, {"by polygon": (train, test)}, side=250).axes
    for line, part in zip(ax.lines, (train, test)):
        row, col = np.nonzero(part)
        x, y = (np.array(v) / 1e3 for v in rasterio.transform.xy(scene.transform, row, col))
        assert line.get_xdata() == pytest.approx(x, abs=1e-6) and line.get_ydata() == pytest.approx(
            y, abs=1e-6
        )
    mask = np.zeros((50, 60), bool)
    mask[30:35, 40:48] = True
    row, col = maps._busiest(mask, 10)
    assert mask[row : row + 10, col : col + 10].sum() == 40


def test_scores_show_means_and_intervals():
    found = {"plain": {"a": estimate([0.9, 0.95]), "b": estimate([0.5])}, "weighted": {"a": estimate([0.8])}}
    (ax,) = maps.scores(found, "balanced accuracy").axes
    assert [t.get_text() for t in ax.get_yticklabels()] == ["weighted", "plain"]
    points = {round(x, 3) for line in ax.containers for x in line.lines[0].get_xdata()}
    assert points == {0.925, 0.8, 0.5}
