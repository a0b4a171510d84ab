"""Where things are in the table: it follows from what they are, and whole spans are found again."""

from hypothesis import example, given
from hypothesis import strategies as st

from plugins.cost_meter.grains import begins
from plugins.cost_meter.row import DIMENSIONS, GRAINS, Dimension, Grain, Row
from plugins.cost_meter.sharing.keys import (
    EVERYBODY,
    USERS,
    Scope,
    bucket_range,
    row_key,
    shards_between,
    spans_between,
    total_key,
)
from tests.plugins.cost_meter.rowed import NOON, row, rows

TIMES = st.floats(1_700_000_000, 1_800_000_000)
GRAIN = st.sampled_from(GRAINS)
SCOPE = st.sampled_from((EVERYBODY, USERS))
LAST_MOMENT = row(at=1_799_999_999.9999998)
"""Of an hour; to the microsecond it is in the next one."""


def dimensions_of(scope: Scope, row: Row) -> dict[Dimension, str]:
    """By what a row is told apart in a scope."""
    names = DIMENSIONS if scope == USERS else DIMENSIONS[1:]
    return {name: getattr(row, name) for name in names}


def test_a_row_is_in_a_shard_of_its_hour_by_time_and_id() -> None:
    key = row_key(row("wf_1-1", at=NOON + 61.5))
    assert key.pk.startswith("L#2025061512#")
    assert key.sk == "01749988861500#wf_1-1"


@given(rows(TIMES))
@example(LAST_MOMENT)
def test_each_row_is_in_a_partition_that_is_read_for_its_time(one: Row) -> None:
    shards = [shard for hour in shards_between(one.at, one.at + 0.001) for shard in hour]
    assert row_key(one).pk in shards


@given(rows(TIMES), GRAIN, SCOPE, st.floats(0, 400 * 86400.0))
@example(LAST_MOMENT, "minute", EVERYBODY, 1.0)
def test_each_total_is_in_a_span_and_a_range_that_are_read_for_its_time(
    one: Row, grain: Grain, scope: Scope, earlier: float
) -> None:
    at = one.at
    by = dimensions_of(scope, one)
    key = total_key(scope, grain, begins(at, grain), "r1", by)
    since, until = begins(at - earlier, grain), at + 1
    assert key.pk in spans_between(scope, grain, since, until)
    user = by.get("user")
    bounds = bucket_range(scope, user, since, int(until))
    assert bounds is not None
    assert bounds[0] <= key.sk <= bounds[1]


@given(rows(TIMES), GRAIN, SCOPE)
def test_keys_are_short_enough_for_the_table(one: Row, grain: Grain, scope: Scope) -> None:
    by = dimensions_of(scope, one._replace(user="ü" * 256))
    key = total_key(scope, grain, begins(NOON, grain), "r" * 40, by)
    assert len(key.pk.encode()) <= 2048
    assert len(key.sk.encode()) <= 1024


def test_what_ends_before_a_bucket_begins_does_not_ask_for_it() -> None:
    bounds = bucket_range(EVERYBODY, None, int(NOON), int(NOON) + 3600)
    inside = total_key(EVERYBODY, "hour", int(NOON), "r1", {})
    outside = total_key(EVERYBODY, "hour", int(NOON) + 3600, "r1", {})
    assert bounds is not None
    assert bounds[0] <= inside.sk <= bounds[1] < outside.sk
