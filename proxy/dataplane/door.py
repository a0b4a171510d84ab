"""What every client connection shares: the generation in force, the clock, the counts."""

import asyncio
import time
from collections import deque
from typing import TYPE_CHECKING

from proxy.dataplane.accounting import Accounting
from proxy.dataplane.client_connection import ClientConnection
from proxy.dataplane.decided import Decided
from proxy.dataplane.generation import REMEMBERED
from proxy.dataplane.sweep import Sweep
from proxy.dataplane.tunnel import Tunnel

if TYPE_CHECKING:
    from proxy.dataplane.generation import Generation

__all__ = ["Door"]


class Door:
    """Hands each new connection its protocol, and each new request the generation in force.

    `generation` is replaced by one assignment; a request reads it once. While
    `draining`, connections close after the request under way; `empty` is set once
    nobody is left to serve. `decided` are the last decisions of rollouts; they are kept
    in memory alone, to make them again for who asks why, and to tell beforehand what a
    change of the configuration would do to these callers.
    """

    def __init__(
        self, generation: "Generation", accounting: Accounting, loop: asyncio.AbstractEventLoop
    ) -> None:
        """Open nothing yet: listeners are made with `protocol` as their factory."""
        self.generation = generation
        self.accounting = accounting
        self.sweep = Sweep(loop, self._expire_idle)
        self.clock = loop.time
        self.wall_clock = time.time
        self.draining = False
        self.empty = asyncio.Event()
        self.decided: deque[Decided] = deque(maxlen=REMEMBERED)
        self.connections: set[ClientConnection] = set()
        self.tunnels: set[Tunnel] = set()

    def protocol(self) -> ClientConnection:
        """The protocol of a new client connection."""
        return ClientConnection(self)

    def admit(self, connection: ClientConnection) -> bool:
        """Count a new connection; false if there are as many as there may be."""
        if len(self.connections) + len(self.tunnels) >= self.generation.limits.connections:
            self.accounting.connection_refused()
            return False
        self.connections.add(connection)
        self.accounting.connection_opened()
        return True

    def left(self, connection: ClientConnection) -> None:
        """A connection that was admitted is gone, or has become a tunnel."""
        if connection in self.connections:
            self.connections.remove(connection)
            self.accounting.connection_closed()
            self._look_if_empty()

    def tunnel(self, client: ClientConnection, upstream: asyncio.Transport, idle: float) -> None:
        """Make a tunnel of two connections; count it until it closes.

        `idle`: the longest silence in seconds.
        """
        held = client.switched()
        if held:
            upstream.write(held)
        tunnel = Tunnel(self.sweep, client.transport, upstream, idle)
        self.tunnels.add(tunnel)
        self.accounting.tunnels_open += 1
        tunnel.on_close = lambda: self._tunnel_closed(tunnel)

    def _tunnel_closed(self, tunnel: Tunnel) -> None:
        self.tunnels.discard(tunnel)
        self.accounting.tunnels_open -= 1
        self._look_if_empty()

    def drain(self) -> None:
        """Close idle connections now and the others after their request."""
        self.draining = True
        for connection in tuple(self.connections):
            connection.drain()
        self._look_if_empty()

    def _look_if_empty(self) -> None:
        if self.draining and not self.connections and not self.tunnels:
            self.empty.set()

    def cut(self) -> None:
        """End what is left, at once."""
        for connection in tuple(self.connections):
            connection.abort()
        for tunnel in tuple(self.tunnels):
            tunnel.abort()

    def cut_generation(self, generation: "Generation") -> None:
        """End the requests that need the plugins of `generation`, at once."""
        for connection in tuple(self.connections):
            if connection.serves(generation):
                connection.abort()

    def _expire_idle(self, now: float) -> None:
        for upstream in self.generation.upstreams.values():
            upstream.expire_idle(now)

    def close(self) -> None:
        """Stop the clockwork."""
        self.sweep.close()
