"""An answer to a client: one from upstream that a plugin edits, or one of its own."""

from collections.abc import AsyncIterator, Iterable, Mapping
from http import HTTPStatus
from typing import Any

import orjson

from proxy.api.headers import EditableHeaders, editable
from proxy.core.field import Field

__all__ = [
    "BODILESS",
    "Refused",
    "Reply",
    "ReplyHead",
    "StatusError",
    "Unserved",
    "json_reply",
    "problem_reply",
]


class StatusError(ValueError):
    """A status that a plugin may not send."""


class ReplyHead:
    """The head of an answer; `edit_response` may change it before its first byte goes out."""

    __slots__ = ("_status", "headers")

    def __init__(self, status: int, headers: EditableHeaders) -> None:
        """For the proxy and the testing kit."""
        self._status = status
        self.headers = headers

    @property
    def status(self) -> int:
        """The status, 200 to 599.

        Raises StatusError when set outside of that, or to or from 204, 205 and 304: whether
        there is a body cannot be changed here.
        """
        return self._status

    @status.setter
    def status(self, status: int) -> None:
        _check(status)
        if (status in BODILESS) != (self._status in BODILESS):
            raise StatusError(
                f"the status cannot be changed from {self._status} to {status}: only one of "
                "the two has a body"
            )
        self._status = status

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._status})"


class Reply(ReplyHead):
    """A whole answer: status, headers and body.

    `body` is bytes, or an asynchronous iterator of bytes for an answer that is streamed:
    it is read no faster than the client takes it, and closed when the client leaves.
    Content-Length and Transfer-Encoding are the proxy's business.

    `by_rule` is set to true where a rule of the operator's refuses, such as a limit or a budget.
    Below 500 that counts for neither arm, whoever rewrites it: it says nothing of how new does.
    """

    __slots__ = ("body", "by_rule")

    def __init__(
        self,
        status: int = 200,
        headers: Mapping[str, str] | Iterable[tuple[str, str]] = (),
        body: bytes | str | AsyncIterator[bytes] = b"",
    ) -> None:
        """Take text as UTF-8. Raises StatusError, or HeaderError for a bad header."""
        _check(status)
        pairs = headers.items() if isinstance(headers, Mapping) else headers
        super().__init__(status, editable(pairs))
        self.body: bytes | AsyncIterator[bytes] = body.encode() if isinstance(body, str) else body
        self.by_rule = False

    @classmethod
    def upstream(
        cls, status: int, fields: list[Field], by_name: dict[bytes, bytes], body: bytes
    ) -> "Reply":
        """Return a reply made of what an upstream said; for the proxy."""
        reply = cls()
        reply._status = status  # up to 999, as it came
        reply.headers = EditableHeaders(fields, by_name)
        reply.body = body
        return reply

    def copied(self) -> "Reply":
        """Return a reply with the same body whose status and headers are edited apart."""
        reply = Reply()
        reply.by_rule = self.by_rule
        reply._status = self._status
        reply.headers = EditableHeaders(self.headers.fields, self.headers.by_name)
        reply.body = self.body
        return reply

    def json(self) -> Any:
        """Return the body as JSON. Raises ValueError if it is none, or is streamed."""
        if not isinstance(self.body, bytes):
            raise ValueError("the body is streamed")
        return orjson.loads(self.body)


class Refused(Exception):  # noqa: N818 (an answer more than an error)
    """Raised out of a coroutine hook to answer the client with `reply`; no fault of the plugin.

    For `rewrite_request` and `rewrite_response`, which have no answer of their own to give,
    and for `dispatch` where raising is the shorter way. `on_error` does not apply.
    """

    def __init__(self, reply: Reply) -> None:
        """Keep the answer. Raises TypeError for a streamed one."""
        if not isinstance(reply.body, bytes):
            raise TypeError("the answer of a refusal is no stream")
        super().__init__(f"answered with {reply.status}")
        self.reply = reply


class Unserved(Exception):  # noqa: N818 (an answer more than an error)
    """Raised out of `rewrite_request` or `dispatch`: nothing was done with the request.

    Where the route has an arm `legacy`, legacy answers, with the request as it came; elsewhere
    `reply` is the answer. With `failed` it counts as a failure of new (its providers are down,
    for example); without, it says nothing about new (a kind of request that it does not know).
    """

    def __init__(self, reply: Reply, *, failed: bool = False) -> None:
        """Keep both. Raises TypeError for a streamed reply."""
        if not isinstance(reply.body, bytes):
            raise TypeError("the answer of a request that is not served is no stream")
        super().__init__(f"not served, {reply.status}")
        self.reply = reply
        self.failed = failed


BODILESS = frozenset((204, 205, 304))
"""Statuses whose answers have no body (RFC 9110 sections 15.3.5, 15.3.6, 15.4.5)."""


def json_reply(value: object, status: int = 200, headers: Mapping[str, str] | None = None) -> Reply:
    """Return an answer with `value` as JSON. Raises TypeError for what JSON cannot say."""
    return Reply(
        status, {"Content-Type": "application/json", **(headers or {})}, orjson.dumps(value)
    )


def problem_reply(
    status: int, detail: str, headers: Mapping[str, str] | None = None, **more: Any
) -> Reply:
    """Return an error answer as RFC 9457 describes it: what is wrong, and `more` members."""
    body = {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
        **more,
    }
    return Reply(
        status,
        {"Content-Type": "application/problem+json", **(headers or {})},
        orjson.dumps(body),
    )


def _check(status: int) -> None:
    if not 200 <= status <= 599:
        raise StatusError(f"{status} is no status for an answer; 200 to 599 are")
