"""The committed records: which there are, and which speak strongest for a row."""

import functools
from collections import defaultdict
from itertools import chain
from pathlib import Path

from lt_lib.lab.record.freshness import is_fresh
from lt_lib.lab.record.paths import evidence_dir
from lt_lib.lab.record.records import Filed, Record, Store, spec_digest
from lt_lib.lab.record.spec import DATA, PROFILES, Experiment, Row, resolve

# From the strongest down; smoke runs are no evidence.
STRENGTH = tuple((profile, data) for data in reversed(DATA) for profile in reversed(PROFILES[1:]))


def evidence() -> list[Record]:
    """All committed records."""
    return _filed(evidence_dir()).all()


def evidence_index() -> dict[str, list[Record]]:
    """Committed records by the digest of their spec."""
    return _filed(evidence_dir()).by_spec()


@functools.cache
def _filed(root: Path) -> Store:
    """One store a folder: it reads a file again only when it has changed."""
    return Store(root)


def group(records: list[Record]) -> dict[tuple[str, str, str], list[Record]]:
    """Records by (experiment, key, variant), in the order they come."""
    grouped = defaultdict(list)
    for record in records:
        grouped[record.experiment, record.key, record.variant].append(record)
    return dict(grouped)


def made_now(records: list[Record]) -> list[Record]:
    """Records of this run: those of rows that its profile leaves out are not."""
    return [r for r in records if not isinstance(r, Filed)]


def best_evidence(
    experiment: Experiment, row: Row, variant: str, index: dict[str, list[Record]] | None = None
) -> list[Record]:
    """The committed records that speak strongest for a row: paper before laptop, real before embedded; fresh
    before stale."""
    index = evidence_index() if index is None else index
    seeds: dict[tuple[str, str], set[int]] = defaultdict(set)
    for record in chain.from_iterable(index.values()):
        seeds[record.profile, record.data].add(record.seed)
    stale: list[Record] = []
    for profile, data in STRENGTH:
        if profile not in experiment.profiles or data not in experiment.data:
            continue
        found = []
        for seed in sorted(seeds[profile, data]):
            found += index.get(spec_digest(resolve(experiment, row, variant, profile, data, seed)), [])
        found = [r for r in found if (r.profile, r.data) == (profile, data)]
        fresh = [r for r in found if is_fresh(r)]
        if fresh:
            return fresh
        stale = stale or found
    return stale
