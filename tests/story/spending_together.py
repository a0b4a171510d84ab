"""Many clients at several proxies that share a budget in one Redis, and what they have spent.

The judge is the bill of the stand-in provider, which knows nothing of the proxies: it charges each
call that it has executed, whether or not anybody has seen the answer.
"""

import asyncio
import json
import random
import tempfile
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from plugins.cost_meter.budgets.claims import Share
from plugins.cost_meter.budgets.redis import RedisReserving
from proxy.stores.redis_link import RedisLink, place_of
from tests.kit.provider import Provider, answer
from tests.kit.provider.process import ProviderProcess
from tests.kit.provider.steps import Tokens
from tests.kit.redis import RedisServer
from tests.kit.running import RunningProxy, faults, free_port, wait_until
from tests.story.echo import Caller
from tests.story.operator import TRUSTED, Admin
from tests.story.orchestrated import INTENT, KEYS, orchestrator

MODEL = "gpt-4o-mini"
PRICE = {"input": "2.50", "output": "50.00"}
USD = 10**9
NAME = "all"
_WAITED = 20.0
_BREATH = 0.05


@dataclass
class Found:
    """What was spent, and what is wrong with that."""

    limit: int
    """Nano-USD, as all the others."""
    answered: Counter[int] = field(default_factory=Counter)
    """Answers by status; 0: the connection was cut."""
    billed: int = 0
    calls: int = 0
    counted: int = 0
    """What the budget says in the end."""
    served_again: Counter[int] = field(default_factory=Counter)
    """Answers by status when there was more to spend."""
    wrong: list[str] = field(default_factory=list)


def configured(there: Provider, store: str, limit: str, folder: Path) -> dict[str, Any]:
    """A proxy's configuration: the orchestrator, and a budget for all together."""
    asking = orchestrator(there, cache={"use": "never"}, deadline="8s")
    for one in asking["deployments"].values():
        one["price"] = PRICE
    budget = {"limit": limit, "rolling": "24h", "thresholds": [50, 100]}
    meter = {
        "journal": f"sqlite:{folder}/costs.db",
        "shared": store,
        "patience": "5s",
        "budgets": {NAME: budget},
    }
    return {
        "upstreams": {"legacy": {"url": f"http://127.0.0.1:{free_port()}"}},
        "identity": {"key": ["header:X-User-Id"], "trusted_proxies": [f"{TRUSTED}/32"]},
        "plugins": {"orchestrator": asking, "cost_meter": meter},
        "routes": [{"name": "intents", "match": {"path": "/**"}, "plugin": "orchestrator"}],
    }


class Spending:
    """Proxies, a provider and a Redis; `found` is what came of it."""

    def __init__(self, limit: str, seed: int, folder: Path) -> None:
        self.found = Found(round(float(limit) * USD))
        self.redis = RedisServer()
        self.provider = ProviderProcess()
        self.proxies: list[RunningProxy] = []
        self._limit = limit
        self._random = random.Random(seed)
        self._folder = folder
        self._ends = False

    @asynccontextmanager
    async def running(self, proxies: int) -> AsyncIterator["Spending"]:
        """Start so many proxies, and all that they need."""
        with self.redis:
            await asyncio.to_thread(self.provider.start)
            try:
                self.provider.price({MODEL: PRICE})
                self.provider.stand(MODEL, answer(before=0.02, tokens=Tokens(completion=200)))
                configs = [self._config(number, self._limit) for number in range(proxies)]
                async with self._serving(configs):
                    yield self
            finally:
                await asyncio.to_thread(self.provider.stop)

    @asynccontextmanager
    async def _serving(self, configs: Sequence[dict[str, Any]]) -> AsyncIterator[None]:
        self.proxies = [RunningProxy(config, env=KEYS) for config in configs]
        try:
            starting = (asyncio.to_thread(one.start) for one in self.proxies)
            for found in await asyncio.gather(*starting, return_exceptions=True):
                if isinstance(found, BaseException):
                    raise found
            yield
        finally:
            for one in self.proxies:
                await asyncio.to_thread(one.stop)
            for one in self.proxies:
                if one.folder.exists():  # it is gone where one could not be started
                    told = faults(one.output())
                    self.found.wrong += [f"a proxy tells of {word}" for word in told]
                    one._folder.cleanup()

    def _config(self, number: int, limit: str) -> dict[str, Any]:
        folder = self._folder / str(number)
        folder.mkdir(exist_ok=True)
        return configured(cast("Provider", self.provider), self.redis.url, limit, folder)

    async def burst(self, clients: int, *, kill: int | None = None) -> None:
        """Let so many ask at once until each has been refused; kill a proxy meanwhile."""
        self._ends = False
        asking = [self._ask_until_refused(number) for number in range(clients)]
        async with asyncio.TaskGroup() as group:
            for one in asking:
                group.create_task(one)
            if kill is not None:
                calls = round(clients * self._random.uniform(0.3, 1.2))
                await asyncio.to_thread(self._kill_after, calls, self.proxies[kill])
        self._judge_burst()

    def _kill_after(self, calls: int, proxy: RunningProxy) -> None:
        def reached() -> bool:
            return self.provider.counts().get("executed", 0) >= calls

        wait_until(reached, f"{calls} calls are executed", _WAITED)
        proxy.process.kill()

    async def _ask_until_refused(self, number: int) -> None:
        proxy = self.proxies[number % len(self.proxies)]
        caller = await Caller.open(proxy.port, TRUSTED)
        status = 200
        while status == 200:
            try:
                status = await self._ask(caller, f"user-{number}")
            except (OSError, EOFError, asyncio.IncompleteReadError, AssertionError):
                status = 0
            self.found.answered[status] += 1
        with suppress(OSError):
            await caller.close()

    async def _ask(self, caller: Caller, user: str) -> int:
        body = json.dumps(INTENT | {"userId": user}).encode()
        lines = (f"X-User-Id: {user}", "Content-Type: application/json")
        reply = await caller.ask("/intents", *lines, method="POST", body=body)
        if reply.status not in (200, 429):
            self.found.wrong.append(f"answered with {reply.status}: {reply.body[:300]!r}")
        if reply.status == 429 and NAME not in reply.body.decode():
            self.found.wrong.append(f"a refusal that names no budget: {reply.body[:300]!r}")
        return reply.status

    def _judge_burst(self) -> None:
        charges = self.provider.charges()
        self.found.calls = len(charges)
        self.found.billed = sum(one.cost_nano_usd or 0 for one in charges)
        if self.found.billed > self.found.limit:
            self.found.wrong.append(
                f"{self.found.billed} nano-USD were spent of {self.found.limit}"
            )

    async def comes_to_rest(self, seconds: float) -> None:
        """Wait until nothing is held back any more, and compare with the bill."""
        link = RedisLink(place_of(f"{self.redis.url}?prefix=plugin:cost_meter"))
        try:
            for _ in range(round(seconds / _BREATH)):
                if not await self._held(link):
                    return
                await asyncio.sleep(_BREATH)
            self.found.wrong.append(f"{await self._held(link)} nano-USD are held back for nobody")
        finally:
            await link.close()

    async def _held(self, link: RedisLink) -> int:
        held = 0
        self.found.counted = 0
        store = RedisReserving(link)
        async for key in link.client.scan_iter(f"{link.key('budget')}:*"):
            bucket = key.decode().removeprefix(f"{link.key('budget')}:")
            (seen,) = await store.read((Share(bucket, 0, 0, 0.0),))
            held += seen.reserved
            spent = await link.client.hgetall(key.replace(b":budget:", b":spent:"))
            self.found.counted += sum(int(n) for at, n in spent.items() if b":" not in at)
        return held

    async def all_is_served_with(self, limit: str, clients: int) -> None:
        """Raise the limit, and let each ask once."""
        for number, proxy in enumerate(self.proxies):
            config = self._config(number, limit)
            await asyncio.to_thread(Admin(proxy).reload_and_wait, proxy, config)
        callers = [
            await Caller.open(self.proxies[number % len(self.proxies)].port, TRUSTED)
            for number in range(clients)
        ]
        asked = (self._ask(caller, f"again-{n}") for n, caller in enumerate(callers))
        self.found.served_again.update(await asyncio.gather(*asked))
        for caller in callers:
            await caller.close()
        if self.found.served_again[200] != clients:
            self.found.wrong.append(f"refused for nothing: {dict(self.found.served_again)}")


async def spent(*, limit: str, clients: int, seed: int, proxies: int = 3) -> Found:
    """Let clients spend a budget at proxies, raise it, let them spend on; and judge."""
    with tempfile.TemporaryDirectory(prefix="crossfade-spend-") as folder:
        spending = Spending(limit, seed, Path(folder))
        async with spending.running(proxies):
            await spending.burst(clients)
            await spending.comes_to_rest(_WAITED)
            _agree(spending.found)
            await spending.all_is_served_with("1000.00", clients)
        return spending.found


async def spent_until_killed(
    *, limit: str, clients: int, seed: int, proxies: int = 3, rest: float = 0.0
) -> Found:
    """Let clients spend a budget at proxies of which one is killed; and judge.

    With `rest`, in seconds, start it again, wait that long at most until what it held back is free,
    and have the rest spent.
    """
    with tempfile.TemporaryDirectory(prefix="crossfade-spend-") as folder:
        spending = Spending(limit, seed, Path(folder))
        async with spending.running(proxies):
            await spending.burst(clients, kill=proxies - 1)
            if rest:
                await asyncio.to_thread(spending.proxies[-1].start)
                await spending.comes_to_rest(rest)
                await spending.burst(clients)
                await spending.comes_to_rest(_WAITED)
                _told(spending.found)
        return spending.found


def _told(found: Found) -> None:
    """What a killed process has executed is in the ledger, with what it may have cost at most."""
    if not found.billed <= found.counted:
        found.wrong.append(f"{found.billed} were billed, of which only {found.counted} are counted")


def _agree(found: Found) -> None:
    if found.counted != found.billed:
        found.wrong.append(f"{found.counted} nano-USD were counted, {found.billed} billed")
