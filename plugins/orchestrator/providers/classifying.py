"""How a call failed, in our words: from what became of the connection, or from what was answered.

Nothing of a provider's free text is handed on: it may quote the prompt. Status, code and type
are words of the provider's interface; where they are not, they are left out too.
"""

import errno
import re
from collections.abc import Mapping
from enum import IntEnum
from typing import Any, NamedTuple

import aiohttp
import orjson

from proxy.api.resilience import retry_after, should_retry

from ..deciding.calls import Call, Failure, FailureClass

__all__ = [
    "CONNECT_SECONDS",
    "Reached",
    "error_in",
    "error_in_body",
    "lost",
    "malformed",
    "provider_id",
    "refused",
]

CONNECT_SECONDS = 5.0
"""For a free connection of the pool, or a new one with DNS and TLS."""

_QUOTA = frozenset(
    ("insufficient_quota", "billing_hard_limit_reached", "billing_not_active", "quota_exceeded")
)
_CONTEXT = frozenset(("context_length_exceeded",))
_FILTER = frozenset(("content_filter", "content_policy_violation", "responsibleaipolicyviolation"))
_RATE = frozenset(("rate_limit_exceeded", "ratelimitreached", "toomanyrequests", "nocapacity"))
_AUTH = frozenset(("invalid_api_key", "model_not_found", "deploymentnotfound"))
_SERVER = frozenset(("server_error", "internal_server_error", "internalservererror", "overloaded"))
_BY_WORD = {
    word: kind
    for words, kind in (
        (_QUOTA, FailureClass.QUOTA),
        (_CONTEXT, FailureClass.CONTEXT_LENGTH),
        (_FILTER, FailureClass.CONTENT_FILTER),
        (_RATE, FailureClass.RATE_LIMITED),
        (_AUTH, FailureClass.AUTH),
        (_SERVER, FailureClass.SERVER),
    )
    for word in words
}
_BY_STATUS = {
    401: FailureClass.AUTH,
    402: FailureClass.QUOTA,
    403: FailureClass.AUTH,
    404: FailureClass.AUTH,
    405: FailureClass.AUTH,
    408: FailureClass.CONFLICT,
    409: FailureClass.CONFLICT,
    410: FailureClass.AUTH,
    429: FailureClass.RATE_LIMITED,
}
# Servers that speak OpenAI's dialect say it in words alone.
_TOO_LONG = re.compile(r"maximum context length|context window", re.IGNORECASE)
_WORD = re.compile(r"[A-Za-z0-9_.-]{1,64}")
_ID = re.compile(r"[\x21-\x7e]{1,128}")
_ID_HEADERS = ("apim-request-id", "x-request-id")


class Reached(IntEnum):
    """How far a call had come."""

    NOTHING = 0
    """Nothing of it was sent."""
    SENT = 1
    HEAD = 2
    """The head of the answer was there."""
    CONTENT = 3
    """Content of a stream was passed on."""


def lost(error: BaseException, reached: Reached, call: Call) -> Failure:
    """Say what an error of the connection, or running out of time, means for a call."""
    timed_out = isinstance(error, TimeoutError)
    if reached is Reached.CONTENT:
        says = f"nothing for {call.timeout:g} s" if timed_out else f"it broke off: {_name(error)}"
        return Failure(FailureClass.CUT, says)
    if timed_out and _is_short(call, reached):
        says = f"not within the {call.timeout:g} s that were left"
        return Failure(FailureClass.DEADLINE, says, uncertain=reached > Reached.NOTHING)
    if reached is Reached.NOTHING:
        return Failure(FailureClass.CONNECT, f"no connection: {_name(error)}")
    if timed_out:
        return Failure(FailureClass.TIMEOUT, f"not within {call.timeout:g} s", uncertain=True)
    if reached is Reached.HEAD:
        return malformed(f"the answer broke off: {_name(error)}")
    if isinstance(error, aiohttp.ClientResponseError):
        return malformed("the answer is not HTTP")
    says = f"the connection was lost before an answer: {_name(error)}"
    return Failure(FailureClass.TIMEOUT, says, uncertain=True)


def _is_short(call: Call, reached: Reached) -> bool:
    """Whether a provider that is as quick as usual might have needed longer than it was given."""
    usual = CONNECT_SECONDS if reached is Reached.NOTHING else call.slow
    return call.timeout < min(usual, call.deployment.at.timeout)


def refused(status: int, headers: Mapping[str, str], body: bytes, now_unix: float) -> Failure:
    """Say what an answer that is not a 200 means.

    `headers`: names in lower case, or where case is no matter. `now_unix`: for a Retry-After
    that is a date.
    """
    said = _Said.of(_document(body))
    kind = said.kind if 400 <= status < 500 else None
    return Failure(
        kind or _of_status(status),
        " ".join((str(status), *said.words)),
        status=status,
        retry_after=retry_after(headers, now_unix),
        may_retry=should_retry(headers) is not False,
    )


def error_in(document: object) -> Failure | None:
    """Say what an error object inside of a 200, or of a stream, means; None: there is none."""
    if not isinstance(document, Mapping) or not document.get("error"):
        return None
    said = _Said.of(document)
    kind = said.kind or FailureClass.MALFORMED
    return Failure(kind, " ".join(("an error in a 200", *said.words)), status=200)


def error_in_body(body: bytes) -> Failure:
    """Say what a 200 with JSON means where a stream was asked for."""
    return error_in(_document(body)) or malformed("no stream came, though one was asked for")


def malformed(says: str) -> Failure:
    """Say that an answer is none that can be used."""
    return Failure(FailureClass.MALFORMED, says, status=200)


def provider_id(headers: Mapping[str, str]) -> str:
    """Return the id under which the provider's support finds the call; empty: it gave none."""
    for name in _ID_HEADERS:
        found = headers.get(name, "")
        if _ID.fullmatch(found):
            return found
    return ""


class _Said(NamedTuple):
    """What an error object says."""

    words: tuple[str, ...]
    """Its code and type, fit to be shown."""
    kind: FailureClass | None
    """What they mean, if they mean anything."""

    @classmethod
    def of(cls, document: object) -> "_Said":
        error = document.get("error", document) if isinstance(document, Mapping) else None
        if not isinstance(error, Mapping):
            return cls((), None)
        inner = error.get("innererror")
        code, kind = _word(error.get("code")), _word(error.get("type"))
        deeper = _word(inner.get("code")) if isinstance(inner, Mapping) else ""
        words = tuple(dict.fromkeys(word for word in (code, kind, deeper) if word))
        return cls(words, _meaning(words, error.get("message")))


def _meaning(words: tuple[str, ...], message: object) -> FailureClass | None:
    for word in words:
        if found := _BY_WORD.get(word.lower()):
            return found
    if isinstance(message, str) and _TOO_LONG.search(message):
        return FailureClass.CONTEXT_LENGTH
    numbers = [word for word in words if re.fullmatch("[45][0-9][0-9]", word)]
    return _of_status(int(numbers[0])) if numbers else None


def _of_status(status: int) -> FailureClass:
    if status >= 500:
        return FailureClass.SERVER
    if status >= 400:
        return _BY_STATUS.get(status, FailureClass.INVALID)
    # A redirection is never followed: it would take the key along. The endpoint is wrong.
    return FailureClass.AUTH if status >= 300 else FailureClass.MALFORMED


def _word(value: object) -> str:
    text = str(value) if isinstance(value, int | str) else ""
    return text if _WORD.fullmatch(text) else ""


def _document(body: bytes) -> Any:
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        return None


def _name(error: BaseException) -> str:
    """Return what kind of error it is; its own text may name addresses, or quote."""
    number = getattr(error, "errno", None)
    code = errno.errorcode.get(number, "") if isinstance(number, int) else ""
    return f"{type(error).__name__} {code}".rstrip()
