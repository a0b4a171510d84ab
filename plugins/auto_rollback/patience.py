"""Whether a crossing of the metric `slow` goes on, or was a stall that is over.

A process that stops for half a second makes every answer slow that is under way. That is
evidence of a difference, rightly, but of one that is gone when it is seen. So after the crossing
only keys that met it since then are looked at, and they have to say so again. What is decided
here by arithmetic needs no proof of its own: the crossing was one, and asking once more can only
make rollbacks rarer.
"""

from math import log
from typing import Literal, NamedTuple

from proxy.api import Evidence, Observed, Question, Seen

from .evidence import Finding, finding, log_e

__all__ = [
    "CONFIRMED",
    "ECHO_SECONDS",
    "METRIC",
    "NOTHING",
    "PATIENCE_SECONDS",
    "Counts",
    "Outlook",
    "counted",
    "fresh",
    "outlook",
    "since",
]

METRIC = "slow"

CONFIRMED = log(20)
"""What the evidence of fresh keys has to reach: a chance of one in twenty where all is well."""

PATIENCE_SECONDS = 60.0
"""So long a crossing is watched. It is the time over which legacy's p95 is taken: after it
nothing of the stall is in the measure either, and whoever still waits would wait for another."""

ECHO_SECONDS = 3.0
"""What comes so soon after the crossing belongs to it: replicas tell once a second, each at its
own time, and those who queued behind a stall are slow after it is over."""

_STEADY_SECONDS = 10.0
_STEADILY = 0.25
"""Where no keys are left to ask, so many of new's requests must be slow over so many seconds.
A second stall of a second or two makes fewer."""

Outlook = Literal["goes on", "over", "open"]


class Counts(NamedTuple):
    """What one scope has met so far; pairs are (legacy, new)."""

    keys: tuple[int, int]
    """Different keys that met it."""
    requests: tuple[int, int]
    slow: tuple[int, int]
    """Of the requests."""


NOTHING = Counts((0, 0), (0, 0), (0, 0))


def counted(seen: Observed) -> Counts:
    """Return the counts of a scope at this moment."""
    (legacy, new), (before, after) = seen.evidence, seen.segment
    return Counts(
        (legacy.keys.get(METRIC, 0), new.keys.get(METRIC, 0)),
        (before.requests, after.requests),
        (before.slow, after.slow),
    )


def since(seen: Observed, before: Counts) -> Observed:
    """Return what was seen beyond some counts, as far as the metric has to do with it.

    Active are those who can still meet it for the first time: if nearly all callers of new have
    met it before, hardly any are left, and few of them are many.
    """
    if before == NOTHING:
        return seen
    legacy, new = (
        Evidence(max(one.active - met, 0.0), _without(one, met))
        for one, met in zip(seen.evidence, before.keys, strict=True)
    )
    first, second = (
        Seen(requests=max(one.requests - requests, 0), slow=max(one.slow - slow, 0))
        for one, requests, slow in zip(seen.segment, before.requests, before.slow, strict=True)
    )
    return Observed(
        segment=(first, second), recent=seen.recent, window=seen.window, evidence=(legacy, new)
    )


def _without(one: Evidence, met: int) -> dict[str, int]:
    return {METRIC: max(one.keys[METRIC] - met, 0)} if METRIC in one.keys else {}


def fresh(question: Question, seen: Observed) -> Finding | None:
    """Return what the metric says of those who met it `since` the crossing; None if unknown."""
    found = finding(METRIC, question, seen, 1.0)
    return found and found._replace(bound=CONFIRMED)


def outlook(found: Finding, seen: Observed, question: Question, seconds: float) -> Outlook:
    """Tell how it stands `seconds` after a crossing; `found` and `seen` are of the time since."""
    settings, share = question.settings, question.share
    matters = found.matters(settings.min_ratio, settings.min_points)
    if found.log_e >= CONFIRMED and matters:
        return "goes on"
    if log_e(round(found.active[1]), found.keys[0], share) < CONFIRMED:
        # Whoever there is on new has met it: keys can say nothing more, for it or against it.
        if seconds >= _STEADY_SECONDS and _still_slow(seen, settings.min_requests):
            return "goes on"
    elif found.log_e <= -CONFIRMED and not matters:
        return "over"
    # In silence nothing is over: it takes requests to see that they are well. Nor is it while
    # fresh keys show the effect, and are only too few yet.
    enough = seen.segment[1].requests >= settings.min_requests
    return "over" if seconds >= PATIENCE_SECONDS and enough and not matters else "open"


def _still_slow(seen: Observed, least: int) -> bool:
    legacy, new = seen.segment
    if new.requests < max(least, 1):
        return False
    often = new.slow / new.requests
    return often >= _STEADILY + (legacy.slow / legacy.requests if legacy.requests else 0.0)
