"""When a breaker opens, for how long, and how it closes again."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.core.breaker import WINDOW, Breaker, BreakerRules, Permit, State
from tests.kit.properties import examples

RULES = BreakerRules()


def permit_of(breaker: Breaker, now: float) -> Permit:
    permit = breaker.permit(now)
    assert permit is not None
    return permit


def succeed(breaker: Breaker, now: float, times: int = 1, *, slow: bool = False) -> None:
    for _ in range(times):
        breaker.succeeded(permit_of(breaker, now), now, 0.5, slow=slow)


def fail(breaker: Breaker, now: float, times: int = 1, *, connect: bool = False) -> None:
    for _ in range(times):
        breaker.failed(permit_of(breaker, now), now, 0.5, connect=connect)


def opened(now: float = 0.0, rules: BreakerRules = RULES) -> Breaker:
    breaker = Breaker(rules)
    fail(breaker, now, rules.min_calls)
    assert breaker.state(now) is State.OPEN
    return breaker


def half_open(now: float = 15.0) -> Breaker:
    breaker = opened()
    assert breaker.state(now) is State.HALF_OPEN
    return breaker


def test_half_of_the_calls_failing_open_it_when_there_were_enough() -> None:
    breaker = Breaker(RULES)
    succeed(breaker, 0.0, 4)
    fail(breaker, 0.0, 5)
    assert breaker.state(0.0) is State.CLOSED, "nine calls are too few"
    succeed(breaker, 0.0)
    assert breaker.state(0.0) is State.OPEN, "the tenth makes it five of ten"
    assert breaker.why(1.0) == "open for 14.0 s more: 5 of 10 calls failed within 30 s"
    assert breaker.permit(1.0) is None


def test_less_than_half_failing_leaves_it_closed() -> None:
    breaker = Breaker(RULES)
    for _ in range(50):
        succeed(breaker, 0.0, 11)
        fail(breaker, 0.0, 9)
    assert breaker.state(0.0) is State.CLOSED


def test_failures_longer_ago_than_the_window_do_not_count() -> None:
    breaker = Breaker(RULES)
    fail(breaker, 0.0, 9)
    fail(breaker, float(WINDOW))
    assert repr(breaker) == (
        "<Breaker [closed, generation 1, 1 calls, 1 failed, 0 slow, 0 slots taken]>"
    )


def test_four_of_five_calls_slow_open_it_though_they_succeed() -> None:
    breaker = Breaker(RULES)
    succeed(breaker, 0.0, 2)
    succeed(breaker, 0.0, 7, slow=True)
    assert breaker.state(0.0) is State.CLOSED
    succeed(breaker, 0.0, slow=True)
    assert breaker.state(0.0) is State.OPEN
    assert "8 of 10 calls were slow" in breaker.why(0.0)


def test_a_slow_failure_counts_as_both() -> None:
    breaker = Breaker(RULES)
    breaker.failed(permit_of(breaker, 0.0), 0.0, 0.5, slow=True)
    assert "1 calls, 1 failed, 1 slow" in repr(breaker)


def test_five_connections_failing_in_a_row_open_it_without_the_least_number_of_calls() -> None:
    breaker = Breaker(RULES)
    fail(breaker, 0.0, 4, connect=True)
    fail(breaker, 100.0, connect=True)
    assert breaker.why(100.0) == "open for 15.0 s more: 5 connections in a row failed"


def test_ten_failures_in_a_row_open_it_however_well_it_was_before() -> None:
    breaker = Breaker(RULES)
    for _ in range(1000):
        succeed(breaker, 0.0)
    fail(breaker, 1.0, 9)
    succeed(breaker, 1.0)
    fail(breaker, 2.0, 9)
    assert breaker.state(2.0) is State.CLOSED
    fail(breaker, 2.0)
    assert breaker.why(2.0) == (
        "open for 15.0 s more: 10 calls in a row failed, of 1020 within 30 s"
    )


@pytest.mark.parametrize("between", ["a success", "another failure"])
def test_whatever_comes_through_in_between_begins_the_row_anew(between: str) -> None:
    breaker = Breaker(RULES)
    for _ in range(2):
        fail(breaker, 0.0, 4, connect=True)
        if between == "a success":
            succeed(breaker, 40.0)
        else:
            fail(breaker, 40.0)
    assert breaker.state(40.0) is State.CLOSED


def test_it_is_open_twice_as_long_each_time_up_to_a_most() -> None:
    breaker = opened()
    lengths = [breaker.reopens_at]
    for _ in range(7):
        now = breaker.reopens_at
        fail(breaker, now)
        lengths.append(round(breaker.reopens_at - now, 6))
    assert lengths[:5] == [15.0, 30.0, 60.0, 120.0, 240.0]
    assert set(lengths[5:]) == {round(300 / 1.1, 6)}


def test_each_window_spent_closed_halves_the_next_opening() -> None:
    for windows, lasts in ((0, 120.0), (1, 60.0), (2, 30.0), (3, 15.0), (100, 15.0)):
        breaker = opened()
        for _ in range(2):
            fail(breaker, breaker.reopens_at)
        now = breaker.reopens_at
        succeed(breaker, now, 3)
        again = now + windows * WINDOW
        fail(breaker, again, 10)
        assert breaker.reopens_at - again == pytest.approx(lasts)


@examples(100)
@given(
    st.lists(st.floats(0, 1, exclude_max=True), min_size=1, max_size=30),
    st.floats(0.01, 100),
    st.floats(0.01, 1000),
)
def test_no_opening_lasts_longer_than_the_most_nor_strays_more_than_a_tenth(
    randoms: list[float], first: float, most: float
) -> None:
    breaker = Breaker(BreakerRules(min_calls=1, open=first, open_most=most))
    now = 0.0
    for number, random in enumerate(randoms):
        breaker.failed(permit_of(breaker, now), now, random)
        lasts = breaker.reopens_at - now
        nominal = min(first * 2**number, most / 1.1)
        assert nominal * 0.9 - 1e-6 <= lasts <= min(nominal * 1.1, most) + 1e-6
        now = breaker.reopens_at


def test_half_open_it_takes_three_calls_at_a_time_and_three_successes_close_it() -> None:
    breaker = half_open()
    probes = [permit_of(breaker, 15.0) for _ in range(3)]
    assert all(probe.probe for probe in probes)
    assert breaker.permit(15.0) is None
    breaker.succeeded(probes[0], 16.0, 0.5)
    assert breaker.why(16.0) == (
        "half open: 1 of 3 probes succeeded, 2 under way; before: 10 of 10 calls failed within 30 s"
    )
    probes.append(permit_of(breaker, 16.0))
    assert breaker.permit(16.0) is None
    for probe in probes[1:3]:
        assert breaker.state(16.0) is State.HALF_OPEN
        breaker.succeeded(probe, 16.0, 0.5)
    assert breaker.state(16.0) is State.CLOSED
    assert breaker.why(16.0) == ""
    assert not permit_of(breaker, 16.0).probe


def test_one_probe_that_fails_opens_it_again_whatever_the_others_come_to() -> None:
    breaker = half_open()
    probes = [permit_of(breaker, 15.0) for _ in range(3)]
    breaker.succeeded(probes[0], 16.0, 0.5)
    breaker.failed(probes[1], 16.0, 0.5)
    before = repr(breaker)
    breaker.succeeded(probes[2], 17.0, 0.5)
    assert repr(breaker) == before
    assert breaker.why(16.0) == "open for 30.0 s more: a probe failed"


def test_probes_that_succeed_as_slowly_as_before_do_not_close_it() -> None:
    breaker = half_open()
    succeed(breaker, 15.0, 3, slow=True)
    assert breaker.why(15.0) == "open for 30.0 s more: 3 of 3 probes were slow"


def test_slow_probes_among_fast_ones_close_it() -> None:
    breaker = half_open()
    succeed(breaker, 15.0, 2, slow=True)
    succeed(breaker, 15.0)
    assert breaker.state(15.0) is State.CLOSED


def test_a_cancelled_probe_gives_its_place_back_without_a_verdict() -> None:
    breaker = half_open()
    for _ in range(10):
        breaker.ignored(permit_of(breaker, 15.0))
    assert breaker.state(15.0) is State.HALF_OPEN
    assert "0 slots taken" in repr(breaker)


def test_a_probe_that_never_ends_loses_its_place_and_its_say() -> None:
    breaker = half_open()
    lost = [permit_of(breaker, 15.0) for _ in range(3)]
    assert breaker.permit(74.9) is None
    assert breaker.permit(75.0) is not None
    breaker.failed(lost[0], 75.0, 0.5)
    assert breaker.state(75.0) is State.HALF_OPEN


def test_what_was_sent_before_it_opened_says_nothing_about_the_time_after() -> None:
    breaker = Breaker(RULES)
    old = [permit_of(breaker, 0.0) for _ in range(20)]
    fail(breaker, 0.0, 10)
    succeed(breaker, 15.0, 3)
    before = repr(breaker)
    for permit in old[:10]:
        breaker.failed(permit, 15.0, 0.5)
        breaker.succeeded(permit, 15.0, 0.5)
    assert repr(breaker) == before


def test_a_wait_that_was_asked_for_gets_no_shorter() -> None:
    breaker = Breaker(RULES)
    breaker.throttle(60.0)
    breaker.throttle(20.0)
    assert breaker.throttled(59.9)
    assert breaker.permit(59.9) is None
    assert breaker.why(50.0) == "throttled for 10.0 s more: it asked to be left alone"
    assert breaker.permit(60.0) is not None
    assert breaker.state(60.0) is State.CLOSED, "to be asked to wait is no failure"


@pytest.mark.parametrize("mode", [State.CLOSED, State.FORCED_CLOSED, State.METRICS_ONLY])
def test_a_wait_that_was_asked_for_is_kept_in_each_mode(mode: State) -> None:
    breaker = Breaker(RULES)
    breaker.force(mode, 0.0)
    breaker.throttle(5.0)
    assert not breaker.free(4.0)
    assert breaker.free(5.0)


def test_under_suspicion_half_as_many_calls_are_enough() -> None:
    breaker = Breaker(BreakerRules(min_calls=5))
    breaker.suspect(10.0)
    breaker.suspect(5.0)
    fail(breaker, 9.0, 2)
    assert breaker.state(9.0) is State.CLOSED
    fail(breaker, 9.0)
    assert breaker.state(9.0) is State.OPEN


def test_a_suspicion_ends() -> None:
    breaker = Breaker(BreakerRules(min_calls=5))
    breaker.suspect(10.0)
    fail(breaker, 10.0, 4)
    assert breaker.state(10.0) is State.CLOSED


def test_metrics_only_permits_everything_and_counts_what_it_would_have_done() -> None:
    breaker = Breaker(RULES, State.METRICS_ONLY)
    fail(breaker, 0.0, 100)
    assert breaker.openings == 1, "the other ninety would not have been sent"
    fail(breaker, 15.0, 10)
    assert breaker.openings == 2
    fail(breaker, 44.0, 10)
    assert breaker.openings == 2, "the second time it would have been open for 30 s"
    assert breaker.state(44.0) is State.METRICS_ONLY
    assert breaker.why(44.0) == ""


def test_forced_open_it_stays_so_until_somebody_releases_it() -> None:
    breaker = Breaker(RULES)
    breaker.force(State.FORCED_OPEN, 0.0, why="the key was revoked")
    assert breaker.permit(1e9) is None
    assert breaker.reopens_at == float("inf")
    assert breaker.why(1e9) == "forced open: the key was revoked"
    breaker.force(State.CLOSED, 1e9)
    assert breaker.permit(1e9) is not None


def test_a_forced_opening_that_has_an_end_is_followed_by_probes() -> None:
    breaker = Breaker(RULES)
    breaker.force(State.FORCED_OPEN, 0.0, until=300.0)
    assert breaker.why(290.0) == "forced open for 10.0 s more: somebody said so"
    assert breaker.permit(299.9) is None
    assert permit_of(breaker, 300.0).probe


def test_watching_goes_on_after_a_forced_opening() -> None:
    breaker = Breaker(RULES, State.METRICS_ONLY)
    breaker.force(State.FORCED_OPEN, 0.0, until=300.0)
    assert breaker.permit(1.0) is None
    assert breaker.state(300.0) is State.METRICS_ONLY


@pytest.mark.parametrize(
    ("first", "second", "ends"),
    [(300.0, 20.0, 300.0), (20.0, 300.0, 300.0), (None, 20.0, None), (20.0, None, None)],
)
def test_another_forced_opening_does_not_make_the_first_one_shorter(
    first: float | None, second: float | None, ends: float | None
) -> None:
    breaker = Breaker(RULES)
    breaker.force(State.FORCED_OPEN, 0.0, until=first)
    breaker.force(State.FORCED_OPEN, 1.0, until=second)
    assert breaker.reopens_at == (float("inf") if ends is None else ends)


def test_forced_closed_it_permits_everything_and_learns_nothing() -> None:
    breaker = Breaker(RULES)
    breaker.force(State.FORCED_CLOSED, 0.0)
    fail(breaker, 0.0, 100)
    assert breaker.state(0.0) is State.FORCED_CLOSED
    assert breaker.openings == 0
    breaker.force(State.CLOSED, 1.0)
    assert "0 calls" in repr(breaker)


def test_released_it_begins_afresh() -> None:
    breaker = opened()
    fail(breaker, breaker.reopens_at)
    breaker.force(State.CLOSED, 16.0)
    fail(breaker, 16.0, 10)
    assert breaker.reopens_at == 31.0, "as long as the first time"


@pytest.mark.parametrize("mode", [State.OPEN, State.HALF_OPEN])
def test_what_it_finds_out_by_itself_nobody_can_tell_it(mode: State) -> None:
    with pytest.raises(ValueError, match=f"cannot be forced to be {mode}, only forced_open"):
        Breaker(RULES).force(mode, 0.0)


def test_it_begins_closed_or_watching() -> None:
    with pytest.raises(ValueError, match="begins closed or in metrics_only, and not open"):
        Breaker(RULES, State.OPEN)


@pytest.mark.parametrize("name", ["min_calls", "probes", "open", "failure_rate", "slow_rate"])
def test_rules_that_make_no_sense_are_refused(name: str) -> None:
    with pytest.raises(ValueError, match=f"{name} is 0"):
        BreakerRules(**{name: 0})


def test_a_share_of_more_than_all_is_refused() -> None:
    with pytest.raises(ValueError, match=r"failure_rate is 1\.5; a share is in"):
        BreakerRules(failure_rate=1.5)


def test_a_call_though_it_is_open_changes_nothing() -> None:
    breaker = opened()
    permit = breaker.permit_though_open(1.0, alone=True)
    assert permit is not None
    assert breaker.permit_though_open(1.0, alone=True) is None
    assert breaker.permit_though_open(1.0, alone=False) is not None
    breaker.succeeded(permit, 2.0, 0.5)
    assert breaker.state(2.0) is State.OPEN
    assert breaker.permit_though_open(2.0, alone=True) is not None, "the place is free again"


@pytest.mark.parametrize("state", [State.CLOSED, State.FORCED_OPEN])
def test_only_one_that_is_open_by_itself_is_passed_over(state: State) -> None:
    breaker = Breaker(RULES)
    breaker.force(state, 0.0)
    assert breaker.permit_though_open(1.0, alone=False) is None
    throttled = opened()
    throttled.throttle(10.0)
    assert throttled.permit_though_open(1.0, alone=True) is None
