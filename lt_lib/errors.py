"""The one exception meant for a person: what is wrong, where, and how to mend it."""


class LtError(Exception):
    """A mistake the user can mend. The command line prints the message and exits with 1; a notebook shows it without a traceback."""

    def _render_traceback_(self) -> list[str]:
        """IPython calls this instead of formatting a traceback."""
        return [f"error: {self}"]
