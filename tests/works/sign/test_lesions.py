"""Areas that share their images, and where in a lesion something is changed."""

import numpy as np
import pytest
import torch
from helpers import record
from safetensors.torch import save_file
from scipy.stats import norm

from lt_lib.data.sets.lesionsim import simulate
from lt_lib.lab.record.records import Store
from lt_lib.metrics import roc_auc
from lt_lib.works.sign import lesions
from lt_lib.works.sign.fitting import resized

LABELS = np.array([1, 0, 1, 0, 0, 1, 0, 0])
FIRST = np.array([0.9, 0.1, 0.4, 0.4, 0.6, 0.7, 0.2, 0.3])


def draws(correlation, times):
    """Scores and labels of test sets as large as that of ISIC 2017."""
    for seed in range(times):
        rng = np.random.default_rng(seed)
        yield lesions.drawn_scores((0.76, 0.78), 117, 483, correlation, rng)


def test_placements_average_to_the_area_with_ties_counting_half():
    of_positives, of_negatives = lesions.placements(FIRST, LABELS)
    assert of_positives.tolist() == pytest.approx([1, 0.7, 1]) and len(of_negatives) == 5
    area = roc_auc(torch.tensor(FIRST), torch.tensor(LABELS))["auc"]
    assert of_positives.mean() == pytest.approx(area) == pytest.approx(of_negatives.mean())


def test_against_a_constant_score_the_error_is_that_of_the_area_itself():
    gap = lesions.delong(np.zeros(8), FIRST, LABELS)
    alone = roc_auc(torch.tensor(FIRST), torch.tensor(LABELS))
    assert gap.difference == pytest.approx(alone["auc"] - 0.5) and gap.se == pytest.approx(alone["se"])
    assert np.isnan(gap.correlation)


def test_a_score_against_itself_has_no_error():
    gap = lesions.delong(FIRST, np.exp(FIRST), LABELS)
    assert gap.difference == 0 and gap.se == pytest.approx(0, abs=1e-9)
    assert gap.correlation == pytest.approx(1)


def test_the_error_of_a_difference_is_what_it_scatters_by():
    """Over many draws of test sets; and the correlation is that of the two areas over these."""
    found = [(lesions.delong(*scores, labels), scores, labels) for scores, labels in draws(0.8, 300)]
    gaps = np.array([gap.difference for gap, *_ in found])
    areas = np.array([[lesions.placements(s, y)[0].mean() for s in scores] for _, scores, y in found])
    assert np.mean([gap.se for gap, *_ in found]) == pytest.approx(gaps.std(), rel=0.1)
    assert np.mean([gap.correlation for gap, *_ in found]) == pytest.approx(
        np.corrcoef(areas.T)[0, 1], abs=0.05
    )
    assert areas.mean(0) == pytest.approx([0.76, 0.78], abs=0.005)


def test_hanleys_error_is_near_delongs():
    errors = []
    for (first, _), labels in draws(0, 100):
        errors.append(roc_auc(torch.tensor(first), torch.tensor(labels))["se"])
    assert lesions.area_se(0.76, 117, 483) == pytest.approx(np.mean(errors), rel=0.15)
    assert lesions.area_se(0.76, 1, 1) == pytest.approx((0.76 * 0.24) ** 0.5), "one pair is one toss"


def test_from_the_least_correlation_on_a_gain_is_outside_its_interval():
    r = lesions.least_correlation(0.0176, 0.027, 0.026)
    assert lesions.gap_se(0.027, 0.026, r) * norm.ppf(0.975) == pytest.approx(0.0176)


def test_log_odds_are_those_of_a_class_against_all_others():
    logits = torch.randn(5, 3, generator=torch.Generator().manual_seed(0))
    assert torch.allclose(lesions.log_odds(logits), logits.softmax(1)[:, 1].logit(), atol=1e-5)


def test_scores_are_read_where_they_are_at_hand(tmp_path):
    one = record("lesions-sign", 0, 0.8, "sign-lesions").model_copy(update={"id": "sha256:" + 64 * "a"})
    assert lesions.odds_of(one, tmp_path) is None
    logits = torch.tensor([[0.0, 2.0], [1.0, 0.0]])
    path = Store(tmp_path).artifact(one.id)
    path.parent.mkdir(parents=True)
    save_file({"logits": logits.half()}, path)
    assert lesions.odds_of(one, tmp_path).tolist() == [2, -1]


def test_a_share_of_a_change():
    change = torch.zeros(2, 3, 2, 2)
    change[0, :, 0, 0], change[0, 0, 1, 1] = 1.0, 1.0
    inside = torch.tensor([[[True, False], [False, False]]] * 2)
    assert lesions.share_inside(change, inside).tolist() == [0.75, 0]


def test_what_is_dark_is_about_the_lesion():
    """On lesionsim, whose outlines are known; the dark corners of some images are left out."""
    truth = lesions.outlined(60, 32)
    found = lesions.darker(resized(simulate("test", 60).images, 32).float())
    shared = (found & truth).sum((1, 2)) / (found | truth).sum((1, 2))
    assert shared.mean() > 0.8 and not found[:, 0, 0].any()


def test_before_and_after_belong_together(lab_env):
    shown = lesions.before_and_after("embedded", epochs=1, images=20, side=16)
    assert shown.images.shape == shown.copies.shape == shown.noise.shape == (20, 3, 16, 16)
    assert shown.ill.sum() == lesions.truth("lesionsim")[:20].sum()
    lengths = [(x - shown.images).flatten(1).norm(dim=1) for x in (shown.copies, shown.noise)]
    assert (lengths[1] <= lengths[0] * 1.01).all(), "as far, but for what is clipped"
    assert [len(odds) for odds in shown.odds] == [20, 20]
