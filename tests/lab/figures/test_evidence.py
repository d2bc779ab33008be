"""Which records a figure takes."""

from collections import defaultdict

import pytest
from helpers import records

from lt_lib import lab
from lt_lib.lab.figures import draw, evidence
from lt_lib.lab.record.spec import load


@pytest.mark.parametrize(
    ("own", "filed", "taken"),
    [
        (("smoke", "embedded"), ("laptop", "real"), "filed"),
        (("laptop", "real"), ("laptop", "real"), "own"),
        (("paper", "real"), ("laptop", "real"), "own"),
        (("laptop", "embedded"), ("paper", "real"), "filed"),
    ],
)
def test_strongest_takes_evidence_only_where_it_is_stronger(monkeypatch, tmp_path, own, filed, taken):
    mine, theirs = (
        [r for r in records(seeds=2, profile=p, data=d) if r.key == "weighted-0.1"] for p, d in (own, filed)
    )
    monkeypatch.setattr("lt_lib.lab.read.evidence.evidence_dir", lambda: tmp_path)
    monkeypatch.setattr(evidence, "best_evidence", lambda *_: theirs)
    found = evidence.strongest(mine)
    assert {(r.profile, r.data) for r in found} == {filed if taken == "filed" else own}
    assert {(r.experiment, r.key, r.variant) for r in found} == {
        (r.experiment, r.key, r.variant) for r in mine
    }


def test_a_footnote_has_the_seeds_of_each_mark():
    rows = [r for r in records(seeds=3, profile="laptop", data="real") if r.variant == "as-released"]
    few = [r for r in rows if r.key in ("weighted-0.1", "baseline-0.1")]
    assert evidence.sources(few) == "laptop + real (real data, by a stand-in network), n = 3"
    printed = [r for r in records(seeds=3) if r.key == "weighted-0.1"]
    assert evidence.sources(printed) == "paper + real (real data), n = 3"
    fewer = [r for r in few if r.key == "weighted-0.1" or r.seed == 0]
    label = next(row.label for row in load("ee443-results").rows if row.key == "baseline-0.1")
    assert evidence.sources(fewer).endswith(f"n = 3, but 1 for {label}")


def test_a_difference_is_drawn_with_the_number_of_its_pairs(monkeypatch, tmp_path):
    monkeypatch.setattr("lt_lib.lab.read.evidence.evidence_dir", lambda: tmp_path)
    rows = defaultdict(list)
    for r in records(seeds=3, profile="laptop", data="real"):
        rows[r.key].append(r)
    one, other = rows["weighted-0.1"], rows["baseline-0.1"]
    fig = draw("differences", {"whole": (one, other), "in part": (one, other[2:])})
    assert "n = 3, but 1 for in part" in fig.get_supxlabel()


def test_rows_are_not_taken_from_different_runs(monkeypatch, tmp_path):
    """One of two rows has committed records: no difference of the one's evidence and the other's run."""
    mine = [
        r
        for r in records(seeds=2, profile="smoke", data="embedded")
        if r.key in ("weighted-0.1", "baseline-0.1")
    ]
    theirs = [r for r in records(seeds=3, profile="laptop", data="real") if r.key == "weighted-0.1"]
    monkeypatch.setattr("lt_lib.lab.read.evidence.evidence_dir", lambda: tmp_path)
    monkeypatch.setattr(
        evidence, "best_evidence", lambda _e, row, *_: theirs if row.key == "weighted-0.1" else []
    )
    assert evidence.strongest(mine) == mine
    one, other = ([r for r in mine if r.key == key] for key in ("weighted-0.1", "baseline-0.1"))
    assert evidence.strongest_pairs({"both": (one, other), "half": (one, [])}) == {"both": (one, other)}
    assert {r.profile for r in evidence.strongest(one)} == {"laptop"}


def test_differences_in_words_say_what_the_records_say(monkeypatch, tmp_path):
    monkeypatch.setattr("lt_lib.lab.read.evidence.evidence_dir", lambda: tmp_path)
    rows = defaultdict(list)
    for r in records(seeds=3, profile="laptop", data="real"):
        rows[r.key].append(r)
    one, other = rows["weighted-0.1"], rows["baseline-0.1"]
    head, line, turned = lab.differences_in_words(
        {"ratio\n0.1": (one, other), "turned": (other, one)}, "WL", "plain"
    ).split("\n")
    assert head.startswith("accuracy, laptop · real") and "n = 3" in head
    assert line == f"ratio 0.1: {lab.in_words('WL', 'plain', lab.difference(one, other))}"
    assert ("above" in line) == ("below" in turned) != ("cannot" in line)


def test_a_difference_in_a_sentence_names_what_stands_behind_it(monkeypatch, tmp_path):
    monkeypatch.setattr("lt_lib.lab.read.evidence.evidence_dir", lambda: tmp_path)
    rows = defaultdict(list)
    for r in records(seeds=3, profile="laptop", data="real"):
        rows[r.key].append(r)
    one, other = rows["weighted-0.1"], rows["baseline-0.1"]
    gap = lab.in_words("WL", "plain", lab.difference(one, other))
    said = lab.difference_in_words((one, other), "WL", "plain")
    assert said == f"in accuracy {gap}; {lab.badge(lab.paired(one, other))}"
    scored = [r.model_copy(update={"metrics": {"last": {"aurc": 0.1}}}) for r in one]
    assert lab.difference_in_words((scored, scored), "A", "B", "aurc").startswith("in AURC A cannot")
    for nothing in ((one, []), (one[:1], other[1:])):
        said = lab.difference_in_words(nothing, "WL", "plain")
        assert said == "WL and plain have no records to compare yet"
