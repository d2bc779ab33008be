"""The store of records and the planner, at scale: a store of 1,000, 10,000 and 100,000 records, one queue of
10,000 runs, 256 workers that share it.

    python benchmarks/store.py [--write]     # a minute or two

All in one run on one machine: what listing costs against the bare floor, a walk over the folders; one spec
against the whole list; how time grows with the number of records."""

import argparse
import collections
import json
import multiprocessing
import os
import statistics
import tempfile
import threading
import time
from pathlib import Path
from types import SimpleNamespace

import yaml
from results import Curve, Figure, keep

from lt_lib import data as datasets
from lt_lib.lab.record.plan import Item, plan
from lt_lib.lab.record.records import Record, Store, record_id, short
from lt_lib.lab.record.spec import load
from lt_lib.lab.train import run as training

SIZES = 1_000, 10_000, 100_000
RUNS, WORKERS, PROCESSES = 10_000, 256, 4
EXPERIMENT = {
    "experiment": "many",
    "work": "ee443",
    "title": "Many",
    "table": "none",
    "data": {"embedded": "digits50"},
    "defaults": {"subset": {"profile": "50-class", "ratio": 0.2, "n_max": 40}, "backbones": ["net"]},
    "profiles": {
        "smoke": {"seeds": 10, "backbones": {"net": {"name": "test_efficientnet", "pretrained": False}}}
    },
    "rows": [
        {
            "row": f"M.{i}",
            "key": f"row-{i}",
            "label": f"row {i}",
            "set": {"optimizer": {"lr": 1e-6 * (i + 1)}},
        }
        for i in range(RUNS // 10)
    ],
}


def record(item: Item, identity: str) -> Record:
    """What a run of an item would leave, without the run."""
    return Record(
        id=identity,
        experiment=item.experiment,
        row=item.row,
        key=item.key,
        variant=item.variant,
        profile=item.profile,
        data=item.data,
        seed=item.seed,
        spec=item.spec,
        digests={"spec": item.spec_digest, "data": "sha256:none", "code": item.code},
        env={"device": "CPU"},
        metrics={"last": {"accuracy": 0.5}},
        per_class={},
        confusion=[],
        history={},
        sizes={},
        wall_s=0.0,
    )


def fill(store: Store, items: list[Item], count: int) -> dict[str, Item]:
    """Write `count` records; those beyond the items are links to theirs, in experiments of 1,000 each. Gives
    ids and items of the real ones."""
    real = {record_id(str(place), "", ""): item for place, item in enumerate(items)}
    paths = [store.write(record(item, identity)) for identity, item in real.items()]
    for number in range(len(paths), count):
        model = paths[number % len(paths)]
        folder = store.root / "smoke-embedded" / f"many-{number // 1000}"
        folder.mkdir(exist_ok=True)
        key = model.name.rpartition("--")[0]
        os.link(model, folder / f"{key}--{short(record_id(str(number), '', ''))}.json")
    return real


def median_of(repeats: int, call) -> float:
    """Seconds, the median."""
    taken = []
    for _ in range(repeats):
        began = time.perf_counter()
        call()
        taken.append(time.perf_counter() - began)
    return statistics.median(taken)


def walk(root: Path) -> int:
    """The floor: names of all files below a folder, nothing made of them."""
    return sum(len(files) for _, _, files in os.walk(root))


def at_size(items: list[Item], count: int, folder: Path) -> dict:
    """Seconds to list a store, to walk over its files, to find a record that is there and one that is not."""
    store = Store(folder / f"{count}")
    real = fill(store, items, count)
    there = dict([next(iter(real.items()))])
    absent = {record_id("absent", "", ""): items[0]}
    assert len(store.names()) == count
    assert Store(store.root).find(there) and not Store(store.root).find(absent)
    kept = Store(store.root)
    return {
        "records": count,
        "walk_s": median_of(5, lambda: walk(store.root)),
        "list_s": median_of(5, store.names),
        "one_there_s": median_of(25, lambda: Store(store.root).find(there)),
        "one_absent_s": median_of(5, lambda: Store(store.root).find(absent)),
        "next_absent_s": median_of(25, lambda: kept.find(absent)),
    }


def share(root: Path, planned: dict[str, Item], threads: int, counts) -> None:
    """In a process of its own: so many workers, each of which takes what it can of a plan; what a training
    would be is the writing of its record."""

    def write(jobs: dict, store: Store, deadline: float | None) -> int:
        for identity, job in jobs.items():
            taken.append(identity)
            store.write(record(job.item, identity))
        return len(jobs)

    taken: list[str] = []
    training._train = write
    training._job = lambda item, dataset: SimpleNamespace(item=item, dataset=None, mode=None, tasks=[])
    sets = dict.fromkeys({item.spec.data for item in planned.values()})
    workers = [
        threading.Thread(target=training.train_missing, args=(planned, sets, Store(root)))
        for _ in range(threads)
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    counts.put(taken)


def claims(planned: dict[str, Item], folder: Path) -> dict:
    """Seconds until a queue is empty, for one worker and a twentieth of the runs, for many workers and all
    of them; and how often a run was taken twice."""
    context, found = multiprocessing.get_context("spawn"), {}
    some = dict(list(planned.items())[: len(planned) // 20])
    for name, asked, processes, threads in (
        ("one", some, 1, 1),
        ("many", planned, PROCESSES, WORKERS // PROCESSES),
    ):
        root, counts, began = folder / name, context.Queue(), time.perf_counter()
        running = [
            context.Process(target=share, args=(root, asked, threads, counts)) for _ in range(processes)
        ]
        for process in running:
            process.start()
        taken = collections.Counter(identity for _ in running for identity in counts.get(timeout=1800))
        for process in running:
            process.join()
        assert taken.keys() == asked.keys() and len(Store(root).names()) == len(asked)
        found[name] = {
            "workers": processes * threads,
            "runs": len(asked),
            "seconds": time.perf_counter() - began,
            "taken_twice": sum(count > 1 for count in taken.values()),
        }
    return found


def main() -> None:
    """Print the figures, and write them if asked to."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        file = folder / "many.yaml"
        file.write_text(yaml.safe_dump(EXPERIMENT), encoding="utf-8")
        loaded = load(file, check=False)
        plan(loaded, "row-0", "smoke")  # the code is digested once
        began = time.perf_counter()
        items = plan(loaded, profile="smoke")
        planned_s = time.perf_counter() - began
        digest = datasets.load("digits50").digest
        sizes = [at_size(items[:100], count, folder) for count in SIZES]
        print(json.dumps(sizes), flush=True)
        shared = claims({item.id(digest): item for item in items}, folder)
    largest, one, many = sizes[-1], shared["one"], shared["many"]
    print(json.dumps({"stores": sizes, "plan_s": planned_s, "queue": shared}, indent=1))
    if options.write:
        every = f"{largest['records']:,} records"
        figures = [
            Figure(
                f"listing {every}",
                "a bare walk over their folders",
                largest["list_s"] / largest["walk_s"],
                "as long",
            ),
            Figure(f"finding one of {every}", "listing them", largest["list_s"] / largest["one_there_s"]),
            Figure(
                f"{many['workers']} workers on a queue of {many['runs']:,}, a run",
                "one worker alone, a run",
                many["seconds"] / many["runs"] / (one["seconds"] / one["runs"]),
                "as long",
            ),
        ]
        curves = [
            Curve.fitted(what, "records", "s", {size["records"]: size[name] for size in sizes})
            for what, name in (("listing a store", "list_s"), ("finding one record", "one_there_s"))
        ]
        keep(
            "store",
            figures,
            curves,
            stores=sizes,
            plan={"runs": len(items), "seconds": planned_s},
            queue=shared,
        )


if __name__ == "__main__":
    main()
