"""The proxy's own answers: small problem documents (RFC 9457) with the request's id."""

import orjson

from proxy.core.message import RequestHead
from proxy.core.reason import FAULTS, Reason

__all__ = ["problem", "reflection"]

_SECRET = frozenset([b"authorization", b"cookie", b"proxy-authorization"])

_TITLES = {
    400: "Bad Request",
    405: "Method Not Allowed",
    408: "Request Timeout",
    413: "Content Too Large",
    414: "URI Too Long",
    431: "Request Header Fields Too Large",
    500: "Internal Server Error",
    501: "Not Implemented",
    502: "Bad Gateway",
    503: "Service Unavailable",
    504: "Gateway Timeout",
    505: "HTTP Version Not Supported",
}
_RETRY_AFTER = b"Retry-After: 1\r\n"
_ALLOW = b"Allow: GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS, TRACE\r\n"


def problem(
    reason: Reason, request_id: str, added: bytes, detail: str, *, bodiless: bool = False
) -> bytes:
    """The whole response for a fault: head, `added` header lines, body.

    `bodiless` leaves the body out (the answer to HEAD), `detail`, if not empty, overrules
    the closed list's sentence. A 503 asks to come back after a second.
    """
    fault = FAULTS.get(reason, FAULTS[Reason.BAD_REQUEST])
    status = fault.status
    body = orjson.dumps(
        {
            "type": "about:blank",
            "title": _TITLES[status],
            "status": status,
            "detail": detail or fault.detail,
            "reason": reason.value,
            "request_id": request_id,
        }
    )
    extra = _RETRY_AFTER if status == 503 else _ALLOW if status == 405 else b""
    return (
        b"HTTP/1.1 %d %b\r\nContent-Type: application/problem+json\r\nContent-Length: %d\r\n"
        b"%b%b\r\n%b"
        % (status, _TITLES[status].encode(), len(body), extra, added, b"" if bodiless else body)
    )


def reflection(head: RequestHead) -> tuple[bytes, bytes]:
    """Header lines and body for a request whose Max-Forwards ended here (RFC 9110, 7.6.2).

    OPTIONS is told what the proxy speaks; TRACE gets its own head back, without the
    fields that carry secrets (RFC 9110 section 9.3.8).
    """
    if head.method == b"OPTIONS":
        return _ALLOW, b""
    lines = [b"TRACE %b HTTP/1.%d\r\n" % (head.target, head.minor)]
    lines += [
        b"%b: %b\r\n" % (name, value)
        for name, low, value, _, _ in head.fields
        if low not in _SECRET
    ]
    return b"Content-Type: message/http\r\n", b"".join(lines) + b"\r\n"
