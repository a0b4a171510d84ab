"""Who may do what on the admin listener: role tokens, or loopback without any.

A token is compared in constant time with every configured one, so neither its
bytes nor its place in the list shows in the time it takes. Without tokens the
listener is on loopback (the configuration refuses anything else), and what a
browser on the same machine could be made to send is refused: a request whose
Host is not a loopback name (DNS rebinding) and a POST that carries an Origin.
"""

import hashlib
import hmac
from collections.abc import Iterable, Mapping
from enum import IntEnum
from ipaddress import ip_address
from typing import NamedTuple

from proxy.config.models import Token


class Role(IntEnum):
    """What a token may do; each role may do what those below it may."""

    VIEWER = 1
    OPERATOR = 2
    ADMIN = 3


class Caller(NamedTuple):
    """Who asks: the name of the token (never the token) and its role."""

    name: str
    role: Role


class Refusal(Exception):  # noqa: N818 - an answer, not an error of ours
    """What was asked is not done: HTTP status, what is wrong, and what to do about it.

    `allow` lists the methods for status 405 (RFC 9110 section 10.2.1), `more` is told
    beside the rest.
    """

    def __init__(
        self,
        status: int,
        detail: str,
        hint: str,
        allow: str = "",
        more: Mapping[str, object] | None = None,
    ) -> None:
        super().__init__(detail)
        self.allow = allow
        self.more = more or {}
        self.status = status
        self.detail = detail
        self.hint = hint


class Guard:
    """Decides about a request to the admin listener from its method and three of its fields."""

    def __init__(self, tokens: Iterable[Token]) -> None:
        self.allow(tokens)

    def allow(self, tokens: Iterable[Token]) -> None:
        """Know these tokens from now on, and no others."""
        self._known = tuple(
            (_digest(one.token.get_secret_value()), Caller(one.name, Role[one.role.upper()]))
            for one in tokens
        )

    def check(
        self, needs: Role | None, method: str, host: str, origin: str | None, authorization: str
    ) -> Caller | None:
        """Return who the caller is, or None where nobody needs to be known.

        `needs` is None for what everybody may ask. Raises `Refusal` (401, 403).
        """
        if not self._known:
            _check_loopback_caller(method, host, origin)
            return Caller("loopback", Role.ADMIN)
        if needs is None:
            return None
        caller = self._recognise(authorization)
        if caller.role < needs:
            raise Refusal(
                403,
                f"The token {caller.name!r} has the role {caller.role.name.lower()}.",
                f"This needs the role {needs.name.lower()}: use another token, or change "
                "admin.tokens in the configuration.",
            )
        return caller

    def _recognise(self, authorization: str) -> Caller:
        scheme, _, credentials = authorization.partition(" ")
        if scheme.lower() != "bearer" or not credentials.strip():
            raise Refusal(401, "This needs a token.", "Send it as `Authorization: Bearer <token>`.")
        offered = _digest(credentials.strip())
        found: Caller | None = None
        for digest, caller in self._known:
            if hmac.compare_digest(digest, offered):
                found = caller
        if found is None:
            raise Refusal(401, "This token is not known.", "See admin.tokens in the configuration.")
        return found


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "surrogateescape")).digest()


def _check_loopback_caller(method: str, host: str, origin: str | None) -> None:
    if not is_loopback(host):
        raise Refusal(
            403,
            "Without tokens only a loopback Host is answered.",
            "Ask http://127.0.0.1 or http://localhost, or set admin.tokens.",
        )
    if method not in {"GET", "HEAD"} and origin is not None:
        raise Refusal(
            403,
            "Without tokens no page in a browser may change anything.",
            "Use the command line, or set admin.tokens.",
        )


def is_loopback(host: str) -> bool:
    """Return whether the value of a Host field names this machine by a loopback name or address."""
    if host.startswith("["):
        name, closed, rest = host[1:].partition("]")
        if not closed or (rest and not rest.startswith(":")):
            return False
    else:
        name = host.partition(":")[0].lower()
    if name == "localhost":
        return True
    try:
        return ip_address(name).is_loopback
    except ValueError:
        return False
