"""Mode tail: what is cut out, and what is held out of it."""

import numpy as np
import pytest

from lt_lib import data as datasets
from lt_lib.errors import LabError
from lt_lib.lab.record.plan import plan
from lt_lib.lab.record.spec import Bags, Weights
from lt_lib.lab.train.learners import learners
from lt_lib.lab.train.tails import Tails


@pytest.fixture(scope="module")
def digits():
    return datasets.load("digits50")


def spec_of(seed=0, **change):
    (item,) = plan("bench-frozen", "plain-0.005", "laptop", seeds=[seed])
    return item.spec.model_copy(update=change)


def test_it_cuts_the_tail_of_the_seed_and_holds_out_a_share_of_each_class(digits):
    labels = np.asarray(digits.labels("train"))
    (task,), counts = Tails().tasks(spec_of(1), digits)
    both = np.concatenate([task.train, task.val])
    assert np.bincount(labels[both[:, 0]]).tolist() == counts and not both[:, 1].any()
    (other,), _ = learners(spec_of(1), digits)
    assert set(both[:, 0]) == {*other.train[:, 0], *other.val[:, 0]}
    held = np.bincount(labels[task.val[:, 0]], minlength=50)
    wanted = [max(1, round(0.2 * n)) for n in counts]
    assert held.tolist() == wanted and (held < counts).all()
    assert not set(task.train[:, 0]) & set(task.val[:, 0])
    (again,), _ = Tails().tasks(spec_of(1), digits)
    (second,), _ = Tails().tasks(spec_of(2), digits)
    assert again.key == task.key != second.key
    assert task.lesson == spec_of(1).lesson


def test_a_class_of_one_image_keeps_it(digits):
    spec = spec_of()
    spec = spec.model_copy(update={"subset": spec.subset.model_copy(update={"scale": 0.1})})
    (task,), counts = Tails().tasks(spec, digits)
    held = np.bincount(np.asarray(digits.labels("train"))[task.val[:, 0]], minlength=50)
    assert 1 in counts and {held[c] for c in range(50) if counts[c] == 1} == {0}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"lesson": None}, "needs `lesson:`, `subset:` and one backbone"),
        ({"subset": None}, "needs `lesson:`, `subset:` and one backbone"),
        ({"backbones": ()}, "needs `lesson:`, `subset:` and one backbone"),
        ({"weights": Weights()}, "leave out lesson.images, balance, weights and bags"),
        ({"bags": Bags(threshold=20)}, "leave out lesson.images, balance, weights and bags"),
        ({"balance": 100}, "leave out lesson.images, balance, weights and bags"),
    ],
)
def test_what_does_not_fit_is_refused(digits, change, words):
    with pytest.raises(LabError, match=words):
        Tails().tasks(spec_of(**change), digits)


def test_a_number_of_images_is_refused(digits):
    spec = spec_of()
    lesson = spec.lesson.model_copy(update={"images": 100})
    with pytest.raises(LabError, match="leave out lesson.images"):
        Tails().tasks(spec.model_copy(update={"lesson": lesson}), digits)
