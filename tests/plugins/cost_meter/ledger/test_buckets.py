"""Buckets, and what rows come to in them."""

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from plugins.cost_meter.grains import begins
from plugins.cost_meter.ledger.buckets import Bucket, Horizons, combined
from plugins.cost_meter.row import GRAINS, Row, Sums, plus, sums_of
from tests.kit.properties import examples
from tests.plugins.cost_meter.rowed import NOON, row, rows

TIMES = st.floats(0, 2**32, allow_subnormal=False)


@given(st.lists(st.tuples(rows(TIMES), st.integers(1, 3)), max_size=12))
@examples(60)
def test_what_is_added_up_in_steps_is_the_sum_of_the_rows(some: Sequence[tuple[Row, int]]) -> None:
    right: dict[Bucket, Sums] = {}
    for one, counted in some:
        for code, grain in enumerate(GRAINS):
            key = Bucket(code, begins(one.at, grain), counted)
            right[key] = plus(right.get(key, Sums()), sums_of(one))
    assert combined(some, Horizons()) == right


def test_of_what_is_not_kept_any_more_days_and_months_still_count() -> None:
    later = Horizons(minutes=int(NOON) + 60, hours=int(NOON) + 3600)
    assert [one.grain for one in combined([(row("a"), 1)], later)] == [2, 3]
    same = Horizons(minutes=int(NOON), hours=int(NOON))
    assert [one.grain for one in combined([(row("a"), 1)], same)] == [0, 1, 2, 3]
