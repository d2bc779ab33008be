"""SIGN: the sensitivity against Jacobians and finite differences, the transform against its formulas."""

import numpy as np
import pytest
import torch
from torch import nn

from lt_lib.sign import sensitivity, sign_transform


def network(seed=0, bands=3):
    torch.manual_seed(seed)
    return nn.Sequential(
        nn.Conv2d(bands, 4, 3, padding=1),
        nn.BatchNorm2d(4),
        nn.Tanh(),
        nn.AdaptiveAvgPool2d(2),
        nn.Flatten(),
        nn.Linear(16, 5),
    ).eval()


def images(n=3, dtype=torch.float32):
    return torch.rand(n, 3, 6, 6, generator=torch.Generator().manual_seed(1)).to(dtype)


# --- sensitivity


def test_it_is_the_column_sum_of_the_jacobian():
    net, x = network().double(), images(2, torch.float64)
    at = x.clone().requires_grad_()
    rows = [torch.autograd.grad(net(at)[:, a].sum(), at)[0] for a in range(5)]
    assert torch.allclose(sensitivity(net, x), torch.stack(rows).sum(0))


def test_it_agrees_with_finite_differences():
    net, x, h = network().double(), images(1, torch.float64), 1e-5
    delta = sensitivity(net, x).flatten()
    for pixel in (0, 17, 50, 107):
        step = torch.zeros(108, dtype=torch.float64)
        step[pixel] = h
        up, down = (net(x + s * step.view_as(x)).sum().item() for s in (1, -1))
        assert float(delta[pixel]) == pytest.approx((up - down) / (2 * h), abs=1e-8)


def test_of_a_linear_map_it_is_the_sum_of_its_rows():
    weight = torch.tensor([[1.0, 2, -3], [0, 5, 1]])
    x = torch.randn(4, 3)
    assert torch.equal(sensitivity(lambda x: x @ weight.T, x), torch.tensor([[1.0, 7, -2]]).expand(4, 3))


def test_weights_get_no_gradient_and_none_is_computed():
    net, x = network(), images()
    called = []
    for parameter in net.parameters():
        parameter.register_hook(lambda grad: called.append(grad))
    sensitivity(net, x)
    assert not called and all(p.grad is None and p.requires_grad for p in net.parameters())
    net(x).sum().backward()
    assert called, "the hooks would have told"


def test_the_batch_norms_of_a_network_in_eval_mode_stay():
    net = network()
    before = {k: v.clone() for k, v in net.state_dict().items()}
    sensitivity(net, images())
    assert all(torch.equal(v, before[k]) for k, v in net.state_dict().items())


def test_it_leaves_the_callers_images_alone():
    x = images().requires_grad_()
    delta = sensitivity(network(), x)
    assert x.grad is None and x.requires_grad and not delta.requires_grad


def test_it_works_where_gradients_are_off():
    net, x = network(), images()
    want = sensitivity(net, x)
    with torch.no_grad():
        assert torch.equal(sensitivity(net, x), want)
    with torch.inference_mode():
        assert torch.equal(sensitivity(net, images()), want)
    for parameter in net.parameters():
        parameter.requires_grad_(False)
    assert torch.equal(sensitivity(net, x), want)


def test_autocast_computes_in_half_precision_and_gives_the_dtype_back():
    net, x = network(), images()
    want, seen = sensitivity(net, x), []

    def features(x):
        seen.append(net(x).dtype)
        return net(x)

    with torch.autocast("cpu", dtype=torch.bfloat16):
        delta = sensitivity(features, x)
    assert seen == [torch.bfloat16] and delta.dtype == torch.float32
    assert torch.allclose(delta, want, atol=0.05 * float(want.abs().max()))
    assert sensitivity(network().bfloat16(), x.bfloat16()).dtype == torch.bfloat16


def test_an_image_does_not_depend_on_its_batch():
    net, x = network(), images(5)
    assert torch.allclose(sensitivity(net, x)[3:4], sensitivity(net, x[3:4]), atol=1e-7)
    assert sensitivity(net, x[:0]).shape == (0, 3, 6, 6)


@pytest.mark.parametrize(
    ("features", "words"),
    [
        (lambda x: x, r"must give \(3, M\) for 3 images, got \(3, 3, 6, 6\)"),
        (lambda x: x.sum(), "must give"),
        (lambda x: x.flatten(1)[:2], "must give"),
        (lambda x: [x.flatten(1)], "got list"),
        (lambda x: torch.ones(3, 2), "do not depend on x"),
        (lambda x: nn.Linear(2, 2)(torch.ones(3, 2)), "do not depend on x"),
        (lambda x: x.detach().flatten(1), "do not depend on x"),
    ],
)
def test_features_that_cannot_be_are_refused(features, words):
    with pytest.raises(ValueError, match=words):
        sensitivity(features, images())


def test_whole_numbers_are_refused():
    with pytest.raises(ValueError, match="floating point"):
        sensitivity(network(), torch.ones(1, 3, 6, 6, dtype=torch.uint8))


# --- the transform


def test_the_three_readings_by_hand():
    """Features x^2 / 2 have the sensitivity x: recomputed, a step doubles; fixed, it adds the start again."""

    def half_square(x):
        return x.square() / 2

    x = torch.tensor([[1.0, -0.5, 0.25]])
    for steps in (0, 1, 3):
        assert torch.equal(sign_transform(half_square, x, steps), x * 2**steps)
        assert torch.equal(sign_transform(half_square, x, steps, mode="fixed"), x * (1 + steps))
        assert torch.equal(sign_transform(half_square, x, steps, mode="literal"), x * (1 + min(steps, 1)))


def test_by_default_the_raw_sensitivity_is_added_again_and_again():
    net, x = network(), images()
    want = x
    for _ in range(4):
        want = want + sensitivity(net, want)
    assert torch.allclose(sign_transform(net, x, 4), want, atol=1e-6)


def test_several_counts_come_from_one_pass_in_the_order_asked():
    net, x, calls = network(), images(), []

    def features(x):
        calls.append(len(x))
        return net(x)

    found = sign_transform(features, x, [5, 0, 2, 5], step_size=0.1)
    assert len(calls) == 5 and isinstance(found, list)
    for k, image in zip((5, 0, 2, 5), found, strict=True):
        assert torch.equal(image, sign_transform(net, x, k, step_size=0.1))
    assert torch.equal(found[1], x) and found[1].data_ptr() != x.data_ptr()
    assert found[0].data_ptr() != found[3].data_ptr(), "changing one leaves the other"
    assert sign_transform(features, x, []) == []
    for several in ((2,), range(2, 3), np.array([2]), torch.tensor([2])):
        (alone,) = sign_transform(net, x, several, step_size=0.1)
        assert torch.equal(alone, found[2])
    calls.clear()
    sign_transform(features, x, (3, 9), mode="fixed")
    assert len(calls) == 1


def test_each_step_is_clipped():
    """A hill with its top at 1: the raw steps, of 4 - 4 x, overshoot it; held at 1 they stay there."""

    def hill(x):
        return 4 * x - 2 * x.square()

    x = torch.tensor([[0.9, 0.1]])
    raw = sign_transform(hill, x, 1)
    assert raw.tolist()[0] == pytest.approx([1.3, 3.7])
    found = sign_transform(hill, x, [1, 2], clip=(0.0, 1.0))
    assert all(torch.equal(image, torch.ones(1, 2)) for image in found)


def test_the_step_size_scales_and_linf_bounds_a_step():
    net, x = network(), images()
    delta = sensitivity(net, x)
    assert torch.allclose(sign_transform(net, x, 1, step_size=0.5), x + 0.5 * delta)
    moved = sign_transform(net, x, 1, step_size=0.01, normalize="linf") - x
    assert moved.flatten(1).abs().amax(1).tolist() == pytest.approx([0.01] * 3, rel=1e-4)
    assert torch.allclose(moved / 0.01, delta / delta.flatten(1).abs().amax(1).view(3, 1, 1, 1), atol=1e-4)


def test_a_sensitivity_of_zero_stays_zero():
    x = torch.tensor([[0.0, 0.0], [1.0, 2.0]])
    found = sign_transform(lambda x: x.square() / 2, x, 1, normalize="linf")
    assert found.tolist() == [[0, 0], [1.5, 3]]


def test_half_precision_accumulates_small_steps():
    x = torch.full((1, 2), 1.0, dtype=torch.bfloat16)
    found = sign_transform(lambda x: x, x, 100, step_size=0.001)
    assert found.dtype == torch.bfloat16 and found.tolist()[0] == pytest.approx([1.1, 1.1], abs=0.01)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"steps": -1}, "negative"),
        ({"steps": [3, -2]}, "negative"),
        ({"steps": 1.5}, "integer"),
        ({"steps": "3"}, "integer"),
        ({"mode": "momentum"}, "mode must be"),
        ({"step_size": float("nan")}, "finite"),
        ({"clip": (1.0, 0.0)}, "clip must be"),
        ({"normalize": "l2"}, "normalize must be"),
    ],
)
def test_requests_that_cannot_be_are_refused(change, words):
    request = {"steps": 1} | change
    with pytest.raises(ValueError, match=words):
        sign_transform(network(), images(), **request)
