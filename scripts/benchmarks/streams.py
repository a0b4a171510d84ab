"""Streams read to their end: a bounded number of them on some connections, chunks counted.

wrk would count the streams that end within its time, and those that are cut off at its end
would have cost for nothing.
"""

import asyncio

import uvloop

CHUNKED_END = b"\r\n0\r\n\r\n"
DONE = b"data: [DONE]\n\n"
CONTENT = b'"delta":{"content":'
MOST_BYTES = 16 << 20
SECONDS = 120.0
"""The longest that all streams together may take."""


async def read_in_turn(port: int, request: bytes, count: int) -> int:
    """Read streams on one connection, one after the other; the pieces of content that came."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=MOST_BYTES)
    chunks = 0
    try:
        for _ in range(count):
            writer.write(request)
            try:
                came = await reader.readuntil(CHUNKED_END)
            except asyncio.IncompleteReadError as cut:
                came = cut.partial
            if not came.startswith(b"HTTP/1.1 200 ") or DONE not in came:
                raise RuntimeError(f"a stream is not complete: {came[:500]!r}")
            chunks += came.count(CONTENT)
    finally:
        writer.close()
    return chunks


async def read_beside(port: int, path: str, body: str, connections: int, each: int) -> int:
    """Read streams on several connections at once."""
    async with asyncio.timeout(SECONDS):
        return sum(
            await asyncio.gather(
                *(
                    read_in_turn(port, posted(path, body, user), each)
                    for user in range(1, connections + 1)
                )
            )
        )


def posted(path: str, body: str, user: int) -> bytes:
    """The bytes that one user sends."""
    content = body.replace("TURN", str(user)).encode()
    head = (
        f"POST {path} HTTP/1.1\r\nHost: api.example.com\r\nX-User-Id: user-{user}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(content)}\r\n\r\n"
    )
    return head.encode() + content


def read(port: int, path: str, body: str, *, connections: int, each: int) -> int:
    """Read that many streams on each connection; the pieces of content that came.

    TURN in the body becomes the number of the user. Raises RuntimeError for a stream that is
    not complete, TimeoutError where it takes too long.
    """
    return uvloop.run(read_beside(port, path, body, connections, each))
