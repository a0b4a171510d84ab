"""What the hot path counts: plain integers, no locks, one writer.

Everything here is touched by the event loop's thread alone, the scrape
included. One call per finished request; all sums that can be derived are
derived when somebody looks (see `proxy.controlplane.metrics`). The counters
belong to the process, not to a generation: a reload never sets one back.
"""

from bisect import bisect_left
from collections.abc import Iterator
from typing import NamedTuple

from proxy.core.histogram import BOUNDS, Histogram
from proxy.core.reason import FAULTS, Reason

NO_ROUTE = ""
"""The route of a request that met none; no route of a configuration can be called that."""

NO_ARM = "none"
"""The arm of a request whose route names an upstream, or that met no route."""


class SeriesKey(NamedTuple):
    """What requests are counted by; `status_class` is the first digit, 0 when nothing was sent."""

    route: str
    arm: str
    status_class: int
    reason: Reason


class Series:
    """The counter of one `SeriesKey`, with the histogram that its requests are timed in."""

    __slots__ = ("count", "latency")

    def __init__(self, latency: Histogram) -> None:
        self.count = 0
        self.latency = latency


class Accounting:
    """All counters of the data plane.

    The plain attributes are read by whoever reports them:

    - `in_flight`: requests that have begun and not finished
    - `tunnels_open`: upgraded connections; `connections_open`: client connections
    - `connections_accepted`, `connections_refused`: client connections so far
    - `bytes_in`, `bytes_out`: client side, of finished requests
    - `retries`: per upstream, requests sent again on a fresh connection
    - `rescues`: per route, requests that new failed at and legacy was asked instead
    - `reloads_done`, `reloads_failed`: attempts to take a changed configuration
    """

    __slots__ = (
        "_latency",
        "_series",
        "bytes_in",
        "bytes_out",
        "connections_accepted",
        "connections_open",
        "connections_refused",
        "in_flight",
        "reloads_done",
        "reloads_failed",
        "rescues",
        "retries",
        "tunnels_open",
    )

    def __init__(self) -> None:
        self.in_flight = 0
        self.tunnels_open = 0
        self.connections_open = 0
        self.connections_accepted = 0
        self.connections_refused = 0
        self.bytes_in = 0
        self.bytes_out = 0
        self.reloads_done = 0
        self.reloads_failed = 0
        self.retries: dict[str, int] = {}
        self.rescues: dict[str, int] = {}
        self._series: dict[tuple[str, str, int, Reason], Series] = {}
        self._latency: dict[tuple[str, str], Histogram] = {}

    def started(self) -> None:
        """Note that a request has begun; each must be followed by one `finished`."""
        self.in_flight += 1

    def finished(
        self,
        route: str,
        arm: str,
        status: int,
        reason: Reason,
        seconds: float,
        bytes_in: int,
        bytes_out: int,
    ) -> None:
        """Note that a request has ended, however it did.

        `status` is what the client was sent (0: nothing), `reason` the fault if
        there was one, else the decision. `seconds` is the time from the head to
        the last byte; the time of a tunnel (101) is not a latency and is left out
        of the histogram. Bytes are those on the client's side.
        """
        self.in_flight -= 1
        self.bytes_in += bytes_in
        self.bytes_out += bytes_out
        try:
            series = self._series[route, arm, status // 100, reason]
        except KeyError:
            series = self._open(route, arm, status // 100, reason)
        series.count += 1
        latency = series.latency
        latency.counts[bisect_left(BOUNDS, seconds)] += 1
        latency.total += seconds

    def refused(self, reason: Reason, status: int, bytes_out: int = 0) -> None:
        """Count a request that never became one: its head was not taken.

        It was not `started`, has no route and no latency.
        """
        self.bytes_out += bytes_out
        key = (NO_ROUTE, NO_ARM, status // 100, reason)
        (self._series.get(key) or self._open(*key)).count += 1

    def connection_opened(self) -> None:
        """Note a client connection that was taken."""
        self.connections_open += 1
        self.connections_accepted += 1

    def connection_closed(self) -> None:
        """Note the end of a client connection that was taken."""
        self.connections_open -= 1

    def connection_refused(self) -> None:
        """Note a client connection that was turned away: there are as many as there may be."""
        self.connections_refused += 1

    def retried(self, upstream: str) -> None:
        """Note that a request was sent to `upstream` again, on a fresh connection."""
        self.retries[upstream] = self.retries.get(upstream, 0) + 1

    def rescued(self, route: str) -> None:
        """Note that new failed at a request of `route`, and that legacy is asked instead."""
        self.rescues[route] = self.rescues.get(route, 0) + 1

    def reloaded(self, *, done: bool) -> None:
        """Note an attempt to take a changed configuration; `done` tells whether it serves."""
        if done:
            self.reloads_done += 1
        else:
            self.reloads_failed += 1

    def series(self) -> Iterator[tuple[SeriesKey, int]]:
        """Iterate over the request counts, in the order in which they were first seen."""
        for key, series in self._series.items():
            yield SeriesKey(*key), series.count

    def latencies(self) -> Iterator[tuple[str, str, Histogram]]:
        """Iterate over (route, arm, histogram of seconds), without those never observed."""
        for (route, arm), histogram in self._latency.items():
            if histogram.count:
                yield route, arm, histogram

    def faults(self) -> dict[Reason, int]:
        """Return how many requests ended in each fault so far."""
        found: dict[Reason, int] = {}
        for key, count in self.series():
            if key.reason in FAULTS:
                found[key.reason] = found.get(key.reason, 0) + count
        return found

    def _open(self, route: str, arm: str, status_class: int, reason: Reason) -> Series:
        # A tunnel lasts as long as its user likes: it gets a histogram that nobody reads.
        tunnel = status_class == 1
        latency = Histogram() if tunnel else self._latency.setdefault((route, arm), Histogram())
        series = self._series[route, arm, status_class, reason] = Series(latency)
        return series
