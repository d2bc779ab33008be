"""Each remedy does what it says, alone as in company, and rare classes gain where they can."""

import pytest
import torch

from lt_lib.lab.bench import remedies
from lt_lib.lab.bench.remedies import PLAIN, REMEDIES, Cost, Fitted, Remedy, _score, fit, settings, stream
from lt_lib.losses import LDAMLoss, class_weights

COUNTS = [300, 60, 12]


def clouds(counts, seed):
    chance = torch.Generator().manual_seed(seed)
    y = torch.arange(len(counts)).repeat_interleave(torch.tensor(counts))
    return torch.eye(len(counts), 8)[y] + 0.7 * torch.randn(len(y), 8, generator=chance), y


def a_third(y):
    return torch.arange(len(y)) % 3 == 0


@pytest.fixture(scope="module", autouse=True)
def few_steps():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(remedies, "STEPS", (300, 300))
        yield


@pytest.fixture(scope="module")
def fitted():
    x, y = clouds(COUNTS, 0)
    return fit(x, y, 3, a_third(y), seeds=(0, 1)), clouds([100, 100, 100], 1)


def recall_of_the_rare(heads, test):
    x, y = test
    return float((heads.logits(x).argmax(-1)[:, y == 2] == 2).float().mean())


@pytest.mark.parametrize(
    "key", [k for k in REMEDIES if k not in (PLAIN, "mixup", "focal", "cosine", "ldam", "tau")]
)
def test_a_remedy_raises_the_recall_of_the_rare_class(fitted, key):
    heads, test = fitted
    least = 0.0 if key == "bags" else 0.1  # a bag stays unbalanced: here five to one
    assert recall_of_the_rare(heads[key], test) > recall_of_the_rare(heads[PLAIN], test) + least


def test_each_number_is_one_of_those_tried(fitted):
    assert all(heads.setting in settings(key) for key, heads in fitted[0].items())
    assert list(fitted[0]) == list(REMEDIES)


def test_what_is_done_afterwards_is_done_to_the_plain_head(fitted):
    plain, adjusted, tau = (fitted[0][key] for key in (PLAIN, "adjusted", "tau"))
    prior = torch.tensor(COUNTS).div(sum(COUNTS)).log()
    assert torch.allclose(adjusted.bias, plain.bias - prior) and not tau.bias.any()
    assert torch.allclose(tau.weight, plain.weight / plain.weight.norm(dim=-1, keepdim=True) ** tau.setting)


def test_a_head_is_the_same_alone_as_in_company(fitted):
    x, y = clouds(COUNTS, 0)
    for key in ("sampler", "softmax", "ldam-drw", "bags", "adjusted", "mixup"):
        alone = fit(x, y, 3, a_third(y), keys=[key], seeds=(0, 1))
        assert list(alone) == [key] and alone[key].setting == fitted[0][key].setting
        assert torch.allclose(alone[key].weight, fitted[0][key].weight, atol=1e-4), key


def test_seeds_differ_and_votes_are_mean_probabilities(fitted):
    heads, (x, _) = fitted
    assert not torch.allclose(*heads[PLAIN].weight)
    bags, members = heads["bags"], heads["bags"].weight.shape[1]
    assert members == 5  # 300 images against the median, 60
    z = torch.einsum("nd,mkd->mnk", x, bags.weight[0]) + bags.bias[0][:, None]
    assert torch.allclose(bags.logits(x)[0].exp(), z.softmax(-1).mean(0), atol=1e-5)


def test_the_choice_is_made_by_the_goal_and_then_by_the_likelihood():
    y = torch.tensor([0] * 8 + [1] * 2)
    always = Fitted(torch.zeros(1, 1, 2, 1), torch.tensor([[[3.0, 0]]]), False, 1.0)
    assert _score(always, torch.zeros(10, 1), y, "accuracy")[0] == pytest.approx(0.8)
    assert _score(always, torch.zeros(10, 1), y, "balanced")[0] == pytest.approx(0.5)
    milder = Fitted(always.weight, always.bias / 2, False, 1.0)
    assert _score(milder, torch.zeros(10, 1), y, "balanced") > _score(
        always, torch.zeros(10, 1), y, "balanced"
    )


def test_costs_are_those_of_the_library():
    """LDAM with deferred weights, and weighted cross-entropy, one by one."""
    counts, y = torch.tensor(COUNTS), torch.tensor([0, 1, 2, 0, 0])
    z = torch.randn(5, 2, 3, generator=torch.Generator().manual_seed(0))
    target = torch.nn.functional.one_hot(y, 3).float()
    ens = class_weights(counts, "ens", beta=0.9999)
    ldam = Cost([REMEDIES["ldam-drw"]], torch.full((1, 1, 1), 30.0), counts)
    for late, weight in ((False, None), (True, ens)):
        expected = LDAMLoss(counts, 0.5, 30.0, weight)(z[:, 0], y)
        assert ldam(30 * z[:, :1], target, late) == pytest.approx(float(expected), rel=1e-5)
    both = Cost([REMEDIES["ins"], Remedy("", "", gamma=2.0)], torch.ones(2, 1, 1), counts)
    p = z[:, 1].softmax(-1).gather(1, y[:, None])[:, 0]
    expected = torch.nn.functional.cross_entropy(z[:, 0], y, class_weights(counts, "ins"))
    expected = expected + (-((1 - p) ** 2) * p.log()).mean()
    assert both(z, target, False) == pytest.approx(float(expected), rel=1e-5)


@pytest.mark.parametrize(("draws", "rare"), [("all", 12 / 372), ("balanced", 1 / 3), ("artificial", 1 / 3)])
def test_how_often_the_rare_class_is_shown(draws, rare):
    _, y = clouds(COUNTS, 0)
    shown = y[stream(draws, y, 60, torch.Generator().manual_seed(0))]
    assert shown.shape == (60, 128) and float((shown == 2).float().mean()) == pytest.approx(rare, rel=0.1)
