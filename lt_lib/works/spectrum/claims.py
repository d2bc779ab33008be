"""The claims of spectrum as contrasts between rows of its two tables, the same on printed numbers and on
records.

Table 1 is read with the columns of T1.3 put right (audit A01); where that matters, both readings are said.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import pandas as pd

from lt_lib.lab.read.findings import (
    Finding,
    Part,
    Samples,
    behind,
    difference,
    on_print,
    shared_seeds,
    signed,
    tally,
    together,
)
from lt_lib.lab.read.published import value
from lt_lib.lab.read.report import Estimate
from lt_lib.lab.record.records import Record
from lt_lib.works.spectrum.audit import NoReconstruction, balanced_error, reconstruct_table2, table1_row

EXPERIMENTS = ("spectrum-table1", "spectrum-table2", "spectrum-variants")
MEASURED = "Differences of the metric named"
KEYS = {
    "T1.1": "r50-ce",
    "T1.2": "r50-ce-sampler",
    "T1.3": "r50-clr-ldam",
    "T1.4": "b4-ce",
    "T1.5": "b4-clr-ldam",
    "T1.6": "b4-swa-clr-ldam",
    "T1.7": "b4-652-swa-clr-ldam",
    "T1.8": "b4-gan-ce-sampler",
    "T1.9": "b4-gan-swa-clr-ldam",
    "T2.1": "r18-ce",
    "T2.2": "r18-652-ce",
    "T2.3": "r18-652-augmix-ce",
    "T2.4": "r18-652-ldam",
    "T2.5": "r18-652-augmix-ldam",
    "T2.6": "r18-652-swa-clr-ldam",
    "T2.7": "r18-652-augmix-swa-clr-ldam",
}
METRICS = {
    "test_acc": "accuracy",
    "balanced_acc": "balanced_accuracy",
    "macro_f1": "macro_f1",
    "icv": "icv_used",
}
MINORITY = (1, 2, 3)
WITHIN = 0.01  # of the accuracy of cross-entropy: "unchanged"
UP, DOWN = (0.0, math.inf), (-math.inf, 0.0)
NOT_DOWN = (-1e-9, math.inf)  # equal is enough


@dataclass(frozen=True)
class Contrast:
    """A metric of one row less that of another, and the open range (`allowed`) it must lie in.

    Rows are row ids, or the key of a row that is not printed. Metrics are those of published.csv, with the
    class where there is one ("recall.1"), and `excess`, what the accuracy of a row has over its balanced
    accuracy."""

    row: str
    other: str | None
    metric: str = "balanced_acc"
    allowed: tuple[float, float] = UP

    @property
    def rows(self) -> list[str]:
        return [self.row] if self.other is None else [self.row, self.other]

    @property
    def name(self) -> str:
        return " less ".join(self.rows)

    def printed(self, facts: pd.DataFrame) -> float:
        """The difference of the printed numbers."""
        mine, *theirs = (_printed(facts, row, self.metric) for row in self.rows)
        return mine - sum(theirs)

    def recorded(self, samples: Samples, seeds: list[int]) -> Estimate | None:
        """The difference over seeds; None where a class is never predicted, so that it has no precision."""
        mine, *theirs = _keys(self.rows)
        return difference(samples, seeds, [mine], theirs, _of_record(self.metric))

    def margin(self, gap: float) -> float:
        """How far a difference lies inside the range; negative outside."""
        return min(gap - self.allowed[0], self.allowed[1] - gap)


def _keys(rows: Sequence[str]) -> list[str]:
    return [KEYS.get(row, row) for row in rows]


def _printed(facts: pd.DataFrame, row: str, metric: str) -> float:
    if metric == "excess":
        return _printed(facts, row, "test_acc") - _printed(facts, row, "balanced_acc")
    if row.startswith("T1.") and metric in ("balanced_acc", "icv"):
        meant = table1_row(row, facts)
        return float(meant.balanced if metric == "balanced_acc" else meant.icv)
    name, _, label = metric.partition(".")
    return value(row=row, metric=name, class_=label or "all", facts=facts)


def _of_record(metric: str) -> Callable[[Record], float]:
    if metric == "excess":
        return lambda record: record.metric("accuracy") - record.metric("balanced_accuracy")
    return lambda record: record.metric(METRICS.get(metric, metric))


def _parts(contrasts: Sequence[Contrast], samples: Samples, seeds: list[int]) -> list[Part]:
    return [Part(c.recorded(samples, seeds), *c.allowed) for c in contrasts]


def _said(part: Part, seeds: list[int]) -> str:
    fewer = part.difference is not None and part.difference.n < len(seeds)
    return signed(part.difference) + (
        f" (defined at {part.difference.n} of {len(seeds)} seeds)" if fewer else ""
    )


def _simple(
    contrasts: Sequence[Contrast], metric: str, aside: Callable[[pd.DataFrame], str] = lambda facts: ""
):
    """The two tests of a claim that is a list of contrasts of one metric."""

    def on_paper(facts: pd.DataFrame) -> Finding:
        gaps = [c.printed(facts) for c in contrasts]
        said = ", ".join(f"{gap:+.4f} ({c.name})" for gap, c in zip(gaps, contrasts, strict=True))
        return on_print(
            [c.margin(gap) for c, gap in zip(contrasts, gaps, strict=True)], f"{metric} {said}{aside(facts)}"
        )

    def on_records(samples: Samples) -> Finding:
        keys = _keys(list(dict.fromkeys(row for c in contrasts for row in c.rows)))
        seeds = shared_seeds(samples, keys)
        parts = _parts(contrasts, samples, seeds)
        said = ", ".join(f"{_said(part, seeds)} ({c.name})" for part, c in zip(parts, contrasts, strict=True))
        return Finding(together(parts), f"{tally(parts)}: {metric} {said}", behind(samples, seeds, keys))

    return on_paper, on_records


def _error(facts: pd.DataFrame) -> str:
    """How uncertain one balanced accuracy of Table 2 is, in words; nothing where its integers are not
    found."""
    try:
        errors = [balanced_error(row) for row in reconstruct_table2(facts)]
    except NoReconstruction:
        return ""
    return f"; SE of one balanced accuracy of Table 2 {min(errors):.4f} to {max(errors):.4f}"


# --- SP1: good accuracy, low balanced accuracy

_PLAIN = [Contrast(row, None, "excess", (0.05, math.inf)) for row in ("T1.1", "T1.4", "T2.1", "T2.2", "T2.3")]


# --- SP2: LDAM+DRW beats re-sampling

_MARGINS = Contrast("T1.3", "T1.2")
_WITH_COUNTERFEITS = Contrast("T1.9", "T1.8")


def _margins_on_paper(facts: pd.DataFrame) -> Finding:
    gap, more = _MARGINS.printed(facts), _WITH_COUNTERFEITS.printed(facts)
    words = f"balanced accuracy {gap:+.4f} ({_MARGINS.name})"
    if table1_row("T1.3", facts).swapped:
        accuracy, balanced = (value(row="T1.3", metric=m, facts=facts) for m in ("test_acc", "balanced_acc"))
        as_printed = balanced - _printed(facts, "T1.2", "balanced_acc")
        words += f" with T1.3's columns unswapped; {as_printed:+.4f} as printed, "
        words += f"where {balanced:.4f} is impossible beside an accuracy of {accuracy:.4f}"
    return on_print([gap], f"{words}. On counterfeits, SWA added: {more:+.4f} ({_WITH_COUNTERFEITS.name})")


def _margins_on_records(samples: Samples) -> Finding:
    keys = _keys(_MARGINS.rows)
    seeds = shared_seeds(samples, keys)
    (part,) = _parts([_MARGINS], samples, seeds)
    return Finding(
        part.verdict,
        f"balanced accuracy {signed(part.difference)} ({_MARGINS.name})",
        behind(samples, seeds, keys),
    )


# --- SP3: CLR + SWA + LDAM + DRW best, for two architectures


@dataclass(frozen=True)
class Champion:
    """A row with the whole recipe: best of the rows without averages of its network, at the accuracy of
    cross-entropy."""

    row: str
    rivals: tuple[str, ...]
    plain: str
    printed: tuple[str, ...]  # metrics that its table has
    aside: str = ""

    def leads(self, metric: str) -> list[Contrast]:
        return [Contrast(self.row, rival, metric) for rival in self.rivals]

    @property
    def unchanged(self) -> Contrast:
        return Contrast(self.row, self.plain, "test_acc", (-WITHIN, WITHIN))


_BOTH = {"balanced_acc": "balanced accuracy", "macro_f1": "F1"}
_R18, _B4 = ("T2.1", "T2.2", "T2.3", "T2.4", "T2.5"), ("T1.4", "T1.5")
CHAMPIONS = (
    Champion("T2.6", _R18, "T2.2", tuple(_BOTH)),
    Champion("T2.7", _R18, "T2.2", tuple(_BOTH), ", with AugMix"),
    Champion("T1.6", _B4, "T1.4", ("balanced_acc",)),
    Champion("T1.7", _B4, "T1.4", ("balanced_acc",), ", whose bands change too"),
)


def _champions_on_paper(facts: pd.DataFrame) -> Finding:
    margins, said = [], []
    for champion in CHAMPIONS:
        words = []
        for metric in champion.printed:
            lead, nearest = min((c.printed(facts), c.other) for c in champion.leads(metric))
            margins.append(lead)
            words.append(f"{_BOTH[metric]} {lead:+.4f} over {nearest}")
        gap = champion.unchanged.printed(facts)
        margins.append(champion.unchanged.margin(gap))
        words.append(f"accuracy {gap:+.4f} to {champion.plain}")
        said.append(f"{champion.row}{champion.aside}: {', '.join(words)}")
    return on_print(margins, "; ".join(said) + ". Table 1 has no F1")


def _champions_on_records(samples: Samples) -> Finding:
    keys = _keys([*(c.row for c in CHAMPIONS), *_R18, *_B4])
    seeds = shared_seeds(samples, keys)
    every, said = [], []
    for champion in CHAMPIONS:
        parts, words = [], []
        for metric, name in _BOTH.items():
            found = _parts(champion.leads(metric), samples, seeds)
            nearest = min(range(len(found)), key=lambda i: found[i].difference.mean)
            words.append(f"{name} {signed(found[nearest].difference)} over {champion.rivals[nearest]}")
            parts += found
        parts += _parts([champion.unchanged], samples, seeds)
        words.append(f"accuracy {signed(parts[-1].difference)} to {champion.plain}")
        said.append(f"{champion.row}{champion.aside}, {together(parts)}: {', '.join(words)}")
        every += parts
    words = f"{tally(every)}. Smallest leads: {'; '.join(said)}"
    return Finding(together(every), words, behind(samples, seeds, keys))


# --- SP4: three bands suffice; SP5: AugMix lowers balanced accuracy

_BANDS = [Contrast("T1.7", "T1.6", allowed=NOT_DOWN), Contrast("T2.2", "T2.1", allowed=NOT_DOWN)]
_AUGMIX = [
    Contrast(row, parent, allowed=DOWN)
    for row, parent in (("T2.3", "T2.2"), ("T2.5", "T2.4"), ("T2.7", "T2.6"))
]


# --- SP6: counterfeits lower the spread of class accuracies

SAME_RECIPE = "b4-652-ce-sampler"  # T1.8 without counterfeits; nothing printed
_AS_CLAIMED = [Contrast("T1.8", "T1.4", "icv", DOWN), Contrast("T1.9", "T1.6", "icv", DOWN)]
_SAME_BANDS = [Contrast("T1.8", SAME_RECIPE, "icv", DOWN), Contrast("T1.9", "T1.7", "icv", DOWN)]


def _counterfeits_on_paper(facts: pd.DataFrame) -> Finding:
    contrasts = [*_AS_CLAIMED, _SAME_BANDS[1]]
    gaps = [c.printed(facts) for c in contrasts]
    first, second, same = (f"{gap:+.4f} ({c.name})" for gap, c in zip(gaps, contrasts, strict=True))
    words = f"ICV {first}, {second}; at the same bands {same}. T1.8 differs from T1.4 in sampler and bands too; its own recipe "
    return on_print(
        [c.margin(gap) for c, gap in zip(contrasts, gaps, strict=True)],
        words + "without counterfeits is not printed",
    )


def _counterfeits_on_records(samples: Samples) -> Finding:
    contrasts = [*_SAME_BANDS, *_AS_CLAIMED]
    keys = _keys(list(dict.fromkeys(row for c in contrasts for row in c.rows)))
    seeds = shared_seeds(samples, keys)
    parts = _parts(contrasts, samples, seeds)
    said = [f"{signed(part.difference)} ({c.name})" for part, c in zip(parts, contrasts, strict=True)]
    words = f"{tally(parts)}: ICV, as a root, {', '.join(said[:2])} at the same recipe; {', '.join(said[2:])} as the table pairs them"
    return Finding(together(parts), words, behind(samples, seeds, keys))


# --- SP7: LDAM+DRW raises minority recall and lowers precision

_TRADE = {
    m: [Contrast("T2.4", "T2.2", f"{m}.{k}", side) for k in MINORITY]
    for m, side in (("recall", UP), ("precision", DOWN))
}
_OF_CLASSES = f"of classes {', '.join(map(str, MINORITY))} (T2.4 less T2.2)"


def _trade_on_paper(facts: pd.DataFrame) -> Finding:
    gaps = {metric: [c.printed(facts) for c in row] for metric, row in _TRADE.items()}
    margins = [
        c.margin(gap) for metric, row in _TRADE.items() for c, gap in zip(row, gaps[metric], strict=True)
    ]
    said = "; ".join(f"{metric} " + ", ".join(f"{gap:+.4f}" for gap in row) for metric, row in gaps.items())
    return on_print(margins, f"{said} {_OF_CLASSES}")


def _trade_on_records(samples: Samples) -> Finding:
    keys = _keys(["T2.4", "T2.2"])
    seeds = shared_seeds(samples, keys)
    found = {metric: _parts(row, samples, seeds) for metric, row in _TRADE.items()}
    parts = [part for row in found.values() for part in row]
    said = "; ".join(
        f"{metric} " + ", ".join(_said(part, seeds) for part in row) for metric, row in found.items()
    )
    return Finding(together(parts), f"{tally(parts)}: {said} {_OF_CLASSES}", behind(samples, seeds, keys))


CLAIMS = {
    "SP1": _simple(_PLAIN, "accuracy less balanced accuracy (0.05 needed)"),
    "SP2": (_margins_on_paper, _margins_on_records),
    "SP3": (_champions_on_paper, _champions_on_records),
    "SP4": _simple(_BANDS, "balanced accuracy", _error),
    "SP5": _simple(_AUGMIX, "balanced accuracy", _error),
    "SP6": (_counterfeits_on_paper, _counterfeits_on_records),
    "SP7": (_trade_on_paper, _trade_on_records),
}
