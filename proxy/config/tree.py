"""The configuration as plain values that remember where in the file they stand."""

from dataclasses import dataclass, field
from typing import Any, NamedTuple

from proxy.settings.problems import Finding, Loc


class Spot(NamedTuple):
    """Where a value stands (counted from 1), where its key stands, and how it was written."""

    line: int
    column: int
    key_line: int
    key_column: int
    kind: str
    """text, number, boolean, nothing, list or mapping"""
    text: str
    """A scalar as written, variables not expanded."""


class Unread:
    """Stands for a value that could not be read; its problem is already known."""


UNREAD = Unread()
_TOP = Spot(1, 1, 1, 1, "nothing", "")


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
        while loc and loc not in self.spots:
            loc = loc[:-1]
        return self.spots.get(loc, _TOP)

    def locate(self, loc: Loc) -> tuple[Loc, Loc]:
        """The part of a model's path that the file has, and the part that it lacks.

        A model may be deeper than what was written (`listen: host:port` is
        `listen[0].address` in the model): a step that does not fit what is there
        is stepped over.
        """
        walked: Loc = ()
        value: Any = self.data
        for number, step in enumerate(loc):
            if _has(value, step):
                value = value[step]
                walked = (*walked, step)
            elif isinstance(value, dict) and isinstance(step, str):
                return walked, loc[number:]
        return walked, ()


def _has(value: Any, step: str | int) -> bool:
    if isinstance(value, dict):
        return step in value
    return isinstance(value, list) and isinstance(step, int) and step < len(value)
