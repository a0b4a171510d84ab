"""Which command a rollout takes as it stands, and how it stands afterwards: the ramp as a table.

Data and no code: `proxy.core.ramp.apply` obeys it, the docs print it. A command without an entry
for a standing is refused there. An entry names every standing that may come of it; where there
are several, marks that lie beneath or the place of the step decide, and the command's function
says how. What leads toward legacy has an entry for every standing.
"""

from collections.abc import Mapping
from typing import Literal, NamedTuple

from proxy.core import commands as ask
from proxy.core.rollout_state import RolloutState, Standing

__all__ = [
    "TABLE",
    "NotAllowedError",
    "Row",
    "as_markdown",
    "word",
    "words",
    "words_of",
]

Asker = Literal["operator", "configuration", "ramp", "anybody"]


class NotAllowedError(Exception):
    """A command that the rollout does not take as it stands; the text says why and what it takes.

    `hint` says what to do.
    """

    def __init__(self, text: str, hint: str = "") -> None:
        """Keep both."""
        super().__init__(text)
        self.hint = hint


class Row(NamedTuple):
    """One command."""

    by: Asker
    """Who asks; what only operators ask is refused from automation."""
    comes_to: Mapping[Standing, tuple[Standing, ...]]
    """Standing before -> the standings that may come of it."""


DRAFT, SETTLE, BAKE, GATE, SOAK, COMPLETE = (
    Standing.DRAFT,
    Standing.SETTLE,
    Standing.BAKE,
    Standing.GATE,
    Standing.SOAK,
    Standing.COMPLETE,
)
PAUSED, HELD, FROZEN, ROLLED_BACK, KILLED = (
    Standing.PAUSED,
    Standing.HELD,
    Standing.FROZEN,
    Standing.ROLLED_BACK,
    Standing.KILLED,
)
_SAME = {standing: (standing,) for standing in Standing}
_OFF = (DRAFT, COMPLETE)
_STEP = (SETTLE, BAKE, GATE)
_WALKING = (*_STEP, SOAK)


def _same(*standings: Standing) -> dict[Standing, tuple[Standing, ...]]:
    return {standing: (standing,) for standing in standings}


def _all(standings: tuple[Standing, ...], *to: Standing) -> dict[Standing, tuple[Standing, ...]]:
    return dict.fromkeys(standings, to)


_BACK = {standing: (standing, ROLLED_BACK) for standing in Standing} | _same(KILLED, ROLLED_BACK)

TABLE: Mapping[type[ask.Command], Row] = {
    # Toward legacy, or a stop.
    ask.Kill: Row("anybody", _all(tuple(Standing), KILLED)),
    ask.Rollback: Row("anybody", _BACK),
    ask.Brake: Row("ramp", _BACK),
    ask.Freeze: Row("ramp", _all(tuple(Standing), FROZEN) | _same(ROLLED_BACK, KILLED)),
    ask.Pause: Row("anybody", _SAME | _all((*_OFF, *_WALKING, HELD), PAUSED)),
    ask.Hold: Row("ramp", _SAME | _all((*_OFF, *_WALKING), HELD)),
    # By hand.
    ask.SetPercentage: Row(
        "operator",
        _SAME | _all(_WALKING, PAUSED) | {COMPLETE: (COMPLETE, DRAFT), HELD: (HELD, PAUSED)},
    ),
    ask.EditLists: Row("operator", _SAME),
    ask.OverrideSafety: Row("operator", _SAME),
    ask.ReleaseHold: Row("operator", _same(*_OFF, *_WALKING, PAUSED, HELD)),
    # Marks taken off again.
    ask.Unkill: Row(
        "operator", _SAME | {KILLED: (DRAFT, COMPLETE, PAUSED, HELD, FROZEN, ROLLED_BACK)}
    ),
    ask.Acknowledge: Row(
        "operator", _SAME | {ROLLED_BACK: (DRAFT, PAUSED, HELD, FROZEN, ROLLED_BACK)}
    ),
    ask.Resume: Row(
        "operator",
        _same(*_WALKING, FROZEN)
        | _all((PAUSED, HELD), SETTLE, *_OFF)
        | {ROLLED_BACK: (DRAFT, FROZEN)},
    ),
    ask.Thaw: Row("ramp", _SAME | {FROZEN: (SETTLE, *_OFF, PAUSED, HELD)}),
    # The walk.
    ask.Start: Row("anybody", _all((*_OFF, PAUSED, HELD, ROLLED_BACK), SETTLE)),
    ask.Promote: Row(
        "operator",
        _all(_STEP, SETTLE, SOAK)
        | _all((PAUSED, HELD), SETTLE, SOAK, COMPLETE)
        | {SOAK: (COMPLETE,)},
    ),
    ask.Approve: Row("operator", _same(*_STEP, PAUSED, HELD, FROZEN)),
    ask.Settled: Row("ramp", _same(PAUSED, HELD, FROZEN) | {SETTLE: (BAKE,)}),
    ask.Observe: Row("ramp", _same(BAKE, SOAK)),
    ask.Baked: Row("ramp", {BAKE: (GATE,)}),
    ask.Opened: Row("ramp", {GATE: (SETTLE, SOAK)}),
    ask.Soaked: Row("ramp", {SOAK: (COMPLETE,)}),
    # The configuration.
    ask.Declare: Row(
        "configuration",
        _SAME
        | {standing: (standing, PAUSED, HELD) for standing in _STEP}
        | {SOAK: (SOAK, BAKE, PAUSED, HELD), COMPLETE: (COMPLETE, DRAFT), HELD: (HELD, PAUSED)},
    ),
}
"""Every command, in the order of the docs."""

_UNDER_WAY = "a ramp is under way: `promote` takes its next step, `rollback` ends it"
_HINTS: Mapping[Standing, str] = {
    DRAFT: "`start` begins the ramp",
    SETTLE: _UNDER_WAY,
    BAKE: _UNDER_WAY,
    GATE: _UNDER_WAY,
    SOAK: _UNDER_WAY,
    COMPLETE: "the ramp is over; `start` begins another one",
    PAUSED: "`resume` it first",
    HELD: "look why, then `resume` or `promote` it",
    FROZEN: "it thaws by itself when legacy is well; until then only ways to legacy are open",
    ROLLED_BACK: "`start` begins again at the first step; `acknowledge` (after an automatic "
    "rollback) or `resume` (after an operator's) leaves it at 0 % to be set by hand",
    KILLED: "`unkill` it first",
}


def permit(state: RolloutState, command: ask.Command, *, automatic: bool) -> None:
    """Look the command up. Raises NotAllowedError where the table has no entry for it."""
    row = TABLE[type(command)]
    if automatic and row.by == "operator":
        raise NotAllowedError(
            f"{words(command)} is an operator's to ask, and the ramp has asked for it",
            "give the command as an operator",
        )
    if state.standing not in row.comes_to:
        raise refused(state, words(command))


def refused(state: RolloutState, asked: str) -> NotAllowedError:
    """Return the refusal of what was `asked`, for how the rollout stands, with what to do."""
    standing = state.standing
    marks = {
        KILLED: state.killed,
        ROLLED_BACK: state.rolled_back,
        FROZEN: state.frozen,
        PAUSED: state.paused,
        HELD: state.held,
    }
    mark = marks.get(standing)
    by = f" by {mark.by} ({mark.why})" if mark else ""
    return NotAllowedError(
        f"{asked} is not possible while {state.name} is {words_of(standing)}{by}",
        _HINTS[standing],
    )


def word(kind: type[ask.Command]) -> str:
    """Return a command's name as it is written: ``set_percentage``."""
    name = kind.__name__
    return "".join(f"_{c.lower()}" if c.isupper() else c for c in name).removeprefix("_")


def words(command: ask.Command) -> str:
    """Return a command's name in a sentence: ``set percentage``."""
    return word(type(command)).replace("_", " ")


def words_of(standing: Standing) -> str:
    """Return how a rollout stands, in a sentence: ``in bake``, ``rolled back``."""
    if standing in (*_WALKING, DRAFT):
        return f"in {standing.value}"
    return standing.value.replace("_", " ")


def as_markdown() -> str:
    """Return the table for the docs: a row for each command, a column for each standing.

    ``=``: taken, and the rollout stands as before. Empty: refused.
    """
    head = ["command", "asked by", *(words_of(standing) for standing in Standing)]
    lines = [_line(head), _line(["---"] * len(head))]
    for kind, row in TABLE.items():
        cells = (_cell(standing, row) for standing in Standing)
        lines.append(_line([f"`{word(kind)}`", row.by, *cells]))
    return "".join(lines)


def _cell(standing: Standing, row: Row) -> str:
    to = row.comes_to.get(standing, ())
    return ", ".join("=" if each is standing else each.value.replace("_", " ") for each in to)


def _line(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |\n"
