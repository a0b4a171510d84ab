"""Rules as a judge of them knows them, and its judgement of what was admitted and refused.

No window of any rule may ever have held more than its limit; and of each refusal every policy
that it names must have been full to the unit.
"""

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from tests.kit.replaying import SECOND, Policy, Refused, Taken, most_members

SLACK = 5_000
"""Microseconds by which the clocks of those who kept the log may differ."""

UNITS = {"us": 1, "ms": 1000, "s": SECOND, "m": 60 * SECOND, "h": 3600 * SECOND}
"""Microseconds."""


class Asked(NamedTuple):
    """What a request is about, in the names of facts."""

    user: str
    recipient: str
    message_type: str = ""
    account: str = ""
    units: int = 1


class Admitted(NamedTuple):
    """A request that was admitted, and when (µs)."""

    at: int
    asked: Asked


class Refusal(NamedTuple):
    """One that was refused, between two moments (µs), and the policies that were named."""

    asked: Asked
    since: int
    until: int
    violated: tuple[str, ...]


class Rule(NamedTuple):
    """What is counted together, and how much of it there may be."""

    name: str
    scope: tuple[str, ...]
    policies: tuple[Policy, ...]
    only: str = ""
    """The message type that it is for; empty: all."""
    weighed: bool = False
    """Counts units, not requests."""
    distinct: bool = False
    """Counts different recipients, not requests."""

    def applies(self, asked: Asked) -> bool:
        """Tell whether it counts such a request."""
        return self.only in ("", asked.message_type)

    def key(self, asked: Asked) -> tuple[str, ...]:
        """Return the values of its scope."""
        return tuple(str(getattr(asked, name)) for name in self.scope)

    def cost(self, asked: Asked) -> int:
        """Return the units of such a request."""
        return asked.units if self.weighed else 1


def rule(
    name: str,
    *scope: str,
    only: str = "",
    weighed: bool = False,
    distinct: bool = False,
    **most: int,
) -> Rule:
    """Make a rule; `most` has limits by seconds, such as ``s60=10``."""
    policies = tuple(Policy(name, limit, int(per[1:]) * SECOND) for per, limit in most.items())
    return Rule(name, scope, policies, only, weighed, distinct)


def onlyfans(name: str = "onlyfans") -> tuple[Rule, ...]:
    """Return what the rule set promises the platform, in its own words."""
    return (
        rule(f"{name}-user", "user", s60=10, s3600=100, s86400=500),
        rule(f"{name}-pace", "user", s18=3),
        rule(f"{name}-recipient", "recipient", s60=2, s3600=10),
        rule(f"{name}-welcome", "user", only="welcome", s3600=20),
        rule(f"{name}-follow-up", "user", only="follow_up", s3600=30),
        rule(f"{name}-promotional", "user", only="promotional", s86400=50),
        rule(f"{name}-custom", "user", only="custom", s60=5),
        rule(f"{name}-recipients", "user", distinct=True, s3600=50),
        rule(f"{name}-global", s1=5),
    )


Key = tuple[str, ...]


class Book:
    """What was admitted under one rule, by the values of its scope."""

    def __init__(self, of: Rule, admitted: Sequence[Admitted]) -> None:
        self.rule = of
        counted = [one for one in admitted if of.applies(one.asked)]
        entries: dict[Key, list[tuple[int, int]]] = defaultdict(list)
        for at, asked in counted:
            entries[of.key(asked)].append((at, of.cost(asked)))
        self.taken = {key: Taken(of_it) for key, of_it in entries.items()}
        self.members: dict[Key, list[tuple[int, str]]] = defaultdict(list)
        if of.distinct:
            for at, asked in counted:
                self.members[of.key(asked)].append((at, asked.recipient))

    def fullest(self, policy: Policy) -> int:
        """Return the most that any window of this policy has held."""
        if self.rule.distinct:
            return max(
                (most_members(them, policy.period) for them in self.members.values()), default=0
            )
        return max((taken.fullest(policy.period) for taken in self.taken.values()), default=0)

    def exceeded(self) -> Iterator[str]:
        """Say which limits were not kept."""
        for policy in self.rule.policies:
            if (most := self.fullest(policy)) > policy.limit:
                yield f"{most} in a window of {policy}"

    def was_full(self, refusal: Refusal, policy: str) -> bool:
        """Tell whether the window of this name had no room at some moment of the refusal."""
        if not self.rule.applies(refusal.asked):
            return False
        key = self.rule.key(refusal.asked)
        since, until = refusal.since - SLACK, refusal.until + SLACK
        meant = self._meant(policy)
        if self.rule.distinct:
            return any(self._full_of_others(one, refusal, since, until) for one in meant)
        when = Refused(since, until, self.rule.cost(refusal.asked))
        taken = self.taken.get(key, Taken())
        return any(taken.would_exceed(one, when) for one in meant)

    def _meant(self, policy: str) -> list[Policy]:
        """Return the windows that are called so: that of the length behind the dash, or all."""
        length = policy.removeprefix(self.rule.name)
        written = re.fullmatch(r"-(\d+)([a-z]+)", length)
        period = int(written[1]) * UNITS.get(written[2], 0) if written else 0
        return [one for one in self.rule.policies if not length or one.period == period]

    def _full_of_others(self, policy: Policy, refusal: Refusal, since: int, until: int) -> bool:
        """Tell whether it could hold no further member: its fullest window in that time."""
        near = [
            one
            for one in self.members[self.rule.key(refusal.asked)]
            if since - policy.period < one[0] <= until and one[1] != refusal.asked.recipient
        ]
        return most_members(near, policy.period) >= policy.limit


def judged(
    rules: Sequence[Rule], admitted: Sequence[Admitted], refusals: Sequence[Refusal]
) -> list[str]:
    """Return what was wrong; a policy of a rule is called like it, or so and then a dash."""
    books = {one.name: Book(one, admitted) for one in rules}
    wrong = [said for book in books.values() for said in book.exceeded()]
    for refusal in refusals:
        if not refusal.violated:
            wrong.append("a refusal that names no policy")
        for policy in refusal.violated:
            book = _book_of(policy, books)
            if book is None:
                wrong.append(f"a refusal by {policy}, which nobody knows")
            elif not book.was_full(refusal, policy):
                wrong.append(f"a refusal by {policy}, which had room")
    return wrong


def _book_of(policy: str, books: Mapping[str, Book]) -> Book | None:
    named = [name for name in books if policy == name or policy.startswith(f"{name}-")]
    return books[max(named, key=len)] if named else None
