"""The queue: its order and costs, what it leaves out, killed and resumed."""

import contextlib
import copy
import importlib
import json
import multiprocessing
import os
import time

import pytest
import torch
from helpers import EXPERIMENT, write_experiment

from lt_lib.lab import LabError, fill, jobs, load, queue, run
from lt_lib.lab.train import loop

room = importlib.import_module("lt_lib.lab.backlog")
SERVER = multiprocessing.get_context("forkserver")
SERVER.set_forkserver_preload(["lt_lib.lab.backlog", "lt_lib.lab.train.heads", "timm", "torchvision"])


def at_hand(paths: dict) -> None:
    """Let the queue see these experiment files and no others."""
    room.experiments = lambda: sorted(paths)
    room.load = lambda name, check=True: load(paths[name], check)
    room.evidence = list


def work(paths: dict, env: dict) -> None:
    """What a child process does: fill, with a checkpoint after every epoch."""
    os.environ.update(env)
    torch.set_num_threads(1)
    loop.CHECKPOINT_EVERY_S = 0.0
    at_hand(paths)
    fill("smoke", "embedded")


def child(paths: dict, store):
    env = {name: os.environ[name] for name in ("LT_DATA", "LT_CACHE", "LT_WORKERS")}
    process = SERVER.Process(target=work, args=(paths, env | {"LT_STORE": str(store)}))
    process.start()
    return process


@pytest.fixture
def paths(tmp_path, lab_env, monkeypatch):
    """Two experiments: one of heads with four seeds, one of a network, of higher priority."""
    heads, network = copy.deepcopy(EXPERIMENT), copy.deepcopy(EXPERIMENT)
    heads["rows"], heads["profiles"]["smoke"]["seeds"] = heads["rows"][:2], 4
    network |= {"experiment": "tuned", "rows": network["rows"][3:], "priority": 1}
    found = {e["experiment"]: write_experiment(tmp_path, e) for e in (heads, network)}
    for name in ("experiments", "load", "evidence"):
        monkeypatch.setattr(room, name, getattr(room, name))  # put back when the test ends
    at_hand(found)
    return found


def numbers(store):
    """What must be bit-identical: everything but time, speed and date."""
    records = [json.loads(path.read_text()) for path in sorted(store.glob("smoke-embedded/*/*.json"))]
    return [{k: v for k, v in r.items() if k not in ("wall_s", "images_per_s", "env")} for r in records]


def test_order_and_costs(paths, lab_env):
    lots = queue("smoke", "embedded")
    assert [(lot.experiment, lot.seeds, len(lot.missing)) for lot in lots] == [
        ("tuned", "first three seeds", 3),
        ("shapes", "first three seeds", 6),
        ("shapes", "further seeds", 2),
    ]
    assert [item.seed for item in lots[1].missing.values()] == [0, 0, 1, 1, 2, 2]
    assert [lot.unknown for lot in lots] == [3, 6, 2], "nothing is on record yet"
    assert fill("smoke", "embedded", budget=1e-6) > 0
    assert fill("smoke", "embedded") == 0
    assert all(lot.done and not lot.missing for lot in queue("smoke", "embedded"))
    for path in (*lab_env.glob("*/tuned/*--s1--*.json"), *lab_env.glob("*/shapes/*--s3--*.json")):
        path.unlink()
    first, _, last = queue("smoke", "embedded")
    assert (len(first.missing), first.unknown) == (1, 0) and 0 < first.hours < 0.1
    assert (len(last.missing), last.unknown) == (2, 0)


def test_what_has_printed_numbers_comes_first(paths, monkeypatch):
    printed = room.published(work="ee443").head(1).assign(row_id="S.1")
    monkeypatch.setattr(room, "published", lambda work, table: printed)
    lots = queue("smoke", "embedded")
    assert [(lot.experiment, lot.printed, lot.seeds[:5]) for lot in lots] == [
        ("shapes", True, "first"),
        ("tuned", False, "first"),
        ("shapes", False, "first"),
        ("shapes", True, "furth"),
        ("shapes", False, "furth"),
    ]


def test_a_job_names_the_record_that_it_makes(paths, lab_env):
    made = jobs(queue("smoke", "embedded", experiment="shapes/plain", seeds=2))
    assert [(j.experiment, j.key, j.seed, j.work, j.set) for j in made] == [
        ("shapes", "plain", seed, "ee443", "shapes") for seed in (0, 1)
    ]
    assert {(j.minutes, j.memory_mb, j.gpu) for j in made} == {(None, None, 0)}, "nothing is on record yet"
    job = made[1]
    how = {"rows": job.key, "profile": "smoke", "seeds": [job.seed], "variant": job.variant}
    run(paths["shapes"], **how)
    assert [path.relative_to(lab_env).as_posix() for path in lab_env.glob("*-*/*/*.json")] == [job.record]
    (left,) = jobs(queue("smoke", "embedded", experiment="shapes/plain", seeds=2))
    assert left.record == made[0].record
    assert 0 < left.minutes < 1 and 100 < left.memory_mb < 100_000 and left.gpu == 0


def test_two_rows_of_one_spec_are_one_job(paths, tmp_path):
    twice = copy.deepcopy(EXPERIMENT)
    twice["rows"] = [twice["rows"][0], twice["rows"][0] | {"key": "again", "row": "S.9"}]
    at_hand({"shapes": write_experiment(tmp_path, twice)})
    assert [job.key for job in jobs(queue("smoke", "embedded"))] == ["plain"] * 3


def test_records_of_a_card_ask_for_one(paths, lab_env):
    fill("smoke", "embedded")
    for path in lab_env.glob("*-*/shapes/*.json"):
        content = json.loads(path.read_text())
        content["env"] |= {"device": "some card", "processor": "another"}
        path.write_text(json.dumps(content))
    for path in lab_env.glob("*-*/*/*--s0--*.json"):
        path.unlink()
    tuned, heads = queue("smoke", "embedded")[:2]
    assert (tuned.unknown, heads.unknown) == (0, 2), "hours are those of this processor"
    found = jobs([tuned, heads])
    assert [job.gpu for job in found] == [0, 1, 1] and all(job.minutes > 0 for job in found)


def test_killed_and_resumed_is_bit_identical(paths, lab_env, tmp_path):
    calm = child(paths, tmp_path / "calm")
    calm.join(300)
    assert calm.exitcode == 0
    kills = 0
    for wait in (0.0, 0.2):
        process = child(paths, lab_env)
        work_folder = lab_env / ".work"
        until = time.monotonic() + 120
        while process.is_alive() and time.monotonic() < until and not list(work_folder.glob("*/*.pt")):
            time.sleep(0.002)
        time.sleep(wait)
        kills += process.is_alive()
        process.kill()
        process.join()
    assert kills
    last = child(paths, lab_env)
    last.join(300)
    assert last.exitcode == 0
    assert numbers(lab_env) == numbers(tmp_path / "calm") and len(numbers(lab_env)) == 11


def test_two_fill_one_store(paths, lab_env):
    both = [child(paths, lab_env) for _ in range(2)]
    for process in both:
        process.join(300)
    assert [process.exitcode for process in both] == [0, 0]
    assert len({r["id"] for r in numbers(lab_env)}) == len(numbers(lab_env)) == 11


def test_what_cannot_be_trained_is_said_and_passed_over(paths, lab_env, monkeypatch, capsys):
    def broken(*_):
        raise LabError("no such weights")

    monkeypatch.setattr("lt_lib.lab.train.finetune.Finetune.train", broken)
    assert fill("smoke", "embedded") == 3
    assert "tuned/tuned: 1 records left out: no such weights" in capsys.readouterr().err
    monkeypatch.setattr(room.datasets, "load", broken)
    assert {lot.why_not for lot in queue("smoke", "embedded")} == {"no such weights"}
    capsys.readouterr()
    assert jobs(queue("smoke", "embedded")) == []
    assert "tuned: 3 records left out: no such weights" in capsys.readouterr().err
    assert fill("smoke", "embedded") > 3, "and no error"


def test_unknown_work_names_the_nearest(paths):
    with pytest.raises(LabError, match="ee443"):
        queue("smoke", "embedded", ["ee434"])
    with contextlib.suppress(LabError):
        assert not queue("smoke", "embedded", ["lectures"])
