"""Answers what will be spent, and what could be saved."""

import asyncio
from typing import get_args

from proxy.api import Reply, Request, Services
from proxy.api.documents import document_reply
from proxy.api.endpoints import iso

from ..covering import PERIODS, Calendar, Span
from ..tallying import Tallying
from .asking import AskedApplying, read
from .callers import caller_of
from .declining import DeclinedError, forbidden, none_such
from .forecast import (
    ANALYSED_DAYS,
    ForecastAnswer,
    ForecastMetadata,
    Foreseeing,
    Known,
    forecast_of,
)
from .keeping import Thresholds
from .looking import where_user
from .optimization import (
    Advising,
    NotAppliedError,
    OptimizationAnswer,
    applied,
    optimization_of,
)
from .questions import (
    ForecastPeriod,
    ThresholdType,
    asked_forecast,
    asked_optimization,
    whose,
)
from .showing import Metadata, time_range

__all__ = ["Ahead"]

_THRESHOLDS: dict[ForecastPeriod, ThresholdType] = {"daily": "daily", "monthly": "monthly"}


class Ahead:
    """The answers."""

    def __init__(
        self,
        tallying: Tallying,
        thresholds: Thresholds,
        forecasts: Foreseeing,
        advice: Advising,
        services: Services,
    ) -> None:
        self._tallying = tallying
        self._thresholds = thresholds
        self._forecasts = forecasts
        self._advice = advice
        self._services = services

    async def forecast(self, request: Request, _: bytes) -> Reply:
        """Answer what the running period will have cost. Raises DeclinedError, StoreError."""
        caller = await caller_of(request)
        period, user_id = asked_forecast(request.query)
        user, now = whose(caller, user_id), self._services.now()
        window = _window(self._tallying.calendar, now, ANALYSED_DAYS[period])
        foreseen, known = await asyncio.gather(
            self._forecasts.foresee(user, period), self._known(user, period, window, now)
        )
        metadata = ForecastMetadata(
            requested_by=caller.id,
            requested_at=iso(now),
            timezone=self._tallying.calendar.zone,
            period=period,
            user_id=user_id or user,
            analysis_window=time_range(window),
        )
        data = forecast_of(period, foreseen, known, self._tallying.calendar.date)
        return document_reply(ForecastAnswer(data=data, metadata=metadata))

    async def optimization(self, request: Request, _: bytes) -> Reply:
        """Answer what could be saved. Raises DeclinedError, StoreError."""
        caller = await caller_of(request)
        asked = asked_optimization(request.query)
        user = whose(caller, asked.user_id)
        # Advice is about all together: what others spend is told to administrators alone.
        advised = await self._advice.advised() if user is None else ()
        data = optimization_of(advised, asked.least_nano_usd, asked.limit)
        metadata = Metadata(
            requested_by=caller.id,
            requested_at=iso(self._services.now()),
            timezone=self._tallying.calendar.zone,
        )
        return document_reply(OptimizationAnswer(data=data, metadata=metadata))

    async def apply(self, request: Request, body: bytes) -> Reply:
        """Have advice followed. Raises DeclinedError, StoreError."""
        caller = await caller_of(request)
        if not caller.is_admin:
            raise forbidden("Admin privileges required to apply optimizations")
        asked = read(AskedApplying, body)
        every = {one.id: one for one in await self._advice.advised()}
        one = every.get(asked.recommendation_id)
        try:
            percent = None if one is None else await self._advice.apply(one.id, caller.id)
        except NotAppliedError as error:
            raise DeclinedError(409, f"It was not applied: {error}") from None
        if one is None or percent is None:
            raise none_such("recommendation")
        return document_reply(applied(one, self._services.now(), caller.id, percent))

    async def _known(
        self, user: str | None, period: ForecastPeriod, window: Span, now: float
    ) -> Known:
        calendar, where = self._tallying.calendar, where_user(user)
        daily, spent, threshold = await asyncio.gather(
            self._tallying.daily(window, now, (), where),
            self._tallying.over(calendar.period(PERIODS[period], now), now, (), where),
            self._threshold(user, period),
        )
        costs = {parts[0]: one.nano_usd for parts, one in daily.by.items()}
        days = [costs.get(calendar.date(day.since), 0) for day in calendar.days(window)]
        first = next((number for number, cost in enumerate(days) if cost), len(days))
        return Known(spent.all.nano_usd, threshold, days[first:])

    async def _threshold(self, user: str | None, period: ForecastPeriod) -> int | None:
        """Return the least threshold about this very user, or about all."""
        kind = _THRESHOLDS.get(period)
        every = await self._thresholds.all() if kind in get_args(ThresholdType) else ()
        found = [
            one.nano_usd
            for one in every
            if one.enabled and one.user == user and one.type == kind and not one.provider
        ]
        return min(found, default=None)


def _window(calendar: Calendar, now: float, days: int) -> Span:
    """Return so many days before today."""
    today = calendar.day(now).since
    begins = today
    for _ in range(days):
        begins = calendar.day(begins - 1).since
    return Span(begins, today)
