"""Claims of sign on its printed numbers, as they are and tampered with, and on made-up records."""

from itertools import product

import pytest
from helpers import NOISE, experiment_file, record, tamper

from lt_lib.lab.read import findings
from lt_lib.lab.read.claims import claims_table
from lt_lib.lab.read.published import published
from lt_lib.lab.record.records import Store
from lt_lib.lab.record.spec import PROFILES
from lt_lib.works.sign import EXPERIMENTS
from lt_lib.works.sign.claims import CLAIMS, PRINTED

SG = [f"SG{i}" for i in range(1, 12)]
# measures of the rows: everything the paper claims is true of these
MEASURES = ("accuracy", "gauss_accuracy", "pixels_accuracy", "variance_ratio", "silhouette")
IMAGES = {
    "classical": (0.80, 0.60, 0.60, 1.0, 0.20),
    "mixup": (0.82, 0.63, 0.61, 1.2, 0.10),
    "sign": (0.85, 0.70, 0.70, 0.7, 0.30),
    "deepaugment": (0.86, 0.78, 0.83, 0.9, 0.20),
    "deepaugment-sign": (0.88, 0.82, 0.86, 0.8, 0.25),
}
SECOND_HEAD = {  # doubtful right answers, mean probability of right ones, accuracy on strange images
    "classical-doubt": (200, 0.90, 0.50),
    "mixup-doubt": (300, 0.80, 0.45),
    "sign-doubt": (100, 0.95, 0.55),
}


def sign_records(seeds=3, change=None, **kind):
    """Records of all rows that a claim rests on; `change` maps (key, measure) to a number, or one a seed,
    that is added."""
    change, found = change or {}, []
    cells = {key: ("sign-table1", dict(zip(MEASURES, row, strict=True))) for key, row in IMAGES.items()}
    for key, (count, p, strange) in SECOND_HEAD.items():
        measures = {"accuracy": 0.8, "doubt_count": count, "p_right": p, "strange_accuracy": strange}
        cells[key] = ("sign-table2", measures)
    cells["nasnet-classical"] = ("sign-table4", {"accuracy": 0.80})
    cells["nasnet-transfer"] = ("sign-table4", {"accuracy": 0.84})
    cells["delta"] = ("sign-delta", {"accuracy": 0.40})
    for key, area in (("lesions-plain", 0.76), ("lesions-sign", 0.79)):
        cells[key] = ("sign-lesions", {"accuracy": 0.8, "auc": area, "val_auc": area})
    for key, (experiment, row) in cells.items():
        for seed in range(seeds):

            def more(measure, key=key, seed=seed):
                added = change.get((key, measure), 0.0)
                return NOISE[seed] + (added[seed] if isinstance(added, tuple) else added)

            measures = {name: number + more(name) for name, number in row.items()}
            found.append(record(key, seed, measures.pop("accuracy"), experiment, metrics=measures, **kind))
    return found


def sign_claims(given, profile="paper", data="real"):
    return claims_table("sign", profile, data, given).frame.set_index("id")


def on_records(claim, given):
    return CLAIMS[claim].on_records(findings.given(given, EXPERIMENTS, "paper", "real"))


def on_print(claim, facts):
    return CLAIMS[claim].on_print(published("sign", facts=facts))


@pytest.fixture(autouse=True)
def _files_are_read_once(monkeypatch):
    monkeypatch.setattr(findings, "load", experiment_file)


@pytest.fixture(scope="module")
def sign_printed():
    return sign_claims([])


def test_all_eleven_claims_in_order(sign_printed):
    assert list(sign_printed.index) == SG == list(CLAIMS)
    assert set(sign_printed["verdict"]) == {"no record"}


@pytest.mark.parametrize(
    ("claim", "verdict", "numbers"),
    [
        (
            "SG1",
            "holds",
            ["3 of 3", "+0.0053, z 1.08 (sign less mixup)", "+0.0087, z 1.77", "+0.0034, z 0.69"],
        ),
        ("SG2", "holds", ["+0.0043, z 0.90 (deepaugment-sign less deepaugment)"]),
        ("SG3", "holds", ["+0.4620 (delta)", "0.2 needed"]),
        ("SG4", "holds", ["3 of 3", "-186 (sign-doubt less classical-doubt)", "-337", "-151"]),
        ("SG5", "holds", ["2 of 2", "0.1 (mixup), 0.26 (classical), 0.33 (SIGN)", "mean is not printed"]),
        ("SG6", "holds", ["3 of 3", "-0.0483 (sign less classical)", "-0.0479", "-0.0062"]),
        ("SG7", "fails", ["2 of 3", "+0.0069 (sign less classical)", "-0.0667", "-0.0075"]),
        ("SG8", "holds", ["3 of 3", "+0.0280, z 1.01", "+0.0731, z 2.62", "+0.0451, z 1.62"]),
        ("SG9", "holds", ["+0.0393, z 7.37"]),
        ("SG10", "holds", ["2 of 2", "+0.0498 on validation images, +0.0176 on test images"]),
        ("SG11", "not printed", ["Fig 5"]),
    ],
)
def test_on_printed_numbers(sign_printed, claim, verdict, numbers):
    assert sign_printed.loc[claim, "printed_verdict"] == verdict
    assert [text for text in numbers if text not in sign_printed.loc[claim, "printed_numbers"]] == []


@pytest.mark.parametrize(
    ("claim", "text", "filters", "verdict"),
    [
        ("SG1", "0.8640", {"row": "T1.2", "class_": "Mean"}, "fails"),
        ("SG2", "0.8691", {"row": "T1.4", "class_": "Mean"}, "fails"),
        ("SG3", "0.19", {"row": "P9"}, "fails"),
        (
            "SG4",
            "213",
            {"row": "T2.3", "metric": "count_correct_with_p<=0.5", "class_": "Mean"},
            "fails",
        ),
        ("SG5", "0.3", {"row": "P10"}, "fails"),
        ("SG6", "0.75", {"row": "T5.1", "metric": "acc_gauss_mu0_sigma10"}, "fails"),
        ("SG7", "0.6760", {"row": "T5.3", "metric": "acc_50_pixels_off"}, "holds"),
        ("SG8", "0.47", {"row": "T3.1", "metric": "accuracy", "class_": "Mean"}, "fails"),
        ("SG9", "0.8", {"row": "T4.2", "class_": "Mean"}, "fails"),
        ("SG10", "0.76", {"row": "P4"}, "fails"),
    ],
)
def test_a_tampered_print_changes_the_verdict(claim, text, filters, verdict):
    assert on_print(claim, tamper(text, work="sign", **filters)).verdict == verdict


def test_all_hold_where_all_is_true():
    assert sign_claims(sign_records())["verdict"].tolist() == ["holds"] * 11


@pytest.mark.parametrize(
    ("claim", "key", "measure", "more"),
    [
        ("SG1", "sign", "accuracy", -0.04),
        ("SG1", "mixup", "accuracy", -0.03),
        ("SG2", "deepaugment-sign", "accuracy", -0.03),
        ("SG3", "delta", "accuracy", -0.25),
        ("SG4", "sign-doubt", "doubt_count", 150),
        ("SG4", "mixup-doubt", "doubt_count", -150),
        ("SG5", "mixup-doubt", "p_right", 0.12),
        ("SG6", "sign", "gauss_accuracy", -0.06),
        ("SG6", "deepaugment", "gauss_accuracy", 0.06),
        ("SG7", "sign", "accuracy", 0.06),
        ("SG7", "mixup", "pixels_accuracy", 0.1),
        ("SG8", "sign-doubt", "strange_accuracy", -0.07),
        ("SG8", "classical-doubt", "strange_accuracy", -0.07),
        ("SG9", "nasnet-transfer", "accuracy", -0.05),
        ("SG10", "lesions-sign", "auc", -0.05),
        ("SG11", "sign", "variance_ratio", 0.4),
        ("SG11", "mixup", "variance_ratio", -0.3),
    ],
)
def test_one_false_part_fails_a_claim(claim, key, measure, more):
    assert on_records(claim, sign_records(change={(key, measure): more})).verdict == "fails"


@pytest.mark.parametrize(
    ("claim", "key", "measure", "centre"),
    [
        ("SG1", "sign", "accuracy", -0.03),
        ("SG2", "deepaugment-sign", "accuracy", -0.02),
        ("SG3", "delta", "accuracy", -0.2),
        ("SG4", "sign-doubt", "doubt_count", 100),
        ("SG5", "mixup-doubt", "p_right", 0.1),
        ("SG6", "sign", "gauss_accuracy", -0.04),
        ("SG7", "deepaugment-sign", "pixels_accuracy", -0.01),
        ("SG8", "sign-doubt", "strange_accuracy", -0.05),
        ("SG9", "nasnet-transfer", "accuracy", -0.04),
        ("SG10", "lesions-sign", "auc", -0.03),
        ("SG11", "sign", "variance_ratio", 0.3),
    ],
)
def test_an_interval_over_a_threshold_is_undecided(claim, key, measure, centre):
    noisy = {(key, measure): (centre + 0.01, centre - 0.01, centre)}
    assert on_records(claim, sign_records(change=noisy)).verdict == "undecided"


def test_the_silhouette_is_said_and_decides_nothing():
    found = on_records("SG11", sign_records(change={("sign", "silhouette"): -0.3}))
    assert found.verdict == "holds"
    assert "Silhouette: -0.200 ± 0.000 fails (sign less classical)" in found.numbers


def test_what_is_said_of_records():
    found = sign_claims(sign_records())["numbers"]
    assert "of 3 parts 3 hold, 0 fail (Holm, m = 3)" in found["SG1"]
    assert "-100.0 ± 0.0 (sign-doubt less classical-doubt)" in found["SG4"]
    assert "-0.050 ± 0.000 (sign less classical)" in found["SG6"]
    assert "+0.400 ± 0.004 (delta)" in found["SG3"]


def test_rows_of_other_tables_are_not_mistaken_for_each_other():
    """The second head has rows of its own; so has the other network."""
    alone = [r for r in sign_records() if r.experiment == "sign-table1"]
    found = sign_claims(alone)["verdict"]
    assert found[["SG1", "SG2", "SG6", "SG7", "SG11"]].tolist() == ["holds"] * 5
    assert found[["SG3", "SG4", "SG5", "SG8", "SG9", "SG10"]].tolist() == ["no record"] * 6


def test_areas_of_validation_images_are_said_and_decide_nothing():
    found = on_records("SG10", sign_records(change={("lesions-sign", "val_auc"): -0.05}))
    assert found.verdict == "holds"
    assert "+0.030 ± 0.000 (lesions-sign less lesions-plain)" in found.numbers
    assert "On validation images -0.020 ± 0.000 fails" in found.numbers


def test_rows_stand_for_the_printed_rows_of_their_experiments():
    printed = {}
    for name in (*EXPERIMENTS, "sign-table3", "sign-table5"):
        for row in experiment_file(name).rows:
            if not row.row.startswith("control"):
                printed.setdefault(row.key, []).append(row.row)
    assert {key: tuple(found) for key, found in printed.items()} == PRINTED


@pytest.mark.parametrize(("mine", "twin"), [("sign-table2", "sign-table3"), ("sign-table1", "sign-table5")])
def test_tables_of_the_same_networks_ask_for_the_same_records(mine, twin):
    for row, profile in product(experiment_file(twin).rows, PROFILES):
        asked = [record(row.key, 0, 0.5, name, profile).spec for name in (mine, twin)]
        assert asked[0] == asked[1]


def test_what_was_added_is_looked_at_alone():
    """As far as the second copy of SIGN's row goes, by as many steps; at overnight in fewer, for its test
    images go there as well."""
    for profile in ("paper", "overnight", "laptop", "smoke"):
        added, copies = (
            record(key, 0, 0.5, name, profile=profile).spec.lesson.copies
            for key, name in (("delta", "sign-delta"), ("sign", "sign-table1"))
        )
        assert added.alone and added.reach == copies.reach
        assert added.steps == ((5,) if profile == "overnight" else copies.steps[-1:])


def test_committed_records_are_found(tmp_path, monkeypatch):
    for r in sign_records(profile="overnight"):
        Store(tmp_path).write(r)
    monkeypatch.setattr("lt_lib.lab.read.evidence.evidence_dir", lambda: tmp_path)
    found = sign_claims(None, "overnight", "real")
    assert found["verdict"].tolist() == ["direction holds (stand-in)"] * 11
