"""Another strict parser's reading of a message that we accept: llhttp in aiohttp.

We may refuse more than it, never less; where we do accept what it refuses, the
exception stands in `STRICTER` with its reason.
"""

import asyncio
import re
from collections.abc import Callable
from random import Random
from typing import Any

from aiohttp.base_protocol import BaseProtocol
from aiohttp.http_exceptions import HttpProcessingError
from aiohttp.http_parser import HttpRequestParser, HttpResponseParser

from proxy.core.field import MessageError
from proxy.core.forwarding import connection_options, max_forwards
from proxy.core.framing import Framing, request_framing, response_framing
from proxy.core.message import RequestHead, ResponseHead, parse_request_head, parse_response_head
from tests.kit.odd_heads import METHODS, chunked_body

SAME = "same"
REFUSED = "refused"
LEFT_OUT = "left out"
_NEXT = b"GET /second HTTP/1.1\r\nHost: z\r\n\r\n"
_KNOWN = frozenset(METHODS) - {b"FOO"}

# RFC 9110 section 5.6.3: white space is spaces and tabs.
_TAB_BEHIND = re.compile(rb"(?i)\r\nTransfer-Encoding:[^\r]*\t[ \t]*\r\n")

STRICTER: dict[str, Callable[[RequestHead, bytes], bool]] = {
    "any token is a method (RFC 9110 section 9.1); llhttp has a list": (
        lambda head, _: head.method not in _KNOWN
    ),
    "HTTP/1.2 to 1.9 are HTTP/1.1 to us (RFC 9110 section 6.2)": lambda head, _: head.minor > 1,
    "bytes from 0x80 in a target pass untouched; aiohttp wants UTF-8": (
        lambda head, _: not head.target.isascii()
    ),
    "a port is digits (RFC 3986 section 3.2.3); yarl wants one below 65536": (
        lambda head, _: head.authority is not None and b":" in head.authority
    ),
    "a repeated Max-Forwards counts for OPTIONS and TRACE alone, and is refused there": (
        lambda head, _: b"," in head.by_name.get(b"max-forwards", b"")
    ),
    "a tab behind the coding is white space and not passed on; llhttp takes spaces alone": (
        lambda _, data: _TAB_BEHIND.search(data) is not None
    ),
}


class SecondOpinion:
    """Parsers on a loop of their own; `close` it."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._protocol = BaseProtocol(self._loop)

    def close(self) -> None:
        """Close the loop."""
        self._loop.close()

    def request(self, data: bytes, rng: Random) -> str:
        """Compare the readings of a request's head with a body of its framing behind it.

        Returns SAME, REFUSED (by us), or the exception's reason; AssertionError if they differ.
        """
        try:
            head = parse_request_head(data)
            framing, length = request_framing(head)
            max_forwards(head)
        except MessageError:
            return REFUSED
        if length > 100:
            return LEFT_OUT
        for why, holds in STRICTER.items():
            if holds(head, data):
                return why
        whole = data + _body(rng, framing, length)
        followed = _keeps(head) and b"upgrade" not in head.by_name
        parser = HttpRequestParser(self._protocol, self._loop, 2**16)
        try:
            messages, _, _ = parser.feed_data(whole + _NEXT if followed else whole)
        except HttpProcessingError as error:
            raise AssertionError(f"accepted by us alone: {data!r}: {error.message}") from error
        _same_request(head, framing, messages[0][0])
        seconds = [message.path for message, _ in messages[1:]]
        assert seconds == (["/second"] if followed else []), data
        return SAME

    def response(self, data: bytes, rng: Random) -> str:
        """Compare the readings of a response to GET; returns and raises as `request` does."""
        try:
            head = parse_response_head(data)
            framing, length = response_framing(head, b"GET")
        except MessageError:
            return REFUSED
        # As for requests; and llhttp stops at an Upgrade field.
        if head.minor > 1 or b"upgrade" in head.by_name or length > 100:
            return LEFT_OUT
        if _TAB_BEHIND.search(data):
            return LEFT_OUT
        parser = HttpResponseParser(self._protocol, self._loop, 2**16, response_with_body=True)
        try:
            messages, _, rest = parser.feed_data(data + _body(rng, framing, length))
        except HttpProcessingError as error:
            raise AssertionError(f"accepted by us alone: {data!r}: {error.message}") from error
        message = messages[0][0]
        assert (message.code, len(messages), rest) == (head.status, 1, b""), data
        assert (message.reason or "").encode("utf-8", "surrogateescape") == head.phrase, data
        _same(head, framing, message)
        return SAME


def _body(rng: Random, framing: Framing, length: int) -> bytes:
    if framing is Framing.CHUNKED:
        return chunked_body(rng, b"hello, world")
    return b"x" * length


def _keeps(head: RequestHead) -> bool:
    options = connection_options(head.by_name)
    return b"close" not in options and (head.minor > 0 or b"keep-alive" in options)


def _same_request(head: RequestHead, framing: Framing, message: Any) -> None:
    assert message.method.encode() == head.method
    if head.authority is None:
        assert message.path.encode() == head.target
    else:
        assert message.url.raw_path_qs.encode() == head.target or head.target == b"*"
    _same(head, framing, message)


def _same(head: RequestHead | ResponseHead, framing: Framing, message: Any) -> None:
    assert list(message.raw_headers) == [(f.name, f.value) for f in head.fields]
    coded = b"transfer-encoding" in head.by_name
    assert message.chunked is coded
    assert coded is (framing is Framing.CHUNKED) or framing is Framing.NONE
