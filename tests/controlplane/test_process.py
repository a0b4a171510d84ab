"""A proxy with plugins, from its start to its end, in the test's own process."""

import asyncio
import io
import socket
import textwrap
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, closing
from pathlib import Path

import pytest
from prometheus_client.exposition import generate_latest

from proxy.config import ConfigError
from proxy.controlplane.process import ProxyProcess, StartError
from proxy.controlplane.rollouts.authority import Actor
from proxy.core.commands import Kill, Rollback, SetPercentage
from proxy.pluginhost.importing import loaded
from tests.controlplane.log_lines import logging_into

DEADLINE = 20.0
CONFIG = """\
listen: 127.0.0.1:{port}
upstreams: {{legacy: {{url: "http://127.0.0.1:{upstream}"}}}}
plugins: {{path: plugins}}
routes: [{{name: all, match: {{path: /**}}, upstream: legacy, plugins: [hello]}}]
limits: {{drain: 0s}}
"""
HELLO = """
from pathlib import Path
from proxy.api import Application, Reply, Use, hook

DIARY = Path(__file__).parents[1] / "diary"

class Hello(Use):
    @hook
    def admit(self, request):
        return Reply(200, (), "{version}") if request.path == "/" else None

class Life(Application):
    @hook
    async def startup(self):
        self.note("begins")
        {startup}

    @hook
    async def shutdown(self):
        self.note("ends")

    def note(self, what):
        with DIARY.open("a") as diary:
            diary.write("{version} " + what + "\\n")
"""


@pytest.fixture(autouse=True)
def _log() -> Iterator[None]:
    with logging_into(io.StringIO()):
        yield


class Home:
    """A folder with a configuration and a plugin."""

    def __init__(self, folder: Path) -> None:
        self.file = folder / "config.yaml"
        self.plugin = folder / "plugins" / "hello.py"
        self.plugin.parent.mkdir()
        self.write()
        self.write_plugin("one")

    def write(self, port: int = 0, upstream: int = 1) -> None:
        self.file.write_text(CONFIG.format(port=port, upstream=upstream))

    def write_plugin(self, version: str, startup: str = "pass") -> None:
        text = textwrap.dedent(HELLO.format(version=version, startup=startup))
        self.plugin.write_text(text)

    def diary(self) -> list[str]:
        return (self.file.parent / "diary").read_text().splitlines()

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[ProxyProcess]:
        proxy = ProxyProcess(self.file, {})
        await proxy.start()
        try:
            yield proxy
        finally:
            await proxy.drain()


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path)


async def body_of(proxy: ProxyProcess, path: str = "/") -> str:
    host, _, port = proxy.status().listeners[0].rpartition(":")
    async with asyncio.timeout(DEADLINE):
        reader, writer = await asyncio.open_connection(host, int(port))
        with closing(writer):
            head = f"GET {path} HTTP/1.1\r\nHost: t\r\nConnection: close\r\n\r\n"
            writer.write(head.encode())
            answer = await reader.read()
    return answer.rpartition(b"\r\n\r\n")[2].decode()


async def test_plugins_begin_before_the_first_request_and_end_after_the_last(home: Home) -> None:
    async with home.serving() as proxy:
        assert home.diary() == ["one begins"]
        assert await body_of(proxy) == "one"
        assert home.diary() == ["one begins"]
    assert home.diary() == ["one begins", "one ends"]
    assert loaded() == ()


async def test_a_saved_plugin_serves_without_being_asked_for(home: Home) -> None:
    async with home.serving() as proxy:
        home.write_plugin("two")
        async with asyncio.timeout(DEADLINE):
            while await body_of(proxy) != "two":
                assert proxy.status().generation <= 2
    assert home.diary() == ["one begins", "two begins", "one ends", "two ends"]


async def test_a_plugin_that_fails_at_the_start_keeps_the_proxy_from_starting(home: Home) -> None:
    home.write_plugin("one", startup="raise ConnectionError")
    proxy = ProxyProcess(home.file, {})
    with pytest.raises(ConfigError, match="hello"):
        await proxy.start()
    assert home.diary() == ["one begins", "one ends"]
    assert loaded() == ()
    assert proxy.ready() == (False, "starting")


async def test_an_address_that_is_taken_ends_the_plugins_that_had_begun(home: Home) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        home.write(port)
        with pytest.raises(StartError, match=f"listen 127.0.0.1:{port}: cannot listen there"):
            await ProxyProcess(home.file, {}).start()
    assert home.diary() == ["one begins", "one ends"]
    assert loaded() == ()


async def test_the_status_and_the_metrics_tell_of_plugins_and_generations(home: Home) -> None:
    async with home.serving() as proxy:
        status = proxy.status()
        assert [report.name for report in status.plugins] == ["hello"]
        assert [(entry.number, entry.note) for entry in status.history] == [
            (1, "Crossfade started")
        ]
        assert status.draining == ()
        metrics = generate_latest(proxy.registry).decode()
        for line in (
            'crossfade_plugin_quarantined{plugin="hello",route="all"} 0.0',
            "crossfade_plugin_modules 1.0",
            "crossfade_generations_draining 0.0",
        ):
            assert line in metrics


ROLLOUT = """\
listen: 127.0.0.1:0
state: {state}
upstreams: {{legacy: {{url: "http://127.0.0.1:1"}}}}
identity: {{key: [cookie:sid]}}
rollouts: {{fade: {{percentage: 50, rollback: {{enabled: false}}}}}}
routes:
  - name: all
    match: {{path: /**}}
    rollout: fade
    arms: {{legacy: {{upstream: legacy}}, new: {{upstream: legacy}}}}
limits: {{drain: 0s}}
"""
OPERATOR = Actor("alice", "operator")


async def test_what_was_learned_serves_again_after_a_restart(home: Home) -> None:
    home.file.write_text(ROLLOUT.format(state="sqlite:state.db"))
    async with home.serving() as proxy:
        await proxy.rollouts.change("fade", SetPercentage(7), OPERATOR, "slowly")
        assert proxy.generation.learned["fade"].percentage == 7
        assert proxy.config.rollouts["fade"].percentage == 50
        assert proxy.standing("fade").leader
        assert isinstance(proxy.standing("fade").observed, dict)
    async with home.serving() as proxy:
        assert proxy.generation.learned["fade"].percentage == 7
        [rollout] = proxy.status().rollouts
        assert (rollout.percentage, rollout.standing, rollout.version) == (7, "draft", 2)
        await proxy.rollouts.change("fade", Kill(), OPERATOR, "it fails")
        metrics = generate_latest(proxy.registry).decode()
        for line in (
            'crossfade_rollout_percentage{rollout="fade"} 0.0',
            'crossfade_rollout_standing{rollout="fade",standing="killed"} 1.0',
            'crossfade_rollout_version{rollout="fade"} 3.0',
            "crossfade_state_degraded 0.0",
            "crossfade_state_leader 1.0",
        ):
            assert line in metrics


async def test_a_start_without_the_store_serves_legacy_and_says_so(home: Home) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    home.file.write_text(ROLLOUT.format(state=f"redis://:hunter2@127.0.0.1:{port}/0"))
    async with home.serving() as proxy:
        ready, words = proxy.ready()
        assert ready
        assert words.startswith("serving, but the store of the rollouts is lost: ")
        assert "hunter2" not in words
        assert proxy.status().degraded in words
        assert proxy.generation.learned["fade"].share == 0
        assert "crossfade_state_degraded 1.0" in generate_latest(proxy.registry).decode()


async def test_a_reload_a_rollback_and_a_release_can_be_asked_for(home: Home) -> None:
    async with home.serving() as proxy:
        home.write_plugin("two")
        assert (await proxy.reload(dry_run=True)).changed
        assert await body_of(proxy) == "one"
        assert (await proxy.reload()).done
        assert await body_of(proxy) == "two"
        outcome = await proxy.rollback(1, by="ops")
        assert outcome.changed
        assert await body_of(proxy) == "one"
        assert proxy.status().config.brought_back
        assert proxy.release_quarantine() == ()
        assert proxy.plugin_admin() == ()
        assert proxy.history()[-1].note == "generation 1 was brought back by ops"


async def test_a_request_that_drains_too_long_is_cut_by_the_fourth_reload_behind_it(
    home: Home,
) -> None:
    asked, left = asyncio.Semaphore(0), asyncio.Semaphore(0)

    async def never_answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with closing(writer):
            while await reader.read(1000):
                asked.release()
        left.release()

    upstream = await asyncio.start_server(never_answer, "127.0.0.1", 0)
    home.write(upstream=upstream.sockets[0].getsockname()[1])
    async with home.serving() as proxy:
        requests = []
        for turn in range(4):
            requests.append(asyncio.create_task(body_of(proxy, f"/{turn}")))
            await asked.acquire()
            home.write_plugin(f"version {turn}")
            assert (await proxy.reload()).generation == turn + 2
            statuses = proxy.status().draining
            assert all(status.in_flight == 1 for status in statuses)
        assert [status.number for status in statuses] == [2, 3, 4]
        with pytest.raises(ConnectionResetError):
            await requests[0]
        assert not any(request.done() for request in requests[1:])
        ended = [line for line in home.diary() if line.endswith("ends")]
        assert ended == ["one ends"]
    await asyncio.gather(*requests, return_exceptions=True)
    for _ in requests:
        await left.acquire()
    upstream.close()


async def test_what_was_braked_while_a_reload_was_under_way_counts_at_once(home: Home) -> None:
    home.file.write_text(ROLLOUT.format(state="memory://"))
    async with home.serving() as proxy:
        before = proxy.generation
        built = proxy._builder.build(before.config, before, None, proxy.rollouts.states())
        await proxy.rollouts.change("fade", Rollback(), OPERATOR, "it fails")
        await proxy._take_over(built)
        assert proxy.generation is built
        assert built.learned["fade"].share == 0


async def test_requests_are_counted_by_the_clock_of_the_store(home: Home) -> None:
    home.file.write_text(ROLLOUT.format(state="memory://"))
    async with home.serving() as proxy:
        proxy.rollouts.ahead = 3600.0  # as a Redis whose clock is an hour ahead has it
        assert 3590 < proxy.rollouts.now() - time.time() < 3610
        await proxy._running.loop.look()
        window = proxy._running.watch.windows["fade"]
        window.observe("r", "", True, 1, 0, 200, 0.1, time.time())
        (number,) = window.export().slices
        assert abs(number * 10 - proxy.rollouts.now()) < 20


async def test_a_rollout_that_is_rolled_back_is_not_freed_by_another_name(home: Home) -> None:
    text = ROLLOUT.format(state="memory://")
    home.file.write_text(text)
    async with home.serving() as proxy:
        await proxy.rollouts.change("fade", Rollback(), OPERATOR, "it fails")
        home.file.write_text(text.replace("fade", "other"))
        outcome = await proxy.reload()
        assert not outcome.done
        assert "fade is rolled back by alice" in outcome.problems[0]
        home.file.write_text(text.replace("fade", "other").replace("50", "0"))
        assert (await proxy.reload()).done
