"""Short work may be tried with a cheaper model: on a few users, and nothing else changes."""

from plugins.cost_meter.advising.rules.smaller import smaller
from proxy.api import Change, Usage
from tests.plugins.cost_meter.advising.advised import (
    CHOICES,
    attempts,
    missing,
    recommended,
    view,
)

RULE = {
    "types": ["message_generation"],
    "priority": ["low", "medium", "high"],
    "models": ["gpt-4o-mini", "gpt-4o"],
    "share": 5,
}


def test_a_cheaper_model_is_tried_on_a_few_users_first() -> None:
    one = recommended(smaller(view(attempts(400), rules_written=True)))
    assert one.changes == (Change(("plugins", "orchestrator", "rules", 0), RULE),)
    assert one.share == 5.0
    # 3,000,000 nano-USD each become 180,000; 400 in ten days.
    assert one.p50 == 400 * (3_000_000 - 180_000) * 3
    assert "critical work stays" in one.risks


def test_without_rules_of_the_operators_the_usual_ones_stay_behind_the_new_one() -> None:
    [change] = recommended(smaller(view(attempts(400)))).changes
    assert change.path == ("plugins", "orchestrator", "rules")
    assert change.value == [RULE, *map(dict, CHOICES.rules)]
    assert change.before is None


def test_who_may_not_be_asked_now_is_not_asked_then() -> None:
    rules = ({"types": ["message_generation"], "providers": ["azure"], "models": ["gpt-4o"]},)
    assert not list(smaller(view(attempts(400), rules=rules, rules_written=True)))
    rules = ({"providers": ["openai", "azure"]},)
    [change] = recommended(smaller(view(attempts(400), rules=rules, rules_written=True))).changes
    assert change.value["providers"] == ["openai", "azure"]


def test_another_data_zone_is_never_proposed() -> None:
    *others, mini = CHOICES.deployments
    away = (*others, mini._replace(zone="us"))
    assert recommended(smaller(view(attempts(400), deployments=CHOICES.deployments)))
    assert not list(smaller(view(attempts(400), deployments=away)))


def test_long_work_is_not_for_a_smaller_model() -> None:
    said = missing(smaller(view(attempts(400, usage=Usage(5000, 0, 900)))))
    assert said.startswith("0 % of attempts are short")


def test_work_that_takes_thinking_is_not_for_a_smaller_model() -> None:
    said = missing(smaller(view(attempts(400, usage=Usage(100, 0, 100, 50)))))
    assert said.startswith("0 % of attempts are short")


def test_what_is_tried_already_is_not_proposed_again() -> None:
    assert not list(smaller(view(attempts(400), rules=(RULE,), rules_written=True)))


def test_kinds_of_work_that_no_rule_can_name_are_left_alone() -> None:
    assert not list(smaller(view(attempts(400, intent="something"))))


def test_the_cheapest_model_has_nothing_cheaper() -> None:
    rows = attempts(400, deployment="mini", provider="openai", model="gpt-4o-mini")
    assert not list(smaller(view(rows)))
