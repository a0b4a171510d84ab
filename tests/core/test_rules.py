"""What each rule says of a caller in words; what it decides is in test_decide.py."""

import pytest

from proxy.core import rules
from proxy.core.bucket import bucket
from proxy.core.conditions import any_of
from proxy.core.decision import Rule
from proxy.core.identity import Identity
from proxy.core.reason import Arm

ANN = Identity(b"ann", "a", verified=True, attributes={"tier": "pro"})
NOBODY = Identity(None, None, verified=False)
PRO = (any_of("tier", ["pro"]),)
LISTED = frozenset([b"ann"])
NONE: frozenset[bytes] = frozenset()


def branch(arm: Arm | None = None, percentage: float = 0.0) -> Rule:
    return rules.branch_rule(2, rules.Branch(PRO, arm, percentage, b"s"))


@pytest.mark.parametrize(
    ("rule", "who", "says"),
    [
        (rules.killed_rule(), ANN, "the kill switch is on"),
        (rules.rolled_back_rule(NONE), ANN, "the rollout is rolled back"),
        (
            rules.rolled_back_rule(LISTED),
            ANN,
            "the rollout is rolled back, but the whitelist survives that",
        ),
        (
            rules.held_cohorts_rule("tier", frozenset(["pro"]), NONE),
            ANN,
            "the caller's tier is among those rolled back",
        ),
        (
            rules.held_cohorts_rule("tier", frozenset(["free"]), NONE),
            ANN,
            "the caller's tier is not among those rolled back",
        ),
        (rules.affinity_rule({b"ann": Arm.NEW}.get), ANN, "has just written to new"),
        (rules.affinity_rule({b"ann": Arm.NEW}.get), NOBODY, "has not written just now"),
        (branch(Arm.NEW), ANN, "all 1 hold"),
        (branch(Arm.NEW), NOBODY, "tier is absent, wanted one of pro"),
        (branch(percentage=50), ANN._replace(key=None), "all 1 hold; there is no key"),
    ],
)
def test_a_rule_says_what_it_saw(rule: Rule, who: Identity, says: str) -> None:
    assert rule.tell(who) == says


def test_a_rule_with_a_percentage_tells_the_place_by_its_own_salt() -> None:
    place = bucket(b"s", b"ann")
    side = "below" if place < 50_000 else "not below"
    told = f"all 1 hold; bucket {place} is {side} the threshold 50000 (50 %)"
    assert branch(percentage=50).tell(ANN) == told
    assert branch(percentage=50).name == "rule 2"


def test_who_has_no_key_is_not_split_by_a_rule_and_is_asked_on() -> None:
    rule = branch(percentage=50)
    assert rule.judge(ANN._replace(key=None), None) is None
    everybody = branch(percentage=100).judge(ANN._replace(key=None), None)
    assert everybody is not None
    assert everybody.arm is Arm.NEW
