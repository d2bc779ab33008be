"""Figures by name: `@figure("name")` registers the function below it, and `draw("name", ...)`, which chapters
know as `lab.figure`, calls that function in the style of the book.

A work's figures lie in `lt_lib.works.<work>.figures`, those of several works in `shared` here. They and
matplotlib are imported when the first figure is drawn."""

import pkgutil
from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING

from lt_lib.errors import LabError, nearest
from lt_lib.lab.record.works import load_work, works

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_registered: dict[str, tuple[Callable, dict]] = {}  # name -> function, and its settings of matplotlib


def figure(name: str, rc: dict | None = None) -> Callable[[Callable], Callable]:
    """Decorator: register a function that returns a matplotlib figure, and leave it as it is.

    Args:
        name: by which `draw` finds it.
        rc: settings of matplotlib for this figure, over those of the book.

    Raises:
        LabError: another function has the name.
    """

    def register(function: Callable) -> Callable:
        place = f"{function.__module__}.{function.__qualname__}"
        if name in _registered and place != (other := _place(name)):
            raise LabError(f"figure {name!r} is registered twice, by {other} and by {place}; rename one")
        _registered[name] = function, rc or {}
        return function

    return register


def draw(name: str, *args, **options) -> "Figure":
    """Draw a figure by its name, e.g. "ee443-fig5"; the arguments are those of the function behind it.

    Raises:
        LabError: no figure of that name; lists the names, and the modules that could not be imported.
    """
    import matplotlib.pyplot as plt

    from lt_lib.lab.figures.style import STYLE

    if name not in _registered:
        missing = _load()
        if name not in _registered:
            known = sorted(_registered)
            why = "".join(f"; not loaded: {module} ({error})" for module, error in missing.items())
            raise LabError(f"no figure {name!r}{nearest(name, known)}; there are: {', '.join(known)}{why}")
    function, rc = _registered[name]
    with plt.rc_context(STYLE | rc):
        drawn = function(*args, **options)
    plt.close(drawn)
    return drawn


def registered() -> dict[str, str]:
    """Name of every figure -> where its function lies, e.g. "lt_lib.works.ee443.figures.bagging.members"."""
    _load()
    return {name: _place(name) for name in sorted(_registered)}


def _place(name: str) -> str:
    function, _ = _registered[name]
    return f"{function.__module__}.{function.__qualname__}"


def _load() -> dict[str, ImportError]:
    """Import every module of figures, so that each registers its own.

    Returns:
        Those that could not be imported, for a library is missing, with the error.
    """
    missing = {}
    for package in (__name__, *(f"{load_work(work).__name__}.figures" for work in works())):
        if find_spec(package) is None:
            continue
        folder = getattr(import_module(package), "__path__", [])
        for name in (f"{package}.{module.name}" for module in pkgutil.iter_modules(folder)):
            try:
                import_module(name)
            except ImportError as error:
                missing[name] = error
    return missing
