"""Workflows in a file: two processes, what one that died has left, what is forgotten."""

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from plugins.orchestrator.workflows.record import Workflow
from plugins.orchestrator.workflows.sqlite import MIGRATIONS
from plugins.orchestrator.workflows.store import IDEMPOTENT_FOR
from proxy.api import StoreError
from proxy.api.testing import FakeServices
from tests.kit.running import ROOT
from tests.plugins.orchestrator.records import attempt
from tests.plugins.orchestrator.workflows.written import NOW, opened, store_of, stored, written

AWAY = """
import asyncio, sys
from pathlib import Path
from tests.plugins.orchestrator.workflows.written import opened, written

async def main():
    async with opened(Path(sys.argv[1])) as store:
        print("open", flush=True)
        sys.stdin.readline()
        made = [store.create(written(n, id=f"{sys.argv[2]}-{n}", idempotency=f"k{n}"))
                for n in range(200)]
        taken = await asyncio.gather(*made)
        print(*(n for n, other in enumerate(taken) if other is None), flush=True)
        sys.stdin.readline()

asyncio.run(main())
"""


@contextmanager
def process(path: Path, name: str) -> Iterator["subprocess.Popen[str]"]:
    """Another process, which has opened the file, and creates 200 workflows when it is told to."""
    command = [sys.executable, "-c", AWAY, str(path), name]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True, cwd=ROOT) as running:
        assert running.stdout is not None
        assert running.stdout.readline() == "open\n"
        yield running
        running.kill()


def go_on(running: "subprocess.Popen[str]") -> None:
    assert running.stdin is not None
    print(file=running.stdin, flush=True)


def line(running: "subprocess.Popen[str]") -> set[str]:
    assert running.stdout is not None
    return set(running.stdout.readline().split())


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "workflows.db"


@pytest.fixture
async def services() -> AsyncIterator[FakeServices]:
    services = FakeServices()
    yield services
    await services.close()


def test_of_two_processes_one_gets_each_key(path: Path) -> None:
    with process(path, "a") as a, process(path, "b") as b:
        go_on(a)
        go_on(b)
        one, other = line(a), line(b)
    assert one.isdisjoint(other)
    assert one | other == {str(number) for number in range(200)}


async def test_what_a_process_that_died_has_held_may_be_taken_at_once(path: Path) -> None:
    held = written(lease_until=NOW + 600)

    async def takeable() -> tuple[Workflow, ...]:
        async with opened(path) as store:
            return await store.takeable(NOW, 9)

    with process(path, "a"):
        async with opened(path) as store:
            await store.create(held)
        del store
        assert await takeable() == ()  # it lives
    assert await takeable() == (stored(held, 1),)


async def test_a_reload_leaves_alone_what_the_old_generation_holds(path: Path) -> None:
    async with opened(path) as old:
        await old.create(written(lease_until=NOW + 600))
        async with opened(path) as new:
            assert await new.takeable(NOW, 9) == ()


async def test_the_lock_ends_with_the_store(services: FakeServices, path: Path) -> None:
    store = store_of(services, path)
    await store.open()
    await store.create(written(lease_until=NOW + 600))
    del store
    again = store_of(services, path)
    await again.open()
    assert len(await again.takeable(NOW, 9)) == 1


async def test_a_damaged_row_fails_nobody_but_who_asks_for_it(
    services: FakeServices, path: Path
) -> None:
    store = store_of(services, path)
    for number in (1, 2, 3):
        await store.create(written(number, idempotency=f"k{number}"))
    file = services.sqlite(path, MIGRATIONS)
    await file.write(
        lambda c: c.execute("UPDATE workflows SET document='{' WHERE id='wf_2'").close()
    )
    found = await store.list(user_id=None, status=None, limit=2)
    assert [one.id for one in found] == ["wf_3", "wf_1"]
    assert [one.id for one in await store.takeable(NOW, 2)] == ["wf_1", "wf_3"]
    assert [one.id for one in await store.of_request("r-1")] == ["wf_1", "wf_3"]
    for asked in (store.get("wf_2"), store.create(written(4, idempotency="k2"))):
        with pytest.raises(StoreError, match=r"workflow wf_2 of sqlite:.* cannot be read"):
            await asked
    assert len(services.logged("workflow_unreadable")) == 1


async def test_forgetting_takes_the_oldest_thousand_that_no_key_finds(
    services: FakeServices, path: Path
) -> None:
    store = store_of(services, path)
    for number in range(1, 1004):
        await store.create(written(number, status="completed"))
    await store.create(written(2000, status="running"))
    await store.create(written(0, status="completed", idempotency="k"))
    assert await store.forget(NOW + 9e6) == 1000
    assert await store.forget(NOW + 1003) == 2
    assert await store.forget(NOW + 1004) == 1
    await services.jumping.jump(IDEMPOTENT_FOR)
    assert await store.forget(NOW + 9e6) == 1
    assert [one.id for one in await store.list(user_id=None, status=None, limit=9)] == ["wf_2000"]


async def test_forgotten_ones_cost_nothing_any_more(services: FakeServices, path: Path) -> None:
    store = store_of(services, path)
    await store.create(written(status="completed", attempts=(attempt(tokens=(1, 0, 0, 0)),)))
    assert len(await store.costs(user_id=None, since=0, until=NOW + 9)) == 1
    await store.forget(NOW + 9)
    assert await store.costs(user_id=None, since=0, until=NOW + 9) == ()


async def test_memory_keeps_the_latest_that_have_ended(
    services: FakeServices, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("plugins.orchestrator.workflows.sqlite.IN_MEMORY_MOST", 2)
    store = store_of(services, Path(":memory:"))
    await store.open()
    for number in range(1, 6):
        await store.create(written(number, status="completed", idempotency=f"k{number}"))
    await store.create(written(0))
    assert await store.forget(NOW - 9e6) == 3
    found = await store.list(user_id=None, status=None, limit=9)
    assert [one.id for one in found] == ["wf_5", "wf_4", "wf_0"]


async def test_a_file_keeps_all_of_them(
    services: FakeServices, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("plugins.orchestrator.workflows.sqlite.IN_MEMORY_MOST", 2)
    store = store_of(services, path)
    for number in range(1, 6):
        await store.create(written(number, status="completed"))
    assert await store.forget(NOW - 9e6) == 0


async def test_every_question_is_answered_by_an_index(services: FakeServices, path: Path) -> None:
    """Where there are many workflows, nothing reads all of them."""
    asked: list[str] = []
    store = store_of(services, path)
    file = services.sqlite(path, MIGRATIONS)
    await store.open()
    await file.ask(lambda connection: connection.set_trace_callback(asked.append))
    await asyncio.gather(
        store.create(written(idempotency="k")),
        store.save(written(), 1),
        store.get("wf_1"),
        store.of_request("r-1"),
        store.list(user_id="u1", status=None, limit=9),
        store.list(user_id=None, status="failed", limit=9),
        store.takeable(NOW, 9),
        store.waiting(),
        store.costs(user_id=None, since=0, until=NOW),
        store.forget(NOW),
    )
    queries = [text for text in asked if "FROM workflow" in text or "UPDATE" in text]
    assert len(queries) >= 9
    for query in queries:
        plan = await file.ask(lambda c, query=query: explained(c, query))  # type: ignore[misc]
        assert not [step for step in plan if step.startswith("SCAN") and "INDEX" not in step], query


def explained(connection: object, query: str) -> list[str]:
    rows = connection.execute(f"EXPLAIN QUERY PLAN {query}")  # type: ignore[attr-defined]
    return [row[3] for row in rows]
