"""The claims of a work, each tested twice: on the work's own printed numbers, and on records.

A claim is cut into parts: differences between metrics, each with the range it must lie in. Over records a
difference is paired by seed: both sides saw the same subset and the same test images. A part holds when the
95 % interval of its mean lies inside the range, fails when it lies outside, and is undecided when it covers a
border, or when there is one seed only. A claim holds when all its parts do and fails when one does; nothing
is corrected for the number of parts.
"""

import html

import pandas as pd

from lt_lib.errors import LabError
from lt_lib.lab.read.findings import Finding, NoRecord, Part, committed, given, on_file
from lt_lib.lab.read.published import published
from lt_lib.lab.read.report import STRENGTH, Table, badge, badge_html
from lt_lib.lab.record.paths import published_dir
from lt_lib.lab.record.records import Record
from lt_lib.lab.record.spec import nearest
from lt_lib.works.ee443 import claims as claims_ee443
from lt_lib.works.ee443.claims import METHODS, average_row
from lt_lib.works.lectures import claims as claims_lectures
from lt_lib.works.spectrum import claims as claims_spectrum

__all__ = [
    "METHODS",
    "WORKS",
    "Finding",
    "Part",
    "average_row",
    "claims_table",
    "on_file",
    "scope",
    "strongest",
]
_MODULES = {"ee443": claims_ee443, "spectrum": claims_spectrum, "lectures": claims_lectures}
WORKS = tuple(_MODULES)
_COUNTED = "counted, not trained: the same at every profile"


def claims_table(
    profile: str = "laptop",
    data: str = "real",
    records: list[Record] | None = None,
    work: str = "ee443",
    facts: pd.DataFrame | None = None,
) -> Table:
    """Test the claims of a work on its printed numbers and on records.

    Args:
        profile: with data, which records count; "paper" + "real" tests a claim itself, all else its
            direction.
        data: "embedded" or "real".
        records: what `run` returned for the experiments of the work that claims rest on (EXPERIMENTS of
            `lt_lib.works.ee443.claims`, `claims_spectrum` or `claims_lectures`); None: the committed records.
        work: short name, one of WORKS.
        facts: printed numbers as :func:`lt_lib.lab.read.published.published` returns them; None reads the
            file.

    Returns:
        A table, one line a claim. Its frame: id, claim, test, printed_verdict, printed_numbers, verdict,
        numbers, n (seeds; 0 without records), behind (the badge), scope (what the verdict is about).

    Raises:
        LabError: no claims of this work are tested, or a printed number that a test needs is missing.

    Source: book/published/claims.csv.
    """
    module, facts = _module(work), published(work=work, facts=facts)
    claims = pd.read_csv(published_dir() / "claims.csv", dtype=str, keep_default_na=False)
    experiments = module.EXPERIMENTS
    samples = (
        committed(experiments, profile, data)
        if records is None
        else given(records, experiments, profile, data)
    )
    lines, plain = [], []
    for claim in claims[claims["work"] == work].itertuples():
        on_paper, on_records = module.CLAIMS[claim.id]
        paper = on_paper(facts)
        try:
            ours = on_records(samples)
        except NoRecord as absent:
            ours = Finding("no record", str(absent))
        shown = (
            f'<span class="lt-badge">{html.escape(ours.counted)}</span>'
            if ours.counted
            else badge_html(list(ours.records))
        )
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
                "behind": ours.counted or badge(list(ours.records)),
                "scope": _COUNTED if ours.counted else scope(profile, data),
            }
        )
    caption = f"Claims of {work} on {profile} + {data}: {scope(profile, data)}. {module.MEASURED}, "
    return Table(pd.DataFrame(plain), lines, caption + "paired over seeds, mean ± 95 % interval")


def strongest(work: str, profile: str | None = None, data: str | None = None) -> tuple[str, str]:
    """Profile and data of the committed records that speak strongest for a work, among those asked for.

    Without any, what is asked for, else "laptop" and "real".

    Raises:
        LabError: no claims of this work are tested.
    """
    experiments = _module(work).EXPERIMENTS
    for kind in STRENGTH:
        if profile in (None, kind[0]) and data in (None, kind[1]) and committed(experiments, *kind):
            return kind
    return profile or "laptop", data or "real"


def scope(profile: str, data: str) -> str:
    """What a verdict on records of this profile and data is about."""
    if (profile, data) == ("paper", "real"):
        return "the claim itself"
    if profile == "smoke":
        return "too small to mean anything, it only shows that the tests run"
    return "its direction on a stand-in, not the published values"


def _module(work: str):
    if work not in _MODULES:
        raise LabError(
            f"no claims of {work!r} are tested{nearest(work, WORKS)}; those of {', '.join(WORKS)} are"
        )
    return _MODULES[work]


def _cell(finding: Finding) -> str:
    kind = finding.verdict.replace(" ", "-")
    return f'<span class="lt-verdict lt-{kind}">{finding.verdict}</span><br>{html.escape(finding.numbers)}'
