"""Rows as they are written."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plugins.cost_meter.ledger.entries import (
    Ended,
    Never,
    Planned,
    entry_of,
    line_of,
    read_line,
    refuse_odd,
    row_of,
)
from plugins.cost_meter.row import MOST_USED, Row
from proxy.api.spending import NanoUSD, Usage
from tests.kit.properties import examples
from tests.plugins.cost_meter.rowed import NOON, row, rows


@given(rows(st.floats(0, 2**33, allow_subnormal=False)))
@examples(60)
def test_what_is_written_is_what_is_read(one: Row) -> None:
    assert row_of(entry_of(one)) == one


def test_the_order_in_which_fields_are_written_never_changes() -> None:
    assert entry_of(row("a", at=1_763_985_600.0, settled=1_763_985_602.0, digest="d")) == (
        '["a","attempt","",1763985600.0,1763985602.0,"r1","anna","pro","campaigns","new","openai",'
        '"gpt-4o-mini","mini","global","message_generation","wf_1","req-1","chatcmpl-1","",'
        '"answered","",1.5,[100,20,30,5,0,0,0,0,0,0],"provider",false,39500,"genai-prices",'
        '"exact","0123456789ab","default","gpt-4o-mini-2024-07-18","","d"]'
    )


def test_a_row_from_before_there_were_further_fields_is_read() -> None:
    text = entry_of(row("a"))
    short = text.removesuffix(',"",""]') + "]"
    assert row_of(short.replace("[100,20,30,5,0,0,0,0,0,0]", "[100,20,30,5]")) == row("a")


def test_a_row_of_a_later_version_with_further_fields_is_read() -> None:
    assert row_of(entry_of(row("a"))[:-1] + ',"more",5]') == row("a")


@given(rows(st.floats(0, 2**33, allow_subnormal=False)), st.floats(0, 2**33))
@examples(60)
def test_what_a_line_says_is_what_is_read(one: Row, until: float) -> None:
    for told in (Planned(one, until), Ended(one), Never(one.id)):
        assert read_line(line_of(told)) == told


@pytest.mark.parametrize("line", [b"", b"[", b"7", b'["planned",1]', b'["more","a"]', b"\xff"])
def test_what_is_no_line_says_nothing(line: bytes) -> None:
    assert read_line(line) is None


ODD = {
    "no id": (row(""), "needs an id"),
    "an endless user": (row("a", user="x" * 513), "user of a row has 513 characters"),
    "too much money": (row("a", nano_usd=NanoUSD(2**53 + 1)), "are believed"),
    "too much taken back": (row("a", nano_usd=NanoUSD(-(2**53) - 1)), "are believed"),
    "no time": (row("a", at=math.nan), "no time in Unix seconds"),
    "an end without time": (row("a", settled=math.inf), "no time in Unix seconds"),
    "no duration": (row("a", seconds=-1.0), "no duration"),
    "a usage below zero": (row("a", usage=Usage(5, -1)), "below zero"),
    "a usage beyond measure": (row("a", usage=Usage(MOST_USED + 1)), "above 1000000000"),
}


@pytest.mark.parametrize("name", ODD)
def test_what_cannot_be_kept_is_refused_with_a_reason(name: str) -> None:
    odd, says = ODD[name]
    with pytest.raises(ValueError, match=says):
        refuse_odd(odd)


def test_what_is_just_within_bounds_is_kept() -> None:
    most = row("a", user="x" * 512, nano_usd=NanoUSD(2**53), usage=Usage(MOST_USED), at=NOON)
    refuse_odd(most)
    assert row_of(entry_of(most)) == most


@pytest.mark.parametrize(
    "line",
    [
        b'["ended",[]]',
        b'["ended",[1,2]]',
        b'["planned",1.0,[1,2,3]]',
        b'["planned",null,[]]',
        b'["ended"]',
        b'["other",1]',
        b"{}",
        b"7",
        b"",
        b"\x00\x00",
        line_of(Ended(row("a"))).replace(b"39500", b'"39500"'),
        line_of(Ended(row("a"))).replace(b"39500", b"9e99"),
        line_of(Ended(row("a"))).replace(b'"pro"', b"null"),
        line_of(Ended(row("a"))).replace(b"[100,", b'["100",'),
        line_of(Ended(row("a"))).replace(b"[100,", b"[1,1,1,1,1,1,1,1,1,1,1,100,"),
    ],
)
def test_a_line_of_something_else_is_none(line: bytes) -> None:
    assert line != line_of(Ended(row("a")))
    assert read_line(line) is None
