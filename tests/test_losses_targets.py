"""Soft labels and noisy logits: sums, equivalences and limits that hold exactly."""

import math

import numpy as np
import pandas as pd
import pytest
import torch
import torch.nn.functional as F

from lt_lib.losses import aleatoric_elu_loss, aleatoric_loss, smooth_labels

LABELS = torch.tensor([2, 0, 1, 2])


@pytest.mark.parametrize(("variant", "total"), [("standard", 1), ("off-class", 1), ("slide", 1 - 0.3 / 4)])
def test_sums_of_the_three_variants(variant, total):
    soft = smooth_labels(LABELS, 4, 0.3, variant)
    assert soft.sum(1).tolist() == pytest.approx([total] * 4)
    assert torch.equal(soft.argmax(1), LABELS)


def test_the_example_of_the_slides():
    printed = smooth_labels(torch.tensor([2]), 3, 0.005, "slide")[0]
    assert [round(v, 4) for v in printed.tolist()] == [0.0017, 0.0017, 0.995]
    assert float(printed.sum()) == pytest.approx(0.9983, abs=5e-5)
    assert float(smooth_labels(torch.tensor([2]), 3, 0.005)[0, 2]) == pytest.approx(0.99667, abs=5e-6)


def test_no_smoothing_is_one_hot():
    for variant in ("standard", "slide", "off-class"):
        assert torch.equal(smooth_labels(LABELS, 3, 0, variant), F.one_hot(LABELS, 3).float())


def test_the_standard_form_is_that_of_torch():
    logits = torch.randn(4, 5, generator=torch.Generator().manual_seed(0))
    for alpha in (0.1, 0.7):
        ours = F.cross_entropy(logits, smooth_labels(LABELS, 5, alpha))
        assert torch.isclose(ours, F.cross_entropy(logits, LABELS, label_smoothing=alpha))


@pytest.mark.parametrize(("alpha", "k"), [(0.1, 10), (0.005, 3), (0.8, 2)])
def test_the_slides_formula_is_off_class_smoothing_in_disguise(alpha, k):
    label = torch.tensor([1])
    slide, twin = (
        smooth_labels(label, k, alpha, "slide"),
        smooth_labels(label, k, alpha * (k - 1) / (k - alpha), "off-class"),
    )
    assert torch.allclose(slide / slide.sum(), twin, atol=1e-6)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"alpha": 1.0}, "alpha"),
        ({"alpha": -0.1}, "alpha"),
        ({"alpha": float("nan")}, "alpha"),
        ({"num_classes": 1}, "num_classes"),
        ({"variant": "slides"}, "variant"),
        ({"labels": torch.tensor([3])}, "labels must lie"),
        ({"labels": torch.tensor([-1])}, "labels must lie"),
        ({"labels": torch.eye(3)}, "int64"),
        ({"labels": torch.tensor([0.0])}, "int64"),
    ],
)
def test_smoothing_that_cannot_be_is_refused(change, words):
    with pytest.raises(ValueError, match=words):
        smooth_labels(**({"labels": LABELS, "num_classes": 3, "alpha": 0.1} | change))


def noisy(t=7, n=4, k=3, seed=0):
    gen = torch.Generator().manual_seed(seed)
    return (
        torch.randn(n, k, generator=gen),
        torch.rand(n, 1, generator=gen),
        torch.randn(t, n, k, generator=gen),
    )


def test_without_noise_it_is_the_cross_entropy():
    logits, _, noise = noisy()
    for reduction in ("mean", "sum", "none"):
        ours = aleatoric_loss(logits, torch.zeros(4, 3), LABELS, noise, reduction)
        assert torch.allclose(ours, F.cross_entropy(logits, LABELS, reduction=reduction), atol=1e-6)


def test_the_mean_is_over_probabilities():
    logits, sigma, noise = noisy()
    p = torch.stack([(logits + sigma * e).softmax(1)[range(4), LABELS] for e in noise]).mean(0)
    assert torch.allclose(aleatoric_loss(logits, sigma, LABELS, noise, "none"), -p.log(), atol=1e-6)
    each = torch.stack([F.cross_entropy(logits + sigma * e, LABELS, reduction="none") for e in noise]).mean(0)
    assert (
        aleatoric_loss(logits, sigma, LABELS, noise, "none") < each
    ).all()  # Jensen: a mean of losses would be larger


def test_one_sigma_an_image_is_that_sigma_for_each_logit():
    logits, sigma, noise = noisy()
    assert torch.equal(
        aleatoric_loss(logits, sigma, LABELS, noise),
        aleatoric_loss(logits, sigma.expand(4, 3), LABELS, noise),
    )


def test_doubt_pays_where_the_answer_is_wrong_and_costs_where_it_is_right():
    logits, labels = torch.tensor([[8.0, 0.0], [8.0, 0.0]]), torch.tensor([0, 1])
    noise = torch.randn(500, 2, 2, generator=torch.Generator().manual_seed(0))
    sure, unsure = (aleatoric_loss(logits, torch.full((2, 1), s), labels, noise, "none") for s in (0.0, 6.0))
    assert unsure[0] > sure[0] and unsure[1] < sure[1]


def test_probabilities_that_underflow_keep_a_loss_and_a_gradient():
    logits = torch.tensor([[0.0, 400.0]], requires_grad=True)
    loss = aleatoric_loss(logits, torch.zeros(1, 1), torch.tensor([0]), torch.zeros(3, 1, 2))
    loss.backward()
    assert float(loss.detach()) == pytest.approx(400) and logits.grad[0].tolist() == pytest.approx(
        [-1, 1], abs=1e-4
    )


def test_half_precision_is_computed_in_single():
    logits, sigma, noise = noisy()
    ours = aleatoric_loss(logits.half(), sigma.half(), LABELS, noise.half())
    assert ours.dtype == torch.float32 and math.isclose(
        ours, aleatoric_loss(logits, sigma, LABELS, noise), rel_tol=2e-3
    )


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"sigma": torch.ones(4)}, "sigma must be"),
        ({"sigma": -torch.ones(4, 1)}, "negative"),
        ({"noise": torch.zeros(4, 3)}, "noise must be"),
        ({"noise": torch.zeros(5, 4, 1)}, "noise must be"),
        ({"noise": torch.zeros(0, 4, 3)}, "at least one"),
        ({"labels": torch.zeros(3, dtype=torch.int64)}, "labels"),
        ({"reduction": "max"}, "reduction"),
    ],
)
def test_noise_that_cannot_be_is_refused(change, words):
    logits, sigma, noise = noisy()
    with pytest.raises(ValueError, match=words):
        aleatoric_loss(**({"logits": logits, "sigma": sigma, "labels": LABELS, "noise": noise} | change))


def test_the_sum_over_images_is_equation_10_with_its_sign():
    logits, sigma, noise = noisy()
    printed = 0.0
    for i, label in enumerate(LABELS):
        x_hat = logits[i] + sigma[i] * noise[:, i]
        printed += (x_hat[:, label] - x_hat.exp().sum(1).log()).exp().mean().log()
    assert float(aleatoric_loss(logits, sigma, LABELS, noise, "sum")) == pytest.approx(
        -float(printed), rel=1e-5
    )


# --- the loss with elu


def test_the_loss_with_elu_by_its_formula():
    logits, sigma, noise = noisy()
    ce = F.cross_entropy(logits, LABELS, reduction="none")
    worse = 0
    for draw in noise:
        gap = ce - F.cross_entropy(logits + sigma * draw, LABELS, reduction="none")
        worse = worse - torch.where(gap > 0, gap, gap.exp() - 1) / len(noise)
    want = 0.2 * (worse * ce + ce + (sigma[:, 0] ** 2).exp() - 1) + ce
    ours = aleatoric_elu_loss(logits, sigma, LABELS, noise, reduction="none")
    assert torch.allclose(ours, want, atol=1e-5)
    for reduction in ("mean", "sum"):
        one = aleatoric_elu_loss(logits, sigma, LABELS, noise, reduction=reduction)
        assert torch.allclose(one, getattr(want, reduction)())
    assert torch.allclose(aleatoric_elu_loss(logits, sigma, LABELS, noise, (0.0, 3.0)), 3 * ce.mean())


def test_the_loss_with_elu_is_a_cross_entropy_where_there_is_no_noise():
    logits, _, noise = noisy()
    ours = aleatoric_elu_loss(logits.half(), torch.zeros(4, 1), LABELS, noise)
    assert ours.dtype == torch.float32
    assert float(ours) == pytest.approx(1.2 * float(F.cross_entropy(logits, LABELS)), rel=1e-3)


def test_only_the_last_term_of_the_loss_with_elu_holds_a_large_sigma_down():
    logits, noise = (
        torch.tensor([[0.0, 4.0]]),
        torch.randn(400, 1, 2, generator=torch.Generator().manual_seed(0)),
    )
    labels, sigma = torch.tensor([0]), torch.tensor([[1.5]], requires_grad=True)
    loss = aleatoric_elu_loss(logits, sigma, labels, noise)
    bracket = 0.2 * (sigma**2).expm1().sum()
    up, down = (torch.autograd.grad(part, sigma, retain_graph=True)[0] for part in (bracket, loss - bracket))
    assert up > 0 > down, "a wrong answer asks for doubt"


@pytest.mark.parametrize(
    "change",
    [
        {"sigma": torch.ones(4, 3)},
        {"noise": torch.zeros(0, 4, 3)},
        {"noise": torch.zeros(5, 3, 3)},
        {"labels": torch.zeros(3, dtype=torch.int64)},
        {"logits": torch.zeros(4)},
    ],
)
def test_shapes_that_do_not_fit_the_loss_with_elu_are_refused(change):
    logits, sigma, noise = noisy()
    given = {"logits": logits, "sigma": sigma, "labels": LABELS, "noise": noise}
    with pytest.raises(ValueError, match=r"need logits \(N, K\)"):
        aleatoric_elu_loss(**(given | change))
    with pytest.raises(ValueError, match="reduction"):
        aleatoric_elu_loss(**given, reduction="max")
    with pytest.raises(ValueError, match="negative"):
        aleatoric_elu_loss(**(given | {"sigma": -sigma}))


@pytest.mark.parametrize(
    "held",
    [
        [2, 0],
        np.array([2, 0], np.uint16),
        torch.tensor([2, 0]).to(torch.uint32),
        pd.Series([2, 0], index=[1, 0]),
    ],
    ids=["list", "uint16", "tensor", "pandas"],
)
def test_labels_of_any_kind_are_smoothed_alike(held):
    assert smooth_labels(held, 3, 0.1).equal(smooth_labels(torch.tensor([2, 0]), 3, 0.1))
