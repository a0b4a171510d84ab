"""Which rule an intent meets: the table of the house, the complexity, the operator's own."""

from typing import Any

import pytest

from plugins.orchestrator.deciding.rules import DEFAULT_RULES, complexity, rules_of, ruling
from plugins.orchestrator.settings import Rule
from tests.plugins.orchestrator.deployed import settings
from tests.plugins.orchestrator.intents import TYPES, intent

SIX_KEYS = {str(number): 1 for number in range(6)}
TWO = ("instagram", "tiktok")
THREE = (*TWO, "reddit")


@pytest.mark.parametrize(
    ("said", "points"),
    [
        ({}, 3),
        ({"platforms": TWO}, 5),
        ({"platforms": THREE}, 6),
        ({"priority": "critical"}, 5),
        ({"priority": "high"}, 3),
        ({"data": SIX_KEYS}, 4),
        ({"data": dict(list(SIX_KEYS.items())[:5])}, 3),
        ({"platforms": THREE, "priority": "critical", "data": SIX_KEYS}, 9),
    ],
)
def test_complexity_counts_platforms_priority_and_data(said: dict[str, Any], points: int) -> None:
    assert complexity(intent(**said)) == points


@pytest.mark.parametrize(
    ("kind", "said", "first", "model"),
    [
        ("content_planning", {}, "azure", "gpt-4o-mini"),
        ("content_planning", {"priority": "critical"}, "azure", "gpt-4o"),
        ("content_planning", {"platforms": THREE, "data": SIX_KEYS}, "azure", "gpt-4o"),
        ("content_planning", {"platforms": TWO}, "azure", "gpt-4o-mini"),
        ("campaign_execution", {}, "openai", "gpt-4o"),
        ("campaign_execution", {"platforms": TWO}, "azure", "gpt-4o"),
        ("content_validation", {}, "openai", "gpt-4o"),
        ("content_validation", {"platforms": TWO}, "openai", "gpt-4o"),
        ("message_generation", {}, "openai", "gpt-4o-mini"),
        ("message_generation", {"platforms": TWO}, "openai", "gpt-4o-mini"),
        ("message_generation", {"priority": "critical"}, "openai", "gpt-4o"),
        ("message_generation", {"platforms": THREE, "data": SIX_KEYS}, "openai", "gpt-4o"),
    ],
)
def test_without_rules_of_the_operators_each_type_goes_where_it_always_went(
    kind: Any, said: dict[str, Any], first: str, model: str
) -> None:
    rule = ruling(intent(kind, **said), DEFAULT_RULES).rule
    assert rule.providers[0] == first
    assert rule.models[0] == model


@pytest.mark.parametrize("kind", TYPES)
def test_each_type_has_a_rule_that_allows_both_kinds_for_the_time_that_one_fails(kind: Any) -> None:
    rule = ruling(intent(kind), DEFAULT_RULES).rule
    assert set(rule.providers) == {"azure", "openai"}


def test_the_default_rules_want_no_model_that_nobody_has() -> None:
    other = settings({"one": {"provider": "openai", "model": "gpt-5"}})
    assert all(rule.models == () for rule in rules_of(other))
    large = settings({"one": {"provider": "openai", "model": "gpt-4o"}})
    assert all(rule.models == ("gpt-4o",) for rule in rules_of(large))


def test_the_first_rule_that_fits_in_all_its_parts_counts() -> None:
    rules = (
        Rule(types=("content_validation",), models=("a",)),
        Rule(multi_platform=True, priority=("high",), models=("b",)),
        Rule(complexity=6, models=("c",)),
        Rule(multi_platform=False, models=("d",)),
    )
    asked = (
        intent("content_validation"),
        intent(platforms=TWO, priority="high"),
        intent(platforms=THREE),
        intent(),
        intent(platforms=TWO),
    )
    found = [ruling(one, rules) for one in asked]
    assert [one.rule.models for one in found] == [("a",), ("b",), ("c",), ("d",), ()]
    assert [one.name for one in found] == ["rule 1", "rule 2", "rule 3", "rule 4", "no rule"]


def test_an_operators_rules_replace_all_of_the_default_ones() -> None:
    mine = settings(rules=[{"providers": ["openai"]}])
    assert [rule.providers for rule in rules_of(mine)] == [("openai",)]


USERS = [f"user-{number}" for number in range(2000)]


def taken(share: float, **rule: Any) -> set[str]:
    """The users for whom a rule with this share is."""
    rules = (Rule(share=share, models=("a",), **rule),)
    return {user for user in USERS if ruling(intent(), rules, user).name == "rule 1"}


def test_a_share_takes_about_as_many_users_and_always_the_same() -> None:
    few = taken(5)
    assert 60 <= len(few) <= 140
    assert taken(5) == few
    assert taken(0) == set()
    assert taken(100) == set(USERS)


def test_a_share_that_grows_keeps_those_that_it_had() -> None:
    assert taken(1) < taken(2.5) < taken(50)


def test_two_rules_take_different_users() -> None:
    both = taken(50) & taken(50, types=("content_planning",))
    assert 400 <= len(both) <= 600


def test_of_users_for_whom_nobody_vouches_a_share_takes_none() -> None:
    assert ruling(intent(), (Rule(share=99.9),)).name == "no rule"
    assert ruling(intent(), (Rule(share=100),)).name == "rule 1"
