"""The box "What we found" of a chapter: its claims and its printed numbers, by the committed records."""

import functools
import html

import pandas as pd

from lt_lib.lab.read.answers import SHORT
from lt_lib.lab.read.claims import claims_table, halves_in_words
from lt_lib.lab.read.ledger import counts, ledger
from lt_lib.lab.read.verdicts import css_class
from lt_lib.lab.record.works import load_work, works


def found_box(chapter: str, pages: str) -> str:
    """The box as HTML, "" where there is nothing to say.

    Args:
        chapter: such as "ee443/05-stacking-and-results".
        pages: how its page reaches the folder of `ledger.html` and `what-holds.html`.
    """
    work, _, name = chapter.partition("/")
    if work not in works():
        return ""
    claims = getattr(load_work(work), "CHAPTERS", {}).get(name, ())
    frame = _claims(work) if claims else pd.DataFrame({"id": []})
    items = [_item(claim, pages) for claim in frame[frame["id"].isin(claims)].itertuples()]
    lines = _ledger()
    if len(own := lines[lines["chapter"] == chapter]):
        said = ", ".join(f"{n} {_plural(what)}" for what, n in counts(own).items() if what != "numbers")
        items.append(
            f'Of {len(own)} printed results shown here: {said} (<a href="{pages}ledger.html">ledger</a>).'
        )
    if not items:
        return ""
    listed = "".join(f"<li>{item}</li>" for item in items)
    return (
        '<div class="admonition lt-found"><p class="admonition-title">What we found</p>'
        f"<ul>{listed}</ul></div>"
    )


def _plural(verdict: str) -> str:
    return verdict.replace("agrees", "agree").replace("differs", "differ")


_claims = functools.cache(lambda work: claims_table(work).frame)
_ledger = functools.cache(ledger)


def _item(claim, pages: str) -> str:
    kind = css_class(claim.verdict.removeprefix("direction "))
    verdict = f'<span class="lt-verdict {kind}">{html.escape(claim.verdict)}</span>'
    if claim.halves:
        verdict += f" ({html.escape(halves_in_words(claim.halves))})"
    numbers = f": {html.escape(claim.numbers)}"
    if len(claim.numbers) > SHORT:
        numbers = f"<details><summary>numbers</summary>{numbers[2:]}</details>"
    link = f'<a href="{pages}what-holds.html#{claim.id}">{claim.id}</a>'
    return f"{link} {html.escape(claim.claim)}. {verdict}{numbers}"
