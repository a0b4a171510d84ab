"""Counts and times of all requests for a statsd server, over UDP: waits for nobody, may lose."""

import asyncio
import os
import re
from collections import Counter, defaultdict, deque
from collections.abc import Callable
from socket import SO_ERROR, SOL_SOCKET
from typing import Annotated, Literal

from statsd import StatsClient
from statsd.client.udp import Pipeline

from proxy.api import Alert, Application, Duration, Move, Outcome, Services, Settings, hook, setting

MOST_TIMES = 50  # of a timer in one flush: the last ones stand for all
Word = Annotated[str, setting(pattern=r"^[0-9A-Za-z_.-]{1,32}$")]
Labels = tuple[tuple[str, str], ...]


class StatsdSettings(Settings):
    """Where the receiver is, and what things are called there."""

    host: str = setting(default="127.0.0.1", min_length=1, description="The receiver.")
    port: int = setting(default=8125, ge=1, le=65535, description="Its UDP port.")
    prefix: str = setting(default="crossfade", pattern=r"^[0-9A-Za-z_.-]{0,64}$")
    tags: dict[Word, Word] = setting(default={}, max_length=8, description="In all lines.")
    tag_style: Literal["none", "dogstatsd"] = "none"
    flush: Duration = setting(default=1.0, ge=0.1, le=60, description="Between two flushes.")


class Statsd(Application):
    """Counts in memory; a task of its own sends."""

    settings: StatsdSettings

    @hook
    async def startup(self, services: Services) -> None:
        """Look for the receiver; without it, start all the same."""
        self._losses = services.counter("lost", "Datagrams that were lost.", ("why",))
        self._client: Client | None = None
        self._trouble = ""
        self._gauges: dict[str, float] = {}
        self._counts = Counter[tuple[str, Labels]]()
        self._times = defaultdict[Labels, deque[float]](lambda: deque(maxlen=MOST_TIMES))
        await self._connect()
        services.spawn(self._work(services), "flush")

    @hook
    async def shutdown(self) -> None:
        """Send the rest."""
        self._flush()
        if self._client:
            self._client.close()

    @hook
    def finished(self, outcome: Outcome) -> None:
        """Count the request, and keep its time."""
        status = f"{outcome.status // 100}xx" if outcome.status else "none"
        where = (("route", outcome.route), ("arm", outcome.arm))
        labels = (*where, ("status", status), ("reason", outcome.reason))
        self._counts["requests", labels] += 1
        self._times[labels].append(outcome.seconds * 1000)

    @hook
    def rollout_moved(self, move: Move) -> None:
        """Keep the percentage; each flush says it again."""
        self._gauges[move.rollout] = move.after

    @hook
    def alert_raised(self, alert: Alert) -> None:
        """Count it."""
        self._counts["alerts", (("name", alert.name), ("severity", alert.severity))] += 1

    @hook
    def health(self) -> str:
        """Say whether the last flush was lost."""
        return f"datagrams are lost: {self._trouble}" if self._trouble else ""

    async def _work(self, services: Services) -> None:
        while True:
            await services.sleep(self.settings.flush)
            self._flush()
            if self._client is None:
                await self._connect()

    async def _connect(self) -> None:
        try:
            async with asyncio.timeout(5):
                self._client = await asyncio.to_thread(Client, self.settings, self._lost)
        except (OSError, UnicodeError) as error:
            self._trouble = str(error) or "the host was not found within 5s"

    def _flush(self) -> None:
        if self._client:
            self._trouble = ""  # until something is lost
            with Lines(self._client) as lines:
                for key, count in self._counts.items():
                    lines.incr(key, count)
                for rollout, percentage in self._gauges.items():
                    lines.gauge(("percentage", (("rollout", rollout),)), percentage)
                for labels, times in self._times.items():
                    share = len(times) / self._counts["requests", labels]
                    for milliseconds in times:
                        lines.timing(("duration", labels), milliseconds, share)
        elif self._counts:
            self._lost(self._trouble)
        self._counts.clear()
        self._times.clear()

    def _lost(self, why: str) -> None:
        self._trouble = why
        self._losses.add(why=why)


class Lines(Pipeline):  # type: ignore[misc] # (the package has no types)
    """Puts lines into datagrams, and labels into their names or tags."""

    def _prepare(self, key: tuple[str, Labels], value: str, rate: float) -> object:
        (name, labels), settings = key, self._client.settings
        clean = {key: re.sub(r"[^0-9A-Za-z_.-]", "_", said[:64]) or "_" for key, said in labels}
        tags = settings.tags | clean
        if rate < 1:
            value = f"{value}|@{rate:.6f}"
        if settings.tag_style == "dogstatsd":
            value = f"{value}|#" + ",".join(map(":".join, tags.items()))
        else:
            name = ".".join((name, *(said.replace(".", "_") for said in tags.values())))
        return super()._prepare(name, value, 1)  # a rate would leave lines out


class Client(StatsClient):  # type: ignore[misc]
    """Sends datagrams, waits for nobody, and calls `lost` for each that is lost."""

    def __init__(self, settings: StatsdSettings, lost: Callable[[str], None]) -> None:
        host, size = settings.host, 1432  # bytes, which fit into an Ethernet frame
        super().__init__(host, settings.port, settings.prefix, size, ipv6=":" in host)
        self._sock.setblocking(False)
        self.settings, self._lost = settings, lost

    def _send(self, data: str) -> None:
        late = self._sock.getsockopt(SOL_SOCKET, SO_ERROR)  # of the datagram before
        try:
            self._sock.connect(self._addr)  # then the kernel tells when nobody is there
            self._sock.send(data.encode("ascii"))
        except OSError as error:
            self._lost(error.strerror or "unknown")
        if late:
            self._lost(os.strerror(late))
