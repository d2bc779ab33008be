"""Figures on strange and corrupted images."""

import matplotlib

matplotlib.use("Agg")

from types import SimpleNamespace

import numpy as np
import pytest
from helpers import marks, record

from lt_lib import lab


def test_rows_of_pictures_share_their_scale_and_short_ones_end_early():
    rows = {"light": np.ones((2, 4, 4, 3)), "dark": np.zeros((1, 4, 4, 1))}
    axes = np.array(lab.figure("picture-rows", rows).axes).reshape(2, 2)
    assert [ax.get_ylabel() for ax in axes[:, 0]] == ["light", "dark"]
    assert [len(ax.images) for ax in axes.flat] == [1, 1, 1, 0]
    assert axes[1, 0].images[0].get_clim() == (0, 1)


@pytest.mark.parametrize("side", [32, 64])
def test_strangers_are_in_the_rows_of_their_classes_at_the_size_of_cifar(side):
    labels = np.array([5, 1, 5, 1, 1])
    images = np.stack([np.full((side, side, 3), 20 * k, np.uint8) for k in labels])
    named = SimpleNamespace(
        classes=[f"class {k}" for k in range(10)], images=lambda _: images, labels=lambda _: labels
    )
    axes = np.array(lab.figure("strangers", named, each=3).axes).reshape(2, 3)
    assert [ax.get_ylabel() for ax in axes[:, 0]] == ["class 1", "class 5"]
    assert [sum(len(ax.images) for ax in line) for line in axes] == [3, 2]
    shown = axes[1, 0].images[0].get_array()
    assert shown.shape == (32, 32, 3) and np.allclose(shown, 100 / 255)


def test_a_drop_is_what_is_lost_beside_its_printed_one(monkeypatch, tmp_path):
    monkeypatch.setattr("lt_lib.lab.read.evidence.evidence_dir", lambda: tmp_path)
    runs = {
        name: [
            record(key, s, 0.9, "sign-table5", "laptop", "embedded", metrics={"gauss_accuracy": 0.9 - drop})
            for s in range(2)
        ]
        for name, key, drop in (("SIGN", "sign", 0.1), ("mixup", "mixup", 0.2))
    }
    fig = lab.figure("accuracy-drops", runs, {"noise": "gauss_accuracy"}, {"noise": {"SIGN": 0.15}})
    (ax,) = fig.axes
    assert sorted(marks(ax, "o")) == pytest.approx([0.1, 0.2]) and marks(ax, "D") == pytest.approx([0.15])
    assert [t.get_text() for t in ax.get_yticklabels()] == ["mixup", "SIGN"]
    assert "n = 2" in fig.get_supxlabel()
