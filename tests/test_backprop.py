"""Backpropagation by hand against autograd and finite differences; the slides' batch normalisation is off by
what the audit says."""

from itertools import pairwise

import numpy as np
import pytest
import torch

from lt_lib import backprop
from lt_lib.backprop import (
    backward,
    batchnorm_backward,
    batchnorm_forward,
    batchnorm_inference,
    cross_entropy,
    finite_differences,
    forward,
)

# The vector on which the audit was made is not printed; this one is ours.
X = np.array([[1.0, 2.0], [0.5, -1.0], [-1.5, 0.25], [3.0, 0.75]])
DY = np.array([[0.3, -0.2], [-0.1, 0.4], [0.25, 0.1], [0.05, -0.6]])


def network(sizes, seed=0):
    rng = np.random.default_rng(seed)
    weights = [rng.normal(size=(m, k)) for k, m in pairwise(sizes)]
    return (
        rng.normal(size=(6, sizes[0])),
        weights,
        [rng.normal(size=m) for m in sizes[1:]],
        rng.integers(sizes[-1], size=6),
    )


def relative(ours, theirs):
    return np.linalg.norm(ours - theirs) / np.linalg.norm(theirs)


@pytest.mark.parametrize("activation", backprop.ACTIVATIONS)
@pytest.mark.parametrize("sizes", [(4, 3), (5, 7, 3), (3, 8, 6, 5, 4)])
def test_gradients_equal_autograd(activation, sizes):
    x, weights, biases, labels = network(sizes)
    cache = forward(x, weights, biases, activation)
    loss, dz = cross_entropy(cache.activations[-1], labels)
    dweights, dbiases, dx = backward(dz, cache)
    tensors = [torch.tensor(a, requires_grad=True) for a in (x, *weights, *biases)]
    a, (first, *rest) = (
        tensors[0],
        list(zip(tensors[1 : 1 + len(weights)], tensors[1 + len(weights) :], strict=True)),
    )
    sigma = {"identity": lambda z: z}.get(activation) or getattr(torch, activation)
    z = a @ first[0].T + first[1]
    for w, b in rest:
        z = sigma(z) @ w.T + b
    theirs = torch.nn.functional.cross_entropy(z, torch.tensor(labels))
    assert loss == pytest.approx(theirs.item(), rel=1e-12)
    for mine, other in zip((dx, *dweights, *dbiases), torch.autograd.grad(theirs, tensors), strict=True):
        assert mine.shape == other.shape and np.allclose(mine, other.numpy(), rtol=1e-10, atol=1e-13)


def test_gradients_equal_finite_differences():
    x, weights, biases, labels = network((4, 5, 3))
    cache = forward(x, weights, biases, "tanh")
    dweights, _, dx = backward(cross_entropy(cache.activations[-1], labels)[1], cache)

    def loss(w):
        return cross_entropy(forward(x, [w, weights[1]], biases, "tanh").activations[-1], labels)[0]

    assert relative(dweights[0], finite_differences(loss, weights[0])) < 1e-9
    at_x = finite_differences(
        lambda v: cross_entropy(forward(v, weights, biases, "tanh").activations[-1], labels)[0], x
    )
    assert relative(dx, at_x) < 1e-9


def test_large_logits_stay_finite():
    loss, dz = cross_entropy(np.array([[1000.0, 0.0], [-1000.0, 0.0]]), np.array([0, 0]))
    assert loss == 500 and np.isfinite(dz).all()
    assert np.isfinite(
        forward(np.array([[-2000.0]]), [np.ones((1, 1))] * 2, [np.zeros(1)] * 2, "sigmoid").activations[-1]
    ).all()


def test_finite_differences_of_a_parabola_are_exact():
    at = np.array([[1.0, -2.0]])
    assert np.allclose(finite_differences(lambda v: (v**2).sum(), at, 0.1), 2 * at) and at.tolist() == [
        [1.0, -2.0]
    ]


# --- batch normalisation


def test_forward_equals_torch():
    layer = torch.nn.BatchNorm1d(2, eps=1e-3).double()
    torch.nn.init.uniform_(layer.weight)
    ours, _ = batchnorm_forward(X, layer.weight.detach().numpy(), layer.bias.detach().numpy(), 1e-3)
    assert np.allclose(ours, layer(torch.tensor(X)).detach().numpy(), atol=1e-14)


def differences(gamma, eps=1e-5):
    return finite_differences(lambda x: (batchnorm_forward(x, gamma, 0.0, eps)[0] * DY).sum(), X)


@pytest.mark.parametrize("gamma", [1.0, np.array([0.5, -2.0])])
def test_corrected_backward_equals_finite_differences(gamma):
    _, cache = batchnorm_forward(X, gamma, 0.0)
    dx, dgamma, dbeta = batchnorm_backward(DY, cache)
    assert relative(dx, differences(gamma)) < 1e-8
    assert np.abs(dx.sum(0)).max() < 1e-12  # the batch moved as a whole changes nothing
    by_gamma = finite_differences(
        lambda g: (batchnorm_forward(X, g, 0.0)[0] * DY).sum(), np.broadcast_to(gamma, 2).astype(float)
    )
    assert np.allclose(dgamma, by_gamma) and np.allclose(dbeta, DY.sum(0))


def test_the_slides_backward_is_off():
    _, cache = batchnorm_forward(X, 1.0, 0.0)
    dx, dgamma, dbeta = batchnorm_backward(DY, cache, "slide")
    true = differences(1.0)
    cosine = (dx * true).sum() / np.linalg.norm(dx) / np.linalg.norm(true)
    assert relative(dx, true) > 0.2 and cosine < 0.99
    assert np.abs(dx.sum(0)).max() > 0.01
    _, right_gamma, right_beta = batchnorm_backward(DY, cache)
    assert np.allclose(dgamma * len(X), right_gamma) and np.allclose(dbeta * len(X), right_beta)
    # as printed, term by term
    spread = X.var(0) + 1e-5
    hat = DY * spread**-0.5
    dmu = -(DY * spread**-0.5).mean(0)
    dvar = (DY * (X - X.mean(0)) * -0.5 * spread**-1.5).mean(0)
    assert np.allclose(dx, hat + dmu * 2 / 4 * (X - X.mean(0)) + dvar / 4)


def test_inference_uses_unbiased_variances():
    rng = np.random.default_rng(0)
    batches = rng.normal(3, 2, size=(4000, 5, 1))
    means, variances = batches.mean(1), batches.var(1)
    out = batchnorm_inference(np.array([[3.0], [5.0]]), means, variances, 5, 2.0, 1.0, eps=0.0)
    assert out.ravel() == pytest.approx([1, 3], abs=0.05)
    assert batchnorm_inference(np.zeros((1, 1)), means, variances, 5, 1.0, 0.0).shape == (1, 1)


@pytest.mark.parametrize("variant", ["corrected", "slide"])
@pytest.mark.parametrize("gamma", [2.0, np.array([0.5, -2.0])])
def test_tensors_give_tensors_and_the_numbers_of_arrays(gamma, variant):
    x, dy = torch.tensor(X), torch.tensor(DY)
    ours, cache = batchnorm_forward(x, torch.tensor(gamma), 0.5)
    plain, kept = batchnorm_forward(X, gamma, 0.5)
    mine, theirs = batchnorm_backward(dy, cache, variant), batchnorm_backward(DY, kept, variant)
    inferred = batchnorm_inference(x, x[None, 0], x[None, 1] ** 2, 4, torch.tensor(gamma), 0.5)
    at_once = batchnorm_inference(X, X[None, 0], X[None, 1] ** 2, 4, gamma, 0.5)
    for tensor, array in zip((ours, *mine, inferred), (plain, *theirs, at_once), strict=True):
        assert isinstance(tensor, torch.Tensor) and isinstance(array, np.ndarray)
        assert tensor.dtype == torch.float64 and np.allclose(tensor, array, rtol=1e-12, atol=1e-14)


def test_backward_of_tensors_equals_autograd():
    x = torch.tensor(X, requires_grad=True)
    gamma, beta = (
        torch.tensor(v, dtype=torch.float64, requires_grad=True) for v in ([0.5, -2.0], [1.0, 0.0])
    )
    y, cache = batchnorm_forward(x, gamma, beta)
    ours = batchnorm_backward(torch.tensor(DY), cache)
    for mine, theirs in zip(ours, torch.autograd.grad(y, (x, gamma, beta), torch.tensor(DY)), strict=True):
        assert torch.allclose(mine, theirs)


@pytest.mark.parametrize("dtype", [np.float32, torch.float32, torch.bfloat16])
def test_single_precision_stays_single(dtype):
    x = X.astype(dtype) if isinstance(dtype, type) else torch.tensor(X, dtype=dtype)
    assert batchnorm_forward(x, np.ones(2), 0.5)[0].dtype == dtype


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: forward(X, [np.ones((3, 2))], [np.ones(3)], "swish"), "relu"),
        (lambda: forward(X, [np.ones((3, 3))], [np.ones(3)]), "fit"),
        (lambda: forward(X, [], []), "fit"),
        (lambda: forward(X, [np.ones((3, 2))], []), "fit"),
        (lambda: backward(DY, forward(X, [np.ones((3, 2))], [np.ones(3)])), "shape of the logits"),
        (lambda: cross_entropy(X, np.array([0, 1, 2, 0])), "from 0 to K - 1"),
        (lambda: finite_differences(lambda v: 0.0, X.astype(np.float32)), "float64"),
        (lambda: finite_differences(lambda v: 0.0, X, 0.0), "positive step"),
        (lambda: batchnorm_forward(X[:1], 1.0, 0.0), "two rows"),
        (lambda: batchnorm_forward(torch.ones(3, 2).long(), 0.5, 0.0), "floating point"),
        (lambda: batchnorm_forward(np.ones((3, 2), int), 0.5, 0.0), "floating point"),
        (lambda: batchnorm_forward(X, np.ones(3), 0.0), "one entry a feature"),
        (lambda: batchnorm_forward(torch.tensor(X), torch.ones(3), 0.0), "one entry a feature"),
        (lambda: batchnorm_forward(X, 1.0, 0.0, -1.0), "not negative"),
        (lambda: batchnorm_backward(DY[:2], batchnorm_forward(X, 1.0, 0.0)[1]), "shape of the batch"),
        (lambda: batchnorm_backward(DY, batchnorm_forward(X, 1.0, 0.0)[1], "fixed"), "corrected"),
        (lambda: batchnorm_inference(X, np.ones((3, 2)), np.ones((2, 2)), 5, 1.0, 0.0), "agree"),
        (lambda: batchnorm_inference(X, np.ones((3, 2)), np.ones((3, 2)), 1, 1.0, 0.0), "agree"),
    ],
)
def test_bad_input_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()
