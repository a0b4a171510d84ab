"""How long a retry waits, and what answers say about it."""

from datetime import UTC, datetime
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.core.retrying import LONGEST_WAIT, backoff, retry_after, should_retry
from tests.kit.properties import examples

NOW = 784111767.0
"""Sun, 06 Nov 1994 08:49:27 GMT."""

SAID = {
    # RFC 9110, 10.2.3: seconds; and with decimals, as providers send them
    "0": 0.0,
    "120": 120.0,
    "1.5": 1.5,
    ".25": 0.25,
    "7.": 7.0,
    " 7 ": 7.0,
    # RFC 9110, 5.6.7: the three forms of its examples, ten seconds from now
    "Sun, 06 Nov 1994 08:49:37 GMT": 10.0,
    "Sunday, 06-Nov-94 08:49:37 GMT": 10.0,
    "Sun Nov  6 08:49:37 1994": 10.0,
    # a leap second, and this very second
    "Sun, 06 Nov 1994 08:49:60 GMT": 33.0,
    "Sun, 06 Nov 1994 08:49:27 GMT": 0.0,
    # two digits of a year mean at most fifty years ahead
    "Sunday, 06-Nov-44 08:49:37 GMT": LONGEST_WAIT,
    "Sunday, 06-Nov-45 08:49:37 GMT": None,
    # bounded
    "86400": LONGEST_WAIT,
    "999999999999999": LONGEST_WAIT,
    "Sun, 06 Nov 9999 08:49:37 GMT": LONGEST_WAIT,
    # the past, and nonsense
    "Sun, 06 Nov 1994 08:49:26 GMT": None,
    "-1": None,
    "": None,
    "soon": None,
    "nan": None,
    "inf": None,
    "1e3": None,
    "1_000": None,
    "٣": None,
    "1" * 16: None,
    "0" * 65: None,
    "Sun, 31 Feb 1995 08:49:37 GMT": None,
    "Sun, 06 Nov 1994 25:49:37 GMT": None,
    "Sun, 06 Nov 0000 08:49:37 GMT": None,
    "Fri, 31 Dec 9999 23:59:60 GMT": None,
    "Sun, 06 Nov 1994 08:49:37 CET": None,
    "Sun, 06 Nov 1994 08:49:37 GMT" + " " * 64 + "x": None,
}


@pytest.mark.parametrize("said", SAID, ids=lambda said: said[:40] or "nothing")
def test_retry_after_is_a_number_of_seconds_or_a_date(said: str) -> None:
    assert retry_after({"retry-after": said}, NOW) == SAID[said]


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after-ms": "1500"}, 1.5),
        ({"retry-after-ms": "0.5", "retry-after": "60"}, 0.0005),
        ({"retry-after-ms": "86400000"}, LONGEST_WAIT),
        ({"retry-after-ms": "-5", "retry-after": "60"}, 60.0),
        ({"retry-after-ms": "Sun, 06 Nov 1994 08:49:37 GMT"}, None),
        ({}, None),
    ],
    ids=str,
)
def test_milliseconds_count_before_seconds(headers: dict[str, str], seconds: float | None) -> None:
    assert retry_after(headers, NOW) == seconds


@examples(300)
@given(st.integers(0, 3600), st.floats(0, 4e9))
def test_each_date_within_the_bound_is_read_back_as_it_was_written(ahead: int, now: float) -> None:
    at = int(now) + ahead
    said = format_datetime(datetime.fromtimestamp(at, UTC), usegmt=True)
    found = retry_after({"retry-after": said}, float(int(now)))
    assert found == pytest.approx(ahead)


@examples(300)
@given(st.text("0123456789.-+eE:, SunNovGMT6", max_size=70))
def test_whatever_is_said_the_wait_is_bounded_and_never_negative(said: str) -> None:
    for headers in ({"retry-after": said}, {"retry-after-ms": said}):
        found = retry_after(headers, NOW)
        assert found is None or 0 <= found <= LONGEST_WAIT


@pytest.mark.parametrize(
    ("said", "means"),
    [("true", True), ("false", False), (" False ", False), ("", None), ("0", None), ("no", None)],
)
def test_only_true_and_false_say_whether_to_retry(said: str, means: bool | None) -> None:
    assert should_retry({"x-should-retry": said}) is means
    assert should_retry({}) is None


@pytest.mark.parametrize(
    ("k", "most"), [(0, 0.25), (1, 0.5), (2, 1.0), (3, 2.0), (4, 4.0), (5, 8.0), (6, 8.0)]
)
def test_the_delay_may_be_twice_as_long_each_time_up_to_a_most(k: int, most: float) -> None:
    assert backoff(k, 0.0) == 0.0
    assert backoff(k, 0.5) == most / 2
    assert backoff(k, 1 - 2**-53) == pytest.approx(most)


@given(st.integers(-5, 10**6), st.floats(0, 1, exclude_max=True))
def test_no_delay_is_negative_or_longer_than_eight_seconds(k: int, random: float) -> None:
    assert 0 <= backoff(k, random) <= 8
