"""Replicas serve the same where all that decides who meets which arm is the same."""

from typing import Any

import pytest

from proxy.controlplane.rollouts.agreement import digest_of
from tests.controlplane.rollouts.looped import NAME, RAMP, declared
from tests.kit.inside import configuration


def digest(*overrides: str, **rollout: Any) -> str:
    return digest_of(declared(**rollout), overrides)


def test_the_same_configuration_read_twice_is_the_same() -> None:
    assert digest(whitelist=["a", "b"]) == digest(whitelist=["a", "b"])
    assert digest("A", "B") == digest("B", "", "A")


@pytest.mark.parametrize(
    "other",
    [
        {"percentage": 5},
        {"salt": "another"},
        {"whitelist": ["a"]},
        {"conditions": {"tier": ["pro"]}},
        {"ramp": RAMP | {"bake": "1m"}},
        {"rollback": {"alpha": 0.05}},
    ],
)
def test_what_decides_who_meets_which_arm_makes_a_difference(other: dict[str, Any]) -> None:
    assert digest(**other) != digest()


def test_an_override_by_the_environment_makes_a_difference() -> None:
    assert digest("HYBRID_PERCENTAGE=5 is set") != digest()


def test_addresses_make_no_difference() -> None:
    rollouts: dict[str, Any] = {NAME: {}}
    one = configuration(rollouts=rollouts)
    two = configuration(rollouts=rollouts, listen="127.0.0.1:1")
    assert digest_of(one, ()) == digest_of(two, ())
