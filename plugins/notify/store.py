"""What a store of alerts does; there is one on SQLite and one on Redis, with one behaviour.

**An alert is told once.** Of each identity at most one alert is open. What is raised while it is
open counts there and nobody is told, unless it is worse than that one, or `Bounds.repeat` has
passed since that was told: then it is a new alert in its place. What resolves it ends it, and tells
those who were told of it.

**A delivery is an alert for a channel.** It waits until the channel has taken it, or until
`Bounds.give_up` has passed: then it is dead, and is kept for a person to look at. Those of one
channel and identity go one after the other, whatever happens to them, so that nothing is resolved
before it was raised; the others go by when they are due, then by id.

**A claim is a lease.** Who claims has a delivery for `lease` seconds; after that somebody else may
have it. So it may be delivered twice, and is never lost.

Each transition is atomic, and a kill of the process does not undo it once it has returned. All
raise StoreError when the store fails or does not answer. Time is that of the clock that the store
was made with, in Unix seconds.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Literal, NamedTuple, Protocol

from proxy.api.alerts import AlertView

from .notice import Notice, Severity

__all__ = [
    "SUMMED",
    "Bounds",
    "Cap",
    "Delivery",
    "Filter",
    "NotifyStore",
    "Stats",
    "Taken",
    "Wanted",
]

SUMMED = 200
"""So many deliveries are summarised in one message, at most."""


class Bounds(NamedTuple):
    """How much is kept, and for how long (seconds)."""

    repeat: float
    """An open alert that is raised again is told again after this."""
    give_up: float
    """A delivery is dead after this."""
    waiting: int
    """Deliveries that wait for one channel, at most."""
    listed: int = 10_000
    """Alerts in the list: the newest."""
    keep: float = 90 * 86_400.0
    """How long alerts are in the list."""
    dead: int = 1_000
    """Dead deliveries: those that died last."""
    dead_keep: float = 7 * 86_400.0
    """How long dead deliveries are kept."""


class Wanted(NamedTuple):
    """A channel that is to be told."""

    channel: str
    free: bool = False
    """Whether it does not count against the channel's cap."""


class Cap(NamedTuple):
    """How many messages a channel is sent, at most, within any so many seconds."""

    messages: int
    seconds: float


class Taken(NamedTuple):
    """What became of what was raised."""

    what: Literal["told", "again", "ended", "nothing"]
    """`told`: it is a new alert. `again`: it was counted. `ended`: it has ended an alert.
    `nothing`: there was none that it could end."""
    channels: tuple[str, ...] = ()
    """For which a delivery waits now."""
    full: tuple[str, ...] = ()
    """For which none was taken, since too many wait."""


class Delivery(NamedTuple):
    """An alert on its way to a channel."""

    id: int
    channel: str
    notice: Notice
    at: float
    """When it was taken; Unix seconds, like all of these."""
    due_at: float
    expires_at: float
    attempts: int
    """How often it was claimed."""
    generation: int
    """Of the claim; a later claim has another."""
    dead_at: float | None = None
    why: str = ""
    """What the last try has come to."""


class Filter(NamedTuple):
    """Which alerts are meant; None does not count."""

    user: str | None = None
    severity: Severity | None = None
    acknowledged: bool | None = None
    since: float | None = None


class Stats(NamedTuple):
    """The outbox in numbers."""

    waiting: Mapping[str, int]
    """By channel, those that were claimed included; without channels for which none waits."""
    oldest: Mapping[str, float]
    """By channel, when the oldest of these was taken (Unix seconds)."""
    dead: Mapping[str, int]
    """By channel; without channels that have none."""


class NotifyStore(Protocol):
    """See the module."""

    url: str

    async def open(self) -> None:
        """Create or upgrade what it needs."""

    # alerts

    async def take(self, notice: Notice, wanted: Sequence[Wanted]) -> Taken:
        """Take in what was raised, and have it delivered to these channels.

        What resolves is delivered to those of them that were told of the alert. The oldest
        alerts go where there are more than `Bounds.listed`.
        """

    async def list(self, which: Filter, limit: int) -> tuple[AlertView, ...]:
        """Return the newest first by id, at most `limit`."""

    async def acknowledge(
        self, alert_id: str, by: str, user: str | None = None
    ) -> AlertView | None:
        """Note who knows of it; who was first stays. None: there is none, or not of this user."""

    # the outbox

    async def claim(
        self, channel: str, cap: Cap, *, lease: float, most: int = SUMMED
    ) -> tuple[Delivery, ...]:
        """Lease what is to be sent to a channel next, as one message; nothing if nothing is due.

        That is one delivery; but all that are due, at most `most`, where the cap has room for one
        message and no more. Those that are `free` come first, and alone. What has run out is set
        right before: leases, and deliveries that nobody has taken in time, which are dead.
        """

    async def delivered(self, claimed: Sequence[Delivery]) -> int:
        """Forget what the channel has taken; how many were still held by this claim."""

    async def failed(self, claimed: Sequence[Delivery], due_at: float, why: str) -> int:
        """Have it tried again at `due_at`; how many are dead instead, as they expire before."""

    async def bury(self, claimed: Sequence[Delivery], why: str) -> int:
        """Give up: it will never be taken; how many are dead now."""

    async def outbox(self, *, dead: bool, channel: str | None, limit: int) -> tuple[Delivery, ...]:
        """Return deliveries that wait, or are dead; the oldest first by id."""

    async def again(self, delivery_id: int | None, channel: str | None) -> int:
        """Have dead deliveries tried again: this one, those of a channel, or all; how many.

        They wait at the end of their line, with no attempt made, and expire anew.
        """

    async def drop(self, delivery_id: int | None, channel: str | None) -> int:
        """Forget dead deliveries; how many."""

    async def stats(self) -> Stats:
        """Count."""

    async def next_moment(self, channel: str, cap: Cap) -> float | None:
        """Return when there may be something to claim; None if nothing waits."""

    async def purge(self) -> int:
        """Forget what is too old: alerts, dead deliveries; how many."""

    async def listen(self, ring: Callable[[], None]) -> None:
        """Call `ring` whenever another process has taken something in, until cancelled.

        Returns at once where there is no other process.
        """

    async def trouble(self) -> str:
        """Return what is wrong with it, in a sentence for operators; empty if all is well."""
