"""The answers in short: of each work what holds, what does not, and what cannot be said yet."""

import html

import pandas as pd

from lt_lib.lab.read.claims import claims_table, covered
from lt_lib.lab.read.ledger import counts
from lt_lib.lab.read.report import Table

SORTS = ("holds", "does not hold", "cannot be said yet")


def answers() -> Table:
    """A line for each work, its claims sorted by what the strongest records say of them.

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
        cells = {sort: "".join(map(_claim, found[sorts == sort].itertuples())) for sort in SORTS}
        lines.append({"": work} | {sort: f"<ul>{cell}</ul>" if cell else "–" for sort, cell in cells.items()})
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
    return f'<li><a href="what-holds.html#{claim.id}">{claim.id}</a>{star} {words}</li>'


def in_a_sentence(lines: pd.DataFrame) -> str:
    """How many of the numbers of a ledger have been run again at the published size, and how it went."""
    found = counts(lines)
    said = {
        "agrees": "agree",
        "differs": "differ",
        "agrees (stand-in)": "agree by a network that stands in for the printed one",
        "differs (stand-in)": "differ by such a network",
        "one run: no interval": "rest on a single run",
    }
    again = {words: found[verdict] for verdict, words in said.items() if verdict in found}
    return (
        f"{sum(again.values())} of {found['numbers']} printed results have been run again at the published "
        f"size: {', '.join(f'{n} {words}' for words, n in again.items()) or 'none'}. Of "
        f"{found.get('not comparable', 0)} others there are smaller runs."
    )
