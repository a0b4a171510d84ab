"""What the environment says of rollouts, for emergencies: kill them all, or hold one down.

- `CROSSFADE_KILL=1` sends everybody of every rollout to legacy.
- `<NAME>_ENABLED=false` and `<NAME>_PERCENTAGE=n` override one. NAME is the rollout's name in
  upper case, every character but A-Z and 0-9 an underscore: `HYBRID_ORCHESTRATOR_ENABLED`.
  Rollouts whose names become the same are overridden together.

An empty variable is one that is not set.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

from proxy.settings import fields
from proxy.settings.values import UnfitError

__all__ = ["KILL", "Override", "Overrides", "overrides", "variable"]

KILL = "CROSSFADE_KILL"
"""The variable that kills all rollouts."""

ValueT = TypeVar("ValueT")

_OTHER = re.compile(r"[^A-Z0-9]")
_FLAG = fields.flag()
_PERCENTAGE = fields.number(0, 100, thousandths=True)


@dataclass(frozen=True, slots=True)
class Override:
    """What the environment says of one rollout; None is nothing."""

    enabled: bool | None = None
    percentage: float | None = None
    """0..100."""


@dataclass(frozen=True, slots=True)
class Overrides:
    """All that the environment says of rollouts."""

    kill: bool = False
    """Everybody of every rollout is on legacy."""
    rollouts: Mapping[str, Override] = field(default_factory=dict)
    """By rollout's name; only those of which something is said."""
    problems: tuple[str, ...] = ()
    """The variables that cannot be read, in words and without their values."""


def overrides(env: Mapping[str, str], names: Iterable[str]) -> Overrides:
    """Return what `env` says of the rollouts of these names.

    A variable that cannot be read is a problem and says nothing, but for `CROSSFADE_KILL`:
    there whoever sets it wants to be safe, and only what is clearly a no is one.
    """
    problems: list[str] = []
    kill = _read(env, KILL, _flag, "true or false; everything is killed", problems, default=True)
    found = {name: _override(env, variable(name), problems) for name in names}
    said = {name: one for name, one in found.items() if one != Override()}
    return Overrides(bool(kill), said, tuple(dict.fromkeys(problems)))


def variable(name: str) -> str:
    """Return the beginning of the variables of the rollout `name`."""
    return _OTHER.sub("_", name.upper())


def _override(env: Mapping[str, str], name: str, problems: list[str]) -> Override:
    wanted = "true or false; it is ignored"
    enabled = _read(env, f"{name}_ENABLED", _flag, wanted, problems)
    wanted = "a number from 0 to 100 with at most three decimals; it is ignored"
    percentage = _read(env, f"{name}_PERCENTAGE", _percentage, wanted, problems)
    return Override(enabled, percentage)


def _read(
    env: Mapping[str, str],
    name: str,
    read: Callable[[str], ValueT],
    wanted: str,
    problems: list[str],
    *,
    default: ValueT | None = None,
) -> ValueT | None:
    text = env.get(name, "").strip()
    if not text:
        return None
    try:
        return read(text)
    except UnfitError:
        problems.append(f"the environment variable {name}: said something else; wanted {wanted}")
        return default


def _flag(text: str) -> bool:
    if text in ("1", "0"):
        return text == "1"
    return bool(_FLAG.parse(fields.Expanded(text)))


def _percentage(text: str) -> float:
    return float(str(_PERCENTAGE.parse(fields.Expanded(text))))
