"""Claims of ee443 on its printed numbers, and on made-up records whose verdicts can be worked out by hand."""

import math

import pytest
from helpers import NOISE, RATIOS, experiment_file, record, records

from lt_lib.lab.read import findings
from lt_lib.lab.read.claims import claims_table
from lt_lib.lab.record.records import Store
from lt_lib.works.ee443.claims import METHODS, average_row


@pytest.fixture(autouse=True)
def _files_are_read_once(monkeypatch):
    monkeypatch.setattr(findings, "load", experiment_file)


def verdicts(given, profile="paper", data="real"):
    return claims_table("ee443", profile, data, given).frame.set_index("id")["verdict"]


@pytest.fixture(scope="module")
def printed():
    return claims_table("ee443", "paper", "real", []).frame.set_index("id")


def test_all_six_claims_in_order(printed):
    assert list(printed.index) == ["EE1", "EE2", "EE3", "EE4", "EE5", "EE6"]
    assert printed["claim"].str.len().min() > 10


@pytest.mark.parametrize(
    ("claim", "verdict", "numbers"),
    [
        ("EE1", "not printed", ["Fig 4"]),
        ("EE2", "fails", ["5 of 6", "-0.0094"]),
        ("EE3", "holds", ["0.0305", "0.0173"]),
        ("EE4", "holds", ["3 of 3", "+0.0213", "7.86 points", "printed 8"]),
        (
            "EE5",
            "fails",
            ["1 of 3", "+0.0013", "-0.0043", "-0.0086", "SE 0.0089", "a difference of two"],
        ),
        ("EE6", "fails", ["23 M", "1.05 of resnet50d's 22 M", "claimed 0.5"]),
    ],
)
def test_on_printed_numbers(printed, claim, verdict, numbers):
    assert printed.loc[claim, "printed_verdict"] == verdict
    for text in numbers:
        assert text in printed.loc[claim, "printed_numbers"]


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
        ("EE1", "ins-0.02", 2 * math.sqrt(2 * 0.62 * 0.38 / 5000)),
        ("EE2", "balancing-0.1", -0.02),
        ("EE4", "stacking-weighted-0.1", -0.09),
        ("EE5", "stacking-weighted-0.1", -0.02),
    ],
)
def test_an_interval_over_the_threshold_is_undecided(claim, key, centre):
    noisy = {key: (centre + 0.01, centre - 0.01, centre)}
    assert verdicts(records(change=noisy))[claim] == "undecided"


def test_recipes_may_differ_by_two_standard_errors_of_a_difference():
    def found(errors):
        gap = errors * math.sqrt(0.62 * 0.38 / 5000) - 0.003
        return verdicts(records(change={"ens-0.02": gap}))["EE1"]

    assert found(2.6) == "holds" and found(3.1) == "fails"


def test_average_improvement_undecided():
    noisy = {f"stacking-{r}": (0.01, -0.05, -0.02) for r in RATIOS}
    assert verdicts(records(change=noisy))["EE3"] == "undecided"


def test_one_seed_decides_nothing():
    table = claims_table("ee443", "paper", "real", records(seeds=1))
    frame = table.frame.set_index("id")
    assert frame["verdict"][["EE1", "EE2", "EE3", "EE4", "EE5"]].tolist() == ["undecided"] * 5
    assert (frame["n"][["EE1", "EE5"]] == 1).all()
    assert "nan" not in table._repr_html_().lower()


def test_no_records_at_all(printed):
    assert printed["verdict"].drop("EE6").tolist() == ["no record"] * 5
    assert (printed["n"] == 0).all()


def test_a_missing_row_is_named_and_the_other_claims_stand():
    given = [r for r in records() if r.key != "bagging-0.02"]
    frame = claims_table("ee443", "paper", "real", given).frame.set_index("id")
    assert frame["verdict"].tolist()[:5] == ["holds", "holds", "no record", "no record", "holds"]
    assert "bagging-0.02" in frame.loc["EE3", "numbers"]


def test_seeds_are_paired():
    """Seeds that only one row has do not count; seeds in no common row leave nothing."""
    given = [r for r in records() if not (r.key.startswith("baseline") and r.seed == 2)]
    frame = claims_table("ee443", "paper", "real", given).frame.set_index("id")
    assert frame.loc["EE2", "n"] == 2
    assert frame.loc["EE1", "n"] == 3
    apart = [r for r in records() if r.key.startswith("baseline") == (r.seed == 0)]
    frame = claims_table("ee443", "paper", "real", apart).frame.set_index("id")
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
    table = claims_table("ee443", profile, data, records(profile=profile, data=data))
    frame = table.frame.set_index("id")
    assert word in frame.loc["EE4", "scope"]
    assert word in table.caption
    assert "counted" in frame.loc["EE6", "scope"]
    # the badge of a stack names every stand-in
    assert "b0/b1/b2" in frame.loc["EE4", "behind"]


def test_paper_and_real_tests_the_claim_itself():
    table = claims_table("ee443", "paper", "real", records())
    assert "the claim itself" in table.caption
    assert "stand-in" not in table._repr_html_() and "too narrow" in table.caption


def test_networks_that_stand_in_test_the_direction_at_paper_and_real_too():
    table = claims_table("ee443", "paper", "real", records(stand_ins=True))
    frame = table.frame.set_index("id")
    assert frame["verdict"].tolist()[:5] == ["direction holds (stand-in)"] * 5
    about = "its direction, by networks that stand in for the printed ones"
    assert frame.loc["EE4", "scope"] == about and about in table.caption
    assert "lite0/tf_efficientnet_lite1/tf_efficientnet_lite2 for b0/b1/b2" in frame.loc["EE4", "behind"]


def test_a_verdict_on_a_stand_in_says_so_in_its_column():
    table = claims_table("ee443", "laptop", "embedded", records(profile="laptop", data="embedded"))
    frame = table.frame.set_index("id")
    assert frame["verdict"].tolist()[:5] == ["direction holds (stand-in)"] * 5
    assert frame.loc["EE6", "verdict"] == "fails"  # counted
    assert '<span class="lt-verdict lt-holds">direction holds (stand-in)</span>' in table._repr_html_()


def test_committed_records_are_found_by_spec(tmp_path, monkeypatch):
    """Fig 2's baseline has the spec of the results table's: one record on file serves both."""
    store = Store(tmp_path)
    for r in records(stand_ins=True):
        store.write(r)
    for seed in range(3):
        twin = record("ratio-0.02", seed, 0.60 + NOISE[seed], experiment="ee443-fig2", stand_ins=True)
        for path in tmp_path.glob(f"*/*/baseline-0.02--as-released--s{seed}*"):
            path.unlink()
        store.write(twin)
    monkeypatch.setattr("lt_lib.lab.read.evidence.evidence_dir", lambda: tmp_path)
    frame = claims_table("ee443", "paper", "real").frame.set_index("id")
    assert frame["verdict"].tolist()[:5] == ["direction holds (stand-in)"] * 5
    assert "stale" in frame.loc["EE2", "behind"]  # made-up digests
    assert claims_table("ee443", "laptop", "real").frame["verdict"].tolist()[:5] == ["no record"] * 5


def test_html_escapes_and_shows_both_halves():
    page = claims_table("ee443", "paper", "real", records())._repr_html_()
    assert page.count("<tr>") == 7
    assert "on the printed numbers" in page
    assert "on records" in page


def test_average_row_recomputes_print_and_averages_records():
    frame = average_row(records()).frame.set_index("method")
    assert list(frame.index) == list(METHODS)[1:]
    assert frame["printed"].tolist() == [0.024, 0.019, 0.015, 0.030, 0.079]
    assert frame["recomputed"].round(4).tolist() == [0.0253, 0.0187, 0.0173, 0.0305, 0.0786]
    assert frame["rounds"].tolist() == [False, True, False, True, True]
    assert frame.loc["Stacking / WL", "run"] == pytest.approx(0.12)
    assert frame.loc["Bagging / WL", "run"] == pytest.approx(0.01)
    assert (frame["run_n"] == 3).all()


def test_average_row_without_records(tmp_path, monkeypatch):
    monkeypatch.setattr("lt_lib.lab.read.evidence.evidence_dir", lambda: tmp_path)
    table = average_row([])
    assert table.frame["run"].isna().all()
    assert (table.frame[["run_n", "evidence_n"]] == 0).all(axis=None)
    some = [r for r in records(seeds=1) if not r.key.startswith("stacking-weighted")]
    table = average_row(some)
    assert (
        table.frame["run_n"].tolist() == [1, 1, 1, 1, 0] and "too narrow. Ours: paper · real" in table.caption
    )
    assert "nan" not in table._repr_html_().lower()


def test_average_row_takes_the_strongest_evidence(tmp_path, monkeypatch):
    store = Store(tmp_path)
    for r in records(profile="laptop", data="embedded") + records(seeds=2, profile="laptop", data="real"):
        store.write(r)
    monkeypatch.setattr("lt_lib.lab.read.evidence.evidence_dir", lambda: tmp_path)
    frame = average_row([]).frame
    assert (frame["evidence_n"] == 2).all()
