"""The runner: train once, resume exactly, share work, keep what is done."""

import contextlib
import copy
import json
import multiprocessing
import os
import sys
import time

import pytest
import torch
from helpers import EXPERIMENT, write_experiment

from lt_lib.lab import LabError, Store, artifact, load, plan, run
from lt_lib.lab.record.records import short
from lt_lib.lab.train import heads, loop

SERVER = multiprocessing.get_context("forkserver")  # imports torch once; every child is then a quick fork
SERVER.set_forkserver_preload(["lt_lib.lab.train.run", "lt_lib.lab.train.heads", "timm", "torchvision"])


def work(experiment, rows, seeds, env):
    """What a child process does: train with a checkpoint after every epoch."""
    os.environ.update(env)
    torch.set_num_threads(1)
    loop.CHECKPOINT_EVERY_S = 0.0
    run(load(experiment), rows=rows.split(","), profile="smoke", seeds=seeds)


def child(experiment, rows, seeds, **env):
    names = ("LT_DATA", "LT_CACHE", "LT_STORE")
    process = SERVER.Process(
        target=work, args=(experiment, rows, seeds, {n: os.environ[n] for n in names} | env)
    )
    process.start()
    return process


def ended(process) -> int:
    """Exit code, waited for."""
    process.join(300)
    return process.exitcode


def files(store):
    return sorted(store.glob("smoke-embedded/shapes/*.json"))


def stamps(folder):
    """Names and times of checkpoints, some of which may vanish while we look."""
    with contextlib.suppress(FileNotFoundError):
        return {p.name: p.stat().st_mtime_ns for p in folder.glob("*.pt")}


def numbers(path):
    """What must be bit-identical: everything but time, speed and date."""
    record = json.loads(path.read_text())
    return {k: v for k, v in record.items() if k not in ("wall_s", "images_per_s", "env")}


def test_run_trains_once_then_loads(lab_env, experiment_file, monkeypatch):
    experiment = load(experiment_file)
    first = run(experiment, profile="smoke", seeds=2, rows=["plain", "balanced", "bagged"])
    assert [(r.key, r.seed) for r in first] == [
        (k, s) for k in ("plain", "balanced", "bagged") for s in (0, 1)
    ]
    assert all(
        curve["train_loss"][-1] < curve["train_loss"][0] for r in first for curve in r.history["learners"]
    )
    assert len(first[4].metrics["last"]["member_accuracy"]) == 2  # 40 // 20 bags
    monkeypatch.setattr(heads, "train_heads", None)  # a second training would fail
    again = run(experiment, profile="smoke", seeds=2, rows=["plain", "balanced", "bagged"])
    assert [r.id for r in again] == [r.id for r in first]
    assert not list((lab_env / ".work" / "checkpoints").glob("*")) and not list(
        (lab_env / ".work" / "learners").glob("*")
    )


def test_a_head_is_the_same_alone_and_in_company(lab_env, experiment_file, tmp_path):
    experiment = load(experiment_file)
    together = run(experiment, rows="plain", profile="smoke", seeds=3)
    alone = run(experiment, rows="plain", profile="smoke", seeds=[1], store=tmp_path / "alone")
    assert together[1].id == alone[0].id
    assert together[1].digests["logits"] == alone[0].digests["logits"]
    assert together[1].history["learners"][0]["train_loss"] == pytest.approx(
        alone[0].history["learners"][0]["train_loss"], rel=1e-5
    )


def test_one_variant_and_seed_is_one_record(lab_env, tmp_path):
    two = copy.deepcopy(EXPERIMENT) | {"variants": {"ours": {"balance": 20}}}
    two["rows"][0]["variants"] = ["as-released", "ours"]
    path = write_experiment(tmp_path, two)
    (made,) = run(path, rows="plain", profile="smoke", seeds=[2], variant="ours")
    assert (made.variant, made.seed) == ("ours", 2) and len(files(lab_env)) == 1
    with pytest.raises(LabError, match="shapes/plain has no variant 'our'; did you mean 'ours'"):
        run(path, rows="plain", profile="smoke", variant="our")


def test_seeds_differ_and_subset_seed_is_recorded(lab_env, experiment_file):
    records = run(load(experiment_file), rows="plain", profile="smoke", seeds=2)
    assert records[0].digests["indices"] != records[1].digests["indices"]
    assert records[1].spec.seeds.subset == 1


@pytest.mark.parametrize(
    ("rows", "waits"), [("plain,bagged", (0.0, 0.02, 0.05)), ("tuned", (0.0, 0.15, 0.4))]
)
def test_killed_anywhere_ends_bit_identical(lab_env, experiment_file, tmp_path, rows, waits):
    calm = tmp_path / "calm"
    assert ended(child(experiment_file, rows, 2, LT_STORE=str(calm))) == 0
    kills = 0
    for wait in waits:
        process = child(experiment_file, rows, 2)
        checkpoints = lab_env / ".work" / "checkpoints"
        seen = stamps(checkpoints)
        while process.is_alive() and stamps(checkpoints) == seen:
            time.sleep(0.002)
        time.sleep(wait)
        kills += process.is_alive()
        process.kill()
        process.join()
    assert kills >= 1
    assert ended(child(experiment_file, rows, 2)) == 0
    assert [p.name for p in files(lab_env)] == [p.name for p in files(calm)] and files(calm)
    for ours, theirs in zip(files(lab_env), files(calm)):
        assert numbers(ours) == numbers(theirs)


def test_two_processes_share_one_store(lab_env, experiment_file):
    both = [child(experiment_file, "plain,balanced", 2) for _ in range(2)]
    assert [ended(process) for process in both] == [0, 0]
    assert len(files(lab_env)) == 4 and not Store(lab_env).damaged
    assert len({json.loads(p.read_text())["id"] for p in files(lab_env)}) == 4


def test_budget_stops_cleanly_and_the_next_call_goes_on(lab_env, experiment_file, capsys):
    experiment = load(experiment_file)
    assert run(experiment, rows=["plain", "tuned"], profile="smoke", seeds=1, budget=1e-6) == []
    assert "budget" in capsys.readouterr().err
    for _ in range(20):
        records = run(experiment, rows=["plain", "tuned"], profile="smoke", seeds=1, budget=1e-6)
        if len(records) == 2:
            break
    assert len(records) == 2, "each call must make progress, however small the budget"


def test_damaged_record_is_redone_alone(lab_env, experiment_file):
    experiment = load(experiment_file)
    run(experiment, rows="plain", profile="smoke", seeds=2)
    broken, sound = files(lab_env)
    stamp, good = sound.stat().st_mtime_ns, numbers(broken)
    broken.write_text(broken.read_text()[:200])
    store = Store(lab_env)
    assert len(store.all()) == 1 and str(broken) in store.damaged[0]
    assert len(run(experiment, rows="plain", profile="smoke", seeds=2)) == 2
    assert numbers(broken) == good and sound.stat().st_mtime_ns == stamp


def test_damaged_checkpoint_starts_that_part_again(lab_env, experiment_file, change_a_number, capsys):
    process = child(experiment_file, "tuned", 1)
    folder = lab_env / ".work" / "checkpoints"
    while process.is_alive() and not list(folder.glob("*.pt")):
        time.sleep(0.002)
    process.kill()
    process.join()
    (path,) = folder.glob("*.pt")
    change_a_number(path)
    assert len(run(load(experiment_file), rows="tuned", profile="smoke", seeds=1)) == 1
    assert "damaged checkpoint" in capsys.readouterr().err


def test_unwritable_store_is_one_clear_error(lab_env, experiment_file, tmp_path, monkeypatch):
    blocked = tmp_path / "file"
    blocked.write_text("a file where a folder should be")
    with pytest.raises(LabError, match="--store"):
        run(load(experiment_file), rows="plain", profile="smoke", seeds=1, store=blocked)


def test_full_disk_keeps_earlier_records(lab_env, experiment_file, monkeypatch):
    experiment = load(experiment_file)
    run(experiment, rows="plain", profile="smoke", seeds=1)
    before = {p: p.read_bytes() for p in files(lab_env)}

    def full(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(LabError, match="No space left.*kept"):
        run(experiment, rows="balanced", profile="smoke", seeds=1)
    monkeypatch.undo()
    assert {p: p.read_bytes() for p in before} == before and not list(lab_env.rglob(".tmp-*"))


def test_stale_records_are_shown_not_reused_not_deleted(lab_env, experiment_file, monkeypatch):
    from lt_lib.lab import run as runner

    experiment = load(experiment_file)
    old = run(experiment, rows="plain", profile="smoke", seeds=1)[0]
    monkeypatch.setattr(
        sys.modules["lt_lib.lab.record.plan"], "code_digest", lambda *roots: "ast:" + "0" * 64
    )
    new = run(experiment, rows="plain", profile="smoke", seeds=1)[0]
    assert new.id != old.id and new.digests["logits"] == old.digests["logits"]
    assert len(files(lab_env)) == 2
    assert runner is not None


def test_artifact_is_rebuilt_when_asked_for(lab_env, experiment_file):
    from safetensors.torch import load_file

    record = run(load(experiment_file), rows="plain", profile="smoke", seeds=1)[0]
    path = artifact(record)
    logits = load_file(path)["logits"].clone()  # of its own: a file mapped into memory must not shrink
    assert logits.dtype == torch.float16 and logits.shape == (60, 4)
    sound, raw = path.read_bytes(), logits.numpy().tobytes()
    for damaged in (sound[:100], sound.replace(raw, b"\0\0" + raw[2:])):
        path.write_bytes(damaged)
        assert torch.equal(load_file(artifact(record))["logits"], logits)
    path.unlink()
    assert torch.equal(load_file(artifact(record))["logits"], logits)
    assert path.name == f"{short(record.id)}.safetensors"


def test_plan_needs_no_data(monkeypatch, tmp_path):
    monkeypatch.setenv("LT_DATA", str(tmp_path / "nothing"))
    assert len(plan("ee443-results", data="real", profile="paper")) > 50
    assert not (tmp_path / "nothing").exists()


def test_three_selections_are_reported(lab_env, experiment_file):
    record = run(load(experiment_file), rows="plain", profile="smoke", seeds=1)[0]
    curve = record.history["learners"][0]
    best = record.metrics["best_on_test"]
    assert best["accuracy"] == pytest.approx(max(curve["test_accuracy"]), abs=1e-6)
    assert record.metrics["last"]["accuracy"] == pytest.approx(curve["test_accuracy"][-1], abs=1e-6)
    assert record.metrics["best_on_val"]["epochs"] == [
        1 + curve["val_accuracy"].index(max(curve["val_accuracy"]))
    ]


def test_whole_networks_learn(lab_env, experiment_file):
    records = run(load(experiment_file), rows="tuned", profile="smoke", seeds=3)
    assert max(r.metric() for r in records) > 0.4, "four shapes, chance is 0.25"


def test_subset_follows_the_profile(lab_env, experiment_file):
    experiment = load(experiment_file)
    record = run(experiment, rows="plain", profile="smoke", seeds=1)[0]
    assert record.per_class["train_counts"] == [40, 23, 13, 8]
    assert record.sizes["train"][0] + record.sizes["val"][0] == 84
    assert EXPERIMENT["defaults"]["subset"]["ratio"] == 0.2


def test_a_stack_of_equal_backbones_still_has_weights_of_its_own(lab_env, tmp_path):
    from safetensors.torch import load_file

    content = copy.deepcopy(EXPERIMENT)
    content["defaults"]["backbones"] = ["net", "net"]
    record = run(load(write_experiment(tmp_path, content)), rows="plain", profile="smoke", seeds=1)[0]
    names = set(load_file(artifact(record)))
    assert {"learner0.weight", "learner1.weight", "logits"} <= names


def test_without_git_a_record_has_no_commit(lab_env, experiment_file, tmp_path, monkeypatch):
    (tmp_path / "no-commands").mkdir()
    monkeypatch.setenv("PATH", str(tmp_path / "no-commands"))
    (record,) = run(load(experiment_file), rows="plain", profile="smoke", seeds=1)
    assert record.env["commit"] == "" and record.env["dirty"] is False
    assert len(files(lab_env)) == 1


@pytest.mark.parametrize(("row", "rate"), [("plain", 1e6), ("tuned", 1e3), ("tuned", 1e6)])
def test_a_training_that_diverges_is_one_clear_error(lab_env, tmp_path, row, rate):
    content = copy.deepcopy(EXPERIMENT)
    content["profiles"]["smoke"]["set"] = {"optimizer": {"lr": rate}}
    experiment = load(write_experiment(tmp_path, content))
    for _ in range(2):  # the second call takes up what the first one left
        with pytest.raises(
            LabError, match="(loss is not finite|too large for float16).*; lower optimizer.lr"
        ):
            run(experiment, rows=row, profile="smoke", seeds=1)
    assert not files(lab_env)


def _below_a_file(store):
    store.write_text("a file where a folder should be")
    return store / "below"


def _a_file_inside(name):
    def make(store):
        (store / name).parent.mkdir(parents=True)
        (store / name).write_text("a file where a folder should be")
        return store

    return make


@pytest.mark.parametrize(
    "make",
    [
        _below_a_file,
        lambda store: store.with_name("x" * 300),
        lambda store: "/proc/nothing",
        lambda store: "~nosuchuser/store",
        _a_file_inside("smoke-embedded/shapes"),
        _a_file_inside(".work/locks"),
        _a_file_inside(".work/artifacts"),
        _a_file_inside(".work/learners"),
        _a_file_inside(".work/checkpoints"),
    ],
)
def test_a_store_that_cannot_be_written_is_found_out_before_training(
    lab_env, experiment_file, tmp_path, monkeypatch, make
):
    monkeypatch.setattr(sys.modules["lt_lib.lab.train.run"], "_train_group", None)  # training would fail
    with pytest.raises(LabError, match="--store|no user ~nosuchuser"):
        run(load(experiment_file), rows="plain", profile="smoke", seeds=1, store=make(tmp_path / "s"))


def test_a_cache_that_cannot_be_written_is_found_out_before_training(
    lab_env, experiment_file, tmp_path, monkeypatch
):
    monkeypatch.setattr(sys.modules["lt_lib.lab.train.run"], "_train_group", None)
    (tmp_path / "cache").touch()
    monkeypatch.setenv("LT_CACHE", str(tmp_path / "cache"))
    with pytest.raises(LabError, match="cannot write .*set LT_CACHE"):
        run(load(experiment_file), rows="plain", profile="smoke", seeds=1)


def test_a_store_that_holds_everything_is_only_read(lab_env, experiment_file, monkeypatch):
    experiment = load(experiment_file)
    run(experiment, rows="plain", profile="smoke", seeds=1)
    monkeypatch.setattr(sys.modules["lt_lib.lab.record.records"], "check_writable", None)
    assert len(run(experiment, rows="plain", profile="smoke", seeds=1)) == 1


def test_parts_are_what_is_trained_together(lab_env, experiment_file):
    from lt_lib import data
    from lt_lib.lab.train.run import _job, _parts

    items = plan(load(experiment_file), profile="smoke", seeds=2)
    sets = data.load("shapes")
    jobs = {item.id(sets.digest): _job(item, sets) for item in items}
    parts = _parts(jobs)
    assert sorted(i for part in parts for i in part) == sorted(jobs)
    modes = [sorted({job.item.spec.mode for job in part.values()}) for part in parts]
    assert modes.count(["finetune"]) == sum(i.spec.mode == "finetune" for i in items), "a part each"
    probes = [part for part in parts if any(job.item.spec.mode == "probe" for job in part.values())]
    kinds = [{job.mode.together(task) for job in part.values() for task in job.tasks} for part in probes]
    assert all(not one & other for i, one in enumerate(kinds) for other in kinds[:i])


def test_workers_share_a_run(lab_env, experiment_file, tmp_path):
    experiment = load(experiment_file)
    alone = run(experiment, rows=["plain", "tuned"], profile="smoke", seeds=2, store=tmp_path / "alone")
    threads = torch.get_num_threads()
    both = run(experiment, rows=["plain", "tuned"], profile="smoke", seeds=2, workers=2)
    assert torch.get_num_threads() == threads
    assert [r.id for r in both] == [r.id for r in alone]
    assert all(a.metric() == pytest.approx(b.metric(), abs=0.05) for a, b in zip(both, alone))
