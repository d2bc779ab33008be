"""Precision is the spec's: float32 is plain torch, bf16 moves the scores a little, and what cannot be trained
in bf16 refuses it."""

import contextlib
import sys
import uuid

import pytest
import torch
from helpers import EXPERIMENT, write_experiment

from lt_lib import data as datasets
from lt_lib.lab import LabError, load, plan
from lt_lib.lab.record.plan import definition
from lt_lib.lab.record.spec import MODES
from lt_lib.lab.train import device
from lt_lib.lab.train.run import bf16_instructions, environment

AUTOCAST = device.autocast
ROWS = [
    ("shapes", "tuned"),
    ("spectrum-table1", "b4-swa-clr-ldam"),
    ("spectrum-table2", "r18-652-augmix-ce"),
    ("lectures-targets", "mixup"),
    ("lectures-targets", "student-of-smoothed"),
]


SMALL = {"lesson": {"images": 120}, "recipe": {"tiles": 120, "test_tiles": 100}}


@pytest.fixture
def trained(lab_env, tmp_path):
    """The outcome of a row of an experiment at profile smoke, on few images, in a precision, after an
    epoch."""
    torch.set_num_threads(1)
    shapes = load(write_experiment(tmp_path, EXPERIMENT))

    def outcome(experiment, row, precision):
        spec = plan(shapes if experiment == "shapes" else experiment, row, "smoke", seeds=1)[0].spec
        change = {"optimizer": {"precision": precision, "epochs": 1}} | SMALL
        parts = {
            name: getattr(spec, name).model_copy(update=v)
            for name, v in change.items()
            if getattr(spec, name)
        }
        spec, dataset = spec.model_copy(update=parts), datasets.load(spec.data)
        mode = definition(MODES[spec.mode])()
        (task,), _ = mode.tasks(spec, dataset)
        (found,) = mode.train([task], dataset, tmp_path / f"{uuid.uuid4()}.pt", None)
        return found

    return outcome


@pytest.mark.parametrize(("experiment", "row"), ROWS)
def test_float32_is_plain_torch_and_bf16_near_it(trained, monkeypatch, experiment, row):
    single, half = (trained(experiment, row, precision) for precision in ("float32", "bf16"))
    for module in [m for m in list(sys.modules.values()) if getattr(m, "autocast", None) is AUTOCAST]:
        monkeypatch.setattr(module, "autocast", lambda precision: contextlib.nullcontext())
    plain = trained(experiment, row, "bf16")
    assert single.history == plain.history
    assert all(torch.equal(single.weights[name], value) for name, value in plain.weights.items())
    assert all(torch.equal(single.logits[name], value) for name, value in plain.logits.items())
    assert {v.dtype for v in half.weights.values()} == {v.dtype for v in plain.weights.values()}
    first, other = half.history["train_loss"][0], single.history["train_loss"][0]
    assert first != other and first == pytest.approx(other, rel=0.05)
    apart = (half.logits["last"].float() - single.logits["last"].float()).abs().mean()
    assert 0 < apart < 0.3 * single.logits["last"].float().std()


@pytest.mark.parametrize(
    ("experiment", "row", "called"),
    [
        ("ee443-results", "baseline-0.1", "probe"),
        ("spectrum-table1", "floor", "floor"),
        ("spectrum-fig1b", "class-1", "gan"),
        ("lectures-thaw", "all", "thaw"),
        ("lectures-rules", "adam", "rules"),
        ("lectures-norms", "bn", "norms"),
        ("lectures-few-labels", "ssgan-20", "few-labels"),
        ("bench-frozen", "plain-0.005", "tail"),
    ],
)
def test_what_cannot_be_trained_in_bf16_refuses_it(experiment, row, called):
    spec = plan(experiment, row, "smoke", seeds=1)[0].spec
    with pytest.raises(ValueError, match=f"bf16 is for the modes .* not for {called}"):
        type(spec).model_validate(spec.model_dump() | {"optimizer": {"precision": "bf16"}})


def test_a_profile_gives_its_precision_to_the_rows_that_know_one(tmp_path):
    paper = {item.key: item.spec for item in plan("spectrum-table1", profile="paper", data="real", seeds=1)}
    assert {key for key, spec in paper.items() if spec.optimizer.precision == "float32"} == {
        "floor",
        "floor-652",
    }
    for name in ("ee443-finetuned", "lectures-targets", "spectrum-table2", "spectrum-variants"):
        for item in plan(name, profile="paper", data="real", seeds=1):
            assert (item.spec.optimizer.precision == "bf16") == (item.spec.mode != "floor"), item.key
    profile = {"smoke": EXPERIMENT["profiles"]["smoke"] | {"precision": "bf16"}}
    own = {"mode": "finetune", "optimizer": {"precision": "float32"}}
    rows = [*EXPERIMENT["rows"], {"row": "S.5", "key": "own", "label": "says it itself", "set": own}]
    path = write_experiment(tmp_path, EXPERIMENT | {"profiles": profile, "rows": rows})
    found = {item.key: item.spec.optimizer.precision for item in plan(load(path), None, "smoke", seeds=1)}
    assert found == {k: "float32" for k in ("plain", "balanced", "bagged", "own")} | {"tuned": "bf16"}
    for wrong in ([1], None, "fast"):
        bad = EXPERIMENT["defaults"] | {"mode": "finetune", "optimizer": wrong}
        path = write_experiment(tmp_path, EXPERIMENT | {"profiles": profile, "defaults": bad})
        with pytest.raises(LabError, match="optimizer"):
            load(path)


def test_the_environment_says_the_precision_and_what_carries_it_out(monkeypatch):
    assert environment("float32")["dtype"] == "float32" and "bf16" not in environment("float32")
    assert environment("bf16")["dtype"] == "bf16" and environment("bf16")["bf16"] == bf16_instructions()
    for avx, amx, said in (
        (True, True, "avx512_bf16, amx_bf16"),
        (True, False, "avx512_bf16"),
        (False, False, "emulated"),
    ):
        monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda there=avx: there)
        monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda there=amx: there)
        assert bf16_instructions() == said
