"""Stores of workflows of each kind, and several doors to the same contents."""

import asyncio
import shutil
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import NamedTuple, Protocol

from plugins.orchestrator.workflows.dynamo import DynamoWorkflows
from plugins.orchestrator.workflows.store import WorkflowStore
from proxy.api.testing import FakeServices
from proxy.stores.dynamo import DynamoTable
from tests.kit.dynamo import REGION, DynamoServer, dynamo_server
from tests.plugins.orchestrator.workflows.written import store_of

KEEP = 30 * 86_400.0


class Doors(Protocol):
    """Two stores with the same contents, and the clock that both go by."""

    services: FakeServices

    @property
    def both(self) -> tuple[WorkflowStore, WorkflowStore]:
        """The doors."""

    async def open(self) -> None:
        """Begin with nothing in it."""

    async def close(self) -> None:
        """Remove what is left."""


class SqliteDoors:
    """On one file, through two threads, as two processes have it; or in memory, twice the same."""

    def __init__(self, *, memory: bool = False) -> None:
        self.services = FakeServices()
        self._other = FakeServices(self.services.jumping)
        self._memory = memory
        self._folder = tempfile.mkdtemp(prefix="crossfade-workflows-")

    @property
    def both(self) -> tuple[WorkflowStore, WorkflowStore]:
        return self._both

    async def open(self) -> None:
        path = Path(":memory:") if self._memory else Path(self._folder) / "workflows.db"
        first, second = (store_of(one, path) for one in (self.services, self._other))
        self._both = (first, first if self._memory else second)
        for store in self._both:
            await store.open()

    async def close(self) -> None:
        await self.services.close()
        await self._other.close()
        shutil.rmtree(self._folder)


class Dynamo(NamedTuple):
    """A server, and two clients of one table; a client takes long to be made."""

    server: DynamoServer
    tables: tuple[DynamoTable, DynamoTable]


@contextmanager
def dynamo_clients() -> Iterator[Dynamo]:
    """Start a server and make the clients."""
    with dynamo_server() as server:
        first, second = (DynamoTable("workflows", REGION, server.endpoint) for _ in range(2))
        yield Dynamo(server, (first, second))
        for table in (first, second):
            asyncio.run(table.close())


class DynamoDoors:
    """On one table, by two clients."""

    def __init__(self, dynamo: Dynamo) -> None:
        self.services = FakeServices()
        self._tables = dynamo.tables

    @property
    def both(self) -> tuple[WorkflowStore, WorkflowStore]:
        first, second = (
            DynamoWorkflows(table, self.services.now, self.services.log, KEEP)
            for table in self._tables
        )
        return first, second

    async def open(self) -> None:
        await self.both[0].open()

    async def close(self) -> None:
        await self._tables[0].call("delete_table")
        await self.services.close()


def doors_of(kind: str, dynamo: Callable[[], Dynamo]) -> Doors:
    """Return doors to a store of this kind; `dynamo` is asked for by DynamoDB alone."""
    if kind == "dynamodb":
        return DynamoDoors(dynamo())
    return SqliteDoors(memory=kind == "memory")


@asynccontextmanager
async def opened(doors: Doors) -> AsyncIterator[Doors]:
    await doors.open()
    try:
        yield doors
    finally:
        await doors.close()
