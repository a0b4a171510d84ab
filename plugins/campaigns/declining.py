"""Requests that are not answered as they wish, and what they are told instead."""

from collections.abc import Mapping

from proxy.api import Reply

from .writing import Document, reply_of

__all__ = [
    "COME_AGAIN",
    "DeclinedError",
    "Refusal",
    "forbidden",
    "no_orchestrator",
    "store_fails",
    "unauthenticated",
    "unavailable",
]

COME_AGAIN = "5"
"""Seconds until it makes sense to ask again for what is not there yet: `Retry-After`."""


class Refusal(Document):
    """Why a request is refused, in words."""

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
        return reply_of(Refusal(error=str(self)), self._status, self._headers)


def unauthenticated() -> DeclinedError:
    """Nobody vouches for the caller (RFC 9110 section 15.5.2)."""
    return DeclinedError(401, "Authentication required", {"WWW-Authenticate": "Bearer"})


def forbidden() -> DeclinedError:
    """The caller is no administrator."""
    return DeclinedError(403, "Admin privileges required")


def unavailable(error: str) -> DeclinedError:
    """It cannot be done now; soon it may be (RFC 9110 section 15.6.4)."""
    return DeclinedError(503, error, {"Retry-After": COME_AGAIN})


def no_orchestrator() -> DeclinedError:
    """No plugin offers its workflows."""
    return unavailable("No orchestrator is running")


def store_fails() -> DeclinedError:
    """The store of the workflows fails."""
    return unavailable("The store of workflows does not answer")
