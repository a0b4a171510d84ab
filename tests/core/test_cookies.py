"""One cookie out of a Cookie header, and never a neighbour of it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.core.cookies import find_cookie


@pytest.mark.parametrize(
    ("header", "value"),
    [
        (b"sid=1", b"1"),
        (b"a=b; sid=1; c=d", b"1"),
        (b"a=b;sid=1;c=d", b"1"),
        (b"a=b; \t sid=1 ; c=d", b"1"),
        (b"sid=1; sid=2", b"1"),
        (b"sid=; sid=2", b""),
        (b"xsid=1; sid=2", b"2"),
        (b"x-sid=1", None),
        (b"sidx=1", None),
        (b"SID=1", None),
        (b"a=sid=1", None),
        (b"a=x sid=1", None),
        (b'a="; sid=1"', b'1"'),
        (b'sid="a b"', b'"a b"'),
        (b"sid=a=b==", b"a=b=="),
        (b"sid", None),
        (b"", None),
        (b";;;sid=1", b"1"),
        (b"  sid=1", b"1"),
        (b"a=1, sid=2", None),
    ],
)
def test_the_first_cookie_of_exactly_this_name_is_found(header: bytes, value: bytes | None) -> None:
    assert find_cookie(header, b"sid") == value


def slow_find(header: bytes, name: bytes) -> bytes | None:
    for pair in header.split(b";"):
        found, equals, value = pair.strip(b" \t").partition(b"=")
        if equals and found == name:
            return value.strip(b" \t")
    return None


@given(st.text("as=; \t", max_size=30))
def test_finding_is_splitting_at_every_semicolon(text: str) -> None:
    assert find_cookie(text.encode(), b"s") == slow_find(text.encode(), b"s")
