import re
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plugins.orchestrator.providers.sse import MOST_BYTES, Event, EventTooLongError, Splitter

END = st.sampled_from([b"\n", b"\r\n", b"\r"])
LINE = st.sampled_from(
    [
        b"",
        b"",
        b"data: one",
        b"data:two",
        b"data:  three",
        b"data",
        b"database: no",
        b": a comment",
        b"event: error",
        b"id: 7",
        b'data: {"a": "\\n"}',
        "data: ümläut \u2028".encode(),
    ]
)
STREAMS = st.lists(st.tuples(LINE, END).map(b"".join), max_size=30).map(b"".join)


def events_of(stream: bytes, *cuts: int) -> list[Event]:
    splitter = Splitter()
    edges = [0, *sorted(cuts), len(stream)]
    return [event for begin, end in pairwise(edges) for event in splitter.feed(stream[begin:end])]


def data_by_the_book(stream: bytes) -> list[bytes]:
    """The texts that the standard's algorithm dispatches, line by line."""
    found, lines = [], re.split(rb"\r\n|\n|\r", stream.removeprefix(b"\xef\xbb\xbf"))[:-1]
    data: list[bytes] = []
    for line in lines:
        if not line:
            found += [b"\n".join(data)] if data else []
            data = []
        elif line == b"data" or line.startswith(b"data:"):
            data.append(line[5:].removeprefix(b" "))
    return found


@given(STREAMS, st.data())
def test_wherever_a_stream_is_cut_its_events_are_the_same(
    stream: bytes, data: st.DataObject
) -> None:
    cuts = data.draw(st.lists(st.integers(0, len(stream)), max_size=len(stream)))
    assert events_of(stream, *cuts) == events_of(stream)


@given(STREAMS)
def test_the_events_are_those_of_the_standard(stream: bytes) -> None:
    # An ordinary event at the end, so that nothing of the stream is left undecided.
    stream += b"\n\ndata: end\n\n"
    found = [event.data for event in events_of(stream) if event.data is not None]
    assert found == data_by_the_book(stream)


@given(STREAMS)
def test_no_byte_is_lost_or_changed(stream: bytes) -> None:
    splitter = Splitter()
    raw = [event.raw for event in splitter.feed(stream)]
    assert b"".join(raw) + splitter.rest == stream


def test_a_byte_order_mark_at_the_beginning_is_no_part_of_the_text() -> None:
    events = events_of(b"\xef\xbb\xbfdata: one\n\n\xef\xbb\xbfdata: two\n\n", 2)
    assert [event.data for event in events] == [b"one", None]


def test_an_event_that_never_ends_is_refused() -> None:
    splitter = Splitter()
    for _ in range(MOST_BYTES // 1024):
        assert splitter.feed(b"x" * 1024) == []
    with pytest.raises(EventTooLongError):
        splitter.feed(b"x")


def test_any_number_of_events_may_come_at_once() -> None:
    event = b"data: " + b"x" * 1000 + b"\n\n"
    assert len(Splitter().feed(event * 3000)) == 3000
