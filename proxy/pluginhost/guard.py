"""Keeps watch over one use of a plugin: counts its faults, and ends it when they do not stop.

A use that goes on failing costs every request time and every log its legibility, so it is
quarantined: taken out of the chains of its route until somebody changes or releases it.
Few faults among many calls are a bug to be fixed and no reason to stop; therefore the
rule looks at their share of the calls too.
"""

import time
from asyncio import CancelledError
from collections.abc import Callable
from typing import Protocol

__all__ = [
    "APPLICATION",
    "CATCHABLE",
    "CATCHABLE_PLAIN",
    "Faults",
    "Guard",
    "Quarantine",
    "WrongResultError",
]

CATCHABLE = (Exception, SystemExit)
"""What a plugin may raise without ending the process: it may not leave by sys.exit either."""

CATCHABLE_PLAIN = (Exception, SystemExit, CancelledError)
"""The same of a plain function, which nobody can have cancelled."""

APPLICATION = ""
"""Stands for the route of an application's guard: it has none."""

QUARANTINE_FAULTS = 10
"""So many faults within `QUARANTINE_SECONDS`, and half of a hook's calls or more: quarantine."""

QUARANTINE_SECONDS = 10.0
_MOST_TOLD = 5


class Faults(Protocol):
    """Where faults are counted and told; the plugin host's."""

    def fault(self, guard: "Guard", hook: str, error: BaseException, *, told: bool) -> None:
        """Count a fault of a hook; write it to the log if `told`."""

    def quarantined(self, guard: "Guard") -> None:
        """Take the use out of the chains, and tell everybody."""

    def slow(self, hook: str, guards: "tuple[Guard, ...]", seconds: float) -> None:
        """Note that a hook's calls for one request held up the loop."""


class Quarantine(Exception):  # noqa: N818 (a state more than an error)
    """Raised in place of a call: the use is quarantined and may not be passed over."""


class WrongResultError(Exception):
    """A hook returned what it may not; the text is the proxy's own."""


class Guard:
    """The watch over one use, or over an application (`route` is then `APPLICATION`).

    `calls` is counted by the chains, over all the `hooks` (how many there are) that a request
    meets; `on_fault` is the use's own ``on_error`` or empty.
    """

    __slots__ = (
        "_begun",
        "_calls_then",
        "_clock",
        "_faults",
        "_recent",
        "_told",
        "calls",
        "count",
        "hooks",
        "last",
        "on_fault",
        "plugin",
        "quarantined",
        "route",
    )

    def __init__(
        self,
        plugin: str,
        route: str,
        on_fault: str,
        faults: Faults,
        clock: Callable[[], float] = time.monotonic,
        hooks: int = 1,
    ) -> None:
        """Begin with no fault. `clock` in seconds."""
        self.hooks = max(hooks, 1)
        self.plugin = plugin
        self.route = route
        self.on_fault = on_fault
        self.calls = 0
        self.count = 0
        self.last = ""
        self.quarantined = ""
        self._faults = faults
        self._clock = clock
        self._begun = 0.0
        self._recent = 0
        self._calls_then = 0
        self._told = 0

    def fault(self, hook: str, error: BaseException) -> None:
        """Note that a call of `hook` raised, or took too long."""
        if isinstance(error, Quarantine):
            self.calls -= 1  # it was not called
            return
        self.count += 1
        self.last = f"{hook}: {type(error).__name__}"
        told = self._told < _MOST_TOLD
        if told:
            self._told += 1
        self._faults.fault(self, hook, error, told=told)
        if not self.quarantined and self._too_many(self._clock()):
            self.quarantined = (
                f"{self._recent} faults in {self.calls - self._calls_then} calls within "
                f"{QUARANTINE_SECONDS:g} s, the last in {self.last}"
            )
            self._faults.quarantined(self)

    def held_up(self, hook: str, guards: "tuple[Guard, ...]", seconds: float) -> None:
        """Note that the calls of a hook, by all these together, took long."""
        self._faults.slow(hook, guards, seconds)

    def release(self) -> None:
        """Let the use serve again; its faults are counted on, not forgotten."""
        self.quarantined = ""
        self._begun = 0.0
        self._recent = 0
        self._told = 0

    def _too_many(self, now: float) -> bool:
        if self._recent == 0 or now - self._begun > QUARANTINE_SECONDS:
            self._begun, self._recent = now, 0
            self._calls_then = self.calls - 1  # the call that brought us here
            self._told = min(self._told, _MOST_TOLD - 1)
        self._recent += 1
        calls = max(self.calls - self._calls_then, 1)
        # A hook that always fails shares the count of calls with the use's other hooks.
        return self._recent >= QUARANTINE_FAULTS and self._recent * 2 * self.hooks >= calls
