"""The consistency audit, recomputed: what a work prints, held against itself and against what can be counted.

Each check is one function that returns what is published, what was recomputed, and the verdict. `audit.csv`
says what is checked and where; its verdicts are not used for these, so that a changed fact changes the
verdict. A check of wording or of released code stays as it is written there.
"""

import html

import pandas as pd

from lt_lib.errors import LabError, nearest
from lt_lib.lab.read.published import facts_of, published
from lt_lib.lab.read.report import Table
from lt_lib.lab.record.works import load_work, works


def covered() -> tuple[list[str], list[str]]:
    """Works whose checks are recomputed, and those that are audited in words only."""
    recomputed = works("audit")
    return recomputed, sorted(set(facts_of("audit")["work"]) - set(recomputed))


def audit(work: str, facts: pd.DataFrame | None = None) -> pd.DataFrame:
    """Run the checks of one work.

    Args:
        work: short name, such as "ee443".
        facts: printed numbers as :func:`lt_lib.lab.read.published.published` returns them; None reads the
            file.

    Returns:
        Columns id, location, check, published, recomputed, verdict, note, basis. `basis` is "recomputed", or
        "text" where the check is one of wording or of released code, passed through from audit.csv.

    Raises:
        LabError: no such work, none of its checks is recomputed, a recomputed check is not in the file, or a
            printed number that a check needs is missing.

    Source: book/published/audit*.csv.
    """
    recomputed, in_words = covered()
    if work in in_words:
        raise LabError(
            f"the audit of {work!r} is not recomputed yet, only that of {', '.join(recomputed)}; "
            "see book/published/audit.csv"
        )
    if work not in recomputed:
        near = nearest(work, recomputed + in_words)
        raise LabError(f"no work {work!r}{near}; audited are: {', '.join(recomputed)}")
    module = load_work(work, "audit")
    checks = module.checks(published() if facts is None else facts)
    rows = facts_of("audit").query("work == @work").drop(columns="work").assign(basis="text")
    if odd := sorted(set(checks) - set(rows["id"])):
        raise LabError(f"{module.__name__} recomputes {', '.join(odd)}, of which audit*.csv has no row")
    for i, check in rows["id"].items():
        if check in checks:
            rows.loc[i, ["published", "recomputed", "verdict"]] = checks[check]()
            rows.loc[i, "basis"] = "recomputed"
    return rows.reset_index(drop=True)


def audit_table(work: str) -> Table:
    """The checks of one work as a table, each with an anchor of its id, so once a page."""
    found = audit(work)
    lines = [
        {
            "": f'<a id="{row.id}"></a>{row.id}. {html.escape(row.check)}<br>{html.escape(row.location)}',
            "printed": html.escape(row.published),
            "recomputed": html.escape(row.recomputed) + _BASIS[row.basis],
            "verdict": html.escape(row.verdict) + (f"<br>{html.escape(row.note)}" if row.note else ""),
        }
        for row in found.itertuples()
    ]
    done = (found["basis"] == "recomputed").sum()
    return Table(
        found, lines, f"{done} of {len(found)} checks of {work} are recomputed from the printed numbers"
    )


_BASIS = {"recomputed": "", "text": "<br><i>of wording or released code: not recomputed</i>"}
