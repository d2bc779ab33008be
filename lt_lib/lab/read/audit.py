"""The consistency audit, recomputed: what a work prints, held against itself and against what can be counted.

Each check is one function that returns what is published, what was recomputed, and the verdict. `audit.csv`
says what is checked and where; its verdicts are not used for these, so that a changed fact changes the
verdict. A check of wording or of released code stays as it is written there."""

import pandas as pd

from lt_lib.errors import LabError
from lt_lib.lab.read.published import published
from lt_lib.lab.read.rounding import agrees
from lt_lib.lab.record.paths import published_dir
from lt_lib.lab.record.spec import nearest
from lt_lib.works.ee443 import audit as audit_ee443
from lt_lib.works.ee443.audit import parameter_count
from lt_lib.works.lectures import audit as audit_lectures
from lt_lib.works.spectrum import audit as audit_spectrum

__all__ = ["WORKS", "agrees", "audit", "parameter_count"]
_CHECKS = {"ee443": audit_ee443.checks, "spectrum": audit_spectrum.checks, "lectures": audit_lectures.checks}
WORKS = tuple(_CHECKS)


def audit(work: str = "ee443", facts: pd.DataFrame | None = None) -> pd.DataFrame:
    """Run the checks of one work.

    Args:
        work: short name, one of WORKS.
        facts: printed numbers as :func:`lt_lib.lab.read.published.published` returns them; None reads the
            file.

    Returns:
        Columns id, location, check, published, recomputed, verdict, note, basis. `basis` is "recomputed", or
        "text" where the check is one of wording or of released code, passed through from audit.csv.

    Raises:
        LabError: no such work, none of its checks is recomputed, or a printed number that a check needs is
            missing.
    """
    table = pd.read_csv(published_dir() / "audit.csv", dtype=str, keep_default_na=False)
    if work not in _CHECKS:
        known = sorted(set(table["work"]) | set(WORKS))
        if work not in known:
            raise LabError(f"no work {work!r}{nearest(work, known)}; audited are: {', '.join(WORKS)}")
        raise LabError(
            f"the audit of {work!r} is not recomputed yet, only that of {', '.join(WORKS)}; see book/published/audit.csv"
        )
    checks = _CHECKS[work](published() if facts is None else facts)
    rows = table[table["work"] == work].drop(columns="work").assign(basis="text")
    for i, check in rows["id"].items():
        if check in checks:
            rows.loc[i, ["published", "recomputed", "verdict"]] = checks[check]()
            rows.loc[i, "basis"] = "recomputed"
    return rows.reset_index(drop=True)
