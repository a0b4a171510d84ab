"""What whoever delivers needs of the gateway, and how a sending fails."""

from typing import Literal, NamedTuple, Protocol, get_args

from ..message import Message

__all__ = ["CODES", "Code", "Executed", "Failure", "Next", "SendError", "Sender"]

Code = Literal[
    "BAD_REQUEST",
    "UNAUTHORIZED",
    "TOKEN_EXPIRED",
    "FORBIDDEN",
    "COMPLIANCE_VIOLATION",
    "HUMAN_APPROVAL_REQUIRED",
    "NOT_FOUND",
    "VALIDATION_ERROR",
    "RATE_LIMIT",
    "TIMEOUT",
    "INTERNAL_ERROR",
    "SERVICE_UNAVAILABLE",
    "NETWORK_ERROR",
    "UNKNOWN",
]

CODES: tuple[Code, ...] = get_args(Code)

Executed = Literal["no", "unknown"]

Next = Literal["retry", "throttle", "bury"]


class Failure(NamedTuple):
    """How a sending failed, and what follows from that."""

    code: Code
    executed: Executed
    """``no``: the platform has not sent the message on, for sure."""
    next: Next
    """``retry``: try again, which is an attempt; ``throttle``: it is the platform that cannot, or
    does not want to, so it is none; ``bury``: this message never goes."""
    why: str
    """In words, for operators. No content, no user's id, nothing that the platform wrote."""
    retry_after: float | None = None
    """Seconds for which the platform asks to be left alone; None: it does not say."""


class SendError(Exception):
    """A message was not sent, or nobody knows whether it was."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.why)
        self.failure = failure


class Sender(Protocol):
    """Sends messages; `Gateway` does it by HTTP."""

    @property
    def idempotent(self) -> bool:
        """Whether a message that is sent again under the same id is executed once."""

    def rest(self) -> float:
        """Return for how many seconds nothing is to be sent; 0: it may be tried."""

    def trouble(self) -> str:
        """Return what is wrong with the platform, in a sentence; empty if nothing is known."""

    async def send(self, message: Message, *, seconds: float) -> str:
        """Send it within `seconds`; return what the platform calls it. Raises SendError."""
