"""The store in a SQLite file, or in memory."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from plugins.notify.store import Bounds, Filter, NotifyStore
from plugins.notify.stores.sqlite import MIGRATIONS, SqliteStore
from proxy.api.testing import FakeServices
from tests.plugins.notify.stores import behaviour
from tests.plugins.notify.stores.bench import BOUNDS, Clock, made_id, notice
from tests.plugins.notify.stores.machine import does_as_the_model


@asynccontextmanager
async def opened(clock: Clock, bounds: Bounds) -> AsyncIterator[NotifyStore]:
    services = FakeServices()
    store = SqliteStore(services.sqlite(Path(":memory:"), MIGRATIONS), clock, bounds)
    try:
        await store.open()
        yield store
    finally:
        await services.close()


def test_whatever_is_asked_it_does_as_the_model() -> None:
    assert does_as_the_model(opened, 45) >= 45


async def test_it_behaves_as_a_store_of_alerts() -> None:
    assert await behaviour.all_of_it(opened) == len(behaviour.PROMISES)


async def test_a_file_is_as_it_was_when_it_is_opened_anew(tmp_path: Path) -> None:
    path = tmp_path / "alerts.db"
    for _ in range(2):
        services = FakeServices()
        store = SqliteStore(services.sqlite(path, MIGRATIONS), Clock(), BOUNDS)
        await store.open()
        await store.take(notice(1), ())
        assert [one.times for one in await store.list(Filter(), 9)] == [1]
        assert await store.trouble() == ""
        await services.close()


async def test_memory_says_that_it_forgets() -> None:
    async with opened(Clock(), BOUNDS) as store:
        assert "kept in memory" in await store.trouble()


async def test_a_file_of_the_first_version_is_read_and_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "alerts.db"
    services = FakeServices()
    old = "'i1', 'n', 's', 'text 1', 'warning', '', 1.0, 1.0, 1.0, '[]'"
    await services.sqlite(path, MIGRATIONS[:1]).write(
        lambda on: on.execute(
            "INSERT INTO notify_alerts (id, identity, name, subject, text, severity, user, at, "
            f"last_at, told_at, channels) VALUES ('{made_id(1)}', {old})"
        )
    )
    await services.close()
    services = FakeServices()
    store = SqliteStore(services.sqlite(path, MIGRATIONS), Clock(), BOUNDS)
    await store.open()
    [one] = await store.list(Filter(), 9)
    assert (one.text, one.measured) == ("text 1", None)
    await services.close()
