"""What a printed number leaves open: half a unit of its last decimal, either way."""

from decimal import Decimal

_TIE = 1e-9  # a tie may have been rounded either way


def half_unit(text: str) -> float:
    """Half a unit of the last decimal printed: 0.005 for "0.70"."""
    decimals = max(0, -Decimal(text).as_tuple().exponent)
    return 0.5 * 10**-decimals + _TIE


def agrees(text: str, number: float) -> bool:
    """Whether a number rounds to what the text prints, at the decimals of the text; a tie goes either way."""
    return abs(float(text) - number) <= half_unit(text)
