"""Class weights against the formulas evaluated with exact fractions, and their limits."""

from fractions import Fraction

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from lt_lib.losses import class_weights, effective_number

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
