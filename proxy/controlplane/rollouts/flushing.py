"""What of a window is still to be sent to the fleet, as numbers to add.

A window tells absolute numbers; the store adds up. What was sent and not acknowledged is sent
again just as it was, so that the store can tell a repetition by its sequence number.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import islice

from proxy.core.observations import SLICE_SECONDS
from proxy.core.window import SLICES_KEPT, Export
from proxy.stores.rollouts import Flush

__all__ = ["KEYS_AT_ONCE", "Flushing"]

KEYS_AT_ONCE = 4000
"""So many keys go with one flush; further ones go with the next."""

_Keys = dict[str, frozenset[int]]


@dataclass(frozen=True, slots=True)
class _Sent:
    """What the store knows, in absolute numbers."""

    segment: int = 0
    slice: int = 0
    """The newest one when it was sent."""
    counts: Mapping[str, int] = field(default_factory=dict)
    slices: Mapping[int, Mapping[str, int]] = field(default_factory=dict)
    keys: _Keys = field(default_factory=dict)
    sketches: _Keys = field(default_factory=dict)


class Flushing:
    """The flushes of one rollout's window, one at a time."""

    def __init__(self, rollout: str, sequence: int) -> None:
        """`sequence` is the first number, greater than any that this replica has used."""
        self._rollout = rollout
        self._sequence = sequence
        self._known = _Sent()
        self._under_way: tuple[Flush, _Sent] | None = None

    def since(self, now: float) -> int:
        """Return the number of the first slice that may have something to send."""
        current = int(now) // SLICE_SECONDS
        return max(self._known.slice - 1, current - SLICES_KEPT)

    def next(self, export: Export, segment: int) -> Flush | None:
        """Return what to send: again what was not acknowledged, else what is new, else None.

        `segment` names the stretch of evidence in the store; 0 for none: then only slices
        are sent. `export` reaches back to `since` at least.
        """
        if self._under_way is not None:
            return self._under_way[0]
        known = self._known
        if known.segment != segment:
            known = _Sent(segment, known.slice, slices=known.slices)
        if not segment:
            export = export._replace(counts={}, keys={}, sketches={})
        keys = _news(export.keys, known.keys)
        flush = Flush(
            rollout=self._rollout,
            segment=segment,
            sequence=self._sequence,
            counts=_grown(export.counts, known.counts),
            slices=_grown_slices(export.slices, known.slices),
            keys=keys,
            sketches=_other(export.sketches, known.sketches),
        )
        if not (flush.counts or flush.slices or flush.keys or flush.sketches):
            return None
        sent = {name: known.keys.get(name, frozenset()) | tags for name, tags in keys.items()}
        # By the numbers of the slices themselves: their clock may be another than the caller's.
        newest = max(export.slices, default=known.slice)
        self._under_way = (
            flush,
            _Sent(
                segment,
                newest,
                export.counts,
                export.slices,
                {**known.keys, **sent},
                export.sketches,
            ),
        )
        self._sequence += 1
        return flush

    def restart(self) -> None:
        """Note that another window begins: what the one before told is no part of it."""
        self._known, self._under_way = _Sent(), None

    def acknowledged(self) -> None:
        """Note that the store has taken what `next` has returned last."""
        if self._under_way is not None:
            self._known, self._under_way = self._under_way[1], None


def _grown(now: Mapping[str, int], before: Mapping[str, int]) -> dict[str, int]:
    """Return by how much each number has grown."""
    grown = {name: count - before.get(name, 0) for name, count in now.items()}
    return {name: more for name, more in grown.items() if more > 0}


def _grown_slices(
    now: Mapping[int, Mapping[str, int]], before: Mapping[int, Mapping[str, int]]
) -> dict[int, dict[str, int]]:
    grown = {number: _grown(counts, before.get(number, {})) for number, counts in now.items()}
    return {number: more for number, more in grown.items() if more}


def _other(now: _Keys, before: _Keys) -> _Keys:
    return {name: tags for name, tags in now.items() if before.get(name) != tags}


def _news(now: Mapping[str, frozenset[int]], before: _Keys) -> _Keys:
    """Return the tags that are new, `KEYS_AT_ONCE` of them at most."""
    found: _Keys = {}
    left = KEYS_AT_ONCE
    for name, tags in now.items():
        news = frozenset(islice(tags - before.get(name, frozenset()), left))
        if news:
            found[name] = news
            left -= len(news)
    return found
