"""What `lt status` shows. Records are known by their file names, so that it answers at once."""

from collections import Counter
from dataclasses import dataclass

from lt_lib import data as datasets
from lt_lib.errors import DataError, LabError
from lt_lib.lab.record.freshness import is_fresh
from lt_lib.lab.record.paths import evidence_dir
from lt_lib.lab.record.plan import Item, plan
from lt_lib.lab.record.records import Name, Store, short
from lt_lib.lab.record.spec import Experiment, experiments, load


@dataclass(frozen=True)
class Status:
    """Records of one experiment.

    Attributes:
        counts: "done", "missing", "stale" -> records that the profile and data asked for are made of; None
            where the experiment lacks one of the two.
        committed: "<profile>-<data>" -> committed records, sorted.
    """

    experiment: str
    counts: dict[str, int] | None
    committed: dict[str, int]


def status(own: Store, profile: str, data: str) -> list[Status]:
    """The state of every experiment at one profile and data; committed and own records count alike.

    A record of the same row, variant and seed whose spec, data or code is another counts as stale.

    Raises:
        LabError: an experiment file that cannot be used.
    """
    committed = Store(evidence_dir())
    stores = {store.root.resolve(): store for store in (own, committed)}
    names = {root: [(store, name) for name in store.names()] for root, store in stores.items()}
    known = _Known([pair for pairs in names.values() for pair in pairs])
    lines = Counter((n.experiment, f"{n.profile}-{n.data}") for _, n in names[committed.root.resolve()])
    found = []
    for experiment in experiments():
        loaded, counts = load(experiment, check=False), None
        if _offers(loaded, profile, data):
            states = Counter(known.state(item) for item in plan(loaded, profile=profile, data=data))
            counts = {state: states[state] for state in ("done", "missing", "stale")}
        kinds = {kind: n for (name, kind), n in sorted(lines.items()) if name == experiment}
        found.append(Status(experiment, counts, kinds))
    return found


class _Known:
    """Records by what their names say."""

    def __init__(self, names: list[tuple[Store, Name]]):
        self.ids = {name.id for _, name in names}
        self.alike: dict[tuple, list[tuple[Store, Name]]] = {}
        for store, name in names:
            self.alike.setdefault(_row(name), []).append((store, name))

    def state(self, item: Item) -> str:
        """ "done", "stale" or "missing"."""
        alike = self.alike.get(_row(item), [])
        try:
            accepted = datasets.describe(item.spec.data).digests
        except DataError:  # a set of the user's own that is no longer in the store
            return "stale" if alike else "missing"
        if accepted:
            done = any(short(item.id(digest)) in self.ids for digest in accepted)
        else:  # any copy of the data counts, and which it was stands in the record alone
            records = [store.read(name.path) for store, name in alike]
            done = any(r and r.digests["spec"] == item.spec_digest and is_fresh(r) for r in records)
        return "done" if done else "stale" if alike else "missing"


def _row(of: Name | Item) -> tuple:
    return of.experiment, of.key, of.variant, of.seed, of.profile, of.data


def _offers(experiment: Experiment, profile: str, data: str) -> bool:
    try:
        return experiment.settings(profile) is not None and data in experiment.data
    except LabError:
        return False
