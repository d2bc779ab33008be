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
    draws are the same for all remedies.
    """
    truth = y.numpy()
    share = np.bincount(truth, minlength=len(counts)) / len(truth)
    hits = {name: (z.argmax(-1) == y).numpy().astype(np.float32) for name, z in logits.items()}
    drawn = _drawn(hits, truth, len(counts))
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
        scores[goal] = {name: _one(mean, at, name, len(rivals)) for name in logits}
    best = max(rivals, key=lambda name: scores[aim][name].gain)
    return Verdict(
        aim,
        best if scores[aim][best].clear else None,
        _words(scores[aim], aim, best, titles, len(truth)),
        scores,
        {name: float(np.mean([r["ece"] for r in some])) for name, some in reports.items()},
        {name: found.mean(0) for name, found in recalls.items()},
        {name: {g: _mean([r[g] for r in some]) for g in GROUPS} for name, some in reports.items()},
    )


def _drawn(hits: dict[str, np.ndarray], truth: np.ndarray, k: int) -> dict[str, np.ndarray]:
    """(DRAWS, K) by remedy: recalls on drawn test images, averaged over drawn seeds."""
    chance, out = np.random.default_rng(0), {name: np.empty((DRAWS, k)) for name in hits}
    for c, images in enumerate(_images(truth, k, chance)):
        for name, own in hits.items():
            seeds = np.random.default_rng(1).multinomial(len(own), np.full(len(own), 1 / len(own)), DRAWS)
            out[name][:, c] = ((images @ own[:, truth == c].T) * seeds).sum(1) / len(own)
    return out


def _images(truth: np.ndarray, k: int, chance: np.random.Generator) -> Iterator[np.ndarray]:
    """(DRAWS, n) by class: how often each of its n test images is drawn, as a share."""
    for c in range(k):
        n = int((truth == c).sum())
        yield (chance.multinomial(n, np.full(n, 1 / n), DRAWS) / n).astype(np.float32)


def _score(recalls: np.ndarray, share: np.ndarray, goal: str) -> np.ndarray:
    if goal == "accuracy":
        return recalls @ share
    return recalls.mean(-1) if goal == "balanced" else recalls.min(-1)


def _one(mean: dict[str, float], at: dict[str, np.ndarray], name: str, rivals: int) -> Score:
    low, high = map(float, np.quantile(at[name], (0.025, 0.975)))
    gap = at[name] - at[PLAIN]
    gain_low, gain_high, surely = map(float, np.quantile(gap, (0.025, 0.975, 0.025 / rivals)))
    return Score(mean[name], low, high, mean[name] - mean[PLAIN], gain_low, gain_high, surely > 0)


def _words(scores: dict[str, Score], aim: str, best: str, titles: dict[str, str], images: int) -> str:
    said, found = AIMS[aim], scores[best]
    gain = f"{found.gain:+.3f} [{found.gain_low:+.3f}, {found.gain_high:+.3f}]"
    if not found.clear:
        return (
            f"No remedy can be told from plain cross-entropy with this many images: by {said} on {images:,} "
            f"test images the best of {len(scores) - 1} is {titles[best]}, {gain}"
            f"{', which as the best of so many is not enough' if found.gain_low > 0 else ''}."
        )
    near = [n for n, s in scores.items() if n not in (best, PLAIN) and s.clear and s.gain_high >= found.gain]
    also = f" As good, as far as can be told: {', '.join(titles[n] for n in near)}." if near else ""
    return (
        f"For {said}, take {titles[best]}: {gain} over plain cross-entropy, {found.mean:.3f} against "
        f"{scores[PLAIN].mean:.3f}.{also}"
    )


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
