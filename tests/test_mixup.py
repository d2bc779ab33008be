"""Mixup: exact at the ends, linear between, and shares from the distribution that is named."""

import pytest
import torch
from scipy.stats import beta

from lt_lib.mixup import draw_lam, mixup


def batch(n=6):
    gen = torch.Generator().manual_seed(0)
    x = torch.randn(n, 3, 4, 4, generator=gen)
    y = torch.randn(n, 5, generator=gen).softmax(1)
    return x, y, torch.randperm(n, generator=gen)


def test_all_of_one_image_is_that_image():
    x, y, perm = batch()
    for lam, (want_x, want_y) in ((1.0, (x, y)), (0.0, (x[perm], y[perm]))):
        got_x, got_y = mixup(x, y, lam, perm)
        assert torch.equal(got_x, want_x) and torch.equal(got_y, want_y)


def test_inputs_and_targets_are_mixed_alike():
    x, y, perm = batch()
    got_x, got_y = mixup(x, y, 0.3, perm)
    assert torch.allclose(got_x, 0.3 * x + 0.7 * x[perm], atol=1e-6)
    assert torch.allclose(got_y, 0.3 * y + 0.7 * y[perm], atol=1e-6)
    assert torch.allclose(got_y.sum(1), torch.ones(6), atol=1e-6)


def test_each_example_may_have_its_own_share():
    x, y, perm = batch()
    shares = torch.linspace(0, 1, 6)
    got_x, got_y = mixup(x, y, shares, perm)
    for i, share in enumerate(shares):
        one_x, one_y = mixup(x, y, float(share), perm)
        assert torch.allclose(got_x[i], one_x[i], atol=1e-6) and torch.allclose(got_y[i], one_y[i], atol=1e-6)


def test_exchanging_partners_and_shares_changes_nothing():
    x, y, _ = batch(2)
    swap = torch.tensor([1, 0])
    one, other = mixup(x, y, 0.2, swap), mixup(x[swap], y[swap], 0.8, swap)
    assert torch.allclose(one[0], other[0], atol=1e-6) and torch.allclose(one[1], other[1], atol=1e-6)


def test_mixing_commutes_with_standardising():
    x, y, perm = batch()
    assert torch.allclose(
        mixup((x - 0.4) / 0.2, y, 0.6, perm)[0], (mixup(x, y, 0.6, perm)[0] - 0.4) / 0.2, atol=1e-5
    )


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"targets": torch.arange(6)}, "class numbers"),
        ({"targets": torch.eye(6).long()}, "class numbers"),
        ({"targets": torch.rand(5, 3)}, "targets must be"),
        ({"x": torch.zeros(6, 3, dtype=torch.uint8)}, "x must be float"),
        ({"lam": 1.2}, "lam must be"),
        ({"lam": torch.tensor([0.5, 0.5])}, "lam must be"),
        ({"lam": float("nan")}, "lam must be"),
        ({"perm": torch.arange(5)}, "perm must be"),
    ],
)
def test_what_cannot_be_mixed_is_refused(change, words):
    x, y, perm = batch()
    with pytest.raises(ValueError, match=words):
        mixup(**({"x": x, "targets": y, "lam": 0.5, "perm": perm} | change))


@pytest.mark.parametrize("alpha", [0.2, 1.0, 8.0])
def test_shares_follow_the_beta_distribution(alpha):
    lam = draw_lam(alpha, torch.Generator().manual_seed(1), 20_000).double()
    for at in (0.05, 0.3, 0.5, 0.9):
        assert float((lam <= at).double().mean()) == pytest.approx(beta(alpha, alpha).cdf(at), abs=0.015)


def test_small_alpha_is_a_coin_and_zero_no_mixing():
    lam = draw_lam(1e-5, torch.Generator().manual_seed(0), 4000)
    assert torch.minimum(lam, 1 - lam).max() < 1e-3 and 0.45 < lam.mean() < 0.55
    assert (draw_lam(0, torch.Generator(), 50) == 1).all()


def test_one_share_for_a_batch_and_the_same_for_the_same_seed():
    one, again = (draw_lam(0.4, torch.Generator().manual_seed(3)) for _ in range(2))
    assert one.shape == () and 0 <= one <= 1 and torch.equal(one, again)


@pytest.mark.parametrize("alpha", [-0.1, float("inf"), float("nan")])
def test_alpha_that_cannot_be_is_refused(alpha):
    with pytest.raises(ValueError, match="alpha must be"):
        draw_lam(alpha, torch.Generator())
