"""Steady load on a proxy whose file is rewritten again and again, and its judgement.

The two versions of the file differ in everything that one response can show: which
upstream answers, which arm, whether the arm is told, what the upstream is sent of
Host and of who the user is, and which routes there are. A request that met parts of
both would give an answer that is in neither version's table.
"""

import asyncio
import random
import signal
import time
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Any

import yaml

from tests.kit.running import RunningProxy, wait_until
from tests.story.echo import Caller, EchoUpstream, Reply
from tests.story.operator import ARMS, Admin, access_lines

VERSIONS = ("a", "b")
NAMES = ("legacy-a", "new-a", "legacy-b", "new-b")
KINDS = ("plain", "post", "slow", "special", "hosted", "fresh")
SHOP, HOSTED = "shop.example", "hosted.example"

Seen = tuple[str, str, str | None, str | None, str | None]
"""Who answered, the Host it saw, the user it saw, the arm and the reason that were told."""


def text_of(version: str, proxy: RunningProxy, ups: dict[str, EchoUpstream], turn: int) -> str:
    """The file's text in one of the two versions; `turn` makes each text another."""
    is_a = version == "a"
    # In b the header route comes last and is therefore never reached.
    special = {
        "name": f"special-{version}",
        "match": {"path": "/**", "headers": {"X-Special": "yes"}},
        "upstream": "new",
    }
    hosted = {
        "name": f"hosted-{version}",
        "match": {"path": "/**", "host": HOSTED if is_a else "elsewhere.example"},
        "upstream": "legacy",
    }
    rest = {"name": f"rest-{version}", "match": {"path": "/**"}, "rollout": "fade", "arms": ARMS}
    host = "keep" if is_a else "replace"
    config = {
        **{key: proxy.config[key] for key in ("listen", "admin")},
        "upstreams": {
            arm: {"url": ups[f"{arm}-{version}"].url, "host": host} for arm in ("legacy", "new")
        },
        "identity": {
            "key": ["header:X-User-Id", "cookie:sid"],
            "trusted_proxies": ["127.0.0.1/32" if is_a else "127.0.0.9/32"],
        },
        "rollouts": {"fade": {"enabled": True, "percentage": 100 if is_a else 0}},
        "routes": [special, hosted, rest] if is_a else [hosted, rest, special],
        "expose": is_a,
        "log": {"access": {"sample": 1.0}},
    }
    return f"# turn {turn}\n{yaml.safe_dump(config, sort_keys=False)}"


def expected(version: str, kind: str, user: str, ups: dict[str, EchoUpstream]) -> Seen:
    """What that version must answer."""
    if version == "b":
        return "legacy-b", f"127.0.0.1:{ups['legacy-b'].port}", None, None, None
    if kind == "special":
        return "new-a", SHOP, user, "none", "route"
    if kind == "hosted":
        return "legacy-a", HOSTED, user, "none", "route"
    return "new-a", SHOP, user, "new", "percentage"


def seen(reply: Reply) -> Seen:
    """What one response shows."""
    told = reply.told
    return told["by"], told["host"], told.get("x-user-id"), reply.arm, reply.reason


@dataclass
class Judgement:
    """What came of it. `trails` holds, per worker, request ids in order with their version."""

    changes: int = 0
    requests: int = 0
    seconds: float = 0.0
    first_generation: int = 0
    last_generation: int = 0
    failures: list[str] = field(default_factory=list)
    mixed: list[str] = field(default_factory=list)
    by_version: dict[str, int] = field(default_factory=lambda: dict.fromkeys(VERSIONS, 0))
    trails: list[list[tuple[str, str]]] = field(default_factory=list)
    latencies: list[float] = field(default_factory=list)
    in_effect_after: list[float] = field(default_factory=list)

    @property
    def rate(self) -> float:
        """Requests per second."""
        return self.requests / self.seconds

    def latency(self, quantile: float) -> float:
        """A quantile of the latency in milliseconds, as the client saw it."""
        return 1000 * sorted(self.latencies)[int(quantile * (len(self.latencies) - 1))]


class Reloading:
    """The load, the rewriting and the judging; `run` does it all."""

    def __init__(
        self, count: int, rate: float, seed: int, dwell: float = 0.1, workers: int = 16
    ) -> None:
        """`rate` is in requests per second, `dwell` how many seconds each version serves."""
        self._count = count
        self._rate = rate
        self._random = random.Random(seed)
        self._dwell = dwell
        self._workers = workers
        self._ups = {name: EchoUpstream(name) for name in NAMES}
        self._stop = asyncio.Event()
        self._turn = 0
        self.judgement = Judgement()

    async def run(self, on_change: Callable[[int], None] = lambda _: None) -> Judgement:
        """Start everything, change the file `count` times under load, judge."""
        async with AsyncExitStack() as stack:
            for upstream in self._ups.values():
                await stack.enter_async_context(upstream)
            proxy = RunningProxy({})
            proxy.config = yaml.safe_load(text_of("a", proxy, self._ups, 0))
            await asyncio.to_thread(proxy.start)
            try:
                async with asyncio.TaskGroup() as group:
                    await self._load_and_change(proxy, group, on_change)
            except BaseException:
                proxy.stop()
                raise
            await asyncio.to_thread(proxy.stop)
            self._check_generations(proxy)
            await asyncio.to_thread(proxy.__exit__, None, None, None)
        return self.judgement

    async def _load_and_change(
        self, proxy: RunningProxy, group: asyncio.TaskGroup, on_change: Callable[[int], None]
    ) -> None:
        admin, found = Admin(proxy), self.judgement
        found.first_generation = await asyncio.to_thread(admin.generation)
        started = time.monotonic()
        workers = [
            group.create_task(self._work(proxy.port, started, random.Random(number)))
            for number in range(self._workers)
        ]
        for number in range(1, self._count + 1):
            await self._change(proxy, admin, number)
            found.changes += 1
            on_change(number)
        self._stop.set()
        await asyncio.gather(*workers)
        found.seconds = time.monotonic() - started
        found.last_generation = await asyncio.to_thread(admin.generation)

    async def _change(self, proxy: RunningProxy, admin: Admin, number: int) -> None:
        """Rewrite the file; tell the proxy in one of three ways, the file alone being one."""
        goal = self.judgement.first_generation + number
        proxy.write_text(text_of(VERSIONS[number % 2], proxy, self._ups, number))
        written = time.monotonic()
        how = self._random.choice(("file", "file", "SIGHUP", "POST"))
        if how == "SIGHUP":
            proxy.signal(signal.SIGHUP)
        elif how == "POST":
            await asyncio.to_thread(admin.reload)
        async with asyncio.timeout(15):
            while (status := await asyncio.to_thread(admin.status))["generation"] < goal:
                assert not status["config"]["stale"], status["config"]["problems"]
                await asyncio.sleep(0.01)
        self.judgement.in_effect_after.append(time.monotonic() - written)
        found, enough = self.judgement, self.judgement.requests + self._rate * self._dwell
        await asyncio.to_thread(
            wait_until, lambda: found.requests >= enough, "this version has answered many", 15
        )

    async def _work(self, port: int, started: float, rng: random.Random) -> None:
        trail: list[tuple[str, str]] = []
        self.judgement.trails.append(trail)
        caller = await Caller.open(port)
        while not self._stop.is_set():
            self._turn += 1
            pause = started + self._turn / self._rate - time.monotonic()
            if pause > 0:
                await asyncio.sleep(pause)
            kind = rng.choice(KINDS)
            if kind == "fresh":
                await caller.close()
                caller = await Caller.open(port)
            await self._ask(caller, kind, f"user-{rng.randrange(1000)}", trail)
        await caller.close()

    async def _ask(
        self, caller: Caller, kind: str, user: str, trail: list[tuple[str, str]]
    ) -> None:
        lines = [f"X-User-Id: {user}", f"Cookie: sid={user}"]
        if kind == "special":
            lines.append("X-Special: yes")
        if kind == "slow":
            lines.append("X-Delay: 0.03")
        host = HOSTED if kind == "hosted" else SHOP
        method, body = ("POST", b"x" * 3000) if kind == "post" else ("GET", b"")
        began = time.monotonic()
        found = self.judgement
        found.requests += 1
        try:
            reply = await caller.ask("/x?q=1", *lines, method=method, host=host, body=body)
        except (OSError, EOFError, TimeoutError) as error:
            found.failures.append(f"{kind}: {error!r}")
            raise
        found.latencies.append(time.monotonic() - began)
        if reply.status != 200:
            found.failures.append(f"{kind}: {reply.status} {reply.body!r}")
            return
        self._judge(reply, kind, user, trail)

    def _judge(self, reply: Reply, kind: str, user: str, trail: list[tuple[str, str]]) -> None:
        shown = seen(reply)
        for version in VERSIONS:
            if shown == expected(version, kind, user, self._ups):
                self.judgement.by_version[version] += 1
                trail.append((reply.field("x-request-id") or "", version))
                return
        self.judgement.mixed.append(f"{kind} as {user}: {shown}")

    def _check_generations(self, proxy: RunningProxy) -> None:
        """Each logged generation must be of the version that answered, and never go back."""
        lines: dict[str, dict[str, Any]] = {
            line["request_id"]: line for line in access_lines(proxy)
        }
        for trail in self.judgement.trails:
            last = 0
            for request_id, version in trail:
                line = lines[request_id]
                number = line["generation"]
                if VERSIONS[(number - 1) % 2] != version or not line["route"].endswith(version):
                    self.judgement.mixed.append(f"{request_id}: {version}, logged as {line}")
                if number < last:
                    self.judgement.mixed.append(f"{request_id}: {number} after {last}")
                last = number
