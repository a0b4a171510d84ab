"""Prices as whole numbers: out of decimals, exactly, in steps by the length of the prompt."""

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import NamedTuple

from proxy.api.spending import Rates, Usage

__all__ = [
    "EXACT",
    "FREE",
    "Priced",
    "Step",
    "dearest",
    "in_steps",
    "nano_rate",
    "scaled",
    "times",
    "worse",
]

EXACT = "exact"
_CONFIDENCE = (EXACT, "fallback", "assumed", "unknown")

_NO_WHOLE = "is no whole number of nano-USD for a million"

FREE = Rates()
_MILLION = 10**6


class Step(NamedTuple):
    """Rates for prompts of more than so many tokens."""

    above: int
    rates: Rates


class Priced(NamedTuple):
    """What calls of one kind cost, and how well that is known."""

    rates: Rates
    """Of prompts that reach no step."""
    source: str
    """As in `proxy.api.Quote`."""
    confidence: str = EXACT
    """As in `proxy.api.Quote`, for parts that are not in `assumed`."""
    steps: tuple[Step, ...] = ()
    """For longer prompts, the longest first. They are for all tokens of such a call."""
    assumed: frozenset[str] = frozenset()
    """Parts of `Usage` that have no price of their own here, and count as their like."""
    note: str = ""
    """Why it is not exact, or what else is to be known, in words."""

    def for_prompt(self, tokens: int) -> Rates:
        """Return the rates of a call with a prompt of so many tokens."""
        return next((step.rates for step in self.steps if tokens > step.above), self.rates)

    def trusts(self, usage: Usage) -> str:
        """Return the confidence of what this usage costs."""
        for part in self.assumed:
            if getattr(usage, part):
                return worse(self.confidence, "assumed")
        return self.confidence


def worse(*confidences: str) -> str:
    """Return the least of them."""
    return max(confidences, key=_CONFIDENCE.index)


def nano_rate(usd: Decimal, units: int = _MILLION) -> int:
    """Return US dollars for so many units as nano-USD for a million.

    Raises ValueError where that is no whole number of at least 0: it could not be reckoned with.
    """
    finite = usd.is_finite() and usd >= 0
    numerator, denominator = usd.as_integer_ratio() if finite else (1, 2)
    nano, rest = divmod(numerator * 10**9 * _MILLION, denominator * units)
    if rest or not finite:
        raise ValueError(f"{usd} US dollars for {units:,} {_NO_WHOLE}")
    return nano


def times(priced: Priced, factor: Decimal) -> Priced:
    """Return prices multiplied by a factor.

    Raises ValueError where a product is no whole number.
    """
    return priced._replace(
        rates=_all_scaled(priced.rates, factor),
        steps=tuple(Step(step.above, _all_scaled(step.rates, factor)) for step in priced.steps),
    )


def dearest(all_rates: Iterable[Rates]) -> Rates:
    """Return the highest of each part; nothing costs where there are none."""
    return Rates(*map(max, zip(*all_rates, FREE, strict=True)))


def in_steps(by_step: Mapping[int, Rates]) -> tuple[Step, ...]:
    """Return steps, the longest prompts first."""
    return tuple(Step(above, by_step[above]) for above in sorted(by_step, reverse=True))


def scaled(rate: int, factor: Decimal) -> int:
    """Return a rate multiplied by a factor. Raises ValueError if that is no whole number."""
    numerator, denominator = factor.as_integer_ratio()
    nano, rest = divmod(rate * numerator, denominator)
    if rest:
        raise ValueError(f"{rate} nano-USD times {factor} {_NO_WHOLE}")
    return nano


def _all_scaled(rates: Rates, factor: Decimal) -> Rates:
    return Rates(*(scaled(rate, factor) for rate in rates))
