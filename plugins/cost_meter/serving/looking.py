"""Answers what was spent: a breakdown of a time, figures of now."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping

from proxy.api import Caller, Reply, Request, Services
from proxy.api.documents import document_reply
from proxy.api.endpoints import iso

from ..covering import Span
from ..row import Dimension, Sums
from ..tallying import Tally, Tallying
from .callers import caller_of
from .declining import forbidden
from .keeping import Thresholds
from .questions import asked_breakdown, asked_stats, whose
from .showing import Breakdown, RangeMetadata, breakdown_of, savings_of, time_range
from .stats import Spent, Stats, StatsAlerts, StatsMetadata, stats_of
from .thresholds import PERIODIC, Threshold, standing_of
from .watching import ThresholdWatch

__all__ = ["Looking", "Potential", "where_user"]

Potential = Callable[[], Awaitable[tuple[int, tuple[str, ...]]]]
"""Returns what advice could save in a month, in nano-USD, and the advice in words."""


class Looking:
    """The answers; each from totals alone."""

    def __init__(
        self,
        tallying: Tallying,
        thresholds: Thresholds,
        watch: ThresholdWatch,
        baseline: Mapping[str, int],
        potential: Potential,
        services: Services,
    ) -> None:
        """`baseline`: by route what a request costs on legacy, in nano-USD."""
        self._tallying = tallying
        self._thresholds = thresholds
        self._watch = watch
        self._baseline = baseline
        self._potential = potential
        self._services = services

    async def breakdown(self, request: Request, _: bytes) -> Reply:
        """Answer what a time has cost. Raises DeclinedError, StoreError."""
        caller = await caller_of(request)
        asked = asked_breakdown(request.query, self._tallying.calendar)
        user, now, span = whose(caller, asked.user_id), self._services.now(), asked.span
        where = where_user(user)
        daily, hourly, routes = await asyncio.gather(
            self._tallying.daily(span, now, ("provider",), where),
            self._tallying.by_hour_of_day(span, now, where),
            self._tallying.over(span, now, ("route", "arm"), where),
        )
        potential, advised = await self._potential_of(user)
        savings = savings_of(routes.by, self._baseline, potential, advised)
        metadata = RangeMetadata(
            **self._asked_by(caller, now),
            user_id=asked.user_id or user,
            date_range=time_range(span),
            counted=time_range(daily.counted),
        )
        data = breakdown_of(span, daily.by, hourly, routes.by, savings)
        return document_reply(Breakdown(data=data, metadata=metadata))

    async def stats(self, request: Request, _: bytes) -> Reply:
        """Answer what is being spent. Raises DeclinedError, StoreError."""
        caller = await caller_of(request)
        include_users = asked_stats(request.query)
        if include_users and not caller.is_admin:
            raise forbidden("Admin privileges required to see users")
        user, now = whose(caller, None), self._services.now()
        spent, routes = await self._spent(where_user(user), now, include_users=include_users)
        potential, advised = await self._potential_of(user)
        savings = savings_of(routes.by, self._baseline, potential, advised)
        data = stats_of(spent, savings, await self._standing(user, now))
        metadata = StatsMetadata(**self._asked_by(caller, now), include_users=include_users)
        return document_reply(Stats(data=data, metadata=metadata))

    async def _spent(
        self, where: Mapping[Dimension, str], now: float, *, include_users: bool
    ) -> tuple[Spent, Tally]:
        calendar, over = self._tallying.calendar, self._tallying.over
        day, month = calendar.day(now), calendar.month(now)
        hour, today, by_route, by_provider = await asyncio.gather(
            over(calendar.hour(now), now, (), where),
            over(day, now, ("provider",), where),
            over(month, now, ("route", "arm"), where),
            over(month, now, ("provider",), where),
        )
        users = await over(day, now, ("user",), where) if include_users else None
        spent = Spent(
            hour=hour.all,
            today=_first(today),
            month=_first(by_provider),
            users=None if users is None else _first(users),
            hours_today=int((now - day.since) // 3600) + 1,
            days_of_month=sum(1 for _ in calendar.days(Span(month.since, now + 1))),
        )
        return spent, by_route

    async def _standing(self, user: str | None, now: float) -> StatsAlerts:
        """Compare the thresholds about this very user, or about all, with this day and month."""
        every = await self._thresholds.all()
        mine = [one for one in every if one.enabled and one.user == user and one.type in PERIODIC]
        calendar = self._tallying.calendar
        found: dict[str, dict[Threshold, int]] = {"daily": {}, "monthly": {}}
        for one in mine:
            if one.type in found:
                period = calendar.day(now) if one.type == "daily" else calendar.month(now)
                found[one.type][one] = await self._watch.spent(one, period, now)
        return StatsAlerts(
            today_threshold_status=standing_of(found["daily"]),
            monthly_threshold_status=standing_of(found["monthly"]),
        )

    async def _potential_of(self, user: str | None) -> tuple[int | None, tuple[str, ...]]:
        # What could be saved is about all together: no user is told what others spend.
        return (None, ()) if user is not None else await self._potential()

    def _asked_by(self, caller: Caller, now: float) -> dict[str, str]:
        zone = self._tallying.calendar.zone
        return {"requested_by": caller.id, "requested_at": iso(now), "timezone": zone}


def where_user(user: str | None) -> dict[Dimension, str]:
    """Return what is counted for a user; None: all."""
    return {} if user is None else {"user": user}


def _first(tally: Tally) -> dict[str, Sums]:
    return {parts[0]: sums for parts, sums in tally.by.items()}
