"""What was spent, as clients of the legacy API know it, and the same exactly beside it."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import Field, WithJsonSchema

from proxy.api.documents import Document, Usd, usd
from proxy.api.endpoints import iso

from ..covering import Span
from ..ratios import mean, saved, share
from ..row import Sums, plus
from ..tallying import added

__all__ = [
    "ALWAYS",
    "Breakdown",
    "BreakdownData",
    "Done",
    "Estimated",
    "Metadata",
    "Nano",
    "Part",
    "ProviderCosts",
    "RangeMetadata",
    "Savings",
    "TimeRange",
    "breakdown_of",
    "mean_usd",
    "providers_of",
    "savings_of",
    "time_range",
]

ALWAYS = ("azure", "openai")
"""Providers that are shown also where nothing was spent: clients read them."""

Nano = Annotated[str, Field(pattern=r"^-?\d+$")]
"""10^-9 US dollars as text, whatever a client's numbers hold."""

Part = Annotated[Decimal, WithJsonSchema({"type": "number"})]
"""A share, a ratio or a percentage: in JSON a number, written digit by digit."""


class TimeRange(Document):
    """A time, the end not included."""

    start: str
    end: str


class Metadata(Document):
    """Who has asked, and when."""

    requested_by: str
    requested_at: str
    timezone: str


class Done(Document):
    """The answer where there is no more to say."""

    success: Literal[True] = True
    message: str


class RangeMetadata(Metadata):
    """What was asked for: `user_id` null for all; `counted`, the whole buckets that it took."""

    user_id: str | None
    date_range: TimeRange
    counted: TimeRange


class ProviderCosts(Document):
    """What calls to one provider have cost; the mean is null where there were none."""

    cost: Usd
    cost_nano_usd: Nano
    tokens: int
    requests: int
    """Calls, with those that were made again or beside another one."""
    avg_cost_per_request: Usd | None


class Estimated(Document):
    """Which part no provider has confirmed; `share` is null where nothing was spent."""

    cost: Usd
    cost_nano_usd: Nano
    requests: int
    share: Part | None


class Savings(Document):
    """What could be saved each month (null: nobody has looked), and what was, beside legacy."""

    potential_savings: Usd | None
    optimization_recommendations: tuple[str, ...]
    against_legacy: Usd | None
    """Null where nobody has said what requests cost on legacy."""


class DailyCost(Document):
    """One day and provider."""

    date: str
    cost: Usd
    cost_nano_usd: Nano
    provider: str


class HourlyUsage(Document):
    """One hour of the day, over all days."""

    hour: int
    tokens: int
    cost: Usd
    cost_nano_usd: Nano


class Trends(Document):
    """When it was spent; `hourly_usage` is null where hours are not kept any more."""

    daily_costs: tuple[DailyCost, ...]
    hourly_usage: tuple[HourlyUsage, ...] | None


class BreakdownData(Document):
    """What a time has cost."""

    time_range: TimeRange
    total_cost: Usd
    cost_nano_usd: Nano
    requests: int
    """Requests of clients that led to calls."""
    avg_cost_per_request: Usd | None
    avg_cost_per_answer: Usd | None
    """By calls that brought an answer, with what those have cost that brought none."""
    providers: dict[str, ProviderCosts]
    arms: dict[str, ProviderCosts]
    estimated: Estimated
    savings: Savings
    trends: Trends


class Breakdown(Document):
    """The answer."""

    success: Literal[True] = True
    data: BreakdownData
    metadata: RangeMetadata


def breakdown_of(
    span: Span,
    daily: Mapping[tuple[str, ...], Sums],
    hourly: Mapping[int, Sums] | None,
    routes: Mapping[tuple[str, ...], Sums],
    savings: Savings,
) -> BreakdownData:
    """Put it together: `daily` by date and provider, `routes` by route and arm."""
    whole = added(daily.values())
    trends = Trends(
        daily_costs=tuple(
            DailyCost(date=date, provider=provider, **_amount(one.nano_usd))
            for (date, provider), one in sorted(daily.items())
        ),
        hourly_usage=None
        if hourly is None
        else tuple(
            HourlyUsage(hour=hour, tokens=_tokens(one), **_amount(one.nano_usd))
            for hour, one in sorted(hourly.items())
        ),
    )
    return BreakdownData(
        time_range=time_range(span),
        total_cost=usd(whole.nano_usd),
        cost_nano_usd=str(whole.nano_usd),
        requests=whole.requests,
        avg_cost_per_request=mean_usd(whole.nano_usd, whole.requests),
        avg_cost_per_answer=mean_usd(whole.nano_usd, whole.answered),
        providers=providers_of(_by(daily, 1), ALWAYS),
        arms=providers_of(_by(routes, 1)),
        estimated=Estimated(
            **_amount(whole.estimated_nano_usd),
            requests=whole.estimated,
            share=share(whole.estimated_nano_usd, whole.nano_usd),
        ),
        savings=savings,
        trends=trends,
    )


def providers_of(by: Mapping[str, Sums], always: Iterable[str] = ()) -> dict[str, ProviderCosts]:
    """Return what each has cost, and nothing for those of `always` that have cost nothing."""
    return {
        name: _costs(one)
        for name, one in sorted((dict.fromkeys(always, Sums()) | dict(by)).items())
    }


def savings_of(
    routes: Mapping[tuple[str, ...], Sums],
    baseline: Mapping[str, int],
    potential: int | None,
    recommendations: tuple[str, ...],
) -> Savings:
    """Return savings; `routes` by route and arm, `potential` in nano-USD a month."""
    new = {
        route: (one.requests, one.nano_usd) for (route, arm), one in routes.items() if arm == "new"
    }
    against = saved(new, baseline)
    return Savings(
        potential_savings=None if potential is None else usd(potential),
        optimization_recommendations=recommendations,
        against_legacy=None if against is None else usd(against),
    )


def mean_usd(nano: int, count: int) -> Decimal | None:
    """Return US dollars for each, rounded to 10^-9; None where there are none."""
    found = mean(nano, count)
    return None if found is None else usd(found)


def time_range(span: Span) -> TimeRange:
    """Return a time as it is written."""
    return TimeRange(start=iso(span.since), end=iso(span.until))


def _by(sums: Mapping[tuple[str, ...], Sums], place: int) -> dict[str, Sums]:
    found: defaultdict[str, Sums] = defaultdict(Sums)
    for parts, one in sums.items():
        found[parts[place]] = plus(found[parts[place]], one)
    return dict(found)


def _costs(one: Sums) -> ProviderCosts:
    return ProviderCosts(
        **_amount(one.nano_usd),
        tokens=_tokens(one),
        requests=one.attempts,
        avg_cost_per_request=mean_usd(one.nano_usd, one.attempts),
    )


def _amount(nano: int) -> dict[str, Any]:
    return {"cost": usd(nano), "cost_nano_usd": str(nano)}


def _tokens(one: Sums) -> int:
    return one.input_tokens + one.output_tokens
