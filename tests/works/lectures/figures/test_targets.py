"""Figures of the chapter on soft targets."""

import matplotlib

matplotlib.use("Agg")

import numpy as np
import pytest
import torch
from helpers import texts

from lt_lib import lab
from lt_lib.lab import LabError
from lt_lib.works.lectures.figures.targets import binned_ece


@pytest.fixture(scope="module")
def records(tmp_path_factory):
    torch.set_num_threads(1)
    keys = ["hard", "smoothed", "hard-40"]
    found = lab.run(
        "lectures-targets", rows=keys, profile="smoke", seeds=2, store=tmp_path_factory.mktemp("store")
    )
    return {key: [r for r in found if r.key == key] for key in keys}


def test_bins_merge_to_the_recorded_error(records):
    for record in records["hard"]:
        assert binned_ece(record) == pytest.approx(
            record.metric("ece"), abs=2e-3
        )  # the record's own logits are half precision
        assert binned_ece(record, 1) <= binned_ece(record, 5) + 1e-12 <= binned_ece(record, 60) + 2e-12
    with pytest.raises(LabError, match="divide"):
        binned_ece(record, 7)


def test_reliability_shows_shares_and_counts(records):
    fig = lab.figure(
        "reliability-bins", {"hard labels": records["hard"], "smoothed, 0.1": records["smoothed"]}, 10
    )
    upper, lower = fig.axes[0], fig.axes[2]
    confidence, right = upper.lines[1].get_data()
    assert (0 <= right).all() and (right <= 1).all() and (np.diff(confidence) > 0).all()
    assert sum(bar.get_height() for bar in lower.patches) == pytest.approx(1) and len(lower.patches) == 10
    assert any("n = 2" in text for text in texts(fig))


def test_the_error_over_bins_is_the_mean_over_seeds(records):
    (ax,) = lab.figure("ece-bins", {"hard labels": records["hard"]}, (5, 15)).axes
    assert ax.lines[0].get_ydata().tolist() == pytest.approx(
        [np.mean([binned_ece(r, b) for r in records["hard"]]) for b in (5, 15)]
    )


def test_dots_stand_at_the_means(records):
    shown = {"hard labels": records["hard"], "smoothed, 0.1": records["smoothed"]}
    ece, _ = lab.figure("temperature-dots", shown).axes
    means = [
        np.mean([r.metric(m) for r in records[k]])
        for k in ("smoothed", "hard")
        for m in ("ece", "ece_scaled")
    ]
    assert [c.lines[0].get_xdata()[0] for c in ece.containers] == pytest.approx(means)
    tight, _ = lab.figure("erased-dots", shown).axes
    assert tight.containers[0].lines[0].get_xdata()[0] == pytest.approx(
        np.mean([r.metric("tightness") for r in records["smoothed"]])
    )


def test_the_memory_curve_is_that_of_the_records(records):
    upper, lower = lab.figure("memorisation", {"hard labels": records["hard-40"]}).axes
    for ax, name in ((upper, "memorised"), (lower, "test_accuracy")):
        want = np.mean([r.history["learners"][0][name] for r in records["hard-40"]], 0)
        assert ax.lines[0].get_ydata() == pytest.approx(want) and ax.lines[0].get_xdata().tolist() == [1, 2]


def test_mixed_images_stand_above_their_targets():
    targets = torch.tensor([[1.0, 0.0], [0.25, 0.75]])
    axes = lab.figure("mixed-images", torch.rand(2, 8, 8), targets, [1.0, 0.25]).axes
    assert [[bar.get_height() for bar in ax.patches] for ax in axes[2:]] == targets.tolist()
    assert "0.25" in axes[1].get_title()


def test_a_map_draws_its_border_where_the_model_is_undecided():
    fig = lab.figure(
        "certainty-maps",
        {"half": lambda x: torch.stack([-x[:, 0], x[:, 0]], 1)},
        torch.tensor([[1.0, 0], [-1, 0]]),
        torch.tensor([1, 0]),
    )
    border = [c for c in fig.axes[0].collections if np.allclose(c.levels, [0.5]) or len(c.levels) == 1][-1]
    assert np.concatenate([p.vertices for p in border.get_paths()])[:, 0] == pytest.approx(0, abs=0.03)


def test_games_show_where_each_ends():
    made, way = torch.full((5, 2), 0.5), torch.tensor([[-1.0, 2.0], [0.5, 0.5]])
    (ax,) = lab.figure("mixup-games", torch.zeros(4, 2), {"a": (made, way), "b": (made, way)}).axes
    paths = [line for line in ax.lines if np.array_equal(line.get_xydata(), way.numpy())]
    assert len(paths) == 2 and paths[0].get_linestyle() != paths[1].get_linestyle()
