"""Ended attempts on their way into the tables: they wait for each other for a moment.

Nobody waits for them, and nothing is lost meanwhile: the log has them. Written together they cost
a fraction of what each would by itself.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from proxy.api.stores import StoreError

from ..row import Row

__all__ = ["Batching"]

PAUSE: Final = 0.25
"""Seconds that a row waits for others."""

_TOGETHER: Final = 256
"""Rows of one batch: many enough to be cheap, and few enough that the thread that writes them does
not keep the interpreter from the event loop for long."""

_CLOSED: Final = "the journal is closed"


class Batching:
    """Collects rows, and has one batch after the other written; what fails is kept."""

    def __init__(
        self,
        write: Callable[[Sequence[Row]], Awaitable[object]],
        odd: Callable[[Row, Exception], None],
    ) -> None:
        """`write` raises StoreError where it may be tried again, and anything else if it may not.

        `odd` is told of a row that cannot be written at all.
        """
        self.trouble = ""
        """Why the last batch could not be written; empty if it could."""
        self._write = write
        self._odd = odd
        self._rows: list[Row] = []
        self._under_way = 0
        """How many more are being written just now."""
        self._waiting: list[asyncio.Future[None]] = []
        self._rung = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        """Known once it writes."""
        self._pause: asyncio.TimerHandle | None = None
        self._closed = False

    def __len__(self) -> int:
        """Return how many rows wait."""
        return len(self._rows)

    def add(self, row: Row) -> None:
        """Have a row written soon, together with others."""
        self._rows.append(row)
        if self._loop is None or len(self._rows) >= _TOGETHER:
            self.ring()
        else:
            self._ring_soon()

    async def flush(self) -> None:
        """Return when all that waits is written. Raises StoreError if it was tried in vain."""
        waits = self._under_way + len(self._rows)
        for _ in range(waits // _TOGETHER + 1 if waits else 0):
            if self._closed:
                raise StoreError(_CLOSED)
            waiter = asyncio.get_running_loop().create_future()
            self._waiting.append(waiter)
            self._rung.set()
            await waiter

    def ring(self) -> None:
        """Have all written now that waits."""
        if self._pause is not None:
            self._pause.cancel()
            self._pause = None
        if self._rows:
            self._rung.set()

    def close(self) -> None:
        """Have nobody wait any more: who does so, or comes later, is told StoreError."""
        self._closed = True
        waiting, self._waiting = self._waiting, []
        _tell(waiting, StoreError(_CLOSED))

    async def run(self) -> None:
        """Write batch after batch, until it is cancelled."""
        self._loop = asyncio.get_running_loop()
        try:
            while True:
                await self._rung.wait()
                self._rung.clear()
                await self._next()
        finally:
            self.close()

    async def _next(self) -> None:
        rows, self._rows = self._rows[:_TOGETHER], self._rows[_TOGETHER:]
        waiting, self._waiting = self._waiting, []
        self._under_way = len(rows)
        try:
            if rows:
                await self._write(rows)
        except asyncio.CancelledError:
            self._rows[:0] = rows
            _tell(waiting, StoreError(_CLOSED))
            raise
        except StoreError as error:
            self.trouble = str(error)
            self._rows[:0] = rows
            _tell(waiting, error)
        except Exception as error:  # what a row holds, not the disk: the others must not suffer
            await self._one_by_one(rows)
            _tell(waiting, StoreError(f"the journal cannot take it: {error}"))
        else:
            self.trouble = ""
            _tell(waiting, None)
            if self._waiting or len(self._rows) >= _TOGETHER:
                self._rung.set()
            elif self._rows:
                self._ring_soon()
        finally:
            self._under_way = 0

    def _ring_soon(self) -> None:
        if self._pause is None and self._loop is not None:
            self._pause = self._loop.call_later(PAUSE, self.ring)

    async def _one_by_one(self, rows: Sequence[Row]) -> None:
        """Write each row of a batch by itself, and leave out what cannot be written."""
        for row in rows:
            try:
                await self._write((row,))
            except StoreError:
                self._rows.append(row)
            except Exception as mine:
                self._odd(row, mine)


def _tell(waiting: Sequence[asyncio.Future[None]], error: StoreError | None) -> None:
    for one in waiting:
        if one.done():  # given up
            continue
        if error is None:
            one.set_result(None)
        else:
            one.set_exception(error)
