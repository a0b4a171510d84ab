"""Takes alerts in: at once into memory, from there into the store as soon as that takes them."""

import asyncio
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Final

from proxy.api import Alert, Services, StoreError

from ..choosing import chosen
from ..identifiers import alert_id
from ..notice import Notice, notice_of
from ..settings import ChannelSettings
from ..store import NotifyStore, Taken, Wanted

__all__ = ["INBOX", "Intake"]

INBOX: Final = 1000
"""Alerts that wait in memory for the store, at most."""

_LONGEST_WAIT: Final = 30.0


class Intake:
    """What was raised and is not in the store yet, in order."""

    def __init__(
        self,
        channels: Mapping[str, ChannelSettings],
        store: NotifyStore,
        ring: Callable[[Taken], None],
        services: Services,
    ) -> None:
        """`ring` is told what the store has made of each."""
        self._channels = channels
        self._store = store
        self._ring = ring
        self._services = services
        self._inbox: deque[tuple[Notice, Sequence[Wanted]]] = deque()
        self._bell = asyncio.Event()
        self._turn = asyncio.Lock()
        self.opened = False
        """Whether the store was opened."""
        self._count = services.counter(
            "alerts", "Alerts by what became of them: told, again, ended, nothing, lost.", ("what",)
        )
        self.trouble = ""
        """Why nothing is taken in, in a sentence; empty if all is well."""
        self.lost = 0
        """How many found no room in memory since the store took something."""

    @property
    def waiting(self) -> int:
        """How many are not in the store yet."""
        return len(self._inbox)

    def take(self, alert: Alert) -> None:
        """Take it in; neither waits nor does I/O."""
        if len(self._inbox) >= INBOX:
            self.lost += 1
            self._count.add(what="lost")
            return
        now = self._services.now()
        notice = notice_of(alert, alert_id(now), now)
        self._inbox.append((notice, chosen(notice, self._channels, alert.channels)))
        self._bell.set()

    async def run(self) -> None:
        """Open the store, and bring what comes in into it, until cancelled."""
        failures = 0
        self._bell.set()
        while True:
            await self._bell.wait()
            self._bell.clear()
            failures = 0 if await self.empty() else failures + 1
            if failures:
                await self._services.sleep(min(2.0 ** (failures - 1), _LONGEST_WAIT))
                self._bell.set()

    async def empty(self) -> bool:
        """Bring all of it into the store, opened first; whether that took it."""
        async with self._turn:
            try:
                if not self.opened:
                    await self._store.open()
                    self.opened = True
                while self._inbox:
                    self._brought(await self._store.take(*self._inbox[0]))
            except StoreError as error:
                self._fails(str(error))
                return False
            self.trouble = ""
        return True

    async def close(self, seconds: float) -> None:
        """Bring in what is there, for so many seconds."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self.empty()
        if self._inbox:
            self._services.log.error("alerts_not_stored", alerts=len(self._inbox))

    def _brought(self, taken: Taken) -> None:
        self._inbox.popleft()
        self.lost = 0
        self._count.add(what=taken.what)
        self._ring(taken)

    def _fails(self, error: str) -> None:
        says = f"alerts are kept in memory, since their store fails: {error}"
        if says != self.trouble:
            self._services.log.error("alerts_store_fails", error=error)
        self.trouble = says
