"""A DynamoDB for all tests of the shared ledger, and a table of its own for each."""

from collections.abc import AsyncIterator, Iterator
from itertools import count
from typing import NamedTuple

import pytest

from plugins.cost_meter.sharing.table import migrate_table
from proxy.stores.dynamo import DynamoTable
from tests.kit.dynamo import REGION, DynamoServer, dynamo_server
from tests.plugins.cost_meter.rowed import NOON

_numbers = count(1)


class Shared(NamedTuple):
    """A table, and the server behind it."""

    server: DynamoServer
    table: DynamoTable

    def again(self) -> DynamoTable:
        """Another client's way to the same table."""
        return DynamoTable(self.table.name, REGION, self.server.endpoint)


@pytest.fixture(scope="package")
def server() -> Iterator[DynamoServer]:
    with dynamo_server() as server:
        yield server


@pytest.fixture
async def bare(server: DynamoServer) -> AsyncIterator[Shared]:
    """A table that is not there yet."""
    table = DynamoTable(f"costs-{next(_numbers)}", REGION, server.endpoint)
    server.calls.clear()
    yield Shared(server, table)
    server.troubles.clear()
    server.waits.set()
    await table.close()


@pytest.fixture
async def shared(bare: Shared) -> Shared:
    """A table that is ready."""
    await migrate_table(bare.table, dry_run=False, now=NOON)
    bare.server.calls.clear()
    return bare
