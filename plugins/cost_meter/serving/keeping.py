"""Keeps thresholds on the shelf: few of each user, bounded in all."""

import asyncio
import secrets
from collections.abc import Iterable

from ..books import Shelf
from .declining import DeclinedError, none_such
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

    async def add(self, one: Threshold, *, by_admin: bool) -> Threshold:
        """Keep a new one, which gets an id. Raises DeclinedError with 409 if it is too many."""
        named = one._replace(id=f"threshold_{secrets.token_hex(8)}")
        async with self._one:  # else all that are sent at once find the same room
            every = await self.all()
            if not by_admin and _count_of(every, one.user) >= MOST_OF_USER:
                raise DeclinedError(409, f"There are {MOST_OF_USER} thresholds already; delete one")
            if len(every) >= MOST - (0 if by_admin else _RESERVED):
                raise DeclinedError(409, "There are too many thresholds in all; delete some")
            await self.keep(named)
        return named

    async def keep(self, one: Threshold) -> None:
        """Keep one as it is now. Raises StoreError."""
        await self._shelf.put(_KIND, one.id, kept_of(one))

    async def delete(self, one: Threshold) -> None:
        """Forget one. Raises StoreError."""
        await self._shelf.delete(_KIND, one.id)


def _count_of(every: Iterable[Threshold], user: str | None) -> int:
    return sum(one.user == user for one in every)
