"""All kinds of input that the campaign tries."""

from . import kinds_data, kinds_lab
from .kinds import KINDS

__all__ = ["KINDS", "kinds_data", "kinds_lab"]
