"""Claims of any work: parts, records on file, works by name, the command."""

import math
from itertools import product

import pytest
from helpers import record, records, run_main
from scipy import stats

from lt_lib import cli
from lt_lib.errors import LabError
from lt_lib.lab.read import findings
from lt_lib.lab.read.claims import CANNOT, claims_table, halves_in_words, in_words, scope
from lt_lib.lab.read.estimates import OVER_SEEDS, estimate
from lt_lib.lab.record.records import Store
from lt_lib.lab.record.spec import PROFILES, load, resolve
from lt_lib.lab.record.works import load_work, works
from lt_lib.works.ee443.claims import CLAIMS
from lt_lib.works.lectures import claims as lectures


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
    part = findings.Part(estimate(values), low, high)
    assert findings.verdicts([part]) == [verdict] and findings.together([part]) == verdict


@pytest.mark.parametrize(
    ("ps", "small"),
    [
        ((0.01, 0.02, 0.03), [True, True, True]),  # against a third, a half and the whole of 0.05
        ((0.03, 0.01, 0.04), [False, True, False]),
        ((0.02, 0.02, 0.02), [False, False, False]),
        ((0.04,), [True]),
        ((), []),
    ],
)
def test_holm(ps, small):
    assert findings.holm(ps) == small


def test_a_part_fails_by_its_p_among_all_parts_of_its_claim():
    out = estimate((-0.02, -0.03, -0.01, -0.025, -0.002))
    part, fine = findings.Part(out), findings.Part(estimate((0.10, 0.11, 0.12, 0.11, 0.10)))
    assert part.p_outside == pytest.approx(stats.ttest_1samp((-0.02, -0.03, -0.01, -0.025, -0.002), 0).pvalue)
    assert 0.05 / 8 < part.p_outside < 0.05 and fine.p_outside == 1
    assert findings.together([part]) == "fails"
    assert findings.verdicts([part] + [fine] * 7) == ["undecided"] + ["holds"] * 7
    assert findings.tally([part] + [fine] * 7) == "of 8 parts 7 hold, 0 fail (Holm, m = 8)"
    assert findings.tally([part]) == "1 part"


@pytest.mark.parametrize(
    ("verdict", "kind", "stand_ins", "said"),
    [
        ("holds", ("paper", "real"), False, "holds"),
        ("holds", ("paper", "real"), True, "direction holds (stand-in)"),
        ("holds", ("laptop", "real"), False, "direction holds (stand-in)"),
        ("fails", ("paper", "embedded"), False, "direction fails (stand-in)"),
        ("undecided", ("overnight", "embedded"), False, "direction undecided (stand-in)"),
        ("no record", ("laptop", "embedded"), False, "no record"),
    ],
)
def test_on_a_stand_in_a_verdict_is_one_on_the_direction(verdict, kind, stand_ins, said):
    behind = [record("baseline-0.1", 0, 0.7, stand_ins=stand_ins)]
    assert in_words(verdict, scope(*kind, behind)) == said


def test_each_thing_that_a_compound_claim_says_has_its_verdict():
    halves = findings.halves_of(["a", "a", "b"], ["holds", "undecided", "fails"])
    assert [(h.name, h.verdict, h.parts) for h in halves] == [
        ("a", "undecided", ", 1 of 2"),
        ("b", "fails", ""),
    ]
    on_print = claims_table("ee443", only=["EE2"]).frame.iloc[0]
    assert on_print["printed_verdict"] == "fails", "one scale for print and records"
    assert halves_in_words(on_print["printed_halves"]) == (
        "artificial balancing: holds, 3 of 3; weighted loss: fails, 2 of 3"
    )


@pytest.mark.parametrize(("stand_ins", "said"), [(True, CANNOT), (False, "fails")])
def test_how_much_a_remedy_gains_is_no_question_for_a_stand_in(stand_ins, said):
    table = claims_table("ee443", "paper", "real", records(seeds=3, stand_ins=stand_ins), only=["EE4"])
    assert dict(table.frame["halves"].iloc[0])["about 8 points on average"] == said
    assert f"about 8 points on average: <em>{said}</em>" in table._repr_html_()


def test_a_claim_names_the_data_on_which_it_cannot_be_tested():
    """The reason stands before the numbers, which are shown all the same."""
    found = claims_table("spectrum", only=["SP4"]).frame.iloc[0]
    assert found["verdict"] == CANNOT and found["numbers"].startswith("what each band says of forage is the")
    assert "of 2 parts" in found["numbers"] and found["n"] > 1


def test_data_that_cannot_test_a_claim_are_data_of_its_experiments():
    """A name that no experiment has would never be found."""
    for work in works("claims"):
        tried = product(map(load, load_work(work).EXPERIMENTS), PROFILES, ("embedded", "real"))
        known = {
            resolve(e, row, row.variants[0], profile, data, 0).data
            for e, profile, data in tried
            if profile in e.profiles and data in e.data
            for row in e.rows
        }
        for claim in load_work(work, "claims").CLAIMS.values():
            assert set(claim.cannot) <= known


def test_an_unknown_work_is_named(monkeypatch):
    with pytest.raises(LabError, match="no claims of 'spectrm' are tested; did you mean 'spectrum'"):
        claims_table("spectrm")
    monkeypatch.setattr("lt_lib.lab.read.claims.works", lambda part: ["ee443", "lectures"])
    with pytest.raises(LabError, match="no claims of 'sign' are tested; those of ee443, lectures are"):
        claims_table("sign")


def test_only_the_claims_that_are_asked_for_are_tested(monkeypatch):
    monkeypatch.setitem(lectures.CLAIMS, "LE6", None)  # would be called
    table = claims_table("lectures", only=["LE5", "LE7"])
    assert list(table.frame["id"]) == ["LE5", "LE7"] and len(table.rows) == 2
    with pytest.raises(LabError, match="lectures has no claim 'LE9'; it has LE1"):
        claims_table("lectures", only=["LE9"])


def test_each_claim_is_tested_on_the_strongest_records_of_all_its_rows(tmp_path, monkeypatch):
    """Whatever the queue has made so far, a claim loses nothing by it."""
    monkeypatch.setattr("lt_lib.lab.read.evidence.evidence_dir", lambda: tmp_path)
    store = Store(tmp_path)
    for found in records(seeds=3, profile="laptop", stand_ins=True):
        store.write(found)
    trained = [f"EE{k}" for k in range(1, 6)]  # EE6 is counted

    def told(*kind):
        return claims_table("ee443", *kind, only=trained).frame

    before = told()
    assert before["behind"].str.contains("laptop").all()
    for seed in range(2):
        for key in ("baseline-0.1", "bagging-0.1"):
            store.write(record(key, seed, 0.7 + 0.1 * (key[1] == "a") + seed / 99, stand_ins=True))
    assert told().equals(before), "no claim has all its rows at paper + real"
    for found in records(seeds=1, profile="paper", stand_ins=True):
        store.write(found)
    assert told().equals(before), "one seed has no interval"
    for found in records(seeds=3, profile="paper", stand_ins=True):
        store.write(found)
    assert told()["behind"].str.contains("paper · real").all()
    assert told("laptop")["behind"].str.contains("laptop").all()


def test_claims_command_takes_a_work(monkeypatch, capsys):
    code, out, _ = run_main(
        monkeypatch, capsys, "claims", "spectrum", "--profile", "laptop", "--data", "embedded"
    )
    assert code == 0 and "spectrum on laptop + embedded: its direction" in out and OVER_SEEDS in out
    assert [i for i in range(1, 8) if f"\nSP{i}  " not in out] == [] and "EE1" not in out
    code, _, err = run_main(monkeypatch, capsys, "claims", "spectrm")
    assert code == 1 and err.startswith("error: ") and "did you mean 'spectrum'" in err
    assert cli._complete_work("sp") == ["spectrum"] and cli._complete_work("") == works()


def test_claims_command_names_the_works_that_are_not_covered(monkeypatch, capsys):
    monkeypatch.setattr("lt_lib.lab.read.claims.works", lambda part: ["ee443"])
    words = ("claims", "--profile", "laptop", "--data", "embedded")
    code, out, _ = run_main(monkeypatch, capsys, *words)
    assert code == 0 and "EE1" in out and "SP1" not in out
    assert out.endswith("not tested: the claims of lectures, sign, spectrum\n")


@pytest.mark.parametrize("change", [{"add": "EE7"}, {"lose": "EE6"}])
def test_a_claim_needs_a_row_and_a_test(monkeypatch, change):
    tests = {name: test for name, test in CLAIMS.items() if name != change.get("lose")}
    tests |= {change["add"]: CLAIMS["EE1"]} if "add" in change else {}
    monkeypatch.setattr("lt_lib.works.ee443.claims.CLAIMS", tests)
    (odd,) = change.values()
    with pytest.raises(
        LabError, match=f"{odd} stands in only one of claims.*csv and CLAIMS of lt_lib.works.ee443"
    ):
        claims_table("ee443", records=[])


@pytest.mark.parametrize("work", works("claims"))
def test_a_row_key_names_one_run_of_a_work(work):
    """Samples know a row by its key alone."""
    runs = {}
    for experiment in map(load, load_work(work).EXPERIMENTS):
        for row in experiment.rows:
            spec = resolve(experiment, row, row.variants[0], "laptop", "embedded", 0)
            assert runs.setdefault(row.key, spec) == spec


def test_on_file_finds_the_record_of_another_experiment(tmp_path, monkeypatch):
    monkeypatch.setattr("lt_lib.lab.read.evidence.evidence_dir", lambda: tmp_path)
    assert findings.on_file("ee443-results") == {}
    twin = record("ratio-0.02", 0, 0.60, experiment="ee443-fig2", stand_ins=True)
    Store(tmp_path).write(twin)
    assert findings.on_file("ee443-results") == {"baseline-0.02": [twin]}
