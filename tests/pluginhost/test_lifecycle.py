"""Startup and shutdown, and whatever plugins make of them."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from proxy.pluginhost.plugin_set import PluginSet
from tests.kit.transport import MemoryLoop, on_memory_loop, turns
from tests.pluginhost.hosting import WATCHER, Hosting, application, log_lines, module_of

FAILING = """
import asyncio

diary = []

class Login(Settings):
    token: Secret

class Failing(Application):
    settings: Login

    @hook
    async def startup(self, services):
        BODY

    @hook
    async def shutdown(self):
        diary.append("ends")
        END
"""


def failing(hosting: Hosting, body: str, end: str = "pass") -> None:
    hosting.write("failing", FAILING.replace("BODY", body).replace("END", end))


LATE = "a startup that was not ready within 10 s; wanted a startup that ends in time; it waits"

STARTUPS = {
    "raise OSError('hush-hush is refused')": (
        "failing.py:16:1: plugin failing: said startup raised OSError: ********** is refused; "
        "wanted startup to succeed"
    ),
    "import sys; sys.exit(3)": (
        "failing.py:16:1: plugin failing: said startup raised RuntimeError: it called sys.exit; "
        "wanted startup to succeed"
    ),
    "services.counter('Sent', 'Says.')": "raised ValueError: 'Sent' is no name for a counter",
    "await asyncio.sleep(1e6)": f"failing.py:16:1: plugin failing: said {LATE}",
    "raise TimeoutError": "said startup raised TimeoutError; wanted startup to succeed",
}


async def unsettled(hosting: Hosting, plugins: PluginSet) -> list[str]:
    """The problems when the plugin `failing` is added; time passes until they are told."""
    loop = asyncio.get_running_loop()
    assert isinstance(loop, MemoryLoop)
    named = application("watch"), application("failing", token="hush-hush")
    refused = asyncio.create_task(hosting.refused(*named, before=plugins))
    while not refused.done():
        await loop.jump(1)
    return await refused


@pytest.mark.parametrize("body", STARTUPS)
def test_a_startup_that_fails_leaves_everything_as_it_was(tmp_path: Path, body: str) -> None:
    @on_memory_loop
    async def test() -> None:
        hosting = Hosting(tmp_path, import_seconds=1e9)
        hosting.write("watch", WATCHER)
        plugins = await hosting.serve(application("watch"))
        failing(hosting, body)
        [problem] = await unsettled(hosting, plugins)
        assert STARTUPS[body] in problem
        assert module_of(plugins, "watch")["diary"] == ["watch begins"]
        assert (hosting.host.sets, hosting.host.codes, hosting.modules()) == (1, 1, 1)
        await hosting.host.close()
        assert hosting.modules() == 0

    test()


def test_a_startup_that_swallows_its_cancellation_does_not_hold_up_the_reload(
    tmp_path: Path,
) -> None:
    @on_memory_loop
    async def test() -> None:
        hosting = Hosting(tmp_path, import_seconds=1e9)
        hosting.write("watch", WATCHER)
        plugins = await hosting.serve(application("watch"))
        failing(
            hosting,
            "self.stop = asyncio.Event()\n"
            "        while not self.stop.is_set():\n"
            "            try: await self.stop.wait()\n"
            "            except asyncio.CancelledError: pass",
            "self.stop.set()",
        )
        [problem] = await unsettled(hosting, plugins)
        assert problem.startswith(f"failing.py:18:1: plugin failing: said {LATE}")
        await hosting.host.close()
        assert hosting.modules() == 0

    test()


def noting(file: Path) -> str:
    """The watcher, with a diary that several of them can write in."""
    return WATCHER.replace("diary.append(", f"write({str(file)!r}, ") + WRITE


WRITE = """
def write(file, text):
    with open(file, "a") as diary:
        diary.write(f"{text}, ")
"""


async def test_applications_start_in_order_and_end_in_reverse(tmp_path: Path) -> None:
    hosting = Hosting(tmp_path)
    told = tmp_path / "told.txt"
    for name in ("first", "second"):
        hosting.write(name, noting(told))
    await hosting.serve(*(application(name, name=name) for name in ("second", "first")))
    await hosting.host.close()
    assert told.read_text() == "second begins, first begins, first ends, second ends, "


async def test_what_failed_and_what_began_before_it_is_shut_down_in_reverse(tmp_path: Path) -> None:
    hosting = Hosting(tmp_path)
    told = tmp_path / "told.txt"
    for name in ("watch", "never"):
        hosting.write(name, noting(told))
    hosting.write("failing", noting(told).replace("self.services = services", "raise OSError"))
    named = [application(name, name=name) for name in ("watch", "failing", "never")]
    assert len(await hosting.refused(*named)) == 1
    assert told.read_text() == "watch begins, failing ends, watch ends, "
    assert hosting.modules() == 0


SHUTDOWNS = ["raise OSError", "raise SystemExit(3)", "await asyncio.sleep(1e6)"]


@pytest.mark.parametrize("end", SHUTDOWNS)
async def test_a_shutdown_that_fails_is_told_and_the_rest_goes_on(tmp_path: Path, end: str) -> None:
    hosting = Hosting(tmp_path, shutdown_seconds=0.002)
    failing(hosting, "pass", end)
    plugins = await hosting.serve(application("failing", token="hush-hush"))
    with log_lines() as lines:
        await plugins.release()
    assert [(line["event"], line["hook"]) for line in lines] == [("plugin_fault", "shutdown")]
    assert "hush-hush" not in str(lines)
    assert hosting.modules() == 0


BACKGROUND = """
diary = []

class Working(Application):
    @hook
    async def startup(self, services):
        services.spawn(self.work(services), "work")

    async def work(self, services):
        try:
            await services.sleep(1e6)
        finally:
            diary.append("cancelled")

    @hook
    async def shutdown(self):
        diary.append("shutdown")
"""


async def test_background_tasks_are_cancelled_after_shutdown(tmp_path: Path) -> None:
    hosting = Hosting(tmp_path)
    hosting.write("working", BACKGROUND)
    plugins = await hosting.serve(application("working"))
    diary: list[Any] = module_of(plugins, "working")["diary"]
    await turns()
    await plugins.release()
    assert diary == ["shutdown", "cancelled"]
