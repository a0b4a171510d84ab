"""The gate: whether new is shown to be hardly worse than legacy at most.

That nothing bad was proven is no proof of anything: with ten callers nothing ever is. So the
gate asks the other way round: how much worse may new be, at worst, after what was seen? The
bound is the upper end of Newcombe's interval for the difference of two proportions out of
Wilson's score intervals (R. G. Newcombe, "Interval estimation for the difference between
independent proportions: comparison of eleven methods", Statistics in Medicine 17, 1998,
873-890, method 10), with a confidence of 95 % on this one side. The brake's alpha is another
matter: who passes this gate wrongly is still watched by the brake at the next step.
"""

from collections.abc import Sequence
from math import sqrt
from statistics import NormalDist
from typing import Any

from proxy.api import Observed, Question, Seen, Verdict

from .evidence import Finding, find, finding

__all__ = ["gate", "upper_bound", "wilson"]

_JUDGED = ("errors", "client_errors")
_ERROR = 0.05
_TIMES_MORE = tuple(1.25**i for i in range(1, 32))


def wilson(met: float, of: float, z: float) -> tuple[float, float]:
    """Return the two ends, 0..1, of Wilson's score interval for a proportion: `met` of `of`.

    `of` is above 0; `z` is how many standard deviations the ends are away.
    """
    share = min(met / of, 1.0)
    middle = share + z * z / (2 * of)
    half = z * sqrt(share * (1 - share) / of + z * z / (4 * of * of))
    scale = 1 + z * z / of
    return max((middle - half) / scale, 0.0), min((middle + half) / scale, 1.0)


def upper_bound(new: tuple[float, float], legacy: tuple[float, float], alpha: float) -> float:
    """Return how much higher new's proportion is than legacy's at most, -1..1.

    Pairs are (how many met it, of how many). It is too low with a probability of `alpha`.
    """
    if new[1] <= 0 or legacy[1] <= 0:
        return 1.0  # it could be anything
    z = NormalDist().inv_cdf(1 - alpha)
    share_new, share_legacy = (min(met / of, 1.0) for met, of in (new, legacy))
    above = wilson(*new, z)[1] - share_new
    below = share_legacy - wilson(*legacy, z)[0]
    return min(share_new - share_legacy + sqrt(above**2 + below**2), 1.0)


def gate(question: Question, observed: Observed) -> Verdict:
    """Answer a gate's question: ``pass`` only if new is shown to be not inferior, else ``hold``.

    Each metric has to be shown with that confidence: it takes an error in every one of them
    to let a worse system pass.
    """
    settings = question.settings
    legacy, new = observed.segment
    if new.requests < settings.min_requests:
        return Verdict("hold", f"{new.requests} of {settings.min_requests} requests on new")
    if question.share >= 1.0:
        return _alone(observed.segment[1], settings.legacy_sick)
    told = {metric: found.told() for metric, found in find(question, observed, 1.0).items()}
    if legacy.requests == 0:
        return Verdict("hold", "nothing was seen of legacy to compare new with", evidence=told)
    for metric in _judged(settings.metrics):
        why = _not_shown(finding(metric, question, observed, 1.0), metric, settings)
        if why:
            return Verdict("hold", why, evidence=told)
    why = f"new is less than {settings.margin:g} points worse than legacy, if at all"
    return Verdict("pass", why, evidence=told)


def _judged(metrics: Sequence[str]) -> list[str]:
    return [metric for metric in _JUDGED if metric in metrics] or [_JUDGED[0]]


def _not_shown(found: Finding | None, metric: str, settings: Any) -> str:
    """Say what is not shown yet, and how many keys it would take; empty if it is."""
    if found is None:
        return f"{metric}: more keys met it than are told apart"
    margin = settings.margin / 100
    (legacy, new), (legacy_keys, new_keys) = found.keys, found.active
    worst = upper_bound((new, new_keys), (legacy, legacy_keys), _ERROR)
    if worst < margin:
        return ""
    said = (
        f"{metric}: {new} of {new_keys:.0f} keys on new met one, {legacy} of {legacy_keys:.0f} on "
        f"legacy; new may be worse by {100 * worst:.1f} points, the margin is {settings.margin:g}"
    )
    for times in _TIMES_MORE:
        more = upper_bound((times * new, times * new_keys), (legacy, legacy_keys), _ERROR)
        if more < margin:
            return f"{said}; at this rate about {times * new_keys:.0f} keys on new would show it"
    return said


def _alone(new: Seen, most: float) -> Verdict:
    """Judge new where no caller with a choice meets legacy: there is nothing to compare with."""
    said = f"there is no legacy arm to compare with; {new.errors} of {new.requests} requests failed"
    failing = 100 * new.failing
    return Verdict("pass" if failing < most else "hold", f"{said} ({failing:.1f} %)")
