"""A request's body on its way: decoded, held within bounds, encoded again."""

from random import Random

import pytest

from proxy.core.field import MessageError
from proxy.core.message import parse_request_head
from proxy.core.reason import Reason
from proxy.dataplane.client_connection import ClientConnection
from proxy.dataplane.pool import EndpointPool, PoolRule
from proxy.dataplane.request_body import RequestBody
from proxy.dataplane.upstream_connection import UpstreamConnection
from tests.kit.inside import Inside
from tests.kit.odd_heads import chunked_body, pieces
from tests.kit.transport import MemoryTransport, on_memory_loop

RULE = PoolRule(host="127.0.0.1", port=3000, tls=None, server_name=None, most=4, idle=10.0, line=4)


class Sides:
    """A client's connection and one upstream, both in memory."""

    def __init__(self, *lines: bytes) -> None:
        self.inside = Inside()
        self.client = self.inside.connect()
        protocol = self.client.get_protocol()
        assert isinstance(protocol, ClientConnection)
        start = b"POST / HTTP/1.1\r\nHost: a\r\n"
        head = parse_request_head(start + b"".join(line + b"\r\n" for line in lines) + b"\r\n")
        self.body = RequestBody.of(protocol, head)
        pool = EndpointPool(RULE, self.inside.loop.time)
        pool.open = 1
        self.connection = UpstreamConnection(pool, 0.0)
        self.upstream = MemoryTransport(self.connection)
        self.connection.connection_made(self.upstream)

    @property
    def announced(self) -> RequestBody:
        assert self.body is not None
        return self.body


@on_memory_loop
async def test_a_request_without_framing_has_no_body() -> None:
    for lines in ([], [b"Content-Length: 0"]):
        sides = Sides(*lines)
        assert sides.body is None
        await sides.inside.close()


@on_memory_loop
async def test_a_length_is_passed_on_as_it_comes_and_the_rest_is_given_back() -> None:
    sides = Sides(b"Content-Length: 5")
    body = sides.announced
    assert body.feed(b"he") == b""
    assert body.attach(sides.connection) == b"he"
    assert not body.done
    assert body.feed(b"lloGET /") == b"GET /"
    assert sides.upstream.sent() == b"llo"
    assert (body.done, body.taken) == (True, 5)
    await sides.inside.close()


@pytest.mark.parametrize("seed", range(20))
def test_chunks_are_written_anew_with_the_same_payload(seed: int) -> None:
    rng = Random(seed)

    @on_memory_loop
    async def relay() -> None:
        sides = Sides(b"Transfer-Encoding: chunked")
        payload = bytes(rng.choices(b"abcxyz\r\n01", k=100))
        parts = pieces(rng, chunked_body(rng, payload) + b"next")
        attach_at = rng.randrange(len(parts) + 1)
        sent, rest = b"", b""
        for number, piece in enumerate(parts):
            if number == attach_at:
                sent = sides.announced.attach(sides.connection)
            if sides.announced.done:
                rest += piece
            else:
                rest += sides.announced.feed(piece)
        if attach_at == len(parts):
            sent = sides.announced.attach(sides.connection)
        sent += sides.upstream.sent()
        again = Sides(b"Transfer-Encoding: chunked")
        assert again.announced.feed(sent) == b""
        assert again.announced.done
        assert again.announced.taken == sides.announced.taken == 100
        assert rest == b"next"
        assert b";" not in sent.replace(payload, b""), "extensions are of one hop only"
        await sides.inside.close()
        await again.inside.close()

    relay()


@on_memory_loop
async def test_what_nobody_takes_yet_is_bounded() -> None:
    sides = Sides(b"Content-Length: 1000000")
    fed = 0
    while not sides.client.paused:
        sides.announced.feed(b"x" * 1000)
        fed += 1000
        assert fed < 70_000
    sides.announced.attach(sides.connection)
    assert not sides.client.paused, "once it is taken, the client is read again"
    await sides.inside.close()


@on_memory_loop
async def test_of_a_broken_chunk_nothing_goes_upstream() -> None:
    sides = Sides(b"Transfer-Encoding: chunked")
    sides.announced.attach(sides.connection)
    with pytest.raises(MessageError):
        sides.announced.feed(b"2\r\nokXX")
    assert sides.upstream.sent() == b""
    await sides.inside.close()


@on_memory_loop
async def test_an_ambiguous_body_is_refused_before_anything_is_read() -> None:
    with pytest.raises(MessageError):
        Sides(b"Content-Length: 5", b"Transfer-Encoding: chunked")
    assert Sides().body is None


@on_memory_loop
async def test_a_collected_body_is_kept_whole_whatever_its_framing() -> None:
    for lines, data in (
        ([b"Content-Length: 100000"], b"x" * 100_000),
        ([b"Transfer-Encoding: chunked"], chunked_body(Random(1), b"x" * 100_000)),
    ):
        sides = Sides(*lines)
        sides.announced.collect(100_000, 0)
        sides.announced.feed(data)
        assert not sides.client.paused
        assert sides.announced.done
        assert sides.announced.collected == b"x" * 100_000
        await sides.inside.close()


@on_memory_loop
async def test_more_than_may_be_collected_is_refused_as_soon_as_it_is_known() -> None:
    sides = Sides(b"Content-Length: 11")
    with pytest.raises(MessageError) as announced:
        sides.announced.collect(10, 11)
    again = Sides(b"Transfer-Encoding: chunked")
    again.announced.collect(10, 0)
    again.announced.feed(b"a\r\n0123456789\r\n")
    with pytest.raises(MessageError) as come:
        again.announced.feed(b"1\r\nx\r\n")
    early = Sides(b"Transfer-Encoding: chunked")
    early.announced.feed(b"b\r\n0123456789a\r\n")
    with pytest.raises(MessageError) as held:
        early.announced.collect(10, 0)

    for error in (announced, come, held):
        assert error.value.reason is Reason.BODY_TOO_LARGE
    for one in (sides, again, early):
        await one.inside.close()


@on_memory_loop
async def test_a_replaced_body_goes_upstream_in_place_of_what_came() -> None:
    sides = Sides(b"Transfer-Encoding: chunked")
    sides.announced.collect(100, 0)
    sides.announced.feed(b"2\r\nhi\r\n0\r\nX-Trailer: 1\r\n\r\n")
    sides.announced.replace(b"hello")

    assert sides.announced.attach(sides.connection) == b"hello"
    assert sides.announced.taken == 2
    await sides.inside.close()
