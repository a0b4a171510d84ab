"""The request as it goes upstream: its names, and its head written for an endpoint."""

from typing import TYPE_CHECKING

from proxy.core.field import FORWARDED
from proxy.core.forwarding import (
    connection_options,
    forwarded_lines,
    outgoing_request,
    requested_protocols,
)
from proxy.core.message import RequestHead
from proxy.core.trace import format_traceparent, parse_traceparent
from proxy.dataplane.ids import new_trace, usable_id

if TYPE_CHECKING:
    from proxy.dataplane.client_connection import ClientConnection

__all__ = ["OutgoingRequest"]

_TRACE_FIELDS = frozenset([b"traceparent", b"tracestate"])


class OutgoingRequest:
    """What stays the same over all attempts of one request.

    `request_id` and `trace_id` name it everywhere; `offers` are the protocols that the
    client would switch to; `keeps` tells whether the client asks for another request
    on its connection (RFC 9112 section 9.3).
    """

    __slots__ = (
        "_lines",
        "_removed",
        "_trusted",
        "keeps",
        "offers",
        "request_id",
        "trace_id",
    )

    def __init__(self, client: "ClientConnection", head: RequestHead, *, trusted: bool) -> None:
        """Take over a trusted peer's request id and anybody's valid trace, or begin them.

        A trace that begins here has the request's id, so that one finds the other.
        """
        self._trusted = trusted
        by_name = head.by_name
        options = connection_options(by_name)
        self.keeps = b"close" not in options and (head.minor > 0 or b"keep-alive" in options)
        self.offers = requested_protocols(head, options)
        trace = begun = new_trace()
        given = by_name.get(b"traceparent")
        known = None if given is None else parse_traceparent(given)
        lines = b""
        if known is None:
            lines = b"traceparent: %b\r\n" % format_traceparent(begun)
            if given is not None or b"tracestate" in by_name:
                options |= _TRACE_FIELDS
        else:
            trace = known
        request_id = begun.trace_id
        if trusted and b"x-request-id" in by_name:
            request_id = usable_id(by_name[b"x-request-id"]) or request_id
        self._removed = options
        self.request_id = request_id
        self.trace_id = trace.trace_id
        host = head.authority or by_name.get(b"host", b"")
        if trusted and not FORWARDED.isdisjoint(by_name):
            forwarded = forwarded_lines(
                by_name, peer=client.peer.encode(), scheme=client.scheme, host=host
            )
        else:
            forwarded = client.forwarded(host)
        self._lines = b"%bX-Request-Id: %b\r\n%b" % (forwarded, request_id.encode(), lines)

    def head_for(self, head: RequestHead, authority: bytes, *, replaces_host: bool) -> bytes:
        """`head` (the client's, or what plugins made of it) for an endpoint called `authority`.

        The client's Host is kept unless the upstream wants its own, or there is none.
        """
        host = head.authority
        if replaces_host or (host is None and b"host" not in head.by_name):
            host = authority
        return outgoing_request(
            head,
            self._removed,
            self._lines,
            host=host,
            upgrade=bool(self.offers),
            trusted=self._trusted,
        )
