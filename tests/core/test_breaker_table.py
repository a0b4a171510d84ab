"""The table of the breaker: each of its entries happens, and is printed."""

from collections.abc import Callable

import pytest

from proxy.core.breaker import Breaker, BreakerRules
from proxy.core.breaker_table import FORCES, TABLE, Event, State, as_markdown, words_of

RULES = BreakerRules(min_calls=2, probes=2)


def call(breaker: Breaker, now: float, times: int, *, failed: bool) -> None:
    for _ in range(times):
        permit = breaker.permit(now)
        assert permit is not None
        if failed:
            breaker.failed(permit, now, 0.5)
        else:
            breaker.succeeded(permit, now, 0.5)


def tripped(breaker: Breaker) -> None:
    call(breaker, 0.0, 2, failed=True)


def half_open(breaker: Breaker) -> None:
    tripped(breaker)
    breaker.state(breaker.reopens_at)


IN: dict[State, Callable[[Breaker], None]] = {
    State.CLOSED: lambda _: None,
    State.OPEN: tripped,
    State.HALF_OPEN: half_open,
    State.FORCED_OPEN: lambda breaker: breaker.force(State.FORCED_OPEN, 0.0, until=20.0),
    State.FORCED_CLOSED: lambda breaker: breaker.force(State.FORCED_CLOSED, 0.0),
    State.METRICS_ONLY: lambda breaker: breaker.force(State.METRICS_ONLY, 0.0),
}

NOW = 20.0
"""When everything that was opened at 0 has cooled."""

HAPPENS: dict[Event, Callable[[Breaker], object]] = {
    Event.TRIPPED: tripped,
    Event.COOLED: lambda breaker: breaker.state(NOW),
    Event.RECOVERED: lambda breaker: call(breaker, NOW, 2, failed=False),
    Event.FAILED_AGAIN: lambda breaker: call(breaker, NOW, 1, failed=True),
} | {event: lambda breaker, to=to: breaker.force(to, 0.0) for to, event in FORCES.items()}

ENTRIES = [(state, event) for state, row in TABLE.items() for event in row]


@pytest.mark.parametrize(("state", "event"), ENTRIES)
def test_each_entry_of_the_table_happens(state: State, event: Event) -> None:
    breaker = Breaker(RULES)
    IN[state](breaker)
    if (state, event) == (State.METRICS_ONLY, Event.COOLED):
        tripped(breaker)
    before = generation(breaker)
    HAPPENS[event](breaker)
    assert words_of(TABLE[state][event]) in repr(breaker)
    assert generation(breaker) == before + 1, "each transition begins a generation"


def generation(breaker: Breaker) -> int:
    return int(repr(breaker).split("generation ")[1].split(",")[0])


def test_the_printed_table_has_a_row_for_each_event_and_a_cell_for_each_state() -> None:
    lines = as_markdown().splitlines()
    assert len(lines) == len(Event) + 2
    assert {line.count("|") for line in lines} == {len(State) + 2}
    assert "| `cooled` |  | half open |  | half open |  | metrics only |" in lines
