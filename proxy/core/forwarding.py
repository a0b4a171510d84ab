"""What an intermediary changes in a head, and nothing else: RFC 9110 section 7.6.

Fields keep their order, case, repetitions and bytes. Removed are the fields that
speak of one connection only (and those that Connection names), and what an
untrusted client says about who it is or where it came from; added are Via, the
forwarded fields, ids. A head is always written from parsed parts.

Both writers have a short way for the usual message and a long way for the special
one; a property test holds that they agree.
"""

from proxy.core.field import Field, Kind, MessageError, tells_who
from proxy.core.message import RequestHead, ResponseHead
from proxy.core.reason import Reason

__all__ = [
    "connection_options",
    "forwarded_lines",
    "interim_response",
    "max_forwards",
    "outgoing_request",
    "outgoing_response",
    "protocols",
    "requested_protocols",
    "trailer_section",
]

_HOP = int(Kind.HOP_BY_HOP)
_FROM_TRUSTED = int(Kind.HOP_BY_HOP | Kind.FORWARDED | Kind.ID)
_FROM_ANYBODY = _FROM_TRUSTED | int(Kind.WHO)
_WITH_EXPOSED = int(Kind.HOP_BY_HOP | Kind.EXPOSED)
# What Connection may name without effect: removing these would change the message itself.
_UNNAMEABLE = frozenset(
    (b"host", b"content-length", b"transfer-encoding", b"upgrade", b"connection", b"trailer")
)
_NEVER_IN_TRAILERS = frozenset((b"host", b"content-length", b"trailer", b"expect"))
_MAX_FORWARDS = frozenset((b"OPTIONS", b"TRACE"))
# Cleartext HTTP/2 would be a tunnel past every route (and RFC 9113 gave it up).
_REFUSED_PROTOCOLS = frozenset((b"h2c", b"h2"))
_NO_OPTIONS: frozenset[bytes] = frozenset()
_KEEP_ALIVE = frozenset((b"keep-alive",))
_CLOSE = frozenset((b"close",))
_COMMON_OPTIONS = {
    b"keep-alive": _KEEP_ALIVE,
    b"Keep-Alive": _KEEP_ALIVE,
    b"close": _CLOSE,
    b"Close": _CLOSE,
}


def connection_options(by_name: dict[bytes, bytes]) -> frozenset[bytes]:
    """The options of the Connection field in lower case (RFC 9110 section 7.6.1)."""
    value = by_name.get(b"connection")
    if value is None:
        return _NO_OPTIONS
    known = _COMMON_OPTIONS.get(value)
    if known is not None:
        return known
    return frozenset(option for part in value.split(b",") if (option := part.strip().lower()))


def _named(options: frozenset[bytes]) -> frozenset[bytes]:
    """The fields that Connection names, as far as it may."""
    if not options or options is _KEEP_ALIVE or options is _CLOSE:
        return _NO_OPTIONS
    return options - _UNNAMEABLE


def requested_protocols(head: RequestHead, options: frozenset[bytes]) -> frozenset[bytes]:
    """The protocols that the client offers to switch to, in lower case; empty for none.

    An Upgrade field counts only with `Connection: upgrade` and on HTTP/1.1 (RFC 9110
    section 7.8). HTTP/2 is left out: it would be a tunnel past every route.
    """
    value = head.by_name.get(b"upgrade")
    if value is None or head.minor == 0 or b"upgrade" not in options:
        return _NO_OPTIONS
    return protocols(value) - _REFUSED_PROTOCOLS


def protocols(value: bytes) -> frozenset[bytes]:
    """The protocols that an Upgrade field lists, in lower case."""
    return frozenset(name for part in value.split(b",") if (name := part.strip().lower()))


def max_forwards(head: RequestHead) -> int | None:
    """The hop count of a TRACE or OPTIONS request (RFC 9110 section 7.6.2), else None."""
    if head.method not in _MAX_FORWARDS:
        return None
    value = head.by_name.get(b"max-forwards")
    if value is None:
        return None
    if not value.isdigit() or len(value) > 9:
        raise MessageError(Reason.BAD_REQUEST, "Max-Forwards is not a number.")
    return int(value)


def forwarded_lines(
    by_name: dict[bytes, bytes], *, peer: bytes, scheme: bytes, host: bytes
) -> bytes:
    """X-Forwarded-For, -Proto, -Host and Forwarded (RFC 7239) as header lines.

    What `by_name` has of them is continued: give a trusted peer's fields, or none.
    """
    address = b'"[%b]"' % peer if b":" in peer else peer
    element = b'for=%b;host="%b";proto=%b' % (address, host.replace(b'"', b""), scheme)
    return (
        b"X-Forwarded-For: %b\r\nX-Forwarded-Proto: %b\r\nX-Forwarded-Host: %b\r\n"
        b"Forwarded: %b\r\n"
        % (
            _appended(by_name.get(b"x-forwarded-for"), peer),
            by_name.get(b"x-forwarded-proto") or scheme,
            by_name.get(b"x-forwarded-host") or host,
            _appended(by_name.get(b"forwarded"), element),
        )
    )


def _appended(before: bytes | None, value: bytes) -> bytes:
    return before + b", " + value if before else value


def outgoing_request(
    head: RequestHead,
    removed: frozenset[bytes],
    added: bytes,
    *,
    host: bytes | None,
    upgrade: bool,
    trusted: bool,
) -> bytes:
    """The head that goes upstream, with the empty line.

    `removed` are names to leave out besides the usual (Connection's options, fields
    that `added` replaces), `added` are whole header lines of ours, `host` replaces the
    client's Host (None keeps it), `upgrade` keeps the Upgrade field, `trusted` keeps
    X-User-* fields. A coded body goes out chunked.
    """
    mask = _FROM_TRUSTED if trusted else _FROM_ANYBODY
    method = head.method
    special = (
        upgrade
        or host is not None
        or head.minor == 0
        or b"transfer-encoding" in head.by_name
        or method in _MAX_FORWARDS
    )
    named = _named(removed)
    if special or named:
        lines = _special_lines(head, mask, named, host, upgrade=upgrade)
    else:
        lines = [line for _, _, _, line, kind in head.fields if not kind & mask]
    lines.append(b"Via: 1.%d crossfade" % head.minor)
    return b"%b %b HTTP/1.1\r\n%b\r\n%b\r\n" % (method, head.target, b"\r\n".join(lines), added)


def _special_lines(
    head: RequestHead, mask: int, named: frozenset[bytes], host: bytes | None, *, upgrade: bool
) -> list[bytes]:
    """The long way: each field with what this request asks for."""
    changed = _changes(head, named, host, upgrade=upgrade)
    lines: list[bytes] = []
    for _, lower, _, line, kind in head.fields:
        if lower in changed:
            lines += changed[lower]
        elif not kind & mask:
            lines.append(line)
    if host is not None and b"host" not in head.by_name:
        lines.insert(0, b"Host: " + host)
    if upgrade:
        lines.append(b"Connection: Upgrade")
    return lines


def _changes(
    head: RequestHead, named: frozenset[bytes], host: bytes | None, *, upgrade: bool
) -> dict[bytes, tuple[bytes, ...]]:
    """The lines to write in place of a field's own, by lower-case name."""
    changed: dict[bytes, tuple[bytes, ...]] = dict.fromkeys(named, ())
    changed[b"transfer-encoding"] = (b"Transfer-Encoding: chunked",)
    if host is not None:
        changed[b"host"] = (b"Host: " + host,)
    if head.minor == 0:
        changed[b"expect"] = ()
    hops = max_forwards(head)
    if hops is not None:
        changed[b"max-forwards"] = (b"Max-Forwards: %d" % (hops - 1),)
    if upgrade:
        changed[b"upgrade"] = (b"Upgrade: " + _allowed_protocols(head.by_name[b"upgrade"]),)
    return changed


def _allowed_protocols(value: bytes) -> bytes:
    kept = (part.strip() for part in value.split(b","))
    return b", ".join(part for part in kept if part.lower() not in _REFUSED_PROTOCOLS)


def outgoing_response(
    head: ResponseHead, added: bytes, *, chunked: bool, coding_kept: bool, exposed: bool
) -> bytes:
    """The head that goes to the client, with the empty line.

    `chunked`: the body goes out chunked. `coding_kept`: there is no body, but a
    Transfer-Encoding field tells what there would be (HEAD, 304). `exposed`: our
    X-Crossfade-* fields are in `added`, so an upstream's own are dropped.
    """
    mask = _WITH_EXPOSED if exposed else _HOP
    named = _named(connection_options(head.by_name))
    coding = chunked or coding_kept
    if named or coding or head.status in (101, 204, 426):
        lines = _special_response_lines(head, mask, named, coding=coding)
        if chunked and b"transfer-encoding" not in head.by_name:
            lines.append(b"Transfer-Encoding: chunked")
    else:
        lines = [line for _, _, _, line, kind in head.fields if not kind & mask]
    lines.append(added)
    return b"HTTP/1.1 %d %b\r\n%b\r\n" % (head.status, head.phrase, b"\r\n".join(lines))


def _special_response_lines(
    head: ResponseHead, mask: int, named: frozenset[bytes], *, coding: bool
) -> list[bytes]:
    lines = []
    for _, lower, value, line, kind in head.fields:
        if lower == b"transfer-encoding":
            if coding:
                lines.append(b"Transfer-Encoding: chunked")
        elif lower == b"upgrade" and head.status in (101, 426):
            lines += [b"Upgrade: " + value, b"Connection: Upgrade"]
        elif lower == b"content-length" and head.status == 204:
            continue
        elif not kind & mask and lower not in named:
            lines.append(line)
    return lines


def interim_response(head: ResponseHead) -> bytes:
    """A 1xx head for the client (RFC 9110 section 15.2); never carries framing fields."""
    named = _named(connection_options(head.by_name)) | {b"content-length"}
    lines = [
        line for _, lower, _, line, kind in head.fields if not kind & _HOP and lower not in named
    ]
    start = b"HTTP/1.1 %d %b" % (head.status, head.phrase)
    return b"\r\n".join((start, *lines, b"", b""))


def trailer_section(trailers: list[Field]) -> bytes:
    """The last chunk with the trailers that may be forwarded (RFC 9110 section 6.5.1)."""
    if not trailers:
        return b"0\r\n\r\n"
    lines = [
        line
        for _, lower, _, line, kind in trailers
        if not kind & _FROM_ANYBODY and lower not in _NEVER_IN_TRAILERS and not tells_who(lower)
    ]
    return b"\r\n".join((b"0", *lines, b"", b""))
