"""What a period will have cost when it ends. Arithmetic: the time is passed in."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import NamedTuple

from proxy.api.spending import NanoUSD

from ..covering import Calendar, Period, Span
from ..row import Dimension
from .backtest import OUTER, Errors, Tried, tried
from .models import ladder
from .series import HOUR, Series

__all__ = ["Breach", "DayAhead", "Forecast", "forecast_of"]


class DayAhead(NamedTuple):
    """What a day, or the rest of today, will cost: in nano-USD, at these probabilities at most."""

    begins: float
    """Unix seconds."""
    p10: NanoUSD
    p50: NanoUSD
    p90: NanoUSD


class Breach(NamedTuple):
    """Whether and when a limit will be passed before the period ends."""

    limit: NanoUSD
    probability: float
    """0..1."""
    p10: float | None
    """In one case of ten it is passed before this, in Unix seconds; None: not in this period."""
    p50: float | None
    p90: float | None


class Forecast(NamedTuple):
    """What a period will have cost, and what that is made of."""

    where: Mapping[Dimension, str]
    """Whose costs: what dimensions have to be; empty for all."""
    period: Period
    begins: float
    ends: float
    """Unix seconds: this period, in the time zone of the settings."""
    made: float
    """When the forecast was made, in Unix seconds."""
    spent: NanoUSD
    """In the period until then."""
    p10: NanoUSD
    """In one case of ten the whole period costs no more than this."""
    p50: NanoUSD
    p90: NanoUSD
    days: tuple[DayAhead, ...]
    """The days to come within the period; the rest of today is the first."""
    hours: int
    """Of history that it is made of."""
    tried: Tried
    """What is expected, with the back-test of it."""
    starts: float
    """From this moment on `tried` looks ahead, in Unix seconds."""

    @property
    def model(self) -> str:
        """Return which model has the most weight."""
        return self.tried.model

    @property
    def error(self) -> Decimal | None:
        """Return all errors of forecasts of days by all that came; None: none could be tried."""
        return _decimal(self.tried.errors.wape)

    @property
    def naive_error(self) -> Decimal | None:
        """Return the same of the naive forecast."""
        return _decimal(self.tried.naive.wape)

    @property
    def errors(self) -> Errors:
        """Return how far off forecasts were, in several ways."""
        return self.tried.errors

    @property
    def coverage(self) -> Decimal | None:
        """Return how often a day's cost lay between its p10 and p90."""
        return _decimal(self.tried.coverage)

    def breach(self, limit: NanoUSD) -> Breach:
        """Return whether and when so much will have been spent in this period."""
        rest = limit - self.spent
        if rest <= 0:
            return Breach(limit, 1.0, self.made, self.made, self.made)
        ahead = _Ahead(self.tried, self.starts, self.made)
        expected = ahead.expected(self.ends)
        if expected <= 0:
            return Breach(limit, 0.0, None, None, None)
        hours = ahead.hours(self.ends)
        probability = self.tried.spread.above(hours, rest / expected - 1)
        times = [ahead.passes(rest, one, self.ends) for one in reversed(OUTER)]
        return Breach(limit, probability, *times)


def _decimal(value: float | None) -> Decimal | None:
    return None if value is None else Decimal(value).quantize(Decimal("0.0001"))


class _Ahead:
    """What is spent from `now` on."""

    def __init__(self, tried: Tried, starts: float, now: float) -> None:
        self._tried, self._starts = tried, starts
        self._now = now
        self._gone = tried.path.total((now - starts) / HOUR)

    def hours(self, until: float) -> float:
        """Return how far ahead of what is known that is."""
        return max((until - self._starts) / HOUR, 0.0)

    def expected(self, until: float) -> float:
        """Return what the models expect, in nano-USD."""
        return max(self._tried.path.total(self.hours(until)) - self._gone, 0.0)

    def spent(self, until: float, probability: float) -> float:
        """Return what is spent at most with this probability, in nano-USD."""
        error = self._tried.spread.quantile(self.hours(until), probability)
        return self.expected(until) * (1 + error)

    def day(self, day: Span, number: int, probability: float) -> float:
        """Return the same of one day alone, the `number`-th from today, from 0."""
        if number == 0:
            return self.spent(day.until, probability)
        error = self._tried.spread.day_quantile(number, probability)
        return max(self.expected(day.until) - self.expected(day.since), 0.0) * (1 + error)

    def passes(self, rest: float, probability: float, ends: float) -> float | None:
        """Return when so much is spent, to the minute; None if not before the end."""
        if self.spent(ends, probability) < rest:
            return None
        low, high = self._now, ends
        while high - low > 60:
            middle = (low + high) / 2
            if self.spent(middle, probability) < rest:
                low = middle
            else:
                high = middle
        return high


def forecast_of(
    series: Series,
    spent: NanoUSD,
    period: tuple[Period, Calendar],
    now: float,
    *,
    where: Mapping[Dimension, str] | None = None,
    restarts: Sequence[float] = (),
) -> Forecast | None:
    """Return the forecast of the running period; None where nothing is known yet.

    `spent` is what the period has cost until `now`. At `restarts` (Unix seconds) something has
    changed that what is spent depends on: prices, or who goes where.
    """
    if not series.hours:
        return None
    kind, calendar = period
    span = calendar.period(kind, now)
    changed = sorted({series.known_at(at) for at in restarts if series.begins < at < series.ends})
    models = ladder(len(series.hours), changed)
    known = tried(models, series.hours, (span.until - series.ends) / HOUR, changed)
    ahead = _Ahead(known, series.ends, now)
    whole = [NanoUSD(spent + round(ahead.spent(span.until, one))) for one in OUTER]
    days = [
        DayAhead(
            day.since,
            *_rising([NanoUSD(round(ahead.day(day, number, one))) for one in OUTER]),
        )
        for number, day in enumerate(calendar.days(Span(now, span.until)))
    ]
    return Forecast(
        where or {},
        kind,
        span.since,
        span.until,
        now,
        spent,
        *_rising(whole),
        tuple(days),
        len(series.hours),
        known,
        series.ends,
    )


def _rising(amounts: Sequence[NanoUSD]) -> tuple[NanoUSD, NanoUSD, NanoUSD]:
    low, middle, high = sorted(amounts)
    return low, middle, high
