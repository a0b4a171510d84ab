"""What a step waits for, as far as it is arithmetic: requests, hours, and an honest split.

Each function answers in words what is missing, and with nothing (the empty text) when all is well.
"""

from datetime import date, datetime, time, timedelta
from math import erfc, exp, lgamma, log, log1p, sqrt
from zoneinfo import ZoneInfo

from proxy.core.rollout_state import Step, TimeWindow

__all__ = [
    "LEAST_KEYS",
    "MISMATCH",
    "missing_keys",
    "requests_missing",
    "sample_ratio_mismatch",
    "window_closed",
]

LEAST_KEYS = 1000
"""Fewer keys say nothing about the split."""

MISMATCH = 0.0005
"""A split this improbable is no accident (Fabijan et al., "Diagnosing Sample Ratio Mismatch in
Online Controlled Experiments", KDD 2019)."""

_LEAST_REQUESTS = 100
_MOST_MISSING = 0.05
_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


def requests_missing(step: Step, legacy_requests: int, new_requests: int) -> str:
    """Return which arm has had too few requests in this step; both are told where both have.

    At 100 % nobody with a choice is on legacy, so nothing is asked of it.
    """
    wanted = step.gates.min_requests
    seen = {"legacy": legacy_requests, "new": new_requests}
    if step.percentage >= 100:
        del seen["legacy"]
    few = [f"{count} of {wanted} on {arm}" for arm, count in seen.items() if count < wanted]
    return f"min_requests: {', '.join(few)}" if few else ""


def window_closed(window: TimeWindow, now: float) -> str:
    """Return when the window opens if it is not open at `now` (Unix seconds).

    A window past midnight belongs to the day on which it begins. A zone that this machine does
    not know keeps the window closed.
    """
    try:
        zone = ZoneInfo(window.zone)
    except (LookupError, ValueError, OSError):
        return f"window: the time zone {window.zone!r} is not known here"
    today = datetime.fromtimestamp(now, zone).date()
    for days in range(-1, 9):  # nine, for an hour that a change of the clocks leaves out
        day = today + timedelta(days)
        if _DAYS[day.weekday()] not in window.days:
            continue
        begins, ends = _on(day, window, zone)
        if begins.timestamp() <= now < ends.timestamp():
            return ""
        if now < begins.timestamp() < ends.timestamp():
            return f"window: opens {begins:%a %Y-%m-%d %H:%M} {window.zone}"
    return "window: never opens"


def _on(day: date, window: TimeWindow, zone: ZoneInfo) -> tuple[datetime, datetime]:
    # Arithmetic within a zone is that of clocks on the wall, as hours in a configuration are.
    midnight = datetime.combine(day, time(), zone)
    past = 1440 if window.ends < window.begins else 0
    return (
        midnight + timedelta(minutes=window.begins),
        midnight + timedelta(minutes=window.ends + past),
    )


def sample_ratio_mismatch(
    legacy_keys: float, new_keys: float, share: float, *, error: float = 0.0
) -> str:
    """Return how the split of the keys contradicts the `share` (0..1) that new should have.

    Counted keys are judged by the exact binomial test, two-sided. Where the numbers are
    estimates, `error` is their relative standard error: it is added to the variance, in the
    normal approximation.
    """
    keys = legacy_keys + new_keys
    if keys < LEAST_KEYS or not 0 < share < 1:
        return ""
    if error > 0:
        chance = _normal(legacy_keys, new_keys, share, error)
    else:
        chance = _binomial(round(keys), round(new_keys), share)
    if chance >= MISMATCH:
        return ""
    return (
        f"sample ratio: {100 * new_keys / keys:.2f} % of {keys:.0f} keys are on new and"
        f" {100 * share:g} % should be (p = {chance:.1g}); something favours an arm,"
        " so no comparison can be trusted"
    )


def _binomial(keys: int, new: int, share: float) -> float:
    """Return the probability of a split at least this uneven: twice the smaller tail."""
    if new < keys * share:  # the tail below is the one above of the other arm
        new, share = keys - new, 1 - share
    chance = exp(
        lgamma(keys + 1)
        - lgamma(new + 1)
        - lgamma(keys - new + 1)
        + new * log(share)
        + (keys - new) * log1p(-share)
    )
    tail = 0.0
    for count in range(new, keys + 1):  # falls like a geometric series, so it ends soon
        tail += chance
        chance *= (keys - count) / (count + 1) * share / (1 - share)
        if chance <= tail * 1e-12:
            break
    return min(1.0, 2 * tail)


def _normal(legacy: float, new: float, share: float, error: float) -> float:
    other = 1 - share
    guessed = error * error * ((other * new) ** 2 + (share * legacy) ** 2)
    deviation = abs(other * new - share * legacy)
    spread = sqrt((legacy + new) * share * other + guessed)
    return erfc(deviation / spread / sqrt(2))


def missing_keys(with_key: int, without: int) -> str:
    """Return how many requests have no key, if it is more than 5 % of at least 100."""
    requests = with_key + without
    if requests < _LEAST_REQUESTS or without <= requests * _MOST_MISSING:
        return ""
    return (
        f"missing keys: {100 * without / requests:.1f} % of {requests} requests have no key and"
        f" {100 * _MOST_MISSING:.0f} % may; see whether `identity` still finds it"
    )
