"""Soft voting against SciPy's softmax, and the ensemble module in the states it meets in use."""

import numpy as np
import pytest
import torch
from scipy.special import softmax
from torch import nn

from lt_lib.ensembles import SoftVote, soft_vote


def members(count=3, seed=0):
    torch.manual_seed(seed)
    return [nn.Sequential(nn.Linear(4, 5), nn.BatchNorm1d(5), nn.Dropout(0.5)) for _ in range(count)]


def test_soft_vote_is_the_mean_of_softmaxes():
    logits = [torch.randn(6, 5, generator=torch.Generator().manual_seed(s)) * 3 for s in range(3)]
    expected = np.mean([softmax(z.numpy(), axis=1) for z in logits], axis=0)
    np.testing.assert_allclose(soft_vote(logits).numpy(), expected, rtol=1e-5)


def test_soft_vote_is_not_the_softmax_of_the_mean():
    """Two members sure of different classes and one lukewarm: voting and logit averaging disagree."""
    logits = [torch.tensor([[9.0, 0.0]]), torch.tensor([[0.0, 1.0]]), torch.tensor([[0.0, 1.5]])]
    assert torch.stack(logits).mean(0).argmax() == 0 and soft_vote(logits).argmax() == 1


def test_soft_vote_of_one_and_shift_invariance():
    z = torch.randn(4, 3)
    assert torch.allclose(soft_vote([z]), z.softmax(1))
    assert torch.allclose(soft_vote([z, z + 7]), z.softmax(1))


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float32, torch.float64])
def test_soft_vote_keeps_precision(dtype):
    result = torch.float64 if dtype == torch.float64 else torch.float32
    votes = soft_vote([torch.randn(50, 10).to(dtype)] * 3)
    assert votes.dtype == result
    assert torch.allclose(votes.sum(1), torch.ones(50, dtype=result))


@pytest.mark.parametrize("logits", [[], [torch.zeros(2, 3), torch.zeros(2, 4)], [torch.zeros(3)]])
def test_soft_vote_refuses_what_it_cannot_average(logits):
    with pytest.raises(ValueError, match=r"soft_vote needs \(N, K\) logits"):
        soft_vote(logits)


def test_module_evaluates_its_members():
    models, x = members(), torch.randn(8, 4)
    ensemble = SoftVote(models).train()
    first, second = ensemble(x), ensemble(x)
    assert torch.allclose(first, second)  # dropout is off
    assert not any(m.training for m in models)
    assert all(m[1].num_batches_tracked == 0 for m in models)  # batch norm did not learn from test images
    assert torch.allclose(first, soft_vote([m.eval()(x) for m in models]))


def test_module_holds_its_members_parameters():
    models = members()
    assert sum(p.numel() for p in SoftVote(models).parameters()) == 3 * (4 * 5 + 5 + 5 + 5)
    other = SoftVote(members(seed=1))
    other.load_state_dict(SoftVote(models).state_dict())
    x = torch.randn(8, 4)
    assert torch.allclose(other(x), SoftVote(models)(x))


def test_module_under_autocast():
    ensemble, x = SoftVote(members()), torch.randn(8, 4)
    with torch.no_grad(), torch.autocast("cpu", dtype=torch.bfloat16):
        votes = ensemble(x)
    assert votes.dtype == torch.float32
    assert torch.allclose(votes.sum(1), torch.ones(8))
    assert torch.allclose(votes, ensemble(x).detach(), atol=0.02, rtol=0)


def test_module_passes_gradients_to_the_input():
    x = torch.randn(8, 4, requires_grad=True)
    SoftVote(members())(x)[:, 0].sum().backward()
    assert x.grad.abs().sum() > 0


def test_module_needs_a_model():
    with pytest.raises(ValueError, match="at least one model"):
        SoftVote([])


def test_soft_vote_takes_arrays():
    one, two = torch.randn(4, 3), torch.randn(4, 3)
    expected = soft_vote([one, two])
    assert torch.allclose(soft_vote([one.numpy(), two]).float(), expected)
    assert torch.allclose(soft_vote([one.numpy().astype("float64"), two.tolist()]).float(), expected)
    one.requires_grad_()
    assert soft_vote([one, two]).requires_grad
    with pytest.raises(ValueError, match="logits"):
        soft_vote([["a"], ["b"]])
