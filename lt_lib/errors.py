"""Every error a user can meet: what is wrong, where, and how to mend it."""

import difflib


class LtError(Exception):
    """A mistake the user can mend. The command line prints the message and exits with 1; a notebook shows it
    without a traceback."""

    def _render_traceback_(self) -> list[str]:
        """IPython calls this instead of formatting a traceback."""
        return [f"error: {self}"]


class DataError(LtError):
    """A data set or weights file is missing, damaged, not what it claims to be, or cannot be written."""


class LabError(LtError):
    """A spec, record, run or chapter that cannot be used as it is; the message says what, where and how to
    mend it."""


class BudgetEnded(Exception):
    """Raised inside training when the time budget is used up; `run` catches it, nothing is lost."""


def nearest(name: str, known) -> str:
    """'; did you mean X?' for the closest known name, or nothing."""
    close = difflib.get_close_matches(str(name), [str(k) for k in known], n=1, cutoff=0.5)
    return f"; did you mean {close[0]!r}?" if close else ""
