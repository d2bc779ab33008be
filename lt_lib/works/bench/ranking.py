"""Remedies in order, from records: scores, differences from plain cross-entropy paired by seed, cost, and
what is said of them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import isclose

import pandas as pd

from lt_lib.lab.bench.remedies import PLAIN, REMEDIES, settings
from lt_lib.lab.read.badges import badge
from lt_lib.lab.read.estimates import OVER_SEEDS, Estimate, difference, estimate, in_words
from lt_lib.lab.read.evidence import STRENGTH, evidence
from lt_lib.lab.read.findings import holm
from lt_lib.lab.read.report import Table
from lt_lib.lab.record.freshness import is_fresh
from lt_lib.lab.record.records import Record
from lt_lib.works.bench.whole_remedies import WHOLE

TITLES = {key: remedy.title for key, remedy in (REMEDIES | WHOLE).items()}
COSTS = {  # topic -> the measure of its cost, and what it counts
    "head": ("head_seconds", "choice and training of one head, without features; parameters of the head"),
    "whole": (
        "cpu_seconds",
        "choice and training, generators and copies among it; parameters of all that vote",
    ),
}
Bench = dict[float, dict[str, list[Record]]]  # ratio -> remedy -> records
AIMS = {
    "balanced_accuracy": "the mean recall",
    "few": "the recall of the rare classes",
    "many": "the recall of the frequent classes",
}


@dataclass(frozen=True)
class Gain:
    """What a remedy adds to plain cross-entropy: `told` is 1 or -1 where the difference can be told from
    zero, with Holm's correction for all remedies at the ratio, else 0."""

    remedy: str
    score: Estimate
    gap: Estimate
    told: int

    @property
    def title(self) -> str:
        return TITLES[self.remedy]

    @property
    def shown(self) -> str:
        """The difference as HTML, bold where it can be told from zero."""
        said = self.gap.said(sign=True)
        return f"<b>{said}</b>" if self.told else said


def by_ratio(records: Sequence[Record]) -> Bench:
    """Records by ratio, the mildest first, and remedy; only ratios at which plain cross-entropy can be
    compared with something."""
    found: Bench = {}
    for r in records:
        of = found.setdefault(r.spec.subset.ratio, {})
        of.setdefault(r.spec.lesson.remedy, []).append(r)
    ratios = sorted(found, reverse=True)
    return {ratio: found[ratio] for ratio in ratios if PLAIN in found[ratio] and len(found[ratio]) > 1}


def filed(experiment: str) -> dict[str, Bench]:
    """Committed evidence of an experiment by its data, "real" and "embedded" apart, each of the strongest
    profile that has something to compare."""
    fresh = [r for r in evidence() if r.experiment == experiment and is_fresh(r)]
    found: dict[str, Bench] = {}
    for profile, data in STRENGTH:
        if bench := by_ratio([r for r in fresh if (r.profile, r.data) == (profile, data)]):
            found.setdefault(data, bench)
    return found


def fullest(*benches: Bench) -> Bench:
    """The bench with the most remedies at the most ratios, the first of equals."""
    return max(benches, key=lambda bench: sum(map(len, bench.values())))


def gains(of: dict[str, list[Record]], metric: str = "balanced_accuracy") -> list[Gain]:
    """Remedies of one ratio, the best first; plain cross-entropy is not among them.

    Args:
        of: remedy -> records.
        metric: as in `Record.metric`.
    """
    rivals = [key for key in of if key != PLAIN]
    gaps = [difference(of[key], of[PLAIN], metric) for key in rivals]
    small = holm([_p(gap) for gap in gaps])
    found = [
        Gain(key, estimate(r.metric(metric) for r in of[key]), gap, told * (1 if gap.mean > 0 else -1))
        for key, gap, told in zip(rivals, gaps, small, strict=True)
    ]
    return sorted(found, key=lambda gain: -gain.gap.mean)


def _p(gap: Estimate) -> float:
    """Two-sided p of no difference: t over seeds; 1 for a single seed."""
    from scipy import stats

    if gap.n < 2:
        return 1.0
    if gap.sd == 0:
        return float(gap.mean == 0)
    return float(2 * stats.t.sf(abs(gap.mean) * gap.n**0.5 / gap.sd, gap.n - 1))


def order(bench: Bench, metric: str = "balanced_accuracy") -> list[str]:
    """Remedies by their mean gain over the ratios, the best first."""
    means: dict[str, list[float]] = {}
    for of in bench.values():
        for gain in gains(of, metric):
            means.setdefault(gain.remedy, []).append(gain.gap.mean)
    return sorted(means, key=lambda key: -sum(means[key]) / len(means[key]))


def ranking(bench: Bench, metric: str = "balanced_accuracy", this_run: Bench | None = None) -> Table:
    """A line a remedy, a column a ratio: plain cross-entropy's score, and what the others add to it.

    Args:
        bench: what is shown.
        metric: as in `Record.metric`.
        this_run: folded beneath, unless it is what is shown.

    Returns:
        A table. Its frame: remedy, ratio, rank, score, gain, half, n, told.
    """
    names = (PLAIN, *order(bench, metric))
    lines = {key: {"": TITLES[key]} | {f"ratio {ratio:g}": "–" for ratio in bench} for key in names}
    plain = []
    for ratio, of in bench.items():
        column = f"ratio {ratio:g}"
        lines[PLAIN][column] = str(estimate(r.metric(metric) for r in of[PLAIN]))
        for rank, gain in enumerate(gains(of, metric), 1):
            lines[gain.remedy][column] = gain.shown
            plain.append({"remedy": gain.remedy, "ratio": ratio, "rank": rank, "score": gain.score.mean})
            plain[-1] |= {"gain": gain.gap.mean, "half": gain.gap.half, "n": gain.gap.n, "told": gain.told}
    called = metric.replace("_", " ").capitalize()
    caption = (
        f"{called}: first line as it is, then what each remedy adds, paired by seed; bold where that "
        f"can be told from nothing (Holm over the remedies of a ratio); {OVER_SEEDS}. "
        f"{badge(behind(bench))}"
    )
    folded = None
    if this_run and behind(this_run) != behind(bench):
        own = ranking(this_run, metric)
        folded = replace(own, caption=f"This run: {badge(behind(this_run))}")
    return Table(pd.DataFrame(plain), list(lines.values()), caption, folded)


def costs(of: dict[str, list[Record]]) -> Table:
    """Remedies of one ratio: gain beside CPU seconds, parameters and calibration error.

    Returns:
        A table. Its frame: remedy, gain, seconds, parameters, ece.
    """
    gain, (_, counted) = {g.remedy: g for g in gains(of)}, _cost(of[PLAIN])
    rows, plain = [], []
    for key in (PLAIN, *gain):
        took = seconds(of[key])
        ece = estimate(r.metric("ece") for r in of[key])
        size = of[key][0].sizes["parameters"][0]
        rows.append(
            {
                "": TITLES[key],
                "gain": gain[key].gap.said(sign=True) if key in gain else "–",
                "seconds": f"{took:.1f}",
                "parameters": f"{size:,}",
                "ECE": str(ece),
            }
        )
        plain.append({"remedy": key, "gain": gain[key].gap.mean if key in gain else 0.0})
        plain[-1] |= {"seconds": took, "parameters": size, "ece": ece.mean}
    caption = (
        f"Gain in balanced accuracy beside its cost: CPU seconds for {counted}; expected calibration error. "
        f"{badge(_titled(of))}"
    )
    return Table(pd.DataFrame(plain), rows, caption)


def seconds(records: Sequence[Record]) -> float:
    """Mean CPU seconds of a remedy's records."""
    return estimate(r.metric(_cost(records)[0]) for r in records).mean


def _cost(records: Sequence[Record]) -> tuple[str, str]:
    return COSTS[records[0].spec.lesson.topic]


def groups(of: dict[str, list[Record]]) -> Table:
    """Remedies of one ratio: what each adds to the recall of the many, medium and few.

    Returns:
        A table. Its frame: remedy, group, gain, half, told.
    """
    names = ("many", "medium", "few")
    there = [name for name in names if of[PLAIN][0].metrics["last"].get(name) is not None]
    found = {name: {g.remedy: g for g in gains(of, name)} for name in there}
    rows = [{"": TITLES[PLAIN]}]
    rows[0] |= {name: str(estimate(r.metric(name) for r in of[PLAIN])) for name in there}
    plain = []
    for key in (g.remedy for g in gains(of)):
        rows.append({"": TITLES[key]})
        for name in there:
            g = found[name][key]
            rows[-1][name] = g.shown
            plain.append({"remedy": key, "group": name, "gain": g.gap.mean, "half": g.gap.half})
            plain[-1]["told"] = g.told
    caption = (
        "Recall of classes of more than 100 training images, of 20 to 100, of fewer: first line as it is, "
        f"then what each remedy adds; bold as above. {badge(_titled(of))}"
    )
    return Table(pd.DataFrame(plain), rows, caption)


def _titled(of: dict[str, list[Record]]) -> dict[str, list[Record]]:
    return {TITLES[key]: records for key, records in of.items()}


def behind(bench: Bench) -> dict[str, list[Record]]:
    """Records by what they stand behind, for a badge or a footnote."""
    return {f"{TITLES[key]}, {r:g}": found for r, of in bench.items() for key, found in of.items()}


# ------------------------------------------------------------------------------------------------------
# in words


def best(of: dict[str, list[Record]], metric: str) -> tuple[list[Gain], list[Gain]]:
    """The best remedy of a ratio and those that cannot be told from it; and of these the ones that can be
    told from plain cross-entropy, none where the best cannot."""
    found = gains(of, metric)
    first = found[0]
    rest = found[1:]
    apart = holm([_p(difference(of[first.remedy], of[g.remedy], metric)) for g in rest])
    level = [first, *(g for g, far in zip(rest, apart, strict=True) if not far)]
    return level, [g for g in level if g.told > 0] if first.told > 0 else []


def which_remedy(of: dict[str, list[Record]]) -> list[str]:
    """For each aim a sentence: the best remedy of a ratio, and which might as well be."""
    said = []
    for metric, aim in AIMS.items():
        if of[PLAIN][0].metrics["last"].get(metric) is None:
            continue
        level, sure = best(of, metric)
        if level[0].gap.n < 2:
            first = f"{level[0].title} is ahead in it ({level[0].gap.said(sign=True)})"
            ahead = first if level[0].gap.mean > 0 else "no remedy is ahead in it"
            said.append(f"for {aim}, one seed tells nothing for sure; {ahead}")
            continue
        if not sure:
            said.append(f"for {aim}, no remedy is surely better than plain cross-entropy")
            continue
        also = _listed([g.title for g in level[1:]])
        others = f"{also} cannot be told from it" if also else "all others are behind"
        said.append(f"for {aim}, {sure[0].title} ({sure[0].gap.said(sign=True)}); {others}")
    return said


def cheapest(of: dict[str, list[Record]]) -> str:
    """Of the remedies that cannot be told from the best, and can from plain cross-entropy, the cheapest."""
    level, sure = best(of, "balanced_accuracy")
    if level[0].gap.n < 2:
        return "one seed cannot tell which remedy earns its cost"
    if not sure:
        return "no remedy earns its cost: none is surely better than plain cross-entropy"

    least = min(sure, key=lambda g: seconds(of[g.remedy]))
    return (
        f"of {len(sure)} remedies at the top the cheapest is {least.title}, with "
        f"{seconds(of[least.remedy]):.1f} CPU seconds; plain cross-entropy takes {seconds(of[PLAIN]):.1f}"
    )


def advice(bench: Bench, work: str, keys: Sequence[str]) -> str:
    """How remedies that a work advises do against plain cross-entropy, ratio by ratio, in a sentence."""
    said = []
    for key in keys:
        at: dict[int, list[str]] = {1: [], 0: [], -1: []}
        for ratio, of in bench.items():
            for gain in (g for g in gains(of) if g.remedy == key):
                at[gain.told].append(f"{ratio:g}")
        words = {1: "helps at", 0: "cannot be told from nothing at", -1: "harms at"}
        parts = [f"{words[told]} {_listed(at[told])}" for told in (1, 0, -1) if at[told]]
        if parts:
            said.append(f"{TITLES[key]} {', '.join(parts)}")
    return f"{work}: {'; '.join(said)}" if said else f"{work}: no record yet"


def against(of: dict[str, list[Record]], ours: Sequence[str], theirs: Sequence[str]) -> str:
    """The best of some remedies against the best of others, paired, in a sentence."""
    rank = [g.remedy for g in gains(of)]
    first, second = (next((key for key in rank if key in some), None) for some in (ours, theirs))
    if first is None or second is None:
        return "there are no records to compare yet"
    gap = difference(of[first], of[second], "balanced_accuracy")
    return in_words(TITLES[first], TITLES[second], gap)


def rank_correlation(bench: Bench, metric: str = "balanced_accuracy") -> pd.DataFrame:
    """Spearman's correlation of the gains of the remedies between ratios; 1 where the order is the same."""
    frame = ranking(bench, metric).frame.pivot(index="remedy", columns="ratio", values="gain")
    return frame[list(bench)].corr("spearman")


def correlation_in_words(bench: Bench) -> str:
    """Between which ratios the order of the remedies differs most, and what that correlation is."""
    found = rank_correlation(bench)
    ratios = list(bench)
    pairs = [(found.loc[a, b], a, b) for i, a in enumerate(ratios) for b in ratios[i + 1 :]]
    if not pairs:
        return "there is one ratio only, so nothing to compare its order with"
    low, a, b = min(pairs)
    return (
        f"the order of the remedies differs most between ratios {a:g} and {b:g}, with a rank correlation of "
        f"{low:.2f}"
    )


def at_the_end(bench: Bench) -> str:
    """Remedies whose chosen setting is, more often than not, the first or last of those tried."""
    found = []
    for key in (PLAIN, *order(bench)):
        tried = _settings(bench, key)
        chosen = [r.metric("setting") for of in bench.values() for r in of.get(key, [])]
        ends = sum(isclose(value, end, rel_tol=1e-6) for value in chosen for end in {tried[0], tried[-1]})
        if len(tried) > 1 and 2 * ends > len(chosen):
            found.append(f"{TITLES[key]} ({ends} of {len(chosen)})")
    if not found:
        return "each remedy's setting lies, more often than not, inside the range that was tried"
    return f"at an end of the range that was tried lies, more often than not, the setting of {_listed(found)}"


def _settings(bench: Bench, key: str) -> tuple[float, ...]:
    whole = any(of[PLAIN][0].spec.lesson.topic == "whole" for of in bench.values())
    return WHOLE[key].settings if whole else settings(key)


def between_tasks(tasks: dict[str, dict[str, list[Record]]]) -> pd.DataFrame:
    """Spearman's correlation of the gains between tasks, over the remedies that both have.

    Args:
        tasks: name -> remedy -> records.
    """
    by_task = {name: {g.remedy: g.gap.mean for g in gains(of)} for name, of in tasks.items()}
    return pd.DataFrame(by_task).corr("spearman", min_periods=3)


def moved(tasks: dict[str, dict[str, list[Record]]]) -> list[str]:
    """For each two tasks that share remedies a sentence, the least alike first: how alike their orders are,
    and which remedy moves furthest."""
    said, found, names = {}, between_tasks(tasks), list(tasks)
    for a, b in ((a, b) for i, a in enumerate(names) for b in names[i + 1 :] if pd.notna(found.loc[a, b])):
        ranks = [[g.remedy for g in gains(tasks[name])] for name in (a, b)]
        shared = [[key for key in rank if key in ranks[1 - i]] for i, rank in enumerate(ranks)]
        far = max(shared[0], key=lambda key: abs(shared[0].index(key) - shared[1].index(key)))
        places = " to ".join(str(rank.index(far) + 1) for rank in shared)
        said[
            f"{a} and {b}: rank correlation {found.loc[a, b]:.2f} over {len(shared[0])} remedies; "
            f"{TITLES[far]} moves furthest, from place {places}"
        ] = found.loc[a, b]
    return sorted(said, key=said.__getitem__)


def _listed(words: Sequence[str]) -> str:
    return " and ".join(filter(None, [", ".join(words[:-1]), *words[-1:]]))
