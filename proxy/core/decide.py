"""The decision: which arm of a rollout answers a caller, and why.

A rollout is compiled into a tuple of rules in the order of precedence, first
hit wins:

    killed -> legacy
    disabled -> legacy
    rolled_back, all of it or the caller's cohort -> legacy
    blacklist -> legacy
    assign: a plugin of the route pins the arm
    whitelist (verified identity only) -> new
    write_affinity: reads go where the caller has just written
    conditions not met -> legacy
    rules, in their order: the first whose conditions hold says which arm
    no key -> what missing_key says
    percentage -> new below the threshold, legacy from there on

Only the rules that the rollout configures are in the tuple. `decide` and
`explain` walk that same tuple, so an explanation cannot differ from the
decision it explains.
"""

from collections.abc import Callable, Collection, Iterable, Iterator

from proxy.core import rules as make
from proxy.core.bucket import BUCKETS, placer, threshold
from proxy.core.conditions import Condition
from proxy.core.decision import Decision, Explanation, Look, MissingKey, Pin, Rollout, Rule
from proxy.core.identity import Identity
from proxy.core.reason import Arm, Reason
from proxy.core.rules import Branch

__all__ = [
    "ANSWERED",
    "ROUTED",
    "UNMATCHED",
    "Branch",
    "Decision",
    "Explanation",
    "Look",
    "MissingKey",
    "Pin",
    "Rollout",
    "Rule",
    "compile_rollout",
    "decide",
    "explain",
]

ROUTED = Decision(None, Reason.ROUTE)
"""The decision of a route that names an upstream."""

ANSWERED = Decision(None, Reason.ANSWERED)
"""The decision of a request that a plugin answers before there is one."""

UNMATCHED = Decision(None, Reason.UNMATCHED)
"""The decision of the last route, which takes what no other took."""

_NOBODY: frozenset[bytes] = frozenset()


def decide(rollout: Rollout, identity: Identity, pin: Pin | None = None) -> Decision:
    """Return which arm of the rollout answers this caller. Never raises.

    A rule that raises decides for legacy, with `Reason.ERROR` and the exception. `pin` is
    asked by rollouts that are compiled as `assigned`.
    """
    try:
        for _, judge, _ in rollout.rules:
            decision = judge(identity, pin)
            if decision is not None:
                return decision
    except Exception as error:
        return _failed(error)
    return _failed(LookupError(f"no rule of {rollout.name} decided"))


def explain(rollout: Rollout, identity: Identity, pin: Pin | None = None) -> Explanation:
    """Return the decision that `decide` returns, with every rule looked at. Never raises."""
    looks: list[Look] = []
    decision: Decision | None = None
    for name, judge, tell in rollout.rules:
        try:
            decision = judge(identity, pin)
            looks.append(Look(name, decision is not None, tell(identity)))
        except Exception as error:
            decision = _failed(error)
            looks.append(Look(name, hit=True, saw=f"the rule failed: {type(error).__name__}"))
        if decision is not None:
            break
    if decision is None:
        decision = _failed(LookupError(f"no rule of {rollout.name} decided"))
    key = identity.key
    bucket = None if key is None else (rollout.place_of(key) * BUCKETS) >> 64
    return Explanation(decision, tuple(looks), bucket, rollout.threshold)


def compile_rollout(
    name: str,
    *,
    enabled: bool,
    percentage: float,
    salt: bytes,
    whitelist: Collection[bytes] = (),
    blacklist: Collection[bytes] = (),
    conditions: Iterable[Condition] = (),
    branches: Iterable[Branch] = (),
    missing_key: MissingKey = "legacy",
    killed: bool = False,
    rolled_back: bool = False,
    cohort: str = "",
    held_cohorts: Collection[str] = (),
    whitelist_survives: bool = False,
    assigned: bool = False,
    affinity: Callable[[bytes], Arm | None] | None = None,
) -> Rollout:
    """Return the rollout with the rules that it needs, in the order of precedence.

    The lists hold normalised keys, the percentage is 0..100, salts have at most 64 bytes.
    `cohort` is the attribute of which `held_cohorts` are values; `assigned`: plugins of the
    route may pin the arm; `affinity` tells where a caller has just written. Raises
    ValueError if a number or a salt is out of range or a key is in both lists.
    """
    both = frozenset(whitelist) & frozenset(blacklist)
    if both:
        raise ValueError(f"{len(both)} key(s) of {name} are on the whitelist and on the blacklist")
    limit, place_of = threshold(percentage), placer(salt)
    survivors = frozenset(whitelist) if whitelist_survives else _NOBODY
    if killed or not enabled:
        shut = make.killed_rule() if killed else make.disabled_rule()
        return Rollout(name, (shut,), place_of, limit)
    rules: list[Rule] = []
    if rolled_back:
        rules.append(make.rolled_back_rule(survivors))
    elif held_cohorts:
        rules.append(make.held_cohorts_rule(cohort, frozenset(held_cohorts), survivors))
    if blacklist:
        rules.append(make.blacklist_rule(frozenset(blacklist)))
    if assigned:
        rules.append(make.assign_rule())
    if whitelist:
        rules.append(make.whitelist_rule(frozenset(whitelist)))
    if affinity is not None:
        rules.append(make.affinity_rule(affinity))
    rules += _attribute_rules(tuple(conditions), branches)
    rules += _percentage_rules(missing_key, place_of, limit)
    return Rollout(name, tuple(rules), place_of, limit)


def _attribute_rules(
    conditions: tuple[Condition, ...], branches: Iterable[Branch]
) -> Iterator[Rule]:
    if conditions:
        yield make.conditions_rule(conditions)
    for number, branch in enumerate(branches, 1):
        yield make.branch_rule(number, branch)


def _percentage_rules(
    missing_key: MissingKey, place_of: Callable[[bytes], int], limit: int
) -> Iterator[Rule]:
    if limit < BUCKETS:
        # At 0 % there is nothing to spread: nobody is on new, so nobody is refused either.
        yield make.missing_key_rule(missing_key if limit else "legacy")
    yield make.percentage_rule(place_of, limit)


def _failed(error: Exception) -> Decision:
    return Decision(Arm.LEGACY, Reason.ERROR, error=error)
