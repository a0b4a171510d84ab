"""A rollout in the words of the legacy application's feature flags.

Its fields are `name`, `enabled`, `rolloutPercentage`, `userWhitelist`, `userBlacklist`,
`conditions` (`userTier`, `accountAge`, `region`, `platform`) and `rollbackTriggers`
(`errorRateThreshold` in per cent, `latencyThreshold` in ms, `timeWindowMinutes`).
"""

from collections.abc import Mapping
from typing import Any, Final

from typing_extensions import TypedDict

from proxy.api.endpoints import iso
from proxy.config.models import Config
from proxy.config.rollback import Absolute
from proxy.config.rollout import Condition
from proxy.controlplane.admin.rollout_view import ArmsView, rollout_view
from proxy.controlplane.status import AdminView
from proxy.core.rollout_state import RolloutState

__all__ = ["FlagConfig", "FlagView", "config_view", "flag_view", "is_enabled"]

_NAMES: Final = {"tier": "userTier", "account_age": "accountAge"}
_WINDOW_SECONDS: Final = 60


class _Triggers(TypedDict):
    errorRateThreshold: float | None
    latencyThreshold: float | None
    timeWindowMinutes: float


class FlagConfig(TypedDict):
    """What is said of a rollout."""

    name: str
    enabled: bool
    rolloutPercentage: float
    userWhitelist: list[str]
    userBlacklist: list[str]
    conditions: dict[str, Any]
    rollbackTriggers: _Triggers | None


class _Metrics(TypedDict):
    windowSeconds: int
    arms: ArmsView


class FlagView(TypedDict):
    """The same with what is measured, and how it stands; `overridden` by which variable."""

    feature: str
    config: FlagConfig
    metrics: _Metrics
    version: int
    standing: str
    whitelistCount: int
    blacklistCount: int
    overridden: str
    timestamp: str


def is_enabled(state: RolloutState, config: Config) -> bool:
    """Return whether a rollout counts as enabled: declared so, and not killed."""
    return config.rollouts[state.name].enabled and state.killed is None


def config_view(state: RolloutState, config: Config, *, keys: bool) -> FlagConfig:
    """Return a rollout as the legacy API showed a flag; without `keys` both lists are empty."""
    declared = config.rollouts[state.name]
    return {
        "name": state.name,
        "enabled": is_enabled(state, config),
        "rolloutPercentage": state.percentage,
        "userWhitelist": sorted(state.whitelist) if keys else [],
        "userBlacklist": sorted(state.blacklist) if keys else [],
        "conditions": _conditions(declared.conditions),
        "rollbackTriggers": _triggers(declared.rollback.absolute),
    }


def flag_view(view: AdminView, state: RolloutState, *, keys: bool) -> FlagView:
    """Return a rollout with what is measured of it and how it stands at this moment."""
    shown = rollout_view(state, view.standing(state.name), view.config)
    return {
        "feature": state.name,
        "config": config_view(state, view.config, keys=keys),
        "metrics": {"windowSeconds": _WINDOW_SECONDS, "arms": shown["arms"]},
        "version": state.version,
        "standing": state.standing.value,
        "whitelistCount": len(state.whitelist),
        "blacklistCount": len(state.blacklist),
        "overridden": view.rollouts.overridden(state.name),
        "timestamp": iso(view.rollouts.now()),
    }


def _conditions(declared: Mapping[str, Condition]) -> dict[str, Any]:
    return {_NAMES.get(name, name): _condition(one) for name, one in declared.items()}


def _condition(one: Condition) -> Any:
    if one.any_of is not None:
        return list(one.any_of)
    # The legacy API knew a least number alone.
    return one.min if one.max is None else {"min": one.min, "max": one.max}


def _triggers(absolute: Absolute | None) -> _Triggers | None:
    if absolute is None:
        return None
    return {
        "errorRateThreshold": absolute.error_rate,
        "latencyThreshold": None if absolute.p95 is None else absolute.p95 * 1000,
        "timeWindowMinutes": absolute.window / 60,
    }
