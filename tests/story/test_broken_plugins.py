"""The promise of a broken plugin: the old one goes on serving, and it is told what is wrong."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from proxy.config import ConfigError
from proxy.controlplane.wanted import wanted
from proxy.pluginhost.host import PluginHost
from tests.kit.inside import configuration
from tests.kit.running import RunningProxy, wait_until
from tests.story.echo import Caller, EchoUpstream
from tests.story.operator import Admin

GOLDEN = Path(__file__).parent / "golden"

GOOD = '''"""Greets."""
from proxy.api import Application, Settings, Use, hook


class Greeting(Settings):
    text: str = "hello"


class Hello(Use):
    settings: Greeting

    @hook
    def edit_response(self, request, reply):
        reply.headers.set("X-Greeting", self.settings.text)


class Started(Application):
    @hook
    async def startup(self, services):
        pass
'''

BROKEN = {
    "syntax-error": GOOD.replace(
        "def edit_response(self, request, reply):", "def edit_response(self"
    ),
    "import-error": GOOD.replace("class Greeting", "import no_such_module\n\n\nclass Greeting"),
    "misspelt-hook": GOOD.replace("def edit_response", "def edit_respnse"),
    "bad-settings": GOOD.replace("text: str", "greeting: str").replace(
        "settings.text", "settings.greeting"
    ),
    "failing-startup": GOOD.replace(
        "        pass", '        raise ConnectionError("no broker at 127.0.0.1:1")'
    ),
}


class Greeted:
    """A proxy with the plugin `hello`, and what it says."""

    def __init__(self, proxy: RunningProxy, file: Path) -> None:
        self.proxy = proxy
        self.file = file
        self.admin = Admin(proxy)

    async def greeting(self) -> str | None:
        caller = await Caller.open(self.proxy.port)
        reply = await caller.ask("/x", method="GET", host="a", body=b"")
        await caller.close()
        return reply.field("x-greeting")


@pytest.fixture
async def greeted(tmp_path: Path) -> AsyncIterator[Greeted]:
    file = tmp_path / "hello.py"
    file.write_text(GOOD)
    async with EchoUpstream("legacy") as upstream:
        proxy = RunningProxy(
            {
                "upstreams": {"legacy": {"url": upstream.url}},
                "plugins": {"path": [str(tmp_path)]},
                "routes": [
                    {
                        "name": "all",
                        "match": {"path": "/**"},
                        "upstream": "legacy",
                        "plugins": [{"hello": {"text": "good day"}}],
                    }
                ],
            }
        )
        await asyncio.to_thread(proxy.start)
        yield Greeted(proxy, file)
        await asyncio.to_thread(proxy.__exit__, None, None, None)


async def test_each_way_to_break_a_plugin_leaves_the_old_one_serving_and_is_told(
    greeted: Greeted,
) -> None:
    for name, source in BROKEN.items():
        greeted.file.write_text(source)
        code, outcome = await asyncio.to_thread(greeted.admin.reload)

        assert (code, await greeted.greeting()) == (409, "good day"), name
        assert _told(outcome["problems"], greeted) == (GOLDEN / f"{name}.txt").read_text()
        status = await asyncio.to_thread(greeted.admin.status)
        assert status["config"]["stale"], name
        assert status["config"]["problems"] == outcome["problems"]
        assert status["generation"] == 1

    greeted.file.write_text(GOOD.replace("settings.text)", "settings.text.upper())"))
    assert (await asyncio.to_thread(greeted.admin.reload))[0] == 200
    assert await greeted.greeting() == "GOOD DAY"


async def test_a_hook_that_always_raises_is_quarantined_until_it_is_mended(
    greeted: Greeted,
) -> None:
    greeted.file.write_text(GOOD.replace("self.settings.text", "self.nothing"))
    assert (await asyncio.to_thread(greeted.admin.reload))[0] == 200
    for _ in range(12):
        assert await greeted.greeting() is None

    status = await asyncio.to_thread(greeted.admin.status)
    (report,) = status["plugins"]
    (use,) = report["uses"]
    said = use["quarantined"].partition(" within")
    assert said[0] == "10 faults in 10 calls"
    assert (use["faults"], use["calls"]) == (10, 10)
    lines = [json.loads(line) for line in greeted.proxy.output().splitlines() if line[:1] == "{"]
    faults = [line for line in lines if line["event"].startswith("plugin_")]
    text = "".join(f"{line['level']} {line['event']}: {_shown(line)}\n" for line in faults)
    assert text == (GOLDEN / "always-raises.txt").read_text()
    greeted.file.write_text(GOOD)
    await asyncio.to_thread(wait_until, lambda: greeted.admin.generation() == 3, "it is mended")
    assert await greeted.greeting() == "good day"


def _told(problems: list[str], greeted: Greeted) -> str:
    folder, config = str(greeted.file.parent), str(greeted.proxy.file)
    return "".join(
        f"{said.replace(folder, 'plugins').replace(config, 'config.yaml')}\n" for said in problems
    )


def _shown(line: dict[str, object]) -> str:
    kept = {k: v for k, v in line.items() if k not in ("timestamp", "level", "event", "exception")}
    return ", ".join(f"{name}={value}" for name, value in sorted(kept.items()))


async def test_a_startup_that_hangs_is_given_up_and_told(tmp_path: Path) -> None:
    (tmp_path / "hello.py").write_text(
        GOOD.replace("        pass", "        await services.sleep(3600)")
    )
    config = configuration(plugins={"path": [str(tmp_path)], "hello": {}})
    host = PluginHost(CollectorRegistry(), startup_seconds=0.01)
    with pytest.raises(ConfigError) as refused:
        await host.prepare(wanted(config))

    told = str(refused.value).replace(str(tmp_path), "plugins")
    assert f"{told}\n" == (GOLDEN / "hanging-startup.txt").read_text()
    assert host.sets == 0
    await host.close()
