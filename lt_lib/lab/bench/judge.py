"""Which remedy can be told from plain cross-entropy: scores with 95 % intervals over seeds and test images,
and differences paired by both."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from lt_lib.lab.bench.remedies import PLAIN
from lt_lib.metrics import classification_report

AIMS = {
    "balanced": "balanced accuracy",
    "accuracy": "accuracy",
    "worst-class": "recall of the worst class",
}
DRAWS = 4000
FEW = 20  # test images of a class: with fewer, its recall is drawn as a proportion, too
GROUPS = ("many", "medium", "few")


@dataclass(frozen=True)
class Score:
    """A mean over seeds, its 95 % interval, and that of its difference from plain cross-entropy; `clear`:
    the difference is above zero, corrected for the number of remedies."""

    mean: float
    low: float
    high: float
    gain: float
    gain_low: float
    gain_high: float
    clear: bool


@dataclass(frozen=True)
class Verdict:
    """Scores by aim and remedy, the recommended remedy (None: no remedy can be told from plain
    cross-entropy), the same in words, and by remedy the calibration error, the recalls (K,) and the mean
    recall of classes with many, medium and few training images, means over seeds."""

    aim: str
    best: str | None
    words: str
    scores: dict[str, dict[str, Score]]
    ece: dict[str, float]
    recalls: dict[str, np.ndarray]
    groups: dict[str, dict[str, float | None]]


def judge(
    logits: dict[str, Tensor], y: Tensor, counts: list[int], aim: str, titles: dict[str, str]
) -> Verdict:
    """Compare remedies.

    Args:
        logits: remedy -> (S, T, K) on the test images; PLAIN among them.
        y: (T,), their labels; every class is there.
        counts: (K,), training images by class.
        aim: of AIMS.
        titles: remedy -> how it is called.

    The intervals are percentiles of a bootstrap that draws test images within each class, and seeds; the
    draws are the same for all remedies. A remedy is clear where its whole interval, widened for the number
    of remedies, lies above zero, and where swapping its answers and those of plain cross-entropy on images
    drawn by chance hardly ever gives as large a gain: with few images in a class the bootstrap alone is too
    sure. So it is of the scores: two images that are both right have no spread at all. Their intervals are
    the wider of the bootstrap's and that of draws in which the recall of a class of fewer than FEW images
    comes from the posterior of a proportion (Jeffreys' prior), moved to the mean that was found and
    widened by (1 + 1/n)^.5, which simulations ask for.
    """
    truth = y.numpy()
    share = np.bincount(truth, minlength=len(counts)) / len(truth)
    hits = {name: (z.argmax(-1) == y).numpy().astype(np.float32) for name, z in logits.items()}
    drawn, swapped = _drawn(hits, truth, len(counts)), _swapped(hits, truth, len(counts))
    alone = {name: _alone(found, hits[name], truth, share) for name, found in drawn.items()}
    reports = {
        name: [classification_report(s, y, train_counts=counts, scores="logits") for s in z]
        for name, z in logits.items()
    }
    recalls = {name: np.array([r["recall"] for r in some]) for name, some in reports.items()}
    rivals = [name for name in logits if name != PLAIN]
    scores = {}
    for goal in AIMS:
        mean = {name: float(_score(found, share, goal).mean()) for name, found in recalls.items()}
        at = {name: _score(found, share, goal) for name, found in drawn.items()}
        chance = {name: _by_chance(*swapped[name], share, goal) for name in rivals} | {PLAIN: 1.0}
        scores[goal] = {
            name: _one(mean, at, alone[name][goal], name, chance[name], len(rivals)) for name in logits
        }
    clear = [name for name in rivals if scores[aim][name].clear]
    best = max(clear, key=lambda name: scores[aim][name].gain, default=None)
    return Verdict(
        aim,
        best,
        _words(scores[aim], aim, best, titles, len(truth)),
        scores,
        {name: float(np.mean([r["ece"] for r in some])) for name, some in reports.items()},
        {name: found.mean(0) for name, found in recalls.items()},
        {name: {g: _mean([r[g] for r in some]) for g in GROUPS} for name, some in reports.items()},
    )


def _drawn(hits: dict[str, np.ndarray], truth: np.ndarray, k: int) -> dict[str, np.ndarray]:
    """(DRAWS, K) by remedy: recalls on drawn test images, averaged over drawn seeds."""
    out = {name: np.empty((DRAWS, k), np.float32) for name in hits}
    seeds = {s: _shares(np.random.default_rng(1), s, s) for s in {len(own) for own in hits.values()}}
    for c, which, images in _images(truth, k, np.random.default_rng(0)):
        for name, own in hits.items():
            out[name][:, c] = ((images @ own[:, which].T) * seeds[len(own)]).sum(1)
    return out


def _alone(
    drawn: np.ndarray, hits: np.ndarray, truth: np.ndarray, share: np.ndarray
) -> dict[str, np.ndarray]:
    """By aim (DRAWS,), scores of one remedy, the recalls of classes with few test images drawn as
    proportions."""
    out, seeds = drawn.copy(), _shares(np.random.default_rng(1), len(hits), len(hits))
    for c, n in enumerate(np.bincount(truth, minlength=drawn.shape[1])):
        if n < FEW:
            own = hits[:, truth == c].mean(1)
            right, wrong = n * own.mean() + 0.5, n * (1 - own.mean()) + 0.5
            spread = np.random.default_rng((3, c)).beta(right, wrong, len(out)) - right / (n + 1)
            out[:, c] = seeds @ own + spread * (1 + 1 / n) ** 0.5
    return {goal: _score(out, share, goal) for goal in AIMS}


def _images(
    truth: np.ndarray, k: int, chance: np.random.Generator
) -> Iterator[tuple[int, np.ndarray, np.ndarray]]:
    """By class the test images that are drawn from, and (DRAWS, n) how often each is, as a share: n - 1
    draws of n images, whose variance is that of n fresh ones. Classes of one image draw from each other."""
    sizes = np.bincount(truth, minlength=k)
    for c in range(k):
        which = np.flatnonzero(truth == c if sizes[c] > 1 else sizes[truth] == 1)
        yield c, which, _shares(chance, len(which), max(1, sizes[c] - 1))


def _shares(chance: np.random.Generator, n: int, times: int) -> np.ndarray:
    return (chance.multinomial(times, np.full(n, 1 / n), DRAWS) / times).astype(np.float32)


def _swapped(
    hits: dict[str, np.ndarray], truth: np.ndarray, k: int
) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """By rival (K,), the mean of its recalls and plain cross-entropy's, and (1 + DRAWS, K), half of what they
    differ by: first as found, then with their answers swapped on images drawn by chance."""
    mean = {name: own.mean(0) for name, own in hits.items()}
    rivals = [name for name in hits if name != PLAIN]
    gap = np.stack([mean[name] - mean[PLAIN] for name in rivals], 1) / 2  # (T, R)
    chance, half = np.random.default_rng(2), np.empty((len(rivals), 1 + DRAWS, k), np.float32)
    for c in range(k):
        own = gap[truth == c]
        signs = chance.integers(0, 2, (1 + DRAWS, len(own)), np.int8).astype(np.float32) * 2 - 1
        signs[0] = 1
        half[:, :, c] = (signs @ own / len(own)).T
    recalls = {name: _by_class(own, truth, k) for name, own in mean.items()}
    return {
        name: ((recalls[name] + recalls[PLAIN]) / 2, part) for name, part in zip(rivals, half, strict=True)
    }


def _by_class(hits: np.ndarray, truth: np.ndarray, k: int) -> np.ndarray:
    return np.bincount(truth, hits, k) / np.bincount(truth, minlength=k)


def _by_chance(middle: np.ndarray, half: np.ndarray, share: np.ndarray, goal: str) -> float:
    """How often a swap gives a gain at least as large as the one found, itself among them."""
    gain = _score(middle + half, share, goal) - _score(middle - half, share, goal)
    return float((gain >= gain[0] - 1e-6).mean())


def _score(recalls: np.ndarray, share: np.ndarray, goal: str) -> np.ndarray:
    if goal == "accuracy":
        return recalls @ share
    return recalls.mean(-1) if goal == "balanced" else recalls.min(-1)


def _one(
    mean: dict[str, float],
    at: dict[str, np.ndarray],
    alone: np.ndarray,
    name: str,
    chance: float,
    rivals: int,
) -> Score:
    ends = np.quantile([at[name], alone], (0.025, 0.975), axis=1).clip(0, 1)
    low, high = float(ends[0].min()), float(ends[1].max())
    gap = at[name] - at[PLAIN]
    gain_low, gain_high, surely = map(float, np.quantile(gap, (0.025, 0.975, 0.025 / rivals)))
    clear = surely > 0 and chance <= 0.025 / rivals
    return Score(mean[name], low, high, mean[name] - mean[PLAIN], gain_low, gain_high, clear)


def _words(scores: dict[str, Score], aim: str, best: str | None, titles: dict[str, str], images: int) -> str:
    said = AIMS[aim]
    order = sorted((n for n in scores if n != PLAIN), key=lambda n: -scores[n].gain)
    if best is None:
        first = scores[order[0]]
        return (
            f"No remedy can be told from plain cross-entropy with this many images: by {said} on {images:,} "
            f"test images the best of {len(order)} is {titles[order[0]]}, {_gain(first)}"
            f"{', which as the best of so many is not enough' if first.gain_low > 0 else ''}."
        )
    found, above = scores[best], order[: order.index(best)]
    near = [n for n in order[len(above) + 1 :] if scores[n].clear and scores[n].gain_high >= found.gain]
    also = f" As good, as far as can be told: {', '.join(titles[n] for n in near)}." if near else ""
    luck = f" Higher, but perhaps by luck: {', '.join(titles[n] for n in above)}." if above else ""
    return (
        f"For {said}, take {titles[best]}: {_gain(found)} over plain cross-entropy, {found.mean:.3f} against "
        f"{scores[PLAIN].mean:.3f}.{also}{luck}"
    )


def _gain(score: Score) -> str:
    return f"{score.gain:+z.3f} [{score.gain_low:+z.3f}, {score.gain_high:+z.3f}]"


def _mean(values: list[float | None]) -> float | None:
    return None if None in values else float(np.mean(values))


def confusions(logits: Tensor, y: Tensor, most: int = 5) -> list[tuple[int, int, float, list[int]]]:
    """The pairs of classes confused most: true, said, the share of the true class, and the positions of the
    images that most seeds take so, the clearest first.

    Args:
        logits: (S, T, K).
        y: (T,).
    """
    k, said = logits.shape[-1], logits.argmax(-1)
    pairs = (y * k + said).flatten().bincount(minlength=k * k).view(k, k).float()
    share = pairs / pairs.sum(1, keepdim=True).clamp_min(1)
    share.fill_diagonal_(0)
    top = share.flatten().sort(descending=True, stable=True)
    found = []
    for value, place in zip(top.values[:most].tolist(), top.indices[:most].tolist(), strict=True):
        true, other = divmod(place, k)
        taken = ((said == other) & (y == true)).float().mean(0)
        behind = taken.sort(descending=True, stable=True)
        found.append((true, other, value, behind.indices[: int((behind.values > 0.5).sum())][:6].tolist()))
    return [pair for pair in found if pair[2] > 0]


def suspects(logits: Tensor, y: Tensor, most: int = 12) -> list[tuple[int, int, float]]:
    """Images that may be mislabelled: position, what all seeds say instead, and how sure they are on average,
    the surest first."""
    p = logits.softmax(-1).mean(0)
    sure, said = p.max(1)
    agreed = (logits.argmax(-1) == said).all(0) & (said != y)
    order = torch.where(agreed, sure, -torch.ones_like(sure)).sort(descending=True, stable=True).indices
    return [(int(i), int(said[i]), float(sure[i])) for i in order[: min(most, int(agreed.sum()))]]
