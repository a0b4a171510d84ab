"""What a list of prices says of a model, with its traps seen: nothing is taken for what it is not.

The library answers for any provider, tier and way of processing, and does not say when it has
taken another provider's price, or the standard one. Here its entries are read one by one.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from typing import NamedTuple

from genai_prices.types import ModelInfo, Provider

from .entry import Read, rates_in, read
from .rating import EXACT, Priced, dearest
from .source import PriceSource
from .tiers import Served

__all__ = ["PROVIDERS", "PriceList"]

_DATED = re.compile(r"-(?:20\d\d-?[01]\d-?[0-3]\d|[01]\d[0-3]\d)$")
_WORDS = re.compile(r"[-._:/]+")
_LISTED = "genai-prices"
_MOST_FAMILIES = 256

PROVIDERS = ("openai", "azure")
"""Whom calls go to."""


class _Found(NamedTuple):
    model: ModelInfo
    is_own: bool
    """Whether it stands in the list of that provider itself."""
    note: str = ""
    """How its name was read, if not as it is."""


class PriceList:
    """Prices by provider and model."""

    def __init__(self, source: PriceSource) -> None:
        """Raises ValueError if a price cannot be reckoned with exactly."""
        self.source = source
        self._families: dict[tuple[str, str, Served, int], Priced | None] = {}
        self._check()

    def price(self, provider: str, model: str, how: Served, at: float) -> Priced | None:
        """Return what a model costs; None if the list does not have it."""
        when = datetime.fromtimestamp(at, UTC)
        found = self._find(provider, model)
        standing = None if found is None else read(found.model, when, how.context)
        if found is None or standing is None:
            return None
        if not standing.matched and found.is_own:
            found, standing = self._elsewhere(provider, model, how, when, found, standing)
        doubts = list(_doubts(found, standing, how, provider))
        confidence = EXACT if not doubts else "fallback"
        if not standing.matched or found.note:
            confidence = "assumed"
        return Priced(
            standing.rates,
            _LISTED,
            confidence,
            standing.steps,
            standing.assumed,
            "; ".join(doubts),
        )

    def dearest(self, provider: str, model: str, how: Served, at: float) -> Priced | None:
        """Return the most that a model of this name's family costs, in each part.

        That are the models whose names begin with the same words; if there are none, all of the
        provider. None if it has none at all.
        """
        key = (provider, model, how, int(at // 86400))
        if key not in self._families:
            if len(self._families) >= _MOST_FAMILIES:
                self._families.clear()
            self._families[key] = self._dearest(provider, model, how, at)
        return self._families[key]

    def entries(self, provider: str | None = None, name: str | None = None) -> list[ModelInfo]:
        """Return what may price a model, or all models, of a provider, or of all that are known."""
        providers = PROVIDERS if provider is None else (provider,)
        if name is None:
            return [model for one in providers for model in self._models(one)]
        found = [self._find(one, name) for one in providers]
        return [one.model for one in found if one is not None]

    def _models(self, provider: str) -> Iterator[ModelInfo]:
        for one in self._lists(provider):
            yield from one.models

    def _find(self, provider: str, name: str) -> _Found | None:
        undated = _DATED.sub("", name)
        for text, note in ((name, ""), (undated, f"the list has {undated}, not this date of it")):
            for place, one in enumerate(self._lists(provider)):
                model = one.find_model(text)
                if model is not None:
                    return _Found(model, place == 0, note)
        return None

    def _elsewhere(
        self,
        provider: str,
        name: str,
        how: Served,
        when: datetime,
        found: _Found,
        standing: Read,
    ) -> tuple[_Found, Read]:
        """Look where this provider's models come from, if they cost the same there."""
        plain = read(found.model, when, {})
        for one in self._lists(provider)[1:]:
            model = one.find_model(name)
            if model is None or plain is None:
                continue
            theirs, asked = read(model, when, {}), read(model, when, how.context)
            if theirs is None or asked is None or not asked.matched:
                continue
            if _for_tokens(theirs) == _for_tokens(plain):
                return _Found(model, is_own=False, note=found.note), asked
        return found, standing

    def _dearest(self, provider: str, model: str, how: Served, at: float) -> Priced | None:
        when = datetime.fromtimestamp(at, UTC)
        wanted = _words(model)
        shared = {
            info.id: (info, _in_common(wanted, _words(info.id))) for info in self._models(provider)
        }
        most = max((count for _, count in shared.values()), default=0)
        named = [info for info, count in shared.values() if count == most and most]
        reads = _all_read(named, when, how)
        if not reads:  # then the provider's own: it is not likely to be like others' models
            most, own = 0, self._lists(provider)[:1]
            reads = _all_read([info for one in own for info in one.models], when, how)
        if not reads:
            return None
        rates = [rates for one in reads for rates in (one.rates, *(s.rates for s in one.steps))]
        name = "-".join(wanted[:most]) or f"all of {provider}"
        return Priced(
            dearest(rates),
            "family",
            "unknown",
            note=f"not in the list; the most of {len(reads)} models ({name})",
        )

    def _lists(self, provider: str) -> Sequence[Provider]:
        """The provider's own list, and after it those whose models it offers, too."""
        own = next((one for one in self.source.providers if one.id == provider), None)
        if own is None:
            return ()
        names = own.fallback_model_providers or []
        others = {one.id: one for one in self.source.providers if one.id in names}
        return (own, *(others[name] for name in names if name in others))

    def _check(self) -> None:
        wrong = list(dict.fromkeys(self._wrong()))
        if wrong:
            more = f" (and {len(wrong) - 5} more)" if len(wrong) > 5 else ""
            raise ValueError(
                f"{self.source.name}: prices that cannot be reckoned with exactly: "
                f"{'; '.join(wrong[:5])}{more}; correct them in prices.file"
            )

    def _wrong(self) -> Iterator[str]:
        """Only what can be asked for: others' lists have prices that are rounded badly."""
        for model in self.entries():
            try:
                for _ in rates_in(model):
                    pass
            except ValueError as error:
                yield f"{model.id}: {error}"


def _doubts(found: _Found, standing: Read, how: Served, provider: str) -> Iterator[str]:
    if found.note:
        yield found.note
    if not found.is_own:
        yield f"{provider} does not list it: the price of the model's maker"
    if not standing.matched:
        yield f"no price for {how}: the standard one"


def _for_tokens(found: Read) -> tuple[object, ...]:
    """What the usual parts cost; lists of resellers leave out the rest."""
    all_rates = (found.rates, *(step.rates for step in found.steps))
    return tuple((r.input_uncached, r.input_cached, r.output_text) for r in all_rates)


def _all_read(models: Iterable[ModelInfo], when: datetime, how: Served) -> list[Read]:
    reads = (read(info, when, how.context) for info in models)
    return [found for found in reads if found is not None]


def _words(name: str) -> tuple[str, ...]:
    return tuple(filter(None, _WORDS.split(name.lower())))


def _in_common(one: Sequence[str], other: Sequence[str]) -> int:
    count = 0
    for word, same in zip(one, other, strict=False):
        if word != same:
            break
        count += 1
    return count
