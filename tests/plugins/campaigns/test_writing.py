"""How answers are written: money to the last nano-dollar."""

import json
import re
from decimal import Decimal

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from plugins.campaigns.writing import Document, Usd, json_of, milliseconds, reply_of, usd
from tests.kit.properties import examples


class Bill(Document):
    total_cost: Usd


WRITTEN = {
    0: "0",
    1: "0.000000001",
    2_500_000: "0.0025",
    1_000_000_000: "1",
    10_000_000_000: "10",
    123_456_789_012_345_678: "123456789.012345678",
}


@pytest.mark.parametrize("nano", WRITTEN)
def test_money_is_written_digit_by_digit(nano: int) -> None:
    assert json_of(Bill(total_cost=usd(nano))) == b'{"totalCost":%b}' % WRITTEN[nano].encode()


@given(st.integers(0, 10**20))
@example(10**20 - 1)
@examples(150)
def test_no_amount_is_rounded_and_each_is_a_json_number(nano: int) -> None:
    text = json_of(Bill(total_cost=usd(nano))).decode()
    assert json.loads(text, parse_float=Decimal, parse_int=Decimal)["totalCost"] * 10**9 == nano
    assert re.fullmatch(r'\{"totalCost":(0|[1-9]\d*)(\.\d{0,8}[1-9])?\}', text)


def test_what_json_cannot_say_is_told() -> None:
    with pytest.raises(TypeError):
        json_of({"a": object()})


def test_seconds_are_written_as_whole_milliseconds() -> None:
    assert milliseconds(1.4996) == 1500


def test_an_answer_is_json_that_nobody_keeps() -> None:
    reply = reply_of({"a": 1}, 418, {"Retry-After": "5"})
    assert (reply.status, reply.body) == (418, b'{"a":1}')
    assert dict(reply.headers.items()) == {
        "Content-Type": "application/json",
        "Cache-Control": "no-store",
        "Retry-After": "5",
    }
