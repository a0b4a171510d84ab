"""The proxy's inside without its process: a real door and a real generation on a MemoryLoop."""

import asyncio
from typing import Any, cast

from proxy.config.models import Config
from proxy.controlplane.generations import GenerationBuilder
from proxy.controlplane.rollouts.observing import Watch
from proxy.dataplane.access_log import KeyHash
from proxy.dataplane.accounting import Accounting
from proxy.dataplane.client_connection import ClientConnection
from proxy.dataplane.door import Door
from proxy.dataplane.generation import Generation
from proxy.pluginhost.plugin_set import PluginSet
from tests.kit.transport import Dial, MemoryLoop, MemoryTransport, turns

LEGACY = "http://127.0.0.1:3000"
TRUSTED = "127.0.0.9"


def configuration(**sections: Any) -> Config:
    """A configuration with one upstream, `legacy`, and these sections."""
    base: dict[str, Any] = {
        "listen": "127.0.0.1:0",
        "upstreams": {"legacy": {"url": LEGACY}},
        "identity": {"trusted_proxies": [f"{TRUSTED}/32"]},
    }
    return Config.model_validate(base | sections)


def generation(before: Generation | None = None, **sections: Any) -> Generation:
    """The generation of such a configuration, on the running loop's clock."""
    loop = asyncio.get_running_loop()
    return GenerationBuilder(loop.time, KeyHash(b"test")).build(configuration(**sections), before)


class Inside:
    """A door on the running MemoryLoop; `close` it."""

    def __init__(
        self,
        *,
        made: PluginSet | None = None,
        declared: Config | None = None,
        **sections: Any,
    ) -> None:
        """With these sections, or as `declared`; `made` are the plugins."""
        self.loop = cast("MemoryLoop", asyncio.get_running_loop())
        self.accounting = Accounting()
        config = configuration(**sections) if declared is None else declared
        self.watch = Watch()
        builder = GenerationBuilder(self.loop.time, KeyHash(b"test"), self.watch.observers)
        self.generation = builder.build(config, None, made)
        self.watch.serve(config)
        self.door = Door(self.generation, self.accounting, self.loop)

    def connect(self, peer: str = "127.0.0.1", *, half_closes: bool = True) -> MemoryTransport:
        """A client's connection; what the test sends is the client's."""
        protocol: ClientConnection = self.door.protocol()
        transport = MemoryTransport(protocol, half_closes=half_closes)
        transport.peername = (peer, 50000)
        protocol.connection_made(transport)
        return transport

    async def dialled(self) -> Dial:
        """The one connection that is being opened."""
        await turns()
        found = [dial for dial in self.loop.dials if dial.wanted]
        assert len(found) == 1, found
        return found[0]

    async def accept(self) -> MemoryTransport:
        """Let the one connection that is being opened succeed; the test plays upstream."""
        dial = await self.dialled()
        dial.accept()
        await turns()
        assert dial.transport is not None
        return dial.transport

    async def ask(
        self, data: bytes, peer: str = "127.0.0.1"
    ) -> tuple[MemoryTransport, MemoryTransport]:
        """Send `data` as a client; the client's connection, and the new one upstream."""
        client = self.connect(peer)
        client.peer_sends(data)
        return client, await self.accept()

    async def sweep(self, seconds: float) -> None:
        """Let time pass and have every deadline looked at."""
        await self.loop.jump(seconds)

    async def close(self) -> None:
        """End everything and see that nothing is left."""
        self.door.cut()
        await turns()
        self.door.close()
        for upstream in self.generation.upstreams.values():
            upstream.retire()
        await turns()
        assert not self.door.connections
        assert not self.door.tunnels
        assert not self.door.sweep.watched
        assert self.accounting.in_flight == 0
        assert self.accounting.connections_open == 0
        for upstream in self.generation.upstreams.values():
            for endpoint in upstream.endpoints:
                assert endpoint.outstanding == 0
                assert endpoint.pool.open == 0, endpoint.pool
                assert not endpoint.pool.waiting
