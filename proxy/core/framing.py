"""How long a message's body is, and taking it apart: RFC 9112 sections 6 and 7.

Decoders are fed bytes and give back payload; they hold no more than an unfinished
chunk header or trailer section, both bounded. They know nothing of sockets.
"""

import re
from enum import Enum
from typing import NamedTuple

from proxy.core.field import TOKEN, Field, MessageError, parse_fields
from proxy.core.message import RequestHead, ResponseHead
from proxy.core.reason import Reason

__all__ = ["Body", "ChunkedBody", "Decoded", "Framing", "LengthBody", "UntilCloseBody"]
__all__ += ["chunk", "request_framing", "response_framing"]

_DIGITS = re.compile(rb"\d{1,18}")
# RFC 9112 section 7.1.1: extensions are read over, and only if they are well formed.
_CHUNK_HEAD = re.compile(
    rb"([0-9A-Fa-f]{1,15}+)"
    rb"(?:[ \t]*+;[ \t]*+%b++(?:[ \t]*+=[ \t]*+"
    rb"(?:%b++|\"(?:[\t \x21\x23-\x5b\x5d-\x7e\x80-\xff]|\\[\t \x21-\x7e\x80-\xff])*+\"))?+)*+"
    % (TOKEN, TOKEN)
)
_CHUNK_HEAD_MOST = 4096
_TRAILERS_MOST = 32768


class Framing(Enum):
    """Where a body ends."""

    NONE = "none"
    LENGTH = "length"
    CHUNKED = "chunked"
    UNTIL_CLOSE = "until_close"


class Decoded(NamedTuple):
    """What a decoder made of the bytes: payload, bytes beyond the body, finished, trailers."""

    payload: bytes
    rest: bytes
    done: bool
    trailers: list[Field]


_NO_TRAILERS: list[Field] = []


class LengthBody:
    """A body of exactly `length` bytes (RFC 9112 section 6.2)."""

    __slots__ = ("_left",)

    def __init__(self, length: int) -> None:
        """Expect `length` bytes."""
        self._left = length

    def feed(self, data: bytes) -> Decoded:
        """Take the body's share of `data`."""
        left = self._left - len(data)
        if left > 0:
            self._left = left
            return Decoded(data, b"", False, _NO_TRAILERS)
        self._left = 0
        if left == 0:
            return Decoded(data, b"", True, _NO_TRAILERS)
        return Decoded(data[:left], data[left:], True, _NO_TRAILERS)


class UntilCloseBody:
    """A response body that ends with its connection (RFC 9112 section 6.3, item 8)."""

    __slots__ = ()

    def feed(self, data: bytes) -> Decoded:
        """Everything is payload; only the connection's end finishes it."""
        return Decoded(data, b"", False, _NO_TRAILERS)


class ChunkedBody:
    """A chunked body (RFC 9112 section 7.1); raises MessageError(reason) where it is not one.

    States: `_left` > 0 in chunk data; `_left` == 0 before a chunk head; -1 before the
    CRLF that ends chunk data; -2 in the trailer section.
    """

    __slots__ = ("_held", "_left", "_reason")

    def __init__(self, reason: Reason) -> None:
        """Blame `reason` for what is malformed."""
        self._left = 0
        self._held = b""
        self._reason = reason

    def feed(self, data: bytes) -> Decoded:
        """Decode as much as has come."""
        if self._held:
            data = self._held + data
            self._held = b""
        payload: list[bytes] = []
        at, end = 0, len(data)
        while at < end:
            left = self._left
            if left > 0:
                piece = data[at : at + left]
                payload.append(piece)
                at += len(piece)
                self._left = left - len(piece) or -1
            elif left == -1:
                if end - at == 1 and data[at] == 0x0D:
                    break
                if data[at : at + 2] != b"\r\n":
                    raise self._error("A chunk does not end where its size says.")
                at += 2
                self._left = 0
            elif left == 0:
                stop = self._chunk_head(data, at)
                if stop < 0:
                    break
                at = stop
            else:
                found = self._trailers(data, at)
                if found is None:
                    break
                trailers, stop = found
                return Decoded(b"".join(payload), data[stop:], True, trailers)
        self._held = data[at:]
        return Decoded(b"".join(payload), b"", False, _NO_TRAILERS)

    def _chunk_head(self, data: bytes, at: int) -> int:
        """Read `size [extensions] CRLF` at `at`; the position behind it, or -1 for not yet."""
        stop = data.find(b"\r\n", at)
        if stop < 0:
            # An early look, so that a bare LF or a letter that is no digit is refused at
            # once and not only when the other side gives up waiting.
            if len(data) - at > _CHUNK_HEAD_MOST or b"\n" in data[at:] or _bad_start(data, at):
                raise self._error("A chunk size is not a hexadecimal number.")
            return -1
        head = _CHUNK_HEAD.fullmatch(data, at, stop)
        if head is None or stop - at > _CHUNK_HEAD_MOST:
            raise self._error("A chunk size is not a hexadecimal number.")
        size = int(head[1], 16)
        # The last chunk's CRLF is left in place: it begins the trailer section's grammar.
        self._left = size or -2
        return stop + 2 if size else stop

    def _trailers(self, data: bytes, at: int) -> tuple[list[Field], int] | None:
        """Read `CRLF *(field-line CRLF) CRLF` at `at`; the fields and the position behind."""
        if data.startswith(b"\r\n\r\n", at):
            return _NO_TRAILERS, at + 4
        stop = data.find(b"\r\n\r\n", at)
        if stop < 0:
            section = data[at:]
            if len(section) > _TRAILERS_MOST or section.count(b"\n") != section.count(b"\r\n"):
                raise self._error("The trailer section is not well formed.")
            return None
        if stop + 4 - at > _TRAILERS_MOST:
            raise self._error("The trailer section is too large.")
        try:
            fields, _ = parse_fields(data[at : stop + 4], 0)
        except MessageError as error:
            raise self._error(error.detail) from None
        return fields, stop + 4

    def _error(self, detail: str) -> MessageError:
        return MessageError(self._reason, detail)


def _bad_start(data: bytes, at: int) -> bool:
    return data[at : at + 1] not in b"0123456789abcdefABCDEF"


Body = LengthBody | ChunkedBody | UntilCloseBody


def chunk(payload: bytes) -> bytes:
    """`payload` (not empty: an empty chunk would end the body) as one chunk."""
    return b"%x\r\n%b\r\n" % (len(payload), payload)


def request_framing(head: RequestHead) -> tuple[Framing, int]:
    """Tell how a request's body ends, and its length (0 unless LENGTH).

    Raises MessageError for whatever could be read in two ways: both Content-Length
    and Transfer-Encoding, a length that is no plain number or repeated, a coding
    other than chunked, a coding on HTTP/1.0 (RFC 9112 sections 6.1 and 6.3).
    """
    index = head.by_name
    coding = index.get(b"transfer-encoding")
    length = index.get(b"content-length")
    if coding is None:
        if length is None:
            return Framing.NONE, 0
        size = _length(length, Reason.BAD_REQUEST)
        return (Framing.LENGTH, size) if size else (Framing.NONE, 0)
    if length is not None:
        raise MessageError(
            Reason.BAD_REQUEST, "Content-Length and Transfer-Encoding cannot come together."
        )
    if head.minor == 0:
        raise MessageError(Reason.BAD_REQUEST, "HTTP/1.0 has no Transfer-Encoding.")
    codings = [part.strip(b" \t").lower() for part in coding.split(b",")]
    if codings != [b"chunked"]:
        if codings[-1] == b"chunked" and b"chunked" not in codings[:-1] and all(codings):
            raise MessageError(Reason.CODING_NOT_SUPPORTED, "Only the chunked coding is spoken.")
        raise MessageError(Reason.BAD_REQUEST, "The final transfer coding must be chunked, once.")
    return Framing.CHUNKED, 0


def response_framing(head: ResponseHead, method: bytes) -> tuple[Framing, int]:
    """Tell how a final response's body ends (RFC 9112 section 6.3).

    Raises MessageError(UPSTREAM_INVALID) for both or malformed framing fields.
    """
    index = head.by_name
    coding = index.get(b"transfer-encoding")
    length = index.get(b"content-length")
    size = -1 if length is None else _length(length, Reason.UPSTREAM_INVALID)
    if coding is not None and (length is not None or coding.lower() != b"chunked"):
        raise MessageError(Reason.UPSTREAM_INVALID, "The upstream's body length is ambiguous.")
    if coding is not None and head.minor == 0:
        raise MessageError(Reason.UPSTREAM_INVALID, "HTTP/1.0 has no Transfer-Encoding.")
    if method == b"HEAD" or head.status in (204, 304):
        return Framing.NONE, 0
    if coding is not None:
        return Framing.CHUNKED, 0
    if size < 0:
        return Framing.UNTIL_CLOSE, 0
    return (Framing.LENGTH, size) if size else (Framing.NONE, 0)


def _length(value: bytes, reason: Reason) -> int:
    if _DIGITS.fullmatch(value) is None:
        raise MessageError(reason, "Content-Length is not one plain number.")
    return int(value)
