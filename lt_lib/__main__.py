"""Entry point of the `lt` command, also `python -m lt_lib`; what it runs comes with the extra `lab`."""

import sys

from lt_lib.errors import MissingExtra, needs


def main() -> None:
    """Run `lt`, or say in one line what must be installed first."""
    try:
        with needs("lab", "lt"):
            from lt_lib.cli import main as run
    except MissingExtra as error:
        sys.exit(f"error: {error}")
    run()


if __name__ == "__main__":
    main()
