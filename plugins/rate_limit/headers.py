"""What answers say of limits: RateLimit fields, those of before them, and those of OpenAI.

Source of what `retry_after` keeps: draft-ietf-httpapi-ratelimit-headers-10, section 5.3.
"""

from collections.abc import Sequence
from math import ceil
from typing import Final, Literal

from proxy.api import EditableHeaders
from proxy.api.endpoints import iso
from proxy.api.limits import NEVER, Standing, WindowStanding, limit_fields

__all__ = ["Reset", "Style", "retry_after", "tell"]

Style = Literal["standard", "legacy", "openai"]
Reset = Literal["delta", "epoch", "iso"]

DEGRADED: Final = "X-RateLimit-Degraded"
_LIMIT, _REMAINING, _RESET = "X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset"


def tell(
    headers: EditableHeaders,
    standing: Standing,
    styles: Sequence[Style],
    reset: Reset,
    now: float,
) -> None:
    """Write into an answer's headers how the windows stand; `now` in Unix seconds.

    What another counter has written there stays, unless these windows are tighter.
    """
    tightest = standing.tightest
    if tightest is None:
        return
    if "standard" in styles:
        # Lists: further fields of the same name continue them.
        for name, value in limit_fields(standing):
            headers.add(name, value)
        if standing.degraded:
            headers.set(DEGRADED, standing.degraded)
    if "legacy" in styles and _is_tighter(tightest, headers):
        headers.set(_LIMIT, str(tightest.limit))
        headers.set(_REMAINING, str(tightest.remaining))
        headers.set(_RESET, _moment(tightest.reset, reset, now))
    if "openai" in styles:
        for window in _tightest_of_each_unit(standing.windows):
            unit = window.unit
            headers.set(f"x-ratelimit-limit-{unit}", str(window.limit))
            headers.set(f"x-ratelimit-remaining-{unit}", str(window.remaining))
            headers.set(f"x-ratelimit-reset-{unit}", _as_in_go(window.reset))


def retry_after(standing: Standing) -> int | None:
    """Return whole seconds after which it makes sense to come again; None if it never does.

    Never earlier than all windows let it through, nor than what `RateLimit` says of those that
    did not (section 5.3).
    """
    violated = [window for window in standing.windows if window.wait > 0]
    longest = max((max(window.wait, window.reset) for window in violated), default=0.0)
    return None if longest == NEVER else max(ceil(longest), 1)


def _is_tighter(window: WindowStanding, headers: EditableHeaders) -> bool:
    said = headers.get(_REMAINING) or ""
    known = said.isascii() and said.isdigit() and len(said) < 16
    return not known or window.remaining <= int(said)


def _moment(seconds: float, style: Reset, now: float) -> str:
    if style == "delta":
        return str(ceil(seconds))
    at = ceil(now + seconds)
    return str(at) if style == "epoch" else iso(at)


def _tightest_of_each_unit(windows: Sequence[WindowStanding]) -> list[WindowStanding]:
    found: dict[str, WindowStanding] = {}
    for window in sorted(windows, key=lambda one: (one.remaining, -one.reset)):
        found.setdefault(window.unit, window)
    return list(found.values())


def _as_in_go(seconds: float) -> str:
    """Return a time as Go writes it, rounded up to milliseconds: ``6m0s``, ``1.5s``, ``20ms``."""
    whole = ceil(seconds * 1000)
    if whole < 1000:
        return f"{whole}ms" if whole else "0s"
    minutes, rest = divmod(whole, 60_000)
    hours, minutes = divmod(minutes, 60)
    text = f"{rest / 1000:g}s"
    if hours or minutes:
        text = f"{minutes}m{text}"
    return f"{hours}h{text}" if hours else text
