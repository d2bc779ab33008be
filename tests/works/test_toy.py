"""A fifth work from a folder of its own: an experiment, a topic, a claim, a check and a figure, and no shared
file is touched."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

PACKAGE = {
    "__init__.py": '''
"""A toy work: who looks longer sees more."""

TITLE = "Who looks longer sees more"
EXPERIMENTS = ("toy-x",)
''',
    "claims.py": """
from lt_lib.lab.read.findings import Claim, Contrast, on_contrasts, on_printed, tally
from lt_lib.lab.read.published import value

MEASURED = "Differences of accuracy"


class Look(Contrast):
    def printed_of(self, facts, row):
        return value(metric="test_accuracy", method=row, facts=facts)


LOOKS = [Look("long", "short")]
CLAIMS = {
    "TOY1": Claim(
        on_printed(LOOKS, lambda facts, gaps: f"accuracy {gaps[0]:+.2f} ({LOOKS[0].name})"),
        on_contrasts(LOOKS, lambda parts: f"{tally(parts)}: accuracy {parts[0]} ({LOOKS[0].name})"),
    )
}
""",
    "audit.py": """
from lt_lib.lab.read.published import printed, value
from lt_lib.lab.read.rounding import agrees


def checks(facts):
    def gain():
        text = printed(work="toy", metric="gain", facts=facts)
        short, long = (
            value(work="toy", metric="test_accuracy", method=row, facts=facts) for row in ("short", "long")
        )
        return text, f"{long - short:.2f}", "PASS" if agrees(text, long - short) else "ERROR"

    return {"TA1": gain}
""",
}
TOPIC = '''

from typing import Annotated, Literal

from pydantic import Field

from lt_lib.lab.record.spec import Topic


class Blink(Topic):
    """A linear classifier that takes so many steps an epoch."""

    code = ("lt_lib.works.toy.blink:train",)
    topic: Literal["blink"] = "blink"
    steps: Annotated[int, Field(gt=0)] = 1
'''
TRAINER = """
import numpy as np
import torch
from torch import nn

from lt_lib.lab.train.loop import Loop, accuracy


def train(task, dataset, checkpoint=None, deadline=None):
    def part(split, chosen=slice(None)):
        images, labels = (np.asarray(of(split))[chosen] for of in (dataset.images, dataset.labels))
        return torch.tensor(images / 255).float().flatten(1), torch.tensor(labels).long()

    x, y = part("train", task.train[:, 0])
    x_val, y_val = part("train", task.val[:, 0])
    x_test, y_test = part("test")
    net = nn.Linear(x.shape[1], len(dataset.classes))
    nn.init.zeros_(net.weight)
    descent = torch.optim.SGD(net.parameters(), lr=task.optimizer.lr)
    loop = Loop("training toy", task.optimizer.epochs, checkpoint, deadline, net=net, descent=descent)
    for _ in loop:
        for _ in range(task.lesson.steps):
            loss = nn.functional.cross_entropy(net(x), y)
            descent.zero_grad()
            loss.backward()
            descent.step()
        logits = net(x_test).detach()
        curves = {"val_accuracy": accuracy(net(x_val), y_val), "test_accuracy": accuracy(logits, y_test)}
        loop.log(logits, net.state_dict(), train_loss=float(loss), **curves)
    return loop.outcome(len(x))
"""
FIGURE = """
import matplotlib.pyplot as plt

from lt_lib.lab.figures import figure


@figure("toy-fig1")
def bars(records):
    fig, ax = plt.subplots()
    ax.bar([record.key for record in records], [record.metric() for record in records])
    return fig
"""
EXPERIMENT = """
experiment: toy-x
work: toy
title: Who looks longer sees more
table: Table 1
data: {embedded: digits8}
defaults:
  mode: lesson
  subset: null
  backbones: []
  optimizer: {lr: 0.5, epochs: 2}
  lesson: {topic: blink, images: 300}
profiles:
  smoke: {seeds: 3}
rows:
  - {row: T.1, key: short, label: one step, published: {method: short}, set: {}}
  - {row: T.2, key: long, label: forty steps, published: {method: long}, set: {lesson: {steps: 40}}}
"""
FACTS = {
    "published": """work,table,row_id,model,method,metric,class,value,note
toy,Table 1,T.1,linear,short,test_accuracy,,0.50,
toy,Table 1,T.2,linear,long,test_accuracy,,0.80,
toy,prose,P.1,linear,,gain,,0.35,
""",
    "claims": """id,work,claim,test,published_evidence,note
TOY1,toy,Who looks longer sees more,accuracy(long) > accuracy(short),T.1 T.2,
""",
    "audit": """id,work,location,check,published,recomputed,verdict,note
TA1,toy,prose,gain against Table 1,,,,
TA2,toy,title,wording,blink,look,NOTE,
""",
}


def write_topic(package: Path) -> None:
    """The options of a topic, registered when the work is imported, and its trainer."""
    with (package / "__init__.py").open("a") as file:
        file.write(TOPIC)
    (package / "blink.py").write_text(TRAINER)


def write_figure(package: Path) -> None:
    """A figure that registers itself."""
    (package / "figures.py").write_text(FIGURE)


class Checkout:
    """A checkout whose shared files are links to those of this one, with a toy work beside them."""

    def __init__(self, root: Path):
        self.root, self.book, self.package = root, root / "checkout", root / "works" / "toy"
        (self.book / "book").mkdir(parents=True)
        (self.book / "_toc.yml").symlink_to(ROOT / "_toc.yml")
        for folder in ("experiments", "published"):
            (self.book / "book" / folder).mkdir()
            for path in (ROOT / "book" / folder).iterdir():
                (self.book / "book" / folder / path.name).symlink_to(path)
        (self.book / "book" / "experiments" / "toy-x.yaml").write_text(EXPERIMENT)
        for kind, text in FACTS.items():
            (self.book / "book" / "published" / f"{kind}-toy.csv").write_text(text)
        self.package.mkdir(parents=True)
        for name, source in PACKAGE.items():
            (self.package / name).write_text(source)
        write_topic(self.package)
        write_figure(self.package)

    def python(self, *words: str, **env: str):
        """Run the interpreter in the checkout; records of runs are its committed ones."""
        places = {
            "PYTHONPATH": ROOT,
            "LT_BOOK": self.book,
            "LT_WORKS": self.package.parent,
            "LT_STORE": self.book / "book" / "records",
            "LT_DATA": self.root / "data",
            "LT_CACHE": self.root / "cache",
        }
        env = os.environ | {name: str(place) for name, place in places.items()} | env
        command = [sys.executable, *words]
        return subprocess.run(command, cwd=self.root, env=env, capture_output=True, text=True, check=False)

    def lt(self, *words: str) -> str:
        """Run `lt WORDS`, which must succeed; its output."""
        done = self.python("-m", "lt_lib.cli", *words)
        assert done.returncode == 0, done.stderr
        return done.stdout


@pytest.fixture(scope="module")
def toy(tmp_path_factory):
    return Checkout(tmp_path_factory.mktemp("toy"))


@pytest.fixture(scope="module")
def trained(toy):
    """The checkout after `lt run toy-x`, and what that said."""
    return toy, toy.lt("run", "toy-x", "--profile", "smoke")


SMOKE = ("--profile", "smoke", "--data", "embedded")


def test_claims_and_checks_plug_in(toy):
    said = toy.lt("claims", "toy")
    assert "TOY1  Who looks longer sees more" in said
    assert "printed: holds. accuracy +0.30 (long less short)" in said and "records: no record" in said
    said = toy.lt("audit", "toy")
    assert "TA1  ERROR" in said and "published: 0.35; recomputed: 0.30" in said
    assert "TA2  NOTE" in said and "published: blink; text: look" in said


def test_a_work_is_found_by_name(toy):
    script = """
from lt_lib.errors import LabError
from lt_lib.lab.record.works import load_work, works
print(*works(), load_work("toy").TITLE)
try:
    load_work("toi")
except LabError as error:
    print(error)
try:
    load_work("toy", "atlas")
except LabError as error:
    print(error)
"""
    first, second, third = toy.python("-c", script).stdout.splitlines()
    assert first == "bench ee443 lectures sign spectrum toy Who looks longer sees more"
    assert second == (
        "no work 'toi'; did you mean 'toy'?; there are: bench, ee443, lectures, sign, spectrum, toy"
    )
    assert third == "the work 'toy' has no module 'atlas'"


def test_a_topic_plugs_in_and_its_records_decide_the_claim(trained):
    toy, said = trained
    assert [line.split()[0] for line in said.splitlines()] == ["short", "long"] and "n = 3" in said
    assert len(list((toy.book / "book" / "records" / "smoke-embedded" / "toy-x").glob("*.json"))) == 6
    said = toy.lt("claims", "toy", *SMOKE)
    assert "records: direction holds (stand-in). 1 part: accuracy +0." in said and "stale" not in said


def test_a_figure_plugs_in(trained):
    toy, _ = trained
    script = (
        "from lt_lib import lab\n"
        "fig = lab.figure('toy-fig1', lab.run('toy-x', profile='smoke', seeds=1))\n"
        "print([bool(bar.get_height() > 0.05) for bar in fig.axes[0].patches])"
    )
    done = toy.python("-c", script, MPLBACKEND="Agg")
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "[True, True]"


def test_its_records_are_stale_when_its_code_changes(trained):
    """Last, for it changes the trainer."""
    toy, _ = trained
    (toy.package / "blink.py").write_text(TRAINER.replace("zeros_(net.weight)", "ones_(net.weight)"))
    assert "stale" in toy.lt("claims", "toy", *SMOKE)


# --- the folder of works


@pytest.mark.parametrize(
    ("name", "message"), [("nowhere", "LT_WORKS names"), ("works", "two works are called 'ee443'")]
)
def test_a_folder_that_cannot_be_used_is_one_clear_error(tmp_path, name, message):
    checkout = Checkout(tmp_path)
    checkout.package.rename(checkout.package.with_name("ee443"))
    script = "from lt_lib.lab.record.works import works; works()"
    done = checkout.python("-c", script, LT_WORKS=str(tmp_path / name))
    assert done.stderr.splitlines()[-1].startswith(f"lt_lib.errors.LabError: {message}")


def test_what_a_work_offers_is_light():
    """Its `__init__` alone imports neither torch nor pandas nor matplotlib."""
    script = (
        "import importlib, pkgutil, sys, lt_lib.works\n"
        "for work in pkgutil.iter_modules(lt_lib.works.__path__, 'lt_lib.works.'):\n"
        "    importlib.import_module(work.name)\n"
        "print([m for m in ('torch', 'timm', 'pandas', 'matplotlib') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout == "[]\n"
