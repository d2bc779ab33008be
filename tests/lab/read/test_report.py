"""Intervals, badges, verdicts, tables."""

import math

import helpers
import numpy as np
import pandas as pd
import pytest
from bs4 import BeautifulSoup
from scipy import stats

from lt_lib.errors import LabError
from lt_lib.lab import Store, compare, difference, estimate, load, run, selections, sheet, verdict
from lt_lib.lab.read import report
from lt_lib.lab.read.badges import badge
from lt_lib.lab.read.estimates import OVER_SEEDS, in_words, paired
from lt_lib.lab.read.report import Table, provenance
from lt_lib.lab.read.rounding import plus_minus
from lt_lib.lab.read.verdicts import as_published, sampling_variance
from lt_lib.lab.record.records import Record
from lt_lib.lab.record.spec import resolve
from lt_lib.metrics import report_from_confusion


def record(
    seed, accuracy, profile="paper", data="real", key="ratio-0.1", experiment="ee443-fig2", stand_ins=False
):
    loaded = load(experiment)
    row = loaded.select(key)[0]
    spec = resolve(loaded, row, "as-released", profile, data, seed)
    if (profile, data) == ("paper", "real") and not stand_ins:
        spec = helpers.by_the_printed_networks(spec)
    values = {"accuracy": accuracy, "member_accuracy": [accuracy], "epochs": [1]}
    return Record(
        id=f"sha256:{seed:064d}",
        experiment=experiment,
        row=row.row,
        key=key,
        variant="as-released",
        profile=profile,
        data=data,
        seed=seed,
        spec=spec,
        digests={"spec": "sha256:0", "data": "sha256:0", "code": "ast:0"},
        env={"device": "CPU"},
        metrics={s: values for s in ("last", "best_on_val", "best_on_test")},
        per_class={"recall": [accuracy]},
        confusion=[[5000]],
        history={"learners": []},
        sizes={},
        wall_s=1.0,
    )


def test_estimate_is_the_t_interval():
    values = [0.70, 0.72, 0.71, 0.74, 0.69]
    low, high = stats.t.interval(0.95, 4, np.mean(values), stats.sem(values))
    est = estimate(values)
    assert (est.mean - est.half, est.mean + est.half) == pytest.approx((low, high))
    assert estimate([0.5]).half is None and str(estimate([0.5])) == "0.500"


def test_difference_is_paired_over_shared_seeds():
    first = [record(s, a) for s, a in ((0, 0.7), (1, 0.8), (2, 0.9))]
    second = [record(s, a) for s, a in ((2, 0.85), (0, 0.68))]
    assert difference(first, second).n == 2
    assert difference(first, second).mean == pytest.approx(0.035)


@pytest.mark.parametrize(
    ("value", "records", "expected"),
    [
        (0.7296, [record(s, a) for s, a in enumerate((0.73, 0.72, 0.735, 0.74))], "agrees"),
        (0.7296, [record(s, a) for s, a in enumerate((0.60, 0.61, 0.605, 0.602))], "differs"),
        (0.7296, [record(0, 0.73)], "one run: no interval"),
        (0.7296, [record(s, 0.73, data="embedded") for s in range(4)], "not comparable"),
        (0.7296, [record(s, 0.73, profile="laptop") for s in range(4)], "not comparable"),
        (0.7296, [], "not run"),
        (None, [record(0, 0.5)], "nothing published"),
    ],
)
def test_only_paper_and_real_is_judged(value, records, expected):
    assert verdict(value, records) == expected


def test_a_network_that_stands_in_is_called_one_by_every_verdict():
    near, far = (
        [record(s, a + d, stand_ins=True) for s, d in enumerate((0, 0.01, 0.005))] for a in (0.725, 0.6)
    )
    assert verdict(0.7296, near) == "agrees (stand-in)" and verdict(0.7296, far) == "differs (stand-in)"
    printed = [record(s, 0.725 + d) for s, d in ((3, 0.0), (4, 0.01))]
    assert verdict(0.7296, [*printed, *near]) == "agrees (stand-in)"
    assert as_published(printed) and not as_published(near) and not as_published([*printed, *near])
    assert "paper · real · tf_efficientnet_lite0 for b0 · n = 3" in badge(near)
    page = compare(near)._repr_html_()
    assert '<span class="lt-verdict lt-agrees">agrees (stand-in)</span>' in page
    marked = sheet(far, {"accuracy": "accuracy"})._repr_html_()
    assert '<span class="lt-verdict lt-differs">differs (stand-in)</span>' in marked


def test_the_scoreboard_counts_stand_ins_apart(monkeypatch):
    runs = [record(s, a, stand_ins=True) for s, a in enumerate((0.73, 0.72, 0.735))]
    shown = {"ratio-0.1": runs, "ratio-0.02": runs}
    monkeypatch.setattr(report, "experiments", lambda: ["ee443-fig2"])
    monkeypatch.setattr(report, "best_evidence", lambda experiment, row, *_: shown.get(row.key, []))
    table = report.scoreboard()
    assert [table.rows[0][name] for name in ("published numbers", "agree", "differ")] == [4, 0, 0]
    assert table.rows[0]["by a stand-in network"] == "1 agree, 1 differ"
    assert table.rows[0]["no record yet"] == 2


def test_prediction_interval_is_wider_than_the_interval_of_the_mean():
    runs = [record(s, a) for s, a in enumerate((0.70, 0.72, 0.71, 0.73))]
    est = estimate(r.metric() for r in runs)
    just_outside_mean, half = est.mean + 1.5 * est.half, est.half * math.sqrt(5)
    assert verdict(just_outside_mean, runs) == "agrees"
    no_images = [r.model_copy(update={"confusion": []}) for r in runs]
    assert verdict(est.mean + 0.99 * half, no_images) == "agrees"
    assert verdict(est.mean + 1.01 * half, no_images) == "differs"


def test_the_test_images_of_both_sides_widen_the_prediction_interval():
    runs = [record(s, a) for s, a in enumerate((0.70, 0.72, 0.71, 0.73))]
    est = estimate(r.metric() for r in runs)
    seeds = est.half * math.sqrt(5)
    at = est.mean + 1.01 * seeds
    images = 1.96 * math.sqrt(
        np.mean([r.metric() * (1 - r.metric()) for r in runs]) / 5000 + at * (1 - at) / 5000
    )
    assert verdict(at, runs) == "agrees"
    both = math.hypot(seeds, images)
    assert verdict(est.mean + 0.998 * both, runs) == "agrees"
    assert verdict(est.mean + 1.002 * both, runs) == "differs"


def judged(matrix):
    return record(0, 0.5).model_copy(update={"confusion": matrix})


@pytest.mark.parametrize("metric", ["balanced_accuracy", "macro_f1", "icv_used", "recall.1", "precision.0"])
def test_sampling_variance_is_what_other_test_sets_would_show(metric):
    matrix = np.array([[700, 80, 20], [60, 220, 30], [30, 40, 120]])
    rng, (kind, _, label) = np.random.default_rng(0), metric.partition(".")
    drawn = rng.multinomial(matrix.sum(), matrix.ravel() / matrix.sum(), size=2000).reshape(-1, 3, 3)
    found = [report_from_confusion(m)[kind] for m in drawn]
    spread = np.std([value[int(label)] if label else value for value in found])
    assert sampling_variance(judged(matrix.tolist()), metric) ** 0.5 == pytest.approx(spread, rel=0.08)


def test_sampling_variance_of_what_no_confusion_matrix_defines():
    one_class_never_predicted = judged([[9, 0], [1, 0]])
    assert sampling_variance(judged([[9, 1], [1, 9]]), "ece") == 0
    assert sampling_variance(judged([]), "balanced_accuracy") == 0
    assert sampling_variance(one_class_never_predicted, "precision.1") == 0
    assert sampling_variance(judged([[1]]), "macro_f1") == 0


def test_a_metric_that_a_run_leaves_undefined_is_not_judged():
    runs = [
        record(s, 0.7).model_copy(update={"per_class": {"precision": [0.7, p]}})
        for s, p in enumerate((0.5, None, 0.6))
    ]
    assert verdict(0.55, runs, "precision.1") == "undefined"


def test_badge_names_the_stand_ins():
    text = badge([record(0, 0.5, "laptop", "embedded")])
    assert (
        "digits50 (stand-in)" in text
        and "test_efficientnet for b0" in text
        and "n = 1" in text
        and "stale" in text
    )
    assert "stand-in" not in badge([record(0, 0.5, "paper", "real")])


def test_a_floor_stands_in_for_no_network():
    floor, net = (
        helpers.record(key, 0, 0.5, "spectrum-table2", "overnight", "embedded", "as-printed")
        for key in ("floor", "r18-ce")
    )
    assert " for " not in badge([floor])
    assert "resnet18 for resnet18" in badge([floor, net]) and "moments" not in badge([floor, net])


def test_badge_of_several_lines_says_which_rest_on_fewer_seeds():
    five, three = ([record(s, 0.5) for s in range(n)] for n in (5, 3))
    assert "n = 5 ·" in badge({"a": five, "b": five})
    assert "n = 5, but 3 for b; d ·" in badge({"a": five, "b": three, "c": five, "d": three, "e": five})
    mixed = badge({"a": five, "b": [record(0, 0.5, "laptop", "embedded")]})
    assert mixed.startswith("paper · real · n = 5") and "; laptop · digits50 (stand-in)" in mixed
    assert badge({"a": []}) == badge([]) == "no record"


def test_a_difference_rests_on_the_seeds_that_both_sides_have():
    first, second = [record(s, 0.5) for s in (0, 1, 2)], [record(s, 0.4) for s in (2, 0)]
    behind = paired(first, second)
    assert [r.seed for r in behind] == [0, 2, 2, 0]
    assert "n = 2" in badge(behind)
    others = [record(0, 0.5, "laptop", "embedded")]
    assert paired(first, others) == []
    with pytest.raises(LabError):
        difference(first, others)


@pytest.mark.parametrize(
    ("gaps", "said"),
    [
        ([0.1, 0.11, 0.12], "A is 0.110 ± 0.025 above B (n = 3 pairs)"),
        ([-0.1, -0.11, -0.12], "A is 0.110 ± 0.025 below B (n = 3 pairs)"),
        ([-0.1, 0.1], "A cannot be told from B, -0.100 and +0.100 (n = 2 pairs)"),
        ([0.1, 0.101], "A is above B, by +0.100 and +0.101 (n = 2 pairs)"),
        ([0.1], "A is 0.100 above B (one pair, no interval)"),
    ],
)
def test_a_difference_in_words(gaps, said):
    assert in_words("A", "B", estimate(gaps)) == said


def test_compare_shows_published_and_this_run(lab_env, tmp_path, monkeypatch):
    monkeypatch.setattr("lt_lib.lab.read.evidence.evidence_dir", lambda: tmp_path)
    table = compare([record(s, a) for s, a in enumerate((0.60, 0.61))])
    row = table.frame.iloc[0]
    assert row["published"] == 0.7296 and row["run"] == pytest.approx(0.605) and row["verdict"] == "differs"
    line = BeautifulSoup(table._repr_html_(), "html.parser").select("tbody tr")[0]
    cells = [cell.text for cell in line.select("td")]
    assert cells == ["0.7296", "0.600 and 0.610", "-0.12", "differs"] and line.select(".lt-differs")
    assert row["difference"] == pytest.approx(0.605 - 0.7296)
    stand_in = compare([record(0, 0.6, "laptop", "embedded")]).frame.iloc[0]
    assert stand_in["verdict"] == "not comparable"
    assert "last epoch" in selections([record(0, 0.6)])._repr_html_()
    assert all(OVER_SEEDS in shown.caption for shown in (table, selections([record(0, 0.6)])))
    assert "CPU" in provenance([record(0, 0.6)])._repr_html_()


def test_evidence_stands_beside_print_and_this_run_beneath(lab_env, tmp_path, monkeypatch):
    """Its badge once in the caption, and at a row only where it is another; what is not printed has no
    columns."""
    monkeypatch.setattr("lt_lib.lab.read.evidence.evidence_dir", lambda: tmp_path)
    monkeypatch.setattr("lt_lib.lab.read.badges.is_fresh", lambda record: True)
    monkeypatch.setattr("lt_lib.lab.read.evidence.is_fresh", lambda record: True)
    store = Store(tmp_path)
    for key, seeds in (("ratio-0.1", 3), ("ratio-0.02", 3), ("ratio-0.005", 2)):
        for seed in range(seeds):
            more = {"metrics": {"ece": 0.1}, "stand_ins": True}
            store.write(helpers.record(key, seed, 0.7 + seed / 100, "ee443-fig2", **more))
    keys = ("ratio-0.1", "ratio-0.02", "ratio-0.005")
    small = {"profile": "laptop", "data": "embedded", "metrics": {"ece": 0.1}}
    now = [helpers.record(key, 0, 0.6, "ee443-fig2", **small) for key in keys]
    now = [made.model_copy(update={"id": f"sha256:now{i}"}) for i, made in enumerate(now)]
    table = compare(now)
    assert "Ours: paper · real" in table.caption and "n = 3" in table.caption
    shown, folded = BeautifulSoup(table._repr_html_(), "html.parser").children
    badges = [len(line.select(".lt-badge")) for line in shown.select("tbody tr")]
    assert badges == [0, 0, 1] and "n = 2" in shown.select(".lt-badge")[0].text
    assert folded.summary.text.startswith("This run: laptop · digits50 (stand-in)")
    assert [cell.text for cell in folded.select("td")] == ["0.600"] * 3
    ours = compare([r for r in store.all() if r.key == keys[0]])
    assert ours.folded is None, "this run is what is shown"
    assert list(compare(now[2:], "ece").rows[0]) == ["", "ours"], "no number is printed"


@pytest.mark.parametrize(
    ("mean", "half", "said"),
    [
        (0.6123, 0.0143, "0.612 ± 0.014"),
        (0.6123, 0.0087, "0.612 ± 0.009"),
        (-1356.7, 321.5, "-1360 ± 320"),
        (0.61234, 0.00021, "0.6123 ± 0.0002"),
        (0.343, 2.554, "0.3 ± 2.6"),
        (0.7, None, "0.700"),
        (97.0, None, "97.0"),
        (0.5, 0.0, "0.500 ± 0.000"),
        (math.nan, math.nan, "undefined"),
    ],
)
def test_digits_follow_the_interval(mean, half, said):
    assert plus_minus(mean, half) == said


def test_of_two_seeds_both_are_said():
    assert str(estimate([0.71, 0.74])) == "0.710 and 0.740"


def test_the_footer_tells_committed_evidence_and_this_run_apart(tmp_path, monkeypatch):
    monkeypatch.setattr("lt_lib.lab.read.evidence.evidence_dir", lambda: tmp_path)
    for seed, day in enumerate(("2026-11-01", "2026-11-03")):
        filed = helpers.record("ratio-0.1", seed, 0.7, "ee443-fig2", stand_ins=True)
        env = {"device": "CPU", "processor": "a<b", "date": day, "commit": f"c{seed}", "dtype": "bf16"}
        Store(tmp_path).write(filed.model_copy(update={"env": env, "wall_s": 5400.0}))
    table = provenance([helpers.record("ratio-0.1", 0, 0.6, "ee443-fig2", "laptop", "embedded")])
    filed, now = table.rows
    assert filed[""] == "committed evidence<br>ee443-fig2"
    assert filed["records"] == "2 of paper + real, 2026-11-01 to 2026-11-03"
    assert filed["made"] == "in 3.0 h on a&lt;b (bf16)" and filed["commit"] == "c0, c1"
    assert now[""] == "this run<br>ee443-fig2" and now["records"] == "1 of laptop + embedded, ?"


def test_many_columns_stand_below_each_other_and_lines_may_be_columns():
    lines = [{"": "a", "source": "ours", **{f"m{i}": f"{i}" for i in range(6)}}]
    page = BeautifulSoup(Table(pd.DataFrame(), lines, "said once", across=4)._repr_html_(), "html.parser")
    heads = [[cell.text for cell in table.select("thead th")] for table in page.select("table")]
    assert heads == [["", "source", "m0", "m1", "m2"], ["", "source", "m3", "m4", "m5"]]
    assert [len(page.select(tag)) for tag in ("caption", "table")] == [1, 2]
    mark = '<span class="lt-badge">b</span>'
    second = {"": "", "source": f"print<br>{mark}", **{f"m{i}": "–" for i in range(6)}}
    turned = Table(pd.DataFrame(), [*lines, second], "said").transposed()
    assert turned.rows[0] == {"": "m0", "a, ours": "0", "a, print": "–"}
    assert turned.rows[-1] == {"": "behind it", "a, ours": "", "a, print": mark}


def test_machines_behind_the_records_by_wall_time(monkeypatch):
    def made(seed, wall, **env):
        return record(seed, 0.5).model_copy(update={"wall_s": wall, "env": env})

    old, new = (
        {"device": "CPU", "cores": 2},
        {"device": "CPU", "processor": "a<b", "memory": "24 GiB", "cores": 1},
    )
    card = {"device": "some card", "processor": "a<b", "memory": "80 GiB", "cores": 8}
    runs = [made(0, 60.0, **old), made(1, 1800.0, **new), made(2, 3600.0, **new), made(3, 7200.0, **card)]
    monkeypatch.setattr(report, "evidence", lambda: runs)
    found = [list(line.values()) for line in report.hardware().rows]
    assert found == [
        ["some card", "80 GiB", 8, 1, "2.0", "120 min"],
        ["a&lt;b", "24 GiB", 1, 2, "1.5", "60 min"],
        ["a CPU, not noted", "not noted", 2, 1, "0.0", "1 min"],
    ]


def test_stale_committed_records_are_never_shown_as_fresh(lab_env, experiment_file):
    fresh = run(load(experiment_file), rows="plain", profile="smoke", seeds=1)[0]
    assert "stale" not in badge([fresh])
    changed = fresh.model_copy(update={"digests": {**fresh.digests, "code": "ast:" + "0" * 64}})
    assert badge([changed]).endswith("stale")


def test_records_survive_a_round_trip(lab_env, experiment_file):
    made = run(load(experiment_file), rows="bagged", profile="smoke", seeds=1)[0]
    read = Store(lab_env).all()[0]
    assert read.id == made.id and read.spec == made.spec
    assert read.metrics == made.metrics
