"""Gates tell in words what they wait for, and nothing when all is well."""

from datetime import datetime
from fractions import Fraction
from math import comb
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.core.gates import (
    LEAST_KEYS,
    MISMATCH,
    _binomial,
    missing_keys,
    requests_missing,
    sample_ratio_mismatch,
    window_closed,
)
from proxy.core.rollout_state import Gates, Step, TimeWindow
from tests.kit.properties import examples

WORKDAY = ("mon", "tue", "wed", "thu", "fri")
OFFICE = TimeWindow(WORKDAY, 9 * 60, 17 * 60, "Europe/Paris")
NIGHT = TimeWindow(("sat",), 22 * 60, 4 * 60, "Europe/Paris")


@pytest.mark.parametrize(
    ("percentage", "legacy", "new", "said"),
    [
        (5.0, 200, 200, ""),
        (5.0, 5000, 120, "min_requests: 120 of 200 on new"),
        (99.0, 3, 5000, "min_requests: 3 of 200 on legacy"),
        (50.0, 0, 0, "min_requests: 0 of 200 on legacy, 0 of 200 on new"),
        (100.0, 0, 200, ""),
    ],
)
def test_each_arm_needs_its_requests_as_long_as_callers_have_a_choice(
    percentage: float, legacy: int, new: int, said: str
) -> None:
    step = Step(percentage, gates=Gates(min_requests=200))
    assert requests_missing(step, legacy, new) == said


def paris(text: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo("Europe/Paris")).timestamp()


@pytest.mark.parametrize(
    ("window", "at", "opens"),
    [
        (OFFICE, "2026-11-23T09:00", ""),
        (OFFICE, "2026-11-23T16:59:59", ""),
        (OFFICE, "2026-11-23T08:59", "Mon 2026-11-23 09:00"),
        (OFFICE, "2026-11-23T17:00", "Tue 2026-11-24 09:00"),
        (OFFICE, "2026-11-27T18:00", "Mon 2026-11-30 09:00"),
        (NIGHT, "2026-11-28T23:00", ""),
        (NIGHT, "2026-11-29T03:59", ""),
        (NIGHT, "2026-11-29T04:00", "Sat 2026-12-05 22:00"),
        (NIGHT, "2026-11-28T03:00", "Sat 2026-11-28 22:00"),
        # The clocks go back at 03:00: the night is an hour longer, and still ends at four.
        (NIGHT, "2026-10-25T03:59", ""),
        (NIGHT, "2026-10-25T04:00", "Sat 2026-10-31 22:00"),
        (TimeWindow(), "2026-11-29T03:59", ""),
    ],
)
def test_a_window_is_open_at_its_hours_and_else_says_when_it_opens(
    window: TimeWindow, at: str, opens: str
) -> None:
    said = f"window: opens {opens} Europe/Paris" if opens else ""
    assert window_closed(window, paris(at)) == said


@examples(100)
@given(st.floats(0, 4e9))
def test_a_window_of_all_days_and_hours_is_never_closed(now: float) -> None:
    assert window_closed(TimeWindow(zone="America/New_York"), now) == ""


def test_a_window_that_cannot_be_looked_up_or_never_opens_stays_closed() -> None:
    assert "'Mars/Base' is not known" in window_closed(TimeWindow(zone="Mars/Base"), 0.0)
    assert "'../x' is not known" in window_closed(TimeWindow(zone="../x"), 0.0)
    assert window_closed(TimeWindow(days=()), 0.0) == "window: never opens"


@examples(100)
@given(st.integers(1, 60), st.data(), st.sampled_from([0.01, 0.05, 0.3, 0.5, 0.9]))
def test_the_probability_of_a_split_is_the_binomial_one(
    keys: int, data: st.DataObject, share: float
) -> None:
    new = data.draw(st.integers(0, keys))
    above = new >= keys * share
    counts = range(new, keys + 1) if above else range(new + 1)
    exact = sum(comb(keys, k) * share**k * (1 - share) ** (keys - k) for k in counts)
    assert _binomial(keys, new, share) == pytest.approx(min(1.0, 2 * exact), rel=1e-6)


@pytest.mark.parametrize(
    ("legacy", "new", "share", "alarms"),
    [
        (9500, 500, 0.05, False),
        (9430, 570, 0.05, False),
        (9420, 580, 0.05, True),
        (9580, 420, 0.05, True),
        (0, LEAST_KEYS, 0.5, True),
        (0, LEAST_KEYS - 1, 0.5, False),
        (5000, 0, 0.0, False),
        (0, 5000, 1.0, False),
        (950_000, 50_000, 0.05, False),
        (949_000, 51_000, 0.05, True),
    ],
)
def test_a_split_that_is_no_accident_is_told(
    legacy: int, new: int, share: float, alarms: bool
) -> None:
    said = sample_ratio_mismatch(legacy, new, share)
    assert bool(said) is alarms
    if alarms:
        assert f"of {legacy + new} keys are on new" in said
        assert f"{100 * share:g} % should be" in said


def test_an_honest_split_alarms_as_seldom_as_the_threshold_says() -> None:
    keys, share = 2000, 0.05
    chances = [Fraction(comb(keys, new) * 19 ** (keys - new), 20**keys) for new in range(400)]
    alarm = sum(
        float(chance)
        for new, chance in enumerate(chances)
        if sample_ratio_mismatch(keys - new, new, share)
    )
    assert MISMATCH / 10 < alarm <= MISMATCH


def test_estimates_have_to_differ_by_more_than_their_error() -> None:
    assert sample_ratio_mismatch(9_000, 1_050, 0.1, error=0.0) == ""
    assert sample_ratio_mismatch(90_000, 10_500, 0.1, error=0.0) != ""
    assert sample_ratio_mismatch(90_000, 10_500, 0.1, error=0.044) == ""
    assert sample_ratio_mismatch(90_000, 14_000, 0.1, error=0.044) != ""


@pytest.mark.parametrize(
    ("with_key", "without", "alarms"),
    [(95, 5, False), (94, 6, True), (9500, 500, False), (9499, 501, True), (0, 99, False)],
)
def test_more_than_one_in_twenty_without_a_key_is_told(
    with_key: int, without: int, alarms: bool
) -> None:
    said = missing_keys(with_key, without)
    assert bool(said) is alarms
    if alarms:
        assert f"of {with_key + without} requests have no key" in said
