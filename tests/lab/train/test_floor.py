"""The floor: moments of bands, a weighted logistic regression on the list and crop of the networks."""

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression

from lt_lib import data as datasets
from lt_lib.errors import LabError
from lt_lib.lab import plan, run
from lt_lib.lab.train.floor import Floor, band_moments


def test_moments_are_mean_and_spread_of_each_band():
    images = torch.randint(
        0, 256, (5, 3, 7, 7), dtype=torch.uint8, generator=torch.Generator().manual_seed(0)
    )
    want = images.numpy() / 255
    assert np.allclose(band_moments(images), np.concatenate([want.mean((2, 3)), want.std((2, 3))], 1))


def test_the_floor_is_a_row_like_any_other(lab_env):
    found = run("spectrum-table2", "floor-652", profile="smoke", data="embedded")
    (record,) = found
    network = plan("spectrum-table2", "r18-652-ce", "smoke")[0].spec
    assert record.spec.recipe == network.recipe.model_copy(update={"clip_norm": 1.0})
    assert record.sizes["test"] == 200 and record.sizes["parameters"] == [4 * 6 + 4]
    assert record.selection == "last" and 0.25 < record.metric("balanced_accuracy") <= 1


def test_each_class_weighs_the_same(lab_env):
    (item,) = plan("spectrum-table2", "floor", "smoke")
    dataset = datasets.load(item.spec.data)
    mode = Floor()
    tasks, counts = mode.tasks(item.spec, dataset)
    (outcome,) = mode.train(tasks, dataset, None, None)
    images, labels = dataset.images("train"), np.asarray(dataset.labels("train"))
    middle = np.asarray(images[tasks[0].train[:, 0], 16:49, 16:49]) / 255
    x, y = np.concatenate([middle.mean((1, 2)), middle.std((1, 2))], 1), labels[tasks[0].train[:, 0]]
    x = (x - x.mean(0)) / x.std(0)
    weight = len(y) / 4 / np.array(counts)[y]
    rule = LogisticRegression(max_iter=2000).fit(x, y, weight)
    assert np.allclose(outcome.weights["weight"], rule.coef_, atol=1e-2)
    assert outcome.logits["last"].shape == (200, 4) and mode.truth(item.spec, dataset).shape == (200,)


def test_a_floor_needs_its_crop(lab_env):
    (item,) = plan("spectrum-table2", "floor", "smoke")
    with pytest.raises(LabError, match="mode floor needs .* one backbone"):
        Floor().tasks(item.spec.model_copy(update={"backbones": ()}), datasets.load(item.spec.data))
