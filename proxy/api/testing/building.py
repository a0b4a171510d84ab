"""Requests, replies and outcomes for tests, made the way the proxy makes them.

A request is written as bytes and read by the proxy's own parser, so a test can never see
one that no client could have sent.
"""

from collections.abc import Iterable, Mapping

from proxy.api.events import Outcome
from proxy.api.headers import EditableHeaders
from proxy.api.reply import Reply, ReplyHead
from proxy.api.request import (
    Body,
    Outgoing,
    Request,
    checked_method,
    checked_path,
    checked_query,
    target,
)
from proxy.core.field import Field, MessageError, joined
from proxy.core.identity import NO_ATTRIBUTES, Identity
from proxy.core.key import normalise_value
from proxy.core.message import RequestHead, parse_request_head, parse_response_head

__all__ = ["HeaderPairs", "outcome", "outgoing", "reply_head", "request", "upstream_reply"]

HeaderPairs = Mapping[str, str] | Iterable[tuple[str, str]]
"""Headers as tests write them: a mapping, or pairs where a name comes more than once."""

TRACE_ID = "4bf92f3577b34da6a3ce929d0e0e4736"
_FRAMING = frozenset((b"content-length", b"transfer-encoding", b"trailer", b"expect"))
_PARTIAL = frozenset((b"accept-encoding", b"range", b"if-range"))
_WITH_BODY = frozenset((b"POST", b"PUT", b"PATCH"))


def request(
    method: str = "GET",
    path: str = "/",
    *,
    query: str = "",
    headers: HeaderPairs = (),
    client: str = "127.0.0.1",
    scheme: str = "http",
    trusted: bool = False,
    key: str | int | None = None,
    verified: bool = False,
    attributes: Mapping[str, str] | None = None,
    route: str = "test",
    request_id: str = TRACE_ID,
) -> Request:
    """Return a request as a hook sees it.

    `path` may carry the query behind a ``?``, as on a request line. Without a Host
    among the `headers` it is ``test.example``. `key` goes through the proxy's own
    normalisation; `attributes` are those that conditions ask for.

    Raises ValueError for what the proxy would refuse before any plugin sees it.
    """
    asked = f"{path}?{query}" if query else path
    identity = Identity(
        normalise_value(key),
        None if key is None else "test",
        verified=verified,
        attributes=NO_ATTRIBUTES if attributes is None else attributes,
    )
    head = _request_head(method, asked, _pairs(headers))
    return Request(head, route, request_id, TRACE_ID, client, scheme, trusted, identity)


def outgoing(request: Request, body: Body | None = None, *, whole_answer: bool = False) -> Outgoing:
    """Return a fresh attempt to send `request` upstream, for `edit_request`.

    With a `body` it is sent as `rewrite_request` made it. `whole_answer` leaves out what
    asks for a part of the answer or for one with a content coding, as for a route that
    has `rewrite_response`.
    """
    head = request._head  # noqa: SLF001 (ours)
    if body is not None:
        head = _rewritten(head, body)
    if whole_answer:
        head = _without(head, _PARTIAL)
    return Outgoing(head, request.trusted)


def reply_head(status: int = 200, headers: HeaderPairs = ()) -> ReplyHead:
    """Return the head of an upstream's answer, for `edit_response`.

    Any header may be among `headers`, also those that a plugin could not write.
    Raises ValueError for what no upstream may send.
    """
    fields, by_name = _response_fields(status, headers)
    return ReplyHead(status, EditableHeaders(fields, by_name))


def upstream_reply(status: int = 200, headers: HeaderPairs = (), body: bytes | str = b"") -> Reply:
    """Return a whole answer as an upstream gives it, for `rewrite_response`.

    Unlike `Reply` it takes any header, such as Content-Length or Connection.
    Raises ValueError for what no upstream may send.
    """
    fields, by_name = _response_fields(status, headers)
    data = body.encode() if isinstance(body, str) else body
    return Reply.upstream(status, fields, by_name, data)


def outcome(
    *,
    route: str = "test",
    arm: str = "none",
    reason: str = "route",
    status: int = 200,
    seconds: float = 0.0,
    bytes_in: int = 0,
    bytes_out: int = 0,
    fault: str = "",
    endpoint: str = "http://upstream.test",
) -> Outcome:
    """Return what `finished` is told of a request that went well, or of another one."""
    return Outcome(
        route=route,
        arm=arm,
        reason=reason,
        status=status,
        seconds=seconds,
        bytes_in=bytes_in,
        bytes_out=bytes_out,
        fault=fault,
        endpoint=endpoint,
    )


def _pairs(headers: HeaderPairs) -> list[tuple[str, str]]:
    return list(headers.items() if isinstance(headers, Mapping) else headers)


def _request_head(method: str, asked: str, pairs: list[tuple[str, str]]) -> RequestHead:
    if not any(name.lower() == "host" for name, _ in pairs):
        pairs = [("Host", "test.example"), *pairs]
    try:
        return parse_request_head(_written(f"{method} {asked} HTTP/1.1", pairs))
    except MessageError as error:
        raise ValueError(f"no client can send this request: {error.detail}") from None


def _response_fields(status: int, headers: HeaderPairs) -> tuple[list[Field], dict[bytes, bytes]]:
    try:
        head = parse_response_head(_written(f"HTTP/1.1 {status} Any", _pairs(headers)))
    except MessageError as error:
        raise ValueError(f"no upstream can send this answer: {error.detail}") from None
    return head.fields, head.by_name


def _written(first: str, pairs: list[tuple[str, str]]) -> bytes:
    lines = [first, *(f"{name}: {value}" for name, value in pairs)]
    if any("\n" in line or "\r" in line for line in lines):
        raise ValueError("a target or a header has a line end in it")
    try:
        written = [line.encode("latin-1") for line in lines]
    except UnicodeEncodeError:
        raise ValueError("a target or a header has a letter beyond Latin-1") from None
    return b"\r\n".join((*written, b"", b""))


def _rewritten(head: RequestHead, body: Body) -> RequestHead:
    method = checked_method(body.method).encode("latin-1")
    if (method == b"HEAD") != (head.method == b"HEAD"):
        raise ValueError("a request's method cannot be changed from or to HEAD")
    where = target(checked_path(body.path), checked_query(body.query))
    head = _without(head, _FRAMING)._replace(method=method, target=where)
    if body.data or method in _WITH_BODY:
        length = b"%d" % len(body.data)
        line = b"Content-Length: %b" % length
        head.fields.append(Field(b"Content-Length", b"content-length", length, line, 0))
        head.by_name[b"content-length"] = length
    return head


def _without(head: RequestHead, names: frozenset[bytes]) -> RequestHead:
    fields = [field for field in head.fields if field.lower not in names]
    return head._replace(fields=fields, by_name=joined(fields))
