"""What the stand-in charges: a second opinion of what each call has used, and what that costs.

It knows nothing of the proxy. It counts what it has executed, whether or not anybody has seen the
answer, and reckons in fractions: US dollars for a million tokens, rounded once for each call to a
whole nano-USD, half to even.
"""

import csv
import io
from collections.abc import Mapping
from datetime import UTC, datetime
from fractions import Fraction
from pathlib import Path
from typing import Any, NamedTuple

from tests.kit.provider.record import Entry
from tests.kit.provider.steps import Tokens
from tests.kit.standing_in import News

__all__ = ["COLUMNS", "Bill", "Charge", "PriceList", "cost_of"]

MOST_CHARGES = 250_000
"""So many are kept in memory; the file has all."""

ANY = "*"
_MILLION = 10**6
_NANO = 10**9
_DEFAULTS = {
    "cached": "input",
    "cache_write": "input",
    "audio_input": "input",
    "image_input": "input",
    "reasoning": "output",
    "audio_output": "output",
}
"""A part without a price of its own, and whose price it then has."""

_PARTS = frozenset(("input", "output", "request", *_DEFAULTS))

PriceList = Mapping[str, Mapping[str, str]]
"""By model (Azure: by deployment), ``name@tier`` before ``name``, ``*`` for all others: US dollars
as text. ``input``, ``cached``, ``cache_write``, ``audio_input``, ``image_input``, ``output``,
``reasoning``, ``audio_output`` for a million tokens, ``request`` for each call."""


class Charge(NamedTuple):
    """One call on the bill. As providers count: parts of the prompt are inside of `input`."""

    number: int
    """Of the call, from 1."""
    id: str
    """The provider's own, as it says it in its headers."""
    attempt_id: str
    """That came with the call."""
    at: float
    """When it came, in Unix seconds."""
    dialect: str
    model: str
    """The model, or Azure's deployment."""
    tier: str
    input: int
    cached: int
    cache_write: int
    audio_input: int
    image_input: int
    output: int
    reasoning: int
    audio_output: int
    cost_nano_usd: int | None
    """None: the price list does not have it."""


COLUMNS = (
    "id",
    "attempt_id",
    "time",
    "dialect",
    "model",
    "tier",
    "input",
    "cached",
    "cache_write",
    "audio_input",
    "image_input",
    "output",
    "reasoning",
    "audio_output",
    "cost_nano_usd",
)
"""Of the export. Time is ISO 8601 in UTC; a cost that is not known is empty."""


def cost_of(used: Tokens, prices: Mapping[str, str]) -> int:
    """What a call costs, in nano-USD."""
    parts = {
        "input": used.prompt - used.cached - used.cache_write - used.audio_input - used.image_input,
        "cached": used.cached,
        "cache_write": used.cache_write,
        "audio_input": used.audio_input,
        "image_input": used.image_input,
        "output": used.completion - used.reasoning - used.audio_output,
        "reasoning": used.reasoning,
        "audio_output": used.audio_output,
    }
    usd = Fraction(prices.get("request", "0"))
    for part, tokens in parts.items():
        price = prices.get(part) or prices[_DEFAULTS[part]]
        usd += Fraction(price) * tokens / _MILLION
    return round(usd * _NANO)


class Bill(News):
    """All that was charged, in memory and, line by line, in a file."""

    def __init__(self, prices: PriceList | None = None, file: Path | None = None) -> None:
        """Charge by these prices; without any nothing has a cost."""
        super().__init__(file)
        self._prices: PriceList = {}
        self.charges: list[Charge] = []
        self.total_nano_usd = 0
        """Of all that has a price, in memory or not."""
        self.price(prices or {})

    def price(self, prices: PriceList) -> None:
        """Charge by these from now on. Raises ValueError for a part that is not known."""
        for name, parts in prices.items():
            if unknown := parts.keys() - _PARTS:
                raise ValueError(f"{name}: no such part: {', '.join(sorted(unknown))}")
            if "input" not in parts or "output" not in parts:
                raise ValueError(f"{name}: input and output are missing")
            for said in parts.values():
                Fraction(said)
        self._prices = {name: dict(parts) for name, parts in prices.items()}

    def charge(self, entry: Entry, own_id: str, used: Tokens, tier: str) -> None:
        """Put a call on the bill; `used` with whole prompt and completion."""
        prices = self._of(entry.name, tier)
        cost = None if prices is None else cost_of(used, prices)
        charge = Charge(
            entry.number,
            own_id,
            entry.attempt,
            entry.begun,
            entry.dialect,
            entry.name,
            tier,
            used.prompt,
            used.cached,
            used.cache_write,
            used.audio_input,
            used.image_input,
            used.completion,
            used.reasoning,
            used.audio_output,
            cost,
        )
        self.total_nano_usd += cost or 0
        if len(self.charges) < MOST_CHARGES:
            self.charges.append(charge)
        self.write(charge._asdict())
        self.tell()

    def of(self, attempt_id: str) -> list[Charge]:
        """What was charged for an attempt: one, if all is well."""
        return [one for one in self.charges if one.attempt_id == attempt_id]

    def to_json(self) -> dict[str, Any]:
        """The bill in words of JSON."""
        charges = [one._asdict() for one in self.charges]
        return {"charges": charges, "total_nano_usd": self.total_nano_usd}

    def to_csv(self) -> str:
        """The bill as a provider exports it; its first line names the columns."""
        text = io.StringIO()
        rows = csv.writer(text, lineterminator="\n")
        rows.writerow(COLUMNS)
        for one in self.charges:
            said = one._asdict() | {"time": _date(one.at)}
            rows.writerow(["" if said[name] is None else said[name] for name in COLUMNS])
        return text.getvalue()

    def _of(self, name: str, tier: str) -> Mapping[str, str] | None:
        names = (f"{name}@{tier}", name, f"{ANY}@{tier}", ANY)
        return next((self._prices[one] for one in names if one in self._prices), None)


def _date(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
