"""Reads one model's entry in the list of genai-prices: whole numbers, and what it leaves open."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

from genai_prices.types import ConditionalPrice, ModelInfo, ModelPrice, PriceVariant, TieredPrices

from proxy.api.spending import Rates

from .rating import Step, in_steps, nano_rate

__all__ = ["Read", "rates_in", "read"]

_PER_THOUSAND = 1000
_MILLION = 10**6
_COUNTED = ("_mtok", "_kcount")
"""How keys end that price what `Usage` counts; others are for hours and characters."""

_KEYS: Mapping[str, tuple[str, ...]] = {
    "input_uncached": ("input_text_mtok", "input_mtok"),
    "input_cached": ("cache_text_read_mtok", "cache_read_mtok"),
    "output_text": ("output_text_mtok", "output_mtok"),
    "output_reasoning": ("output_reasoning_mtok", "output_text_mtok", "output_mtok"),
    "input_cache_write": ("cache_text_write_mtok", "cache_write_mtok"),
    "input_audio": ("input_audio_mtok",),
    "input_image": ("input_image_mtok",),
    "output_audio": ("output_audio_mtok",),
    "requests": ("requests_kcount",),
    "searches": ("web_searches_kcount",),
}
"""By part: the keys of the list that price it, the first that is there."""

_LIKE = {
    "input_cached": "input_uncached",
    "input_cache_write": "input_uncached",
    "input_audio": "input_uncached",
    "input_image": "input_uncached",
    "output_reasoning": "output_text",
    "output_audio": "output_text",
}
"""By part: as what it counts where the list does not price it."""

_BY_CALL = frozenset(("requests", "searches"))

_Price = Decimal | TieredPrices


class Read(NamedTuple):
    """What an entry says of one way of being served, at one time."""

    rates: Rates
    steps: tuple[Step, ...]
    assumed: frozenset[str]
    """Parts that it does not price, or not for this way of being served."""
    matched: bool
    """Whether it has prices for this way of being served."""


def read(model: ModelInfo, at: datetime, context: Mapping[str, str]) -> Read | None:
    """Return what an entry says; None if it says nothing of tokens.

    Raises ValueError for a price that is no whole number of nano-USD.
    """
    variants = tuple(_variants(model, at, context))
    prices = _known(model.get_prices(at, context))
    if not any(key in prices for part in ("input_uncached", "output_text") for key in _KEYS[part]):
        return None
    keys = {part: _key_of(part, prices) for part in Rates._fields}
    assumed = {part for part, key in keys.items() if not key and part != "requests"}
    overridden = {key for variant in variants for key in _known(variant.prices)}
    if overridden:  # an empty variant says that all is as ever
        assumed |= {
            part
            for part, key in keys.items()
            if key and key not in overridden and part not in _BY_CALL
        }
    starts = {
        tier.start
        for price in prices.values()
        if isinstance(price, TieredPrices)
        for tier in price.tiers
    }
    told = {key: value for variant in variants for key, value in variant.when.items()}
    return Read(
        _rates(keys, prices, 0),
        in_steps({start: _rates(keys, prices, start + 1) for start in starts}),
        frozenset(assumed),
        matched=told.keys() >= context.keys() and _in_force(model, at),
    )


def rates_in(model: ModelInfo) -> Iterator[tuple[str, int]]:
    """Return every rate that an entry has, at any time and for anything, with its key.

    Raises ValueError for a price that is no whole number of nano-USD.
    """
    for prices in _all_prices(model):
        for key, price in _known(prices).items():
            if key.endswith(_COUNTED):
                steps = [price] if isinstance(price, Decimal) else _steps(price)
                yield from ((key, _whole(step, key)) for step in steps)


def _all_prices(model: ModelInfo) -> Iterator[ModelPrice]:
    if isinstance(model.prices, ModelPrice):
        yield model.prices
    else:
        yield from (one.prices for one in model.prices)
    yield from (variant.prices for variant in model.price_variants or ())


def _steps(price: TieredPrices) -> list[Decimal]:
    return [price.base, *(tier.price for tier in price.tiers)]


def _whole(price: Decimal, key: str) -> int:
    try:
        return nano_rate(price, _PER_THOUSAND if key.endswith("_kcount") else _MILLION)
    except ValueError as error:
        raise ValueError(f"{key}: {error}") from None


def _known(prices: ModelPrice) -> dict[str, _Price]:
    """The prices that are there, by their keys."""
    return {key: price for key, price in vars(prices).items() if price is not None}


def _key_of(part: str, prices: Mapping[str, _Price]) -> str:
    return next((key for key in _KEYS[part] if key in prices), "")


def _rates(keys: Mapping[str, str], prices: Mapping[str, _Price], prompt: int) -> Rates:
    found = {
        part: _whole(_at_length(prices[key], prompt), key) for part, key in keys.items() if key
    }
    for part, like in _LIKE.items():
        if part not in found and like in found:
            found[part] = found[like]
    return Rates(**found)


def _at_length(price: _Price, prompt: int) -> Decimal:
    """The list's own rule: the highest step that the prompt exceeds, for all of its tokens."""
    if isinstance(price, Decimal):
        return price
    above = [tier for tier in price.tiers if prompt > tier.start]
    return max(above, key=lambda tier: tier.start).price if above else price.base


def _variants(model: ModelInfo, at: datetime, context: Mapping[str, str]) -> Iterator[PriceVariant]:
    for variant in model.price_variants or ():
        fits = all(context.get(key) == value for key, value in variant.when.items())
        if fits and (variant.constraint is None or variant.constraint.active(at)):
            yield variant


def _in_force(model: ModelInfo, at: datetime) -> bool:
    """Whether it has prices for this time; else the list takes its oldest."""
    if isinstance(model.prices, ModelPrice):
        return True
    return any(_is_active(one, at) for one in model.prices)


def _is_active(one: ConditionalPrice, at: datetime) -> bool:
    return one.constraint is None or one.constraint.active(at)
