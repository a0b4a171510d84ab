"""The price book: what a usage costs, exactly, and by which price."""

import hashlib
from collections.abc import Callable
from decimal import Decimal
from typing import Literal

from proxy.api.spending import PriceKey, Quote, Rates, Usage, cost_of

from .declaring import OverlayEntry, PricesSettings
from .entry import rates_in
from .listing import PriceList
from .overlay import Overlay, applied, in_zone
from .rating import FREE, Priced, scaled
from .tiers import Served, served

__all__ = ["PriceBook"]

Heard = Callable[[PriceKey, Priced], None]

_MOST_READ = 4096
_MOST_ASKED = 256
_READING = 1
"""How prices are read; counted on when the same data would come to another price."""

_Place = tuple[object, ...]


class PriceBook:
    """What things cost, by what is known best: overlay, declared price, list, family."""

    def __init__(
        self,
        settings: PricesSettings,
        listed: PriceList,
        now: Callable[[], float],
        heard: Heard | None = None,
    ) -> None:
        """`heard` is told of each price that is read, with its key; it may not wait.

        Raises ValueError if the overlay multiplies a price to what cannot be reckoned with.
        """
        self.listed = listed
        self.unknown: Literal["reject", "estimate", "zero"] = settings.unknown
        self.name = _digest(settings, listed)
        """Names this book in rows of the ledger: the first digits of its hash."""
        self._overlay = Overlay(settings.overlay)
        self._now = now
        self._heard = heard
        self._read: dict[_Place, Priced] = {}
        self._asked: dict[_Place, PriceKey] = {}
        for place, entry in enumerate(settings.overlay):
            self._check(place, entry)

    def quote(self, key: PriceKey, usage: Usage) -> Quote | None:
        """Return what a usage costs; None for a model that is refused for want of a price."""
        priced = self.priced(key)
        if priced.confidence == "unknown" and self.unknown == "reject":
            return None
        rates = priced.rates if not priced.steps else priced.for_prompt(usage.prompt)
        return Quote(cost_of(usage, rates), priced.source, priced.trusts(usage), self.name)

    def priced(self, key: PriceKey) -> Priced:
        """Return the price by which a key is quoted, whatever is done about unknown models.

        It is remembered for the minute: lists have prices by date and by the time of day.
        """
        minute = int((key.at or self._now()) // 60)
        place = (*key[:-1], minute)
        priced = self._read.get(place)
        if priced is None:
            priced = self.look_up(key._replace(at=minute * 60.0))
            if len(self._read) >= _MOST_READ:
                self._read.clear()
            self._read[place] = priced
            self._remember(key)
            if self._heard is not None:
                self._heard(key, priced)
        return priced

    def look_up(self, key: PriceKey) -> Priced:
        """Return the same, for somebody who is only curious: nobody hears of it."""
        at = key.at or self._now()
        how = served(key.tier, batch=key.batch)
        entry = self._overlay.entry(key, how, at)
        if entry is not None:
            listed = self.listed.price(key.provider, key.model, how, at)
            stated = applied(entry, listed, how, key.zone)
            if stated is not None:
                return stated
        if key.declared is not None:
            return _declared(key.declared, how)
        listed = self.listed.price(key.provider, key.model, how, at)
        return self._unknown(key, how, at) if listed is None else in_zone(listed, key.zone)

    def asked(self) -> tuple[PriceKey, ...]:
        """Return what was asked for lately, the latest last; without its time."""
        return tuple(self._asked.values())

    def _unknown(self, key: PriceKey, how: Served, at: float) -> Priced:
        """`reject` is shown as the estimate that it refuses to make."""
        nothing = Priced(FREE, "zero", "unknown", note="nobody knows its price: it counts nothing")
        if self.unknown == "zero":
            return nothing
        dearest = self.listed.dearest(key.provider, key.model, how, at)
        return nothing if dearest is None else dearest

    def _remember(self, key: PriceKey) -> None:
        place = key[:-1]
        self._asked.pop(place, None)
        if len(self._asked) >= _MOST_ASKED:
            del self._asked[next(iter(self._asked))]
        self._asked[place] = key._replace(at=0.0)

    def _check(self, place: int, entry: OverlayEntry) -> None:
        """Multiply all that it may be asked to, once, so that no call is the first."""
        if entry.multiply is None:
            return
        for model in self.listed.entries(entry.provider, entry.model):
            for key, rate in rates_in(model):
                try:
                    scaled(rate, Decimal(entry.multiply))
                except ValueError as error:
                    raise ValueError(
                        f"prices.overlay[{place}].multiply: {key} of {model.id}: {error}; "
                        "say the prices themselves, or a factor with fewer decimals"
                    ) from None


def _declared(rates: Rates, how: Served) -> Priced:
    if how.is_plain:
        return Priced(rates, "deployment")
    note = f"the deployment's declared price does not say what {how} costs"
    return Priced(rates, "deployment", "assumed", note=note)


def _digest(settings: PricesSettings, listed: PriceList) -> str:
    said = settings.model_dump_json(include={"overlay", "unknown"})
    whole = "\n".join((str(_READING), listed.source.name, listed.source.digest, said))
    return hashlib.sha256(whole.encode()).hexdigest()[:12]
