"""What a chapter on maps starts from: the example, seeds and budget, and what stands behind it."""

import pytest
import rasterio

from lt_lib.data import landsat
from lt_lib.lab import LabError
from lt_lib.works.spectrum import maps

OPTIONS = {"profile": "smoke", "data": "embedded", "seeds": None, "budget": None}


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
