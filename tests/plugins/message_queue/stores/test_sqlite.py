"""The queue in SQLite: all that a queue promises, and what a file adds to it."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from plugins.message_queue.message import Approval
from plugins.message_queue.store import Filter, QueueStore
from plugins.message_queue.stores.sqlite import MIGRATIONS, SqliteQueue
from proxy.api import StoreError
from proxy.api.testing import FakeServices
from tests.plugins.message_queue.stores.behaviour import Behaviour
from tests.plugins.message_queue.stores.bench import LEASE, NOW, Bench, Clock, Opened, number_of
from tests.plugins.message_queue.stores.killing import Killing

IN_MEMORY = Path(":memory:")
SMALL = ("SCAN ranks", "SCAN queue_ranks", "SCAN state", "SCAN queue_state", "SCAN queue_depths")
"""Tables with as many rows as there are classes, or states; a pause is looked for in all paused."""


@asynccontextmanager
async def in_memory(now: Callable[[], float], repeats: bool) -> AsyncIterator[QueueStore]:
    services = FakeServices()
    store = SqliteQueue(services.sqlite(IN_MEMORY, MIGRATIONS), now, repeats=repeats)
    await store.open()
    yield store
    await services.close()


class TestSqliteQueue(Behaviour):
    times = 30

    @pytest.fixture
    def opened(self) -> Opened:
        return in_memory


@pytest.fixture
async def services() -> AsyncIterator[FakeServices]:
    services = FakeServices()
    yield services
    await services.close()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "queue.db"


async def bench_on(services: FakeServices, path: Path) -> Bench:
    clock = Clock()
    store = SqliteQueue(services.sqlite(path, MIGRATIONS), clock, repeats=False)
    await store.open()
    return Bench(store, clock)


async def change(services: FakeServices, path: Path, *statements: str) -> None:
    file = services.sqlite(path, MIGRATIONS)

    def job(connection: sqlite3.Connection) -> None:
        for statement in statements:
            connection.execute(statement)

    await file.write(job)


async def rows(services: FakeServices, path: Path, query: str) -> list[tuple[object, ...]]:
    file = services.sqlite(path, MIGRATIONS)
    return await file.ask(lambda connection: connection.execute(query).fetchall())


async def test_a_file_has_what_was_in_it(path: Path) -> None:
    services = FakeServices()
    bench = await bench_on(services, path)
    await bench.several(*"aab")
    (claimed,) = await bench.take(1)
    await bench.store.throttle(claimed.receipt, NOW + 9, "limit", whole_user=NOW + 9)
    await bench.store.pause("priority:low")
    await services.close()
    services = FakeServices()
    bench = await bench_on(services, path)
    assert await bench.users() == ["b"]
    assert (await bench.store.stats()).paused == ("priority:low",)
    bench.clock.at += 9
    assert await bench.numbers() == [1, 2]
    await services.close()


async def test_two_who_have_a_file_never_get_the_same_message(path: Path) -> None:
    both = FakeServices(), FakeServices()
    first, second = [await bench_on(services, path) for services in both]
    await first.several(*"abcdef" * 5)
    claims = [bench.take(3) for _ in range(6) for bench in (first, second)]
    found = [number_of(one.record) for some in await asyncio.gather(*claims) for one in some]
    assert sorted(found) == list(range(1, 31))
    for services in both:
        await services.close()


def test_a_kill_loses_nothing_that_was_acknowledged(path: Path) -> None:
    found = Killing(path, seed=7).run(kills=3)
    assert found.wrong == []
    assert min(found.told[word] for word in ("put", "claimed", "sent")) > 100


async def test_a_message_that_cannot_be_read_is_in_nobodys_way(
    services: FakeServices, path: Path
) -> None:
    bench = await bench_on(services, path)
    await bench.put(max_attempts=1, dedupe_key="k")
    await bench.several(*"aa")
    await change(services, path, "UPDATE queue_messages SET body = '{' WHERE id = 'm00001'")
    assert await bench.listed() == [2, 3]
    assert await bench.listed(limit=2) == [2, 3]
    asked = (
        bench.store.get("m00001"),
        bench.put(dedupe_key="k"),
        bench.store.cancel("m00001"),
        bench.store.requeue("m00001", NOW),
    )
    for one in asked:
        with pytest.raises(StoreError, match="m00001 cannot be read"):
            await one
    assert await bench.numbers() == [2, 3]
    bench.clock.at += LEASE
    assert await bench.numbers() == [2, 3]
    found = await rows(services, path, "SELECT id FROM queue_messages WHERE state = 'dead'")
    assert found == [("m00001",)]


async def test_what_is_not_needed_any_more_is_removed(services: FakeServices, path: Path) -> None:
    bench = await bench_on(services, path)
    await bench.store.pause("user:d")
    for user in "abc":
        await bench.put(user)
        claimed = await bench.one()
        if user == "b":
            until = NOW + 9_000
            await bench.store.throttle(claimed.receipt, until, "limit", whole_user=until)
            await bench.store.cancel("m00002")
        else:
            await bench.store.sent(claimed.receipt, "p")
    users = "SELECT user FROM queue_users ORDER BY user"
    await bench.take()
    assert await rows(services, path, users) == [("b",), ("d",)]
    bench.clock.at += 9_000
    await bench.take()
    assert await rows(services, path, users) == [("d",)]
    assert await rows(services, path, "SELECT * FROM queue_lanes") == []
    assert await rows(services, path, "SELECT * FROM queue_rates") == []


async def test_memory_says_that_it_forgets(services: FakeServices, path: Path) -> None:
    forgetful, keeping = await bench_on(services, IN_MEMORY), await bench_on(services, path)
    assert "lost when the process ends" in await forgetful.store.trouble()
    assert await keeping.store.trouble() == ""


async def test_nobody_else_rings(services: FakeServices) -> None:
    bench = await bench_on(services, IN_MEMORY)
    rung: list[int] = []
    await bench.store.listen(lambda: rung.append(1))
    assert rung == []


async def test_every_question_is_answered_by_an_index(services: FakeServices, path: Path) -> None:
    """However many messages wait, nothing reads all of them."""
    bench = await bench_on(services, path)
    await bench.take()  # which tells the bound: that is for all users
    file = services.sqlite(path, MIGRATIONS)
    asked: list[str] = []
    await file.ask(lambda connection: connection.set_trace_callback(asked.append))
    await everything(bench)
    await file.ask(lambda connection: connection.set_trace_callback(None))
    queries = {text for text in asked if " queue_" in text and not text.startswith("--")}
    assert len(queries) > 50
    for query in queries:
        plan = await rows(services, path, f"EXPLAIN QUERY PLAN {query}")
        steps = [str(step[3]) for step in plan]
        slow = [step for step in steps if step.startswith(("SCAN", "USE TEMP B-TREE FOR ORDER"))]
        assert not [step for step in slow if not step.startswith((*SMALL, PAUSED))], query


PAUSED = "SCAN queue_users USING INDEX queue_users_paused"


async def test_the_messages_of_a_user_in_a_state_are_found_by_both(
    services: FakeServices, path: Path
) -> None:
    bench = await bench_on(services, path)
    file = services.sqlite(path, MIGRATIONS)
    asked: list[str] = []
    await file.ask(lambda connection: connection.set_trace_callback(asked.append))
    await bench.listed(user="a", state="sent")
    await file.ask(lambda connection: connection.set_trace_callback(None))
    [query] = [text for text in asked if "queue_messages" in text]
    [step] = await rows(services, path, f"EXPLAIN QUERY PLAN {query}")
    assert "(user=? AND state=? AND id>?)" in str(step[3])


async def everything(bench: Bench) -> None:
    """Ask a queue for all that it can do, but for what has to look at all users."""
    store = bench.store
    await bench.in_state("held")
    await store.approve("m00001", Approval(approved_by="p", approved_at=NOW))
    await store.settle("m00001", "dead", "c", "w")
    await bench.in_state("sending", dedupe_key="k")
    await bench.put(dedupe_key="k", lease=LEASE)
    bench.clock.at += LEASE
    await bench.several(*"abc", expires_at=NOW)
    for claimed in await bench.take():
        await store.extend(claimed.receipt, LEASE)
        await store.throttle(claimed.receipt, NOW, "w", whole_user=NOW + 90)
    await store.pause("user:a")
    await store.requeue("m00001", NOW + 99)
    for which in (Filter(), Filter(state="dead"), Filter(user="a", state="dead")):
        await store.list(which, limit=9)
    await store.get("m00001")
    await store.position("m00001")
    await store.next_moment()
    await store.cancel("m00001")
    await store.stats()
    await store.purge("dead", NOW + 9_000)
