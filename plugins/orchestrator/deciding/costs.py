"""What an attempt costs, exactly: in whole numbers all along, and rounded once."""

from collections.abc import Iterable

from proxy.api.spending import NanoUSD, PriceKey, Prices, Usage, cost_of

__all__ = ["nano_usd", "tokens_in"]

_CHARACTERS_PER_TOKEN = 4


def tokens_in(texts: Iterable[str]) -> int:
    """Return about how many tokens these are, rather too few than too many."""
    return sum(map(len, texts)) // _CHARACTERS_PER_TOKEN


def nano_usd(usage: Usage, key: PriceKey, prices: Prices | None = None) -> NanoUSD | None:
    """Return the cost; None without a price.

    `prices` say it where somebody offers them, else the price that is declared.
    """
    if not any(usage):
        return NanoUSD(0)  # who was not even asked is paid nothing, whatever the price
    if prices is not None:
        quote = prices.quote(key, usage)
        return None if quote is None else quote.nano_usd
    return None if key.declared is None else cost_of(usage, key.declared)
