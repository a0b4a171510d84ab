"""Looks ahead and back every few minutes, and tells of what a person should know."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import NamedTuple

from proxy.api import Alert, Services
from proxy.api.documents import usd
from proxy.api.spending import NanoUSD

from ..alerting import Alerting
from ..books import Asked, Ledger
from ..covering import Period
from ..dollars import nano_of
from ..row import Dimension, Total
from .anomalies import Anomaly, anomaly_of, hours_of
from .declaring import ForecastSettings
from .forecast import Breach, Forecast
from .forecasts import Forecasts
from .series import DAY, HOUR, WEEK
from .usual import WEEKS

__all__ = ["Limit", "Limits", "Watch", "anomaly_text", "breach_text"]

_PAST = (WEEKS * WEEK + 3 * DAY) * HOUR
"""What is usual, for each hour of an odd time that has been going on for long."""
_LATE = 120.0
"""Seconds after an hour's end from which on it is looked at: by then most of it is written."""
_MOST_ROUTES = 50
_MOST_LIMITS = 200


class Limit(NamedTuple):
    """A budget as far as it can be forecast: one of a calendar's period."""

    name: str
    nano_usd: NanoUSD
    period: Period
    where: Mapping[Dimension, str] = {}
    """Whose costs it is about; empty: all."""


Limits = Callable[[], Sequence[Limit]]


class Watch:
    """One for the process; who of a fleet tells is agreed on by `Alerting`."""

    def __init__(
        self,
        settings: ForecastSettings,
        forecasts: Forecasts,
        limits: Limits,
        ledger: Ledger,
        alerting: Alerting,
        services: Services,
    ) -> None:
        """`limits` are asked for at each look."""
        self._settings = settings
        self._forecasts = forecasts
        self._limits = limits
        self._ledger = ledger
        self._alerting = alerting
        self._services = services
        self._looked: float | None = None
        """The hour that was looked at last."""

    async def run(self) -> None:
        """Look for ever. What fails once is logged, and tried again."""
        while True:
            await self._services.sleep(self._settings.every)
            try:
                await self.look()
            except Exception as error:  # a store that is away must not end this
                self._services.log.warning("cost_look_failed", error=repr(error)[:200])

    async def look(self) -> None:
        """Look once, ahead and back. Raises StoreError."""
        for limit in tuple(self._limits())[:_MOST_LIMITS]:
            await self._ahead(limit)
        await self._back()

    async def _ahead(self, limit: Limit) -> None:
        forecast = await self._forecasts.of(limit.where, limit.period)
        if forecast is None or forecast.tried.origins == 0 or forecast.spent >= limit.nano_usd:
            return  # what has been spent already is told of by the budget itself
        found = forecast.breach(limit.nano_usd)
        key = f"spend_forecast_breach:{limit.name}:{forecast.begins:.0f}"
        if found.probability >= self._settings.alert_at:
            text = breach_text(limit, forecast, found)
            alert = Alert("spend_forecast_breach", limit.name, text, "warning", key=key)
            await self._alerting.once(alert, forecast.ends)
        elif found.probability < self._settings.alert_at / 2:
            # Whoever told of it: this process, an earlier one, or another of the fleet.
            text = f"Budget {limit.name} will probably not be passed any more."
            await self._alerting.over(
                Alert("spend_forecast_breach", limit.name, text, "warning", key=key)
            )

    async def _back(self) -> None:
        """Look at the last hour that is over, once."""
        now = self._services.now()
        begins = (now - _LATE) // HOUR * HOUR - HOUR
        if self._looked == begins:
            return
        asked = Asked(begins - _PAST, begins + HOUR)
        totals = await self._ledger.totals(asked, "hour", ("route", "model"))
        await self._judge("", totals, begins)
        routes = {one.by["route"] for one in totals if one.begins == begins}
        if len(routes) > 1:
            for route in sorted(routes)[:_MOST_ROUTES]:
                await self._judge(
                    route, [one for one in totals if one.by["route"] == route], begins
                )
        self._looked = begins

    async def _judge(self, route: str, totals: Sequence[Total], begins: float) -> None:
        least = nano_of(self._settings.anomaly_min_spend)
        hours = hours_of(totals)
        found = await asyncio.to_thread(anomaly_of, hours, begins, self._settings.anomaly_z, least)
        if found is None:
            return
        subject = route or "all"
        # Hours one after the other are one matter, told of once: again only if it gets far worse.
        key = f"spend_anomaly:{subject}:{found.since:.0f}:{found.grade}"
        alert = Alert("spend_anomaly", subject, anomaly_text(route, found), "warning", key=key)
        await self._alerting.once(alert, begins + 2 * DAY * HOUR)


def _dollars(nano: float) -> str:
    return f"{usd(round(nano)):.2f} USD"


def _time(at: float) -> str:
    return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d %H:%M} UTC"


def breach_text(limit: Limit, forecast: Forecast, found: Breach) -> str:
    """Say that a budget will probably be passed, when, and how sure that is."""
    when = "" if found.p50 is None else f", as likely before as after {_time(found.p50)}"
    error, naive = forecast.tried.errors.wape, forecast.tried.naive.wape
    worth = "" if error is None or naive is None else f" Its error by day was {error:.0%}"
    beside = f", the naive forecast's {naive:.0%}." if worth else ""
    return (
        f"Budget {limit.name} ({_dollars(limit.nano_usd)} each {limit.period}) will be passed with "
        f"a probability of {found.probability:.0%}{when}: {_dollars(forecast.spent)} are spent, "
        f"and {_dollars(forecast.p10)} to {_dollars(forecast.p90)} are to be expected until "
        f"{_time(forecast.ends)}.{worth}{beside} "
        "See `crossfade costs forecast`; raise the budget, or spend less."
    )


def anomaly_text(route: str, found: Anomaly) -> str:
    """Say what an hour has cost, instead of what, and why."""
    says = {
        "volume": "requests",
        "mix": "the mix of models",
        "tokens": "tokens for each request",
        "price": "the price of a token",
    }
    ordered = sorted(found.why.items(), key=lambda one: -abs(one[1]))
    why = ", ".join(f"{says[cause]} {usd(nano):+.2f} USD" for cause, nano in ordered)
    of = f"Route {route}" if route else "Everything together"
    return (
        f"{of} cost {_dollars(found.nano_usd)} in the hour from {_time(found.begins)}; "
        f"{_dollars(found.usual)} are usual at that hour (z = {found.z:.1f}). Of the difference: "
        f"{why}. See `crossfade costs` for who spends it."
    )
