"""Periods follow one another without a gap, in whatever time zone; what rolls looks back enough."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plugins.cost_meter.budgets.declaring import Every
from plugins.cost_meter.budgets.periods import Periodic, Rolling, opens_in, spans
from tests.kit.properties import examples

ZONES = (
    "UTC",
    "Europe/Berlin",
    "America/Havana",
    "Asia/Kolkata",
    "Australia/Lord_Howe",
    "Pacific/Apia",
    "Africa/Cairo",
    "America/Sao_Paulo",
)
MOMENTS = st.floats(1_200_000_000, 2_000_000_000)
LENGTHS = st.one_of(
    st.integers(60, 1440).map(lambda minutes: minutes * 60.0),
    st.integers(25, 1440).map(lambda hours: hours * 3600.0),
)


def at(text: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


@examples(300)
@given(st.sampled_from(["hour", "day", "month"]), st.sampled_from(ZONES), MOMENTS)
def test_periods_follow_one_another_without_a_gap(every: Every, zone: str, now: float) -> None:
    calendar = Periodic(every, zone)
    window = calendar.at(now)
    assert window.since <= now < window.until
    assert calendar.at(window.since) == calendar.at(window.until - 0.001) == window
    following = calendar.at(window.until)
    assert following.since == window.until
    assert following.name != window.name


@pytest.mark.parametrize(
    ("every", "zone", "now", "since", "until"),
    [
        ("day", "Europe/Berlin", "2026-03-29T12:00", "2026-03-28T23:00", "2026-03-29T22:00"),
        ("day", "Europe/Berlin", "2026-10-25T12:00", "2026-10-24T22:00", "2026-10-25T23:00"),
        ("day", "Asia/Kolkata", "2026-05-05T20:00", "2026-05-05T18:30", "2026-05-06T18:30"),
        ("month", "UTC", "2028-02-29T23:59", "2028-02-01T00:00", "2028-03-01T00:00"),
        ("month", "America/New_York", "2026-12-31T23:00", "2026-12-01T05:00", "2027-01-01T05:00"),
        ("hour", "Asia/Kolkata", "2026-05-05T20:10", "2026-05-05T20:00", "2026-05-05T21:00"),
    ],
)
def test_days_begin_at_local_midnight_however_long_they_are(
    every: Every, zone: str, now: str, since: str, until: str
) -> None:
    window = Periodic(every, zone).at(at(now))
    assert (window.since, window.until) == (at(since), at(until))


@examples(300)
@given(LENGTHS, MOMENTS)
def test_what_rolls_looks_back_its_length_and_less_than_two_slices_more(
    seconds: float, now: float
) -> None:
    rolling = Rolling(seconds)
    window = rolling.at(now)
    looked_back = now - window.since
    assert seconds <= looked_back < seconds + 2 * rolling.length
    assert rolling.slice_of(now, window) == window.slice
    assert rolling.slice_of(window.since, window) == window.first
    assert rolling.slice_of(window.since - 1, window) is None
    assert window.slices <= 25


@examples(200)
@given(LENGTHS, MOMENTS, st.lists(st.integers(0, 9), min_size=25, max_size=25), st.integers(1, 99))
def test_when_it_opens_enough_has_left_and_not_before(
    seconds: float, now: float, amounts: list[int], too_much: int
) -> None:
    rolling = Rolling(seconds)
    window = rolling.at(now)
    spent = {window.first + place: amounts[place] for place in range(window.slices)}
    too_much = min(too_much, sum(spent.values()))
    if too_much:
        opens = now + opens_in(window, spent, too_much, now)

        def left(moment: float) -> int:
            first = rolling.at(moment).first
            return sum(amount for place, amount in spent.items() if place < first)

        assert left(opens + 0.01) >= too_much
        assert left(opens - 1) < too_much


def test_of_the_calendar_all_opens_at_the_end() -> None:
    now = at("2026-05-05T20:00")
    window = Periodic("day", "UTC").at(now)
    assert opens_in(window, {0: 100}, 1, now) == 4 * 3600


@examples(200)
@given(st.integers(20_000_000, 30_000_000), st.integers(1, 100_000))
def test_a_time_is_made_of_whole_hours_and_the_minutes_at_its_ends(begin: int, more: int) -> None:
    since, until = begin * 60.0, (begin + more) * 60.0
    parts = spans(since, until)
    assert [part.since for part in parts] == [since, *(part.until for part in parts[:-1])]
    assert parts[-1].until == until
    for part in parts:
        assert part.grain == "minute" or part.since % 3600 == part.until % 3600 == 0
        assert part.grain == "hour" or part.until - part.since < 2 * 3600
