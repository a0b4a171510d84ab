"""Message heads, valid and almost valid, for property tests and fuzzing. Seeded, not random."""

from itertools import pairwise
from random import Random

METHODS = (b"GET", b"POST", b"PUT", b"DELETE", b"HEAD", b"OPTIONS", b"PATCH", b"TRACE", b"FOO")
TARGETS = (
    b"/",
    b"/a?b=c",
    b"*",
    b"//a",
    b"/%zz",
    b"/%2e%2e/",
    b"/a#b",
    b"x",
    b"/\xe4",
    b'/{}|\\^`"<>',
    b"http://x.example/a",
    b"http://x.example",
    b"HTTPS://x:1?q",
    b"http://u@h/",
    b"http://[::1]/",
    b"http://[::1",
    b"http:///x",
    b"ftp://a/",
)
VERSIONS = (*((b"HTTP/1.1",) * 9), b"HTTP/1.0", b"HTTP/1.2", b"HTTP/2.0", b"http/1.1", b"HTTP/1.10")
FRAMING_LINES = (
    b"Content-Length: 5",
    b"Content-Length: 0",
    b"content-length:5",
    b"Content-Length: 05 ",
    b"Content-Length: 5, 5",
    b"Content-Length: +5",
    b"Content-Length: 6",
    b"Transfer-Encoding: chunked",
    b"Transfer-Encoding:\tChunked ",
    b"Transfer-Encoding: chunked \t",
    b"Transfer-Encoding: gzip, chunked",
    b"Transfer-Encoding: chunked, identity",
    b"Transfer-Encoding: identity",
    b"Transfer-Encoding : chunked",
    b"Transfer_Encoding: chunked",
)
LINES = (
    b"Host: a.example",
    b"host: b:80",
    b"Host: a b",
    b"Connection: close",
    b"Connection: keep-alive",
    b"Connection: x-a, X-Empty",
    b"Connection: Upgrade",
    b"Upgrade: websocket",
    b"Expect: 100-continue",
    b"Max-Forwards: 1",
    b"X-A: 1",
    b"x-a: \xe4\xff",
    b"X-Empty:",
    b"X-Tab: a\tb",
    b"Cookie: a=b",
    b"Cookie: c=d",
    b"X-User-Id: eve",
    b"X_User_Id: eve",
    b"X-Forwarded-For: 10.0.0.1",
    b"X-Request-Id: mine",
    b"A'!#$%&*+-.^_`|~9: t",
    b"Keep-Alive: timeout=5",
    b"TE: trailers",
    b" folded: x",
)
JUNK = (
    b"\r",
    b"\n",
    b"\0",
    b" ",
    b"\t",
    b":",
    b"\r\n",
    b"\x7f",
    b"\x0b",
    b"\x80",
    b",",
    b"a",
    b"0",
)


def broken(rng: Random, data: bytes) -> bytes:
    """`data` with a byte put in, replaced or left out."""
    at = rng.randrange(len(data))
    rest = data[at + rng.randrange(2) :]
    return data[:at] + (rng.choice(JUNK) if rng.random() < 0.75 else b"") + rest


def head_of(rng: Random, start: bytes, *, odd: float) -> bytes:
    """A head with some lines behind `start`, broken with the probability `odd`; it has an end."""
    lines = [rng.choice(LINES) for _ in range(rng.randrange(4))]
    if rng.random() < 0.5:
        lines.append(rng.choice(FRAMING_LINES))
    if rng.random() < 0.1:
        lines.append(rng.choice(FRAMING_LINES))
    rng.shuffle(lines)
    if rng.random() < 0.8:
        lines.insert(0, b"Host: h.example")
    head = start + b"\r\n" + b"".join(line + b"\r\n" for line in lines) + b"\r\n"
    while rng.random() < odd:
        head = broken(rng, head)
    end = head.find(b"\r\n\r\n")
    return head + b"\r\n\r\n" if end < 0 else head[: end + 4]


def request_head(rng: Random, *, odd: float = 0.3) -> bytes:
    """A request's head, mostly a good one."""
    target = rng.choice(TARGETS) if rng.random() < 0.3 else b"/p"
    return head_of(rng, b" ".join((rng.choice(METHODS), target, rng.choice(VERSIONS))), odd=odd)


def response_head(rng: Random, *, odd: float = 0.3) -> bytes:
    """A response's head, mostly a good one."""
    status = rng.choice((b"200 OK", b"200", b"200 ", b"204 No", b"304 Same", b"404 \xe4", b"999 x"))
    version = rng.choice((b"HTTP/1.1",) * 6 + (b"HTTP/1.0", b"HTTP/1.2", b"HTTP/2", b"ICY"))
    return head_of(rng, version + b" " + status, odd=odd)


def chunked_body(rng: Random, payload: bytes, *, odd: float = 0.0) -> bytes:
    """`payload` in chunks of any size, perhaps broken."""
    data, at = b"", 0
    while at < len(payload):
        piece = payload[at : at + rng.randrange(1, 9)]
        at += len(piece)
        data += b"%x%b\r\n%b\r\n" % (len(piece), rng.choice((b"", b"", b";a=b")), piece)
    data += rng.choice((b"0\r\n\r\n", b"0\r\nX-T: 1\r\n\r\n", b"00;x\r\n\r\n"))
    while rng.random() < odd:
        data = broken(rng, data)
    return data


def pieces(rng: Random, data: bytes) -> list[bytes]:
    """`data` cut at any places; not one piece is empty."""
    cuts = sorted({rng.randrange(1, max(2, len(data))) for _ in range(rng.randrange(5))})
    edges = [0, *(cut for cut in cuts if cut < len(data)), len(data)]
    return [data[a:b] for a, b in pairwise(edges) if a < b]
