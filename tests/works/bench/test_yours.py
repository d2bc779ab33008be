"""What the chapter on a reader's own images shows: folders, a comparison, what is kept of one."""

import numpy as np
import pytest
from PIL import Image

from lt_lib.lab.bench import compare, features, remedies
from lt_lib.lab.bench.remedies import PLAIN, REMEDIES
from lt_lib.lab.record.digests import code_digest
from lt_lib.works.bench import yours
from lt_lib.works.bench.figures import own_images

OPTIONS = {"profile": "smoke", "data": "embedded", "seeds": None}


@pytest.fixture(autouse=True)
def quick(monkeypatch, lab_env, tmp_path):
    """A blank tiny network and few steps."""
    monkeypatch.setenv("LT_CACHE", str(tmp_path / "cache"))
    blank = features.Backbone(name="test_efficientnet", pretrained=False, resolution=32)
    monkeypatch.setattr(compare, "backbone", lambda network: blank)
    monkeypatch.setattr(features, "backbone", lambda network: blank)
    monkeypatch.setattr(remedies, "STEPS", (40, 40))


def test_digits_have_a_tail_and_what_folders_hold_besides():
    images, name = yours.folder_of(OPTIONS)
    counts = [len(list(place.glob("0*.png"))) for place in sorted(images.iterdir())]
    assert name == "handwritten digits" and len(counts) == 10
    assert counts == sorted(counts, reverse=True) and (counts[0], counts[-1]) == yours.SIZES["smoke"]
    own = compare.read_own(images)
    assert {"copy", "notes.txt"} <= {
        word.strip(".").split("/")[-1].removesuffix(".png") for word in " ".join(own.notes).split()
    }


def test_a_comparison_in_a_table_a_figure_and_words():
    images, name = yours.folder_of(OPTIONS)
    asked = yours.ask(images, OPTIONS, name)
    table = yours.table(asked)
    assert table.rows[0]["remedy"] == REMEDIES[PLAIN].title and len(table.rows) == len(REMEDIES)
    assert "(stand-in)" in asked.badge and table.caption == asked.badge
    marks = [mark.get_text() for mark in own_images.gains(asked).axes[0].get_yticklabels()]
    gains = table.frame["gain"].drop(REMEDIES[PLAIN].title)
    assert set(marks) == set(gains.index) and gains.loc[marks].is_monotonic_increasing
    for aim, said in zip(compare.judge.AIMS, yours.told(asked), strict=True):
        clear = [
            r["title"] for k, r in asked.found["remedies"].items() if k != PLAIN and r["scores"][aim]["clear"]
        ]
        assert all(title in said for title in clear) and ("no remedy" in said) == (not clear)
    assert own_images.tail(images).axes[0].patches[0].get_height() == yours.SIZES["smoke"][0] + 3


def test_tiles_lie_in_the_folder_of_their_polygon():
    fields, name = yours.tiles(OPTIONS)
    tiles = list(fields.rglob("*.tif"))
    assert "stand-in" in name and all(tile.parent.name.startswith("polygon-") for tile in tiles)
    of = {tile.parent.name: tile.parent.parent.name for tile in tiles}
    assert len(of) == len({tile.parent for tile in tiles}) and len(set(of.values())) == 5
    own = compare.read_own(fields, groups="folder")
    assert own.bands == 6 and len(np.unique(own.groups)) == len(of)


def test_a_split_that_parts_copies_is_seen_through(tmp_path):
    """Copies of a picture, with a little noise, in a folder a picture; the class says nothing."""
    chance = np.random.default_rng(0)
    for i in range(48):
        pixels = chance.integers(0, 256, (8, 8, 3)).repeat(4, 0).repeat(4, 1)
        place = tmp_path / "copies" / f"class {i % 2}" / str(i)
        place.mkdir(parents=True)
        for k in range(4):
            noise = chance.integers(-4, 5, pixels.shape)
            Image.fromarray((pixels + noise).clip(0, 255).astype(np.uint8)).save(place / f"{k}.png")
    found = yours.leak(tmp_path / "copies", OPTIONS)
    assert np.mean(found["parted"]) > np.mean(found["whole"]) + 0.2
    assert "where polygons stay whole: +0." in yours.leak_in_words(found, "copies")


@pytest.mark.parametrize("key", ["lesions", "tiles"])
def test_what_is_kept_is_of_the_code_as_it_is(key):
    assert yours.kept(key)["digests"]["code"] == code_digest(*compare.CODE)


def test_kept_lesions_are_all_of_them():
    kept = yours.lesions()
    assert kept.found["images"] == {"training": 2000, "test": 600 - 4}  # four are there twice
    assert set(REMEDIES) == set(kept.found["remedies"]) and kept.real and "stand-in" not in kept.badge


def test_lookalikes_are_counted_in_words():
    pair = {"test": "test/a/1.png", "training": "train/a/2.png", "cosine": 0.987}
    found = {"images": {"test": 1500}, "alike": [pair, pair]}
    said = yours.alike_in_words(yours.Compared(found, None, "moles", True))
    assert said == (
        "2 of 1,500 test images are nearly training images (moles); most alike are test/a/1.png and "
        "train/a/2.png, with a cosine of 0.99."
    )
    none = yours.Compared(found | {"alike": []}, None, "moles", True)
    assert yours.alike_in_words(none) == "No test image is nearly a training image (moles)."
