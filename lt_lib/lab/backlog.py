"""The queue: which records of a profile are missing, in which order they are worth most, what they will cost,
and a run that works through them.

Order: rows with a printed number before others, within them the first three seeds of every row, which give an
interval, before any fourth; then the `priority` of the experiment files, the highest first; then the files'
own order. Costs are recorded ones: the rate of records of the same networks on this processor."""

import statistics
import time
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

from lt_lib import data as datasets
from lt_lib.errors import DataError, LabError, nearest
from lt_lib.lab.read.evidence import evidence
from lt_lib.lab.read.published import published
from lt_lib.lab.record.paths import work_store
from lt_lib.lab.record.plan import Item, definition, plan
from lt_lib.lab.record.records import Record, Store
from lt_lib.lab.record.spec import MODES, Experiment, Spec, experiments, load
from lt_lib.lab.record.works import works
from lt_lib.lab.train.run import processor, train_missing
from lt_lib.lab.train.workers import side_by_side, workers_wanted
from lt_lib.progress import say

ENOUGH = 3  # seeds of a row that give an interval


@dataclass(frozen=True)
class Lot:
    """Missing records of one experiment that are worth the same.

    Attributes:
        experiment: its name.
        seeds: "first three seeds" or "further seeds".
        printed: whether their rows stand for printed numbers.
        items: the missing records; done: how many exist.
        hours: on one core of this machine, for the items whose rate is known; unknown: how many are not.
        why_not: why they cannot be trained here, or "".
    """

    experiment: str
    seeds: str
    printed: bool
    items: list[Item]
    done: int
    hours: float
    unknown: int
    why_not: str = ""


def queue(
    profile: str, data: str, only: list[str] | None = None, store: str | Path | None = None
) -> list[Lot]:
    """The lots of a profile and data, in the order in which `fill` works; those that are done come along,
    with no items.

    Args:
        profile, data: as for `run`.
        only: works; None for all.
        store: folder of records beside the committed ones; None as for `run`.

    Raises:
        LabError: a work or experiment file that cannot be used.
    """
    for name in only or ():
        if name not in works():
            raise LabError(f"no work {name!r}{nearest(name, works())}; there are {', '.join(works())}")
    known = {**{r.id: r for r in evidence()}, **Store(store or work_store()).by_id()}
    rates = _rates(known.values())
    lots = []
    for place, name in enumerate(experiments()):
        loaded = load(name, check=False)
        if data not in loaded.data or profile not in loaded.profiles or (only and loaded.work not in only):
            continue
        for (far, plain), items in _by_worth(loaded, profile, data).items():
            worth = far, plain, -loaded.priority, place
            lots.append((worth, _lot(loaded, far, plain, items, known, rates)))
    return [lot for _, lot in sorted(lots, key=lambda pair: pair[0])]


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
    return sum(len(lot.items) for lot in queue(profile, data, only, root))


def _fill(deadline: float | None, profile: str, data: str, only: list[str] | None, root: Path) -> None:
    """Work through the queue once, lot by lot; what other processes hold is left to them."""
    own = Store(root)
    for lot in queue(profile, data, only, root):
        if not lot.items:
            continue
        if lot.why_not:
            say(f"{lot.experiment}: {len(lot.items)} records left out: {lot.why_not}")
            continue
        sets = {name: datasets.load(name) for name in {item.spec.data for item in lot.items}}
        planned = {item.id(sets[item.spec.data].digest): item for item in lot.items}
        train_missing(planned, sets, own, deadline, left_out=lambda why: say(f"{lot.experiment}/{why}"))  # noqa: B023
        if deadline is not None and time.monotonic() > deadline:
            return


def _by_worth(loaded: Experiment, profile: str, data: str) -> dict[tuple[bool, bool], list[Item]]:
    """Items by whether they are further seeds, and whether their row stands for no printed number."""
    printed = set(published(work=loaded.work, table=loaded.table)["row_id"])
    found: dict[tuple[bool, bool], list[Item]] = defaultdict(list)
    for item in plan(loaded, profile=profile, data=data):
        found[item.seed >= ENOUGH, item.row not in printed].append(item)
    return {worth: sorted(items, key=lambda item: item.seed) for worth, items in found.items()}


def _lot(
    loaded: Experiment, far: bool, plain: bool, items: list[Item], known: dict[str, Record], rates: dict
) -> Lot:
    why, missing, costs = "", items, []
    try:
        sets = {name: datasets.load(name) for name in {item.spec.data for item in items}}
        missing = [item for item in items if item.id(sets[item.spec.data].digest) not in known]
        costs = [_seconds(item.spec, sets[item.spec.data], rates) for item in missing]
    except (DataError, LabError) as error:
        why = str(error)
    return Lot(
        loaded.experiment,
        "further seeds" if far else "first three seeds",
        not plain,
        missing,
        len(items) - len(missing),
        sum(cost for cost in costs if cost is not None) / 3600,
        sum(cost is None for cost in costs),
        why,
    )


def _rates(records) -> dict[tuple, float]:
    """Images per second of records made on a processor like this one, median by kind of training."""
    found = defaultdict(list)
    for record in records:
        if record.images_per_s and record.env.get("processor") == processor():
            found[_kind(record.spec)].append(record.images_per_s)
    return {kind: statistics.median(rates) for kind, rates in found.items()}


def _kind(spec: Spec) -> tuple:
    """What makes a rate: how, which networks, at which precision."""
    networks = [backbone.model_dump_json(exclude={"stands_in_for"}) for backbone in spec.backbones]
    return spec.mode, *networks, spec.optimizer.precision, spec.lesson and spec.lesson.topic


def _seconds(spec: Spec, dataset: datasets.ImageSet, rates: dict[tuple, float]) -> float | None:
    """What training a spec costs, or None where no like of it is on record."""
    rate = rates.get(_kind(spec))
    if rate is None:
        return None
    tasks, _ = definition(MODES[spec.mode])().tasks(spec, dataset)
    return sum(len(task.train) * task.optimizer.epochs for task in tasks) / rate
