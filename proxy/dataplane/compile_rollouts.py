"""Turns a declared rollout, and what was learned about it since, into rules to decide by.

What is learned wins where both speak: the percentage and the lists. Conditions, rules and
the salt are declared alone; kill, rollback and holds are learned alone.
"""

from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType

from proxy.config.models import Condition as DeclaredCondition
from proxy.config.models import Config
from proxy.config.models import Rollout as DeclaredRollout
from proxy.core.conditions import Condition, any_of, between
from proxy.core.decide import Branch, Rollout, compile_rollout
from proxy.core.key import normalise_value
from proxy.core.reason import Arm
from proxy.core.rollout_state import RolloutState

__all__ = ["NOTHING", "attributes_asked", "compile_rollout_for", "compile_rollouts", "decide_alike"]

NOTHING: Mapping[str, RolloutState] = MappingProxyType({})
"""Nothing is learned yet."""


def compile_rollouts(
    config: Config, learned: Mapping[str, RolloutState] = NOTHING
) -> dict[str, Rollout]:
    """Return the rollouts by name, without what holds for one route alone.

    Raises ValueError for a list or a salt that cannot be used.
    """
    return {name: compile_rollout_for(config, name, learned.get(name)) for name in config.rollouts}


def compile_rollout_for(
    config: Config,
    name: str,
    state: RolloutState | None = None,
    *,
    route: str = "",
    assigned: bool = False,
    affinity: Callable[[bytes], Arm | None] | None = None,
) -> Rollout:
    """Return one rollout as it decides for one route.

    `assigned`: plugins of the route may pin the arm. `affinity` tells where a caller has just
    written. A key that has come to both lists since they were declared is on the blacklist.
    Raises ValueError for a list or a salt that cannot be used; no key is shown.
    """
    declared, lower = config.rollouts[name], config.identity.lower
    learned = state is not None
    if state is None:
        state = _as_declared(name, declared)
    holds = [hold for hold in state.holds if hold.route in ("", route)]
    try:
        whitelist = _keys(state.whitelist, "whitelist", lower=lower)
        blacklist = _keys(state.blacklist, "blacklist", lower=lower)
        if learned:
            # Two spellings of a key may have come to both lists, from the file and by hand. No
            # later word may fail for that, least of all one that leads to legacy.
            whitelist -= blacklist
        return compile_rollout(
            name,
            enabled=declared.enabled,
            percentage=state.percentage,
            salt=declared.salt.encode(),
            whitelist=whitelist,
            blacklist=blacklist,
            conditions=[_condition(*item) for item in declared.conditions.items()],
            branches=_branches(declared),
            missing_key=declared.missing_key,
            killed=state.killed is not None,
            rolled_back=state.rolled_back is not None or any(not hold.cohort for hold in holds),
            cohort=declared.cohort,
            held_cohorts=[hold.cohort for hold in holds if hold.cohort],
            whitelist_survives=declared.whitelist_survives_rollback,
            assigned=assigned,
            affinity=affinity,
        )
    except ValueError as error:
        raise ValueError(f"rollouts.{name}: {error}") from error


def decide_alike(one: RolloutState | None, other: RolloutState) -> bool:
    """Whether a rollout decides the same about every caller, as it stands in both."""
    return (
        one is not None
        and one.percentage == other.percentage
        and (one.killed is None) == (other.killed is None)
        and (one.rolled_back is None) == (other.rolled_back is None)
        and one.holds == other.holds
        and one.whitelist == other.whitelist
        and one.blacklist == other.blacklist
    )


def attributes_asked(config: Config) -> set[str]:
    """Return the names of the attributes that decide, or by which callers are parted."""
    asked = {rollout.cohort for rollout in config.rollouts.values() if rollout.cohort}
    for rollout in config.rollouts.values():
        asked.update(rollout.conditions)
        asked.update(name for rule in rollout.rules for name in rule.when)
    return asked


def _as_declared(name: str, declared: DeclaredRollout) -> RolloutState:
    return RolloutState(
        name,
        percentage=declared.percentage,
        whitelist=frozenset(declared.whitelist),
        blacklist=frozenset(declared.blacklist),
    )


def _keys(listed: Iterable[str], where: str, *, lower: bool) -> frozenset[bytes]:
    """Return listed keys in the spelling that requests are given; none of them is shown."""
    keys = set()
    for text in listed:
        key = normalise_value(text, lower=lower)
        if key is None:
            raise ValueError(f"the {where} holds something that is no key: empty or not Unicode")
        keys.add(key)
    return frozenset(keys)


def _condition(attribute: str, declared: DeclaredCondition) -> Condition:
    if declared.any_of is not None:
        return any_of(attribute, declared.any_of)
    return between(attribute, declared.min, declared.max)


def _branches(declared: DeclaredRollout) -> list[Branch]:
    return [
        Branch(
            conditions=tuple(_condition(*item) for item in rule.when.items()),
            arm=None if rule.then is None else Arm(rule.then),
            percentage=rule.percentage or 0.0,
            salt=rule.salt.encode(),
        )
        for rule in declared.rules
    ]
