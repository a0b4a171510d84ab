"""Requests that are not answered as they wish, and what they are told instead."""

from collections.abc import Mapping, Sequence
from typing import Literal

from proxy.api import Reply
from proxy.api.documents import Document, document_reply

__all__ = [
    "COME_AGAIN",
    "DeclinedError",
    "Refusal",
    "forbidden",
    "invalid",
    "no_method",
    "none_such",
    "store_fails",
    "told_otherwise",
    "too_many",
    "unauthenticated",
    "unavailable",
]

COME_AGAIN = "5"
"""Seconds until it makes sense to ask again for what is not there now: `Retry-After`."""


class Refusal(Document):
    """Why a request is refused, in words."""

    success: Literal[False] = False
    error: str


class DeclinedError(Exception):
    """Ends a request with a `Refusal`; the text is for whoever sent it."""

    def __init__(self, status: int, error: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(error)
        self._headers = headers
        self._status = status

    @property
    def reply(self) -> Reply:
        """The answer."""
        return document_reply(Refusal(error=str(self)), self._status, self._headers)


def unauthenticated() -> DeclinedError:
    """Nobody vouches for the caller (RFC 9110 section 15.5.2)."""
    return DeclinedError(401, "Authentication required", {"WWW-Authenticate": "Bearer"})


def forbidden(error: str = "Admin privileges required") -> DeclinedError:
    """The caller is no administrator."""
    return DeclinedError(403, error)


def invalid(problems: Sequence[str]) -> DeclinedError:
    """The request is not one of this API; all that is wrong with it."""
    return DeclinedError(400, f"Invalid request: {'; '.join(problems)}")


def told_otherwise() -> DeclinedError:
    """A key came again with another request (draft-ietf-httpapi-idempotency-key-header, 2.7)."""
    says = "This Idempotency-Key was sent with another request. Send another key"
    return DeclinedError(422, says)


def none_such(what: str) -> DeclinedError:
    """There is none, or it is somebody else's."""
    return DeclinedError(404, f"There is no such {what}")


def no_method(allow: str) -> DeclinedError:
    """The path has no such method (RFC 9110 section 15.5.6)."""
    return DeclinedError(405, f"There is no such method here; there are {allow}")


def too_many(most: int) -> DeclinedError:
    """The caller has not waited for what was asked before (RFC 6585 section 4)."""
    says = f"{most} requests of yours are being answered: wait for them"
    return DeclinedError(429, says, {"Retry-After": "1"})


def unavailable(error: str) -> DeclinedError:
    """It cannot be done now; soon it may be (RFC 9110 section 15.6.4)."""
    return DeclinedError(503, error, {"Retry-After": COME_AGAIN})


def store_fails() -> DeclinedError:
    """The ledger, or what stands beside it, fails."""
    return unavailable("The ledger of costs does not answer")
