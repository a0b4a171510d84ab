"""The plan of a ramp as the options of `crossfade ramp` say it."""

from collections.abc import Mapping
from itertools import pairwise
from typing import Any, NamedTuple, TypeVar

from proxy.core.rollout_limits import MOST_STEPS
from proxy.settings.values import UnfitError, three_decimals

__all__ = ["Wanted", "plan_of", "steps_of"]

Value = TypeVar("Value")

_STEPS = "percentages that rise, such as 5,25,50,100"


class Wanted(NamedTuple):
    """What somebody wants otherwise than planned: times in seconds, None for as planned."""

    steps: tuple[float, ...] = ()
    settle: float | None = None
    bake: float | None = None
    soak: float | None = None
    min_requests: int | None = None


def steps_of(text: str) -> tuple[float, ...]:
    """Return the percentages of a text such as ``5,25,50,100``. Raises UnfitError."""
    try:
        found = tuple(float(word) for word in text.split(","))
    except ValueError:
        raise UnfitError(_STEPS) from None
    if not all(0 < one <= 100 and three_decimals(one) for one in found):
        raise UnfitError(_STEPS, "each is above 0, at most 100, with at most three decimals")
    if any(later <= one for one, later in pairwise(found)):
        raise UnfitError(_STEPS, "each is larger than the one before")
    if len(found) > MOST_STEPS:
        raise UnfitError(_STEPS, f"at most {MOST_STEPS} of them")
    return found


def plan_of(wanted: Wanted, declared: Mapping[str, Any]) -> dict[str, Any]:
    """Return the plan to ask for, in the shape of a rollout's `next_plan`.

    What is not wanted otherwise is as in the plan that is `declared`. A step that is not
    among its steps is like the next one below it: gates are not lost by naming other percentages.
    """
    known = declared["steps"]
    percentages = wanted.steps or tuple(one["percentage"] for one in known)
    return {
        "steps": [_step(wanted, known, percentage) for percentage in percentages],
        "soak": _first(wanted.soak, declared["soak"]),
    }


def _step(wanted: Wanted, known: list[dict[str, Any]], percentage: float) -> dict[str, Any]:
    below = [one for one in known if one["percentage"] <= percentage]
    like = below[-1] if below else known[0]
    gates = dict(like["gates"])
    gates["min_requests"] = _first(wanted.min_requests, gates["min_requests"])
    return {
        **like,
        "percentage": percentage,
        "settle": _first(wanted.settle, like["settle"]),
        "bake": _first(wanted.bake, like["bake"]),
        "gates": gates,
    }


def _first(wanted: Value | None, planned: Value) -> Value:
    return planned if wanted is None else wanted
