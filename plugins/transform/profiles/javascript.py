"""What a client has said, said back to it as JavaScript would: byte for byte what it always got.

JavaScript reads every number as a double and writes it in its own way, and moves keys that are
array indices to the front.
"""

import math
from decimal import Decimal
from typing import Any

import orjson

__all__ = ["as_javascript"]

_EXACT = 2**53
_LAST_INDEX = 2**32 - 2
_POSITIONAL = range(-5, 22)
"""Where the point may stand, counted from the first digit, in a number without an exponent."""


def as_javascript(value: Any) -> Any:
    """Return what `orjson.loads` has read, to be written by `orjson.dumps` as JavaScript would.

    ECMA-262: Number::toString (6.1.6.1.20), OrdinaryOwnPropertyKeys (10.1.11.1).
    """
    if isinstance(value, dict):
        return {key: as_javascript(value[key]) for key in sorted(value, key=_place)}
    if isinstance(value, list):
        return [as_javascript(one) for one in value]
    if isinstance(value, int | float) and not isinstance(value, bool):
        return _number(value)
    return value


def _place(key: str) -> tuple[bool, int]:
    """Return where a key stands: indices by their size, then all others as they came."""
    if key.isascii() and key.isdigit() and (key == "0" or key[0] != "0") and len(key) <= 10:
        index = int(key)
        return (index > _LAST_INDEX, index if index <= _LAST_INDEX else 0)
    return (True, 0)


def _number(value: float) -> Any:
    if abs(value) <= _EXACT and value == int(value):
        return int(value)
    double = float(value)
    if not math.isfinite(double):
        return None
    sign, digits, exponent = Decimal(repr(double)).normalize().as_tuple()
    return orjson.Fragment("-" * sign + _written("".join(map(str, digits)), int(exponent)))


def _written(digits: str, exponent: int) -> str:
    """Return a number with its shortest digits: ``digits`` times ten to the ``exponent``."""
    point = len(digits) + exponent
    if point not in _POSITIONAL:
        fraction = f".{digits[1:]}" if len(digits) > 1 else ""
        return f"{digits[0]}{fraction}e{point - 1:+d}"
    if point <= 0:
        return f"0.{'0' * -point}{digits}"
    if exponent >= 0:
        return digits + "0" * exponent
    return f"{digits[:point]}.{digits[point:]}"
