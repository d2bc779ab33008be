"""Every error a user can meet: what is wrong, where, and how to mend it."""


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
