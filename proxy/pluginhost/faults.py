"""Counts and tells the faults of plugins: in the log, and as numbers for the metrics.

The numbers outlive every reload. No line holds anything of a request: neither arguments
nor the text of an exception, which may quote them.
"""

from collections import Counter
from collections.abc import Callable, Mapping
from typing import NamedTuple

import structlog

from proxy.api.headers import HeaderError
from proxy.api.reply import StatusError
from proxy.api.request import TargetError
from proxy.pluginhost.failures import frames_of
from proxy.pluginhost.guard import APPLICATION, Guard, WrongResultError

__all__ = ["FaultKey", "FaultLog", "SlowKey"]

SLOW_EVERY = 10.0
"""Seconds between two reports of the same uses being slow in the same hook."""

_MOST_KEYS = 10_000
_OURS = (HeaderError, StatusError, TargetError, WrongResultError)
_MOST_SLOW = 1000
_log = structlog.get_logger()


class FaultKey(NamedTuple):
    """What a fault is counted under; `route` is empty for a plugin's application."""

    plugin: str
    route: str
    hook: str


class SlowKey(NamedTuple):
    """What a slow hook is counted under."""

    route: str
    hook: str


class FaultLog:
    """Implements `guard.Faults`."""

    def __init__(self, on_quarantine: Callable[[Guard], None], clock: Callable[[], float]) -> None:
        """`on_quarantine` takes a use out of the chains; `clock` in seconds."""
        self._on_quarantine = on_quarantine
        self._clock = clock
        self._counts: Counter[FaultKey] = Counter()
        self._slow: Counter[SlowKey] = Counter()
        self._slow_told: dict[tuple[str, tuple[str, ...]], float] = {}

    def counts(self) -> Mapping[FaultKey, int]:
        """Return the faults since the start of the process."""
        return dict(self._counts)

    def slow_counts(self) -> Mapping[SlowKey, int]:
        """Return how often hooks held up the loop since the start of the process."""
        return dict(self._slow)

    def fault(self, guard: Guard, hook: str, error: BaseException, *, told: bool) -> None:
        """Count a fault of a hook; write it to the log if `told`."""
        key = FaultKey(guard.plugin, guard.route, hook)
        if key not in self._counts and len(self._counts) >= _MOST_KEYS:
            key = FaultKey("other", "other", "other")
        self._counts[key] += 1
        if told:
            # The text of a plugin's own exception may hold anything; that of ours does not.
            detail = {"detail": str(error)} if isinstance(error, _OURS) else {}
            _log.warning(
                "plugin_fault",
                plugin=guard.plugin,
                route=guard.route,
                hook=hook,
                error=type(error).__name__,
                exception=frames_of(error),
                **detail,
            )

    def quarantined(self, guard: Guard) -> None:
        """Tell of a quarantine, and have the use taken out of the chains."""
        _log.error(
            "plugin_quarantined",
            plugin=guard.plugin,
            route=guard.route,
            reason=guard.quarantined,
            hint=release_hint(guard),
        )
        self._on_quarantine(guard)

    def slow(self, hook: str, guards: tuple[Guard, ...], seconds: float) -> None:
        """Note that a hook's calls for one request held up the loop; not every time in the log."""
        plugins = tuple(guard.plugin for guard in guards)
        route = next((guard.route for guard in guards if guard.route != APPLICATION), "")
        self._slow[SlowKey(route, hook)] += 1
        now = self._clock()
        key = (hook, (route, *plugins))
        if now - self._slow_told.get(key, -SLOW_EVERY) < SLOW_EVERY:
            return
        if len(self._slow_told) >= _MOST_SLOW:
            self._slow_told.clear()
        self._slow_told[key] = now
        _log.warning(
            "plugin_slow",
            plugins=list(plugins),
            route=route,
            hook=hook,
            milliseconds=round(seconds * 1000, 1),
            hint="a hook must not wait: hand the work to a background task or a thread",
        )


def release_hint(guard: Guard) -> str:
    """Return what to do about a quarantined use, in words."""
    return (
        f"mend the plugin's code or settings, or let it serve again with "
        f"`crossfade plugins release {guard.plugin}`"
    )
