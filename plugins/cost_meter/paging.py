"""Reads rows one after the other, page by page."""

from collections.abc import AsyncIterator

from .books import Asked, Ledger
from .row import Row

__all__ = ["each_row"]

_PAGE = 1000


async def each_row(ledger: Ledger, asked: Asked, most: int) -> AsyncIterator[Row]:
    """Yield rows by time and id, at most `most` of them. Raises StoreError."""
    after, left = "", most
    while left > 0:
        page = await ledger.rows(asked, limit=min(_PAGE, left), after=after)
        for row in page.rows:
            yield row
        left -= len(page.rows)
        after = page.after
        if not after:
            return
