"""Requests that are not answered as they wish, and what they are told instead."""

from collections.abc import Mapping, Sequence

from proxy.api import Reply
from proxy.api.documents import Document

from .showing import reply_of

__all__ = [
    "COME_AGAIN",
    "DeclinedError",
    "Refusal",
    "invalid",
    "no_method",
    "none_such",
    "store_fails",
    "unauthenticated",
]

COME_AGAIN = "5"
"""Seconds until it makes sense to ask a store again that does not answer."""


class Refusal(Document):
    """Why a request is refused: in words, as a word for programs, and what is wrong one by one."""

    success: bool = False
    error: str
    code: str
    details: tuple[str, ...] | None = None


class DeclinedError(Exception):
    """Ends a request with a `Refusal`; the text is for whoever sent it."""

    def __init__(
        self,
        status: int,
        code: str,
        error: str,
        *,
        details: Sequence[str] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(error)
        self.status = status
        self._code = code
        self._details = tuple(details)
        self._headers = headers

    @property
    def reply(self) -> Reply:
        """The answer."""
        told = Refusal(error=str(self), code=self._code, details=self._details or None)
        return reply_of(told, self.status, self._headers)


def unauthenticated() -> DeclinedError:
    """Nobody vouches for the caller (RFC 9110 section 15.5.2)."""
    challenge = {"WWW-Authenticate": "Bearer"}
    return DeclinedError(401, "UNAUTHORIZED", "Authentication required", headers=challenge)


def invalid(problems: Sequence[str]) -> DeclinedError:
    """The request is not one of this API; all that is wrong with it."""
    said = f"Invalid request: {'; '.join(problems)}"
    return DeclinedError(400, "VALIDATION_ERROR", said, details=problems)


def none_such() -> DeclinedError:
    """There is none, or it is somebody else's."""
    return DeclinedError(404, "NOT_FOUND", "There is no such alert")


def no_method(allow: str) -> DeclinedError:
    """The path has no such method (RFC 9110 section 15.5.6)."""
    says = f"There is no such method here; there are {allow}"
    return DeclinedError(405, "METHOD_NOT_ALLOWED", says)


def store_fails() -> DeclinedError:
    """The store of the alerts fails."""
    return DeclinedError(
        503,
        "SERVICE_UNAVAILABLE",
        "The store of alerts does not answer",
        headers={"Retry-After": COME_AGAIN},
    )
