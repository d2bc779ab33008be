"""Schedules against torch's own cyclic schedule, the sequences of the released code, and the weights they are
made of."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from lt_lib.losses import class_weights
from lt_lib.schedules import drw_weights, triangular_lr

settings.register_profile("lt", deadline=None, max_examples=60)
settings.load_profile("lt")

# Training images of Drought Watch by class. Nowhere published: the 86,317 of the training set in the
# proportions of the validation set, whose counts 6443, 1710, 1673, 952 follow from Table 2 of `spectrum`
# (methods, B1).
DROUGHT = [round(n * 86317 / 10778) for n in (6443, 1710, 1673, 952)]


def test_triangle_of_the_released_drought_code():
    rates = [triangular_lr(epoch, 2, 1e-5, 1e-4) for epoch in range(9)]
    assert rates == pytest.approx([1e-5, 5.5e-5, 1e-4, 5.5e-5] * 2 + [1e-5], rel=1e-12)


@pytest.mark.parametrize(
    ("step_size", "base_lr", "max_lr"), [(2, 1e-5, 1e-4), (2000, 0.001, 0.006), (7, 0.1, 0.1), (1, 0, 1)]
)
def test_triangle_against_torch(step_size, base_lr, max_lr):
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
    schedule = torch.optim.lr_scheduler.CyclicLR(
        optimizer, base_lr, max_lr, step_size_up=step_size, cycle_momentum=False
    )
    for step in range(min(5 * step_size, 300)):
        assert triangular_lr(step, step_size, base_lr, max_lr) == pytest.approx(
            schedule.get_last_lr()[0], rel=1e-6, abs=1e-9
        )
        optimizer.step()
        schedule.step()


@given(st.integers(0, 10**6), st.integers(1, 5000), st.floats(0, 0.01), st.floats(0, 1))
def test_triangle_is_bounded_periodic_and_symmetric(step, step_size, base_lr, height):
    def lr(t):
        return triangular_lr(t, step_size, base_lr, base_lr + height)

    assert base_lr <= lr(step) <= base_lr + height + 1e-12
    assert lr(step + 2 * step_size) == pytest.approx(lr(step), abs=1e-9)
    assert lr(2 * step_size * 300 - step % (2 * step_size)) == pytest.approx(lr(step), abs=1e-9)
    assert lr(2 * step_size * 7) == pytest.approx(base_lr)
    assert lr(2 * step_size * 7 + step_size) == pytest.approx(base_lr + height)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((-1, 2, 1e-5, 1e-4), "step must be finite and not negative, got -1"),
        ((float("nan"), 2, 1e-5, 1e-4), "step must be finite"),
        ((1, 0, 1e-5, 1e-4), "step_size must be finite and positive, got 0; it is half a cycle"),
        ((1, 2, 1e-4, 1e-5), "0 <= base_lr <= max_lr"),
        ((1, 2, -1e-4, 1e-5), "0 <= base_lr <= max_lr"),
    ],
)
def test_a_bad_triangle_says_what_is_wrong(arguments, message):
    with pytest.raises(ValueError, match=message):
        triangular_lr(*arguments)


@pytest.mark.parametrize(("epoch", "beta"), [(0, 0.0), (159, 0.0), (160, 0.9999), (199, 0.9999)])
def test_the_released_schedule_switches_at_epoch_160(epoch, beta):
    assert torch.equal(drw_weights(DROUGHT, epoch), class_weights(DROUGHT, "ens", beta=beta))


@given(st.lists(st.integers(1, 5000), min_size=1, max_size=30), st.integers(0, 300), st.integers(0, 300))
def test_weights_are_uniform_before_the_switch_and_always_sum_to_k(counts, epoch, switch):
    weights = drw_weights(counts, epoch, switch)
    assert weights.sum().item() == pytest.approx(len(counts), rel=1e-5)
    if epoch < switch:
        assert torch.equal(weights, torch.ones(len(counts)))
    elif len(set(counts)) > 1:
        assert weights[torch.tensor(counts).argmin()] > 1 > weights[torch.tensor(counts).argmax()]


def test_the_drought_betas_are_uniform_then_nearly_inverse_frequency():
    """Beta .99 counts every class as 100 images; the numbers are those of methods, A3, at the proportional
    training counts."""
    before, after = (drw_weights(DROUGHT, epoch, 25, betas=(0.99, 0.99999)) for epoch in (24, 25))
    assert before.tolist() == pytest.approx([1] * 4, abs=1e-4)
    assert [round(w, 2) for w in after.tolist()] == [0.31, 0.98, 1.00, 1.71]
    assert [round(w, 2) for w in class_weights(DROUGHT, "ins").tolist()] == [0.26, 0.98, 1.00, 1.76]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"epoch": -1}, "epoch must not be negative, got -1"),
        ({"epoch": 0, "betas": (0.9,)}, "betas must be two numbers"),
        ({"epoch": 0, "betas": (0.0, 1.0)}, r"betas must be two numbers in \[0, 1\)"),
        ({"epoch": 0, "counts": [3, 0]}, "drop the empty classes"),
    ],
)
def test_bad_deferred_weights_say_what_is_wrong(arguments, message):
    with pytest.raises(ValueError, match=message):
        drw_weights(**{"counts": [3, 1], **arguments})
