"""What in a reader's images may be wrong: test images that look like training images, and labels of training
images that a head which never saw them would not give."""

from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from lt_lib.lab.bench.judge import suspects
from lt_lib.lab.bench.reading import split
from lt_lib.lab.bench.remedies import fit

SAME, NEARER = 0.98, 3  # a cosine, and how many times as near as the median test image
FOLDS, AT_ONCE = 5, 512


def alike(x: Tensor, test: np.ndarray) -> list[tuple[int, int, float]]:
    """Test images that are nearly training images (frames of one film, crops, other sizes): position, that of
    the nearest training image, and their cosine, the most alike first.

    Nearly: a cosine of .98, or a distance (one minus it) of a third of what the median test image has.

    Args:
        x: (N, D), features standardised by the training images.
        test: (N,), which are of the test.
    """
    x, places = F.normalize(x), np.flatnonzero(test)
    training = x[torch.from_numpy(~test)]
    found = [(part @ training.T).max(1) for part in x[torch.from_numpy(test)].split(AT_ONCE)]
    likeness = torch.cat([each.values for each in found])
    nearest = np.flatnonzero(~test)[torch.cat([each.indices for each in found]).numpy()]
    near = (likeness >= SAME) | (1 - likeness <= (1 - likeness.median()) / NEARER)
    order = torch.where(near, likeness, -2.0).sort(descending=True, stable=True).indices[: int(near.sum())]
    return [(int(places[i]), int(nearest[i]), float(likeness[i])) for i in order.tolist()]


def outside(x: Tensor, y: np.ndarray, num_classes: int, key: str) -> Tensor:
    """(N, K), logits of each training image by a head of a remedy that was trained on four fifths of the
    others; NaN for images of classes too small to spare some.

    Args:
        x: (N, D), standardised features of training images.
        y: (N,), their labels.
        key: of `remedies.REMEDIES`.
    """
    logits, chance = torch.full((len(y), num_classes), torch.nan), np.random.default_rng(0)
    fold = np.full(len(y), FOLDS)
    for c in np.unique(y):
        own = chance.permutation(np.flatnonzero(y == c))
        if len(own) > FOLDS:  # else a fold would be left with one
            fold[own] = np.arange(len(own)) % FOLDS
    for k in range(FOLDS):
        away = fold == k
        if not away.any():
            break
        rest = np.flatnonzero(~away)
        held = torch.from_numpy(split(y[rest], seed=1))
        heads = fit(x[rest], torch.from_numpy(y[rest]), num_classes, held, keys=(key,), seeds=(0,))[key]
        logits[torch.from_numpy(away)] = heads.logits(x[torch.from_numpy(away)])[0]
    return logits


def mislabelled(logits: Tensor, y: np.ndarray, places: Sequence[int]) -> list[tuple[int, int, float]]:
    """Of images with logits (S, N, K), NaN where there are none, those that may be mislabelled: position,
    what all seeds say instead, how sure, the surest first; `places` (N,): their positions."""
    judged = torch.nonzero(~logits[0, :, 0].isnan()).flatten()
    found = suspects(logits[:, judged], torch.from_numpy(y)[judged])
    return [(int(places[int(judged[i])]), c, sure) for i, c, sure in found]
