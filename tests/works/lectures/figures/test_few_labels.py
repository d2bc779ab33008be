"""Figures of the chapter on few labels."""

import matplotlib

matplotlib.use("Agg")

import numpy as np
import pytest
import torch

from lt_lib import lab
from lt_lib.works.lectures.figures import few_labels


@pytest.fixture(scope="module")
def records(tmp_path_factory):
    torch.set_num_threads(1)
    keys = [f"{method}-{n}" for method in ("supervised", "ssgan") for n in (20, 50)]
    return lab.run(
        "lectures-few-labels", rows=keys, profile="smoke", seeds=2, store=tmp_path_factory.mktemp("store")
    )


def lines(fig):
    (ax,) = fig.axes
    return {c.get_label(): c.lines[0] for c in ax.containers if not c.get_label().startswith("_")}


def test_the_curve_is_that_of_the_records(records, monkeypatch):
    monkeypatch.setattr(few_labels, "on_file", lambda _: {})
    found = lines(lab.figure("few-labels", records))
    assert set(found) == {"supervised", "semi-supervised GAN"}
    for method, label in (("supervised", "supervised"), ("ssgan", "semi-supervised GAN")):
        want = [np.mean([r.metric() for r in records if r.key == f"{method}-{n}"]) for n in (20, 50)]
        assert found[label].get_ydata() == pytest.approx(want)
        assert found[label].get_markerfacecolor() == "white"
    assert found["supervised"].get_marker() != found["semi-supervised GAN"].get_marker()


def test_evidence_is_filled_and_not_drawn_twice(records, monkeypatch):
    committed = {key: [r for r in records if r.key == key] for key in ("supervised-20", "supervised-50")}
    monkeypatch.setattr(few_labels, "on_file", lambda _: committed)
    (ax,) = lab.figure("few-labels", [r for found in committed.values() for r in found]).axes
    faces = [c.lines[0].get_markerfacecolor() for c in ax.containers]
    assert len(faces) == 1 and faces[0] != "white"


def test_regions_change_where_the_classifier_does():
    class Halves(torch.nn.Module):
        def forward(self, x):
            return torch.stack([-x[:, 0], x[:, 0]], 1) * 10

    x, y = torch.tensor([[-1.0, 0], [-0.9, 0.2], [1, 0], [0.9, 0.2]]), torch.tensor([0, 0, 1, 1])
    made = torch.tensor([[0.0, 0.5], [0.1, -0.5]])
    shown = {"a": (Halves(), None), "b": (Halves(), made), "c": (Halves(), None), "d": (Halves(), None)}
    fig = lab.figure("semi-regions", x, y, torch.tensor([0, 2]), shown)
    assert [ax.get_title() for ax in fig.axes] == list(shown)
    left, right = (p.vertices[:, 0] for p in fig.axes[0].collections[0].get_paths())
    assert left.max() == pytest.approx(0, abs=0.03) and right.min() == pytest.approx(0, abs=0.03)
    crosses = [[line for line in ax.lines if line.get_marker() == "x"] for ax in fig.axes]
    assert [len(c) for c in crosses] == [0, 1, 0, 0] and np.allclose(crosses[1][0].get_xydata(), made)
    blue, red = (line for line in fig.axes[0].lines if line.get_markersize() == 9)
    assert (
        blue.get_xydata().tolist() == [[-1, 0]]
        and red.get_xydata().tolist() == [[1, 0]]
        and blue.get_marker() != red.get_marker()
    )
