"""What alerts compare, as it is kept and shown."""

from decimal import Decimal, InvalidOperation
from typing import Any, Final

import orjson

from proxy.api import Measured
from proxy.api.endpoints import iso

__all__ = ["measured_text", "read_measured", "shown_measured"]

_WORD: Final = 32
_DIGITS: Final = 40


def measured_text(measured: Measured | None) -> str:
    """Return it as JSON, within bounds; empty for None, and for what has no bounds."""
    if measured is None:
        return ""
    said = {
        "unit": measured.unit[:_WORD],
        "limit": _digits(measured.limit),
        "value": _digits(measured.value),
        "period": measured.period[:_WORD],
        "since": measured.since,
        "until": measured.until,
    }
    try:
        return orjson.dumps(said).decode()
    except TypeError:  # text that is no Unicode
        return ""


def read_measured(text: str) -> Measured | None:
    """Read what `measured_text` has made; None for what is empty, or of another version."""
    if not text:
        return None
    try:
        said: dict[str, Any] = orjson.loads(text)
        return Measured(
            said["unit"],
            _amount(said["limit"]),
            _amount(said["value"]),
            said["period"],
            said["since"],
            said["until"],
        )
    except (ValueError, KeyError, TypeError, InvalidOperation):
        return None


def shown_measured(measured: Measured) -> dict[str, Any]:
    """Return it as clients and programs are shown it; amounts are text, what is not known null."""
    return {
        "unit": measured.unit,
        "limit": _digits(measured.limit),
        "value": _digits(measured.value),
        "percent": measured.percent,
        "period": measured.period or None,
        "since": None if measured.since is None else iso(measured.since),
        "until": None if measured.until is None else iso(measured.until),
    }


def _digits(amount: Decimal | None) -> str | None:
    """Return an amount without an exponent; None for one that has too many digits."""
    if amount is None or not amount.is_finite() or abs(amount.adjusted()) > _DIGITS:
        return None
    text = f"{amount:f}"
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return text if len(text) <= _DIGITS else None


def _amount(text: str | None) -> Decimal | None:
    return None if text is None else Decimal(text)
