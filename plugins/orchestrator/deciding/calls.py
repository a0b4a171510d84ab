"""The words in which a provider is asked, and answers or fails; nothing here does anything."""

from collections.abc import Mapping
from enum import Enum
from typing import Any, NamedTuple

from proxy.api.spending import Usage

from .deployment import Deployment

__all__ = ["Answer", "Call", "CallFailedError", "Failure", "FailureClass", "Usage"]


class FailureClass(Enum):
    """How a call failed, as far as it matters for what is done next (see `matrix`)."""

    CONNECT = "connect"
    """Connect, DNS or TLS: nothing was sent."""
    TIMEOUT = "timeout"
    """No first byte in time, after the request was sent: it may have been executed."""
    CONFLICT = "conflict"
    """408, 409."""
    RATE_LIMITED = "rate_limited"
    """429: too many requests or tokens."""
    QUOTA = "quota"
    """429 insufficient_quota, 402: nothing left to spend on this credential."""
    INVALID = "invalid"
    """400, 413, 422."""
    CONTEXT_LENGTH = "context_length"
    """400 context_length_exceeded."""
    CONTENT_FILTER = "content_filter"
    """400 content_filter, or finish_reason content_filter."""
    AUTH = "auth"
    """401, 403, 404 of a deployment: the configuration is wrong."""
    SERVER = "server"
    """5xx."""
    MALFORMED = "malformed"
    """200, but no content, no JSON, not the wanted document, or an error inside."""
    CUT = "cut"
    """A stream that ended after its first content and before its end."""
    DEADLINE = "deadline"
    """Our own deadline; the provider was within its usual time."""
    CANCELLED = "cancelled"
    """The client left, or another attempt won."""
    BUDGET = "budget"
    """Nothing was sent: whoever keeps the budgets does not pay for it."""


class Call(NamedTuple):
    """One question to one deployment."""

    deployment: Deployment
    messages: tuple[Mapping[str, str], ...]
    """``role`` and ``content``."""
    schema: Mapping[str, Any] | None
    """The JSON schema that the answer must satisfy, named by its ``title``; None: free text."""
    max_tokens: int
    temperature: float | None
    headers: Mapping[str, str]
    """For correlation: request id, traceparent, workflow id, attempt id."""
    timeout: float
    """Seconds until the first byte, and for the rest of a whole answer."""
    slow: float = 10.0
    """From so many seconds to the first byte on, the call counts as slow."""


class Answer(NamedTuple):
    """What a deployment answered, whole and parsed."""

    content: str
    document: Mapping[str, Any] | None
    """The parsed content where a schema was asked for."""
    finish_reason: str
    model: str
    """As the provider says it, with its date."""
    usage: Usage | None
    provider_id: str
    """The provider's own request id, for its support."""
    first_byte: float
    """Seconds."""
    seconds: float
    tier: str = ""
    """The service tier that it was served with, as the provider says; empty: it does not."""
    doubt: str = ""
    """What its usage said that cannot be, and how it was read; empty: nothing."""


class Failure(NamedTuple):
    """Why there is no answer."""

    kind: FailureClass
    says: str
    """For operators: status, code, a short text; no prompt, no key, no user's words."""
    status: int = 0
    retry_after: float | None = None
    """Seconds, from ``retry-after-ms``, ``retry-after`` (seconds or a date)."""
    may_retry: bool = True
    """False where the provider said ``x-should-retry: false``."""
    usage: Usage | None = None
    """Where something was generated and thrown away."""
    uncertain: bool = False
    """The request was sent and its end is not known: it may have been executed and billed."""
    provider_id: str = ""
    tier: str = ""
    """As in `Answer`."""
    seconds: float = 0.0


class CallFailedError(Exception):
    """A call has failed."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(f"{failure.kind.value}: {failure.says}")
        self.failure = failure
