"""Arbitrary bytes from both sides against the proxy's inside, in memory and seeded.

Whatever comes: nothing raises, no answer is a fault of ours, everything can be ended
and leaves nothing behind. Used by the tests (short) and by the soak run (long).
"""

import json
from collections import Counter
from random import Random

from structlog.testing import capture_logs

from proxy.core.message import parse_response_head
from tests.kit.inside import Inside
from tests.kit.odd_heads import chunked_body, pieces, request_head, response_head
from tests.kit.transport import MemoryTransport, turns

GOOD = b"GET /%d HTTP/1.1\r\nHost: a\r\n\r\n"
UPGRADE = b"GET /%d HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\nraw"
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


def client_bytes(rng: Random) -> bytes:
    """Requests, good and odd, pipelined or not, or no requests at all."""
    if rng.random() < 0.05:
        return rng.randbytes(rng.randrange(1, 60))
    data = b""
    for number in range(rng.randrange(1, 4)):
        if rng.random() < 0.3:
            data += GOOD % number
        else:
            data += request_head(rng)
            data += rng.choice((b"", b"hello", chunked_body(rng, b"hello", odd=0.2)))
    return data


def upstream_bytes(rng: Random) -> bytes:
    """A response, good or odd, or none."""
    if rng.random() < 0.3:
        return ANSWER
    if rng.random() < 0.1:
        return rng.randbytes(rng.randrange(0, 60))
    interim = b"HTTP/1.1 103 E\r\nX-A: 1\r\n\r\n" * rng.randrange(0, 2)
    switch = b"HTTP/1.1 101 S\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n"
    body = chunked_body(rng, b"hello world", odd=0.1)
    start = switch if rng.random() < 0.2 else response_head(rng)
    return interim + start + rng.choice((b"", b"hello", body))


class Fuzz:
    """One door, and one client after the other; `seen` counts how each answer began."""

    def __init__(self, rng: Random) -> None:
        self.rng = rng
        self.inside = Inside(limits={"header_bytes": "1KiB", "url_bytes": "1KiB"})
        self.seen: Counter[str] = Counter()
        self._upstreams: list[MemoryTransport] = []
        self._dials = 0

    async def client(self, *, odd_upstream: bool) -> None:
        """One client from its first byte to its end; AssertionError if anything is amiss."""
        with capture_logs() as said:
            data, got = await self._converse(odd_upstream=odd_upstream)
        amiss = [event for event in said if event["event"] not in ("request", "request_refused")]
        assert not amiss, (data, amiss)
        self._judge(data, got)

    async def _converse(self, *, odd_upstream: bool) -> tuple[bytes, bytes]:
        rng = self.rng
        client = self.inside.connect(half_closes=rng.random() < 0.8)
        plain = rng.choice((GOOD, GOOD, UPGRADE)) % 0
        data = client_bytes(rng) if not odd_upstream or rng.random() < 0.3 else plain
        for piece in pieces(rng, data):
            if not client.closing:
                client.peer_sends(piece)
            if rng.random() < 0.1 and not client.closing:
                client.peer_blocks(100)
            if rng.random() < 0.7:
                await turns(rng.randrange(1, 6))
            await self._upstream(odd=odd_upstream)
        if client.unsent and rng.random() < 0.7:
            client.peer_reads()
        await self._upstream(odd=odd_upstream)
        await self._end(client)
        return data, bytes(client.written)

    async def _upstream(self, *, odd: bool) -> None:
        """Play every upstream that is asked something."""
        rng = self.rng
        dials = self.inside.loop.dials
        for dial in dials[self._dials :]:
            if not dial.wanted:
                continue
            if odd and rng.random() < 0.05:
                dial.refuse()
                continue
            dial.accept()
            await turns()
            if dial.transport is not None:
                self._upstreams.append(dial.transport)
        self._dials = len(dials)
        self._upstreams = [one for one in self._upstreams if not one.closing]
        for one in self._upstreams:
            if b"\r\n\r\n" in one.sent():
                for piece in pieces(rng, upstream_bytes(rng) if odd else ANSWER):
                    if not one.closing:
                        one.peer_sends(piece)
            if odd and rng.random() < 0.2 and not one.closing:
                rng.choice((one.peer_ends, one.peer_resets))()

    async def _end(self, client: MemoryTransport) -> None:
        """The client leaves in some way, or says nothing until its time is over."""
        how = self.rng.randrange(4)
        if how == 0 and not client.closing:
            client.peer_ends()
        elif how == 1 and not client.closing:
            client.peer_resets()
        for _ in range(8):
            await self._upstream(odd=False)
            await turns(4)
        for _ in range(6):
            if client.closing and not self.inside.door.sweep.watched:
                break
            await self.inside.sweep(80.0)
            await turns(4)
        for tunnel in tuple(self.inside.door.tunnels):
            tunnel.abort()
        await turns()
        assert client.closing, "a connection has no end"
        assert not self.inside.door.connections
        assert self.inside.accounting.in_flight == 0

    def _judge(self, sent: bytes, got: bytes) -> None:
        if not got:
            self.seen["nothing"] += 1
            return
        end = got.find(b"\r\n\r\n") + 4
        head = parse_response_head(got[:end])
        self.seen[str(head.status)] += 1
        assert head.status != 500, sent
        for part in got.split(b"application/problem+json")[1:]:
            said = json.loads(part[part.find(b"{") : part.find(b"}") + 1] or b"{}")
            assert said.get("reason") != "internal", sent
            self.seen[said.get("reason", "head only")] += 1

    async def close(self) -> None:
        """End everything; nothing may be left, and no fault of ours was counted."""
        for one in self._upstreams:
            one.abort()
        await turns()
        faults = self.inside.accounting.faults()
        assert "internal" not in {reason.value for reason in faults}
        await self.inside.close()
