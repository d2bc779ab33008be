"""A remedy is recommended where it can be told from plain cross-entropy, and none where none can."""

from statistics import NormalDist

import numpy as np
import pytest
import torch

from lt_lib.lab.bench import judge
from lt_lib.lab.bench.remedies import PLAIN

Y = torch.arange(3).repeat_interleave(torch.tensor([200, 60, 20]))


def answers(recalls, seed=0, seeds=3):
    """(S, T, K) logits of a classifier with these recalls; its errors say the next class."""
    chance = np.random.default_rng(seed)
    right = torch.from_numpy(chance.random((seeds, len(Y))) < np.array(recalls)[Y])
    return 3.0 * torch.nn.functional.one_hot(torch.where(right, Y, (Y + 1) % 3), 3).float()


def judged(logits, aim):
    return judge.judge(logits, Y, [200, 60, 10], aim, {name: name for name in logits})


def test_a_clear_gain_is_recommended_for_its_aim_only():
    plain, better = answers([0.95, 0.5, 0.1]), answers([0.85, 0.8, 0.7], 1)
    found = judged({PLAIN: plain, "a": better}, "balanced")
    assert found.best == "a" and found.words.startswith("For balanced accuracy, take a: +0.")
    score = found.scores["balanced"]["a"]
    assert score.gain_low <= score.gain <= score.gain_high and score.low <= score.mean <= score.high
    assert judged({PLAIN: plain, "a": better}, "worst-class").best == "a"
    assert judged({PLAIN: better, "a": plain}, "balanced").best is None


def test_what_cannot_be_told_apart_is_said():
    found = judged({PLAIN: answers([0.9, 0.6, 0.3]), "a": answers([0.9, 0.6, 0.33], 1)}, "balanced")
    assert found.best is None
    assert found.words.startswith("No remedy can be told from plain cross-entropy with this many images")


def test_what_is_sure_goes_before_what_is_higher():
    """A gain on images that plain cross-entropy has wrong, beside a larger one that few images decide."""
    plain = answers([0.9, 0.6, 0.5], seeds=1)
    wrong = (plain[0].argmax(1) != Y).nonzero().flatten()
    some, sure = wrong[Y[wrong] == 1][:12], plain.clone()
    sure[0, some] = 3.0 * torch.nn.functional.one_hot(Y[some], 3).float()
    found = judged({PLAIN: plain, "sure": sure, "higher": answers([0.9, 0.6, 0.7], 11, seeds=1)}, "balanced")
    scores = found.scores["balanced"]
    assert scores["higher"].gain > scores["sure"].gain and not scores["higher"].clear
    assert found.best == "sure" and found.words.endswith("Higher, but perhaps by luck: higher.")


def test_many_remedies_need_more_than_one():
    """Of forty remedies that do nothing, none is recommended."""
    logits = {PLAIN: answers([0.9, 0.6, 0.4])} | {f"r{i}": answers([0.9, 0.6, 0.4], i + 1) for i in range(40)}
    assert judged(logits, "balanced").best is None


@pytest.mark.parametrize("images", [1, 2, 3])
def test_with_few_images_a_class_luck_is_not_called_clear(images):
    """Five images that a remedy alone gets right are one chance in 32, too many for the best of 14."""
    y = torch.arange(5).repeat_interleave(images)
    plain, other = torch.zeros(2, len(y), 5), torch.zeros(2, len(y), 5)
    first = torch.arange(0, len(y), images)
    for logits, right in ((plain, y), (other, y)):
        logits.scatter_(2, right.expand(2, -1)[..., None], 3.0)
    plain[:, first] = plain[:, first].roll(1, -1)
    logits = {PLAIN: plain, "a": other} | {f"r{i}": plain for i in range(13)}
    found = judge.judge(logits, y, [8] * 5, "balanced", {name: name for name in logits})
    assert found.scores["balanced"]["a"].gain > 0 and found.best is None


def test_intervals_over_few_images_are_as_wide_as_chance():
    """With two or one images a class, means of many classes spread as those of as many fresh images."""
    for images in (1, 2):
        y = torch.arange(100).repeat_interleave(images)
        right = torch.from_numpy(np.random.default_rng(0).random((1, len(y))) < 0.5)
        logits = torch.nn.functional.one_hot(torch.where(right, y, (y + 1) % 100), 100).float()
        score = judge.judge(
            {PLAIN: logits, "a": logits}, y, [8] * 100, "balanced", {}.fromkeys((PLAIN, "a"), "")
        )
        score = score.scores["balanced"][PLAIN]
        assert score.high - score.low == pytest.approx(2 * 1.96 * 0.5 / len(y) ** 0.5, rel=0.15)


@pytest.mark.parametrize("recalls", [(0.9, 0.7, 0.5), (0.95, 0.9, 0.9)])
def test_scores_of_a_handful_of_images_lie_in_their_intervals(recalls, monkeypatch):
    """Three classes with 10, 4 and 2 test images; by the bootstrap of images alone in 82 of 100 trials."""
    monkeypatch.setattr(judge, "DRAWS", 1000)
    y, chance, within = (
        torch.arange(3).repeat_interleave(torch.tensor([10, 4, 2])),
        np.random.default_rng(0),
        0,
    )
    edge = np.array([NormalDist().inv_cdf(p) for p in recalls])[y] * 1.25**0.5
    for _ in range(100):
        hits = torch.from_numpy(edge + chance.normal(0, 1, len(y)) + chance.normal(0, 0.5, (3, len(y))) > 0)
        logits = 3.0 * torch.nn.functional.one_hot(torch.where(hits, y, (y + 1) % 3), 3).float()
        found = judge.judge({PLAIN: logits, "a": logits}, y, [50, 20, 8], "balanced", {PLAIN: "", "a": ""})
        score = found.scores["balanced"][PLAIN]
        within += score.low <= np.mean(recalls) <= score.high
    assert within >= 89


def test_confusions_and_suspects_name_images():
    logits = answers([1, 1, 1])
    logits[:, 5] = torch.tensor([0, 9.0, 0])
    logits[0, 6] = torch.tensor([0, 9.0, 0])
    ((true, said, share, images),) = judge.confusions(logits, Y)
    assert (true, said, images) == (0, 1, [5]) and share == pytest.approx((1 + 1 / 3) / 200)
    assert [place for place, *_ in judge.suspects(logits, Y)] == [5]
