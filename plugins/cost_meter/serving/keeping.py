"""Keeps thresholds on the shelf: few of each user, bounded in all, none twice."""

import asyncio
from collections.abc import Container, Iterable
from typing import Any

from ..books import Shelf
from .declining import DeclinedError, none_such, told_otherwise
from .saying import digest
from .thresholds import Threshold, kept_of, read_kept

__all__ = ["MOST", "MOST_OF_USER", "Thresholds"]

MOST = 1000
"""So many there are at most: a shelf shows no more of one kind."""

MOST_OF_USER = 10
"""So many an ordinary user has at most."""

_RESERVED = 100
"""For administrators: users cannot take the last places."""

_KIND = "threshold"


class Thresholds:
    """The thresholds of all."""

    def __init__(self, shelf: Shelf) -> None:
        self._shelf = shelf
        self._one = asyncio.Lock()

    async def all(self) -> tuple[Threshold, ...]:
        """Return them, the oldest first. Raises StoreError."""
        found = map(read_kept, (await self._shelf.all(_KIND)).values())
        kept = (one for one in found if one is not None)
        return tuple(sorted(kept, key=lambda one: (one.created_at, one.id)))

    async def find(self, threshold_id: str, owner: str | None) -> Threshold:
        """Return one; with `owner`, only if it is about that user.

        Raises DeclinedError with 404 for others, too; StoreError.
        """
        document = await self._shelf.get(_KIND, threshold_id)
        found = None if document is None else read_kept(document)
        if found is None or owner not in (None, found.user):
            raise none_such("threshold")
        return found

    async def add(self, one: Threshold, *, by_admin: bool, key: str = "") -> tuple[Threshold, bool]:
        """Keep a new one, which gets an id; return it, and whether it is new.

        It is not where its maker has sent `key` before, or has one that says the same: that one is
        returned, as it stands. The id follows from what is said, so that two proxies which are
        asked at once keep one. Raises DeclinedError: 409 if it is too many, 422 if `key` came with
        another request.
        """
        stated = digest(*_statement(one))
        async with self._one:  # else all that are sent at once find the same room
            every = {kept.id: kept for kept in await self.all()}
            by_key = f"threshold_{digest('key', one.created_by, key)}" if key else ""
            before = every.get(by_key) or _same(every.values(), one)
            if before is not None:
                if before.id == by_key and before.said != stated:
                    raise told_otherwise()
                return before, False
            _refuse_many(every.values(), one, by_admin=by_admin)
            made = one._replace(id=by_key or _free_id(every, stated), said=stated)
            await self.keep(made)
        return made, True

    async def keep(self, one: Threshold) -> None:
        """Keep one as it is now. Raises StoreError."""
        await self._shelf.put(_KIND, one.id, kept_of(one))

    async def delete(self, one: Threshold) -> None:
        """Forget one. Raises StoreError."""
        await self._shelf.delete(_KIND, one.id)


def _statement(one: Threshold) -> tuple[Any, ...]:
    """Return all that its maker has said."""
    about = (one.created_by, one.user, one.type, one.provider, one.nano_usd)
    return (*about, one.severity, one.enabled, *one.channels)


def _same(every: Iterable[Threshold], one: Threshold) -> Threshold | None:
    """Return one that says the same now: who changes a threshold may make the former one again."""
    return next((kept for kept in every if _statement(kept) == _statement(one)), None)


def _free_id(taken: Container[str], stated: str) -> str:
    """Return an id that follows from what is said; one that was changed since has the first."""
    number = 0
    while (found := f"threshold_{digest('said', stated, number)}") in taken:
        number += 1
    return found


def _refuse_many(every: Iterable[Threshold], one: Threshold, *, by_admin: bool) -> None:
    users = [kept.user for kept in every]
    if not by_admin and users.count(one.user) >= MOST_OF_USER:
        raise DeclinedError(409, f"There are {MOST_OF_USER} thresholds already; delete one")
    if len(users) >= MOST - (0 if by_admin else _RESERVED):
        raise DeclinedError(409, "There are too many thresholds in all; delete some")
