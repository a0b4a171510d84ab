"""What a check of limits says, and what follows from it."""

import pytest

from proxy.api.limits import NEVER, Standing, WindowStanding, estimate


def window(**more: object) -> WindowStanding:
    values: dict[str, object] = {
        "policy": "minute",
        "rule": "per-user",
        "limit": 10,
        "seconds": 60.0,
        "remaining": 10,
        "reset": 0.0,
        "wait": 0.0,
        "depends": frozenset({"user"}),
    }
    return WindowStanding(**(values | more))  # type: ignore[arg-type]


def test_a_refusal_names_the_violated_policies_and_waits_for_the_last_of_them() -> None:
    windows = (
        window(policy="minute", remaining=0, reset=5.0, wait=5.0),
        window(policy="hour", remaining=0, reset=70.0, wait=70.0),
        window(policy="day", remaining=3, reset=9.0),
    )
    standing = Standing(admitted=False, windows=windows)
    assert standing.violated == ("minute", "hour")
    assert standing.retry_after == 70.0


def test_what_costs_more_than_the_limit_never_fits() -> None:
    standing = Standing(admitted=False, windows=(window(wait=NEVER), window(wait=3.0)))
    assert standing.retry_after == NEVER


def test_without_rules_there_is_nothing_to_wait_for() -> None:
    standing = Standing(admitted=True, windows=())
    assert (standing.violated, standing.retry_after, standing.tightest) == ((), 0.0, None)
    assert estimate(standing, 1000) == 0.0


def test_the_tightest_window_has_least_left_and_is_longest_closed() -> None:
    short, long = (
        window(policy="s", remaining=0, reset=2.0),
        window(policy="l", remaining=0, reset=9.0),
    )
    assert Standing(True, (window(), short, long)).tightest is long


@pytest.mark.parametrize(
    ("ahead", "seconds"),
    [(0, 0.0), (2, 0.0), (3, 20.0), (12, 20.0), (13, 80.0), (23, 140.0)],
)
def test_the_estimate_lets_the_rest_go_now_and_a_limit_each_time_the_window_passes(
    ahead: int, seconds: float
) -> None:
    standing = Standing(admitted=True, windows=(window(remaining=3, reset=20.0),))
    assert estimate(standing, ahead) == seconds


def test_the_estimate_is_that_of_the_slowest_window() -> None:
    slow = window(limit=1, seconds=3600.0, remaining=0, reset=100.0, wait=100.0)
    assert estimate(Standing(admitted=False, windows=(window(), slow)), 2) == 100.0 + 2 * 3600.0
