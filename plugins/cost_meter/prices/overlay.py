"""Which entry of the overlay counts for a call, and what it makes of the price."""

from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal

from proxy.api.spending import PriceKey, Rates

from .declaring import PARTS, OverlayEntry
from .rating import EXACT, FREE, Priced, nano_rate, times, worse
from .tiers import STANDARD, Served

__all__ = ["GLOBAL", "Overlay", "applied", "in_zone"]

GLOBAL = "global"

_SOURCE = "overlay"
_LIKE = {
    "cached_input": "input",
    "reasoning": "output",
    "cache_write": "input",
    "audio_input": "input",
    "image_input": "input",
    "audio_output": "output",
}
_PART_OF = {  # in the words of Usage
    "cached_input": "input_cached",
    "cache_write": "input_cache_write",
    "audio_input": "input_audio",
    "image_input": "input_image",
    "audio_output": "output_audio",
    "search": "searches",
}
"""Of these nobody can say that they cost what others do, if the entry does not."""


class Overlay:
    """What an operator knows better than the list."""

    def __init__(self, entries: Sequence[OverlayEntry]) -> None:
        # The most specific first; those that say as much of a call are of different days.
        self._entries = sorted(
            entries, key=lambda entry: tuple(said is None for said in entry.selects)
        )

    def entry(self, key: PriceKey, how: Served, at: float) -> OverlayEntry | None:
        """Return what counts for a call; None if nothing does."""
        day = datetime.fromtimestamp(at, UTC).date().isoformat()
        is_so = (
            key.deployment,
            key.model,
            key.zone or GLOBAL,
            key.provider,
            how.tier,
            how.batch,
        )
        for entry in self._entries:
            fits = all(
                said is None or said == one for said, one in zip(entry.selects, is_so, strict=True)
            )
            begun = entry.first is None or entry.first <= day
            if fits and begun and (entry.until is None or day < entry.until):
                return entry
        return None


def applied(entry: OverlayEntry, listed: Priced | None, how: Served, zone: str) -> Priced | None:
    """Return the price by an entry; None where it is a share of a list price that there is not.

    Raises ValueError where a share is no whole number of nano-USD.
    """
    if entry.multiply is not None:
        if listed is None:
            return None
        shared = times(listed, Decimal(entry.multiply))
        return in_zone(
            shared._replace(source=_SOURCE, note=_and(f"{entry.multiply} times the list", shared)),
            zone if entry.zone is None and entry.deployment is None else GLOBAL,
        )
    if entry.provisioned:
        hours = "" if entry.per_hour is None else f", for {entry.per_hour} USD an hour"
        return Priced(FREE, _SOURCE, note=f"provisioned: paid for by the hour{hours}")
    return _stated(entry, how, zone)


def in_zone(priced: Priced, zone: str) -> Priced:
    """Return a price that is about the zone ``global`` as one of another zone."""
    if zone in ("", GLOBAL):
        return priced
    note = _and(f"no price for the zone {zone}: that of global", priced)
    return priced._replace(confidence=worse(priced.confidence, "assumed"), note=note)


def _stated(entry: OverlayEntry, how: Served, zone: str) -> Priced:
    said = {part: entry.says(part) for part in PARTS}
    usd = {
        part: said.get(_LIKE.get(part, "")) if price is None else price
        for part, price in said.items()
    }
    rates = Rates(
        input_uncached=_rate(usd["input"]),
        input_cached=_rate(usd["cached_input"]),
        output_text=_rate(usd["output"]),
        output_reasoning=_rate(usd["reasoning"]),
        input_cache_write=_rate(usd["cache_write"]),
        input_audio=_rate(usd["audio_input"]),
        input_image=_rate(usd["image_input"]),
        output_audio=_rate(usd["audio_output"]),
        requests=_rate(usd["request"], 1),
        searches=_rate(usd["search"], 1),
    )
    assumed = frozenset(part for key, part in _PART_OF.items() if said[key] is None)
    tier = entry.tier is None and how.tier != STANDARD
    batch = entry.batch is None and how.batch
    priced = Priced(rates, _SOURCE, EXACT, (), assumed)
    if tier or batch:
        note = f"the entry does not say that it is for {how}"
        priced = priced._replace(confidence="assumed", note=note)
    return in_zone(priced, zone if entry.zone is None and entry.deployment is None else GLOBAL)


def _rate(usd: Decimal | None, units: int = 10**6) -> int:
    return 0 if usd is None else nano_rate(usd, units)


def _and(note: str, priced: Priced) -> str:
    return f"{note}; {priced.note}" if priced.note else note
