"""Stores of plugins, through a whole host: opened in startup, closed after shutdown."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from proxy.pluginhost.plugin_set import PluginSet
from proxy.pluginhost.stores import NoStores, PluginStores
from proxy.stores.for_plugins import StoresForPlugins
from tests.pluginhost.hosting import Hosting, application, module_of

KEEPER = """
from pathlib import Path

diary = []

class Keep(Settings):
    name: str = "first"

class Keeper(Application):
    settings: Keep

    @hook
    async def startup(self, services):
        self.services = services
        services.share(Keeper, self)
        self.file = services.sqlite(Path("kept.db"), ["CREATE TABLE t (x)"])
        await self.note("begins")

    async def note(self, word):
        text = f"{self.settings.name} {word}"
        await self.file.write(lambda c: c.execute("INSERT INTO t VALUES (?)", (text,)).rowcount)

    @hook
    async def shutdown(self):
        await self.note("ends")
        diary.append(self.services.shared(Keeper))
"""


@pytest.fixture
async def hosting(tmp_path: Path) -> AsyncIterator[Hosting]:
    folder = tmp_path / "plugins"
    folder.mkdir()
    hosting = Hosting(folder, stores=StoresForPlugins(tmp_path))
    hosting.write("keeper", KEEPER)
    yield hosting
    await hosting.host.close()


def files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


async def kept(folder: Path) -> list[str]:
    door = StoresForPlugins(folder).sqlite("keeper", Path("kept.db"), ["CREATE TABLE t (x)"])
    try:
        return await door.ask(lambda c: [row[0] for row in c.execute("SELECT x FROM t")])
    finally:
        await door.close()


def keeper(plugins: PluginSet) -> object:
    return plugins.instances.applications[0].application


async def test_a_store_is_there_from_startup_to_the_end_of_shutdown(
    hosting: Hosting, tmp_path: Path
) -> None:
    plugins = await hosting.serve(application("keeper"))
    await hosting.host.end(plugins)
    assert await kept(tmp_path) == ["first begins", "first ends"]
    assert files(tmp_path) == ["kept.db", "plugins"]


async def test_two_generations_have_one_file_at_a_time(hosting: Hosting, tmp_path: Path) -> None:
    old = await hosting.serve(application("keeper"))
    new = await hosting.serve(application("keeper", name="second"))
    await keeper(old).note("still writes")  # type: ignore[attr-defined]
    await hosting.host.end(old)
    await keeper(new).note("writes on")  # type: ignore[attr-defined]
    assert (await kept(tmp_path))[1:] == [
        "second begins",
        "first still writes",
        "first ends",
        "second writes on",
    ]


async def test_the_latest_offer_counts_and_nothing_that_is_shut_down_is_offered(
    hosting: Hosting,
) -> None:
    old = await hosting.serve(application("keeper"))
    globals_ = module_of(old, "keeper")
    services, kind = keeper(old).services, globals_["Keeper"]  # type: ignore[attr-defined]
    new = await hosting.serve(application("keeper", name="second"))
    assert services.shared(kind) is keeper(new)
    await hosting.host.end(new)
    assert services.shared(kind) is keeper(old)
    await hosting.host.end(old)
    assert globals_["diary"] == [keeper(old), None]


async def test_what_a_failed_startup_has_opened_is_closed(hosting: Hosting, tmp_path: Path) -> None:
    hosting.write("keeper", KEEPER.replace('"begins")', '"begins"); raise OSError'))
    [problem] = await hosting.refused(application("keeper"))
    assert "OSError" in problem
    assert files(tmp_path) == ["kept.db", "plugins"]


async def test_a_host_without_stores_says_so(tmp_path: Path) -> None:
    none: PluginStores = NoStores()
    for asked in (
        lambda: none.sqlite("keeper", Path("x.db"), ()),
        lambda: none.redis("keeper", "redis://localhost"),
        lambda: none.dynamodb("t", "", ""),
    ):
        with pytest.raises(RuntimeError, match="gives no stores"):
            asked()
    hosting = Hosting(tmp_path)
    hosting.write("keeper", KEEPER)
    [problem] = await hosting.refused(application("keeper"))
    assert "RuntimeError" in problem
    await asyncio.wait_for(hosting.host.close(), 5)
