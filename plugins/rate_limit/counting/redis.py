"""Counts that a fleet shares in Redis: each decision is made by one script, by its server's time.

Keys: ``…:<kind>:<bucket>``; all of one plugin have the same slot, so a decision over several
buckets works in a cluster as well. They expire by themselves when nothing in them counts.
"""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any, Final, Literal, NamedTuple

from proxy.api import RedisScripts, StoreError

from ..claims import Claim, Counted, Kind, Reading
from .batching import Batches, late
from .scripts import script

__all__ = ["PATIENCE", "Op", "RedisCounts"]

PATIENCE: Final = 0.025
"""Seconds that a decision waits for Redis."""

_SPARE: Final = 1_000
"""Milliseconds that a key outlives what counts in it."""

_SPARE_OF_TESTS: Final = 600_000
"""Likewise, where the clock is not the server's and may stand still."""


class Op(NamedTuple):
    """One thing to do with buckets; see the method of `Counts` of the same name."""

    word: Literal["take", "peek", "refund", "debit", "extend", "clear"]
    claims: tuple[Claim, ...]
    ticket: str = ""
    ago: int = 0
    """Of debit, so many microseconds ago it happened; a level has drained since."""


class RedisCounts:
    """See `Counts`. What is asked at about the same time goes out in one call."""

    def __init__(
        self,
        redis: RedisScripts,
        now: Callable[[], int] | None = None,
        patience: float = PATIENCE,
    ) -> None:
        """`now` returns microseconds, in tests; without it, it is the server's time.

        What takes longer than `patience` seconds raises StoreError, as does what fails.
        """
        self._redis = redis
        self._now = now
        self._batches: Batches[Op, Counted] = Batches(
            self._send, self._unheard, redis.url, patience
        )
        self._patience = patience

    @property
    def url(self) -> str:
        """Where it is, without credentials."""
        return self._redis.url

    async def open(self) -> None:
        """Connect, and have the script there. Raises StoreError, after the link's own patience."""
        await self._send(())

    async def take(self, claims: tuple[Claim, ...], ticket: str) -> Counted:
        """See `Counts.take`."""
        return await self.done(Op("take", claims, ticket))

    async def peek(self, claims: tuple[Claim, ...]) -> Counted:
        """See `Counts.peek`."""
        return await self.do(Op("peek", claims))

    async def refund(self, claims: tuple[Claim, ...], ticket: str) -> None:
        """See `Counts.refund`."""
        await self.do(Op("refund", claims, ticket))

    async def debit(self, claims: tuple[Claim, ...], ticket: str) -> None:
        """See `Counts.debit`."""
        await self.do(Op("debit", claims, ticket))

    async def extend(self, claims: tuple[Claim, ...], ticket: str) -> bool:
        """See `Counts.extend`."""
        return (await self.do(Op("extend", claims, ticket))).admitted

    async def clear(self, claims: tuple[Claim, ...]) -> None:
        """See `Counts.clear`."""
        await self.do(Op("clear", claims))

    def do(self, op: Op) -> asyncio.Future[Counted]:
        """Do one thing; of all but take and peek, only `admitted` means something."""
        return self._batches.ask(op)

    async def done(self, op: Op) -> Counted:
        """Wait until it is done. Who is cancelled meanwhile gets back what was taken."""
        told = self._batches.ask(op)
        try:
            return await told
        except asyncio.CancelledError:
            if not told.cancelled() and told.exception() is None:  # both came at the same moment
                self._unheard(op, told.result())
            raise

    async def send(self, ops: Sequence[Op]) -> None:
        """Do some things in this order, in a call of their own. Raises StoreError.

        What a single one of them fails for is lost.
        """
        try:
            async with asyncio.timeout(self._patience):
                await self._send(ops)
        except TimeoutError:
            raise StoreError(late(self._redis.url, self._patience)) from None

    async def close(self) -> None:
        """End what is under way."""
        await self._batches.close()

    async def _send(self, ops: Sequence[Op]) -> list[Counted | StoreError]:
        keys: list[str] = []
        now, spare = ("", _SPARE) if self._now is None else (self._now(), _SPARE_OF_TESTS)
        values = [now, spare, *_written(ops, keys, self._redis.key)]
        answers = await self._redis.run(script("decide"), keys, values)
        return _read(ops, answers, self._redis.url)

    def _unheard(self, op: Op, answer: Counted) -> None:
        if op.word == "take" and answer.admitted:
            refund = self.do(Op("refund", op.claims, op.ticket))
            refund.add_done_callback(lambda told: told.cancelled() or told.exception())


def _written(
    ops: Sequence[Op], keys: list[str], key: Callable[..., str]
) -> list[str | bytes | float]:
    """Return what the script is told of operations; adds to `keys` what they touch."""
    shapes: dict[tuple[Kind, tuple[Any, ...]], int] = {}
    said: list[str | bytes | float] = []
    for word, claims, ticket, ago in ops:
        said += (word, ticket, ago, len(claims))
        for claim in claims:
            kind = claim.kind
            shape = shapes.setdefault((kind, claim.windows), len(shapes) + 1)
            keys.append(key(kind.value, claim.bucket))
            if kind is Kind.DISTINCT:
                keys.append(key("tickets", claim.bucket))
            said += (shape, claim.cost, claim.member)
    told: list[str | bytes | float] = [len(shapes)]
    for kind, windows in shapes:
        told += (kind.value, len(windows))
        for _, limit, period, burst in windows:
            told += (limit, period, burst)
    return [*told, len(ops), *said]


def _read(ops: Sequence[Op], answers: list[Any], url: str) -> list[Counted | StoreError]:
    """Return what the script has answered to each operation."""
    read: list[Counted | StoreError] = []
    at = 0
    for op in ops:
        went = answers[at]
        at += 1
        if went == -1:
            read.append(_failure(url, answers[at]))
            at += 1
            continue
        readings = []
        if op.word in ("take", "peek"):
            for claim in op.claims:
                until = at + 3 * len(claim.windows)
                readings.append(tuple(Reading(*answers[i : i + 3]) for i in range(at, until, 3)))
                at = until
        read.append(Counted(went == 1, tuple(readings)))
    return read


def _failure(url: str, said: bytes) -> StoreError:
    """Return the error of one decision, which says nothing about all others: it has a code."""
    text = said[:200].decode("utf-8", "replace")
    error = StoreError(f"{url}: a bucket holds what is none of ours; delete it: {text}")
    error.code = text.partition(" ")[0] or "ERR"
    return error
