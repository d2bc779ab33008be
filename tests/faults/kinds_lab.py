"""Damaged files that the lab reads: experiments, records, checkpoints, weights, models, caches, tables, and
the parameters of a chapter."""

import contextlib
import io
import json
import shutil
from pathlib import Path
from types import SimpleNamespace
from unittest.mock import MagicMock, patch

import numpy as np
import safetensors.torch
import torch
import yaml
from PIL import Image

from lt_lib import lab
from lt_lib.data.sets import droughtwatch
from lt_lib.lab.bench import features as own_features
from lt_lib.lab.bench.features import Eye
from lt_lib.lab.bench.kept import kept
from lt_lib.lab.bench.model import Part, keep, predict
from lt_lib.lab.bench.parts import read_tiles
from lt_lib.lab.bench.reading import read_own
from lt_lib.lab.bench.remedies import Fitted
from lt_lib.lab.publish.chapter import check_parameters
from lt_lib.lab.read.any_table import audit_any, read_table
from lt_lib.lab.record.files import sealed
from lt_lib.lab.record.freshness import is_fresh
from lt_lib.lab.record.paths import cache_root, evidence_dir, experiments_dir
from lt_lib.lab.record.records import Record, Store
from lt_lib.lab.record.spec import Backbone, GanOversampling, Pretraining
from lt_lib.lab.train import backbones
from lt_lib.lab.train import gan_oversampling as gan
from lt_lib.lab.train import run as training
from lt_lib.lab.train.features import FeatureBank
from lt_lib.lab.train.loop import Loop
from lt_lib.models import create
from lt_lib.works.lectures import thaw
from lt_lib.works.sign import copies

from .damage import ODD, Bomb, Chance, damaged, odd_json, read_or_refused
from .kinds import Try, kind
from .kinds_data import examples, frame

CANARY = "canary"  # the folder that a pickle makes when it is opened


def differ(found: dict, sound: dict) -> bool:
    """Whether tensors by name are other ones."""
    return found.keys() != sound.keys() or not all(torch.equal(found[name], sound[name]) for name in sound)


def saved(content) -> bytes:
    """A file of torch.save."""
    file = io.BytesIO()
    torch.save(content, file)
    return file.getvalue()


# ---- experiments


def odd_value(rng: Chance, canary: Path) -> str:
    """A value, as YAML, that a careless reader runs, hangs on, or falls over."""
    leaf = rng.choice(("[x]", "{k: 1}", "1"))
    merge = rng.random() < 0.3
    level = "{{<<: [{}]}}" if merge else rng.choice(("[{}]", "{{a: [{}], b: 1}}", "{{? [{}] : 1}}"))
    bomb = f"&a0 {leaf if not merge else '{k: 1}'}"
    for depth in range(1, rng.choice((3, 12))):
        bomb += f", &a{depth} " + level.format(", ".join([f"*a{depth - 1}"] * 9))
    return rng.choice(
        (
            *(f"[{bomb}]",) * 4,
            "[" * (deep := rng.choice((20, 900, 100_000))) + "]" * deep,
            "{a: " * deep + "1" + "}" * deep,
            f"!!python/object/apply:os.mkdir ['{canary}']",
            "!!python/name:os.mkdir ''",
            "&a [*a]",
            "&a {b: *a}",
            *(f"!!{tag} {rng.choice(('x', '_', '[1]', '{a: b}'))}" for tag in ("int", "float", "bool")),
            *(f"!!{tag} x" for tag in ("timestamp", "null", "set", "omap", "binary", "merge", "own")),
            *("2001-13-45", ".nan", "-.inf", "1e400", "9" * 5000, "0b_", "1:2:99", '"\\ud800"', "~", "''"),
        )
    )


@kind("YAML experiments", quick=15, long=1200)
def experiments(folder: Path) -> Try:
    """Experiment files: other values, hazards of YAML, other bytes."""
    canary = folder / CANARY
    sources = [path for path in sorted(experiments_dir().glob("*.yaml")) if path.stat().st_size < 4000]

    def one(rng: Chance) -> bool:
        source = rng.choice(sources)
        file, sound = folder / source.name, source.read_bytes()
        match rng.randrange(3):
            case 0:
                content = damaged(sound, rng, head=2000)
            case 1:
                lines = sound.decode().splitlines()
                name = rng.choice(("title", "defaults", "profiles", "rows", "extra"))
                lines = [line for line in lines if not line.startswith(f"{name}:")]
                content = "\n".join([*lines, f"{name}: {odd_value(rng, canary)}"]).encode()
            case 2:
                content = odd_json(yaml.safe_load(sound), rng)
        file.write_bytes(content)
        found = read_or_refused(rng, lab.load, file, lines=100)
        file.unlink()
        assert not canary.exists(), rng.number
        return found is not None

    return one


# ---- records


@kind("records", quick=20, long=1000)
def records(folder: Path) -> Try:
    """A committed record, read as `lt run`, `lt status` and the book read it."""
    sound = min(evidence_dir().glob("paper-real/ee443-results/*.json"), key=lambda p: p.name)
    place = folder / sound.relative_to(evidence_dir())
    place.parent.mkdir(parents=True)
    whole = json.loads(sound.read_bytes())

    def everything(store: Store):
        found = store.all()
        names, damage = store.names(), list(store.damaged)
        store.names(), store.by_spec()
        for record in found:
            is_fresh(record)
            for name in ("accuracy", "recall.2", "many"):
                for selection in record.metrics:
                    read_or_refused(Chance(0), said, record, name, selection)
            assert lab.badge([record]).encode()
        return found, names, damage

    def said(record: Record, name: str, selection: str):
        value = record.metric(name, selection)
        return value if value is None else str(lab.estimate([value]))

    def one(rng: Chance) -> bool:
        place.write_bytes(odd_json(whole, rng))
        found = read_or_refused(rng, everything, Store(folder))
        assert found is None or len(found[0]) + len(found[2]) == 1, (
            f"seed {rng.number}: neither read nor named"
        )
        return found is not None and len(found[0]) == 1

    return one


# ---- what torch saved


def train(tasks: list, dataset, checkpoint: Path, deadline: float | None) -> list:
    """Six epochs of a layer, by chance: what an interrupted training must end like."""
    torch.manual_seed(0)
    net = torch.nn.Linear(4, 3)
    descent = torch.optim.Adam(net.parameters())
    loop = Loop("training", 6, checkpoint, deadline, net=net, descent=descent)
    for _ in loop:
        descent.zero_grad()
        net(torch.rand(8, 4)).square().sum().backward()
        descent.step()
        loop.log(net(torch.ones(2, 4)), net.state_dict(), val_accuracy=0.5, test_accuracy=0.5)
    return [loop.outcome(8)]


@kind("checkpoints", quick=20, long=1000)
def checkpoints(folder: Path) -> Try:
    """A checkpoint is gone on from bit by bit, or the training starts again: the same end."""
    task, job = {"sha256:00": None}, SimpleNamespace(mode=SimpleNamespace(train=train), dataset=None)
    outcomes = training._Outcomes(Store(folder), set())
    file, canary = outcomes.checkpoint(list(task)), folder / CANARY
    (sound,) = train([], None, folder / "calm.pt", None)
    try:
        train([], None, file, 0.0)
    except training.BudgetEnded:
        content = file.read_bytes()

    def resumed():
        with patch.object(training, "say", str):
            training._train_group(task, job, outcomes, None)
        return outcomes["sha256:00"]

    def one(rng: Chance) -> bool:
        evil = rng.random() < 0.1
        file.write_bytes(saved({"done": 3, "state": Bomb(canary)}) if evil else damaged(content, rng, 2000))
        whole = training.is_whole(file)
        found = read_or_refused(rng, resumed)
        assert not canary.exists(), rng.number
        assert not differ(found.weights, sound.weights), f"seed {rng.number}: went on from other numbers"
        assert not differ(found.logits, sound.logits), f"seed {rng.number}: went on from other numbers"
        return whole

    return one


@kind("finished learners and kept trainings", quick=15, long=500)
def learners(folder: Path) -> Try:
    """What is kept of a training until its record is written, and of a comparison: the same, or as if it were
    not there."""
    sound, canary = {"a": torch.arange(40.0), "b": torch.ones(3, 4)}, folder / CANARY
    outcome = training.Outcome(dict(sound), {"last": 3}, {"loss": [1.0]}, dict(sound))
    outcomes = training._Outcomes(Store(folder), {"sha256:00"})
    outcomes.add(["sha256:00"], [outcome])
    (learner,) = (outcomes.folder / "learners").glob("*.pt")
    with patch.dict("os.environ", LT_CACHE=str(folder)):
        kept("some", lambda: sound)
        cached = cache_root() / "own" / "some.pt"
    contents = {learner: learner.read_bytes(), cached: cached.read_bytes()}

    def read(file: Path):
        with patch.dict("os.environ", LT_CACHE=str(folder)), patch("lt_lib.lab.bench.kept.say", str):
            if file == cached:
                return kept("some", dict)
            again = training._Outcomes(Store(folder), {"sha256:00"})
            again.recover()
            again.discard([])
            return again["sha256:00"].weights if "sha256:00" in again else {}

    def one(rng: Chance) -> bool:
        file = rng.choice(list(contents))
        evil = rng.random() < 0.1
        file.write_bytes(saved(Bomb(canary)) if evil else damaged(contents[file], rng, 2000))
        found = read_or_refused(rng, read, file)
        assert not canary.exists(), rng.number
        assert not found or not differ(found, sound), f"seed {rng.number}: other numbers are taken for these"
        return bool(found)

    return one


@kind("kept weights, generators and copies", quick=20, long=600)
def made_once(folder: Path) -> Try:
    """What is trained once and kept in the cache: the same, or made again."""
    sound, canary = {"a": torch.arange(40.0), "b": torch.ones(3, 4)}, folder / CANARY
    recipe = Pretraining(data="shapes")
    net = Backbone(name="test_efficientnet", pretrained=recipe, resolution=32)
    source = SimpleNamespace(digest="", name="shapes", classes=("a",), labels=lambda split: np.zeros(4, int))
    task = SimpleNamespace(
        recipe=SimpleNamespace(gan=GanOversampling(), bands=(0,)),
        train=np.zeros((4, 1), int),
        seeds=SimpleNamespace(init=0),
    )

    def write(path: Path) -> None:
        path.write_bytes(sealed(sound) if path.suffix == ".safetensors" else saved(sound))

    def generator() -> dict:
        kept = {"generator": torch.tensor(0.0)} | sound
        with (
            patch.object(gan, "_tiles", lambda *_: torch.zeros(4, 1, 64, 64)),
            patch.object(gan, "_fit", lambda g, t, s, path, d: path.write_bytes(saved(kept))),
            patch.object(gan, "Generator", lambda *_: MagicMock()),
        ):
            found = gan._generator(task, source, 0, None)
        return {name: found[name] for name in sound}

    def weights() -> dict:
        with (
            patch.object(backbones, "pretrain", lambda n, s, path, d: write(path)),
            patch.object(backbones.datasets, "load", lambda name: source),
        ):
            return safetensors.torch.load_file(backbones.pretrained_here(net))

    def lent() -> dict:
        with patch.object(thaw, "_pretrain", lambda n, s, path, d: write(path)):
            path = thaw._source_weights(net, source, None)
        return torch.load(path, weights_only=True)

    def copy() -> dict:
        path = cache_root() / "copies" / "0.pt"
        path.parent.mkdir(parents=True, exist_ok=True)
        if (found := copies._kept(path)) is None:
            write(path)
            found = sound
        return found

    def quiet() -> contextlib.ExitStack:
        stack = contextlib.ExitStack()
        for module in (gan, backbones, thaw):
            stack.enter_context(patch.object(module, "say", str))
        return stack

    readers, files, cache = (generator, weights, lent, copy), {}, folder / "cache"
    environment = patch.dict("os.environ", LT_CACHE=str(cache))
    for reader in readers:
        with environment, quiet():
            before = set(cache.rglob("*.*"))
            reader()
        (files[reader],) = (p for p in {*cache.rglob("*.*")} - before if p.suffix in (".pt", ".safetensors"))
    contents = {reader: file.read_bytes() for reader, file in files.items()}

    def one(rng: Chance) -> bool:
        reader = rng.choice(readers)
        evil = rng.random() < 0.1
        content = saved(Bomb(canary)) if evil else damaged(contents[reader], rng, 2000)
        files[reader].write_bytes(content)
        said = []
        with environment, quiet(), patch("lt_lib.lab.record.files.say", said.append):
            found = read_or_refused(rng, reader)
        assert not canary.exists(), rng.number
        assert found and not differ(found, sound), f"seed {rng.number}: other numbers are taken for these"
        return not said

    return one


@kind("feature chunks (.npz)", quick=10, long=500)
def chunks(folder: Path) -> Try:
    """Features in the cache are those that were kept, or are computed again."""
    keys, rows = np.arange(6), np.random.default_rng(0).random((6, 8)).astype(np.float16)
    chunk, own = io.BytesIO(), io.BytesIO()
    np.savez(chunk, keys=keys, rows=rows)
    np.savez(own, keys=keys.astype(str), rows=rows, remarks=np.array(["a\nb"] * 6))
    evil = io.BytesIO()
    np.savez(evil, keys=np.array([Bomb(folder / CANARY)]), rows=rows, remarks=np.array(["a"]))
    bank = SimpleNamespace(folder=folder)

    def read(is_own: bool):
        with patch.object(own_features, "say", str), patch("lt_lib.lab.train.features.say", str):
            if is_own:
                found = own_features._kept(folder)
                return np.array(list(found)), np.array([row for row, _ in found.values()])
            return FeatureBank._known(bank)

    def one(rng: Chance) -> bool:
        is_own = rng.random() < 0.5
        content = rng.choice((own if is_own else chunk, own if is_own else chunk, evil)).getvalue()
        (folder / "0.npz").write_bytes(damaged(content, rng, 512))
        found, values = read_or_refused(rng, read, is_own)
        assert not (folder / CANARY).exists(), rng.number
        assert not len(found) or (found.tolist() == (keys.astype(str) if is_own else keys).tolist())
        assert not len(found) or np.array_equal(values, rows), f"seed {rng.number}: other features"
        return len(found) > 0

    return one


# ---- safetensors


def odd_weights(tensors: dict[str, torch.Tensor], rng: Chance) -> bytes:
    """A safetensors file with some of it changed: tensors, or bytes."""
    tensors, name = dict(tensors), rng.choice(list(tensors))
    match rng.randrange(4):
        case 0:
            tensors.pop(name)
        case 1:
            tensors[name] = tensors[name][..., None]
        case 2:
            tensors["another"] = tensors[name].clone()
        case 3:
            tensors[name] = tensors[name].to(rng.choice([torch.float16, torch.int8, torch.bool]))
    content = safetensors.torch.save(tensors)
    return damaged(content, rng, head=rng.choice((8, 2000))) if rng.random() < 0.7 else content


@kind("safetensors weights", quick=15, long=500)
def weights(folder: Path) -> Try:
    """Weights of a user's own, as models.create takes them."""
    name, file = "test_efficientnet", folder / "w.safetensors"
    tensors = create(name, 3).state_dict()

    def load():
        try:
            return create(name, 3, pretrained=file)
        except ValueError as error:
            assert str(error).startswith(f"{file} ")
            raise

    def one(rng: Chance) -> bool:
        file.write_bytes(odd_weights(tensors, rng))
        return read_or_refused(rng, load, refusal=ValueError) is not None

    return one


@kind("safetensors beside records", quick=10, long=400)
def artifacts(folder: Path) -> Try:
    """The logits of a record are those it was written with, or are made again."""
    sound = {"logits": torch.rand(20, 4).half(), "learner0.weight": torch.rand(4, 6)}
    source = min(evidence_dir().glob("paper-real/ee443-results/*.json"), key=lambda p: p.name)
    record = Record.model_validate_json(source.read_bytes())
    logits = training.digest(sound["logits"].view(torch.int16).tolist())
    record = record.model_copy(update={"digests": record.digests | {"logits": logits}})
    file, content = Store(folder).artifact(record.id), safetensors.torch.save(sound)
    file.parent.mkdir(parents=True)

    def again(*_, **__):
        file.write_bytes(content)

    def read():
        with (
            patch.object(training, "_train", again),
            patch.object(training, "_job"),
            patch.object(training.datasets, "load"),
            patch.object(training.Item, "id", lambda *_: record.id),
        ):
            return safetensors.torch.load_file(lab.artifact(record, folder))

    def one(rng: Chance) -> bool:
        odd = damaged(content, rng, 300)
        file.write_bytes(odd)
        found = read_or_refused(rng, read)
        assert torch.equal(found["logits"], sound["logits"]), f"seed {rng.number}: other logits"
        return file.read_bytes() == odd

    return one


@kind("models of lt compare", quick=15, long=500)
def models(folder: Path) -> Try:
    """A model folder that `lt predict` is given."""
    image, out = folder / "image.png", folder / "model"
    Image.fromarray(np.full((40, 40, 3), 90, np.uint8)).save(image)
    net, levels = create("test_efficientnet", 0), torch.full((3, 1, 1), 0.5)
    spec = Backbone(name="test_efficientnet", pretrained=False, resolution=32)
    heads = Fitted(torch.rand(1, 1, 2, net.num_features), torch.rand(1, 1, 2), False, 0.0)
    eye, zeros = Eye.around(spec, net, levels, levels, None), torch.zeros(net.num_features)
    out.mkdir()
    keep(out, [Part(eye, heads, zeros, zeros + 1, net.state_dict())], "plain", ["a", "b"], "words")
    about, tensors = out / "model.json", out / "model.safetensors"
    usual = {about: about.read_bytes(), tensors: tensors.read_bytes()}
    networks = ("hf-hub:timm/resnet18", f"local-dir:{folder}", "resnet18", "vit_base_patch16_224", "../x")
    options = ({"pretrained": True}, {"checkpoint_path": str(folder / "evil.pth")}, {"num_classes": 10**9})
    (folder / "evil.pth").write_bytes(saved({"state_dict": Bomb(folder / CANARY)}))

    def odd_about(rng: Chance) -> bytes:
        said = json.loads(usual[about])
        part, name = said["parts"][0], rng.choice(("network", "options", "side", "bands", "any"))
        if name == "any":
            return odd_json(said, rng)
        values = {"network": networks, "options": options, "side": (10**6, 8, 4096), "bands": (10**9, 4, 1)}
        part[name] = rng.choice(values[name])
        return json.dumps(said).encode()

    def one(rng: Chance) -> bool:
        for file, content in usual.items():
            file.write_bytes(content)
        if rng.random() < 0.7:
            about.write_bytes(odd_about(rng))
        else:
            tensors.write_bytes(damaged(usual[tensors], rng, rng.choice((8, 2000))))
        found = read_or_refused(rng, lambda: list(predict(out, [image])))
        assert not (folder / CANARY).exists(), rng.number
        if found is None:
            return False
        ((_, name, share),) = found
        assert name is None or (isinstance(name, str) and 0 <= share <= 1), rng.number
        return True

    return one


# ---- tables and caches


@kind("CSV lists of lt compare", quick=15, long=600)
def tables(folder: Path) -> Try:
    """Lists of files and labels, as they are compared."""
    lines = ["file,label,split,site"]
    for i in range(24):
        Image.fromarray(np.full((16, 16, 3), 9 * i, np.uint8)).save(folder / f"{i}.png")
        lines.append(f"{i}.png,{'ab'[i % 2]},{'train' if i % 3 else 'test'},{i // 2}")
    text, file = "\n".join(lines).encode(), folder / "list.csv"
    cells = ("/dev/zero", "../../etc/passwd", "a\0.png", "x" * 200_000, "=1+1", "\ud800", '"', "é", ".", "")

    def one(rng: Chance) -> bool:
        content = damaged(text, rng, 200)
        if rng.random() < 0.4:
            rows = [line.split(",") for line in lines]
            row = rng.choice(rows)
            row[rng.randrange(len(row))] = rng.choice(cells)
            content = "\n".join(map(",".join, rows)).encode("utf-8", "surrogatepass")
        file.write_bytes(content)
        return read_or_refused(rng, lambda: read_own(file, groups=rng.choice((None, "site")))) is not None

    return one


@kind("CSV tables of lt audit", quick=10, long=400)
def printed_tables(folder: Path) -> Try:
    """Tables of printed accuracies."""
    lines = (
        "method,a,b,c,mean",
        "plain,91.2,80.1,70.0,80.4",
        "ours,92.0*,81,71.5 ± 0.3,81.5",
        "n,100,200,300,",
    )
    text = "\n".join(lines).encode()
    file = folder / "t.csv"
    odd = (b"nan", b"inf", b"1e400", b"-1", b"9" * 5000, b"101%", b"x" * 200_000, b"\xff", b"", b"\0", b'"')

    def one(rng: Chance) -> bool:
        cells = text.split(b",")
        if rng.random() < 0.5:
            cells[rng.randrange(len(cells))] = rng.choice(odd)
        content = b",".join(cells)
        file.write_bytes(damaged(content, rng, 60) if rng.random() < 0.6 else content)
        return read_or_refused(rng, lambda: audit_any(read_table(file))) is not None

    return one


@kind("unpacked tiles in the cache", quick=15, long=300)
def tiles(folder: Path) -> Try:
    """What lt compare kept of TFRecord parts is taken, or unpacked again."""
    sound, source = examples(folder), folder / "parts"
    source.mkdir()
    (source / "part-0").write_bytes(b"".join(map(frame, sound)))

    def read():
        with patch.dict("os.environ", LT_CACHE=str(folder / "cache")):
            return read_tiles(source)

    calm = read()
    (index,) = (folder / "cache").rglob("tiles.json")
    usual = json.loads(index.read_bytes())

    def one(rng: Chance) -> bool:
        index.write_bytes(odd := odd_json(usual, rng))
        found = read_or_refused(rng, read)
        assert found is None or set(found.classes) <= set(droughtwatch.CLASSES), rng.number
        assert found is None or all(file.is_relative_to(calm.root) for file in found.files), rng.number
        taken = index.is_file() and index.read_bytes() == odd
        shutil.rmtree(folder / "cache", ignore_errors=True)
        read()
        return taken and found is not None

    return one


@kind("parameters of a chapter", quick=15, long=400)
def parameters(folder: Path) -> Try:
    """What papermill may inject, as far as the specs that would be run."""
    values = (*ODD, 2, [0, 1], ["x"], [None], [1e400], [-1], "smoke", "embedded", {"a": 1}, [[0]], 2**70)

    def planned(given: dict):
        given = check_parameters(given)
        words = {name: given[name] for name in ("profile", "data", "seeds") if name in given}
        return lab.plan("ee443-fig2", "baseline-0.1", **words)

    def one(rng: Chance) -> bool:
        given = {"profile": "smoke", "data": "embedded", "seeds": 1, "budget": None, "store": None}
        for _ in range(rng.randint(1, 2)):
            given[rng.choice([*given, "seed"])] = rng.choice(values)
        return read_or_refused(rng, planned, given, lines=100) is not None

    return one
