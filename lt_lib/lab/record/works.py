"""Works by name: the one place where `lt_lib.works.<work>` is imported."""

import importlib
import importlib.util
import os
import pkgutil
from types import ModuleType

import lt_lib.works
from lt_lib.errors import LabError, nearest
from lt_lib.lab.record.paths import absolute


def works(with_part: str | None = None) -> list[str]:
    """Short names of all works, in the alphabet's order: of `lt_lib/works`, and of the folder LT_WORKS.

    Args:
        with_part: only works that have this module, for example "claims".

    Raises:
        LabError: LT_WORKS names no folder, or a work in it is called like one of the library.
    """
    outside = os.environ.get("LT_WORKS")
    if outside and not absolute(outside).is_dir():
        raise LabError(
            f"LT_WORKS names {outside}, which is no folder; point it at a folder of works or unset it"
        )
    found: dict[str, str] = {}
    for folder in lt_lib.works.__path__:
        for module in pkgutil.iter_modules([folder]):
            if module.name in found:
                raise LabError(f"two works are called {module.name!r}, in {found[module.name]} and {folder}")
            if module.ispkg:
                found[module.name] = folder
    return sorted(name for name in found if with_part is None or _has(name, with_part))


def load_work(name: str, part: str | None = None) -> ModuleType:
    """Import a work, or one of its modules, by name.

    Args:
        name: short name, such as "ee443".
        part: a module of it, for example "claims".

    Raises:
        LabError: no such work, or the work lacks the module.
    """
    known = works()
    if name not in known:
        raise LabError(f"no work {name!r}{nearest(name, known)}; there are: {', '.join(known)}")
    if part is None:
        return importlib.import_module(f"lt_lib.works.{name}")
    if not _has(name, part):
        raise LabError(f"the work {name!r} has no module {part!r}")
    return importlib.import_module(f"lt_lib.works.{name}.{part}")


def _has(name: str, part: str) -> bool:
    return importlib.util.find_spec(f"lt_lib.works.{name}.{part}") is not None
