"""What waits to be written: all that comes while a write is under way goes into the next one.

For an intent somebody waits, so it is written at once. For a row nobody does, and until then its
intent stands for it: rows wait for each other for some milliseconds, which halves what one costs
where few come at a time.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from proxy.api.stores import StoreError

from ..row import Row
from .writing import Batch, Intent

__all__ = ["KEPT_MOST", "Batching"]

KEPT_MOST: Final = 100_000
"""So many rows wait at most while the disk cannot be had; those beyond it stay intents."""

PAUSE: Final = 0.02
"""Seconds that a row waits for others."""

_ENOUGH: Final = 64
"""So many rows do not wait for more."""

_TOGETHER: Final = 2000
"""Rows of one batch at most, so that no transaction is long."""

_CLOSED: Final = "the journal is closed"


class Batching:
    """Collects what is to be written, and has one batch after the other written.

    A batch that could not be written is kept, but for its intents: who waits for them is told,
    and sends nothing. Since nobody can say whether it was written after all, they are taken away
    again by the next batch.
    """

    def __init__(
        self,
        write: Callable[[Batch], Awaitable[object]],
        odd: Callable[[Sequence[Row], Exception], None],
        dropped: Callable[[Row], None],
    ) -> None:
        """`write` raises StoreError where it may be tried again, and anything else if it may not.

        `odd` is told of rows that cannot be written at all, `dropped` of one for which there was
        no room.
        """
        self.trouble = ""
        """Why the last batch could not be written; empty if it could."""
        self._write = write
        self._odd = odd
        self._dropped = dropped
        self._intents: list[Intent] = []
        self._rows: list[Row] = []
        self._withdrawn: list[str] = []
        self._waiting: list[asyncio.Future[None]] = []
        self._rung = asyncio.Event()
        self._due = False
        """Whether the next batch takes rows with it."""
        self._loop: asyncio.AbstractEventLoop | None = None
        """Known once it writes."""
        self._pause: asyncio.TimerHandle | None = None
        self._closed = False

    def __len__(self) -> int:
        """Return how many rows wait."""
        return len(self._rows)

    def __bool__(self) -> bool:
        """Tell whether anything waits."""
        return bool(self._rows or self._intents or self._withdrawn or self._waiting)

    async def plan(self, intent: Intent) -> None:
        """Return when it is written. Raises StoreError."""
        self._refuse_if_closed()
        self._intents.append(intent)
        await self._batch()

    def add(self, row: Row) -> None:
        """Have a row written soon, together with others."""
        if len(self._rows) >= KEPT_MOST:
            self._dropped(row)
            return
        self._rows.append(row)
        if self._loop is None or len(self._rows) >= _ENOUGH:
            self._hurry()
        elif self._pause is None:
            self._pause = self._loop.call_later(PAUSE, self._hurry)

    def withdraw(self, attempt_id: str) -> None:
        """Have an intent forgotten with the next batch."""
        self._withdrawn.append(attempt_id)
        del self._withdrawn[:-KEPT_MOST]
        self._rung.set()

    async def flush(self) -> None:
        """Return when all that waits is written. Raises StoreError if it was tried in vain."""
        for _ in range(len(self._rows) // _TOGETHER + 1):
            self._due = True
            await self._batch()

    def ring(self) -> None:
        """Have it tried again."""
        self._hurry()

    def close(self) -> None:
        """Have nobody wait any more: who does so, or comes later, is told StoreError."""
        self._closed = True
        waiting, self._waiting = self._waiting, []
        _tell(waiting, StoreError(_CLOSED))

    async def run(self) -> None:
        """Write batch after batch, until it is cancelled."""
        self._loop = asyncio.get_running_loop()
        while True:
            await self._rung.wait()
            self._rung.clear()
            await self._next()

    async def _batch(self) -> None:
        """Return when the next batch is written. Raises StoreError."""
        self._refuse_if_closed()
        waiter = asyncio.get_running_loop().create_future()
        self._waiting.append(waiter)
        self._rung.set()
        await waiter

    def _refuse_if_closed(self) -> None:
        if self._closed:
            raise StoreError(_CLOSED)

    async def _next(self) -> None:
        batch, waiting = self._taken()
        try:
            await self._write(batch)
        except asyncio.CancelledError:
            self._keep(batch)
            _tell(waiting, StoreError(_CLOSED))
            raise
        except StoreError as error:
            self.trouble = str(error)
            self._keep(batch)
            _tell(waiting, error)
        except Exception as error:  # what a row holds, not the disk: the others must not suffer
            await self._one_by_one(batch, waiting, error)
        else:
            self.trouble = ""
            _tell(waiting, None)
            if self._due or self._intents or self._withdrawn or self._waiting:
                self._rung.set()

    def _hurry(self) -> None:
        """Have all written now that waits."""
        if self._pause is not None:
            self._pause.cancel()
            self._pause = None
        if self:
            self._due = True
            self._rung.set()

    def _taken(self) -> tuple[Batch, list[asyncio.Future[None]]]:
        rows: list[Row] = []
        if self._due:
            rows, self._rows = self._rows[:_TOGETHER], self._rows[_TOGETHER:]
            self._due = bool(self._rows)
        batch = Batch(self._intents, rows, self._withdrawn)
        waiting, self._waiting = self._waiting, []
        self._intents, self._withdrawn = [], []
        return batch, waiting

    def _keep(self, batch: Batch) -> None:
        self._due = True
        self._rows[:0] = batch.rows
        self._withdrawn[:0] = [*batch.withdrawn, *(intent.row.id for intent in batch.intents)]

    async def _one_by_one(
        self, batch: Batch, waiting: list[asyncio.Future[None]], error: Exception
    ) -> None:
        """Write each row of a batch by itself, and leave out what cannot be written."""
        for row in batch.rows:
            try:
                await self._write(Batch(rows=(row,)))
            except StoreError:
                self._rows.append(row)
            except Exception as mine:  # told, and left an intent
                self._odd((row,), mine)
        self._keep(batch._replace(rows=()))
        _tell(waiting, StoreError(f"the journal cannot take it: {error}"))
        self._rung.set()


def _tell(waiting: Sequence[asyncio.Future[None]], error: StoreError | None) -> None:
    for one in waiting:
        if one.done():  # given up
            continue
        if error is None:
            one.set_result(None)
        else:
            one.set_exception(error)
