"""The claims of spectrum as contrasts between rows of its two tables, the same on printed numbers and on
records.

Table 1 is read with the columns of T1.3 put right (audit A01); where that matters, both readings are said.
"""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

import pandas as pd

from lt_lib.lab.read.findings import (
    DOWN,
    UP,
    Claim,
    Contrast,
    Finding,
    Part,
    Samples,
    behind,
    count,
    halves_of,
    keys_of,
    on_contrasts,
    on_print,
    on_printed,
    shared_seeds,
    tally,
    together,
    verdicts,
)
from lt_lib.lab.read.published import value
from lt_lib.lab.record.records import Record
from lt_lib.works.spectrum.audit import NoReconstruction, balanced_error, reconstruct_table2, table1_row

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
NOT_DOWN = (-1e-9, math.inf)  # equal is enough


@dataclass(frozen=True)
class Tiles(Contrast):
    """A contrast between rows of the two tables.

    Rows are row ids, or the key of a row that is not printed. Metrics are those of published.csv, with the
    class where there is one ("recall.1"), and `excess`, what the accuracy of a row has over its balanced
    accuracy."""

    metric: str = "balanced_acc"

    @property
    def keys(self) -> list[str]:
        return [KEYS.get(row, row) for row in self.rows]

    def printed_of(self, facts: pd.DataFrame, row: str) -> float:
        return _printed(facts, row, self.metric)

    def recorded_of(self, record: Record) -> float:
        if self.metric == "excess":
            return record.metric("accuracy") - record.metric("balanced_accuracy")
        return record.metric(METRICS.get(self.metric, self.metric))


def _printed(facts: pd.DataFrame, row: str, metric: str) -> float:
    if metric == "excess":
        return _printed(facts, row, "test_acc") - _printed(facts, row, "balanced_acc")
    if row.startswith("T1.") and metric in ("balanced_acc", "icv"):
        meant = table1_row(row, facts)
        return float(meant.balanced if metric == "balanced_acc" else meant.icv)
    name, _, label = metric.partition(".")
    return value(row=row, metric=name, class_=label or "all", facts=facts)


def _listed(contrasts: Sequence[Tiles], said: Iterable[str]) -> list[str]:
    """Differences in words, each with its rows."""
    return [f"{words} ({contrast.name})" for words, contrast in zip(said, contrasts, strict=True)]


def _simple(
    contrasts: Sequence[Tiles],
    metric: str,
    aside: Callable[[pd.DataFrame], str] = lambda facts: "",
    cannot: Mapping[str, str] | None = None,
) -> Claim:
    """A claim that is a list of contrasts of one metric."""

    def printed(facts: pd.DataFrame, gaps: list[float]) -> str:
        return f"{metric} {', '.join(_listed(contrasts, (f'{gap:+.4f}' for gap in gaps)))}{aside(facts)}"

    def recorded(parts: list[Part]) -> str:
        return f"{tally(parts)}: {metric} {', '.join(_listed(contrasts, map(str, parts)))}"

    return Claim(on_printed(contrasts, printed), on_contrasts(contrasts, recorded), cannot or {})


def _error(facts: pd.DataFrame) -> str:
    """How uncertain a difference of two balanced accuracies of Table 2 is, in words; nothing where its
    integers are not found."""
    try:
        errors = [math.sqrt(2) * balanced_error(row) for row in reconstruct_table2(facts)]
    except NoReconstruction:
        return ""
    return f"; SE of such a difference in Table 2 {min(errors):.4f} to {max(errors):.4f}"


# --- SP1: good accuracy, low balanced accuracy

_PLAIN = [Tiles(row, None, "excess", (0.05, math.inf)) for row in ("T1.1", "T1.4", "T2.1", "T2.2", "T2.3")]


# --- SP2: LDAM+DRW beats re-sampling

_MARGINS = Tiles("T1.3", "T1.2")
_WITH_COUNTERFEITS = Tiles("T1.9", "T1.8")


def _margins_printed(facts: pd.DataFrame, gaps: list[float]) -> str:
    more = _WITH_COUNTERFEITS.printed(facts)
    words = f"balanced accuracy {gaps[0]:+.4f} ({_MARGINS.name})"
    if table1_row("T1.3", facts).swapped:
        accuracy, balanced = (value(row="T1.3", metric=m, facts=facts) for m in ("test_acc", "balanced_acc"))
        as_printed = balanced - _printed(facts, "T1.2", "balanced_acc")
        words += f" with T1.3's columns unswapped; {as_printed:+.4f} as printed, "
        words += f"where {balanced:.4f} is impossible beside an accuracy of {accuracy:.4f}"
    return f"{words}. On counterfeits, SWA added: {more:+.4f} ({_WITH_COUNTERFEITS.name})"


# --- SP3: CLR + SWA + LDAM + DRW best, for two architectures

SAME_RECIPE = "b4-652-ce-sampler"  # T1.8 without counterfeits; nothing printed
SIX_FIVE_TWO = {"T1.7", "T1.8", "T1.9", SAME_RECIPE, *(f"T2.{i}" for i in range(2, 8))}  # on bands 6-5-2


@dataclass(frozen=True)
class Champion:
    """A row with the whole recipe: best of the rows without averages of its network, at the accuracy of
    cross-entropy."""

    row: str
    rivals: tuple[str, ...]
    plain: str
    printed: tuple[str, ...]  # metrics that its table has
    aside: str = ""

    def leads(self, metric: str, rivals: Sequence[str]) -> list[Tiles]:
        """Over the rivals on its own bands; over all where none is."""
        same = [rival for rival in rivals if not self.crosses(rival)]
        return [Tiles(self.row, rival, metric) for rival in same or rivals]

    @property
    def unchanged(self) -> Tiles:
        return Tiles(self.row, self.plain, "test_acc", (-WITHIN, WITHIN))

    def crosses(self, other: str) -> bool:
        """Whether another row is on other bands."""
        return (self.row in SIX_FIVE_TWO) != (other in SIX_FIVE_TWO)

    def named(self, other: str) -> str:
        return other + (" (bands change too)" if self.crosses(other) else "")


_BEST, _UNCHANGED = "best balanced accuracy and F1", "accuracy unchanged"
_BOTH = {"balanced_acc": "balanced accuracy", "macro_f1": "F1"}
_R18, _B4 = ("T2.1", "T2.2", "T2.3", "T2.4", "T2.5"), ("T1.4", "T1.5", SAME_RECIPE)
CHAMPIONS = (
    Champion("T2.6", _R18, "T2.2", tuple(_BOTH)),
    Champion("T2.7", _R18, "T2.2", tuple(_BOTH), ", with AugMix"),
    Champion("T1.6", _B4, "T1.4", ("balanced_acc",)),
    Champion("T1.7", _B4, "T1.4", ("balanced_acc",)),
)


def _champions_on_print(facts: pd.DataFrame) -> Finding:
    margins, said, says = [], [], []
    for champion in CHAMPIONS:
        words, rivals = [], [row for row in champion.rivals if row in KEYS]
        for metric in champion.printed:
            lead, nearest = min((c.printed(facts), c.other) for c in champion.leads(metric, rivals))
            margins.append(lead)
            says.append(_BEST)
            words.append(f"{_BOTH[metric]} {lead:+.4f} over {champion.named(nearest)}")
        gap = champion.unchanged.printed(facts)
        margins.append(champion.unchanged.margin(gap))
        says.append(_UNCHANGED)
        words.append(f"accuracy {gap:+.4f} to {champion.named(champion.plain)}")
        said.append(f"{champion.row}{champion.aside}: {', '.join(words)}")
    return on_print(margins, "; ".join(said) + ". Table 1 has no F1", says)


def _champions_on_records(samples: Samples) -> Finding:
    tests = {
        c: [*(lead for metric in _BOTH for lead in c.leads(metric, c.rivals)), c.unchanged] for c in CHAMPIONS
    }
    keys = keys_of([contrast for tested in tests.values() for contrast in tested])
    seeds = shared_seeds(samples, keys)
    parts = {c: [contrast.recorded(samples, seeds) for contrast in tested] for c, tested in tests.items()}
    every = [part for found in parts.values() for part in found]
    judged, said = iter(verdicts(every)), []
    for champion, tested in tests.items():
        found = list(zip(tested, parts[champion], strict=True))
        words = []
        for metric, name in _BOTH.items():
            nearest, part = min(
                (pair for pair in found if pair[0].metric == metric), key=lambda pair: pair[1].difference.mean
            )
            words.append(f"{name} {part} over {champion.named(nearest.other)}")
        words.append(f"accuracy {found[-1][1]} to {champion.named(champion.plain)}")
        own = list(islice(judged, len(tested)))
        said.append(f"{champion.row}{champion.aside} ({count(own)} of {len(own)}): {', '.join(words)}")
    words = f"{tally(every)}. Smallest leads, over rows on the same bands: {'; '.join(said)}"
    says = [_UNCHANGED if c.metric == "test_acc" else _BEST for tested in tests.values() for c in tested]
    halves = halves_of(says, verdicts(every))
    return Finding(together(every), words, behind(samples, seeds, keys), halves=halves)


# --- SP4: three bands suffice; SP5: AugMix lowers balanced accuracy

_BANDS = [Tiles("T1.7", "T1.6", allowed=NOT_DOWN), Tiles("T2.2", "T2.1", allowed=NOT_DOWN)]
_WHY = "what each band says of forage is the simulator's choice"
_SIMULATED = {f"droughtsim_{size}": _WHY for size in ("2k", "6k", "86k")}
_AUGMIX = [
    Tiles(row, parent, allowed=DOWN) for row, parent in (("T2.3", "T2.2"), ("T2.5", "T2.4"), ("T2.7", "T2.6"))
]


# --- SP6: counterfeits lower the spread of class accuracies

_AS_CLAIMED = [Tiles("T1.8", "T1.4", "icv", DOWN), Tiles("T1.9", "T1.6", "icv", DOWN)]
_SAME_BANDS = [Tiles("T1.8", SAME_RECIPE, "icv", DOWN), Tiles("T1.9", "T1.7", "icv", DOWN)]
_PRINTED_SPREADS = [*_AS_CLAIMED, _SAME_BANDS[1]]


def _counterfeits_printed(facts: pd.DataFrame, gaps: list[float]) -> str:
    first, second, same = _listed(_PRINTED_SPREADS, (f"{gap:+.4f}" for gap in gaps))
    return (
        f"ICV {first}, {second}, where bands change too; at the same bands {same}. T1.8 differs from T1.4 in "
        "sampler as well; its own recipe without counterfeits is not printed"
    )


def _counterfeits_on_records(samples: Samples) -> Finding:
    """Judged at the same bands; the pairs of the table, whose bands change too, are shown."""
    keys = keys_of([*_SAME_BANDS, *_AS_CLAIMED])
    seeds = shared_seeds(samples, keys)
    same, claimed = (
        [contrast.recorded(samples, seeds) for contrast in contrasts]
        for contrasts in (_SAME_BANDS, _AS_CLAIMED)
    )
    said = [
        ", ".join(_listed(contrasts, map(str, parts)))
        for contrasts, parts in ((_SAME_BANDS, same), (_AS_CLAIMED, claimed))
    ]
    words = (
        f"{tally(same)}: ICV, as a root, {said[0]} at the same bands; "
        f"as the table pairs them, bands change too: {said[1]}"
    )
    return Finding(together(same), words, behind(samples, seeds, keys))


# --- SP7: LDAM+DRW raises minority recall and lowers precision

_TRADE = [
    Tiles("T2.4", "T2.2", f"{metric}.{k}", side)
    for metric, side in (("recall", UP), ("precision", DOWN))
    for k in MINORITY
]


_SAYS = [says for says in ("minority recall rises", "minority precision falls") for _ in MINORITY]


def _by_metric(said: Iterable[str]) -> str:
    said = list(said)
    recall, precision = said[: len(MINORITY)], said[len(MINORITY) :]
    classes = f"of classes {', '.join(map(str, MINORITY))} ({_TRADE[0].name})"
    return f"recall {', '.join(recall)}; precision {', '.join(precision)} {classes}"


CLAIMS = {
    "SP1": _simple(_PLAIN, "accuracy less balanced accuracy (0.05 needed)"),
    "SP2": Claim(
        on_printed([_MARGINS], _margins_printed),
        on_contrasts([_MARGINS], lambda parts: f"balanced accuracy {parts[0]} ({_MARGINS.name})"),
    ),
    "SP3": Claim(_champions_on_print, _champions_on_records),
    "SP4": _simple(_BANDS, "balanced accuracy", _error, _SIMULATED),
    "SP5": _simple(_AUGMIX, "balanced accuracy", _error),
    "SP6": Claim(on_printed(_PRINTED_SPREADS, _counterfeits_printed), _counterfeits_on_records),
    "SP7": Claim(
        on_printed(_TRADE, lambda facts, gaps: _by_metric(f"{gap:+.4f}" for gap in gaps), _SAYS),
        on_contrasts(_TRADE, lambda parts: f"{tally(parts)}: {_by_metric(map(str, parts))}", halves=_SAYS),
    ),
}
