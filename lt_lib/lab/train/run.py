"""Run: load the records that exist, train those that do not, and write each as soon as it is whole.

    items   = rows x variants x seeds, each with a spec and an id
    missing = items without a record; locked one by one, so that processes share the work
    learners of the missing items: heads on one backbone are trained in one batch, networks one at a time

A killed process loses at most the epochs since its last checkpoint; finished learners and records are never
trained again."""

import contextlib
import platform
import subprocess
import sys
import time
from collections import defaultdict
from pathlib import Path

import numpy as np
import torch

from lt_lib import data as datasets
from lt_lib.augmix import AugMix
from lt_lib.errors import BudgetEnded, LabError
from lt_lib.lab.record.digests import digest
from lt_lib.lab.record.paths import evidence_dir, project_root, work_store
from lt_lib.lab.record.plan import Item, code_of, plan
from lt_lib.lab.record.records import Record, Store, atomic_write, short
from lt_lib.lab.train import gan_oversampling as counterfeits
from lt_lib.lab.train import recipes, training
from lt_lib.lab.train import topics as lessons
from lt_lib.lab.train.features import SPLITS, FeatureBank, device
from lt_lib.progress import say

GROUP = 32
PREPARE = {"recipe": recipes.tasks, "gan": recipes.tasks, "lesson": lessons.tasks}


def run(
    experiment,
    rows=None,
    profile: str = "laptop",
    data: str = "embedded",
    seeds=None,
    budget: float | None = None,
    store: str | Path | None = None,
) -> list[Record]:
    """Load or train the records of an experiment.

    Args:
        experiment, rows, profile, data, seeds: as for `plan`.
        budget: minutes; when they are used up, what is done is recorded and returned, the rest waits for the
            next call.
        store: folder of records; None for LT_STORE or the project's `_build/records`. Committed records are
            read as well.

    Returns:
        The records, in the order of the plan; fewer than planned when the budget ended.

    Raises:
        LabError, DataError: the spec, the data, the weights or the store cannot be used; names the remedy.
    """
    items = plan(experiment, rows, profile, data, seeds)
    own = Store(Path(store) if store else work_store())
    deadline = None if budget is None else time.monotonic() + 60 * budget
    sets = {name: datasets.load(name) for name in {item.spec.data for item in items}}
    ids = [item.id(sets[item.spec.data].digest) for item in items]
    by_id = dict(zip(ids, items))
    ended = False
    while not ended:
        known = _known(own)
        missing = [identity for identity in by_id if identity not in known]
        if not missing:
            break
        with contextlib.ExitStack() as held:
            mine = [i for i in missing if held.enter_context(own.lock(i, wait=False))]
            if mine:
                known = _known(own)
                mine = {i: by_id[i] for i in mine if i not in known}
                with contextlib.suppress(BudgetEnded):
                    _train(mine, sets, own, deadline)
                ended = deadline is not None and time.monotonic() > deadline
        if not mine:
            say(f"waiting for another process that trains {by_id[missing[0]].key}")
            with own.lock(missing[0], wait=True):
                pass
    for line in own.damaged:
        say(line)
    found = _known(own)
    records = [_as_item(found[i], item) for i, item in zip(ids, items) if i in found]
    if len(records) < len(items):
        say(
            f"budget of {budget:g} minutes ended: {len(records)} of {len(items)} records; the next call goes on from here"
        )
    return records


def artifact(record: Record, store: str | Path | None = None) -> Path:
    """The safetensors file with a record's test logits (float16) and head weights; trained again if it is not
    there."""
    own = Store(Path(store) if store else work_store())
    path = own.artifact(record.id)
    if not path.is_file():
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
                f"{record.key} seed {record.seed}: the record is stale (data or code changed since), its logits "
                f"cannot be rebuilt; run it again: lt run {record.experiment}/{record.key}"
            )
        with own.lock(record.id, wait=True):
            _train({record.id: item}, {record.spec.data: dataset}, own, None, write=False)
    return path


def _known(own: Store) -> dict[str, Record]:
    return {**_evidence().by_id(), **own.by_id()} if own.root != evidence_dir() else own.by_id()


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


def _train(
    items: dict[str, Item], sets: dict, store: Store, deadline: float | None, write: bool = True
) -> None:
    """Train all learners the items need; write each record when its last learner is done."""
    needs, learners, counts = {}, {}, {}
    for identity, item in items.items():
        prepare = PREPARE.get(item.spec.mode, training.learners)
        found, counts[identity] = prepare(item.spec, sets[item.spec.data])
        scope = [sets[item.spec.data].digest, item.code]
        needs[identity] = [digest([scope, learner.key]) for learner in found]
        learners.update(zip(needs[identity], ((learner, sets[item.spec.data]) for learner in found)))
    outcomes = _Outcomes(store, learners)
    started, done = time.monotonic(), set()

    def settle() -> None:
        for identity, keys in needs.items():
            if identity not in done and all(key in outcomes for key in keys):
                done.add(identity)
                _record(
                    identity,
                    items[identity],
                    [outcomes[key] for key in keys],
                    sets[items[identity].spec.data],
                    counts[identity],
                    [learners[key][0] for key in keys],
                    store,
                    write,
                )

    outcomes.recover()
    settle()
    for group in _groups(learners, outcomes):
        _train_group(group, learners, outcomes, deadline)
        settle()
        if deadline is not None and time.monotonic() > deadline:
            raise BudgetEnded
    outcomes.discard(key for identity in done for key in needs[identity])
    say(f"{len(done)} records in {time.monotonic() - started:.0f} s")


def _groups(learners: dict, outcomes: "_Outcomes") -> list[list[str]]:
    """Missing learners, in order: heads that share data, backbone and optimizer together, networks alone."""
    groups = defaultdict(list)
    for key, (learner, dataset) in learners.items():
        if key not in outcomes:
            shared = (learner.mode, dataset.name, learner.backbone, learner.optimizer)
            groups[shared if learner.mode == "probe" else key].append(key)
    return [keys[i : i + GROUP] for keys in groups.values() for i in range(0, len(keys), GROUP)]


def _train_group(keys: list[str], learners: dict, outcomes: "_Outcomes", deadline: float | None) -> None:
    group, dataset = [learners[key][0] for key in keys], learners[keys[0]][1]
    checkpoint = outcomes.checkpoint(keys)
    for _ in range(2):
        try:
            if group[0].mode == "probe":
                features = _features(group, dataset, deadline)
                with _one_thread():
                    results = training.train_heads(
                        group, *features, len(dataset.classes), checkpoint, deadline
                    )
            elif group[0].mode == "recipe":
                results = [_train_recipe(group[0], dataset, checkpoint, deadline)]
            elif group[0].mode == "gan":
                results = [counterfeits.measure(group[0], dataset, checkpoint, deadline)]
            elif group[0].mode == "lesson":
                results = [lessons.train(group[0], dataset, checkpoint, deadline)]
            else:
                results = [training.train_learner(group[0], dataset, checkpoint, deadline)]
            break
        except training.Damaged:
            continue
    outcomes.add(keys, results)
    checkpoint.unlink(missing_ok=True)


def _train_recipe(task: recipes.Task, dataset, checkpoint: Path, deadline: float | None):
    """Train one network, with counterfeits and AugMix where its recipe asks for them."""
    recipe, extra, mix = task.recipe, None, None
    if recipe.gan:
        extra = counterfeits.fill(task, dataset, deadline)
    if recipe.augmix:
        mix = AugMix(recipe.augmix.severity, recipe.augmix.width, recipe.augmix.depth, recipe.augmix.alpha)
    return recipes.train(task, dataset, checkpoint, deadline, extra, mix)


@contextlib.contextmanager
def _one_thread():
    """Heads are many small products: on several threads they mostly wait for each other
    (benchmarks/heads.py)."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def _features(group: list, dataset, deadline: float | None):
    """Feature rows of a group and where each learner's images are among them."""
    pairs = np.unique(np.concatenate([part for m in group for part in (m.train, m.val)]), axis=0)
    keys = np.column_stack([np.full(len(pairs), SPLITS["train"]), pairs])
    n_test = len(dataset.labels("test"))
    test_keys = np.column_stack([np.full(n_test, SPLITS["test"]), np.arange(n_test), np.zeros(n_test, int)])
    both = FeatureBank(group[0].backbone, dataset).get(np.concatenate([keys, test_keys]), deadline)
    packed = pairs[:, 0] << 24 | pairs[:, 1]
    rows = [
        tuple(
            torch.from_numpy(np.searchsorted(packed, part[:, 0] << 24 | part[:, 1]))
            for part in (m.train, m.val)
        )
        for m in group
    ]
    labels = torch.as_tensor(np.asarray(dataset.labels("train"))[pairs[:, 0]])
    return (
        rows,
        both[: len(keys)],
        labels,
        both[len(keys) :],
        torch.as_tensor(np.asarray(dataset.labels("test"))),
    )


class _Outcomes:
    """Finished learners: in memory, and on disk until every record that needs them is written."""

    def __init__(self, store: Store, learners: dict):
        self.folder, self.learners, self.memory = store.work, learners, {}

    def checkpoint(self, keys: list[str]) -> Path:
        return self.folder / "checkpoints" / f"{short(digest(keys))}.pt"

    def _path(self, key: str) -> Path:
        return self.folder / "learners" / f"{short(key)}.pt"

    def __contains__(self, key: str) -> bool:
        return key in self.memory

    def __getitem__(self, key: str) -> training.Outcome:
        return self.memory[key]

    def recover(self) -> None:
        """Take up learners that an earlier, interrupted call finished."""
        for path in (self.folder / "learners").glob("*.pt"):
            try:
                saved = torch.load(path, map_location="cpu", weights_only=True)
            except Exception:  # whatever is wrong with the file, the learner is trained again
                path.unlink(missing_ok=True)
                continue
            self.memory.update({k: training.Outcome(**v) for k, v in saved.items() if k in self.learners})

    def add(self, keys: list[str], results: list[training.Outcome]) -> None:
        """Keep a finished group: one file, written whole, so that its members stay together."""
        import io

        buffer = io.BytesIO()
        torch.save({key: vars(result) for key, result in zip(keys, results)}, buffer)
        atomic_write(self._path(digest(keys)), buffer.getvalue())
        self.memory.update(zip(keys, results))

    def discard(self, keys) -> None:
        """Forget learners whose records are all written."""
        finished = set(keys)
        for path in (self.folder / "learners").glob("*.pt"):
            with contextlib.suppress(Exception):
                if set(torch.load(path, map_location="cpu", weights_only=True)) <= finished:
                    path.unlink(missing_ok=True)


def _record(
    identity: str,
    item: Item,
    outcomes: list,
    dataset,
    counts: list[int],
    learners: list,
    store: Store,
    write: bool,
) -> None:
    from safetensors.torch import save

    truth = recipes.test_labels(item.spec, dataset)
    if item.spec.mode == "gan":
        summary, tensors = counterfeits.summarise(outcomes[0], counts), {"grids": outcomes[0].logits["grids"]}
    else:
        summary, voted = training.summarise(outcomes, truth, counts)
        tensors = {"logits": voted}
        for outcome in outcomes if item.spec.mode == "lesson" else ():
            summary["metrics"]["last"] |= outcome.history.pop("measures", {})
    for i, outcome in enumerate(outcomes):
        tensors |= {
            f"learner{i}.{name}": value.clone(memory_format=torch.contiguous_format)
            for name, value in outcome.weights.items()
        }
    atomic_write(store.artifact(identity), save(tensors))
    if not write:
        return
    history = [{k: v for k, v in outcome.history.items()} for outcome in outcomes]
    speed = [o.images_per_s for o in outcomes if o.images_per_s]
    epochs = [m.recipe.gan.epochs if m.mode == "gan" else m.optimizer.epochs for m in learners]
    passes = sum(
        len(m.train) * e / max(o.images_per_s, 1e-9)
        for m, e, o in zip(learners, epochs, outcomes)
        if o.images_per_s
    )
    indices = [[m.train.tolist(), m.val.tolist()] for m in learners]
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
            digests={
                "spec": item.spec_digest,
                "data": dataset.digest,
                "code": item.code,
                "indices": digest(indices),
            }
            | {
                name: digest(values.view(torch.int16).tolist())
                for name, values in tensors.items()
                if name == "logits"
            },
            env=environment(),
            history={"learners": history},
            **summary,
            sizes={
                "train": [len(m.train) for m in learners],
                "val": [len(m.val) for m in learners],
                "test": len(truth),
                "parameters": [int(sum(v.numel() for v in o.weights.values())) for o in outcomes],
            },
            wall_s=passes,
            images_per_s=min(speed) if speed else None,
        )
    )


def environment() -> dict:
    """Versions, device and commit that stand behind a number."""

    def git(*words: str) -> str:
        done = subprocess.run(
            ["git", "-C", str(project_root()), *words], capture_output=True, text=True, check=False
        )
        return done.stdout.strip() if done.returncode == 0 else ""

    import timm

    cuda = device().type == "cuda"
    return {
        "python": platform.python_version(),
        "torch": torch.__version__,
        "timm": timm.__version__,
        "numpy": np.__version__,
        "device": torch.cuda.get_device_name() if cuda else "CPU",
        "cores": torch.get_num_threads(),
        "system": sys.platform,
        "dtype": "bf16" if cuda else "float32",
        "commit": git("rev-parse", "--short=12", "HEAD"),
        "dirty": bool(git("status", "--porcelain", "--", "lt_lib")),
        "date": time.strftime("%Y-%m-%d"),
    }
