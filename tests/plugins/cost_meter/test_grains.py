"""When buckets begin."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plugins.cost_meter.grains import begins
from plugins.cost_meter.row import GRAINS, Grain
from tests.kit.properties import examples
from tests.plugins.cost_meter.ledger.model import bucket

TIMES = st.floats(0, 2**32, allow_subnormal=False)


@pytest.mark.parametrize(
    ("grain", "begin"),
    [
        ("minute", "2024-02-29T23:59"),
        ("hour", "2024-02-29T23:00"),
        ("day", "2024-02-29T00:00"),
        ("month", "2024-02-01T00:00"),
    ],
)
def test_a_bucket_begins_in_utc(grain: Grain, begin: str) -> None:
    at = datetime(2024, 2, 29, 23, 59, 59, 999_999, UTC).timestamp()
    assert begins(at, grain) == datetime.fromisoformat(f"{begin}+00:00").timestamp()


@given(TIMES, st.sampled_from(GRAINS))
@examples(200)
def test_buckets_are_those_of_the_calendar(at: float, grain: Grain) -> None:
    assert begins(at, grain) == bucket(at, grain)
