"""Where messages are delivered: a real queue, the real gateway, a platform, limits as scripted."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from plugins.message_queue.delivering.deliverer import Deliverer
from plugins.message_queue.delivering.delivery import Delivery
from plugins.message_queue.delivering.workers import Workers
from plugins.message_queue.gateway.client import Gateway
from plugins.message_queue.message import Claimed, Message, Record
from plugins.message_queue.settings import GatewaySettings
from plugins.message_queue.store import Bounds, QueueStore
from plugins.message_queue.stores.sqlite import MIGRATIONS, SqliteQueue
from proxy.api import StoreError
from proxy.api.limits import Facts, Limits, Standing, WindowStanding
from proxy.api.testing import FakeServices
from tests.kit.onlyfans import OnlyFans, onlyfans
from tests.kit.waiting import until
from tests.plugins.message_queue.stores.bench import message

LEASE = 60.0
TIMEOUT = 30.0
"""Seconds of real time that the platform has, however slow the machine is."""
RULES = ("rules",)
BOUNDS = Bounds(messages=1000, user_messages=1000, user_bytes=1 << 20, in_flight=4)
FREE = Standing(admitted=True, windows=(), ticket="ticket")


def window(wait: float, *depends: str, policy: str = "minute") -> WindowStanding:
    """A window that lets nothing through for so long, for whoever has the same `depends`."""
    return WindowStanding(policy, policy, 10, 60.0, 0, wait, wait, frozenset(depends))


def refused(*windows: WindowStanding, degraded: Any = "") -> Standing:
    """What limits say that do not let it through."""
    return Standing(admitted=False, windows=windows, action="queue", degraded=degraded)


class ScriptedLimits(Limits):
    """Says what was scripted, else lets it through; keeps what it was asked."""

    names = frozenset(RULES)
    memory: dict[str, Any] = {}  # noqa: RUF012 (a part of the protocol)

    def __init__(self) -> None:
        self.script: deque[Standing] = deque()
        self.taken: list[Facts] = []
        self.refunds: list[tuple[Facts, str, tuple[str, ...]]] = []
        self.arrivals: list[tuple[Facts, str, tuple[str, ...]]] = []

    async def take(self, facts: Facts, rules: Sequence[str] = ()) -> Standing:
        assert tuple(rules) == RULES
        standing = self.script.popleft() if self.script else FREE
        if standing.admitted:
            self.taken.append(facts)
        return standing

    async def peek(self, facts: Facts, rules: Sequence[str] = ()) -> Standing:
        raise AssertionError("whoever delivers takes")

    async def refund(self, facts: Facts, ticket: str, rules: Sequence[str] = ()) -> None:
        self.refunds.append((facts, ticket, tuple(rules)))

    async def arrived(self, facts: Facts, ticket: str, rules: Sequence[str] = ()) -> None:
        self.arrivals.append((facts, ticket, tuple(rules)))

    async def debit(self, facts: Facts, rules: Sequence[str] = ()) -> None:
        raise AssertionError("whoever delivers takes")


class Brittle:
    """A store of which single calls fail: `fails` names them, `before` or after they are done."""

    def __init__(self, store: QueueStore) -> None:
        self._store = store
        self.fails: deque[str] = deque()
        self.after = False
        """Fail when it is done: nobody knows that it is."""

    def __getattr__(self, name: str) -> Any:
        asked = getattr(self._store, name)
        if not self.fails or self.fails[0] != name:
            return asked

        async def failing(*given: Any, **more: Any) -> Any:
            self.fails.popleft()
            if self.after:
                await asked(*given, **more)
            raise StoreError("the disk is full; make room")

        return failing


class Watched(Gateway):
    """A gateway of which it is known how many are being sent."""

    under_way = 0

    async def send(self, message: Message, *, seconds: float) -> str:
        self.under_way += 1
        try:
            return await super().send(message, seconds=seconds)
        finally:
            self.under_way -= 1


@dataclass
class Desk:
    """All parts."""

    store: Brittle
    gateway: Watched
    there: OnlyFans
    services: FakeServices
    limits: ScriptedLimits | None
    rules: Sequence[str]
    deliverer: Deliverer = field(init=False)
    count: int = 0

    def __post_init__(self) -> None:
        self.deliverer = Deliverer(
            self.store,
            self.gateway,
            lambda: self.limits,
            self.services,
            rules=self.rules,
            timeout=TIMEOUT,
            lease=LEASE,
            chance=lambda: 0.5,
        )

    @property
    def now(self) -> float:
        return self.services.now()

    async def put(self, *, due: float = 0.0, **fields: Any) -> str:
        """Put a message, due in so many seconds; its id."""
        self.count += 1
        at = {"enqueued_at": self.now, "due_at": self.now + due, "expires_at": self.now + 3600}
        new = message(self.count, **{**at, **fields})
        await self.store.put(new, BOUNDS)
        return new.id

    async def claimed(self, **fields: Any) -> Claimed:
        """Put a message and claim it."""
        await self.put(**fields)
        return await self.claim()

    async def claim(self) -> Claimed:
        """Claim the only one that can be claimed."""
        (found,) = await self.claims()
        return found

    async def claims(self) -> tuple[Claimed, ...]:
        """Claim whatever can be claimed."""
        found: tuple[Claimed, ...] = await self.store.claim(BOUNDS, most=9, lease=LEASE)
        return found

    async def record(self, number: int = 1) -> Record:
        found: Record | None = await self.store.get(f"m{number:05}")
        assert found is not None
        return found

    def workers(self, *, concurrency: int = 4, poll: float = 1000.0) -> Workers:
        """Workers, not running yet."""
        return Workers(
            self.store,
            self.deliverer,
            BOUNDS,
            self.services,
            concurrency=concurrency,
            lease=LEASE,
            poll=poll,
        )

    async def asleep(self) -> None:
        """Wait until somebody waits for the clock, and nothing else happens."""
        sleepers = self.services.jumping._asleep
        await self.idle()
        await until(lambda: bool(sleepers), "somebody is asleep", between=self.idle)

    async def idle(self) -> None:
        """Wait until all that can happen has happened, before time passes or the platform speaks.

        The store has answered whoever asked it, and each message that is being sent is with the
        platform, which does not answer.
        """
        settled = self.services.jumping.settled
        await settled()
        await until(self._sent_or_with_the_platform, "all calls have arrived", between=settled)

    def _sent_or_with_the_platform(self) -> bool:
        return self.gateway.under_way == self.there.waiting

    async def jump(self, seconds: float) -> None:
        """Let time pass, for whoever waits for it now."""
        await self.asleep()
        await self.services.jumping.jump(seconds)

    async def becomes(self, state: str, number: int = 1) -> Record:
        """Wait until a message is in this state."""
        record = await self.record(number)

        async def there() -> bool:
            nonlocal record
            record = await self.record(number)
            return record.state == state

        await until(there, lambda: f"the message is {state}, not {record.state}")
        return record


async def jumping(task: "asyncio.Task[Delivery]", at: Desk, seconds: float) -> Delivery:
    """Let time pass, in jumps of so many seconds, until a delivery has come to its end."""

    async def further() -> None:
        await at.idle()
        if not task.done():
            await at.services.jumping.jump(seconds)

    await until(task.done, "the delivery ends", between=further)
    return task.result()


@asynccontextmanager
async def desk(
    *, limited: bool = True, rules: Sequence[str] = RULES, **gateway: Any
) -> AsyncIterator[Desk]:
    """Open all parts; `gateway` are further settings of it."""
    services = FakeServices(plugin="message_queue")
    idempotent = bool(gateway.get("idempotent"))
    async with onlyfans(token="t", idempotent=idempotent) as there:
        store = SqliteQueue(
            services.sqlite(Path(":memory:"), MIGRATIONS), services.now, repeats=idempotent
        )
        await store.open()
        given = {"url": there.url, "token": "t", **gateway}
        sender = Watched(GatewaySettings.model_validate(given), services, chance=lambda: 0.5)
        limits = ScriptedLimits() if limited else None
        try:
            yield Desk(Brittle(store), sender, there, services, limits, rules)
        finally:
            await services.close()
            await sender.close()
            await store.close()
    assert services.faults == []
