"""The claims of ee443 on its accuracies, printed and recorded, and the last line of its results table."""

import html
import math
from collections.abc import Iterable
from dataclasses import replace
from itertools import combinations, islice

import pandas as pd

from lt_lib.lab.read.estimates import OVER_SEEDS, Estimate
from lt_lib.lab.read.evidence import STRENGTH
from lt_lib.lab.read.findings import (
    Claim,
    Contrast,
    Finding,
    Half,
    NoRecord,
    Part,
    Samples,
    behind,
    committed,
    difference,
    given,
    keys_of,
    not_printed,
    on_contrasts,
    on_print,
    on_printed,
    shared_seeds,
    signed,
    tally,
    together,
)
from lt_lib.lab.read.published import printed, published, value
from lt_lib.lab.read.report import Table, with_this_run
from lt_lib.lab.read.rounding import agrees
from lt_lib.lab.record.records import Record
from lt_lib.works.ee443 import EXPERIMENTS
from lt_lib.works.ee443.audit import parameter_count

MEASURED = "Differences of accuracy"
RATIOS = ("0.1", "0.02", "0.005")
SCHEMES = ("ins", "isns", "ens")
METHODS = {  # as the results table calls them, and as the row keys do
    "Baseline": "baseline",
    "Artificial Balancing": "balancing",
    "Weighted Loss": "weighted",
    "Bagging / WL": "bagging",
    "Stacking": "stacking",
    "Stacking / WL": "stacking-weighted",
}
TEST_IMAGES = 5000  # of the report: 50 classes of 100


def average_row(records: list[Record]) -> Table:
    """The last line of ee443's results table: average improvement over the baseline at the three ratios.

    Args:
        records: what `run` returned for ee443-results.

    Returns:
        A table, one line a method. Its frame: method, printed, recomputed (from the printed accuracies),
        rounds (whether that rounds to the printed one), evidence, evidence_half, evidence_n, run, run_half,
        run_n.

    Source: ee443, "Results", row "Average Improvement"; audit D01 to D03.
    """
    facts = published(work="ee443")
    here = given(records, EXPERIMENTS, records[0].profile, records[0].data) if records else {}
    filed = [committed(EXPERIMENTS, *kind) for kind in STRENGTH]
    shown, runs, plain = [], [], []
    for method in list(METHODS)[1:]:
        text = printed(metric="average_improvement", method=method, facts=facts)
        gain = _gain(facts, method)
        run, own = _improvement(here, method)
        there, known = next((found for s in filed if (found := _improvement(s, method))[0]), (None, ()))
        recomputed = f"{gain:.4f}" + ("" if agrees(text, gain) else " (differs)")
        cells = {"": html.escape(method), "printed": text, "recomputed from print": recomputed}
        best, found = (there, known) if there else (run, own)
        shown.append((cells | {"ours": signed(best) if best else "–"}, list(found)))
        if run:
            runs.append(({"": html.escape(method), "this run": signed(run)}, list(own)))
        line = {"method": method, "printed": float(text), "recomputed": gain, "rounds": agrees(text, gain)}
        for name, est in (("evidence", there), ("run", run)):
            mean, half, n = (est.mean, est.half, est.n) if est else (None, None, 0)
            line |= {name: mean, f"{name}_half": half, f"{name}_n": n}
        plain.append(line)
    caption = "average improvement in accuracy over the baseline at ratios " + ", ".join(RATIOS)
    return with_this_run(pd.DataFrame(plain), shown, runs, f"{caption}; {OVER_SEEDS}", ("ours", "this run"))


def _improvement(samples: Samples, method: str) -> tuple[Estimate | None, tuple[Record, ...]]:
    """Average improvement of a method and the records behind it; None where rows are missing."""
    rows, base = _rows(method), _rows("Baseline")
    try:
        seeds = shared_seeds(samples, rows + base)
    except NoRecord:
        return None, ()
    return difference(samples, seeds, rows, base), behind(samples, seeds, rows)


def _accuracy(facts: pd.DataFrame, key: str) -> float:
    """The printed test accuracy of a row."""
    name, _, ratio = key.rpartition("-")
    method = next(method for method, known in METHODS.items() if known == name)
    where = {"table": "Results", "metric": "test_accuracy", "class_": ratio.capitalize()}
    return value(method=method, facts=facts, **where)


def _gain(facts: pd.DataFrame, method: str) -> float:
    """Average improvement over the baseline, recomputed from the printed accuracies."""
    pairs = zip(_rows(method), _rows("Baseline"), strict=True)
    return sum(_accuracy(facts, row) - _accuracy(facts, base) for row, base in pairs) / len(RATIOS)


def _rows(method: str, ratios=RATIOS) -> list[str]:
    return [f"{METHODS[method]}-{ratio.lower()}" for ratio in ratios]


class Accuracies(Contrast):
    """A contrast of accuracies of the results table."""

    def printed_of(self, facts: pd.DataFrame, row: str) -> float:
        return _accuracy(facts, row)


def _standard_error(first: float, second: float, images: int) -> float:
    """Of a difference of two test accuracies, from the number of test images alone, as if the two networks
    erred independently; on the same images they do not, and it is smaller."""
    return math.sqrt((first * (1 - first) + second * (1 - second)) / images)


# --- EE1: the choice of weights hardly matters


def _weights_on_records(samples: Samples) -> Finding:
    """Every pair of schemes differs by less than two standard errors of a difference of test accuracies."""
    rows = {ratio: [f"{scheme}-{ratio}" for scheme in SCHEMES] for ratio in RATIOS}
    keys = [key for row in rows.values() for key in row]
    seeds = shared_seeds(samples, keys)
    parts, said = [], []
    for ratio, row in rows.items():
        runs = [samples[key][seed] for key in row for seed in seeds]
        mean = sum(r.metric() for r in runs) / len(runs)
        limit = 2 * _standard_error(mean, mean, runs[0].sizes.get("test", TEST_IMAGES))
        pairs = [Contrast(a, b, allowed=(-limit, limit)) for a, b in combinations(row, 2)]
        found = [pair.recorded(samples, seeds) for pair in pairs]
        widest = max((part.difference for part in found), key=lambda gap: abs(gap.mean))
        over_seeds = "?" if widest.sd is None else f"{2 * widest.sd / math.sqrt(widest.n):.3f}"
        both = f"2 SE of a difference: one test each {limit:.3f}, over seeds {over_seeds}"
        said.append(f"{abs(widest.mean):.3f} at {ratio} ({both})")
        parts += found
    words = f"{tally(parts)}: range {'; '.join(said)}. Judged by the former"
    return Finding(together(parts), words, behind(samples, seeds, keys))


# --- EE2: balancing and weighting beat the baseline at every ratio

REMEDIES = ("Artificial Balancing", "Weighted Loss")
_REMEDIES = [
    Accuracies(row, base)
    for method in REMEDIES
    for row, base in zip(_rows(method), _rows("Baseline"), strict=True)
]


_BY_REMEDY = [name for name in ("artificial balancing", "weighted loss") for _ in RATIOS]


def _by_remedy(said: Iterable[str]) -> str:
    """The differences in words, one a contrast, by method."""
    said = iter(said)
    rows = (f"{METHODS[method]} " + ", ".join(islice(said, len(RATIOS))) for method in REMEDIES)
    return f"{'; '.join(rows)} at {', '.join(RATIOS)}"


# --- EE3: stacking beats bagging


def _stacking_on_print(facts: pd.DataFrame) -> Finding:
    stacking, bagging = _gain(facts, "Stacking"), _gain(facts, "Bagging / WL")
    words = f"average improvement, recomputed: {stacking:.4f} against {bagging:.4f}"
    return on_print([stacking - bagging], words)


def _stacking_on_records(samples: Samples) -> Finding:
    base, stacking, bagging = (_rows(m) for m in ("Baseline", "Stacking", "Bagging / WL"))
    seeds = shared_seeds(samples, base + stacking + bagging)
    gains = [difference(samples, seeds, row, base) for row in (stacking, bagging)]
    gap = difference(samples, seeds, stacking, bagging)
    words = f"average improvement {signed(gains[0])} against {signed(gains[1])}, difference {signed(gap)}"
    return Finding(together([Part(gap)]), words, behind(samples, seeds, stacking))


# --- EE4: stacking with weighted loss is best everywhere

BEST = "Stacking / WL"
ABOUT_8 = (0.075, 0.085)  # what rounds to 8 points
_EVERYWHERE, _ABOUT_8 = "best everywhere", "about 8 points on average"
_LEADS = {
    ratio: [
        Accuracies(*_rows(BEST, [ratio]), *_rows(method, [ratio])) for method in METHODS if method != BEST
    ]
    for ratio in RATIOS
}


def _best_on_print(facts: pd.DataFrame) -> Finding:
    leads = [min(contrast.printed(facts) for contrast in row) for row in _LEADS.values()]
    gain = 100 * _gain(facts, BEST)
    claimed = printed(table="prose", metric="average_improvement_pct", facts=facts)
    said = ", ".join(f"{lead:+.4f} at {ratio}" for lead, ratio in zip(leads, RATIOS, strict=True))
    words = f"lead over the next best {said}; average improvement {gain:.2f} points, printed {claimed}"
    found = on_print(leads, words)
    says = "holds" if agrees(claimed, gain) else "fails"
    return replace(found, halves=(Half(_EVERYWHERE, found.verdict), Half(_ABOUT_8, says, size=True)))


def _best_on_records(samples: Samples) -> Finding:
    best = _rows(BEST)
    seeds = shared_seeds(samples, keys_of([contrast for row in _LEADS.values() for contrast in row]))
    parts, said = [], []
    for ratio, row in _LEADS.items():
        found = {contrast.other: contrast.recorded(samples, seeds) for contrast in row}
        nearest = min(found, key=lambda other: found[other].difference.mean)
        said.append(f"{found[nearest]} over {nearest.removesuffix(f'-{ratio}')} at {ratio}")
        parts += found.values()
    gain = Part(difference(samples, seeds, best, _rows("Baseline")), *ABOUT_8)
    words = f"{tally(parts)}: smallest lead {', '.join(said)}; average improvement {gain}"
    halves = Half(_EVERYWHERE, together(parts)), Half(_ABOUT_8, together([gain]), size=True)
    return Finding(together(parts), words, behind(samples, seeds, best), halves=halves)


# --- EE5: the staircase

_STAIRCASE = [
    Accuracies(row, easier)
    for row, easier in zip(_rows(BEST), _rows("Baseline", ("Full", *RATIOS[:-1])), strict=True)
]
_STEPS = [f"{ratio} to {easier}" for ratio, easier in zip(RATIOS, ("full", *RATIOS[:-1]), strict=True)]


def _staircase_printed(facts: pd.DataFrame, gaps: list[float]) -> str:
    errors = [
        _standard_error(*(_accuracy(facts, row) for row in contrast.rows), TEST_IMAGES)
        for contrast in _STAIRCASE
    ]
    said = [f"{step} {gap:+.4f} (SE {e:.4f})" for step, gap, e in zip(_STEPS, gaps, errors, strict=True)]
    return ", ".join(said) + "; SE is that of a difference of two test accuracies"


def _staircase_recorded(parts: list[Part]) -> str:
    said = (f"{step} {part}" for step, part in zip(_STEPS, parts, strict=True))
    return f"{tally(parts)}: {', '.join(said)}"


# --- EE6: half the parameters


def _half(facts: pd.DataFrame, sizes: dict[str, float]) -> Finding:
    """Whether the three EfficientNets together come to the claimed share of any ResNet of Fig 1."""
    claim = printed(table="prose", metric="params_ratio_vs_resnet", facts=facts)
    ours = sum(size for name, size in sizes.items() if name.startswith("efficientnet"))
    shares = {name: ours / size for name, size in sizes.items() if name.startswith("resnet")}
    said = ", ".join(f"{share:.2f} of {name}'s {sizes[name]:.3g} M" for name, share in shares.items())
    verdict = "holds" if any(agrees(claim, share) for share in shares.values()) else "fails"
    return Finding(verdict, f"b0 + b1 + b2 have {ours:.3g} M: {said}; claimed {claim}")


def _half_on_print(facts: pd.DataFrame) -> Finding:
    rows = published(table="Fig 1", metric="params_M", facts=facts)
    return _half(facts, dict(zip(rows["model"], rows["value"], strict=True)))


def _half_on_records(samples: Samples) -> Finding:
    import timm

    facts = published(work="ee443")
    names = published(table="Fig 1", metric="params_M", facts=facts)["model"]
    found = _half(facts, {name: parameter_count(name) / 1e6 for name in names})
    return replace(found, counted=f"timm {timm.__version__} · parameters counted, 1000-class heads")


CLAIMS = {
    "EE1": Claim(not_printed("Fig 4 draws loss curves and gives no accuracy"), _weights_on_records),
    "EE2": Claim(
        on_printed(_REMEDIES, lambda facts, gaps: _by_remedy(f"{gap:+.4f}" for gap in gaps), _BY_REMEDY),
        on_contrasts(
            _REMEDIES, lambda parts: f"{tally(parts)}: {_by_remedy(map(str, parts))}", halves=_BY_REMEDY
        ),
    ),
    "EE3": Claim(_stacking_on_print, _stacking_on_records),
    "EE4": Claim(_best_on_print, _best_on_records),
    "EE5": Claim(
        on_printed(_STAIRCASE, _staircase_printed),
        on_contrasts(_STAIRCASE, _staircase_recorded, shown=_rows(BEST)),
    ),
    "EE6": Claim(_half_on_print, _half_on_records),
}
