"""Rules about ramps and brakes: steps that rise, times that fit, bounds that bound something."""

from collections.abc import Iterator

from proxy.config.ramp import Ramp
from proxy.config.tree import Tree
from proxy.settings import fields, values
from proxy.settings.problems import Finding, Loc
from proxy.settings.values import UnfitError

_PERCENTAGE = fields.number(0.001, 100)


def check_steps(tree: Tree) -> Iterator[Finding]:
    """Each step goes up."""
    for ramp in _below_rollouts(tree, "ramp"):
        highest = 0.0
        for loc in _steps(tree, ramp):
            percentage = _percentage(tree, loc)
            if percentage is None:
                continue
            if percentage <= highest:
                said = f"{percentage:g}, after {highest:g}"
                wanted = "a percentage above that of the step before"
                at = (*loc, "percentage") if tree.mapping(*loc) else loc
                yield Finding(at, wanted, "a rollout goes back by rollback, not by a step", said)
            highest = max(highest, percentage)


def check_durations(tree: Tree) -> Iterator[Finding]:
    """A step can be over before it has taken too long."""
    for ramp in _below_rollouts(tree, "ramp"):
        for step in [*_steps(tree, ramp), ramp]:
            if step != ramp and not tree.mapping(*step).keys() & {"settle", "bake", "max_duration"}:
                continue
            settle, bake, longest = (_seconds(tree, step, ramp, key) for key in _TIMES)
            if 0 < longest < settle + bake:
                key = next(key for key in reversed(_TIMES) if _declares(tree, step, key))
                least = values.written_duration(settle + bake)
                said = f"a max_duration of {values.written_duration(longest)}"
                wanted = f"a max_duration of at least settle and bake together ({least})"
                yield Finding((*step, key), wanted, "such a step is always held", said)


def check_absolute(tree: Tree) -> Iterator[Finding]:
    """Bounds bound something."""
    for rollback in _below_rollouts(tree, "rollback"):
        loc: Loc = (*rollback, "absolute")
        said = tree.mapping(*loc)
        if isinstance(tree.at(*loc), dict) and said.get("error_rate") is said.get("p95") is None:
            hint = "add error_rate: 5, or p95: 2s, or leave absolute out"
            yield Finding(loc, "error_rate, p95, or both", hint, "neither")


def check_replay(tree: Tree) -> Iterator[Finding]:
    """Only where there are two arms can one answer for the other."""
    for i in range(len(tree.sequence("routes"))):
        route = tree.mapping("routes", i)
        if route.get("replay") == "allow" and route.get("rollout") is None:
            hint = "leave it out; without a rollout there is no legacy arm to ask again"
            loc: Loc = ("routes", i, "replay")
            yield Finding(loc, "replay: allow only beside rollout", hint, "allow, without rollout")


_TIMES = ("settle", "bake", "max_duration")
_DEFAULT = Ramp()


def _below_rollouts(tree: Tree, key: str) -> Iterator[Loc]:
    """The places of this section in all rollouts that have it."""
    for name in tree.mapping("rollouts"):
        if isinstance(tree.at("rollouts", name, key), dict):
            yield ("rollouts", name, key)


def _steps(tree: Tree, ramp: Loc) -> Iterator[Loc]:
    for i in range(len(tree.sequence(*ramp, "steps"))):
        yield (*ramp, "steps", i)


def _percentage(tree: Tree, step: Loc) -> float | None:
    value = tree.at(*step, "percentage") if tree.mapping(*step) else tree.at(*step)
    try:
        return float(str(_PERCENTAGE.parse(value)))
    except UnfitError:
        return None


def _declares(tree: Tree, loc: Loc, key: str) -> bool:
    return tree.mapping(*loc).get(key) is not None


def _seconds(tree: Tree, step: Loc, ramp: Loc, key: str) -> float:
    """What is in force for a step: its own, the ramp's, or the default."""
    default: float = getattr(_DEFAULT, key)
    text = tree.string(*step, key) or tree.string(*ramp, key)
    try:
        return values.duration(text) if text else default
    except UnfitError:
        return default
