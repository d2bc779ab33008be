"""Public accuracies on old and new test sets: the facts, and what is computed from them."""

import matplotlib

matplotlib.use("Agg")

import numpy as np
import pandas as pd
import pytest
from helpers import texts
from scipy.stats import norm

from lt_lib import lab
from lt_lib.lab.read.published import printed
from lt_lib.lab.read.rounding import agrees
from lt_lib.works.lectures import recht


@pytest.fixture(scope="module")
def imagenet():
    return recht.accuracies("imagenet")


@pytest.fixture(scope="module")
def cifar():
    return recht.accuracies("cifar10")


@pytest.mark.parametrize(("testbed", "models"), [("imagenet", 65), ("cifar10", 30)])
def test_every_accuracy_is_a_count_of_its_images(testbed, models):
    table = recht.accuracies(testbed)
    assert (
        list(table.columns) == list(recht.TEST_SETS[testbed])
        and table.index.is_unique
        and len(table) == models
    )
    assert table.iloc[:, 0].is_monotonic_increasing
    for name, images in recht.TEST_SETS[testbed].items():
        counts = table[name] * images
        assert (counts - counts.round()).abs().max() < 0.0011  # six decimals of k / 2021


def test_top5_is_at_least_top1(imagenet):
    top5 = recht.accuracies("imagenet", "top5")
    assert (top5.loc[imagenet.index] > imagenet).all(axis=None)


@pytest.mark.parametrize("metric", ["top1", "top5"])
def test_the_best_model_is_as_printed(metric):
    best = 100 * recht.accuracies("imagenet", metric).iloc[-1]
    new = best["MatchedFrequency"]
    for name, ours in (("orig", best["val"]), ("new", new), ("drop", best["val"] - new)):
        assert agrees(printed(work="lectures", metric=f"imagenet_best_{metric}_{name}"), ours)


def test_drops_and_line_of_the_audit(imagenet):
    drops = recht.drops(imagenet)
    assert drops.mean().round(1).to_dict() == {
        "MatchedFrequency": 11.9,
        "Threshold0.7": 3.1,
        "TopImages": -2.2,
    }
    line = recht.fit(imagenet["val"], imagenet["MatchedFrequency"])
    assert (round(line.slope, 3), round(line.r, 3)) == (0.977, 0.992)


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        (["testbed,model,split", "cifar10,a,original"], "lacks the columns top1"),
        (
            ["testbed,model,split,top1", "cifar10,a,original,.5", "cifar10,a,original,.6"],
            "a on original twice",
        ),
        (["testbed,model,split,top1", "cifar10,a,original,.5"], "missing or not between"),
        (["testbed,model,split,top1", "imagenet,a,val,.5"], "missing or not between"),
    ],
)
def test_a_damaged_file_is_one_clear_error(tmp_path, lines, words):
    path = tmp_path / "facts.csv"
    path.write_text("\n".join(lines))
    with pytest.raises(ValueError, match=words):
        recht.accuracies("cifar10", path=path)


@pytest.mark.parametrize(
    ("testbed", "metric"), [("cifar100", "top1"), ("imagenet", "top3"), ("cifar10", "top5")]
)
def test_unknown_names_are_refused(testbed, metric):
    with pytest.raises(ValueError, match="no top5 for cifar10"):
        recht.accuracies(testbed, metric)


def test_one_shift_for_all_is_a_line_of_slope_one_in_probits():
    old = np.linspace(0.2, 0.95, 9)
    new = norm.cdf(norm.ppf(old) - 0.3)
    line = recht.fit(old, new, "probit")
    assert (line.slope, line.intercept, line.r) == pytest.approx((1, -0.3, 1))
    assert line(old) == pytest.approx(new)
    assert recht.fit(old[old > 0.6], new[old > 0.6]).slope > 1.05


def test_a_line_in_points_is_exact():
    line = recht.fit([0.2, 0.4, 0.6], [0.1, 0.25, 0.4])
    assert (line.slope, line.intercept) == pytest.approx((0.75, -0.05)) and line(0.8) == pytest.approx(0.55)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (([0.1, 0.2], [0.1, 0.2]), "at least 3"),
        (([0.1, 0.2, 0.3], [0.1, 0.2]), "equally long"),
        (([0.1, 0.2, np.nan], [0.1, 0.2, 0.3]), "finite"),
        (([0.1, 0.2, 0.3], [0.1, 0.2, 0.3], "logit"), "linear, probit"),
        (([0.1, 0.2, 1.0], [0.1, 0.2, 0.3], "probit"), "exclusive"),
    ],
)
def test_a_fit_refuses_what_it_cannot_use(arguments, words):
    with pytest.raises(ValueError, match=words):
        recht.fit(*arguments)


def test_rank_correlations_by_hand():
    old, new = [1, 2, 3, 4], [1, 3, 2, 4]  # one pair of six swapped
    assert recht.kendall(old, new) == pytest.approx(4 / 6)
    assert recht.spearman(old, new) == pytest.approx(1 - 6 * 2 / (4 * 15))


def test_families_hold_relatives_together(imagenet, cifar):
    kind = dict(zip(imagenet.index, recht.families(imagenet.index)))
    assert kind["resnet_v1_50_tf"] == kind["cafferesnet101"] == "ResNet" != kind["resnext101_32x4d"]
    assert kind["inceptionv3"] == kind["inception_resnet_v2_tf"] == kind["inceptionresnetv2"] == "Inception"
    assert (
        kind["se_resnext50_32x4d"] == kind["senet154"] and kind["nasnet_mobile_tf"] == kind["pnasnet5large"]
    )
    assert kind["fv_4k"] == "fv_4k"
    kind = dict(zip(cifar.index, recht.families(cifar.index)))
    assert kind["wide_resnet_tf"] == kind["wrn_28_10"] != kind["resnet_basic_32"]
    assert len(set(kind.values())) == 11


def test_an_interval_of_the_mean_is_as_theory_says():
    rng = np.random.default_rng(1)
    old, new = rng.normal(size=(2, 400))
    found = recht.bootstrap(lambda a, b: (a - b).mean(), old, new, resamples=2000)
    half = 1.96 * (old - new).std(ddof=1) / 20
    assert found.value == pytest.approx((old - new).mean())
    assert (found.high - found.value, found.value - found.low) == pytest.approx((half, half), rel=0.1)


def test_relatives_drawn_together_widen_the_interval():
    rng = np.random.default_rng(2)
    old = np.repeat(rng.normal(size=40), 25)  # forty families of equals
    widths = [
        np.ptp([i.low, i.high])
        for groups in (None, np.repeat(np.arange(40), 25))
        for i in [recht.bootstrap(lambda a, b: a.mean(), old, old + 1, groups, resamples=500)]
    ]
    assert 4 < widths[1] / widths[0] < 6


def test_the_bootstrap_repeats_itself_and_skips_undefined_draws():
    old, new = [0.1, 0.2, 0.3], [0.1, 0.3, 0.2]
    first, second = (recht.bootstrap(recht.kendall, old, new, resamples=200) for _ in range(2))
    assert first == second and np.isfinite([first.low, first.high]).all()
    assert str(first) == f"{first.value:.3f} [{first.low:.3f}, {first.high:.3f}]"


@pytest.mark.parametrize(("groups", "resamples"), [([0, 0, 1, 1], 10), ([0, 1, 2], 10), (None, 0)])
def test_a_bootstrap_of_nothing_is_refused(groups, resamples):
    with pytest.raises(ValueError, match="groups"):
        recht.bootstrap(recht.kendall, [1, 2, 3, 4], [1, 2, 3, 5], groups, resamples)


def test_a_bootstrap_of_equals_is_refused():
    with pytest.raises(ValueError, match="one accuracy"):
        recht.bootstrap(recht.kendall, [1, 1, 1], [1, 2, 3], resamples=5)


def test_swaps_are_counted_and_judged():
    old, new = (
        [0.5, 0.6, 0.7, 0.7],
        [0.6, 0.5, 0.8, 0.9],
    )  # first two swap; the last two are equal on the old set
    assert recht.swaps(old, new, 10_000, 10_000) == {"pairs": 5, "swapped": 1, "clear": 1}
    assert recht.swaps(old, new, 10_000, 100) == {"pairs": 5, "swapped": 1, "clear": 0}


def test_no_two_models_clearly_change_places(imagenet, cifar):
    for testbed, table in (("imagenet", imagenet), ("cifar10", cifar)):
        size, old = recht.TEST_SETS[testbed], table.columns[0]
        for new in table.columns[1:]:
            found = recht.swaps(table[old], table[new], size[old], size[new])
            assert found["swapped"] > 0 and found["clear"] == 0


def test_the_scatter_shows_every_model_and_its_line(imagenet):
    pair = imagenet["val"], imagenet["TopImages"]
    drawn = lab.figure("recht-scatter", {"V2 TopImages": pair, "again": pair})
    ax = drawn.axes[0]
    assert drawn.get_size_inches()[0] <= 5.6
    assert any(
        np.allclose(line.get_xydata(), 100 * np.c_[pair]) for line in ax.lines if len(line.get_xdata()) == 65
    )
    assert any("slope 1.01" in t and "-2.2" in t for t in texts(drawn))


def test_the_dashed_curve_is_exact_for_one_shift():
    old = np.linspace(0.55, 0.9, 20)
    drawn = lab.figure("recht-drops", {"made": (old, norm.cdf(norm.ppf(old) - 0.25))})
    curve, points = drawn.axes[0].lines[:2]
    assert np.interp(points.get_xdata(), *curve.get_data()) == pytest.approx(points.get_ydata(), abs=1e-2)


def test_rank_intervals_are_drawn_where_they_lie():
    ways = {
        "models": recht.Interval(0.9, 0.8, 0.95, np.array([0.9])),
        "families": recht.Interval(0.9, 0.7, 0.97, np.array([0.9])),
    }
    ax = lab.figure("recht-ranks", {"tau": {"one set": ways}}).axes[0]
    ends = [tuple(line.get_xdata()) for line in ax.lines if len(line.get_xdata()) == 2]
    assert ends == [(0.8, 0.95), (0.7, 0.97)]


def test_the_footer_names_the_file():
    frame = recht.provenance().frame
    assert (
        isinstance(frame, pd.DataFrame) and set(frame["file"]) == {"recht_accuracies.csv"} and len(frame) == 3
    )
