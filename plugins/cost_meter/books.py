"""What the plugin keeps: the ledger, and a shelf for small documents. Interfaces."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any, NamedTuple, Protocol

from proxy.api.spending import PlannedSpend

from .row import Dimension, Grain, Row, Sums, Total

__all__ = ["Asked", "Edges", "Journal", "Ledger", "Outbox", "Owed", "Page", "Shelf"]


class Asked(NamedTuple):
    """Which rows or totals are wanted: those that begin in ``since <= at < until``."""

    since: float
    until: float
    """Unix seconds."""
    where: Mapping[Dimension, str] = {}
    """What dimensions have to be; the others may be anything."""


class Page(NamedTuple):
    """Some rows, by `at` and id."""

    rows: tuple[Row, ...]
    after: str
    """Ask for what follows with this; empty: that was all."""


class Ledger(Protocol):
    """Rows and their totals, of this process or of the fleet."""

    async def totals(
        self, asked: Asked, grain: Grain, by: Sequence[Dimension] = ()
    ) -> tuple[Total, ...]:
        """Return what was spent, by bucket and by these dimensions; by time, then by dimension.

        Buckets without rows are left out; those of which `since` or `until` is inside count whole.
        Minutes are kept for 48 hours and hours for 90 days. Raises StoreError.
        """

    async def rows(self, asked: Asked, *, limit: int = 100, after: str = "") -> Page:
        """Return rows, at most `limit` (1000 at most). Raises StoreError."""

    async def row(self, row_id: str) -> Row | None:
        """Return one row. Raises StoreError."""

    async def write(self, rows: Sequence[Row]) -> int:
        """Have rows written that are not there yet; how many were not. Raises StoreError."""


class Journal(Ledger, Protocol):
    """The ledger of this process, of which others are copies."""

    def plan(self, attempt: PlannedSpend, row: Row) -> None:
        """Make durable that an attempt is about to be sent. Raises StoreError, ValueError.

        `row` is what it counts for if its end is never known.
        """

    def settle(self, row: Row) -> None:
        """Take in how an attempt has ended.

        A kill does not take it away. It is written with others soon, and tried again if that
        fails.
        """

    async def flush(self) -> None:
        """Return when all that was taken in is written. Raises StoreError."""


class Owed(NamedTuple):
    """One total of this process's rows, as a fleet's ledger has to know it."""

    grain: Grain
    begins: int
    """The bucket's first second, in Unix seconds."""
    by: Mapping[Dimension, str]
    """Without ``user``: a total of everybody."""
    sums: Sums
    """All of this process's rows there have ever been in it, that have been brought over."""
    seq: int
    """Grows with each version of the total."""


class Outbox(Protocol):
    """What a journal still has to bring to the ledger of the fleet."""

    async def replica(self) -> str:
        """Return the journal's own name, made once. Raises StoreError."""

    async def rows(self, limit: int) -> tuple[tuple[int, Row], ...]:
        """Return the next rows, each with its number in the journal. Raises StoreError."""

    async def brought(
        self, rows: Sequence[tuple[int, Row]], elsewhere: Collection[str] = ()
    ) -> None:
        """Take in that these, the next ones, are there; now their totals are owed.

        Not of those with an id of `elsewhere`: they count in another's. Raises StoreError.
        """

    async def totals(self, limit: int) -> tuple[Owed, ...]:
        """Return totals that are owed, the longest owed ones first. Raises StoreError."""

    async def paid(self, totals: Sequence[Owed]) -> None:
        """Take in that these versions of totals are there. Raises StoreError."""

    async def waiting(self) -> int:
        """Return how many rows are still to be brought over. Raises StoreError."""


class Shelf(Protocol):
    """Small documents by kind and id: thresholds, advice and what came of it."""

    async def put(self, kind: str, key: str, document: Mapping[str, Any]) -> None:
        """Keep a document, in the place of an earlier one. Raises StoreError."""

    async def get(self, kind: str, key: str) -> Mapping[str, Any] | None:
        """Return a document. Raises StoreError."""

    async def all(self, kind: str) -> Mapping[str, Mapping[str, Any]]:
        """Return all documents of a kind (1000 at most), by key. Raises StoreError."""

    async def delete(self, kind: str, key: str) -> bool:
        """Forget a document; whether there was one. Raises StoreError."""


class Edges(Protocol):
    """Says of an event whether it is the first of its kind, over the whole fleet."""

    async def first(self, key: str, until: float) -> bool:
        """Return whether nobody has asked for this key before.

        It is forgotten at `until` (Unix seconds). Where the shared store cannot be reached, each
        process is asked by itself.
        """

    async def forget(self, key: str) -> bool:
        """Let a key be first again; whether it was taken."""
