"""Which requests are the dearest, as their attempts end: nothing has to be read for it.

A request is answered by one process, which hears of all its attempts. So each process adds up its
own, as far as anybody wants to know, and whoever looks takes what was the most since the last look.
"""

from collections.abc import Collection, Mapping
from typing import Any, Final, NamedTuple

from proxy.api.spending import NanoUSD, PlannedSpend

from ..metering import Reserving

__all__ = ["MOST", "SLOT", "About", "Dearest", "Overheard", "Seen"]

MOST: Final = 10_000
"""So many requests are added up at once; of more, those are forgotten that have waited longest."""

SLOT: Final = 900
"""Seconds of a slot: in all zones days begin with one."""


class About(NamedTuple):
    """Whose requests, and at which provider; they are added up by this."""

    user: str | None
    """None: all users'."""
    provider: str
    """Empty: all providers."""


class Seen(NamedTuple):
    """The dearest request of a slot."""

    about: About
    slot: int
    """In which its last attempt has begun, so far: slots since 1970."""


class Dearest:
    """What requests have cost, and which has cost the most."""

    def __init__(self, memory: dict[str, Any]) -> None:
        """Go on with what `memory` holds, plain values only, in which the next one goes on."""
        self._watched: frozenset[tuple[str | None, str]] = frozenset()
        self._sums: dict[tuple[str, str | None, str], int] = memory.setdefault("request_sums", {})
        self._most: dict[tuple[str | None, str, int], int] = memory.setdefault("dearest", {})

    def watch(self, about: Collection[About]) -> None:
        """Add up these from now on, and no others."""
        self._watched = frozenset(about)
        if not self._watched:
            self._sums.clear()
            self._most.clear()

    def saw(self, planned: PlannedSpend, nano_usd: int) -> None:
        """Take in what an attempt has cost; for each once."""
        if not self._watched:
            return
        request, provider = planned.request_id or planned.attempt_id, planned.key.provider
        for user in {None, planned.user}:
            for at in {"", provider}:
                if (user, at) in self._watched:
                    self._add((request, user, at), nano_usd, int(planned.at // SLOT))

    def taken(self) -> Mapping[Seen, int]:
        """Return the most that a request has come to, in nano-USD, since `forget`."""
        return {
            Seen(About(user, provider), slot): most
            for (user, provider, slot), most in self._most.items()
        }

    def forget(self, taken: Mapping[Seen, int]) -> None:
        """Forget what was taken, but for what has become more since."""
        for (about, slot), most in taken.items():
            key = (*about, slot)
            if self._most.get(key) == most:
                del self._most[key]

    def _add(self, key: tuple[str, str | None, str], nano_usd: int, slot: int) -> None:
        added = self._sums.pop(key, 0) + nano_usd
        self._sums[key] = added  # at the end: it has waited shortest
        if len(self._sums) > MOST:
            del self._sums[next(iter(self._sums))]
        _, user, provider = key
        place = (user, provider, slot)
        if added > self._most.get(place, 0):
            self._most[place] = added
            if len(self._most) > MOST:
                del self._most[next(iter(self._most))]


class Overheard:
    """Whoever holds to budgets, and somebody who hears what each attempt has cost."""

    def __init__(self, budgets: Reserving, dearest: Dearest) -> None:
        self.reserve = budgets.reserve
        """See `Reserving`."""
        self._budgets = budgets
        self._dearest = dearest

    def settle(self, planned: PlannedSpend, nano_usd: NanoUSD | None) -> None:
        """See `Reserving`."""
        self._budgets.settle(planned, nano_usd)
        if nano_usd is not None:
            self._dearest.saw(planned, nano_usd)
