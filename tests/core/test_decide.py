"""The order of precedence, and that an explanation is the decision."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.core.bucket import bucket
from proxy.core.conditions import Condition, any_of, between
from proxy.core.decide import (
    Branch,
    Decision,
    MissingKey,
    Rollout,
    compile_rollout,
    decide,
    explain,
)
from proxy.core.identity import ANONYMOUS, NO_ATTRIBUTES, Identity
from proxy.core.reason import Arm, Reason

PEOPLE = [b"ann", b"bob", b"cyd", b"dan", b"eve"]


@dataclass(frozen=True)
class Declared:
    """A rollout as an operator declares it."""

    enabled: bool = True
    thousandths: int = 0
    salt: bytes = b"salt"
    whitelist: frozenset[bytes] = frozenset()
    blacklist: frozenset[bytes] = frozenset()
    tiers: frozenset[str] | None = None
    least_age: int | None = None
    missing_key: MissingKey = "legacy"
    killed: bool = False
    rolled_back: bool = False
    held: frozenset[str] = frozenset()
    survives: bool = False
    pins: Mapping[bytes, Arm] | None = None
    branches: tuple[Branch, ...] = ()

    def compiled(self, *, assigned: bool = False) -> Rollout:
        conditions = []
        if self.tiers is not None:
            conditions.append(any_of("tier", self.tiers))
        if self.least_age is not None:
            conditions.append(between("age", self.least_age, None))
        return compile_rollout(
            "r",
            enabled=self.enabled,
            percentage=self.thousandths / 1000,
            salt=self.salt,
            whitelist=self.whitelist,
            blacklist=self.blacklist,
            conditions=conditions,
            missing_key=self.missing_key,
            killed=self.killed,
            rolled_back=self.rolled_back,
            cohort="tier",
            held_cohorts=self.held,
            whitelist_survives=self.survives,
            branches=self.branches,
            assigned=assigned,
            affinity=None if self.pins is None else self.pins.get,
        )


def oracle(
    declared: Declared, who: Identity, pinned: Arm | None = None
) -> tuple[Arm, Reason, bool]:
    """The precedence, read aloud."""
    tier, listed = who.attributes.get("tier"), who.verified and who.key in declared.whitelist
    held = declared.rolled_back or tier in declared.held
    if declared.killed:
        return Arm.LEGACY, Reason.KILLED, False
    if not declared.enabled:
        return Arm.LEGACY, Reason.DISABLED, False
    if held and not (declared.survives and listed):
        return Arm.LEGACY, Reason.ROLLED_BACK, False
    if who.key in declared.blacklist:
        return Arm.LEGACY, Reason.BLACKLIST, False
    if pinned is not None:
        return pinned, Reason.ASSIGNED, False
    if listed:
        return Arm.NEW, Reason.WHITELIST, False
    if who.key in (declared.pins or {}):
        return (declared.pins or {})[who.key or b""], Reason.WRITE_AFFINITY, False
    return _by_attributes(declared, who) or _by_percentage(declared, who)


def _by_attributes(declared: Declared, who: Identity) -> tuple[Arm, Reason, bool] | None:
    tier, age = who.attributes.get("tier"), who.attributes.get("age")
    if declared.tiers is not None and tier not in declared.tiers:
        return Arm.LEGACY, Reason.CONDITIONS, False
    if declared.least_age is not None and (age is None or int(age) < declared.least_age):
        return Arm.LEGACY, Reason.CONDITIONS, False
    for branch in declared.branches:
        if not all(
            one.attribute in who.attributes and one.holds(who.attributes[one.attribute])
            for one in branch.conditions
        ):
            continue
        if branch.arm is not None:
            return branch.arm, Reason.RULE, False
        if branch.percentage in (0, 100):
            return Arm.NEW if branch.percentage else Arm.LEGACY, Reason.RULE, False
        if who.key is not None:
            below = bucket(branch.salt, who.key) < branch.percentage * 1000
            return Arm.NEW if below else Arm.LEGACY, Reason.RULE, False
    return None


def _by_percentage(declared: Declared, who: Identity) -> tuple[Arm, Reason, bool]:
    if declared.thousandths == 100_000:
        return Arm.NEW, Reason.PERCENTAGE, False
    if who.key is None:
        answer = declared.missing_key if declared.thousandths > 0 else "legacy"
        arm = Arm.NEW if answer == "new" else Arm.LEGACY
        return arm, Reason.MISSING_KEY, answer == "reject"
    if bucket(declared.salt, who.key) < declared.thousandths:
        return Arm.NEW, Reason.PERCENTAGE, False
    return Arm.LEGACY, Reason.REMAINDER, False


BRANCHES = [
    Branch((any_of("tier", ["pro"]),), Arm.LEGACY),
    Branch((any_of("tier", ["free"]),), Arm.NEW),
    Branch((between("age", 18, None),), percentage=50, salt=b"grown"),
    Branch((any_of("tier", ["trial"]),), percentage=100),
    Branch((any_of("tier", ["pro", "free"]),), percentage=0),
]


@st.composite
def rollouts(draw: st.DrawFn) -> Declared:
    white = draw(st.sets(st.sampled_from(PEOPLE)))
    black = draw(st.sets(st.sampled_from(PEOPLE))) - white
    return Declared(
        enabled=draw(st.integers(0, 9)) > 0,
        thousandths=draw(st.sampled_from([0, 1, 50_000, 99_999, 100_000]) | st.integers(0, 10**5)),
        salt=draw(st.binary(max_size=64)),
        whitelist=frozenset(white),
        blacklist=frozenset(black),
        tiers=draw(st.none() | st.frozensets(st.sampled_from(["free", "pro"]), min_size=1)),
        least_age=draw(st.none() | st.integers(0, 60)),
        missing_key=draw(st.sampled_from(["legacy", "new", "reject"])),
        killed=draw(st.integers(0, 9)) == 9,
        rolled_back=draw(st.integers(0, 5)) == 5,
        held=draw(st.frozensets(st.sampled_from(["free", "pro", "trial"]), max_size=1)),
        survives=draw(st.booleans()),
        pins=draw(st.none() | st.dictionaries(st.sampled_from(PEOPLE), st.sampled_from(Arm))),
        branches=tuple(draw(st.lists(st.sampled_from(BRANCHES), max_size=3))),
    )


@st.composite
def identities(draw: st.DrawFn) -> Identity:
    key = draw(st.none() | st.sampled_from(PEOPLE) | st.binary(min_size=1, max_size=20))
    ages = st.integers(0, 60).map(str)
    attributes = draw(
        st.fixed_dictionaries(
            {}, optional={"tier": st.sampled_from(["free", "pro", "trial"]), "age": ages}
        )
    )
    verified = key is not None and draw(st.booleans())
    return Identity(key, "a" if key else None, verified, attributes)


@given(rollouts(), identities())
def test_the_first_rule_that_hits_decides_in_the_order_of_precedence(
    declared: Declared, who: Identity
) -> None:
    decision = decide(declared.compiled(), who)
    assert (decision.arm, decision.reason, decision.rejected) == oracle(declared, who)
    assert decision.error is None


@given(rollouts(), identities())
def test_an_explanation_is_the_decision_with_its_derivation(
    declared: Declared, who: Identity
) -> None:
    rollout = declared.compiled()
    explanation = explain(rollout, who)
    assert explanation.decision == decide(rollout, who)
    assert [look.hit for look in explanation.looks] == [False] * (len(explanation.looks) - 1) + [
        True
    ]
    assert explanation.threshold == declared.thousandths
    assert explanation.bucket == (None if who.key is None else bucket(declared.salt, who.key))
    if explanation.decision.reason is not Reason.RULE:  # which has a salt of its own
        assert explanation.decision.bucket in (None, explanation.bucket)


@given(rollouts(), identities(), st.integers(0, 100_000))
def test_raising_the_percentage_of_a_rollout_never_moves_a_caller_back(
    declared: Declared, who: Identity, more: int
) -> None:
    raised = replace(declared, thousandths=max(declared.thousandths, more))
    before = decide(declared.compiled(), who)
    after = decide(raised.compiled(), who)
    assert before.arm is not Arm.NEW or after.arm is Arm.NEW


@given(identities())
def test_at_0_percent_nobody_and_at_100_everybody_is_on_new(who: Identity) -> None:
    for answer in ("legacy", "new", "reject"):
        nobody = decide(Declared(thousandths=0, missing_key=answer).compiled(), who)
        everybody = decide(Declared(thousandths=100_000, missing_key=answer).compiled(), who)
        assert (nobody.arm, nobody.rejected) == (Arm.LEGACY, False)
        assert (everybody.arm, everybody.rejected) == (Arm.NEW, False)


@given(rollouts(), identities())
def test_an_unverified_key_is_never_let_in_by_the_whitelist(
    declared: Declared, who: Identity
) -> None:
    unverified = who._replace(verified=False)
    assert decide(declared.compiled(), unverified).reason is not Reason.WHITELIST


def test_only_the_rules_that_are_configured_are_looked_at() -> None:
    assert [rule.name for rule in Declared(thousandths=5_000).compiled().rules] == [
        "missing_key",
        "percentage",
    ]
    assert [rule.name for rule in Declared(enabled=False, thousandths=5).compiled().rules] == [
        "disabled"
    ]
    full = Declared(
        whitelist=frozenset({b"ann"}), blacklist=frozenset({b"bob"}), tiers=frozenset({"pro"})
    )
    assert [rule.name for rule in full.compiled().rules] == [
        "blacklist",
        "whitelist",
        "conditions",
        "missing_key",
        "percentage",
    ]


class Broken(Mapping[str, str]):
    """Attributes that cannot be read."""

    def __getitem__(self, name: str) -> str:
        raise RuntimeError("out of order")

    def __iter__(self) -> Iterator[str]:
        return iter(())

    def __len__(self) -> int:
        return 0


def test_a_rule_that_raises_decides_for_legacy_and_says_so() -> None:
    rollout = Declared(thousandths=100_000, tiers=frozenset({"pro"})).compiled()
    who = Identity(b"ann", "a", verified=True, attributes=Broken())
    decision, explanation = decide(rollout, who), explain(rollout, who)
    assert (decision.arm, decision.reason) == (Arm.LEGACY, Reason.ERROR)
    assert isinstance(decision.error, RuntimeError)
    assert explanation.decision[:2] == decision[:2]
    assert explanation.looks[-1] == ("conditions", True, "the rule failed: RuntimeError")


def test_a_table_in_which_no_rule_decides_is_an_error_and_goes_to_legacy() -> None:
    rollout = replace(Declared().compiled(), rules=())
    assert decide(rollout, ANONYMOUS)[:2] == (Arm.LEGACY, Reason.ERROR)
    assert explain(rollout, ANONYMOUS).decision[:2] == (Arm.LEGACY, Reason.ERROR)


def test_a_key_on_both_lists_is_refused_when_compiling() -> None:
    both = frozenset({b"ann"})
    with pytest.raises(ValueError, match=r"1 key\(s\) of r"):
        Declared(whitelist=both, blacklist=both).compiled()


def said(declared: Declared, who: Identity) -> str:
    return explain(declared.compiled(), who).looks[-1].saw


def test_each_rule_says_what_it_saw() -> None:
    ann = Identity(b"ann", "a", verified=True, attributes={"tier": "free"})
    nobody = ANONYMOUS._replace(attributes=NO_ATTRIBUTES)
    listed = frozenset({b"ann", b"bob"})
    pro = Declared(tiers=frozenset({"pro"}))
    place = bucket(b"salt", b"ann")
    assert said(Declared(enabled=False), ann) == "the rollout is not enabled"
    assert said(Declared(blacklist=listed), ann) == "the key is among the 2 listed"
    assert said(Declared(whitelist=listed), ann) == "the key is among the 2 listed"
    assert said(pro, ann) == "tier is 'free', wanted one of pro"
    assert said(pro, nobody) == "tier is absent, wanted one of pro"
    assert said(Declared(thousandths=5, missing_key="new"), nobody) == "there is no key: new"
    assert said(Declared(thousandths=100_000), nobody) == "100 %: everybody, also without a key"
    assert said(Declared(), ann) == f"bucket {place} is not below the threshold 0 (0 %)"
    unverified = explain(Declared(whitelist=listed).compiled(), ann._replace(verified=False))
    assert unverified.looks[0].saw == "the key is among the 2 listed, but it is not verified"


def test_conditions_all_have_to_hold() -> None:
    both = Declared(thousandths=100_000, tiers=frozenset({"pro"}), least_age=30).compiled()
    for attributes, arm in [
        ({"tier": "pro", "age": "30"}, Arm.NEW),
        ({"tier": "pro", "age": "29"}, Arm.LEGACY),
        ({"tier": "free", "age": "30"}, Arm.LEGACY),
        ({"tier": "pro"}, Arm.LEGACY),
        ({}, Arm.LEGACY),
    ]:
        who = Identity(b"ann", "a", verified=False, attributes=attributes)
        assert decide(both, who).arm is arm, attributes


def test_a_decision_is_a_value() -> None:
    assert Decision(Arm.NEW, Reason.PERCENTAGE, 7) == Decision(Arm.NEW, Reason.PERCENTAGE, 7)
    assert Condition("a", bool, "") == Condition("a", bool, "")


def _refuse() -> Arm | None:
    raise AssertionError("nobody is asked")


def _none() -> Arm | None:
    return None


@given(rollouts(), identities(), st.sampled_from([*Arm, None]))
def test_a_plugin_pins_whom_nothing_sends_to_legacy_before(
    declared: Declared, who: Identity, pinned: Arm | None
) -> None:
    rollout = declared.compiled(assigned=True)
    decision = decide(rollout, who, lambda: pinned)
    assert (decision.arm, decision.reason, decision.rejected) == oracle(declared, who, pinned)
    assert explain(rollout, who, lambda: pinned).decision == decision


@given(rollouts(), identities(), st.sampled_from([*Arm, None]))
def test_the_kill_switch_beats_everything(
    declared: Declared, who: Identity, pinned: Arm | None
) -> None:
    killed = replace(declared, killed=True).compiled(assigned=True)
    assert decide(killed, who, lambda: pinned) == Decision(Arm.LEGACY, Reason.KILLED)


@given(rollouts(), identities())
def test_only_callers_whom_the_percentage_has_divided_are_evidence(
    declared: Declared, who: Identity
) -> None:
    decision = decide(declared.compiled(), who)
    divided = decision.reason in (Reason.PERCENTAGE, Reason.REMAINDER) and who.key is not None
    assert (decision.tag >= 0) == divided
    assert decision.tag < 2**48


def test_a_rollout_of_which_a_cohort_is_rolled_back_goes_on_for_the_others() -> None:
    held = Declared(thousandths=100_000, held=frozenset({"pro"})).compiled()
    of_tier = [
        Identity(b"ann", "a", verified=True, attributes={"tier": tier}) for tier in ("pro", "free")
    ]
    assert [decide(held, who).reason for who in of_tier] == [Reason.ROLLED_BACK, Reason.PERCENTAGE]


def test_a_rollout_that_is_not_compiled_as_assigned_asks_no_plugin() -> None:
    rollout = Declared(thousandths=50_000).compiled()
    assert decide(rollout, ANONYMOUS, _refuse) == decide(rollout, ANONYMOUS)


def test_a_plugin_that_fails_to_assign_sends_to_legacy() -> None:
    rollout = Declared(thousandths=100_000).compiled(assigned=True)

    def fail() -> Arm | None:
        raise RuntimeError("broken")

    decision = decide(rollout, ANONYMOUS, fail)

    assert (decision.arm, decision.reason) == (Arm.LEGACY, Reason.ERROR)
    assert isinstance(decision.error, RuntimeError)


def test_an_explanation_without_plugins_says_that_they_may_pin() -> None:
    looks = explain(Declared(thousandths=100_000).compiled(assigned=True), ANONYMOUS).looks
    assert [(look.rule, look.hit) for look in looks] == [("assign", False), ("percentage", True)]
    assert looks[0].saw == "the route's plugins may pin the arm"
    assert decide(Declared().compiled(assigned=True), ANONYMOUS, _none).arm is Arm.LEGACY
