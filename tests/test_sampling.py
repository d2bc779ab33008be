"""Sampling against the published sums and bags, hand-counted cases, and properties that hold for any data."""

from collections import Counter

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from lt_lib.sampling import (
    artificial_balance,
    balance_rates,
    balanced_bags,
    balanced_sample,
    ee443_counts,
    expected_multiplicity,
    longtail_counts,
    longtail_indices,
    sampler_weights,
)

settings.register_profile("lt", deadline=None, max_examples=60)
settings.load_profile("lt")

seeds = st.integers(0, 2**31)
label_lists = st.lists(st.integers(0, 6), min_size=1, max_size=120)


def labels_of(counts):
    return torch.arange(len(counts)).repeat_interleave(torch.tensor(counts))


# --- class counts


@pytest.mark.parametrize(
    ("ratio", "total", "smallest"), [(0.1, 9901, 51), (0.02, 6430, 10), (0.005, 4878, 2)]
)
def test_ee443_counts_match_the_released_subsets(ratio, total, smallest):
    counts = ee443_counts(ratio)
    assert (len(counts), sum(counts), counts[0], counts[-1]) == (50, total, 500, smallest)


def test_ee443_full_data_and_the_classes_of_figure_5():
    assert ee443_counts(1) == [500] * 50
    counts = ee443_counts(0.02)
    assert (counts[9], counts[18]) == (245, 120)


@pytest.mark.parametrize(
    ("ratio", "total", "smallest"), [(0.1, 9830, 50), (0.02, 6369, 10), (0.005, 4833, 2)]
)
def test_the_other_profile_has_50_classes_of_its_own(ratio, total, smallest):
    counts = longtail_counts(500, 50, ratio)
    assert (sum(counts), counts[-1]) == (total, smallest)


@pytest.mark.parametrize(("ratio", "total"), [(0.1, 19573), (0.02, 12608), (0.01, 10847), (0.005, 9502)])
def test_longtail_counts_match_cifar100_lt(ratio, total):
    assert sum(longtail_counts(500, 100, ratio)) == total


def test_exact_integers_are_not_truncated():
    assert longtail_counts(1000, 4, 0.001) == [1000, 100, 10, 1]
    assert int(1000 * 0.001 ** (1 / 3)) == 100 and int(1000 * 0.001 ** (2 / 3)) in (9, 10)
    for base in (2, 3, 5, 7, 10):
        for power in range(1, 9):
            expected = [base ** (power - j) for j in range(power + 1)]
            assert longtail_counts(base**power, power + 1, 1 / base**power) == expected


def test_one_class_has_all():
    assert longtail_counts(7, 1, 0.1) == [7]


@given(st.integers(1, 2000), st.integers(1, 60), st.floats(1e-4, 1))
def test_longtail_counts_fall_from_head_to_the_ratio(n_max, num_classes, ratio):
    counts = longtail_counts(n_max, num_classes, ratio)
    assert counts[0] == n_max and counts == sorted(counts, reverse=True)
    if num_classes > 1:
        assert n_max * ratio - 1 <= counts[-1] <= n_max * ratio + 1e-6


@pytest.mark.parametrize("ratio", [0, -0.1, 100, float("nan")])
def test_a_ratio_that_is_an_imbalance_factor_is_refused(ratio):
    with pytest.raises(ValueError, match=r"ratio must lie in \(0, 1\].*1/f"):
        longtail_counts(500, 10, ratio)


@pytest.mark.parametrize(("n_max", "num_classes"), [(0, 10), (500, 0)])
def test_sizes_below_one_are_refused(n_max, num_classes):
    with pytest.raises(ValueError, match="at least 1"):
        longtail_counts(n_max, num_classes, 0.1)


# --- long-tailed subsets


@given(label_lists, st.data(), seeds)
def test_indices_meet_the_counts_without_repeats(labels, data, seed):
    have = np.bincount(labels, minlength=7)
    counts = [data.draw(st.integers(0, int(n))) for n in have]
    indices = longtail_indices(torch.tensor(labels), counts, seed)
    assert len(set(indices.tolist())) == len(indices) and indices.dtype == torch.int64
    assert indices.tolist() == sorted(indices.tolist())
    assert torch.tensor(labels)[indices].bincount(minlength=7).tolist() == counts


@given(label_lists, st.data(), seeds)
def test_a_smaller_count_is_a_subset_of_a_larger_one(labels, data, seed):
    have = np.bincount(labels, minlength=7)
    large = [data.draw(st.integers(0, int(n))) for n in have]
    small = [data.draw(st.integers(0, n)) for n in large]
    labels = torch.tensor(labels)
    few, many = (set(longtail_indices(labels, counts, seed).tolist()) for counts in (small, large))
    assert few <= many


def test_a_class_is_drawn_alike_whatever_the_others_are():
    labels = torch.tensor([0, 1, 2] * 20)
    together = longtail_indices(labels, [5, 9, 3], seed=4)
    alone = longtail_indices(labels, [0, 9, 0], seed=4)
    assert together[labels[together] == 1].tolist() == alone.tolist()


def test_seed_decides_the_subset_and_classes_differ():
    labels = labels_of([40, 40])
    first, again, other = (longtail_indices(labels, [10, 10], s).tolist() for s in (0, 0, 1))
    assert first == again != other
    assert [i for i in first if i < 40] != [i - 40 for i in first if i >= 40]


def test_the_subset_of_a_seed_never_changes():
    """Records name a subset by its seed: this pins what the seed means, whatever the NumPy version."""
    assert longtail_indices(labels_of([12, 12]), [4, 2], seed=0).tolist() == [4, 7, 10, 11, 13, 14]


def test_each_image_is_drawn_equally_often():
    labels = labels_of([10])
    drawn = Counter(i for seed in range(2000) for i in longtail_indices(labels, [3], seed).tolist())
    assert all(abs(drawn[i] - 600) < 5 * (2000 * 0.3 * 0.7) ** 0.5 for i in range(10))


@pytest.mark.parametrize(
    ("labels", "counts", "message"),
    [
        ([0, 0, 1], [1, 2], "class 1 has 1 images, cannot draw 2"),
        ([0, 0, 2], [1, 1], "labels reach 2, but there are counts for only 2 classes"),
        ([0, 1], [1, -1], "counts must be integers >= 0"),
        ([0, 1], [1.0, 1.0], "counts must be integers >= 0"),
        ([0.0, 1.0], [1, 1], r"labels must be \(N,\) integers"),
        ([[0, 1]], [1, 1], r"labels must be \(N,\) integers"),
        ([0, -1], [1, 1], r"labels must be \(N,\) integers >= 0"),
        ([], [1, 1], "N > 0"),
    ],
)
def test_subsets_that_cannot_be_drawn_say_why(labels, counts, message):
    with pytest.raises(ValueError, match=message):
        longtail_indices(torch.tensor(labels), counts, 0)


# --- artificial balancing


def test_rates_of_the_report():
    rates = balance_rates([500, 100], 300)
    assert rates.tolist() == [0.6, 3.0]
    assert 300 // 500 == 0  # the printed formula


@pytest.mark.parametrize(
    ("counts", "target", "message"), [([5, 0], 3, "class 1 has no image"), ([5], 0, "target")]
)
def test_rates_without_images_or_target_are_refused(counts, target, message):
    with pytest.raises(ValueError, match=message):
        balance_rates(counts, target)


def test_balance_repeats_by_hand():
    labels = labels_of([300, 100, 8])  # rates 1, 3, 37.5
    repeats = torch.bincount(artificial_balance(labels, 300, seed=0), minlength=408)
    assert (repeats[:300] == 1).all() and (repeats[300:400] == 3).all()
    assert set(repeats[400:].tolist()) <= {37, 38}


@pytest.mark.parametrize("target", [200, 300, 400])
def test_balance_reaches_the_target_in_expectation(target):
    labels = labels_of(ee443_counts(0.02))
    sizes = torch.stack(
        [labels[artificial_balance(labels, target, s)].bincount() for s in range(40)]
    ).double()
    assert sizes.mean(0).sub(target).abs().max() < 0.03 * target
    assert sizes.std(0).max() < 0.06 * target


def test_thinning_keeps_each_image_with_probability_r():
    labels = labels_of([10])
    kept = torch.stack([torch.bincount(artificial_balance(labels, 6, s), minlength=10) for s in range(1000)])
    assert kept.max() == 1
    assert kept.double().mean(0).sub(0.6).abs().max() < 5 * (0.24 / 1000) ** 0.5


@given(label_lists, st.integers(1, 60), st.integers(0, 60), seeds)
def test_balance_bounds_and_grows_with_the_target(labels, target, more, seed):
    labels = torch.tensor(labels)
    rates = target / labels.bincount()[labels].double()
    small, large = (
        torch.bincount(artificial_balance(labels, t, seed), minlength=len(labels))
        for t in (target, target + more)
    )
    assert (small >= rates.floor()).all() and (small <= rates.ceil()).all()
    assert (small <= large).all()


def test_balance_refuses_bad_input():
    with pytest.raises(ValueError, match="target must be positive"):
        artificial_balance(torch.tensor([0, 1]), 0, 0)
    with pytest.raises(ValueError, match="labels must be"):
        artificial_balance(torch.tensor([]), 3, 0)


# --- balanced bags


@pytest.mark.parametrize(
    ("split", "sizes"),
    [
        ("nearest", [2692] * 4),
        (18, [2692] * 4),
        ("median", [2189, 2189, 2189, 2188]),
        (9, [3922, 3921, 3921, 3921]),  # the right panel of Fig 5
    ],
)
def test_bags_of_the_report(split, sizes):
    bags = balanced_bags(labels_of(ee443_counts(0.02)), 120, split)
    assert [len(b) for b in bags] == sizes


@pytest.mark.parametrize(("threshold", "learners"), [(150, 3), (120, 4), (75, 6), (500, 1), (900, 1)])
def test_number_of_learners(threshold, learners):
    assert len(balanced_bags(labels_of(ee443_counts(0.1)), threshold)) == learners


@given(label_lists, st.integers(1, 40), st.sampled_from(["nearest", "median"]), seeds)
def test_bags_partition_the_majority_and_share_the_minority(labels, threshold, split, seed):
    labels = torch.tensor(labels)
    bags = balanced_bags(labels, threshold, split, seed)
    counts = labels.bincount()
    assert len(bags) == max(1, counts.max().item() // threshold)
    held = torch.stack([torch.bincount(bag, minlength=len(labels)) for bag in bags])
    assert held.max() <= 1
    times = held.sum(0)
    assert set(times.tolist()) <= {1, len(bags)}
    if len(bags) > 1:
        shared, dealt = labels[times == len(bags)].unique(), labels[times == 1].unique()
        assert not set(shared.tolist()) & set(dealt.tolist())
        if len(dealt):
            assert counts[dealt].min() >= counts[shared].max()
    sizes = [len(bag) for bag in bags]
    assert max(sizes) - min(sizes) <= 1


def test_the_majority_is_shuffled_across_classes():
    labels = labels_of([400, 200, 10])
    first, again, other = (balanced_bags(labels, 100, 2, seed)[0] for seed in (0, 0, 1))
    assert first.tolist() == again.tolist() != other.tolist()
    dealt = labels[first[:-10]]
    assert 80 < (dealt == 0).sum() < 120 and (dealt[:50] == 1).any() and (dealt[-50:] == 0).any()


def test_split_ranks_by_count_and_ignores_empty_labels():
    labels = torch.tensor([5] * 9 + [2] * 30 + [7] * 20)  # head: 2, then 7, then 5
    majority = [set(labels[balanced_bags(labels, 10, s)[0][:-k]].tolist()) for s, k in ((7, 29), (5, 9))]
    assert majority == [{2}, {2, 7}]
    assert [len(b) for b in balanced_bags(labels, 10, "median")] == [39, 39, 39]


def test_a_tie_in_nearness_goes_to_the_larger_class():
    labels = labels_of([40, 12, 8])
    assert len(balanced_bags(labels, 10, "nearest")[0]) == 10 + 20


def test_balanced_data_cannot_be_dealt():
    bags = balanced_bags(labels_of([20, 20, 20]), 5)
    assert len(bags) == 4 and all(sorted(b.tolist()) == list(range(60)) for b in bags)


@pytest.mark.parametrize(
    ("threshold", "split", "message"),
    [
        (0, "nearest", "threshold must be at least 1"),
        (2, "mean", "'nearest', 'median'"),
        (2, 9, "a class that has images, got 9"),
    ],
)
def test_bags_refuse_bad_input(threshold, split, message):
    with pytest.raises(ValueError, match=message):
        balanced_bags(torch.tensor([0, 0, 0, 1]), threshold, split)


# --- class-balanced sampling


def seeded(seed):
    return torch.Generator().manual_seed(seed)


@given(label_lists)
def test_sampler_weights_are_one_over_the_class_count(labels):
    have = Counter(labels)
    assert sampler_weights(torch.tensor(labels)).tolist() == [1 / have[y] for y in labels]


@pytest.mark.parametrize("counts", [[600, 160, 155, 85], [1, 1, 500], [40, 0, 7, 3]])
def test_balanced_sample_draws_classes_and_their_images_evenly(counts):
    labels = labels_of(counts)[torch.randperm(sum(counts), generator=seeded(7))]
    n, k = 100_000, sum(c > 0 for c in counts)
    drawn = balanced_sample(labels, n, seeded(0))
    assert drawn.shape == (n,) and drawn.dtype == torch.int64
    per_class = labels[drawn].bincount(minlength=len(counts))
    assert stats.chisquare([c for c in per_class.tolist() if c], [n / k] * k).pvalue > 1e-3
    per_image = drawn.bincount(minlength=len(labels))
    expected = (
        n / k * sampler_weights(labels).numpy()
    )  # every image at its rate: the law of torch.multinomial
    assert stats.chisquare(per_image.numpy(), expected).pvalue > 1e-3


def test_balanced_sample_has_the_law_of_torch_multinomial():
    labels = labels_of([30, 8, 2])
    ours = balanced_sample(labels, 60_000, seeded(1)).bincount(minlength=40)
    theirs = torch.multinomial(
        sampler_weights(labels), 60_000, replacement=True, generator=seeded(2)
    ).bincount(minlength=40)
    assert stats.chi2_contingency(torch.stack([ours, theirs]).numpy()).pvalue > 1e-3


def test_successive_draws_are_independent():
    labels = labels_of([30, 8, 2])
    drawn = labels[balanced_sample(labels, 60_000, seeded(3))]
    pairs = (3 * drawn[::2] + drawn[1::2]).bincount(minlength=9)
    assert stats.chisquare(pairs.numpy()).pvalue > 1e-3
    images = balanced_sample(labels_of([4]), 60_000, seeded(4))
    pairs = (4 * images[::2] + images[1::2]).bincount(minlength=16)
    assert stats.chisquare(pairs.numpy()).pvalue > 1e-3


@given(label_lists, st.integers(0, 50), seeds)
def test_balanced_sample_stays_inside_and_repeats_with_the_generator(labels, n, seed):
    labels = torch.tensor(labels)
    drawn = balanced_sample(labels, n, seeded(seed))
    assert len(drawn) == n and ((drawn >= 0) & (drawn < len(labels))).all()
    assert torch.equal(drawn, balanced_sample(labels, n, seeded(seed)))


def test_the_generator_goes_on_and_none_is_the_global_one():
    labels, generator = labels_of([50, 5]), seeded(0)
    first, second = (balanced_sample(labels, 40, generator) for _ in range(2))
    assert not torch.equal(first, second)
    state = torch.random.get_rng_state()
    torch.manual_seed(0)
    assert torch.equal(balanced_sample(labels, 40), first)
    torch.random.set_rng_state(state)


def test_balanced_sample_has_no_limit_on_the_number_of_images():
    n = 2**24 + 5
    labels = torch.zeros(n, dtype=torch.uint8)
    labels[-3:] = 1
    with pytest.raises(RuntimeError, match="2\\^24"):
        torch.multinomial(torch.ones(n), 1)
    drawn = balanced_sample(labels, 4000, seeded(0))
    rare = drawn[labels[drawn] == 1]
    assert stats.binomtest(len(rare), 4000).pvalue > 1e-3 and set(rare.tolist()) == {n - 3, n - 2, n - 1}
    common = drawn[labels[drawn] == 0]
    assert stats.kstest(common.numpy() / (n - 3), "uniform").pvalue > 1e-3 and (common % 2).bool().any()


def test_expected_multiplicity_by_hand_and_by_drawing():
    counts = [6443, 1710, 1673, 952]  # classes of the published test set of `spectrum`
    times = expected_multiplicity(counts, 10778)
    assert times.tolist() == pytest.approx([10778 / (4 * n) for n in counts])
    assert (times * torch.tensor(counts)).sum().item() == pytest.approx(10778)
    labels = labels_of([60, 16, 15, 9])
    drawn = torch.stack(
        [labels[balanced_sample(labels, 100, seeded(s))].bincount(minlength=4) for s in range(400)]
    ).double()
    error = drawn.mean(0) / torch.tensor([60, 16, 15, 9]) - expected_multiplicity([60, 16, 15, 9], 100)
    assert (error.abs() * torch.tensor([60, 16, 15, 9]) < 5 * (100 * 0.25 * 0.75 / 400) ** 0.5).all()


def test_balanced_sampling_refuses_bad_input():
    with pytest.raises(ValueError, match="num_samples must not be negative, got -1"):
        balanced_sample(torch.tensor([0, 1]), -1)
    with pytest.raises(ValueError, match="num_samples must not be negative, got -1"):
        expected_multiplicity([1, 2], -1)
    with pytest.raises(ValueError, match="drop the empty classes"):
        expected_multiplicity([1, 0], 5)
    for function in (sampler_weights, lambda y: balanced_sample(y, 3)):
        with pytest.raises(ValueError, match=r"labels must be \(N,\) integers"):
            function(torch.tensor([0.5, 1]))


# --- whatever holds the labels

LABELS = [2, 0, 1, 0, 0, 2, 1, 0]


@pytest.mark.parametrize(
    "held",
    [
        LABELS,
        np.array(LABELS, np.uint16),
        np.array(LABELS, np.uint32),
        np.array(LABELS, np.uint64),
        np.array(LABELS, ">i8"),
        np.array(LABELS)[::-1].copy()[::-1],
        torch.tensor(LABELS).to(torch.uint16),
        torch.tensor(LABELS).to(torch.uint32),
        torch.tensor(LABELS).to(torch.uint64),
        pd.Series(LABELS, index=[3, 9, 1, 0, 2, 30, 31, 7]),
        pd.Series(LABELS, dtype="UInt16"),
    ],
    ids=lambda held: f"{type(held).__name__}-{getattr(held, 'dtype', '')}",
)
def test_labels_of_any_kind_draw_the_same_images(held):
    plain = torch.tensor(LABELS)
    assert longtail_indices(held, [2, 1, 1], 5).equal(longtail_indices(plain, [2, 1, 1], 5))
    assert artificial_balance(held, 3, 5).equal(artificial_balance(plain, 3, 5))
    assert sampler_weights(held).equal(sampler_weights(plain))
    assert balanced_sample(held, 9, seeded(0)).equal(balanced_sample(plain, 9, seeded(0)))
    ours, theirs = balanced_bags(held, 2), balanced_bags(plain, 2)
    assert all(a.equal(b) for a, b in zip(ours, theirs, strict=True))


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ([], "N > 0"),
        ([[0, 1]], r"shape \(1, 2\)"),
        (3, r"shape \(\)"),
        ([0, -1], ">= 0"),
        ([0.0, 1.0], "float64"),
        (torch.tensor([0.0, 1.0]).bfloat16(), "bfloat16"),
        (["cat", "dog"], "must be numbers"),
        (pd.Series([0, None], dtype="Int64"), "float64"),
        (np.array([0, 1], object), "drop missing entries"),
        (np.array([0, 2**63], np.uint64), r"at most 2\*\*63 - 1"),
        (torch.tensor([0, 1]).to(torch.complex64), "must be real"),
    ],
)
def test_labels_that_are_none_are_named(labels, message):
    for function in (sampler_weights, lambda y: balanced_sample(y, 3), lambda y: balanced_bags(y, 1)):
        with pytest.raises(ValueError, match=f"labels.*{message}"):
            function(labels)


@pytest.mark.parametrize(
    "held",
    [np.array([6, 3], np.uint16), torch.tensor([6, 3]).to(torch.uint32), pd.Series([6, 3], index=[1, 0])],
    ids=["numpy", "torch", "pandas"],
)
def test_counts_of_any_kind_give_the_same_rates(held):
    assert balance_rates(held, 4).tolist() == [4 / 6, 4 / 3]
    assert expected_multiplicity(held, 9).tolist() == [9 / 12, 9 / 6]
    labels = labels_of([8, 8])
    assert longtail_indices(labels, held, 0).equal(longtail_indices(labels, [6, 3], 0))


def test_rates_of_missing_counts_are_refused():
    for counts, target in (([float("nan"), 3], 4), ([2, 3], float("nan"))):
        with pytest.raises(ValueError, match="class 0 has no image|target must be positive"):
            balance_rates(counts, target)


def test_counts_of_two_dimensions_are_refused():
    with pytest.raises(ValueError, match=r"counts must be \(K,\)"):
        longtail_indices(labels_of([3, 3]), [[1, 1], [1, 1]], 0)


def test_bags_of_large_labels_need_no_memory():
    labels = torch.tensor([2**40, 2**40, 2**40, 5, 5, 7])
    plain = balanced_bags(torch.tensor([2, 2, 2, 0, 0, 1]), 2)
    assert all(a.equal(b) for a, b in zip(balanced_bags(labels, 2), plain, strict=True))
