"""What will have been spent, as clients of the legacy API know it."""

from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Literal, NamedTuple, Protocol

from proxy.api.documents import Document, Usd, usd
from proxy.api.endpoints import iso

from ..ratios import mean, share
from .questions import ForecastPeriod
from .showing import Metadata, Nano, Part, TimeRange, mean_usd

__all__ = [
    "ANALYSED_DAYS",
    "Forecast",
    "ForecastAnswer",
    "ForecastData",
    "ForecastMetadata",
    "Foreseeing",
    "Foreseen",
    "ForeseenDay",
    "Known",
    "Passing",
    "forecast_of",
]

ANALYSED_DAYS: dict[ForecastPeriod, int] = {"daily": 7, "weekly": 30, "monthly": 90}
"""Days before today that the analysis looks at."""

_SHOWN_DAYS = 30
_STABLE = Decimal("0.01")
_LIKELY = Decimal("0.5")

Trend = Literal["increasing", "decreasing", "stable"]


class ForeseenDay(NamedTuple):
    """What a day to come will cost, in nano-USD; p50 as likely too high as too low."""

    begins: float
    p10: int
    p50: int
    p90: int


class Passing(NamedTuple):
    """Whether and when so much will have been spent before the period ends."""

    probability: Decimal
    """0..1."""
    at: float | None
    """As likely before as after this, in Unix seconds; None: probably not in this period."""


class Foreseen(NamedTuple):
    """What the period that is running will have cost when it ends, in nano-USD."""

    ends: float
    """Unix seconds."""
    p10: int
    p50: int
    p90: int
    days: tuple[ForeseenDay, ...]
    """The days to come; today's rest first."""
    model: str
    """Which way of forecasting has done best on what is known."""
    error: Decimal | None
    """Its mean error on what is known, as a share; None where it is not known yet."""
    naive_error: Decimal | None
    """The error of the same time of the last week, for comparison."""
    coverage: Decimal | None
    """How often p10 to p90 has held what came, on what is known."""
    passing: Callable[[int], Passing]
    """Tells of an amount, in nano-USD, whether it will be passed."""


class Foreseeing(Protocol):
    """Forecasts."""

    async def foresee(self, user: str | None, period: ForecastPeriod) -> Foreseen | None:
        """Return what is foreseen of a user, or of all; None: too little is known. StoreError."""


class ShownDay(Document):
    """A day to come."""

    date: str
    low: Usd
    projected: Usd
    high: Usd


class Forecast(Document):
    """What the whole period will have cost, in four of five cases between `low` and `high`.

    `projected_cost` is null where too little is known; `threshold_value` is the least threshold
    of this period that is enabled, null without one.
    """

    period: ForecastPeriod
    ends: str | None
    current_cost: Usd
    current_nano_usd: Nano
    projected_cost: Usd | None
    projected_nano_usd: Nano | None
    low: Usd | None
    high: Usd | None
    confidence: Part | None
    """How often such an interval has held on what is known; null where that is not known."""
    threshold_value: Usd | None
    will_exceed_threshold: bool | None
    exceeding_probability: Part | None
    days_until_exceeded: int | None
    """0: before today ends. Null: it will not, or nobody knows."""
    model: str | None
    error: Part | None
    naive_error: Part | None
    days: tuple[ShownDay, ...]


class Analysis(Document):
    """The days before today, the oldest first; days without spending count."""

    period: ForecastPeriod
    days_analyzed: int
    avg_daily_cost: Usd | None
    trend: Trend | None
    trend_value: Usd | None
    """The mean of the later half less the mean of the earlier one."""
    trend_percentage: Part | None
    historical_costs: tuple[Usd, ...]
    recommendations: tuple[str, ...]


class ForecastData(Document):
    """All of it."""

    forecast: Forecast
    analysis: Analysis


class ForecastMetadata(Metadata):
    """What was looked at; `user_id` null for all."""

    period: ForecastPeriod
    user_id: str | None
    analysis_window: TimeRange


class ForecastAnswer(Document):
    """The answer."""

    success: Literal[True] = True
    data: ForecastData
    metadata: ForecastMetadata


class Known(NamedTuple):
    """What is known for certain."""

    spent: int
    """In the period until now, in nano-USD."""
    threshold: int | None
    days: Sequence[int]
    """What the days before today have cost, in nano-USD."""


def forecast_of(
    period: ForecastPeriod, foreseen: Foreseen | None, known: Known, date: "DateOf"
) -> ForecastData:
    """Put it together."""
    passing = _passing(foreseen, known)
    whole = None if foreseen is None else foreseen.p50
    forecast = Forecast(
        period=period,
        ends=None if foreseen is None else iso(foreseen.ends),
        current_cost=usd(known.spent),
        current_nano_usd=str(known.spent),
        projected_cost=None if whole is None else usd(whole),
        projected_nano_usd=None if whole is None else str(whole),
        low=None if foreseen is None else usd(foreseen.p10),
        high=None if foreseen is None else usd(foreseen.p90),
        confidence=foreseen and foreseen.coverage,
        threshold_value=None if known.threshold is None else usd(known.threshold),
        will_exceed_threshold=None if passing is None else passing.probability >= _LIKELY,
        exceeding_probability=None if passing is None else passing.probability,
        days_until_exceeded=_days_until(foreseen, passing),
        model=foreseen and foreseen.model,
        error=foreseen and foreseen.error,
        naive_error=foreseen and foreseen.naive_error,
        days=() if foreseen is None else tuple(_shown(day, date) for day in foreseen.days),
    )
    return ForecastData(forecast=forecast, analysis=_analysis(period, forecast, known))


class DateOf(Protocol):
    """Says which date a time has."""

    def __call__(self, at: float, /) -> str:
        """Return it, such as ``2026-11-23``."""


def _passing(foreseen: Foreseen | None, known: Known) -> Passing | None:
    if known.threshold is None:
        return None
    if known.spent >= known.threshold:
        return Passing(Decimal(1), 0.0)
    return None if foreseen is None else foreseen.passing(known.threshold)


def _days_until(foreseen: Foreseen | None, passing: Passing | None) -> int | None:
    if passing is None or passing.at is None:
        return None
    days = () if foreseen is None else foreseen.days
    return max(sum(day.begins <= passing.at for day in days) - 1, 0)


def _analysis(period: ForecastPeriod, forecast: Forecast, known: Known) -> Analysis:
    days = tuple(known.days)
    half = len(days) // 2
    earlier, later = mean(sum(days[:half]), half), mean(sum(days[-half:]), half)
    change = None if earlier is None or later is None else later - earlier
    part = None if change is None or earlier is None else share(change, earlier)
    trend = None if change is None else _trend(change, part)
    return Analysis(
        period=period,
        days_analyzed=len(days),
        avg_daily_cost=mean_usd(sum(days), len(days)),
        trend=trend,
        trend_value=None if change is None else usd(change),
        trend_percentage=None if part is None else part.scaleb(2),
        historical_costs=tuple(map(usd, days[-_SHOWN_DAYS:])),
        recommendations=tuple(_sentences(forecast, trend)),
    )


def _trend(change: int, part: Decimal | None) -> Trend:
    if part is not None and abs(part) < _STABLE:
        return "stable"
    if change == 0:
        return "stable"
    return "increasing" if change > 0 else "decreasing"


def _sentences(forecast: Forecast, trend: Trend | None) -> list[str]:
    """Return what the figures say, in words; nothing else is claimed."""
    said = []
    if forecast.will_exceed_threshold:
        said.append(f"The threshold of {forecast.threshold_value:f} USD will probably be passed")
    if trend == "increasing":
        said.append("The later half of the days has cost more than the earlier one")
    if forecast.projected_cost is None:
        said.append("Too little is known for a forecast")
    return said


def _shown(day: ForeseenDay, date: DateOf) -> ShownDay:
    return ShownDay(
        date=date(day.begins), low=usd(day.p10), projected=usd(day.p50), high=usd(day.p90)
    )
