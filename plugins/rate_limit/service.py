"""The service `Limits`: facts in, how the windows stand out; seconds here, microseconds below."""

import secrets
from collections.abc import Callable, Sequence
from functools import partial
from itertools import count
from typing import Any, Final, NamedTuple

from proxy.api.limits import NEVER, Action, Facts, Standing, WindowStanding

from .claims import NEVER as NEVER_FITS
from .claims import SECOND, Claim, Counted, Counts, Kind, Reading, Window
from .counting.memory import MemoryCounts
from .rules import Book, Rule

__all__ = ["Asked", "CountingLimits", "standing_of"]

_TIMED: Final = frozenset((Kind.LOG, Kind.DISTINCT))
"""Kinds that remember when."""

_LEASE: Final = Kind.LEASE
"""A name of a module is read in a third of the time that a member of an Enum takes."""

_made: Final[Callable[[tuple[object, ...]], WindowStanding]] = partial(
    tuple.__new__, WindowStanding
)
"""Makes one in half the time that its constructor takes, for each window of each check."""

_STRICTEST: Final[tuple[Action, ...]] = ("reject", "queue", "delay")

_NOTHING: Final = Standing(admitted=True, windows=())
"""Of what no rule applies to."""

_UNTIL_KNOWN: Final = 1.0
"""Seconds to wait for a rule that the configuration does not have (any more, or yet)."""


class Asked(NamedTuple):
    """What a check asks of the counts."""

    rules: tuple[Rule, ...]
    claims: tuple[Claim, ...]
    ticket: str

    @property
    def leases(self) -> tuple[Claim, ...]:
        """Return the claims on what is under way, which end with it."""
        return tuple([claim for claim in self.claims if claim.kind is _LEASE])


class CountingLimits:
    """Implements `proxy.api.limits.Limits`."""

    def __init__(
        self,
        book: Book,
        counts: Counts,
        plain: MemoryCounts | None,
        memory: dict[str, Any],
        watch: Callable[[Facts, Standing], None],
    ) -> None:
        """`plain`: the counts, if they answer without anything to wait for.

        `memory` is what the one before has left, and `watch` is told of each `take`.
        """
        self.book = book
        self.counts = counts
        self.plain = plain
        self._memory = memory
        self._watch = watch
        self._origin = secrets.token_hex(8)
        self._numbers = count()

    @property
    def names(self) -> frozenset[str]:
        """Return the names of all rules and rule sets that there are."""
        return self.book.names

    @property
    def memory(self) -> dict[str, Any]:
        """Return what was counted in this process."""
        return self._memory

    async def take(self, facts: Facts, rules: Sequence[str] = ()) -> Standing:
        """Take what `facts` cost from every window, or from none."""
        standing = self._unknown(rules)
        if standing is None:
            standing = await self.taken(self.asked(facts, self.book.selected(rules)))
            self._watch(facts, standing)
        return standing

    async def peek(self, facts: Facts, rules: Sequence[str] = ()) -> Standing:
        """Say what `take` would say; takes nothing."""
        return self._unknown(rules) or await self._peeked(facts, self.book.selected(rules))

    async def refund(self, facts: Facts, ticket: str, rules: Sequence[str] = ()) -> None:
        """Give back what was taken under a ticket, with the same facts and rules; once."""
        asked = self.asked(facts, self.book.selected(rules))
        if asked.claims and ticket:
            await self.counts.refund(asked.claims, ticket)

    async def arrived(self, facts: Facts, ticket: str, rules: Sequence[str] = ()) -> None:
        """Count what was taken under a ticket from now on instead, and end its leases; once."""
        asked = self.asked(facts, self.book.selected(rules))
        timed = tuple([claim for claim in asked.claims if claim.kind in _TIMED])
        ended = timed + asked.leases
        if ended and ticket:
            # In this order: nobody finds a place in between that there is not.
            if timed:
                await self.counts.debit(timed, asked.ticket)
            await self.counts.refund(ended, ticket)

    async def debit(self, facts: Facts, rules: Sequence[str] = ()) -> None:
        """Count what has happened already, whatever the limits say; debt is worked off."""
        asked = self.asked(facts, self.book.selected(rules))
        if asked.claims:
            await self.counts.debit(asked.claims, asked.ticket)

    async def of(self, facts: Facts) -> Standing:
        """Say how the windows stand that depend on nothing but these facts; takes nothing."""
        rules = tuple(rule for rule in self.book.rules if rule.depends <= facts.keys())
        return await self._peeked(facts, rules)

    def asked(self, facts: Facts, rules: Sequence[Rule]) -> Asked:
        """Return what to ask the counts for those rules that apply."""
        applying = tuple([rule for rule in rules if rule.applies(facts)])
        claims = tuple([rule.claim(facts) for rule in applying])
        return Asked(applying, claims, f"{self._origin}-{next(self._numbers):x}")

    async def taken(self, asked: Asked) -> Standing:
        """Take it, wherever it is counted."""
        if not asked.claims:
            return _NOTHING
        return standing_of(asked, await self.counts.take(asked.claims, asked.ticket))

    def taken_now(self, asked: Asked) -> Standing:
        """Take it from the counts in memory; there is nothing else."""
        assert self.plain is not None  # noqa: S101 (narrows the type)
        if not asked.claims:
            return _NOTHING
        return standing_of(asked, self.plain.take_now(asked.claims, asked.ticket))

    async def _peeked(self, facts: Facts, rules: Sequence[Rule]) -> Standing:
        asked = self.asked(facts, rules)
        if not asked.claims:
            return _NOTHING
        return standing_of(asked, await self.counts.peek(asked.claims))._replace(ticket="")

    def _unknown(self, rules: Sequence[str]) -> Standing | None:
        """Return a refusal where a rule is wanted that there is not: nobody knows its limits."""
        missing = [name for name in rules if name not in self.names]
        if not missing:
            return None
        windows = (
            WindowStanding(name, name, 0, 0.0, 0, _UNTIL_KNOWN, _UNTIL_KNOWN, frozenset())
            for name in missing
        )
        return Standing(admitted=False, windows=tuple(windows), action="queue", degraded="closed")


def standing_of(asked: Asked, counted: Counted) -> Standing:
    """Return the answer in seconds and words."""
    windows = tuple(
        [
            _window(rule, claim.bucket, window, reading)
            for rule, claim, readings in zip(
                asked.rules, asked.claims, counted.readings, strict=True
            )
            for window, reading in zip(claim.windows, readings, strict=True)
        ]
    )
    if counted.admitted:
        return Standing(True, windows, asked.ticket, degraded=counted.degraded)
    names = {window.rule for window in windows if window.wait > 0}
    violated = [rule for rule in asked.rules if rule.name in names]
    wanted = {rule.action for rule in violated}
    return Standing(
        admitted=False,
        windows=windows,
        action=next((action for action in _STRICTEST if action in wanted), "reject"),
        delay=min((rule.delay for rule in violated if rule.action == "delay"), default=0.0),
        degraded=counted.degraded,
    )


def _window(rule: Rule, bucket: str, window: Window, reading: Reading) -> WindowStanding:
    policy, limit, period, _ = window
    remaining, reset, wait = reading
    seconds = 0.0 if rule.kind is _LEASE else period / SECOND
    opens = NEVER if wait == NEVER_FITS else wait / SECOND
    more = reset / SECOND
    name, depends, unit = rule.name, rule.depends, rule.unit
    return _made((policy, name, limit, seconds, remaining, more, opens, depends, unit, bucket))
