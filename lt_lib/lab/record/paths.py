"""Where things lie: the project, the committed records, the working store, the caches."""

import functools
import os
from pathlib import Path

from platformdirs import user_cache_dir

from lt_lib.errors import LabError

LOOK = Path(__file__).resolve().parents[1] / "look" / "custom.css"  # of the book's pages and a reader's own
VARIABLES = ("LT_BOOK", "LT_CACHE", "LT_DATA", "LT_STORE", "LT_WORKS")  # of the environment: folders


def absolute(path: str | Path) -> Path:
    """A path from where the user stands: `~` expanded, then relative to the working folder; links stay.

    Raises:
        LabError: `~name` of nobody on this machine.
    """
    try:
        return Path(os.path.abspath(Path(path).expanduser()))
    except RuntimeError:
        who = Path(path).parts[0]
        raise LabError(f"{path}: there is no user {who} on this machine; write the path out") from None


def _is_project(folder: Path) -> bool:
    return (folder / "_toc.yml").is_file() and (folder / "book" / "experiments").is_dir()


def project_root() -> Path:
    """The checkout that holds `_toc.yml` and `book/`: LT_BOOK, else upwards from here, else beside the
    installed library.

    Raises:
        LabError: none of the three is a checkout of the book.
    """
    return _project(os.environ.get("LT_BOOK"), os.getcwd())


@functools.cache
def _project(named: str | None, here: str) -> Path:
    if named:
        if _is_project(absolute(named)):
            return absolute(named).resolve()
        raise LabError(
            f"LT_BOOK names {named}, which holds no _toc.yml and book/experiments; point it at a checkout of "
            "the book"
        )
    start = Path(here).resolve()
    for folder in (start, *start.parents, Path(__file__).resolve().parents[3]):
        if _is_project(folder):
            return folder
    raise LabError(
        f"no checkout of the book in or above {start}; set LT_BOOK to the folder that holds _toc.yml"
    )


def experiments_dir() -> Path:
    """Folder of the experiment files (YAML)."""
    return project_root() / "book" / "experiments"


def published_dir() -> Path:
    """Folder of the published facts (CSV)."""
    return project_root() / "book" / "published"


def evidence_dir() -> Path:
    """Store of the committed records."""
    return project_root() / "book" / "records"


def work_store() -> Path:
    """Store that runs write to unless told otherwise: LT_STORE, else `_build/records` of the project."""
    return absolute(os.environ.get("LT_STORE") or project_root() / "_build" / "records")


def cache_root() -> Path:
    """Features and self-trained weights, shared by all stores: LT_CACHE, else the user's cache folder."""
    return absolute(os.environ.get("LT_CACHE") or Path(user_cache_dir("lt_lib")) / "work")
