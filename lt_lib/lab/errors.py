"""Errors of the lab: messages for a person, see `lt_lib.errors`."""

from lt_lib.errors import LtError


class LabError(LtError):
    """A spec, record, run or chapter that cannot be used as it is; the message says what, where and how to mend it."""


class BudgetEnded(Exception):
    """Raised inside training when the time budget is used up; `run` catches it, nothing is lost."""
