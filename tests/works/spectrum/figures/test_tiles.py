"""Figures of the chapter on tiles and bands."""

import re

import matplotlib

matplotlib.use("Agg")

import numpy as np
import pandas as pd
import pytest
from helpers import texts

from lt_lib import lab
from lt_lib.data import DataError
from lt_lib.data.sets import droughtsim
from lt_lib.lab.record.paths import published_dir
from lt_lib.metrics import report_from_confusion
from lt_lib.works.spectrum.figures.tiles import COWS, stretch, tile_facts


class Tiles:
    """A data set in memory, simulated."""

    name, classes, extra = "made", ("0", "1", "2", "3+"), {"bands": list(droughtsim.BANDS)}

    def __init__(self, count):
        self.scene = droughtsim.simulate("train", range(count))
        self.splits = {"train": self.scene.images.shape}

    def images(self, split):
        return self.scene.images

    def labels(self, split):
        return self.scene.labels


@pytest.fixture(scope="module")
def tiles():
    return Tiles(160)


def test_cloud_does_not_dim_the_ground():
    ground = np.random.default_rng(0).integers(40, 80, (8, 10, 10, 3)).astype(np.uint8)
    cloudy = ground.copy()
    cloudy[:, 0, :] = 255
    clear, same = stretch(ground), stretch(cloudy)
    assert clear.min() >= 0 and same.max() == 1
    assert np.ptp(same[:, 1:]) > 0.6 * np.ptp(clear[:, 1:])


def test_a_flat_band_can_be_stretched():
    assert np.isfinite(stretch(np.full((1, 4, 4, 3), 7, np.uint8))).all()


def test_classes_are_subtracted_from_class_0(tiles):
    top, below = lab.figure("spectra", tiles, half=1).axes
    middle = tiles.scene.images[:, 31:34, 31:34].reshape(len(tiles.scene.labels), 9, 11).mean(1) / 255
    medians = [np.median(middle[tiles.scene.labels == k], 0) for k in range(4)]
    for k, container in enumerate(below.containers):
        assert container.lines[0].get_ydata() == pytest.approx(medians[k] - medians[0])
    runs = [line.get_xdata().tolist() for line in top.lines]
    assert (
        [*range(8)] in runs
        and [8] in runs
        and [9, 10] in runs
        and all(run in ([*range(8)], [8], [9, 10]) for run in runs)
    )


def test_spectra_name_the_class_they_start_from(tiles):
    without = Tiles(60)
    without.scene.labels[without.scene.labels == 0] = 1
    assert "minus 1 cow" in texts(lab.figure("spectra", without))
    assert "minus 0 cows" in texts(lab.figure("spectra", tiles))


def test_covers_reflect_what_the_simulator_says():
    (ax,) = lab.figure("cover-spectra").axes
    lines = {line.get_label(): line.get_ydata() for line in ax.lines}
    for cover, spectrum in zip(droughtsim.COVERS, droughtsim.SPECTRA, strict=True):
        assert 1000 * lines[cover] == pytest.approx(spectrum[:7])


def test_a_tile_apart_shows_its_truth():
    scene, fig = droughtsim.simulate("train", [2886]), lab.figure("tile-apart", 2886)
    panels = {ax.get_title(loc="left"): ax for ax in fig.axes if ax.get_title(loc="left")}
    assert np.asarray(panels["5 forage"].images[0].get_array()) == pytest.approx(scene.forage[0] / 1024)
    assert np.asarray(panels["4 sensor: B10, heat"].images[0].get_array()) == pytest.approx(
        scene.images[0, ..., 9] / 255
    )
    circles = {(c.radius, c.get_linestyle(), c.center) for c in panels["5 forage"].patches}
    assert circles == {(droughtsim.RADIUS, "-", (32, 32)), (droughtsim.REACH, ":", (32, 32))}
    assert fig.get_supxlabel().endswith(COWS[scene.labels[0]])
    with pytest.raises(DataError, match="indices"):
        lab.figure("tile-apart", -1)


def said_of(index):
    """The three numbers below a tile apart."""
    text = lab.figure("tile-apart", index).get_supxlabel()
    return [float(n) for n in re.findall(r"0\.\d\d", text)]


def test_forage_is_usable_in_full_only_where_water_lies_in_the_dotted_circle(tiles):
    place = np.arange(65) - 32
    near = place**2 + place[:, None] ** 2 <= droughtsim.REACH**2
    water = (tiles.scene.cover[:, 5] * near).sum((1, 2))
    grazed = tiles.scene.forage[:, 22:43, 22:43].mean((1, 2)) > 200
    (wet, *_), (dry, *_) = np.flatnonzero(grazed & (water > 4096)), np.flatnonzero(grazed & (water == 0))
    forage, usable, _ = said_of(wet)
    assert usable == forage > 0.1
    forage, usable, _ = said_of(dry)
    assert usable == pytest.approx(forage / 10, abs=0.011) and forage > 0.1


def test_the_waterhole_is_outlined(tiles):
    def outlines(index):
        fig = lab.figure("tile-apart", index)
        (panel,) = (ax for ax in fig.axes if ax.get_title(loc="left") == "5 forage")
        return len(panel.collections)

    water = (tiles.scene.cover[:, 5] > 512).any((1, 2))
    assert outlines(np.flatnonzero(water)[0]) == 1
    assert outlines(np.flatnonzero(~water)[0]) == 0


def test_facts_stand_beside_as_many_tiles_of_the_data_set(tiles):
    facts = tile_facts(tiles)
    written = pd.read_csv(published_dir() / "droughtwatch-tiles.csv")
    count = facts.attrs["tiles"]
    assert written["computed_from"][0].startswith(f"{count} real") and count < 160
    assert facts["real"].tolist() == written["value"].tolist()
    own = tiles.scene.images[:count].reshape(-1, 11) / 255
    assert facts.loc["mean", "made"].to_numpy() == pytest.approx(own.mean(0))
    assert facts["made"].notna().all()
    fig = lab.figure("tile-statistics", tiles)
    assert fig.get_supxlabel() == f"{count} real tiles and as many of made"


def test_the_diagonal_of_a_confusion_holds_the_recalls():
    matrix = np.array([[8, 1, 1], [2, 2, 0], [0, 0, 0]])
    (ax,) = lab.figure("confusions", {"one": matrix}).axes
    written = np.array([float(t.get_text()) for t in ax.texts]).reshape(3, 3)
    recall = report_from_confusion(matrix)["recall"]
    assert np.diag(written)[:2] == pytest.approx(recall[:2])
    assert written.sum(1) == pytest.approx([1, 1, 0])
