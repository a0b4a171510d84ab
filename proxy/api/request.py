"""What a plugin sees of a request, and what it may change on its way upstream."""

import re
from collections.abc import Awaitable, Mapping
from math import inf
from typing import Any, NamedTuple, Protocol

import orjson

from proxy.api.callers import Caller, caller_of
from proxy.api.headers import EditableHeaders, Headers
from proxy.core.cookies import find_cookie
from proxy.core.field import Field, Kind, joined
from proxy.core.identity import ANONYMOUS, Identity
from proxy.core.message import RequestHead

__all__ = [
    "Body",
    "Outgoing",
    "Request",
    "TargetError",
    "checked_method",
    "checked_path",
    "checked_query",
    "target",
    "visible_fields",
]

_WHO = int(Kind.WHO)
# As wide as what the parser takes: what a client may send, a plugin may send on.
_PATH = re.compile(r"/[\x21-\x22\x24-\x3e\x40-\x7e\x80-\xff]*+")
_QUERY = re.compile(r"[\x21-\x22\x24-\x7e\x80-\xff]*+")
_METHOD = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Z]{1,32}")


class TargetError(ValueError):
    """A method, path or query that a plugin wrote and that no request can carry."""


class Identities(Protocol):
    """Finds out who sent a request; the proxy's."""

    def identify(self, head: RequestHead, *, trusted: bool, now: float) -> Identity:
        """Return the identity; `now` in Unix seconds."""

    def attributes(self, head: RequestHead, *, trusted: bool, now: float) -> Mapping[str, str]:
        """Return all declared attributes, as they are asked for."""

    def caller(self, head: RequestHead, *, trusted: bool, now: float) -> Awaitable[Caller | None]:
        """Find out which user sent it, by whom it can be believed."""


class Request:
    """A client's request. Nothing of it can be changed; its body is not here.

    - `id`: the request's id, the same in logs, headers and answers; `trace_id`
    - `route`: the name of the route; `client`: the peer's IP address
    - `scheme`: ``http`` or ``https``, as the client came; `trusted`: whether the peer is
      one of the trusted proxies
    - `arm` and `reason`: the decision, as words of the closed lists; ``none`` and ``""``
      before there is one
    - `time_limit`: how many seconds `dispatch` may take, from its call on, until it answers
    """

    __slots__ = (
        "_head",
        "_headers",
        "_identities",
        "_identity",
        "_notes",
        "_now",
        "arm",
        "client",
        "id",
        "reason",
        "route",
        "scheme",
        "time_limit",
        "trace_id",
        "trusted",
    )

    def __init__(
        self,
        head: RequestHead,
        route: str,
        request_id: str,
        trace_id: str,
        client: str,
        scheme: str,
        trusted: bool,  # noqa: FBT001 (positional: one is made per request)
        identity: Identity | None = ANONYMOUS,
        identities: Identities | None = None,
        now: float = 0.0,
    ) -> None:
        """For the proxy and the testing kit.

        Without an `identity`, the first who asks for it has `identities` find it out.
        """
        self._head = head
        self._headers: Headers | None = None
        self._notes: dict[object, Any] | None = None
        self.route = route
        self.id = request_id
        self.trace_id = trace_id
        self.client = client
        self.scheme = scheme
        self.trusted = trusted
        self._identity = identity
        self._identities = identities
        self._now = now
        self.arm = "none"
        self.reason = ""
        self.time_limit = inf

    @property
    def method(self) -> str:
        """Return the method, case as it came."""
        return self._head.method.decode("latin-1")

    @property
    def path(self) -> str:
        """Return the path as it came, percent-encoding included, without the query."""
        return self._head.target.partition(b"?")[0].decode("latin-1")

    @property
    def query(self) -> str:
        """Return what follows the ``?``, as it came; empty if there is nothing."""
        return self._head.target.partition(b"?")[2].decode("latin-1")

    @property
    def host(self) -> str:
        """Return the host that was asked for, with its port if one was written."""
        head = self._head
        return (head.authority or head.by_name.get(b"host", b"")).decode("latin-1")

    @property
    def headers(self) -> Headers:
        """Return the headers, without those that tell who the caller is if nobody vouches."""
        headers = self._headers
        if headers is None:
            fields, by_name = visible_fields(self._head, trusted=self.trusted)
            headers = self._headers = Headers(fields, by_name)
        return headers

    def cookie(self, name: str) -> str | None:
        """Return the value of the first cookie of exactly this name, or None."""
        value = find_cookie(self._head.by_name.get(b"cookie", b""), name.encode("latin-1"))
        return None if value is None else value.decode("latin-1")

    @property
    def identity(self) -> Identity:
        """Return who is asking; for the proxy. Plugins have `key`, `verified`, `attributes`."""
        identity = self._identity
        if identity is None:
            identity = ANONYMOUS
            if self._identities is not None:
                identity = self._identities.identify(
                    self._head, trusted=self.trusted, now=self._now
                )
            self._identity = identity
        return identity

    @property
    def key(self) -> str | None:
        """Return the caller's key, the identity that is bucketed; None without one.

        Trust it with nothing but a choice of bucket unless `verified` is true.
        """
        key = self.identity.key
        return None if key is None else key.decode("utf-8", "replace")

    @property
    def verified(self) -> bool:
        """Return whether a signature or a trusted proxy vouches for the key."""
        return self.identity.verified

    @property
    def attributes(self) -> Mapping[str, str]:
        """Return the caller's attributes as far as the configuration declares them."""
        if self._identities is None:
            return self.identity.attributes
        return self._identities.attributes(self._head, trusted=self.trusted, now=self._now)

    async def caller(self) -> Caller | None:
        """Return which user is calling; None where nobody vouches for one.

        A verified key comes first, then what the session service says of the caller's
        cookies: that may take `identity.session.timeout`, and is remembered.
        """
        if self._identities is None:
            return caller_of(self.identity)
        return await self._identities.caller(self._head, trusted=self.trusted, now=self._now)

    @property
    def notes(self) -> dict[object, Any]:
        """Return what plugins keep about this request from one hook to the next.

        Take an object of your own as the key (the plugin's class, for example), so that
        two plugins never meet in here.
        """
        notes = self._notes
        if notes is None:
            notes = self._notes = {}
        return notes

    def __repr__(self) -> str:
        return f"Request({self.method} on route {self.route})"


class Outgoing:
    """One attempt to send the request upstream; `edit_request` may change it.

    What is not changed goes out byte for byte as it came. `headers` are without those that
    the proxy adds.
    """

    __slots__ = ("_head", "_headers", "_path", "_query", "_trusted")

    def __init__(self, head: RequestHead, trusted: bool) -> None:  # noqa: FBT001 (as in Request)
        """For the proxy and the testing kit."""
        self._head = head
        self._trusted = trusted
        self._headers: EditableHeaders | None = None
        self._path: str | None = None
        self._query: str | None = None

    @property
    def headers(self) -> EditableHeaders:
        """Return the headers that will be sent, to be edited."""
        headers = self._headers
        if headers is None:
            fields, by_name = visible_fields(self._head, trusted=self._trusted)
            headers = self._headers = EditableHeaders(fields, by_name)
        return headers

    @property
    def path(self) -> str:
        """The path that is asked for, percent-encoded, without the query.

        Raises TargetError when set to something that does not begin with ``/`` or has
        characters that must be percent-encoded.
        """
        path = self._path
        return self._head.target.partition(b"?")[0].decode("latin-1") if path is None else path

    @path.setter
    def path(self, path: str) -> None:
        self._path = checked_path(path)

    @property
    def query(self) -> str:
        """The query without its ``?``. Raises TargetError like `path`."""
        query = self._query
        return self._head.target.partition(b"?")[2].decode("latin-1") if query is None else query

    @query.setter
    def query(self, query: str) -> None:
        self._query = checked_query(query)

    def edited(self, head: RequestHead) -> RequestHead:
        """Return `head` with the edits, or `head` itself if there are none; for the proxy."""
        headers, rewritten = self._headers, self._path is not None or self._query is not None
        if not rewritten and (headers is None or not headers.changed):
            return head
        method, where, authority, minor, fields, by_name = head
        if rewritten:
            where = target(self.path, self.query)
        if headers is not None and headers.changed:
            fields, by_name = headers.fields, headers.by_name
        return RequestHead(method, where, authority, minor, fields, by_name)


class Body(NamedTuple):
    """A request's whole body with what belongs to it; `rewrite_request` returns another.

    Change it by ``body._replace(data=…)`` or ``body.with_json(…)``. Content-Length is
    the proxy's business.
    """

    method: str
    path: str
    """Percent-encoded, without the query."""
    query: str
    data: bytes

    def json(self) -> Any:
        """Return the data as JSON. Raises ValueError if it is none."""
        return orjson.loads(self.data)

    def with_json(self, value: object) -> "Body":
        """Return the body with `value` as its JSON. Raises TypeError for what JSON cannot say."""
        return self._replace(data=orjson.dumps(value))


def target(path: str, query: str) -> bytes:
    """Return a request target of checked parts."""
    return (f"{path}?{query}" if query else path).encode("latin-1")


def checked_method(method: str) -> str:
    """Return the method. Raises TargetError for what is none, and for CONNECT and TRACE."""
    if _METHOD.fullmatch(method) is None or method in ("CONNECT", "TRACE"):
        raise TargetError(f"{method[:40]!r} is no method that can be sent; write it in upper case")
    return method


def checked_path(path: str) -> str:
    """Return the path. Raises TargetError for one that cannot stand in a request."""
    if _PATH.fullmatch(path) is None:
        raise TargetError(
            "a path begins with / and has neither ? nor # nor anything that must be percent-encoded"
        )
    return path


def checked_query(query: str) -> str:
    """Return the query. Raises TargetError for one that cannot stand in a request."""
    if _QUERY.fullmatch(query) is None:
        raise TargetError("a query has no # and nothing that must be percent-encoded")
    return query


def visible_fields(head: RequestHead, *, trusted: bool) -> tuple[list[Field], dict[bytes, bytes]]:
    """Return fields and values without those that claim who somebody is and may not."""
    fields = head.fields
    if not trusted:
        for _, _, _, _, kind in fields:
            if kind & _WHO:
                fields = [field for field in fields if not field.kind & _WHO]
                return fields, joined(fields)
    return fields, head.by_name
