"""Which part of the callers a metric proves to be worse on new."""

from math import log

from proxy.api import Observed, Question, Scope

from .bounds import legacy_is_sick
from .evidence import finding
from .scopes import EVERYBODY, Parts, smallest

__all__ = ["crosses", "worse"]


def crosses(metric: str, question: Question, seen: Observed, part: float) -> bool:
    """Tell whether new is worse beyond doubt, it matters, and legacy can take everybody back.

    `part` is the scope's own of the false-alarm budget.
    """
    settings = question.settings
    found = finding(metric, question, seen, part)
    if found is None or seen.segment[1].requests < settings.min_requests:
        return False
    enough = found.log_e >= found.bound
    if not (enough and found.matters(settings.min_ratio, settings.min_points)):
        return False
    return not legacy_is_sick(seen, question)


def worse(metric: str, question: Question, parts: Parts) -> Scope | None:
    """Return what has to go back by what one metric says; None if nothing has."""
    guilty = -log(question.settings.alpha)
    everybody = parts.budget(EVERYBODY)

    def fails(seen: Observed, part: float) -> bool:
        return crosses(metric, question, seen, part)

    def guilt(seen: Observed) -> float:
        found = finding(metric, question, seen, 1.0)
        return found.log_e if found and found.log_e >= guilty else 0.0

    return smallest(parts, fails, guilt, lambda seen: fails(seen, everybody))
