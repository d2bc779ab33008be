"""The queue: which records of a profile are missing, in which order they are worth most, what they will cost,
a run that works through them, and the jobs that a scheduler makes of them.

Order: rows with a printed number before others, within them the first three seeds of every row, which give an
interval, before any fourth; then the `priority` of the experiment files, the highest first; then the files'
own order. Costs are recorded ones: the rate of records of the same networks, on this processor if there are
any."""

import statistics
import time
from collections import defaultdict
from dataclasses import dataclass, replace
from pathlib import Path

from lt_lib import data as datasets
from lt_lib.errors import DataError, LabError, nearest
from lt_lib.lab.read.evidence import evidence
from lt_lib.lab.read.published import published
from lt_lib.lab.record.paths import evidence_dir, work_store
from lt_lib.lab.record.plan import Item, definition, plan
from lt_lib.lab.record.records import Record, Store
from lt_lib.lab.record.spec import MODES, Experiment, Spec, experiments, load
from lt_lib.lab.record.works import works
from lt_lib.lab.train.run import processor, train_missing
from lt_lib.lab.train.workers import side_by_side, workers_wanted
from lt_lib.progress import say

ENOUGH = 3  # seeds of a row that give an interval


@dataclass(frozen=True)
class Rate:
    """What records of one kind of training say of the next.

    Attributes:
        images_per_s: their median.
        here: whether they were made on a processor like this one.
        gpu: whether on a GPU.
        memory_mb: the most that a process which made one held at a time, or None where that is not recorded.
    """

    images_per_s: float
    here: bool
    gpu: bool
    memory_mb: int | None


@dataclass(frozen=True)
class Lot:
    """Missing records of one experiment that are worth the same.

    Attributes:
        experiment: its name.
        seeds: "first three seeds" or "further seeds".
        printed: whether their rows stand for printed numbers.
        work: its work.
        missing: ids -> the missing records; done: how many exist.
        costs: for each of them its seconds and rate, or None where no like of it is on record.
        why_not: why they cannot be trained here, or "".
    """

    experiment: str
    seeds: str
    printed: bool
    work: str
    missing: dict[str, Item]
    done: int
    costs: list[tuple[float, Rate] | None]
    why_not: str = ""

    @property
    def hours(self) -> float:
        """On one core of this machine, for those whose rate on it is known."""
        return sum(cost[0] for cost in self.costs if cost and cost[1].here) / 3600

    @property
    def unknown(self) -> int:
        """Of how many no such rate is known."""
        return sum(not (cost and cost[1].here) for cost in self.costs)


def queue(
    profile: str,
    data: str,
    only: list[str] | None = None,
    store: str | Path | None = None,
    experiment: str | None = None,
    seeds: int | None = None,
) -> list[Lot]:
    """The lots of a profile and data, in the order in which `fill` works; those that are done come along,
    with nothing missing. Two rows can share one spec: it counts for the first.

    Args:
        profile, data: as for `run`.
        only: works; None for all.
        store: folder of records beside the committed ones; None as for `run`.
        experiment: NAME or NAME/ROW; None for all.
        seeds: as for `run`.

    Raises:
        LabError: a work or experiment file that cannot be used.
    """
    for name in only or ():
        if name not in works():
            raise LabError(f"no work {name!r}{nearest(name, works())}; there are {', '.join(works())}")
    named, _, row = (experiment or "").partition("/")
    wanted = []
    for place, name in enumerate([named] if named else experiments()):
        loaded = load(name, check=False)
        offered = data in loaded.data and profile in loaded.profiles
        if not (offered or named) or (only and loaded.work not in only):
            continue
        for (far, plain), items in _by_worth(loaded, row or None, profile, data, seeds).items():
            which = "further seeds" if far else "first three seeds"
            lot = Lot(loaded.experiment, which, not plain, loaded.work, {}, 0, [])
            wanted.append(((far, plain, -loaded.priority, place), lot, items))
    wanted.sort(key=lambda one: one[0])
    return _filled([(lot, items) for _, lot, items in wanted], Store(store or work_store()))


@dataclass(frozen=True)
class Job:
    """One missing record, as a scheduler wants it.

    Attributes:
        record: its path in the store; experiment, key, variant, seed: what `lt run` trains it by.
        work, set: the work and the data set it belongs to.
        minutes: what it will take on one core, or on the GPU; None where no like of it is on record.
        memory_mb: the most that one like it took; None where that is not recorded.
        gpu: 1 where those like it were made on a GPU, else 0.
    """

    record: str
    experiment: str
    key: str
    variant: str
    seed: int
    work: str
    set: str
    minutes: float | None
    memory_mb: int | None
    gpu: int


def jobs(lots: list[Lot], store: str | Path | None = None) -> list[Job]:
    """A job for each missing record of some lots that can be trained here; what cannot is said."""
    own, found = Store(store or work_store()), []
    for lot in lots:
        if lot.why_not:
            say(f"{lot.experiment}: {len(lot.missing)} records left out: {lot.why_not}")
            continue
        for (identity, item), cost in zip(lot.missing.items(), lot.costs, strict=True):
            seconds, rate = cost or (None, None)
            found.append(
                Job(
                    record=own.place(item, identity).relative_to(own.root).as_posix(),
                    experiment=item.experiment,
                    key=item.key,
                    variant=item.variant,
                    seed=item.seed,
                    work=lot.work,
                    set=item.spec.data,
                    minutes=rate and float(f"{seconds / 60:.3g}"),
                    memory_mb=rate and rate.memory_mb,
                    gpu=int(bool(rate and rate.gpu)),
                )
            )
    return found


def fill(
    profile: str = "paper",
    data: str = "real",
    budget: float | None = None,
    only: list[str] | None = None,
    workers: int | None = None,
    store: str | Path | None = None,
) -> int:
    """Train what the queue holds, until it is empty or the budget ends; other processes may do the same.

    What cannot be trained is said and passed over.

    Args:
        profile, data, only, store: as for :func:`queue`.
        budget: minutes.
        workers: as for `run`.

    Returns:
        How many records are still missing.
    """
    deadline = None if budget is None else time.monotonic() + 60 * budget
    root = Store(store or work_store()).root
    with side_by_side(workers_wanted(workers), _fill, (profile, data, only, root), deadline):
        _fill(deadline, profile, data, only, root)
    return sum(len(lot.missing) for lot in queue(profile, data, only, root))


def _fill(deadline: float | None, profile: str, data: str, only: list[str] | None, root: Path) -> None:
    """Work through the queue once, lot by lot; what other processes hold is left to them."""
    own = Store(root)
    for lot in queue(profile, data, only, root):
        if not lot.missing:
            continue
        if lot.why_not:
            say(f"{lot.experiment}: {len(lot.missing)} records left out: {lot.why_not}")
            continue
        sets = {name: datasets.load(name) for name in {item.spec.data for item in lot.missing.values()}}
        train_missing(lot.missing, sets, own, deadline, left_out=lambda why: say(f"{lot.experiment}/{why}"))  # noqa: B023
        if deadline is not None and time.monotonic() > deadline:
            return


def _by_worth(
    loaded: Experiment, row: str | None, profile: str, data: str, seeds: int | None
) -> dict[tuple[bool, bool], list[Item]]:
    """Items by whether they are further seeds, and whether their row stands for no printed number."""
    printed = set(published(work=loaded.work, table=loaded.table)["row_id"])
    found: dict[tuple[bool, bool], list[Item]] = defaultdict(list)
    for item in plan(loaded, row, profile, data, seeds):
        found[item.seed >= ENOUGH, item.row not in printed].append(item)
    return {worth: sorted(items, key=lambda item: item.seed) for worth, items in found.items()}


def _filled(wanted: list[tuple[Lot, list[Item]]], own: Store) -> list[Lot]:
    """The lots with what is missing of their items, and what that costs."""
    lots, planned = [], {}
    for lot, items in wanted:
        try:
            sets = {name: datasets.load(name) for name in {item.spec.data for item in items}}
        except (DataError, LabError) as error:
            unnamed = {f"{place}": item for place, item in enumerate(items)}  # no id without the data
            lots.append((replace(lot, missing=unnamed, costs=[None] * len(items), why_not=str(error)), {}))
            continue
        new: dict[str, Item] = {}
        for item in items:
            identity = item.id(sets[item.spec.data].digest)
            if identity not in planned:
                planned[identity] = new[identity] = item
        lots.append((replace(lot, missing=new), sets))
    committed = Store(evidence_dir())
    known = {**committed.find(planned), **own.find(planned)}
    rates = _rates([*evidence(), *_one_a_row(own)])
    return [lot if lot.why_not else _costed(lot, sets, known, rates) for lot, sets in lots]


def _costed(lot: Lot, sets: dict, known: dict[str, Record], rates: dict[tuple, Rate]) -> Lot:
    missing = {identity: item for identity, item in lot.missing.items() if identity not in known}
    done = len(lot.missing) - len(missing)
    try:
        # the seed changes which images are drawn and not how many
        alike = {identity: item.spec.model_dump_json(exclude={"seeds"}) for identity, item in missing.items()}
        one_each = {alike[identity]: item.spec for identity, item in missing.items()}
        costs = {key: _cost(spec, sets[spec.data], rates) for key, spec in one_each.items()}
        return replace(lot, missing=missing, done=done, costs=[costs[key] for key in alike.values()])
    except (DataError, LabError) as error:
        return replace(lot, missing=missing, done=done, costs=[None] * len(missing), why_not=str(error))


def _one_a_row(own: Store) -> list[Record]:
    """A record of every row of a store: rows have their kind of training in common, seeds do not matter."""
    last = {name[1:6]: name for name in own.names()}
    return [record for name in last.values() if (record := own.read(name.path))]


def _rates(records: list[Record]) -> dict[tuple, Rate]:
    """Rates by kind of training."""
    found = defaultdict(list)
    for record in records:
        if record.images_per_s:
            found[_kind(record.spec)].append(record)
    return {kind: _rate(like) for kind, like in found.items()}


def _rate(like: list[Record]) -> Rate:
    """Of records of one kind: those on this processor if there are any, of these those on a GPU."""
    here = [record for record in like if record.env.get("processor") == processor()]
    used = here or like
    cards = [record for record in used if record.env.get("device") != "CPU"]
    used = cards or used
    return Rate(
        statistics.median(record.images_per_s for record in used),
        bool(here),
        bool(cards),
        max((record.env["peak_mb"] for record in used if "peak_mb" in record.env), default=None),
    )


def _kind(spec: Spec) -> tuple:
    """What makes a rate: how, which networks, at which precision."""
    networks = [backbone.model_dump_json(exclude={"stands_in_for"}) for backbone in spec.backbones]
    return spec.mode, *networks, spec.optimizer.precision, spec.lesson and spec.lesson.topic


def _cost(spec: Spec, dataset: datasets.ImageSet, rates: dict[tuple, Rate]) -> tuple[float, Rate] | None:
    """Seconds that training a spec takes, and the rate they were told by."""
    rate = rates.get(_kind(spec))
    if rate is None:
        return None
    tasks, _ = definition(MODES[spec.mode])().tasks(spec, dataset)
    return sum(len(task.train) * task.optimizer.epochs for task in tasks) / rate.images_per_s, rate
