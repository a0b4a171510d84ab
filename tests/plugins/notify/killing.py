"""A process that takes alerts in and delivers them without pause, to be killed in the middle.

`python -m tests.plugins.notify.killing PATH LIFE` is that process in its so-manieth life: it prints
a line for whatever the store has acknowledged.
"""

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import count
from pathlib import Path

from plugins.notify.store import Bounds, Cap, Wanted
from plugins.notify.stores.sqlite import MIGRATIONS, SqliteStore
from proxy.api.testing import FakeServices
from tests.plugins.notify.stores.bench import NOW, notice

CAP = Cap(10**6, 60.0)
LEASE = 60.0
BOUNDS = Bounds(repeat=100.0, give_up=86_400.0, waiting=10**6, listed=10**6)


@asynccontextmanager
async def opened(path: Path, life: int) -> AsyncIterator[SqliteStore]:
    """Open the store at the beginning of a life, when the leases of the last one are over."""
    services = FakeServices()
    store = SqliteStore(services.sqlite(path, MIGRATIONS), lambda: NOW + life * LEASE, BOUNDS)
    await store.open()
    yield store
    await services.close()


async def _take(store: SqliteStore, life: int) -> None:
    for number in count(life * 100_000 + 1):
        one = notice(number)
        await store.take(one, (Wanted("ops"),))
        print("taken", one.id, flush=True)


async def _deliver(store: SqliteStore) -> None:
    while True:
        for one in await store.claim("ops", CAP, lease=LEASE):
            print("sent", one.notice.id, flush=True)
            await store.delivered([one])
            print("delivered", one.notice.id, flush=True)


async def _live(path: Path, life: int) -> None:
    async with opened(path, life) as store:
        await asyncio.gather(_take(store, life), _deliver(store))


if __name__ == "__main__":
    asyncio.run(_live(Path(sys.argv[1]), int(sys.argv[2])))
