"""Claims on printed numbers, as they are and tampered with, and on made-up records whose verdicts can be
worked out by hand."""

import math

import pytest
from helpers import NOISE, RATIOS, experiment_file, record, records

from lt_lib import cli
from lt_lib.errors import LabError
from lt_lib.lab.read import claims, findings
from lt_lib.lab.read.claims import average_row, claims_table, strongest
from lt_lib.lab.read.published import published
from lt_lib.lab.read.report import estimate
from lt_lib.lab.record.records import Store
from lt_lib.lab.record.spec import load
from lt_lib.works.spectrum.claims import CLAIMS, EXPERIMENTS, KEYS, SAME_RECIPE


@pytest.fixture(autouse=True)
def _files_are_read_once(monkeypatch):
    monkeypatch.setattr(findings, "load", experiment_file)


def verdicts(given, profile="paper", data="real"):
    return claims_table(profile, data, given).frame.set_index("id")["verdict"]


@pytest.fixture(scope="module")
def printed():
    return claims_table("paper", "real", []).frame.set_index("id")


# --- on the printed numbers


def test_all_six_claims_in_order(printed):
    assert list(printed.index) == ["EE1", "EE2", "EE3", "EE4", "EE5", "EE6"]
    assert printed["claim"].str.len().min() > 10


@pytest.mark.parametrize(
    ("claim", "verdict", "numbers"),
    [
        ("EE1", "not printed", ["Fig 4"]),
        ("EE2", "holds in part", ["5 of 6", "-0.0094"]),
        ("EE3", "holds", ["0.0305", "0.0173"]),
        ("EE4", "holds", ["3 of 3", "+0.0213", "7.86 points", "printed 8"]),
        ("EE5", "holds in part", ["1 of 3", "+0.0013", "-0.0043", "-0.0086", "SE 0.0063"]),
        ("EE6", "fails", ["23 M", "1.05 of resnet50d's 22 M", "claimed 0.5"]),
    ],
)
def test_on_printed_numbers(printed, claim, verdict, numbers):
    assert printed.loc[claim, "printed_verdict"] == verdict
    for text in numbers:
        assert text in printed.loc[claim, "printed_numbers"]


# --- on records


def test_all_hold_where_all_is_true():
    found = verdicts(records())
    assert found[["EE1", "EE2", "EE3", "EE4", "EE5"]].tolist() == ["holds"] * 5


def test_counts_need_no_record(printed):
    assert printed.loc["EE6", "verdict"] == "fails"
    assert "22.2 M: 0.87 of resnet50d's 25.6 M" in printed.loc["EE6", "numbers"]
    assert "timm" in printed.loc["EE6", "behind"]


@pytest.mark.parametrize(
    ("claim", "change"),
    [
        ("EE1", {"ins-0.02": 0.1}),
        ("EE2", {"weighted-0.005": -0.05}),
        ("EE3", {f"bagging-{r}": 0.05 for r in RATIOS}),
        ("EE4", {"balancing-0.02": 0.2}),
        ("EE5", {"stacking-weighted-0.005": -0.05}),
    ],
)
def test_one_false_part_fails_its_claim(claim, change):
    assert verdicts(records(change=change))[claim] == "fails"


@pytest.mark.parametrize(
    ("claim", "key", "centre"),
    [
        ("EE1", "ins-0.02", 2 * math.sqrt(0.62 * 0.38 / 5000)),
        ("EE2", "balancing-0.1", -0.02),
        ("EE4", "stacking-weighted-0.1", -0.09),
        ("EE5", "stacking-weighted-0.1", -0.02),
    ],
)
def test_an_interval_over_the_threshold_is_undecided(claim, key, centre):
    noisy = {key: (centre + 0.01, centre - 0.01, centre)}
    assert verdicts(records(change=noisy))[claim] == "undecided"


def test_average_improvement_undecided():
    noisy = {f"stacking-{r}": (0.01, -0.05, -0.02) for r in RATIOS}
    assert verdicts(records(change=noisy))["EE3"] == "undecided"


def test_one_seed_decides_nothing():
    table = claims_table("paper", "real", records(seeds=1))
    frame = table.frame.set_index("id")
    assert frame["verdict"][["EE1", "EE2", "EE3", "EE4", "EE5"]].tolist() == ["undecided"] * 5
    assert (frame["n"][["EE1", "EE5"]] == 1).all()
    assert "nan" not in table._repr_html_().lower()


def test_no_records_at_all(printed):
    assert printed["verdict"].drop("EE6").tolist() == ["no record"] * 5
    assert (printed["n"] == 0).all()


def test_a_missing_row_is_named_and_the_other_claims_stand():
    given = [r for r in records() if r.key != "bagging-0.02"]
    frame = claims_table("paper", "real", given).frame.set_index("id")
    assert frame["verdict"].tolist()[:5] == ["holds", "holds", "no record", "no record", "holds"]
    assert "bagging-0.02" in frame.loc["EE3", "numbers"]


def test_seeds_are_paired():
    """Seeds that only one row has do not count; seeds in no common row leave nothing."""
    given = [r for r in records() if not (r.key.startswith("baseline") and r.seed == 2)]
    frame = claims_table("paper", "real", given).frame.set_index("id")
    assert frame.loc["EE2", "n"] == 2
    assert frame.loc["EE1", "n"] == 3
    apart = [r for r in records() if r.key.startswith("baseline") == (r.seed == 0)]
    frame = claims_table("paper", "real", apart).frame.set_index("id")
    assert frame.loc["EE2", ["verdict", "numbers"]].tolist() == [
        "no record",
        "its rows have no seed in common",
    ]


def test_other_profiles_data_and_variants_do_not_count():
    assert verdicts(records(), "laptop", "real")["EE2"] == "no record"
    printed_split = [record("bagging-0.1", s, 0.99, variant="as-printed") for s in range(3)]
    assert verdicts(records() + printed_split).equals(verdicts(records()))


@pytest.mark.parametrize(
    ("profile", "data", "word"),
    [("laptop", "embedded", "direction"), ("laptop", "real", "direction"), ("smoke", "real", "too small")],
)
def test_a_stand_in_is_called_one(profile, data, word):
    table = claims_table(profile, data, records(profile=profile, data=data))
    frame = table.frame.set_index("id")
    assert word in frame.loc["EE4", "scope"]
    assert word in table.caption
    assert "counted" in frame.loc["EE6", "scope"]
    # the badge of a stack names every stand-in
    assert "b0/b1/b2" in frame.loc["EE4", "behind"]


def test_paper_and_real_tests_the_claim_itself():
    table = claims_table("paper", "real", records())
    assert "the claim itself" in table.caption
    assert "stand-in" not in table._repr_html_()


def test_committed_records_are_found_by_spec(tmp_path, monkeypatch):
    """Fig 2's baseline has the spec of the results table's: one record on file serves both."""
    store = Store(tmp_path)
    for r in records():
        store.write(r)
    for seed in range(3):
        twin = record("ratio-0.02", seed, 0.60 + NOISE[seed], experiment="ee443-fig2")
        for path in tmp_path.glob(f"*/*/baseline-0.02--as-released--s{seed}*"):
            path.unlink()
        store.write(twin)
    monkeypatch.setattr(findings, "evidence_dir", lambda: tmp_path)
    frame = claims_table("paper", "real").frame.set_index("id")
    assert frame["verdict"].tolist()[:5] == ["holds"] * 5
    assert "stale" in frame.loc["EE2", "behind"]  # made-up digests
    assert claims_table("laptop", "real").frame["verdict"].tolist()[:5] == ["no record"] * 5


def test_html_escapes_and_shows_both_halves():
    page = claims_table("paper", "real", records())._repr_html_()
    assert page.count("<tr>") == 7
    assert "on the printed numbers" in page
    assert "on records" in page


def test_on_file_finds_the_record_of_another_experiment(tmp_path, monkeypatch):
    monkeypatch.setattr(findings, "evidence_dir", lambda: tmp_path)
    assert claims.on_file("ee443-results") == {}
    twin = record("ratio-0.02", 0, 0.60, experiment="ee443-fig2")
    Store(tmp_path).write(twin)
    assert claims.on_file("ee443-results") == {"baseline-0.02": [twin]}


# --- the average row


def test_average_row_recomputes_print_and_averages_records():
    frame = average_row(records()).frame.set_index("method")
    assert list(frame.index) == list(claims.METHODS)[1:]
    assert frame["printed"].tolist() == [0.024, 0.019, 0.015, 0.030, 0.079]
    assert frame["recomputed"].round(4).tolist() == [0.0253, 0.0187, 0.0173, 0.0305, 0.0786]
    assert frame["rounds"].tolist() == [False, True, False, True, True]
    assert frame.loc["Stacking / WL", "run"] == pytest.approx(0.12)
    assert frame.loc["Bagging / WL", "run"] == pytest.approx(0.01)
    assert (frame["run_n"] == 3).all()


def test_average_row_without_records(tmp_path, monkeypatch):
    monkeypatch.setattr(findings, "evidence_dir", lambda: tmp_path)
    table = average_row([])
    assert table.frame["run"].isna().all()
    assert (table.frame[["run_n", "evidence_n"]] == 0).all(axis=None)
    some = [r for r in records(seeds=1) if not r.key.startswith("stacking-weighted")]
    table = average_row(some)
    assert table.frame["run_n"].tolist() == [1, 1, 1, 1, 0]
    assert "nan" not in table._repr_html_().lower()


def test_average_row_takes_the_strongest_evidence(tmp_path, monkeypatch):
    store = Store(tmp_path)
    for r in records(profile="laptop", data="embedded") + records(seeds=2, profile="laptop", data="real"):
        store.write(r)
    monkeypatch.setattr(findings, "evidence_dir", lambda: tmp_path)
    frame = average_row([]).frame
    assert (frame["evidence_n"] == 2).all()


# --- parts


@pytest.mark.parametrize(
    ("values", "low", "high", "verdict"),
    [
        ((0.01, 0.012, 0.011), 0, math.inf, "holds"),
        ((-0.01, -0.012, -0.011), 0, math.inf, "fails"),
        ((0.01, -0.01, 0.001), 0, math.inf, "undecided"),
        ((0.01,), 0, math.inf, "undecided"),
        ((0.03, 0.031, 0.032), -0.01, 0.01, "fails"),
        ((0.001, 0.0012, 0.0011), -0.01, 0.01, "holds"),
        ((0.0, 0.0, 0.0), 0, math.inf, "undecided"),
    ],
)
def test_part(values, low, high, verdict):
    assert claims.Part(estimate(values), low, high).verdict == verdict


# --- spectrum, on its printed numbers

# accuracy, balanced accuracy, macro F1, ICV: everything the paper claims is true of these
TILES = {
    "r50-ce": (0.750, 0.600, 0.620, 0.40),
    "r50-ce-sampler": (0.720, 0.620, 0.620, 0.28),
    "r50-clr-ldam": (0.720, 0.660, 0.640, 0.20),
    "b4-ce": (0.760, 0.620, 0.630, 0.44),
    "b4-clr-ldam": (0.750, 0.670, 0.650, 0.22),
    "b4-swa-clr-ldam": (0.758, 0.690, 0.680, 0.21),
    "b4-652-swa-clr-ldam": (0.759, 0.700, 0.690, 0.20),
    "b4-gan-ce-sampler": (0.700, 0.680, 0.650, 0.09),
    "b4-gan-swa-clr-ldam": (0.750, 0.690, 0.670, 0.15),
    "b4-652-ce-sampler": (0.740, 0.650, 0.640, 0.25),
    "r18-ce": (0.750, 0.640, 0.650, 0.38),
    "r18-652-ce": (0.755, 0.645, 0.655, 0.38),
    "r18-652-augmix-ce": (0.750, 0.600, 0.630, 0.50),
    "r18-652-ldam": (0.720, 0.665, 0.640, 0.20),
    "r18-652-augmix-ldam": (0.700, 0.650, 0.620, 0.20),
    "r18-652-swa-clr-ldam": (0.757, 0.685, 0.670, 0.30),
    "r18-652-augmix-swa-clr-ldam": (0.756, 0.675, 0.672, 0.30),
}
NAMES = ("accuracy", "balanced_accuracy", "macro_f1", "icv_used")
BY_CLASS = {
    "r18-652-ce": {"recall": (0.90, 0.48, 0.55, 0.65), "precision": (0.84, 0.60, 0.60, 0.66)},
    "r18-652-ldam": {"recall": (0.78, 0.57, 0.60, 0.72), "precision": (0.90, 0.50, 0.51, 0.56)},
}
SP = [f"SP{i}" for i in range(1, 8)]


def tile_records(seeds=3, change=None, **kind):
    """Records of all rows of spectrum; `change` maps (key, metric) to a number, or one a seed, that is
    added."""
    change, found = change or {}, []
    for key, row in TILES.items():
        experiment = (
            "spectrum-variants"
            if key == SAME_RECIPE
            else f"spectrum-table{2 if key.startswith('r18') else 1}"
        )
        for seed in range(seeds):

            def more(metric, key=key, seed=seed):
                added = change.get((key, metric), 0.0)
                return NOISE[seed] + (added[seed] if isinstance(added, tuple) else added)

            metrics = {name: number + more(name) for name, number in zip(NAMES, row, strict=True)}
            by_class = {
                kind: [x + more(f"{kind}.{j}") for j, x in enumerate(values)]
                for kind, values in BY_CLASS.get(key, {}).items()
            }
            accuracy = metrics.pop("accuracy")
            where = {"variant": "as-printed", "metrics": metrics, "per_class": by_class}
            found.append(record(key, seed, accuracy, experiment, **where, **kind))
    return found


def tile_claims(given, profile="paper", data="real", **options):
    return claims_table(profile, data, given, work="spectrum", **options).frame.set_index("id")


def on_records(claim, given):
    return CLAIMS[claim][1](findings.given(given, EXPERIMENTS, "paper", "real"))


def on_paper(claim, facts):
    return CLAIMS[claim][0](published("spectrum", facts=facts))


def tamper(text, **filters):
    """The facts with another text printed at each number that matches."""
    changed = published()
    where = published("spectrum", **filters, facts=changed).index
    assert len(where) > 0
    changed.loc[where, "text"] = text
    changed.loc[where, "value"] = float(text)
    return changed


@pytest.fixture(scope="module")
def tiles_printed():
    return tile_claims([])


def test_all_seven_claims_in_order(tiles_printed):
    assert list(tiles_printed.index) == SP
    assert tiles_printed["verdict"].tolist() == ["no record"] * 7


@pytest.mark.parametrize(
    ("claim", "verdict", "numbers"),
    [
        (
            "SP1",
            "holds",
            ["5 of 5", "(0.05 needed) +0.1342 (T1.1)", "+0.1250 (T1.4)", "+0.1105 (T2.1)", "+0.1532 (T2.3)"],
        ),
        (
            "SP2",
            "fails",
            ["-0.0061 (T1.3 less T1.2)", "unswapped", "-0.4391 as printed", "-0.0234 (T1.9 less T1.8)"],
        ),
        (
            "SP3",
            "holds in part",
            [
                "7 of 10",
                "T2.6: balanced accuracy +0.0050 over T2.4, F1 +0.0080 over T2.2, accuracy -0.0025 to T2.2",
                "T2.7, with AugMix: balanced accuracy +0.0027 over T2.4",
                "T1.6: balanced accuracy -0.0039 over T1.5, accuracy -0.0338 to T1.4",
                "T1.7, whose bands change too: balanced accuracy +0.0176 over T1.5, accuracy -0.0189 to T1.4",
            ],
        ),
        ("SP4", "holds", ["2 of 2", "+0.0215 (T1.7 less T1.6)", "+0.0004 (T2.2 less T2.1)", "SE", "0.0057"]),
        ("SP5", "holds", ["3 of 3", "-0.0445 (T2.3", "-0.0198 (T2.5", "-0.0023 (T2.7"]),
        (
            "SP6",
            "holds",
            ["-0.3501 (T1.8 less T1.4)", "-0.0450 (T1.9 less T1.6)", "-0.0148 (T1.9 less T1.7)"],
        ),
        ("SP7", "holds", ["6 of 6", "recall +0.0947, +0.0478, +0.0620; precision -0.1104, -0.0818, -0.1057"]),
    ],
)
def test_spectrum_on_printed_numbers(tiles_printed, claim, verdict, numbers):
    assert tiles_printed.loc[claim, "printed_verdict"] == verdict
    assert [text for text in numbers if text not in tiles_printed.loc[claim, "printed_numbers"]] == []


@pytest.mark.parametrize(
    ("claim", "text", "filters", "verdict"),
    [
        ("SP1", "0.74", {"row": "T1.1", "metric": "balanced_acc"}, "holds in part"),
        ("SP2", "0.6405", {"row": "T1.2", "metric": "balanced_acc"}, "holds"),
        ("SP3", "0.1", {"row": "T2.6", "metric": "macro_f1"}, "holds in part"),
        ("SP4", "0.6469", {"row": "T2.2", "metric": "balanced_acc"}, "holds in part"),
        ("SP5", "0.6745", {"row": "T2.7", "metric": "balanced_acc"}, "holds in part"),
        ("SP6", "0.2116", {"row": "T1.9", "metric": "icv"}, "holds in part"),
        ("SP7", "0.4", {"row": "T2.4", "metric": "recall"}, "holds in part"),
    ],
)
def test_a_tampered_print_changes_the_verdict(claim, text, filters, verdict):
    assert on_paper(claim, tamper(text, **filters)).verdict == verdict


def test_bands_that_are_no_worse_suffice():
    level = tamper("0.6470", row="T2.2", metric="balanced_acc")
    assert on_paper("SP4", level).verdict == "holds"


def test_the_table_takes_facts():
    found = tile_claims([], facts=tamper("0.74", row="T1.1", metric="balanced_acc"))
    assert found["printed_verdict"].tolist()[:2] == ["holds in part", "fails"]


def test_a_row_printed_right_is_not_unswapped():
    facts = tamper("0.6406", row="T1.3", metric="balanced_acc")
    where = published("spectrum", row="T1.3", metric="icv", facts=facts).index
    facts.loc[where, ["text", "value"]] = ["0.2076", 0.2076]
    found = on_paper("SP2", facts)
    assert found.verdict == "fails" and "-0.0061" in found.numbers
    assert "unswapped" not in found.numbers and "as printed" not in found.numbers


# --- spectrum, on records


def test_keys_are_those_of_the_experiments():
    rows = {row.row: row.key for name in ("spectrum-table1", "spectrum-table2") for row in load(name).rows}
    assert rows == KEYS
    twin = load("spectrum-variants").select(SAME_RECIPE)[0].set["recipe"]
    assert twin | {"gan": {}} == load("spectrum-table1").select("T1.8")[0].set["recipe"]


def test_all_seven_hold_where_all_is_true():
    assert tile_claims(tile_records())["verdict"].tolist() == ["holds"] * 7


@pytest.mark.parametrize(
    ("claim", "key", "metric", "more"),
    [
        ("SP1", "r18-652-augmix-ce", "balanced_accuracy", 0.11),
        ("SP2", "r50-clr-ldam", "balanced_accuracy", -0.05),
        ("SP3", "r18-652-swa-clr-ldam", "macro_f1", -0.02),
        ("SP3", "r18-652-augmix-swa-clr-ldam", "balanced_accuracy", -0.02),
        ("SP3", "b4-swa-clr-ldam", "balanced_accuracy", -0.03),
        ("SP3", "b4-652-swa-clr-ldam", "accuracy", -0.02),
        ("SP3", "b4-652-swa-clr-ldam", "accuracy", 0.02),
        ("SP4", "b4-652-swa-clr-ldam", "balanced_accuracy", -0.02),
        ("SP5", "r18-652-augmix-swa-clr-ldam", "balanced_accuracy", 0.02),
        ("SP6", "b4-gan-swa-clr-ldam", "icv_used", 0.1),
        ("SP6", "b4-652-ce-sampler", "icv_used", -0.2),
        ("SP6", "b4-ce", "icv_used", -0.4),
        ("SP7", "r18-652-ldam", "recall.2", -0.1),
        ("SP7", "r18-652-ldam", "precision.3", 0.2),
    ],
)
def test_one_false_part_fails_a_claim_of_spectrum(claim, key, metric, more):
    assert on_records(claim, tile_records(change={(key, metric): more})).verdict == "fails"


@pytest.mark.parametrize(
    ("claim", "key", "metric", "centre"),
    [
        ("SP1", "r50-ce", "balanced_accuracy", 0.10),
        ("SP2", "r50-clr-ldam", "balanced_accuracy", -0.04),
        ("SP3", "b4-swa-clr-ldam", "accuracy", -0.008),
        ("SP4", "r18-652-ce", "balanced_accuracy", -0.005),
        ("SP5", "r18-652-augmix-ldam", "balanced_accuracy", 0.015),
        ("SP6", "b4-652-ce-sampler", "icv_used", -0.16),
        ("SP7", "r18-652-ldam", "recall.1", -0.09),
    ],
)
def test_an_interval_over_a_threshold_of_spectrum_is_undecided(claim, key, metric, centre):
    noisy = {(key, metric): (centre + 0.01, centre - 0.01, centre)}
    assert on_records(claim, tile_records(change=noisy)).verdict == "undecided"


def test_what_is_said_of_records():
    found = tile_claims(tile_records())["numbers"]
    assert "T1.7, whose bands change too, holds: balanced accuracy +0.030 ± 0.000 over T1.5" in found["SP3"]
    assert "F1 +0.015 ± 0.000 over T2.2" in found["SP3"]
    assert (
        "-0.160 ± 0.000 (T1.8 less b4-652-ce-sampler), -0.050 ± 0.000 (T1.9 less T1.7) at the same recipe"
        in found["SP6"]
    )
    assert "recall +0.090 ± 0.000, +0.050 ± 0.000, +0.070 ± 0.000" in found["SP7"]


def test_a_class_never_predicted_has_no_precision():
    def with_undefined(seeds):
        given = tile_records()
        for r in given:
            if r.key == "r18-652-ce" and r.seed in seeds:
                r.per_class["precision"][3] = None
        return on_records("SP7", given)

    some = with_undefined({0})
    assert some.verdict == "holds" and "-0.100 ± 0.000 (defined at 2 of 3 seeds)" in some.numbers
    none = with_undefined({0, 1, 2})
    assert none.verdict == "undecided" and "undefined" in none.numbers
    assert "of 6 parts 5 hold, 0 fail" in none.numbers


def test_counterfeits_need_the_same_recipe_without_them():
    found = tile_claims([r for r in tile_records() if r.key != SAME_RECIPE])
    assert found["verdict"].tolist() == ["holds"] * 5 + ["no record", "holds"]
    assert SAME_RECIPE in found.loc["SP6", "numbers"]


def test_the_badge_names_the_stand_ins_of_all_rows():
    kind = {"profile": "overnight", "data": "embedded"}
    found = tile_claims(tile_records(**kind), "overnight", "embedded")
    assert found["verdict"].tolist() == ["holds"] * 7
    networks = {
        "SP1": ("resnet50", "b4", "resnet18"),
        "SP2": ("resnet50",),
        "SP3": ("b4", "resnet18"),
        "SP7": ("resnet18",),
    }
    for claim, names in networks.items():
        behind = found.loc[claim, "behind"]
        assert "droughtsim" in behind and "stand-in" in behind and "n = 3" in behind
        assert {n for n in ("resnet50", "b4", "resnet18") if n in behind.split(" for ")[1]} == set(names)


def test_committed_overnight_records_are_found(tmp_path, monkeypatch):
    for r in tile_records(profile="overnight", data="embedded"):
        Store(tmp_path).write(r)
    monkeypatch.setattr(findings, "evidence_dir", lambda: tmp_path)
    assert tile_claims(None, "overnight", "embedded")["verdict"].tolist() == ["holds"] * 7
    assert claims_table("overnight", "embedded").frame["verdict"].tolist()[:5] == ["no record"] * 5
    assert strongest("spectrum") == ("overnight", "embedded")
    assert strongest("spectrum", profile="laptop") == ("laptop", "real")
    assert strongest("ee443") == ("laptop", "real")


def test_an_experiment_without_the_data_has_no_records(tmp_path, monkeypatch):
    for r in tile_records(seeds=1, profile="overnight", data="embedded"):
        Store(tmp_path).write(r)
    monkeypatch.setattr(findings, "evidence_dir", lambda: tmp_path)
    real_only = {"spectrum-table1": {"real": "droughtwatch"}}
    monkeypatch.setattr(
        findings,
        "load",
        lambda name: experiment_file(name).model_copy(
            update={"data": real_only.get(name, experiment_file(name).data)}
        ),
    )
    found = findings.committed(EXPERIMENTS, "overnight", "embedded")
    assert set(found) == {k for k in TILES if k[:3] == "r18"} | {SAME_RECIPE, "base"}  # base is what T2.6 ran


def test_one_stale_row_makes_the_badge_stale(monkeypatch):
    samples = findings.given(tile_records(), EXPERIMENTS, "paper", "real")
    for stale in ("r18-652-ldam", "r18-652-ce", None):
        monkeypatch.setattr(findings, "is_fresh", lambda r, stale=stale: r.key != stale)
        shown = findings.behind(samples, [0, 1, 2], ["r18-652-ldam", "r18-652-ce"])
        assert {r.key for r in shown} == {stale or "r18-652-ldam"}


# --- works and the command line


def test_an_unknown_work_is_named():
    with pytest.raises(LabError, match="no claims of 'spectrm' are tested; did you mean 'spectrum'"):
        claims_table(work="spectrm")
    with pytest.raises(
        LabError, match="no claims of 'sign' are tested; those of ee443, spectrum, lectures are"
    ):
        strongest("sign")


def test_claims_command_takes_a_work(monkeypatch, capsys):
    def lt(*words):
        monkeypatch.setattr("sys.argv", ["lt", "claims", *words])
        with pytest.raises(SystemExit) as stop:
            cli.main()
        return stop.value.code or 0, capsys.readouterr()

    code, shown = lt("spectrum", "--profile", "laptop", "--data", "embedded")
    assert code == 0 and "spectrum on laptop + embedded: its direction" in shown.out
    assert [name for name in SP if f"\n{name}  " not in shown.out] == [] and "EE1" not in shown.out
    code, shown = lt("spectrm")
    assert code == 1 and shown.err.startswith("error: ") and "did you mean 'spectrum'" in shown.err
    assert cli._complete_work("s") == ["spectrum"] and cli._complete_work("") == list(claims.WORKS)
