"""Which records a figure takes."""

import pytest
from helpers import records

from lt_lib.lab.figures import evidence


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
    monkeypatch.setattr(evidence, "evidence_dir", lambda: tmp_path)
    monkeypatch.setattr(evidence, "best_evidence", lambda *_: theirs)
    found = evidence.strongest(mine)
    assert {(r.profile, r.data) for r in found} == {filed if taken == "filed" else own}
    assert {(r.experiment, r.key, r.variant) for r in found} == {
        (r.experiment, r.key, r.variant) for r in mine
    }
