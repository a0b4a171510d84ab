"""The last generations that served: what each was made of, so that it can be brought back."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from proxy.controlplane.material import Material
from proxy.pluginhost.sources import Catalogue, Source

__all__ = ["KEPT", "Generations", "HistoryEntry", "Kept"]

KEPT = 10
"""So many generations are remembered, the serving one among them."""


@dataclass(frozen=True, slots=True)
class HistoryEntry:
    """One generation as `crossfade config history` shows it.

    `digest` covers its configuration and the plugins it uses, `since` is when it began to
    serve (unix seconds), `note` is why, in words.
    """

    number: int
    digest: str
    since: float
    note: str


class Kept(NamedTuple):
    """A generation that can be brought back."""

    entry: HistoryEntry
    material: Material


class Generations:
    """What the last `KEPT` generations were made of; older ones are forgotten."""

    def __init__(self) -> None:
        """Begin with none."""
        self._kept: dict[int, Kept] = {}

    def keep(self, entry: HistoryEntry, material: Material) -> None:
        """Remember a generation that has begun to serve.

        Of the plugins only those that it uses are kept, and the text of one that did not
        change is kept once, however many generations use it.
        """
        known = {one.digest: one for one in self._sources()}
        sources = {name: known.get(one.digest, one) for name, one in material.sources.items()}
        self._kept[entry.number] = Kept(entry, material._replace(catalogue=Catalogue(sources)))
        while len(self._kept) > KEPT:
            del self._kept[min(self._kept)]

    def get(self, number: int) -> Kept | None:
        """Return what that generation was made of; None if it is not known (any more)."""
        return self._kept.get(number)

    def entries(self) -> tuple[HistoryEntry, ...]:
        """Return the generations that can be brought back, the oldest first."""
        return tuple(kept.entry for kept in self._kept.values())

    def _sources(self) -> Iterator[Source]:
        for kept in self._kept.values():
            yield from kept.material.sources.values()
