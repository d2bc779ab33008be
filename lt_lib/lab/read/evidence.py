"""The committed records: which there are, and which speak strongest for a row."""

from collections import defaultdict

from lt_lib.lab.record.freshness import is_fresh
from lt_lib.lab.record.paths import evidence_dir
from lt_lib.lab.record.records import Record, Store, spec_digest
from lt_lib.lab.record.spec import DATA, PROFILES, Experiment, Row, resolve

# From the strongest down; smoke runs are no evidence.
STRENGTH = tuple((profile, data) for data in reversed(DATA) for profile in reversed(PROFILES[1:]))
MOST_SEEDS = 50


def evidence() -> list[Record]:
    """All committed records."""
    return Store(evidence_dir()).all()


def group(records: list[Record]) -> dict[tuple[str, str, str], list[Record]]:
    """Records by (experiment, key, variant), in the order they come."""
    grouped = defaultdict(list)
    for record in records:
        grouped[record.experiment, record.key, record.variant].append(record)
    return dict(grouped)


def best_evidence(
    experiment: Experiment, row: Row, variant: str, index: dict[str, list[Record]] | None = None
) -> list[Record]:
    """The committed records that speak strongest for a row: paper before laptop, real before embedded; fresh
    before stale."""
    index = Store(evidence_dir()).by_spec() if index is None else index
    stale: list[Record] = []
    for profile, data in STRENGTH:
        if profile not in experiment.profiles or data not in experiment.data:
            continue
        found = []
        for seed in range(MOST_SEEDS):
            found += index.get(spec_digest(resolve(experiment, row, variant, profile, data, seed)), [])
        fresh = [r for r in found if is_fresh(r) and (r.profile, r.data) == (profile, data)]
        if fresh:
            return fresh
        stale = stale or found
    return stale
