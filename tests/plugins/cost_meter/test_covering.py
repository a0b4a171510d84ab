"""Which buckets a time is made of: none twice, none missing, the coarsest that fit."""

from datetime import UTC, datetime
from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from plugins.cost_meter.covering import Calendar, Kept, Piece, Span, pieces_of
from plugins.cost_meter.row import Grain
from tests.kit.properties import examples

KEPT = Kept(48 * 3600.0, 90 * 86400.0)
LENGTH: dict[Grain, float] = {"minute": 60, "hour": 3600, "day": 86400}
NOW = datetime(2026, 11, 23, 18, 22, 10, tzinfo=UTC).timestamp()
ZONES = ("UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata", "Pacific/Apia")


def at(text: str) -> float:
    return datetime.fromisoformat(f"{text}+00:00").timestamp()


spans = st.builds(
    lambda until, length: Span(until - length, until),
    st.floats(NOW - 200 * 86400, NOW + 3 * 86400),
    st.floats(0.001, 95 * 86400),
)


@given(spans)
@example(Span(NOW - 60, NOW))
@example(Span(NOW + 10, NOW + 20))
@examples(200)
def test_buckets_cover_the_time_once_and_go_beyond_it_by_less_than_one(span: Span) -> None:
    pieces = pieces_of((span,), NOW, KEPT)
    if span.since > NOW:
        assert pieces == ()
        return
    assert pieces[0].since <= span.since < pieces[0].since + LENGTH[pieces[0].grain]
    assert all(one.until == two.since for one, two in pairwise(pieces))
    last = pieces[-1]
    assert last.until >= min(span.until, NOW)
    furthest = span.until + LENGTH[last.grain] if span.until < NOW else at("2026-11-24") + 1
    assert last.until < furthest
    for piece in pieces:
        assert piece.since % LENGTH[piece.grain] == 0
        assert (piece.until - piece.since) % LENGTH[piece.grain] == 0
    assert len(pieces) <= 7


@given(spans)
@examples(150)
def test_no_bucket_is_asked_for_that_is_not_kept(span: Span) -> None:
    oldest = {"minute": NOW - KEPT.minutes, "hour": NOW - KEPT.hours, "day": -1.0}
    assert all(piece.since >= oldest[piece.grain] for piece in pieces_of((span,), NOW, KEPT))


def test_a_whole_day_is_one_bucket_and_the_present_one_is_as_well() -> None:
    whole = Span(at("2026-11-20"), at("2026-11-21"))
    assert pieces_of((whole,), NOW, KEPT) == (Piece("day", *whole),)
    today = Span(at("2026-11-23"), NOW)
    assert pieces_of((today,), NOW, KEPT) == (Piece("day", at("2026-11-23"), at("2026-11-24")),)


def test_the_ends_of_a_time_are_made_of_finer_buckets() -> None:
    span = Span(at("2026-11-22T22:30"), at("2026-11-23T01:01"))
    assert [piece.grain for piece in pieces_of((span,), NOW, KEPT)] == ["minute", "hour", "minute"]


@given(st.sampled_from(ZONES), spans)
@examples(150)
def test_days_of_a_zone_follow_one_another_and_no_bucket_is_counted_twice(
    zone: str, span: Span
) -> None:
    calendar = Calendar(zone)
    days = tuple(calendar.days(span))
    assert (days[0].since, days[-1].until) == span
    assert all(one.until == two.since for one, two in pairwise(days))
    pieces = pieces_of(days, NOW, KEPT)
    assert all(one.until <= two.since for one, two in pairwise(pieces))


@given(st.sampled_from(ZONES), st.floats(at("2010-01-01"), at("2040-01-01")))
@examples(200)
def test_a_time_is_within_its_hour_day_week_and_month(zone: str, moment: float) -> None:
    calendar = Calendar(zone)
    for span in (calendar.day(moment), calendar.week(moment), calendar.month(moment)):
        assert span.since <= moment < span.until
        assert calendar.hour_of_day(span.since) in (0, 1)  # 1 where clocks are put on at midnight
    assert calendar.hour(moment).since <= moment < calendar.hour(moment).until
    assert calendar.date(calendar.day(moment).since) == calendar.date(moment)


@pytest.mark.parametrize(("day", "hours"), [("2026-03-29", 23), ("2026-10-25", 25)])
def test_days_on_which_clocks_are_changed_are_shorter_and_longer(day: str, hours: int) -> None:
    span = Calendar("Europe/Berlin").day(at(f"{day}T12:00"))
    assert span.until - span.since == hours * 3600


def test_hours_are_not_joined_to_days_where_hours_are_wanted() -> None:
    span = Span(at("2026-11-01"), at("2026-11-03"))
    assert pieces_of((span,), NOW, KEPT, coarsest="hour") == (Piece("hour", *span),)
    old = Span(at("2026-05-01"), at("2026-05-02"))
    assert pieces_of((old,), NOW, KEPT, coarsest="hour") == (Piece("day", *old),)
