"""The claims of a work, each tested twice: on the work's own printed numbers, and on records.

A claim is cut into parts: differences between metrics, each with the range it must lie in. Over records a
difference is paired by seed: both sides saw the same subset and the same test images. A part holds when the
95 % interval of its mean lies inside the range; it fails when the mean lies outside by more than chance
allows, Holm-corrected for the m parts of its claim; else, or with one seed only, it is undecided. A claim
holds when all its parts do and fails when one does.

Printed numbers come without intervals: there a part holds or fails by its sign alone. Of a compound claim
each thing that it says has a verdict of its own.

What `paper` + `real` says of a claim is "holds", "fails" or "undecided"; anything smaller, and any network
that stands in for a printed one, speaks of its direction, and says so: "direction holds (stand-in)". Where
not even that can be seen on a data set, the claim says so and why (`Claim.cannot`).
"""

import functools
import html
from collections.abc import Callable, Sequence
from dataclasses import replace
from types import ModuleType

import pandas as pd

from lt_lib.errors import LabError, nearest
from lt_lib.lab.read.badges import badge, badge_html
from lt_lib.lab.read.estimates import OVER_SEEDS
from lt_lib.lab.read.evidence import STRENGTH
from lt_lib.lab.read.findings import VERDICTS, Claim, Finding, Half, NoRecord, Samples, committed, given
from lt_lib.lab.read.published import facts_of, published
from lt_lib.lab.read.report import Table
from lt_lib.lab.read.verdicts import STAND_IN, as_published
from lt_lib.lab.record.records import Record
from lt_lib.lab.record.works import load_work, works

ITSELF = "the claim itself"
CANNOT = "cannot be tested with this stand-in"
_COUNTED = "counted, not trained: the same at every profile"


def claims_table(
    work: str,
    profile: str | None = None,
    data: str | None = None,
    records: list[Record] | None = None,
    facts: pd.DataFrame | None = None,
    only: Sequence[str] = (),
    anchors: bool = False,
) -> Table:
    """Test the claims of a work on its printed numbers and on records.

    Args:
        work: short name, such as "ee443".
        profile: with data, which records count; "paper" + "real" by the printed networks tests a claim
            itself, all else its direction. Where one of the two is None, each claim is tested on the
            strongest committed records that there are of all its rows, at two seeds or more.
        data: "embedded" or "real".
        records: what `run` returned for the experiments that the claims of the work rest on (EXPERIMENTS of
            `lt_lib.works.<work>`), at the profile and data given; None: the committed records.
        facts: printed numbers as :func:`lt_lib.lab.read.published.published` returns them; None reads the
            file.
        only: the claims to test, such as ["EE1"]; none: all of the work.
        anchors: whether links can lead to a claim by its id: once a page.

    Returns:
        A table, one line a claim. Its frame: id, claim, test, printed_verdict, printed_halves,
        printed_numbers, verdict, halves (of a compound claim: pairs of what it says and the verdict),
        numbers, n (seeds; 0 without records), behind (the badge), scope (what the verdict is about). A
        verdict on a stand-in says so, see :func:`in_words`.

    Raises:
        LabError: no claims of this work are tested; a claim has no test, or a test no claim; `only` names
            none of them; or a printed number that a test needs is missing.

    Source: book/published/claims*.csv.
    """
    experiments, module, facts = *_tested(work), published(work=work, facts=facts)
    claims = facts_of("claims").query("work == @work")
    if odd := sorted(set(claims["id"]) ^ set(module.CLAIMS)):
        raise LabError(
            f"{odd[0]} stands in only one of claims*.csv and CLAIMS of {module.__name__}; a claim of {work} "
            "needs a row and a test"
        )
    for name in only:
        if name not in module.CLAIMS:
            raise LabError(f"{work} has no claim {name!r}; it has {', '.join(module.CLAIMS)}")
    kinds = [kind for kind in STRENGTH if profile in (None, kind[0]) and data in (None, kind[1])]
    if profile and data:
        kinds = [(profile, data)]

    @functools.cache
    def samples(kind: tuple[str, str]) -> Samples:
        return committed(experiments, *kind) if records is None else given(records, experiments, *kind)

    lines, plain = [], []
    for claim in claims.itertuples():
        if only and claim.id not in only:
            continue
        tests = module.CLAIMS[claim.id]
        paper = tests.on_print(facts)
        kind, ours = _strongest(tests, kinds, samples)
        about = _COUNTED if ours.counted else scope(*kind, ours.records)
        why = next((tests.cannot[r.spec.data] for r in ours.records if r.spec.data in tests.cannot), "")
        if why:
            ours = replace(ours, numbers=f"{why}. {ours.numbers}")
        said = CANNOT if why else in_words(ours.verdict, about)
        printed_halves = [(half.name, half.verdict + half.parts) for half in paper.halves]
        halves = [] if why else [_half_in_words(half, about) for half in ours.halves]
        shown = (
            f'<span class="lt-badge">{html.escape(ours.counted)}</span>'
            if ours.counted
            else badge_html(list(ours.records))
        )
        lines.append(
            {
                "": (f'<a id="{claim.id}"></a>' if anchors else "")
                + f"{claim.id}. {html.escape(claim.claim)}",
                "on the printed numbers": _cell(paper, paper.verdict, printed_halves),
                "on records": f"{_cell(ours, said, halves)}<br>{shown}",
            }
        )
        plain.append(
            {
                "id": claim.id,
                "claim": claim.claim,
                "test": claim.test,
                "printed_verdict": paper.verdict,
                "printed_halves": printed_halves,
                "printed_numbers": paper.numbers,
                "verdict": said,
                "halves": halves,
                "numbers": ours.numbers,
                "n": len(ours.records),
                "behind": ours.counted or badge(list(ours.records)),
                "scope": about,
            }
        )
    where = "each on the strongest committed records of all its rows"
    if profile and data:
        found = [r for by_seed in samples((profile, data)).values() for r in by_seed.values()]
        where = f"on {profile} + {data}: {scope(profile, data, found)}"
    caption = f"Claims of {work} {where}. {module.MEASURED}, paired; "
    return Table(pd.DataFrame(plain), lines, caption + OVER_SEEDS)


def _strongest(
    tests: Claim, kinds: Sequence[tuple[str, str]], samples: Callable[[tuple[str, str]], Samples]
) -> tuple[tuple[str, str], Finding]:
    """The first kind of records that suffice for a claim, at two seeds or more, and what they say; else the
    first that suffice at all, else the last of all."""
    once = None
    for kind in kinds:
        try:
            ours = tests.on_records(samples(kind))
        except NoRecord as absent:
            nothing = kind, Finding("no record", str(absent))
            continue
        if ours.counted or len(ours.records) > 1:
            return kind, ours
        once = once or (kind, ours)
    return once or nothing


def scope(profile: str, data: str, records: Sequence[Record] = ()) -> str:
    """What a verdict on records of this profile and data is about."""
    if (profile, data) == ("paper", "real"):
        if not records or as_published(records):
            return ITSELF
        return "its direction, by networks that stand in for the printed ones"
    if profile == "smoke":
        return "too small to mean anything, it only shows that the tests run"
    return "its direction on a stand-in, not the published values"


def in_words(verdict: str, about: str) -> str:
    """A verdict on records as it is shown, given its scope: on a stand-in it is one on the direction."""
    if about in (ITSELF, _COUNTED) or verdict not in VERDICTS:
        return verdict
    return f"direction {verdict}{STAND_IN}"


def _half_in_words(half: Half, about: str) -> tuple[str, str]:
    """What a compound claim says, and its verdict on records: a size cannot be seen on a stand-in."""
    if half.size and about not in (ITSELF, _COUNTED):
        return half.name, CANNOT
    return half.name, half.verdict + half.parts


def halves_in_words(halves: Sequence[tuple[str, str]]) -> str:
    """The halves of a line of the frame in a sentence, "" without any."""
    return "; ".join(f"{name}: {verdict}" for name, verdict in halves)


def covered() -> tuple[list[str], list[str]]:
    """Works whose claims are tested, and those that have claims but no tests."""
    tested = works("claims")
    return tested, sorted(set(facts_of("claims")["work"]) - set(tested))


def _tested(work: str) -> tuple[tuple[str, ...], ModuleType]:
    """The experiments that the claims of a work rest on, and the module of their tests."""
    tested, _ = covered()
    if work not in tested:
        raise LabError(
            f"no claims of {work!r} are tested{nearest(work, tested)}; those of {', '.join(tested)} are"
        )
    return load_work(work).EXPERIMENTS, load_work(work, "claims")


def _cell(finding: Finding, said: str, halves: Sequence[tuple[str, str]]) -> str:
    kind = "cannot" if said == CANNOT else finding.verdict.replace(" ", "-")
    listed = "".join(f"<br>{html.escape(name)}: <em>{verdict}</em>" for name, verdict in halves)
    numbers = f'<span class="lt-numbers"><br>{html.escape(finding.numbers)}</span>'
    return f'<span class="lt-verdict lt-{kind}">{said}</span>{listed}{numbers}'
