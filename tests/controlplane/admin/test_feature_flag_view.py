"""Rollouts in the words of the legacy application's feature flags."""

from typing import Any, cast

from proxy.config.models import Config
from proxy.controlplane.admin.feature_flag_view import config_view, flag_view
from proxy.controlplane.rollouts.authority import Rollouts
from proxy.core.rollout_state import Mark, RolloutState
from tests.controlplane.admin_view import CONFIG, View

STATE = RolloutState(
    "hybrid", 7, 12.5, whitelist=frozenset({"b", "a"}), blacklist=frozenset({"eve"})
)
MARK = Mark("anna", "a drill", 0.0)


def configured(**rollout: object) -> Config:
    identity = {
        "key": ["header:X-User-Id"],
        "attributes": {
            name: [f"header:X-{name}"]
            for name in ("tier", "account_age", "region", "platform", "tenant", "score")
        },
    }
    return Config.model_validate(
        CONFIG | {"identity": identity, "rollouts": {"hybrid": rollout}, "routes": []}
    )


def test_conditions_and_triggers_are_shown_as_they_are_declared() -> None:
    config = configured(
        conditions={
            "tier": ["pro", "enterprise"],
            "account_age": {"min": 30},
            "platform": "web",
            "score": {"min": 1, "max": 2},
        },
        rollback={"absolute": {"error_rate": 5, "p95": "5s", "window": "5m"}},
    )
    assert config_view(STATE, config, keys=True) == {
        "name": "hybrid",
        "enabled": True,
        "rolloutPercentage": 12.5,
        "userWhitelist": ["a", "b"],
        "userBlacklist": ["eve"],
        "conditions": {
            "userTier": ["pro", "enterprise"],
            "accountAge": 30,
            "platform": ["web"],
            "score": {"min": 1, "max": 2},
        },
        "rollbackTriggers": {
            "errorRateThreshold": 5,
            "latencyThreshold": 5000,
            "timeWindowMinutes": 5,
        },
    }


def test_what_is_not_declared_is_not_made_up() -> None:
    found = config_view(STATE, configured(), keys=False)
    assert (found["conditions"], found["rollbackTriggers"]) == ({}, None)
    assert (found["userWhitelist"], found["userBlacklist"]) == ([], [])
    only_errors = configured(rollback={"absolute": {"error_rate": 2, "window": "90s"}})
    triggers = config_view(STATE, only_errors, keys=False)["rollbackTriggers"]
    assert triggers is not None
    assert (triggers["latencyThreshold"], triggers["timeWindowMinutes"]) == (None, 1.5)


def test_enabled_is_what_is_declared_so_and_not_killed() -> None:
    killed = RolloutState("hybrid", killed=MARK)
    assert config_view(STATE, configured(), keys=False)["enabled"]
    assert not config_view(killed, configured(), keys=False)["enabled"]
    assert not config_view(STATE, configured(enabled=False), keys=False)["enabled"]


async def test_a_flag_tells_what_was_measured_and_how_long_its_lists_are(
    view: View, rollouts: Rollouts
) -> None:
    found = flag_view(view, rollouts.state("hybrid"), keys=False)
    assert found["metrics"]["windowSeconds"] == 60
    assert cast("Any", found["metrics"])["arms"]["new"]["requests"] == 0
    assert (found["whitelistCount"], found["blacklistCount"]) == (1, 0)
    assert (found["standing"], found["overridden"]) == ("draft", "")
