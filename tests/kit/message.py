"""A strict reader of HTTP/1.1 messages, written from RFC 9112 for tests alone.

It forgives nothing: what a proxy sends must be unambiguous, so a bare CR or LF,
a second Content-Length or a malformed chunk is an error here.
"""

import re
from dataclasses import dataclass, field
from typing import Literal

from tests.kit.wire import CutError, Wire, WireError

Fields = tuple[tuple[bytes, bytes], ...]
Framing = Literal["none", "length", "chunked", "close"]

_FIELD = re.compile(rb"([!#$%&'*+\-.^_`|~0-9A-Za-z]+):[ \t]*(.*?)[ \t]*", re.DOTALL)
_STATUS = re.compile(rb"HTTP/1\.([01]) ([1-9]\d\d) ([^\r\n\x00]*)")
_REQUEST = re.compile(rb"([!#$%&'*+\-.^_`|~0-9A-Za-z]+) ([^\x00-\x20\x7f]+) HTTP/1\.([01])")
_CHUNK = re.compile(rb"([0-9A-Fa-f]+)\r\n")
_NO_BODY = (204, 304)


def named(fields: Fields, name: bytes) -> list[bytes]:
    """The values of every field line of that name, in order; the name's case does not matter."""
    return [value for key, value in fields if key.lower() == name.lower()]


def listed(fields: Fields, name: bytes) -> list[bytes]:
    """The elements of a comma-separated list field, over all its lines."""
    joined = b",".join(named(fields, name))
    return [part.strip() for part in joined.split(b",") if part.strip()]


def without(fields: Fields, *names: bytes) -> Fields:
    """The fields but for those of these names."""
    dropped = {name.lower() for name in names}
    return tuple(pair for pair in fields if pair[0].lower() not in dropped)


@dataclass(frozen=True)
class Head:
    """A start line and its field lines, as they came."""

    line: bytes
    fields: Fields
    raw: bytes

    def values(self, name: bytes) -> list[bytes]:
        """Every value of the field, in order."""
        return named(self.fields, name)

    def value(self, name: bytes) -> bytes | None:
        """The one value of a field; an error when the field came twice."""
        found = self.values(name)
        if len(found) > 1:
            raise WireError(f"{name!r} came {len(found)} times: {found!r}")
        return found[0] if found else None

    def elements(self, name: bytes) -> list[bytes]:
        """The elements of a list field."""
        return listed(self.fields, name)


@dataclass(frozen=True)
class Request(Head):
    """A request as an upstream received it."""

    method: bytes = b""
    target: bytes = b""
    version: bytes = b"1.1"
    framing: Framing = "none"
    body: bytes = b""
    raw_body: bytes = b""
    trailers: Fields = ()


@dataclass(frozen=True)
class Response(Head):
    """A response as a client received it, with the 1xx responses that came before it."""

    status: int = 0
    phrase: bytes = b""
    version: bytes = b"1.1"
    framing: Framing = "none"
    body: bytes = b""
    raw_body: bytes = b""
    trailers: Fields = ()
    interim: tuple["Response", ...] = field(default=())


def split_head(raw: bytes) -> tuple[bytes, Fields]:
    """Take a head (with its empty line) apart."""
    lines = raw[:-4].split(b"\r\n")
    for line in lines:
        if b"\r" in line or b"\n" in line or b"\0" in line:
            raise WireError(f"bare CR, LF or NUL in {line!r}")
    return lines[0], _parse_fields(lines[1:])


def _parse_fields(lines: list[bytes]) -> Fields:
    fields = []
    for line in lines:
        match = _FIELD.fullmatch(line)
        if match is None:
            raise WireError(f"not a field line: {line!r}")
        fields.append((match[1], match[2]))
    return tuple(fields)


def read_request_head(wire: Wire) -> Request:
    """Read a request's head; its body stays unread."""
    raw = wire.read_until(b"\r\n\r\n")
    line, fields = split_head(raw)
    match = _REQUEST.fullmatch(line)
    if match is None:
        raise WireError(f"not a request line: {line!r}")
    framing = _framing(fields, otherwise="none")
    return Request(line, fields, raw, match[1], match[2], b"1." + match[3], framing)


def read_request(wire: Wire) -> Request:
    """Read a complete request; CutError when the stream ends inside it."""
    head = read_request_head(wire)
    raw_body, body, trailers = read_body(wire, head, head.framing)
    return Request(
        head.line,
        head.fields,
        head.raw,
        head.method,
        head.target,
        head.version,
        head.framing,
        body,
        raw_body,
        trailers,
    )


def read_response_head(wire: Wire, method: bytes = b"GET") -> Response:
    """Read one head, interim or final; its body stays unread."""
    raw = wire.read_until(b"\r\n\r\n")
    line, fields = split_head(raw)
    match = _STATUS.fullmatch(line)
    if match is None:
        raise WireError(f"not a status line: {line!r}")
    status = int(match[2])
    bodiless = method == b"HEAD" or status in _NO_BODY or status < 200
    framing = "none" if bodiless else _framing(fields, otherwise="close")
    return Response(line, fields, raw, status, match[3], b"1." + match[1], framing)


def read_response(wire: Wire, method: bytes = b"GET") -> Response:
    """Read a final response with its body; 101 counts as final and has none."""
    interim: list[Response] = []
    while (head := read_response_head(wire, method)).status < 200 and head.status != 101:
        interim.append(head)
    raw_body, body, trailers = read_body(wire, head, head.framing)
    return Response(
        head.line,
        head.fields,
        head.raw,
        head.status,
        head.phrase,
        head.version,
        head.framing,
        body,
        raw_body,
        trailers,
        tuple(interim),
    )


def _framing(fields: Fields, otherwise: Framing) -> Framing:
    codings = named(fields, b"transfer-encoding")
    lengths = named(fields, b"content-length")
    if codings:
        if lengths or [coding.lower() for coding in codings] != [b"chunked"]:
            raise WireError(f"framing that reads two ways: {codings!r} with {lengths!r}")
        return "chunked"
    if lengths:
        if len(lengths) > 1 or not re.fullmatch(rb"\d+", lengths[0]):
            raise WireError(f"not one plain Content-Length: {lengths!r}")
        return "length"
    return otherwise


def read_body(wire: Wire, head: Head, framing: Framing) -> tuple[bytes, bytes, Fields]:
    """Read a body by its framing: the bytes as they came, their content, the trailers."""
    if framing == "none":
        return b"", b"", ()
    if framing == "length":
        body = wire.read_exactly(int(head.values(b"content-length")[0]))
        return body, body, ()
    if framing == "close":
        body = wire.read_to_end()
        if wire.end == "reset":
            raise CutError("the connection was reset in the body", body, wire.end)
        return body, body, ()
    return _read_chunked(wire)


def _read_chunked(wire: Wire) -> tuple[bytes, bytes, Fields]:
    raw, body = bytearray(), bytearray()
    try:
        while True:
            size, line = read_chunk_size(wire)
            raw += line
            if not size:
                break
            data = wire.read_exactly(size + 2)
            raw += data
            if data[-2:] != b"\r\n":
                raise WireError(f"no CRLF after a chunk of {size} bytes: {data[-8:]!r}")
            body += data[:-2]
        return _read_trailers(wire, raw, body)
    except CutError as cut:
        whole = bytes(body) + cut.partial
        raise CutError("the chunked body has no end", whole, cut.end) from None


def read_chunk_size(wire: Wire) -> tuple[int, bytes]:
    """Read one chunk-size line: the size and the line itself."""
    line = wire.read_until(b"\r\n")
    match = _CHUNK.fullmatch(line)
    if match is None:
        raise WireError(f"not a plain chunk size: {line!r}")
    return int(match[1], 16), line


def read_chunk(wire: Wire) -> bytes:
    """Read one chunk's data; empty for the last one (whose trailers stay unread)."""
    size, _ = read_chunk_size(wire)
    return wire.read_exactly(size + 2)[:-2] if size else b""


def _read_trailers(wire: Wire, raw: bytearray, body: bytearray) -> tuple[bytes, bytes, Fields]:
    lines: list[bytes] = []
    while (line := wire.read_until(b"\r\n")) != b"\r\n":
        raw += line
        lines.append(line[:-2])
    raw += line
    return bytes(raw), bytes(body), _parse_fields(lines)
