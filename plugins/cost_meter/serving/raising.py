"""Raises alerts by hand, each once, however often it is asked for."""

import asyncio
from collections.abc import Callable
from typing import Any, NamedTuple

from proxy.api import Alert

from ..alerting import Alerting
from ..books import Shelf
from .declining import told_otherwise
from .saying import digest

__all__ = ["KEPT", "MOST", "Raised", "Raising"]

KEPT = 86_400.0
"""Seconds for which what was raised is not raised again."""

MOST = 200
"""So many are remembered, the newest."""

_KIND = "raised"


class Raised(NamedTuple):
    """What became of it."""

    key: str
    """What tells this alert from others."""
    at: float
    """Unix seconds when it was raised."""
    before: bool
    """Whether that was for an earlier request."""


class Raising:
    """Raises, and remembers for a day what it has raised."""

    def __init__(self, shelf: Shelf, alerting: Alerting, now: Callable[[], float]) -> None:
        self._shelf = shelf
        self._alerting = alerting
        self._now = now
        self._one = asyncio.Lock()

    async def raise_once(self, alert: Alert, by: str, key: str = "") -> Raised:
        """Raise it, unless `by` has asked for it within a day: with `key`, or in the same words.

        Raises DeclinedError with 422 if `key` came with another alert; StoreError.
        """
        said = digest(by, alert.subject, alert.text, alert.severity, alert.user)
        name = digest("key", by, key) if key else said
        now = self._now()
        named = alert._replace(key=f"cost_alert:{name}")
        async with self._one:
            kept = await self._shelf.get(_KIND, name)
            at = None if kept is None else _at(kept)
            if kept is not None and at is not None and now < at + KEPT:
                if kept.get("said") != said:
                    raise told_otherwise()
                return Raised(named.key, at, before=True)
            # Raised first: who is killed in between is asked again, and raises nothing then.
            first = await self._alerting.once(named, now + KEPT)
            await self._shelf.put(_KIND, name, {"said": said, "at": repr(now)})
            await self._make_room(now)
        return Raised(named.key, now, before=not first)

    async def _make_room(self, now: float) -> None:
        every = {name: _at(kept) or 0.0 for name, kept in (await self._shelf.all(_KIND)).items()}
        newest = sorted(every, key=lambda name: every[name], reverse=True)[:MOST]
        for name, at in every.items():
            if name not in newest or at <= now - KEPT:
                await self._shelf.delete(_KIND, name)


def _at(kept: Any) -> float | None:
    try:
        return float(kept["at"])
    except (KeyError, TypeError, ValueError):
        return None
