"""How endpoints of plugins write answers: money to the last nano-dollar."""

import json
import re
from decimal import Decimal

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from proxy.api.documents import (
    Document,
    Usd,
    document_reply,
    json_of,
    nano_usd_of,
    usd,
    usd_text,
)
from tests.kit.properties import examples


class Bill(Document):
    total_cost: Usd


@given(st.integers(-(10**40), 10**40))
@example(1)
@example(-1)
@example(10**40 - 1)
@examples(150)
def test_no_amount_is_rounded_and_each_is_a_json_number(nano: int) -> None:
    text = json_of(Bill(total_cost=usd(nano))).decode()
    assert re.fullmatch(r'\{"totalCost":-?(0|[1-9]\d*)(\.\d{0,8}[1-9])?\}', text)
    assert text == f'{{"totalCost":{usd_text(nano)}}}'
    whole, _, rest = usd_text(nano).partition(".")
    assert int(f"{whole}{rest.ljust(9, '0')}") == nano


@given(st.integers(0, 10**20))
@examples(100)
def test_what_was_written_is_read_again(nano: int) -> None:
    assert nano_usd_of(usd_text(nano)) == nano


@pytest.mark.parametrize(
    ("text", "nano"), [("5", 5 * 10**9), ("0.0125", 12_500_000), ("1.0", 10**9)]
)
def test_amounts_of_operators_are_read_by_their_digits(text: str, nano: int) -> None:
    assert nano_usd_of(text) == nano


@pytest.mark.parametrize("text", ["", ".5", "5.", "-1", "+1", "1e3", "0.0000000001", "1,5", "٣"])
def test_what_is_no_amount_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="US dollars such as"):
        nano_usd_of(text)


def test_what_json_cannot_say_is_told() -> None:
    with pytest.raises(TypeError):
        json_of({"a": object()})


def test_an_answer_is_json_in_camel_case_that_nobody_keeps() -> None:
    reply = document_reply(Bill(total_cost=usd(2_500_000)), 418, {"Retry-After": "5"})
    assert (reply.status, reply.body) == (418, b'{"totalCost":0.0025}')
    assert json.loads(json_of(Bill(total_cost=usd(2_500_000))), parse_float=Decimal) == {
        "totalCost": Decimal("0.0025")
    }
    assert reply.headers.get("Cache-Control") == "no-store"
    assert reply.headers.get("Retry-After") == "5"
