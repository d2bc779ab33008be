"""How a claim is tested: contrasts between rows, on print and on records, their parts and findings.

A work has a mapping CLAIMS of :class:`Claim`, each of two tests. Most claims are lists of :class:`Contrast`;
on records these are tested by :func:`on_contrasts`, on print by :func:`on_printed`. What else a claim needs,
it puts together from the same pieces.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import pandas as pd

from lt_lib.errors import LabError
from lt_lib.lab.read.estimates import Estimate, estimate
from lt_lib.lab.read.evidence import best_evidence, evidence_index
from lt_lib.lab.record.freshness import is_fresh
from lt_lib.lab.record.records import Record, spec_digest
from lt_lib.lab.record.spec import load, resolve

Samples = dict[str, dict[int, Record]]  # row key -> seed -> record
Metric = Callable[[Record], float]  # nan where it is undefined
UP, DOWN = (0.0, math.inf), (-math.inf, 0.0)
VERDICTS = ("holds", "fails", "undecided")


@dataclass(frozen=True)
class Half:
    """One of the things that a compound claim says, with a verdict of its own; `parts` says how many of its
    parts hold, where it has several.

    `size`: it says how much, which only the printed networks at `paper` + `real` can test.
    """

    name: str
    verdict: str
    parts: str = ""
    size: bool = False


@dataclass(frozen=True)
class Finding:
    """A verdict, its numbers, and one record a seed that stands for all in the badge.

    Verdicts: "holds", "fails"; of printed numbers, which come without intervals, also "not printed"; of
    records also "undecided" and "no record". `counted` says with what, where nothing had to be trained;
    `halves` what a compound claim says.
    """

    verdict: str
    numbers: str
    records: tuple[Record, ...] = ()
    counted: str = ""
    halves: tuple[Half, ...] = ()


@dataclass(frozen=True)
class Claim:
    """The two tests of a claim.

    `on_print` takes printed numbers as :func:`lt_lib.lab.read.published.published` returns them; `on_records`
    takes records by row key and seed, and raises NoRecord where they do not suffice. `cannot` names the data
    sets on which not even the direction can be tested, each with the reason.
    """

    on_print: Callable[[pd.DataFrame], Finding]
    on_records: Callable[[Samples], Finding]
    cannot: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Part:
    """One difference over seeds and the open range it must lie in; None where no seed defines it.

    `seeds` is how many there are, with those at which it is undefined; None: as many as define it.
    """

    difference: Estimate | None
    low: float = 0.0
    high: float = math.inf
    seeds: int | None = None

    @property
    def inside(self) -> bool:
        """Whether the 95 % interval lies in the range."""
        est = self.difference
        return (
            est is not None
            and est.half is not None
            and self.low < est.mean - est.half
            and est.mean + est.half < self.high
        )

    @property
    def p_outside(self) -> float:
        """Two-sided p of a mean this far outside the range; 1 inside, and where no interval is defined."""
        est = self.difference
        if est is None or est.sd is None:
            return 1.0
        beyond = max(self.low - est.mean, est.mean - self.high)
        if beyond <= 0:
            return 1.0
        from scipy import stats

        return 2 * float(stats.t.sf(beyond * math.sqrt(est.n) / est.sd, est.n - 1)) if est.sd else 0.0

    def __str__(self) -> str:
        est = self.difference
        fewer = est is not None and self.seeds is not None and est.n < self.seeds
        return signed(est) + (f" (defined at {est.n} of {self.seeds} seeds)" if fewer else "")


@dataclass(frozen=True)
class Contrast:
    """A metric of one row less that of another (None: less zero), and the open range (`allowed`) it must lie
    in.

    Rows are row keys and metrics those of a record. A work whose rows or metrics have other names in print
    says so in a class of its own, in `keys`, `printed_of` and `recorded_of`.
    """

    row: str
    other: str | None = None
    metric: str = "accuracy"
    allowed: tuple[float, float] = UP

    @property
    def rows(self) -> list[str]:
        """Its rows, as the work calls them."""
        return [self.row] if self.other is None else [self.row, self.other]

    @property
    def keys(self) -> list[str]:
        """The keys of its rows."""
        return self.rows

    @property
    def name(self) -> str:
        """Its rows in words."""
        return " less ".join(self.rows)

    def recorded_of(self, record: Record) -> float:
        """The metric of a record; nan where it is undefined."""
        return record.metric(self.metric)

    def printed_of(self, facts: pd.DataFrame, row: str) -> float:
        """The printed metric of a row."""
        raise NotImplementedError(f"{type(self).__name__} does not say where its numbers are printed")

    def printed(self, facts: pd.DataFrame) -> float:
        """The difference of the printed numbers."""
        mine, *theirs = (self.printed_of(facts, row) for row in self.rows)
        return mine - sum(theirs)

    def recorded(self, samples: Samples, seeds: Sequence[int]) -> Part:
        """The difference over seeds, with its range."""
        mine, *theirs = self.keys
        gap = difference(samples, seeds, [mine], theirs, self.recorded_of)
        return Part(gap, *self.allowed, seeds=len(seeds))

    def margin(self, gap: float) -> float:
        """How far a difference lies inside the range; negative outside."""
        return min(gap - self.allowed[0], self.allowed[1] - gap)


class NoRecord(Exception):
    """Rows of a test are missing, or have no seed in common."""


# --- records that count


def given(records: list[Record], experiments: Sequence[str], profile: str, data: str) -> Samples:
    """Of the records given, those of the profile and data, in the first variant of their row."""
    first = {(name, row.key): row.variants[0] for name in experiments for row in load(name).rows}
    samples: Samples = {}
    for r in records:
        if (r.profile, r.data, r.variant) == (profile, data, first.get((r.experiment, r.key))):
            samples.setdefault(r.key, {})[r.seed] = r
    return samples


def committed(experiments: Sequence[str], profile: str, data: str) -> Samples:
    """Committed records of the specs as written now; stale ones only where a row has no fresh one.

    Experiments that lack the profile or data have none.
    """
    index = evidence_index()
    index = {k: [r for r in found if (r.profile, r.data) == (profile, data)] for k, found in index.items()}
    seeds = sorted({r.seed for found in index.values() for r in found})
    samples: Samples = {}
    for experiment in map(load, experiments) if seeds else ():
        for row in experiment.rows:
            try:
                specs = {s: resolve(experiment, row, row.variants[0], profile, data, s) for s in seeds}
            except LabError:  # checked by `load`: only the profile or data can be missing
                break
            found = [(seed, r) for seed, spec in specs.items() for r in index.get(spec_digest(spec), [])]
            fresh = [(seed, r) for seed, r in found if is_fresh(r)]
            if found:
                samples[row.key] = dict(fresh or found)
    return samples


def on_file(experiment: str) -> dict[str, list[Record]]:
    """Committed evidence of an experiment, as `compare` shows it: row key -> records of its first variant.

    Rows without evidence are left out. Records are found by what was run, so that a row finds the record that
    another experiment shares with it.
    """
    loaded, index = load(experiment), evidence_index()
    found = {row.key: best_evidence(loaded, row, row.variants[0], index) for row in loaded.rows}
    return {key: records for key, records in found.items() if records}


# --- parts of a test


def shared_seeds(samples: Samples, keys: Sequence[str]) -> list[int]:
    """The seeds that all rows of a test have.

    Raises:
        NoRecord: a row is missing, or no seed is shared.
    """
    absent = [key for key in keys if key not in samples]
    if absent:
        raise NoRecord(f"{len(absent)} of {len(keys)} rows have none, the first is {absent[0]}")
    shared = set.intersection(*(set(samples[key]) for key in keys))
    if not shared:
        raise NoRecord("its rows have no seed in common")
    return sorted(shared)


def difference(
    samples: Samples,
    seeds: Sequence[int],
    plus: Sequence[str],
    minus: Sequence[str],
    metric: Metric = Record.metric,
) -> Estimate | None:
    """Mean metric (default: accuracy) of the rows `plus` less that of the rows `minus`, or less zero without
    any.

    Over the seeds that define it; None where none does.
    """

    def mean(keys: Sequence[str], seed: int) -> float:
        return sum(metric(samples[key][seed]) for key in keys) / len(keys) if keys else 0.0

    gaps = [mean(plus, seed) - mean(minus, seed) for seed in seeds]
    defined = [gap for gap in gaps if not math.isnan(gap)]
    return estimate(defined) if defined else None


def behind(samples: Samples, seeds: Sequence[int], keys: Sequence[str]) -> tuple[Record, ...]:
    """One record a seed, with the networks of all rows, so that its badge names every stand-in of the test.

    A stale record stands before a fresh one.
    """
    networks = {(b.stands_in_for, b.name): b for key in keys for b in samples[key][seeds[0]].spec.backbones}
    shown = []
    for seed in seeds:
        here = [samples[key][seed] for key in keys]
        record = next((r for r in here if not is_fresh(r)), here[0])
        spec = record.spec.model_copy(update={"backbones": tuple(networks.values())})
        shown.append(record.model_copy(update={"spec": spec}))
    return tuple(shown)


def holm(ps: Sequence[float], level: float = 0.05) -> list[bool]:
    """Which of several p are small enough by Holm's rule: the least is held against level / m, the next
    against level / (m - 1), and so on to the first that is not."""
    small = [False] * len(ps)
    for done, i in enumerate(sorted(range(len(ps)), key=ps.__getitem__)):
        if ps[i] > level / (len(ps) - done):
            break
        small[i] = True
    return small


def verdicts(parts: Sequence[Part]) -> list[str]:
    """The verdict of each part of a claim: "holds", "fails" or "undecided".

    Args:
        parts: all parts of the claim, for "fails" is Holm-corrected for their number; what has `inside` and
            `p_outside` is a part.
    """
    outside = holm([part.p_outside for part in parts])
    return [
        "fails" if out else "holds" if part.inside else "undecided"
        for part, out in zip(parts, outside, strict=True)
    ]


def together(parts: Sequence[Part]) -> str:
    """The verdict of all parts: one that fails fails all, one undecided leaves all undecided."""
    return of_all(verdicts(parts))


def of_all(found: Sequence[str]) -> str:
    """The verdict of several verdicts together."""
    return next((v for v in ("fails", "undecided") if v in found), "holds")


def halves_of(names: Sequence[str], found: Sequence[str]) -> tuple[Half, ...]:
    """What a compound claim says, thing by thing.

    Args:
        names: of each part of the claim, which of the things it speaks of; none: the claim is not compound.
        found: the verdict of each part, Holm-corrected for all parts of the claim.
    """
    own: dict[str, list[str]] = {}
    for name, verdict in zip(names, found, strict=True) if names else ():
        own.setdefault(name, []).append(verdict)
    return tuple(
        Half(name, of_all(v), f", {v.count('holds')} of {len(v)}" if len(v) > 1 else "")
        for name, v in own.items()
    )


def signed(est: Estimate | None) -> str:
    """A difference with its sign and interval."""
    return "undefined" if est is None else est.said(sign=True)


def tally(parts: Sequence[Part]) -> str:
    """How many parts hold and fail, and by which rule."""
    m = len(parts)
    return f"of {m} parts {count(verdicts(parts))} (Holm, m = {m})" if m > 1 else "1 part"


def count(found: Sequence[str]) -> str:
    """How many of some verdicts are "holds" and "fails", in words."""
    return f"{found.count('holds')} hold, {found.count('fails')} fail"


def keys_of(contrasts: Sequence[Contrast]) -> list[str]:
    """The row keys of contrasts, each once, in order."""
    return list(dict.fromkeys(key for contrast in contrasts for key in contrast.keys))


def on_contrasts(
    contrasts: Sequence[Contrast],
    say: Callable[[list[Part]], str],
    shown: Sequence[str] | None = None,
    halves: Sequence[str] = (),
) -> Callable[[Samples], Finding]:
    """The test on records of a claim that is a list of contrasts.

    Args:
        contrasts: each is one part.
        say: the numbers of a finding from its parts, which stand in the order of the contrasts.
        shown: keys of the rows that the badge stands for; None: all.
        halves: as in :func:`halves_of`.
    """
    keys = keys_of(contrasts)

    def on_records(samples: Samples) -> Finding:
        seeds = shared_seeds(samples, keys)
        parts = [contrast.recorded(samples, seeds) for contrast in contrasts]
        own = halves_of(halves, verdicts(parts))
        return Finding(together(parts), say(parts), behind(samples, seeds, shown or keys), halves=own)

    return on_records


def on_print(margins: Sequence[float], words: str, halves: Sequence[str] = ()) -> Finding:
    """A finding from printed differences, each of which must be above zero; `halves` as in
    :func:`halves_of`."""
    found = ["holds" if gap > 0 else "fails" for gap in margins]
    words = f"{found.count('holds')} of {len(found)}: {words}" if len(found) > 1 else words
    return Finding(of_all(found), words, halves=halves_of(halves, found))


def on_printed(
    contrasts: Sequence[Contrast],
    say: Callable[[pd.DataFrame, list[float]], str],
    halves: Sequence[str] = (),
) -> Callable[[pd.DataFrame], Finding]:
    """The test on print of a claim that is a list of contrasts; `say` takes the facts and the differences,
    `halves` as in :func:`halves_of`."""

    def on_facts(facts: pd.DataFrame) -> Finding:
        gaps = [contrast.printed(facts) for contrast in contrasts]
        margins = [contrast.margin(gap) for contrast, gap in zip(contrasts, gaps, strict=True)]
        return on_print(margins, say(facts, gaps), halves)

    return on_facts


def not_printed(why: str) -> Callable[[pd.DataFrame], Finding]:
    """The test on print of a claim of which no number is printed."""
    return lambda facts: Finding("not printed", why)
