"""Claims of spectrum on its printed numbers, as they are and tampered with, and on made-up records."""

import pytest
from helpers import NOISE, experiment_file, record, tamper

from lt_lib.lab.read import findings
from lt_lib.lab.read.claims import CANNOT, claims_table
from lt_lib.lab.read.published import published
from lt_lib.lab.record.records import Store
from lt_lib.lab.record.spec import load
from lt_lib.works.spectrum import EXPERIMENTS
from lt_lib.works.spectrum.claims import CLAIMS, KEYS, SAME_RECIPE, SIX_FIVE_TWO


@pytest.fixture(autouse=True)
def _files_are_read_once(monkeypatch):
    monkeypatch.setattr(findings, "load", experiment_file)


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
    return claims_table("spectrum", profile, data, given, **options).frame.set_index("id")


def on_records(claim, given):
    return CLAIMS[claim].on_records(findings.given(given, EXPERIMENTS, "paper", "real"))


def on_print(claim, facts):
    return CLAIMS[claim].on_print(published("spectrum", facts=facts))


@pytest.fixture(scope="module")
def tiles_printed():
    return tile_claims([])


# bands 6-5-2 suffice (SP4): what a band says is the simulator's choice
ON_TILES_OF_OUR_OWN = [CANNOT if k == 4 else "direction holds (stand-in)" for k in range(1, 8)]


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
            "fails",
            [
                "7 of 10",
                "T2.6: balanced accuracy +0.0050 over T2.4, F1 +0.0080 over T2.2, accuracy -0.0025 to T2.2",
                "T2.7, with AugMix: balanced accuracy +0.0027 over T2.4",
                "T1.6: balanced accuracy -0.0039 over T1.5, accuracy -0.0338 to T1.4",
                "T1.7: balanced accuracy +0.0176 over T1.5 (bands change too)",
                "accuracy -0.0189 to T1.4 (bands change too)",
            ],
        ),
        (
            "SP4",
            "holds",
            [
                "2 of 2",
                "+0.0215 (T1.7 less T1.6)",
                "+0.0004 (T2.2 less T2.1)",
                "SE of such a difference",
                "0.0081",
            ],
        ),
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
        ("SP1", "0.74", {"row": "T1.1", "metric": "balanced_acc"}, "fails"),
        ("SP2", "0.6405", {"row": "T1.2", "metric": "balanced_acc"}, "holds"),
        ("SP3", "0.1", {"row": "T2.6", "metric": "macro_f1"}, "fails"),
        ("SP4", "0.6469", {"row": "T2.2", "metric": "balanced_acc"}, "fails"),
        ("SP5", "0.6745", {"row": "T2.7", "metric": "balanced_acc"}, "fails"),
        ("SP6", "0.2116", {"row": "T1.9", "metric": "icv"}, "fails"),
        ("SP7", "0.4", {"row": "T2.4", "metric": "recall"}, "fails"),
    ],
)
def test_a_tampered_print_changes_the_verdict(claim, text, filters, verdict):
    assert on_print(claim, tamper(text, work="spectrum", **filters)).verdict == verdict


def test_bands_that_are_no_worse_suffice():
    level = tamper("0.6470", work="spectrum", row="T2.2", metric="balanced_acc")
    assert on_print("SP4", level).verdict == "holds"


def test_the_table_takes_facts():
    found = tile_claims([], facts=tamper("0.74", work="spectrum", row="T1.1", metric="balanced_acc"))
    assert found["printed_verdict"].tolist()[:2] == ["fails", "fails"]


def test_a_row_printed_right_is_not_unswapped():
    facts = tamper("0.6406", work="spectrum", row="T1.3", metric="balanced_acc")
    where = published("spectrum", row="T1.3", metric="icv", facts=facts).index
    facts.loc[where, ["text", "value"]] = ["0.2076", 0.2076]
    found = on_print("SP2", facts)
    assert found.verdict == "fails" and "-0.0061" in found.numbers
    assert "unswapped" not in found.numbers and "as printed" not in found.numbers


def test_keys_are_those_of_the_experiments():
    rows = [row for name in ("spectrum-table1", "spectrum-table2") for row in load(name).rows]
    assert {row.row: row.key for row in rows if not row.key.startswith("floor")} == KEYS
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
        ("SP3", "b4-652-ce-sampler", "balanced_accuracy", 0.1),
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
    assert "of 26 parts 26 hold, 0 fail (Holm, m = 26)" in found["SP3"]
    assert (
        "T1.7 (3 hold, 0 fail of 3): balanced accuracy +0.050 ± 0.000 over b4-652-ce-sampler, "
        "F1 +0.050 ± 0.000 over b4-652-ce-sampler, accuracy -0.001 ± 0.000 to T1.4 (bands change too)"
        in found["SP3"]
    )
    assert "F1 +0.015 ± 0.000 over T2.2" in found["SP3"] and "T2.1" not in found["SP3"]
    assert (
        "-0.160 ± 0.000 (T1.8 less b4-652-ce-sampler), -0.050 ± 0.000 (T1.9 less T1.7) at the same bands; "
        "as the table pairs them, bands change too: -0.350 ± 0.000 (T1.8 less T1.4)" in found["SP6"]
    )
    assert "recall +0.090 ± 0.000, +0.050 ± 0.000, +0.070 ± 0.000" in found["SP7"]


@pytest.mark.parametrize(
    ("claim", "key", "metric", "more"),
    [
        ("SP3", "r18-ce", "balanced_accuracy", 0.3),
        ("SP3", "b4-clr-ldam", "macro_f1", 0.021),
        ("SP6", "b4-ce", "icv_used", -0.4),
        ("SP6", "b4-swa-clr-ldam", "icv_used", -0.2),
    ],
)
def test_rows_on_other_bands_decide_nothing(claim, key, metric, more):
    assert on_records(claim, tile_records(change={(key, metric): more})).verdict == "holds"


def test_rows_on_three_bands_are_those_of_the_experiments():
    rows = [row for name in EXPERIMENTS for row in load(name).rows]
    three = {row.row for row in rows if row.row in KEYS and row.set["recipe"].get("bands") == [6, 5, 2]}
    assert three | {SAME_RECIPE} == SIX_FIVE_TWO


def test_a_class_never_predicted_has_no_precision():
    def with_undefined(seeds):
        given = tile_records()
        for r in given:
            if r.key == "r18-652-ce" and r.seed in seeds:
                r.per_class["precision"][3] = None
        return on_records("SP7", given)

    some = with_undefined({0})
    assert some.verdict == "holds" and "-0.100 and -0.100 (defined at 2 of 3 seeds)" in some.numbers
    none = with_undefined({0, 1, 2})
    assert none.verdict == "undecided" and "undefined" in none.numbers
    assert "of 6 parts 5 hold, 0 fail" in none.numbers


def test_counterfeits_need_the_same_recipe_without_them():
    found = tile_claims([r for r in tile_records() if r.key != SAME_RECIPE])
    assert found["verdict"].tolist() == ["holds"] * 2 + ["no record"] + ["holds"] * 2 + ["no record", "holds"]
    assert SAME_RECIPE in found.loc["SP6", "numbers"]


def test_the_badge_names_the_stand_ins_of_all_rows():
    kind = {"profile": "overnight", "data": "embedded"}
    found = tile_claims(tile_records(**kind), "overnight", "embedded")
    assert found["verdict"].tolist() == ON_TILES_OF_OUR_OWN
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
    monkeypatch.setattr("lt_lib.lab.read.evidence.evidence_dir", lambda: tmp_path)
    found = tile_claims(None, "overnight", "embedded")
    assert found["verdict"].tolist() == ON_TILES_OF_OUR_OWN
    assert claims_table("ee443", "overnight", "embedded").frame["verdict"].tolist()[:5] == ["no record"] * 5
    assert claims_table("spectrum").frame["behind"].str.contains("overnight · droughtsim").all()
    assert set(claims_table("spectrum", "laptop").frame["verdict"]) == {"no record"}


def test_an_experiment_without_the_data_has_no_records(tmp_path, monkeypatch):
    for r in tile_records(seeds=1, profile="overnight", data="embedded"):
        Store(tmp_path).write(r)
    monkeypatch.setattr("lt_lib.lab.read.evidence.evidence_dir", lambda: tmp_path)
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
