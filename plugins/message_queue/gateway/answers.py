"""What an answer of the platform means, or that there was none. One table; nothing is called.

Whether a message was executed is said by the status alone (RFC 9110, section 15: a 4xx is refused,
a 5xx may have failed in the middle). Of the body, a code counts that is finer than its status; none
of its free text is handed on, which may quote the message.
"""

from collections.abc import Mapping
from typing import Any

import orjson

from proxy.api.resilience import retry_after

from .sending import Code, Executed, Failure, Next

__all__ = ["ANSWER_BYTES", "UNAUTHORIZED_REST", "lost", "platform_id", "refused", "unreadable"]

ANSWER_BYTES = 64 * 1024
"""An answer that is longer is not read."""

UNAUTHORIZED_REST = 30.0
"""Seconds until a token that was refused is tried again: every message would meet the same."""

_THROTTLED_REST = 10.0
"""Seconds, where a 429 does not say how long."""

_LONGEST_ID = 256

_BY_STATUS: Mapping[int, tuple[Code, Executed, Next]] = {
    400: ("BAD_REQUEST", "no", "bury"),
    401: ("UNAUTHORIZED", "no", "throttle"),
    403: ("FORBIDDEN", "no", "bury"),
    404: ("NOT_FOUND", "no", "bury"),
    408: ("TIMEOUT", "unknown", "retry"),
    409: ("UNKNOWN", "unknown", "retry"),  # another with the same key is under way
    422: ("VALIDATION_ERROR", "no", "bury"),
    429: ("RATE_LIMIT", "no", "throttle"),
    500: ("INTERNAL_ERROR", "unknown", "retry"),
    502: ("INTERNAL_ERROR", "unknown", "retry"),
    503: ("SERVICE_UNAVAILABLE", "no", "retry"),
    504: ("TIMEOUT", "unknown", "retry"),
}
_REFUSED: tuple[Code, Executed, Next] = ("BAD_REQUEST", "no", "bury")
_ODD: tuple[Code, Executed, Next] = ("UNKNOWN", "unknown", "retry")

_FINER: Mapping[int, tuple[Code, ...]] = {
    401: ("TOKEN_EXPIRED",),
    403: ("COMPLIANCE_VIOLATION", "HUMAN_APPROVAL_REQUIRED"),
}
_RESTS: Mapping[int, float] = {401: UNAUTHORIZED_REST, 429: _THROTTLED_REST}


def refused(status: int, headers: Mapping[str, str], body: bytes, now: float) -> Failure:
    """Return what an answer means that is neither 200 nor 201.

    `headers`: where case is no matter. `now`: Unix seconds, for a Retry-After that is a date.
    """
    otherwise = _REFUSED if 400 <= status < 500 else _ODD
    code, executed, following = _BY_STATUS.get(status, otherwise)
    said = _code_in(body)
    code = next((finer for finer in _FINER.get(status, ()) if finer == said), code)
    why = f"the platform answered {status} {code}"
    asked = retry_after(headers, now)
    return Failure(code, executed, following, why, _RESTS.get(status) if asked is None else asked)


def lost(*, sent: bool, late: bool) -> Failure:
    """Return what it means that there was no answer: it was too late, or the connection ended.

    `sent`: whether the message may have left.
    """
    if not sent:
        how = "no connection to the platform in time" if late else "no connection to the platform"
        return Failure("NETWORK_ERROR", "no", "retry", how)
    if late:
        return Failure("TIMEOUT", "unknown", "retry", "the platform did not answer in time")
    how = "the connection to the platform ended before it had answered"
    return Failure("NETWORK_ERROR", "unknown", "retry", how)


def unreadable(status: int) -> Failure:
    """Return what an answer means that says it was sent, in a way that cannot be read."""
    why = f"the platform answered {status} without a readable id"
    return Failure("UNKNOWN", "unknown", "retry", why)


def platform_id(body: bytes) -> str:
    """Return what the platform calls a message that it has sent; empty: it does not say."""
    found = _read(body).get("id")
    if isinstance(found, int) and not isinstance(found, bool):
        found = str(found)
    fits = isinstance(found, str) and len(found) <= _LONGEST_ID and found.isprintable()
    return str(found) if fits else ""


def _code_in(body: bytes) -> Any:
    error = _read(body).get("error")
    return error.get("code") if isinstance(error, dict) else None


def _read(body: bytes) -> dict[str, Any]:
    """Return a JSON object; an empty one for anything else."""
    try:
        found = orjson.loads(body) if len(body) <= ANSWER_BYTES else None
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
