"""Each remedy does what it says, alone as in company, and rare classes gain where they can."""

import pytest
import torch

from lt_lib.lab.bench import remedies
from lt_lib.lab.bench.remedies import ADJUSTED, NORMED, PLAIN, REMEDIES, SOURCES, Remedy, train


def clouds(counts, seed):
    chance = torch.Generator().manual_seed(seed)
    y = torch.arange(len(counts)).repeat_interleave(torch.tensor(counts))
    middle = torch.eye(len(counts), 8)[y]
    return middle + 0.7 * torch.randn(len(y), 8, generator=chance), y


@pytest.fixture(scope="module")
def trained():
    x, y = clouds([300, 60, 12], 0)
    return train(x, y, 3, seeds=2), clouds([100, 100, 100], 1)


def recall_of_the_rare(heads, test):
    x, y = test
    return float((heads.logits(x).argmax(-1)[:, y == 2] == 2).float().mean())


@pytest.mark.parametrize(
    "name", [n for n in SOURCES if n not in (PLAIN, "mixup", NORMED, "cross-entropy, cosine head")]
)
def test_a_remedy_raises_the_recall_of_the_rare_class(trained, name):
    heads, test = trained
    assert recall_of_the_rare(heads[name], test) > recall_of_the_rare(heads[PLAIN], test) + 0.1


def test_what_is_done_afterwards_is_done_to_the_plain_head(trained):
    heads, _ = trained
    prior = torch.tensor([300, 60, 12.0]).div(372).log()
    assert torch.allclose(heads[ADJUSTED].bias, heads[PLAIN].bias - prior)
    assert torch.allclose(heads[NORMED].weight.norm(dim=2), torch.ones(2, 3))


def test_a_head_is_the_same_alone_as_in_company(trained, monkeypatch):
    x, y = clouds([300, 60, 12], 0)
    monkeypatch.setattr(remedies, "REMEDIES", (REMEDIES[0], REMEDIES[4], Remedy("c", "", cosine=True)))
    monkeypatch.setattr(remedies, "SOURCES", dict.fromkeys([r.name for r in remedies.REMEDIES]))
    alone = train(x, y, 3, seeds=1)
    for name in (PLAIN, REMEDIES[4].name):
        assert torch.allclose(alone[name].weight[0], trained[0][name].weight[0], atol=1e-4)


def test_seeds_differ(trained):
    assert not torch.allclose(*trained[0][PLAIN].weight)
