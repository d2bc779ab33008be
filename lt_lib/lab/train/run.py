"""Run: load the records that exist, train those that do not, and write each as soon as it is whole.

    items   = rows x variants x seeds, each with a spec and an id
    missing = items without a record, in parts that are trained together: heads on one backbone, else one item
    a process takes the first part that no other holds, until none is left

So any number of processes share the work, those that `workers` asks for and others. A killed process loses at
most the epochs since its last checkpoint; finished learners and records are never trained again."""

import contextlib
import io
import os
import platform
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import timm
import torch
from safetensors.torch import load, save

from lt_lib import data as datasets
from lt_lib.errors import BudgetEnded, LabError, LtError
from lt_lib.lab.record.digests import digest
from lt_lib.lab.record.files import atomic_write, check_writable, is_whole
from lt_lib.lab.record.paths import cache_root, evidence_dir, project_root, work_store
from lt_lib.lab.record.plan import Item, code_of, definition, plan
from lt_lib.lab.record.records import Record, Store, short
from lt_lib.lab.record.spec import MODES
from lt_lib.lab.train.device import device
from lt_lib.lab.train.loop import Damaged, Outcome, Task
from lt_lib.lab.train.modes import Mode
from lt_lib.lab.train.workers import side_by_side, workers_wanted
from lt_lib.progress import say

GROUP = 32


def run(
    experiment,
    rows=None,
    profile: str = "laptop",
    data: str = "embedded",
    seeds=None,
    budget: float | None = None,
    store: str | Path | None = None,
    workers: int | None = None,
    variant: str | None = None,
) -> list[Record]:
    """Load or train the records of an experiment.

    Args:
        experiment, rows, profile, data, seeds, variant: as for `plan`.
        budget: minutes; when they are used up, what is done is recorded and returned, the rest waits for the
            next call.
        store: folder of records; None for LT_STORE or the project's `_build/records`. Committed records are
            read as well.
        workers: processes that train side by side, each with its share of the threads; None for LT_WORKERS,
            or as many as torch has threads.

    Returns:
        The records, in the order of the plan; fewer than planned when the budget ended.

    Raises:
        LabError, DataError: the spec, the data, the weights or the store cannot be used; names the remedy.
    """
    asked = experiment, rows, profile, data, seeds, variant
    items = plan(*asked)
    own = Store(store or work_store())
    deadline = None if budget is None else time.monotonic() + 60 * budget
    sets = {name: datasets.load(name) for name in {item.spec.data for item in items}}
    ids = [item.id(sets[item.spec.data].digest) for item in items]
    planned = dict(zip(ids, items))

    def more(parts: int):
        return side_by_side(min(workers_wanted(workers), parts), _run_again, (asked, own.root), deadline)

    train_missing(planned, sets, own, deadline, more)
    found = _known(own, planned)
    for line in own.damaged:
        say(line)
    records = [_as_item(found[i], item) for i, item in zip(ids, items) if i in found]
    if len(records) < len(items):
        say(
            f"budget of {budget:g} minutes ended: {len(records)} of {len(items)} records; the next call goes "
            "on from here"
        )
    return records


def train_missing(
    planned: dict[str, Item],
    sets: dict[str, datasets.ImageSet],
    own: Store,
    deadline: float | None = None,
    more: Callable[[int], contextlib.AbstractContextManager] | None = None,
    left_out: Callable[[str], None] | None = None,
) -> None:
    """Train what is planned and has no record yet, part by part; ends early, after a part at least, when the
    deadline passes.

    Args:
        planned: ids -> items.
        sets: the data sets they name.
        own: where records are written.
        deadline: time.monotonic().
        more: given the number of parts, a context in which other processes train some of them; what others
            hold is then waited for. None: it is left to them.
        left_out: told of a part that cannot be trained, which is passed over; None: that is an error.

    Raises:
        LtError: a part cannot be trained, or the store not be written.
    """
    known = _known(own, planned)
    missing = {identity: item for identity, item in planned.items() if identity not in known}
    if not missing:
        return
    own.check_writable(missing)
    check_writable(cache_root() / ".lock", remedy="set LT_CACHE to a folder that you can write")
    parts = _parts({identity: _job(item, sets[item.spec.data]) for identity, item in missing.items()})
    damaged = {identity for identity, item in missing.items() if own.place(item, identity).is_file()}
    started, written = time.monotonic(), 0
    with more(len(parts)) if more else contextlib.nullcontext():
        for part in parts:
            try:
                written += _train_part(part, own, deadline, damaged)
            except LtError as error:
                if left_out is None:
                    raise
                keys = dict.fromkeys(job.item.key for job in part.values())
                left_out(f"{', '.join(keys)}: {len(part)} records left out: {error}")
            if _late(deadline):
                break
        if written:
            say(f"{written} records in {time.monotonic() - started:.0f} s")
        if more:
            _wait_for(missing, sets, own, deadline)


def _wait_for(missing: dict[str, Item], sets: dict, own: Store, deadline: float | None) -> None:
    """Wait for the records that other processes hold; train what one of them gave up."""
    while not _late(deadline):
        known = _known(own, missing)
        left = {identity: item for identity, item in missing.items() if identity not in known}
        if not left:
            return
        first, item = next(iter(left.items()))
        say(f"waiting for another process that trains {item.key}")
        with own.lock(
            first, wait=None if deadline is None else max(0.0, deadline - time.monotonic())
        ) as held:
            if not held:
                return
        train_missing(left, sets, own, deadline)


def _train_part(part: dict[str, "_Job"], own: Store, deadline: float | None, damaged: set[str]) -> int:
    """Train what nobody else holds of a part, and has no record yet; how many records are written."""

    def absent(jobs: dict[str, _Job]) -> dict[str, _Job]:
        return {i: job for i, job in jobs.items() if not _there(i, job.item, own, i in damaged)}

    with contextlib.ExitStack() as held:
        mine = {i: job for i, job in absent(part).items() if held.enter_context(own.lock(i, wait=0))}
        mine = absent(mine)  # while the lock was taken, another may have ended
        return _train(mine, own, deadline) if mine else 0


def _there(identity: str, item: Item, own: Store, damaged: bool) -> bool:
    """Whether another process has written a record meanwhile; where there was a file that could not be read,
    that has to be tried."""
    path = own.place(item, identity)
    return path.is_file() and not (damaged and own.read(path) is None)


def _parts(jobs: dict[str, "_Job"]) -> list[dict[str, "_Job"]]:
    """Jobs that share a task, or have some that are trained together, in one part each; in order."""
    parts: list[dict[str, _Job]] = []
    home: dict[tuple, dict[str, _Job]] = {}  # what is trained together -> its part
    for identity, job in jobs.items():
        kinds = {(type(job.mode), job.dataset.name, job.mode.together(task)) for task in job.tasks}
        part: dict[str, _Job] = {}
        for other in {id(home[kind]): home[kind] for kind in kinds if kind in home}.values():
            part |= other
            parts = [p for p in parts if p is not other]
            kinds |= {kind for kind, p in home.items() if p is other}
        part[identity] = job
        parts.append(part)
        home |= dict.fromkeys(kinds, part)
    return parts


def _late(deadline: float | None) -> bool:
    return deadline is not None and time.monotonic() > deadline


def _run_again(deadline: float | None, asked: tuple, root: Path) -> None:
    """What a process beside this one does: the same plan, what is free of it."""
    items = plan(*asked)
    sets = {name: datasets.load(name) for name in {item.spec.data for item in items}}
    planned = {item.id(sets[item.spec.data].digest): item for item in items}
    train_missing(planned, sets, Store(root), deadline)


def artifact(record: Record, store: str | Path | None = None) -> Path:
    """The safetensors file with a record's test logits (float16) and head weights; trained again if it is not
    there, or holds other logits than the record was written with."""
    own = Store(store or work_store())
    path = own.artifact(record.id)
    if not is_sound(path, record):
        dataset = datasets.load(record.spec.data)
        item = Item(
            record.experiment,
            record.row,
            record.key,
            record.variant,
            record.profile,
            record.data,
            record.seed,
            record.spec,
            record.digests["spec"],
            code_of(record.spec),
        )
        if item.id(dataset.digest) != record.id:
            raise LabError(
                f"{record.key} seed {record.seed}: the record is stale (data or code changed since), its "
                "logits "
                f"cannot be rebuilt; run it again: lt run {record.experiment}/{record.key}"
            )
        with own.lock(record.id, wait=None):
            _train({record.id: _job(item, dataset)}, own, None, write=False)
    return path


def _known(own: Store, planned: dict[str, Item]) -> dict[str, Record]:
    """What there is of what is planned: in the store, and for the rest committed records."""
    found = own.find(planned)
    if own.root != evidence_dir():
        found |= _evidence().find({identity: planned[identity] for identity in planned.keys() - found.keys()})
    return found


def is_sound(path: Path, record: Record) -> bool:
    """Whether an artifact is there and can be read, and its logits are those of the record."""
    if not path.is_file():
        return False
    try:
        tensors = load(path.read_bytes())
        return "logits" not in record.digests or _logits_digest(tensors) == record.digests["logits"]
    except Exception as error:  # whatever a damaged file raises
        say(f"{path}: damaged ({type(error).__name__}), made again")
        return False


def _logits_digest(tensors: dict[str, torch.Tensor]) -> str:
    return digest(tensors["logits"].view(torch.int16).tolist())


def _evidence(_cache: dict = {}) -> Store:  # noqa: B006  one parsed copy a process
    root = evidence_dir()
    return _cache.setdefault(root, Store(root))


def _as_item(record: Record, item: Item) -> Record:
    """The same numbers under the name they were asked for: two published rows can share one spec."""
    return record.model_copy(
        update={
            "experiment": item.experiment,
            "row": item.row,
            "key": item.key,
            "variant": item.variant,
            "seed": item.seed,
        }
    )


@dataclass
class _Job:
    """What one record needs: its item, data set and mode, the tasks and their keys (two can be equal), and
    the training images a class."""

    item: Item
    dataset: datasets.ImageSet
    mode: Mode
    tasks: list[Task]
    keys: list[str]
    counts: list[int]


def _train(jobs: dict[str, _Job], store: Store, deadline: float | None, write: bool = True) -> int:
    """Train all tasks of some jobs, as far as the deadline allows; write each record when its last task is
    done. Gives how many are."""
    outcomes = _Outcomes(store, {key for job in jobs.values() for key in job.keys})
    done: set[str] = set()

    def settle() -> None:
        for identity, job in jobs.items():
            if identity not in done and all(key in outcomes for key in job.keys):
                done.add(identity)
                _record(identity, job, [outcomes[key] for key in job.keys], store, write)

    outcomes.recover()
    settle()
    for tasks, job in _groups(jobs, outcomes):
        try:
            _train_group(tasks, job, outcomes, deadline)
        except BudgetEnded:
            break
        settle()
        if _late(deadline):
            break
    outcomes.discard(key for identity in done for key in jobs[identity].keys)
    return len(done)


def _job(item: Item, dataset: datasets.ImageSet) -> _Job:
    mode = definition(MODES[item.spec.mode])()
    tasks, counts = mode.tasks(item.spec, dataset)
    keys = [digest([dataset.digest, item.code, task.key]) for task in tasks]
    return _Job(item, dataset, mode, tasks, keys, counts)


def _groups(jobs: dict[str, _Job], outcomes: "_Outcomes") -> list[tuple[dict[str, Task], _Job]]:
    """Missing tasks by their keys, in order, those that belong together in one group; with a job they are
    part of."""
    groups: dict[tuple, tuple[dict[str, Task], _Job]] = {}
    for job in jobs.values():
        for key, task in zip(job.keys, job.tasks):
            if key not in outcomes:
                shared = (type(job.mode), job.dataset.name, job.mode.together(task))
                groups.setdefault(shared, ({}, job))[0][key] = task
    found = []
    for tasks, job in groups.values():
        keys = list(tasks)
        found += [({k: tasks[k] for k in keys[i : i + GROUP]}, job) for i in range(0, len(keys), GROUP)]
    return found


def _train_group(tasks: dict[str, Task], job: _Job, outcomes: "_Outcomes", deadline: float | None) -> None:
    checkpoint, results = outcomes.checkpoint(list(tasks)), None
    while results is None:
        try:
            results = job.mode.train(list(tasks.values()), job.dataset, checkpoint, deadline)
        except Damaged as error:  # removed, so this ends
            say(str(error))
    outcomes.add(list(tasks), results)
    checkpoint.unlink(missing_ok=True)


class _Outcomes:
    """Finished tasks: in memory, and on disk until every record that needs them is written."""

    def __init__(self, store: Store, wanted: set[str]):
        self.folder, self.wanted, self.memory = store.work, wanted, {}

    def checkpoint(self, keys: list[str]) -> Path:
        return self.folder / "checkpoints" / f"{short(digest(keys))}.pt"

    def _path(self, key: str) -> Path:
        return self.folder / "learners" / f"{short(key)}.pt"

    def __contains__(self, key: str) -> bool:
        return key in self.memory

    def __getitem__(self, key: str) -> Outcome:
        return self.memory[key]

    def recover(self) -> None:
        """Take up tasks that an earlier, interrupted call finished."""
        for path in (self.folder / "learners").glob("*.pt"):
            try:
                if not is_whole(path):
                    raise ValueError
                saved = torch.load(path, map_location="cpu", weights_only=True)
                found = {key: Outcome(**fields) for key, fields in saved.items() if key in self.wanted}
            except Exception:  # whatever is wrong with the file, the task is trained again
                path.unlink(missing_ok=True)
                continue
            self.memory.update(found)

    def add(self, keys: list[str], results: list[Outcome]) -> None:
        """Keep a finished group: one file, written whole, so that its members stay together."""
        buffer = io.BytesIO()
        torch.save({key: vars(result) for key, result in zip(keys, results)}, buffer)
        atomic_write(self._path(digest(keys)), buffer.getvalue())
        self.memory.update(zip(keys, results))

    def discard(self, keys) -> None:
        """Forget tasks whose records are all written."""
        finished = set(keys)
        for path in (self.folder / "learners").glob("*.pt"):
            with contextlib.suppress(Exception):
                if set(torch.load(path, map_location="cpu", weights_only=True)) <= finished:
                    path.unlink(missing_ok=True)


def _record(identity: str, job: _Job, outcomes: list[Outcome], store: Store, write: bool) -> None:
    """Write the artifact of a record, and the record itself."""
    item, dataset, tasks = job.item, job.dataset, job.tasks
    truth = job.mode.truth(item.spec, dataset)
    try:
        summary, tensors = job.mode.summarise(outcomes, truth, job.counts)
    except ValueError:
        if all(scores.isfinite().all() for outcome in outcomes for scores in outcome.logits.values()):
            raise
        raise LabError(
            f"{item.experiment}/{item.key}, variant {item.variant}, seed {item.seed}: the scores of the "
            "trained network are no numbers, or too large for float16 (65504); lower optimizer.lr"
        ) from None
    for i, outcome in enumerate(outcomes):
        tensors |= {
            f"learner{i}.{name}": value.clone(memory_format=torch.contiguous_format)
            for name, value in outcome.weights.items()
        }
    atomic_write(store.artifact(identity), save(tensors))
    if not write:
        return
    timed = [(task, o) for task, o in zip(tasks, outcomes) if o.images_per_s]
    digests = {
        "spec": item.spec_digest,
        "data": dataset.digest,
        "code": item.code,
        "indices": digest([[task.train.tolist(), task.val.tolist()] for task in tasks]),
    }
    if "logits" in tensors:
        digests["logits"] = _logits_digest(tensors)
    store.write(
        Record(
            id=identity,
            experiment=item.experiment,
            row=item.row,
            key=item.key,
            variant=item.variant,
            profile=item.profile,
            data=item.data,
            seed=item.seed,
            spec=item.spec,
            digests=digests,
            env=environment(item.spec.optimizer.precision),
            history={"learners": [outcome.history for outcome in outcomes]},
            **summary,
            sizes={
                "train": [len(task.train) for task in tasks],
                "val": [len(task.val) for task in tasks],
                "test": len(truth),
                "parameters": [int(sum(v.numel() for v in o.weights.values())) for o in outcomes],
            },
            wall_s=sum(len(task.train) * o.passes / o.images_per_s for task, o in timed),
            images_per_s=min((o.images_per_s for _, o in timed), default=None),
        )
    )


def environment(precision: str = "float32") -> dict:
    """Versions, processor, device, precision and commit that stand behind a number; without git, no
    commit."""

    def git(*words: str) -> str:
        try:
            command = ["git", "-C", str(project_root()), *words]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
        except (OSError, LabError):  # no git, or the library alone, without a checkout of the book
            return ""
        return done.stdout.strip() if done.returncode == 0 else ""

    cuda = device().type == "cuda"
    return {
        "python": platform.python_version(),
        "torch": torch.__version__,
        "timm": timm.__version__,
        "numpy": np.__version__,
        "device": torch.cuda.get_device_name() if cuda else "CPU",
        "processor": processor(),
        "cores": torch.get_num_threads(),
        "memory": memory(),
        "peak_mb": peak_memory(),
        "system": sys.platform,
        "dtype": precision,
        **({"tf32": torch.backends.cudnn.allow_tf32} if cuda and precision == "float32" else {}),
        **({"bf16": bf16_instructions()} if not cuda and precision == "bf16" else {}),
        "commit": git("rev-parse", "--short=12", "HEAD"),
        "dirty": bool(git("status", "--porcelain", "--", "lt_lib")),
        "date": time.strftime("%Y-%m-%d"),
    }


def memory() -> str:
    """Memory of the device the networks lie on, in whole GiB; "unknown" where the system does not tell."""
    if device().type == "cuda":
        size = torch.cuda.get_device_properties(device()).total_memory
    else:
        try:
            size = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
        except (AttributeError, OSError, ValueError):
            return "unknown"
    return f"{size / 2**30:.0f} GiB"


def peak_memory() -> int:
    """The most main memory that this process has held at a time, in MB."""
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit // 10**6


def bf16_instructions() -> str:
    """The processor's instructions for bfloat16 that torch can use; without any, its products take longer
    than those of float32."""
    found = {
        "avx512_bf16": torch.cpu._is_avx512_bf16_supported(),
        "amx_bf16": torch.cpu._is_amx_tile_supported(),
    }
    return ", ".join(name for name, there in found.items() if there) or "emulated"


def processor() -> str:
    """The processor's name and the widest instructions torch uses on it: the last bits of a float can depend
    on both."""
    name = platform.processor()
    with contextlib.suppress(OSError):
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        name = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), name)
    return f"{name or platform.machine()}, {torch.backends.cpu.get_cpu_capability()}"
