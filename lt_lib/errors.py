"""Every error a user can meet: what is wrong, where, and how to mend it."""

import contextlib
import difflib
import re
import sys
from importlib import metadata


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


class MissingExtra(LtError, ImportError):
    """A part of the library whose dependencies are not installed."""


@contextlib.contextmanager
def on_one_line():
    """Around what an entry point does: a user's mistake is one line on stderr and exit code 1, an interrupt
    exit code 130."""
    try:
        yield
    except LtError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(1)
    except KeyboardInterrupt:
        print("interrupted; the same command goes on from here", file=sys.stderr)
        sys.exit(130)


@contextlib.contextmanager
def needs(extra: str, who: str):
    """Check that all packages of an extra are installed before what stands within is imported.

    What an extra brings is said in pyproject.toml alone; where the library was never installed, the first
    import that fails tells.

    Args:
        extra: data, lab, book or test.
        who: what needs it, for the message.

    Raises:
        MissingExtra: a package is not there. The message is the command that brings it.
    """
    try:
        if lacking := lacking_packages(extra):
            raise ModuleNotFoundError(name=", ".join(lacking))
        yield
    except ModuleNotFoundError as error:
        if (error.name or "").split(".")[0] == "lt_lib":
            raise
        raise MissingExtra(
            f"{who} needs the extra {extra}: pip install 'lt_lib[{extra}]' (not installed: {error.name})"
        ) from None


def lacking_packages(extra: str) -> list[str]:
    """Packages of an extra that are not installed; none where the library itself was never installed."""
    try:
        lines = metadata.requires("lt_lib") or []
    except metadata.PackageNotFoundError:
        return []
    found = []
    for line in lines:
        if not re.search(rf"extra == ['\"]{extra}['\"]", line):
            continue
        if within := re.match(r"lt[-_]lib\[(\w+)\]", line):  # an extra that holds another one
            found += lacking_packages(within[1])
            continue
        name = re.match(r"[\w.-]+", line)[0]
        try:
            metadata.distribution(name)
        except metadata.PackageNotFoundError:
            found.append(name)
    return found


class BudgetEnded(Exception):
    """Raised inside training when the time budget is used up; `run` catches it, nothing is lost."""


def nearest(name: str, known) -> str:
    """'; did you mean X?' for the closest known name, or nothing."""
    close = difflib.get_close_matches(str(name), [str(k) for k in known], n=1, cutoff=0.5)
    return f"; did you mean {close[0]!r}?" if close else ""
