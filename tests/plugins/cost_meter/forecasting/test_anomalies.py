"""Hours that cost too much, and why."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plugins.cost_meter.forecasting.anomalies import CAUSES, Hours, anomaly_of, divided, hours_of
from plugins.cost_meter.row import Sums, Total
from tests.kit.properties import examples
from tests.plugins.cost_meter.forecasting.spending import HOUR, MONDAY, USD

WEEK = 168 * HOUR
NOW = MONDAY + 6 * WEEK


def hour(requests: int = 100, tokens: int = 1000, price: int = 10_000, **more: int) -> Sums:
    """Requests with so many tokens each, at so many nano-USD a token."""
    every = requests * tokens
    return Sums(
        requests=requests,
        attempts=requests,
        answered=requests,
        nano_usd=every * price,
        input_tokens=every - requests,
        output_tokens=requests,
    )._replace(**more)


def weeks(now: dict[str, Sums], usual: dict[str, Sums], count: int = 6) -> Hours:
    """One hour now, and the same hour of some weeks before."""
    return {NOW: now, **{NOW - WEEK * number: usual for number in range(1, count + 1)}}


def why(now: dict[str, Sums], usual: dict[str, Sums]) -> dict[str, int]:
    """By which cause the hour costs more."""
    found = anomaly_of(weeks(now, usual), NOW, 6.0, USD // 10)
    assert found is not None
    assert sum(found.why.values()) == found.nano_usd - found.usual
    return dict(found.why)


USUAL = {"mini": hour()}


@pytest.mark.parametrize(
    ("cause", "now"),
    [
        ("volume", {"mini": hour(requests=500)}),
        ("tokens", {"mini": hour(tokens=5000)}),
        ("price", {"mini": hour(price=50_000)}),
    ],
    ids=["volume", "tokens", "price"],
)
def test_one_cause_alone_is_the_whole_of_it(cause: str, now: dict[str, Sums]) -> None:
    assert why(now, USUAL) == {one: 4 * USD if one == cause else 0 for one in CAUSES}


def test_a_dearer_model_in_place_of_another_is_a_matter_of_the_mix() -> None:
    found = why({"large": hour(price=90_000)}, USUAL)
    assert found == {"volume": 0, "mix": 8 * USD, "tokens": 0, "price": 0}


def test_two_causes_share_what_they_make_together() -> None:
    found = why({"mini": hour(requests=300, tokens=3000)}, USUAL)
    assert found["volume"] == found["tokens"] == 4 * USD


def test_an_hour_as_usual_a_cheap_one_and_one_without_past_are_well() -> None:
    assert anomaly_of(weeks(USUAL, USUAL), NOW, 6.0, USD // 10) is None
    dear = {"mini": hour(requests=500)}
    assert anomaly_of(weeks(dear, USUAL), NOW, 6.0, 5 * USD) is None
    assert anomaly_of(weeks(dear, USUAL, count=0), NOW, 6.0, USD // 10) is None


def test_without_three_weeks_the_days_before_say_what_is_usual() -> None:
    days = {NOW - 24 * HOUR * number: USUAL for number in range(1, 6)}
    found = anomaly_of({NOW: {"mini": hour(requests=500)}, **days}, NOW, 6.0, USD // 10)
    assert found is not None
    assert found.usual == USD


def test_a_correction_is_no_anomaly() -> None:
    corrected = {"mini": hour(nano_usd=9 * USD, adjusted_nano_usd=8 * USD)}
    assert anomaly_of(weeks(corrected, USUAL), NOW, 6.0, USD // 10) is None


def test_one_odd_week_does_not_hide_the_next() -> None:
    hours = {**weeks({"mini": hour(requests=500)}, USUAL), NOW - WEEK: {"mini": hour(900)}}
    assert anomaly_of(hours, NOW, 6.0, USD // 10) is not None


def test_what_is_usual_is_less_than_what_is_odd_whatever_was_odd_before() -> None:
    hours = {**weeks({"mini": hour(requests=500)}, USUAL), NOW - WEEK: {"mini": hour(90_000)}}
    found = anomaly_of(hours, NOW, 6.0, USD // 10)
    assert found is not None
    assert found.usual == USD


def going_on(*requests: int, before: int = 5) -> Hours:
    """Some hours one after the other, the last one now, after days of an hour as usual each."""
    first = NOW - HOUR * (len(requests) - 1)
    calm = {first - HOUR * number: USUAL for number in range(1, before * 24 + 1)}
    odd = {first + HOUR * number: {"mini": hour(one)} for number, one in enumerate(requests)}
    return {**calm, **odd}


@pytest.mark.parametrize(
    ("requests", "hours"),
    [((500,), 0), ((500, 500), 1), ((500, 100, 500), 2), ((500, *[100] * 6, 500), 0)],
    ids=["one", "two", "a-gap", "long-ago"],
)
def test_odd_hours_one_after_the_other_are_one_matter(
    requests: tuple[int, ...], hours: int
) -> None:
    found = anomaly_of(going_on(*requests), NOW, 6.0, USD // 10)
    assert found is not None
    assert found.since == NOW - HOUR * hours


def test_it_is_as_bad_as_its_worst_hour_until_now() -> None:
    grades = []
    for until in range(1, 5):
        found = anomaly_of(going_on(*(500, 3_000, 500, 20_000)[:until]), NOW, 6.0, USD // 10)
        assert found is not None
        grades.append(found.grade)
    assert grades[0] < grades[1] == grades[2] < grades[3]


def test_totals_of_routes_are_put_together_by_model() -> None:
    totals = [
        Total(NOW, {"route": route, "model": "mini"}, hour(requests))
        for route, requests in (("a", 3), ("b", 4))
    ]
    found = hours_of(totals)
    assert found[NOW]["mini"].requests == 7


CELLS = st.builds(
    Sums,
    requests=st.integers(0, 50),
    nano_usd=st.integers(0, 10**12),
    input_tokens=st.integers(0, 10**6),
    output_tokens=st.integers(0, 10**6),
)
HOURS = st.dictionaries(st.sampled_from("abc"), CELLS, max_size=3)


@given(HOURS, st.lists(HOURS, min_size=1, max_size=5), st.integers(1, 10**13))
@examples(100)
def test_the_parts_are_all_of_it_whatever_was_asked(
    now: dict[str, Sums], past: list[dict[str, Sums]], odd: int
) -> None:
    hours = {NOW: {**now, "odd": Sums(nano_usd=odd)}}
    hours |= {NOW - WEEK * number: one for number, one in enumerate(past, 1)}
    found = anomaly_of(hours, NOW, 0.0, 0)
    if found is not None:
        assert sum(found.why.values()) == found.nano_usd - found.usual
        assert set(found.why) == set(CAUSES)


def test_nothing_against_nothing_is_nothing() -> None:
    assert divided({}, {}, 0) == (0, dict.fromkeys(CAUSES, 0))
