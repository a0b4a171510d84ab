"""What needs no statistics: a total failure of new, a sick legacy, bounds that somebody set."""

from typing import Any

from proxy.api import Observed, Question

from .evidence import several

__all__ = ["broken", "collapse", "legacy_is_sick"]

_LEAST_RECENT = 20
_COLLAPSED = 0.5
_WELL = 10.0
"""Per cent of legacy's requests: where more fail, half of twenty on new may be chance, whatever
`legacy_sick` says."""


def legacy_is_sick(observed: Observed, question: Question) -> str:
    """Say why nobody should be sent to legacy; empty if it is well or has little to do.

    Without requests on legacy the word of its health check counts.
    """
    if not question.legacy_up:
        return "legacy is down: no endpoint of it is up"
    legacy = observed.recent[0]
    if legacy.requests < _LEAST_RECENT:
        return ""
    if 100 * legacy.failing < question.settings.legacy_sick:
        return ""
    return (
        f"legacy is failing too: {legacy.errors} of {legacy.requests} recent requests "
        f"({legacy.failing:.0%})"
    )


def collapse(observed: Observed, question: Question, *, least: int = _LEAST_RECENT) -> str:
    """Say that new fails as a whole, which needs no proof; empty if it does not.

    At least half of `least` recent requests or more have failed and legacy is well. Where it is
    known which keys met an error, these must be several: one caller that does
    nothing but fail, or has gone mad, is no collapse.
    """
    legacy, new = observed.recent
    if new.requests < max(least, 1) or new.failing < _COLLAPSED:
        return ""
    well = 100 * legacy.failing < min(question.settings.legacy_sick, _WELL)
    if not (question.legacy_up and well):
        return ""
    known = observed.evidence[1]
    if not several(known.keys.get("errors", known.active), known.active):
        return ""
    return (
        f"new fails: {new.errors} of {new.requests} recent requests ({new.failing:.0%}), "
        f"legacy {legacy.errors} of {legacy.requests}"
    )


def broken(observed: Observed, settings: Any) -> str:
    """Say which absolute bound new breaks; empty if none, and below `min_requests`."""
    absolute = settings.absolute
    new = observed.window[1]
    if absolute is None or new.requests < settings.min_requests:
        return ""
    if absolute.error_rate is not None and 100 * new.failing > absolute.error_rate:
        return (
            f"absolute.error_rate: {new.errors} of {new.requests} requests failed on new within "
            f"{absolute.window:.0f} s ({new.failing:.1%}, bound {absolute.error_rate:g} %)"
        )
    if absolute.p95 is not None and new.p95 is not None and new.p95 > absolute.p95:
        return (
            f"absolute.p95: new took {new.p95:.3f} s within {absolute.window:.0f} s, "
            f"bound {absolute.p95:g} s"
        )
    return ""
