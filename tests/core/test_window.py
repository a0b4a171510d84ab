"""What is observed of two arms: counted in slices, by cell, and each key once as evidence."""

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.core.observations import Name, name, named
from proxy.core.reason import Arm
from proxy.core.window import (
    CELLS_MOST,
    KEYS_MOST,
    NO_COHORT,
    NO_TAG,
    OTHERS,
    SLICES_KEPT,
    Kind,
    Window,
)


def seen(window: Window, what: str, arm: Arm = Arm.NEW) -> int:
    """Return a number of the segment, over all cells."""
    counts = window.export().counts
    return sum(n for text, n in counts.items() if named(text)[2:] == (arm, what))


def keys(window: Window, metric: str, route: str = "", cohort: str = "") -> tuple[int, int]:
    """Return how many keys of legacy and of new have met a metric."""
    found = {named(text): len(tags) for text, tags in window.export().keys.items()}
    return (
        found.get(Name(route, cohort, Arm.LEGACY, metric), 0),
        found.get(Name(route, cohort, Arm.NEW, metric), 0),
    )


def observe(
    window: Window,
    tag: int = 1,
    *,
    new: bool = True,
    kind: int = Kind.ANSWERED,
    status: int = 200,
    seconds: float = 0.01,
    now: float = 1000.0,
    route: str = "r",
    cohort: str = "",
) -> None:
    window.observe(route, cohort, new, tag, kind, status, seconds, now)


def collecting(**parted: object) -> Window:
    window = Window(**parted)  # type: ignore[arg-type]
    window.begin(1)
    return window


@pytest.mark.parametrize(
    ("kind", "status", "counted"),
    [
        (Kind.ANSWERED, 200, {"requests"}),
        (Kind.ANSWERED, 404, {"requests", "client_errors"}),
        (Kind.ANSWERED, 500, {"requests", "errors"}),
        (Kind.FAILED, 0, {"requests", "errors"}),
        (Kind.TIMEOUT, 0, {"requests", "errors", "timeouts"}),
        (Kind.CONNECT, 0, {"requests", "errors", "connects"}),
        (Kind.OWN, 0, {"own"}),
        (Kind.LEFT, 200, {"left"}),
    ],
)
def test_each_outcome_is_counted_as_what_it_is(kind: int, status: int, counted: set[str]) -> None:
    window = collecting()
    observe(window, kind=kind, status=status)
    counts = {named(text).what: n for text, n in window.export().counts.items()}
    assert counts == dict.fromkeys(counted, 1)


def test_failures_of_the_proxy_and_clients_that_left_are_evidence_against_nobody() -> None:
    window = collecting()
    observe(window, kind=Kind.OWN)
    observe(window, kind=Kind.LEFT)
    assert window.export().keys == {}
    assert window.export().sketches == {}


def test_a_key_counts_once_however_often_it_fails() -> None:
    window = collecting()
    for _ in range(50):
        observe(window, 7, status=500)
    observe(window, 8, status=500, new=False)
    assert keys(window, "errors") == (1, 1)
    assert seen(window, "errors") == 50


def test_a_new_segment_begins_with_nothing_and_forgets_no_slice() -> None:
    window = collecting()
    observe(window, 7, status=500)
    window.begin(2)
    assert (keys(window, "errors"), seen(window, "errors")) == ((0, 0), 0)
    observe(window, 7, status=500)
    assert (keys(window, "errors"), seen(window, "errors")) == ((0, 1), 1)
    (numbers,) = window.export().slices.values()
    assert sum(n for text, n in numbers.items() if named(text).what == "errors") == 2


def test_while_nothing_is_collected_requests_are_counted_and_no_key_is() -> None:
    window = Window()
    observe(window, 7, status=500)
    assert seen(window, "errors") == 1
    assert window.export().keys == {}


def test_slow_is_what_is_slower_than_legacys_p95_of_the_last_minute() -> None:
    window = collecting()
    for number in range(100):
        observe(window, number, new=False, seconds=0.1 if number < 96 else 1.0)
    window.tighten(1000.0)
    observe(window, 200, seconds=0.2)
    observe(window, 201, seconds=0.1)
    assert keys(window, "slow") == (0, 1)
    observe(window, 202, seconds=0.2, now=1100.0)
    window.tighten(1100.0)  # nothing of legacy in the last minute: what counted goes on counting
    observe(window, 203, seconds=0.2, now=1100.0)
    assert keys(window, "slow") == (0, 3)


def test_what_is_faster_than_the_floor_is_never_slow() -> None:
    window = collecting(slow_floor=0.05)
    for number in range(100):
        observe(window, number, new=False, seconds=0.001)
    window.tighten(1000.0)
    observe(window, 200, seconds=0.049)
    observe(window, 201, seconds=0.051)
    assert keys(window, "slow") == (0, 1)


def test_before_legacy_has_answered_enough_nothing_is_slow() -> None:
    window = collecting()
    for number in range(49):
        observe(window, number, new=False, seconds=0.001)
    window.tighten(1000.0)
    observe(window, 100, seconds=9.0)
    assert keys(window, "slow") == (0, 0)


def test_a_failed_request_is_no_slow_one() -> None:
    window = collecting()
    for number in range(100):
        observe(window, number, new=False, seconds=0.01)
    window.tighten(1000.0)
    observe(window, 200, kind=Kind.TIMEOUT, seconds=30.0)
    assert seen(window, "slow") == 0


def test_routes_and_cohorts_are_told_apart_where_that_is_asked() -> None:
    window = collecting(by_route=True, cohort="tenant")
    observe(window, 1, status=500, route="orders", cohort="a")
    observe(window, 1, status=500, route="search", cohort="a")
    observe(window, 2, status=500, route="orders", cohort=NO_COHORT)
    assert keys(window, "errors", "orders", "a") == (0, 1)
    assert keys(window, "errors", "search", "a") == (0, 1)
    assert keys(window, "errors") == (0, 2)  # of everybody: the key in two cells is one


def test_each_route_has_its_own_idea_of_slow() -> None:
    window = collecting(by_route=True)
    for number in range(60):
        observe(window, number, new=False, route="fast", seconds=0.01)
        observe(window, number, new=False, route="slow", seconds=1.0)
    window.tighten(1000.0)
    observe(window, 100, route="fast", seconds=0.5)
    observe(window, 101, route="slow", seconds=0.5)
    assert keys(window, "slow", "fast") == (0, 1)
    assert keys(window, "slow", "slow") == (0, 0)


def test_further_cohorts_than_are_looked_at_are_counted_together() -> None:
    window = collecting(cohort="tenant")
    for number in range(CELLS_MOST + 20):
        observe(window, number, status=500, cohort=f"t{number}")
    assert keys(window, "errors", cohort=OTHERS) == (0, 20)
    assert keys(window, "errors") == (0, CELLS_MOST + 20)
    assert len({named(text).cohort for text in window.export().counts}) == CELLS_MOST + 1


def test_a_full_set_of_keys_takes_no_more_of_either_arm() -> None:
    window = collecting()
    for tag in range(KEYS_MOST + 5):
        observe(window, tag, status=500, new=False)
    observe(window, KEYS_MOST + 10, status=500, new=True)
    assert keys(window, "errors") == (KEYS_MOST, 0)


def test_slices_are_bounded_and_old_ones_go() -> None:
    window = collecting()
    for number in range(SLICES_KEPT + 10):
        observe(window, now=10.0 * number)
    assert len(window.export().slices) == SLICES_KEPT
    assert seen(window, "requests") == SLICES_KEPT + 10
    assert set(window.export(since=95).slices) == {95, 96, 97, 98, 99}


@settings(max_examples=50)
@given(
    st.lists(
        st.tuples(
            st.integers(0, 9),
            st.booleans(),
            st.sampled_from([200, 404, 500]),
            st.sampled_from(["a", "b"]),
            st.integers(0, 300),
        )
    )
)
def test_cells_and_slices_add_up_to_all(events: list[tuple[int, bool, int, str, int]]) -> None:
    window = collecting(by_route=True)
    now = 0.0
    expected: Counter[tuple[Arm, str]] = Counter()
    failed: set[tuple[int, bool]] = set()
    for tag, new, status, route, later in events:
        now += later / 10
        observe(window, tag, new=new, status=status, route=route, now=now)
        arm = Arm.NEW if new else Arm.LEGACY
        expected[arm, "requests"] += 1
        if status == 500:
            expected[arm, "errors"] += 1
            failed.add((tag, new))
        elif status == 404:
            expected[arm, "client_errors"] += 1
    export = window.export()
    for arm in Arm:
        for what in ("requests", "errors", "client_errors"):
            assert seen(window, what, arm) == expected[arm, what]
            in_slices = sum(
                n
                for numbers in export.slices.values()
                for text, n in numbers.items()
                if named(text)[2:] == (arm, what)
            )
            assert in_slices == expected[arm, what]
    everybody = keys(window, "errors")
    assert everybody == tuple(sum(new == side for _, new in failed) for side in (False, True))


def test_who_was_assigned_in_another_segment_is_counted_and_no_evidence() -> None:
    window = Window()
    window.begin(1)
    for kind, status in ((Kind.FAILED, 0), (Kind.ANSWERED, 404), (Kind.ANSWERED, 200)):
        window.observe("r", "", True, NO_TAG, kind, status, 0.1, 1000.0)
    found = window.export()
    assert found.counts[name("", "", Arm.NEW, "requests")] == 3
    assert (found.keys, found.sketches) == ({}, {})


@pytest.mark.parametrize("cohort", ["a\x1fb", "\ud800", "x" * 201, "two\nlines"])
def test_cohorts_that_cannot_be_told_are_counted_with_the_others(cohort: str) -> None:
    window = Window(cohort="tenant")
    for _ in range(2):
        window.observe("r", cohort, True, 5, Kind.ANSWERED, 200, 0.1, 1000.0)
    assert window.export().counts == {name("", OTHERS, Arm.NEW, "requests"): 2}
