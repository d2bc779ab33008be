"""The network that a chapter looks at is the one that makes the copies of the runs."""

import pytest
import torch

from lt_lib import data
from lt_lib.lab import plan
from lt_lib.lab.train.topics import tasks
from lt_lib.sign import sensitivity
from lt_lib.works.sign import copies, maker


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LT_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield maker.trained("smoke", "embedded")


def test_it_is_trained_once_and_makes_the_copies_of_table_1(made, monkeypatch):
    monkeypatch.setattr(copies, "fit", lambda *_, **__: pytest.fail("trained again"))
    digits = data.load("digits8")
    spec = plan("sign-table1", "sign", "smoke", seeds=1)[0].spec
    (task,), _ = tasks(spec, digits)
    sets = copies.with_copies(task, digits, made.sets)
    few = 8
    x, labels = made.images(few)
    theirs = sets.train.view(3, made.sets.images, *x.shape[1:])[:, :few].float()
    assert (theirs[0] == x).all() and (labels == made.sets.labels[:few]).all()
    assert torch.allclose(made.change(x), theirs[1:], atol=1e-3)
    again = maker.trained("smoke", "embedded").net.state_dict()
    assert all((again[name] == value).all() for name, value in made.net.state_dict().items())


def test_options_of_the_copies_can_be_changed(made):
    x, _ = made.images(4)
    near, far = made.change(x, steps=(1, 4), reach=0.4)
    assert (near - x).abs().max() <= 0.1 + 1e-3 < (far - x).abs().max() <= 0.4 + 1e-3
    assert made.change(x).shape[0] == len(made.copies.steps) and made.copies.reach == 0.2


def test_images_of_each_class_and_of_the_test(made):
    first = made.one_of_each(4)
    for k, image in enumerate(first):
        assert (image == made.sets.train[made.sets.labels == k][0]).all()
    x, labels = made.images(3, "test")
    assert (x == made.sets.test[0][:3]).all() and (labels == made.sets.test[1][:3]).all()
    assert x.dtype == first.dtype == torch.float32


def test_features_have_a_sensitivity_and_answers_are_log_odds(made):
    x, _ = made.images(5)
    assert made.features(x).shape == (5, 64) and sensitivity(made.features, x).abs().sum() > 0
    p = made.net(made.sets.standard(x)).double().softmax(1)
    labels = torch.arange(5)
    own = p[labels, labels]
    assert torch.allclose(made.log_odds(x, labels), (own / (1 - own)).log(), atol=1e-4)
    assert (made.says(x) == p.argmax(1)).all()
    assert (made.log_odds(x, made.says(x)) >= made.log_odds(x, labels)).all()
