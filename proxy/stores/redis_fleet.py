"""What replicas share in Redis besides states: the lease, heartbeats, observations."""

import json
import struct
from collections.abc import Iterator, Mapping
from typing import Any, Final

from proxy.core.observations import SLICE_SECONDS, Totals
from proxy.core.sketch import united
from proxy.stores.redis_link import RedisLink, lua
from proxy.stores.rollouts import Beat, Flush, StoreLostError

__all__ = ["KEYS_MOST", "NAMES_MOST", "RedisFleet"]

KEYS_MOST: Final = 50_000
"""So many keys a set takes."""

NAMES_MOST: Final = 20_000
"""So many different names a segment, or a slice, has."""

_LEASE_MS: Final = 10_000
_GONE_MS: Final = 6_000
_REPLICAS_MOST: Final = 1_000
_SEGMENT_SECONDS: Final = 86_400
_SLICE_KEPT_SECONDS: Final = 1_200
_SLICES_MOST: Final = _SLICE_KEPT_SECONDS // SLICE_SECONDS
_Value = str | bytes | int


class RedisFleet:
    """See `FleetStore`. Everything expires by itself a day after it was last written."""

    def __init__(self, link: RedisLink) -> None:
        """Share the connections of the store."""
        self._link = link
        key = link.place.key
        self._lease, self._fence = key("lease"), key("fence")
        self._beats, self._said = key("beats"), key("said")

    async def beat(self, beat: Beat) -> list[Beat]:
        """Say that this replica is alive; return all that are, the latest first."""
        said = json.dumps({"config": beat.config, "applied": dict(beat.applied)})
        rows = await self._link.run(
            lua("beat"),
            (self._beats, self._said),
            (beat.replica, said, _GONE_MS, _SEGMENT_SECONDS, _REPLICAS_MOST),
        )
        triples = zip(rows[::3], rows[1::3], rows[2::3], strict=True)
        return [self._beat(*triple) for triple in triples]

    async def leave(self, replica: str) -> None:
        """Say that this replica ends; lets go of the lease if it has it."""
        await self._link.run(lua("leave"), (self._beats, self._said, self._lease), (replica,))

    async def lead(self, replica: str) -> int:
        """Take or renew the lease (ten seconds); return its fencing token, 0 if another has it.

        Tokens grow with each change of the leader; they are about milliseconds since 1970.
        """
        token = await self._link.run(lua("lead"), (self._lease, self._fence), (replica, _LEASE_MS))
        return int(token)

    async def unheard(self) -> float:
        """Return the seconds since the lease was taken or renewed, whoever has it."""
        left = int(await self._link.call("PTTL", self._lease))  # negative where there is none
        return (_LEASE_MS - max(left, 0)) / 1000

    async def add(self, replica: str, flush: Flush) -> None:
        """Add what was observed, once for each sequence of the replica and rollout.

        A set that is full takes no more keys, a segment that has too many names no new ones.
        """
        keys = (
            self._link.place.key("sequence", flush.rollout, replica),
            self._segment(flush.rollout, flush.segment),
            self._slices(flush.rollout),
        )
        values: list[_Value] = [flush.sequence, replica, _SEGMENT_SECONDS, _SLICE_KEPT_SECONDS]
        values += (KEYS_MOST, NAMES_MOST, *_counted(flush.counts), len(flush.slices))
        for number, counts in flush.slices.items():
            values += (number, *_counted(counts))
        values += (*_told(flush.keys), *_told(flush.sketches))
        await self._link.run(lua("add"), keys, values)

    async def totals(self, rollout: str, segment: int, since: int) -> Totals:
        """Return what all replicas observed in `segment`, with the slices from `since` on."""
        counts, sets, sketches, slices = await self._link.run(
            lua("totals"),
            (self._segment(rollout, segment), self._slices(rollout)),
            (since, SLICE_SECONDS, _SLICES_MOST),
        )
        tags: dict[str, list[frozenset[int]]] = {}
        for field, packed in _pairs(sketches):
            name = field.partition(b"\0")[2]
            tags.setdefault(_text(name), []).append(_unpacked(packed))
        return Totals(
            counts=_numbers(counts),
            slices={int(number): _numbers(flat) for number, flat in _pairs(slices)},
            keys=_numbers(sets),
            sketches={name: united(each) for name, each in tags.items()},
        )

    def _segment(self, rollout: str, segment: int) -> str:
        return self._link.place.key("segment", rollout, str(segment))

    def _slices(self, rollout: str) -> str:
        return self._link.place.key("slice", rollout)

    def _beat(self, replica: bytes, milliseconds: bytes, said: bytes) -> Beat:
        try:
            told = json.loads(said)
            return Beat(
                replica.decode(), told["config"], told["applied"], float(milliseconds) / 1000
            )
        except (ValueError, KeyError, TypeError) as error:
            raise StoreLostError(
                f"{self._link.place.url}: a heartbeat cannot be read: {error!r}"
            ) from error


def _told(sets: Mapping[str, frozenset[int]]) -> Iterator[_Value]:
    yield len(sets)
    for name, numbers in sets.items():
        yield _bytes(name)
        yield struct.pack(f">{len(numbers)}Q", *numbers)


def _counted(counts: Mapping[str, int]) -> Iterator[_Value]:
    yield len(counts)
    for name, count in counts.items():
        yield _bytes(name)
        yield count


def _unpacked(packed: bytes) -> frozenset[int]:
    return frozenset(struct.unpack(f">{len(packed) // 8}Q", packed))


# Names hold values of attributes, which may have halves of surrogate pairs in them.


def _bytes(name: str) -> bytes:
    return name.encode("utf-8", "surrogatepass")


def _text(name: bytes) -> str:
    return name.decode("utf-8", "surrogatepass")


def _pairs(flat: list[Any]) -> Iterator[tuple[Any, Any]]:
    return zip(flat[::2], flat[1::2], strict=True)


def _numbers(flat: list[Any]) -> dict[str, int]:
    return {_text(name): int(number) for name, number in _pairs(flat)}
