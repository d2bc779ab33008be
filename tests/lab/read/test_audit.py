"""The audit of any work against the audit file; rounding; works by name, the command."""

import pytest
from helpers import run_main

from lt_lib.errors import LabError
from lt_lib.lab.read.audit import audit, audit_table
from lt_lib.lab.read.published import facts_of, published
from lt_lib.lab.read.rounding import agrees

TEXT = {  # what each audit says of wording or of released code, which nothing recomputes
    "ee443": {"D14", "D16", "D17", "D18"},
    "spectrum": {"A12", "A13", "A14"},
    "sign": set(),
    "lectures": {"C09", "C11", "C13", "C14", "C15"},
}


@pytest.fixture(scope="module")
def facts():
    return published()


@pytest.fixture(scope="module", params=TEXT)
def both(request, facts):
    """A work, its audit recomputed, and what the file says of it."""
    table = facts_of("audit").set_index("id")
    return request.param, audit(request.param, facts).set_index("id"), table[table["work"] == request.param]


def test_every_check_of_the_file_is_there_once(both):
    work, rows, written = both
    assert rows.index.tolist() == written.index.tolist() and len(rows) >= 18
    assert set(rows.index[rows["basis"] == "text"]) == TEXT[work]
    assert set(rows.index[rows["basis"] == "recomputed"]) == set(rows.index) - TEXT[work]
    for column in ("location", "check", "note"):
        assert rows[column].tolist() == written[column].tolist()


def test_recomputed_verdicts_agree_with_the_file(both):
    _, rows, written = both
    assert rows["verdict"].to_dict() == written["verdict"].to_dict()


@pytest.mark.parametrize("work", ["ee443", "sign", "spectrum"])
def test_no_verdict_is_copied(monkeypatch, facts, work):
    """With the verdicts of audit.csv wiped, only those of wording are lost."""
    blank = facts_of("audit").assign(verdict="", published="", recomputed="")
    monkeypatch.setattr("lt_lib.lab.read.audit.facts_of", lambda kind: blank)
    rows = audit(work, facts)
    assert set(rows.loc[rows["verdict"] == "", "id"]) == TEXT[work]


def test_a_check_needs_a_row(monkeypatch, facts):
    table = facts_of("audit")
    monkeypatch.setattr("lt_lib.lab.read.audit.facts_of", lambda kind: table[table["id"] != "D04"])
    with pytest.raises(
        LabError, match=r"lt_lib.works.ee443.audit recomputes D04, of which audit\*.csv has no row"
    ):
        audit("ee443", facts)


def test_other_works_are_not_passed_off_as_recomputed(monkeypatch):
    monkeypatch.setattr("lt_lib.lab.read.audit.works", lambda part: ["ee443", "lectures", "spectrum"])
    with pytest.raises(
        LabError, match="audit of 'sign' is not recomputed yet, only that of ee443, lectures, spectrum"
    ):
        audit("sign")
    with pytest.raises(LabError, match="no work 'spectrm'; did you mean 'spectrum'"):
        audit("spectrm")


def test_agreement_is_to_the_printed_decimals():
    assert agrees("0.030", 0.0304) and not agrees("0.030", 0.0306)
    assert agrees("0.03", 0.0306) and agrees("20", 20.4) and not agrees("20", 20.6)
    assert agrees("0.03", 0.025) and agrees("0.02", 0.025)


def test_audit_command_takes_a_work_and_names_those_it_does_not_cover(monkeypatch, capsys):
    code, out, _ = run_main(monkeypatch, capsys, "audit", "spectrum")
    assert code == 0 and "A01" in out and "A14" in out and "D01" not in out and "not recomputed" not in out
    code, out, _ = run_main(monkeypatch, capsys, "audit")
    assert code == 0 and [check for check in ("A14", "B18", "C18", "D20") if check not in out] == []
    assert "not recomputed" not in out
    monkeypatch.setattr("lt_lib.lab.read.audit.works", lambda part: ["ee443"])
    code, out, _ = run_main(monkeypatch, capsys, "audit")
    assert code == 0 and "D20" in out and "A14" not in out
    assert out.endswith("not recomputed: the audit of lectures, sign, spectrum\n")
    monkeypatch.undo()
    code, _, err = run_main(monkeypatch, capsys, "audit", "spectrm")
    assert code == 1 and err.startswith("error: ") and "did you mean 'spectrum'" in err


def test_the_page_has_each_check_once_with_its_anchor():
    table = audit_table("ee443")
    shown = table._repr_html_()
    assert all(shown.count(f'<a id="{name}"></a>') == 1 for name in table.frame["id"])
    in_words = (table.frame["basis"] == "text").sum()
    assert shown.count("not recomputed") == in_words > 0 and f"of {len(table.frame)} checks" in table.caption
