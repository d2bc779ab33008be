"""What a comparison found, as one static page and as JSON."""

import base64
import html
import io
import json
from dataclasses import asdict, dataclass, field

import numpy as np
from torch import Tensor

from lt_lib.data.image_folder import shown
from lt_lib.lab.bench.bands import picture
from lt_lib.lab.bench.judge import AIMS, GROUPS, Verdict, confusions
from lt_lib.lab.bench.model import SNIPPET, Part
from lt_lib.lab.bench.own import within
from lt_lib.lab.bench.reading import Own
from lt_lib.lab.bench.remedies import PLAIN

_PAGE = """<!DOCTYPE html>
<html lang="en" data-theme="light"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title><style>{style}</style></head>
<body class="bd-content"><main><h1>{title}</h1>
<p class="lt-answer"><strong>{words}</strong></p>{body}</main></body></html>
"""
_STYLE = """html { --pst-color-text-base: #1c2430; }
body { font: 17px/1.55 system-ui, "DejaVu Sans", sans-serif; color: #1c2430; margin: 0; background: #fff; }
main { max-width: 76rem; margin: 0 auto; padding: 1rem; overflow-wrap: anywhere; }
h2 { margin-top: 2.2rem; } img { max-width: 100%; height: auto; } figure { margin: 1rem 0; }
pre { overflow-x: auto; background: #f3f4f6; padding: .8rem; font-size: .82rem; }
div.lt-table td, div.lt-table th { overflow-wrap: normal; padding: .3rem .5rem; }
div.lt-table table { font-size: .85rem; }
div.lt-table tbody th { min-width: 8.5rem; overflow-wrap: anywhere; }
div.lt-table td span { white-space: nowrap; } div.lt-table small { font-weight: 400; color: #59636e; }
.lt-images { display: flex; flex-wrap: wrap; gap: .6rem; padding: 0; list-style: none; }
.lt-images li { width: 112px; font-size: .75rem; line-height: 1.3; }
.lt-images img { width: 112px; height: 112px; }
"""
_FOLD = 25  # classes: a longer table is folded
_THUMB = 112
_PAIRS = 6  # that look alike: all are in the JSON


@dataclass(frozen=True)
class Row:
    """A remedy: logits (S, T, K) on the test images, the seconds of all its seeds, how many numbers one
    classifier of it trains, the number chosen on validation, and its parts where it is no head of the first
    network."""

    title: str
    source: str
    logits: Tensor
    seconds: float
    parameters: int
    setting: float | None = None
    parts: list[Part] = field(default_factory=list)


@dataclass(frozen=True)
class Found:
    """All that a comparison found; `test` (N,): which images are of the test; `made`: environment and digests
    behind it; `alike` and `mislabelled`: of :mod:`lt_lib.lab.bench.doubts`."""

    own: Own
    test: np.ndarray
    verdict: Verdict
    rows: dict[str, Row]
    chosen: Row
    networks: list[str]
    seeds: int
    seconds: dict[str, float]
    made: dict
    alike: list[tuple[int, int, float]] = field(default_factory=list)
    mislabelled: list[tuple[int, int, float]] = field(default_factory=list)

    @property
    def counts(self) -> np.ndarray:
        """Training images by class."""
        return np.bincount(self.own.labels[~self.test], minlength=len(self.own.classes))

    @property
    def best(self) -> str:
        """The recommended remedy, or the one that came out first."""
        scores = self.verdict.scores[self.verdict.aim]
        return self.verdict.best or max((k for k in scores if k != PLAIN), key=lambda k: scores[k].gain)


def as_json(found: Found) -> str:
    """Everything the page shows, for a program."""
    verdict, own = found.verdict, found.own
    remedies = {
        key: {
            "title": row.title,
            "source": row.source,
            "scores": {aim: asdict(scores[key]) for aim, scores in verdict.scores.items()},
            "ece": verdict.ece[key],
            **verdict.groups[key],
            "recall": dict(zip(own.classes, verdict.recalls[key].tolist(), strict=True)),
            "setting": row.setting,
            "seconds": row.seconds,
            "parameters": row.parameters,
        }
        for key, row in found.rows.items()
    }
    said = {
        "aim": verdict.aim,
        "recommended": verdict.best,
        "words": verdict.words,
        "networks": found.networks,
        "seeds": found.seeds,
        "seconds": found.seconds,
        "images": {"training": int((~found.test).sum()), "test": int(found.test.sum())},
        "classes": dict(zip(own.classes, found.counts.tolist(), strict=True)),
        "remedies": remedies,
        "alike": [
            {"test": _file(own, i), "training": _file(own, j), "cosine": likeness}
            for i, j, likeness in found.alike
        ],
        "mislabelled": [
            {
                "file": _file(own, i),
                "label": own.classes[own.labels[i]],
                "perhaps": own.classes[c],
                "sure": sure,
                "part": "test" if found.test[i] else "training",
            }
            for i, c, sure in found.mislabelled
        ],
        "notes": own.notes,
        **found.made,
    }
    return json.dumps(said, indent=1, ensure_ascii=False)


def _file(own: Own, i: int) -> str:
    return within(own.root, own.files[i])


def page(found: Found, style: str) -> str:
    """The page; `style`: rules of the book's tables."""
    title = f"Which remedy for {shown(found.own.root.name)}?"
    parts = [
        _about(found),
        _remedies(found),
        _gains(found),
        _tail(found),
        _by_class(found),
        _pairs(found),
        _wrong(found),
        _alike(found),
        _listed("What was left out or changed", found.own.notes or ["Nothing."]),
        _limits(found),
        _use(found),
    ]
    return _PAGE.format(
        title=html.escape(title),
        words=html.escape(found.verdict.words),
        style=style + _STYLE,
        body="\n".join(parts),
    )


def _about(found: Found) -> str:
    train, test = int((~found.test).sum()), int(found.test.sum())
    time = ", ".join(f"{what} {seconds:,.0f} s" for what, seconds in found.seconds.items())
    return (
        f"<p>{train:,} images to train on, {test:,} to test on, {len(found.own.classes):,} classes with "
        f"{found.counts.max():,} to {found.counts.min():,} training images. Features of "
        f"{html.escape(found.networks[0])}, kept as they are; a linear head a remedy, {found.seeds} seeds "
        f"({time}). Each remedy's one free number was chosen on a quarter of the training images; which "
        "remedy is best, on the test images, so that its gain is on the bright side.</p>"
    )


def _remedies(found: Found) -> str:
    verdict, aims = found.verdict, [found.verdict.aim, *(a for a in AIMS if a != found.verdict.aim)]
    scores = verdict.scores[verdict.aim]
    groups = [g for g in GROUPS if verdict.groups[PLAIN][g] is not None]
    heads = ["remedy", *(AIMS[aim] for aim in aims), *groups, "ECE", "seconds"]
    rows = []
    for key in sorted(found.rows, key=lambda key: (key != PLAIN, -scores[key].gain)):
        row = found.rows[key]
        cells = [f"{html.escape(row.title)}<br><small>{html.escape(row.source)}</small>"]
        cells += [_score(verdict, aim, key) for aim in aims]
        cells += [f"{verdict.groups[key][g]:.3f}" for g in groups]
        rows.append([*cells, f"{verdict.ece[key]:.3f}", f"{row.seconds:,.1f}"])
    said = {"many": "more than 100", "medium": "20 to 100", "few": "fewer than 20"}
    sizes = "; ".join(
        f"<i>{g}</i>: mean recall of the classes with {said[g]} training images" for g in groups
    )
    return (
        "<h2>The remedies</h2><p>Mean over seeds and its 95 % interval over seeds and test images; beneath, "
        "the difference from plain cross-entropy on the same images, bold where it is above zero even as one "
        f"of {len(found.rows) - 1}. {sizes}. ECE: how far the probabilities are off. Seconds: of all seeds; "
        "heads that were trained together share them.</p>" + _table("remedies", heads, rows)
    )


def _score(verdict: Verdict, aim: str, key: str) -> str:
    s = verdict.scores[aim][key]
    said = f"<span>{s.mean:.3f} [{s.low:.3f}, {s.high:.3f}]</span>"
    if key == PLAIN:
        return said
    gain = f"<span>{s.gain:+z.3f} [{s.gain_low:+z.3f}, {s.gain_high:+z.3f}]</span>"
    return f"{said}<br>{f'<b>{gain}</b>' if s.clear else gain}"


def _table(label: str, heads: list[str], rows: list[list[str]]) -> str:
    head = "".join(f'<th scope="col">{text}</th>' for text in heads)
    body = "".join(
        f'<tr><th scope="row">{first}</th>' + "".join(f"<td>{cell}</td>" for cell in rest) + "</tr>"
        for first, *rest in rows
    )
    return (
        f'<div class="lt-table" tabindex="0" role="region" aria-label="{label}"><table><thead><tr>'
        f"{head}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def _gains(found: Found) -> str:
    scores = {k: s for k, s in found.verdict.scores[found.verdict.aim].items() if k != PLAIN}
    order = sorted(scores, key=lambda key: scores[key].gain)
    plt, aim = _pyplot(), AIMS[found.verdict.aim]
    fig, ax = plt.subplots(figsize=(7.5, 0.8 + 0.28 * len(order)), layout="constrained")
    for i, key in enumerate(order):
        s = scores[key]
        color = "#0173b2" if s.clear else "#777777"
        ax.plot((s.gain_low, s.gain_high), (i, i), color=color)
        ax.plot(s.gain, i, "o" if s.clear else "D", color=color, mfc=color if s.clear else "white")
    ax.axvline(0, color="#333333", lw=1)
    ax.set_yticks(range(len(order)), [found.rows[key].title for key in order], fontsize=9)
    ax.set_xlabel(f"difference in {aim} from plain cross-entropy, 95 % interval")
    alt = (
        f"Difference of each remedy from plain cross-entropy in {aim}: "
        f"{', '.join(f'{found.rows[key].title} {scores[key].gain:+z.3f}' for key in reversed(order))}."
    )
    return "<h2>What can be told apart</h2>" + _figure(plt, fig, alt)


def _tail(found: Found) -> str:
    plt, counts, best = _pyplot(), found.counts, found.best
    order, x = np.argsort(-counts, kind="stable"), np.arange(len(counts))
    fig, (above, below) = plt.subplots(2, 1, figsize=(7.5, 4.4), sharex=True, layout="constrained")
    above.bar(x, counts[order], color="#0173b2")
    above.set_ylabel("training images")
    plain = found.verdict.recalls[PLAIN][order]
    below.plot(x, plain, "o", color="#555555", label=found.rows[PLAIN].title, ms=4)
    below.plot(
        x, found.verdict.recalls[best][order], "D", color="#de8f05", label=found.rows[best].title, ms=4
    )
    below.set(ylabel="recall", ylim=(-0.03, 1.03), xlabel="classes, the largest first")
    if len(counts) <= _FOLD:
        below.set_xticks(
            x,
            [_short(found.own.classes[c]) for c in order],
            rotation=60,
            ha="right",
            fontsize=8,
            parse_math=False,
        )
    below.legend(frameon=False, fontsize=9)
    titles = f"{found.rows[PLAIN].title} and {found.rows[best].title}"
    return "<h2>The tail</h2>" + _figure(
        plt, fig, f"Training images a class, largest first, above each class's recall under {titles}."
    )


def _short(name: str) -> str:
    return name if len(name) <= 16 else name[:15] + "…"


def _pyplot():
    import matplotlib

    matplotlib.use("agg")
    import matplotlib.pyplot as plt

    plt.rcParams["font.sans-serif"] = ["DejaVu Sans", *plt.rcParams["font.sans-serif"]]
    return plt


def _figure(plt, fig, alt: str) -> str:
    import warnings

    file = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # a script that the font lacks
        fig.savefig(file, format="png", dpi=130)
    plt.close(fig)
    return (
        f'<figure><img alt="{html.escape(alt, quote=True)}" src="{_data(file.getvalue(), "png")}"></figure>'
    )


def _data(content: bytes, kind: str) -> str:
    return f"data:image/{kind};base64,{base64.b64encode(content).decode()}"


def _by_class(found: Found) -> str:
    counts, recalls, best = found.counts, found.verdict.recalls, found.best
    support = np.bincount(found.own.labels[found.test], minlength=len(counts))
    rows = [
        [
            html.escape(found.own.classes[c]),
            f"{counts[c]:,}",
            f"{support[c]:,}",
            f"{recalls[PLAIN][c]:.3f}",
            f"{recalls[best][c]:.3f}",
        ]
        for c in np.argsort(-counts, kind="stable")
    ]
    heads = ["class", "training images", "test images", found.rows[PLAIN].title, found.rows[best].title]
    table = _table("recall by class", [html.escape(text) for text in heads], rows)
    if len(rows) > _FOLD:
        table = f'<details class="lt-folded"><summary>All {len(rows):,} classes</summary>{table}</details>'
    return "<h2>Recall by class</h2>" + table


def _pairs(found: Found) -> str:
    own, places = found.own, np.flatnonzero(found.test)
    import torch

    y = torch.from_numpy(own.labels[found.test])
    rows = [
        f"<p>{html.escape(own.classes[true])} taken for {html.escape(own.classes[said])}: {share:.0%}</p>"
        + _images(found, [(int(places[i]), "") for i in images])
        for true, said, share, images in confusions(found.chosen.logits, y)
    ]
    return (
        f"<h2>Confused most</h2><p>By {html.escape(found.chosen.title)}; the images that most seeds take "
        "so.</p>" + ("".join(rows) or "<p>Nothing.</p>")
    )


def _wrong(found: Found) -> str:
    own, remedy = found.own, html.escape(found.chosen.title)
    said = []
    for i, c, sure in found.mislabelled:
        who = "all seeds" if found.test[i] else "others"
        said.append((i, f"{own.classes[own.labels[i]]}? {who}: {own.classes[c]}, {sure:.2f}"))
    tested, trained = ([one for one in said if found.test[one[0]] == part] for part in (True, False))
    return (
        "<h2>Perhaps mislabelled</h2><p>The surest first. Look at them before you believe either.</p>"
        f"<h3>Test images of which all seeds of {remedy} agree on another class</h3>"
        f"{_images(found, tested) or '<p>None.</p>'}"
        "<h3>Training images that a head which never saw them gives another class</h3>"
        f"{_images(found, trained) or '<p>None.</p>'}"
    )


def _alike(found: Found) -> str:
    title, own = "<h2>Nearly the same on both sides</h2>", found.own
    if not found.alike:
        return f"{title}<p>No test image is nearly a training image, by the features of the network.</p>"
    first, more = found.alike[:_PAIRS], len(found.alike) - _PAIRS
    pairs = "".join(
        f"<li>{_thumb(own, i)}{_thumb(own, j)}test: {html.escape(own.classes[own.labels[i]])}, training: "
        f"{html.escape(own.classes[own.labels[j]])}</li>"
        for i, j, _ in first
    )
    these = "is nearly a training image" if len(found.alike) == 1 else "are nearly training images"
    rest = f"<p>And {more:,} more, in the JSON.</p>" if more > 0 else ""
    return (
        f"{title}<p>{len(found.alike):,} of {int(found.test.sum()):,} test images {these}, by the "
        "features of the network: crops, frames of one film, or things that look alike. "
        f"{_without_alike(found)} What belongs together is kept on one side by --split.</p>"
        f'<ul class="lt-images">{pairs}</ul>{rest}'
    )


def _without_alike(found: Found) -> str:
    y, gone = found.own.labels[found.test], np.isin(np.flatnonzero(found.test), [i for i, *_ in found.alike])
    if set(y[~gone]) != set(y):
        return "Without them a class would have no test image left."
    said = []
    for key in dict.fromkeys((PLAIN, found.best)):
        right = (found.rows[key].logits.argmax(-1).numpy() == y).mean(0)
        all_, rest = (np.mean([right[(y == c) & keep].mean() for c in set(y)]) for keep in (y >= 0, ~gone))
        said.append(f"{html.escape(found.rows[key].title)} {all_:.3f} with them, {rest:.3f} without")
    return f"Balanced accuracy: {'; '.join(said)}."


def _images(found: Found, which: list[tuple[int, str]]) -> str:
    items = "".join(f"<li>{_thumb(found.own, i)}{html.escape(text)}</li>" for i, text in which)
    return f'<ul class="lt-images">{items}</ul>' if items else ""


def _thumb(own: Own, i: int) -> str:
    from PIL import Image

    seen, data = picture(own.files[i], _THUMB, own.bands, own.scale), io.BytesIO()
    Image.fromarray(seen).save(data, "JPEG", quality=80)
    name = html.escape(within(own.root, own.files[i]), quote=True)
    return f'<img alt="{name}" title="{name}" src="{_data(data.getvalue(), "jpeg")}">'


def _listed(title: str, lines: list[str]) -> str:
    return f"<h2>{title}</h2><ul>{''.join(f'<li>{html.escape(line)}</li>' for line in lines)}</ul>"


def _limits(found: Found) -> str:
    whole = any(row.parts for row in found.rows.values())
    said = [
        "Rows of whole networks have one seed: their intervals hold the choice of test images alone."
        if whole
        else "How networks do that are trained as a whole: here only a head learns (--finetune trains more).",
        "How the remedies do on images of another kind, or from another place or time.",
        "Much of a class with few test images: its recall moves by one over their number with each image.",
    ]
    alone = np.flatnonzero(np.bincount(found.own.labels[found.test]) == 1)
    if len(alone) == 1:
        said.insert(
            0,
            f"How sure the recall of {found.own.classes[alone[0]]} is: of its one test image no interval can "
            "be made, and all that rest on it are too narrow.",
        )
    if found.own.groups is None:
        said.insert(
            0,
            "Whether pictures of one patient, site or day lie on both sides of the split, which makes every "
            "score too good (--split keeps them together).",
        )
    return _listed("What this cannot tell", said)


def _use(found: Found) -> str:
    simple = len(found.chosen.parts) <= 1 and found.own.scale is None and found.own.bands == 3
    said = "<p>Without this library, in the folder of this page:</p>"
    snippet = f'{said}<pre tabindex="0">{html.escape(SNIPPET)}</pre>' if simple else ""
    return (
        f"<h2>Use it</h2><p>The model beside this page is {html.escape(found.chosen.title)}, its first seed: "
        f"<code>model.safetensors</code> and <code>model.json</code>.</p>"
        f'<pre tabindex="0">lt predict FOLDER_OF_THIS_PAGE image.jpg</pre>{snippet}'
    )
