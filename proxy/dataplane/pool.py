"""The connections to one endpoint: at most `most`, the last used first, others wait in line.

Who needs a connection is a `Seeker`. It gets one at once if one is idle, else a new
one is opened for it if there is room, else it stands in a bounded line. Whatever
becomes of a connection, its place is given on: to the first in line, or to nobody.
"""

import asyncio
import re
import socket
import ssl
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from proxy.core.reason import Reason
from proxy.dataplane.upstream_connection import UpstreamConnection

__all__ = ["EndpointPool", "PoolRule", "Seeker"]

# A name may come to mean another address: connections by name do not live for ever.
_NAMED_LIFE = 60.0
_TIMEOUT_HINT = re.compile(rb"(?:^|[,\s])timeout=(\d{1,6})", re.IGNORECASE)


class Seeker(Protocol):
    """Someone who needs a connection; told exactly once unless it gives up before."""

    def connecting(self) -> None:
        """A connection is being opened for the seeker."""

    def connected(self, connection: UpstreamConnection) -> None:
        """Here is the connection."""

    def connect_failed(self, reason: Reason) -> None:
        """None could be opened."""


@dataclass(frozen=True, slots=True)
class PoolRule:
    """Where to connect and how much: `idle` is in seconds, the others are counts."""

    host: str
    port: int
    tls: ssl.SSLContext | None
    server_name: str | None
    most: int
    idle: float
    line: int


class EndpointPool:
    """See the module. `closed` pools take back nothing: their generation has retired."""

    def __init__(self, rule: PoolRule, clock: Callable[[], float]) -> None:
        """Open nothing yet; `clock` is the loop's (seconds)."""
        self.rule = rule
        self.closed = False
        self.open = 0
        self.connects = 0
        self.idle: deque[UpstreamConnection] = deque()
        self.waiting: deque[Seeker] = deque()
        self._clock = clock
        self._tasks: dict[Seeker, asyncio.Task[None]] = {}
        self._idle_for = rule.idle

    def __repr__(self) -> str:
        """State in one line, for logs and tests."""
        return (
            f"<pool {self.rule.host}:{self.rule.port} open {self.open} idle {len(self.idle)} "
            f"waiting {len(self.waiting)}>"
        )

    def take_idle(self) -> UpstreamConnection | None:
        """The idle connection that was used last, if there is one that may still be used."""
        idle = self.idle
        now = self._clock()
        while idle:
            connection = idle.pop()
            if connection.expires > now and not connection.transport.is_closing():
                return connection
            connection.close()
        return None

    def seek(self, seeker: Seeker) -> bool:
        """Open a connection for `seeker`, or let it wait; false when the line is full.

        Idle connections are passed over, and make room if need be: a retry must not
        meet a second dead one.
        """
        if self.open >= self.rule.most and self.idle:
            self.idle[0].close()
        if self.open < self.rule.most:
            self._connect(seeker)
        elif len(self.waiting) < self.rule.line:
            self.waiting.append(seeker)
        else:
            return False
        return True

    def give_up(self, seeker: Seeker) -> None:
        """`seeker` needs no connection any more (its client left, its time is over)."""
        task = self._tasks.pop(seeker, None)
        if task is not None:
            task.cancel()
        elif seeker in self.waiting:
            self.waiting.remove(seeker)

    def release(self, connection: UpstreamConnection) -> None:
        """A connection has served and can serve again."""
        now = self._clock()
        aged = now - connection.born > _NAMED_LIFE and not _is_address(self.rule.host)
        if self.closed or aged:
            connection.close()
        elif self.waiting:
            self.waiting.popleft().connected(connection)
        else:
            connection.expires = now + self._idle_for
            self.idle.append(connection)

    def discard(self, connection: UpstreamConnection) -> None:
        """A connection is gone; its place is free."""
        if connection in self.idle:
            self.idle.remove(connection)
        self._place_freed()

    def heard_keep_alive(self, hint: bytes) -> None:
        """The upstream said `Keep-Alive: timeout=n`: leave its connections before it does."""
        found = _TIMEOUT_HINT.search(hint)
        if found is not None:
            self._idle_for = min(self.rule.idle, max(int(found[1]) - 1.0, 0.5))

    def expire(self, now: float) -> None:
        """Close what has been idle too long."""
        while self.idle and self.idle[0].expires <= now:
            self.idle[0].close()

    def close(self) -> None:
        """Retire: close what is idle, take back nothing; what is under way finishes."""
        self.closed = True
        while self.idle:
            self.idle[0].close()

    def _place_freed(self) -> None:
        self.open -= 1
        if self.waiting and self.open < self.rule.most:
            self._connect(self.waiting.popleft())

    def _connect(self, seeker: Seeker) -> None:
        self.open += 1
        self.connects += 1
        seeker.connecting()
        made: list[UpstreamConnection] = []
        task = asyncio.get_running_loop().create_task(self._open(seeker, made))
        # Not in the task itself: who is cancelled before the first step never runs.
        task.add_done_callback(lambda task: self._not_opened(made) if task.cancelled() else None)
        self._tasks[seeker] = task

    async def _open(self, seeker: Seeker, made: list[UpstreamConnection]) -> None:
        rule = self.rule

        def make() -> UpstreamConnection:
            made.append(UpstreamConnection(self, self._clock()))
            return made[-1]

        try:
            await asyncio.get_running_loop().create_connection(
                make,
                rule.host,
                rule.port,
                ssl=rule.tls,
                server_hostname=rule.server_name if rule.tls else None,
            )
        except (OSError, UnicodeError) as error:
            self._tasks.pop(seeker, None)
            self._not_opened(made)
            seeker.connect_failed(_fault(error))
            return
        if self._tasks.pop(seeker, None) is None:
            made[-1].close()
        elif made[-1].closed:  # lost between its opening and this moment
            seeker.connect_failed(Reason.UPSTREAM_CLOSED)
        else:
            seeker.connected(made[-1])

    def _not_opened(self, made: list[UpstreamConnection]) -> None:
        """Free the place of a connection that did not come about, once.

        It may have been made all the same, and then be told that it is lost.
        """
        if not made:
            self._place_freed()
        elif not made[-1].closed:
            made[-1].handed_over()


def _fault(error: Exception) -> Reason:
    if isinstance(error, socket.gaierror | UnicodeError):
        return Reason.UPSTREAM_UNRESOLVED
    if isinstance(error, ssl.SSLError):
        return Reason.UPSTREAM_TLS
    if isinstance(error, TimeoutError):
        return Reason.UPSTREAM_CONNECT_TIMEOUT
    return Reason.UPSTREAM_REFUSED


def _is_address(host: str) -> bool:
    return ":" in host or host.replace(".", "").isdigit()
