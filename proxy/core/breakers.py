"""Breakers by name, and the panic floor: they never leave a caller with nothing to ask.

Breakers that each decide for themselves can all be open at once, or leave one healthy
service with the load of ten. So of those that one caller can choose among,

- at most half (rounded down) are withheld because they are open; those that reopen first are
  permitted as if they were closed;
- where nothing but open ones is left, the one that reopens first is permitted one call at a
  time. A single one is never wholly withheld, therefore.

What is forced open, and what asked to be left alone (`Breaker.throttle`), is withheld whatever
else there is.
"""

from collections.abc import Iterable
from typing import NamedTuple

from proxy.core.breaker import Breaker, BreakerRules, Permit, State

__all__ = ["Breakers"]


class _Floor(NamedTuple):
    names: tuple[str, ...] = ()
    """Open, and permitted all the same."""
    alone: bool = False
    """One call at a time: there is nothing else."""


class Breakers:
    """Breakers with the same rules, each made when it is first asked for.

    Names come from a configuration: there are as many breakers as it has names.
    """

    def __init__(self, rules: BreakerRules, mode: State = State.CLOSED) -> None:
        """See `Breaker`."""
        self._rules = rules
        self._mode = mode
        self._breakers: dict[str, Breaker] = {}

    def __getitem__(self, name: str) -> Breaker:
        """Return the breaker of that name."""
        breaker = self._breakers.get(name)
        if breaker is None:
            breaker = self._breakers[name] = Breaker(self._rules, self._mode)
        return breaker

    def permitted(self, names: Iterable[str], now: float) -> tuple[str, ...]:
        """Return which of these may be called now, in their order."""
        among = tuple(dict.fromkeys(names))
        floor = self._floor(among, now)
        return tuple(
            name
            for name in among
            if self[name].free(now)
            or (name in floor.names and self[name].free_though_open(now, alone=floor.alone))
        )

    def permit(self, name: str, among: Iterable[str], now: float) -> Permit | None:
        """Return leave to call `name`, chosen `among` these; None: not now.

        The call's end is told to the breaker of that name.
        """
        permit = self[name].permit(now)
        if permit is None:
            floor = self._floor(tuple(dict.fromkeys(among)), now)
            if name in floor.names:
                permit = self[name].permit_though_open(now, alone=floor.alone)
        return permit

    def _floor(self, among: tuple[str, ...], now: float) -> _Floor:
        asked = [name for name in among if not self[name].throttled(now)]
        states = {name: self[name].state(now) for name in asked}
        opened = [name for name in asked if states[name] is State.OPEN]
        opened.sort(key=lambda name: self[name].reopens_at)
        if opened and all(states[name] in (State.OPEN, State.FORCED_OPEN) for name in asked):
            return _Floor((opened[0],), alone=True)
        return _Floor(tuple(opened[: max(0, len(opened) - len(among) // 2)]))
