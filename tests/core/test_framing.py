"""Bodies: taken apart the same however they were cut, and never read in two ways."""

from collections.abc import Sequence
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.core.field import MessageError
from proxy.core.framing import (
    Body,
    ChunkedBody,
    Framing,
    LengthBody,
    UntilCloseBody,
    chunk,
    request_framing,
    response_framing,
)
from proxy.core.message import parse_request_head, parse_response_head
from proxy.core.reason import Reason
from tests.kit.properties import examples

BOUND = 32768 + 4096
"""More than any decoder may hold: an unfinished chunk head or trailer section."""


def pieces_of(data: bytes, cuts: Sequence[int]) -> list[bytes]:
    edges = sorted({0, len(data), *(cut % (len(data) + 1) for cut in cuts)})
    return [data[a:b] for a, b in pairwise(edges)]


def decoded(body: Body, pieces: list[bytes]) -> tuple[bytes, bytes, bool, list[bytes]]:
    """Payload, rest, done and trailer lines of a body that comes in these pieces."""
    payload = b""
    for number, piece in enumerate(pieces):
        part = body.feed(piece)
        payload += part.payload
        if part.done:
            rest = b"".join([part.rest, *pieces[number + 1 :]])
            return payload, rest, True, [field.line for field in part.trailers]
        assert part.rest == b""
        assert part.trailers == []
        held = getattr(body, "_held", b"")
        assert len(held) <= BOUND
    return payload, b"", False, []


EXTENSIONS = st.sampled_from(
    [b"", b";a", b";a=b", b';a="x;\\"y"', b" ; a = b", b"\t;a;b=c", b';a="\xe4 \t"']
)
SIZES = st.sampled_from([b"%x", b"%X", b"0%x", b"000%X"])
CHUNKS = st.lists(st.tuples(st.binary(min_size=1, max_size=40), SIZES, EXTENSIONS), max_size=6)
TRAILERS = st.lists(st.sampled_from([b"X-A: 1", b"x-b: \xe4", b"X-A: 2", b"Empty:"]), max_size=3)
CUTS = st.lists(st.integers(0, 4000), max_size=12)


@examples(500)
@given(CHUNKS, EXTENSIONS, TRAILERS, st.binary(max_size=20), CUTS)
def test_a_chunked_body_is_the_same_however_it_is_written_and_cut(
    chunks: list[tuple[bytes, bytes, bytes]],
    last: bytes,
    trailers: list[bytes],
    rest: bytes,
    cuts: list[int],
) -> None:
    data = b"".join(
        size % len(payload) + ext + b"\r\n" + payload + b"\r\n" for payload, size, ext in chunks
    )
    data += b"0" + last + b"\r\n" + b"".join(line + b"\r\n" for line in trailers) + b"\r\n" + rest
    expected = b"".join(payload for payload, _, _ in chunks)
    lines = [line if line != b"Empty:" else b"Empty: " for line in trailers]
    got = decoded(ChunkedBody(Reason.BAD_REQUEST), pieces_of(data, cuts))
    assert got == (expected, rest, True, lines)


@examples(60)
@given(CHUNKS, TRAILERS, st.binary(max_size=5))
def test_a_chunked_body_may_come_byte_by_byte(
    chunks: list[tuple[bytes, bytes, bytes]], trailers: list[bytes], rest: bytes
) -> None:
    data = b"".join(chunk(payload) for payload, _, _ in chunks)
    data += b"0\r\n" + b"".join(line + b"\r\n" for line in trailers) + b"\r\n" + rest
    whole = decoded(ChunkedBody(Reason.BAD_REQUEST), [data])
    single = decoded(ChunkedBody(Reason.BAD_REQUEST), pieces_of(data, range(len(data))))
    assert single == whole
    assert whole[:3] == (b"".join(payload for payload, _, _ in chunks), rest, True)


@examples(500)
@given(
    st.lists(
        st.sampled_from(
            [b"0", b"5", b"a", b"\r\n", b"\r", b"\n", b";", b'"', b"=", b" ", b"hello", b"\x00"]
        ),
        max_size=14,
    ).map(b"".join),
    CUTS,
)
def test_where_the_cuts_lie_never_decides_what_a_broken_body_means(
    data: bytes, cuts: list[int]
) -> None:
    outcomes = []
    for pieces in ([data], pieces_of(data, cuts), pieces_of(data, range(len(data)))):
        try:
            outcomes.append(decoded(ChunkedBody(Reason.BAD_REQUEST), pieces))
        except MessageError as error:
            outcomes.append((b"", error.reason.encode(), False, []))
    # An unfinished body may be refused a little earlier or later, a finished one never.
    finished = [outcome for outcome in outcomes if outcome[2]]
    assert not finished or outcomes == [finished[0]] * 3


NOT_CHUNKS = [
    b"\r\n",
    b"g\r\n",
    b"-1\r\n",
    b"+1\r\n",
    b"0x1\r\n",
    b" 1\r\n",
    b"1 \r\n",
    b"1\n",
    b"1_0\r\n",
    b"1;\r\n",
    b"1;a=\r\n",
    b'1;a="\r\n',
    b"1;a\rb\r\n",
    b"1;a\x00\r\n",
    b"1" * 16 + b"\r\n",
    b"1\r\nab",
    b"1\r\na\n",
    b"1\r\na\rX",
    b"0\r\nX\r\n\r\n",
    b"0\r\n a: b\r\n\r\n",
    b"0\r\na: b\n\r\n\r\n",
    b"0\r\na : b\r\n\r\n",
    b"0\r\n" + b"x" * BOUND,
    b"0\r\nx: " + b"x" * BOUND + b"\r\n\r\n",
    b"1;a=" + b"x" * 5000,
    b"1;a=" + b"x" * 5000 + b"\r\n",
]


@pytest.mark.parametrize("data", NOT_CHUNKS, ids=[repr(data[:24]) for data in NOT_CHUNKS])
@pytest.mark.parametrize("reason", [Reason.BAD_REQUEST, Reason.UPSTREAM_INVALID])
def test_what_is_no_chunk_is_refused_with_the_reason_of_its_side(
    data: bytes, reason: Reason
) -> None:
    step = 1 + len(data) // 100
    for pieces in ([data], pieces_of(data, range(0, len(data), step))):
        with pytest.raises(MessageError) as caught:
            decoded(ChunkedBody(reason), pieces)
        assert caught.value.reason is reason


@examples(200)
@given(st.binary(max_size=60), st.integers(0, 60), CUTS)
def test_a_body_of_a_length_takes_that_many_bytes(
    data: bytes, length: int, cuts: list[int]
) -> None:
    got = decoded(LengthBody(length), pieces_of(data, cuts) or [b""])
    assert got[0] == data[:length]
    assert got[2] is (len(data) >= length)
    assert got[1] == data[length:]


@examples(50)
@given(st.binary(max_size=60), CUTS)
def test_a_body_until_the_close_never_ends_by_itself(data: bytes, cuts: list[int]) -> None:
    assert decoded(UntilCloseBody(), pieces_of(data, cuts)) == (data, b"", False, [])


def test_a_chunk_is_read_back() -> None:
    for size in (1, 9, 10, 15, 16, 255, 65536):
        data = chunk(b"x" * size) + b"0\r\n\r\n"
        assert decoded(ChunkedBody(Reason.BAD_REQUEST), [data])[0] == b"x" * size


# which framing


def request(*lines: bytes, minor: int = 1) -> tuple[Framing, int] | Reason:
    start = b"POST / HTTP/1.%d\r\nHost: a\r\n" % minor
    try:
        return request_framing(
            parse_request_head(start + b"".join(line + b"\r\n" for line in lines) + b"\r\n")
        )
    except MessageError as error:
        return error.reason


CHUNKED = (Framing.CHUNKED, 0)
REQUESTS: list[tuple[list[bytes], tuple[Framing, int] | Reason]] = [
    ([], (Framing.NONE, 0)),
    ([b"Content-Length: 0"], (Framing.NONE, 0)),
    ([b"Content-Length: 5"], (Framing.LENGTH, 5)),
    ([b"Content-Length: 005"], (Framing.LENGTH, 5)),
    ([b"Content-Length: 999999999999999999"], (Framing.LENGTH, 999_999_999_999_999_999)),
    ([b"Content-Length: 9999999999999999999"], Reason.BAD_REQUEST),
    ([b"Content-Length: "], Reason.BAD_REQUEST),
    ([b"Content-Length: +5"], Reason.BAD_REQUEST),
    ([b"Content-Length: -5"], Reason.BAD_REQUEST),
    ([b"Content-Length: 5 5"], Reason.BAD_REQUEST),
    ([b"Content-Length: 5, 5"], Reason.BAD_REQUEST),
    ([b"Content-Length: 0x5"], Reason.BAD_REQUEST),
    ([b"Content-Length: 1_0"], Reason.BAD_REQUEST),
    ([b"Content-Length: \xb2"], Reason.BAD_REQUEST),
    ([b"Content-Length: 5", b"Content-Length: 5"], Reason.BAD_REQUEST),
    ([b"Transfer-Encoding: chunked"], CHUNKED),
    ([b"Transfer-Encoding: ChunKed"], CHUNKED),
    ([b"transfer-encoding: chunked", b"Content-Length: 5"], Reason.BAD_REQUEST),
    ([b"Content-Length: 0", b"Transfer-Encoding: chunked"], Reason.BAD_REQUEST),
    ([b"Transfer-Encoding: gzip, chunked"], Reason.CODING_NOT_SUPPORTED),
    ([b"Transfer-Encoding: gzip", b"Transfer-Encoding: chunked"], Reason.CODING_NOT_SUPPORTED),
    ([b"Transfer-Encoding: chunked, chunked"], Reason.BAD_REQUEST),
    ([b"Transfer-Encoding: chunked, gzip"], Reason.BAD_REQUEST),
    ([b"Transfer-Encoding: gzip"], Reason.BAD_REQUEST),
    ([b"Transfer-Encoding: identity"], Reason.BAD_REQUEST),
    ([b"Transfer-Encoding: , chunked"], Reason.BAD_REQUEST),
    ([b"Transfer-Encoding: xchunked"], Reason.BAD_REQUEST),
    ([b"Transfer-Encoding: "], Reason.BAD_REQUEST),
    ([b"Transfer-Encoding: chunked;a=b"], Reason.BAD_REQUEST),
    ([b"Transfer-Encoding: \x0bchunked"], Reason.BAD_REQUEST),
]


@pytest.mark.parametrize(("lines", "expected"), REQUESTS, ids=[repr(r[0]) for r in REQUESTS])
def test_a_request_body_is_framed_in_one_way_or_refused(
    lines: list[bytes], expected: tuple[Framing, int] | Reason
) -> None:
    assert request(*lines) == expected


def test_an_old_request_has_no_coding() -> None:
    assert request(b"Transfer-Encoding: chunked", minor=0) is Reason.BAD_REQUEST
    assert request(b"Content-Length: 3", minor=0) == (Framing.LENGTH, 3)


UNTIL_CLOSE = (Framing.UNTIL_CLOSE, 0)
NONE = (Framing.NONE, 0)
RESPONSES: list[tuple[bytes, bytes, list[bytes], tuple[Framing, int] | Reason]] = [
    (b"GET", b"200", [], UNTIL_CLOSE),
    (b"GET", b"200", [b"Content-Length: 5"], (Framing.LENGTH, 5)),
    (b"GET", b"200", [b"Content-Length: 0"], NONE),
    (b"GET", b"200", [b"Transfer-Encoding: Chunked"], CHUNKED),
    (b"HEAD", b"200", [b"Transfer-Encoding: chunked"], NONE),
    (b"HEAD", b"200", [b"Content-Length: 5"], NONE),
    (b"GET", b"204", [b"Content-Length: 5"], NONE),
    (b"GET", b"304", [b"Content-Length: 5"], NONE),
    (b"GET", b"304", [b"Transfer-Encoding: chunked"], NONE),
    (b"GET", b"200", [b"Content-Length: 5, 5"], Reason.UPSTREAM_INVALID),
    (b"GET", b"200", [b"Content-Length: x"], Reason.UPSTREAM_INVALID),
    (b"HEAD", b"200", [b"Content-Length: x"], Reason.UPSTREAM_INVALID),
    (b"GET", b"200", [b"Transfer-Encoding: gzip, chunked"], Reason.UPSTREAM_INVALID),
    (b"GET", b"200", [b"Transfer-Encoding: gzip"], Reason.UPSTREAM_INVALID),
    (
        b"GET",
        b"200",
        [b"Transfer-Encoding: chunked", b"Content-Length: 5"],
        Reason.UPSTREAM_INVALID,
    ),
]


@pytest.mark.parametrize(
    ("method", "status", "lines", "expected"), RESPONSES, ids=[repr(r[:3]) for r in RESPONSES]
)
def test_a_response_body_is_framed_in_one_way_or_refused(
    method: bytes, status: bytes, lines: list[bytes], expected: tuple[Framing, int] | Reason
) -> None:
    data = b"HTTP/1.1 %b OK\r\n" % status + b"".join(line + b"\r\n" for line in lines) + b"\r\n"
    try:
        got: tuple[Framing, int] | Reason = response_framing(parse_response_head(data), method)
    except MessageError as error:
        got = error.reason
    assert got == expected


def test_an_old_response_has_no_coding() -> None:
    head = parse_response_head(b"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    with pytest.raises(MessageError):
        response_framing(head, b"GET")
