"""Which remedy can be told from plain cross-entropy: scores with 95 % intervals over seeds and test images,
and differences paired by both."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from lt_lib.lab.bench.remedies import PLAIN
from lt_lib.metrics import classification_report

AIMS = {
    "accuracy": "accuracy",
    "balanced": "balanced accuracy",
    "worst-class": "recall of the worst class",
}
DRAWS = 1000


@dataclass(frozen=True)
class Score:
    """A mean over seeds, its 95 % interval, and that of its difference from plain cross-entropy; `clear` is
    the lower end of that difference, corrected for the number of remedies."""

    mean: float
    low: float
    high: float
    gain: float
    gain_low: float
    gain_high: float
    clear: float


@dataclass(frozen=True)
class Verdict:
    """Scores by aim and remedy, the recommended remedy (None: no remedy can be told from plain
    cross-entropy), and the same in words."""

    scores: dict[str, dict[str, Score]]
    aim: str
    best: str | None
    words: str
    ece: dict[str, float]


def judge(logits: dict[str, Tensor], y: Tensor, aim: str) -> Verdict:
    """Compare remedies.

    Args:
        logits: remedy -> (S, T, K) on the test images; PLAIN among them.
        y: (T,), their labels; every class is there.
        aim: of AIMS.

    The intervals are percentiles of a bootstrap that draws test images within each class, and seeds.
    """
    truth, k = y.numpy(), next(iter(logits.values())).shape[-1]
    right = {name: (z.argmax(-1) == y).numpy() for name, z in logits.items()}
    drawn = {name: _drawn(hits, truth, k) for name, hits in right.items()}
    exact = {name: _recalls(hits, truth, k) for name, hits in right.items()}
    share = np.bincount(truth, minlength=k) / len(truth)
    rivals = [name for name in logits if name != PLAIN]
    scores = {}
    for goal in AIMS:
        at = {name: _score(found, share, goal) for name, found in drawn.items()}
        mean = {name: float(_score(found, share, goal).mean()) for name, found in exact.items()}
        scores[goal] = {name: _one(name, at, mean, len(rivals)) for name in logits}
    best = max(rivals, key=lambda name: scores[aim][name].gain)
    clear = scores[aim][best].clear > 0
    ece = {
        name: float(np.mean([classification_report(s, y, scores="logits")["ece"] for s in z]))
        for name, z in logits.items()
    }
    return Verdict(
        scores, aim, best if clear else None, _words(scores[aim], aim, best, clear, len(truth)), ece
    )


def _recalls(hits: np.ndarray, truth: np.ndarray, k: int) -> np.ndarray:
    """(S, K) recalls of hits (S, T)."""
    return np.stack([hits[:, truth == c].mean(1) for c in range(k)], 1)


def _drawn(hits: np.ndarray, truth: np.ndarray, k: int) -> np.ndarray:
    """(DRAWS, K): recalls on drawn test images, averaged over drawn seeds; the same draws for each remedy."""
    chance = np.random.default_rng(0)
    seeds = chance.multinomial(len(hits), np.full(len(hits), 1 / len(hits)), DRAWS) / len(hits)
    out = np.empty((DRAWS, k))
    for c in range(k):
        own = hits[:, truth == c].astype(float)
        images = (
            chance.multinomial(own.shape[1], np.full(own.shape[1], 1 / own.shape[1]), DRAWS) / own.shape[1]
        )
        out[:, c] = np.einsum("bs,st,bt->b", seeds, own, images, optimize=True)
    return out


def _score(recalls: np.ndarray, share: np.ndarray, goal: str) -> np.ndarray:
    if goal == "accuracy":
        return recalls @ share
    return recalls.mean(-1) if goal == "balanced" else recalls.min(-1)


def _one(name: str, at: dict[str, np.ndarray], mean: dict[str, float], rivals: int) -> Score:
    low, high = np.quantile(at[name], (0.025, 0.975))
    gap = at[name] - at[PLAIN]
    gain_low, gain_high, clear = np.quantile(gap, (0.025, 0.975, 0.025 / max(1, rivals)))
    gain = mean[name] - mean[PLAIN]
    return Score(*map(float, (mean[name], low, high, gain, gain_low, gain_high, clear)))


def _words(scores: dict[str, Score], aim: str, best: str, clear: bool, images: int) -> str:
    said, found = AIMS[aim], scores[best]
    gain = f"{found.gain:+.3f} [{found.gain_low:+.3f}, {found.gain_high:+.3f}]"
    if not clear:
        return (
            f"No remedy can be told from plain cross-entropy with this many images: by {said} on {images:,} "
            f"test images the best is {best}, {gain}."
        )
    near = [
        n for n, s in scores.items() if n not in (best, PLAIN) and s.clear > 0 and s.gain_high >= found.gain
    ]
    also = f" As good, as far as can be told: {', '.join(near)}." if near else ""
    return (
        f"For {said}, take {best}: {gain} over plain cross-entropy, {found.mean:.3f} against "
        f"{scores[PLAIN].mean:.3f}.{also}"
    )


def split(labels: np.ndarray, share: float = 0.25) -> np.ndarray:
    """(N,) whether an image is kept for the test: a share of each class, one at least, two left to train."""
    chance, test = np.random.default_rng(0), np.zeros(len(labels), bool)
    for c in np.unique(labels):
        own = chance.permutation(np.flatnonzero(labels == c))
        test[own[: max(1, min(round(share * len(own)), len(own) - 2))]] = True
    return test


def confusions(logits: Tensor, y: Tensor, most: int = 5) -> list[tuple[int, int, float, list[int]]]:
    """The pairs of classes confused most: true, said, share of the true class over seeds, and the positions
    of the images that most seeds take so."""
    said, found = logits.argmax(-1), []
    k = logits.shape[-1]
    for c in range(k):
        own = (y == c).nonzero().flatten()
        for other in range(k):
            if other != c and len(own):
                wrong = (said[:, own] == other).float().mean(0)
                if wrong.sum():
                    behind = own[wrong.argsort(descending=True)[: int((wrong > 0.5).sum())]][:6]
                    found.append((c, other, float(wrong.mean()), behind.tolist()))
    return sorted(found, key=lambda pair: -pair[2])[:most]


def suspects(logits: Tensor, y: Tensor, most: int = 10) -> list[tuple[int, int, float]]:
    """Images that may be mislabelled: position, what all seeds say instead, and how sure they are on average,
    the surest first."""
    p = logits.softmax(-1).mean(0)
    said, sure = p.argmax(1), p.max(1).values
    agreed = (logits.argmax(-1) == said).all(0) & (said != y)
    order = torch.where(agreed, sure, -torch.ones_like(sure)).argsort(descending=True)
    return [(int(i), int(said[i]), float(sure[i])) for i in order[: min(most, int(agreed.sum()))]]
