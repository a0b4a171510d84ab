"""How many messages a second go through the queue: put, claimed, begun, noted as sent.

In one process, which is claimed from by a few workers while others put; SQLite on this disk,
Redis with an append-only file that is written every second, as is its default.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from statistics import median
from typing import Any

from plugins.message_queue.identifiers import message_id
from plugins.message_queue.message import Approval, Claimed, Message
from plugins.message_queue.store import Bounds, QueueStore
from plugins.message_queue.stores.redis import RedisQueue
from plugins.message_queue.stores.sqlite import MIGRATIONS, SqliteQueue
from proxy.api.testing import FakeServices
from scripts.benchmarks.timing import timed
from tests.kit.redis import RedisServer

MESSAGES = 4000
USERS = 100
PUTTING = 32
WORKERS = 4
CLAIMED = 16
"""Messages at most that a worker claims at a time."""
LEASE = 60.0
BOUNDS = Bounds(messages=MESSAGES, user_messages=MESSAGES, user_bytes=1 << 30, in_flight=MESSAGES)


def run(rounds: int) -> dict[str, Any]:
    """Measure both stores, in turn; medians."""
    ways = {"sqlite": sqlite_queue, "redis": redis_queue}
    taken: dict[str, list[float]] = {name: [] for name in ways}
    for number in range(1, rounds + 1):
        for name, way in ways.items():
            taken[name].append(asyncio.run(_through(way)))
            print(f"round {number}: {name:<7} {taken[name][-1]:7.0f} messages/s")
    return {
        "rounds": rounds,
        "messages": MESSAGES,
        "per_s": {name: round(median(samples)) for name, samples in taken.items()},
    }


@asynccontextmanager
async def sqlite_queue(services: FakeServices) -> AsyncIterator[QueueStore]:
    """A queue in a file."""
    file = services.sqlite(Path("benchmark.db"), MIGRATIONS)
    yield SqliteQueue(file, time.time, repeats=False)


@asynccontextmanager
async def redis_queue(services: FakeServices) -> AsyncIterator[QueueStore]:
    """A queue in a Redis of its own."""
    with RedisServer("--appendonly", "yes", "--appendfsync", "everysec") as redis:
        yield RedisQueue(services.redis(redis.url), None, repeats=False)


async def _through(way: Callable[[FakeServices], AbstractAsyncContextManager[QueueStore]]) -> float:
    """Return messages per second from the first that is put to the last that is sent."""
    services = FakeServices(plugin="benchmark")
    async with way(services) as store:
        try:
            await store.open()
            messages = iter([_message(number) for number in range(MESSAGES)])
            sent: set[str] = set()
            seconds = await timed(
                [
                    *(_put(store, messages) for _ in range(PUTTING)),
                    *(_work(store, sent) for _ in range(WORKERS)),
                ]
            )
            await store.close()
        finally:
            await services.close()
    return MESSAGES / seconds


def _message(number: int) -> Message:
    now = time.time()
    return Message(
        id=message_id(now),
        user=f"user-{number % USERS}",
        recipient=f"fan-{number}",
        content="Good morning",
        approval=Approval(approved_by="ann", approved_at=now),
        enqueued_at=now,
        due_at=0.0,
        expires_at=now + 86_400,
    )


async def _put(store: QueueStore, messages: Iterator[Message]) -> None:
    for message in messages:
        await store.put(message, BOUNDS)


async def _work(store: QueueStore, sent: set[str]) -> None:
    """Claim and settle until all are through."""
    while len(sent) < MESSAGES:
        claimed = await store.claim(BOUNDS, most=CLAIMED, lease=LEASE)
        if not claimed:
            await asyncio.sleep(0.001)
        noted = await asyncio.gather(*(_deliver(store, one) for one in claimed))
        if not all(noted):
            raise RuntimeError("a lease was lost; a minute was not enough")
        sent.update(one.receipt.id for one in claimed)


async def _deliver(store: QueueStore, claimed: Claimed) -> bool:
    begun = await store.begin(claimed.receipt, LEASE)
    return begun and await store.sent(claimed.receipt, f"of-{claimed.receipt.id}")
