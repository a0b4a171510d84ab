"""What a store of messages does; there is one on SQLite and one on Redis, with one behaviour.

The order in which messages are claimed:

1. Between classes: weighted round robin. Of any 15 turns, as long as all four classes have
   something to give, critical has 8, high 4, medium 2, low 1. A class that had nothing does not
   save up. Exactly: each class has a pass, at first 0. Of those that have something to give, the
   one with the lowest pass has the turn, of equal ones the most urgent; a pass below that of the
   last turn counts as that one. With its turn it becomes what it counted as plus 8 / weight.
2. Within a class: round robin over users. Who has something to claim joins the end of the round
   at the beginning of a claim; of several, first who could be claimed from for the longest time
   (since the later of a message's `due_at` and the end of a put-off), then by the user's id. Who
   was served goes to the end. Who has nothing to claim any more, for whatever reason, is out of
   the round at once.
3. Of a user within a class: the one with the earliest `due_at`, then the one with the lowest id.

A message begins in the class of its priority. A queued one moves up one class, at most to high,
after each `AGING` seconds in which it was due, queued and in its class, put off or paused or not:
its `due_at` is kept, the time counts anew from when a claim has moved it. Nothing ages into
critical. A message that is queued again stays in its class.

A message is not claimed while it is not due; while its user is put off (`throttle` with
`whole_user`) or has `in_flight` messages leased or sending; or while its user, its own priority
(`Message.priority`, not the class that it has aged into) or everything is paused. Messages of a
user whose next one cannot be claimed because its priority is paused let the others pass.

Each transition is atomic, and a kill of the process does not undo it once it has returned. All
raise StoreError when the store fails or does not answer. Time is that of the clock that the store
was made with, in Unix seconds.
"""

from collections.abc import Callable
from typing import Literal, NamedTuple, Protocol

from .message import Approval, Claimed, Message, Priority, Receipt, Record, State

__all__ = [
    "AGING",
    "ASKED_MOST",
    "PURGED",
    "RATED",
    "SWEPT",
    "WEIGHTS",
    "Bounds",
    "Filter",
    "Put",
    "QueueFullError",
    "QueueStore",
    "Stats",
]

WEIGHTS: dict[Priority, int] = {
    Priority.critical: 8,
    Priority.high: 4,
    Priority.medium: 2,
    Priority.low: 1,
}
"""Turns out of 15."""

AGING = 30.0
"""Seconds that a due message waits before it moves up a class."""

SWEPT = 100
"""So many overdue ones of each kind one claim sets right.

The kinds, in this order: leases, deadlines, messages that move up, and for each class users who
join the round. Of each kind those first that are overdue the longest.
"""


ASKED_MOST = 20
"""So many messages are told of one request; but for a trusted proxy that says one id again and
again, there is one."""


PURGED = 1_000
"""So many messages one purge removes, at most."""

RATED = ("enqueued", "sent", "dead", "uncertain", "cancelled")
"""What messages come to, as `Stats.rates` counts it."""


class Bounds(NamedTuple):
    """What fits into the queue, and how much of it one user may have on its way."""

    messages: int
    """Live messages in all."""
    user_messages: int
    user_bytes: int
    """Of the live messages of one user, as they are stored."""
    in_flight: int
    """Messages of one user that are leased or being sent at the same time."""


class QueueFullError(Exception):
    """A message does not fit; nothing was stored. The text says which bound."""


class Put(NamedTuple):
    """A message that is in the queue now, or was already."""

    record: Record
    created: bool
    """False: there is one with the same dedupe key, and `record` is that one."""
    claimed: Claimed | None = None
    """Where it was asked for and could be: it is leased to who put it."""


class Filter(NamedTuple):
    """Which messages are meant; None does not count."""

    state: State | None = None
    user: str | None = None
    priority: Priority | None = None


class Stats(NamedTuple):
    """The queue in numbers."""

    depth: dict[tuple[State, Priority], int]
    """How many there are, by state and `Message.priority`; without those of which there is none."""
    oldest_due: dict[Priority, float]
    """Unix seconds since when the oldest queued message that is due waits, by priority."""
    rates: dict[str, tuple[int, int]]
    """Of each of `RATED`, how many came to that in the last minute, and in the last hour, to the
    second. A message that is put in again is not enqueued; one that comes to an end twice counts
    twice."""
    paused: tuple[str, ...]
    """``all``, ``priority:low``, ``user:<id>``; in alphabetical order."""


class QueueStore(Protocol):
    """See the module."""

    url: str

    async def open(self) -> None:
        """Create or upgrade what it needs."""

    async def put(self, message: Message, bounds: Bounds, *, lease: float | None = None) -> Put:
        """Store a message.

        It is ``held`` if `message.approval` is None, else ``queued``. Where a message with the
        same id, or the same non-empty `dedupe_key`, is stored (in whatever state), nothing changes
        and that one is returned. Raises QueueFullError.

        With `lease` (seconds) it is leased at once, to be delivered by who put it, if it could be
        claimed now (it has not expired either), and no queued message of the same user in the same
        or a more urgent class is due. That takes no turn from anybody.
        """

    async def claim(self, bounds: Bounds, *, most: int, lease: float) -> tuple[Claimed, ...]:
        """Set right what is overdue, then lease up to `most` messages in order.

        They are this worker's for `lease` seconds. Overdue is, in this order and each at most
        SWEPT times:

        - a lease that has run out (`lease_until` has come). In ``leased`` it counts as an attempt
          and the message is queued again with the same `due_at`, or ``dead`` if it was the last
          attempt. In ``sending`` the message is ``uncertain``; in a store made with `repeats` it
          is queued again like the others, and ``uncertain`` only if it was the last attempt. The
          code of all is ``lease_lost``.
        - a queued or held message whose `expires_at` has come: ``dead`` with code ``expired``.
          Where SWEPT have, there may be more: nothing is leased by this call, so that nothing
          is claimed that has expired.
        - a message that moves up, and a user who joins the round; see the module.
        """

    async def begin(self, receipt: Receipt, lease: float) -> bool:
        """Note that its bytes may leave from now on: ``sending``, with the lease anew.

        False, and nothing is changed, if the receipt is of no use any more: leased anew, settled,
        or run out (`lease_until` has come, set right or not). The same holds for everything below
        that takes a receipt. Whoever holds one may do all of these in ``leased`` and ``sending``.
        """

    async def extend(self, receipt: Receipt, lease: float) -> bool:
        """Let it last `lease` seconds from now on."""

    async def sent(self, receipt: Receipt, platform_id: str) -> bool:
        """It was sent: its content, media and approval are forgotten, the rest is kept.

        `code` and `why` of an earlier try are empty again.
        """

    async def retry(self, receipt: Receipt, due_at: float, code: str, why: str) -> bool:
        """It failed for sure: queued until `due_at`; ``dead`` if no attempt is left.

        Also for one of which nobody knows whether it was executed, where it may be repeated.
        """

    async def throttle(
        self, receipt: Receipt, until: float, why: str, *, whole_user: float = 0.0
    ) -> bool:
        """Put it off until `until`: no attempt is used up; its `code` is empty.

        `whole_user`, if later than now: nothing of this user is claimed before that (Unix
        seconds; a later one that stands already stays). The message keeps its `due_at`, and so
        its place among the user's, if `until` has come, or comes no later than the end of the
        user's put-off; else `until` is its `due_at`.
        """

    async def bury(self, receipt: Receipt, code: str, why: str) -> bool:
        """It will never go: ``dead``."""

    async def park(self, receipt: Receipt, code: str, why: str) -> bool:
        """Nobody knows whether it was sent: ``uncertain``."""

    async def get(self, message_id: str) -> Record | None:
        """Return a message."""

    async def position(self, message_id: str) -> int | None:
        """Return how many queued messages of the same user go before it; None if not queued.

        Those of a more urgent class, and those of its class that are due before it.
        """

    async def list(self, which: Filter, *, limit: int, after: str = "") -> tuple[Record, ...]:
        """Return the oldest first by id (ids are in the order of time), at most `limit`."""

    async def of_request(self, request_id: str) -> tuple[Record, ...]:
        """Return the messages that a request has brought, the oldest first, at most `ASKED_MOST`.

        None for an empty text.
        """

    async def stats(self) -> Stats:
        """Count."""

    async def approve(self, message_id: str, approval: Approval) -> Record | None:
        """Give a ``held`` message its `Approval`: ``queued``. None if it is not held."""

    async def cancel(self, message_id: str) -> Record | None:
        """Cancel a held or queued message; None if it is neither.

        Forgets its content, media and approval. `code` and `why` stay.
        """

    async def requeue(self, message_id: str, expires_at: float) -> Record | None:
        """Have a ``dead`` or ``uncertain`` message tried again; a queued one is due now.

        It begins anew, in the class of its priority: attempts and throttles are 0, `code` and
        `why` empty, it is due now and expires at `expires_at`; id, dedupe key and generation are
        kept. A queued one stays in its class, and at its earlier `due_at` if it is due. No bound
        is looked at. None if it is in another state.
        """

    async def settle(
        self, message_id: str, state: Literal["sent", "dead"], code: str, why: str
    ) -> Record | None:
        """Take a person's word for what became of an ``uncertain`` message.

        A held or queued one can be given up: ``dead`` alone. None if it is in another state. Of
        one that was sent content, media and approval are forgotten.
        """

    async def purge(self, state: State, before: float) -> int:
        """Remove messages in an ended state that were last changed before this; returns how many.

        Ended are sent, cancelled, dead and uncertain; nothing is removed in another state. The
        `PURGED` oldest at most are removed; their dedupe keys go with them.
        """

    async def pause(self, what: str) -> bool:
        """Claim nothing of ``all``, ``priority:<name>`` or ``user:<id>``; False: it was paused.

        Raises ValueError for anything else; as does `resume`. What is paused ages and expires.
        """

    async def resume(self, what: str) -> bool:
        """End a pause; False: there was none."""

    async def next_moment(self) -> float | None:
        """Return when there is something to claim or to set right; None if nothing is foreseen.

        In Unix seconds; what has passed means at once. Early is allowed, late is not; but what a
        claim has just found nothing at lies ahead, so that nobody asks again and again.
        """

    async def listen(self, ring: Callable[[], None]) -> None:
        """Call `ring` whenever another process may have made something claimable, until cancelled.

        Returns at once where there is no other process.
        """

    async def trouble(self) -> str:
        """Return what is wrong with it, in a sentence for operators; empty if all is well.

        A Redis that does not write an append-only file, for example.
        """

    async def close(self) -> None:
        """Let go of what `open` took."""
