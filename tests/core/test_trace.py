"""The `traceparent` field: valid ones are continued, everything else is as if it were not there."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.core.trace import Trace, begin, format_traceparent, parse_traceparent

TRACE = "0af7651916cd43dd8448eb211c80319c"
PARENT = "b7ad6b7169203331"


def ids(digits: int) -> st.SearchStrategy[str]:
    return st.integers(min_value=1, max_value=16**digits - 1).map(lambda n: f"{n:0{digits}x}")


@given(ids(32), ids(16), st.integers(0, 255))
def test_every_valid_field_is_read_as_it_was_written(trace: str, parent: str, flags: int) -> None:
    read = parse_traceparent(f"00-{trace}-{parent}-{flags:02x}".encode())
    assert read == Trace(trace, parent, flags)
    assert read.sampled == bool(flags & 1)


@given(ids(32), ids(16), st.integers(0, 1))
def test_what_is_written_is_read_back(trace: str, parent: str, flags: int) -> None:
    assert parse_traceparent(format_traceparent(Trace(trace, parent, flags))) is not None


def test_flags_that_version_00_does_not_know_are_not_sent_on() -> None:
    assert format_traceparent(Trace(TRACE, PARENT, 0xFF)).endswith(b"-01")


@given(st.binary(max_size=80))
def test_any_bytes_are_either_valid_or_nothing(field: bytes) -> None:
    read = parse_traceparent(field)
    assert read is None or len(read.trace_id) == 32


@given(st.integers(0, 54), st.sampled_from(b"g-GA ,\x00\xff"))
def test_one_wrong_byte_makes_a_version_00_field_invalid(place: int, byte: int) -> None:
    field = bytearray(f"00-{TRACE}-{PARENT}-01".encode())
    if field[place] == byte:
        byte = ord("x")
    field[place] = byte
    assert parse_traceparent(bytes(field)) is None


INVALID = {
    "empty": "",
    "version ff": f"ff-{TRACE}-{PARENT}-01",
    "all-zero trace id": f"00-{'0' * 32}-{PARENT}-01",
    "all-zero parent id": f"00-{TRACE}-{'0' * 16}-01",
    "upper case": f"00-{TRACE.upper()}-{PARENT}-01",
    "version 00 with more": f"00-{TRACE}-{PARENT}-01-what-the-future-brings",
    "version 00 with a lone dash": f"00-{TRACE}-{PARENT}-01-",
    "a later version without the dash": f"01-{TRACE}-{PARENT}-01.more",
    "short trace id": f"00-{TRACE[1:]}-{PARENT}-01",
    "a space before": f" 00-{TRACE}-{PARENT}-01",
    "a line break after": f"00-{TRACE}-{PARENT}-01\n",
    "two fields": f"00-{TRACE}-{PARENT}-01, 00-{TRACE}-{PARENT}-01",
    "two fields of a later version": f"01-{TRACE}-{PARENT}-01-x, 01-{TRACE}-{PARENT}-01-y",
    "endless": f"01-{TRACE}-{PARENT}-01-{'x' * 1000}",
}


@pytest.mark.parametrize("what", INVALID)
def test_an_invalid_field_is_nothing(what: str) -> None:
    assert parse_traceparent(INVALID[what].encode()) is None


@pytest.mark.parametrize("rest", ["", "-", "-what-the-future-brings"])
def test_a_later_version_is_read_by_its_first_four_parts(rest: str) -> None:
    read = parse_traceparent(f"cc-{TRACE}-{PARENT}-01{rest}".encode())
    assert read == Trace(TRACE, PARENT, 1)


def test_a_trace_begun_here_is_valid_and_not_sampled() -> None:
    begun = begin(bytes(range(1, 25)))
    assert parse_traceparent(format_traceparent(begun)) == begun
    assert not begun.sampled
