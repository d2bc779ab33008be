"""Areas under the ROC curve with their errors, and compactness of features."""

import numpy as np
import pytest
import sklearn.metrics as sk
import torch

from lt_lib.metrics import compactness, roc_auc


def lesions(n=120, gap=1.2, seed=0, levels=None):
    rng = np.random.default_rng(seed)
    labels = np.arange(n) < n // 4
    scores = rng.normal(size=n) + gap * labels
    return (scores if levels is None else np.floor(scores * levels)), labels.astype(int)


# --- ROC


@pytest.mark.parametrize("levels", [None, 1, 3])
def test_the_area_is_that_of_scikit_learn_with_ties_as_well(levels):
    scores, labels = lesions(levels=levels)
    assert roc_auc(scores, labels)["auc"] == pytest.approx(sk.roc_auc_score(labels, scores), abs=1e-12)
    flipped = roc_auc(-scores, labels)
    assert flipped["auc"] == pytest.approx(1 - roc_auc(scores, labels)["auc"])
    assert flipped["se"] == pytest.approx(roc_auc(scores, labels)["se"])


@pytest.mark.parametrize("levels", [None, 2])
def test_the_standard_error_is_that_of_the_definition(levels):
    """DeLong's components from all pairs, in place of ranks."""
    scores, labels = lesions(60, levels=levels)
    x, y = scores[labels == 1], scores[labels == 0]
    psi = (x[:, None] > y) + 0.5 * (x[:, None] == y)
    want = (psi.mean(1).var(ddof=1) / len(x) + psi.mean(0).var(ddof=1) / len(y)) ** 0.5
    assert roc_auc(scores, labels)["se"] == pytest.approx(want, rel=1e-12)


def test_the_standard_error_agrees_with_a_bootstrap():
    scores, labels = lesions(300)
    rng, areas = np.random.default_rng(1), []
    ill, well = np.flatnonzero(labels), np.flatnonzero(1 - labels)
    for _ in range(600):
        drawn = np.concatenate([rng.choice(ill, len(ill)), rng.choice(well, len(well))])
        areas.append(roc_auc(scores[drawn], labels[drawn])["auc"])
    assert roc_auc(scores, labels)["se"] == pytest.approx(np.std(areas, ddof=1), rel=0.12)


def test_the_interval_grows_with_confidence_and_stays_within_0_and_1():
    scores, labels = lesions()
    wide, narrow = roc_auc(scores, labels, 0.99), roc_auc(scores, labels, 0.5)
    assert wide["low"] < narrow["low"] < narrow["auc"] < narrow["high"] < wide["high"]
    usual = roc_auc(scores, labels)
    assert usual["high"] - usual["auc"] == pytest.approx(1.959964 * usual["se"], rel=1e-5)
    assert roc_auc([0.1, 0.4, 0.3, 0.9], [0, 0, 1, 1])["high"] == 1.0
    assert roc_auc([1, 2, 3, 4], [0, 0, 1, 1]) == {"auc": 1.0, "se": 0.0, "low": 1.0, "high": 1.0}


def test_a_single_image_of_a_class_has_an_area_and_no_error():
    assert roc_auc([1.0, 2.0, 3.0], [0, 1, 0]) == {"auc": 0.5, "se": None, "low": None, "high": None}


def test_scores_and_labels_may_be_tensors_of_any_kind():
    scores, labels = lesions()
    assert roc_auc(torch.tensor(scores), torch.tensor(labels).bool()) == roc_auc(scores, labels)


@pytest.mark.parametrize(
    ("scores", "labels", "words"),
    [
        ([0.1, 0.2], [1, 1], "both present"),
        ([0.1, 0.2, 0.3], [0, 1, 2], "0 and 1"),
        ([0.1, float("nan")], [0, 1], "nan"),
        ([0.1, 0.2, 0.3], [0, 1], "need"),
        ([[0.1, 0.2]], [[0, 1]], "need"),
    ],
)
def test_areas_that_cannot_be_are_refused(scores, labels, words):
    with pytest.raises(ValueError, match=words):
        roc_auc(scores, labels)
    with pytest.raises(ValueError, match="confidence"):
        roc_auc([0.1, 0.2], [0, 1], 95)


# --- compactness


def clouds(spread=1.0, n=40, seed=0):
    gen = torch.Generator().manual_seed(seed)
    labels = torch.arange(n) % 4
    return 5 * torch.eye(4)[labels] + spread * torch.randn(n, 4, generator=gen), labels


def test_compactness_by_hand():
    found = compactness([[0.0], [2.0], [10.0], [12.0]], [0, 0, 7, 7])
    assert found == {
        "within": 1.0,
        "between": 25.0,
        "ratio": 0.04,
        "silhouette": pytest.approx((2 * 9 / 11 + 2 * 7 / 9) / 4),
    }


def test_the_two_variances_add_up_and_the_silhouette_is_scikit_learns():
    features, labels = clouds()
    found = compactness(features, labels)
    total = float((features.double() - features.double().mean(0)).square().sum(1).mean())
    assert found["within"] + found["between"] == pytest.approx(total)
    assert found["silhouette"] == pytest.approx(sk.silhouette_score(features.double(), labels))


def test_tighter_classes_are_more_compact_whatever_the_scale():
    loose, tight = (compactness(*clouds(spread)) for spread in (1.0, 0.3))
    assert tight["ratio"] < loose["ratio"] and tight["silhouette"] > loose["silhouette"]
    features, labels = clouds()
    larger = compactness(100 * features - 7, labels)
    assert larger["ratio"] == pytest.approx(loose["ratio"]) and larger["silhouette"] == pytest.approx(
        loose["silhouette"]
    )


def test_a_subsample_is_drawn_by_its_seed_and_for_the_silhouette_only():
    features, labels = clouds(n=200)
    whole, one, other = (compactness(features, labels, k, s) for k, s in ((None, 0), (50, 0), (50, 1)))
    assert compactness(features, labels, 50, 0) == one
    assert len({whole["silhouette"], one["silhouette"], other["silhouette"]}) == 3
    assert whole["ratio"] == one["ratio"] == other["ratio"]
    assert compactness(features, labels, 5000)["silhouette"] == pytest.approx(whole["silhouette"])


def test_classes_with_one_mean_have_no_ratio():
    assert compactness([[-1.0], [1.0], [-2.0], [2.0]], [0, 0, 1, 1])["ratio"] is None


@pytest.mark.parametrize(
    ("features", "labels", "words"),
    [
        (torch.zeros(4, 2), torch.zeros(4), "two classes"),
        (torch.zeros(4, 2), torch.arange(4), "two classes"),
        (torch.zeros(4), torch.arange(4), "need"),
        (torch.zeros(4, 2), torch.arange(3), "need"),
        (torch.full((4, 2), float("inf")), [0, 0, 1, 1], "nan or inf"),
    ],
)
def test_features_that_cannot_be_are_refused(features, labels, words):
    with pytest.raises(ValueError, match=words):
        compactness(features, labels)
