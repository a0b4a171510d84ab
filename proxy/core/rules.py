"""The rules of a rollout, one function for each; `proxy.core.decide` puts them in order."""

from collections.abc import Callable
from typing import NamedTuple

from proxy.core.bucket import BUCKETS, TAG, placer, threshold
from proxy.core.conditions import Condition
from proxy.core.decision import Decision, MissingKey, Pin, Rule
from proxy.core.identity import Identity
from proxy.core.observations import NO_COHORT
from proxy.core.reason import Arm, Reason

__all__ = [
    "Branch",
    "affinity_rule",
    "assign_rule",
    "blacklist_rule",
    "branch_rule",
    "conditions_rule",
    "disabled_rule",
    "held_cohorts_rule",
    "killed_rule",
    "missing_key_rule",
    "percentage_rule",
    "rolled_back_rule",
    "whitelist_rule",
]

_LEGACY, _NEW = Arm.LEGACY, Arm.NEW
_KILLED = Decision(_LEGACY, Reason.KILLED)
_DISABLED = Decision(_LEGACY, Reason.DISABLED)
_ROLLED_BACK = Decision(_LEGACY, Reason.ROLLED_BACK)
_BLACKLISTED = Decision(_LEGACY, Reason.BLACKLIST)
_WHITELISTED = Decision(_NEW, Reason.WHITELIST)
_UNMET = Decision(_LEGACY, Reason.CONDITIONS)
_EVERYBODY = Decision(_NEW, Reason.PERCENTAGE)
_ASSIGNED = {arm: Decision(arm, Reason.ASSIGNED) for arm in (_LEGACY, _NEW)}
_PINNED = {arm: Decision(arm, Reason.WRITE_AFFINITY) for arm in (_LEGACY, _NEW)}
_BRANCHED = {arm: Decision(arm, Reason.RULE) for arm in (_LEGACY, _NEW)}
_MISSING: dict[MissingKey, Decision] = {
    "legacy": Decision(_LEGACY, Reason.MISSING_KEY),
    "new": Decision(_NEW, Reason.MISSING_KEY),
    "reject": Decision(_LEGACY, Reason.MISSING_KEY, rejected=True),
}


class Branch(NamedTuple):
    """One of a rollout's `rules`: where those go who meet its conditions.

    To `arm`; or, where that is None, `percentage` of them to new, by a `salt` of its own.
    """

    conditions: tuple[Condition, ...]
    arm: Arm | None = None
    percentage: float = 0.0
    salt: bytes = b""


def killed_rule() -> Rule:
    """Everybody to legacy: the kill switch is on."""
    return Rule(
        "killed", lambda _identity, _pin: _KILLED, lambda _identity: "the kill switch is on"
    )


def disabled_rule() -> Rule:
    """Everybody to legacy: the configuration says ``enabled: false``."""
    return Rule(
        "disabled",
        lambda _identity, _pin: _DISABLED,
        lambda _identity: "the rollout is not enabled",
    )


def rolled_back_rule(survivors: frozenset[bytes]) -> Rule:
    """Everybody to legacy but for verified `survivors`: the rollout is rolled back."""

    def judge(identity: Identity, _: Pin | None) -> Decision | None:
        survives = identity.key in survivors and identity.verified
        return None if survives else _ROLLED_BACK

    def tell(identity: Identity) -> str:
        survives = identity.key in survivors and identity.verified
        but = ", but the whitelist survives that" if survives else ""
        return f"the rollout is rolled back{but}"

    return Rule("rolled_back", judge, tell)


def held_cohorts_rule(attribute: str, cohorts: frozenset[str], survivors: frozenset[bytes]) -> Rule:
    """The callers of some cohorts to legacy: these are rolled back.

    `NO_COHORT` among them are those without the attribute.
    """

    def judge(identity: Identity, _: Pin | None) -> Decision | None:
        if (identity.attributes.get(attribute) or NO_COHORT) not in cohorts:
            return None
        return None if identity.key in survivors and identity.verified else _ROLLED_BACK

    def tell(identity: Identity) -> str:
        held = (identity.attributes.get(attribute) or NO_COHORT) in cohorts
        return f"the caller's {attribute} is {'' if held else 'not '}among those rolled back"

    return Rule("rolled_back", judge, tell)


def assign_rule() -> Rule:
    """Ask the plugins of the route."""

    def judge(_: Identity, pin: Pin | None) -> Decision | None:
        arm = None if pin is None else pin()
        return None if arm is None else _ASSIGNED[arm]

    return Rule("assign", judge, lambda _identity: "the route's plugins may pin the arm")


def blacklist_rule(keys: frozenset[bytes]) -> Rule:
    """Some keys to legacy."""

    def judge(identity: Identity, _: Pin | None) -> Decision | None:
        return _BLACKLISTED if identity.key in keys else None

    def tell(identity: Identity) -> str:
        return f"the key is {_among(identity.key, keys)}"

    return Rule("blacklist", judge, tell)


def whitelist_rule(keys: frozenset[bytes]) -> Rule:
    """Some verified keys to new."""

    def judge(identity: Identity, _: Pin | None) -> Decision | None:
        return _WHITELISTED if identity.key in keys and identity.verified else None

    def tell(identity: Identity) -> str:
        unverified = identity.key in keys and not identity.verified
        but = ", but it is not verified" if unverified else ""
        return f"the key is {_among(identity.key, keys)}{but}"

    return Rule("whitelist", judge, tell)


def affinity_rule(arm_of: Callable[[bytes], Arm | None]) -> Rule:
    """Those who have just written to where they have written; `arm_of` knows."""

    def judge(identity: Identity, _: Pin | None) -> Decision | None:
        arm = None if identity.key is None else arm_of(identity.key)
        return None if arm is None else _PINNED[arm]

    def tell(identity: Identity) -> str:
        arm = None if identity.key is None else arm_of(identity.key)
        return "has not written just now" if arm is None else f"has just written to {arm.value}"

    return Rule("write_affinity", judge, tell)


def conditions_rule(conditions: tuple[Condition, ...]) -> Rule:
    """To legacy who does not meet all conditions."""

    def judge(identity: Identity, _: Pin | None) -> Decision | None:
        return None if _unmet(conditions, identity) is None else _UNMET

    def tell(identity: Identity) -> str:
        return _told(conditions, identity)

    return Rule("conditions", judge, tell)


def branch_rule(number: int, branch: Branch) -> Rule:
    """One of the rollout's `rules`, counted from 1."""
    conditions, arm = branch.conditions, branch.arm
    place_of, limit = placer(branch.salt), threshold(branch.percentage)

    def judge(identity: Identity, _: Pin | None) -> Decision | None:
        if _unmet(conditions, identity) is not None:
            return None
        if arm is not None:
            return _BRANCHED[arm]
        if limit in (0, BUCKETS):
            return _BRANCHED[_NEW if limit else _LEGACY]
        if identity.key is None:
            return None
        place = (place_of(identity.key) * BUCKETS) >> 64
        return Decision(_NEW if place < limit else _LEGACY, Reason.RULE, place)

    def tell(identity: Identity) -> str:
        told = _told(conditions, identity)
        if arm is not None or _unmet(conditions, identity) is not None:
            return told
        if identity.key is None:
            return f"{told}; there is no key"
        place = (place_of(identity.key) * BUCKETS) >> 64
        return f"{told}; {_side(place, limit)}"

    return Rule(f"rule {number}", judge, tell)


def missing_key_rule(answer: MissingKey) -> Rule:
    """What is said for callers without a key."""
    decision = _MISSING[answer]

    def judge(identity: Identity, _: Pin | None) -> Decision | None:
        return decision if identity.key is None else None

    def tell(identity: Identity) -> str:
        return f"there is no key: {answer}" if identity.key is None else "there is a key"

    return Rule("missing_key", judge, tell)


def percentage_rule(place_of: Callable[[bytes], int], limit: int) -> Rule:
    """To new whose bucket lies below `limit`, to legacy everybody else."""

    def judge(identity: Identity, _: Pin | None) -> Decision:
        key = identity.key
        if key is None:  # only at 100 %: otherwise the rule before has decided
            return _EVERYBODY
        place = place_of(key)
        bucket = (place * 100_000) >> 64
        if bucket < limit:
            return Decision(_NEW, Reason.PERCENTAGE, bucket, False, None, place & TAG)
        return Decision(_LEGACY, Reason.REMAINDER, bucket, False, None, place & TAG)

    def tell(identity: Identity) -> str:
        if identity.key is None:
            return "100 %: everybody, also without a key"
        return _side((place_of(identity.key) * 100_000) >> 64, limit)

    return Rule("percentage", judge, tell)


def _side(place: int, limit: int) -> str:
    side = "below" if place < limit else "not below"
    return f"bucket {place} is {side} the threshold {limit} ({limit / 1000:g} %)"


def _among(key: bytes | None, keys: frozenset[bytes]) -> str:
    return f"{'' if key in keys else 'not '}among the {len(keys)} listed"


def _unmet(conditions: tuple[Condition, ...], identity: Identity) -> Condition | None:
    attributes = identity.attributes
    for condition in conditions:
        value = attributes.get(condition.attribute)
        if value is None or not condition.holds(value):
            return condition
    return None


def _told(conditions: tuple[Condition, ...], identity: Identity) -> str:
    condition = _unmet(conditions, identity)
    if condition is None:
        return f"all {len(conditions)} hold"
    value = identity.attributes.get(condition.attribute)
    said = "absent" if value is None else repr(value)
    return f"{condition.attribute} is {said}, wanted {condition.wanted}"
