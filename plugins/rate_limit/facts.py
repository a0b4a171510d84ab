"""What is known of a request, by name: of itself, of who sent it, and in its body."""

from collections.abc import Mapping
from functools import lru_cache
from ipaddress import IPv6Address, ip_address, ip_network
from typing import Any, Final

import orjson

from proxy.api import Request, evaluate

from .settings import UseSettings

__all__ = ["BODY_FACTS", "RequestFacts", "address_of"]

BODY_FACTS: Final = {
    "recipient": "recipientId || recipient_id",
    "message_type": "messageType || message_type",
    "account": "accountId || account_id",
}
"""What is found in JSON bodies without being asked for: JMESPath expressions by name."""

_OF_CALLER: Final = frozenset(("role", "tier"))
_SITE = 64
"""Bits of an IPv6 address that one customer has to himself."""


class RequestFacts:
    """Finds those facts that a use's rules look at.

    - `in_body`: whether a body has to be looked at
    - `asks_caller`: whether somebody else may have to say who is calling
    """

    def __init__(self, asks: frozenset[str], said: UseSettings) -> None:
        """`asks` are the names that the rules look at, and words that may be none."""
        expressions = BODY_FACTS | said.facts
        self._in_body = {name: text for name, text in expressions.items() if name in asks}
        self._whole = "body" in asks
        self.in_body = self._whole or bool(self._in_body)
        self._asks_user = "user" in asks
        self._of_caller = bool(_OF_CALLER & asks)
        self._asks_ip = "ip" in asks
        self._client_from = said.client_from
        known = {"user", "ip", "route", "method", "body", *_OF_CALLER, *expressions}
        self._attributes = tuple(sorted(asks - known))

    def asks_caller(self, request: Request) -> bool:
        """Tell whether to use `of_caller`: a signed key alone does not say it."""
        return self._of_caller or (self._asks_user and not request.verified)

    def plain(self, request: Request) -> dict[str, Any]:
        """Return what the request itself says, which is known at once."""
        facts: dict[str, Any] = {"route": request.route, "method": request.method}
        if self._asks_user and request.verified:
            facts["user"] = request.key
        if self._asks_ip:
            facts["ip"] = self._address(request)
        for name in self._attributes:
            value = request.attributes.get(name)
            if value is not None:
                facts[name] = value
        return facts

    async def of_caller(self, request: Request) -> dict[str, Any]:
        """Return what is known of the user who is calling; nothing where nobody vouches."""
        caller = await request.caller()
        if caller is None:
            return {}
        return {"user": caller.id, "role": caller.role or None, "tier": caller.tier or None}

    def of_body(self, data: bytes) -> dict[str, Any]:
        """Return what a body says; nothing where it is no JSON object."""
        body = _object(data)
        if body is None:
            return {}
        found = {name: evaluate(text, body) for name, text in self._in_body.items()}
        return found | {"body": body} if self._whole else found

    def _address(self, request: Request) -> str | None:
        if not self._client_from:
            return address_of(request.client)
        told = request.headers.get(self._client_from) if request.trusted else request.client
        return address_of((told or "").rpartition(",")[2].strip())


@lru_cache(4096)
def address_of(text: str) -> str | None:
    """Return the address by which somebody is counted; None if it is none.

    Of IPv6 the network of a site, since whoever has one address of it has all of them.
    """
    try:
        address = ip_address(text)
    except ValueError:
        return None
    if not isinstance(address, IPv6Address):
        return str(address)
    if address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    return str(ip_network((int(address), _SITE), strict=False))


def _object(data: bytes) -> Mapping[str, Any] | None:
    try:
        body = orjson.loads(data)
    except ValueError:
        return None
    return body if isinstance(body, dict) else None
