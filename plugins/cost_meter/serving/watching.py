"""Compares thresholds with what was spent, each minute, and tells of each once in a period."""

from collections import defaultdict
from collections.abc import Iterable

from proxy.api import Services, StoreError

from ..alerting import Alerting
from ..books import Asked, Ledger
from ..covering import Calendar, Span
from ..paging import each_row
from ..row import Row
from ..tallying import Tallying
from .keeping import Thresholds
from .thresholds import PERIODIC, Threshold, alert_of, period_of, where_of

__all__ = ["EVERY", "LATE", "ROWS_MOST", "ThresholdWatch", "dearest"]

EVERY = 60.0
"""Seconds between two looks."""

LATE = 600.0
"""Seconds after which what an attempt has cost is known, as a rule: so long a period that is over
is looked at, and rows of single requests are."""

ROWS_MOST = 5000
"""So many rows one look reads for thresholds of single requests; totals say when there is need."""

_Known = dict[tuple[str, str | None, str, Span], int]
"""Nano-USD by what was read: all together or the dearest request, user, provider, time."""

_REMEMBERED = 86_400.0
"""Seconds after the end of a period for which it is remembered that it was told of."""


class ThresholdWatch:
    """Looks at all thresholds, for as long as it runs."""

    def __init__(
        self,
        thresholds: Thresholds,
        ledger: Ledger,
        tallying: Tallying,
        alerting: Alerting,
        services: Services,
    ) -> None:
        self._thresholds = thresholds
        self._ledger = ledger
        self._tallying = tallying
        self._alerting = alerting
        self._services = services
        self._passed = services.counter(
            "thresholds_passed", "Thresholds told of, by their type.", ("type",)
        )
        self._trouble = ""

    @property
    def trouble(self) -> str:
        """What is wrong, in a sentence; empty if all is well."""
        return self._trouble

    async def run(self) -> None:
        """Look each minute."""
        while True:
            await self._services.sleep(EVERY)
            try:
                await self.look()
            except StoreError as error:
                self._trouble = f"thresholds of costs are not compared: {error}"
                self._services.log.warning("cost_thresholds_unread", error=str(error))
            else:
                self._trouble = ""

    async def look(self) -> None:
        """Compare each threshold that is enabled with its period. Raises StoreError."""
        now, calendar = self._services.now(), self._tallying.calendar
        known: _Known = {}
        for one in await self._thresholds.all():
            if not one.enabled:
                continue
            for period in _periods(one, now, calendar):
                spent = await self.spent(one, period, now, known)
                if spent >= one.nano_usd:
                    await self._tell(one, spent, period)

    async def spent(
        self, one: Threshold, period: Span, now: float, known: _Known | None = None
    ) -> int:
        """Return what is compared with a threshold, in nano-USD. Raises StoreError.

        `known` is what was read in the same look: thresholds about the same are read for once.
        """
        known = {} if known is None else known
        if one.type in PERIODIC:
            return await self._whole(one, period, now, known)
        lately = Span(max(period.since, now - LATE), period.until)
        if await self._whole(one, lately, now, known) < one.nano_usd:
            return 0  # no single request of them can have cost more than all
        key = "dearest", one.user, one.provider, lately
        if key not in known:
            asked = Asked(lately.since, lately.until, where_of(one))
            known[key] = dearest([row async for row in each_row(self._ledger, asked, ROWS_MOST)])
        return known[key]

    async def _whole(self, one: Threshold, span: Span, now: float, known: _Known) -> int:
        key = "whole", one.user, one.provider, span
        if key not in known:
            known[key] = (await self._tallying.over(span, now, where=where_of(one))).all.nano_usd
        return known[key]

    async def _tell(self, one: Threshold, spent: int, period: Span) -> None:
        alert = alert_of(one, spent, period)
        if await self._alerting.once(alert, period.until + _REMEMBERED):
            self._passed.add(type=one.type)


def dearest(rows: Iterable[Row]) -> int:
    """Return what the dearest request has cost, all its attempts together."""
    sums: defaultdict[str, int] = defaultdict(int)
    for row in rows:
        sums[row.request_id or row.id] += row.nano_usd
    return max(sums.values(), default=0)


def _periods(one: Threshold, now: float, calendar: Calendar) -> tuple[Span, ...]:
    """Return the present period, after the one before while something may still come to it."""
    present = period_of(one, now, calendar)
    before = period_of(one, now - LATE, calendar)
    return (present,) if before == present else (before, present)
