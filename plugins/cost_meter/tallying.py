"""Reads totals of any time, for reports and the API: never rows, always in a few questions."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from typing import Final, NamedTuple

from proxy.api.endpoints import iso

from .books import Asked, Ledger
from .covering import Calendar, Kept, Piece, Span, pieces_of
from .row import Dimension, Grain, Sums, Total, plus

__all__ = ["Tally", "Tallying", "added"]

_A_TURN: Final = 500
"""Totals that are added up before others have their turn."""

Parts = tuple[str, ...]
"""What the dimensions are that were asked for, in their order."""


class Tally(NamedTuple):
    """What a time comes to, and which time that really is."""

    by: Mapping[Parts, Sums]
    counted: Span
    """From the first to the last bucket that was counted."""

    @property
    def all(self) -> Sums:
        """All of it together."""
        return added(self.by.values())


class Tallying:
    """One reader of one ledger."""

    def __init__(self, ledger: Ledger, calendar: Calendar, kept: Kept, at_once: int = 1) -> None:
        """Ask at most so many questions `at_once`.

        A journal has one thread, which also writes what has to be on the disk before anything is
        sent: that then waits for one question, however many are asked.
        """
        self._ledger = ledger
        self._turns = asyncio.Semaphore(at_once)
        self._kept = kept
        self.calendar = calendar

    async def over(
        self,
        span: Span,
        now: float,
        by: Sequence[Dimension] = (),
        where: Mapping[Dimension, str] | None = None,
    ) -> Tally:
        """Return what a time comes to, by these dimensions. Raises StoreError."""
        pieces = pieces_of((span,), now, self._kept)
        sums: dict[Parts, Sums] = {}
        async for total in _in_turns(await self._totals(pieces, by, where or {})):
            _add(sums, tuple([total.by[name] for name in by]), total.sums)
        return Tally(sums, _counted(pieces, span, now))

    async def daily(
        self,
        span: Span,
        now: float,
        by: Sequence[Dimension] = (),
        where: Mapping[Dimension, str] | None = None,
    ) -> Tally:
        """Return the same by date first, of the calendar's zone. Raises StoreError."""
        pieces = pieces_of(self.calendar.days(span), now, self._kept)
        sums: dict[Parts, Sums] = {}
        async for total in _in_turns(await self._totals(pieces, by, where or {})):
            parts = (self.calendar.date(total.begins), *[total.by[name] for name in by])
            _add(sums, parts, total.sums)
        return Tally(dict(sorted(sums.items())), _counted(pieces, span, now))

    async def by_hour_of_day(
        self, span: Span, now: float, where: Mapping[Dimension, str] | None = None
    ) -> Mapping[int, Sums] | None:
        """Return the same by the hour of the day (0 to 23, none left out).

        None where hours of that time are not kept any more. Raises StoreError.
        """
        pieces = pieces_of((span,), now, self._kept, coarsest="hour")
        if any(piece.grain == "day" for piece in pieces):
            return None
        sums = dict.fromkeys(range(24), Sums())
        for total in await self._totals(pieces, (), where or {}):
            hour = self.calendar.hour_of_day(total.begins)
            sums[hour] = plus(sums[hour], total.sums)
        return sums

    async def by_bucket(
        self,
        span: Span,
        now: float,
        grain: Grain,
        by: Sequence[Dimension] = (),
        where: Mapping[Dimension, str] | None = None,
    ) -> Tally:
        """Return the same by the beginning of UTC buckets first, as they are kept.

        Raises ValueError where they are not kept any more, StoreError.
        """
        kept = {"minute": self._kept.minutes, "hour": self._kept.hours}.get(grain)
        if kept is not None and span.since < now - kept - 3600:
            raise ValueError(
                f"totals of each {grain} are kept for {kept / 3600:g} hours: ask for a later time, "
                "or by day"
            )
        asked = Asked(span.since, span.until, where or {})
        totals = await self._asked(asked, grain, by)
        sums = {(iso(one.begins), *(one.by[name] for name in by)): one.sums for one in totals}
        return Tally(sums, Span(totals[0].begins, span.until) if totals else span)

    async def _totals(
        self, pieces: Iterable[Piece], by: Sequence[Dimension], where: Mapping[Dimension, str]
    ) -> list[Total]:
        asked = (
            self._asked(Asked(piece.since, piece.until, where), piece.grain, by) for piece in pieces
        )
        return [total for totals in await asyncio.gather(*asked) for total in totals]

    async def _asked(self, asked: Asked, grain: Grain, by: Sequence[Dimension]) -> Sequence[Total]:
        async with self._turns:
            return await self._ledger.totals(asked, grain, by)


def added(sums: Iterable[Sums]) -> Sums:
    """Return all of them together."""
    whole = Sums()
    for one in sums:
        whole = plus(whole, one)
    return whole


async def _in_turns(totals: Iterable[Total]) -> AsyncIterator[Total]:
    """Yield all, and let others have their turn in between: there is one for each user and day."""
    for number, total in enumerate(totals, 1):
        if number % _A_TURN == 0:
            await asyncio.sleep(0)
        yield total


def _add(sums: dict[Parts, Sums], parts: Parts, more: Sums) -> None:
    before = sums.get(parts)
    sums[parts] = more if before is None else plus(before, more)


def _counted(pieces: Sequence[Piece], span: Span, now: float) -> Span:
    """Return the time of the buckets; of one that is not over yet, as far as it was asked for."""
    if not pieces:
        return Span(span.since, span.since)
    until = pieces[-1].until
    return Span(pieces[0].since, until if until <= now else max(span.until, now))
