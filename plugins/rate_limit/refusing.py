"""What a client is told who is not let through.

Source: draft-ietf-httpapi-ratelimit-headers-10 sections 6.1 and 6.2 (problem types), RFC 9457,
RFC 6585 section 4 (429), RFC 9110 sections 10.2.3 and 15.5.14 (413).
"""

from typing import Any, Final

from proxy.api import Reply, evaluate, json_reply, problem_reply
from proxy.api.limits import NEVER, Standing, WindowStanding

from .durations import in_words
from .headers import retry_after

__all__ = ["refusal"]

_PROBLEMS: Final = "https://iana.org/assignments/http-problem-types"
_NOT_KEPT: Final = {"Cache-Control": "no-store"}


def refusal(standing: Standing, expression: str | None, *, in_body: bool) -> Reply:
    """Return the answer; `expression` makes the body of a 429 where there is one.

    What costs more than ever fits is told so by 413, or by 400 where no body was looked at
    (`in_body`): coming again would not help.
    """
    if standing.degraded == "closed":
        return _unavailable(standing)
    seconds = retry_after(standing)
    if seconds is None:
        return _too_large(standing, 413 if in_body else 400)
    worst = _worst(standing)
    detail = f"At most {_allowed(worst)}; come again in {in_words(seconds)}."
    headers = _NOT_KEPT | {"Retry-After": str(seconds)}
    said: dict[str, Any] = {
        "retry_after": standing.retry_after,
        "retry_after_ceil": seconds,
        "violated": list(standing.violated),
        "limit": worst.limit,
        "remaining": worst.remaining,
        "detail": detail,
    }
    body = None if expression is None else evaluate(expression, said)
    if body is not None:
        return json_reply(body, 429, headers)
    return _problem(429, detail, "quota-exceeded", standing, headers)


def _too_large(standing: Standing, status: int) -> Reply:
    never = next(window for window in standing.windows if window.wait == NEVER)
    detail = f"This costs more than is ever let through: at most {_allowed(never)}."
    return _problem(status, detail, "quota-exceeded", standing, _NOT_KEPT)


def _unavailable(standing: Standing) -> Reply:
    headers = _NOT_KEPT | {"Retry-After": str(retry_after(standing) or 1)}
    detail = "Nobody can tell at the moment whether the limits allow this; come again soon."
    return _problem(503, detail, "temporary-reduced-capacity", standing, headers)


def _problem(
    status: int, detail: str, kind: str, standing: Standing, headers: dict[str, str]
) -> Reply:
    more = {"type": f"{_PROBLEMS}#{kind}", "violated-policies": list(standing.violated)}
    return problem_reply(status, detail, headers, **more)


def _worst(standing: Standing) -> WindowStanding:
    return max(standing.windows, key=lambda window: window.wait)


def _allowed(window: WindowStanding) -> str:
    if not window.seconds:
        return f"{window.limit} {window.unit} at the same time"
    return f"{window.limit} {window.unit} in {in_words(window.seconds)}"
