"""Losses against their formulas written out a second time (exact fractions, plain Python sums), their limits
and gradients."""

import math
from fractions import Fraction

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from lt_lib.losses import LDAMLoss, class_weights, effective_number, jsd_consistency, ldam_margins

settings.register_profile("lt", deadline=None, max_examples=60)
settings.load_profile("lt")

count_lists = st.lists(st.integers(1, 5000), min_size=1, max_size=30)
schemes = st.sampled_from(["ens", "ins", "isns"])


@pytest.mark.parametrize("beta", [0.0, 0.5, 0.9, 0.999, 0.9999, 1 - 2**-40])
def test_effective_number_against_exact_fractions(beta):
    counts = [0, 1, 2, 10, 500]
    b = Fraction(beta)
    exact = [float((1 - b**n) / (1 - b)) for n in counts]
    assert effective_number(counts, beta).tolist() == pytest.approx(exact, rel=1e-11)


def test_effective_number_is_the_geometric_sum():
    assert effective_number([3], 0.5).item() == 1 + 0.5 + 0.25


@given(st.lists(st.integers(1, 5000), min_size=1), st.floats(0, 0.99999))
def test_effective_number_lies_between_one_and_n_and_its_limit(counts, beta):
    effective = effective_number(counts, beta)
    n = torch.tensor(counts, dtype=torch.float64)
    assert (effective >= 1 - 1e-9).all() and (effective <= n * (1 + 1e-9)).all()
    assert (effective <= 1 / (1 - beta) * (1 + 1e-9)).all()


@given(count_lists, schemes, st.one_of(st.none(), st.floats(0.1, 1000)))
def test_weights_sum_to_k_or_total_and_fall_with_the_count(counts, scheme, total):
    weights = class_weights(counts, scheme, total=total)
    assert weights.sum().item() == pytest.approx(len(counts) if total is None else total, rel=1e-5)
    by_count = weights[torch.tensor(counts).argsort()]
    assert (by_count.diff() <= 1e-6 * by_count.max()).all()


@given(count_lists)
def test_beta_limits_are_uniform_and_inverse_frequency(counts):
    assert torch.allclose(class_weights(counts, "ens", beta=0), torch.ones(len(counts)))
    assert torch.allclose(class_weights(counts, "ens", beta=1 - 1e-12), class_weights(counts, "ins"))


def test_weights_by_hand():
    assert torch.allclose(class_weights([1, 4], "ins"), torch.tensor([1.6, 0.4]))
    assert torch.allclose(class_weights([1, 4], "isns"), torch.tensor([4 / 3, 2 / 3]))
    assert torch.allclose(class_weights([1, 2], "ens", beta=0.5), torch.tensor([1.2, 0.8]))
    assert torch.allclose(class_weights([1, 4], "ins", total=1), torch.tensor([0.8, 0.2]))


def test_the_default_is_ens_with_the_released_beta():
    counts = [500, 50, 5]
    assert torch.allclose(class_weights(counts), class_weights(counts, "ens", beta=0.999))
    assert not torch.allclose(class_weights(counts), class_weights(counts, "ens", beta=0.99))


def test_weights_of_the_drought_counts():
    """A beta of .99999 is nearly inverse frequency; .99 is uniform to four digits (methods, A3)."""
    counts = [round(n * 86317 / 10778) for n in (6443, 1710, 1673, 952)]  # training size, validation shares
    assert class_weights(counts, beta=0.99).tolist() == pytest.approx([1, 1, 1, 1], abs=1e-4)
    assert class_weights(counts, beta=0.99999).tolist() == pytest.approx([0.31, 0.98, 1.00, 1.71], abs=0.02)
    assert class_weights(counts, "ins").tolist() == pytest.approx([0.26, 0.98, 1.00, 1.76], abs=0.02)


def test_the_total_does_not_matter_to_torch_weighted_mean():
    logits, labels = torch.randn(20, 3, generator=torch.Generator().manual_seed(0)), torch.arange(20) % 3
    weights = [class_weights([90, 9, 1], total=t) for t in (None, 1, 50)]
    losses = [torch.nn.functional.cross_entropy(logits, labels, weight=w) for w in weights]
    assert torch.allclose(losses[0], losses[1])
    assert torch.allclose(losses[0], losses[2])


def test_weights_follow_the_default_dtype():
    assert class_weights([3, 2]).dtype == torch.float32
    assert effective_number(torch.tensor([3, 2]), 0.9).dtype == torch.float64


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"counts": [3, 0]}, "all positive.*drop the empty classes"),
        ({"counts": [[3, 1]]}, r"counts must be \(K,\)"),
        ({"counts": [3, 1], "scheme": "inverse"}, "'ens', 'ins' or 'isns', got 'inverse'"),
        ({"counts": [3, 1], "beta": 1.0}, r"beta must lie in \[0, 1\).*scheme='ins'"),
        ({"counts": [3, 1], "beta": -0.1}, "beta must lie in"),
        ({"counts": [3, 1], "total": 0}, "total must be positive"),
        ({"counts": []}, "total must be positive"),
    ],
)
def test_bad_weights_say_what_is_wrong(arguments, message):
    with pytest.raises(ValueError, match=message):
        class_weights(**arguments)


def test_a_negative_count_has_no_effective_number():
    with pytest.raises(ValueError, match="must not be negative"):
        effective_number([3, -1], 0.9)


# --- LDAM


DROUGHT = [6443, 1710, 1673, 952]


@pytest.fixture
def double():
    """Default dtype float64, so that formulas can be compared to the last digits."""
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


def random_batch(n, k, dtype=torch.float64, seed=0, spread=1.0):
    draw = torch.Generator().manual_seed(seed)
    return spread * torch.randn(n, k, generator=draw).to(dtype), torch.randint(k, (n,), generator=draw)


def ldam_by_hand(logits, labels, counts, max_margin, scale, weights=None):
    """Loss of each image and its weight, from the definition, with sums of exponentials in plain Python."""
    constant = max_margin / max(n ** (-1 / 4) for n in counts)
    losses = []
    for z, y in zip(logits.tolist(), labels.tolist()):
        shifted = [scale * (z[k] - (constant / counts[k] ** (1 / 4) if k == y else 0)) for k in range(len(z))]
        top = max(shifted)
        losses.append(top + math.log(sum(math.exp(v - top) for v in shifted)) - shifted[y])
    return losses, [1 if weights is None else weights[y] for y in labels.tolist()]


@given(count_lists, st.floats(0.01, 5))
def test_margins_fall_as_the_fourth_root_and_peak_at_the_maximum(counts, max_margin):
    margins = ldam_margins(counts, max_margin)
    assert margins.max().item() == pytest.approx(max_margin)
    rarest = min(counts)
    assert margins.tolist() == pytest.approx([max_margin * (rarest / n) ** 0.25 for n in counts])
    for i, j in zip(range(len(counts) - 1), range(1, len(counts))):
        if counts[i] < counts[j]:
            assert margins[i] > margins[j]


def test_margins_by_hand():
    assert ldam_margins([16, 1, 81]).tolist() == pytest.approx([0.25, 0.5, 0.5 / 3])
    assert ldam_margins([7, 7], 0.3).tolist() == pytest.approx([0.3, 0.3])
    assert ldam_margins([10**12, 1]).tolist() == pytest.approx([0.0005, 0.5])


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("weights", [None, [0.2, 1.0, 1.1, 1.7]])
@pytest.mark.parametrize(("scale", "max_margin"), [(30.0, 0.5), (1.0, 2.0), (7.5, 0.0)])
def test_ldam_against_the_formula(double, reduction, weights, scale, max_margin):
    logits, labels = random_batch(40, 4)
    losses, w = ldam_by_hand(logits, labels, DROUGHT, max_margin, scale, weights)
    weighted = [a * b for a, b in zip(w, losses)]
    expected = {"none": weighted, "sum": sum(weighted), "mean": sum(weighted) / sum(w)}[reduction]
    weight = None if weights is None else torch.tensor(weights)
    found = LDAMLoss(DROUGHT, max_margin, scale, weight, reduction)(logits, labels)
    assert found.tolist() == pytest.approx(expected, rel=1e-12)


def test_ldam_defaults_are_those_of_the_released_code(double):
    logits, labels = random_batch(10, 4)
    losses, _ = ldam_by_hand(logits, labels, DROUGHT, 0.5, 30)
    assert LDAMLoss(DROUGHT)(logits, labels).item() == pytest.approx(sum(losses) / 10, rel=1e-12)


def test_without_margin_and_scale_ldam_is_cross_entropy():
    logits, labels = random_batch(30, 4, torch.float32)
    weight = torch.tensor([1.0, 4, 4, 6])
    for reduction in ("mean", "sum", "none"):
        ours = LDAMLoss(DROUGHT, max_margin=0, scale=1, weight=weight, reduction=reduction)(logits, labels)
        assert torch.equal(
            ours, torch.nn.functional.cross_entropy(logits, labels, weight, reduction=reduction)
        )


@given(st.integers(0, 1000), st.floats(-50, 50))
def test_ldam_is_never_below_the_loss_without_margin_and_ignores_a_common_shift(seed, shift):
    logits, labels = random_batch(8, 4, seed=seed)
    loss, plain = LDAMLoss(DROUGHT, reduction="none"), LDAMLoss(DROUGHT, max_margin=0, reduction="none")
    assert (loss(logits, labels) >= plain(logits, labels)).all()
    assert torch.allclose(loss(logits + shift, labels), loss(logits, labels), atol=1e-9)


def test_the_same_logit_costs_more_in_a_rarer_class():
    costs = LDAMLoss(DROUGHT, reduction="none")(torch.zeros(4, 4), torch.arange(4))
    assert (costs.diff() > 0).all()


def test_ldam_permutes_with_the_classes(double):
    logits, labels = random_batch(20, 4)
    order = torch.tensor([2, 0, 3, 1])
    permuted = LDAMLoss(torch.tensor(DROUGHT)[order])(logits[:, order], order.argsort()[labels])
    assert torch.allclose(permuted, LDAMLoss(DROUGHT)(logits, labels))


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
def test_ldam_gradient(double, reduction):
    logits, labels = random_batch(5, 4)
    loss = LDAMLoss(DROUGHT, weight=torch.tensor([0.2, 1.0, 1.1, 1.7]), reduction=reduction)
    assert torch.autograd.gradcheck(lambda z: loss(z, labels), (0.1 * logits).requires_grad_())


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_ldam_is_finite_for_extreme_logits_of_any_dtype(dtype):
    logits = torch.tensor([[6e4, -6e4, 0, 1], [-6e4, 6e4, 0, 1]], dtype=dtype, requires_grad=True)
    loss = LDAMLoss(DROUGHT)(logits, torch.tensor([0, 2]))
    loss.backward()
    assert loss.isfinite() and logits.grad.isfinite().all() and logits.grad.dtype == dtype
    assert loss.dtype == (torch.float64 if dtype == torch.float64 else torch.float32)


def test_ldam_of_half_precision_logits_is_computed_in_single():
    logits, labels = random_batch(16, 4, torch.float16)
    assert torch.equal(LDAMLoss(DROUGHT)(logits, labels), LDAMLoss(DROUGHT)(logits.float(), labels))


def test_the_weight_can_be_set_anew_and_moves_with_the_loss():
    logits, labels = random_batch(20, 4, torch.float32)
    weight = class_weights(DROUGHT, beta=0.9999)
    loss = LDAMLoss(DROUGHT)
    before = loss(logits, labels)
    loss.weight = weight
    assert torch.equal(loss(logits, labels), LDAMLoss(DROUGHT, weight=weight)(logits, labels))
    assert loss.to("meta").weight.device.type == loss.margins.device.type == "meta"
    loss.weight = weight
    on_meta = loss(logits.to("meta"), labels.to("meta"))
    assert on_meta.device.type == "meta", (
        "a weight set on the CPU follows, and nothing on the way asks a device for a value"
    )
    loss = LDAMLoss(DROUGHT, weight=weight)
    assert loss.state_dict() == {}
    loss.weight = None
    assert torch.equal(loss(logits, labels), before)


def test_ldam_leaves_its_input_alone():
    logits, labels = random_batch(6, 4)
    kept = logits.clone()
    LDAMLoss(DROUGHT)(logits, labels)
    assert torch.equal(logits, kept)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"counts": [3, 0]}, "all positive.*drop the empty classes"),
        ({"counts": []}, r"counts must be \(K,\)"),
        ({"counts": [3, 1], "max_margin": -0.5}, "max_margin must be finite and not negative, got -0.5"),
        ({"counts": [3, 1], "max_margin": float("nan")}, "max_margin must be finite"),
        ({"counts": [3, 1], "scale": 0}, "scale must be positive"),
        ({"counts": [3, 1], "weight": torch.ones(3)}, r"weight must be \(2,\).*got \(3,\)"),
        ({"counts": [3, 1], "reduction": "batchmean"}, "'mean', 'sum' or 'none', got 'batchmean'"),
    ],
)
def test_a_bad_ldam_loss_says_what_is_wrong(arguments, message):
    with pytest.raises(ValueError, match=message):
        LDAMLoss(**arguments)


@pytest.mark.parametrize(
    ("shape", "labels", "message"),
    [
        ((2, 3), [0, 1], r"logits must be \(N, 4\)"),
        ((2, 4), [0], r"labels \(N,\), got \(2, 4\) and \(1,\)"),
        ((4,), [0], r"logits must be \(N, 4\)"),
        ((2, 4), [0, 4], r"labels must lie in \[0, 4\), got 0 to 4"),
        ((2, 4), [-1, 0], r"labels must lie in \[0, 4\), got -1 to 0"),
    ],
)
def test_ldam_refuses_a_batch_that_does_not_fit(shape, labels, message):
    with pytest.raises(ValueError, match=message):
        LDAMLoss(DROUGHT)(torch.zeros(shape), torch.tensor(labels))


def test_ldam_refuses_a_weight_set_later_that_does_not_fit():
    loss = LDAMLoss(DROUGHT)
    loss.weight = torch.ones(3)
    with pytest.raises(ValueError, match=r"weight must be \(4,\)"):
        loss(torch.zeros(1, 4), torch.tensor([0]))


# --- Jensen-Shannon consistency


def jsd_by_hand(*views):
    """Mean over images of the mean over views of KL(view || clipped mean), probabilities in plain Python."""
    total = 0.0
    for rows in zip(*(v.tolist() for v in views)):
        probabilities = []
        for row in rows:
            e = [math.exp(z - max(row)) for z in row]
            probabilities.append([v / sum(e) for v in e])
        mixture = [min(max(sum(p) / 3, 1e-7), 1) for p in zip(*probabilities)]
        total += sum(q * math.log(q / m) for p in probabilities for q, m in zip(p, mixture) if q > 0) / 3
    return total / len(views[0])


@given(st.integers(0, 1000), st.floats(0.1, 20))
def test_jsd_against_the_formula(seed, spread):
    views = [random_batch(6, 4, seed=3 * seed + i, spread=spread)[0] for i in range(3)]
    assert jsd_consistency(*views).item() == pytest.approx(jsd_by_hand(*views), rel=1e-9, abs=1e-12)


def test_jsd_is_symmetric_and_nothing_for_equal_views_and_ln_3_for_certain_disagreement():
    a, b, c = (random_batch(6, 4, seed=i)[0] for i in range(3))
    assert torch.allclose(jsd_consistency(a, b, c), jsd_consistency(c, a, b))
    assert jsd_consistency(a, a + 3, a - 1).item() == pytest.approx(0, abs=1e-12)
    certain = 1e4 * torch.eye(3, dtype=torch.float64)
    assert jsd_consistency(certain, certain.roll(1, 0), certain.roll(2, 0)).item() == pytest.approx(
        math.log(3)
    )


def test_the_mixture_is_clipped():
    """A class that only one view gives any chance, and little: the clip makes its term smaller."""
    view = torch.tensor([[0.0, -14.0]], dtype=torch.float64)
    never = torch.tensor([[0.0, -60.0]], dtype=torch.float64)
    p = math.exp(-18) / (1 + math.exp(-18))
    unlikely = torch.tensor([[0.0, -18.0]], dtype=torch.float64)
    assert p / 3 < 1e-7 < math.exp(-14) / 3
    expected = (
        2 * math.log(3 / (3 - p)) + (1 - p) * math.log((1 - p) / (1 - p / 3)) + p * math.log(p / 1e-7)
    ) / 3
    found = jsd_consistency(unlikely, never, never).item()
    assert found == pytest.approx(expected, rel=1e-6)
    assert found < 0 < jsd_consistency(view, never, never).item()


def test_jsd_gradient_reaches_all_three_views(double):
    views = [random_batch(3, 4, seed=i)[0].requires_grad_() for i in range(3)]
    assert torch.autograd.gradcheck(jsd_consistency, views)
    jsd_consistency(*views).backward()
    assert all(v.grad.abs().sum() > 0 for v in views)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32])
def test_jsd_is_finite_for_extreme_logits(dtype):
    views = [(6e4 * torch.eye(4)).roll(i, 0).to(dtype).requires_grad_() for i in range(3)]
    loss = jsd_consistency(*views)
    loss.backward()
    assert loss.item() == pytest.approx(math.log(3), rel=1e-5)
    assert all(v.grad.isfinite().all() for v in views)


@pytest.mark.parametrize("shapes", [[(2, 3), (2, 3), (2, 4)], [(2, 3), (1, 3), (2, 3)], [(3,), (3,), (3,)]])
def test_jsd_refuses_views_of_different_shape(shapes):
    with pytest.raises(ValueError, match=r"three views must all be \(N, K\)"):
        jsd_consistency(*(torch.zeros(s) for s in shapes))


@pytest.mark.parametrize(
    "held",
    [
        np.array([50, 3], np.uint16),
        np.array([50, 3], ">f4"),
        torch.tensor([50, 3]).to(torch.uint32),
        pd.Series([50, 3], index=[1, 0]),
    ],
    ids=["uint16", "big-endian", "tensor", "pandas"],
)
def test_counts_of_any_kind_give_the_same_weights(held):
    for function in (class_weights, ldam_margins, lambda counts: effective_number(counts, 0.9)):
        assert function(held).tolist() == function([50, 3]).tolist()
    weighted = LDAMLoss(held, weight=pd.Series([2.0, 1.0], index=[1, 0]))
    logits, labels = torch.tensor([[1.0, 0.0]]), torch.tensor([0])
    assert weighted(logits, labels) == LDAMLoss([50, 3], weight=torch.tensor([2.0, 1.0]))(logits, labels)


@pytest.mark.parametrize("counts", [["50", "3"], np.array([50, 3], object), [[1], [2, 3]]])
def test_counts_that_are_no_numbers_are_named(counts):
    for function in (class_weights, ldam_margins, LDAMLoss):
        with pytest.raises(ValueError, match="counts must be numbers"):
            function(counts)
