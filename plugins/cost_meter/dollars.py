"""US dollars as operators write them, and as people read them: by their digits, never a float."""

from decimal import Decimal
from typing import Any

from pydantic import AfterValidator

from proxy.api import NanoUSD
from proxy.api.documents import nano_usd_of

__all__ = ["amount", "as_written", "dollars", "nano_of"]

_NANO = 10**9


def as_written(value: Any) -> Any:
    """Return a number that YAML has read as it was written: 2.5 is exactly 2.5."""
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return format(Decimal(repr(value)), "f") if is_number else value


def amount(most: int, *, above_zero: bool) -> AfterValidator:
    """Take text that is an amount in US dollars, at most `most` of them.

    Write ``Annotated[str, BeforeValidator(as_written), amount(1000, above_zero=True)]``.
    """
    least = "more than 0, " if above_zero else ""
    wanted = f"US dollars with at most nine decimals, such as 2.50: {least}{most} at most"

    def read(text: str) -> str:
        try:
            nano = nano_usd_of(text)
        except ValueError:
            raise ValueError(wanted) from None
        if not above_zero <= nano <= most * _NANO:
            raise ValueError(wanted)
        return str(text)

    return AfterValidator(read)


def nano_of(text: str) -> NanoUSD:
    """Return an amount that was taken by `amount`, exactly. Raises ValueError for another one."""
    return NanoUSD(nano_usd_of(text))


def dollars(nano: int, decimals: int = 9) -> str:
    """Return 10^-9 US dollars for people: exactly, as ``-5.00`` or ``0.0125``.

    Of what is finer, it is 10 to the power of minus `decimals`.
    """
    whole, rest = divmod(abs(nano), 10**decimals)
    digits = f"{rest:0{decimals}}".rstrip("0").ljust(2, "0")
    return f"{'-' if nano < 0 else ''}{whole}.{digits}"
