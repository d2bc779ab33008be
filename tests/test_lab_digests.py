"""Declared equivalents: committed records stay fresh for as long as vouched code is what it was when somebody vouched, and no longer."""

import shutil
from pathlib import Path

import pytest
import safetensors.torch
import torch

from lt_lib import data, models
from lt_lib.lab import LabError, Store, digests
from lt_lib.lab.paths import evidence_dir
from lt_lib.lab.report import evidence, is_fresh

UNCHANGED = evidence_dir() / "unchanged"


def forget():
    for cached in (digests.code_digest, digests._definitions, digests._imports):
        cached.cache_clear()


# --- the committed records


def test_every_committed_record_is_fresh():
    records = evidence()
    assert records and not [record.id for record in records if not is_fresh(record)]


def test_the_store_takes_no_equivalent_for_a_record():
    store = Store(evidence_dir())
    assert UNCHANGED.is_dir() and store.all() and not store.damaged


@pytest.mark.parametrize("path", sorted(UNCHANGED.glob("*")), ids=lambda path: path.name)
def test_every_equivalent_is_in_force(path):
    """A file that stands for nothing any more is to be made anew or deleted."""
    module, name = path.stem.rsplit(".", 1)
    old = digests._equivalent(module, name, UNCHANGED)
    assert old is not None
    assert [digests._canonical(n) for n in old] != [digests._canonical(n) for n in digests._definitions(module)[name]]


def committed_backbones():
    """(name, pretrained, options, classes) of everything the committed records had built: features, and heads where fine-tuned."""
    found = {}
    for record in evidence():
        for backbone in record.spec.backbones if record.spec.mode != "lesson" else ():  # lessons came after the change
            options = {}
            if isinstance(backbone.pretrained, str):
                options = dict(data.describe(backbone.pretrained).create_kwargs)
            classes = [0] if record.spec.mode == "probe" else [0, len(record.confusion)]
            for k in classes:
                found[backbone.name, str(backbone.pretrained), k] = (backbone, options, k)
    return list(found.values())


def test_both_sources_build_the_same_networks(tmp_path):
    """What the file of `create` claims. The weights are random, in a file, as the registered ones need not be at hand."""
    namespace = dict(vars(models))
    exec((UNCHANGED / "lt_lib.models.create.py").read_text(encoding="utf-8"), namespace)  # noqa: S102
    old, new = namespace["create"], models.create
    assert old is not new
    backbones = committed_backbones()
    assert {"mobilenetv2_100"} <= {backbone.name for backbone, _, _ in backbones} and {0, 50} <= {k for _, _, k in backbones}
    for backbone, options, num_classes in backbones:
        file = tmp_path / f"{backbone.name}.safetensors"
        torch.manual_seed(1)
        safetensors.torch.save_file(old(backbone.name, 0, **options).state_dict(), file)
        for pretrained in (False, file):
            nets, states = [], []
            for create in (old, new):
                torch.manual_seed(0)
                nets.append(create(backbone.name, num_classes, pretrained=pretrained, **options))
                states.append(torch.get_rng_state())
            assert torch.equal(*states), "what is drawn next is drawn alike"
            assert str(nets[0]) == str(nets[1]) and nets[0].training == nets[1].training
            first, second = (net.state_dict() for net in nets)
            assert list(first) == list(second) and all(torch.equal(first[key], second[key]) for key in first)
            assert [p.requires_grad for p in nets[0].parameters()] == [p.requires_grad for p in nets[1].parameters()]
            x = torch.randn(4, 3, 64, 64)
            for training in (True, False):
                outputs = []
                for net in nets:
                    torch.manual_seed(2)
                    with torch.inference_mode():
                        outputs.append(net.train(training)(x))
                assert torch.equal(*outputs)


# --- edits to a copy of the library


@pytest.fixture
def edited(tmp_path, monkeypatch):
    """A copy of lt_lib under the committed equivalents: edit(module, old, new) gives the digest behind the feature records."""
    package = Path(digests.ROOT)
    shutil.copytree(package, tmp_path / "lt_lib", ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(digests, "ROOT", tmp_path / "lt_lib")

    def edit(module="models.py", old="", new=""):
        path = tmp_path / "lt_lib" / module
        source = path.read_text(encoding="utf-8")
        assert old in source
        path.write_text(source.replace(old, new, 1) if old else source, encoding="utf-8")
        forget()
        return digests.code_digest("lt_lib.lab.features:build")
    yield edit
    monkeypatch.undo()
    forget()


@pytest.mark.parametrize(("old", "new", "stale"), [
    ("net.conv1 = _adapter(", "net.conv1 = 0 or _adapter(", True),                       # the vouched definition
    ("return F.linear(F.normalize(", "return 2 * F.linear(F.normalize(", True),           # what it newly reaches
    ("def freeze(net", "def freeze(_=None, *, net", True),                              # what both sources reach
    ("A timm network with a fresh head", "A network of timm with a fresh head", False),    # a docstring
    ("def fold_batchnorm(", "def unfold():\n    pass\n\n\ndef fold_batchnorm(", False),    # something else
])
def test_an_edit_ends_the_equivalence(edited, old, new, stale):
    before = edited()
    assert (edited("models.py", old, new) != before) == stale
    assert edited("models.py", new, old) == before


# --- a small package of its own


OLD = "def f(x):\n    return x + g(x)\n"
NEW = "def f(x, twice=False):\n    return x + (h(x) if twice else g(x))\n"
HELPERS = "def g(x):\n    return x\n\n\ndef h(x):\n    return 2 * g(x)\n"


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A package of one module; `write(source)` gives the digest of its f, `declare(...)` writes an equivalent for f."""
    monkeypatch.setattr(digests, "ROOT", tmp_path / "lt_lib")
    monkeypatch.setattr(digests, "evidence_dir", lambda: tmp_path / "records")
    (tmp_path / "lt_lib").mkdir()

    class Package:
        @staticmethod
        def write(source):
            (tmp_path / "lt_lib" / "m.py").write_text(source)
            forget()
            return digests.code_digest("lt_lib.m:f")

        @staticmethod
        def now():
            return digests._code_digest(("lt_lib.m:f",), None)

        @staticmethod
        def declare(stands_for, source, why="# equal at twice=False: see the test\n"):
            folder = tmp_path / "records" / "unchanged"
            folder.mkdir(parents=True, exist_ok=True)
            (folder / "lt_lib.m.f.py").write_text(f"# stands for: {stands_for}\n{why}{source}")
            forget()
    yield Package
    monkeypatch.undo()
    forget()


def test_an_equivalent_keeps_the_old_digest_until_the_next_edit(package):
    old = package.write(OLD + HELPERS)
    assert package.write(NEW + HELPERS) != old
    package.declare(package.now(), OLD)
    assert package.write(NEW + HELPERS) == old
    assert package.write("# a comment\n" + NEW + HELPERS) == old
    assert package.write(OLD + HELPERS) == old, "taken back"
    for edited in (NEW.replace("x +", "x -") + HELPERS, NEW + HELPERS.replace("2 *", "3 *"), NEW + HELPERS.replace("return x", "return -x")):
        assert package.write(edited) not in (old, package.write(NEW + HELPERS))


def test_the_old_source_itself_is_hashed_with_what_it_reaches(package):
    old = package.write(OLD + HELPERS)
    package.write(NEW + HELPERS)
    package.declare(package.now(), OLD.replace("x +", "x -"))
    assert package.write(NEW + HELPERS) not in (old, package.now())
    changed = HELPERS.replace("return x", "return -x")
    package.write(NEW + changed)
    package.declare(package.now(), OLD)
    assert package.write(NEW + changed) != old, "g changed: vouching for f says nothing about g"


def test_a_caller_of_a_vouched_definition_stays_fresh(package):
    caller = "def top(x):\n    return f(x)\n"
    package.write(OLD + HELPERS + caller)
    before = digests.code_digest("lt_lib.m:top")
    package.write(NEW + HELPERS + caller)
    package.declare(package.now(), OLD)
    assert digests.code_digest("lt_lib.m:top") == before


@pytest.mark.parametrize(("stands_for", "why", "source"), [
    ("sha256:" + "0" * 64, "# why\n", OLD),
    ("ast:" + "0" * 64, "", OLD),
    ("ast:" + "0" * 64, "#\n", OLD),
    ("ast:" + "0" * 64, "# why\n", HELPERS),
    ("ast:" + "0" * 64, "# why\n", "def f(x:\n"),
])
def test_an_equivalent_that_cannot_be_read_is_named(package, stands_for, why, source):
    package.write(NEW + HELPERS)
    package.declare(stands_for, source, why)
    with pytest.raises(LabError, match=r"lt_lib\.m\.f\.py must begin with .*python -m lt_lib\.lab\.digests lt_lib\.m:f"):
        digests.code_digest("lt_lib.m:f")


def test_without_a_checkout_there_are_no_equivalents(monkeypatch, tmp_path):
    """And the next call with one finds them again: nothing is cached across projects."""
    root = "lt_lib.lab.features:build"
    with_them = digests.code_digest(root)
    monkeypatch.setenv("LT_BOOK", str(tmp_path))
    without = digests.code_digest(root)
    assert without == digests._code_digest((root,), None) != with_them
    monkeypatch.undo()
    assert digests.code_digest(root) == with_them


def test_the_command_prints_what_the_first_line_needs(capsys):
    digests._main(["lt_lib.models:create"])
    printed = capsys.readouterr().out.split()
    first_line = (UNCHANGED / "lt_lib.models.create.py").read_text(encoding="utf-8").splitlines()[0]
    assert first_line == f"# stands for: {printed[0]}" and printed[1] == "lt_lib.models:create"
    with pytest.raises(SystemExit, match="lt_lib.models:nothing is not a definition; say MODULE:NAME"):
        digests._main(["lt_lib.models:nothing"])
