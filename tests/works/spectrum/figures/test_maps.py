"""Figures of the chapter on maps."""

import matplotlib

matplotlib.use("Agg")

import numpy as np
import pytest
import rasterio
from matplotlib.colors import to_hex

from lt_lib import lab
from lt_lib.data import landsat
from lt_lib.lab import estimate
from lt_lib.works.spectrum.figures.maps import busiest


def test_maps_have_kilometres_of_the_scene_on_their_axes(scene, drawn):
    a, _, west, _, e, north = tuple(scene.transform)[:6]
    sides = (west, west + a * scene.width, north + e * scene.height, north)
    left, right, bottom, top = (v / 1e3 for v in sides)
    for fig, panels in (
        (lab.figure("map-composites", scene, foot="badge"), 3),
        (lab.figure("map-classes", drawn, foot="badge"), 2),
        (lab.figure("map-pair", {"a": drawn, "b": drawn}, foot="badge"), 2),
    ):
        axes = [ax for ax in fig.axes if ax.get_xlabel() == "easting, km"]
        assert len(axes) == panels and axes[0].get_ylabel() == "northing, km"
        assert {(*ax.get_xlim(), *ax.get_ylim()) for ax in axes} == {(left, right, bottom, top)}
        assert fig.get_supxlabel() == "badge" and fig.get_size_inches()[0] <= 5.6


def test_a_class_map_is_drawn_in_the_colours_of_its_file(drawn, example):
    fig = lab.figure("map-classes", drawn)
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
    (ax,) = lab.figure("map-labels", labels, example.classes).axes
    heights = [bar.get_height() for bar in ax.patches]
    assert heights == sorted(np.bincount(labels.ravel())[1:], reverse=True)
    assert ax.get_xticklabels()[0].get_text() == "forest" and f"{heights[0]} in\n11 polygons" in [
        t.get_text() for t in ax.texts
    ]


def test_split_marks_lie_where_the_pixels_are(scene, example):
    labels = landsat.read_labels(example.labels, scene)
    train, test = landsat.polygon_split(labels)
    (ax,) = lab.figure("map-split", scene, {"by polygon": (train, test)}, side=250).axes
    for line, part in zip(ax.lines, (train, test)):
        row, col = np.nonzero(part)
        x, y = (np.array(v) / 1e3 for v in rasterio.transform.xy(scene.transform, row, col))
        assert line.get_xdata() == pytest.approx(x, abs=1e-6) and line.get_ydata() == pytest.approx(
            y, abs=1e-6
        )
    mask = np.zeros((50, 60), bool)
    mask[30:35, 40:48] = True
    row, col = busiest(mask, 10)
    assert mask[row : row + 10, col : col + 10].sum() == 40


def test_scores_show_means_and_intervals():
    found = {"plain": {"a": estimate([0.9, 0.95]), "b": estimate([0.5])}, "weighted": {"a": estimate([0.8])}}
    (ax,) = lab.figure("map-scores", found, "balanced accuracy").axes
    assert [t.get_text() for t in ax.get_yticklabels()] == ["weighted", "plain"]
    points = {round(x, 3) for line in ax.containers for x in line.lines[0].get_xdata()}
    assert points == {0.925, 0.8, 0.5}
