"""Compares thresholds with what was spent, each minute, and tells of each once in a period."""

from collections import defaultdict
from collections.abc import Iterable, Mapping

from proxy.api import Alert, Services, StoreError
from proxy.api.alerts import IN_APP, AlertsList

from ..alerting import Alerting
from ..covering import Calendar, Span
from ..tallying import Tallying
from .dearest import SLOT, About, Dearest, Seen
from .keeping import Thresholds
from .thresholds import PERIODIC, Threshold, alert_of, period_of, where_of

__all__ = ["EVERY", "LATE", "ThresholdWatch"]

EVERY = 60.0
"""Seconds between two looks."""

LATE = 600.0
"""Seconds after which what an attempt has cost is known, as a rule: so long a period that is over
is looked at."""

_Known = dict[tuple[str | None, str, Span], int]
"""Nano-USD by what was read: user, provider, time."""

_REMEMBERED = 86_400.0
"""Seconds after the end of a period for which it is remembered that it was told of."""


class ThresholdWatch:
    """Looks at all thresholds, for as long as it runs."""

    def __init__(
        self,
        thresholds: Thresholds,
        dearest: Dearest,
        tallying: Tallying,
        alerting: Alerting,
        services: Services,
    ) -> None:
        self._thresholds = thresholds
        self._dearest = dearest
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
            try:
                await self.look()
            except StoreError as error:
                self._trouble = f"thresholds of costs are not compared: {error}"
                self._services.log.warning("cost_thresholds_unread", error=str(error))
            else:
                self._trouble = ""
            await self._services.sleep(EVERY)

    async def look(self) -> None:
        """Compare each threshold that is enabled with its period. Raises StoreError."""
        now, calendar = self._services.now(), self._tallying.calendar
        enabled = [one for one in await self._thresholds.all() if one.enabled]
        await self._look_at_requests([one for one in enabled if one.type not in PERIODIC])
        known: _Known = {}
        for one in enabled:
            for period in _periods(one, now, calendar) if one.type in PERIODIC else ():
                spent = await self.spent(one, period, now, known)
                if spent >= one.nano_usd:
                    await self._tell(one, spent, period)

    async def spent(
        self, one: Threshold, period: Span, now: float, known: _Known | None = None
    ) -> int:
        """Return what is compared with a threshold of periods, in nano-USD. Raises StoreError.

        `known` is what was read in the same look: thresholds about the same are read for once.
        """
        known = {} if known is None else known
        key = one.user, one.provider, period
        if key not in known:
            known[key] = (await self._tallying.over(period, now, where=where_of(one))).all.nano_usd
        return known[key]

    async def _look_at_requests(self, found: Iterable[Threshold]) -> None:
        """Compare thresholds of single requests with the dearest ones since the last look."""
        by_about: defaultdict[About, list[Threshold]] = defaultdict(list)
        for one in found:
            by_about[About(one.user, one.provider)].append(one)
        self._dearest.watch(by_about)
        taken = self._dearest.taken()
        for (about, day), most in self._by_day(taken).items():
            for one in by_about[about]:
                if most >= one.nano_usd:
                    await self._tell(one, most, day)
        self._dearest.forget(taken)

    def _by_day(self, taken: Mapping[Seen, int]) -> Mapping[tuple[About, Span], int]:
        most: dict[tuple[About, Span], int] = {}
        for (about, slot), nano in taken.items():
            key = about, self._tallying.calendar.day(float(slot * SLOT))
            most[key] = max(nano, most.get(key, 0))
        return most

    async def _tell(self, one: Threshold, spent: int, period: Span) -> None:
        alert = alert_of(one, spent, period, self._tallying.calendar)
        if await self._alerting.once(alert, period.until + _REMEMBERED):
            self._passed.add(type=one.type)
            self._note_untold(one, alert)

    def _note_untold(self, one: Threshold, alert: Alert) -> None:
        """Say in the log which of its channels are told of it no more: they were, once."""
        alerts = self._services.shared(AlertsList)
        found = () if alerts is None else alerts.channels(alert)
        told = {IN_APP, *(name for channel in found for name in channel)}
        untold = [name for name in one.channels if name not in told]
        if untold:
            self._services.log.warning("cost_threshold_untold", id=one.id, channels=untold)


def _periods(one: Threshold, now: float, calendar: Calendar) -> tuple[Span, ...]:
    """Return the present period, after the one before while something may still come to it."""
    present = period_of(one, now, calendar)
    before = period_of(one, now - LATE, calendar)
    return (present,) if before == present else (before, present)
