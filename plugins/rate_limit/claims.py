"""What is asked of a store of counts: rules as numbers, and the claims of one decision.

Times are whole microseconds, units whole numbers: everything is exact, also in Lua, whose
numbers are whole up to 2^53.
"""

from enum import Enum
from typing import Final, Literal, NamedTuple, Protocol

__all__ = ["EXACT", "NEVER", "SECOND", "Claim", "Counted", "Counts", "Kind", "Reading", "Window"]

SECOND: Final = 1_000_000
"""Microseconds."""

NEVER: Final = -1
"""The `wait` of what costs more than there ever is."""

EXACT: Final = 2**53
"""Numbers below are exact in Lua; `burst * period` of a level stays below it."""


class Kind(Enum):
    """How a claim is counted."""

    LOG = "log"
    """The times of the last units: at most `limit` units in any ``(t - period, t]``."""
    LEVEL = "level"
    """GCRA in level form: what is owed drains by `limit` in each `period`, `burst` at most."""
    DISTINCT = "distinct"
    """At most `limit` different members in any ``(t - period, t]``; a known one costs nothing."""
    LEASE = "lease"
    """At most `limit` units under way; `period` is how long one lasts without `extend`."""


class Window(NamedTuple):
    """One window of a rule."""

    policy: str
    """Its name."""
    limit: int
    """Units; at least 1."""
    period: int
    """Microseconds; at least 1."""
    burst: int
    """Of a level, what it holds; of all others, `limit`."""


class Claim(NamedTuple):
    """What a decision wants of one bucket: of one rule for one scope."""

    kind: Kind
    bucket: str
    """Names the bucket: the rule's name and a digest of the scope's values; at most 100 bytes."""
    windows: tuple[Window, ...]
    """At least one, each of another period; a claim is admitted if it fits into all of them."""
    cost: int = 1
    """Units, at least 0; of DISTINCT always 1."""
    member: str = ""
    """Of DISTINCT, a digest of who is counted; at most 32 bytes."""
    on_store_error: Literal["local", "open", "closed"] = "local"
    """What is done with it where the store cannot be reached; see `Counted.degraded`."""


class Reading(NamedTuple):
    """How a window stands after the operation, and whether the claim fitted before it."""

    remaining: int
    """Units that could still be taken: 0 to `burst`."""
    reset: int
    """Microseconds until `remaining` is larger; 0 if nothing is taken."""
    wait: int
    """Microseconds until the claim fits; 0 if it does, NEVER if its cost is above `burst`."""


class Counted(NamedTuple):
    """The answer: whether all claims fitted, and a reading for each window of each claim."""

    admitted: bool
    readings: tuple[tuple[Reading, ...], ...]
    degraded: Literal["", "local", "open", "closed"] = ""
    """How it was decided without the store: counted in this process alone, against this replica's
    share; let through unasked; refused. Of several claims, the strictest way."""


class Counts(Protocol):
    """Keeps the buckets. One behaviour, whoever implements it; raises StoreError when it cannot.

    A ticket names one decision (a text of at most 40 bytes, different for each); what was taken
    under it can be given back. The same `take` sent twice takes once, as far as the kind knows
    its tickets (LOG, DISTINCT and LEASE do; LEVEL may take twice, never too little).
    """

    async def open(self) -> None:
        """Make ready; called once before anything else."""

    async def take(self, claims: tuple[Claim, ...], ticket: str) -> Counted:
        """Take all claims if all of them fit, else none: all or nothing, and atomic."""

    async def peek(self, claims: tuple[Claim, ...]) -> Counted:
        """Say what `take` would; changes nothing."""

    async def refund(self, claims: tuple[Claim, ...], ticket: str) -> None:
        """Give back what was taken under the ticket; LEVEL believes that it was.

        Of LEASE it ends the lease. What has left its window meanwhile changes nothing.
        """

    async def debit(self, claims: tuple[Claim, ...], ticket: str) -> None:
        """Count without asking whether it fits."""

    async def extend(self, claims: tuple[Claim, ...], ticket: str) -> bool:
        """Let the LEASE claims of a ticket last from now on; False if they are gone."""

    async def clear(self, claims: tuple[Claim, ...]) -> None:
        """Forget the buckets."""

    async def close(self) -> None:
        """Let go of what `open` took."""
