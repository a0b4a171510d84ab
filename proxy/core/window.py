"""What is observed of a rollout's two arms: the last minutes in slices, and the evidence.

Only requests are observed whose caller could have met either arm: the bucket decided. Each
is counted in one cell (route and cohort; see `Grain`). Numbers are integers of one writer;
they are read by `export`, which names them as `proxy.core.observations` says.

The evidence is about keys. A key counts once for each metric in a segment, at the first time
that it meets it; which arm such keys were on is what a brake judges by. Sets of keys are
bounded for both arms together: a full one takes no more of either, so that the two stay
comparable.
"""

from collections import deque
from collections.abc import Iterator
from typing import Final, NamedTuple

from proxy.core.log_linear import BUCKETS, bucket_of, quantile
from proxy.core.observations import (
    COUNTED,
    NO_COHORT,
    OTHERS,
    SLICE_SECONDS,
    is_cohort,
    name,
)
from proxy.core.reason import Arm
from proxy.core.sketch import Sketch, united

__all__ = [
    "CELLS_MOST",
    "KEYS_MOST",
    "NO_COHORT",
    "NO_TAG",
    "OTHERS",
    "Export",
    "Kind",
    "Window",
]

CELLS_MOST = 64
"""So many cells a rollout has; the callers of further cohorts are counted as `OTHERS`."""

KEYS_MOST = 20_000
"""So many keys that met a metric are told apart in a segment, per cell, both arms together."""

NO_TAG: Final = -1
"""Stands for the tag of a request that is counted and is no evidence."""

SLICES_KEPT = 90
"""A quarter of an hour."""

_SLOW_SHARE = 0.95
_SLOW_SLICES = 6
_SLOW_LEAST = 50
_NEVER = float("inf")


class Kind:
    """What became of a request, as far as its arm has to do with it."""

    ANSWERED: Final = 0
    """There was an answer; its status says the rest."""
    FAILED: Final = 1
    """The arm failed to answer."""
    TIMEOUT: Final = 2
    CONNECT: Final = 3
    """No connection to the arm could be had."""
    OWN: Final = 4
    """The proxy failed."""
    LEFT: Final = 5
    """The client left."""


class Export(NamedTuple):
    """Everything in absolute numbers; see `proxy.core.observations.Totals` for the parts.

    `keys` holds the keys' tags themselves.
    """

    counts: dict[str, int]
    slices: dict[int, dict[str, int]]
    keys: dict[str, frozenset[int]]
    sketches: dict[str, frozenset[int]]


class _Slice:
    """The counts of one arm of one cell in ten seconds."""

    __slots__ = (
        "client_errors",
        "connects",
        "errors",
        "latency",
        "left",
        "number",
        "own",
        "requests",
        "slow",
        "timeouts",
    )

    def __init__(self, number: int) -> None:
        self.number = number
        self.requests = 0
        self.errors = 0
        self.timeouts = 0
        self.connects = 0
        self.client_errors = 0
        self.slow = 0
        self.own = 0
        self.left = 0
        self.latency = [0] * BUCKETS

    def counted(self) -> tuple[int, ...]:
        """Return the counts in the order of COUNTED."""
        return (
            self.requests,
            self.errors,
            self.timeouts,
            self.connects,
            self.client_errors,
            self.slow,
            self.own,
            self.left,
        )


class _Side:
    """One arm of one cell."""

    __slots__ = (
        "before",
        "client_errors",
        "current",
        "errors",
        "segment_from",
        "sketch",
        "slices",
        "slow",
    )

    def __init__(self, number: int) -> None:
        self.current = _Slice(number)
        self.slices: deque[_Slice] = deque([self.current], maxlen=SLICES_KEPT)
        self.before = [0] * len(COUNTED)
        """What slices that are over have counted, all together."""
        self.begin()

    def begin(self) -> None:
        """Begin a segment."""
        counted = self.current.counted()
        self.segment_from = [before + now for before, now in zip(self.before, counted, strict=True)]
        self.errors: set[int] = set()
        self.slow: set[int] = set()
        self.client_errors: set[int] = set()
        self.sketch = Sketch()

    def turn(self, number: int) -> _Slice:
        """Go on to another slice."""
        counted = self.current.counted()
        self.before = [before + now for before, now in zip(self.before, counted, strict=True)]
        self.current = _Slice(number)
        self.slices.append(self.current)
        return self.current

    def totals(self) -> Iterator[tuple[str, int]]:
        """Yield what was counted since the segment began."""
        counted = self.current.counted()
        for i, what in enumerate(COUNTED):
            yield what, self.before[i] + counted[i] - self.segment_from[i]

    def met(self) -> Iterator[tuple[str, set[int]]]:
        """Yield the keys of each metric."""
        yield "errors", self.errors
        yield "slow", self.slow
        yield "client_errors", self.client_errors


class _Cell:
    """Both arms of one route or cohort. `slow_above` is legacy's p95 in seconds."""

    __slots__ = ("cohort", "legacy", "new", "route", "slow_above")

    def __init__(self, route: str, cohort: str, number: int) -> None:
        self.route = route
        self.cohort = cohort
        self.legacy = _Side(number)
        self.new = _Side(number)
        self.slow_above = _NEVER

    def sides(self) -> tuple[tuple[Arm, _Side], tuple[Arm, _Side]]:
        return (Arm.LEGACY, self.legacy), (Arm.NEW, self.new)


class Window:
    """Everything that is observed of one rollout on this replica."""

    def __init__(
        self, *, by_route: bool = False, cohort: str = "", slow_floor: float = 0.0
    ) -> None:
        """`by_route`: routes are looked at one by one; `cohort`: the attribute that does so.

        `slow_floor`: nothing that is faster counts as slow, in seconds.
        """
        self.by_route = by_route
        self.cohort = cohort
        self.slow_floor = slow_floor
        self.ahead = 0.0
        """By how many seconds the clock that numbers the slices is ahead of the one that
        requests are observed by."""
        self.ordinal = 0
        self.turn = 0
        """Counts the segments that have begun. Who was assigned in another one is no evidence of
        this one: the share was another then."""
        self._collects = False
        self._cells: dict[tuple[str, str], _Cell] = {}

    def observe(
        self,
        route: str,
        cohort: str,
        new: bool,  # noqa: FBT001 - called for each request, where a keyword costs
        tag: int,
        kind: int,
        status: int,
        seconds: float,
        now: float,
    ) -> None:
        """Count a request that is over.

        `tag` is that of its key, or `NO_TAG`, `kind` one of `Kind`, `status` the arm's,
        `seconds` the time to the head of the answer, `now` Unix time in seconds.
        """
        where = (route if self.by_route else "", cohort)
        number = int(now + self.ahead) // SLICE_SECONDS
        cell = self._cells.get(where)
        if cell is None:
            cell = self._open(where, number)
        side = cell.new if new else cell.legacy
        counts = side.current
        if counts.number != number:
            counts = side.turn(number)
        if kind == Kind.OWN:
            counts.own += 1
        elif kind == Kind.LEFT:
            counts.left += 1
        else:
            counts.requests += 1
            if self._collects and 0 <= tag < side.sketch.limit:
                side.sketch.add(tag)
            if kind != Kind.ANSWERED or status >= 500:
                self._failed(cell, side, counts, kind, tag)
            else:
                self._answered(cell, side, counts, status, seconds > cell.slow_above, tag)
                counts.latency[bucket_of(seconds)] += 1

    def _failed(self, cell: _Cell, side: _Side, counts: _Slice, kind: int, tag: int) -> None:
        counts.errors += 1
        if kind == Kind.TIMEOUT:
            counts.timeouts += 1
        elif kind == Kind.CONNECT:
            counts.connects += 1
        if tag < 0 or not self._collects:
            return
        if len(cell.legacy.errors) + len(cell.new.errors) < KEYS_MOST:
            side.errors.add(tag)

    def _answered(
        self,
        cell: _Cell,
        side: _Side,
        counts: _Slice,
        status: int,
        slow: bool,  # noqa: FBT001 - called for each request
        tag: int,
    ) -> None:
        evident = self._collects and tag >= 0
        if slow:
            counts.slow += 1
            if evident and len(cell.legacy.slow) + len(cell.new.slow) < KEYS_MOST:
                side.slow.add(tag)
        if status >= 400:
            counts.client_errors += 1
            met = len(cell.legacy.client_errors) + len(cell.new.client_errors)
            if evident and met < KEYS_MOST:
                side.client_errors.add(tag)

    def _open(self, where: tuple[str, str], number: int) -> _Cell:
        full = len(self._cells) >= CELLS_MOST
        if where[1] != OTHERS and (full or not is_cohort(where[1])):
            # The cells for others come beyond the bound: one for each route, and those are few.
            where = (where[0], OTHERS)
            found = self._cells.get(where)
            if found is not None:
                return found
        cell = self._cells[where] = _Cell(*where, number)
        cell.slow_above = next(
            (other.slow_above for other in self._cells.values() if other.route == where[0]), _NEVER
        )
        return cell

    def begin(self, ordinal: int) -> None:
        """Begin the segment of this ordinal; 0 collects no evidence."""
        self.ordinal = ordinal
        self.turn += 1
        self._collects = ordinal > 0
        for cell in self._cells.values():
            for _, side in cell.sides():
                side.begin()

    def tighten(self, now: float) -> None:
        """Find out anew what counts as slow: more than the floor and than legacy's recent p95.

        That is looked at by route, over the last minute before `now` (Unix time in seconds).
        As long as legacy has answered fewer than 50 requests in that minute, what counted
        before goes on counting.
        """
        since = int(now) // SLICE_SECONDS - _SLOW_SLICES
        for route in {cell.route for cell in self._cells.values()}:
            cells = [cell for cell in self._cells.values() if cell.route == route]
            latency = [0] * BUCKETS
            for cell in cells:
                for counts in cell.legacy.slices:
                    if counts.number > since:
                        latency = [a + b for a, b in zip(latency, counts.latency, strict=True)]
            if sum(latency) >= _SLOW_LEAST:
                bound = max(quantile(latency, _SLOW_SHARE) or _NEVER, self.slow_floor)
                for cell in cells:
                    cell.slow_above = bound

    def export(self, since: int = 0) -> Export:
        """Return everything in absolute numbers, with the slices from the number `since` on."""
        found = Export({}, {}, {}, {})
        for cell in self._cells.values():
            for arm, side in cell.sides():
                self._tell(found, cell, arm, side, since)
        if self.by_route or self.cohort:
            self._tell_everybody(found)
        return found

    def _tell(self, found: Export, cell: _Cell, arm: Arm, side: _Side, since: int) -> None:
        where = (cell.route, cell.cohort, arm)
        for what, count in side.totals():
            if count:
                found.counts[name(*where, what)] = count
        for what, keys in side.met():
            if keys:
                found.keys[name(*where, what)] = frozenset(keys)
        if side.sketch.tags:
            found.sketches[name(*where, "active")] = frozenset(side.sketch.tags)
        for counts in side.slices:
            if counts.number >= since and any(counts.counted()):
                numbers = found.slices.setdefault(counts.number, {})
                _add_slice(numbers, where, counts)

    def _tell_everybody(self, found: Export) -> None:
        """Tell of the keys of all cells together: one that is in two of them counts once."""
        for arm in (Arm.LEGACY, Arm.NEW):
            sides = [cell.new if arm is Arm.NEW else cell.legacy for cell in self._cells.values()]
            for i, metric in enumerate(("errors", "slow", "client_errors")):
                keys = frozenset().union(*(tuple(side.met())[i][1] for side in sides))
                if keys:
                    found.keys[name("", "", arm, metric)] = keys
            active = united(side.sketch.tags for side in sides)
            if active:
                found.sketches[name("", "", arm, "active")] = active


def _add_slice(numbers: dict[str, int], where: tuple[str, str, Arm], counts: _Slice) -> None:
    route, cohort, arm = where
    for what, count in zip(COUNTED, counts.counted(), strict=True):
        if count:
            numbers[name(route, cohort, arm, what)] = count
    for bucket, count in enumerate(counts.latency):
        if count:
            numbers[name(route, cohort, arm, f"h{bucket}")] = count
