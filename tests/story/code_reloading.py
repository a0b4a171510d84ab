"""Steady load on a proxy whose plugin is rewritten again and again, and its judgement.

The plugin signs every request on its way in, at the upstream, and on its way out, each
time with its version: an answer that two versions had a hand in shows both.
"""

import asyncio
import json
import time
from collections import Counter
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.kit.running import RunningProxy, wait_until
from tests.story.echo import Caller, EchoUpstream
from tests.story.operator import Admin, resident_bytes

PLUGIN = '''"""Version {version}."""

from proxy.api import Application, Use, hook

VERSION = "{version}"
WEIGHT = [str(number) for number in range(4000)]


class Signing(Application):
    @hook
    async def startup(self, services):
        services.spawn(self.watch(services), "watch")

    async def watch(self, services):
        while True:
            await services.sleep(3600)


class Sign(Use):
    @hook
    async def admit(self, request):
        request.notes[Sign] = VERSION

    @hook
    def edit_request(self, request, outgoing):
        outgoing.headers.set("X-Signed", VERSION)

    @hook
    async def rewrite_response(self, request, reply):
        told = reply.json()
        reply.body = " ".join([request.notes[Sign], told["x-signed"], VERSION]).encode()
        return reply

    @hook
    def edit_response(self, request, reply):
        reply.headers.set("X-Version", VERSION)
'''


@dataclass
class Judgement:
    """What came of it; `resident` (bytes) and `modules` after every tenth reload."""

    reloads: int = 0
    requests: int = 0
    seconds: float = 0.0
    failures: list[str] = field(default_factory=list)
    mixed: list[str] = field(default_factory=list)
    by_version: Counter[str] = field(default_factory=Counter)
    resident: list[int] = field(default_factory=list)
    modules: list[int] = field(default_factory=list)
    draining: int = -1
    in_effect_after: list[float] = field(default_factory=list)

    @property
    def rate(self) -> float:
        """Requests per second."""
        return self.requests / self.seconds


class CodeReloading:
    """The load, the rewriting and the judging; `run` does it all."""

    def __init__(self, count: int, rate: float, folder: Path, workers: int = 16) -> None:
        """`count` reloads at `rate` requests per second; the plugin lives in `folder`."""
        self._count = count
        self._rate = rate
        self._file = folder / "sign.py"
        self._workers = workers
        self._turn = 0
        self._stop = asyncio.Event()
        self.judgement = Judgement()

    async def run(self, on_change: Callable[[int], None] = lambda _: None) -> Judgement:
        """Start everything, change the plugin under load, judge."""
        self._write(0)
        async with AsyncExitStack() as stack:
            upstream = await stack.enter_async_context(EchoUpstream("legacy"))
            proxy = RunningProxy(
                {
                    "upstreams": {"legacy": {"url": upstream.url}},
                    "plugins": {"path": [str(self._file.parent)]},
                    "routes": [
                        {
                            "name": "all",
                            "match": {"path": "/**"},
                            "upstream": "legacy",
                            "plugins": ["sign"],
                        }
                    ],
                }
            )
            await asyncio.to_thread(proxy.start)
            try:
                await self._load_and_change(proxy, Admin(proxy), on_change)
            finally:
                await asyncio.to_thread(proxy.__exit__, None, None, None)
        return self.judgement

    def _write(self, number: int) -> None:
        """Replace the file as an editor does: write beside it, rename over it."""
        beside = self._file.with_suffix(".new")
        beside.write_text(PLUGIN.format(version="ab"[number % 2] * 3))
        beside.replace(self._file)

    async def _load_and_change(
        self, proxy: RunningProxy, admin: Admin, on_change: Callable[[int], None]
    ) -> None:
        found = self.judgement
        started = time.monotonic()
        async with asyncio.TaskGroup() as group:
            for _ in range(self._workers):
                group.create_task(self._work(proxy.port, started))
            for number in range(1, self._count + 1):
                await self._change(admin, number)
                if number % 10 == 0:
                    await self._look(proxy, admin)
                on_change(number)
            self._stop.set()
        found.seconds = time.monotonic() - started
        status = await asyncio.to_thread(admin.status)
        found.draining = sum(one["in_flight"] for one in status["draining"])

    async def _look(self, proxy: RunningProxy, admin: Admin) -> None:
        modules = await asyncio.to_thread(admin.metric, "crossfade_plugin_modules")
        self.judgement.modules.append(int(modules or 0))
        self.judgement.resident.append(resident_bytes(proxy))

    async def _change(self, admin: Admin, number: int) -> None:
        """Rewrite the plugin; the file alone tells the proxy, or somebody asks for a reload."""
        version, found = "ab"[number % 2] * 3, self.judgement
        self._write(number)
        written = time.monotonic()
        if number % 2:
            await asyncio.to_thread(admin.reload)
        enough = found.by_version[version] + 20
        await asyncio.to_thread(
            wait_until, lambda: found.by_version[version] >= enough, f"{version} answers", 15
        )
        found.in_effect_after.append(time.monotonic() - written)
        found.reloads += 1

    async def _work(self, port: int, started: float) -> None:
        caller = await Caller.open(port)
        while not self._stop.is_set():
            self._turn += 1
            pause = started + self._turn / self._rate - time.monotonic()
            if pause > 0:
                await asyncio.sleep(pause)
            self.judgement.requests += 1
            try:
                reply = await caller.ask("/x", "X-Delay: 0.01", method="GET", host="a", body=b"")
            except (OSError, EOFError, TimeoutError) as error:
                self.judgement.failures.append(repr(error))
                raise
            self._judge(reply.status, reply.field("x-version"), reply.body)
        await caller.close()

    def _judge(self, status: int, version: str | None, body: bytes) -> None:
        signed: set[Any] = {version, *body.decode().split()}
        if status != 200:
            self.judgement.failures.append(f"{status} {body[:200]!r}")
        elif len(signed) == 1 and version is not None:
            self.judgement.by_version[version] += 1
        else:
            self.judgement.mixed.append(json.dumps(sorted(map(str, signed))))
