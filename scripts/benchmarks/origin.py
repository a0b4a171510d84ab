"""An origin for large bodies and WebSocket: `python -m scripts.benchmarks.origin PORT`.

GET  /bytes/N        N bytes
POST /count          reads the body as fast as it comes, answers with its size
POST /slow           the same, but slowly for the first ten seconds
GET with Upgrade     an echo of WebSocket frames
anything else        "ok"
"""

import asyncio
import base64
import hashlib
import sys
import time

import uvloop

BLOCK = bytes(256 * 1024)
WEBSOCKET_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # RFC 6455, section 1.3
SLOW_SECONDS = 10.0
SLOW_RATE = 20e6  # bytes per second

Fields = dict[bytes, bytes]


def parsed(head: bytes) -> tuple[bytes, bytes, Fields]:
    """Method, path and fields of a request head that our own benchmark sent."""
    first, *lines = head.rstrip(b"\r\n").split(b"\r\n")
    method, path, _ = first.split(b" ")
    pairs = (line.partition(b":") for line in lines)
    return method, path, {name.strip().lower(): value.strip() for name, _, value in pairs}


def reply(body: bytes) -> bytes:
    """A whole small response."""
    return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)


async def send_bytes(writer: asyncio.StreamWriter, count: int) -> None:
    """Answer with that many bytes."""
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % count)
    while count > 0:
        writer.write(BLOCK[:count])
        count -= len(BLOCK)
        await writer.drain()


async def count_body(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, length: int, *, slowly: bool
) -> None:
    """Read a body of a stated length and answer with the number of bytes that came."""
    started = time.monotonic()
    seen = 0
    while seen < length and (block := await reader.read(min(len(BLOCK), length - seen))):
        seen += len(block)
        passed = time.monotonic() - started
        if slowly and passed < SLOW_SECONDS:
            await asyncio.sleep(max(0.0, seen / SLOW_RATE - passed))
    writer.write(reply(b"%d" % seen))


async def echo_frames(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, key: bytes
) -> None:
    """Answer the handshake, then send each short masked frame back unmasked."""
    accept = base64.b64encode(hashlib.sha1(key + WEBSOCKET_GUID).digest())
    writer.write(
        b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
        b"Sec-WebSocket-Accept: %b\r\n\r\n" % accept
    )
    while True:
        first, length = await reader.readexactly(2)
        mask = await reader.readexactly(4)
        payload = await reader.readexactly(length & 0x7F)
        repeated = (mask * (len(payload) // 4 + 1))[: len(payload)]
        plain = int.from_bytes(payload) ^ int.from_bytes(repeated)
        writer.write(bytes((first, len(payload))) + plain.to_bytes(len(payload)))


async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer the requests of one connection until it closes."""
    try:
        while True:
            method, path, fields = parsed(await reader.readuntil(b"\r\n\r\n"))
            if key := fields.get(b"sec-websocket-key"):
                await echo_frames(reader, writer, key)
            elif method == b"POST":
                length = int(fields[b"content-length"])
                await count_body(reader, writer, length, slowly=path == b"/slow")
            elif path.startswith(b"/bytes/"):
                await send_bytes(writer, int(path.rpartition(b"/")[2]))
            else:
                writer.write(reply(b"ok"))
    except (asyncio.IncompleteReadError, ConnectionError):
        pass
    finally:
        writer.close()


async def main() -> None:
    server = await asyncio.start_server(serve, "127.0.0.1", int(sys.argv[1]), backlog=4096)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(main())
