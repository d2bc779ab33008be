"""The claims of a work, each tested twice: on the work's own printed numbers, and on records.

A claim is cut into parts: differences between accuracies, each with the range it must lie in. Over records a
difference is paired by seed: both sides saw the same subset and the same test images. A part holds when the
95 % interval of its mean lies inside the range, fails when it lies outside, and is undecided when it covers a
border, or when there is one seed only. A claim holds when all its parts do and fails when one does; nothing
is corrected for the number of parts.
"""

import html
import math
from dataclasses import dataclass
from itertools import combinations

import pandas as pd

from lt_lib.lab.audit import agrees, parameter_count
from lt_lib.lab.paths import evidence_dir, published_dir
from lt_lib.lab.published import printed, published, value
from lt_lib.lab.records import Record, Store, spec_digest
from lt_lib.lab.report import STRENGTH, Estimate, Table, badge, badge_html, best_evidence, estimate, is_fresh
from lt_lib.lab.spec import load, resolve

EXPERIMENTS = ("ee443-results", "ee443-fig4")
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
_COUNTED = "counted, not trained: the same at every profile"

Samples = dict[str, dict[int, Record]]  # row key -> seed -> record


@dataclass(frozen=True)
class Finding:
    """A verdict, its numbers, and the records of one row that stand for all in the badge.

    Verdicts: "holds", "fails"; of printed numbers also "holds in part" and "not printed"; of records also
    "undecided" and "no record".
    """

    verdict: str
    numbers: str
    records: tuple[Record, ...] = ()


@dataclass(frozen=True)
class Part:
    """One difference over seeds and the open range it must lie in."""

    difference: Estimate
    low: float = 0.0
    high: float = math.inf

    @property
    def verdict(self) -> str:
        """One of "holds", "fails", "undecided"."""
        est = self.difference
        if est.half is None:
            return "undecided"
        least, most = est.mean - est.half, est.mean + est.half
        if self.low < least and most < self.high:
            return "holds"
        return "fails" if most < self.low or least > self.high else "undecided"


class _NoRecord(Exception):
    """Rows of a test are missing, or have no seed in common."""


def claims_table(profile: str = "laptop", data: str = "real", records: list[Record] | None = None) -> Table:
    """Test the claims EE1 to EE6 of ee443 on its printed numbers and on records.

    Args:
        profile: with data, which records count; "paper" + "real" tests a claim itself, all else its
            direction.
        data: "embedded" or "real".
        records: what `run` returned for ee443-results and, for EE1, ee443-fig4; None: the committed records.

    Returns:
        A table, one line a claim. Its frame: id, claim, test, printed_verdict, printed_numbers, verdict,
        numbers, n (seeds; 0 without records), behind (the badge), scope (what the verdict is about).

    Raises:
        LabError: a printed number that a test needs is missing.

    Source: book/published/claims.csv; ee443, "Weighted Loss", "Results", "Conclusion".
    """
    claims = pd.read_csv(published_dir() / "claims.csv", dtype=str, keep_default_na=False)
    facts = published(work="ee443")
    samples = _committed(profile, data) if records is None else _given(records, profile, data)
    lines, plain = [], []
    for claim in claims.query("work == 'ee443'").itertuples():
        on_paper, on_records = _CLAIMS[claim.id]
        paper = on_paper(facts)
        try:
            ours = on_records(samples)
        except _NoRecord as absent:
            ours = Finding("no record", str(absent))
        counted = on_records is _half_on_records
        behind = _counted_with() if counted else badge(list(ours.records))
        shown = f'<span class="lt-badge">{behind}</span>' if counted else badge_html(list(ours.records))
        lines.append(
            {
                "": f"{claim.id}. {html.escape(claim.claim)}",
                "on the printed numbers": _cell(paper),
                "on records": f"{_cell(ours)}<br>{shown}",
            }
        )
        plain.append(
            {
                "id": claim.id,
                "claim": claim.claim,
                "test": claim.test,
                "printed_verdict": paper.verdict,
                "printed_numbers": paper.numbers,
                "verdict": ours.verdict,
                "numbers": ours.numbers,
                "n": len(ours.records),
                "behind": behind,
                "scope": _COUNTED if counted else scope(profile, data),
            }
        )
    caption = f"Claims of ee443 on {profile} + {data}: {scope(profile, data)}. Differences of accuracy, "
    return Table(pd.DataFrame(plain), lines, caption + "paired over seeds, mean ± 95 % interval")


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
    here = _given(records, records[0].profile, records[0].data) if records else {}
    filed = [_committed(*kind) for kind in STRENGTH]
    lines, plain = [], []
    for method in list(METHODS)[1:]:
        text = printed(metric="average_improvement", method=method, facts=facts)
        gain = _gain(facts, method)
        run, own = _improvement(here, method)
        there, known = next((found for s in filed if (found := _improvement(s, method))[0]), (None, ()))
        lines.append(
            {
                "": html.escape(method),
                "printed": text,
                "recomputed from print": f"{gain:.4f}" + ("" if agrees(text, gain) else " (differs)"),
                "committed evidence": f"{_signed(there)}<br>{badge_html(list(known))}" if there else "–",
                "this run": f"{_signed(run)}<br>{badge_html(list(own))}" if run else "–",
            }
        )
        line = {"method": method, "printed": float(text), "recomputed": gain, "rounds": agrees(text, gain)}
        for name, est in (("evidence", there), ("run", run)):
            mean, half, n = (est.mean, est.half, est.n) if est else (None, None, 0)
            line |= {name: mean, f"{name}_half": half, f"{name}_n": n}
        plain.append(line)
    caption = "average improvement in accuracy over the baseline at ratios " + ", ".join(RATIOS)
    return Table(pd.DataFrame(plain), lines, f"{caption}; mean ± 95 % interval over seeds")


def _improvement(samples: Samples, method: str) -> tuple[Estimate | None, tuple[Record, ...]]:
    """Average improvement of a method and the records behind it; None where rows are missing."""
    rows, base = _rows(method), _rows("Baseline")
    try:
        seeds = _seeds(samples, rows + base)
    except _NoRecord:
        return None, ()
    return _difference(samples, seeds, rows, base), _behind(samples, seeds, rows)


def on_file(experiment: str) -> dict[str, list[Record]]:
    """Committed evidence of an experiment, as `compare` shows it: row key -> records of its first variant.

    Rows without evidence are left out. Records are found by what was run, so that a row finds the record that
    another experiment shares with it.
    """
    loaded, index = load(experiment), Store(evidence_dir()).by_spec()
    found = {row.key: best_evidence(loaded, row, row.variants[0], index) for row in loaded.rows}
    return {key: records for key, records in found.items() if records}


def scope(profile: str, data: str) -> str:
    """What a verdict on records of this profile and data is about."""
    if (profile, data) == ("paper", "real"):
        return "the claim itself"
    if profile == "smoke":
        return "too small to mean anything, it only shows that the tests run"
    return "its direction on a stand-in, not the published values"


def _cell(finding: Finding) -> str:
    kind = finding.verdict.replace(" ", "-")
    return f'<span class="lt-verdict lt-{kind}">{finding.verdict}</span><br>{html.escape(finding.numbers)}'


# --- records that count


def _given(records: list[Record], profile: str, data: str) -> Samples:
    """Of the records given, those of the profile and data, in the first variant of their row."""
    first = {(name, row.key): row.variants[0] for name in EXPERIMENTS for row in load(name).rows}
    samples: Samples = {}
    for r in records:
        if (r.profile, r.data, r.variant) == (profile, data, first.get((r.experiment, r.key))):
            samples.setdefault(r.key, {})[r.seed] = r
    return samples


def _committed(profile: str, data: str) -> Samples:
    """Committed records of the specs as written now; stale ones only where a row has no fresh one."""
    index = Store(evidence_dir()).by_spec()
    index = {k: [r for r in found if (r.profile, r.data) == (profile, data)] for k, found in index.items()}
    seeds = sorted({r.seed for found in index.values() for r in found})
    samples: Samples = {}
    for experiment in map(load, EXPERIMENTS):
        for row in experiment.rows if seeds else ():
            specs = {s: resolve(experiment, row, row.variants[0], profile, data, s) for s in seeds}
            found = [(seed, r) for seed, spec in specs.items() for r in index.get(spec_digest(spec), [])]
            fresh = [(seed, r) for seed, r in found if is_fresh(r)]
            if found:
                samples[row.key] = dict(fresh or found)
    return samples


# --- parts of a test


def _seeds(samples: Samples, keys: list[str]) -> list[int]:
    """The seeds that all rows of a test have."""
    absent = [key for key in keys if key not in samples]
    if absent:
        raise _NoRecord(f"{len(absent)} of {len(keys)} rows have none, the first is {absent[0]}")
    shared = set.intersection(*(set(samples[key]) for key in keys))
    if not shared:
        raise _NoRecord("its rows have no seed in common")
    return sorted(shared)


def _difference(samples: Samples, seeds: list[int], plus: list[str], minus: list[str]) -> Estimate:
    """Mean accuracy of the rows `plus` less that of the rows `minus`, over seeds."""

    def mean(keys: list[str], seed: int) -> float:
        return sum(samples[key][seed].metric() for key in keys) / len(keys)

    return estimate(mean(plus, seed) - mean(minus, seed) for seed in seeds)


def _behind(samples: Samples, seeds: list[int], keys: list[str]) -> tuple[Record, ...]:
    """The records of the row with most networks: their badge names every stand-in of the test."""
    widest = max(keys, key=lambda key: len(samples[key][seeds[0]].spec.backbones))
    return tuple(samples[widest][seed] for seed in seeds)


def _together(parts: list[Part]) -> str:
    verdicts = {part.verdict for part in parts}
    return next((v for v in ("fails", "undecided") if v in verdicts), "holds")


def _signed(est: Estimate) -> str:
    return f"{est.mean:+.3f}" + (f" ± {est.half:.3f}" if est.half is not None else "")


def _tally(parts: list[Part]) -> str:
    verdicts = [part.verdict for part in parts]
    return f"of {len(parts)} parts {verdicts.count('holds')} hold, {verdicts.count('fails')} fail"


def _printed(parts: list[float], words: str) -> Finding:
    """A finding from printed differences, each of which must be above zero."""
    reached = sum(gap > 0 for gap in parts)
    verdict = "holds" if reached == len(parts) else "holds in part" if reached else "fails"
    return Finding(verdict, f"{reached} of {len(parts)}: {words}" if len(parts) > 1 else words)


def _accuracy(facts: pd.DataFrame, method: str, ratio: str) -> float:
    return value(table="Results", method=method, metric="test_accuracy", class_=ratio, facts=facts)


def _gain(facts: pd.DataFrame, method: str) -> float:
    """Average improvement over the baseline, recomputed from the printed accuracies."""
    return sum(_accuracy(facts, method, r) - _accuracy(facts, "Baseline", r) for r in RATIOS) / len(RATIOS)


def _rows(method: str, ratios=RATIOS) -> list[str]:
    return [f"{METHODS[method]}-{ratio.lower()}" for ratio in ratios]


def _standard_error(accuracy: float, images: int) -> float:
    """Of one test accuracy, from the number of test images alone."""
    return math.sqrt(accuracy * (1 - accuracy) / images)


# --- EE1: the choice of weights hardly matters


def _weights_on_paper(facts: pd.DataFrame) -> Finding:
    return Finding("not printed", "Fig 4 draws loss curves and gives no accuracy")


def _weights_on_records(samples: Samples) -> Finding:
    """Every pair of schemes differs by less than two standard errors of one test accuracy."""
    rows = {ratio: [f"{scheme}-{ratio}" for scheme in SCHEMES] for ratio in RATIOS}
    keys = [key for row in rows.values() for key in row]
    seeds = _seeds(samples, keys)
    parts, said = [], []
    for ratio, row in rows.items():
        runs = [samples[key][seed] for key in row for seed in seeds]
        mean = sum(r.metric() for r in runs) / len(runs)
        limit = 2 * _standard_error(mean, runs[0].sizes.get("test", TEST_IMAGES))
        gaps = [_difference(samples, seeds, [a], [b]) for a, b in combinations(row, 2)]
        parts += [Part(gap, -limit, limit) for gap in gaps]
        widest = max(gaps, key=lambda gap: abs(gap.mean))
        over_seeds = "?" if widest.sd is None else f"{2 * widest.sd / math.sqrt(widest.n):.3f}"
        both = f"2 SE: one test {limit:.3f}, over seeds {over_seeds}"
        said.append(f"{abs(widest.mean):.3f} at {ratio} ({both})")
    words = f"{_tally(parts)}: range {'; '.join(said)}. Judged by the SE of one test accuracy"
    return Finding(_together(parts), words, _behind(samples, seeds, keys))


# --- EE2: balancing and weighting beat the baseline at every ratio


def _remedies_on_paper(facts: pd.DataFrame) -> Finding:
    gaps = {
        method: [_accuracy(facts, method, r) - _accuracy(facts, "Baseline", r) for r in RATIOS]
        for method in ("Artificial Balancing", "Weighted Loss")
    }
    words = "; ".join(f"{METHODS[m]} " + ", ".join(f"{gap:+.4f}" for gap in row) for m, row in gaps.items())
    return _printed([gap for row in gaps.values() for gap in row], f"{words} at {', '.join(RATIOS)}")


def _remedies_on_records(samples: Samples) -> Finding:
    methods = ("Artificial Balancing", "Weighted Loss")
    base, rows = _rows("Baseline"), {method: _rows(method) for method in methods}
    keys = [*base, *(key for row in rows.values() for key in row)]
    seeds = _seeds(samples, keys)
    gaps = {
        m: [_difference(samples, seeds, [a], [b]) for a, b in zip(row, base, strict=True)]
        for m, row in rows.items()
    }
    parts = [Part(gap) for row in gaps.values() for gap in row]
    words = "; ".join(f"{METHODS[m]} " + ", ".join(map(_signed, row)) for m, row in gaps.items())
    words = f"{_tally(parts)}: {words} at {', '.join(RATIOS)}"
    return Finding(_together(parts), words, _behind(samples, seeds, keys))


# --- EE3: stacking beats bagging


def _stacking_on_paper(facts: pd.DataFrame) -> Finding:
    stacking, bagging = _gain(facts, "Stacking"), _gain(facts, "Bagging / WL")
    words = f"average improvement, recomputed: {stacking:.4f} against {bagging:.4f}"
    return _printed([stacking - bagging], words)


def _stacking_on_records(samples: Samples) -> Finding:
    base, stacking, bagging = (_rows(m) for m in ("Baseline", "Stacking", "Bagging / WL"))
    seeds = _seeds(samples, base + stacking + bagging)
    gains = [_difference(samples, seeds, row, base) for row in (stacking, bagging)]
    gap = _difference(samples, seeds, stacking, bagging)
    words = f"average improvement {_signed(gains[0])} against {_signed(gains[1])}, difference {_signed(gap)}"
    return Finding(Part(gap).verdict, words, _behind(samples, seeds, stacking))


# --- EE4: stacking with weighted loss is best everywhere


def _best_on_paper(facts: pd.DataFrame) -> Finding:
    best, leads = "Stacking / WL", []
    for ratio in RATIOS:
        rivals = (_accuracy(facts, m, ratio) for m in METHODS if m != best)
        leads.append(_accuracy(facts, best, ratio) - max(rivals))
    gain = 100 * _gain(facts, best)
    claimed = printed(table="prose", metric="average_improvement_pct", facts=facts)
    said = ", ".join(f"{lead:+.4f} at {ratio}" for lead, ratio in zip(leads, RATIOS, strict=True))
    words = f"lead over the next best {said}; average improvement {gain:.2f} points, printed {claimed}"
    return _printed(leads, words)


def _best_on_records(samples: Samples) -> Finding:
    best, base = _rows("Stacking / WL"), _rows("Baseline")
    rivals = {r: [_rows(m, [r])[0] for m in METHODS if m != "Stacking / WL"] for r in RATIOS}
    seeds = _seeds(samples, best + [key for row in rivals.values() for key in row])
    parts, said = [], []
    for key, (ratio, row) in zip(best, rivals.items(), strict=True):
        gaps = [_difference(samples, seeds, [key], [rival]) for rival in row]
        parts += [Part(gap) for gap in gaps]
        least = min(range(len(row)), key=lambda i: gaps[i].mean)
        said.append(f"{_signed(gaps[least])} over {row[least].removesuffix(f'-{ratio}')} at {ratio}")
    gain = _signed(_difference(samples, seeds, best, base))
    words = f"{_tally(parts)}: smallest lead {', '.join(said)}; average improvement {gain}"
    return Finding(_together(parts), words, _behind(samples, seeds, best))


# --- EE5: the staircase


def _staircase_on_paper(facts: pd.DataFrame) -> Finding:
    steps, said = [], []
    for easier, ratio in zip(("Full", *RATIOS), RATIOS, strict=False):
        reached = _accuracy(facts, "Stacking / WL", ratio)
        steps.append(reached - _accuracy(facts, "Baseline", easier))
        error = _standard_error(reached, TEST_IMAGES)
        said.append(f"{ratio} to {easier.lower()} {steps[-1]:+.4f} (SE {error:.4f})")
    return _printed(steps, ", ".join(said) + "; SE is that of one test accuracy")


def _staircase_on_records(samples: Samples) -> Finding:
    best, easier = _rows("Stacking / WL"), _rows("Baseline", ("Full", *RATIOS[:-1]))
    seeds = _seeds(samples, best + easier)
    gaps = [_difference(samples, seeds, [a], [b]) for a, b in zip(best, easier, strict=True)]
    names = (f"{r} to {e.removeprefix('baseline-')}" for r, e in zip(RATIOS, easier, strict=True))
    said = [f"{name} {_signed(gap)}" for name, gap in zip(names, gaps, strict=True)]
    parts = [Part(gap) for gap in gaps]
    return Finding(_together(parts), f"{_tally(parts)}: {', '.join(said)}", _behind(samples, seeds, best))


# --- EE6: half the parameters


def _half(facts: pd.DataFrame, sizes: dict[str, float]) -> Finding:
    """Whether the three EfficientNets together come to the claimed share of any ResNet of Fig 1."""
    claim = printed(table="prose", metric="params_ratio_vs_resnet", facts=facts)
    ours = sum(size for name, size in sizes.items() if name.startswith("efficientnet"))
    shares = {name: ours / size for name, size in sizes.items() if name.startswith("resnet")}
    said = ", ".join(f"{share:.2f} of {name}'s {sizes[name]:.3g} M" for name, share in shares.items())
    verdict = "holds" if any(agrees(claim, share) for share in shares.values()) else "fails"
    return Finding(verdict, f"b0 + b1 + b2 have {ours:.3g} M: {said}; claimed {claim}")


def _half_on_paper(facts: pd.DataFrame) -> Finding:
    rows = published(table="Fig 1", metric="params_M", facts=facts)
    return _half(facts, dict(zip(rows["model"], rows["value"], strict=True)))


def _half_on_records(samples: Samples) -> Finding:
    facts = published(work="ee443")
    names = published(table="Fig 1", metric="params_M", facts=facts)["model"]
    return _half(facts, {name: parameter_count(name) / 1e6 for name in names})


def _counted_with() -> str:
    import timm

    return f"timm {timm.__version__} · parameters counted, 1000-class heads"


_CLAIMS = {
    "EE1": (_weights_on_paper, _weights_on_records),
    "EE2": (_remedies_on_paper, _remedies_on_records),
    "EE3": (_stacking_on_paper, _stacking_on_records),
    "EE4": (_best_on_paper, _best_on_records),
    "EE5": (_staircase_on_paper, _staircase_on_records),
    "EE6": (_half_on_paper, _half_on_records),
}
