"""Counts as nobody would build them: all that ever happened is kept, and counted anew each time.

What a store of counts must agree with. Levels are fractions; how long to wait is found by
looking at every moment at which something changes.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from fractions import Fraction
from math import ceil

from plugins.rate_limit.claims import NEVER, Claim, Counted, Kind, Reading, Window

__all__ = ["Recount"]


@dataclass
class Event:
    """Units of one decision in one bucket; of a level, negative ones were given back."""

    at: int
    units: int
    name: str
    ticket: str


@dataclass
class Recount:
    """`now` is moved by whoever asks; see `Counts` for what the methods mean."""

    now: int
    events: dict[str, list[Event]] = field(default_factory=dict)

    def take(self, claims: tuple[Claim, ...], ticket: str) -> Counted:
        waits = self._waits(claims)
        admitted = not any(wait for each in waits for wait in each)
        if admitted:
            self.debit(claims, ticket)
        return Counted(admitted, self._readings(claims, waits))

    def peek(self, claims: tuple[Claim, ...]) -> Counted:
        waits = self._waits(claims)
        admitted = not any(wait for each in waits for wait in each)
        return Counted(admitted, self._readings(claims, waits))

    def refund(self, claims: tuple[Claim, ...], ticket: str) -> None:
        for claim in claims:
            if claim.kind is Kind.LEVEL:
                self._of(claim).append(Event(self.now, -claim.cost, "", ticket))
            else:
                kept = [event for event in self._of(claim) if event.ticket != ticket]
                self.events[claim.bucket] = kept

    def debit(self, claims: tuple[Claim, ...], ticket: str) -> None:
        for claim in claims:
            name = claim.member if claim.kind is Kind.DISTINCT else ticket
            self._of(claim).append(Event(self.now, claim.cost, name, ticket))

    def extend(self, claims: tuple[Claim, ...], ticket: str) -> bool:
        """Claims of one lease each: whether that is there still."""
        there = False
        for claim in claims:
            for event in self._of(claim):
                if event.ticket == ticket and self.now - claim.windows[0].period < event.at:
                    event.at = self.now
                    there = True
        return there

    def clear(self, claims: tuple[Claim, ...]) -> None:
        for claim in claims:
            self.events.pop(claim.bucket, None)

    def _of(self, claim: Claim) -> list[Event]:
        return self.events.setdefault(claim.bucket, [])

    def _waits(self, claims: tuple[Claim, ...]) -> list[list[int]]:
        return [[self._wait(claim, window) for window in claim.windows] for claim in claims]

    def _wait(self, claim: Claim, window: Window) -> int:
        if claim.cost > window.burst:
            return NEVER
        if claim.kind is Kind.LEVEL:
            return self._drained(claim, window, Fraction(window.burst - claim.cost))
        return self._when(claim, window, lambda at: self._fits(claim, window, at))

    def _readings(
        self, claims: tuple[Claim, ...], waits: Iterable[Iterable[int]]
    ) -> tuple[tuple[Reading, ...], ...]:
        return tuple(
            tuple(self._reading(claim, *pair) for pair in zip(claim.windows, each, strict=True))
            for claim, each in zip(claims, waits, strict=True)
        )

    def _reading(self, claim: Claim, window: Window, wait: int) -> Reading:
        remaining = self._remaining(claim, window, self.now)
        if remaining == window.burst and not self._used(claim, window, self.now):
            return Reading(remaining, 0, wait)
        if claim.kind is Kind.LEVEL:
            reset = self._drained(claim, window, Fraction(window.burst - remaining - 1))
        else:
            reset = self._when(
                claim, window, lambda at: self._remaining(claim, window, at) > remaining
            )
        return Reading(remaining, reset, wait)

    def _remaining(self, claim: Claim, window: Window, at: int) -> int:
        return max(0, int((window.burst - self._used(claim, window, at)) // 1))

    def _used(self, claim: Claim, window: Window, at: int) -> Fraction:
        """The units that count in the window that ends at `at`."""
        if claim.kind is Kind.LEVEL:
            return self._level(claim, window, at)
        inside = [event for event in self._of(claim) if at - window.period < event.at <= at]
        if claim.kind is Kind.DISTINCT:
            return Fraction(len({event.name for event in inside}))
        return Fraction(sum(event.units for event in inside))

    def _fits(self, claim: Claim, window: Window, at: int) -> bool:
        if claim.kind is Kind.DISTINCT:
            members = {e.name for e in self._of(claim) if at - window.period < e.at <= at}
            if claim.member in members:
                return True
        return self._used(claim, window, at) + claim.cost <= window.limit

    def _when(self, claim: Claim, window: Window, holds: Callable[[int], bool]) -> int:
        """The microseconds until something holds, which changes when an event leaves only."""
        leaving = {event.at + window.period for event in self._of(claim)}
        moments = sorted({self.now, *(at for at in leaving if at > self.now)})
        return next(at for at in moments if holds(at)) - self.now

    def _level(self, claim: Claim, window: Window, at: int) -> Fraction:
        level, then = Fraction(0), 0
        for event in (*self._of(claim), Event(at, 0, "", "")):
            level = max(
                Fraction(0), level - Fraction((event.at - then) * window.limit, window.period)
            )
            level, then = max(Fraction(0), level + event.units), event.at
        return level

    def _drained(self, claim: Claim, window: Window, to: Fraction) -> int:
        """The microseconds until the level is down to `to`."""
        above = self._level(claim, window, self.now) - to
        return max(0, ceil(above * window.period / window.limit))
