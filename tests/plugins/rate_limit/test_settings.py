"""What an operator can say, and what is said to the rest."""

from typing import Any

import pytest

from plugins.rate_limit import RateLimit
from plugins.rate_limit.settings import RateLimitSettings, UseSettings
from proxy.api.testing.checks import read_settings

MINUTE = {"limit": 10, "per": "1m"}


def read(**said: Any) -> RateLimitSettings:
    found = read_settings(RateLimit, said)
    assert isinstance(found, RateLimitSettings)
    return found


def with_rule(**said: Any) -> RateLimitSettings:
    return read(rules={"one": {"windows": [MINUTE]} | said})


def test_nothing_has_to_be_said() -> None:
    settings = read()
    assert (settings.store, settings.rules, settings.rule_sets) == ("memory://", {}, ())


def test_a_rule_counts_everything_together_exactly_and_rejects_the_rest() -> None:
    rule = with_rule().rules["one"]
    assert (rule.scope, rule.algorithm, rule.action) == ((), "sliding_log", "reject")
    assert (rule.windows[0].limit, rule.windows[0].per) == (10, 60)
    assert rule.on_store_error == "local"


@pytest.mark.parametrize(
    "store",
    ["memory://", "sqlite:limits.db", "sqlite:///limits.db", "redis://h:1/0", "rediss://h/0"],
)
def test_these_are_stores(store: str) -> None:
    assert read(store=store).store == store


@pytest.mark.parametrize("store", ["memory", "sqlite:", "sqlite://x", "redis://", "http://h"])
def test_these_are_none(store: str) -> None:
    with pytest.raises(ValueError, match="memory://, sqlite:path"):
        read(store=store)


MISFITS: dict[str, tuple[dict[str, Any], str]] = {
    "no window": ({"windows": []}, "at least one window, such as {limit: 10, per: 1m}"),
    "a log that is too long": (
        {"windows": [{"limit": 10_001, "per": "1h"}]},
        "at most 10000, or algorithm: gcra for large numbers",
    ),
    "a burst of a log": (
        {"windows": [MINUTE | {"burst": 3}]},
        "a burst of 3 every 6 s is {limit: 3, per: 18s}",
    ),
    "a level beyond what is exact": (
        {"algorithm": "gcra", "windows": [{"limit": 1_000_000_000, "per": "1h"}]},
        "fewer units or a shorter time",
    ),
    "a level of different ones": (
        {"algorithm": "gcra", "distinct": "recipient"},
        "sliding_log: gcra cannot count the limit of distinct",
    ),
    "a level of what is under way": (
        {"algorithm": "gcra", "concurrency": 3, "windows": []},
        "sliding_log: gcra cannot count concurrency",
    ),
    "windows beside concurrency": ({"concurrency": 3}, "windows or concurrency: write two rules"),
    "different ones under way": (
        {"concurrency": 3, "distinct": "recipient", "windows": []},
        "windows for it, no concurrency",
    ),
    "a cost of different ones": (
        {"distinct": "recipient", "cost": "body.units"},
        "no cost beside the limit of distinct",
    ),
    "a cost that never fits": ({"cost": "`11`"}, "at most 10, or nothing would ever be let"),
    "a window that is never full": (
        {"windows": [MINUTE, {"limit": 10, "per": "1h"}]},
        "more than 10, which another window allows in 1m",
    ),
    "a time twice": (
        {"windows": [MINUTE, {"limit": 20, "per": "60s"}]},
        "another time than another window of the rule has",
    ),
    "a fact twice": ({"scope": ["user", "user"]}, "names of facts, each once"),
    "the body as a scope": ({"scope": ["body"]}, "names of facts, each once"),
    "a condition that nothing meets": ({"when": {"facts": {"tier": []}}}, "at least one text"),
    "a value that is none of nothing": (
        {"when": {"other_than": {"tier": []}}},
        "other_than.tier",
    ),
    "an expression that is none": ({"cost": "a ||"}, "a JMESPath expression"),
    "an action that is none": ({"action": "block"}, "one of reject, queue, delay"),
    "a key that is none": ({"window": []}, "windows"),
}


@pytest.mark.parametrize("what", MISFITS)
def test_what_does_not_fit_is_said_with_what_would(what: str) -> None:
    said, wanted = MISFITS[what]
    with pytest.raises(ValueError, match="rules") as refused:
        with_rule(**said)
    assert wanted in str(refused.value)


def test_a_level_may_be_large() -> None:
    tokens = {"limit": 10_000_000, "per": "1m", "burst": 2_000_000}
    assert with_rule(algorithm="gcra", windows=[tokens]).rules["one"].windows[0].burst == 2_000_000


NAMES: dict[str, tuple[dict[str, Any], str]] = {
    "a rule set that there is not": ({"rule_sets": ["onlyfan"]}, "onlyfans"),
    "a rule set twice": ({"rule_sets": ["onlyfans", "onlyfans"]}, "each rule set once"),
    "the name of a rule set": (
        {"rules": {"onlyfans": {"windows": [MINUTE]}}},
        "this one is kept for a rule set",
    ),
    "a name like those of a rule set": (
        {"rules": {"onlyfans-user": {"windows": [MINUTE]}}},
        "this one is kept for a rule set",
    ),
    "a name that is a window's": (
        {
            "rules": {
                "a": {"windows": [MINUTE, {"limit": 99, "per": "1h"}]},
                "a-1h": {"windows": [MINUTE]},
            }
        },
        "a has a window a-1h",
    ),
    "a name with a space": ({"rules": {"a b": {"windows": [MINUTE]}}}, "1 to 48 letters"),
}


@pytest.mark.parametrize("what", NAMES)
def test_a_name_that_cannot_be_is_said(what: str) -> None:
    said, wanted = NAMES[what]
    with pytest.raises(ValueError, match="rule") as refused:
        read(**said)
    assert wanted in str(refused.value)


def test_all_that_does_not_fit_is_said_at_once() -> None:
    with pytest.raises(ValueError, match="rules") as refused:
        read(rules={"a": {}, "b": {"windows": [MINUTE | {"burst": 3}]}})
    assert "rules.a" in str(refused.value)
    assert "rules.b" in str(refused.value)


@pytest.mark.parametrize("name", ["user", "ip", "body", "tier"])
def test_a_use_defines_no_fact_that_somebody_vouches_for(name: str) -> None:
    with pytest.raises(ValueError, match="this fact is known without a body"):
        UseSettings.model_validate({"facts": {name: "userId"}})


def test_a_use_names_each_kind_of_headers_once() -> None:
    with pytest.raises(ValueError, match="each kind once"):
        UseSettings.model_validate({"headers": ["legacy", "legacy"]})
