"""Headers as plugins see and edit them: nothing unsafe gets in, nothing else changes."""

import re
from contextlib import suppress
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.api import EditableHeaders, HeaderError, Headers
from proxy.api.headers import written
from proxy.core.field import joined, parse_fields
from tests.kit.properties import examples


def parsed(*lines: bytes) -> EditableHeaders:
    return EditableHeaders(*parse_fields(b"\r\n".join([b"", *lines, b"", b""]), 0))


COOKIES = parsed(b"Accept: a", b"Set-Cookie: x=1", b"ACCEPT:  b ", b"set-cookie: y=2")


def test_a_name_is_found_in_any_case_and_repetitions_are_joined() -> None:
    assert COOKIES.get("accept") == COOKIES.get("ACCEPT") == "a, b"
    assert COOKIES.all("Set-Cookie") == ["x=1", "y=2"]
    assert COOKIES.get("Missing") is None
    assert COOKIES.get("Missing", "other") == "other"
    assert "accept" in COOKIES
    assert 1 not in COOKIES


def test_items_come_in_order_with_the_names_as_they_were_written() -> None:
    assert COOKIES.items() == [
        ("Accept", "a"),
        ("Set-Cookie", "x=1"),
        ("ACCEPT", "b"),
        ("set-cookie", "y=2"),
    ]
    assert list(COOKIES) == ["Accept", "Set-Cookie", "ACCEPT", "set-cookie"]
    assert len(COOKIES) == 4


def test_what_is_printed_of_headers_holds_no_value() -> None:
    assert repr(parsed(b"Authorization: hush")) == "EditableHeaders(Authorization)"


def test_setting_a_header_takes_the_place_of_the_first_and_removes_the_others() -> None:
    headers = parsed(b"A: 1", b"B: 2", b"a: 3")
    headers.set("a", "4")
    assert headers.items() == [("a", "4"), ("B", "2")]
    headers.set("C", "5")
    assert headers.items() == [("a", "4"), ("B", "2"), ("C", "5")]


def test_adding_a_header_keeps_those_that_are_there() -> None:
    headers = parsed(b"A: 1")
    headers.add("a", "2")
    assert headers.all("A") == ["1", "2"]
    assert headers.get("A") == "1, 2"


def test_removing_a_header_removes_all_of_its_name_and_none_else() -> None:
    headers = parsed(b"A: 1", b"B: 2", b"a: 3")
    headers.remove("A")
    headers.remove("never-there")
    assert headers.items() == [("B", "2")]


def test_fields_that_were_not_edited_keep_their_bytes() -> None:
    headers = parsed(b"X-Odd:\xe4\xff", b"B: 2")
    before = headers.fields[0]
    headers.set("B", "3")
    assert headers.fields[0] is before
    assert headers.get("x-odd") == "äÿ"


def test_the_fields_that_were_given_are_never_changed_by_an_edit() -> None:
    fields, by_name = parse_fields(b"\r\nA: 1\r\n\r\n", 0)
    for edit in (("set", "B", "2"), ("add", "B", "2"), ("set", "A", "2"), ("add", "A", "2")):
        headers = EditableHeaders(fields, by_name)
        assert not headers.changed
        getattr(headers, edit[0])(*edit[1:])
        assert headers.changed
    assert [field.value for field in fields] == [b"1"]
    assert by_name == {b"a": b"1"}


THE_PROXYS = [
    "Connection",
    "content-length",
    "Expect",
    "Forwarded",
    "HOST",
    "Keep-Alive",
    "TE",
    "Trailer",
    "Transfer-Encoding",
    "Upgrade",
    "Via",
    "X-Crossfade-Arm",
    "X-Crossfade-Reason",
    "X-Forwarded-For",
    "X-Forwarded-Proto",
    "X-Request-Id",
]


@pytest.mark.parametrize("name", THE_PROXYS)
def test_a_header_of_the_proxy_cannot_be_set_added_or_removed(name: str) -> None:
    headers = parsed(b"A: 1")
    for edit in (headers.set, headers.add):
        with pytest.raises(HeaderError, match="written by the proxy alone"):
            edit(name, "x")
    with pytest.raises(HeaderError, match="written by the proxy alone"):
        headers.remove(name)
    assert headers.items() == [("A", "1")]
    assert not headers.changed


@pytest.mark.parametrize(
    "value", ["hush\r\nB: 2", "hush\nb", "hush\0b", "\x1b[2Jhush", "\x7fhush", " hush", "hush\t"]
)
def test_a_value_cannot_break_out_of_its_line(value: str) -> None:
    with pytest.raises(HeaderError) as error:
        parsed().set("A", value)
    assert "hush" not in str(error.value)
    assert "'A'" in str(error.value)


@pytest.mark.parametrize("name", ["", "a b", "a:", "a\r\n", "ä", "(a)"])
def test_what_is_no_header_name_is_refused(name: str) -> None:
    with pytest.raises(HeaderError, match=re.escape(repr(name))):
        parsed().set(name, "1")


def test_a_letter_beyond_latin_1_is_refused_and_the_value_is_not_told() -> None:
    with pytest.raises(HeaderError, match="beyond Latin-1") as error:
        parsed().set("A", "secret-€")
    assert "secret" not in str(error.value)


def test_a_field_that_a_plugin_writes_is_never_taken_for_a_clients_claim() -> None:
    assert written("X-User-Id", "1").kind == 0


def test_the_memory_of_written_fields_is_bounded_and_never_shows() -> None:
    for number in range(3000):
        assert written("A", str(number)).line == b"A: %d" % number
    assert written("A", "b" * 1000).value == b"b" * 1000


class Edit(NamedTuple):
    way: str
    name: str
    value: str


NAMES = st.one_of(
    st.sampled_from(["A", "a", "B", "Cookie", "Host", "Set-Cookie", "X-User-Id"]),
    st.text(max_size=6),
)
VALUES = st.one_of(st.sampled_from(["", "1", "a, b", "ä"]), st.text(max_size=6))
EDITS = st.lists(st.builds(Edit, st.sampled_from(["set", "add", "remove"]), NAMES, VALUES))


@given(edits=EDITS)
@examples(200)
def test_whatever_is_edited_the_headers_are_well_formed_and_agree_with_their_index(
    edits: list[Edit],
) -> None:
    headers = parsed(b"A: 1", b"Cookie: x", b"cookie: y")
    for edit in edits:
        before = headers.items()
        try:
            if edit.way == "remove":
                headers.remove(edit.name)
            else:
                getattr(headers, edit.way)(edit.name, edit.value)
        except HeaderError:
            assert headers.items() == before
        assert headers.by_name == joined(headers.fields)
    lines = [field.line for field in headers.fields]
    again, _ = parse_fields(b"\r\n".join([b"", *lines, b"", b""]), 0)
    assert [(field.name, field.value) for field in again] == [
        (field.name, field.value) for field in headers.fields
    ]


@given(name=st.text(max_size=8), value=st.text(max_size=8))
@examples(200)
def test_a_value_that_was_set_is_read_back_unchanged(name: str, value: str) -> None:
    headers = parsed(b"A: 1")
    with suppress(HeaderError):
        headers.set(name, value)
        assert headers.get(name.upper()) == value


def test_headers_to_look_at_cannot_be_edited() -> None:
    assert not hasattr(Headers([], {}), "set")
