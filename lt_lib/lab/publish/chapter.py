"""What a chapter calls first: its parameters, checked."""

import inspect
import types
from pathlib import Path

from lt_lib.errors import LabError, nearest
from lt_lib.lab.record.paths import absolute
from lt_lib.lab.record.spec import DATA, PROFILES

PARAMETERS = ("profile", "data", "seeds", "budget", "store")
_IPYTHON = {"In", "Out", "get_ipython", "exit", "quit", "open"}


def check_parameters(namespace: dict) -> dict:
    """Check a chapter's parameters and return them as keyword arguments for `lab.run`.

    Call it in the cell after the parameters cell, before any other name is bound: papermill injects a
    misspelt parameter silently, here it is an error.

    Args:
        namespace: globals() of the notebook.

    Raises:
        LabError: an unknown parameter (names the nearest valid one) or a value that cannot be.
    """
    bound = {
        n
        for n, v in namespace.items()
        if not n.startswith("_")
        and n not in _IPYTHON
        and not isinstance(v, types.ModuleType)
        and not inspect.isroutine(v)
        and not inspect.isclass(v)
    }
    for name in sorted(bound - set(PARAMETERS)):
        raise LabError(
            f"unknown parameter {name!r}{nearest(name, PARAMETERS)}; a chapter takes " + ", ".join(PARAMETERS)
        )
    given = {name: namespace[name] for name in PARAMETERS if name in namespace}
    for name, known in (("profile", PROFILES), ("data", DATA)):
        if name in given and given[name] not in known:
            raise LabError(
                f"{name} is {given[name]!r}{nearest(given[name], known)}; "
                f"it must be one of {', '.join(known)}"
            )
    seeds = given.get("seeds")
    if seeds is not None and not (isinstance(seeds, list) or isinstance(seeds, int) and seeds > 0):
        raise LabError(f"seeds is {seeds!r}; give a positive number of seeds, a list of seeds, or None")
    budget = given.get("budget")
    if budget is not None and not (isinstance(budget, (int, float)) and budget > 0):
        raise LabError(f"budget is {budget!r}; give minutes, or None for no limit")
    if given.get("store"):
        if not isinstance(given["store"], (str, Path)):
            raise LabError(f"store is {given['store']!r}; give a folder, or None")
        given["store"] = absolute(given["store"])
    return given
