"""Budgets of a fleet, and what of them goes on without Redis.

- While Redis answers, it decides. What it admits is counted in memory as well, so that this process
  knows its own part when Redis is gone.
- The first call that fails or is late ends that: until Redis is heard of again, each budget says
  how it is decided. ``local``: this process spends its share of the limit; ``closed``: its share
  of a hundredth of the limit, once in each period, and never more than was left.
- What has ended meanwhile is told to Redis before it decides again.
"""

import asyncio
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Any, Final

from proxy.api import RedisScripts, Services, StoreError

from .claims import Ask, Claim, Correction, Entry, Reading, Share
from .counting import Decided, Saw
from .declaring import OnStoreError
from .gathering import Gathering
from .memory import MemoryReserving
from .redis import RedisReserving, script
from .settling import Settling, spoilt

__all__ = ["PATIENCE", "Fleet"]

PATIENCE: Final = 0.5
"""Seconds that an attempt waits for Redis."""

_AGAIN: Final = 1.0
_EVERY: Final = 5.0
_GONE: Final = 15.0
_BEHIND: Final = 3600.0
_GRACE: Final = 100
_MOST_SEEN: Final = 20_000
_TO_CLOSE: Final = 2.0


class Fleet:
    """See `counting.Counting`."""

    def __init__(
        self,
        shared: RedisReserving,
        redis: RedisScripts,
        local: MemoryReserving,
        services: Services,
        saw: Saw,
        told: Callable[[str], None],
        state: dict[str, Any],
        patience: float = PATIENCE,
        behind: Callable[[], bool] = lambda: False,
    ) -> None:
        """`told` hears ``lost``, ``back``, ``local``, ``closed`` and ``forgotten``.

        `behind` says whether this process has spent what the ledger does not know yet.
        """
        self._behind = behind
        self._shared = shared
        self._redis = redis
        self._local = local
        self._services = services
        self._told = told
        self._state = state
        self._patience = patience
        self._settling = Settling(shared, saw, lambda: told("forgotten"), state)
        self._gathering = Gathering(shared.reserve_all, patience)
        self._own = uuid.uuid4().hex
        self._seen: dict[str, int] = state.setdefault("seen", {})
        self._graces: dict[str, tuple[Share, ...]] = state.setdefault("graces", {})
        self.lost = False

    async def open(self) -> None:
        """See `Counting.open`; whether Redis is there or not."""
        try:
            await self._beat()
            await self._pay()
        except (StoreError, TimeoutError) as error:
            self._lose(str(error))
        self._services.spawn(self._go_on_paying(), "tell the shared budgets what was spent")
        self._services.spawn(self._go_on_beating(), "tell the shared budgets of this process")

    async def close(self) -> None:
        """See `Counting.close`."""
        await self._gathering.close()
        with suppress(StoreError, TimeoutError):
            async with asyncio.timeout(_TO_CLOSE):
                await self._settling.pay()
                for name in ("budgeting", "behind"):
                    await self._redis.call("ZREM", self._redis.key(name), self._own)

    def health(self) -> str:
        """See `Counting.health`."""
        if not self.lost:
            return ""
        return (
            f"budgets are kept without {self._redis.url}, which cannot be reached: "
            f"{len(self._settling)} attempts wait to be counted there; this process takes itself "
            f"for one of {self.replicas}"
        )

    @property
    def replicas(self) -> int:
        """How many processes there are, this one among them, as was heard last."""
        return int(self._state.get("replicas", 1))

    async def reserve(
        self,
        attempt: str,
        at: float,
        claims: Sequence[Claim],
        ways: Sequence[OnStoreError],
        seconds: float,
    ) -> Decided:
        """See `Counting.reserve`."""
        if not self.lost:
            try:
                answer = await self._gathering.ask(Ask(attempt, at, tuple(claims), seconds))
            except StoreError as error:
                if spoilt(error):
                    self._services.log.error("budget_bucket_unreadable", reason=str(error)[:300])
                else:
                    self._lose(f"{self._redis.url}: {error}")
            else:
                self._notice(claims, answer.readings)
                if answer.admitted:
                    mine = [claim._replace(cap=-1) for claim in claims]
                    self._local.reserve_now(attempt, mine, seconds)
                return Decided(answer)
        return self._alone(attempt, claims, ways, seconds)

    def settle(self, entry: Entry) -> None:
        """See `Counting.settle`."""
        graces = self._graces.pop(entry.attempt, ())
        self._local.settle_now(entry._replace(shares=(*entry.shares, *graces)))
        self._settling.add(entry)

    async def read(self, shares: Sequence[Share]) -> tuple[Reading, ...]:
        """See `Counting.read`."""
        if self.lost:
            raise StoreError(self.health())
        try:
            async with asyncio.timeout(self._patience * 4):
                return await self._shared.read(shares)
        except TimeoutError:
            raise StoreError(f"{self._redis.url}: did not answer in time") from None

    async def correct(self, correction: Correction) -> bool:
        """See `Counting.correct`."""
        return await self._shared.correct(correction)

    def pending(self, bucket: str) -> Mapping[int, int]:
        """See `Counting.pending`."""
        return self._settling.pending(bucket)

    async def behind(self) -> bool:
        """See `Counting.behind`."""
        if self._behind():
            return True
        try:
            async with asyncio.timeout(self._patience * 4):
                now = round(self._services.now())
                key = self._redis.key("behind")
                return int(await self._redis.call("ZCOUNT", key, now, "+inf")) > 0
        except TimeoutError:
            raise StoreError(f"{self._redis.url}: did not answer in time") from None

    def _alone(
        self, attempt: str, claims: Sequence[Claim], ways: Sequence[OnStoreError], seconds: float
    ) -> Decided:
        mine = [self._mine(claim, way) for claim, way in zip(claims, ways, strict=True)]
        answer = self._local.reserve_now(attempt, mine, seconds)
        how = "closed" if _binds(mine, answer.readings, ways) else "local"
        if answer.admitted:
            self._graces[attempt] = tuple(
                Share(one.bucket, one.first, one.slice, one.keep)
                for one, way in zip(mine, ways, strict=True)
                if way == "closed"
            )
            if len(self._graces) > _MOST_SEEN:
                del self._graces[next(iter(self._graces))]
        self._told(how)
        return Decided(answer, "closed" if how == "closed" else "local")

    def _mine(self, claim: Claim, way: OnStoreError) -> Claim:
        """Return what this process may decide of a claim by itself."""
        replicas = self.replicas
        if way == "local":
            return claim._replace(cap=claim.cap // replicas) if claim.cap >= 0 else claim
        left = max(0, claim.cap - self._seen.get(claim.bucket, 0))
        cap = min(left, claim.cap // _GRACE) // replicas if claim.cap >= 0 else claim.cap
        return claim._replace(bucket=f"{claim.bucket}!", cap=cap)

    def _notice(self, claims: Iterable[Claim], readings: Iterable[Reading]) -> None:
        seen = self._seen
        for claim, reading in zip(claims, readings, strict=True):
            seen.pop(claim.bucket, None)
            seen[claim.bucket] = reading.held
        while len(seen) > _MOST_SEEN:
            del seen[next(iter(seen))]

    def _lose(self, why: str) -> None:
        if self.lost:
            return
        self.lost = True
        self._told("lost")
        self._services.log.warning("budget_store_lost", reason=why[:300])
        with suppress(RuntimeError):  # the plugin has ended
            self._services.spawn(self._recover(), "ask whether the shared budgets are back")

    async def _recover(self) -> None:
        while self.lost:
            await self._services.sleep(_AGAIN)
            with suppress(StoreError, TimeoutError):
                await self._beat()
                await self._pay()
                self.lost = False
        self._told("back")
        self._services.log.info("budget_store_back")

    async def _go_on_paying(self) -> None:
        while True:
            await self._settling.waiting()
            if self.lost:
                await self._services.sleep(_AGAIN)
                continue
            try:
                await self._pay()
            except (StoreError, TimeoutError) as error:
                self._lose(str(error))

    async def _go_on_beating(self) -> None:
        while True:
            await self._services.sleep(_EVERY)
            with suppress(StoreError, TimeoutError):
                await self._beat()

    async def _pay(self) -> None:
        await self._settling.pay()

    async def _beat(self) -> None:
        async with asyncio.timeout(self._patience * 4):
            key = self._redis.key("budgeting")
            values = (self._own, round(_GONE * 1000))
            found = await self._redis.run(script("beat"), (key,), values)
            await self._tell_behind()
        self._state["replicas"] = max(1, int(found))

    async def _tell_behind(self) -> None:
        """Say to others that the ledger lacks what this process has spent, or not any more.

        It stays said for an hour after a kill: most journals are taken up again by then.
        """
        key = self._redis.key("behind")
        if self._behind():
            until = round(self._services.now() + _BEHIND)
            await self._redis.call("ZADD", key, until, self._own)
            await self._redis.call("ZREMRANGEBYSCORE", key, "-inf", until - 2 * round(_BEHIND))
            await self._redis.call("PEXPIRE", key, round(2 * _BEHIND * 1000))
        else:
            await self._redis.call("ZREM", key, self._own)


def _binds(
    claims: Sequence[Claim], readings: Sequence[Reading], ways: Sequence[OnStoreError]
) -> bool:
    """Return whether a claim that is closed is among those that do not fit."""
    return any(
        way == "closed" and 0 <= claim.cap < reading.held + claim.amount
        for claim, reading, way in zip(claims, readings, ways, strict=True)
    )
