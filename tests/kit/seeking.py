"""A pool in memory, and someone who needs a connection of it."""

import asyncio
from typing import cast

from proxy.core.reason import Reason
from proxy.dataplane.pool import EndpointPool, PoolRule
from proxy.dataplane.upstream_connection import UpstreamConnection
from tests.kit.transport import MemoryLoop

RULE = PoolRule(host="127.0.0.1", port=3000, tls=None, server_name=None, most=2, idle=10.0, line=2)


class Asking:
    """Someone who needs a connection, and everything he is told."""

    def __init__(self) -> None:
        self.told: list[UpstreamConnection | Reason] = []
        self.begun = False

    def connecting(self) -> None:
        self.begun = True

    def connected(self, connection: UpstreamConnection) -> None:
        self.told.append(connection)

    def connect_failed(self, reason: Reason) -> None:
        self.told.append(reason)

    @property
    def connection(self) -> UpstreamConnection:
        assert len(self.told) == 1
        assert isinstance(self.told[0], UpstreamConnection)
        return self.told[0]


def running() -> MemoryLoop:
    return cast("MemoryLoop", asyncio.get_running_loop())


def new_pool(rule: PoolRule = RULE) -> EndpointPool:
    return EndpointPool(rule, asyncio.get_running_loop().time)
