"""A bay in the plane: two classes beside a border that can be bent, and what mixed labels are worth there."""

from typing import NamedTuple

import numpy as np
import torch
from scipy.interpolate import RegularGridInterpolator
from scipy.stats import binned_statistic_2d
from torch import Tensor
from torch.nn.functional import one_hot

from lt_lib.mixup import mixup


class Mixture(NamedTuple):
    """N points and what mixup makes of each and its partner.

    Attributes:
        points: (N, 2) in [-1, 1].
        kinds: (N,) 1 for water, 0 for land.
        partners: (N,) the partner of each point.
        mixed: (N, 2) the mixed points.
        labels: (N, 2) their labels, shares of land and of water.
    """

    points: Tensor
    kinds: Tensor
    partners: Tensor
    mixed: Tensor
    labels: Tensor


def coast(x, bend: float):
    """The border: y over x in [-1, 1]. Half of the square lies above it, for a bend from 0 to 1.5."""
    return bend * (x**2 - 1 / 3)


def depth(points: Tensor, bend: float) -> Tensor:
    """How far above the coast points (N, 2) lie, along y: water if positive, land if negative."""
    x, y = points.T
    return y - coast(x, bend)


def scatter(n: int, seed: int) -> Tensor:
    """Points (n, 2) drawn evenly from the square [-1, 1]^2."""
    return 2 * torch.rand(n, 2, generator=torch.Generator().manual_seed(seed), dtype=torch.float64) - 1


def mixture(bend: float, lam: float | Tensor, n: int, seed: int = 0) -> Mixture:
    """n random points, each mixed with the next one, of which it takes the share 1 - lam."""
    points = scatter(n, seed)
    kinds = (depth(points, bend) > 0).long()
    partners = torch.arange(n).roll(1)
    return Mixture(points, kinds, partners, *mixup(points, one_hot(kinds, 2).double(), lam, partners))


def mean_label(mixed: Tensor, labels: Tensor, cells: int = 30) -> np.ndarray:
    """Mean share of water in the labels of mixed points, by cell of the square, (cells, cells), x first."""
    square = [[-1, 1], [-1, 1]]
    return binned_statistic_2d(*mixed.T.numpy(), labels[:, 1].numpy(), bins=cells, range=square).statistic


def mean_wrong(mean: np.ndarray, bend: float, n: int = 50_000) -> tuple[float, float]:
    """How often a mean label is on the wrong side of one half, over the square, and how sure it is on
    average: the larger share. Between the middles of cells it is interpolated."""
    middles = (np.arange(len(mean)) + 0.5) * 2 / len(mean) - 1
    asked = scatter(n, seed=1)
    between = RegularGridInterpolator((middles, middles), mean, bounds_error=False, fill_value=None)
    water = torch.tensor(between(asked.numpy()))
    wrong = (water > 0.5) != (depth(asked, bend) > 0)
    return wrong.double().mean().item(), torch.maximum(water, 1 - water).mean().item()
