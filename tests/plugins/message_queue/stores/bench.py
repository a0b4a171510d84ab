"""A queue on the bench: with a clock that the test sets, and short ways to ask it."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Any

import pytest

from plugins.message_queue.message import Approval, Claimed, Message, Priority, Record, State
from plugins.message_queue.store import Bounds, Filter, Put, QueueStore

NOW = 1_700_000_000.0
"""Times are this plus a binary fraction: exact, however a store writes them."""

LEASE = 60.0
ROOMY = Bounds(messages=10_000, user_messages=1_000, user_bytes=1_000_000, in_flight=100)

PRIORITIES = tuple(Priority)
STATES: tuple[State, ...] = (
    "held",
    "queued",
    "leased",
    "sending",
    "sent",
    "uncertain",
    "dead",
    "cancelled",
)
ENDED: tuple[State, ...] = ("sent", "cancelled", "dead", "uncertain")
GONE = {"content": "", "media_urls": (), "approval": None}

Opened = Callable[[Callable[[], float], bool], AbstractAsyncContextManager[QueueStore]]
"""Opens an empty store with this clock, that does or does not repeat; closes it at the end."""


def message(number: int, **fields: Any) -> Message:
    """A message that somebody has approved and that is due; later ones have higher numbers."""
    approval = Approval(approved_by="p1", approved_at=NOW)
    given = {
        "id": f"m{number:05}",
        "user": "a",
        "recipient": "fan",
        "content": f"Hello {number}",
        "approval": approval,
        "enqueued_at": NOW,
        "due_at": NOW,
        "expires_at": NOW + 86_400,
    }
    return Message.model_validate({**given, **fields})


@dataclass
class Clock:
    """What a queue takes for the time."""

    at: float = NOW

    def __call__(self) -> float:
        return self.at


@dataclass
class Bench:
    """A store and its clock."""

    store: QueueStore
    clock: Clock
    bounds: Bounds = ROOMY
    count: int = field(default=0)

    async def put(self, user: str = "a", *, lease: float | None = None, **fields: Any) -> Put:
        """Put the next message; its number is `count` then."""
        self.count += 1
        new = message(self.count, user=user, **fields)
        return await self.store.put(new, self.bounds, lease=lease)

    async def several(self, *users: str, **fields: Any) -> None:
        """Put a message of each."""
        for user in users:
            await self.put(user, **fields)

    async def take(self, most: int = 100, *, lease: float = LEASE) -> tuple[Claimed, ...]:
        return await self.store.claim(self.bounds, most=most, lease=lease)

    async def one(self) -> Claimed:
        """Claim the only message that there is to claim."""
        (found,) = await self.take()
        return found

    async def numbers(self, most: int = 100) -> list[int]:
        """Claim, and say which."""
        return [number_of(one.record) for one in await self.take(most)]

    async def users(self, most: int = 100) -> list[str]:
        """Claim, and say whose."""
        return [one.record.message.user for one in await self.take(most)]

    async def record(self, number: int = 1) -> Record:
        found = await self.store.get(f"m{number:05}")
        assert found is not None
        return found

    async def state(self, number: int = 1) -> State:
        return (await self.record(number)).state

    async def listed(self, limit: int = 100, after: str = "", **which: Any) -> list[int]:
        found = await self.store.list(Filter(**which), limit=limit, after=after)
        return [number_of(one) for one in found]

    async def in_state(self, state: State, **fields: Any) -> Claimed | None:
        """Put a message and bring it into a state; returns what holds it, if anything does."""
        held = {"approval": None} if state == "held" else {}
        await self.put(**{**fields, **held})
        if state in ("held", "queued"):
            return None
        if state == "cancelled":
            await self.store.cancel(f"m{self.count:05}")
            return None
        claimed = await self.one()
        receipt = claimed.receipt
        if state == "sending":
            await self.store.begin(receipt, LEASE)
        elif state == "sent":
            await self.store.sent(receipt, "p-1")
        elif state == "dead":
            await self.store.bury(receipt, "VALIDATION_ERROR", "too long")
        elif state == "uncertain":
            await self.store.park(receipt, "TIMEOUT", "no answer")
        return claimed


def number_of(record: Record) -> int:
    """The number that a message was made with."""
    return int(record.message.id[1:])


class OnABench:
    """Tests of a queue that `opened` opens."""

    @pytest.fixture
    def opened(self) -> Opened:
        """How an empty store of this kind is opened."""
        raise NotImplementedError

    @pytest.fixture
    async def bench(self, opened: Opened) -> AsyncIterator[Bench]:
        clock = Clock()
        async with opened(clock, False) as store:
            yield Bench(store, clock)

    @pytest.fixture
    async def repeating(self, opened: Opened) -> AsyncIterator[Bench]:
        """One that may send again what was being sent."""
        clock = Clock()
        async with opened(clock, True) as store:
            yield Bench(store, clock)
