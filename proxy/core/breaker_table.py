"""How a circuit breaker stands and what moves it, as a table.

Data and no code: `proxy.core.breaker` obeys it, the docs print it. What has no entry does not
happen.
"""

from collections.abc import Mapping
from enum import StrEnum

__all__ = ["FORCES", "TABLE", "Event", "State", "as_markdown", "words_of"]


class State(StrEnum):
    """How a breaker stands."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"
    FORCED_OPEN = "forced_open"
    FORCED_CLOSED = "forced_closed"
    METRICS_ONLY = "metrics_only"


class Event(StrEnum):
    """What moves it."""

    TRIPPED = "tripped"
    """Too many calls failed or were slow."""
    COOLED = "cooled"
    """The time that it was to be open is over."""
    RECOVERED = "recovered"
    """Enough probes succeeded."""
    FAILED_AGAIN = "failed_again"
    """A probe failed, or too many were slow."""
    FORCE_OPEN = "force_open"
    FORCE_CLOSED = "force_closed"
    WATCH = "watch"
    """It is told to watch and to do nothing."""
    RELEASE = "release"
    """It is told to decide by itself, from a fresh start."""


_TOLD = {
    Event.FORCE_OPEN: State.FORCED_OPEN,
    Event.FORCE_CLOSED: State.FORCED_CLOSED,
    Event.WATCH: State.METRICS_ONLY,
    Event.RELEASE: State.CLOSED,
}

TABLE: Mapping[State, Mapping[Event, State]] = {
    State.CLOSED: {Event.TRIPPED: State.OPEN, **_TOLD},
    State.OPEN: {Event.COOLED: State.HALF_OPEN, **_TOLD},
    State.HALF_OPEN: {Event.RECOVERED: State.CLOSED, Event.FAILED_AGAIN: State.OPEN, **_TOLD},
    State.FORCED_OPEN: {Event.COOLED: State.HALF_OPEN, **_TOLD},
    State.FORCED_CLOSED: _TOLD,
    State.METRICS_ONLY: {
        Event.TRIPPED: State.METRICS_ONLY,
        Event.COOLED: State.METRICS_ONLY,
        **_TOLD,
    },
}
"""State -> what may happen in it -> how it stands afterwards. Nothing else ever happens."""

FORCES: Mapping[State, Event] = {to: event for event, to in _TOLD.items()}
"""State that somebody can put it into -> what happens then."""


def as_markdown() -> str:
    """Return the table for the docs: a row for each event, a column for each state."""
    lines = [["", *map(words_of, State)], ["---"] * (len(State) + 1)]
    for event in Event:
        to = (TABLE[state].get(event) for state in State)
        lines.append([f"`{event}`", *("" if each is None else words_of(each) for each in to)])
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def words_of(state: State) -> str:
    """Return a state in a sentence: ``half open``."""
    return state.replace("_", " ")
