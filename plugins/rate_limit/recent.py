"""Which requests did not fit lately, and by which windows: for who asks why.

Its table is bounded and made of plain values: it outlives a reload.
"""

from typing import Any, Final

from proxy.api import Note
from proxy.api.limits import NEVER, Standing

from .durations import in_words

__all__ = ["MOST", "MOST_OF_ONE", "Recent"]

MOST: Final = 2048
"""So many requests are remembered; the one that was noted first is forgotten first."""

MOST_OF_ONE: Final = 20
"""So many times of one id: a trusted proxy may say the same one again and again."""


class Recent:
    """Remembers them."""

    def __init__(self, table: dict[str, Any]) -> None:
        """`table` is what the one before has left."""
        self._table = table

    def note(self, request_id: str, what: str, standing: Standing, now: float) -> None:
        """Note what was done (one word) at `now` (Unix seconds) with a request that did not fit."""
        noted = self._table.setdefault(request_id, [])
        if len(noted) < MOST_OF_ONE:
            noted.append((now, what, standing.violated, standing.retry_after, standing.degraded))
        if len(self._table) > MOST:
            del self._table[next(iter(self._table))]

    def of(self, request_id: str) -> tuple[Note, ...]:
        """Return what is remembered of a request."""
        return tuple(
            Note(at, what, _why(violated, wait, degraded))
            for at, what, violated, wait, degraded in self._table.get(request_id, ())
        )


def _why(violated: tuple[str, ...], wait: float, degraded: str) -> str:
    fits = "it never fits" if wait == NEVER else f"it fits in {in_words(wait)}"
    alone = f"; without the store: {degraded}" if degraded else ""
    return f"limited by {', '.join(violated)}: {fits}{alone}"
