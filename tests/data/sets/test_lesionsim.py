"""LesionSim: the same bytes everywhere, the shares of ISIC 2017, and hard enough, but not too hard."""

import numpy as np
import pytest

from lt_lib import data
from lt_lib.data import DataError, registry
from lt_lib.data.sets import lesionsim


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    return tmp_path_factory.mktemp("store")


@pytest.fixture(scope="module")
def images(store):
    return data.load("lesionsim", store)


@pytest.fixture(scope="module")
def truth():
    return lesionsim.simulate("train", 150)


def test_content_is_pinned_and_stored(store, images):
    assert images.digest == lesionsim.DIGEST
    assert data.verify("lesionsim", store).state == "ready"
    assert images.splits == {"train": (1000, 64, 64, 3), "test": (600, 64, 64, 3), "val": (150, 64, 64, 3)}
    assert not np.array_equal(images.images("val"), images.images("test")[:150])


def test_shares_of_melanoma_are_those_of_isic_and_even(images):
    counts = {split: np.bincount(images.labels(split)).tolist() for split in images.splits}
    assert counts == {"train": [813, 187], "val": [120, 30], "test": [483, 117]}
    assert {split: tuple(each) for split, each in counts.items()} == registry.find("lesionsim").class_counts
    share = np.cumsum(images.labels("train")) / np.arange(1, 1001)
    assert (abs(share[99:] - 0.187) < 0.01).all()


def test_the_truth_is_that_of_the_stored_images(images, truth):
    assert np.array_equal(truth.images, images.images("train")[:150])
    assert np.array_equal(truth.labels, images.labels("train")[:150])
    few = lesionsim.simulate("train", 7)
    assert np.array_equal(few.images, truth.images[:7]) and np.array_equal(few.colour, truth.colour[:7])
    for name in lesionsim.ATTRIBUTES:
        values = getattr(truth, name)
        assert values.shape == (150,) and values.min() >= 0 and values.max() <= 1
        assert values[truth.labels == 1].mean() > values[truth.labels == 0].mean() + 0.1


def test_each_attribute_shows_in_the_image():
    """With all else equal, the number that grows is seen: in outline or colours."""

    def lesion(**changed):
        level = dict.fromkeys(lesionsim.ATTRIBUTES, 0.3) | changed
        draw = lesionsim.Draw([1])
        cover = lesionsim._outline(
            draw, *(np.full(50, level[a]) for a in ("asymmetry", "border", "diameter"))
        )
        pigment = lesionsim._pigment(draw, np.full(50, level["asymmetry"]), np.full(50, level["colour"]))
        return cover > 0.5, pigment

    def edge(inside):
        lines = (inside[:, 1:] != inside[:, :-1]).sum((1, 2)) + (inside[..., 1:] != inside[..., :-1]).sum(
            (1, 2)
        )
        return (lines**2 / inside.sum((1, 2))).mean()

    def turned_over(inside):
        """Share of the lesion that it does not cover when it is turned by half a turn."""
        half = np.rot90(inside, 2, (1, 2))
        return 1 - (half & inside).sum() / inside.sum()

    plain, brown = lesion()
    assert edge(lesion(border=0.8)[0]) > 1.3 * edge(plain)
    assert turned_over(lesion(asymmetry=0.9)[0]) > turned_over(plain)
    assert lesion(diameter=0.6)[0].sum() > 1.4 * plain.sum()
    assert lesion(colour=0.7)[1].std((1, 2)).mean() > 1.3 * brown.std((1, 2)).mean()


def test_lesions_are_darker_than_the_skin_around(truth):
    grey = truth.images.astype(float).mean(3)
    near = np.hypot(lesionsim._PLACE, lesionsim._PLACE[:, None]) < 0.8
    skin, lesion = (near & ~truth.inside), (near & truth.inside)
    darker = [g[s].mean() > g[le].mean() + 5 for g, s, le in zip(grey, skin, lesion, strict=True)]
    assert np.mean(darker) > 0.9


def test_nuisance_differs_from_image_to_image(truth):
    corners = truth.images[:, :3, :3].mean((1, 2, 3))
    assert 0.1 < (corners < 40).mean() < 0.4
    tone = truth.images[:, 26:38, :4].astype(float).mean((1, 2))
    assert tone.std(0).min() > 10


# ---- difficulty

FAR = np.hypot(*np.meshgrid(np.arange(31, -32, -2), np.arange(31, -32, -2))) / 32


def measured(image):
    """Asymmetry, border, size and colours of an image's lesion, (32, 32, 3), from its pixels alone."""
    from scipy import ndimage

    skin = np.median(image[(FAR > 0.6) & (image.mean(2) > 70)], 0)
    parts, _ = ndimage.label((np.sqrt(((image - skin) ** 2).sum(2)) > 28) & (FAR < 0.95) | (FAR < 0.05))
    weight = np.bincount(parts.ravel(), (1.2 - FAR).ravel())
    inside = ndimage.binary_fill_holes(parts == weight[1:].argmax() + 1)
    y, x = np.nonzero(inside)
    turned = [np.clip(np.rint(2 * at.mean() - at), 0, 31).astype(int) for at in (y, x)]
    edge = np.sum(inside[1:] != inside[:-1]) + np.sum(inside[:, 1:] != inside[:, :-1])
    colour = image[inside]
    spread = [*colour.std(0), (colour[:, 0] - colour[:, 2]).std()]
    return [1 - inside[*turned].mean(), np.log(edge**2 / len(x)), np.sqrt(len(x)), *np.log1p(spread)]


def test_simple_features_tell_most_but_not_all(images):
    from scipy import ndimage
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import roc_auc_score
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    def features(split):
        small = images.images(split)[:600].reshape(-1, 32, 2, 32, 2, 3).mean((2, 4))
        return [measured(image) for image in ndimage.median_filter(small, (1, 3, 3, 1))]  # without the hairs

    model = make_pipeline(StandardScaler(), LogisticRegression()).fit(
        features("train"), images.labels("train")[:600]
    )
    assert 0.75 < roc_auc_score(images.labels("test"), model.decision_function(features("test"))) < 0.85


def test_an_unknown_split():
    with pytest.raises(DataError, match="no split 'valid'; it has train, val, test"):
        lesionsim.simulate("valid")
