"""Where settings stand in their file, and how a finding becomes a problem at its place."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from proxy.settings.fields import Expanded
from proxy.settings.problems import Finding, Loc, Problem, printable, shown

_QUOTE_BOOLEAN = "an unquoted yes, no, on, off, true or false is a boolean in YAML; quote it"


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


_TOP = Spot(1, 1, 1, 1, "nothing", "")


@dataclass(frozen=True, slots=True, repr=False)
class Places:
    """The spots of all values of a file. Scalars as written may be secrets: no repr shows them."""

    file: str = ""
    """Empty: there is no file, and problems are told without lines."""
    spots: dict[Loc, Spot] = field(default_factory=dict)

    @classmethod
    def of(cls, value: object, base: Loc = ()) -> "Places":
        """Places for plain values that came out of no file."""
        return cls("", dict(_spots(value, base)))

    def spot(self, loc: Loc) -> Spot:
        """Where the value at a place, or else what encloses it, stands."""
        while loc and loc not in self.spots:
            loc = loc[:-1]
        return self.spots.get(loc, _TOP)

    def locate(self, loc: Loc, start: int = 0) -> tuple[Loc, Loc]:
        """The part of a model's path that the file has, and the part that it lacks.

        A model may be deeper than what was written (`listen: host:port` is
        `listen[0].address` in the model): a step that does not fit what is there is
        stepped over. The first `start` steps lead to the model's own place, and nothing
        directly below it is stepped over.
        """
        walked = loc[:start]
        for number, step in enumerate(loc[start:], start):
            if (*walked, step) in self.spots:
                walked = (*walked, step)
            elif isinstance(step, str) and (
                self.spot(walked).kind == "mapping" or number == start > 0
            ):
                return walked, loc[number:]
        return walked, ()

    def problem(self, finding: Finding, *, start: int = 0, hidden: bool = True) -> Problem:
        """The finding with its place; a `hidden` value is not shown."""
        walked, rest = self.locate(finding.loc, start)
        spot = self.spot(walked)
        line, column = spot.line, spot.column
        if finding.at_key:
            line, column = spot.key_line, spot.key_column
        if finding.line:
            line, column = finding.line, finding.column
        said = finding.said or ("nothing" if rest else said_at(spot, hidden=hidden))
        hint = printable(finding.hint)
        if finding.not_text and not hint:
            hint = _quote(spot, hidden=hidden)
        place = where(walked + rest)
        return Problem(self.file, line, column, place, said, finding.wanted, hint)


def where(loc: Loc) -> str:
    """The place as it is written in messages: `routes[0].match.path`."""
    text = "".join(f"[{s}]" if isinstance(s, int) else f".{shown(s)}" for s in loc)
    return text.removeprefix(".")


def said_at(spot: Spot, *, hidden: bool) -> str:
    """What was written there, in words; not the value itself where it is hidden."""
    if spot.kind == "nothing":
        return "nothing"
    if spot.kind in ("list", "mapping"):
        return f"a {spot.kind}"
    if hidden:
        return f"{'' if spot.kind == 'text' else 'a '}{spot.kind}"
    text = shown(spot.text)
    quoted = f'"{text}"' if spot.kind == "text" else text
    return f"{quoted} (from the environment)" if "${" in spot.text else quoted


def _quote(spot: Spot, *, hidden: bool) -> str:
    if spot.kind == "boolean":
        return _QUOTE_BOOLEAN if hidden else f'{_QUOTE_BOOLEAN}: "{shown(spot.text)}"'
    if spot.kind == "number" or (spot.kind == "nothing" and spot.text):
        return "quote it" if hidden else f'quote it: "{shown(spot.text)}"'
    return ""


def _spots(value: object, loc: Loc) -> Iterator[tuple[Loc, Spot]]:
    kind, text = _written(value)
    yield loc, Spot(1, 1, 1, 1, kind, text)
    if isinstance(value, dict):
        for key, item in value.items():
            yield from _spots(item, (*loc, str(key)))
    elif isinstance(value, list | tuple):
        for index, item in enumerate(value):
            yield from _spots(item, (*loc, index))


def _written(value: object) -> tuple[str, str]:
    """The kind of a plain value, and its text if it is a scalar."""
    if value is None:
        return "nothing", ""
    if isinstance(value, bool):
        return "boolean", str(value).lower()
    if isinstance(value, int | float):
        return "number", str(value)
    if isinstance(value, dict):
        return "mapping", ""
    if isinstance(value, list | tuple):
        return "list", ""
    return "text", "${...}" if isinstance(value, Expanded) else str(value)
