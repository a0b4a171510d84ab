"""The rows of the ledger, and what they come to."""

from collections.abc import Mapping
from typing import Final, Literal, NamedTuple

from proxy.api.spending import Again, NanoUSD, SpendOutcome, Usage, UsageSource

__all__ = [
    "DIMENSIONS",
    "GRAINS",
    "MOST_NANO_USD",
    "MOST_USED",
    "NOT_SAID",
    "OTHERS",
    "UNVERIFIED",
    "Dimension",
    "Grain",
    "Row",
    "Sums",
    "Total",
    "plus",
    "sums_of",
]

Grain = Literal["minute", "hour", "day", "month"]
GRAINS: tuple[Grain, ...] = ("minute", "hour", "day", "month")
"""How long a bucket is; all of them begin and end in UTC."""

Dimension = Literal["user", "route", "arm", "provider", "model", "intent"]
DIMENSIONS: tuple[Dimension, ...] = ("user", "route", "arm", "provider", "model", "intent")
"""What totals are told apart by."""

UNVERIFIED: Final = "(unverified)"
"""How all those users are shown together for whom nobody vouches: rows have them as empty."""

OTHERS: Final = "(others)"
"""The user whose totals those count to who are too many for totals of their own."""

NOT_SAID: Final = "(none)"
"""How what is empty is shown, but for users."""


MOST_NANO_USD: Final = 2**53
"""No row is of more, or of less than minus that: 9.0 million USD."""

MOST_USED: Final = 10**9
"""Tokens of a kind that are believed of one attempt."""


class Row(NamedTuple):
    """One line of the ledger. Never changed: what was wrong is corrected by another row."""

    id: str
    """The attempt's; of a correction, one that follows from what it corrects, and why."""
    kind: Literal["attempt", "adjust"]
    ref: str
    """Of a correction: the id of the attempt, or empty for one of a whole day."""
    at: float
    """When the attempt began, in Unix seconds: in this bucket it counts."""
    settled: float
    """When its end was known, in Unix seconds."""
    replica: str
    """Whose ledger it was written into first."""
    user: str
    """Who spent it; empty: nobody vouched for who it was."""
    plan: str
    route: str
    arm: str
    provider: str
    model: str
    deployment: str
    zone: str
    intent: str
    workflow_id: str
    request_id: str
    provider_id: str
    again: Again
    outcome: SpendOutcome
    failure: str
    seconds: float
    """From `at` until its end."""
    usage: Usage
    usage_source: UsageSource
    estimated: bool
    """Whether `usage`, and so the cost, is not the provider's own word."""
    nano_usd: NanoUSD
    """Below zero where a correction takes something back."""
    price_source: str
    """As in `proxy.api.Quote`."""
    confidence: str
    book: str
    tier: str
    answered_as: str
    note: str = ""
    """Of a correction: why, and by whom."""
    digest: str = ""
    """As in `proxy.api.PlannedSpend`: the same for equal intents."""


class Sums(NamedTuple):
    """What rows come to. All whole numbers; they only grow but for corrections of money."""

    attempts: int = 0
    requests: int = 0
    """Attempts that were the first of their request."""
    answered: int = 0
    failed: int = 0
    unknown: int = 0
    hedges: int = 0
    estimated: int = 0
    """Attempts of which usage and cost are estimates."""
    nano_usd: int = 0
    estimated_nano_usd: int = 0
    failed_nano_usd: int = 0
    """Spent on attempts that brought no answer: failed or unknown."""
    hedge_nano_usd: int = 0
    adjusted_nano_usd: int = 0
    """By corrections; part of `nano_usd`."""
    input_tokens: int = 0
    cached_tokens: int = 0
    """Part of `input_tokens`."""
    output_tokens: int = 0
    reasoning_tokens: int = 0
    """Part of `output_tokens`."""
    milliseconds: int = 0
    """All attempts together."""
    square_micro_usd: int = 0
    """The sum of squares of what each attempt cost in whole micro-USD: for spread."""


def plus(one: Sums, other: Sums) -> Sums:
    """Return both together."""
    return Sums(*map(int.__add__, one, other))


def sums_of(row: Row) -> Sums:
    """Return what one row counts for."""
    if row.kind == "adjust":
        return Sums(nano_usd=row.nano_usd, adjusted_nano_usd=row.nano_usd)
    nano = int(row.nano_usd)
    lost = row.outcome != "answered"
    return Sums(
        attempts=1,
        requests=int(row.again == ""),
        answered=int(row.outcome == "answered"),
        failed=int(row.outcome == "failed"),
        unknown=int(row.outcome == "unknown"),
        hedges=int(row.again == "hedge"),
        estimated=int(row.estimated),
        nano_usd=nano,
        estimated_nano_usd=nano if row.estimated else 0,
        failed_nano_usd=nano if lost else 0,
        hedge_nano_usd=nano if row.again == "hedge" else 0,
        input_tokens=row.usage.prompt,
        cached_tokens=row.usage.input_cached,
        output_tokens=row.usage.completion,
        reasoning_tokens=row.usage.output_reasoning,
        milliseconds=round(row.seconds * 1000),
        square_micro_usd=(nano // 1000) ** 2,
    )


class Total(NamedTuple):
    """What all rows of one bucket come to that agree in some dimensions."""

    begins: float
    """The bucket's first second, in Unix seconds."""
    by: Mapping[Dimension, str]
    """The dimensions that were asked for, and what they are here."""
    sums: Sums
