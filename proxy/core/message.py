"""HTTP/1.1 message heads: bytes in, parsed parts out, or a reason to refuse.

Rules of this file:

- A head is read in exactly one way or not at all (RFC 9112 section 11.2: what two
  recipients read differently is how requests are smuggled). There is no lenient mode.
- Nothing is decoded, sorted, merged or dropped in `fields`: what is forwarded is
  written again from these very parts.
- `by_name` is for looking up: names in lower case, repeated fields joined as RFC 9110
  section 5.3 says. Joining makes the dangerous repetitions invalid by themselves:
  two Host lines become a value with a space in it, two Content-Length lines a list.

The grammar is checked over the whole head by regular expressions without backtracking
(possessive quantifiers), so that what takes the head apart may be naive.
"""

import re
from functools import lru_cache
from typing import NamedTuple

from proxy.core.field import TOKEN, Field, MessageError, parse_fields
from proxy.core.reason import Reason

__all__ = [
    "IDEMPOTENT",
    "SAFE",
    "RequestHead",
    "ResponseHead",
    "parse_request_head",
    "parse_response_head",
]

_REQUEST_LINE = re.compile(rb"(%b++) ([\x21-\x7e\x80-\xff]++) HTTP/(\d)\.(\d)(?=\r\n)" % TOKEN)
_STATUS_LINE = re.compile(rb"HTTP/1\.(\d) ([1-9]\d\d)(?: ([\t\x20-\x7e\x80-\xff]*+))?(?=\r\n)")
# RFC 9110 section 7.2 and RFC 3986 section 3.2.2; no userinfo, no white space.
_HOST = re.compile(
    rb"(?:\[[0-9A-Fa-f:.]++\]|(?:[A-Za-z0-9\-._~!$&'()*+,;=]|%[0-9A-Fa-f]{2})*+)(?::\d*+)?"
)
_ABSOLUTE = re.compile(rb"(?i:https?)://([^/?#]++)([/?].*)?", re.DOTALL)


IDEMPOTENT = frozenset((b"GET", b"HEAD", b"OPTIONS", b"TRACE", b"PUT", b"DELETE"))
"""Methods that do no more when they are done twice: RFC 9110 section 9.2.2."""

SAFE = frozenset((b"GET", b"HEAD", b"OPTIONS", b"TRACE"))
"""Methods that ask for no change: RFC 9110 section 9.2.1."""


class RequestHead(NamedTuple):
    """A request's head in origin, absolute or asterisk form, already made safe.

    `target` is what goes upstream (origin or asterisk form, bytes as they came),
    `authority` the host that an absolute target named (it overrules Host, RFC 9112
    section 3.2.2) or None, `minor` the HTTP/1 minor version.
    """

    method: bytes
    target: bytes
    authority: bytes | None
    minor: int
    fields: list[Field]
    by_name: dict[bytes, bytes]


class ResponseHead(NamedTuple):
    """A response's head: status 100 to 999, reason phrase as it came, fields."""

    status: int
    phrase: bytes
    minor: int
    fields: list[Field]
    by_name: dict[bytes, bytes]


def parse_request_head(head: bytes) -> RequestHead:
    r"""Parse the bytes from the method to the empty line (both included).

    Raises MessageError for anything that RFC 9112 does not allow, and for what it
    allows but proxies read differently (a fragment in the target, for example).
    """
    line = _REQUEST_LINE.match(head)
    if line is None:
        raise MessageError(*_request_line_fault(head))
    method, target, major, minor = line.groups()
    if major != b"1":
        raise MessageError(Reason.VERSION_NOT_SUPPORTED, "Only HTTP/1.0 and HTTP/1.1 are spoken.")
    fields, index = parse_fields(head, line.end())
    authority = None
    if target[0] != 0x2F or b"#" in target or method == b"CONNECT":
        target, authority = _other_target(method, target)
    host = index.get(b"host")
    if host is None:
        if minor != b"0":
            raise MessageError(Reason.BAD_REQUEST, "The Host field is missing.")
    elif not _is_host(host):
        raise MessageError(Reason.BAD_REQUEST, "The Host field is repeated or not a host.")
    return RequestHead(method, target, authority, int(minor), fields, index)


def parse_response_head(head: bytes) -> ResponseHead:
    """Parse an upstream's head from the status line to the empty line.

    Raises MessageError(UPSTREAM_INVALID) for anything outside RFC 9112's grammar.
    """
    line = _STATUS_LINE.match(head)
    if line is None:
        raise MessageError(Reason.UPSTREAM_INVALID, "The upstream's status line is not HTTP/1.")
    minor, status, phrase = line.groups()
    try:
        fields, index = parse_fields(head, line.end())
    except MessageError as error:
        raise MessageError(Reason.UPSTREAM_INVALID, error.detail) from None
    return ResponseHead(int(status), phrase or b"", int(minor), fields, index)


@lru_cache(maxsize=1024)
def _is_host(value: bytes) -> bool:
    return _HOST.fullmatch(value) is not None


def _other_target(method: bytes, target: bytes) -> tuple[bytes, bytes | None]:
    """Turn a target that is not plain origin form into what goes upstream."""
    if method == b"CONNECT":
        raise MessageError(Reason.CONNECT_REFUSED, "CONNECT is not offered: no forward proxy.")
    if b"#" in target:
        raise MessageError(Reason.BAD_REQUEST, "A request target has no fragment.")
    if target == b"*" and method == b"OPTIONS":
        return target, None
    absolute = _ABSOLUTE.fullmatch(target)
    if absolute is None or not _is_host(absolute[1]):
        raise MessageError(Reason.BAD_REQUEST, "The request target is neither a path nor a URL.")
    authority, rest = absolute.groups()
    if not rest:
        rest = b"*" if method == b"OPTIONS" else b"/"
    elif rest[:1] == b"?":
        rest = b"/" + rest
    return rest, authority


def _request_line_fault(head: bytes) -> tuple[Reason, str]:
    """Say what is wrong with a request line that does not match."""
    line = head[: head.find(b"\r\n")]
    if re.search(rb" HTTP/([02-9]|1\d)(\.\d+)?$", line) and line.count(b" ") == 2:
        return Reason.VERSION_NOT_SUPPORTED, "Only HTTP/1.0 and HTTP/1.1 are spoken."
    return Reason.BAD_REQUEST, "The request line is not «METHOD target HTTP/1.1»."
