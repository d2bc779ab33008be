"""Figures of the chapter on counterfeits: what stands on their axes is what their arguments and records
say."""

import numpy as np
import pytest
import torch
from helpers import texts
from matplotlib.colors import to_rgb

from lt_lib import lab
from lt_lib.lab.figures.style import BLUE
from lt_lib.works.spectrum import pictures


@pytest.fixture(scope="module")
def filed():
    return [r for r in lab.evidence() if r.experiment == "spectrum-fig1b"]


def test_forgers_show_the_most_even_and_the_most_one_sided():
    path = torch.full((3, 4, 10), 1.0)  # (moments, pairs, numbers drawn)
    path[-1, 2, :4] = -1.0
    path[-1, 1] = -1.0 + 2 * (torch.arange(10) % 2)
    even, lopsided = lab.figure("forgers", {"a": path}, every=5).axes
    x, y = even.lines[-1].get_data()
    assert sorted(set(x)) == [0, 5, 10]
    assert sorted(y[x == 10]) == [-1] * 5 + [1] * 5
    assert set(lopsided.lines[-1].get_ydata()) == {1}


def test_damage_has_a_curve_a_panel_and_a_level_line_a_class():
    curves = {f"kind {i}": ((1, 2, 4), (0.1, 0.5 + i, 2.0), (0.1, 0.1, 0.2)) for i in range(4)}
    axes = lab.figure("crowd-damage", curves, {"1 cow": 7.0, "2 cows": 8.0}, floor=0.25).axes
    assert [ax.get_xlabel() for ax in axes] == list(curves)
    for i, ax in enumerate(axes):
        levels = [line.get_ydata()[0] for line in ax.lines if list(line.get_xdata()) == [0, 1]]
        assert levels == [0.25, 7.0, 8.0]
        assert [0.1, 0.5 + i, 2.0] in [list(line.get_ydata()) for line in ax.lines]
        assert [label.get_text() for label in ax.get_xticklabels()] == ["1", "2", "4"]


def test_a_row_without_tiles_stays_empty_in_a_confusion():
    matrix = np.array([[np.nan, np.nan], [1, 3]])
    (ax,) = lab.figure("confusions", {"drawn": matrix}).axes
    assert [text.get_text() for text in ax.texts] == ["", "", "0.25", "0.75"]


def test_distance_by_steps(filed):
    if not filed:
        pytest.skip("no committed records of Fig 1b")
    (ax,) = lab.figure("counterfeit-distance", filed).axes
    first = [r for r in filed if r.key == filed[0].key]
    curve = np.mean([r.history["learners"][0]["distance"] for r in first], axis=0)
    mean = next(
        line for line in ax.lines if len(line.get_xdata()) == len(curve) and to_rgb(line.get_color()) == BLUE
    )
    assert np.allclose(mean.get_ydata(), curve)
    batches = [-(-r.sizes["train"][0] // r.spec.recipe.gan.batch_size) for r in first]
    assert np.allclose(
        mean.get_xdata(), np.mean(batches) * np.array(first[0].history["learners"][0]["moments"])
    )
    low, high = ax.get_ylim()
    assert low <= 0
    assert high >= curve.max()


def test_pictures_on_file_are_those_of_the_records_behind_the_claim(filed):
    firsts = [r for r in filed if r.seed == 0]
    assert len(firsts) == 3
    for r in firsts:
        real, drawn = pictures.kept(r)
        assert real.shape == drawn.shape == (8, 3, 64, 64) and not torch.equal(real, drawn)
        assert pictures.kept(r.model_copy(update={"id": "sha256:" + "0" * 64})) is None


def test_pictures_are_kept_pixel_by_pixel(filed, tmp_path, monkeypatch):
    monkeypatch.setattr(pictures, "evidence_dir", lambda: tmp_path)
    pair = tuple(torch.randint(0, 256, (2, 8, 3, 64, 64), dtype=torch.uint8))
    pictures.keep(filed[0], pair)
    assert all(torch.equal(a, b) for a, b in zip(pictures.kept(filed[0]), pair, strict=True))


def test_a_smaller_run_shows_the_pictures_on_file(filed, monkeypatch):
    monkeypatch.setattr("lt_lib.works.spectrum.figures.gan_oversampling.made", None)  # would be called
    own = [r.model_copy(update={"profile": "laptop"}) for r in filed if r.seed == 0]
    assert "overnight" in " ".join(texts(lab.figure("counterfeits", own, None)))
