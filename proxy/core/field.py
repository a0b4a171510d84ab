"""Header fields: reading the field lines of a head, and what kind each field is.

The same lines come again and again (User-Agent, Accept, Content-Type), so a short line
that was found good is remembered with what was read from it, and neither checked nor
taken apart again. The memory is bounded, and lines that carry secrets or are new in
every message are not kept. What is remembered never changes what is returned.
"""

import re
from enum import IntFlag
from typing import NamedTuple

from proxy.core.reason import Reason

__all__ = [
    "FORWARDED",
    "TOKEN",
    "Field",
    "Kind",
    "MessageError",
    "joined",
    "kind_of",
    "name_is_token",
    "parse_fields",
    "tells_who",
]

TOKEN = rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]"
_NAME = re.compile(rb"%b++" % TOKEN)
_VALUE = re.compile(rb"[\t\x20-\x7e\x80-\xff]*+")
_OWS = b" \t"

# RFC 9110 section 7.6.1, and the proxy-only fields of RFC 2616 section 13.5.1.
_HOP_BY_HOP = frozenset(
    (
        b"connection",
        b"keep-alive",
        b"proxy-authenticate",
        b"proxy-authorization",
        b"proxy-connection",
        b"te",
        b"transfer-encoding",
        b"upgrade",
    )
)
FORWARDED = frozenset((b"forwarded", b"x-forwarded-for", b"x-forwarded-proto", b"x-forwarded-host"))
_EXPOSED = frozenset((b"x-crossfade-arm", b"x-crossfade-reason"))
_FORGET = frozenset(
    (
        b"authorization",
        b"cookie",
        b"proxy-authorization",
        b"set-cookie",
        b"traceparent",
        b"x-api-key",
        b"x-request-id",
    )
)
_REMEMBER_BYTES = 96
_REMEMBER_LINES = 4096
_REMEMBER_NAMES = 1024
_lines: "dict[bytes, Field]" = {}
_names: dict[bytes, tuple[bytes, int, bool]] = {}


class MessageError(Exception):
    """A message that must not be passed on.

    `reason` is the word of the closed list, `detail` one sentence for the other
    side; it never contains bytes of the message.
    """

    def __init__(self, reason: Reason, detail: str) -> None:
        """Keep the reason and the sentence."""
        super().__init__(detail)
        self.reason = reason
        self.detail = detail


class Kind(IntFlag):
    """Why a field may not be passed on as it is."""

    END_TO_END = 0
    HOP_BY_HOP = 1
    """Speaks of one connection only."""
    FORWARDED = 2
    """Tells of the way so far; we write it anew."""
    WHO = 4
    """Tells who the caller is; believed from trusted proxies alone."""
    ID = 8
    """Names the request."""
    EXPOSED = 16
    """One of our own response fields."""


class Field(NamedTuple):
    """A header field: name as it came and in lower case, value, canonical line, `Kind` bits."""

    name: bytes
    lower: bytes
    value: bytes
    line: bytes
    kind: int


def parse_fields(head: bytes, start: int) -> tuple[list[Field], dict[bytes, bytes]]:
    r"""Parse the field lines of `head` from the CRLF at `start` up to the empty line.

    Returns the fields in order and their values by lower-case name, repeated ones
    joined (RFC 9110 section 5.3). Raises MessageError(BAD_REQUEST) for a bare CR or
    LF, NUL and other controls, obs-fold, white space around the name.
    """
    if len(head) - start == 4:
        return [], {}
    known = _lines.get
    fields = [known(line) or _read(line) for line in head[start + 2 : -4].split(b"\r\n")]
    by_name = {lower: value for _, lower, value, _, _ in fields}
    return fields, by_name if len(by_name) == len(fields) else joined(fields)


def tells_who(lower: bytes) -> bool:
    """Whether a field that starts with x claims an identity or a path of forwarding.

    Some servers read `_` in a name as `-`, so both spellings are meant.
    """
    dashed = lower.replace(b"_", b"-")
    return dashed.startswith(b"x-user-") or dashed in FORWARDED


def name_is_token(name: bytes) -> bool:
    """Whether a field can be called so (RFC 9110 section 5.6.2)."""
    return _NAME.fullmatch(name) is not None


def _read(line: bytes) -> Field:
    """Check a line, take it apart, and remember it if it is worth it."""
    name, colon, value = line.partition(b":")
    lower, kind, forget = _names.get(name) or _read_name(name)
    if not colon or _VALUE.fullmatch(value) is None:
        raise _malformed()
    value = value.strip(_OWS)
    field = Field(name, lower, value, b"%b: %b" % (name, value), kind)
    if not forget and len(line) <= _REMEMBER_BYTES:
        if len(_lines) >= _REMEMBER_LINES:
            _lines.clear()
        _lines[line] = field
    return field


def _read_name(name: bytes) -> tuple[bytes, int, bool]:
    """The lower-case name, its kind, and whether its lines are to be forgotten."""
    if not name_is_token(name):
        raise _malformed()
    lower = name.lower()
    read = (lower, kind_of(lower), lower in _FORGET)
    if len(name) <= _REMEMBER_BYTES:
        if len(_names) >= _REMEMBER_NAMES:
            _names.clear()
        _names[name] = read
    return read


def _malformed() -> MessageError:
    return MessageError(Reason.BAD_REQUEST, "A header field is not written as RFC 9112 asks.")


def kind_of(lower: bytes) -> int:
    """The `Kind` bits of a field by its name in lower case."""
    if lower in _HOP_BY_HOP:
        return int(Kind.HOP_BY_HOP)
    if lower in FORWARDED:
        return int(Kind.FORWARDED)
    if lower[:1] != b"x":
        return 0
    if lower == b"x-request-id":
        return int(Kind.ID)
    if lower in _EXPOSED:
        return int(Kind.EXPOSED)
    return int(Kind.WHO) if tells_who(lower) else 0


def joined(fields: list[Field]) -> dict[bytes, bytes]:
    """The values by lower-case name, repeated ones joined (RFC 9110 section 5.3)."""
    by_name: dict[bytes, bytes] = {}
    for _, lower, value, _, _ in fields:
        if lower in by_name:
            between = b"; " if lower == b"cookie" else b", "
            by_name[lower] += between + value
        else:
            by_name[lower] = value
    return by_name
