"""What the price book says, as plain data: for commands and pages."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from proxy.api.spending import PriceKey, Rates

from ..dollars import dollars
from .book import PriceBook
from .declaring import PARTS, PricesSettings
from .rating import Priced
from .tiers import served
from .watching import Age

__all__ = ["keys_of", "shown", "shown_price"]

_BY_CALL = ("requests", "searches")
_FIELDS = dict(
    zip(
        (
            "input_uncached",
            "input_cached",
            "output_text",
            "output_reasoning",
            "input_cache_write",
            "input_audio",
            "input_image",
            "output_audio",
            "requests",
            "searches",
        ),
        PARTS,
        strict=True,
    )
)
"""By part of `Rates`: its name in the configuration."""


def shown(book: PriceBook, age: Age, keys: Iterable[PriceKey], now: float) -> dict[str, Any]:
    """Return the book and the price of each key; money is exact text in US dollars.

    Keys that come to the same are shown once, such as calls that name the usual tier or none.
    """
    listed = book.listed.source
    since = datetime.fromtimestamp(age.since, UTC).date().isoformat() if age.since else None
    prices: list[dict[str, Any]] = []
    for key in dict.fromkeys(keys):
        price = shown_price(book, key, now)
        if price not in prices:
            prices.append(price)
    return {
        "book": book.name,
        "list": listed.name,
        "newest": since,
        "ageSeconds": int(age.seconds(now)) if age.since else None,
        "old": age.is_old(now),
        "unknown": book.unknown,
        "prices": prices,
    }


def shown_price(book: PriceBook, key: PriceKey, now: float) -> dict[str, Any]:
    """Return one price, in US dollars per million tokens, or for each call."""
    priced = book.look_up(key if key.at else key._replace(at=now))
    how = served(key.tier, batch=key.batch)
    return {
        "provider": key.provider,
        "model": key.model,
        "deployment": key.deployment or None,
        "zone": key.zone,
        "tier": how.tier,
        "batch": how.batch,
        "source": priced.source,
        "confidence": priced.confidence,
        "refused": priced.confidence == "unknown" and book.unknown == "reject",
        "note": priced.note,
        "usd": _usd_of(priced.rates),
        "steps": [
            {"promptAbove": step.above, "usd": _usd_of(step.rates)}
            for step in reversed(priced.steps)
        ],
        "assumed": _assumed(priced),
    }


def keys_of(book: PriceBook, settings: PricesSettings) -> tuple[PriceKey, ...]:
    """Return what was asked for lately, and what the overlay names by its model."""
    named = (
        PriceKey(
            provider=entry.provider or "openai",
            model=entry.model,
            deployment=entry.deployment or "",
            zone=entry.zone or "global",
            tier=entry.tier or "",
            batch=bool(entry.batch),
        )
        for entry in settings.overlay
        if entry.model is not None
    )
    return tuple(dict.fromkeys((*book.asked(), *named)))


def _usd_of(rates: Rates) -> Mapping[str, str]:
    return {
        name: dollars(getattr(rates, part), 9 + 6 * (part in _BY_CALL))
        for part, name in _FIELDS.items()
        if getattr(rates, part) or part not in _BY_CALL
    }


def _assumed(priced: Priced) -> list[str]:
    return [name for part, name in _FIELDS.items() if part in priced.assumed]
