"""The one place that loads a work by its name."""

import importlib
import pkgutil
from types import ModuleType

import lt_lib.works


def works() -> list[str]:
    """Short names of all works there are."""
    return sorted(found.name for found in pkgutil.iter_modules(lt_lib.works.__path__) if found.ispkg)


def load_work(name: str) -> ModuleType:
    """The package of a work."""
    return importlib.import_module(f"lt_lib.works.{name}")
