"""Buckets by name, bounded: expired ones go first, then those not used for longest."""

from collections import OrderedDict
from typing import Any, Final

__all__ = ["Buckets", "Record"]

Record = list[Any]
"""A bucket: the microsecond from which on it says nothing any more, for how long it has mattered
after it was last used, then what its kind counts. Plain values, which outlive the code."""

_UNTIL: Final = 0
_LIFETIME: Final = 1
_AT_ONCE: Final = 2
"""So many expired ones are dropped for each new one."""


class Buckets:
    """Those of one process.

    There is a queue for each lifetime, in the order of use; so its first one expires first.
    """

    def __init__(self, state: dict[str, Any], most: int) -> None:
        """Go on with `state`; `most` is how many there may be, at least one."""
        self._records: dict[str, Record] = state.setdefault("buckets", {})
        self._queues: dict[int, OrderedDict[str, None]] = state.setdefault("queues", {})
        self._most = most
        self.evicted = 0
        """So many were dropped that still counted."""
        self.get = self._records.get

    def __len__(self) -> int:
        return len(self._records)

    def used(self, name: str, record: Record, lifetime: int, now: int) -> None:
        """Note that a bucket was added to; a new one finds its place."""
        before = record[_LIFETIME]
        if name not in self._records:
            self._make_room(lifetime, now)
            self._records[name] = record
        elif before == lifetime:
            record[_UNTIL] = now + lifetime
            self._queues[lifetime].move_to_end(name)
            return
        else:
            self._leave(name, before)
        record[_UNTIL] = now + lifetime
        record[_LIFETIME] = lifetime
        if lifetime not in self._queues:
            self._queues[lifetime] = OrderedDict()
        self._queues[lifetime][name] = None

    def drop(self, name: str) -> None:
        """Forget a bucket, if it is there."""
        record = self._records.pop(name, None)
        if record is not None:
            self._leave(name, record[_LIFETIME])

    def _leave(self, name: str, lifetime: int) -> None:
        queue = self._queues[lifetime]
        del queue[name]
        if not queue:
            del self._queues[lifetime]

    def _make_room(self, lifetime: int, now: int) -> None:
        if lifetime in self._queues:
            self._drop_expired(lifetime, now)
        if len(self._records) < self._most:
            return
        for each in tuple(self._queues):
            self._drop_expired(each, now)
        while len(self._records) >= self._most:
            self.drop(self._first(min(self._queues, key=self._last_use)))
            self.evicted += 1

    def _drop_expired(self, lifetime: int, now: int) -> None:
        """Drop a few of those that have expired."""
        for _ in range(_AT_ONCE):
            queue = self._queues.get(lifetime)
            if queue is None or self._records[self._first(lifetime)][_UNTIL] > now:
                return
            self.drop(self._first(lifetime))

    def _first(self, lifetime: int) -> str:
        return next(iter(self._queues[lifetime]))

    def _last_use(self, lifetime: int) -> int:
        """When the one that was not used for longest was used, of one lifetime."""
        until: int = self._records[self._first(lifetime)][_UNTIL]
        return until - lifetime
