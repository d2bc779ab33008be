"""Digits: what a printed number leaves open, and how many an interval allows."""

import math
from decimal import Decimal

_TIE = 1e-9  # a tie may have been rounded either way


def half_unit(text: str) -> float:
    """Half a unit of the last decimal printed: 0.005 for "0.70"."""
    decimals = max(0, -Decimal(text).as_tuple().exponent)
    return 0.5 * 10**-decimals + _TIE


def agrees(text: str, number: float) -> bool:
    """Whether a number rounds to what the text prints, at the decimals of the text; a tie goes either way."""
    return abs(float(text) - number) <= half_unit(text)


def decimals(number: float, half: float | None) -> int:
    """How many decimals a number deserves whose interval has this half-width; negative: not even its ones.

    Two digits of the half-width where it begins with less than 3.55, else one (the rule of the Particle Data
    Group), but no more than 4 decimals. Where there is no interval 3, and 1 from ten on.
    """
    if half is None or not math.isfinite(half) or half < _TIE:
        return 3 if abs(number) < 10 else 1
    first = math.floor(math.log10(half))
    return min(4, (1 if half < 3.55 * 10**first else 0) - first)


def to_digits(number: float, places: int, sign: bool = False) -> str:
    """A number to some decimals, negative ones too; `sign` puts a plus before it."""
    return f"{round(number, places):{'+' if sign else ''}.{max(places, 0)}f}"


def plus_minus(mean: float, half: float | None, sign: bool = False) -> str:
    """A number with its interval, to as many digits as that allows."""
    if math.isnan(mean):
        return "undefined"
    places = decimals(mean, half)
    known = half is not None and not math.isnan(half)
    return to_digits(mean, places, sign) + (f" ± {to_digits(half, places)}" if known else "")
