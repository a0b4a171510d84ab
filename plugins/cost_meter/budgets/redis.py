"""Budgets that a fleet shares in Redis: each decision is made by one script, by its server's time.

Keys: ``…:budget:<bucket>`` and two more for each bucket, ``…:ended:<minute>`` for the attempts of a
minute that have ended. All of one plugin have the same slot, so a decision over several budgets
works in a cluster as well. They expire by themselves.
"""

from collections.abc import Callable, Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any, Final

from proxy.api import RedisScripts

from .claims import Answer, Ask, Claim, Correction, Entry, Reading, Share

__all__ = ["RedisReserving", "script"]

_ENDED_KEPT: Final = 48 * 3600 * 1000
"""Milliseconds for which is remembered that an attempt has ended: so late it may be told again."""

_LUA: Final = Path(__file__).with_name("lua")


@cache
def script(name: str) -> str:
    """Return the text of `lua/<name>.lua`."""
    return (_LUA / f"{name}.lua").read_text(encoding="utf-8")


class RedisReserving:
    """See `Reserving`. Each call is one round trip, and may be sent twice."""

    def __init__(
        self, redis: RedisScripts, who: str = "*", now: Callable[[], float] | None = None
    ) -> None:
        """`who` asks: whose corrections and bookings are told apart from others.

        `now` returns Unix seconds, in tests; without it, it is the server's time.
        """
        self._redis = redis
        self._who = who
        self._now = now

    async def reserve(
        self, attempt: str, at: float, claims: Sequence[Claim], seconds: float
    ) -> Answer:
        """See `Reserving.reserve`."""
        (answer,) = await self.reserve_all((Ask(attempt, at, tuple(claims), seconds),))
        return answer

    async def reserve_all(self, asks: Sequence[Ask]) -> tuple[Answer, ...]:
        """See `Reserving.reserve`; for several, one after the other. Raises StoreError."""
        keys: list[str] = []
        values: list[str | bytes | float] = [self._time(), self._who]
        for attempt, at, claims, seconds in asks:
            keys.append(self._ended(at))
            values += (attempt, _millis(seconds), len(claims))
            for one in claims:
                keys += self._keys(one.bucket)
                values += (one.first, one.slice, one.cap, one.amount, _millis(one.keep))
        answers = iter(await self._redis.run(script("reserve"), keys, values))
        return tuple(
            Answer(
                next(answers) == 1,
                tuple(_reading(answers, one.first, one.slice) for one in ask.claims),
            )
            for ask in asks
        )

    async def settle(self, entries: Sequence[Entry]) -> tuple[tuple[Reading, ...], ...]:
        """See `Reserving.settle`."""
        keys: list[str] = []
        values: list[str | bytes | float] = [_ENDED_KEPT, self._who]
        for entry in entries:
            keys.append(self._ended(entry.at))
            values += (entry.attempt, "" if entry.spent is None else entry.spent)
            values.append(len(entry.shares))
            for share in entry.shares:
                keys += self._keys(share.bucket)
                values += (share.first, share.slice, _millis(share.keep))
        answers = iter(await self._redis.run(script("settle"), keys, values))
        return tuple(
            tuple(_reading(answers, one.first, one.slice) for one in entry.shares)
            for entry in entries
        )

    async def read(self, shares: Sequence[Share]) -> tuple[Reading, ...]:
        """See `Reserving.read`."""
        keys: list[str] = []
        values: list[str | bytes | float] = [self._time(), self._who]
        for one in shares:
            keys += self._keys(one.bucket)
            values += (one.first, one.slice)
        answers = iter(await self._redis.run(script("read"), keys, values))
        return tuple(_full_reading(answers, one.first, one.slice) for one in shares)

    async def correct(self, correction: Correction) -> bool:
        """See `Reserving.correct`."""
        bucket, deltas, version, keep = correction
        values: list[str | bytes | float] = [self._who, version, _millis(keep)]
        for at, amount in deltas.items():
            values += (at, amount)
        return bool(await self._redis.run(script("correct"), self._keys(bucket), values) == 1)

    def _time(self) -> str | int:
        return "" if self._now is None else _millis(self._now())

    def _keys(self, bucket: str) -> tuple[str, str, str]:
        key = self._redis.key
        return key("budget", bucket), key("ends", bucket), key("spent", bucket)

    def _ended(self, at: float) -> str:
        return self._redis.key("ended", str(int(at // 60)))


def _millis(seconds: float) -> int:
    return round(seconds * 1000)


def _reading(answers: Iterator[Any], first: int, last: int) -> Reading:
    reserved, version = int(next(answers)), int(next(answers))
    spent = {at: int(next(answers)) for at in range(first, last + 1)}
    return Reading(reserved, {at: amount for at, amount in spent.items() if amount}, version)


def _full_reading(answers: Iterator[Any], first: int, last: int) -> Reading:
    reserved, version, leases = int(next(answers)), int(next(answers)), int(next(answers))
    spent: dict[int, int] = {}
    booked: dict[int, int] = {}
    for at in range(first, last + 1):
        for kept in (spent, booked):
            if amount := int(next(answers)):
                kept[at] = amount
    return Reading(reserved, spent, version, leases, booked)
