"""The configuration as plain values that remember where in the file they stand."""

from dataclasses import dataclass, field
from typing import Any

from proxy.settings.places import Places, Spot
from proxy.settings.problems import Finding, Loc


class Unread:
    """Stands for a value that could not be read; its problem is already known."""


UNREAD = Unread()


@dataclass(slots=True)
class Tree:
    """The parsed file: `data` (plain values only) and a spot for each value."""

    data: object = None
    spots: dict[Loc, Spot] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)
    unread: set[Loc] = field(default_factory=set)
    used: dict[str, str] = field(default_factory=dict)
    """The environment variables that were looked up, with their values."""

    def at(self, *loc: str | int) -> object:
        """The value at a place; None where there is none."""
        value: Any = self.data
        for step in loc:
            if not _has(value, step):
                return None
            value = value[step]
        return value

    def mapping(self, *loc: str | int) -> dict[str, object]:
        """The mapping at a place; an empty one where there is none."""
        value = self.at(*loc)
        return value if isinstance(value, dict) else {}

    def sequence(self, *loc: str | int) -> list[object]:
        """The list at a place; an empty one where there is none."""
        value = self.at(*loc)
        return value if isinstance(value, list) else []

    def string(self, *loc: str | int) -> str | None:
        """The text at a place; None where there is none."""
        value = self.at(*loc)
        return value if isinstance(value, str) else None

    def spot(self, loc: Loc) -> Spot:
        """Where the value at a place, or else what encloses it, stands."""
        return self.places().spot(loc)

    def places(self, file: str = "") -> Places:
        """Where everything stands, for problems of this file."""
        return Places(file, self.spots)


def _has(value: Any, step: str | int) -> bool:
    if isinstance(value, dict):
        return step in value
    return isinstance(value, list) and isinstance(step, int) and step < len(value)
