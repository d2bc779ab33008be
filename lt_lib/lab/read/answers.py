"""The answers in short: of each work what holds, what does not, and what cannot be said yet; which remedy
gains how much; and the sentences that close a chapter."""

import html
import re
from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from lt_lib.errors import LabError, nearest
from lt_lib.lab.read.badges import badge
from lt_lib.lab.read.claims import claims_table, covered, halves_in_words
from lt_lib.lab.read.estimates import difference, paired
from lt_lib.lab.read.ledger import counts
from lt_lib.lab.read.published import facts_of
from lt_lib.lab.read.report import Table
from lt_lib.lab.read.rounding import plus_minus
from lt_lib.lab.read.verdicts import STAND_IN
from lt_lib.lab.record.records import Record

SORTS = ("holds", "does not hold", "cannot be said yet")
SHORT = 150  # letters of a finding that are shown whole
_VERBS = {"undecided": "is undecided", "no record": "has no record yet"}


def answers() -> Table:
    """The claims of each work by what the strongest records say of them: a line for those that hold, one for
    those that do not, one for the rest.

    Returns:
        A table; its frame has a line a claim: work, id, claim, sort (of SORTS), verdict.
    """
    lines, plain = [], []
    for work in covered()[0]:
        found = claims_table(work).frame
        sorts = found["verdict"].map(sort_of)
        plain += [
            {"work": work, "id": c.id, "claim": c.claim, "sort": s, "verdict": c.verdict}
            for c, s in zip(found.itertuples(), sorts, strict=True)
        ]
        first = work
        for sort in SORTS:
            if said := list(map(_claim, found[sorts == sort].itertuples())):
                lines.append({"": first, "verdict": sort, "claims": "; ".join(said)})
                first = ""
    caption = "Claims by what the strongest committed records say; * of a direction, on a stand-in"
    return Table(pd.DataFrame(plain), lines, caption)


def sort_of(verdict: str) -> str:
    """Of SORTS, that of a verdict on records."""
    if "holds" in verdict:
        return SORTS[0]
    return SORTS[1] if "fails" in verdict else SORTS[2]


def _claim(claim) -> str:
    star = "*" if "(stand-in)" in claim.verdict else ""
    words = html.escape(claim.claim)
    return f'<a href="what-holds.html#{claim.id}">{claim.id}</a>{star} {words}'


def in_a_sentence(lines: pd.DataFrame) -> str:
    """How many of the numbers of a ledger have been run again at the published size, and how it went."""
    found = counts(lines)
    said = {
        "agrees": "agree",
        "differs": "differ",
        "agrees (stand-in)": "agree by a network that stands in for the printed one",
        "differs (stand-in)": "differ by such a network",
        "one run: no interval": "from a single run",
    }
    again = {words: found[verdict] for verdict, words in said.items() if verdict in found}
    return (
        f"{sum(again.values())} of {found['numbers']} printed results have been run again at the published "
        f"size: {', '.join(f'{n} {words}' for words, n in again.items()) or 'none'}. Of "
        f"{found.get('not comparable', 0)} others there are smaller runs."
    )


def remedies(
    pairs: dict[str, dict[str, tuple[list[Record], list[Record]]]], metric: str = "accuracy"
) -> Table:
    """What each remedy adds to doing nothing, paired by seed, and which of them can be told from nothing.

    Args:
        pairs: remedy -> setting -> records with it and without it; a setting without records is a dash.
        metric: as in `Record.metric`.

    Returns:
        A table, a line a remedy, a column a setting. Its frame: remedy, setting, gain, half, n, told (whether
        the interval leaves out zero).
    """
    lines, plain = [], []
    for remedy, settings in pairs.items():
        line = {"": html.escape(remedy)}
        for setting, (with_it, without) in settings.items():
            line[setting] = "–"
            if not paired(with_it, without):
                continue
            gap = difference(with_it, without, metric)
            told = gap.half is not None and abs(gap.mean) > gap.half
            said = gap.said(sign=True)
            line[setting] = f"<b>{said}</b>" if told else said
            plain.append(
                {"remedy": remedy, "setting": setting, "gain": gap.mean, "half": gap.half, "n": gap.n}
            )
            plain[-1]["told"] = told
        lines.append(line)
    behind = {
        remedy: [r for pair in settings.values() for r in paired(*pair)] for remedy, settings in pairs.items()
    }
    caption = (
        f"Gain in {metric.replace('_', ' ')}, paired by seed, with its 95 % interval; bold where that leaves "
        f"out zero. {badge({k: v for k, v in behind.items() if v})}"
    )
    return Table(pd.DataFrame(plain), lines, caption)


def best_remedies(table: Table) -> str:
    """Of a table of :func:`remedies`: by setting, which remedy gained most, and which others might as well
    have: those whose interval reaches as far."""
    said = []
    for setting, own in table.frame.groupby("setting", sort=False):
        own = own.sort_values("gain", ascending=False)
        first, reach = own.iloc[0], own["gain"] + own["half"].fillna(0)
        if not first["told"] or first["gain"] <= 0:
            said.append(f"{setting}: no remedy can be told from doing nothing")
            continue
        rivals = own["remedy"][(reach >= first["gain"]) & (own["remedy"] != first["remedy"])].tolist()
        also = f"; {', '.join(rivals)} may be as good" if rivals else ""
        said.append(
            f"{setting}: {first['remedy']} ({plus_minus(first['gain'], first['half'], sign=True)}){also}"
        )
    return "\n".join(said)


@dataclass(frozen=True)
class Summary:
    """Sentences that state results; HTML to read."""

    sentences: tuple[str, ...]

    def __str__(self) -> str:
        return "\n".join(self.sentences)

    def _repr_html_(self) -> str:
        items = "".join(f"<li>{html.escape(said)}</li>" for said in self.sentences)
        return f'<ul class="lt-summary">{items}</ul>'


def summary(*said: str, claims: Sequence[str] = ()) -> Summary:
    """What a chapter found: the sentences given, then one for each claim, by the strongest committed records.

    Args:
        said: each as a function on records or results made it, with or without a full stop.
        claims: ids such as "EE1".

    Raises:
        LabError: there is no such claim.
    """
    spoken = (" ".join(each.split()).rstrip(".") for each in (*said, *map(claim_in_words, claims)))
    return Summary(tuple(f"{each[:1].upper()}{each[1:]}." for each in spoken))


def claim_in_words(name: str) -> str:
    """A claim, its verdict on records, and its numbers; where they are many, its halves, or the first of
    them."""
    works = facts_of("claims").set_index("id")["work"]
    if name not in works:
        raise LabError(f"there is no claim {name!r}{nearest(name, list(works.index))}")
    (claim,) = claims_table(works[name], only=[name]).frame.itertuples()
    verdict = claim.verdict.removesuffix(STAND_IN).removeprefix("direction ")
    direction = " in direction, on a stand-in" if claim.verdict.endswith(STAND_IN) else ""
    first = halves_in_words(claim.halves) or re.split(r"[:;.] ", claim.numbers)[0]
    numbers = claim.numbers if len(claim.numbers) <= SHORT else first
    return f"claim {name}, “{claim.claim}”, {_VERBS.get(verdict, verdict)}{direction}: {numbers}"
