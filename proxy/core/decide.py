"""The decision: which arm of a rollout answers a caller, and why.

A rollout is compiled into a tuple of rules in the order of precedence, first
hit wins:

    disabled -> legacy
    blacklist -> legacy
    assign: a plugin of the route pins the arm
    whitelist (verified identity only) -> new
    conditions not met -> legacy
    no key -> what missing_key says
    percentage -> new below the threshold, legacy from there on

Only the rules that the rollout configures are in the tuple. `decide` and
`explain` walk that same tuple, so an explanation cannot differ from the
decision it explains.
"""

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from typing import Literal, NamedTuple

from proxy.core.bucket import BUCKETS, bucketer, threshold
from proxy.core.conditions import Condition
from proxy.core.identity import Identity
from proxy.core.reason import Arm, Reason

MissingKey = Literal["legacy", "new", "reject"]
"""What a caller without a key gets while a rollout is between 0 % and 100 %."""


Pin = Callable[[], Arm | None]
"""Asks the route's plugins whether they pin the arm."""


class Decision(NamedTuple):
    """Where a request goes, and why."""

    arm: Arm | None
    """The arm of a rollout; None where the route names an upstream and no rollout."""
    reason: Reason
    bucket: int | None = None
    """The caller's bucket, 0..99999, if the percentage was what decided."""
    rejected: bool = False
    """The caller must be refused (400): ``missing_key: reject`` and no key."""
    error: Exception | None = None
    """What a rule raised, with `Reason.ERROR`; for the log of the caller."""


class Rule(NamedTuple):
    """One step of the precedence."""

    name: str
    judge: Callable[[Identity, Pin | None], Decision | None]
    """Return the decision if the rule hits, None to ask the next one."""
    tell: Callable[[Identity], str]
    """Say in words what the rule saw; read only by `explain`."""


class Look(NamedTuple):
    """One rule that was looked at: its name, whether it decided, and what it saw."""

    rule: str
    hit: bool
    saw: str


class Explanation(NamedTuple):
    """A decision with its derivation."""

    decision: Decision
    looks: tuple[Look, ...]
    """Every rule that was looked at, in order; the last one decided."""
    bucket: int | None
    """The caller's bucket, also where another rule decided; None without a key."""
    threshold: int
    """The first bucket that stays on legacy."""


@dataclass(frozen=True, slots=True)
class Rollout:
    """A compiled rollout; made by `compile_rollout`."""

    name: str
    rules: tuple[Rule, ...]
    bucket_of: Callable[[bytes], int]
    threshold: int


_LEGACY, _NEW = Arm.LEGACY, Arm.NEW
_DISABLED = Decision(_LEGACY, Reason.DISABLED)
_BLACKLISTED = Decision(_LEGACY, Reason.BLACKLIST)
_WHITELISTED = Decision(_NEW, Reason.WHITELIST)
_UNMET = Decision(_LEGACY, Reason.CONDITIONS)
_EVERYBODY = Decision(_NEW, Reason.PERCENTAGE)
_ASSIGNED = {
    _LEGACY: Decision(_LEGACY, Reason.ASSIGNED),
    _NEW: Decision(_NEW, Reason.ASSIGNED),
}
_MISSING: dict[MissingKey, Decision] = {
    "legacy": Decision(_LEGACY, Reason.MISSING_KEY),
    "new": Decision(_NEW, Reason.MISSING_KEY),
    "reject": Decision(_LEGACY, Reason.MISSING_KEY, rejected=True),
}

ROUTED = Decision(None, Reason.ROUTE)
"""The decision of a route that names an upstream."""

ANSWERED = Decision(None, Reason.ANSWERED)
"""The decision of a request that a plugin answers before there is one."""

UNMATCHED = Decision(None, Reason.UNMATCHED)
"""The decision of the last route, which takes what no other took."""


def decide(rollout: Rollout, identity: Identity, pin: Pin | None = None) -> Decision:
    """Return which arm of the rollout answers this caller. Never raises.

    A rule that raises decides for legacy, with `Reason.ERROR` and the exception. `pin` is
    asked by rollouts that `assignable` made.
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
    bucket = None if identity.key is None else rollout.bucket_of(identity.key)
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
    missing_key: MissingKey = "legacy",
) -> Rollout:
    """Return the rollout with the rules that it needs, in the order of precedence.

    The lists hold normalised keys, the percentage is 0..100, the salt has at
    most 64 bytes. Raises ValueError if a number or the salt is out of range or
    a key is in both lists.
    """
    both = frozenset(whitelist) & frozenset(blacklist)
    if both:
        raise ValueError(f"{len(both)} key(s) of {name} are on the whitelist and on the blacklist")
    limit, bucket_of = threshold(percentage), bucketer(salt)
    if not enabled:
        return Rollout(name, (_disabled_rule(),), bucket_of, limit)
    rules: list[Rule] = []
    if blacklist:
        rules.append(_blacklist_rule(frozenset(blacklist)))
    if whitelist:
        rules.append(_whitelist_rule(frozenset(whitelist)))
    wanted = tuple(conditions)
    if wanted:
        rules.append(_conditions_rule(wanted))
    if limit < BUCKETS:
        # At 0 % there is nothing to spread: nobody is on new, so nobody is refused either.
        rules.append(_missing_key_rule(missing_key if limit else "legacy"))
    rules.append(_percentage_rule(bucket_of, limit))
    return Rollout(name, tuple(rules), bucket_of, limit)


def assignable(rollout: Rollout) -> Rollout:
    """Return the rollout for a route whose plugins may pin the arm.

    They come after what sends everybody or this caller to legacy, and before the rest.
    """
    before = sum(1 for rule in rollout.rules if rule.name in ("disabled", "blacklist"))
    rules = (*rollout.rules[:before], _assign_rule(), *rollout.rules[before:])
    return Rollout(rollout.name, rules, rollout.bucket_of, rollout.threshold)


def _failed(error: Exception) -> Decision:
    return Decision(_LEGACY, Reason.ERROR, error=error)


def _disabled_rule() -> Rule:
    return Rule(
        "disabled",
        lambda _identity, _pin: _DISABLED,
        lambda _identity: "the rollout is not enabled",
    )


def _assign_rule() -> Rule:
    def judge(_: Identity, pin: Pin | None) -> Decision | None:
        arm = None if pin is None else pin()
        return None if arm is None else _ASSIGNED[arm]

    return Rule("assign", judge, lambda _identity: "the route's plugins may pin the arm")


def _blacklist_rule(keys: frozenset[bytes]) -> Rule:
    def judge(identity: Identity, _: Pin | None) -> Decision | None:
        return _BLACKLISTED if identity.key in keys else None

    def tell(identity: Identity) -> str:
        return f"the key is {_among(identity.key, keys)}"

    return Rule("blacklist", judge, tell)


def _whitelist_rule(keys: frozenset[bytes]) -> Rule:
    def judge(identity: Identity, _: Pin | None) -> Decision | None:
        return _WHITELISTED if identity.key in keys and identity.verified else None

    def tell(identity: Identity) -> str:
        unverified = identity.key in keys and not identity.verified
        but = ", but it is not verified" if unverified else ""
        return f"the key is {_among(identity.key, keys)}{but}"

    return Rule("whitelist", judge, tell)


def _among(key: bytes | None, keys: frozenset[bytes]) -> str:
    return f"{'' if key in keys else 'not '}among the {len(keys)} listed"


def _conditions_rule(conditions: tuple[Condition, ...]) -> Rule:
    def unmet(identity: Identity) -> Condition | None:
        attributes = identity.attributes
        for condition in conditions:
            value = attributes.get(condition.attribute)
            if value is None or not condition.holds(value):
                return condition
        return None

    def judge(identity: Identity, _: Pin | None) -> Decision | None:
        return None if unmet(identity) is None else _UNMET

    def tell(identity: Identity) -> str:
        condition = unmet(identity)
        if condition is None:
            return f"all {len(conditions)} hold"
        value = identity.attributes.get(condition.attribute)
        said = "absent" if value is None else repr(value)
        return f"{condition.attribute} is {said}, wanted {condition.wanted}"

    return Rule("conditions", judge, tell)


def _missing_key_rule(answer: MissingKey) -> Rule:
    decision = _MISSING[answer]

    def judge(identity: Identity, _: Pin | None) -> Decision | None:
        return decision if identity.key is None else None

    def tell(identity: Identity) -> str:
        return f"there is no key: {answer}" if identity.key is None else "there is a key"

    return Rule("missing_key", judge, tell)


def _percentage_rule(bucket_of: Callable[[bytes], int], limit: int) -> Rule:
    def judge(identity: Identity, _: Pin | None) -> Decision:
        key = identity.key
        if key is None:  # only at 100 %: otherwise the rule before has decided
            return _EVERYBODY
        place = bucket_of(key)
        if place < limit:
            return Decision(_NEW, Reason.PERCENTAGE, place)
        return Decision(_LEGACY, Reason.REMAINDER, place)

    def tell(identity: Identity) -> str:
        if identity.key is None:
            return "100 %: everybody, also without a key"
        place = bucket_of(identity.key)
        side = "below" if place < limit else "not below"
        return f"bucket {place} is {side} the threshold {limit} ({limit / 1000:g} %)"

    return Rule("percentage", judge, tell)
