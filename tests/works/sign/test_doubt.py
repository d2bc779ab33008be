"""Doubt: probabilities under noise, smallest of n and excess risk, against counting."""

import numpy as np
import pytest
import torch
from helpers import record

from lt_lib.works.sign.doubt import excess_risk, least_of, noisy_probability


def test_without_noise_it_is_the_softmax_and_noise_makes_it_less_sure():
    margins = torch.tensor([0.0, 2.0, 6.0])
    plain = (margins.exp() / (margins.exp() + 9)).double()
    assert torch.allclose(noisy_probability(margins, 0), plain)
    noisy = noisy_probability(margins, 3.0)
    assert noisy[0] == pytest.approx(0.1, abs=0.01) and noisy[2] < 0.7 < plain[2]
    fewer = noisy_probability(margins[:1], 0, classes=4)
    assert fewer.item() == pytest.approx(0.25)


def test_the_smallest_of_n_is_as_drawn():
    rng, mean, n = np.random.default_rng(0), 0.42, 30
    share = (mean - 0.1) / 0.4
    p = 0.1 + 0.4 * rng.random((20_000, n)) ** ((1 - share) / share)
    assert p.mean() == pytest.approx(mean, abs=2e-3)
    for level in (0.05, 0.5, 0.95):
        assert least_of(n, level, mean) == pytest.approx(np.quantile(p.min(1), level), abs=5e-3)
    assert least_of(np.array([1, 100]), 0.5, mean)[1] < least_of(1, 0.5, mean)


def test_a_perfect_order_has_no_excess():
    images, wrong = 10_000, 1_500
    curve = np.append(np.zeros(images - wrong), np.arange(1, wrong + 1)) / np.arange(1, images + 1)
    row = record(
        "sign-doubt", 0, 0.85, "sign-table2", "laptop", "embedded", metrics={"aurc": curve.mean() + 0.03}
    )
    assert excess_risk(row) == pytest.approx(0.03, abs=1e-3)
    none = record("sign-doubt", 0, 0.0, "sign-table2", "laptop", "embedded", metrics={"aurc": 1.0})
    assert excess_risk(none) == 0
