"""What a budget says: gates, percentages, hysteresis, pace."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plugins.cost_meter.budgets.deciding import (
    NO_CAP,
    blocked,
    burn,
    cap,
    fallen,
    gates_of,
    percent,
    reached,
    severity,
    warns_from,
)
from plugins.cost_meter.budgets.declaring import Action
from tests.kit.properties import examples

ACTIONS = st.dictionaries(
    st.integers(1, 200),
    st.sampled_from(["observe", "warn", "cheaper_model", "queue", "reject"]),
    max_size=5,
)
NANO = st.integers(0, 2**53)
LIMITS = st.integers(1, 4_500_000 * 10**9)
STAGES: dict[int, Action] = {80: "warn", 90: "cheaper_model", 95: "queue", 100: "reject"}


@examples(250)
@given(ACTIONS, LIMITS, NANO, NANO, st.booleans())
def test_what_fits_below_the_cap_is_what_nothing_blocks(
    actions: dict[int, Action], limit: int, held: int, amount: int, cheaper: bool
) -> None:
    gates = gates_of(actions)
    most = cap(gates, limit, cheaper=cheaper)
    fits = most == NO_CAP or held + amount <= most
    assert (blocked(gates, limit, held, amount, cheaper=cheaper) is None) == fits


@examples(300)
@given(ACTIONS, LIMITS, NANO, NANO)
def test_what_cannot_go_elsewhere_is_never_sent_elsewhere(
    actions: dict[int, Action], limit: int, held: int, amount: int
) -> None:
    assert blocked(gates_of(actions), limit, held, amount, cheaper=False) != "cheaper_model"


@pytest.mark.parametrize(
    ("held", "amount", "cheaper", "expected"),
    [
        (0, 90, True, None),
        (0, 91, True, "cheaper_model"),
        (0, 91, False, None),
        (0, 101, True, "cheaper_model"),  # a cheaper one may fit
        (0, 101, False, "reject"),
        (92, 4, True, "cheaper_model"),
        (92, 4, False, "queue"),
        (96, 1, True, "queue"),
        (100, 1, True, "reject"),
        (100, 0, True, "queue"),
    ],
)
def test_the_highest_gate_that_is_reached_counts(
    held: int, amount: int, cheaper: bool, expected: str | None
) -> None:
    assert blocked(gates_of(STAGES), 100, held, amount, cheaper=cheaper) == expected


@examples(200)
@given(st.integers(0, 10**18), LIMITS)
def test_a_percentage_is_rounded_down_exactly(spent: int, limit: int) -> None:
    found = percent(spent, limit)
    assert found * limit <= spent * 100 < (found + 1) * limit


def test_what_was_given_back_is_not_less_than_nothing() -> None:
    assert percent(-5, 100) == 0


@examples(200)
@given(st.integers(6, 200), st.integers(0, 10**6), st.integers(1, 10**6))
def test_a_threshold_is_left_five_points_below_where_it_is_reached(
    at: int, spent: int, limit: int
) -> None:
    above = at in reached((at,), spent, limit)
    assert above == (spent * 100 >= at * limit)
    assert not (above and fallen(at, spent, limit))
    assert fallen(at, spent, limit) == (spent * 100 < (at - 5) * limit)


def test_thresholds_are_told_from_the_lowest_on() -> None:
    assert reached((95, 50, 80), 85, 100) == (50, 80)


@pytest.mark.parametrize(
    ("spent", "actions", "expected"),
    [
        (79, STAGES, False),
        (80, STAGES, True),
        (300, {100: "observe"}, False),
        (300, {}, False),
        (50, {10: "observe", 50: "reject"}, True),
    ],
)
def test_warnings_begin_with_the_lowest_action_that_does_something(
    spent: int, actions: dict[int, Action], expected: bool
) -> None:
    begins = warns_from(actions, 100)
    assert (begins is not None and spent >= begins) is expected


def test_warnings_begin_with_the_first_amount_that_reaches_so_many_percent() -> None:
    assert warns_from({33: "warn"}, 10) == 4
    assert warns_from({50: "warn"}, 10) == 5


def test_the_higher_a_threshold_the_worse_it_is() -> None:
    assert [severity(at) for at in (50, 79, 80, 94, 95, 100)] == [
        "info",
        "info",
        "warning",
        "warning",
        "critical",
        "critical",
    ]


def test_a_pace_of_a_hundred_lasts_exactly() -> None:
    day = 24 * 3600.0
    steady = burn(100, 600, 2400, day)
    assert (steady.hour, steady.six_hours, steady.lasts) == (100, 100, False)
    assert burn(200, 700, 2400, day).lasts
    assert not burn(200, 500, 2400, day).lasts
