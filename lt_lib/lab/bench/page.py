"""What a comparison found, as one static page and as JSON."""

import base64
import html
import io
import json
from dataclasses import asdict
from pathlib import Path

import numpy as np

from lt_lib.data.image_folder import read_image, shown
from lt_lib.lab.bench.judge import AIMS, Verdict
from lt_lib.lab.bench.reading import Own
from lt_lib.lab.bench.remedies import PLAIN, SOURCES

_PAGE = """<!DOCTYPE html>
<html lang="en" data-theme="light"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>{title}</title><style>{style}</style></head>
<body class="bd-content"><main><h1>{title}</h1>
<p class="lt-answer"><strong>{words}</strong></p>{body}</main></body></html>
"""
_STYLE = """html { --pst-color-text-base: #1c2430; }
body { font: 17px/1.55 system-ui, "DejaVu Sans", sans-serif; color: #1c2430; margin: 0; }
main { max-width: 60rem; margin: 0 auto; padding: 1rem; }
img { max-width: 100%; } figure { margin: 1rem 0; } .lt-images img { width: 96px; height: 96px; margin: 2px; }
"""


def as_json(own: Own, test: np.ndarray, verdict: Verdict, how: dict) -> str:
    """Everything the page shows, for a program."""
    counts = np.bincount(own.labels[~test], minlength=len(own.classes)).tolist()
    scores = {aim: {name: asdict(score) for name, score in of.items()} for aim, of in verdict.scores.items()}
    found = {
        "how": how,
        "classes": dict(zip(own.classes, counts, strict=True)),
        "images": {"training": int((~test).sum()), "test": int(test.sum())},
        "aim": verdict.aim,
        "recommended": verdict.best,
        "words": verdict.words,
        "scores": scores,
        "ece": verdict.ece,
        "left_out": own.notes,
    }
    return json.dumps(found, indent=1, ensure_ascii=False)


_LIMITS = """<h2>What this cannot tell</h2>
<p>How a network does that is trained as a whole: here only a head learns. How the remedies do on images of
another kind: pictures of one patient, site or day on both sides of the split make every score too good. And
of a rare class with few test images, next to nothing.</p>"""


def page(
    own: Own,
    test: np.ndarray,
    verdict: Verdict,
    recalls: dict[str, np.ndarray],
    pairs: list[tuple[int, int, float, list[int]]],
    wrong: list[tuple[int, int, float]],
    how: dict,
    style: str,
) -> str:
    """The page.

    Args:
        test: (N,) which images are of the test.
        recalls: remedy -> (K,), mean over seeds.
        pairs, wrong: of :mod:`lt_lib.lab.bench.judge`, positions among the test images.
        style: rules of the book's tables and verdicts.
    """
    counts = np.bincount(own.labels[~test], minlength=len(own.classes))
    places = np.flatnonzero(test)
    best = verdict.best or max(
        (name for name in recalls if name != PLAIN), key=lambda name: verdict.scores[verdict.aim][name].gain
    )
    parts = [
        _about(own, test, how),
        _remedies(verdict),
        _picture(own.classes, counts, recalls[PLAIN], recalls[best], best),
        _by_class(own.classes, counts, recalls[PLAIN], recalls[best], best),
        _pairs(own, places, pairs),
        _wrong(own, places, wrong),
        _listed("What was left out", own.notes or ["Nothing."]),
        _LIMITS,
    ]
    title = f"Which remedy for {own.root.name}?"
    return _PAGE.format(
        title=html.escape(title),
        words=html.escape(verdict.words),
        style=style + _STYLE,
        body="\n".join(parts),
    )


def _about(own: Own, test: np.ndarray, how: dict) -> str:
    return (
        f"<p>{int((~test).sum()):,} images to train on, {int(test.sum()):,} to test on, {len(own.classes)} "
        f"classes; features of {html.escape(how['network'])}, a linear head a remedy, {how['seeds']} seeds. "
        "Brackets: 95 % intervals over seeds and test images, paired with plain cross-entropy.</p>"
    )


def _remedies(verdict: Verdict) -> str:
    heads = ["remedy", *(f"{said}, and gain" for said in AIMS.values()), "ECE", "from"]
    rows = []
    for name in verdict.ece:
        cells = [html.escape(name)]
        for aim in AIMS:
            s = verdict.scores[aim][name]
            gain = "" if name == PLAIN else f"<br>{s.gain:+.3f} [{s.gain_low:+.3f}, {s.gain_high:+.3f}]"
            cells.append(
                f"{s.mean:.3f} [{s.low:.3f}, {s.high:.3f}]{f'<b>{gain}</b>' if s.clear > 0 else gain}"
            )
        rows.append([*cells, f"{verdict.ece[name]:.3f}", html.escape(SOURCES[name])])
    return "<h2>The remedies</h2><p>Bold: surely above plain cross-entropy, as one of so many.</p>" + _table(
        heads, rows
    )


def _table(heads: list[str], rows: list[list[str]]) -> str:
    head = "".join(f'<th scope="col">{text}</th>' for text in heads)
    body = "".join(
        f'<tr><th scope="row">{first}</th>' + "".join(f"<td>{cell}</td>" for cell in rest) + "</tr>"
        for first, *rest in rows
    )
    return (
        '<div class="lt-table" tabindex="0" role="region" aria-label="table"><table><thead><tr>'
        f"{head}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def _picture(classes, counts, plain, best, name: str) -> str:
    import matplotlib

    matplotlib.use("agg")
    import matplotlib.pyplot as plt

    order = np.argsort(-counts, kind="stable")
    fig, (above, below) = plt.subplots(2, 1, figsize=(7.5, 4.4), sharex=True, layout="constrained")
    x = np.arange(len(classes))
    above.bar(x, counts[order], color="#4878a8")
    above.set_ylabel("training images")
    below.plot(x, plain[order], "o", color="#555555", label=PLAIN, ms=4)
    below.plot(x, best[order], "D", color="#d98200", label=name, ms=4)
    below.set_ylabel("recall")
    below.set_ylim(-0.02, 1.02)
    below.set_xlabel("classes, the largest first")
    below.legend(frameon=False)
    file = io.BytesIO()
    fig.savefig(file, format="png", dpi=120)
    plt.close(fig)
    code = base64.b64encode(file.getvalue()).decode()
    alt = f"Training images a class, largest first, above the recall of each class under {PLAIN} and {name}."
    return (
        f'<h2>The tail</h2><figure><img alt="{html.escape(alt)}" src="data:image/png;base64,{code}"></figure>'
    )


def _by_class(classes, counts, plain, best, name: str) -> str:
    rows = [
        [html.escape(classes[c]), f"{counts[c]:,}", f"{plain[c]:.3f}", f"{best[c]:.3f}"]
        for c in np.argsort(-counts, kind="stable")
    ]
    return "<h2>Recall by class</h2>" + _table(["class", "training images", PLAIN, html.escape(name)], rows)


def _pairs(own: Own, places: np.ndarray, pairs) -> str:
    rows = [
        f"<p>{html.escape(own.classes[true])} taken for {html.escape(own.classes[said])}: {share:.0%}</p>"
        f'<p class="lt-images">{"".join(_thumb(own.files[places[i]]) for i in images)}</p>'
        for true, said, share, images in pairs
    ]
    return "<h2>Confused most</h2>" + ("".join(rows) or "<p>Nothing.</p>")


def _thumb(file: Path) -> str:
    from PIL import Image

    data = io.BytesIO()
    Image.fromarray(read_image(file, 96)[0]).save(data, "JPEG", quality=80)
    name = html.escape(shown(file.name), quote=True)
    code = base64.b64encode(data.getvalue()).decode()
    return f'<img alt="{name}" title="{name}" src="data:image/jpeg;base64,{code}">'


def _wrong(own: Own, places: np.ndarray, wrong) -> str:
    said = [
        f"{shown(own.files[places[i]].relative_to(own.root))}: all seeds say {own.classes[c]}, at {sure:.2f}"
        for i, c, sure in wrong
    ]
    return _listed("Perhaps mislabelled, among the test images", said or ["None that all seeds agree on."])


def _listed(title: str, lines: list[str]) -> str:
    return f"<h2>{title}</h2><ul>{''.join(f'<li>{html.escape(line)}</li>' for line in lines)}</ul>"
