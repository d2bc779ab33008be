"""A small grid, killed at random moments with all its processes: it ends as if nobody had touched it."""

import contextlib
import json
import multiprocessing
import os
import shutil
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
import yaml

from lt_lib import data, lab
from lt_lib.lab.record.records import Store
from lt_lib.lab.train import loop

from .damage import Chance

SERVER = multiprocessing.get_context("forkserver")  # imports torch once; every grid is then a quick fork
SERVER.set_forkserver_preload(["lt_lib.lab.train.run", "lt_lib.lab.train.heads", "timm", "torchvision"])
SECONDS = 300  # that a grid may take to end
EXPERIMENT = {
    "experiment": "grid",
    "work": "ee443",
    "title": "A small grid of heads and of whole networks",
    "table": "none",
    "data": {"embedded": "shapes"},
    "defaults": {
        "subset": {"profile": "50-class", "ratio": 0.2, "n_max": 20},
        "backbones": ["net"],
        "optimizer": {"lr": 0.01, "batch_size": 16, "epochs": 8},
    },
    "profiles": {
        "smoke": {
            "seeds": 2,
            "backbones": {"net": {"name": "test_efficientnet", "pretrained": False, "resolution": 32}},
        }
    },
    "rows": [
        {"row": "G.1", "key": "plain", "label": "plain", "set": {}},
        {"row": "G.2", "key": "bagged", "label": "bagged", "set": {"bags": {"threshold": 10}}},
        *(
            {
                "row": f"G.{row}",
                "key": f"tuned-{row}",
                "label": "fine-tuned",
                "set": {"mode": "finetune", "optimizer": {"epochs": 2, "lr": 0.001 * row}},
            }
            for row in (3, 4)
        ),
    ],
}


class Grid:
    """The grid, its data and cache in a folder, and what it ends in when nobody kills it."""

    def __init__(self, folder: Path):
        rng = np.random.default_rng(0)
        (folder / "arrays").mkdir()
        for split, count in (("train", 80), ("test", 20)):
            labels = np.arange(count) % 4
            images = rng.integers(0, 90, (count, 32, 32, 3)) + 40 * labels[:, None, None, None]
            np.save(folder / "arrays" / f"x_{split}.npy", images.astype(np.uint8))
            np.save(folder / "arrays" / f"y_{split}.npy", labels)
        data.add("shapes", folder / "arrays", folder / "data")
        self.file, self.store = folder / "grid.yaml", folder / "store"
        self.file.write_text(yaml.safe_dump(EXPERIMENT), encoding="utf-8")
        self.env = {
            "LT_DATA": str(folder / "data"),
            "LT_CACHE": str(folder / "cache"),
            "OMP_NUM_THREADS": "1",
        }
        self.left = 0
        self.start(folder / "first").join()  # fills the cache
        began = time.monotonic()
        self.start(folder / "calm").join()
        self.seconds = time.monotonic() - began
        self.calm = ended(folder / "calm")
        assert len(self.calm) == 8

    def start(self, store: Path) -> multiprocessing.Process:
        """The grid, in two processes, under way."""
        process = SERVER.Process(target=train, args=(self.file, store, self.env))
        process.start()
        return process

    def kill(self, rng: Chance) -> bool:
        """Go on from what there is, alone or two at once, and kill all at a random moment; whether the grid
        was under way. One that has ended must be as the undisturbed one, and is begun anew."""
        processes = [self.start(self.store) for _ in range(rng.choice((1, 1, 2)))]
        time.sleep(rng.uniform(0, 0.8 * self.seconds))
        alive = [process for process in processes if process.is_alive()]
        for process in alive:
            with contextlib.suppress(ProcessLookupError):  # not yet the leader of its group
                os.killpg(process.pid, signal.SIGKILL)
            process.kill()
        for process in processes:
            process.join(SECONDS)
        if not alive:
            self.check()
            shutil.rmtree(self.store)
        return bool(alive)

    def check(self) -> None:
        """Let the grid end; its records must be those of the undisturbed one. Files that a kill left between
        the last record and the tidying up are counted."""
        process = self.start(self.store)
        process.join(SECONDS)
        assert process.exitcode == 0, "no end, or an error"
        assert ended(self.store) == self.calm, "other records than an undisturbed run"
        assert not Store(self.store).damaged
        work = self.store / ".work"
        left = [*work.glob("checkpoints/*"), *work.glob("learners/*"), *self.store.rglob(".tmp-*")]
        self.left += len(left)


def train(file: Path, store: Path, env: dict[str, str]) -> None:
    """What a process does: run the grid with two workers and a checkpoint after every epoch."""
    os.setsid()
    os.environ.update(env)
    torch.set_num_threads(1)
    loop.CHECKPOINT_EVERY_S = 0.0
    lab.run(file, profile="smoke", store=store, workers=2)


def ended(store: Path) -> dict[str, dict]:
    """By file, what must be bit-identical of a record: everything but time, speed and date."""
    records = {path.name: json.loads(path.read_bytes()) for path in store.glob("*/*/*.json")}
    odd = ("wall_s", "images_per_s", "env")
    return {name: {k: v for k, v in record.items() if k not in odd} for name, record in records.items()}


def kills(folder: Path, count: int) -> Iterator[dict[str, int]]:
    """Kill a grid so often; after each how often it was under way, and how many grids ended like an
    undisturbed one. The last one is let end, too."""
    grid, done, grids, number = Grid(folder), 0, 0, 0
    while done < count:
        killed = grid.kill(Chance(number))
        done, grids, number = done + killed, grids + (not killed), number + 1
        yield {"kills": done, "grids ended bit-identical": grids, "files left over": grid.left}
    grid.check()
    yield {"kills": done, "grids ended bit-identical": grids + 1, "files left over": grid.left}
