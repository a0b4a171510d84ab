"""The order of precedence, and that an explanation is the decision."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.core.bucket import bucket
from proxy.core.conditions import Condition, any_of, between
from proxy.core.decide import (
    Decision,
    MissingKey,
    Rollout,
    assignable,
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

    def compiled(self) -> Rollout:
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
        )


def oracle(declared: Declared, who: Identity) -> tuple[Arm, Reason, bool]:
    """The precedence, read aloud."""
    age = who.attributes.get("age")
    if not declared.enabled:
        return Arm.LEGACY, Reason.DISABLED, False
    if who.key is not None and who.key in declared.blacklist:
        return Arm.LEGACY, Reason.BLACKLIST, False
    if who.key is not None and who.verified and who.key in declared.whitelist:
        return Arm.NEW, Reason.WHITELIST, False
    if declared.tiers is not None and who.attributes.get("tier") not in declared.tiers:
        return Arm.LEGACY, Reason.CONDITIONS, False
    if declared.least_age is not None and (age is None or int(age) < declared.least_age):
        return Arm.LEGACY, Reason.CONDITIONS, False
    if declared.thousandths == 100_000:
        return Arm.NEW, Reason.PERCENTAGE, False
    if who.key is None:
        answer = declared.missing_key if declared.thousandths > 0 else "legacy"
        arm = Arm.NEW if answer == "new" else Arm.LEGACY
        return arm, Reason.MISSING_KEY, answer == "reject"
    if bucket(declared.salt, who.key) < declared.thousandths:
        return Arm.NEW, Reason.PERCENTAGE, False
    return Arm.LEGACY, Reason.REMAINDER, False


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
    )


@st.composite
def identities(draw: st.DrawFn) -> Identity:
    key = draw(st.none() | st.sampled_from(PEOPLE) | st.binary(min_size=1, max_size=20))
    ages = st.integers(0, 60).map(str)
    attributes = draw(
        st.fixed_dictionaries({}, optional={"tier": st.sampled_from(["free", "pro"]), "age": ages})
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
def test_a_plugin_pins_whom_neither_disabled_nor_blacklist_sends_to_legacy(
    declared: Declared, who: Identity, pinned: Arm | None
) -> None:
    rollout = declared.compiled()
    before = decide(rollout, who)
    decision = decide(assignable(rollout), who, lambda: pinned)

    if pinned is None or before.reason in (Reason.DISABLED, Reason.BLACKLIST):
        assert decision == before
    else:
        assert (decision.arm, decision.reason) == (pinned, Reason.ASSIGNED)
    assert explain(assignable(rollout), who, lambda: pinned).decision == decision


def test_a_rollout_that_was_not_made_assignable_asks_no_plugin() -> None:
    rollout = Declared(thousandths=50_000).compiled()
    assert decide(rollout, ANONYMOUS, _refuse) == decide(rollout, ANONYMOUS)


def test_a_plugin_that_fails_to_assign_sends_to_legacy() -> None:
    rollout = assignable(Declared(thousandths=100_000).compiled())

    def fail() -> Arm | None:
        raise RuntimeError("broken")

    decision = decide(rollout, ANONYMOUS, fail)

    assert (decision.arm, decision.reason) == (Arm.LEGACY, Reason.ERROR)
    assert isinstance(decision.error, RuntimeError)


def test_an_explanation_without_plugins_says_that_they_may_pin() -> None:
    looks = explain(assignable(Declared(thousandths=100_000).compiled()), ANONYMOUS).looks
    assert [(look.rule, look.hit) for look in looks] == [("assign", False), ("percentage", True)]
    assert looks[0].saw == "the route's plugins may pin the arm"
    assert decide(assignable(Declared().compiled()), ANONYMOUS, _none).arm is Arm.LEGACY
