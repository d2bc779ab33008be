"""The strangers of digits10: five of its classes, the counts of the SIGN paper, another rendering."""

import numpy as np
import pytest

from lt_lib import data
from lt_lib.data import registry
from lt_lib.data.sets import digits, digits_other


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    store = tmp_path_factory.mktemp("store")
    images = data.load("digits10_other", store)
    assert data.verify("digits10_other", store).state == "ready"
    return images


def test_content_is_pinned_and_labelled_as_digits10(images):
    assert images.digest == digits_other.DIGEST
    assert images.splits == {"test": (643, 32, 32, 3)}
    assert images.classes == registry.find("digits10").classes
    counts = np.bincount(images.labels("test"), minlength=10).tolist()
    assert (
        counts
        == [0, 49, 146, 50, 0, 298, 100, 0, 0, 0]
        == list(registry.find(images.name).class_counts["test"])
    )


def test_counts_and_labels_are_those_of_the_real_strangers(images):
    real = registry.find("tinyimagenet_ood")
    assert tuple(np.bincount(images.labels("test"), minlength=10)) == real.class_counts["test"]
    assert len(images.classes) == len(real.classes)


def test_images_differ(images):
    assert len({image.tobytes() for image in images.images("test")}) == 643


def test_the_pen_follows_the_corners(monkeypatch):
    """Without chance a 1 is a straight stem with a flag: ink on the line, none beside it."""
    for name in ("SLANT", "NARROW", "HEIGHT", "PEN"):
        monkeypatch.setattr(digits_other, name, {"SLANT": (0, 0), "NARROW": (50, 50)}.get(name, (16, 16)))
    monkeypatch.setattr(digits_other, "JITTER", 0)
    monkeypatch.setattr(digits_other, "DRIFT", 0)
    line = digits_other._line(digits_other.Draw([1]), 1, 2)
    assert line.min() == 0 and line.max() == 1 and np.array_equal(line[0], line[1])
    stem = 16 + 8 * 0.1  # pixels: corner 6 of 10 in a width of 8
    for y in range(10, 23):
        across = line[0, y]
        assert across @ (np.arange(32) + 0.5) / across.sum() == pytest.approx(stem, abs=0.6) or y < 14
        assert across.sum() == pytest.approx(2 * 1.6, abs=0.4) or y < 14
    assert line[0, :6].max() == 0 == line[0, 26:].max()


def test_distance_is_that_of_the_nearest_point():
    ends = [np.full((1, 1, 1), float(value)) for value in (4.5, 8.5, 20.5, 8.5)]
    distance = digits_other._distance(*ends)[0]
    assert distance[8, 10] == 0 and distance[11, 10] == 3 and distance[8, 0] == 4
    assert distance[12, 23] == pytest.approx(5)


def test_no_source_digit_is_used(monkeypatch):
    monkeypatch.setattr(digits, "source_digits", lambda: pytest.fail("handwriting was asked for"))
    assert digits_other.make("digits10_other").digest() == digits_other.DIGEST
