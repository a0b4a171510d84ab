"""Counts of a fleet that go on without Redis: each claim in the way that its rule says.

- While Redis answers, it decides. What it admits is counted here as well, so that this process
  knows its own part when Redis is gone.
- The first call that fails or is late opens a breaker: no request waits for a Redis that hangs
  but those under way. From then on `on_store_error` decides, against this process's share of
  each limit.
- Beside the requests it is tried again whether Redis is there. Before anybody may ask it again it
  is told what was admitted meanwhile, each at the time it happened.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from random import SystemRandom
from typing import Any, Final

from proxy.api import Services, StoreError
from proxy.api.resilience import Breaker, BreakerRules, Permit, State

from ..claims import SECOND, Claim, Counted, Counts, Kind
from .alone import decided, has_share, own, way_of
from .batching import TOGETHER
from .owed import MOST, Owed
from .redis import Op, RedisCounts
from .replicas import EVERY, Replicas

__all__ = ["Fallback"]

_RULES: Final = BreakerRules(failures=1, connect_failures=1, open=1.0, open_most=5.0, probes=1)
"""One failure is enough: a Redis that hangs would cost each request its patience."""

_AGAIN: Final = 1.0
"""Seconds after which, at the earliest, it is worth asking again."""

_BREATH: Final = 0.01
"""Seconds between two looks at whether it may be asked."""

_random = SystemRandom().random


class Fallback:
    """See `Counts`; none of its methods raises StoreError."""

    def __init__(
        self,
        shared: RedisCounts,
        local: Counts,
        replicas: Replicas,
        services: Services,
        told: Callable[[str], None] = lambda _: None,
        state: dict[str, Any] | None = None,
        most: int = MOST,
    ) -> None:
        """`local` counts in this process; `most` see `Owed`, which goes on with `state`.

        `told` hears ``local``, ``open`` or ``closed`` for each decision made without Redis,
        ``lost`` and ``back`` when Redis goes and comes, and ``forgotten`` for each thing
        that Redis will not be told of.
        """
        self._shared = shared
        self._local = local
        self._replicas = replicas
        self._services = services
        self._told = told
        self._breaker = Breaker(_RULES)
        self._owed = Owed({} if state is None else state, most)
        self._recovering = False

    def health(self) -> str:
        """Say what is wrong; empty if nothing is."""
        if self._there:
            return ""
        now = self._services.clock()
        return (
            f"limits are kept without {self._shared.url}, which is {self._breaker.why(now)}; this "
            f"process takes itself for one of {self._replicas.known}"
        )

    async def open(self) -> None:
        """Make ready, whether Redis is there or not; from now on, tell it that we are."""
        await self._local.open()
        permit = self._permit()
        try:
            await self._pay()  # what the one before owes
            await self._replicas.beat()
        except StoreError as error:
            self._fail(permit, error)
        self._services.spawn(self.beat(), "say that this replica is alive")

    async def beat(self) -> None:
        """Say again and again that this replica is alive, until cancelled."""
        while True:
            await self._services.sleep(EVERY)
            try:
                await self._replicas.beat()
            except StoreError as error:
                self._services.log.debug("limits_beat_not_heard", reason=str(error))
            self._hand_in()

    async def take(self, claims: tuple[Claim, ...], ticket: str) -> Counted:
        """See `Counts.take`."""
        counted = await self._ask(Op("take", claims, ticket))
        if counted is None:
            return await self._alone(claims, ticket)
        if counted.admitted:
            await self._local.debit(own(claims, 1), ticket)
        return counted

    async def peek(self, claims: tuple[Claim, ...]) -> Counted:
        """See `Counts.peek`."""
        return await self._ask(Op("peek", claims)) or await self._alone(claims)

    async def refund(self, claims: tuple[Claim, ...], ticket: str) -> None:
        """See `Counts.refund`. What a level got during an outage, it does not get back in Redis."""
        await self._local.refund(self._own(claims), ticket)
        await self._tell(Op("refund", claims, ticket))

    async def debit(self, claims: tuple[Claim, ...], ticket: str) -> None:
        """See `Counts.debit`."""
        await self._local.debit(self._own(claims), ticket)
        await self._tell(Op("debit", claims, ticket))

    async def extend(self, claims: tuple[Claim, ...], ticket: str) -> bool:
        """See `Counts.extend`. Redis is not told later: it is asked again before a lease ends."""
        local = await self._local.extend(self._own(claims), ticket)
        counted = await self._ask(Op("extend", claims, ticket))
        return local if counted is None else counted.admitted

    async def clear(self, claims: tuple[Claim, ...]) -> None:
        """See `Counts.clear`."""
        await self._local.clear(self._own(claims))
        await self._tell(Op("clear", claims))

    async def close(self) -> None:
        """Let go of both."""
        await self._replicas.leave()
        await self._shared.close()
        await self._local.close()

    async def _ask(self, op: Op) -> Counted | None:
        """Return the answer of Redis; None: it has none, or is left alone."""
        permit = self._permit()
        if permit is None:
            return None
        try:
            counted = await self._shared.done(op)
        except StoreError as error:
            self._fail(permit, error)
            if op.word == "take" and not error.code:  # it may have been taken for all we know
                self._owe(op._replace(word="refund"))
            return None
        self._breaker.succeeded(permit, self._services.clock(), _random())
        return counted

    @property
    def _there(self) -> bool:
        """Whether Redis is asked."""
        return self._breaker.state(self._services.clock()) is State.CLOSED

    def _permit(self) -> Permit | None:
        """Return leave to ask; not that of a probe: `_recover` makes those beside the requests."""
        return self._breaker.permit(self._services.clock()) if self._there else None

    async def _tell(self, op: Op) -> None:
        if await self._ask(op) is None:
            self._owe(op)

    async def _alone(self, claims: tuple[Claim, ...], ticket: str = "") -> Counted:
        """Decide without Redis; without a ticket, only say what would be decided."""
        replicas = self._replicas.known
        mine = own(claims, replicas)
        takes = bool(ticket) and way_of(claims) != "closed" and has_share(claims, replicas)
        counted = await (self._local.take(mine, ticket) if takes else self._local.peek(mine))
        answer = decided(claims, counted, replicas, self._again())
        if takes and answer.admitted:
            self._owe(Op("debit", claims, ticket))
        self._told(answer.degraded)
        return answer

    def _own(self, claims: tuple[Claim, ...]) -> tuple[Claim, ...]:
        """Return what is counted here: against the limits, and their shares without Redis.

        One of many may do all that Redis allows; a level that drained by its share would say long
        after that it is full.
        """
        return own(claims, 1 if self._there else self._replicas.known)

    def _again(self) -> int:
        left = self._breaker.reopens_at - self._services.clock()
        return round(max(left, _AGAIN) * SECOND)

    def _owe(self, op: Op) -> None:
        """Keep what Redis has to be told of when it is back."""
        if op.word == "refund":  # it may be told twice, and a level would believe it each time
            op = op._replace(claims=tuple(one for one in op.claims if one.kind is not Kind.LEVEL))
        if not op.claims:
            return
        if not self._owed.add(op, self._services.clock()):
            self._told("forgotten")

    def _fail(self, permit: Permit | None, error: StoreError) -> None:
        """Count a failure; one of a single decision says nothing about Redis."""
        if error.code:
            self._services.log.error("limits_bucket_unreadable", reason=str(error))
            return
        if permit is not None:
            self._breaker.failed(permit, self._services.clock(), _random())
        if self._recovering:
            return
        self._recovering = True
        self._told("lost")
        self._services.log.warning("limits_store_lost", reason=str(error))
        with suppress(RuntimeError):  # the plugin has ended, and its stores were closed
            self._services.spawn(self._recover(), "ask whether the store of limits is back")

    async def _recover(self) -> None:
        """Try until Redis is there and has been told of everything."""
        clock = self._services.clock
        while not self._there:
            await self._services.sleep(max(self._breaker.reopens_at - clock(), _BREATH))
            permit = self._breaker.permit(clock())
            if permit is None:
                continue
            try:
                await self._pay()
            except StoreError:
                self._breaker.failed(permit, clock(), _random())
            else:
                self._breaker.succeeded(permit, clock(), _random())
        self._hand_in()
        self._recovering = False
        self._told("back")
        self._services.log.info("limits_store_back")

    async def _pay(self) -> None:
        """Tell Redis what it has missed; it has to answer in time, if only to nothing.

        All but the few things that came to it during the last call.
        """
        await self._shared.open()
        more = True
        while more:
            chunk = self._owed.taken(TOGETHER)
            more = len(chunk) == TOGETHER
            try:
                await self._shared.send(self._owed.told(chunk, self._services.clock()))
            except BaseException:  # also where this ends: somebody goes on with it
                self._owed.put_back(chunk)
                raise

    def _hand_in(self) -> None:
        """Tell Redis of what is left, unless it is gone: before whatever is asked from now on."""
        while self._there and (chunk := self._owed.taken(TOGETHER)):
            for op in self._owed.told(chunk, self._services.clock()):
                self._shared.do(op).add_done_callback(partial(self._handed_in, op))

    def _handed_in(self, op: Op, told: "asyncio.Future[Counted]") -> None:
        error = None if told.cancelled() else told.exception()
        if isinstance(error, StoreError) and not error.code:
            self._owed.add(op, self._services.clock() - op.ago / SECOND)
