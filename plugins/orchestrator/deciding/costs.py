"""What an attempt costs, exactly: in whole numbers all along, and rounded once."""

from collections.abc import Iterable
from decimal import Decimal

from ..settings import Prices
from .calls import Usage

__all__ = ["nano_usd", "tokens_in"]

_MILLION = 10**6
_CHARACTERS_PER_TOKEN = 4


def tokens_in(texts: Iterable[str]) -> int:
    """Return about how many tokens these are, rather too few than too many."""
    return sum(map(len, texts)) // _CHARACTERS_PER_TOKEN


def nano_usd(usage: Usage | None, prices: Prices | None) -> int | None:
    """Return the cost in 10^-9 US dollars, rounded half-even; None where a part is not known.

    Prices are US dollars per million tokens. Reasoning is paid for as output.
    """
    if usage is None or prices is None:
        return None
    millionths = (
        usage.input_uncached * _nano(prices.input)
        + usage.input_cached * _nano(prices.cached)
        + (usage.output_text + usage.output_reasoning) * _nano(prices.output)
    )
    nano, rest = divmod(millionths, _MILLION)
    is_more = 2 * rest > _MILLION or (2 * rest == _MILLION and nano % 2 == 1)
    return nano + is_more


def _nano(price: str | Decimal) -> int:
    """Return a price in 10^-9 dollars; it has at most nine decimals, so this is exact."""
    return int(Decimal(price).scaleb(9))
