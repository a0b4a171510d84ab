"""Makes forecasts of what the ledger holds."""

import asyncio
from collections import deque
from collections.abc import Mapping, Sequence

from proxy.api import Services
from proxy.api.spending import NanoUSD

from ..books import Asked, Ledger
from ..covering import Period
from ..row import Dimension
from ..tallying import Tallying
from .declaring import ForecastSettings
from .forecast import Forecast, forecast_of
from .series import HOUR, MOST_HOURS, Interval, series_of

__all__ = ["Forecasts", "incidents_of"]

_FRESH_SECONDS = 60.0
_MOST_KEPT = 128
_MOST_RESTARTS = 100

_Key = tuple[tuple[tuple[Dimension, str], ...], Period]


class Forecasts:
    """One maker of forecasts. A forecast that was made is good for a minute."""

    def __init__(
        self,
        ledger: Ledger,
        tallying: Tallying,
        services: Services,
        incidents: Sequence[Interval] = (),
    ) -> None:
        """`tallying` is a reader of the same ledger; `incidents` are left out of the history."""
        self._ledger = ledger
        self._tallying = tallying
        self._services = services
        self._incidents = tuple(incidents)
        self._restarts: deque[float] = deque(maxlen=_MOST_RESTARTS)
        self._made: dict[_Key, tuple[float, Forecast | None]] = {}
        self._one = asyncio.Lock()

    def changed(self) -> None:
        """Take in that something has changed now that spending depends on.

        Prices, or the percentage of a rollout: the level begins anew.
        """
        self._restarts.append(self._services.now())
        self._made.clear()

    async def of(self, where: Mapping[Dimension, str], period: Period) -> Forecast | None:
        """Return what the running period will have cost; None where nothing is known yet.

        `where` says whose costs, as in `books.Asked`; empty: all. Raises StoreError.
        """
        key: _Key = (tuple(sorted(where.items())), period)
        async with self._one:  # one at a time: each takes a part of a core
            now = self._services.now()
            found = self._made.get(key)
            if found is not None and 0 <= now - found[0] < _FRESH_SECONDS:
                return found[1]
            forecast = await self._make(dict(where), period, now)
            self._keep(key, now, forecast)
            return forecast

    async def _make(
        self, where: Mapping[Dimension, str], period: Period, now: float
    ) -> Forecast | None:
        asked = Asked(now - MOST_HOURS * HOUR, now, where)
        calendar = self._tallying.calendar
        totals, tally = await asyncio.gather(
            self._ledger.totals(asked, "hour"),
            self._tallying.over(calendar.period(period, now), now, (), where),
        )
        series = series_of(totals, now, self._incidents)
        return await asyncio.to_thread(
            forecast_of,
            series,
            NanoUSD(tally.all.nano_usd),
            (period, calendar),
            now,
            where=where,
            restarts=tuple(self._restarts),
        )

    def _keep(self, key: _Key, now: float, forecast: Forecast | None) -> None:
        self._made.pop(key, None)
        while len(self._made) >= _MOST_KEPT:
            del self._made[next(iter(self._made))]
        self._made[key] = now, forecast


def incidents_of(settings: ForecastSettings) -> tuple[Interval, ...]:
    """Return the incidents that the settings name."""
    return tuple(Interval(*one.span) for one in settings.incidents)
