"""Steady traffic of many users through proxies whose rollout moves, and what each of them saw."""

import asyncio
import random
import time
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any, NamedTuple

from tests.kit.running import RunningProxy, wait_until
from tests.story.echo import Caller, EchoUpstream
from tests.story.operator import ARMS, TRUSTED

USERS = [f"user-{number:04}" for number in range(400)]


def steered(
    ups: Iterable[EchoUpstream], state: str = "memory://", **rollout: Any
) -> dict[str, Any]:
    """A configuration of one rollout, `fade`, on all paths."""
    return {
        "state": state,
        "upstreams": {up.name: {"url": up.url, "pool": {"idle": "30s"}} for up in ups},
        "identity": {"key": ["header:X-User-Id"], "trusted_proxies": [f"{TRUSTED}/32"]},
        "rollouts": {"fade": rollout},
        "routes": [{"name": "all", "match": {"path": "/**"}, "rollout": "fade", "arms": ARMS}],
    }


@asynccontextmanager
async def serving(*configs: dict[str, Any]) -> AsyncIterator[list[RunningProxy]]:
    """Proxies with these configurations, ended when it is over."""
    proxies = [RunningProxy(config) for config in configs]
    try:
        await _together(proxy.start for proxy in proxies)
        yield proxies
    except BaseException:
        await _together(proxy.stop for proxy in proxies)
        raise
    await _together(partial(proxy.__exit__, None, None, None) for proxy in proxies)


async def _together(steps: Iterable[Callable[[], object]]) -> None:
    """Take all steps at the same time, each in a thread; when all are over, raise what one has."""
    threads = (asyncio.to_thread(step) for step in steps)
    for found in await asyncio.gather(*threads, return_exceptions=True):
        if isinstance(found, BaseException):
            raise found


class Answered(NamedTuple):
    """What one user got: when it was sent and answered (monotonic seconds), and what."""

    sent: float
    got: float
    user: str
    status: int
    arm: str
    reason: str


@dataclass
class Traffic:
    """GET requests of random users at a steady rate, spread over proxies; `seen` is what they saw.

    A request that is not answered is in `lost`, with why.
    """

    ports: list[int]
    rate: float
    workers: int = 8
    seed: int = 1
    seen: list[Answered] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)
    _over: asyncio.Event = field(default_factory=asyncio.Event)

    @asynccontextmanager
    async def flowing(self) -> AsyncIterator["Traffic"]:
        """Let it flow as long as this is open."""
        async with asyncio.TaskGroup() as group:
            for number in range(self.workers):
                group.create_task(self._work(number))
            try:
                yield self
            finally:
                self._over.set()

    async def for_seconds(self, seconds: float) -> None:
        """Let it flow for so long."""
        await asyncio.sleep(seconds)

    async def _work(self, number: int) -> None:
        draw = random.Random(self.seed * 1000 + number)
        pause = self.workers / self.rate
        caller = await Caller.open(self.ports[number % len(self.ports)], TRUSTED)
        due = time.monotonic() + pause * number / self.workers
        while not self._over.is_set():
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            due = max(due + pause, time.monotonic() - 0.5)
            await self._ask(caller, draw.choice(USERS))
        await caller.close()

    async def _ask(self, caller: Caller, user: str) -> None:
        sent = time.monotonic()
        try:
            reply = await caller.ask("/", f"X-User-Id: {user}")
        except (OSError, EOFError, AssertionError, asyncio.IncompleteReadError) as error:
            self.lost.append(f"{type(error).__name__}: {error}")
            self._over.set()
            return
        told = (reply.status, reply.arm or "", reply.reason or "")
        self.seen.append(Answered(sent, time.monotonic(), user, *told))

    def after(self, moment: float) -> list[Answered]:
        """Return what was sent after a moment."""
        return [one for one in self.seen if one.sent > moment]

    def failed(self) -> list[Any]:
        """Return all that was not answered with 200."""
        return [*self.lost, *(one for one in self.seen if one.status != 200)]


async def arms_of(port: int, users: Iterable[str] = USERS) -> dict[str, str]:
    """Return the arm that each user gets now."""
    caller = await Caller.open(port, TRUSTED)
    arms = {}
    for user in users:
        reply = await caller.ask("/", f"X-User-Id: {user}")
        assert reply.status == 200
        arms[user] = str(reply.arm)
    await caller.close()
    return arms


async def until(truth: Callable[[], bool], said: str, seconds: float = 10.0) -> None:
    """Wait until `truth()` holds; it is asked in a thread, again and again."""
    await asyncio.to_thread(wait_until, truth, said, seconds)
