"""`lt compare FOLDER`: read, look, train, judge, write."""

import time
from pathlib import Path

import numpy as np
import torch

from lt_lib.errors import LabError, nearest
from lt_lib.lab.bench import judge, model, page, remedies
from lt_lib.lab.bench.features import features
from lt_lib.lab.bench.reading import read_own, split
from lt_lib.lab.record.files import atomic_write, check_writable
from lt_lib.lab.record.paths import project_root
from lt_lib.progress import say

PAGE, JSON = "index.html", "comparison.json"


def compare(
    folder: Path, aim: str, network: str, seeds: int, out: Path, groups: str | None = None
) -> judge.Verdict:
    """Compare the remedies on a folder of images, and write a page, JSON and the chosen model.

    Args:
        folder: one folder a class, or train and test with one a class; see `reading`.
        aim: of `judge.AIMS`.
        network: whose features; of `features.NETWORKS`, or any of timm.
        seeds: heads a remedy.
        out: where the page goes, outside of the folder.
        groups: see `reading.read_own`.

    Raises:
        DataError, LabError: what cannot be used, and how to mend it.
    """
    if aim not in judge.AIMS:
        raise LabError(
            f"no aim {aim!r}{nearest(aim, list(judge.AIMS))}; it is one of {', '.join(judge.AIMS)}"
        )
    if out.resolve().is_relative_to(folder.resolve()):
        raise LabError(
            f"{out} lies in the folder of images, where nothing is written; choose another with --out"
        )
    check_writable(out / PAGE, "choose another folder with --out")
    start = time.monotonic()
    own = read_own(folder, groups=groups)
    own, x = features(own, network)
    looked = time.monotonic() - start
    test = split(own.labels, own.groups) if own.test is None else own.test
    y = torch.from_numpy(own.labels)
    train, held = torch.from_numpy(~test), torch.from_numpy(test)
    mean, std = x[train].mean(0), x[train].std(0, correction=0).clamp_min(1e-6)
    x = (x - mean) / std
    start = time.monotonic()
    heads = remedies.train(x[train], y[train], len(own.classes), seeds)
    logits = {name: found.logits(x[held]) for name, found in heads.items()}
    verdict = judge.judge(logits, y[held], aim)
    how = {
        "network": network,
        "seeds": seeds,
        "seconds": {"features": looked, "heads": time.monotonic() - start},
    }
    chosen = verdict.best or remedies.PLAIN
    truth = y[held]
    recalls = {name: _recalls(z, truth, len(own.classes)) for name, z in logits.items()}
    style = (project_root() / "book/_static/custom.css").read_text(encoding="utf-8")
    shown = page.page(
        own,
        test,
        verdict,
        recalls,
        judge.confusions(logits[chosen], truth),
        judge.suspects(logits[chosen], truth),
        how,
        style,
    )
    model.keep(out, heads[chosen], mean, std, model.about(network, chosen, own.classes))
    atomic_write(out / JSON, page.as_json(own, test, verdict, how).encode())
    atomic_write(out / PAGE, shown.encode())
    for note in own.notes:
        say(note)
    return verdict


def _recalls(logits: torch.Tensor, y: torch.Tensor, k: int) -> np.ndarray:
    right = (logits.argmax(-1) == y).float()
    return torch.stack([right[:, y == c].mean() for c in range(k)]).numpy()
