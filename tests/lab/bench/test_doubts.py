"""Images that are on both sides, and labels that others would not give."""

import numpy as np
import pytest
import torch

from lt_lib.lab.bench import doubts, remedies


def test_only_what_is_far_nearer_than_usual_counts_as_alike():
    torch.manual_seed(0)
    x, test = torch.randn(60, 20), np.arange(60) >= 40
    x[50] = x[7] + 0.1 * torch.randn(20)
    ((place, training, cosine),) = doubts.alike(x, test)
    assert (place, training) == (50, 7) and cosine == pytest.approx(
        float(torch.cosine_similarity(x[50], x[7], dim=0))
    )


def test_images_that_are_alike_by_nature_are_not_listed():
    torch.manual_seed(0)
    x = torch.ones(60, 20) + 0.3 * torch.randn(60, 20)  # cosines of .95 and so, all of them
    assert doubts.alike(x, np.arange(60) >= 40) == []


def test_a_set_of_copies_is_listed_whole():
    torch.manual_seed(0)
    x = torch.randn(40, 20).repeat(2, 1)
    found = doubts.alike(x, np.arange(80) >= 40)
    assert sorted((i, j) for i, j, _ in found) == [(40 + i, i) for i in range(40)]


def test_wrong_labels_are_found_by_heads_that_never_saw_them(monkeypatch):
    monkeypatch.setattr(remedies, "STEPS", (200, 200))
    torch.manual_seed(0)
    y = np.repeat([0, 1, 2], [30, 12, 4])
    x = 5 * torch.eye(8)[y] + 0.3 * torch.randn(46, 8)
    y[3], places = 1, np.arange(46) + 100
    logits = doubts.outside(x, y, 3, "plain")
    assert logits.isnan().all(1).nonzero().flatten().tolist() == [42, 43, 44, 45]  # too few to spare one
    ((place, other, sure),) = doubts.mislabelled(logits[None], y, places)
    assert (place, other) == (103, 0) and 0.5 < sure <= 1
