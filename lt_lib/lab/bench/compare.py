"""`lt compare`: read, look, train, judge, write."""

import hashlib
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import get_args

import numpy as np
import torch
from torch import Tensor

from lt_lib.errors import DataError, LabError, nearest
from lt_lib.lab.bench import judge, model, page
from lt_lib.lab.bench.doubts import alike, mislabelled, outside
from lt_lib.lab.bench.features import BATCH, Eye, backbone, features
from lt_lib.lab.bench.finetune import finetune, trainable
from lt_lib.lab.bench.kept import kept
from lt_lib.lab.bench.model import Part
from lt_lib.lab.bench.reading import Own, read_own, split
from lt_lib.lab.bench.remedies import PLAIN, REMEDIES, Fitted, fit
from lt_lib.lab.record.digests import code_digest, digest
from lt_lib.lab.record.files import atomic_write, check_writable
from lt_lib.lab.record.paths import LOOK
from lt_lib.lab.record.spec import Precision
from lt_lib.lab.train.run import environment
from lt_lib.progress import Progress, say

PAGE, JSON = "index.html", "comparison.json"
STACK, WHOLE = "stack", "whole-"
CODE = (
    "lt_lib.lab.bench.remedies:fit",
    "lt_lib.lab.bench.judge:judge",
    "lt_lib.lab.bench.reading:split",
    "lt_lib.lab.bench.finetune:finetune",
)  # what the numbers of a comparison rest on


@dataclass
class View:
    """Features of one network, standardised by the training images' `mean` and `std` (D,), and its heads."""

    network: str
    x: Tensor
    mean: Tensor
    std: Tensor
    heads: dict[str, Fitted]


def compare(
    path: Path,
    aim: str,
    networks: Sequence[str],
    seeds: int,
    out: Path,
    groups: str | None = None,
    finetuned: bool = False,
    precision: Precision = "float32",
) -> judge.Verdict:
    """Compare the remedies on a reader's images, and write a page, JSON and the chosen model.

    Args:
        path: of the images; see :func:`lt_lib.lab.bench.reading.read_own`.
        aim: of `judge.AIMS`.
        networks: whose features; of `features.NETWORKS`, or any of timm. The remedies are compared on the
            first; with several, plain cross-entropy on each of them is stacked.
        seeds: heads a remedy.
        out: where the page goes, outside of the folder of images.
        groups: what a split must not part; see `read_own`.
        finetuned: whether plain cross-entropy and the two best remedies also train the whole network.
        precision: of the network's products where features are computed, "float32" or "bf16".

    Raises:
        DataError, LabError: what cannot be used, and how to mend it.
    """
    _check(path, aim, networks, out, precision)
    start, style = time.monotonic(), LOOK.read_text(encoding="utf-8")
    own = read_own(path, groups=groups)
    _check_beside(own, out)
    own, looked = _features(own, networks, precision)
    test = split(own.labels, own.groups) if own.test is None else own.test
    held = np.zeros(len(test), bool)
    held[~test] = _held(own, ~test)
    seconds = {"features": time.monotonic() - start}
    start, goal = time.monotonic(), "accuracy" if aim == "accuracy" else "balanced"
    views = [
        _view(network, x, own, test, held, tuple(REMEDIES) if i == 0 else (PLAIN,), seeds, goal)
        for i, (network, x) in enumerate(looked.items())
    ]
    rows = _rows(views, test)
    seconds["heads"] = time.monotonic() - start
    y, counts = torch.from_numpy(own.labels[test]), np.bincount(own.labels[~test]).tolist()
    titles = {key: row.title for key, row in rows.items()}
    verdict = judge.judge({key: row.logits for key, row in rows.items()}, y, counts, aim, titles)
    if finetuned:
        start = time.monotonic()
        rows |= _finetuned(own, test, views[0], verdict)
        seconds["whole networks"] = time.monotonic() - start
        titles = {key: row.title for key, row in rows.items()}
        verdict = judge.judge({key: row.logits for key, row in rows.items()}, y, counts, aim, titles)
    chosen = rows[verdict.best or PLAIN]
    if verdict.best == STACK:
        parts = [_part(own, view, PLAIN) for view in views]
    else:
        parts = chosen.parts or [_part(own, views[0], verdict.best or PLAIN)]
    chosen = replace(chosen, parts=parts)
    doubted = _doubted(own, test, views[0], verdict.best, chosen)
    made = {"environment": environment(), "digests": {"code": code_digest(*CODE), "data": _digest(own, test)}}
    near = alike(views[0].x, test)
    found = page.Found(own, test, verdict, rows, chosen, list(networks), seeds, seconds, made, near, doubted)
    model.keep(out, parts, chosen.title, own.classes, verdict.words)
    atomic_write(out / JSON, page.as_json(found).encode())
    atomic_write(out / PAGE, page.page(found, style).encode())
    for note in own.notes:
        say(note)
    return verdict


def _digest(own: Own, test: np.ndarray) -> str:
    return digest([own.keys, own.labels.tolist(), test.tolist()])


def _check(path: Path, aim: str, networks: Sequence[str], out: Path, precision: str) -> None:
    if precision not in get_args(Precision):
        raise LabError(f"no precision {precision!r}; it is one of {', '.join(get_args(Precision))}")
    if aim not in judge.AIMS:
        raise LabError(
            f"no aim {aim!r}{nearest(aim, list(judge.AIMS))}; it is one of {', '.join(judge.AIMS)}"
        )
    for network in networks:
        backbone(network)
    if len(set(networks)) < len(networks):
        raise LabError("a network is named twice; stacking needs different ones")
    if path.is_dir() and out.resolve().is_relative_to(path.resolve()):
        raise _among(out)
    if (out / PAGE).exists() and not (out / JSON).exists():
        raise LabError(f"{out / PAGE} is no page of `lt compare`; choose another folder with --out")
    check_writable(out / PAGE, remedy="choose another folder with --out")


def _check_beside(own: Own, out: Path) -> None:
    """For a table may name images anywhere, and a class may be a link."""
    if out.resolve() in {folder.resolve() for folder in {file.parent for file in own.files}}:
        raise _among(out)


def _among(out: Path) -> LabError:
    return LabError(
        f"{out} lies in the folder of images, where nothing is written; choose another with --out"
    )


def _features(own: Own, networks: Sequence[str], precision: Precision) -> tuple[Own, dict[str, Tensor]]:
    own, first = features(own, networks[0], precision)
    found = {networks[0]: first}
    for network in networks[1:]:
        _, found[network] = features(replace(own, notes=[]), network, precision)
    return own, found


def _held(own: Own, train: np.ndarray) -> np.ndarray:
    """Of the training images, those held back to choose each remedy's number; groups stay whole where each
    class has several."""
    if own.groups is not None:
        try:
            return split(own.labels[train], own.groups[train], seed=1)
        except DataError:
            own.notes.append(
                "The images on which each remedy's number is chosen are not parted by groups: some class has "
                "too few. The test is."
            )
    return split(own.labels[train], seed=1)


def _view(network, x: Tensor, own: Own, test, held, keys, seeds: int, goal: str) -> View:
    train = torch.from_numpy(~test)
    mean, std = x[train].mean(0), x[train].std(0, correction=0).clamp_min(1e-6)
    x = (x - mean) / std
    y, back = torch.from_numpy(own.labels)[train], torch.from_numpy(held)[train]
    known = [code_digest("lt_lib.lab.bench.remedies:fit"), keys, seeds, goal, y.tolist(), back.tolist()]
    known.append(hashlib.sha256(x[train].numpy().tobytes()).hexdigest())

    def trained() -> dict[str, dict]:
        found = fit(x[train], y, len(own.classes), back, keys=keys, seeds=range(seeds), goal=goal)
        return {key: dict(vars(one)) for key, one in found.items()}

    heads = kept(f"heads-{digest(known)[7:19]}", trained)
    return View(network, x, mean, std, {key: Fitted(**one) for key, one in heads.items()})


def _rows(views: list[View], test: np.ndarray) -> dict[str, page.Row]:
    first, held = views[0], torch.from_numpy(test)
    rows = {
        key: page.Row(
            REMEDIES[key].title,
            REMEDIES[key].source,
            heads.logits(first.x[held]),
            heads.seconds,
            heads.weight[0].numel() + heads.bias[0].numel(),
            heads.setting,
        )
        for key, heads in first.heads.items()
    }
    if len(views) > 1:
        each = [view.heads[PLAIN] for view in views]
        votes = torch.stack([h.logits(v.x[held]).softmax(-1) for h, v in zip(each, views, strict=True)])
        rows[STACK] = page.Row(
            f"stacking of {len(views)} networks",
            "ee443",
            votes.mean(0).clamp_min(1e-30).log(),
            sum(h.seconds for h in each),
            sum(h.weight[0].numel() + h.bias[0].numel() for h in each),
        )
    return rows


def _doubted(own: Own, test: np.ndarray, view: View, best: str | None, chosen: page.Row):
    """Images that may be mislabelled, of the test and of those trained on; see `doubts.mislabelled`."""
    key, train = best if best in REMEDIES else PLAIN, torch.from_numpy(~test)
    x, y = view.x[train], own.labels[~test]
    known = [code_digest("lt_lib.lab.bench.doubts:outside"), key, y.tolist()]
    known.append(hashlib.sha256(x.numpy().tobytes()).hexdigest())
    logits = kept(f"outside-{digest(known)[7:19]}", lambda: {"logits": outside(x, y, len(own.classes), key)})[
        "logits"
    ]
    tested = mislabelled(chosen.logits, own.labels[test], np.flatnonzero(test))
    return tested + mislabelled(logits[None], y, np.flatnonzero(~test))


def _part(own: Own, view: View, key: str) -> Part:
    """Of the first seed."""
    heads = view.heads[key]
    one = replace(heads, weight=heads.weight[:1], bias=heads.bias[:1])
    return Part(Eye.of(view.network, own.bands, own.scale), one, view.mean, view.std)


def _finetuned(own: Own, test: np.ndarray, view: View, verdict: judge.Verdict) -> dict[str, page.Row]:
    scores = verdict.scores[verdict.aim]
    able = [key for key in trainable(tuple(view.heads)) if key != PLAIN]
    best = sorted(able, key=lambda key: -scores[key].gain)[:2]
    rows = {}
    for key in (PLAIN, *best):
        start = time.monotonic()
        part = finetune(own, np.flatnonzero(~test), key, _part(own, view, key))
        p = []
        with Progress(int(test.sum()), f"looking, {REMEDIES[key].title}", "image") as bar:
            for some in np.array_split(np.flatnonzero(test), -(-int(test.sum()) // BATCH)):
                p.append(part.probabilities([part.eye.pixels(own.files[i])[0] for i in some]))
                bar.update(len(some))
        weights = sum(value.numel() for value in part.state.values())
        rows[WHOLE + key] = page.Row(
            f"{REMEDIES[key].title}, whole network",
            REMEDIES[key].source,
            torch.cat(p).clamp_min(1e-30).log()[None],
            time.monotonic() - start,
            weights + part.heads.weight.numel() + part.heads.bias.numel(),
            parts=[part],
        )
    return rows
