"""Requests that are not answered as they wish, and what they are told instead."""

import math
from collections.abc import Mapping, Sequence

from proxy.api import Reply, problem_reply
from proxy.api.limits import Standing

from .showing import Seen, limit_headers
from .writing import Document, reply_of

__all__ = [
    "CONFLICT",
    "NOT_FOUND",
    "Code",
    "DeclinedError",
    "Refusal",
    "forbidden",
    "invalid",
    "limited",
    "none_such",
    "queue_full",
    "store_fails",
    "unauthenticated",
]

Code = str
"""A word for programs, of those in docs/reference/messages-api.md."""

NOT_FOUND: Code = "NOT_FOUND"
CONFLICT: Code = "CONFLICT"

COME_AGAIN = 5
"""Seconds until it makes sense to ask a store again that does not answer."""

FULL_FOR = 60
"""Seconds until a queue that is full may have room: nobody knows, but a while."""

QUOTA_EXCEEDED = "https://iana.org/assignments/http-problem-types#quota-exceeded"
"""The type of problem of draft-ietf-httpapi-ratelimit-headers."""


class Refusal(Document):
    """Why a request is refused: in words, as a word for programs, and what is wrong one by one."""

    success: bool = False
    error: str
    code: Code
    details: tuple[str, ...] | None = None


class DeclinedError(Exception):
    """Ends a request with a `Refusal`; the text is for whoever sent it."""

    def __init__(
        self,
        status: int,
        code: Code,
        error: str,
        *,
        details: Sequence[str] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(error)
        self.status = status
        self.code = code
        self.details = tuple(details)
        self.headers = dict(headers or {})

    @property
    def reply(self) -> Reply:
        """The answer; what is refused for its number is a problem as RFC 9457 has it, too."""
        if self.status == 429:
            more = {"success": False, "error": str(self), "code": self.code}
            kind = {"type": QUOTA_EXCEEDED}
            if self.details:
                more["violated-policies"] = list(self.details)
            reply = problem_reply(self.status, str(self), self.headers, **kind, **more)
            reply.by_rule = self.by_limit
            return reply
        told = Refusal(error=str(self), code=self.code, details=self.details or None)
        return reply_of(told, self.status, self.headers)

    @property
    def by_limit(self) -> bool:
        """Whether a limit refuses it, which says nothing of how well the queue does."""
        return self.code == "RATE_LIMIT"

    @property
    def retry_after(self) -> int | None:
        """Seconds after which it may be done, where that is known."""
        said = self.headers.get("Retry-After")
        return None if said is None else int(said)


def unauthenticated() -> DeclinedError:
    """Nobody vouches for the caller (RFC 9110 section 15.5.2)."""
    challenge = {"WWW-Authenticate": "Bearer"}
    return DeclinedError(401, "UNAUTHORIZED", "Authentication required", headers=challenge)


def forbidden(error: str = "Admin privileges required") -> DeclinedError:
    """The caller is no administrator."""
    return DeclinedError(403, "FORBIDDEN", error)


def invalid(problems: Sequence[str]) -> DeclinedError:
    """The request is not one of this API; all that is wrong with it."""
    said = f"Invalid request: {'; '.join(problems)}"
    return DeclinedError(400, "VALIDATION_ERROR", said, details=problems)


def none_such() -> DeclinedError:
    """There is none, or it is somebody else's."""
    return DeclinedError(404, NOT_FOUND, "There is no such message")


def queue_full(says: str) -> DeclinedError:
    """The queue takes no more; nothing was stored."""
    error = f"The message was not taken: {says}. Send it again later."
    return DeclinedError(429, "QUEUE_FULL", error, headers={"Retry-After": str(FULL_FOR)})


def limited(standing: Standing, now: float) -> DeclinedError:
    """A limit wants it refused at `now` (Unix seconds); nothing was stored."""
    violated = standing.violated
    if math.isinf(standing.retry_after):
        error = "The message was not taken: it costs more than a limit allows at all."
        return DeclinedError(413, "RATE_LIMIT", error, details=violated)
    wait = max(1, math.ceil(standing.retry_after))
    error = f"The message was not taken: a limit lets the next one through in {wait} s."
    headers = limit_headers(Seen(now, standing)) | {"Retry-After": str(wait)}
    return DeclinedError(429, "RATE_LIMIT", error, details=violated, headers=headers)


def store_fails() -> DeclinedError:
    """The store of the messages fails; whether the message is in it is not known."""
    return DeclinedError(
        503,
        "SERVICE_UNAVAILABLE",
        "The message queue does not answer. Send it again with the same Idempotency-Key.",
        headers={"Retry-After": str(COME_AGAIN)},
    )
