"""The works that are installed, and the one place where a work is imported."""

import pkgutil
from importlib import import_module
from types import ModuleType

import lt_lib.works


def works() -> list[str]:
    """Short names of all works, sorted."""
    return sorted(module.name for module in pkgutil.iter_modules(lt_lib.works.__path__) if module.ispkg)


def load_work(name: str) -> ModuleType:
    """The package `lt_lib.works.<name>`."""
    return import_module(f"lt_lib.works.{name}")
