"""The embedded sets: the same bytes everywhere, balanced, train and test in different handwriting."""

import dataclasses

import numpy as np
import pytest

from lt_lib.data import DataError, registry
from lt_lib.data.sets import digits as embedded


@pytest.fixture(scope="module")
def made():
    return {name: embedded.make(name) for name in embedded.RECIPES}


@pytest.mark.parametrize("name", embedded.RECIPES)
def test_content_is_pinned(made, name):
    assert made[name].digest() == embedded.DIGESTS[name]


@pytest.mark.parametrize("name", embedded.RECIPES)
def test_shapes_types_and_balance_are_as_registered(made, name):
    entry, arrays = registry.data_sets()[name], made[name]
    assert arrays.classes == entry.classes
    for split, count in entry.splits.items():
        images, labels = arrays.splits[split]
        assert images.shape == (count, 32, 32, 3) and images.dtype == np.uint8
        assert labels.dtype == np.int64
        assert set(np.bincount(labels)) == {count // len(entry.classes)}
        assert list(labels[: len(entry.classes)]) == list(range(len(entry.classes)))


def test_class_names_are_the_numbers(made):
    assert made["digits50"].classes[:2] == ("00", "01") and made["digits50"].classes[-1] == "49"
    assert made["digits50_source"].classes[0] == "50" and made["digits50_source"].classes[-1] == "99"
    assert made["digits10"].classes == tuple("0123456789")


def test_images_vary(made):
    images = made["digits50"].splits["train"][0]
    assert len({image.tobytes() for image in images[:5000]}) == 5000
    contrast = images[:2000].reshape(2000, -1, 3).std(1).max(1)
    assert np.percentile(contrast, 95) > 2 * np.percentile(contrast, 5)


def test_source_digits_of_train_and_test_are_disjoint():
    labels = embedded.source_digits()[1]
    pools = embedded.source_pools(labels)
    train, test = (np.concatenate(pools[split]) for split in ("train", "test"))
    assert not set(train) & set(test) and len(train) + len(test) == 1797
    for digit in range(10):
        assert set(labels[pools["train"][digit]]) == {digit} == set(labels[pools["test"][digit]])
        assert pools["train"][digit].max() < pools["test"][digit].min()
        assert len(pools["train"][digit]) == round(0.6 * (labels == digit).sum() - 0.5)


@pytest.mark.parametrize("name", embedded.RECIPES)
def test_each_split_is_written_with_its_own_digits(monkeypatch, name):
    used = []
    glyphs = embedded._glyphs
    monkeypatch.setattr(
        embedded,
        "_glyphs",
        lambda draw, bank, source, *rest: used.append(source) or glyphs(draw, bank, source, *rest),
    )
    recipe = dataclasses.replace(embedded.RECIPES[name], train=4, test=3)
    monkeypatch.setitem(embedded.RECIPES, name, recipe)
    embedded.make(name)
    half = len(used) // 2
    labels = embedded.source_digits()[1]
    pools = embedded.source_pools(labels)
    assert np.isin(np.concatenate(used[:half]), np.concatenate(pools["train"])).all()
    assert np.isin(np.concatenate(used[half:]), np.concatenate(pools[recipe.test_pool])).all()
    number = recipe.first + np.arange(4 * recipe.classes) % recipe.classes
    written = [labels[source] for source in used[: recipe.digits]]
    assert np.array_equal(written[-1], number % 10)
    assert recipe.digits == 1 or np.array_equal(written[0], number // 10)


def test_other_source_digits_are_refused(monkeypatch):
    monkeypatch.setattr(embedded, "SOURCE_SHA256", "0" * 64)
    with pytest.raises(DataError, match="requirements.lock"):
        embedded.make("digits10")


def test_digits8_are_the_source_digits_by_writer():
    arrays, entry = embedded.make("digits8"), registry.data_sets()["digits8"]
    assert arrays.digest() == embedded.DIGESTS["digits8"] and arrays.classes == entry.classes
    images, digits = embedded.source_digits()
    pools = embedded.source_pools(digits)
    for split, count in entry.splits.items():
        grey, labels = arrays.splits[split]
        rows = np.sort(np.concatenate(pools[split]))
        assert grey.shape == (count, *entry.shape) and grey.dtype == np.uint8
        assert np.array_equal(labels, digits[rows])
        assert np.array_equal(np.rint(grey[..., 0] / 255 * 16), images[rows])
