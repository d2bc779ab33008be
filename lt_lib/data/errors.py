"""The one error of the data rooms: what is wrong, in which file, and the command that mends it."""

from lt_lib.errors import LtError


class DataError(LtError):
    """A data set or weights file is missing, damaged, not what it claims to be, or cannot be written."""
