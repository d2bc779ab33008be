"""Figures of the bagging and results chapters: what they show, and that they draw with few records or
none."""

import matplotlib

matplotlib.use("Agg")

import pytest
import torch
from helpers import marks, records, texts

from lt_lib import lab


@pytest.fixture(autouse=True)
def no_evidence(monkeypatch, tmp_path):
    """The book's own records stay out: these tests are about the ones given."""
    monkeypatch.setattr("lt_lib.lab.read.evidence.evidence_dir", lambda: tmp_path)


@pytest.fixture(params=[3, 1, 0], ids=["three seeds", "one seed", "no record"])
def some(request):
    """Records with three learners each, ten points apart, the middle one 0.01 below their vote."""
    found = []
    for r in records(seeds=request.param) if request.param else []:
        alone = [r.metric() - 0.01 + d for d in (-0.1, 0.0, 0.1)]
        found.append(
            r.model_copy(update={"metrics": {"last": r.metrics["last"] | {"member_accuracy": alone}}})
        )
    return found


def test_bag_histograms_have_the_audited_sizes():
    shown = "\n".join(texts(lab.figure("ee443-fig5")))
    for size in (6430, 3922, 2692, 2189):
        assert f"{size} images" in shown


def test_bag_overlay_adds_up_to_the_tail():
    (ax,) = lab.figure("ee443-fig6").axes
    assert sum(bar.get_height() for bar in ax.patches) == pytest.approx(6430)


def test_results_dots(some):
    fig = lab.figure("ee443-results", some)
    assert len(fig.axes) == 3
    for ax, best in zip(fig.axes, (0.7933, 0.7253, 0.6218), strict=True):
        assert len(marks(ax, "D")) == 6
        assert max(marks(ax, "D")) == best
        assert len(marks(ax, "o")) == (6 if some else 0)


def test_members_show_learners_and_vote(some):
    (ax,) = lab.figure("members", some, "bagging", "Bagging / WL").axes
    assert sorted(marks(ax, "D")) == [0.5454, 0.6760, 0.7350]
    assert {0.72, 0.65, 0.53} <= set(marks(ax, "|"))
    assert len(marks(ax, "|")) == 3 + (9 if some else 0)


def test_staircase_has_a_panel_for_each_source(some):
    fig = lab.figure("ee443-bars", some)
    titles = [ax.get_title() for ax in fig.axes]
    assert titles == ["published", "this run"] if some else titles == ["published"]
    heights = [bar.get_height() for bar in fig.axes[0].patches]
    assert max(heights) == 0.7933
    assert len(heights) == 9


def test_decision_regions_say_how_many_are_right():
    points, labels = (
        torch.tensor([[-1.0, 0.0], [1.0, 0.0], [1.0, 1.0], [2.0, 0.0]]),
        torch.tensor([0, 1, 1, 0]),
    )
    fig = lab.figure(
        "decision-regions",
        {"side": lambda x: torch.stack([-x[:, 0], x[:, 0], -9 + 0 * x[:, 0]], 1)},
        points,
        labels,
    )
    assert "side: 0.75 right" in texts(fig)
