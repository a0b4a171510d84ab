"""Heads of messages that plugins have made or changed, with the framing that fits them."""

from http import HTTPStatus

from proxy.api.reply import BODILESS, Reply, ReplyHead
from proxy.api.request import Body, checked_method, checked_path, checked_query, target
from proxy.core.field import Field, joined
from proxy.core.message import RequestHead, ResponseHead

__all__ = [
    "consistent",
    "edited_head",
    "reply_head",
    "rewritten_request",
    "unlengthened",
    "unranged",
]

_FRAMING = frozenset((b"content-length", b"transfer-encoding", b"trailer"))
_REQUEST_FRAMING = _FRAMING | {b"expect"}
# An answer to be rewritten must come whole and readable.
_PARTIAL = frozenset((b"accept-encoding", b"range", b"if-range"))
# These speak of the very bytes: RFC 9530, RFC 1864, RFC 9110 section 14.3.
_OF_BYTES = frozenset(
    (b"accept-ranges", b"content-digest", b"content-md5", b"digest", b"repr-digest")
)
_WITH_BODY = frozenset((b"POST", b"PUT", b"PATCH"))
_PHRASES = {status.value: status.phrase.encode() for status in HTTPStatus}


def rewritten_request(head: RequestHead, body: Body, *, had_body: bool) -> RequestHead:
    """Return the head for a request whose body, method or path a plugin rewrote.

    What is not changed is not judged either. Raises TargetError for a method, path or
    query that cannot be sent, ValueError for a change from or to HEAD, on which the framing
    of the answer depends.
    """
    method = head.method
    if body.method != method.decode("latin-1"):
        method = checked_method(body.method).encode("latin-1")
    if (method == b"HEAD") != (head.method == b"HEAD"):
        raise ValueError("a request's method cannot be changed from or to HEAD")
    fields = [field for field in head.fields if field.lower not in _REQUEST_FRAMING]
    if body.data or had_body or method in _WITH_BODY:
        fields.append(_content_length(len(body.data)))
    where, path = head.target, head.target.partition(b"?")
    if (body.path, body.query) != (path[0].decode("latin-1"), path[2].decode("latin-1")):
        where = target(checked_path(body.path), checked_query(body.query))
    return head._replace(method=method, target=where, fields=fields, by_name=joined(fields))


def unranged(head: RequestHead) -> RequestHead:
    """Return the head that asks for a whole answer without content coding."""
    if _PARTIAL.isdisjoint(head.by_name):
        return head
    fields = [field for field in head.fields if field.lower not in _PARTIAL]
    return head._replace(fields=fields, by_name=joined(fields))


def unlengthened(head: ResponseHead) -> ResponseHead:
    """Return the head of an answer to HEAD without the length, which would be another."""
    fields = [field for field in head.fields if field.lower != b"content-length"]
    return head._replace(fields=fields, by_name=joined(fields))


def edited_head(reply: ReplyHead, head: ResponseHead) -> ResponseHead:
    """Return an upstream's head with a plugin's edits."""
    phrase = head.phrase if reply.status == head.status else _PHRASES.get(reply.status, b"")
    headers = reply.headers
    return ResponseHead(reply.status, phrase, head.minor, headers.fields, headers.by_name)


def reply_head(reply: ReplyHead, length: int | None) -> ResponseHead:
    """Return the head of an answer that is a plugin's; `length` is None for a stream."""
    fields = [field for field in reply.headers.fields if field.lower not in _FRAMING]
    if length is not None and reply.status not in BODILESS:
        fields.append(_content_length(length))
    phrase = _PHRASES.get(reply.status, b"")
    return ResponseHead(reply.status, phrase, 1, fields, joined(fields))


def consistent(reply: Reply) -> None:
    """Make the fields of a rewritten answer true again: no digests, a weak entity tag."""
    fields = [field for field in reply.headers.fields if field.lower not in _OF_BYTES]
    fields = [_weakened(field) if field.lower == b"etag" else field for field in fields]
    reply.headers = type(reply.headers)(fields, joined(fields))


def _weakened(field: Field) -> Field:
    """RFC 9110 section 8.8.1: another body under the same tag is at best equivalent."""
    if field.value.startswith(b"W/"):
        return field
    value = b"W/" + field.value
    return field._replace(value=value, line=b"%b: %b" % (field.name, value))


def _content_length(length: int) -> Field:
    value = b"%d" % length
    return Field(b"Content-Length", b"content-length", value, b"Content-Length: %b" % value, 0)
