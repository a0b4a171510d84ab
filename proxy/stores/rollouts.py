"""What the control plane needs of a store: rollouts' states and their audit, kept together."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from proxy.api.stores import StoreError
from proxy.core.observations import Totals
from proxy.core.ramp_table import NotAllowedError
from proxy.core.rollout_state import RolloutState

__all__ = [
    "AuditEntry",
    "Beat",
    "ConflictError",
    "FencedError",
    "FleetStore",
    "Flush",
    "RolloutStore",
    "StoreLostError",
    "UnreadableError",
]


class StoreLostError(StoreError):
    """The store cannot be reached, or does not answer; the text says which and how."""


class ConflictError(Exception):
    """Somebody else has changed the rollout meanwhile; `current` is how it stands now."""

    def __init__(self, current: RolloutState) -> None:
        """Keep the state."""
        super().__init__(f"{current.name} is at version {current.version} now")
        self.current = current


class UnreadableError(NotAllowedError):
    """What is kept of the rollout cannot be read here, so nothing is stored over it."""


class FencedError(Exception):
    """The writer was the leader once; another replica is now."""


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One change of a rollout: who, what, why, and how it stood before and after.

    `before` and `after` hold what the change made different, as plain JSON values; keys of
    users are in neither, only how many there are.
    """

    at: float
    rollout: str
    actor: str
    role: str
    """``operator``, ``admin``, ``configuration`` or ``automation``."""
    action: str
    reason: str
    before: Mapping[str, Any]
    after: Mapping[str, Any]
    version: int
    """The version that the change made."""
    evidence: Mapping[str, Any] = field(default_factory=dict)
    idempotency_key: str = ""
    id: str = ""
    """Given by the store; sorts by time (digits and a dash)."""

    def stored(self, id: str) -> "AuditEntry":  # noqa: A002 - it is called so everywhere
        """Return it as the store has taken it."""
        return replace(self, id=id)


class RolloutStore(Protocol):
    """Keeps states and audit; a state and its audit entry are stored together or not at all.

    Everything may raise StoreLostError. No call waits longer than two seconds.
    """

    shared: bool
    """Whether other replicas may write too."""
    url: str
    """What it was opened with, without credentials."""

    async def open(self) -> None:
        """Connect, and create or upgrade what is needed."""

    async def close(self) -> None:
        """Let go of everything; what was saved is safe."""

    async def now(self) -> float:
        """Return Unix time in seconds by the store's clock."""

    async def load(self) -> dict[str, RolloutState]:
        """Return all states by name.

        One that cannot be read (a newer version has written it, or it is damaged) is logged and
        stands as killed, with the reason: nobody can know whom it would have on new.
        """

    async def save(
        self, state: RolloutState, expected: int, entry: AuditEntry | None, fence: int = 0
    ) -> RolloutState:
        """Store `state` as version ``expected + 1`` and append `entry`; return what was stored.

        `expected` is 0 for a rollout that is not stored yet. An entry of a later version counts:
        a store that has lost its data goes on from what replicas still know, lest one that has
        not heard of the loss takes another state for the one it knows. Without an entry (a
        position that moves by itself, such as the seconds of a bake) the version stays `expected`.
        `fence` is the lease's token where the leader writes, 0 for everybody else. Raises
        ConflictError, FencedError, and UnreadableError for a change of what cannot be read (a
        position of it is a conflict). After a StoreLostError it may have been stored or not.
        """

    async def find(self, idempotency_key: str) -> AuditEntry | None:
        """Return what was stored with this key within the last day; None if nothing."""

    async def audit(
        self, *, rollout: str | None = None, before: str = "", limit: int = 100
    ) -> list[AuditEntry]:
        """Return entries, the newest first; `before` is the id to go on from, `limit` 1 to 1,000.

        Nothing comes before what is no id.
        """

    def watch(self, changed: Callable[[], None]) -> None:
        """Call `changed` soon after another replica has stored something.

        Hints may be lost, and there may be some without cause.
        """


@dataclass(frozen=True, slots=True)
class Beat:
    """What a replica says of itself every second; it counts as gone after six without."""

    replica: str
    """Unlike every other's, and unlike what the same replica was called before its restart."""
    config: str
    """The digest of its configuration."""
    applied: Mapping[str, int]
    """The version of each rollout's state that it serves by."""
    at: float = 0.0
    """By the store's clock; set by the store."""


@dataclass(frozen=True, slots=True)
class Flush:
    """What a replica has observed of one rollout since its last flush: plain numbers to add.

    Numbers are added once, however often the same `sequence` is sent.
    """

    rollout: str
    segment: int
    """Names the stretch of evidence: no other one of the rollout, of whichever run, has it."""
    sequence: int
    """Greater than that of the replica's flush of this rollout before."""
    counts: Mapping[str, int]
    """Field -> what to add; the fields are the business of `proxy.core.window`."""
    slices: Mapping[int, Mapping[str, int]]
    """Slice -> field -> what to add; a slice is a number of ten seconds since 1970."""
    keys: Mapping[str, frozenset[int]]
    """Set -> the keys' hashes (64 bits) to put into it."""
    sketches: Mapping[str, frozenset[int]]
    """Set -> the whole of the replica's smallest hashes (replaces what it sent before)."""


class FleetStore(Protocol):
    """What replicas share besides states: a lease, heartbeats, observations."""

    async def beat(self, beat: Beat) -> list[Beat]:
        """Say that this replica is alive; return all that are, this one among them."""

    async def leave(self, replica: str) -> None:
        """Say that this replica ends; lets go of the lease if it has it."""

    async def lead(self, replica: str) -> int:
        """Take or renew the lease (ten seconds); return its fencing token, 0 if another has it."""

    async def unheard(self) -> float:
        """Return the seconds since the lease was taken or renewed, whoever has it."""

    async def add(self, replica: str, flush: Flush) -> None:
        """Add what was observed. Sets and the life of everything are bounded."""

    async def totals(self, rollout: str, segment: int, since: int) -> Totals:
        """Return what all replicas observed in `segment`, with the slices from `since` on.

        Slices belong to no segment; the last twenty minutes are kept.
        """
