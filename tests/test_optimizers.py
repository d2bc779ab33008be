"""Each rule against torch.optim where the rule is the same, against plain loops of the slides, and where the
two must part."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from timm.optim import RMSpropTF

from lt_lib.optimizers import adagrad, adam, gd, rmsprop

settings.register_profile("lt", deadline=None, max_examples=60)
settings.load_profile("lt")

RULES = (gd, adagrad, rmsprop, adam)
START = [-1.2, 1.0, 0.3, -0.7]


def noisy_gradient(theta, step):
    """Of a curved valley, with noise that depends on the step only; no quadratic, and no two coordinates
    alike."""
    noise = torch.randn(4, generator=torch.Generator().manual_seed(step), dtype=torch.float64)
    bent = torch.stack(
        [4 * theta[0] ** 3 - 2 * theta[1], 20 * (theta[1] - theta[0]), theta[2].sin(), 1e-3 * theta[3]]
    )
    return bent + 0.1 * noise.to(theta.dtype) * torch.tensor([1, 1, 1, 1e-3], dtype=theta.dtype)


def path(rule, steps=400, dtype=torch.float64, state=None, **options):
    theta, seen = torch.tensor(START, dtype=dtype), []
    for step in range(steps):
        theta, state = rule(theta, noisy_gradient(theta, step), state, **options)
        seen.append(theta)
    return torch.stack(seen)


def torch_path(make, steps=400, dtype=torch.float64):
    theta, seen = torch.tensor(START, dtype=dtype, requires_grad=True), []
    optimizer = make([theta])
    for step in range(steps):
        theta.grad = noisy_gradient(theta.detach(), step)
        optimizer.step()
        seen.append(theta.detach().clone())
    return torch.stack(seen)


SAME = {
    "gd": (gd, {"lr": 0.02}, lambda p: torch.optim.SGD(p, lr=0.02)),
    "adagrad": (adagrad, {"lr": 0.3}, lambda p: torch.optim.Adagrad(p, lr=0.3)),
    "adagrad, large eps": (
        adagrad,
        {"lr": 0.3, "eps": 0.1},
        lambda p: torch.optim.Adagrad(p, lr=0.3, eps=0.1),
    ),
    "rmsprop": (rmsprop, {"lr": 0.01}, lambda p: torch.optim.RMSprop(p, lr=0.01)),
    "rmsprop, large eps": (
        rmsprop,
        {"lr": 0.01, "gamma": 0.9, "eps": 0.1},
        lambda p: torch.optim.RMSprop(p, lr=0.01, alpha=0.9, eps=0.1),
    ),
    "adam": (adam, {"lr": 0.01}, lambda p: torch.optim.Adam(p, lr=0.01)),
    "adam, other decays": (
        adam,
        {"lr": 0.01, "beta": 0.5, "gamma": 0.99, "eps": 0.1},
        lambda p: torch.optim.Adam(p, lr=0.01, betas=(0.5, 0.99), eps=0.1),
    ),
}


@pytest.mark.parametrize("name", SAME)
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-10), (torch.float32, 1e-4)])
def test_standard_rules_are_those_of_torch(name, dtype, tolerance):
    """400 steps. In float32 the two add in another order, and a curved valley magnifies the last bit."""
    rule, options, make = SAME[name]
    ours, theirs = path(rule, dtype=dtype, **options), torch_path(make, dtype=dtype)
    assert ours.dtype == dtype
    assert (ours - theirs).abs().max() < tolerance
    assert (ours[-1] - ours[0]).abs().max() > 0.05  # the walk went somewhere


def slide_loops(gradients, theta, lr, beta, gamma, eps):
    """The three schemes of the slides for one coordinate, in plain Python."""
    ada = rms = ad = theta
    seen, total, u, smooth = [], 0.0, 0.0, 0.0
    for r, g in enumerate(gradients, start=1):
        total += g**2
        ada -= lr * g / (math.sqrt(total) + eps)
        u = gamma * u + (1 - gamma) * g**2
        rms -= lr * g / math.sqrt(u + eps)
        smooth = beta * smooth + (1 - beta) * g
        ad -= lr * smooth / (math.sqrt(u / (1 - gamma**r)) + eps)
        seen.append((ada, rms, ad))
    return seen


@given(
    st.lists(st.floats(-10, 10), min_size=1, max_size=40),
    st.floats(-3, 3),
    st.floats(1e-3, 1),
    st.floats(0, 0.99),
    st.floats(0, 0.999),
    st.floats(1e-8, 1),
)
def test_slide_rules_are_those_of_the_slides(gradients, start, lr, beta, gamma, eps):
    thetas, states = [torch.tensor([start], dtype=torch.float64)] * 3, [{}, {}, {}]
    for g, expected in zip(gradients, slide_loops(gradients, start, lr, beta, gamma, eps)):
        grad = torch.tensor([g], dtype=torch.float64)
        steps = (
            adagrad(thetas[0], grad, states[0], lr, eps),
            rmsprop(thetas[1], grad, states[1], lr, gamma, eps, variant="slide"),
            adam(thetas[2], grad, states[2], lr, beta, gamma, eps, variant="slide"),
        )
        thetas, states = zip(*steps)
        assert [theta.item() for theta in thetas] == pytest.approx(expected, rel=1e-9, abs=1e-9)


def test_torch_has_rmsprop_eps_outside_the_root_and_the_slide_inside():
    """A gradient of 1e-6: outside, eps 1e-8 is ten times smaller than the root of u; inside, it is what
    decides."""
    theta, grad = torch.zeros(1, dtype=torch.float64), torch.full((1,), 1e-6, dtype=torch.float64)
    outside, inside = (rmsprop(theta, grad, None, 1.0, variant=v)[0].item() for v in ("standard", "slide"))
    assert outside == pytest.approx(-1e-6 / (1e-7 + 1e-8))
    assert inside == pytest.approx(-1e-6 / math.sqrt(1e-14 + 1e-8))
    exact = [path(rmsprop, eps=0.0, variant=v) for v in ("standard", "slide")]
    assert torch.equal(*exact)


def test_slide_rmsprop_is_tensorflows_but_for_the_first_u():
    options = {"lr": 0.01, "gamma": 0.9, "eps": 1e-3, "variant": "slide"}
    theirs = torch_path(lambda p: RMSpropTF(p, lr=0.01, alpha=0.9, eps=1e-3))
    from_one = path(rmsprop, state={"u": torch.ones(4, dtype=torch.float64)}, **options)
    assert (from_one - theirs).abs().max() < 1e-10
    assert (path(rmsprop, **options) - theirs).abs().max() > 1e-3


@pytest.mark.parametrize("beta", [0.0, 0.5, 0.9])
def test_adam_of_the_slide_begins_with_one_minus_beta_of_the_step(beta):
    gradients = torch.tensor([1.0, -2.0, 1e-3], dtype=torch.float64)
    slide = standard = torch.zeros(3, dtype=torch.float64)
    slide_state = standard_state = None
    for r in range(1, 30):
        before, slide_before = standard, slide
        standard, standard_state = adam(standard, gradients, standard_state, 0.1, beta=beta, eps=0.0)
        slide, slide_state = adam(slide, gradients, slide_state, 0.1, beta=beta, eps=0.0, variant="slide")
        step = standard - before
        assert torch.allclose(
            step, -0.1 * gradients.sign()
        )  # the same gradient again and again: always lr, whatever its size
        assert torch.allclose(slide - slide_before, (1 - beta**r) * step)


@pytest.mark.parametrize(
    ("rule", "options"),
    [(adagrad, {}), (rmsprop, {}), (rmsprop, {"variant": "slide"}), (adam, {}), (adam, {"variant": "slide"})],
)
def test_without_eps_adaptive_steps_do_not_see_the_scale_of_a_coordinate(rule, options):
    scale = torch.tensor([1e-3, 1.0, 1e2, 1e4], dtype=torch.float64)
    theta = plain = torch.zeros(4, dtype=torch.float64)
    state = plain_state = None
    for step in range(50):
        grad = torch.randn(4, generator=torch.Generator().manual_seed(step), dtype=torch.float64)
        theta, state = rule(theta, scale * grad, state, 0.1, eps=0.0, **options)
        plain, plain_state = rule(plain, grad, plain_state, 0.1, eps=0.0, **options)
    assert torch.allclose(theta, plain, rtol=0, atol=1e-10)


@given(st.floats(0.1, 10), st.floats(0.01, 2.5), st.lists(st.floats(-3, 3), min_size=2, max_size=2))
def test_descent_on_a_quadratic_is_what_the_lecture_says(smoothness, share, start):
    """Along the steepest direction the bound is exact: s - s^2 / 2 times c |g|^2; off it the loss falls by at
    least that."""
    theta = torch.tensor(start, dtype=torch.float64)
    curvature = torch.tensor([smoothness, smoothness / 7], dtype=torch.float64)
    grad = curvature * theta
    new, _ = gd(theta, grad, None, share / smoothness)
    decrease = 0.5 * (curvature * (theta**2 - new**2))
    bound = (share - share**2 / 2) / smoothness * grad**2
    assert decrease[0].item() == pytest.approx(bound[0].item(), abs=1e-9)
    assert decrease.sum() >= bound.sum() - 1e-9


@pytest.mark.parametrize("rule", RULES)
def test_rules_are_pure_and_can_be_resumed(rule):
    theta, grad = torch.tensor(START), torch.tensor([1.0, -1.0, 0.0, 2.0])
    middle, state = rule(theta, grad)
    kept = {
        name: value.clone() if isinstance(value, torch.Tensor) else value for name, value in state.items()
    }
    first, second = rule(middle, grad, state)[0], rule(middle, grad, state)[0]
    assert torch.equal(first, second)
    assert torch.equal(theta, torch.tensor(START)) and torch.equal(grad, torch.tensor([1.0, -1.0, 0.0, 2.0]))
    assert all(torch.equal(torch.as_tensor(state[name]), torch.as_tensor(kept[name])) for name in kept)
    assert torch.equal(rule(theta, grad, {})[0], middle)


@pytest.mark.parametrize("rule", RULES)
def test_a_stack_of_runs_is_the_runs_one_by_one(rule):
    rates, starts = (
        torch.tensor([[0.01], [0.1], [1.0]]),
        torch.randn(3, 4, generator=torch.Generator().manual_seed(0)),
    )
    stack, state = starts, None
    alone, states = list(starts), [None] * 3
    for _ in range(20):
        stack, state = rule(stack, stack.tanh(), state, rates)
        for i in range(3):
            alone[i], states[i] = rule(alone[i], alone[i].tanh(), states[i], rates[i].item())
    assert torch.allclose(stack, torch.stack(alone), atol=1e-6)


@pytest.mark.parametrize("rule", [adagrad, rmsprop, adam])
def test_a_coordinate_without_gradient_stays_even_without_eps(rule):
    theta, state = torch.tensor([1.0, 1.0]), None
    for _ in range(3):
        theta, state = rule(theta, torch.tensor([0.0, 1.0]), state, 0.1, eps=0.0)
    assert theta[0] == 1 and theta[1] < 1


T, G = torch.zeros(2), torch.ones(2)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda rule: rule(T, torch.ones(3)),
            r"one shape and dtype, got torch.float32 \(2,\) and torch.float32 \(3,\)",
        ),
        (lambda rule: rule(T, G.double()), "one shape and dtype"),
        (lambda rule: rule(T.long(), G.long()), "floating point"),
        (lambda rule: rule(T, G, None, 0.0), "lr must be positive and finite, got 0.0"),
        (lambda rule: rule(T, G, None, float("nan")), "lr must be positive and finite"),
        (lambda rule: rule(T, G, None, torch.tensor([0.1, -0.1])), "lr must be positive and finite"),
        (lambda rule: rule(T, G, None, torch.ones(3)), r"lr must broadcast to theta, got \(3,\) for \(2,\)"),
        (lambda rule: rule(T, G, None, torch.ones(4, 2)), "lr must broadcast to theta"),
        (lambda rule: rule(T, G, {"velocity": T}), "state must come from the last step of the same rule"),
    ],
)
@pytest.mark.parametrize("rule", RULES)
def test_what_every_rule_refuses(rule, call, message):
    with pytest.raises(ValueError, match=message):
        call(rule)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: adagrad(T, G, eps=-1e-8), "eps must be finite and not negative, got -1e-08"),
        (lambda: rmsprop(T, G, eps=float("nan")), "eps must be finite"),
        (lambda: rmsprop(T, G, gamma=1.0), r"gamma must lie in \[0, 1\), got 1.0"),
        (lambda: adam(T, G, beta=1.0), r"beta must lie in \[0, 1\), got 1.0"),
        (lambda: adam(T, G, gamma=-0.1), r"gamma must lie in \[0, 1\), got -0.1"),
        (lambda: rmsprop(T, G, variant="slides"), "variant must be 'slide' or 'standard', got 'slides'"),
        (lambda: adam(T, G, variant="torch"), "variant must be 'slide' or 'standard'"),
        (lambda: rmsprop(T, G, adagrad(T, G)[1]), r"it has \['squares'\], expected \['u'\]"),
        (
            lambda: adam(torch.zeros(3), torch.ones(3), adam(T, G)[1]),
            r"expected \['g', 'r', 'u'\] of shape \(3,\)",
        ),
    ],
)
def test_what_single_rules_refuse(call, message):
    with pytest.raises(ValueError, match=message):
        call()
