"""What answers say of limits."""

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plugins.rate_limit.headers import retry_after, tell
from proxy.api.limits import NEVER, Standing, WindowStanding
from proxy.api.testing import reply_head
from tests.kit.properties import examples

NOW = 1_750_000_000.0


def window(policy: str = "min", **said: Any) -> WindowStanding:
    given: dict[str, Any] = {
        "rule": policy,
        "limit": 60,
        "seconds": 60.0,
        "remaining": 20,
        "reset": 22.2,
        "wait": 0.0,
        "depends": frozenset(("user",)),
    }
    return WindowStanding(policy, **(given | said))


def standing(*windows: WindowStanding, **said: Any) -> Standing:
    admitted = all(one.wait == 0 for one in windows)
    return Standing(admitted=admitted, windows=windows, **said)


def told(
    stands: Standing,
    styles: Sequence[Any] = ("standard", "legacy", "openai"),
    reset: Any = "delta",
    before: dict[str, str] | None = None,
) -> dict[str, str]:
    head = reply_head(200, before or {})
    tell(head.headers, stands, styles, reset, NOW)
    return {name.lower(): head.headers.get(name) or "" for name in head.headers}


def test_windows_are_one_list_of_strings_with_parameters() -> None:
    hour = window("hour", limit=1000, seconds=3600.0, remaining=399, reset=2402.0)
    said = told(standing(window(), hour), ["standard"])
    assert said == {
        "ratelimit-policy": '"min";q=60;w=60, "hour";q=1000;w=3600',
        "ratelimit": '"min";r=20;t=23, "hour";r=399;t=2402',
    }


def test_another_unit_is_named() -> None:
    tokens = window("tokens", unit="tokens", limit=90_000)
    assert told(standing(tokens), ["standard"])["ratelimit-policy"] == (
        '"tokens";q=90000;qu="tokens";w=60'
    )


def test_what_is_under_way_has_no_window() -> None:
    lease = window("slots", unit="concurrent-requests", limit=3, seconds=0.0)
    assert told(standing(lease), ["standard"])["ratelimit-policy"] == (
        '"slots";q=3;qu="concurrent-requests"'
    )


def test_an_untouched_window_says_no_time() -> None:
    assert told(standing(window(reset=0.0)), ["standard"])["ratelimit"] == '"min";r=20'


def test_a_window_of_less_than_a_second_is_a_second() -> None:
    assert '"min";q=60;w=1' in told(standing(window(seconds=0.2)))["ratelimit-policy"]


def test_the_older_fields_tell_of_the_tightest_window() -> None:
    hour = window("hour", limit=1000, remaining=2, reset=0.1)
    assert told(standing(window(), hour), ["legacy"]) == {
        "x-ratelimit-limit": "1000",
        "x-ratelimit-remaining": "2",
        "x-ratelimit-reset": "1",
    }


@pytest.mark.parametrize(
    ("reset", "said"),
    [("delta", "23"), ("epoch", "1750000023"), ("iso", "2025-06-15T15:07:03.000Z")],
)
def test_the_older_reset_is_written_as_is_wished(reset: str, said: str) -> None:
    assert told(standing(window()), ["legacy"], reset)["x-ratelimit-reset"] == said


@pytest.mark.parametrize(
    ("reset", "said"),
    [(0, "0s"), (0.02, "20ms"), (1.5, "1.5s"), (60, "1m0s"), (360, "6m0s"), (3661, "1h1m1s")],
)
def test_openai_writes_times_as_go_does(reset: float, said: str) -> None:
    assert told(standing(window(reset=reset)))["x-ratelimit-reset-requests"] == said


def test_openai_has_a_tightest_window_of_each_unit() -> None:
    tokens = window("tokens", unit="tokens", remaining=5)
    said = told(standing(window(), window("hour", remaining=3), tokens), ["openai"])
    assert said["x-ratelimit-remaining-requests"] == "3"
    assert said["x-ratelimit-remaining-tokens"] == "5"


def test_what_another_counter_says_stays_if_it_is_tighter() -> None:
    theirs = {"X-RateLimit-Remaining": "3", "X-RateLimit-Limit": "5", "RateLimit": '"up";r=3'}
    said = told(standing(window()), before=theirs)
    assert (said["x-ratelimit-remaining"], said["x-ratelimit-limit"]) == ("3", "5")
    assert said["ratelimit"] == '"up";r=3, "min";r=20;t=23'
    assert told(standing(window(remaining=1)), before=theirs)["x-ratelimit-remaining"] == "1"


def test_a_decision_without_the_store_says_so() -> None:
    assert told(standing(window(), degraded="local"))["x-ratelimit-degraded"] == "local"


def test_nothing_is_said_where_nothing_counts() -> None:
    assert told(standing()) == {}


_SECONDS = st.floats(0, 100_000, allow_nan=False)


@given(st.lists(st.tuples(_SECONDS, _SECONDS), min_size=1, max_size=5))
@examples(200)
def test_retry_after_is_never_too_early(times: list[tuple[float, float]]) -> None:
    windows = [window(wait=wait, reset=reset, remaining=0) for wait, reset in times]
    stands = standing(*windows)
    seconds = retry_after(stands)
    assert seconds is not None
    assert seconds >= max(1, stands.retry_after)
    assert all(seconds >= one.reset for one in windows if one.wait > 0)


def test_what_never_fits_is_not_to_be_tried_again() -> None:
    assert retry_after(standing(window(wait=NEVER), window(wait=3.0))) is None
