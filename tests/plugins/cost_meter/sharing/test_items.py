"""Rows, totals and documents come out of items as they went in, whole numbers exactly."""

import boto3.dynamodb.types as dynamodb_types
from hypothesis import given
from hypothesis import strategies as st

from plugins.cost_meter.row import Row, Sums
from plugins.cost_meter.sharing.items import (
    document_item,
    document_of,
    row_item,
    row_of,
    total_item,
    total_of,
)
from plugins.cost_meter.sharing.keys import Key, row_key
from tests.plugins.cost_meter.rowed import NOON, row, rows

KEY = Key("a", "b")


@given(rows(st.floats(1_700_000_000, 1_800_000_000)))
def test_a_row_comes_back_as_it_was(one: Row) -> None:
    item = row_item(row_key(one), one, NOON)
    assert row_of(item) == one
    assert set(item) - set(Row._fields) == {"pk", "sk", "ttl"}


@given(st.lists(st.integers(-(2**63), 2**63 - 1), min_size=len(Sums._fields), max_size=99))
def test_a_total_comes_back_exactly_beyond_what_floats_hold(numbers: list[int]) -> None:
    sums = Sums(*numbers[: len(Sums._fields)])
    by = {"route": "a", "arm": "new"}
    item = total_item(KEY, int(NOON), by, sums, 7, None)  # type: ignore[arg-type]
    assert total_of(item) == (by, sums)
    assert "ttl" not in item


def test_money_below_zero_and_above_2_to_the_53_is_kept() -> None:
    for nano in (-1, 2**53 + 1, -(2**62)):
        item = row_item(KEY, row(nano_usd=nano), 0)
        assert item["nano_usd"] == {"N": str(nano)}
        assert row_of(item).nano_usd == nano


def test_an_item_is_what_the_client_of_dynamodb_takes() -> None:
    read = dynamodb_types.TypeDeserializer()
    item = row_item(KEY, row(), NOON)
    plain = {name: read.deserialize(value) for name, value in item.items()}
    assert (plain["user"], int(plain["nano_usd"]), plain["estimated"]) == ("anna", 39_500, False)


def test_a_document_comes_back_as_it_was() -> None:
    document = {"threshold": "5.00", "seen": [1, None, {"x": True}]}
    assert document_of(document_item(KEY, document)) == document
